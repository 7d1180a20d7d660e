// Solving a batch and fetching its results: the only way back from the device, a few numbers per row and feature.
#include "explain/batch.h"

#include <ascribe/result.h>

#include "shapes.h"

#include <math.h>
#include <stdlib.h>

// The ridge penalty of lime's last fit.
static const double lime_penalty = 1;

#define STRETCH_WORK 1e9

// What the solve leaves, on the host.
typedef struct solved {
    const double *phi, *std_errors;           // [R, M, K]
    const double *anchors;                    // [R, 2, K]
    const double *full_logits, *plain_logits; // [R, C]
    const double *fit;                        // [R, n_fit, K]
    const int32_t *finite, *deficient;        // [R]
    const int32_t *targets;                   // [R, K]
} solved;

// Device arrays of the solve, and what is fetched of them.
struct collection {
    asc_buffer *phi, *std_errors, *anchors, *finite;
    asc_buffer *fit, *deficient; // of rows with designs of their own, else NULL
    asc_fetch *fetch;
    solved host; // filled once fetch_wait has returned
};

void collection_free(collection *c)
{
    if (!c)
        return;
    fetch_destroy(c->fetch);
    buffer_destroy(c->deficient);
    buffer_destroy(c->fit);
    buffer_destroy(c->finite);
    buffer_destroy(c->anchors);
    buffer_destroy(c->std_errors);
    buffer_destroy(c->phi);
    free(c);
}

static asc_error_kind error_kind(const design *d)
{
    switch (d->error_kind) {
    case DESIGN_ERROR_NONE: return ASC_SE_ZERO;
    case DESIGN_ERROR_HC3: return ASC_SE_HC3;
    case DESIGN_ERROR_UNDEFINED: return ASC_SE_NAN;
    }
    return ASC_SE_NAN;
}

// A range of a batch's rows.
typedef struct row_range {
    size_t first, count;
} row_range;

static asc_status solve_shared(const batch *b, asc_stream *stream, const collection *s, row_range range, asc_error *err)
{
    const design *d = b->design->host;
    const size_t first = range.first, n_targets = b->request->n_targets, n_values = b->n_features * n_targets;
    const attribute_args args = {
        .n_rows = range.count,
        .n_features = b->n_features,
        .n_coalitions = d->n_coalitions,
        .n_targets = n_targets,
        .n_contrasts = d->n_contrasts,
        .paired = d->paired,
        .error_kind = error_kind(d),
        .values = view_at(b->values, first * d->n_coalitions * n_targets),
        .permutations = view_at(b->permutations, first * b->n_features),
        .design_masks = view_at(b->design->masks, 0),
        .map = view_at(b->design->map, 0),
        .loo_factor = {b->design->loo_factor, 0},
        .phi = view_at(s->phi, first * n_values),
        .std_errors = view_at(s->std_errors, first * n_values),
        .anchors = view_at(s->anchors, first * 2 * n_targets),
        .finite = view_at(s->finite, first),
    };
    return op_attribute(stream, &args, err);
}

static asc_status solve_of_rows(const batch *b, asc_stream *stream, const collection *s, row_range range, asc_error *err)
{
    const explain_request *request = b->request;
    const row_sampler *sampler = request->sampler;
    const size_t first = range.first, n_coalitions = b->design->host->n_coalitions, n_targets = request->n_targets;
    const size_t n_values = b->n_features * n_targets;
    const solve_args args = {
        .n_rows = range.count,
        .n_features = b->n_features,
        .n_coalitions = n_coalitions,
        .n_targets = n_targets,
        .kind = sampler->solve,
        .selection = request->selection,
        .n_selected = request->n_selected,
        .ridge = lime_penalty,
        .values = view_at(b->values, first * n_coalitions * n_targets),
        .masks = view_at(b->masks, first * n_coalitions * mask_words(b->n_features)),
        .weights = {sampler->solve == ASC_SOLVE_WALKS ? NULL : b->weights, first * n_coalitions},
        .counts = view_at(b->counts, first),
        .n_draws = view_at(b->n_draws, first),
        .phi = view_at(s->phi, first * n_values),
        .std_errors = view_at(s->std_errors, first * n_values),
        .anchors = view_at(s->anchors, first * 2 * n_targets),
        .fit = {s->fit, first * request->method->n_fit * n_targets},
        .finite = view_at(s->finite, first),
        .deficient = view_at(s->deficient, first),
    };
    return op_solve(stream, &args, err);
}

