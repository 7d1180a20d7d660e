// How every error of the program looks: one line that says what is wrong and, when known, one that says what
// to do.
#include "report_error.h"

#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

asc_status cli_fail(asc_error *err, asc_status status, const char *format, ...)
{
    va_list arguments;

    err->status = status;
    err->hint[0] = '\0';
    va_start(arguments, format);
    vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return status;
}

asc_status cli_hint(asc_error *err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(err->hint, sizeof err->hint, format, arguments);
    va_end(arguments);
    return err->status;
}

static void print_line(const char *prefix, const char *text)
{
    fputs(prefix, stderr);
    utf8_print_safe(stderr, text, strlen(text));
    fputc('\n', stderr);
}

void report_error(const asc_error *err)
{
    fflush(stdout);
    print_line("ascribe: error: ", err->message[0] ? err->message : asc_status_name(err->status));
    if (err->hint[0])
        print_line("hint: ", err->hint);
}

void report_warning(const char *message)
{
    print_line("ascribe: warning: ", message);
}
