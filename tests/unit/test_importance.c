// Games of rows, their sums and errors, areas under ROC curves: against closed forms, brute force, and the sage package's recorded answers.
#include <ascribe/importance.h>

#include "importance/auc.h"
#include "importance/row_game.h"
#include "importance/row_visit.h"
#include "importance/sage.h"
#include "model/loss.h"
#include "shapes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8, MOST_ROWS = 100, CAPACITY = 2 + ROW_GAME_MOST_PER_PLAYER * MOST };

static void assert_near(double expected, double found, double allowed)
{
    if (!(fabs(expected - found) <= allowed))
        fail_msg("expected %.17g, found %.17g", expected, found);
}

// A row's game: v of the players present, bit i of `mask` = player i.
typedef struct test_game {
    size_t n_players;
    const double *a; // [n_players]
    double y, cubic;
} test_game;

static double game_value(const test_game *game, uint64_t mask)
{
    double sum = 0;
    for (size_t i = 0; i < game->n_players; i++)
        sum += mask >> i & 1 ? game->a[i] : 0;
    return -(game->y - sum) * (game->y - sum) + game->cubic * sum * sum * sum;
}

// Feature f belongs to player f % n_players, and every player has a feature or two.
static void solve(const test_game *game, size_t visit, uint64_t row_id, double *first, double *second)
{
    asc_error err;
    const size_t p = game->n_players, n = p + p / 2;
    uint32_t players[2 * MOST], orders[ROW_GAME_ORDERS * MOST];
    uint64_t masks[CAPACITY];
    double weights[CAPACITY], values[CAPACITY];
    row_design drawn = {.n_features = n, .capacity = CAPACITY, .masks = masks, .weights = weights};
    for (size_t f = 0; f < n; f++)
        players[f] = (uint32_t)(f % p);
    const row_game row = {.seed = 3, .row_id = row_id, .n_features = n, .n_players = p, .players = players, .visit = visit};
    row_design_begin(&drawn);
    assert_int_equal(row_game_fill(&row, orders, &drawn, &err), ASC_OK);
    assert_int_equal(drawn.count, 2 + row_game_n_coalitions(p, visit));
    for (size_t i = 0; i < drawn.count; i++) {
        for (size_t f = p; f < n; f++) // all features of a player, or none
            assert_int_equal(masks[i] >> f & 1, masks[i] >> (f - p) & 1);
        values[i] = game_value(game, masks[i]);
    }
    for (size_t i = 0; i < p && visit == 0; i++)
        assert_int_equal(masks[row_game_without(p, i)] & ((UINT64_C(1) << p) - 1), ((UINT64_C(1) << p) - 1) & ~(UINT64_C(1) << i));
    if (visit == 0 || !row_game_is_exact(p))
        row_game_solve(p, orders, values, first, second);
}

static void brute_force(const test_game *game, double *phi)
{
    const size_t p = game->n_players;
    for (size_t i = 0; i < p; i++) {
        phi[i] = 0;
        for (uint64_t mask = 0; mask < UINT64_C(1) << p; mask++) {
            const int size = __builtin_popcountll(mask);
            if (!(mask >> i & 1))
                phi[i] += tgamma(size + 1) * tgamma((double)p - size) / tgamma((double)p + 1) *
                          (game_value(game, mask | UINT64_C(1) << i) - game_value(game, mask));
        }
    }
}

static const double game_a[MOST] = {0.5, -1.25, 2, 0, 0.75, -0.5, 1, 0.25};

static void few_players_are_exact_and_many_add_up(void **state)
{
    (void)state;
    for (size_t p = 1; p <= MOST; p++) {
        const test_game game = {p, game_a, 0.3, 0.2};
        double first[MOST], second[MOST], phi[MOST], sum = 0;
        solve(&game, 0, 7, first, second);
        brute_force(&game, phi);
        for (size_t i = 0; i < p; i++) {
            sum += 0.5 * (first[i] + second[i]);
            if (row_game_is_exact(p))
                assert_near(phi[i], first[i], 1e-12);
            if (game_a[i] == 0) // a dummy
                assert_near(0, fabs(first[i]) + fabs(second[i]), 1e-12);
        }
        assert_near(game_value(&game, (UINT64_C(1) << p) - 1) - game_value(&game, 0), sum, 1e-12);
    }
}

