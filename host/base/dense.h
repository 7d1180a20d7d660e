// Small dense linear algebra in double, row-major: what designs need once per (n, budget). Not for speed, not for rows.
#ifndef ASCRIBE_BASE_DENSE_H
#define ASCRIBE_BASE_DENSE_H

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>

// a [n, n] symmetric positive definite -> lower Cholesky factor in the lower triangle. False when a pivot falls below
// `tolerance` times the largest diagonal element (a is then unspecified).
bool dense_cholesky(size_t n, double *a, double tolerance);

// Solves L L' x = b for n_right right-hand sides b [n, n_right], in place. `factor` from dense_cholesky.
void dense_cholesky_solve(size_t n, const double *factor, size_t n_right, double *b);

// Moore-Penrose inverse of a symmetric a [n, n] in place, eigenvalues below `tolerance` times the largest taken as zero
// (cyclic Jacobi; Golub & Van Loan, "Matrix Computations", section 8.5). *rank may be NULL.
asc_status dense_symmetric_pseudo_inverse(size_t n, double *a, double tolerance, size_t *rank, asc_error *err);

#endif
