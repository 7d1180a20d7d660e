// See row_words.h.
#include "global/row_words.h"

#include "global/fold.h"

#include <stdlib.h>
#include <string.h>

static asc_status reserve(row_words *words, size_t n_features, size_t n_bytes, asc_error *err)
{
    if (n_features > words->capacity || !words->offsets) {
        size_t *offsets = realloc(words->offsets, (n_features + 1) * sizeof *offsets);
        if (!offsets)
            return fail_memory(err, "the features of a row", n_features * sizeof *offsets);
        words->offsets = offsets;
        words->capacity = n_features;
    }
    if (n_bytes > words->bytes_capacity || !words->bytes) {
        char *bytes = realloc(words->bytes, n_bytes + 1);
        if (!bytes)
            return fail_memory(err, "the features of a row", n_bytes);
        words->bytes = bytes;
        words->bytes_capacity = n_bytes;
    }
    return ASC_OK;
}

asc_status row_words_build(row_words *words, const char *texts, const size_t *offsets, size_t n_features, bool fold, asc_error *err)
{
    TRY(reserve(words, n_features, FOLD_MOST_GROWTH * offsets[n_features], err));
    words->offsets[0] = 0;
    for (size_t f = 0; f < n_features; f++) {
        const char *text = texts + offsets[f];
        char *to = words->bytes + words->offsets[f];
        size_t size = offsets[f + 1] - offsets[f];
        if (fold)
            size = fold_case(text, size, to);
        else
            memcpy(to, text, size);
        words->offsets[f + 1] = words->offsets[f] + size;
    }
    return ASC_OK;
}

void row_words_free(row_words *words)
{
    free(words->offsets);
    free(words->bytes);
    *words = (row_words){0};
}
