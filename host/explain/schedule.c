// See schedule.h.
#include "explain/schedule.h"

#include "shapes.h"

#include <stdlib.h>

size_t schedule_unit_sequences(const batch *b, step_kind kind)
{
    if (kind == STEP_PLAIN)
        return 1;
    return kind == STEP_ANCHORS || b->design->host->paired ? 2 : 1;
}

// Units of one row: coalitions 0 and 1 are the anchors, the rest follows in pairs or one by one.
static size_t row_units(const batch *b, step_kind kind)
{
    if (kind != STEP_REST)
        return 1;
    return (b->design->host->n_coalitions - 2) / schedule_unit_sequences(b, kind);
}

static size_t unit_tokens(const batch *b, step_kind kind, size_t unit, size_t units_per_row)
{
    const size_t row = unit / units_per_row;
    if (kind == STEP_PLAIN)
        return b->n_row_tokens[row];
    if (kind == STEP_ANCHORS || b->design->host->paired)
        return b->n_pair_tokens[row];
    return batch_coalition_tokens(b, row, 2 + unit % units_per_row);
}

void schedule_sequence(const batch *b, step_kind kind, size_t unit, size_t i, int32_t *row, int32_t *coalition)
{
    const size_t units_per_row = row_units(b, kind), n_sequences = schedule_unit_sequences(b, kind);
    const size_t first = kind == STEP_REST ? 2 : 0;
    *row = (int32_t)(unit / units_per_row);
    *coalition = (int32_t)(first + unit % units_per_row * n_sequences + i);
}

static asc_status append(step_list *list, const step *next, asc_error *err)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 64;
        step *steps = realloc(list->steps, capacity * sizeof *steps);
        if (!steps)
            return fail_memory(err, "the steps", capacity * sizeof *steps);
        list->steps = steps;
        list->capacity = capacity;
    }
    list->steps[list->count++] = *next;
    return ASC_OK;
}

asc_status schedule_steps(step_list *list, batch *b, step_kind kind, step_limits limits, asc_error *err)
{
    const size_t units_per_row = row_units(b, kind), n_units = b->n_rows * units_per_row;
    const size_t n_sequences = schedule_unit_sequences(b, kind);
    step open = {.batch = b, .kind = kind};
    for (size_t unit = 0; unit < n_units; unit++) {
        const size_t n_tokens = unit_tokens(b, kind, unit, units_per_row);
        const bool full = open.n_tokens + n_tokens > limits.max_tokens || open.n_sequences + n_sequences > limits.max_sequences;
        if (full && open.n_units > 0) {
            TRY(append(list, &open, err));
            open = (step){.batch = b, .kind = kind, .first = unit};
        }
        open.n_units++;
        open.n_sequences += n_sequences;
        open.n_tokens += n_tokens;
    }
    return open.n_units > 0 ? append(list, &open, err) : ASC_OK;
}

void schedule_free(step_list *list)
{
    free(list->steps);
    *list = (step_list){0};
}

static size_t coalition_size(const design *d, size_t coalition)
{
    const size_t n_words = mask_words(d->n_features);
    size_t size = 0;
    for (size_t w = 0; w < n_words; w++)
        size += (size_t)__builtin_popcountll(d->masks[coalition * n_words + w]);
    return size;
}

// A row's sequence that holds k of n features has fixed + k * per_feature tokens, exactly or on average.
typedef struct row_lengths {
    double fixed, per_feature;
} row_lengths;

static row_lengths lengths_of(const batch *b, size_t row)
{
    const double n_fixed = (double)(b->n_pair_tokens[row] - b->n_row_tokens[row]);
    const double n_maskable = (double)b->n_row_tokens[row] - n_fixed;
    return (row_lengths){n_fixed, b->n_features ? n_maskable / (double)b->n_features : 0};
}

static void measure_plain(const batch *b, size_t first, size_t count, step_load *load)
{
    for (size_t row = first; row < first + count; row++) {
        const double length = (double)b->n_row_tokens[row];
        load->tokens += b->n_row_tokens[row];
        load->squares += length * length;
    }
    load->sequences += count;
}

void schedule_measure(const batch *b, step_kind kind, step_load *load)
{
    const design *d = b->design->host;
    const size_t units_per_row = row_units(b, kind), n_sequences = units_per_row * schedule_unit_sequences(b, kind);
    const size_t first = kind == STEP_REST ? 2 : 0;
    const bool same_units = kind == STEP_ANCHORS || d->paired;
    double sizes = 0, squared_sizes = 0;
    if (kind == STEP_PLAIN)
        measure_plain(b, 0, b->n_rows, load);
    if (kind == STEP_PLAIN || n_sequences == 0)
        return;
    for (size_t coalition = first; coalition < first + n_sequences; coalition++) {
        const double size = (double)coalition_size(d, coalition);
        sizes += size;
        squared_sizes += size * size;
    }
    for (size_t row = 0; row < b->n_rows; row++) {
        const row_lengths l = lengths_of(b, row);
        load->squares += (double)n_sequences * l.fixed * l.fixed + 2 * l.fixed * l.per_feature * sizes +
                         l.per_feature * l.per_feature * squared_sizes;
        for (size_t unit = 0; unit < (same_units ? 1 : units_per_row); unit++)
            load->tokens += (same_units ? units_per_row : 1) * unit_tokens(b, kind, row * units_per_row + unit, units_per_row);
    }
    load->sequences += b->n_rows * n_sequences;
}

void schedule_measure_step(const step *s, step_load *load)
{
    const size_t per_unit = schedule_unit_sequences(s->batch, s->kind);
    if (s->kind == STEP_PLAIN) {
        measure_plain(s->batch, s->first, s->n_units, load);
        return;
    }
    for (size_t q = 0; q < s->n_sequences; q++) {
        int32_t row, coalition;
        schedule_sequence(s->batch, s->kind, s->first + q / per_unit, q % per_unit, &row, &coalition);
        const row_lengths l = lengths_of(s->batch, (size_t)row);
        const double length = l.fixed + l.per_feature * (double)coalition_size(s->batch->design->host, (size_t)coalition);
        load->squares += length * length;
    }
    load->sequences += s->n_sequences;
    load->tokens += s->n_tokens;
}

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_rows(const void *left, const void *right)
{
    const ordered_row *a = left, *b = right;
    int order = compare_sizes(a->n_features, b->n_features);
    order = order ? order : compare_sizes(a->n_tokens, b->n_tokens);
    order = order ? order : compare_sizes(a->n_fixed, b->n_fixed);
    return order ? order : compare_sizes(a->row, b->row);
}

void schedule_order(ordered_row *rows, size_t count)
{
    qsort(rows, count, sizeof *rows, compare_rows);
}
