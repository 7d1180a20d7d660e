// solve: what holds for every kind and backend. Numbers against the peers stand in tests/property/test_peers.c; here the rows of one call:
// each as if it were alone, whatever its neighbours hold and whatever lies beyond its own coalitions; the same bits on every backend;
// and the contract.
#include "cases.h"
#include "compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_ROWS = 4, K = 2, N_WALKS = 3, MOST_FEATURES = 70 };

typedef struct solve_case {
    size_t n_features, n_coalitions;
    bool deficient; // every row
    asc_solve_kind kind;
    asc_selection selection;
    double *values, *weights;
    uint64_t *masks;
    int32_t *counts, *n_draws;
} solve_case;

typedef struct solved {
    double *phi, *std_errors, *anchors, *fit;
    int32_t *finite, *deficient;
} solved;

static void free_case(solve_case *c)
{
    free(c->n_draws);
    free(c->counts);
    free(c->masks);
    free(c->weights);
    free(c->values);
}

static void free_solved(solved *s)
{
    free(s->deficient);
    free(s->finite);
    free(s->fit);
    free(s->anchors);
    free(s->std_errors);
    free(s->phi);
}

// A full and an empty coalition, then n_own random ones, fewer from row to row; for walks N_WALKS of them or one less.
static solve_case make_case(size_t n, size_t n_own, asc_solve_kind kind, asc_selection selection)
{
    const size_t n_words = mask_words(n), length = 2 * (n - 1);
    solve_case c = {.n_features = n, .kind = kind, .selection = selection};
    c.n_coalitions = kind == ASC_SOLVE_WALKS ? 2 + N_WALKS * length : 2 + n_own;
    const size_t n_all = N_ROWS * c.n_coalitions;
    float *values = random_floats(7, n_all * K, 1), *weights = random_floats(8, n_all, 1);
    int32_t *coins = random_ints(9, n_all * n, 2);
    c.values = get_memory(n_all * K * sizeof *c.values);
    c.weights = get_memory(n_all * sizeof *c.weights);
    c.masks = get_memory(n_all * n_words * sizeof *c.masks);
    c.counts = get_memory(N_ROWS * sizeof *c.counts);
    c.n_draws = get_memory(N_ROWS * sizeof *c.n_draws);
    for (size_t i = 0; i < n_all * K; i++)
        c.values[i] = (double)values[i];
    for (size_t at = 0; at < n_all; at++) {
        const size_t s = at % c.n_coalitions;
        c.weights[at] = fabs((double)weights[at]) + 0.01;
        for (size_t i = 0; i < n; i++)
            if (s == 0 || (s > 1 && coins[at * n + i] == 1))
                mask_add(c.masks + at * n_words, i);
    }
    for (size_t row = 0; row < N_ROWS; row++) {
        c.counts[row] = (int32_t)(c.n_coalitions - (kind == ASC_SOLVE_WALKS ? (row % 2) * length : row));
        c.n_draws[row] = c.counts[row];
    }
    free(coins);
    free(weights);
    free(values);
    return c;
}

// Walks in the order of the features, forward or backward, turned by the row's and the walk's number.
static void lay_walks(solve_case *c)
{
    const size_t n = c->n_features, n_words = mask_words(n), length = 2 * (n - 1);
    for (size_t row = 0; row < N_ROWS; row++)
        for (size_t s = 2; s < c->n_coalitions; s++) {
            uint64_t *mask = c->masks + (row * c->n_coalitions + s) * n_words;
            const size_t walk = (s - 2) / length, j = (s - 2) % length / 2;
            memset(mask, 0, n_words * sizeof *mask);
            for (size_t i = 0; i < n; i++)
                if (((i * (walk % 2 ? n - 1 : 1) + row + walk) % n <= j) == (s % 2 == 0))
                    mask_add(mask, i);
        }
}

