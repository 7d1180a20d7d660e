// What the tests of designs share: games, applying a design's map to a game, and checks that hold for every
// design.
#ifndef ASCRIBE_TESTS_DESIGN_TESTING_H
#define ASCRIBE_TESTS_DESIGN_TESTING_H

#include "coalition/design.h"
#include "philox.h"
#include "shapes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> // last: its macro fail() hides our function

static inline design *make_wls(size_t n, size_t budget)
{
    design *d = NULL;
    asc_error err = {0};
    assert_int_equal(design_wls(n, budget, &d, &err), ASC_OK);
    assert_non_null(d);
    return d;
}

static inline design *make_exact(size_t n)
{
    design *d = NULL;
    assert_int_equal(design_exact(n, &d, NULL), ASC_OK);
    return d;
}

static inline const uint64_t *coalition(const design *d, size_t s)
{
    return d->masks + s * mask_words(d->n_features);
}

static inline size_t size_of(const uint64_t *mask, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += (size_t)mask_has(mask, i);
    return size;
}

// A value that depends on the whole mask and looks random: a table of 2^n values without the table.
static inline double random_value(const uint64_t *mask, size_t n, uint64_t game)
{
    uint64_t row_id = game;
    for (size_t word = 0; word < mask_words(n); word++)
        row_id = (row_id ^ mask[word]) * UINT64_C(0xD6E8FEB86659FD93) + 1;
    philox_stream stream = philox_open(12345, 1000, row_id);
    return philox_next(&stream) / 4294967296.0 * 2 - 1;
}

static inline double additive_value(const uint64_t *mask, size_t n, uint64_t game)
{
    double sum = (double)game;
    for (size_t i = 0; i < n; i++)
        sum += mask_has(mask, i) ? sin(1.7 * (double)i) + 0.1 : 0;
    return sum;
}

typedef double value_function(const uint64_t *mask, size_t n, uint64_t game);

static inline double *attribute(const design *d, value_function *value, uint64_t game)
{
    const size_t n = d->n_features;
    double *phi = calloc(n, sizeof *phi);
    assert_non_null(phi);
    for (size_t q = 0; q < d->n_contrasts; q++) {
        const double contrast =
            d->paired ? value(coalition(d, 2 * q), n, game) - value(coalition(d, 2 * q + 1), n, game)
                      : value(coalition(d, q), n, game);
        for (size_t i = 0; i < n; i++)
            phi[i] += d->map[i * d->n_contrasts + q] * contrast;
    }
    return phi;
}

static inline int compare_masks(const void *a, const void *b, void *n_words)
{
    return memcmp(a, b, *(const size_t *)n_words * sizeof(uint64_t));
}

static inline void check_anchors_and_complements(const design *d)
{
    const size_t n = d->n_features;
    assert_int_equal(size_of(coalition(d, 0), n), n);
    assert_int_equal(size_of(coalition(d, 1), n), 0);
    for (size_t s = 0; s < d->n_coalitions; s++) {
        const uint64_t last = coalition(d, s)[mask_words(n) - 1];
        assert_true(n % 64 == 0 || last >> n % 64 == 0); // no bit beyond the features
        if (d->paired && s % 2 == 0)
            for (size_t i = 0; i < n; i++)
                assert_int_equal(mask_has(coalition(d, s), i) + mask_has(coalition(d, s + 1), i), 1);
    }
}

static inline void check_distinct(const design *d)
{
    size_t n_words = mask_words(d->n_features);
    uint64_t *sorted = malloc(d->n_coalitions * n_words * sizeof *sorted);
    assert_non_null(sorted);
    memcpy(sorted, d->masks, d->n_coalitions * n_words * sizeof *sorted);
    qsort_r(sorted, d->n_coalitions, n_words * sizeof *sorted, compare_masks, &n_words);
    for (size_t s = 1; s < d->n_coalitions; s++)
        assert_true(compare_masks(sorted + (s - 1) * n_words, sorted + s * n_words, &n_words) < 0);
    free(sorted);
}

static inline double choose(size_t n, size_t k)
{
    double result = 1;
    for (size_t i = 1; i <= k; i++)
        result = result * (double)(n - i + 1) / (double)i;
    return result;
}

static inline double class_size(size_t n, size_t s)
{
    return 2 * s == n ? choose(n, s) / 2 : choose(n, s);
}

static inline void check_map_is_efficient(const design *d)
{
    for (size_t q = 0; q < d->n_contrasts; q++) {
        double sum = 0;
        double scale = 1;
        for (size_t i = 0; i < d->n_features; i++) {
            const double element = d->map[i * d->n_contrasts + q];
            assert_true(isfinite(element));
            sum += element;
            scale = fmax(scale, fabs(element));
        }
        assert_true(fabs(sum - (q == 0 ? 1 : 0)) < 1e-13 * scale * (double)d->n_features);
    }
}

static inline bool next_permutation(size_t n, size_t *p)
{
    size_t i = n - 1;
    while (i > 0 && p[i - 1] > p[i])
        i--;
    if (i == 0)
        return false;
    size_t j = n - 1;
    while (p[j] < p[i - 1])
        j--;
    size_t held = p[i - 1];
    p[i - 1] = p[j];
    p[j] = held;
    for (size_t a = i, b = n - 1; a < b; a++, b--) {
        held = p[a];
        p[a] = p[b];
        p[b] = held;
    }
    return true;
}

static inline void assert_close(size_t n, const double *found, const double *expected, double relative)
{
    double scale = 0;
    for (size_t i = 0; i < n; i++)
        scale = fmax(scale, fabs(expected[i]));
    for (size_t i = 0; i < n; i++)
        assert_true(fabs(found[i] - expected[i]) <= relative * scale);
}

// Edges of n and of the budget.
static const struct {
    size_t n;
    size_t budget;
} grid[] = {
    {2, 2},    {2, 9},    {3, 2},     {3, 3},     {3, 5},     {3, 6},      {4, 8},    {4, 13},   {5, 10},
    {5, 28},   {6, 12},   {7, 64},    {8, 200},   {9, 512},   {10, 512},   {13, 104}, {14, 28},  {14, 448},
    {16, 33},  {20, 512}, {33, 66},   {40, 512},  {63, 512},  {64, 2},     {64, 3},   {64, 100}, {64, 512},
    {65, 512}, {65, 131}, {128, 512}, {200, 512}, {512, 600}, {512, 1100}, {1, 0},    {1, 512},  {2, 3},
};

#endif
