// attribute. All numbers are F64: ref within 1e-12 of the formula in long double, scaled by the sum of
// magnitudes; the others like ref bit for bit. And by the meaning: with the exact Shapley map the result is
// the Shapley value by its definition over all orders.
#include "cases.h"
#include "compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct attribute_case {
    size_t n_rows, n_features, n_coalitions, n_targets, n_contrasts;
    bool paired;
    asc_error_kind error_kind;
    double *values;
    int32_t *permutations;
    uint64_t *masks;
    double *map, *loo_factor;
} attribute_case;

typedef struct attributed {
    double *phi, *std_errors, *anchors;
    int32_t *finite;
} attributed;

static attributed make_result(const attribute_case *c)
{
    const size_t n_phi = c->n_rows * c->n_features * c->n_targets;
    return (attributed){get_memory(n_phi * sizeof(double)), get_memory(n_phi * sizeof(double)),
                        get_memory(c->n_rows * 2 * c->n_targets * sizeof(double)),
                        get_memory(c->n_rows * sizeof(int32_t))};
}

static void free_result(attributed *a)
{
    free(a->finite);
    free(a->anchors);
    free(a->std_errors);
    free(a->phi);
}

static void free_case(attribute_case *c)
{
    free(c->loo_factor);
    free(c->map);
    free(c->masks);
    free(c->permutations);
    free(c->values);
}

static attributed attribute_on(asc_backend_kind kind, const attribute_case *c)
{
    rig r;
    attributed out = make_result(c);
    const size_t n_permuted = c->n_rows * c->n_features, n_phi = n_permuted * c->n_targets;
    rig_open(&r, kind);
    frame values = frame_in(&r, ASC_F64, c->n_rows * c->n_coalitions * c->n_targets, c->values);
    frame permutations = frame_in(&r, ASC_I32, n_permuted, c->permutations);
    frame masks = frame_in(&r, ASC_U64, c->n_coalitions * mask_words(c->n_features), c->masks);
    frame map = frame_in(&r, ASC_F64, c->n_features * c->n_contrasts, c->map);
    frame loo_factor = frame_in(&r, ASC_F64, c->n_contrasts, c->loo_factor);
    frame phi = frame_out(&r, ASC_F64, n_phi), std_errors = frame_out(&r, ASC_F64, n_phi);
    frame anchors = frame_out(&r, ASC_F64, c->n_rows * 2 * c->n_targets),
          finite = frame_out(&r, ASC_I32, c->n_rows);
    const attribute_args args = {.n_rows = c->n_rows,
                                 .n_features = c->n_features,
                                 .n_coalitions = c->n_coalitions,
                                 .n_targets = c->n_targets,
                                 .n_contrasts = c->n_contrasts,
                                 .paired = c->paired,
                                 .error_kind = c->error_kind,
                                 .values = values.view,
                                 .permutations = permutations.view,
                                 .design_masks = masks.view,
                                 .map = map.view,
                                 .loo_factor =
                                     c->error_kind == ASC_SE_HC3 ? loo_factor.view : (asc_view){NULL, 0},
                                 .phi = phi.view,
                                 .std_errors = std_errors.view,
                                 .anchors = anchors.view,
                                 .finite = finite.view};
    MUST(&r, op_attribute(r.stream, &args, &r.err));
    frame_read(&phi, out.phi);
    frame_read(&std_errors, out.std_errors);
    frame_read(&anchors, out.anchors);
    frame_read(&finite, out.finite);
    frame *frames[] = {&values, &permutations, &masks,   &map,   &loo_factor,
                       &phi,    &std_errors,   &anchors, &finite};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        frame_close(frames[i]);
    rig_close(&r);
    return out;
}

static bool has(const uint64_t *mask, size_t feature)
{
    return mask[feature / 64] >> feature % 64 & 1;
}

// A permutation that is no involution: i -> (a i + row) mod n with a = 1 or a small prime that does not
// divide n.
static void fill_permutations(attribute_case *c)
{
    const size_t n = c->n_features, a = n % 7 ? 7 : n % 5 ? 5 : 1;
    c->permutations = get_memory(c->n_rows * n * sizeof *c->permutations);
    for (size_t i = 0; i < c->n_rows * n; i++)
        c->permutations[i] = (int32_t)((a * (i % n) + i / n) % n);
}

