// See schedule.h.
#include "explain/schedule.h"

#include <stdlib.h>

size_t schedule_unit_sequences(const batch *b, step_kind kind)
{
    if (kind == STEP_PLAIN)
        return 1;
    return kind == STEP_ANCHORS || b->design->host->paired ? 2 : 1;
}

// Units of the batch: one a row for the plain row and the anchors, coalitions 0 and 1; the rest follows in pairs or one by one.
static size_t count_units(const batch *b, step_kind kind)
{
    return kind == STEP_REST ? b->first_unit[b->n_rows] : b->n_rows;
}

// The row of a unit: the last one that begins at or before it.
static size_t unit_row(const batch *b, step_kind kind, size_t unit)
{
    size_t low = 0, high = b->n_rows;
    if (kind != STEP_REST)
        return unit;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (b->first_unit[middle] <= unit)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static size_t unit_tokens(const batch *b, step_kind kind, size_t unit)
{
    const size_t row = unit_row(b, kind, unit);
    if (kind == STEP_PLAIN)
        return b->n_row_tokens[row];
    if (kind == STEP_ANCHORS || b->design->host->paired)
        return b->n_pair_tokens[row];
    return batch_coalition_tokens(b, row, 2 + unit - b->first_unit[row]);
}

void schedule_sequence(const batch *b, step_kind kind, size_t unit, size_t i, int32_t *row, int32_t *coalition)
{
    const size_t found = unit_row(b, kind, unit);
    const size_t first = kind == STEP_REST ? 2 + (unit - b->first_unit[found]) * schedule_unit_sequences(b, kind) : 0;
    *row = (int32_t)found;
    *coalition = (int32_t)(first + i);
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
    const size_t n_units = count_units(b, kind);
    const size_t n_sequences = schedule_unit_sequences(b, kind);
    step open = {.batch = b, .kind = kind};
    for (size_t unit = 0; unit < n_units; unit++) {
        const size_t n_tokens = unit_tokens(b, kind, unit);
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
