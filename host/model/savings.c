// See savings.h.
#include "model/savings.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned saving;
} names[] = {
    {"first_layer", ASC_SAVING_FIRST_LAYER},
    {"last_layer", ASC_SAVING_LAST_LAYER},
    {"fold", ASC_SAVING_FOLD},
    {"duplicates", ASC_SAVING_DUPLICATES},
};

enum { N_NAMES = sizeof names / sizeof *names };

static unsigned find(const char *word, size_t length)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (strlen(names[i].name) == length && strncmp(names[i].name, word, length) == 0)
            return names[i].saving;
    return 0;
}

asc_status savings_parse(const char *text, unsigned *out, asc_error *err)
{
    *out = strcmp(text, "all") == 0 ? ASC_SAVINGS_ALL : 0;
    if (*out || strcmp(text, "none") == 0)
        return ASC_OK;
    for (const char *word = text, *end; word; word = *end ? end + 1 : NULL) {
        end = word + strcspn(word, ",");
        const unsigned saving = find(word, (size_t)(end - word));
        if (!saving)
            return fail(err, ASC_USAGE, "--savings: expected all, none, or some of first_layer, last_layer, fold, duplicates; found '%.*s'",
                        (int)(end - word), word);
        *out |= saving;
    }
    return ASC_OK;
}

void savings_text(unsigned savings, char text[SAVINGS_TEXT_SIZE])
{
    size_t used = 0;
    snprintf(text, SAVINGS_TEXT_SIZE, "%s", savings == ASC_SAVINGS_ALL ? "all" : "none");
    if (savings == ASC_SAVINGS_ALL || savings == 0)
        return;
    for (size_t i = 0; i < N_NAMES; i++)
        if (savings & names[i].saving)
            used += (size_t)snprintf(text + used, SAVINGS_TEXT_SIZE - used, "%s%s", used ? "," : "", names[i].name);
}
