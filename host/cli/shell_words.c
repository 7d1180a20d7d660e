// POSIX quoting: '...' around a word, '\'' for a quote in it.
#include "shell_words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

char *shell_words_join(int count, char *const *words)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%";
    size_t size = 1;

    for (int i = 0; i < count; i++)
        size += 4 * strlen(words[i]) + 3;
    char *const line = malloc(size), *end = line;
    if (!line)
        return NULL;
    *end = '\0';
    for (int i = 0; i < count; i++) {
        const bool quoted = words[i][0] == '\0' || words[i][strspn(words[i], plain)] != '\0';
        end = stpcpy(end, i > 0 ? " " : "");
        end = stpcpy(end, quoted ? "'" : "");
        for (const char *at = words[i]; *at; at++) {
            if (*at == '\'')
                end = stpcpy(end, "'\\''");
            else
                *end++ = *at;
        }
        end = stpcpy(end, quoted ? "'" : "");
    }
    return line;
}
