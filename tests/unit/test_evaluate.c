// Faithfulness without a model: which coalitions, what their values become, against ERASER's own numbers and a game in closed form.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "evaluate/scores.h"

#include "philox.h"
#include "shapes.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_near(double expected, double found, double allowed)
{
    if (!(fabs(expected - found) <= allowed))
        fail_msg("expected %.9g, found %.9g", expected, found);
}

// ---- Sizes and orders --------------------------------------------------------------------------------------------

static void fractions_are_rounded_up(void **state)
{
    (void)state;
    static const size_t expected[][1 + PLAN_N_BINS] = {
        {1, 1, 1, 1, 1, 1}, {7, 1, 1, 1, 2, 4}, {20, 1, 1, 2, 4, 10}, {100, 1, 5, 10, 20, 50}, {101, 2, 6, 11, 21, 51}, {333, 4, 17, 34, 67, 167}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        plan_sizes sizes;
        plan_sizes_make(expected[i][0], &sizes);
        for (size_t bin = 0; bin < PLAN_N_BINS; bin++)
            assert_int_equal(sizes.k[bin], expected[i][1 + bin]);
    }
}

static void curves_have_at_most_twenty_steps(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 500; n++) {
        plan_sizes sizes;
        plan_sizes_make(n, &sizes);
        const size_t *k = sizes.k + PLAN_N_BINS, n_steps = sizes.n_points - 1;
        assert_int_equal(n_steps, n < 20 ? n : 20);
        assert_int_equal(k[0], 0);
        assert_int_equal(k[n_steps], n);
        for (size_t i = 1; i <= n_steps; i++)
            assert_true(k[i] - k[i - 1] == n / n_steps || k[i] - k[i - 1] == n / n_steps + 1);
    }
}

static void orders_are_descending_and_stable(void **state)
{
    (void)state;
    static const float phi[] = {0.5F, 9, -1, 9, 0.5F, 9, 2, 9, -3, 9}; // every second
    static const uint32_t expected[] = {3, 0, 2, 1, 4};
    uint32_t order[5];
    asc_error err;
    assert_int_equal(plan_order(phi, 2, 5, order, &err), ASC_OK);
    assert_memory_equal(order, expected, sizeof order);
}

// Recorded from another implementation: they are part of every evaluation.
static void random_orders_are_a_matter_of_seed_row_and_number(void **state)
{
    (void)state;
    enum { N = 9 };
    uint32_t order[N], other[N];
    bool seen[N] = {false};
    static const uint32_t recorded[N] = {7, 4, 8, 2, 1, 0, 6, 5, 3};
    const row_draw draw = {.seed = 3, .row_id = 41, .n_features = N}, next_row = {.seed = 3, .row_id = 42, .n_features = N};
    row_order_draw(&draw, PHILOX_ORDER, 0, order);
    for (size_t i = 0; i < N; i++)
        seen[order[i]] = true;
    for (size_t i = 0; i < N; i++)
        assert_true(seen[i]);
    assert_memory_equal(order, recorded, sizeof order);
    row_order_draw(&next_row, PHILOX_ORDER, 0, other);
    assert_memory_not_equal(order, other, sizeof order);
    row_order_draw(&draw, PHILOX_ORDER, 1, other);
    assert_memory_not_equal(order, other, sizeof order);
    row_order_draw(&draw, PHILOX_WALK, 0, other);
    assert_memory_not_equal(order, other, sizeof order);
}

// ---- ERASER ------------------------------------------------------------------------------------------------------

static void read_numbers(FILE *file, double *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fscanf(file, "%lf", &numbers[i]), 1);
}

