// Shapley's axioms and the designs' own laws on games whose Shapley values have a closed form.
//
// Efficiency, symmetry, dummy and linearity with the exact design and with wls at full budget; efficiency,
// linearity and equivariance under renaming of the features with sampled wls, which has no other law for a
// single row.
#include "../design_testing.h"

// A game of 8 features and its Shapley values.
enum { N = 8 };

static double additive(const uint64_t *mask, size_t n, uint64_t unused)
{
    (void)unused;
    double sum = 0.5; // v(empty) need not be 0
    for (size_t i = 0; i < n; i++)
        sum += mask_has(mask, i) ? (double)i - 2.5 : 0;
    return sum;
}

static void additive_phi(double *phi)
{
    for (size_t i = 0; i < N; i++)
        phi[i] = (double)i - 2.5;
}

// Feature 0 holds a left glove, features 1 .. 6 right gloves, feature 7 nothing: value 1 for a pair.
static double glove(const uint64_t *mask, size_t n, uint64_t unused)
{
    (void)n;
    (void)unused;
    return (mask[0] & 1) && (mask[0] & 0x7E) ? 1 : 0;
}

static void glove_phi(double *phi)
{
    phi[0] = 6.0 / 7;
    for (size_t i = 1; i < 7; i++)
        phi[i] = 1.0 / 42;
    phi[7] = 0;
}

// Value 1 when features 1, 4 and 5 are all there.
static double unanimity(const uint64_t *mask, size_t n, uint64_t unused)
{
    (void)n;
    (void)unused;
    return (mask[0] & 0x32) == 0x32 ? 1 : 0;
}

static void unanimity_phi(double *phi)
{
    for (size_t i = 0; i < N; i++)
        phi[i] = 0x32 >> i & 1 ? 1.0 / 3 : 0;
}

// A runway costs what its largest aeroplane needs; aeroplane i needs (i + 1)^2, but 2 and 3 need the same.
static double need(size_t i)
{
    return i == 3 ? 9 : (double)((i + 1) * (i + 1));
}

static double airport(const uint64_t *mask, size_t n, uint64_t unused)
{
    (void)unused;
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        if (mask_has(mask, i))
            largest = fmax(largest, need(i));
    return largest;
}

// Every stretch of runway is shared by those who need it (Littlechild & Owen 1973).
static void airport_phi(double *phi)
{
    double share = 0;
    for (size_t i = 0; i < N; i++) {
        share += (need(i) - (i > 0 ? need(i - 1) : 0)) / (double)(N - i);
        phi[i] = share;
    }
}

static double majority(const uint64_t *mask, size_t n, uint64_t unused)
{
    (void)unused;
    return 2 * size_of(mask, n) > n ? 1 : 0;
}

static void majority_phi(double *phi)
{
    for (size_t i = 0; i < N; i++)
        phi[i] = 1.0 / N;
}

static const struct {
    value_function *value;
    void (*closed_form)(double *phi);
} games[] = {
    {additive, additive_phi}, {glove, glove_phi},       {unanimity, unanimity_phi},
    {airport, airport_phi},   {majority, majority_phi},
};
enum { N_GAMES = sizeof games / sizeof games[0] };

static void enumeration_gives_the_closed_form(void **state)
{
    (void)state;
    design *designs[] = {make_exact(N), make_wls(N, SIZE_MAX)};
    static const double tolerance[] = {1e-12, 1e-9};
    for (size_t d = 0; d < 2; d++) {
        for (size_t g = 0; g < N_GAMES; g++) {
            double expected[N];
            games[g].closed_form(expected);
            double *phi = attribute(designs[d], games[g].value, 0);
            assert_close(N, phi, expected, tolerance[d]);
            free(phi);
        }
        design_free(designs[d]);
    }
}

static double efficiency_gap(const design *d, value_function *value, uint64_t game, const double *phi)
{
    double gap = value(coalition(d, 1), d->n_features, game) - value(coalition(d, 0), d->n_features, game);
    for (size_t i = 0; i < d->n_features; i++)
        gap += phi[i];
    return fabs(gap);
}

static design *every_kind(size_t k)
{
    switch (k) {
    case 0: return make_exact(N);
    case 1: return make_wls(N, SIZE_MAX);
    case 2: return make_wls(N, 2 * N);
    case 3: return make_wls(N, 8 * N);
    case 4: return make_wls(N, 6); // under-determined: minimum norm
    default: return NULL;
    }
}

static void attributions_sum_to_the_difference(void **state)
{
    (void)state;
    for (size_t k = 0; k < 5; k++) {
        design *d = every_kind(k);
        for (size_t g = 0; g < N_GAMES + 20; g++) {
            value_function *value = g < N_GAMES ? games[g].value : random_value;
            double *phi = attribute(d, value, g);
            assert_true(efficiency_gap(d, value, g, phi) < 1e-11);
            free(phi);
        }
        design_free(d);
    }
    static const size_t budgets[][2] = {{33, 66}, {64, 512}, {65, 512}, {200, 800}, {300, 40}};
    for (size_t k = 0; k < 5; k++) {
        design *d = make_wls(budgets[k][0], budgets[k][1]);
        double *phi = attribute(d, random_value, k);
        assert_true(efficiency_gap(d, random_value, k, phi) < 1e-10);
        free(phi);
        design_free(d);
    }
}

