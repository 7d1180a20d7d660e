// Steps cover every unit of a batch exactly once, hold what they say and respect their limits; rows are
// ordered into batches. Batches here are made by hand: nothing is computed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "explain/schedule.h"

#include "shapes.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 9, MOST_FEATURES = 7, MOST_TOKENS = 64, MOST_COALITIONS = 130, N_ROUNDS = 400 };

static uint64_t random_state = 1;

// 0 .. end - 1.
static size_t random_below(size_t end)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(random_state >> 33) % end;
}

typedef struct made_batch {
    batch b;
    explain_request request;
    device_design shared;
    asc_rows rows;
    int64_t token_offsets[MOST_ROWS + 1];
    int32_t token_features[MOST_ROWS * MOST_TOKENS];
    size_t row_index[MOST_ROWS], n_row_tokens[MOST_ROWS], n_pair_tokens[MOST_ROWS], first_unit[MOST_ROWS + 1];
    uint64_t row_masks[MOST_ROWS * MOST_COALITIONS];
    int32_t row_counts[MOST_ROWS];
} made_batch;

// Coalitions that a row has: all of the shared design's, or its own number of them, two at least.
static size_t row_coalitions(const batch *b, size_t row)
{
    return b->design->host->of_rows ? (size_t)b->row_counts[row] : b->design->host->n_coalitions;
}

// Rows with designs of their own: random coalitions, complements in pairs where the design says so, from none to all that fit.
static void make_row_designs(made_batch *m)
{
    batch *b = &m->b;
    const design *d = m->shared.host;
    const uint64_t all = ((uint64_t)1 << d->n_features) - 1;
    b->first_unit = m->first_unit;
    b->row_masks = m->row_masks;
    b->row_counts = m->row_counts;
    for (size_t row = 0; row < b->n_rows; row++) {
        uint64_t *masks = m->row_masks + row * d->n_coalitions;
        const size_t n_own = random_below(3) ? random_below(d->n_coalitions - 1) : 0;
        m->row_counts[row] = (int32_t)(2 + (d->paired ? n_own - n_own % 2 : n_own));
        masks[0] = all;
        for (size_t c = 2; c < d->n_coalitions; c++)
            masks[c] = d->paired && c % 2 ? all & ~masks[c - 1] : random_below((size_t)all + 1);
        m->first_unit[row + 1] = m->first_unit[row] + (row_coalitions(b, row) - 2) / (d->paired ? 2 : 1);
    }
}

// Rows of 1 to 3 tokens a feature between 1 and 4 fixed tokens; the batch takes them from the last to the
// first.
static void make_batch(made_batch *m, design *d, asc_policy policy)
{
    *m = (made_batch){.request.policy = policy, .shared.host = d};
    const size_t n_rows = 1 + random_below(MOST_ROWS);
    size_t n_tokens = 0;
    for (size_t row = 0; row < n_rows; row++) {
        const size_t first = n_tokens, n_fixed = 1 + random_below(4), index = n_rows - 1 - row;
        for (size_t i = 0; i < n_fixed; i++)
            m->token_features[n_tokens++] = -1;
        for (size_t f = 0; f < d->n_features; f++)
            for (size_t i = 0; i <= random_below(3); i++)
                m->token_features[n_tokens++] = (int32_t)f;
        m->token_offsets[row + 1] = (int64_t)n_tokens;
        m->row_index[index] = row;
        m->n_row_tokens[index] = n_tokens - first;
        m->n_pair_tokens[index] =
            n_tokens - first + (policy == ASC_POLICY_REMOVE ? n_fixed : n_tokens - first);
    }
    m->rows =
        (asc_rows){.n_rows = n_rows, .token_offsets = m->token_offsets, .token_features = m->token_features};
    m->b = (batch){.request = &m->request,
                   .rows = &m->rows,
                   .design = &m->shared,
                   .n_rows = n_rows,
                   .n_features = d->n_features,
                   .row_index = m->row_index,
                   .n_row_tokens = m->n_row_tokens,
                   .n_pair_tokens = m->n_pair_tokens};
    make_row_designs(m);
}

