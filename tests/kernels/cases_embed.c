// embed. ref: within 1e-12 of the formula in long double, scaled by the largest value of the token's row.
// cpu: within 2e-6 of ref, scaled likewise. Tokens are independent: a NaN in one table row reaches only the
// tokens that use it.
#include "cases.h"
#include "compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_VOCABULARY = 57, N_POSITIONS = 140, N_TYPES = 2, TABLE_TOKENS = 111, N_ENTRIES = 2 * TABLE_TOKENS };

typedef struct embed_case {
    size_t n_tokens, n_hidden;
    bool gathered; // through `source`, which reaches into the second half of the table
    bool placed;   // positions of its own for every token instead of the table's
    bool typeless; // no type table
    double epsilon;
    float *word, *position, *type, *gamma, *beta;
    int32_t *ids, *positions, *types, *source, *own_positions;
} embed_case;

static embed_case make_case(size_t n_tokens, size_t n_hidden, bool gathered)
{
    embed_case c = {.n_tokens = n_tokens, .n_hidden = n_hidden, .gathered = gathered, .epsilon = 1e-12};
    c.word = random_floats(1, N_VOCABULARY * n_hidden, 0.05f);
    c.position = random_floats(2, N_POSITIONS * n_hidden, 0.02f);
    c.type = random_floats(3, N_TYPES * n_hidden, 0.01f);
    c.gamma = random_floats(4, n_hidden, 1);
    c.beta = random_floats(5, n_hidden, 0.2f);
    c.ids = random_ints(6, N_ENTRIES, N_VOCABULARY - 1);
    c.positions = random_ints(7, N_ENTRIES, N_POSITIONS);
    c.types = random_ints(8, N_ENTRIES, N_TYPES);
    c.source = random_ints(9, n_tokens, N_ENTRIES);
    c.own_positions = random_ints(10, n_tokens, N_POSITIONS);
    return c;
}

static void free_case(embed_case *c)
{
    float *floats[] = {c->word, c->position, c->type, c->gamma, c->beta};
    int32_t *ints[] = {c->ids, c->positions, c->types, c->source, c->own_positions};
    for (size_t i = 0; i < 5; i++)
        free(floats[i]);
    for (size_t i = 0; i < 5; i++)
        free(ints[i]);
}

static asc_status embed(rig *r, const embed_case *c, double *out)
{
    const size_t n_hidden = c->n_hidden;
    enum { IDS, POSITION_IDS, TYPE_IDS, SOURCE, OWN_POSITIONS, WORD, POSITION, TYPE, GAMMA, BETA, N_INPUTS };
    frame in[N_INPUTS] = {
        frame_in(r, ASC_I32, N_ENTRIES, c->ids),
        frame_in(r, ASC_I32, N_ENTRIES, c->positions),
        frame_in(r, ASC_I32, N_ENTRIES, c->types),
        frame_in(r, ASC_I32, c->n_tokens, c->source),
        frame_in(r, ASC_I32, c->n_tokens, c->own_positions),
        frame_in(r, ASC_REAL, N_VOCABULARY * n_hidden, c->word),
        frame_in(r, ASC_REAL, N_POSITIONS * n_hidden, c->position),
        frame_in(r, ASC_REAL, N_TYPES * n_hidden, c->type),
        frame_in(r, ASC_REAL, n_hidden, c->gamma),
        frame_in(r, ASC_REAL, n_hidden, c->beta),
    };
    frame result = frame_out(r, ASC_REAL, c->n_tokens * n_hidden);
    const token_table table = {.n_tokens = TABLE_TOKENS,
                               .ids = in[IDS].view,
                               .positions = in[POSITION_IDS].view,
                               .types = in[TYPE_IDS].view};
    const embed_args args = {.n_tokens = c->n_tokens,
                             .n_hidden = n_hidden,
                             .n_vocabulary = N_VOCABULARY,
                             .n_positions = N_POSITIONS,
                             .n_types = c->typeless ? 0 : N_TYPES,
                             .table = &table,
                             .source = c->gathered ? in[SOURCE].view : (asc_view){NULL, 0},
                             .positions = c->placed ? in[OWN_POSITIONS].view : (asc_view){NULL, 0},
                             .word = in[WORD].view,
                             .position = in[POSITION].view,
                             .type = c->typeless ? (asc_view){NULL, 0} : in[TYPE].view,
                             .norm = {in[GAMMA].view, in[BETA].view, c->epsilon},
                             .out = result.view};
    const asc_status status = found_later(r, op_embed(r->stream, &args, &r->err));
    if (status == ASC_OK)
        frame_read(&result, out);
    frame_close(&result);
    for (size_t i = 0; i < N_INPUTS; i++)
        frame_close(&in[i]);
    return status;
}

static double *embed_on(asc_backend_kind kind, const embed_case *c)
{
    rig r;
    double *out = get_memory(c->n_tokens * c->n_hidden * sizeof *out);
    rig_open(&r, kind);
    MUST(&r, embed(&r, c, out));
    rig_close(&r);
    return out;
}