static solved solve_on(asc_backend_kind kind, const solve_case *c, size_t first, size_t n_rows)
{
    rig r;
    rig_open(&r, kind);
    const size_t n_words = mask_words(c->n_features), n_phi = n_rows * c->n_features * K, row_values = c->n_coalitions;
    const bool ridge = c->kind == ASC_SOLVE_RIDGE;
    frame values = frame_in(&r, ASC_F64, n_rows * row_values * K, c->values + first * row_values * K);
    frame masks = frame_in(&r, ASC_U64, n_rows * row_values * n_words, c->masks + first * row_values * n_words);
    frame weights = frame_in(&r, ASC_F64, n_rows * row_values, c->weights + first * row_values);
    frame counts = frame_in(&r, ASC_I32, n_rows, c->counts + first), n_draws = frame_in(&r, ASC_I32, n_rows, c->n_draws + first);
    frame phi = frame_out(&r, ASC_F64, n_phi), std_errors = frame_out(&r, ASC_F64, n_phi);
    frame anchors = frame_out(&r, ASC_F64, n_rows * 2 * K), fit = frame_out(&r, ASC_F64, n_rows * 3 * K);
    frame finite = frame_out(&r, ASC_I32, n_rows), deficient = frame_out(&r, ASC_I32, n_rows);
    const asc_view none = {NULL, 0};
    const solve_args args = {
        .n_rows = n_rows, .n_features = c->n_features, .n_coalitions = c->n_coalitions, .n_targets = K, .kind = c->kind,
        .selection = c->selection, .n_selected = 3, .ridge = 1, .values = values.view, .masks = masks.view,
        .weights = c->kind == ASC_SOLVE_WALKS ? none : weights.view, .counts = counts.view, .n_draws = n_draws.view, .phi = phi.view,
        .std_errors = std_errors.view, .anchors = anchors.view, .fit = ridge ? fit.view : none, .finite = finite.view,
        .deficient = deficient.view,
    };
    MUST(&r, op_solve(r.stream, &args, &r.err));
    solved out = {get_memory(n_phi * sizeof(double)),       get_memory(n_phi * sizeof(double)), get_memory(n_rows * 2 * K * sizeof(double)),
                  get_memory(n_rows * 3 * K * sizeof(double)), get_memory(n_rows * sizeof(int32_t)), get_memory(n_rows * sizeof(int32_t))};
    frame_read(&phi, out.phi);
    frame_read(&std_errors, out.std_errors);
    frame_read(&anchors, out.anchors);
    if (ridge)
        frame_read(&fit, out.fit);
    frame_read(&finite, out.finite);
    frame_read(&deficient, out.deficient);
    frame *frames[] = {&values, &masks, &weights, &counts, &n_draws, &phi, &std_errors, &anchors, &fit, &finite, &deficient};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        frame_close(frames[i]);
    rig_close(&r);
    return out;
}

static void expect_same_rows(const solve_case *c, const solved *found, size_t at, const solved *expected, size_t other)
{
    const size_t n_phi = c->n_features * K;
    expect_same_bits("phi", n_phi, sizeof(double), found->phi + at * n_phi, expected->phi + other * n_phi);
    expect_same_bits("std_errors", n_phi, sizeof(double), found->std_errors + at * n_phi, expected->std_errors + other * n_phi);
    expect_same_bits("anchors", 2 * K, sizeof(double), found->anchors + at * 2 * K, expected->anchors + other * 2 * K);
    expect_same_bits("fit", 3 * K, sizeof(double), found->fit + at * 3 * K, expected->fit + other * 3 * K);
    assert_int_equal(found->finite[at], expected->finite[other]);
    assert_int_equal(found->deficient[at], expected->deficient[other]);
}

// On one backend: rows are what they are alone; a row that is not finite spoils itself only, also beyond its coalitions.
static void check_rows(asc_backend_kind kind, solve_case *c)
{
    const size_t n_phi = c->n_features * K, row_values = c->n_coalitions * K;
    solved all = solve_on(kind, c, 0, N_ROWS), ref = solve_on(ASC_BACKEND_REF, c, 0, N_ROWS);
    expect_not_trivial("phi", n_phi, all.phi);
    for (size_t row = 0; row < N_ROWS; row++) {
        assert_int_equal(all.deficient[row], c->deficient);
        solved alone = solve_on(kind, c, row, 1);
        expect_same_rows(c, &all, row, &alone, 0);
        expect_same_rows(c, &all, row, &ref, row);
        assert_int_equal(all.finite[row], 1);
        free_solved(&alone);
    }
    c->values[1 * row_values + 5] = INFINITY;
    for (size_t s = (size_t)c->counts[3]; s < c->n_coalitions; s++)
        c->values[3 * row_values + s * K] = c->weights[3 * c->n_coalitions + s] = (double)NAN;
    solved spoilt = solve_on(kind, c, 0, N_ROWS);
    for (size_t row = 0; row < N_ROWS; row++)
        if (row != 1)
            expect_same_rows(c, &spoilt, row, &ref, row);
    assert_int_equal(spoilt.finite[1], 0);
    expect_all_nan("phi", n_phi, spoilt.phi + n_phi);
    expect_all_nan("std_errors", n_phi, spoilt.std_errors + n_phi);
    free_solved(&spoilt);
    free_solved(&ref);
    free_solved(&all);
}