// Tokens of one coalition of one row, counted one by one.
static size_t count_tokens(const batch *b, size_t row, size_t coalition)
{
    const design *d = b->design->host;
    const uint64_t *masks = d->of_rows ? b->row_masks + row * d->n_coalitions : d->masks;
    const int64_t *offsets = b->rows->token_offsets + b->row_index[row];
    size_t n_tokens = 0;
    for (int64_t t = offsets[0]; t < offsets[1]; t++) {
        const int32_t feature = b->rows->token_features[t];
        n_tokens += feature < 0 || b->request->policy == ASC_POLICY_REPLACE ||
                    mask_has(masks + coalition * mask_words(d->n_features), (size_t)feature);
    }
    return n_tokens;
}

// One step: what it says of itself is true. Marks what it evaluates; returns its first unit's tokens.
static size_t check_step(const step *s, step_limits limits, uint8_t seen[MOST_ROWS][MOST_COALITIONS])
{
    const size_t per_unit = schedule_unit_sequences(s->batch, s->kind);
    size_t n_tokens = 0, first_unit = 0;
    assert_true(s->n_units > 0);
    assert_int_equal(s->n_sequences, s->n_units * per_unit);
    for (size_t unit = s->first; unit < s->first + s->n_units; unit++)
        for (size_t i = 0; i < per_unit; i++) {
            int32_t row = -1, coalition = -1;
            schedule_sequence(s->batch, s->kind, unit, i, &row, &coalition);
            assert_in_range(row, 0, s->batch->n_rows - 1);
            assert_in_range(coalition, 0, row_coalitions(s->batch, (size_t)row) - 1);
            seen[row][coalition]++;
            n_tokens += count_tokens(s->batch, (size_t)row, (size_t)coalition);
            if (unit == s->first)
                first_unit = n_tokens;
        }
    assert_int_equal(s->n_tokens, n_tokens);
    if (s->n_units > 1)
        assert_true(s->n_tokens <= limits.max_tokens && s->n_sequences <= limits.max_sequences);
    return first_unit;
}

// All steps of one kind: one after the other without a gap, none shorter than it must be, every sequence
// once.
static void check_steps(batch *b, step_kind kind, step_limits limits)
{
    static uint8_t seen[MOST_ROWS][MOST_COALITIONS];
    const size_t first = kind == STEP_REST ? 2 : 0;
    step_list list = {0};
    asc_error err = {0};
    const step before = {.n_units = 12345};
    memset(seen, 0, sizeof seen);
    list.steps = malloc(sizeof *list.steps); // steps of other batches stay where they are
    assert_non_null(list.steps);
    list.steps[0] = before;
    list.count = list.capacity = 1;
    assert_int_equal(schedule_steps(&list, b, kind, limits, SIZE_MAX, &err), ASC_OK);
    assert_int_equal(list.steps[0].n_units, 12345);
    size_t next = 0;
    for (size_t i = 1; i < list.count; i++) {
        const step *s = &list.steps[i];
        assert_ptr_equal(s->batch, b);
        assert_int_equal(s->kind, kind);
        assert_int_equal(s->first, next);
        next += s->n_units;
        const size_t n_tokens = check_step(s, limits, seen);
        if (i > 1) // it would not have fitted into the step before
            assert_true(s[-1].n_tokens + n_tokens > limits.max_tokens ||
                        s[-1].n_sequences + schedule_unit_sequences(b, kind) > limits.max_sequences);
    }
    for (size_t row = 0; row < MOST_ROWS; row++) {
        const size_t end = row >= b->n_rows ? 0 : kind == STEP_PLAIN ? 1 : kind == STEP_ANCHORS ? 2 : row_coalitions(b, row);
        for (size_t c = 0; c < MOST_COALITIONS; c++)
            assert_int_equal(seen[row][c], c >= first && c < end);
    }
    schedule_free(&list);
    assert_null(list.steps);
    assert_int_equal(list.count, 0);
}

static design *make_design(size_t kind, size_t n_features)
{
    design *d = NULL;
    asc_error err = {0};
    const asc_status status = n_features == 0 ? method_anchors_only(0, &d, &err)
                              : kind == 0     ? design_exact(n_features, &d, &err)
                              : kind == 1     ? design_wls(n_features, 2 + 2 * random_below(20), &d, &err)
                              : kind == 3     ? design_of_rows(n_features, 2 + 2 * random_below(30), random_below(2), &d, &err)
                                              : design_occlusion(n_features, &d, &err);
    if (status != ASC_OK)
        fail_msg("%s", err.message);
    assert_true(d->n_coalitions <= MOST_COALITIONS);
    return d;
}

