// See next_command.h.
#include "next_command.h"

#include "report_error.h"
#include "shell_words.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

asc_status next_command_print(const char *label, const char *const *words, const char *note, asc_error *err)
{
    int n_words = 0;
    char *line;

    while (words[n_words])
        n_words++;
    line = shell_words_join(n_words, (char *const *)words);
    if (!line)
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a command");
    printf("%-*s", LABEL_COLUMNS, label);
    utf8_print_safe(stdout, line, strlen(line));
    printf("%s%s\n", note[0] ? "   # " : "", note);
    free(line);
    return ASC_OK;
}
