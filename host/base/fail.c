// Filling, extending and naming errors; see fail.h.
#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *asc_status_name(asc_status status)
{
    switch (status) {
    case ASC_OK: return "success";
    case ASC_FAILED_CHECK: return "a check failed";
    case ASC_USAGE: return "wrong usage";
    case ASC_MALFORMED: return "malformed input";
    case ASC_NOT_FOUND: return "input not found";
    case ASC_NO_DEVICE: return "no usable device";
    case ASC_INTERNAL: return "internal error";
    case ASC_OUT_OF_MEMORY: return "out of memory or other system resource";
    case ASC_CANNOT_CREATE: return "cannot create output";
    case ASC_IO_ERROR: return "input/output error";
    case ASC_STOPPED: return "stopped, resumable";
    case ASC_DIFFERENT_RUN: return "another configuration";
    }
    return "unknown status";
}

asc_status fail(asc_error *err, asc_status status, const char *format, ...)
{
    if (err) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(err->message, sizeof err->message, format, arguments);
        va_end(arguments);
        err->status = status;
        err->hint[0] = '\0';
    }
    return status;
}

asc_status fail_hint(asc_error *err, asc_status status, const char *format, ...)
{
    if (err) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(err->hint, sizeof err->hint, format, arguments);
        va_end(arguments);
    }
    return status;
}

asc_status fail_context(asc_error *err, asc_status status, const char *format, ...)
{
    if (err) {
        char context[256];
        char inner[sizeof err->message];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(context, sizeof context, format, arguments);
        va_end(arguments);
        memcpy(inner, err->message, sizeof inner);
        snprintf(err->message, sizeof err->message, "%s: %.*s", context, (int)(sizeof inner - sizeof context - 4), inner);
    }
    return status;
}

asc_status fail_memory(asc_error *err, const char *what, size_t bytes)
{
    return fail(err, ASC_OUT_OF_MEMORY, "not enough memory for %s (%zu bytes)", what, bytes);
}
