// Making designs: exact, leave-one-out, and the best of a few random leverage designs; see design.h.
#include "coalition/design.h"

#include "base/checked.h"
#include "coalition/leverage.h"
#include "coalition/prior.h"
#include "coalition/wls.h"
#include "shapes.h"

#include <math.h>
#include <stdlib.h>

// Of one row: far beyond memory, and no integer arithmetic of sizes wraps below it.
enum { MOST_EVALUATIONS = 1 << 30 };

size_t design_full_budget(size_t n_features)
{
    if (n_features <= 1)
        return 0;
    return n_features >= 63 ? SIZE_MAX : ((size_t)1 << n_features) - 2;
}

void design_free(design *d)
{
    if (!d)
        return;
    free(d->loo_factor);
    free(d->map);
    free(d->masks);
    free(d);
}

// A design with zeroed masks and map, the anchors set. The caller frees it.
static asc_status allocate_design(size_t n_features, size_t n_coalitions, bool paired, design **out,
                                  asc_error *err)
{
    design *d = calloc(1, sizeof *d);
    if (!d)
        return fail_memory(err, "a design", sizeof *d);
    const size_t n_contrasts = paired ? n_coalitions / 2 : n_coalitions;
    size_t n_elements = 0;
    size_t n_words = 0;
    d->n_features = n_features;
    d->n_coalitions = n_coalitions;
    d->n_contrasts = n_contrasts;
    d->paired = paired;
    d->error_kind = DESIGN_ERROR_NONE;
    if (checked_multiply(n_features, n_contrasts, &n_elements))
        d->map = calloc(n_elements, sizeof *d->map);
    if (checked_multiply(n_coalitions, mask_words(n_features), &n_words))
        d->masks = calloc(n_words, sizeof *d->masks);
    if (!d->map || !d->masks) {
        design_free(d);
        fail(err, ASC_OUT_OF_MEMORY, "not enough memory for a design of %zu coalitions of %zu features",
             n_coalitions, n_features);
        return fail_hint(err, ASC_OUT_OF_MEMORY, "choose a smaller budget");
    }
    for (size_t i = 0; i < n_features; i++)
        mask_add(d->masks, i);
    *out = d;
    return ASC_OK;
}

static asc_status check_features(size_t n_features, asc_error *err)
{
    if (n_features == 0)
        return fail(err, ASC_USAGE, "a design needs at least 1 feature, found 0");
    return ASC_OK;
}

asc_status design_exact(size_t n_features, design **out, asc_error *err)
{
    TRY(check_features(n_features, err));
    if (n_features > DESIGN_EXACT_LIMIT) {
        fail(err, ASC_USAGE, "exact Shapley values: expected at most %d features, found %zu",
             DESIGN_EXACT_LIMIT, n_features);
        return fail_hint(err, ASC_USAGE, "use the estimator wls with a budget");
    }
    const size_t n_contrasts = (size_t)1 << (n_features - 1);
    const uint64_t all = ((uint64_t)1 << n_features) - 1;
    design *d = NULL;
    TRY(allocate_design(n_features, 2 * n_contrasts, true, &d, err));
    // [s] = (s - 1)! (n - s)! / n!, for a feature of a coalition of size s
    double weight[DESIGN_EXACT_LIMIT + 1] = {0};
    weight[1] = 1 / (double)n_features;
    for (size_t s = 1; s < n_features; s++)
        weight[s + 1] = weight[s] * (double)s / (double)(n_features - s);
    for (size_t q = 0; q < n_contrasts; q++) {
        const uint64_t mask = all - q; // every coalition with the last feature
        const size_t size = (size_t)__builtin_popcountll(mask);
        d->masks[2 * q] = mask;
        d->masks[2 * q + 1] = q;
        for (size_t i = 0; i < n_features; i++) {
            // v(S) counts against the features outside S as much as v(complement) counts for them.
            d->map[i * n_contrasts + q] = mask >> i & 1 ? weight[size] : -weight[n_features - size];
        }
    }
    *out = d;
    return ASC_OK;
}

asc_status design_occlusion(size_t n_features, design **out, asc_error *err)
{
    TRY(check_features(n_features, err));
    design *d = NULL;
    TRY(allocate_design(n_features, n_features + 2, false, &d, err));
    const size_t n_words = mask_words(n_features);
    for (size_t i = 0; i < n_features; i++) {
        uint64_t *mask = d->masks + (i + 2) * n_words;
        for (size_t other = 0; other < n_features; other++)
            if (other != i)
                mask_add(mask, other);
        d->map[i * d->n_contrasts] = 1;
        d->map[i * d->n_contrasts + i + 2] = -1;
    }
    *out = d;
    return ASC_OK;
}