// Backwards undoes what pairs of players do forwards.
static void games_of_pairs_are_exact_in_one_visit(void **state)
{
    (void)state;
    const test_game game = {MOST, game_a, 0.3, 0};
    double first[MOST], second[MOST], phi[MOST];
    solve(&game, 5, 7, first, second);
    brute_force(&game, phi);
    for (size_t i = 0; i < MOST; i++) {
        assert_near(phi[i], first[i], 1e-12);
        assert_near(phi[i], second[i], 1e-12);
    }
}

// Estimates of the same rows by other visits scatter as the standard error says, around the exact values.
static void the_error_of_sampling_is_that_of_sampling(void **state)
{
    (void)state;
    enum { ROWS = 10, VISITS = 3, TRIALS = 150 };
    static const uint32_t groups[MOST] = {0, 1, 2, 3, 4, 5, 6, 7};
    const test_game game = {MOST, game_a, 0.3, 0.5};
    double phi[MOST], squares[MOST] = {0}, stated[MOST] = {0}, over_rows[MOST] = {0};
    asc_error err;
    brute_force(&game, phi);
    for (size_t trial = 0; trial < TRIALS; trial++) {
        sage_sums sums;
        assert_int_equal(sage_create(MOST, &sums, &err), ASC_OK);
        for (; sums.n_visits < VISITS; sums.n_visits++)
            for (size_t row = 0; row < ROWS; row++) {
                double first[MOST], second[MOST];
                solve(&game, trial * VISITS + sums.n_visits, row, first, second);
                sage_add(&sums, &(sage_row){MOST, false, groups, first, second, 1, 2});
            }
        for (size_t i = 0; i < MOST; i++) {
            const sage_value value = sage_estimate(&sums, i);
            squares[i] += (value.value - phi[i]) * (value.value - phi[i]);
            stated[i] += value.sampling_error * value.sampling_error;
            over_rows[i] += value.population_error * value.population_error;
        }
        sage_free(&sums);
    }
    for (size_t i = 0; i < MOST; i++)
        if (game_a[i] != 0 && !(squares[i] / stated[i] > 0.7 && squares[i] / stated[i] < 1.4))
            fail_msg("player %zu: squared errors %g, stated %g", i, squares[i] / TRIALS, stated[i] / TRIALS);
    // All rows are equal: there is no other error than that of sampling, but for what a spread over rows that is kept from falling below 0
    // adds, 0.4 to 0.7 of it with so few rows. A spread of sampling that is counted among the rows' own makes the ratio 1 + VISITS.
    for (size_t i = 0; i < MOST; i++)
        if (game_a[i] != 0 && !(over_rows[i] / stated[i] < 2.5))
            fail_msg("player %zu: of rows and orders %g, of orders %g", i, over_rows[i] / TRIALS, stated[i] / TRIALS);
}

static void convergence_is_finite(void **state)
{
    (void)state;
    static const double refused[] = {0, -1, NAN, INFINITY};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        asc_importance_job job = asc_importance_job_default();
        asc_importance *made;
        asc_error err;
        job.model_path = job.dataset_path = "nothing there";
        job.convergence = refused[i];
        assert_int_equal(asc_importance_make(&job, &made, &err), ASC_USAGE);
        assert_non_null(strstr(err.message, "--convergence"));
    }
}

static void slices_have_few_long_rows(void **state)
{
    (void)state;
    static const struct {
        size_t n_rows, n_features, n_classes, expected;
    } cases[] = {{0, 0, 2, 256}, {1000, 20000, 3, 256}, {1000, 511000, 1000, 8}, {2, 2000000, 1000, 1}, {1, SIZE_MAX - 1, 2, 1}, {1, SIZE_MAX / 8, 5, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const asc_dataset_info data = {.n_rows = cases[i].n_rows, .n_features = cases[i].n_features};
        assert_int_equal(row_visit_rows_at_once(&data, cases[i].n_classes), cases[i].expected);
    }
}

// ---- The sage package, in closed form: phi_i = a_i (2 y - sum of a) ------------------------------------------------

static void read_numbers(FILE *file, double *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fscanf(file, "%lf", &numbers[i]), 1);
}