static double *formula(const embed_case *c)
{
    const size_t n = c->n_hidden;
    double *out = get_memory(c->n_tokens * n * sizeof *out);
    for (size_t t = 0; t < c->n_tokens; t++) {
        const size_t u = c->gathered ? (size_t)c->source[t] : t;
        const float *word = c->word + (size_t)c->ids[u] * n, *type = c->type + (size_t)c->types[u] * n;
        const float *position = c->position + (size_t)(c->placed ? c->own_positions[t] : c->positions[u]) * n;
        const long double factor = c->typeless ? 0 : 1;
        long double sum = 0, squares = 0;
        for (size_t d = 0; d < n; d++) {
            const long double x = (long double)word[d] + position[d] + factor * type[d];
            sum += x;
            squares += x * x;
        }
        const long double mean = sum / n, deviation = sqrtl(squares / n - mean * mean + c->epsilon);
        for (size_t d = 0; d < n; d++)
            out[t * n + d] = (double)(((long double)word[d] + position[d] + factor * type[d] - mean) /
                                          deviation * c->gamma[d] +
                                      c->beta[d]);
    }
    return out;
}

// The largest magnitude of each row, repeated over the row.
static double *row_scales(size_t n_rows, size_t n, const double *values)
{
    double *scales = get_memory(n_rows * n * sizeof *scales);
    for (size_t i = 0; i < n_rows * n; i++)
        scales[i / n * n] = fmax(scales[i / n * n], fabs(values[i]));
    for (size_t i = 0; i < n_rows * n; i++)
        scales[i] = scales[i / n * n];
    return scales;
}

static void check_case(asc_backend_kind kind, embed_case c)
{
    const size_t n_tokens = c.n_tokens, n_hidden = c.n_hidden;
    double *found = embed_on(kind, &c);
    double *expected = kind == ASC_BACKEND_REF ? formula(&c) : embed_on(reference_of(kind), &c);
    double *scales = row_scales(n_tokens, n_hidden, expected);
    const double tolerance = kind == ASC_BACKEND_REF ? 1e-12 : is_float(kind) ? 2e-6 : 0;
    if (n_tokens > 0)
        expect_not_trivial("embed", n_tokens * n_hidden, expected);
    bound_errors(kind, n_tokens * n_hidden, tolerance, scales, 1, expected);
    expect_close("embed", n_tokens * n_hidden, found, expected, 1, scales);
    free(scales);
    free(expected);
    free(found);
    free_case(&c);
}

static void check_embed(asc_backend_kind kind, size_t n_tokens, size_t n_hidden, bool gathered)
{
    check_case(kind, make_case(n_tokens, n_hidden, gathered));
    embed_case other = make_case(n_tokens, n_hidden, gathered);
    other.placed = true;
    other.typeless = n_hidden == 48;
    check_case(kind, other);
}

// Word 56, which random ids never name, is all NaN; token 5 gets it. Nothing else changes by a bit.
static void check_nan(asc_backend_kind kind)
{
    embed_case c = make_case(19, 48, false);
    const size_t n = c.n_hidden;
    double *before = embed_on(kind, &c);
    for (size_t d = 0; d < n; d++)
        c.word[(N_VOCABULARY - 1) * n + d] = NAN;
    c.ids[5] = N_VOCABULARY - 1;
    double *after = embed_on(kind, &c);
    expect_same_bits("tokens before the NaN", 5 * n, sizeof *after, after, before);
    expect_all_nan("the token with NaN", n, after + 5 * n);
    expect_same_bits("tokens after the NaN", 13 * n, sizeof *after, after + 6 * n, before + 6 * n);
    free(after);
    free(before);
    free_case(&c);
}

static void check_bad_ids(asc_backend_kind kind)
{
    rig r;
    rig_open(&r, kind);
    embed_case c = make_case(19, 24, true);
    double *out = get_memory(19 * 24 * sizeof *out);
    c.source[7] = N_ENTRIES;
    MUST_REFUSE(&r, content_part(&r, "embed: source", "an index out of bounds"), embed(&r, &c, out));
    c.source[7] = 3;
    c.ids[3] = N_VOCABULARY;
    MUST_REFUSE(&r, content_part(&r, "embed: table.ids", "an index out of bounds"), embed(&r, &c, out));
    c.ids[3] = -1;
    MUST_REFUSE(&r, content_part(&r, "embed: table.ids", "an index out of bounds"), embed(&r, &c, out));
    c.ids[3] = 0;
    c.positions[3] = N_POSITIONS;
    MUST_REFUSE(&r, content_part(&r, "embed: table.positions", "an index out of bounds"), embed(&r, &c, out));
    c.positions[3] = 0;
    c.types[3] = N_TYPES;
    MUST_REFUSE(&r, content_part(&r, "embed: table.types", "an index out of bounds"), embed(&r, &c, out));
    c.types[3] = 0;
    c.placed = true, c.own_positions[7] = -1;
    MUST_REFUSE(&r, content_part(&r, "embed: positions", "an index out of bounds"), embed(&r, &c, out));
    c.own_positions[7] = 0, c.positions[3] = N_POSITIONS; // not looked at
    MUST(&r, embed(&r, &c, out));
    free(out);
    free_case(&c);
    rig_close(&r);
}

void cases_embed(asc_backend_kind kind)
{
    const size_t token_counts[] = {0, 1, 3, 19, 64, 111}, widths[] = {24, 32, 48, 384};
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 4; j++) {
            check_embed(kind, token_counts[i], widths[j], false);
            check_embed(kind, token_counts[i], widths[j], true);
        }
    check_embed(kind, 989, 32, true);
    check_nan(kind);
    if (!is_float(kind) || is_cuda(kind))
        check_bad_ids(kind);
}
