// Decisions about the terminal; the only place that asks the environment about it.
#include "terminal.h"

#include "numbers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_is_tty(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}

bool terminal_wants_color(FILE *stream, const char *choice)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

    if (strcmp(choice, "auto") != 0)
        return strcmp(choice, "always") == 0;
    return terminal_is_tty(stream) && term && *term && strcmp(term, "dumb") != 0 && !(no_color && *no_color);
}

size_t terminal_width(FILE *stream)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    int64_t width = 80;

    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col;
    else if (columns)
        (void)parse_int64(columns, 1, 10000, &width);
    return width < 40 ? 40 : width > 200 ? 200 : (size_t)width;
}