// Fewer coalitions than features: the minimum norm decides, in the fit itself or in a step of a selection.
static void check_deficient(asc_backend_kind kind)
{
    solve_case plain = make_case(13, 9, ASC_SOLVE_CONSTRAINED, ASC_SELECT_ALL);
    plain.deficient = true;
    check_rows(kind, &plain);
    free_case(&plain);
    const asc_selection selections[] = {ASC_SELECT_FORWARD, ASC_SELECT_LASSO};
    for (size_t i = 0; i < 2; i++) {
        solve_case twins = make_case(5, 25, ASC_SOLVE_RIDGE, selections[i]);
        for (size_t at = 0; at < N_ROWS * twins.n_coalitions; at++) // features 3 and 4 are 1 and 2 once more
            twins.masks[at] = (twins.masks[at] & 7) | (twins.masks[at] & 6) << 2;
        check_rows(kind, &twins);
        free_case(&twins);
    }
}

static void check_contract(asc_backend_kind kind)
{
    rig r;
    solve_case c = make_case(3, 15, ASC_SOLVE_RIDGE, ASC_SELECT_ALL);
    rig_open(&r, kind);
    frame values = frame_in(&r, ASC_F64, N_ROWS * c.n_coalitions * K, c.values), masks = frame_in(&r, ASC_U64, N_ROWS * c.n_coalitions, c.masks);
    frame weights = frame_in(&r, ASC_F64, N_ROWS * c.n_coalitions, c.weights), counts = frame_in(&r, ASC_I32, N_ROWS, c.counts);
    frame phi = frame_out(&r, ASC_F64, N_ROWS * 3 * K), std_errors = frame_out(&r, ASC_F64, N_ROWS * 3 * K);
    frame anchors = frame_out(&r, ASC_F64, N_ROWS * 2 * K), fit = frame_out(&r, ASC_F64, N_ROWS * 3 * K);
    frame finite = frame_out(&r, ASC_I32, N_ROWS), deficient = frame_out(&r, ASC_I32, N_ROWS);
    const solve_args good = {
        .n_rows = N_ROWS, .n_features = 3, .n_coalitions = c.n_coalitions, .n_targets = K, .kind = ASC_SOLVE_RIDGE, .ridge = 1,
        .values = values.view, .masks = masks.view, .weights = weights.view, .counts = counts.view, .phi = phi.view,
        .std_errors = std_errors.view, .anchors = anchors.view, .fit = fit.view, .finite = finite.view, .deficient = deficient.view,
    };
    solve_args args;
#define REFUSE(part, change) (args = good, change, must_refuse(&r, op_solve(r.stream, &args, &r.err), part, __LINE__))
    REFUSE("n_features", args.n_features = 0);
    REFUSE("n_coalitions", args.n_coalitions = 1);
    REFUSE("selection", args.selection = ASC_SELECT_LARS);
    REFUSE("n_draws", (args.selection = ASC_SELECT_LASSO, args.n_selected = 2));
    REFUSE("n_selected", args.selection = ASC_SELECT_FORWARD);
    REFUSE("weights", args.weights.buffer = NULL);
    REFUSE("fit", args.fit.buffer = NULL);
    REFUSE("fit", args.kind = ASC_SOLVE_CONSTRAINED);
    REFUSE("ridge", args.ridge = 0);
    REFUSE("out of bounds", args.n_coalitions++);
    REFUSE("overlaps", args.std_errors = args.phi);
#undef REFUSE
    args = good;
    MUST(&r, op_solve(r.stream, &args, &r.err));
    frame *frames[] = {&values, &masks, &weights, &counts, &phi, &std_errors, &anchors, &fit, &finite, &deficient};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        frame_close(frames[i]);
    rig_close(&r);
    free_case(&c);
}

typedef struct bad_contents {
    asc_solve_kind kind;
    const char *part, *found; // of the message; on a GPU
    int32_t count;            // of row 1; 0: as it is
    bool infinite_weight, repeated_mask;
} bad_contents;

