// See token_texts.h.
#include "global/token_texts.h"

#include "global/room.h"
#include "io/dataset_read.h"
#include "io/result_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_BYTES = 12 }; // " 2147483647" and its end

struct token_texts {
    asc_dataset *dataset;
    const char *path;
    char sha256[HASH_HEX_SIZE];
    asc_rows *rows; // the slice at hand
    char *bytes;
    size_t *offsets, *order; // [M + 1], [tokens of the row]
    size_t n_bytes, n_offsets, n_order; // how many there is room for
};

asc_status token_texts_open(const char *dataset_path, const stop_check *stop, token_texts **out, asc_error *err)
{
    uint8_t digest[HASH_BYTES];
    token_texts *t = calloc(1, sizeof *t);
    if (!t)
        return fail_memory(err, "token ids", sizeof *t);
    t->path = dataset_path;
    asc_status status = dataset_open(dataset_path, stop, &t->dataset, err);
    if (status == ASC_OK)
        status = asc_dataset_check(t->dataset, 0, asc_dataset_describe(t->dataset)->n_rows, err);
    if (status == ASC_OK)
        status = dataset_hash(t->dataset, digest, err);
    if (status == ASC_OK) {
        hash_hex(digest, t->sha256);
        *out = t;
    } else {
        token_texts_close(t);
    }
    return status;
}

void token_texts_close(token_texts *t)
{
    if (!t)
        return;
    free(t->order);
    free(t->offsets);
    free(t->bytes);
    asc_rows_free(t->rows);
    asc_dataset_close(t->dataset);
    free(t);
}

asc_status token_texts_check(const token_texts *t, const char *path, const char *manifest, asc_error *err)
{
    char sha256[HASH_HEX_SIZE];
    const bool same = result_dataset_sha256(manifest, sha256) && strcmp(sha256, t->sha256) == 0;
    return same ? ASC_OK : fail(err, ASC_DIFFERENT_RUN, "%s was not made of %s (its SHA-256 is %s)", path, t->path, t->sha256);
}

asc_status token_texts_read(token_texts *t, int64_t position, size_t count, asc_error *err)
{
    const size_t n_rows = asc_dataset_describe(t->dataset)->n_rows;
    asc_rows_free(t->rows);
    t->rows = NULL;
    if (position < 0 || (uint64_t)position > n_rows || count > n_rows - (size_t)position)
        return fail(err, ASC_MALFORMED, "%s: expected rows from %" PRId64 " on, found %zu rows", t->path, position, n_rows);
    return asc_dataset_read(t->dataset, (size_t)position, count, &t->rows, err);
}

static asc_status reserve(token_texts *t, size_t n_features, size_t n_tokens, asc_error *err)
{
    if (!room_grow(&t->offsets, &t->n_offsets, n_features + 2, sizeof *t->offsets) || !room_grow(&t->order, &t->n_order, n_tokens + 1, sizeof *t->order) ||
        !room_grow(&t->bytes, &t->n_bytes, (n_tokens + 1) * TOKEN_BYTES, 1))
        return fail_memory(err, "token ids", n_tokens * TOKEN_BYTES);
    return ASC_OK;
}

// Tokens of features in the order of their features, and within one as they stand: begin[f + 1] is where those of feature f end.
static void sort_tokens(const int32_t *features, size_t n_tokens, size_t n_features, size_t *begin, size_t *order)
{
    memset(begin, 0, (n_features + 2) * sizeof *begin);
    for (size_t i = 0; i < n_tokens; i++)
        if (features[i] >= 0)
            begin[features[i] + 2]++;
    for (size_t f = 2; f < n_features + 2; f++)
        begin[f] += begin[f - 1];
    for (size_t i = 0; i < n_tokens; i++)
        if (features[i] >= 0)
            order[begin[features[i] + 1]++] = i;
}

asc_status token_texts_of(token_texts *t, int64_t position, row_at_hand *row, asc_error *err)
{
    const asc_rows *rows = t->rows;
    const size_t i = (size_t)(position - rows->first);
    if (position < rows->first || i >= rows->n_rows || rows->id[i] != row->id ||
        (size_t)(rows->feature_offsets[i + 1] - rows->feature_offsets[i]) != row->n_features)
        return fail(err, ASC_MALFORMED, "%s: row %" PRId64 " is not the result's row with id %" PRIu64 " and %zu features", t->path, position, row->id,
                    row->n_features);
    const size_t first = (size_t)rows->token_offsets[i], n_tokens = (size_t)rows->token_offsets[i + 1] - first;
    TRY(reserve(t, row->n_features, n_tokens, err));
    sort_tokens(rows->token_features + first, n_tokens, row->n_features, t->offsets, t->order);
    size_t used = 0, token = 0;
    for (size_t f = 0; f < row->n_features; f++) {
        const size_t begin = token, end = t->offsets[f + 1];
        t->offsets[f] = used;
        for (; token < end; token++)
            used += (size_t)sprintf(t->bytes + used, "%s%" PRId32, token > begin ? " " : "", rows->tokens[first + t->order[token]]);
    }
    t->offsets[row->n_features] = used;
    row->texts = t->bytes;
    row->text_offsets = t->offsets;
    return ASC_OK;
}
