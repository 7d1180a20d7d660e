// What the tests of designs that rows draw themselves share: drawing one, evaluating a game on it, and solving it on a backend.
#ifndef ASCRIBE_TESTS_ROW_DESIGN_TESTING_H
#define ASCRIBE_TESTS_ROW_DESIGN_TESTING_H

#include "backend.h"
#include "coalition/row_design.h"
#include "design_testing.h"

static inline row_design make_row_design(size_t n_features, size_t capacity)
{
    row_design d = {.n_features = n_features, .capacity = capacity};
    d.masks = calloc(capacity * mask_words(n_features), sizeof *d.masks);
    d.weights = calloc(capacity, sizeof *d.weights);
    assert_true(d.masks && d.weights);
    return d;
}

static inline void free_row_design(row_design *d)
{
    free(d->weights);
    free(d->masks);
    *d = (row_design){0};
}

static inline const uint64_t *row_coalition(const row_design *d, size_t c)
{
    return d->masks + c * mask_words(d->n_features);
}

typedef struct row_solver {
    asc_backend_kind backend;
    asc_solve_kind kind;
    asc_selection selection;
    size_t n_selected, n_targets;
} row_solver;

typedef struct row_solution {
    double *phi, *std_errors; // [n, K]
    double *anchors;          // [2, K]
    double *fit;              // [3, K]
    int32_t finite, deficient;
} row_solution;

static inline void free_row_solution(row_solution *s)
{
    free(s->fit);
    free(s->anchors);
    free(s->std_errors);
    free(s->phi);
}

static inline asc_buffer *row_buffer(asc_backend *backend, asc_stream *stream, asc_type type, size_t count, const void *from)
{
    asc_buffer *buffer = NULL;
    asc_error err = {0};
    assert_int_equal(buffer_create(backend, type, count, &buffer, &err), ASC_OK);
    if (from)
        assert_int_equal(buffer_upload(stream, view_at(buffer, 0), from, count, &err), ASC_OK);
    return buffer;
}

static inline double *row_download(asc_stream *stream, asc_buffer *buffer)
{
    asc_error err = {0};
    double *values = calloc(buffer_count(buffer) + 1, sizeof *values);
    assert_non_null(values);
    assert_int_equal(buffer_download(stream, view_at(buffer, 0), values, buffer_count(buffer), &err), ASC_OK);
    buffer_destroy(buffer);
    return values;
}

static inline int32_t row_download_flag(asc_stream *stream, asc_buffer *buffer)
{
    asc_error err = {0};
    int32_t flag = -1;
    assert_int_equal(buffer_download(stream, view_at(buffer, 0), &flag, 1, &err), ASC_OK);
    buffer_destroy(buffer);
    return flag;
}

// Solves one row from its values [count, K]. The caller frees the solution.
static inline row_solution solve_row_design(const row_solver *solver, const row_design *d, const double *values)
{
    asc_backend *backend = NULL;
    asc_stream *stream = NULL;
    asc_error err = {0};
    const size_t n_targets = solver->n_targets, n_phi = d->n_features * n_targets, n_words = mask_words(d->n_features);
    const int32_t count = (int32_t)d->count, n_draws = (int32_t)d->n_draws;
    assert_int_equal(backend_open(solver->backend, ASC_PRECISION_FULL, &backend, &err), ASC_OK);
    assert_int_equal(stream_create(backend, &stream, &err), ASC_OK);
    asc_buffer *in[] = {
        row_buffer(backend, stream, ASC_F64, d->count * n_targets, values),
        row_buffer(backend, stream, ASC_U64, d->count * n_words, d->masks),
        row_buffer(backend, stream, ASC_F64, d->count, d->weights),
        row_buffer(backend, stream, ASC_I32, 1, &count),
        row_buffer(backend, stream, ASC_I32, 1, &n_draws),
    };
    asc_buffer *phi = row_buffer(backend, stream, ASC_F64, n_phi, NULL), *std_errors = row_buffer(backend, stream, ASC_F64, n_phi, NULL);
    asc_buffer *anchors = row_buffer(backend, stream, ASC_F64, 2 * n_targets, NULL);
    asc_buffer *fit = row_buffer(backend, stream, ASC_F64, 3 * n_targets, NULL);
    asc_buffer *finite = row_buffer(backend, stream, ASC_I32, 1, NULL), *deficient = row_buffer(backend, stream, ASC_I32, 1, NULL);
    const solve_args args = {
        .n_rows = 1, .n_features = d->n_features, .n_coalitions = d->count, .n_targets = n_targets,
        .kind = solver->kind, .selection = solver->selection, .n_selected = solver->n_selected, .ridge = 1,
        .values = view_at(in[0], 0), .masks = view_at(in[1], 0),
        .weights = {solver->kind == ASC_SOLVE_WALKS ? NULL : in[2], 0},
        .counts = view_at(in[3], 0), .n_draws = view_at(in[4], 0),
        .phi = view_at(phi, 0), .std_errors = view_at(std_errors, 0), .anchors = view_at(anchors, 0),
        .fit = {solver->kind == ASC_SOLVE_RIDGE ? fit : NULL, 0}, .finite = view_at(finite, 0), .deficient = view_at(deficient, 0),
    };
    const asc_status status = op_solve(stream, &args, &err);
    if (status != ASC_OK)
        fail_msg("%s", err.message);
    row_solution found = {row_download(stream, phi), row_download(stream, std_errors), row_download(stream, anchors),
                          row_download(stream, fit), row_download_flag(stream, finite), row_download_flag(stream, deficient)};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        buffer_destroy(in[i]);
    stream_destroy(stream);
    backend_close(backend);
    return found;
}

// One target: the game's values on every coalition of the design. The caller frees them.
static inline double *row_values(const row_design *d, double (*value)(const uint64_t *mask, size_t n, uint64_t game), uint64_t game)
{
    double *values = calloc(d->count, sizeof *values);
    assert_non_null(values);
    for (size_t c = 0; c < d->count; c++)
        values[c] = value(row_coalition(d, c), d->n_features, game);
    return values;
}

#endif
