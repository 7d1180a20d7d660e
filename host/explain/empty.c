// Which rows have the same empty coalition: what is left of a row when all of its features are absent.
#include "explain/batch.h"

#include "model/savings.h"

#include <stdlib.h>

// A row's tokens, and the position ids that they have in it.
typedef struct row_view {
    size_t length;
    const int32_t *ids, *features;
    const uint8_t *types;
    int32_t *positions; // [length]
} row_view;

static void view_row(const batch *b, size_t row, row_view *out)
{
    const size_t first = (size_t)b->rows->token_offsets[b->row_index[row]];
    out->length = b->n_row_tokens[row];
    out->ids = b->rows->tokens + first;
    out->features = b->rows->token_features + first;
    out->types = b->rows->token_types + first;
    config_positions(&b->model->config, out->ids, out->length, out->positions);
}

// The next token from t on that an empty coalition shows: under REPLACE every one.
static size_t next_shown(const row_view *row, size_t t, asc_policy policy)
{
    while (policy != ASC_POLICY_REPLACE && t < row->length && row->features[t] >= 0)
        t++;
    return t;
}

static bool same_token(const row_view *a, size_t i, const row_view *b, size_t j, asc_policy policy)
{
    const bool fixed = a->features[i] < 0;
    if (fixed != (b->features[j] < 0) || a->types[i] != b->types[j] || (fixed && a->ids[i] != b->ids[j]))
        return false;
    return policy == ASC_POLICY_DELETE || (i == j && a->positions[i] == b->positions[j]);
}

static bool same_empty(const row_view *a, const row_view *b, asc_policy policy)
{
    size_t i = next_shown(a, 0, policy), j = next_shown(b, 0, policy);
    while (i < a->length && j < b->length && same_token(a, i, b, j, policy)) {
        i = next_shown(a, i + 1, policy);
        j = next_shown(b, j + 1, policy);
    }
    return i >= a->length && j >= b->length;
}

asc_status batch_find_shared_empty(batch *b, asc_error *err)
{
    if (!(b->request->savings & ASC_SAVING_DUPLICATES))
        return ASC_OK;
    int32_t *positions = malloc((2 * b->max_length + 1) * sizeof *positions);
    b->shares_empty = calloc(b->n_rows, sizeof *b->shares_empty);
    if (!positions || !b->shares_empty) {
        free(positions);
        return fail_memory(err, "a batch", 2 * b->max_length * sizeof *positions + b->n_rows);
    }
    for (size_t row = 0; row < b->n_rows; row++) {
        row_view before = {.positions = positions + (row + 1) % 2 * b->max_length}, now = {.positions = positions + row % 2 * b->max_length};
        view_row(b, row, &now);
        if (row > 0) {
            view_row(b, row - 1, &before);
            b->shares_empty[row] = same_empty(&before, &now, b->request->policy);
        }
    }
    free(positions);
    return ASC_OK;
}