// See tests/golden/record_eraser.py.
static void eraser_gives_the_same(void **state)
{
    (void)state;
    enum { MOST_ROWS = 32, N_VALUES = 2 + 2 * PLAN_N_BINS };
    static row_scores rows[MOST_ROWS];
    double values[N_VALUES], expected[2][1 + PLAN_N_BINS];
    size_t n_rows = 0;
    plan_pair pairs[2][PLAN_MOST_SIZES] = {{{0}}};
    plan_sizes sizes;
    asc_evaluation_summary summary = {0};
    FILE *file = fopen(ERASER_FILE, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu", &n_rows), 1);
    assert_in_range(n_rows, 2, MOST_ROWS);
    plan_sizes_make(1, &sizes);
    for (size_t order = 0; order < 2; order++) {
        for (uint32_t bin = 0; bin < PLAN_N_BINS; bin++)
            pairs[order][bin] = (plan_pair){2 + bin, 2 + PLAN_N_BINS + bin};
        pairs[order][PLAN_N_BINS] = (plan_pair){0, 1};
        pairs[order][PLAN_N_BINS + 1] = (plan_pair){1, 0};
    }
    for (size_t row = 0; row < n_rows; row++) {
        read_numbers(file, values, N_VALUES);
        scores_of_row(&(scores_input){&sizes, pairs[0], 2, values, NULL}, &rows[row]);
    }
    read_numbers(file, expected[0], 2 * (1 + PLAN_N_BINS));
    fclose(file);
    scores_summarise(rows, n_rows, &summary);
    for (size_t kind = 0; kind < 2; kind++) {
        assert_near(expected[kind][0], summary.metrics[kind].attribution.mean, 1e-7);
        for (size_t bin = 0; bin < PLAN_N_BINS; bin++)
            assert_near(expected[kind][1 + bin], summary.metrics[4 + kind * PLAN_N_BINS + bin].attribution.mean, 1e-7);
    }
    assert_string_equal(summary.metrics[0].name, "comprehensiveness_aopc");
    assert_string_equal(summary.metrics[1].name, "sufficiency_aopc");
    assert_string_equal(summary.metrics[4].name, "comprehensiveness@0.01");
    assert_string_equal(summary.metrics[13].name, "sufficiency@0.50");
}

// Its file, behind the instances.
static FILE *open_at_marked_rows(size_t *n_rows)
{
    char line[2048];
    size_t n_instances = 0;
    FILE *file = fopen(ERASER_FILE, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu ", &n_instances), 1);
    for (size_t i = 0; i < n_instances + 2; i++)
        assert_non_null(fgets(line, sizeof line, file));
    assert_int_equal(fscanf(file, "%zu", n_rows), 1);
    return file;
}

static void eraser_finds_the_same_plausible(void **state)
{
    (void)state;
    enum { MOST = 32 };
    size_t n_rows = 0, n_with_equal = 0;
    FILE *file = open_at_marked_rows(&n_rows);
    assert_in_range(n_rows, 10, 1000);
    for (size_t row = 0; row < n_rows; row++) {
        marked_row marked = {0};
        uint8_t marks[MOST];
        float phi[2 * MOST];
        uint32_t order[MOST];
        bool scratch[MOST];
        double sums[N_PLAUSIBILITY] = {0}, expected[N_PLAUSIBILITY], number = 0;
        asc_error err;
        assert_int_equal(fscanf(file, "%zu %zu", &marked.n_features, &marked.k), 2);
        assert_in_range(marked.n_features, 1, MOST);
        for (size_t i = 0; i < marked.n_features; i++)
            assert_int_equal(fscanf(file, "%hhu", &marks[i]), 1);
        for (size_t i = 0; i < marked.n_features; i++) {
            read_numbers(file, &number, 1);
            phi[2 * i] = (float)number;
        }
        read_numbers(file, expected, N_PLAUSIBILITY);
        marked.marked = marks;
        assert_int_equal(plan_order(phi, 2, marked.n_features, order, &err), ASC_OK);
        for (size_t i = 1; i < marked.n_features; i++)
            n_with_equal += phi[2 * order[i]] == phi[2 * order[i - 1]];
        plausibility_add(&marked, &(ranked_row){order, phi, 2, scratch}, sums);
        for (size_t i = 0; i < N_PLAUSIBILITY; i++)
            assert_near(expected[i], sums[i], 1e-12);
    }
    assert_true(n_with_equal > 5);
    fclose(file);
}

static void as_many_are_taken_as_are_marked_on_average(void **state)
{
    (void)state;
    assert_int_equal(plausibility_k(0.3, 10), 3);
    assert_int_equal(plausibility_k(0.31, 10), 4);
    assert_int_equal(plausibility_k(0.1 + 0.2, 10), 3); // a hair above 3
    assert_int_equal(plausibility_k(0.01, 10), 1);
    assert_int_equal(plausibility_k(1, 10), 10);
    assert_int_equal(plausibility_k((1.0 / 7 + 5.0 / 7) / 2, 7), 3);
}

// ---- A game in closed form ---------------------------------------------------------------------------------------

enum { GAME_N = 7, GAME_ORDERS = 60, GAME_CAPACITY = 2 + GAME_ORDERS * 2 * PLAN_MOST_SIZES };
static const double game_base = 0.125;
static const float game_phi[GAME_N] = {0.03125F, 0.25F, -0.0625F, 0.125F, 0.0F, 0.25F, 0.015625F};

static double game(uint64_t mask)
{
    double value = game_base;
    for (size_t i = 0; i < GAME_N; i++)
        value += mask >> i & 1 ? (double)game_phi[i] : 0;
    return value;
}

// Orders: the game's own, its reverse, or random ones.
static void play(size_t n_orders, const uint32_t (*given)[GAME_N], row_scores *out)
{
    static uint64_t masks[GAME_CAPACITY];
    static double weights[GAME_CAPACITY], values[GAME_CAPACITY];
    static plan_pair pairs[GAME_ORDERS][PLAN_MOST_SIZES];
    row_design design = {.n_features = GAME_N, .capacity = GAME_CAPACITY, .masks = masks, .weights = weights};
    const row_draw draw = {.seed = 1, .row_id = 5, .n_features = GAME_N};
    mask_table table;
    uint64_t scratch[2];
    uint32_t order[GAME_N];
    plan_sizes sizes;
    asc_error err;
    plan_sizes_make(GAME_N, &sizes);
    assert_int_equal(mask_table_open(GAME_N, GAME_CAPACITY, &table, &err), ASC_OK);
    row_design_begin(&design);
    for (design.count = 0; design.count < 2; design.count++)
        (void)mask_table_put(&table, &design, masks + design.count);
    for (size_t number = 0; number < n_orders; number++) {
        if (given)
            memcpy(order, given[number], sizeof order);
        else if (number == 0)
            assert_int_equal(plan_order(game_phi, 1, GAME_N, order, &err), ASC_OK);
        else
            row_order_draw(&draw, PHILOX_ORDER, (uint32_t)number, order);
        plan_append(&sizes, order, &(plan_into){&design, &table, scratch}, pairs[number]);
    }
    for (size_t i = 0; i < design.count; i++) {
        values[i] = game(masks[i]);
        for (size_t j = 0; j < i; j++)
            assert_true(masks[i] != masks[j]); // none twice
    }
    scores_of_row(&(scores_input){&sizes, pairs[0], n_orders, values, NULL}, out);
    mask_table_close(&table);
}

// The areas of an additive game: each feature counts while it is there, half of its own step; its rank j is counted from 1.
static void check_areas(const uint32_t *order, const order_scores *found)
{
    double deletion = game_base, insertion = game_base;
    for (size_t j = 1; j <= GAME_N; j++) {
        deletion += (double)game_phi[order[j - 1]] * ((double)j - 0.5) / GAME_N;
        insertion += (double)game_phi[order[j - 1]] * (GAME_N - (double)j + 0.5) / GAME_N;
    }
    assert_near(deletion, (double)found->metrics[2], 1e-7);
    assert_near(insertion, (double)found->metrics[3], 1e-7);
}

static void an_additive_game_has_closed_forms(void **state)
{
    (void)state;
    static const uint32_t orders[2][GAME_N] = {{1, 5, 3, 0, 6, 4, 2}, {2, 4, 6, 0, 3, 5, 1}};
    row_scores own, both;
    const double full = game((1 << GAME_N) - 1);
    play(2, NULL, &own);
    play(2, orders, &both);
    assert_memory_equal(&own.attribution, &both.attribution, sizeof own.attribution);
    check_areas(orders[0], &both.attribution);
    check_areas(orders[1], &both.random);
    assert_near(full, (double)both.output, 0);
    assert_near(game_base, (double)both.base_value, 0);
    // k = 1, 1, 1, 2, 4: what the first k are worth, and what the others are
    static const double first[PLAN_N_BINS] = {0.25, 0.25, 0.25, 0.5, 0.65625};
    double mean = 0;
    for (size_t bin = 0; bin < PLAN_N_BINS; bin++) {
        mean += first[bin] / PLAN_N_BINS;
        assert_near(first[bin], (double)both.attribution.metrics[4 + bin], 1e-7);
        assert_near(full - game_base - first[bin], (double)both.attribution.metrics[9 + bin], 1e-7);
    }
    assert_near(mean, (double)both.attribution.metrics[0], 1e-7);
    assert_near(full - game_base - mean, (double)both.attribution.metrics[1], 1e-7);
    for (size_t k = 0; k <= GAME_N; k++) {
        const double taken = k == 0 ? 0 : (double)both.attribution.insertion[k] - game_base;
        assert_near(full - taken, (double)both.attribution.deletion[k], 1e-7);
    }
    assert_true(isnan(both.attribution.deletion[GAME_N + 1]) && isnan(both.fractions[GAME_N + 1]));
}

// In an additive game both areas of one order add up to v(all) + v(empty); over orders each tends to half of that.
static void random_orders_are_averaged(void **state)
{
    (void)state;
    row_scores found;
    const double half = (game((1 << GAME_N) - 1) + game_base) / 2;
    play(GAME_ORDERS, NULL, &found);
    assert_near(2 * half, (double)found.random.metrics[2] + (double)found.random.metrics[3], 1e-6);
    assert_near(half, (double)found.random.metrics[2], 0.04); // three standard errors of 59 orders
    assert_true((double)found.attribution.metrics[3] - half > 0.1);
}

// ---- Means -------------------------------------------------------------------------------------------------------

static row_scores made_row(size_t n_features, float metric)
{
    row_scores row = {.n_features = (uint32_t)n_features};
    for (size_t i = 0; i < PLAN_MOST_POINTS; i++) {
        row.fractions[i] = i <= n_features ? (float)i / (float)n_features : NAN;
        row.attribution.deletion[i] = i <= n_features ? metric * (float)(i == 0) : NAN;
        row.attribution.insertion[i] = row.random.deletion[i] = row.random.insertion[i] = row.attribution.deletion[i];
    }
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++) {
        row.attribution.metrics[m] = metric;
        row.random.metrics[m] = 1;
    }
    return row;
}

static void intervals_are_students(void **state)
{
    (void)state;
    const row_scores rows[3] = {made_row(2, 1), made_row(1, 2), made_row(4, 6)};
    asc_evaluation_summary summary = {0};
    scores_summarise(rows, 3, &summary);
    const asc_evaluation_metric *metric = &summary.metrics[2];
    assert_near(3, metric->attribution.mean, 1e-12);
    assert_near(sqrt(7.0 / 3), metric->attribution.std_error, 1e-12);
    assert_near(3 - 4.302652730 * sqrt(7.0 / 3), metric->attribution.low, 1e-6);
    assert_near(2 + 4.302652730 * sqrt(7.0 / 3), metric->difference.high, 1e-6);
    assert_near(0, metric->random.std_error, 0);
    const asc_mean of_all = metric->difference;
    assert_near(3, summary.deletion[0], 1e-12);
    assert_near((0.8 * 1 + 0.9 * 2 + 0.6 * 6) / 3, summary.deletion[2], 1e-6); // straight to 0 at 1/2, 1, 1/4
    assert_near((0 + 0.5 * 2 + 0) / 3, summary.deletion[10], 1e-6);
    assert_near(0, summary.deletion[20], 1e-6);
    row_scores gap[4] = {rows[0], rows[1], rows[0], rows[2]};
    gap[2].attribution.metrics[16] = NAN;
    scores_summarise(gap, 4, &summary);
    assert_int_equal(summary.metrics[16].n_rows, 3);
    assert_int_equal(summary.metrics[15].n_rows, 4);
    assert_memory_equal(&summary.metrics[16].difference, &of_all, sizeof of_all);
    scores_summarise(rows, 1, &summary);
    assert_near(1, summary.metrics[2].attribution.mean, 0);
    assert_true(isnan(summary.metrics[2].attribution.low));
    scores_summarise(rows, 0, &summary);
    assert_true(isnan(summary.metrics[2].attribution.mean) && isnan(summary.deletion[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fractions_are_rounded_up),
        cmocka_unit_test(curves_have_at_most_twenty_steps),
        cmocka_unit_test(orders_are_descending_and_stable),
        cmocka_unit_test(random_orders_are_a_matter_of_seed_row_and_number),
        cmocka_unit_test(eraser_gives_the_same),
        cmocka_unit_test(eraser_finds_the_same_plausible),
        cmocka_unit_test(as_many_are_taken_as_are_marked_on_average),
        cmocka_unit_test(an_additive_game_has_closed_forms),
        cmocka_unit_test(random_orders_are_averaged),
        cmocka_unit_test(intervals_are_students),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
