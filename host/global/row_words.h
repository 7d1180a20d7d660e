// The texts of a row's features as they are counted: as they stand, or with their case folded.
#ifndef ASCRIBE_GLOBAL_ROW_WORDS_H
#define ASCRIBE_GLOBAL_ROW_WORDS_H

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>

// Zero: nothing yet. Memory is that of the largest row so far.
typedef struct row_words {
    char *bytes;     // back to back
    size_t *offsets; // [n_features + 1] into bytes
    size_t capacity, bytes_capacity;
} row_words;

// texts: of the features, back to back; offsets: [n_features + 1] into them. ASC_OUT_OF_MEMORY.
asc_status row_words_build(row_words *words, const char *texts, const size_t *offsets, size_t n_features, bool fold, asc_error *err);
void row_words_free(row_words *words);

#endif
