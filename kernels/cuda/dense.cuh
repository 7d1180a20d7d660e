// The matrices of the solvers on a device: host/base/dense.c's Cholesky factorisation, triangular solves and cyclic Jacobi method, for a
// block. Every element has the same operations in the same order as there: compiled without contraction (-fmad=false), the same bits.
#ifndef ASCRIBE_CUDA_DENSE_CUH
#define ASCRIBE_CUDA_DENSE_CUH

#include "cuda/team.cuh"

#include "solve/row.h"

#include <float.h>

// a [n, n] -> lower Cholesky factor in the lower triangle, a column at a time; false when a pivot is not above the tolerance.
static __device__ inline bool solve_cholesky(size_t n, double *a, double tolerance)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        if (a[i * n + i] > largest)
            largest = a[i * n + i];
    const double limit = tolerance * largest;
    __syncthreads();
    for (size_t j = 0; j < n; j++) {
        double pivot = a[j * n + j];
        for (size_t k = 0; k < j; k++)
            pivot -= a[j * n + k] * a[j * n + k];
        if (!(pivot > 0 && pivot >= limit && pivot <= DBL_MAX))
            return false;
        pivot = sqrt(pivot);
        __syncthreads(); // all have read the diagonal
        TEAM_FOR(i, j, n) {
            double sum = a[i * n + j];
            for (size_t k = 0; i > j && k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = i == j ? pivot : sum / pivot;
        }
        __syncthreads();
    }
    return true;
}

// Solves L L' x = b for b [n, n_right] in place.
static __device__ inline void solve_triangles(size_t n, const double *factor, size_t n_right, double *b)
{
    for (size_t k = 0; k < n; k++) {
        TEAM_FOR(c, 0, n_right)
            b[k * n_right + c] /= factor[k * n + k];
        __syncthreads();
        TEAM_FOR(at, (k + 1) * n_right, n * n_right)
            b[at] -= factor[at / n_right * n + k] * b[k * n_right + at % n_right];
        __syncthreads();
    }
    for (size_t i = n; i-- > 0;) {
        TEAM_FOR(c, 0, n_right)
            b[i * n_right + c] /= factor[i * n + i];
        __syncthreads();
        TEAM_FOR(at, 0, i * n_right)
            b[at] -= factor[i * n + at / n_right] * b[i * n_right + at % n_right];
        __syncthreads();
    }
}

// ---- Pseudo-inverse ---------------------------------------------------------------------------------------------

static __device__ inline void rotate(double *x, double *y, double cosine, double sine)
{
    const double held = *x;
    *x = cosine * held - sine * *y;
    *y = sine * held + cosine * *y;
}

// One Jacobi rotation that makes a[p, q] zero; rows p and q of `vectors` turn along.
static __device__ inline void annihilate(size_t n, double *a, double *vectors, size_t p, size_t q)
{
    const double off = a[p * n + q], diagonal_p = a[p * n + p], diagonal_q = a[q * n + q];
    const double theta = (diagonal_q - diagonal_p) / (2 * off);
    const double tangent = (theta >= 0 ? 1.0 : -1.0) / (fabs(theta) + sqrt(theta * theta + 1));
    const double cosine = 1 / sqrt(tangent * tangent + 1);
    const double sine = tangent * cosine;
    __syncthreads(); // all have read the three
    TEAM_FOR(k, 0, n) {
        rotate(vectors + p * n + k, vectors + q * n + k, cosine, sine);
        if (k == p || k == q)
            continue;
        rotate(a + p * n + k, a + q * n + k, cosine, sine);
        a[k * n + p] = a[p * n + k];
        a[k * n + q] = a[q * n + k];
    }
    if (TEAM_LEADS) {
        a[p * n + p] = diagonal_p - tangent * off;
        a[q * n + q] = diagonal_q + tangent * off;
        a[p * n + q] = a[q * n + p] = 0;
    }
    __syncthreads();
}

// Diagonalises a; row k of `vectors` becomes the eigenvector of a[k, k]. False when the sweeps do not converge.
static __device__ inline bool jacobi(size_t n, double *a, double *vectors)
{
    const int most_sweeps = 64;
    double square = 0;
    for (size_t k = 0; k < n * n; k++)
        square += a[k] * a[k];
    TEAM_FOR(k, 0, n * n)
        vectors[k] = k / n == k % n;
    __syncthreads();
    const double negligible = sqrt(square) * DBL_EPSILON / 16;
    for (int sweep = 0; sweep < most_sweeps; sweep++) {
        size_t n_rotations = 0;
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++)
                if (fabs(a[p * n + q]) > negligible) {
                    annihilate(n, a, vectors, p, q);
                    n_rotations++;
                }
        if (n_rotations == 0)
            return true;
    }
    return false;
}

// Moore-Penrose inverse of a symmetric a [n, n] in place, eigenvalues below `tolerance` times the largest taken as zero.
static __device__ inline solve_outcome solve_pseudo_inverse(size_t n, double *a, double *spectrum, double tolerance)
{
    double *vectors = spectrum, *eigenvalues = spectrum + n * n, largest = 0;
    bool finite = true;
    for (size_t k = 0; k < n * n; k++)
        finite = finite && isfinite(a[k]);
    if (!finite || !jacobi(n, a, vectors))
        return SOLVE_NO_INVERSE;
    TEAM_FOR(k, 0, n)
        eigenvalues[k] = a[k * n + k];
    __syncthreads();
    for (size_t k = 0; k < n; k++)
        if (fabs(eigenvalues[k]) > largest)
            largest = fabs(eigenvalues[k]);
    TEAM_FOR(at, 0, n * n) {
        const size_t i = at / n, j = at % n;
        double sum = 0;
        for (size_t k = 0; k < n; k++)
            if (fabs(eigenvalues[k]) > tolerance * largest)
                sum -= -vectors[k * n + i] / eigenvalues[k] * vectors[k * n + j];
        a[at] = sum;
    }
    __syncthreads();
    return SOLVE_DONE;
}

#endif
