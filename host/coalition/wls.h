// KernelSHAP's weighted regression on complement pairs, solved once per design as a linear map.
//
// With t_p half the contrast of pair p, x_p = +1 in its coalition and -1 outside, and psi = phi - Delta / n:
//     minimise sum over p of omega_p (t_p - x_p/2 . phi)^2  subject to  sum of phi = Delta = contrast 0,
// omega_p = w(s) / pi_s with the Shapley kernel w(s) = (n - 1) / (C(n, s) s (n - s)) and the inclusion
// probability pi_s = k_s / C(n, s): proportional to 1 / (k_s s (n - s)), half of that in the middle class of
// an even n, whose pairs stand for one size instead of two. Projected on sum psi = 0 (better conditioned than
// eliminating a variable: Covert & Lee, AISTATS 2021, give the problem), plus 11' tr(A) / n^2, the normal
// matrix A has a Cholesky factor.
#ifndef ASCRIBE_COALITION_WLS_H
#define ASCRIBE_COALITION_WLS_H

#include "base/fail.h"
#include "coalition/design.h"

#include <stdbool.h>
#include <stddef.h>

// Fills map, under_determined, error_kind and loo_factor of a paired design whose masks stand, classes of
// pairs as in `counts` (leverage_sizes). `minimum_norm` asks for the minimum-norm solution at once; it is
// also taken when A has no Cholesky factor. 1 - h_p is taken as at least .05 in loo_factor, so that a pair
// which the fit reproduces exactly cannot blow an error up. ASC_OUT_OF_MEMORY.
asc_status wls_solve(design *d, const size_t *counts, bool minimum_norm, asc_error *err);

#endif
