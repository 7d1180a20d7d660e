// What the terminal behind a stream can do: colour or not, how wide.
#ifndef ASCRIBE_CLI_TERMINAL_H
#define ASCRIBE_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

bool terminal_is_tty(FILE *stream);

// Whether to colour what goes to `stream`. `choice` is the word of --color: "always", "never", or "auto" = a
// terminal, TERM set and not "dumb", NO_COLOR unset or empty (no-color.org).
bool terminal_wants_color(FILE *stream, const char *choice);

// Columns of the terminal behind `stream`, else $COLUMNS, else 80; at least 40 and at most 200.
size_t terminal_width(FILE *stream);

#endif
