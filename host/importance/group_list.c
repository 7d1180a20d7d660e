// See group_list.h.
#include "importance/group_list.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

const char group_list_rest[] = "(other words)";

// The line at [begin, end), without its line end.
static asc_status parse_line(const char *path, const char *begin, const char *end, group_line *line, asc_error *err)
{
    const char *const tab = memchr(begin, '\t', (size_t)(end - begin));
    if (memchr(begin, '\0', (size_t)(end - begin)))
        return fail(err, ASC_MALFORMED, "%s, line %zu: expected text, found a NUL byte", path, line->number);
    if (!tab)
        return fail(err, ASC_MALFORMED, "%s, line %zu: expected a group, a tab and a word, found no tab", path, line->number);
    if (memchr(tab + 1, '\t', (size_t)(end - tab - 1)))
        return fail(err, ASC_MALFORMED, "%s, line %zu: expected a group, a tab and a word, found several tabs", path, line->number);
    if (tab == begin || tab + 1 == end)
        return fail(err, ASC_MALFORMED, "%s, line %zu: expected a group, a tab and a word, found no %s", path, line->number,
                    tab == begin ? "group" : "word");
    line->group = begin;
    line->group_size = (size_t)(tab - begin);
    line->word = tab + 1;
    line->word_size = (size_t)(end - tab - 1);
    if (line->group_size == strlen(group_list_rest) && memcmp(begin, group_list_rest, line->group_size) == 0)
        return fail(err, ASC_MALFORMED, "%s, line %zu: '%s' is the name of the words that are in no group", path, line->number, group_list_rest);
    return ASC_OK;
}

static size_t count_lines(const uint8_t *bytes, size_t size)
{
    size_t n = 1;
    for (size_t i = 0; i < size; i++)
        n += bytes[i] == '\n';
    return n;
}

static asc_status parse_lines(const char *path, size_t size, group_list *out, asc_error *err)
{
    const char *const end = (const char *)out->bytes + size;
    size_t number = 1;
    for (const char *begin = (const char *)out->bytes; begin < end; number++) {
        const char *const newline = memchr(begin, '\n', (size_t)(end - begin));
        const char *stop = newline ? newline : end;
        const char *const next = newline ? newline + 1 : end;
        stop -= stop > begin && stop[-1] == '\r';
        if (stop > begin) {
            out->lines[out->n_lines].number = number;
            TRY(parse_line(path, begin, stop, &out->lines[out->n_lines], err));
            out->n_lines++;
        }
        begin = next;
    }
    if (out->n_lines == 0)
        return fail(err, ASC_MALFORMED, "%s: expected lines of a group, a tab and a word, found none", path);
    return ASC_OK;
}

asc_status group_list_parse(const char *path, uint8_t *bytes, size_t size, group_list *out, asc_error *err)
{
    const size_t most_lines = count_lines(bytes, size);
    *out = (group_list){.bytes = bytes, .lines = calloc(most_lines, sizeof *out->lines)};
    const asc_status status = out->lines ? parse_lines(path, size, out, err) : fail_memory(err, "groups of words", most_lines * sizeof *out->lines);
    if (status != ASC_OK)
        group_list_free(out);
    return status;
}

asc_status group_list_read(const char *path, group_list *out, asc_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    TRY(file_read(path, GROUP_LIST_MOST_BYTES, &bytes, &size, err));
    return group_list_parse(path, bytes, size, out, err);
}

void group_list_free(group_list *list)
{
    free(list->lines);
    free(list->bytes);
    *list = (group_list){0};
}
