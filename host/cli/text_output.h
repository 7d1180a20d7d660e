// CSV (RFC 4180, '\n' line ends) and JSON (RFC 8259) as text, byte by byte and in constant memory.
#ifndef ASCRIBE_CLI_TEXT_OUTPUT_H
#define ASCRIBE_CLI_TEXT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

// A table that is being written; for a terminal control characters are replaced.
typedef struct csv_writer {
    FILE *out;
    bool for_terminal;
} csv_writer;

// With every quote doubled, and nothing around it.
void csv_bytes(const csv_writer *writer, const char *bytes, size_t size);
// In quotes where it needs them.
void csv_text(const csv_writer *writer, const char *bytes, size_t size);
// The same and a comma.
void csv_field(const csv_writer *writer, const char *word);

// A string in quotes: control characters and what is no UTF-8 are escaped.
void json_bytes(FILE *out, const char *bytes, size_t size);
void json_word(FILE *out, const char *word);

#endif
