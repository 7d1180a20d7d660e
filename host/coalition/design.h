// Designs: which coalitions a row with n features is evaluated on, and the linear map from values to attributions.
//
// A design is a pure function of (n, budget, DESIGN_VERSION): shared by all rows with that n, independent of the user's seed. Each row
// relabels its features (philox_relabel), so inclusion probabilities stay exact and rows independent (DESIGN.md section 4 of the
// house; Musco & Witter, "Provably Accurate Shapley Value Estimation via Leverage Score Sampling", ICLR 2025, for the sizes;
// Covert & Lee, "Improving KernelSHAP", AISTATS 2021, for the pairs).
//
// Coalition 0 is the full one, coalition 1 the empty one. In a paired design coalition 2p + 1 is the complement of 2p for every
// pair p, and contrast p is v(S_2p) - v(S_2p+1). In an unpaired design contrast s is v(S_s) itself. Attributions are
//     phi_i = sum over contrasts q of map[i, q] * contrast_q          (features in the design's labels)
#ifndef ASCRIBE_COALITION_DESIGN_H
#define ASCRIBE_COALITION_DESIGN_H

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DESIGN_VERSION = 1 };

typedef enum design_error_kind {
    DESIGN_ERROR_NONE,      // no sampling error: standard errors are 0
    DESIGN_ERROR_HC3,       // pair-clustered HC3 from `loo_factor`
    DESIGN_ERROR_UNDEFINED, // standard errors are NaN (under-determined)
} design_error_kind;

typedef struct design {
    size_t n_features;   // n
    size_t n_coalitions; // S, the two anchors included
    size_t n_contrasts;  // Q: S / 2 when paired, else S
    bool paired;
    bool relabelled;        // rows apply their own permutation of the features (not when every coalition is there)
    bool under_determined;  // fewer independent pairs than unknowns: minimum-norm solution
    bool of_rows;           // every row has coalitions of its own (row_design.h), at most n_coalitions: masks and map are NULL
    design_error_kind error_kind;
    uint64_t *masks; // [S, mask_words(n)]
    double *map;     // [n, Q]
    // [Q] for DESIGN_ERROR_HC3, else NULL: (1 - pi_q) / (1 - h_q)^2, where pi_q is the probability that the design holds pair q and h_q
    // its leverage in the regression (1 - h_q taken as at least .05). With e_q = contrast_q - sum over i of x_qi * phi_i, x = +1 in S_2q and -1 outside:
    //     SE_i^2 = sum over q >= 1 of map[i, q]^2 * loo_factor[q] * e_q^2
    double *loo_factor;
} design;

// All 2^n coalitions and the exact Shapley weights. n >= 1; ASC_USAGE above DESIGN_EXACT_LIMIT.
enum { DESIGN_EXACT_LIMIT = 20 };
asc_status design_exact(size_t n_features, design **out, asc_error *err);

// Paired leverage-size design for KernelSHAP's weighted regression with `budget` evaluations (v(empty) and v(all) apart; an odd budget
// rounds down; capped at 2^n - 2, where it enumerates everything and equals design_exact up to rounding). The best of a number
// of random designs by the mean prior error J (design_prior_error). n >= 1, budget >= 2 unless n = 1.
asc_status design_wls(size_t n_features, size_t budget, design **out, asc_error *err);

// Leave-one-out: coalitions N, {}, and N without i for every i; phi_i = v(N) - v(N without i). n >= 1.
asc_status design_occlusion(size_t n_features, design **out, asc_error *err);

// The stand-in for designs that rows draw themselves: sizes only.
asc_status design_of_rows(size_t n_features, size_t n_coalitions, bool paired, design **out, asc_error *err);

void design_free(design *d); // accepts NULL

// J = [tr(C K C') - 2 tr(C W) + n V0] / n: the mean squared error of the design's map under the odd Gaussian-process prior with order-3 to
// order-1 energy ratio r = .1, in units of that prior. Defined for paired designs. NaN when memory runs out.
double design_prior_error(const design *d);

// 2^n - 2, saturating at SIZE_MAX for n >= 63; the largest useful budget.
size_t design_full_budget(size_t n_features);

#endif
