// Designs that rows draw themselves: KernelExplainer's plan and weights, antithetic walks, lime's neighbourhood; and the laws of the
// solvers on them.
#include "../row_design_testing.h"

enum { N = 8 };

static row_design drawn(asc_status (*draw)(const row_draw *, row_design *, asc_error *), const row_draw *how, size_t capacity)
{
    row_design d = make_row_design(how->n_features, capacity);
    assert_int_equal(draw(how, &d, NULL), ASC_OK);
    assert_true(d.count >= 2 && d.count <= capacity);
    assert_int_equal(size_of(row_coalition(&d, 0), d.n_features), d.n_features);
    assert_int_equal(size_of(row_coalition(&d, 1), d.n_features), 0);
    return d;
}

static row_design drawn_shap(uint64_t row_id, size_t n, size_t budget)
{
    const row_draw how = {5, row_id, n, budget};
    return drawn(kernel_shap_draw, &how, budget + 2);
}

static row_design drawn_walks(uint64_t row_id, size_t n, size_t n_walks)
{
    const row_draw how = {5, row_id, n, n_walks * walks_length(n)};
    return drawn(walks_draw, &how, how.budget + 2);
}

static row_design drawn_lime(uint64_t row_id, size_t n, size_t budget)
{
    const row_draw how = {5, row_id, n, budget};
    return drawn(lime_draw, &how, lime_capacity(n, budget));
}

static bool complements(const row_design *d, size_t a, size_t b)
{
    for (size_t w = 0; w < mask_words(d->n_features); w++)
        if ((row_coalition(d, a)[w] ^ row_coalition(d, b)[w]) != row_coalition(d, 0)[w])
            return false;
    return true;
}

// ---- KernelExplainer --------------------------------------------------------------------------------------------

// Sizes enumerated at shap's own budget of 2n + 2048, and coalitions that takes; worked out from its source for numpy's stream and
// independent of it.
static const struct {
    size_t n, budget, n_enumerated;
} plans[] = {{8, 254, 254},  {11, 2046, 2046}, {12, 2072, 596}, {16, 2080, 272},  {20, 2088, 420},
             {24, 2096, 48}, {32, 2112, 64},   {64, 2176, 128}, {128, 2304, 256}, {256, 2560, 0}};
enum { N_PLANS = sizeof plans / sizeof *plans };

static void shap_enumerates_and_draws_by_its_plan(void **state)
{
    (void)state;
    for (size_t p = 0; p < N_PLANS; p++) {
        const size_t n = plans[p].n, n_paired = (n - 1) / 2;
        row_design d = drawn_shap(p, n, plans[p].budget);
        assert_int_equal(d.count, plans[p].budget + 2);
        assert_int_equal(d.n_draws, plans[p].budget);
        double sum = 0;
        for (size_t c = 2; c < d.count; c++)
            sum += d.weights[c];
        assert_true(fabs(sum - 1) < 1e-12);
        for (size_t c = 2; c < d.count; c++) {
            const size_t size = size_of(row_coalition(&d, c), n);
            assert_true(size >= 1 && size < n);
            if (size > n_paired) // an unpaired middle size, or the complement of a smaller one
                continue;
            if (c + 1 < d.count) {
                assert_true(complements(&d, c, c + 1));
                assert_true(fabs(d.weights[c] - d.weights[c + 1]) < 1e-15 || c - 2 >= plans[p].n_enumerated);
            }
        }
        for (size_t c = 2; c < 2 + plans[p].n_enumerated; c++) { // the Shapley kernel, scaled
            const double size = (double)size_of(row_coalition(&d, c), n), smallest = d.weights[2];
            const double ratio = lgamma(size + 1) + lgamma((double)n - size + 1) - lgamma(2) - lgamma((double)n);
            const double kernel = exp(ratio) * ((double)n - 1) / (size * ((double)n - size));
            assert_true(fabs(d.weights[c] / smallest / kernel - 1) < 1e-10);
        }
        free_row_design(&d);
    }
}

