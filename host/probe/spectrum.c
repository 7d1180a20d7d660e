// See spectrum.h. A = L_A Q_A and B = L_B Q_B with orthonormal rows Q (modified Gram-Schmidt, whose triangular factor is as good as
// Householder's), so that A' B has the singular values of the small L_A' L_B, which one-sided Jacobi rotations find. Golub & Van Loan, "Matrix
// Computations", sections 5.2.8 and 8.6.3.
#include "probe/spectrum.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MOST_SWEEPS = 60 };
static const double orthogonal = 1e-15;

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

// rows [n, width] -> orthonormal rows, and lower [n, n] with rows = lower * orthonormal.
static void orthonormalise(size_t n, size_t width, double *rows, double *lower)
{
    for (size_t i = 0; i < n; i++) {
        double *row = rows + i * width;
        for (size_t j = 0; j < i; j++) {
            const double *before = rows + j * width;
            const double part = dot(row, before, width);
            lower[i * n + j] = part;
            for (size_t k = 0; k < width; k++)
                row[k] -= part * before[k];
        }
        const double norm = sqrt(dot(row, row, width));
        lower[i * n + i] = norm;
        for (size_t k = 0; k < width; k++)
            row[k] = norm > 0 ? row[k] / norm : 0;
    }
}

// Turns the rows p and q of m so that they are orthogonal; whether they were not.
static bool rotate(size_t n, double *p, double *q)
{
    const double pp = dot(p, p, n), qq = dot(q, q, n), pq = dot(p, q, n);
    if (fabs(pq) <= orthogonal * sqrt(pp * qq))
        return false;
    const double zeta = (qq - pp) / (2 * pq), t = copysign(1, zeta) / (fabs(zeta) + hypot(1, zeta));
    const double c = 1 / hypot(1, t), s = c * t;
    for (size_t k = 0; k < n; k++) {
        const double old = p[k];
        p[k] = c * old - s * q[k];
        q[k] = s * old + c * q[k];
    }
    return true;
}

static spectrum summarise(size_t n, const double *m)
{
    spectrum out = {0};
    double sum = 0, squares = 0, entropy = 0;
    for (size_t i = 0; i < n; i++) {
        const double value = sqrt(dot(m + i * n, m + i * n, n));
        out.spectral = fmax(out.spectral, value);
        sum += value;
        squares += value * value;
    }
    for (size_t i = 0; i < n && sum > 0; i++) {
        const double share = sqrt(dot(m + i * n, m + i * n, n)) / sum;
        entropy -= share > 0 ? share * log(share) : 0;
    }
    out.frobenius = sqrt(squares);
    out.effective_rank = sum > 0 ? exp(entropy) : 0;
    return out;
}

asc_status spectrum_of_product(size_t n, size_t width, double *a, double *b, spectrum *out, asc_error *err)
{
    double *lower_a = calloc(3 * n * n, sizeof *lower_a), *lower_b = lower_a + n * n, *m = lower_b + n * n;
    if (!lower_a)
        return fail_memory(err, "a head's singular values", 3 * n * n * sizeof *lower_a);
    orthonormalise(n, width, a, lower_a);
    orthonormalise(n, width, b, lower_b);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t k = 0; k < n; k++)
                m[i * n + j] += lower_a[k * n + i] * lower_b[k * n + j];
    bool turned = true;
    for (size_t sweep = 0; turned && sweep < MOST_SWEEPS; sweep++) {
        turned = false;
        for (size_t p = 0; p + 1 < n; p++)
            for (size_t q = p + 1; q < n; q++)
                turned = rotate(n, m + p * n, m + q * n) || turned;
    }
    *out = summarise(n, m);
    free(lower_a);
    return ASC_OK;
}