static void sage_finds_the_same(void **state)
{
    (void)state;
    static const uint32_t groups[MOST] = {0, 1, 2, 3, 4, 5, 6, 7};
    size_t n_rows = 0, p = 0;
    double rows[MOST_ROWS][MOST + 1], values[MOST], std[MOST], closed[MOST] = {0};
    sage_sums sums;
    asc_error err;
    FILE *file = fopen(SAGE_FILE, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &n_rows, &p), 2);
    assert_true(n_rows >= 20 && n_rows <= MOST_ROWS && p > ROW_GAME_MOST_EXACT && p <= MOST);
    assert_int_equal(sage_create(p, &sums, &err), ASC_OK);
    for (size_t row = 0; row < n_rows; row++) {
        double first[MOST], second[MOST], sum = 0;
        read_numbers(file, rows[row], p + 1);
        solve(&(test_game){p, rows[row], rows[row][p], 0}, 0, row, first, second);
        sage_add(&sums, &(sage_row){p, false, groups, first, second, 0, 0});
        for (size_t i = 0; i < p; i++)
            sum += rows[row][i];
        for (size_t i = 0; i < p; i++)
            closed[i] += rows[row][i] * (2 * rows[row][p] - sum) / (double)n_rows;
    }
    sums.n_visits = 1;
    read_numbers(file, values, p);
    read_numbers(file, std, p);
    fclose(file);
    for (size_t i = 0; i < p; i++) {
        const sage_value value = sage_estimate(&sums, i);
        assert_near(closed[i], value.value, 1e-12);
        assert_near(values[i], value.value, 3 * std[i] + 1e-12);
        assert_near(0, value.sampling_error, 1e-12);
    }
    sage_free(&sums);
}

// ---- Losses and areas ----------------------------------------------------------------------------------------------

static void losses_are_those_of_the_book(void **state)
{
    (void)state;
    const double logits[3] = {800, 801, -5};
    const uint8_t classes[3] = {1, 0, 0};
    assert_near(log(1 + exp(1)), loss_of(LOSS_CROSS_ENTROPY, logits, 3, (row_label){.class_index = 0}), 1e-12);
    assert_near(801 + log1p(exp(-5)), loss_of(LOSS_BINARY_CROSS_ENTROPY, logits, 3, (row_label){.classes = classes}), 1e-12);
    assert_near(4, loss_of(LOSS_SQUARED_ERROR, logits, 1, (row_label){.number = 798}), 1e-12);
    assert_true(loss_is_right(LOSS_CROSS_ENTROPY, logits, 3, (row_label){.class_index = 1}));
    assert_false(loss_is_right(LOSS_CROSS_ENTROPY, logits, 3, (row_label){.class_index = 0}));
    assert_false(loss_is_right(LOSS_BINARY_CROSS_ENTROPY, logits, 3, (row_label){.classes = classes}));
}

static void delong_by_hand(void **state)
{
    (void)state;
    enum { N = 6 };
    static const uint8_t positive[N] = {1, 0, 1, 0, 1, 0};
    static const double full[N] = {3, 1, 2, 2, 5, 0}, changed[N] = {1, 1, 2, 3, 5, 0};
    double components[N], others[N], area, other, error;
    asc_error err;
    const auc_rows rows = {N, 1, positive};
    assert_int_equal(auc_rank(&rows, full, components, &area, &err), ASC_OK);
    assert_int_equal(auc_rank(&rows, changed, others, &other, &err), ASC_OK);
    assert_near(8.5 / 9, area, 1e-15);
    assert_near(6.5 / 9, other, 1e-15);
    assert_int_equal(auc_difference_error(&rows, components, others, &error, &err), ASC_OK);
    // Differences: positive 1 - 1/2, 5/6 - 2/3, 0; negative 1 - 5/6, 5/6 - 1/3, 0: both have the deviations 5/18, -1/18, -4/18.
    assert_near(sqrt(2 * (25 + 1 + 16) / 324.0 / 6), error, 1e-15);
    const uint8_t none[N] = {0};
    assert_int_equal(auc_rank(&(auc_rows){N, 1, none}, full, components, &area, &err), ASC_OK);
    assert_true(isnan(area));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_players_are_exact_and_many_add_up),
        cmocka_unit_test(games_of_pairs_are_exact_in_one_visit),
        cmocka_unit_test(the_error_of_sampling_is_that_of_sampling),
        cmocka_unit_test(convergence_is_finite),
        cmocka_unit_test(slices_have_few_long_rows),
        cmocka_unit_test(sage_finds_the_same),
        cmocka_unit_test(losses_are_those_of_the_book),
        cmocka_unit_test(delong_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