static void steps_cover_every_unit_once(void **state)
{
    (void)state;
    static made_batch m;
    for (size_t round = 0; round < N_ROUNDS; round++) {
        design *d = make_design(round % 4, random_below(MOST_FEATURES + 1));
        const asc_policy policy = round / 4 % 2 ? ASC_POLICY_REPLACE : ASC_POLICY_REMOVE;
        make_batch(&m, d, policy);
        const step_limits limits = {1 + random_below(random_below(4) ? 150 : 3000),
                                    1 + random_below(random_below(4) ? 12 : 500)};
        check_steps(&m.b, STEP_PLAIN, limits);
        check_steps(&m.b, STEP_ANCHORS, limits);
        check_steps(&m.b, STEP_REST, limits);
        design_free(d);
    }
}

// The load of a batch, by rule and step by step, is that of its sequences counted one by one.
static void check_load(batch *b, step_kind kind)
{
    forward_load whole = {.tokens = 1000}, steps = {0};
    step_list list = {0};
    asc_error err = {0};
    uint64_t n_tokens = 0, n_sequences = 0;
    for (size_t row = 0; row < b->n_rows; row++) {
        const size_t first = kind == STEP_REST ? 2 : 0;
        const size_t end = kind == STEP_PLAIN ? 1 : kind == STEP_ANCHORS ? 2 : row_coalitions(b, row);
        for (size_t c = first; c < end; c++)
            n_tokens += count_tokens(b, row, c);
        n_sequences += end - first;
    }
    schedule_measure(b, kind, &whole);
    assert_int_equal(schedule_steps(&list, b, kind, (step_limits){100, 7}, SIZE_MAX, &err), ASC_OK);
    for (size_t i = 0; i < list.count; i++)
        schedule_measure_step(&list.steps[i], &steps);
    assert_true(whole.tokens == 1000 + n_tokens && steps.tokens == n_tokens); // added, not set
    assert_true(whole.sequences == n_sequences && steps.sequences == whole.sequences);
    assert_true(fabs(whole.squares - steps.squares) <= 1e-9 * (1 + whole.squares));
    if (!b->design->host->of_rows) // Cauchy and Schwarz; where coalitions are a row's own, lengths are averages of what might be
        assert_true(whole.squares * (double)whole.sequences >= (double)n_tokens * (double)n_tokens * (1 - 1e-9));
    schedule_free(&list);
}

static void loads_are_those_of_the_sequences(void **state)
{
    (void)state;
    static made_batch m;
    for (size_t round = 0; round < N_ROUNDS; round++) {
        design *d = make_design(round % 4, random_below(MOST_FEATURES + 1));
        make_batch(&m, d, round / 4 % 2 ? ASC_POLICY_REPLACE : ASC_POLICY_REMOVE);
        check_load(&m.b, STEP_PLAIN);
        check_load(&m.b, STEP_ANCHORS);
        check_load(&m.b, STEP_REST);
        design_free(d);
    }
}

// Rows that share their empty coalition with the row before: it is evaluated once a step, and the loads say so.
static void shared_empty_coalitions_are_left_out(void **state)
{
    (void)state;
    static made_batch m;
    bool shares[MOST_ROWS];
    asc_error err = {0};
    design *d = make_design(0, 4);
    make_batch(&m, d, ASC_POLICY_REMOVE);
    for (size_t row = 0; row < m.b.n_rows; row++)
        shares[row] = row % 3 > 0;
    m.b.shares_empty = shares;
    for (size_t most = 20; most < 200; most += 30) {
        step_list list = {0};
        size_t next = 0;
        assert_int_equal(schedule_steps(&list, &m.b, STEP_ANCHORS, (step_limits){most, most}, SIZE_MAX, &err), ASC_OK);
        for (size_t i = 0; i < list.count; i++) {
            const step *s = &list.steps[i];
            forward_load load = {.entries = 0};
            size_t n_tokens = 0, n_sequences = 0;
            assert_int_equal(s->first, next);
            next += s->n_units;
            for (size_t row = s->first; row < next; row++) {
                const bool left_out = row > s->first && shares[row];
                assert_int_equal(schedule_shares_empty(s, row), left_out);
                n_tokens += count_tokens(&m.b, row, 0) + (left_out ? 0 : count_tokens(&m.b, row, 1));
                n_sequences += left_out ? 1 : 2;
            }
            schedule_measure_step(s, &load);
            assert_int_equal(s->n_tokens, n_tokens);
            assert_int_equal(s->n_sequences, n_sequences);
            assert_true(load.tokens == n_tokens && load.sequences == n_sequences);
            assert_true(s->n_units == 1 || n_tokens <= most);
        }
        assert_int_equal(next, m.b.n_rows);
        schedule_free(&list);
    }
    m.b.shares_empty = NULL;
    design_free(d);
}