// Sizes of what is drawn follow 1 / (s (n - s)), and no coalition is drawn as a new one twice.
static void shap_draws_sizes_by_the_kernel(void **state)
{
    (void)state;
    enum { ROWS = 40, FEATURES = 24, BUDGET = 400 };
    double found[FEATURES + 1] = {0}, total = 0, expected_total = 0;
    for (uint64_t row = 0; row < ROWS; row++) {
        row_design d = drawn_shap(row, FEATURES, BUDGET);
        for (size_t c = 2 + 2 * FEATURES; c < d.count; c++) {
            found[size_of(row_coalition(&d, c), FEATURES)] += d.weights[c];
            for (size_t other = 2; row == 0 && other < c; other++)
                assert_true(row_coalition(&d, c)[0] != row_coalition(&d, other)[0]);
        }
        free_row_design(&d);
    }
    for (size_t s = 2; s <= FEATURES - 2; s++) {
        total += found[s];
        expected_total += 1.0 / (double)(s * (FEATURES - s));
    }
    for (size_t s = 2; s <= FEATURES - 2; s++) {
        const double expected = 1.0 / (double)(s * (FEATURES - s)) / expected_total;
        // About 350 draws a row; five standard deviations of a proportion, twice that for pairs that come together.
        assert_true(fabs(found[s] / total - expected) < 10 * sqrt(expected / (ROWS * 350)));
    }
}

static void draws_depend_on_seed_and_row_alone(void **state)
{
    (void)state;
    row_design first = drawn_shap(1, 20, 600), same = drawn_shap(1, 20, 600), other = drawn_shap(2, 20, 600);
    assert_memory_equal(first.masks, same.masks, first.count * sizeof(uint64_t));
    assert_memory_equal(first.weights, same.weights, first.count * sizeof(double));
    assert_memory_not_equal(first.masks, other.masks, first.count * sizeof(uint64_t));
    const row_draw seeded = {6, 1, 20, 600};
    assert_int_equal(kernel_shap_draw(&seeded, &other, NULL), ASC_OK);
    assert_memory_not_equal(first.masks, other.masks, first.count * sizeof(uint64_t));
    row_design walks = drawn_walks(1, 20, 3), more = drawn_walks(1, 20, 5);
    assert_memory_equal(walks.masks, more.masks, walks.count * sizeof(uint64_t));
    row_design *all[] = {&first, &same, &other, &walks, &more};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free_row_design(all[i]);
}

// ---- Walks ------------------------------------------------------------------------------------------------------

static row_solution solve_one(const row_design *d, asc_solve_kind kind, value_function *value, uint64_t game)
{
    const row_solver solver = {ASC_BACKEND_REF, kind, ASC_SELECT_ALL, 1, 1};
    double *values = row_values(d, value, game);
    const row_solution found = solve_row_design(&solver, d, values);
    free(values);
    return found;
}

static double exact_gap(const double *phi, uint64_t game)
{
    design *d = make_exact(N);
    double *exact = attribute(d, random_value, game), gap = 0;
    for (size_t i = 0; i < N; i++)
        gap = fmax(gap, fabs(phi[i] - exact[i]));
    free(exact);
    design_free(d);
    return gap;
}

static void permutation_converges_to_exact(void **state)
{
    (void)state;
    enum { ROWS = 30 };
    static const size_t n_walks[] = {8, 128, 2048};
    double error[3] = {0};
    for (size_t w = 0; w < 3; w++)
        for (uint64_t row = 0; row < ROWS; row++) {
            row_design d = drawn_walks(row, N, n_walks[w]);
            row_solution found = solve_one(&d, ASC_SOLVE_WALKS, random_value, row);
            error[w] += exact_gap(found.phi, row) / ROWS;
            free_row_solution(&found);
            free_row_design(&d);
        }
    for (size_t w = 1; w < 3; w++) // 16 times the walks: a quarter of the error
        assert_true(error[w] < 0.33 * error[w - 1] && error[w] > 0.18 * error[w - 1]);
    // A walk and its way back have standard deviation sqrt(1/3) on these games; the largest of 8 features lies within 2.5 of them.
    assert_true(error[2] < 2.5 * sqrt(1.0 / 3 / 2048));
}

