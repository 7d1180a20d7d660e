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

bool schedule_shares_empty(const step *s, size_t unit)
{
    return s->kind == STEP_ANCHORS && unit > s->first && s->batch->shares_empty && s->batch->shares_empty[unit];
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

static size_t divide_up(size_t count, size_t by)
{
    return count / by + (count % by > 0);
}

// Tokens of the units of one kind of a row, shared empty coalitions included.
static size_t row_tokens(const batch *b, step_kind kind, size_t row)
{
    if (kind != STEP_REST)
        return unit_tokens(b, kind, row);
    const size_t first = b->first_unit[row], n_units = b->first_unit[row + 1] - first;
    if (b->design->host->paired)
        return n_units > 0 ? n_units * unit_tokens(b, kind, first) : 0;
    size_t n_tokens = 0;
    for (size_t unit = first; unit < first + n_units; unit++)
        n_tokens += unit_tokens(b, kind, unit);
    return n_tokens;
}

static size_t batch_tokens(const batch *b, step_kind kind)
{
    size_t n_tokens = 0;
    for (size_t row = 0; row < b->n_rows; row++)
        n_tokens += row_tokens(b, kind, row);
    return n_tokens;
}

// What whole units of the usual size fill of a step.
static size_t usable_tokens(step_limits limits, size_t n_tokens, size_t n_units)
{
    const size_t usual = n_units > 0 ? divide_up(n_tokens, n_units) : 0;
    return usual > 0 && usual < limits.max_tokens ? limits.max_tokens / usual * usual : limits.max_tokens;
}

size_t schedule_wanted_tokens(batch *const *batches, size_t n_batches, step_kind kind, step_limits limits, size_t n_workers)
{
    size_t n_tokens = 0, n_units = 0;
    for (size_t i = 0; i < n_batches; i++) {
        n_tokens += batch_tokens(batches[i], kind);
        n_units += count_units(batches[i], kind);
    }
    const size_t usable = usable_tokens(limits, n_tokens, n_units);
    const size_t n_steps = n_workers * divide_up(n_tokens, n_workers * usable);
    return n_steps > 0 ? divide_up(n_tokens, n_steps) : usable;
}

// What a batch has left to be cut: a step is closed when it holds its even share.
typedef struct remainder {
    size_t n_tokens, n_steps;
} remainder;

static remainder whole_batch(const batch *b, step_kind kind, step_limits limits, size_t wanted_tokens)
{
    const size_t n_tokens = wanted_tokens < SIZE_MAX ? batch_tokens(b, kind) : 0;
    const size_t least = divide_up(n_tokens, usable_tokens(limits, n_tokens, count_units(b, kind)));
    const size_t nearest = (n_tokens + wanted_tokens / 2) / wanted_tokens;
    return (remainder){n_tokens, nearest > least ? nearest : least};
}

static size_t even_share(const remainder *left)
{
    return left->n_steps > 0 ? divide_up(left->n_tokens, left->n_steps) : SIZE_MAX;
}

static void take_step(remainder *left, const step *taken)
{
    left->n_tokens -= taken->n_tokens;
    left->n_steps -= left->n_steps > 0;
}

asc_status schedule_steps(step_list *list, batch *b, step_kind kind, step_limits limits, size_t wanted_tokens, asc_error *err)
{
    const size_t n_units = count_units(b, kind), per_unit = schedule_unit_sequences(b, kind);
    remainder left = whole_batch(b, kind, limits, wanted_tokens);
    step open = {.batch = b, .kind = kind};
    for (size_t unit = 0; unit < n_units; unit++) {
        const bool shares = schedule_shares_empty(&open, unit);
        size_t n_tokens = shares ? b->n_row_tokens[unit] : unit_tokens(b, kind, unit);
        size_t n_sequences = shares ? 1 : per_unit;
        const bool full = open.n_tokens + n_tokens > limits.max_tokens || open.n_sequences + n_sequences > limits.max_sequences;
        if ((full || open.n_tokens >= even_share(&left)) && open.n_units > 0) {
            TRY(append(list, &open, err));
            take_step(&left, &open);
            open = (step){.batch = b, .kind = kind, .first = unit};
            n_tokens = unit_tokens(b, kind, unit);
            n_sequences = per_unit;
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

// Features of one coalition of one row, relabelled or not.
static size_t coalition_size(const batch *b, size_t row, size_t coalition)
{
    const design *d = b->design->host;
    const size_t n_words = mask_words(d->n_features);
    const uint64_t *masks = d->of_rows ? b->row_masks + row * d->n_coalitions * n_words : d->masks;
    size_t size = 0;
    for (size_t w = 0; w < n_words; w++)
        size += (size_t)__builtin_popcountll(masks[coalition * n_words + w]);
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

static void measure_plain(const batch *b, size_t first, size_t count, forward_load *load)
{
    for (size_t row = first; row < first + count; row++) {
        const double length = (double)b->n_row_tokens[row];
        load->tokens += b->n_row_tokens[row];
        load->squares += length * length;
    }
    load->sequences += count;
}

// Sums of the sizes, and of their squares, of a row's coalitions [first, first + count).
typedef struct size_sums {
    double sizes, squares;
} size_sums;

static size_sums sum_sizes(const batch *b, size_t row, size_t first, size_t count)
{
    size_sums sums = {0};
    for (size_t coalition = first; coalition < first + count; coalition++) {
        const double size = (double)coalition_size(b, row, coalition);
        sums.sizes += size;
        sums.squares += size * size;
    }
    return sums;
}

void schedule_measure(const batch *b, step_kind kind, forward_load *load)
{
    const design *d = b->design->host;
    size_sums sums = {0};
    if (kind == STEP_PLAIN) {
        measure_plain(b, 0, b->n_rows, load);
        return;
    }
    for (size_t row = 0; row < b->n_rows; row++) {
        const size_t first_unit = kind == STEP_REST ? b->first_unit[row] : row;
        const size_t n_units = kind == STEP_REST ? b->first_unit[row + 1] - first_unit : 1;
        const size_t n_sequences = n_units * schedule_unit_sequences(b, kind);
        const row_lengths l = lengths_of(b, row);
        if (n_units == 0)
            continue;
        if (row == 0 || d->of_rows)
            sums = sum_sizes(b, row, kind == STEP_REST ? 2 : 0, n_sequences);
        load->squares += (double)n_sequences * l.fixed * l.fixed + 2 * l.fixed * l.per_feature * sums.sizes +
                         l.per_feature * l.per_feature * sums.squares;
        load->tokens += row_tokens(b, kind, row);
        load->sequences += n_sequences;
    }
}

void schedule_measure_step(const step *s, forward_load *load)
{
    const size_t per_unit = schedule_unit_sequences(s->batch, s->kind);
    if (s->kind == STEP_PLAIN) {
        measure_plain(s->batch, s->first, s->n_units, load);
        return;
    }
    for (size_t q = 0; q < s->n_units * per_unit; q++) {
        const size_t unit = s->first + q / per_unit;
        int32_t row, coalition;
        if (q % per_unit == 1 && schedule_shares_empty(s, unit))
            continue;
        schedule_sequence(s->batch, s->kind, unit, q % per_unit, &row, &coalition);
        const row_lengths l = lengths_of(s->batch, (size_t)row);
        const double length = l.fixed + l.per_feature * (double)coalition_size(s->batch, (size_t)row, (size_t)coalition);
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
