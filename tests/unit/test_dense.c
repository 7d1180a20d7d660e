// Small dense linear algebra: residuals of solves, the four Moore-Penrose conditions, and what must be
// refused.
#include "base/dense.h"
#include "philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> // last: its macro fail() hides our function

static double uniform(philox_stream *stream)
{
    return philox_next(stream) / 4294967296.0 * 2 - 1;
}

static double *random_matrix(size_t rows, size_t columns, uint64_t number)
{
    philox_stream stream = philox_open(7, 1000, number);
    double *a = malloc(rows * columns * sizeof *a + 1);
    assert_non_null(a);
    for (size_t k = 0; k < rows * columns; k++)
        a[k] = uniform(&stream);
    return a;
}

// c [rows, columns] = a [rows, inner] * b [inner, columns]; a transposed (a [inner, rows]) when asked.
static double *product(size_t rows, size_t inner, size_t columns, const double *a, const double *b,
                       int transposed)
{
    double *c = calloc(rows * columns + 1, sizeof *c);
    assert_non_null(c);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < inner; k++)
            for (size_t j = 0; j < columns; j++)
                c[i * columns + j] += (transposed ? a[k * rows + i] : a[i * inner + k]) * b[k * columns + j];
    return c;
}

static double difference(size_t count, const double *a, const double *b)
{
    double worst = 0;
    for (size_t k = 0; k < count; k++)
        if (!(fabs(a[k] - b[k]) <= worst))
            worst = fabs(a[k] - b[k]);
    return worst;
}

static void cholesky_reproduces_the_matrix_and_solves(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 60; n += n < 8 ? 1 : 13) {
        const size_t n_right = n % 3 == 0 ? 130 : 1 + n % 5; // more than one panel, and less
        double *b = random_matrix(n + 5, n, n);
        double *a = product(n, n + 5, n, b, b, 1);
        double *factor = malloc(n * n * sizeof *factor);
        memcpy(factor, a, n * n * sizeof *factor);
        assert_true(dense_cholesky(n, factor, 1e-12));
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j <= i; j++) {
                double sum = 0;
                for (size_t k = 0; k <= j; k++)
                    sum += factor[i * n + k] * factor[j * n + k];
                assert_true(fabs(sum - a[i * n + j]) < 1e-12 * (double)n);
            }
        }
        double *right = random_matrix(n, n_right, 900 + n);
        double *x = malloc(n * n_right * sizeof *x);
        memcpy(x, right, n * n_right * sizeof *x);
        dense_cholesky_solve(n, factor, n_right, x);
        double *back = product(n, n, n_right, a, x, 0);
        assert_true(difference(n * n_right, back, right) < 1e-9);
        free(back);
        free(x);
        free(right);
        free(factor);
        free(a);
        free(b);
    }
}

static void cholesky_refuses_what_is_not_positive_definite(void **state)
{
    (void)state;
    double indefinite[4] = {1, 2, 2, 1};
    assert_false(dense_cholesky(2, indefinite, 1e-12));
    double singular[9] = {2, -1, -1, -1, 2, -1, -1, -1, 2};
    assert_false(dense_cholesky(3, singular, 1e-12));
    double zero[1] = {0};
    assert_false(dense_cholesky(1, zero, 1e-12));
    double undefined[4] = {1, NAN, NAN, 1};
    assert_false(dense_cholesky(2, undefined, 1e-12));
    double small_pivot[4] = {1, 0, 0, 1e-9};
    assert_false(dense_cholesky(2, small_pivot, 1e-8));
    double same_pivot[4] = {1, 0, 0, 1e-9};
    assert_true(dense_cholesky(2, same_pivot, 1e-10));
    assert_true(dense_cholesky(0, NULL, 1e-10));
}

// A X A = A, X A X = X; A X and X A are symmetric.
static void check_pseudo_inverse(size_t n, const double *a, const double *x, double tolerance)
{
    double *ax = product(n, n, n, a, x, 0);
    double *axa = product(n, n, n, ax, a, 0);
    double *xax = product(n, n, n, x, ax, 0);
    assert_true(difference(n * n, axa, a) < tolerance);
    assert_true(difference(n * n, xax, x) < tolerance);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(fabs(ax[i * n + j] - ax[j * n + i]) < tolerance);
    free(xax);
    free(axa);
    free(ax);
}

