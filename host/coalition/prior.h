// The odd Gaussian-process prior by which random designs are compared.
//
// Half a contrast, f(x) = (v(S) - v(complement)) / 2 with x = +1 in S and -1 outside, is a Gaussian process
// with covariance k(u) = sinh(b u) / sinh(b n), u = <x, x'> = n - 2 * Hamming distance, b = atanh rho, rho =
// sqrt(6 r / ((n - 1)(n - 2))): the odd part of the product kernel prod(1 + rho x_i x'_i), with r = .1 the
// prior energy of order 3 over that of order 1. No extra linear part, no noise. Shapley values are linear in
// f, so their prior covariances have closed forms.
#ifndef ASCRIBE_COALITION_PRIOR_H
#define ASCRIBE_COALITION_PRIOR_H

#include "base/fail.h"
#include "coalition/design.h"

#include <stddef.h>

typedef struct prior {
    size_t n_features;
    double *kernel;  // [n + 1] covariance of f at two coalitions, by their Hamming distance
    double *inside;  // [n + 1] covariance of f(S) and phi_i for i in S, by |S|; [0] unused
    double *outside; // [n + 1] the same for i outside S; [n] unused
    double variance; // V0, the prior variance of one phi_i
} prior;

// n >= 1. The tables belong to the prior; ASC_OUT_OF_MEMORY.
asc_status prior_open(size_t n_features, prior *out, asc_error *err);
void prior_close(prior *p);

// J of design.h for a paired design with the prior's n.
double prior_map_error(const prior *p, const design *d);

#endif
