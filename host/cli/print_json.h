// --json: one object on stdout, made with Jansson.
#ifndef ASCRIBE_CLI_PRINT_JSON_H
#define ASCRIBE_CLI_PRINT_JSON_H

#include <ascribe/status.h>

#include <jansson.h>

// Prints `object` (indented, keys in the order in which they were set) and releases it. NULL stands for an
// object that could not be made. ASC_OUT_OF_MEMORY, ASC_IO_ERROR.
asc_status print_json(json_t *object, asc_error *err);

// A JSON string of text that may hold invalid UTF-8 (replaced); NULL text becomes null.
json_t *json_text(const char *text);

// A number; null when it is not finite.
json_t *json_number(double value);

#endif