// Swaps features 2 and 5 of a mask.
static uint64_t swapped(uint64_t mask)
{
    const uint64_t differ = (mask >> 2 ^ mask >> 5) & 1;
    return mask ^ (differ << 2 | differ << 5);
}

static double symmetric_value(const uint64_t *mask, size_t n, uint64_t game)
{
    const uint64_t other = swapped(mask[0]);
    return random_value(mask, n, game) + random_value(&other, n, game);
}

static double dummy_value(const uint64_t *mask, size_t n, uint64_t game)
{
    const uint64_t without = mask[0] & ~(uint64_t)8;
    return random_value(&without, n, game);
}

static void enumeration_is_symmetric_and_ignores_dummies(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        design *d = every_kind(k);
        for (uint64_t game = 0; game < 30; game++) {
            double *phi = attribute(d, symmetric_value, game);
            assert_true(fabs(phi[2] - phi[5]) < 1e-10);
            assert_true(fabs(phi[2] - phi[3]) > 1e-6);
            free(phi);
            phi = attribute(d, dummy_value, game);
            assert_true(fabs(phi[3]) < 1e-10);
            assert_true(fabs(phi[2]) > 1e-9);
            free(phi);
        }
        design_free(d);
    }
}

static double combined_value(const uint64_t *mask, size_t n, uint64_t game)
{
    return 3 * random_value(mask, n, game) - 0.25 * random_value(mask, n, game + 1);
}

static void attributions_are_linear(void **state)
{
    (void)state;
    for (size_t k = 0; k < 5; k++) {
        design *d = every_kind(k);
        for (uint64_t game = 0; game < 20; game += 2) {
            double *first = attribute(d, random_value, game);
            double *second = attribute(d, random_value, game + 1);
            double *both = attribute(d, combined_value, game);
            for (size_t i = 0; i < N; i++)
                assert_true(fabs(both[i] - (3 * first[i] - 0.25 * second[i])) < 1e-11);
            free(both);
            free(second);
            free(first);
        }
        design_free(d);
    }
}

// A row's attributions when it renames its features: feature i reads the design's column permutation[i], and
// sees a game whose feature i is feature names[i] of the random game.
static void relabelled_row(const design *d, const int32_t *permutation, const int32_t *names, double *phi)
{
    const size_t n = d->n_features;
    double contrast[600];
    assert_true(d->n_contrasts <= 600);
    for (size_t q = 0; q < d->n_contrasts; q++) {
        double value[2];
        for (size_t side = 0; side < 2; side++) {
            uint64_t mask[2] = {0};
            for (size_t i = 0; i < n; i++)
                if (mask_has(coalition(d, 2 * q + side), (size_t)permutation[i]))
                    mask_add(mask, (size_t)names[i]);
            value[side] = random_value(mask, n, 77);
        }
        contrast[q] = value[0] - value[1];
    }
    for (size_t i = 0; i < n; i++) {
        phi[i] = 0;
        for (size_t q = 0; q < d->n_contrasts; q++)
            phi[i] += d->map[(size_t)permutation[i] * d->n_contrasts + q] * contrast[q];
    }
}

static void renaming_the_features_renames_the_attributions(void **state)
{
    (void)state;
    static const size_t cases[][2] = {{8, 32}, {14, 224}, {40, 300}, {66, 400}, {14, 20}};
    for (size_t k = 0; k < 5; k++) {
        const size_t n = cases[k][0];
        design *d = make_wls(n, cases[k][1]);
        for (uint64_t row = 0; row < 10; row++) {
            int32_t permutation[66];
            int32_t names[66];
            int32_t composed[66];
            int32_t same[66];
            double phi[66];
            double renamed[66];
            philox_relabel(1, row, (int32_t)n, permutation);
            philox_relabel(2, row, (int32_t)n, names);
            for (size_t i = 0; i < n; i++) {
                same[i] = (int32_t)i;
                composed[i] = permutation[names[i]];
            }
            relabelled_row(d, permutation, same, phi);
            relabelled_row(d, composed, names, renamed);
            for (size_t i = 0; i < n; i++)
                assert_true(renamed[i] == phi[names[i]]); // bit for bit
        }
        design_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enumeration_gives_the_closed_form),
        cmocka_unit_test(attributions_sum_to_the_difference),
        cmocka_unit_test(enumeration_is_symmetric_and_ignores_dummies),
        cmocka_unit_test(attributions_are_linear),
        cmocka_unit_test(renaming_the_features_renames_the_attributions),
    };
    return cmocka_run_group_tests_name("laws", tests, NULL, NULL);
}