static void pseudo_inverse_of_every_rank(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 40; n += n < 6 ? 1 : 11) {
        for (size_t rank = 0; rank <= n; rank += n < 6 ? 1 : 5) {
            double *b = random_matrix(rank, n, 100 * n + rank);
            double *signs = malloc(rank * n * sizeof *signs + 1);
            for (size_t k = 0; k < rank * n; k++)
                signs[k] = k / n % 2 == 0 ? b[k] : -b[k]; // indefinite
            double *a = product(n, rank, n, b, signs, 1);
            double *x = malloc(n * n * sizeof *x);
            memcpy(x, a, n * n * sizeof *x);
            size_t found = 99;
            assert_int_equal(dense_symmetric_pseudo_inverse(n, x, 1e-9, &found, NULL), ASC_OK);
            assert_int_equal(found, rank);
            double largest = 1;
            for (size_t k = 0; k < n * n; k++)
                largest = fmax(largest, fabs(x[k]));
            check_pseudo_inverse(n, a, x, 1e-11 * largest * largest);
            free(x);
            free(a);
            free(signs);
            free(b);
        }
    }
}

static void pseudo_inverse_of_known_matrices(void **state)
{
    (void)state;
    // A projection is its own pseudo-inverse, repeated eigenvalues and all.
    enum { N = 24 };
    double projection[N * N];
    double x[N * N];
    for (size_t k = 0; k < N * N; k++)
        projection[k] = (k % (N + 1) == 0 ? 1.0 : 0.0) - 1.0 / N;
    memcpy(x, projection, sizeof x);
    size_t rank = 0;
    assert_int_equal(dense_symmetric_pseudo_inverse(N, x, 1e-10, &rank, NULL), ASC_OK);
    assert_int_equal(rank, N - 1);
    assert_true(difference(N * N, x, projection) < 1e-13);

    double diagonal[9] = {4, 0, 0, 0, -2, 0, 0, 0, 1e-14};
    const double expected[9] = {0.25, 0, 0, 0, -0.5, 0, 0, 0, 0};
    assert_int_equal(dense_symmetric_pseudo_inverse(3, diagonal, 1e-10, &rank, NULL), ASC_OK);
    assert_int_equal(rank, 2);
    assert_memory_equal(diagonal, expected, sizeof expected);

    double zero[4] = {0, 0, 0, 0};
    assert_int_equal(dense_symmetric_pseudo_inverse(2, zero, 1e-10, &rank, NULL), ASC_OK);
    assert_int_equal(rank, 0);
    assert_true(zero[0] == 0 && zero[1] == 0 && zero[2] == 0 && zero[3] == 0);
    assert_int_equal(dense_symmetric_pseudo_inverse(0, NULL, 1e-10, &rank, NULL), ASC_OK);
}

static void pseudo_inverse_agrees_with_cholesky(void **state)
{
    (void)state;
    enum { N = 33 };
    double *b = random_matrix(2 * N, N, 5);
    double *a = product(N, 2 * N, N, b, b, 1);
    double inverse[N * N] = {0};
    double *factor = malloc(N * N * sizeof *factor);
    memcpy(factor, a, N * N * sizeof *factor);
    for (size_t i = 0; i < N; i++)
        inverse[i * N + i] = 1;
    assert_true(dense_cholesky(N, factor, 1e-12));
    dense_cholesky_solve(N, factor, N, inverse);
    assert_int_equal(dense_symmetric_pseudo_inverse(N, a, 1e-12, NULL, NULL), ASC_OK);
    assert_true(difference(N * N, a, inverse) < 1e-11);
    free(factor);
    free(a);
    free(b);
}

static void pseudo_inverse_refuses_what_is_not_finite(void **state)
{
    (void)state;
    asc_error err = {0};
    double undefined[4] = {1, NAN, NAN, 1};
    assert_int_equal(dense_symmetric_pseudo_inverse(2, undefined, 1e-10, NULL, &err), ASC_INTERNAL);
    assert_non_null(strstr(err.message, "not finite"));
    double infinite[1] = {INFINITY};
    assert_int_equal(dense_symmetric_pseudo_inverse(1, infinite, 1e-10, NULL, &err), ASC_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cholesky_reproduces_the_matrix_and_solves),
        cmocka_unit_test(cholesky_refuses_what_is_not_positive_definite),
        cmocka_unit_test(pseudo_inverse_of_every_rank),
        cmocka_unit_test(pseudo_inverse_of_known_matrices),
        cmocka_unit_test(pseudo_inverse_agrees_with_cholesky),
        cmocka_unit_test(pseudo_inverse_refuses_what_is_not_finite),
    };
    return cmocka_run_group_tests_name("dense", tests, NULL, NULL);
}