static asc_status create_arrays(const batch *b, collection *s, asc_error *err)
{
    const size_t n_targets = b->request->n_targets, n_values = b->n_rows * b->n_features * n_targets, n_fit = b->request->method->n_fit;
    TRY(buffer_create(b->backend, ASC_F64, n_values, &s->phi, err));
    TRY(buffer_create(b->backend, ASC_F64, n_values, &s->std_errors, err));
    TRY(buffer_create(b->backend, ASC_F64, b->n_rows * 2 * n_targets, &s->anchors, err));
    TRY(buffer_create(b->backend, ASC_I32, b->n_rows, &s->finite, err));
    if (!b->design->host->of_rows)
        return ASC_OK;
    if (n_fit)
        TRY(buffer_create(b->backend, ASC_F64, b->n_rows * n_fit * n_targets, &s->fit, err));
    return buffer_create(b->backend, ASC_I32, b->n_rows, &s->deficient, err);
}

// Rows that are solved between two questions whether to stop. A GPU solves all at once; elsewhere about STRETCH_WORK operations, which
// take a second or so: n^2 for each coalition of a row.
static size_t rows_at_once(const batch *b)
{
    const double row_work = (double)b->design->host->n_coalitions * (double)b->n_features * (double)b->n_features;
    if (b->request->backend == ASC_BACKEND_CUDA || row_work * (double)b->n_rows <= STRETCH_WORK)
        return b->n_rows;
    return row_work >= STRETCH_WORK ? 1 : (size_t)(STRETCH_WORK / row_work);
}

static asc_status solve(const batch *b, asc_stream *stream, const collection *s, asc_error *err)
{
    const size_t most = rows_at_once(b);
    for (size_t first = 0; first < b->n_rows; first += most) {
        const row_range range = {first, b->n_rows - first < most ? b->n_rows - first : most};
        TRY(stop_poll(&b->request->stop, err));
        TRY(b->design->host->of_rows ? solve_of_rows(b, stream, s, range, err) : solve_shared(b, stream, s, range, err));
    }
    return ASC_OK;
}

enum { N_FETCHED = 9 };

typedef struct wanted {
    asc_buffer *buffer; // NULL: there is none
    size_t count;
} wanted;

static asc_status fetch(const batch *b, asc_stream *stream, collection *c, asc_error *err)
{
    const size_t n_targets = b->request->n_targets, n_classes = b->model->n_classes, n_rows = b->n_rows;
    const size_t n_values = n_rows * b->n_features * n_targets;
    const wanted list[N_FETCHED] = {
        {c->phi, n_values},
        {c->std_errors, n_values},
        {c->anchors, n_rows * 2 * n_targets},
        {b->full_logits, n_rows * n_classes},
        {b->plain_logits, n_rows * n_classes},
        {c->fit, n_rows * b->request->method->n_fit * n_targets},
        {c->finite, n_rows},
        {c->deficient, n_rows},
        {b->targets, n_rows * n_targets},
    };
    const void *at[N_FETCHED] = {NULL};
    size_t capacity = 0;
    for (size_t i = 0; i < N_FETCHED; i++)
        capacity += (list[i].count + 1) * sizeof(double);
    TRY(fetch_create(b->backend, capacity, &c->fetch, err));
    for (size_t i = 0; i < N_FETCHED; i++)
        if (list[i].buffer)
            TRY(fetch_add(stream, c->fetch, view_at(list[i].buffer, 0), list[i].count, &at[i], err));
    c->host = (solved){at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7], at[8]};
    return fetch_end(stream, c->fetch, err);
}

// Scores by the pipeline rule of transformers: regression raw, multi-label or one class sigmoid, else softmax.
static void score(const asc_model *model, const double *logits, float *scores)
{
    double largest = -INFINITY, sum = 0;
    for (size_t c = 0; c < model->n_classes; c++)
        largest = logits[c] > largest ? logits[c] : largest;
    for (size_t c = 0; c < model->n_classes; c++)
        sum += exp(logits[c] - largest);
    for (size_t c = 0; c < model->n_classes; c++)
        if (model->config.problem == PROBLEM_REGRESSION)
            scores[c] = (float)logits[c];
        else
            scores[c] = (float)(model->sigmoid ? 1 / (1 + exp(-logits[c])) : exp(logits[c] - largest) / sum);
}

