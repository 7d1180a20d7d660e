// The maps of designs: against brute force, on additive games, below the least budget; the prior error
// against its definition.
#include "../design_testing.h"
#include "base/dense.h"
#include "coalition/leverage.h"
#include "coalition/wls.h"

// Mean marginal contribution over all orders.
static void exact_equals_all_permutations(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 7; n++) {
        double expected[7] = {0};
        size_t permutation[7] = {0, 1, 2, 3, 4, 5, 6};
        double n_orders = 0;
        do {
            uint64_t mask = 0;
            double before = random_value(&mask, n, n);
            for (size_t k = 0; k < n; k++) {
                mask |= (uint64_t)1 << permutation[k];
                const double after = random_value(&mask, n, n);
                expected[permutation[k]] += after - before;
                before = after;
            }
            n_orders++;
        } while (next_permutation(n, permutation));
        for (size_t i = 0; i < n; i++)
            expected[i] /= n_orders;
        design *d = make_exact(n);
        double *phi = attribute(d, random_value, n);
        assert_close(n, phi, expected, 1e-12);
        free(phi);
        design_free(d);
    }
}

static void shapley_by_subsets(size_t n, uint64_t game, double *phi)
{
    for (size_t i = 0; i < n; i++) {
        phi[i] = 0;
        for (uint64_t mask = 0; mask < (uint64_t)1 << n; mask++) {
            if (mask >> i & 1)
                continue;
            const uint64_t with = mask | (uint64_t)1 << i;
            const double weight = 1 / ((double)n * choose(n - 1, size_of(&mask, n)));
            phi[i] += weight * (random_value(&with, n, game) - random_value(&mask, n, game));
        }
    }
}

static void exact_equals_all_subsets_and_wls_at_full_budget(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 12; n++) {
        double expected[12];
        shapley_by_subsets(n, 100 + n, expected);
        design *d = make_exact(n);
        assert_int_equal(d->n_coalitions, (size_t)1 << n);
        assert_false(d->relabelled);
        assert_int_equal(d->error_kind, DESIGN_ERROR_NONE);
        check_anchors_and_complements(d);
        check_distinct(d);
        check_map_is_efficient(d);
        double *phi = attribute(d, random_value, 100 + n);
        assert_close(n, phi, expected, 1e-12);
        free(phi);
        design_free(d);

        d = make_wls(n, SIZE_MAX);
        assert_int_equal(d->n_coalitions, (size_t)1 << n);
        phi = attribute(d, random_value, 100 + n);
        assert_close(n, phi, expected, 1e-9);
        free(phi);
        design_free(d);
    }
}

static void additive_games_are_reproduced(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof grid / sizeof grid[0]; k++) {
        const size_t n = grid[k].n;
        design *d = make_wls(n, grid[k].budget);
        if (!d->under_determined) {
            double *expected = calloc(n, sizeof *expected);
            for (size_t i = 0; i < n; i++)
                expected[i] = sin(1.7 * (double)i) + 0.1;
            double *phi = attribute(d, additive_value, 3);
            assert_close(n, phi, expected, n > 200 ? 1e-8 : 1e-9);
            free(phi);
            free(expected);
        }
        design_free(d);
    }
    for (size_t n = 4; n <= 30; n++) { // the least budget that determines phi
        design *d = make_wls(n, 2 * n);
        double *phi = attribute(d, additive_value, 0);
        for (size_t i = 0; i < n; i++)
            assert_true(fabs(phi[i] - (sin(1.7 * (double)i) + 0.1)) < 1e-9);
        assert_false(d->under_determined);
        free(phi);
        design_free(d);
    }
}