static asc_status solve_bad(rig *r, const solve_case *c)
{
    const size_t n_words = mask_words(c->n_features), n_phi = N_ROWS * c->n_features * K, n_all = N_ROWS * c->n_coalitions;
    frame values = frame_in(r, ASC_F64, n_all * K, c->values), masks = frame_in(r, ASC_U64, n_all * n_words, c->masks);
    frame weights = frame_in(r, ASC_F64, n_all, c->weights), counts = frame_in(r, ASC_I32, N_ROWS, c->counts);
    frame phi = frame_out(r, ASC_F64, n_phi), std_errors = frame_out(r, ASC_F64, n_phi), anchors = frame_out(r, ASC_F64, N_ROWS * 2 * K);
    frame finite = frame_out(r, ASC_I32, N_ROWS), deficient = frame_out(r, ASC_I32, N_ROWS);
    const asc_view none = {NULL, 0};
    const solve_args args = {
        .n_rows = N_ROWS, .n_features = c->n_features, .n_coalitions = c->n_coalitions, .n_targets = K, .kind = c->kind,
        .values = values.view, .masks = masks.view, .weights = c->kind == ASC_SOLVE_WALKS ? none : weights.view, .counts = counts.view,
        .phi = phi.view, .std_errors = std_errors.view, .anchors = anchors.view, .finite = finite.view, .deficient = deficient.view,
    };
    const asc_status status = found_later(r, op_solve(r->stream, &args, &r->err));
    frame *frames[] = {&values, &masks, &weights, &counts, &phi, &std_errors, &anchors, &finite, &deficient};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        frame_close(frames[i]);
    return status;
}

static void check_contents(asc_backend_kind kind)
{
    const bad_contents all[] = {
        {ASC_SOLVE_CONSTRAINED, "solve: counts", "an index out of bounds", 1, false, false},
        {ASC_SOLVE_CONSTRAINED, "solve: counts", "an index out of bounds", 30, false, false},
        {ASC_SOLVE_CONSTRAINED, "solve: weights", "normal equations", 0, true, false},
        {ASC_SOLVE_WALKS, "solve: counts", "no walks", 5, false, false},
        {ASC_SOLVE_WALKS, "solve: masks", "no walks", 0, false, true},
    };
    rig r;
    rig_open(&r, kind);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        solve_case c = make_case(5, 25, all[i].kind, ASC_SELECT_ALL);
        if (c.kind == ASC_SOLVE_WALKS)
            lay_walks(&c);
        if (all[i].count)
            c.counts[1] = all[i].count;
        if (all[i].infinite_weight)
            c.weights[c.n_coalitions + 3] = INFINITY;
        if (all[i].repeated_mask)
            c.masks[c.n_coalitions + 4] = c.masks[c.n_coalitions + 2];
        MUST_REFUSE(&r, content_part(&r, all[i].part, all[i].found), solve_bad(&r, &c));
        free_case(&c);
    }
    rig_close(&r);
}

void cases_solve(asc_backend_kind kind)
{
    static const size_t sizes[] = {1, 2, 5, 64, MOST_FEATURES};
    static const struct {
        asc_solve_kind kind;
        asc_selection selection;
    } kinds[] = {{ASC_SOLVE_WALKS, ASC_SELECT_ALL},      {ASC_SOLVE_CONSTRAINED, ASC_SELECT_ALL}, {ASC_SOLVE_CONSTRAINED, ASC_SELECT_LARS},
                 {ASC_SOLVE_RIDGE, ASC_SELECT_ALL},      {ASC_SOLVE_RIDGE, ASC_SELECT_FORWARD},   {ASC_SOLVE_RIDGE, ASC_SELECT_HIGHEST},
                 {ASC_SOLVE_RIDGE, ASC_SELECT_LASSO}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            if (sizes[i] == 1 && (kinds[k].kind == ASC_SOLVE_WALKS || kinds[k].selection == ASC_SELECT_LARS))
                continue; // no walks, and nothing to choose from
            solve_case c = make_case(sizes[i], 5 * sizes[i], kinds[k].kind, kinds[k].selection);
            if (c.kind == ASC_SOLVE_WALKS)
                lay_walks(&c);
            check_rows(kind, &c);
            free_case(&c);
        }
    check_deficient(kind);
    check_contract(kind);
    check_contents(kind);
}
