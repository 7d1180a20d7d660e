// The whole error machinery of the library: fill an asc_error and return its status, or pass one on.
#ifndef ASCRIBE_BASE_FAIL_H
#define ASCRIBE_BASE_FAIL_H

#include <ascribe/status.h>
#include <stddef.h>

// Fills `err` (may be NULL) with `status` and the formatted message, clears the hint and returns `status`:
//     return fail(err, ASC_MALFORMED, "%s: expected %zu bytes, found %zu", path, expected, found);
asc_status fail(asc_error *err, asc_status status, const char *format, ...) ASC_PRINTF(3, 4);

// Adds the line that says what to do. Returns err's status, or `status` when err is NULL.
asc_status fail_hint(asc_error *err, asc_status status, const char *format, ...) ASC_PRINTF(3, 4);

// Puts "context: " before the message of an error that is passed upwards; returns `status` unchanged.
asc_status fail_context(asc_error *err, asc_status status, const char *format, ...) ASC_PRINTF(3, 4);

// Memory could not be had for `what`.
asc_status fail_memory(asc_error *err, const char *what, size_t bytes);

// Passes a failure on. Only where nothing is held that must be released; elsewhere use `goto done`.
#define TRY(call)                            \
    do {                                     \
        const asc_status try_status = (call); \
        if (try_status != ASC_OK)            \
            return try_status;               \
    } while (0)

#endif