// The plain pass saves nothing, so in bf16 the two round differently: each by up to 0.015, measured against double on BERT-base and MiniLM.
// Of 40 rows of each of the 17 golden models, in parts of max(1, largest |logit|): up to 0.0375, and above 0.01 for ten of the models.
static double consistency_limit(const explain_request *request)
{
    switch (request->precision) {
    case ASC_PRECISION_FULL: return 1e-4;
    case ASC_PRECISION_BF16: return 4e-2;
    case ASC_PRECISION_FP16: // both have three bits more than bf16: an eighth of its error, and room for twice that; not measured yet
    case ASC_PRECISION_TF32: return 1e-2;
    }
    return 1e-4;
}

// v(all) through packing must equal a plain forward pass of the row: |difference| <= limit max(1, largest |logit|).
static bool consistent(const double *full, const double *plain, size_t n_classes, double limit)
{
    double scale = 1;
    for (size_t c = 0; c < n_classes; c++)
        scale = fabs(plain[c]) > scale ? fabs(plain[c]) : scale;
    for (size_t c = 0; c < n_classes; c++)
        if (!(fabs(full[c] - plain[c]) <= limit * scale))
            return false;
    return true;
}

static void store_row(const batch *b, size_t row, const solved *s, explained *results)
{
    const size_t n_targets = b->request->n_targets, n_classes = b->model->n_classes, n_features = b->n_features;
    const explained_row *into = &results->into[b->row_index[row]];
    part_row *facts = &results->rows[b->row_index[row]];
    const bool finite = s->finite[row] != 0, of_rows = b->design->host->of_rows;
    facts->evaluations = (of_rows ? (int64_t)b->row_counts[row] : (int64_t)b->design->host->n_coalitions) - 2;
    facts->status |= b->design->row_status;
    if (s->deficient && s->deficient[row])
        facts->status |= ASC_ROW_UNDER_DETERMINED;
    for (size_t i = 0; of_rows && i < b->request->method->n_fit * n_targets; i++)
        into->fit[i] = (float)s->fit[row * b->request->method->n_fit * n_targets + i];
    if (!finite && s->targets[row * n_targets] >= 0)
        facts->status |= ASC_ROW_NON_FINITE;
    if (finite && !consistent(s->full_logits + row * n_classes, s->plain_logits + row * n_classes, n_classes, consistency_limit(b->request)))
        facts->status |= ASC_ROW_INCONSISTENT;
    score(b->model, s->full_logits + row * n_classes, into->scores);
    for (size_t k = 0; k < n_targets; k++) {
        double sum = 0;
        into->targets[k] = s->targets[row * n_targets + k];
        into->outputs[k] = (float)s->anchors[(row * 2 + 0) * n_targets + k];
        into->base_values[k] = (float)s->anchors[(row * 2 + 1) * n_targets + k];
        for (size_t i = 0; finite && i < n_features; i++) {
            const size_t at = (row * n_features + i) * n_targets + k;
            into->values[i * n_targets + k] = (float)s->phi[at];
            into->std_errors[i * n_targets + k] = (float)s->std_errors[at];
            sum += into->values[i * n_targets + k];
        }
        if (finite)
            into->efficiency_residual[k] = (float)fabs(sum - ((double)into->outputs[k] - (double)into->base_values[k]));
    }
}

asc_status batch_solve(batch *b, asc_stream *stream, asc_error *err)
{
    collection *c = b->collection = calloc(1, sizeof *c);
    if (!c)
        return fail_memory(err, "the results of a batch", sizeof *c);
    TRY(create_arrays(b, c, err));
    TRY(solve(b, stream, c, err));
    return fetch(b, stream, c, err);
}

asc_status batch_collect(batch *b, explained *results, asc_error *err)
{
    TRY(fetch_wait(b->collection->fetch, err));
    for (size_t row = 0; row < b->n_rows; row++)
        store_row(b, row, &b->collection->host, results);
    return ASC_OK;
}

asc_status batch_take_values(const batch *b, asc_stream *stream, asc_error *err)
{
    const size_t of_row = b->design->host->n_coalitions * b->request->n_targets, n_values = b->n_rows * of_row;
    if (!b->design->host->of_rows)
        return ASC_OK;
    double *values = malloc(n_values * sizeof *values);
    if (!values)
        return fail_memory(err, "the values of a batch", n_values * sizeof *values);
    const asc_status status = buffer_download(stream, view_at(b->values, 0), values, n_values, err);
    for (size_t row = 0; status == ASC_OK && row < b->n_rows; row++)
        b->given->take(b->given->context, b->row_index[row], values + row * of_row, (size_t)b->row_counts[row]);
    free(values);
    return status;
}