static void permutation_knows_its_error(void **state)
{
    (void)state;
    enum { ROWS = 300, WALKS = 40 };
    size_t n_covered = 0;
    for (uint64_t row = 0; row < ROWS; row++) {
        row_design d = drawn_walks(row, N, WALKS);
        row_solution found = solve_one(&d, ASC_SOLVE_WALKS, random_value, 3);
        design *all = make_exact(N);
        double *exact = attribute(all, random_value, 3);
        for (size_t i = 0; i < N; i++)
            n_covered += fabs(found.phi[i] - exact[i]) <= 2.02 * found.std_errors[i]; // t with 39 degrees of freedom, 95 %
        free(exact);
        design_free(all);
        free_row_solution(&found);
        free_row_design(&d);
    }
    const double coverage = (double)n_covered / (ROWS * N);
    assert_true(coverage > 0.93 && coverage < 0.97);
}

static void one_walk_has_no_error_and_two_features_need_no_more(void **state)
{
    (void)state;
    row_design d = drawn_walks(1, N, 1);
    row_solution found = solve_one(&d, ASC_SOLVE_WALKS, random_value, 3);
    for (size_t i = 0; i < N; i++)
        assert_true(isnan(found.std_errors[i]) && isfinite(found.phi[i]));
    free_row_solution(&found);
    free_row_design(&d);
    d = drawn_walks(1, 2, 1);
    found = solve_one(&d, ASC_SOLVE_WALKS, random_value, 3);
    design *all = make_exact(2);
    double *exact = attribute(all, random_value, 3);
    assert_true(fabs(found.phi[0] - exact[0]) < 1e-14 && fabs(found.phi[1] - exact[1]) < 1e-14);
    free(exact);
    design_free(all);
    free_row_solution(&found);
    free_row_design(&d);
}

// ---- Laws -------------------------------------------------------------------------------------------------------

static double weighted_sum(const uint64_t *mask, size_t n, uint64_t game)
{
    return 3 * random_value(mask, n, game) - 0.25 * random_value(mask, n, game + 1);
}

static void both_are_efficient_linear_and_exact_on_sums(void **state)
{
    (void)state;
    static const size_t sizes[] = {2, 3, 9, 30, 70};
    for (size_t s = 0; s < 5; s++)
        for (size_t kind = 0; kind < 2; kind++) {
            const size_t n = sizes[s];
            row_design d = kind ? drawn_shap(s, n, n <= 9 ? design_full_budget(n) / 2 + n : 8 * n) : drawn_walks(s, n, 3);
            const asc_solve_kind solve = kind ? ASC_SOLVE_CONSTRAINED : ASC_SOLVE_WALKS;
            row_solution a = solve_one(&d, solve, random_value, 10), b = solve_one(&d, solve, random_value, 11);
            row_solution both = solve_one(&d, solve, weighted_sum, 10), sum = solve_one(&d, solve, additive_value, 10);
            double left = a.anchors[0] - a.anchors[1];
            for (size_t i = 0; i < n; i++) {
                uint64_t alone[2] = {0}, none[2] = {0};
                mask_add(alone, i);
                left -= a.phi[i];
                assert_true(fabs(both.phi[i] - (3 * a.phi[i] - 0.25 * b.phi[i])) < 1e-9);
                assert_true(fabs(sum.phi[i] - (additive_value(alone, n, 10) - additive_value(none, n, 10))) < 1e-9);
            }
            assert_true(fabs(left) < 1e-9);
            free_row_solution(&sum);
            free_row_solution(&both);
            free_row_solution(&b);
            free_row_solution(&a);
            free_row_design(&d);
        }
}

static void too_few_coalitions_take_the_minimum_norm(void **state)
{
    (void)state;
    row_design d = drawn_shap(1, 40, 20);
    row_solution found = solve_one(&d, ASC_SOLVE_CONSTRAINED, random_value, 3);
    double left = found.anchors[0] - found.anchors[1];
    for (size_t i = 0; i < 40; i++)
        left -= found.phi[i];
    assert_int_equal(found.deficient, 1);
    assert_true(fabs(left) < 1e-9);
    free_row_solution(&found);
    free_row_design(&d);
}

// ---- lime -------------------------------------------------------------------------------------------------------