asc_status design_of_rows(size_t n_features, size_t n_coalitions, bool paired, design **out, asc_error *err)
{
    design *d = calloc(1, sizeof *d);
    if (!d)
        return fail_memory(err, "a design", sizeof *d);
    *d = (design){
        .n_features = n_features,
        .n_coalitions = n_coalitions,
        .paired = paired,
        .of_rows = true,
        .error_kind = DESIGN_ERROR_UNDEFINED,
    };
    *out = d;
    return ASC_OK;
}

// How many random designs compete: 64 up to 32 features, 16 up to 64, else 1; fewer when comparing them would
// take more than 4e9 operations (n * n_pairs^2 each); 1 when there is nothing to choose.
static size_t count_candidates(size_t n_features, size_t n_pairs)
{
    const size_t wanted = n_features <= 32 ? 64 : n_features <= 64 ? 16 : 1;
    const uint64_t limit = UINT64_C(4000000000);
    uint64_t cost = 0;
    if (2 * n_pairs == design_full_budget(n_features) || __builtin_mul_overflow(n_pairs, n_pairs, &cost) ||
        __builtin_mul_overflow(cost, n_features, &cost) || cost > limit / 2)
        return 1;
    return cost * wanted <= limit ? wanted : (size_t)(limit / cost);
}

// What all candidates of one (n, budget) share.
typedef struct candidate_plan {
    size_t n_features;
    size_t n_pairs;
    bool minimum_norm;
    const size_t *counts; // pairs of every size class
} candidate_plan;

static asc_status make_candidate(const candidate_plan *plan, uint64_t candidate, design **out, asc_error *err)
{
    design *d = NULL;
    TRY(allocate_design(plan->n_features, 2 * (plan->n_pairs + 1), true, &d, err));
    d->relabelled = 2 * plan->n_pairs != design_full_budget(plan->n_features);
    uint64_t *pairs = d->masks + 2 * mask_words(plan->n_features);
    asc_status status = leverage_draw(plan->n_features, plan->counts, candidate, pairs, err);
    if (status == ASC_OK)
        status = wls_solve(d, plan->counts, plan->minimum_norm, err);
    if (status != ASC_OK) {
        design_free(d);
        return status;
    }
    *out = d;
    return ASC_OK;
}

// The candidate with the smallest J among those that determine phi, if any does. Differences below one part
// in 1e9 are ties, which the lowest number wins: designs that are each other's relabelling differ by rounding
// alone.
static asc_status choose_candidate(const candidate_plan *plan, size_t n_candidates, design **out,
                                   asc_error *err)
{
    prior p;
    design *best = NULL;
    double best_error = INFINITY;
    TRY(prior_open(plan->n_features, &p, err));
    asc_status status = ASC_OK;
    for (uint64_t candidate = 0; candidate < n_candidates; candidate++) {
        design *d = NULL;
        status = make_candidate(plan, candidate, &d, err);
        if (status != ASC_OK)
            goto done;
        const double error = prior_map_error(&p, d);
        const bool better =
            !best || (best->under_determined && !d->under_determined) ||
            (best->under_determined == d->under_determined && error < best_error * (1 - 1e-9));
        if (better) {
            design_free(best);
            best = d;
            best_error = error;
        } else {
            design_free(d);
        }
    }
    *out = best;
    best = NULL;
done:
    design_free(best);
    prior_close(&p);
    return status;
}

asc_status design_wls(size_t n_features, size_t budget, design **out, asc_error *err)
{
    TRY(check_features(n_features, err));
    if (n_features == 1)
        return design_exact(n_features, out, err);
    const size_t full = design_full_budget(n_features);
    const size_t n_pairs = (budget < full ? budget : full) / 2;
    if (n_pairs == 0) {
        fail(err, ASC_USAGE, "budget: expected at least 2 evaluations a row, found %zu", budget);
        return fail_hint(err, ASC_USAGE, "give at least 2n evaluations for n features, better 16n");
    }
    if (n_pairs > MOST_EVALUATIONS / 2)
        return fail(err, ASC_USAGE, "budget: expected at most %d evaluations a row, found %zu",
                    MOST_EVALUATIONS, budget);
    size_t *counts = calloc(n_features / 2 + 1, sizeof *counts);
    if (!counts)
        return fail_memory(err, "sizes of coalitions", (n_features / 2 + 1) * sizeof *counts);
    leverage_sizes(n_features, n_pairs, counts);
    const candidate_plan plan = {
        .n_features = n_features,
        .n_pairs = n_pairs,
        .minimum_norm = n_pairs < n_features && 2 * n_pairs != full,
        .counts = counts,
    };
    const size_t n_candidates = count_candidates(n_features, n_pairs);
    const asc_status status = n_candidates == 1 ? make_candidate(&plan, 0, out, err)
                                                : choose_candidate(&plan, n_candidates, out, err);
    free(counts);
    return status;
}
