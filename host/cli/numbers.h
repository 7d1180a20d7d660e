// Numbers between people and the program, whatever the locale: strict parsing to the end, exact and short
// printing.
#ifndef ASCRIBE_CLI_NUMBERS_H
#define ASCRIBE_CLI_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBER_TEXT = 48 }; // bytes that hold any text made here, with its NUL

// Whole decimal numbers: digits only, a '-' before them for parse_int64; no spaces, no '+', nothing after the
// last digit.
bool parse_int64(const char *text, int64_t low, int64_t high, int64_t *value);
bool parse_uint64(const char *text, uint64_t *value);

// A number that may end in k, M or G (1024, 1024^2, 1024^3).
bool parse_size(const char *text, size_t *value);

// A positive decimal number: digits with at most one point among them.
bool parse_positive(const char *text, double *value);

// The shortest decimal that reads back as the same float; "nan", "inf", "-inf". `text` holds NUMBER_TEXT
// bytes; it is returned.
char *format_float(char *text, float value);

// The same for a double.
char *format_double(char *text, double value);

// Three digits and a prefix: "950", "12.3k", "1.25M"; "0".
char *format_short(char *text, double value);

// Three digits and a binary unit: "950 B", "12.3 MiB".
char *format_bytes(char *text, double bytes);

// A duration: "0.8 s", "12 s", "3 min 05 s", "2 h 07 min", "3 d 04 h".
char *format_duration(char *text, double seconds);

#endif