// Cut for several workers, a row gives every worker as many steps, none of them more than a unit larger than another.
static void even_steps_are_even(void **state)
{
    (void)state;
    static made_batch m;
    asc_error err = {0};
    design *d = make_design(0, 7);
    make_batch(&m, d, ASC_POLICY_REMOVE);
    batch *const batches[] = {&m.b};
    const size_t unit = m.b.n_pair_tokens[0];
    m.b.n_rows = 1;
    for (size_t n_workers = 1; n_workers <= 5; n_workers++)
        for (size_t most = 3 * unit; most < 70 * unit; most += unit / 2) {
            step_list list = {0};
            size_t least = SIZE_MAX, largest = 0, n_tokens = 0;
            const step_limits limits = {most, most};
            const size_t wanted = schedule_wanted_tokens(batches, 1, STEP_REST, limits, n_workers);
            assert_int_equal(schedule_steps(&list, &m.b, STEP_REST, limits, wanted, &err), ASC_OK);
            for (size_t i = 0; i < list.count; i++) {
                const size_t tokens = list.steps[i].n_tokens;
                least = tokens < least ? tokens : least;
                largest = tokens > largest ? tokens : largest;
                n_tokens += tokens;
            }
            assert_int_equal(n_tokens, 63 * unit);
            assert_true(largest <= most && largest - least <= unit);
            assert_int_equal(list.count % n_workers, 0);
            schedule_free(&list);
        }
    design_free(d);
}

static void one_unit_too_large_stands_alone(void **state)
{
    (void)state;
    static made_batch m;
    design *d = make_design(0, 4);
    make_batch(&m, d, ASC_POLICY_REMOVE);
    step_list list = {0};
    asc_error err = {0};
    assert_int_equal(schedule_steps(&list, &m.b, STEP_REST, (step_limits){1, 1}, SIZE_MAX, &err), ASC_OK);
    assert_int_equal(list.count, m.b.n_rows * 7);
    for (size_t i = 0; i < list.count; i++)
        assert_int_equal(list.steps[i].n_units, 1);
    schedule_free(&list);
    design_free(d);
}

// ---- Order ------------------------------------------------------------------------------------------------

static int compare(size_t a, size_t b) { return a < b ? -1 : a > b; }

static void rows_are_ordered_for_batches(void **state)
{
    (void)state;
    enum { N = 500 };
    ordered_row rows[N], again[N];
    uint8_t seen[N] = {0};
    for (size_t i = 0; i < N; i++) {
        const size_t row = (i * 7 + 3) % N; // not in order
        rows[i] = again[N - 1 - i] = (ordered_row){row, row % 5, 10 + row % 3, 1 + row / 7 % 2};
    }
    schedule_order(rows, N);
    schedule_order(again, N);
    for (size_t i = 0; i < N; i++) {
        const ordered_row *r = &rows[i];
        seen[r->row]++;
        assert_int_equal(again[i].row, r->row); // whatever the order was before
        assert_true(r->n_features == r->row % 5 && r->n_tokens == 10 + r->row % 3 &&
                    r->n_fixed == 1 + r->row / 7 % 2);
        if (i == 0)
            continue;
        int order = compare(r[-1].n_features, r->n_features);
        order = order ? order : compare(r[-1].n_tokens, r->n_tokens);
        order = order ? order : compare(r[-1].n_fixed, r->n_fixed);
        order = order ? order : compare(r[-1].row, r->row);
        assert_int_equal(order, -1);
    }
    for (size_t i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    schedule_order(rows, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_cover_every_unit_once),
        cmocka_unit_test(loads_are_those_of_the_sequences),
        cmocka_unit_test(shared_empty_coalitions_are_left_out),
        cmocka_unit_test(even_steps_are_even),
        cmocka_unit_test(one_unit_too_large_stands_alone),
        cmocka_unit_test(rows_are_ordered_for_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
