// See neuron_rows.h.
#include "probe/neuron_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

asc_status neuron_rows_create(size_t n_neurons, size_t n_kept, neuron_rows *out, asc_error *err)
{
    *out = (neuron_rows){n_neurons, n_kept, calloc(n_neurons * n_kept + 1, sizeof *out->rows)};
    if (!out->rows)
        return fail_memory(err, "the neurons' rows", n_neurons * n_kept * sizeof *out->rows);
    for (size_t i = 0; i < n_neurons * n_kept; i++) {
        out->rows[i].activation = -INFINITY;
        out->rows[i].position = -1;
        for (size_t k = 0; k < PROBE_CONTEXT; k++)
            out->rows[i].context[k] = -1;
    }
    return ASC_OK;
}

void neuron_rows_free(neuron_rows *list)
{
    free(list->rows);
    *list = (neuron_rows){0};
}

static bool is_before(float activation, uint64_t row, const neuron_row *other)
{
    return activation > other->activation || (activation == other->activation && activation > -INFINITY && row < other->row);
}

static void put_row(const row_numbers *row, float activation, int32_t position, neuron_row *out)
{
    *out = (neuron_row){.activation = activation, .position = position, .row = row->id};
    for (int32_t k = 0; k < PROBE_CONTEXT; k++) {
        const int64_t at = (int64_t)position + k - PROBE_CONTEXT_REACH;
        out->context[k] = at >= 0 && at < (int64_t)row->n_tokens ? row->tokens[at] : -1;
    }
}

void neuron_rows_add(neuron_rows *list, const row_numbers *row)
{
    for (size_t i = 0; i < list->n_neurons; i++) {
        neuron_row *kept = list->rows + i * list->n_kept;
        const float activation = (float)row->neuron_max[i];
        size_t at = list->n_kept;
        while (at > 0 && is_before(activation, row->id, &kept[at - 1]))
            at--;
        if (at == list->n_kept)
            continue;
        memmove(kept + at + 1, kept + at, (list->n_kept - at - 1) * sizeof *kept);
        put_row(row, activation, row->neuron_position[i], &kept[at]);
    }
}

// ---- The end ----

static void put_best(const neuron_rows *list, probe_content *content)
{
    for (size_t i = 0; i < list->n_neurons; i++) {
        const neuron_row *best = &list->rows[i * list->n_kept];
        ((float *)content->columns[PROBE_NEURON_MAX])[i] = best->activation;
        ((uint64_t *)content->columns[PROBE_NEURON_ROW])[i] = best->row;
        ((int32_t *)content->columns[PROBE_NEURON_POSITION])[i] = best->position;
        ((int32_t *)content->columns[PROBE_NEURON_TOKEN])[i] = best->context[PROBE_CONTEXT_REACH];
    }
}

typedef struct candidate {
    float activation;
    size_t neuron;
} candidate;

static int by_activation(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->activation != b->activation)
        return a->activation < b->activation ? 1 : -1;
    return (a->neuron > b->neuron) - (a->neuron < b->neuron);
}

// The line of `top_neurons/`.
static void put_line(const neuron_rows *list, size_t block, size_t neuron, size_t line, probe_content *content)
{
    const size_t n_kept = list->n_kept;
    const neuron_row *kept = list->rows + (block * content->facts.n_ffn + neuron) * n_kept;
    ((int32_t *)content->columns[PROBE_TOP_NEURON])[line] = (int32_t)neuron;
    for (size_t k = 0; k < n_kept; k++) {
        const size_t at = line * n_kept + k;
        ((float *)content->columns[PROBE_TOP_ACTIVATION])[at] = kept[k].position >= 0 ? kept[k].activation : NAN;
        ((uint64_t *)content->columns[PROBE_TOP_ROW])[at] = kept[k].row;
        ((int32_t *)content->columns[PROBE_TOP_POSITION])[at] = kept[k].position;
        memcpy((int32_t *)content->columns[PROBE_TOP_CONTEXT] + at * PROBE_CONTEXT, kept[k].context, sizeof kept[k].context);
    }
}

asc_status neuron_rows_put(const neuron_rows *list, probe_content *content, asc_error *err)
{
    const probe_facts *f = &content->facts;
    candidate *candidates = malloc((f->n_ffn + 1) * sizeof *candidates);
    if (!candidates)
        return fail_memory(err, "a ranking of neurons", f->n_ffn * sizeof *candidates);
    put_best(list, content);
    for (size_t block = 0; block < f->n_blocks; block++) {
        for (size_t i = 0; i < f->n_ffn; i++)
            candidates[i] = (candidate){list->rows[(block * f->n_ffn + i) * list->n_kept].activation, i};
        qsort(candidates, f->n_ffn, sizeof *candidates, by_activation);
        for (size_t rank = 0; rank < f->n_top_neurons; rank++)
            put_line(list, block, candidates[rank].neuron, block * f->n_top_neurons + rank, content);
    }
    free(candidates);
    return ASC_OK;
}
