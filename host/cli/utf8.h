// UTF-8 from untrusted files: decoding, widths, and printing that cannot steer a terminal.
#ifndef ASCRIBE_CLI_UTF8_H
#define ASCRIBE_CLI_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Decodes the character at `bytes` (size > 0) into *character and returns how many bytes it takes. What is no
// valid UTF-8 (overlong forms, surrogates and characters above U+10FFFF too) is one byte long and decodes to
// U+FFFD.
size_t utf8_decode(const char *bytes, size_t size, uint32_t *character);

// Whether the character can change how a terminal shows others: C0 and C1 controls, DEL, line and paragraph
// separators, bidirectional overrides and isolates.
bool utf8_is_control(uint32_t character);

// Columns that the text takes when printed by utf8_print_safe.
size_t utf8_width(const char *bytes, size_t size);

// The longest prefix, in bytes, that takes at most `columns` columns.
size_t utf8_fit(const char *bytes, size_t size, size_t columns);

// Prints the text on one line: white space controls become a space, other controls and invalid bytes U+FFFD.
void utf8_print_safe(FILE *out, const char *bytes, size_t size);

// The same, cut to `columns` columns (the last becomes an ellipsis) and padded with spaces to that width.
void utf8_print_padded(FILE *out, const char *bytes, size_t size, size_t columns);

#endif
