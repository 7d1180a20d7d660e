// Cholesky factorisation, triangular solves and the cyclic Jacobi eigenvalue method, in plain double loops.
//
// Only +, -, *, / and sqrt are used, all correctly rounded by IEEE 754, and every sum has one order: the same
// input gives the same bits on every machine that does not contract multiplications and additions.
#include "base/dense.h"

#include "base/checked.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

bool dense_cholesky(size_t n, double *a, double tolerance)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        if (a[i * n + i] > largest)
            largest = a[i * n + i];
    const double limit = tolerance * largest;
    for (size_t i = 0; i < n; i++) {
        double *row = a + i * n;
        for (size_t j = 0; j < i; j++) {
            const double *earlier = a + j * n;
            double sum = row[j];
            for (size_t k = 0; k < j; k++)
                sum -= row[k] * earlier[k];
            row[j] = sum / earlier[j];
        }
        double pivot = row[i];
        for (size_t k = 0; k < i; k++)
            pivot -= row[k] * row[k];
        if (!(pivot > 0 && pivot >= limit && pivot <= DBL_MAX))
            return false;
        row[i] = sqrt(pivot);
    }
    return true;
}

// target -= factor * source
static void subtract_multiple(double *restrict target, const double *restrict source, double factor,
                              size_t count)
{
    for (size_t c = 0; c < count; c++)
        target[c] -= factor * source[c];
}

static void divide(double *values, double divisor, size_t count)
{
    for (size_t c = 0; c < count; c++)
        values[c] /= divisor;
}

void dense_cholesky_solve(size_t n, const double *factor, size_t n_right, double *b)
{
    enum { PANEL = 64 }; // right-hand sides at a time, so that the panel stays in cache
    for (size_t first = 0; first < n_right; first += PANEL) {
        const size_t width = n_right - first < PANEL ? n_right - first : PANEL;
        double *panel = b + first;
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < i; k++)
                subtract_multiple(panel + i * n_right, panel + k * n_right, factor[i * n + k], width);
            divide(panel + i * n_right, factor[i * n + i], width);
        }
        for (size_t i = n; i-- > 0;) {
            divide(panel + i * n_right, factor[i * n + i], width);
            for (size_t k = 0; k < i; k++)
                subtract_multiple(panel + k * n_right, panel + i * n_right, factor[i * n + k], width);
        }
    }
}

// x <- cosine x - sine y, y <- sine x + cosine y
static void rotate(double *restrict x, double *restrict y, double cosine, double sine, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        const double held = x[k];
        x[k] = cosine * held - sine * y[k];
        y[k] = sine * held + cosine * y[k];
    }
}

// One Jacobi rotation that makes a[p, q] zero; rows p and q of `vectors` turn along.
static void annihilate(size_t n, double *a, double *vectors, size_t p, size_t q)
{
    const double off = a[p * n + q];
    const double diagonal_p = a[p * n + p];
    const double diagonal_q = a[q * n + q];
    const double theta = (diagonal_q - diagonal_p) / (2 * off);
    const double tangent = (theta >= 0 ? 1.0 : -1.0) / (fabs(theta) + sqrt(theta * theta + 1));
    const double cosine = 1 / sqrt(tangent * tangent + 1);
    const double sine = tangent * cosine;
    rotate(a + p * n, a + q * n, cosine, sine, n);
    for (size_t k = 0; k < n; k++) {
        a[k * n + p] = a[p * n + k];
        a[k * n + q] = a[q * n + k];
    }
    a[p * n + p] = diagonal_p - tangent * off;
    a[q * n + q] = diagonal_q + tangent * off;
    a[p * n + q] = 0;
    a[q * n + p] = 0;
    rotate(vectors + p * n, vectors + q * n, cosine, sine, n);
}

// Diagonalises a; row k of `vectors` becomes the eigenvector of a[k, k]. False when the sweeps do not
// converge.
static bool jacobi(size_t n, double *a, double *vectors)
{
    enum { MAX_SWEEPS = 64 };
    double square = 0;
    for (size_t k = 0; k < n * n; k++) {
        square += a[k] * a[k];
        vectors[k] = 0;
    }
    for (size_t k = 0; k < n; k++)
        vectors[k * n + k] = 1;
    const double negligible = sqrt(square) * DBL_EPSILON / 16;
    for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
        size_t n_rotations = 0;
        for (size_t p = 0; p < n; p++) {
            for (size_t q = p + 1; q < n; q++) {
                if (fabs(a[p * n + q]) > negligible) {
                    annihilate(n, a, vectors, p, q);
                    n_rotations++;
                }
            }
        }
        if (n_rotations == 0)
            return true;
    }
    return false;
}

// a <- sum over eigenvalues larger than `limit` of vector vector' / eigenvalue; returns how many there are.
static size_t invert_spectrum(size_t n, double *a, const double *vectors, const double *eigenvalues,
                              double limit)
{
    size_t rank = 0;
    for (size_t k = 0; k < n * n; k++)
        a[k] = 0;
    for (size_t k = 0; k < n; k++) {
        if (!(fabs(eigenvalues[k]) > limit))
            continue;
        rank++;
        const double *vector = vectors + k * n;
        for (size_t i = 0; i < n; i++)
            subtract_multiple(a + i * n, vector, -vector[i] / eigenvalues[k], n);
    }
    return rank;
}

asc_status dense_symmetric_pseudo_inverse(size_t n, double *a, double tolerance, size_t *rank, asc_error *err)
{
    assert(tolerance >= 0);
    asc_status status = ASC_OK;
    double *vectors = NULL;
    size_t count = 0;
    size_t found = 0;
    if (n == 0)
        goto done;
    for (size_t k = 0; k < n * n; k++) {
        if (!isfinite(a[k])) {
            status = fail(err, ASC_INTERNAL,
                          "pseudo-inverse: element %zu of a %zu x %zu matrix is not finite", k, n, n);
            goto done;
        }
    }
    if (checked_multiply(n + 1, n, &count) && count <= SIZE_MAX / sizeof *vectors)
        vectors = malloc(count * sizeof *vectors);
    if (!vectors) {
        status = fail_memory(err, "eigenvectors", count * sizeof *vectors);
        goto done;
    }
    if (!jacobi(n, a, vectors)) {
        status = fail(err, ASC_INTERNAL,
                      "pseudo-inverse: the eigenvalues of a %zu x %zu matrix did not converge", n, n);
        goto done;
    }
    double *eigenvalues = vectors + n * n;
    double largest = 0;
    for (size_t k = 0; k < n; k++) {
        eigenvalues[k] = a[k * n + k];
        if (fabs(eigenvalues[k]) > largest)
            largest = fabs(eigenvalues[k]);
    }
    found = invert_spectrum(n, a, vectors, eigenvalues, tolerance * largest);
done:
    free(vectors);
    if (rank && status == ASC_OK)
        *rank = found;
    return status;
}