static double *random_doubles(uint64_t seed, size_t n)
{
    float *floats = random_floats(seed, n, 1);
    double *values = get_memory(n * sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = (double)floats[i] / 3;
    free(floats);
    return values;
}

// Random numbers everywhere; coalition 0 full, 1 empty, 2p + 1 the complement of 2p.
static attribute_case random_case(size_t n_features, size_t n_rows, bool paired, asc_error_kind error_kind)
{
    attribute_case c = {.n_rows = n_rows, .n_features = n_features, .n_coalitions = 26, .n_targets = 3};
    const size_t n_words = mask_words(n_features);
    c.paired = paired;
    c.error_kind = error_kind;
    c.n_contrasts = paired ? c.n_coalitions / 2 : c.n_coalitions;
    c.values = random_doubles(61, n_rows * c.n_coalitions * c.n_targets);
    c.masks = get_memory(c.n_coalitions * n_words * sizeof *c.masks);
    c.map = random_doubles(62, n_features * c.n_contrasts);
    c.loo_factor = random_doubles(63, c.n_contrasts);
    int32_t *coins = random_ints(64, c.n_coalitions * n_features, 2);
    for (size_t q = 0; q < c.n_contrasts; q++)
        c.loo_factor[q] = 1 + fabs(c.loo_factor[q]);
    for (size_t s = 0; s < c.n_coalitions; s++)
        for (size_t j = 0; j < n_features; j++)
            if ((s < 2 || coins[s / 2 * n_features + j]) != (s % 2 == 1))
                c.masks[s * n_words + j / 64] |= (uint64_t)1 << j % 64;
    free(coins);
    fill_permutations(&c);
    return c;
}

// ---- The formula --------------------------------------------------------------------------------

static long double contrast(const attribute_case *c, size_t row, size_t k, size_t q)
{
    const double *v = c->values + row * c->n_coalitions * c->n_targets + k;
    return c->paired ? (long double)v[2 * q * c->n_targets] - v[(2 * q + 1) * c->n_targets]
                     : v[q * c->n_targets];
}

// phi of design column j, and the sum of magnitudes.
static long double column_phi(const attribute_case *c, size_t row, size_t k, size_t j, double *size)
{
    long double sum = 0, magnitude = 0;
    for (size_t q = 0; q < c->n_contrasts; q++) {
        sum += c->map[j * c->n_contrasts + q] * contrast(c, row, k, q);
        magnitude += fabsl(c->map[j * c->n_contrasts + q] * contrast(c, row, k, q));
    }
    *size = (double)magnitude;
    return sum;
}

static double column_error(const attribute_case *c, size_t row, size_t k, size_t j)
{
    long double sum = 0;
    double unused;
    if (c->error_kind != ASC_SE_HC3)
        return c->error_kind == ASC_SE_ZERO ? 0 : NAN;
    for (size_t q = 1; q < c->n_contrasts; q++) {
        long double e = contrast(c, row, k, q);
        for (size_t i = 0; i < c->n_features; i++) {
            const bool in = has(c->masks + 2 * q * mask_words(c->n_features), i);
            e += (in ? -1 : 1) * column_phi(c, row, k, i, &unused);
        }
        sum += powl(c->map[j * c->n_contrasts + q] * e, 2) * c->loo_factor[q];
    }
    return (double)sqrtl(sum);
}

static void check_result(const attribute_case *c, const attributed *found)
{
    for (size_t row = 0; row < c->n_rows; row++)
        for (size_t k = 0; k < c->n_targets; k++) {
            const double *v = c->values + row * c->n_coalitions * c->n_targets + k;
            const double expected_anchors[] = {v[0], v[c->n_targets]};
            for (size_t i = 0; i < c->n_features; i++) {
                const size_t j = (size_t)c->permutations[row * c->n_features + i];
                const size_t at = (row * c->n_features + i) * c->n_targets + k;
                double size;
                const double phi = (double)column_phi(c, row, k, j, &size),
                             error = column_error(c, row, k, j);
                expect_close("phi", 1, found->phi + at, &phi, 1e-12, &size);
                expect_close("std_errors", 1, found->std_errors + at, &error, 1e-12 * (1 + error), NULL);
            }
            expect_close("v(all)", 1, found->anchors + (row * 2 + 0) * c->n_targets + k, expected_anchors, 0,
                         NULL);
            expect_close("v(empty)", 1, found->anchors + (row * 2 + 1) * c->n_targets + k,
                         expected_anchors + 1, 0, NULL);
            assert_int_equal(found->finite[row], 1);
        }
}

static void check_same(const attribute_case *c, const attributed *found, const attributed *expected)
{
    const size_t n_phi = c->n_rows * c->n_features * c->n_targets;
    expect_same_bits("phi", n_phi, sizeof(double), found->phi, expected->phi);
    expect_close("std_errors", n_phi, found->std_errors, expected->std_errors, 0, NULL);
    expect_same_bits("anchors", c->n_rows * 2 * c->n_targets, sizeof(double), found->anchors,
                     expected->anchors);
    expect_same_bits("finite", c->n_rows, sizeof(int32_t), found->finite, expected->finite);
}

static void check_random(asc_backend_kind kind, size_t n_features, bool paired, asc_error_kind error_kind)
{
    attribute_case c = random_case(n_features, 4, paired, error_kind);
    attributed found = attribute_on(kind, &c);
    if (n_features > 1)
        expect_not_trivial("phi", c.n_rows * n_features * c.n_targets, found.phi);
    if (kind == ASC_BACKEND_REF) {
        check_result(&c, &found);
    } else {
        attributed expected = attribute_on(ASC_BACKEND_REF, &c);
        check_same(&c, &found, &expected);
        free_result(&expected);
    }
    free_result(&found);
    free_case(&c);
}

// ---- Rows do not touch each other ---------------------------------------------------------------

// Row 1 has a NaN in target 0 and row 2 an infinity in target 2: only those rows' numbers of those targets
// change.
static void check_not_finite(asc_backend_kind kind, asc_error_kind error_kind)
{
    attribute_case c = random_case(65, 4, true, error_kind);
    attributed before = attribute_on(kind, &c);
    c.values[(1 * c.n_coalitions + 9) * c.n_targets + 0] = NAN;
    c.values[(2 * c.n_coalitions + 4) * c.n_targets + 2] = INFINITY;
    attributed after = attribute_on(kind, &c);
    for (size_t at = 0; at < c.n_rows * c.n_features * c.n_targets; at++) {
        const size_t row = at / (c.n_features * c.n_targets), k = at % c.n_targets;
        const bool hit = (row == 1 && k == 0) || (row == 2 && k == 2);
        if (row == 1 && k == 0)
            expect_all_nan("phi of a row with NaN", 1, after.phi + at);
        if (hit && isfinite(after.phi[at]))
            fail_msg("phi %zu of a row that is not finite is %g", at, after.phi[at]);
        if (hit)
            expect_all_nan("standard error of a row that is not finite", 1, after.std_errors + at);
        else {
            expect_same_bits("phi of other rows and targets", 1, sizeof(double), after.phi + at,
                             before.phi + at);
            expect_close("standard errors of others", 1, after.std_errors + at, before.std_errors + at, 0,
                         NULL);
        }
    }
    expect_same_bits("anchors", c.n_rows * 2 * c.n_targets, sizeof(double), after.anchors, before.anchors);
    const int32_t expected_finite[] = {1, 0, 0, 1};
    assert_memory_equal(after.finite, expected_finite, sizeof expected_finite);
    free_result(&after);
    free_result(&before);
    free_case(&c);
}

// A row by itself has the bits that it has among others.
static void check_alone(asc_backend_kind kind)
{
    attribute_case c = random_case(64, 4, true, ASC_SE_HC3), alone = c;
    attributed all = attribute_on(kind, &c);
    alone.n_rows = 1;
    alone.values = c.values + 2 * c.n_coalitions * c.n_targets;
    alone.permutations = c.permutations + 2 * c.n_features;
    attributed one = attribute_on(kind, &alone);
    const size_t n_phi = c.n_features * c.n_targets;
    expect_same_bits("phi", n_phi, sizeof(double), one.phi, all.phi + 2 * n_phi);
    expect_same_bits("std_errors", n_phi, sizeof(double), one.std_errors, all.std_errors + 2 * n_phi);
    free_result(&one);
    free_result(&all);
    free_case(&c);
}

// ---- By the meaning -----------------------------------------------------------------------------

enum { PLAYERS = 4, ALL_PLAYERS = 1 << PLAYERS };

// A game with interactions of every order; row and target shift it.
static double game(unsigned coalition, size_t row, size_t k)
{
    double value = 0.25 * (double)k;
    for (unsigned i = 0; i < PLAYERS; i++)
        if (coalition >> i & 1)
            value += (double)(i + 1 + row) + value * 0.3 * (double)i;
    return value + (coalition == ALL_PLAYERS - 1 ? 2.5 : 0);
}

// The Shapley value by its definition: the mean over all orders of what the player adds.
static double shapley(unsigned player, size_t row, size_t k)
{
    double sum = 0;
    int n_orders = 0;
    for (unsigned code = 0; code < 256;
         code++) { // four base-4 digits; those with distinct digits are the 24 orders
        unsigned before = 0, at_player = 0;
        bool distinct = true;
        for (unsigned place = 0; place < PLAYERS; place++) {
            const unsigned next = code >> 2 * place & 3;
            distinct = distinct && !(before >> next & 1);
            if (next == player)
                at_player = before;
            before |= 1u << next;
        }
        if (!distinct)
            continue;
        n_orders++;
        sum += game(at_player | 1u << player, row, k) - game(at_player, row, k);
    }
    assert_int_equal(n_orders, 24);
    return sum / n_orders;
}

// Exact design: pairs of complements, map[j, q] = +-(s - 1)! (n - s)! / n! with s the size of the half that
// holds j.
static attribute_case game_case(void)
{
    static const double factorial[] = {1, 1, 2, 6, 24};
    attribute_case c = {.n_rows = 3, .n_features = PLAYERS, .n_coalitions = ALL_PLAYERS, .n_targets = 2};
    c.n_contrasts = ALL_PLAYERS / 2;
    c.paired = true;
    c.error_kind = ASC_SE_ZERO;
    c.masks = get_memory(ALL_PLAYERS * sizeof *c.masks);
    c.map = get_memory(PLAYERS * c.n_contrasts * sizeof *c.map);
    c.loo_factor = get_memory(c.n_contrasts * sizeof *c.loo_factor);
    c.values = get_memory(c.n_rows * ALL_PLAYERS * c.n_targets * sizeof *c.values);
    fill_permutations(&c);
    for (unsigned q = 0; q < c.n_contrasts; q++) {
        c.masks[2 * q] = ALL_PLAYERS - 1 - q;
        c.masks[2 * q + 1] = q;
        for (unsigned j = 0; j < PLAYERS; j++) {
            const bool in = c.masks[2 * q] >> j & 1;
            const int size = __builtin_popcountll(c.masks[in ? 2 * q : 2 * q + 1]);
            c.map[j * c.n_contrasts + q] =
                (in ? 1 : -1) * factorial[size - 1] * factorial[PLAYERS - size] / 24;
        }
    }
    for (size_t row = 0; row < c.n_rows; row++)
        for (size_t s = 0; s < ALL_PLAYERS; s++) {
            unsigned coalition = 0;
            for (unsigned i = 0; i < PLAYERS; i++)
                coalition |= (unsigned)(c.masks[s] >> c.permutations[row * PLAYERS + i] & 1) << i;
            for (size_t k = 0; k < c.n_targets; k++)
                c.values[(row * ALL_PLAYERS + s) * c.n_targets + k] = game(coalition, row, k);
        }
    return c;
}

static void check_shapley(asc_backend_kind kind)
{
    attribute_case c = game_case();
    attributed found = attribute_on(kind, &c);
    for (size_t row = 0; row < c.n_rows; row++)
        for (size_t k = 0; k < c.n_targets; k++)
            for (unsigned i = 0; i < PLAYERS; i++) {
                const size_t at = (row * PLAYERS + i) * c.n_targets + k;
                const double expected = shapley(i, row, k), no_error = 0;
                expect_close("Shapley value", 1, found.phi + at, &expected, 1e-12, NULL);
                expect_close("exact standard error", 1, found.std_errors + at, &no_error, 0, NULL);
            }
    free_result(&found);
    free_case(&c);
}

// Two features, three pairs ({1,2}|{}, {1}|{2}, {1}|{2}), by hand. Contrasts 10, 3, 5; map rows (.5, .25,
// .25) and (.5, -.25, -.25): phi = 7, 3; fitted 4; residuals -1 and 1; loo factor 2 and 3: SE = .25 sqrt(2 +
// 3).
static void check_by_hand(asc_backend_kind kind)
{
    double values[] = {11, 1, 4, 1, 6, 1}, map[] = {0.5, 0.25, 0.25, 0.5, -0.25, -0.25},
           loo_factor[] = {99, 2, 3};
    int32_t permutations[] = {1, 0};
    uint64_t masks[] = {3, 0, 1, 2, 1, 2};
    const attribute_case c = {1, 2, 6, 1, 3, true, ASC_SE_HC3, values, permutations, masks, map, loo_factor};
    attributed found = attribute_on(kind, &c);
    const double phi[] = {3, 7}, errors[] = {0.25 * sqrt(5), 0.25 * sqrt(5)};
    expect_close("phi by hand", 2, found.phi, phi, 1e-14, NULL);
    expect_close("standard errors by hand", 2, found.std_errors, errors, 1e-14, NULL);
    free_result(&found);
}

void cases_attribute(asc_backend_kind kind)
{
    const size_t feature_counts[] = {0, 1, 2, 63, 64, 65, 130};
    for (size_t i = 0; i < sizeof feature_counts / sizeof feature_counts[0]; i++) {
        check_random(kind, feature_counts[i], true, ASC_SE_ZERO);
        check_random(kind, feature_counts[i], false, ASC_SE_NAN);
    }
    check_random(kind, 3, true, ASC_SE_HC3);
    check_random(kind, 65, true, ASC_SE_HC3);
    check_not_finite(kind, ASC_SE_ZERO);
    check_not_finite(kind, ASC_SE_HC3);
    check_alone(kind);
    check_by_hand(kind);
    check_shapley(kind);
}