// Below 2n: phi - Delta/n = A+ X~' Omega (contrasts - Delta mean(x)), by the pseudo-inverse whatever way the
// design took.
static void too_small_budgets_take_the_minimum_norm(void **state)
{
    (void)state;
    static const size_t cases[][2] = {{3, 2},   {3, 4},   {5, 8},    {14, 2},
                                      {14, 26}, {40, 50}, {64, 100}, {65, 128}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const size_t n = cases[k][0];
        design *d = make_wls(n, cases[k][1]);
        assert_true(d->under_determined);
        assert_null(d->loo_factor);
        double *gram = calloc(n * n, sizeof *gram);
        double *rows = calloc(d->n_contrasts * n, sizeof *rows);
        double *weights = calloc(d->n_contrasts, sizeof *weights);
        size_t counts[32];
        leverage_sizes(n, d->n_contrasts - 1, counts);
        for (size_t q = 1; q < d->n_contrasts; q++) {
            const size_t s = size_of(coalition(d, 2 * q), n);
            const double mean = (2.0 * (double)s - (double)n) / (double)n;
            weights[q] = (2 * s == n ? 0.5 : 1) / (double)(counts[s - 1] * s * (n - s));
            for (size_t i = 0; i < n; i++)
                rows[q * n + i] = (mask_has(coalition(d, 2 * q), i) ? 1 : -1) - mean;
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                    gram[i * n + j] += weights[q] * rows[q * n + i] * rows[q * n + j];
        }
        assert_int_equal(dense_symmetric_pseudo_inverse(n, gram, 1e-10, NULL, NULL), ASC_OK);
        for (size_t q = 1; q < d->n_contrasts; q++) {
            for (size_t i = 0; i < n; i++) {
                double expected = 0;
                for (size_t j = 0; j < n; j++)
                    expected += weights[q] * gram[i * n + j] * rows[q * n + j];
                assert_true(fabs(d->map[i * d->n_contrasts + q] - expected) < 1e-7);
            }
        }
        free(weights);
        free(rows);
        free(gram);
        design_free(d);
    }
}

// Two pairs that are the same row of the regression: no Cholesky factor anywhere, the pseudo-inverse halves
// the weight.
static void repeated_rows_take_the_pseudo_inverse(void **state)
{
    (void)state;
    enum { N = 5 };
    const size_t counts[N / 2] = {2, 0};
    for (int minimum_norm = 0; minimum_norm < 2; minimum_norm++) {
        uint64_t masks[] = {31, 0, 1, 30, 1, 30};
        double map[N * 3];
        design d = {
            .n_features = N, .n_coalitions = 6, .n_contrasts = 3, .paired = true, .masks = masks, .map = map};
        assert_int_equal(wls_solve(&d, counts, minimum_norm, NULL), ASC_OK);
        assert_true(d.under_determined);
        assert_int_equal(d.error_kind, DESIGN_ERROR_UNDEFINED);
        assert_null(d.loo_factor);
        // x = (1, -1, -1, -1, -1), centred (8, -2, -2, -2, -2) / 5, squared norm 80 / 25.
        for (size_t i = 0; i < N; i++) {
            const double expected = (i == 0 ? 1.6 : -0.4) / 3.2 / 2;
            assert_true(fabs(map[i * 3 + 1] - expected) < 1e-12);
            assert_true(fabs(map[i * 3 + 2] - expected) < 1e-12);
        }
    }
}

static double kernel_section(const uint64_t *mask, size_t n, uint64_t other)
{
    const double b = atanh(sqrt(0.6 / ((double)(n - 1) * (double)(n - 2))));
    double u = 0;
    for (size_t i = 0; i < n; i++)
        u += (mask[0] >> i & 1) == (other >> i & 1) ? 1 : -1;
    return sinh(b * u) / sinh(b * (double)n);
}

