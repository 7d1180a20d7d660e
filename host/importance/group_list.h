// The user's groups of words: a text file, which nobody vouches for, with a line "group TAB word" for each word.
#ifndef ASCRIBE_IMPORTANCE_GROUP_LIST_H
#define ASCRIBE_IMPORTANCE_GROUP_LIST_H

#include "base/fail.h"

#include <stddef.h>
#include <stdint.h>

enum { GROUP_LIST_MOST_BYTES = 64 << 20 };

// Of the rest, which no group may be called.
extern const char group_list_rest[];

typedef struct group_line {
    const char *group, *word; // into the bytes; at least one byte each
    size_t group_size, word_size;
    size_t number; // of the line, from 1
} group_line;

typedef struct group_list {
    uint8_t *bytes;
    group_line *lines;
    size_t n_lines;
} group_list;

// Lines end with LF or CR LF, empty ones are passed over. ASC_MALFORMED names the line: no tab or several, nothing on one side of it, a NUL byte,
// the rest's own name; no line at all. ASC_NOT_FOUND, ASC_OUT_OF_MEMORY. `path` is only named.
asc_status group_list_read(const char *path, group_list *out, asc_error *err);
// The same of a file's bytes, which then belong to *out.
asc_status group_list_parse(const char *path, uint8_t *bytes, size_t size, group_list *out, asc_error *err);
void group_list_free(group_list *list);

#endif