static void lime_removes_uniformly_and_weighs_by_distance(void **state)
{
    (void)state;
    enum { FEATURES = 40, SAMPLES = 20000 };
    row_design d = drawn_lime(1, FEATURES, SAMPLES);
    // Weights for 1/4, 1/2, 3/4 and all of the features removed.
    static const double known[][2] = {{30, .866}, {20, .503}, {10, .135}, {0, 3.35e-4}};
    double n_samples[FEATURES + 1] = {0}, features[FEATURES] = {0};
    assert_true(fabs(d.weights[0] - 1) < 1e-15);
    assert_int_equal(d.n_draws, SAMPLES + 1);
    for (size_t c = 1; c < d.count; c++) {
        const size_t n_kept = size_of(row_coalition(&d, c), FEATURES);
        const double distance = 100 * (1 - sqrt((double)n_kept / FEATURES)), weight = exp(-distance * distance / 1250);
        const double times = d.weights[c] / weight;
        assert_true(fabs(times - rint(times)) < 1e-9 && times > 0.5);
        n_samples[n_kept] += times;
        for (size_t i = 0; i < FEATURES; i++)
            features[i] += mask_has(row_coalition(&d, c), i) ? times : 0;
        for (size_t k = 0; k < 4; k++)
            assert_true(n_kept != (size_t)known[k][0] || fabs(weight / known[k][1] - 1) < 5e-3);
    }
    for (size_t kept = 0; kept < FEATURES; kept++)
        assert_true(fabs(n_samples[kept] - SAMPLES / FEATURES) < 5 * sqrt((double)SAMPLES / FEATURES));
    for (size_t i = 0; i < FEATURES; i++) // each is kept in (n - 1) / 2n of the samples
        assert_true(fabs(features[i] - SAMPLES * (FEATURES - 1) / (2.0 * FEATURES)) < 5 * sqrt(SAMPLES / 4.0));
    assert_true(n_samples[FEATURES] == 0);
    free_row_design(&d);
}

static void lime_evaluates_equal_samples_once(void **state)
{
    (void)state;
    row_design d = drawn_lime(1, 4, 5000), one = drawn_lime(1, 1, 7);
    assert_int_equal(d.count, 16);
    for (size_t c = 0; c < d.count; c++)
        for (size_t other = 0; other < c; other++)
            assert_true(row_coalition(&d, c)[0] != row_coalition(&d, other)[0]);
    assert_int_equal(one.count, 2);
    assert_true(fabs(one.weights[1] / (7 * exp(-8)) - 1) < 1e-12); // the distance of nothing is 100
    free_row_design(&one);
    free_row_design(&d);
}

// On a sum of features the unpenalised choice is exact and the last fit shrinks a little towards it.
static void lime_finds_the_features_of_a_sum(void **state)
{
    (void)state;
    enum { FEATURES = 12 };
    row_design d = drawn_lime(1, FEATURES, 3000);
    static const asc_selection selections[] = {ASC_SELECT_ALL, ASC_SELECT_FORWARD, ASC_SELECT_HIGHEST, ASC_SELECT_LASSO};
    double *values = row_values(&d, additive_value, 10);
    for (size_t k = 0; k < 4; k++) {
        const row_solver solver = {ASC_BACKEND_REF, ASC_SOLVE_RIDGE, selections[k], 5, 1};
        row_solution found = solve_row_design(&solver, &d, values);
        size_t n_nonzero = 0;
        for (size_t i = 0; i < FEATURES; i++)
            n_nonzero += found.phi[i] != 0;
        assert_int_equal(n_nonzero, k == 0 ? FEATURES : 5);
        assert_true(found.fit[1] <= 1 && found.fit[1] > (k == 0 ? 0.999 : 0.5));
        free_row_solution(&found);
    }
    free(values);
    free_row_design(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shap_enumerates_and_draws_by_its_plan),
        cmocka_unit_test(shap_draws_sizes_by_the_kernel),
        cmocka_unit_test(draws_depend_on_seed_and_row_alone),
        cmocka_unit_test(permutation_converges_to_exact),
        cmocka_unit_test(permutation_knows_its_error),
        cmocka_unit_test(one_walk_has_no_error_and_two_features_need_no_more),
        cmocka_unit_test(both_are_efficient_linear_and_exact_on_sums),
        cmocka_unit_test(too_few_coalitions_take_the_minimum_norm),
        cmocka_unit_test(lime_removes_uniformly_and_weighs_by_distance),
        cmocka_unit_test(lime_evaluates_equal_samples_once),
        cmocka_unit_test(lime_finds_the_features_of_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