// J from its definition, with brute-force Shapley values of the kernel's sections for W and of those again
// for V0.
static void prior_error_is_its_definition(void **state)
{
    (void)state;
    static const size_t cases[][2] = {{3, 2}, {5, 10}, {6, 20}, {8, 60}, {8, 10}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const size_t n = cases[k][0];
        design *d = make_wls(n, cases[k][1]);
        design *exact = make_exact(n);
        double *w_of_mask = calloc(n << n, sizeof *w_of_mask); // [2^n, n]
        for (uint64_t mask = 0; mask < (uint64_t)1 << n; mask++) {
            double *w = attribute(exact, kernel_section, mask);
            memcpy(w_of_mask + mask * n, w, n * sizeof *w);
            free(w);
        }
        double variance = 0;
        for (size_t q = 0; q < exact->n_contrasts; q++) {
            const size_t a = (size_t)coalition(exact, 2 * q)[0];
            const size_t b = (size_t)coalition(exact, 2 * q + 1)[0];
            variance += exact->map[q] * (w_of_mask[a * n] - w_of_mask[b * n]);
        }
        double sum = (double)n * variance;
        for (size_t p = 0; p < d->n_contrasts; p++) {
            const uint64_t mask = coalition(d, 2 * p)[0];
            for (size_t i = 0; i < n; i++) {
                const double c = 2 * d->map[i * d->n_contrasts + p];
                sum -= 2 * c * w_of_mask[mask * n + i];
                for (size_t q = 0; q < d->n_contrasts; q++)
                    sum += c * 2 * d->map[i * d->n_contrasts + q] *
                           kernel_section(&mask, n, coalition(d, 2 * q)[0]);
            }
        }
        assert_true(sum > 0);
        assert_true(fabs(design_prior_error(d) - sum / (double)n) < 1e-12);
        assert_true(fabs(design_prior_error(exact)) < 1e-12);
        free(w_of_mask);
        design_free(exact);
        design_free(d);
    }
}

// The design is the best of the promised number of candidates, the first one where only one is allowed.
static void the_best_candidate_is_taken(void **state)
{
    (void)state;
    static const size_t cases[][3] = {{7, 28, 64},   {14, 56, 64},  {32, 128, 64},
                                      {33, 132, 16}, {64, 256, 16}, {65, 260, 1}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const size_t n = cases[k][0];
        const size_t n_pairs = cases[k][1] / 2;
        const size_t n_words = mask_words(n);
        design *d = make_wls(n, cases[k][1]);
        size_t counts[32];
        leverage_sizes(n, n_pairs, counts);
        double best = INFINITY;
        size_t winner = SIZE_MAX;
        design other = *d;
        other.masks = malloc(d->n_coalitions * n_words * sizeof *other.masks);
        other.map = malloc(n * d->n_contrasts * sizeof *other.map);
        for (size_t candidate = 0; candidate < cases[k][2]; candidate++) {
            memset(other.masks, 0, d->n_coalitions * n_words * sizeof *other.masks);
            memcpy(other.masks, d->masks, n_words * sizeof *other.masks);
            assert_int_equal(leverage_draw(n, counts, candidate, other.masks + 2 * n_words, NULL), ASC_OK);
            assert_int_equal(wls_solve(&other, counts, false, NULL), ASC_OK);
            const double error = design_prior_error(&other);
            free(other.loo_factor);
            if (error < best) {
                best = error;
                winner = candidate;
            }
            if (cases[k][2] == 1)
                assert_memory_equal(other.masks, d->masks, d->n_coalitions * n_words * sizeof *other.masks);
        }
        assert_true(fabs(design_prior_error(d) - best) < 1e-9 * best);
        assert_true(cases[k][2] == 1 || winner != 0); // else this test could not tell
        free(other.map);
        free(other.masks);
        design_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_equals_all_permutations),
        cmocka_unit_test(exact_equals_all_subsets_and_wls_at_full_budget),
        cmocka_unit_test(additive_games_are_reproduced),
        cmocka_unit_test(too_small_budgets_take_the_minimum_norm),
        cmocka_unit_test(repeated_rows_take_the_pseudo_inverse),
        cmocka_unit_test(prior_error_is_its_definition),
        cmocka_unit_test(the_best_candidate_is_taken),
    };
    return cmocka_run_group_tests_name("design_map", tests, NULL, NULL);
}
