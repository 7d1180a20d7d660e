// Reading `ascribe-result` v1: structure at opening, every index at reading. Values are handed out as they
// are, NaN included.
#include <ascribe/result.h>

#include "base/fail.h"
#include "io/annotation.h"
#include "io/h5file.h"
#include "io/ragged.h"
#include "io/result_read.h"
#include "io/trial.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

enum { FORMAT_MAJOR = 1, N_TEXTS = 10, MAX_COLUMNS = 1 << 20 };

struct asc_result {
    h5file *file;
    h5set ids, positions, evaluations, status;
    h5set feature_offsets, values, std_errors;
    h5set base_values, outputs, efficiency_residual, targets, scores;
    h5set lime[RESULT_N_FIT];
    annotations notes;
    char **class_names;
    char *texts[N_TEXTS]; // the info's strings and the digest
    const char *digest;
    asc_result_info info;
};

bool result_dataset_sha256(const char *manifest, char hex[HASH_HEX_SIZE])
{
    json_t *object = json_loads(manifest, 0, NULL);
    const char *sha256 = json_string_value(json_object_get(json_object_get(object, "dataset"), "sha256"));
    const bool found = sha256 && strlen(sha256) == HASH_HEX_SIZE - 1;
    if (found)
        memcpy(hex, sha256, HASH_HEX_SIZE);
    json_decref(object);
    return found;
}

const char *asc_row_status_name(uint32_t bit)
{
    switch (bit) {
    case ASC_ROW_NO_FEATURES: return "no_features";
    case ASC_ROW_ONE_FEATURE: return "one_feature";
    case ASC_ROW_TRUNCATED: return "truncated";
    case ASC_ROW_TOO_LONG: return "too_long";
    case ASC_ROW_BAD_TOKEN_ID: return "bad_token_id";
    case ASC_ROW_NON_FINITE: return "non_finite";
    case ASC_ROW_INCONSISTENT: return "inconsistent";
    case ASC_ROW_UNDER_DETERMINED: return "under_determined";
    case ASC_ROW_TOO_MANY_FEATURES: return "too_many_features";
    case ASC_ROW_NO_FIXED_TOKEN: return "no_fixed_token";
    case ASC_ROW_NO_LABEL: return "no_label";
    case ASC_ROW_RECOMPUTED_BF16: return "recomputed_bf16";
    default: return NULL;
    }
}

int32_t asc_top_class(const float *scores, size_t n_classes)
{
    int32_t best = -1;
    for (size_t c = 0; c < n_classes; c++)
        if (scores[c] == scores[c] && (best < 0 || scores[c] > scores[best]))
            best = (int32_t)c;
    return best;
}

static asc_status read_texts(asc_result *result, asc_error *err)
{
    static const char *const names[N_TEXTS] = {"method",      "estimator",  "output",        "policy",
                                               "granularity", "created_by", "manifest_hash", "manifest",
                                               "run",         "digest"};
    asc_result_info *info = &result->info;
    const char **const places[N_TEXTS] = {
        &info->method,     &info->estimator,     &info->output,   &info->policy, &info->granularity,
        &info->created_by, &info->manifest_hash, &info->manifest, &info->run,    &result->digest};
    for (size_t i = 0; i < N_TEXTS; i++) {
        TRY(h5file_read_text(result->file, names[i], &result->texts[i], err));
        if (!result->texts[i])
            return fail(err, ASC_MALFORMED, "%s: attribute '%s' is missing", h5file_path(result->file),
                        names[i]);
        *places[i] = result->texts[i];
    }
    return ASC_OK;
}

static asc_status read_count(const asc_result *result, const char *name, size_t *count, asc_error *err)
{
    int64_t value = 0;
    TRY(h5file_read_int(result->file, name, 0, &value, err));
    if (value < 1 || value > MAX_COLUMNS)
        return fail(err, ASC_MALFORMED, "%s: attribute '%s': expected 1 to %d, found %lld",
                    h5file_path(result->file), name, MAX_COLUMNS, (long long)value);
    *count = (size_t)value;
    return ASC_OK;
}

static asc_status check_complete(const asc_result *result, asc_error *err)
{
    int64_t complete = 0;
    TRY(h5file_read_int(result->file, "complete", 0, &complete, err));
    if (complete != 1)
        return fail(err, ASC_MALFORMED,
                    "%s: the file is not complete: expected attribute complete = 1, found %lld",
                    h5file_path(result->file), (long long)complete);
    return ASC_OK;
}

static asc_status open_rows(asc_result *result, asc_error *err)
{
    const h5file *file = result->file;
    asc_result_info *info = &result->info;
    TRY(h5set_open_as(file, "rows/id", (h5set_shape){COLUMN_UINT64, H5SET_ANY_ROWS, 0}, &result->ids, err));
    info->n_rows = result->ids.n_rows;
    if (info->n_rows == 0)
        return fail(err, ASC_MALFORMED, "%s: the result is empty: expected at least one row, found 0",
                    h5file_path(file));
    const h5set_shape numbers = {COLUMN_INT64, info->n_rows, 0};
    TRY(h5set_open_as(file, "rows/position", numbers, &result->positions, err));
    TRY(h5set_open_as(file, "evaluations", numbers, &result->evaluations, err));
    return h5set_open_as(file, "status", (h5set_shape){COLUMN_UINT32, info->n_rows, 0}, &result->status, err);
}

static asc_status open_values(asc_result *result, asc_error *err)
{
    const h5file *file = result->file;
    asc_result_info *info = &result->info;
    TRY(ragged_open(file, "features/offsets", info->n_rows, &result->feature_offsets, &info->n_values, err));
    const h5set_shape flat = {COLUMN_FLOAT32, info->n_values, info->n_targets};
    const h5set_shape per_target = {COLUMN_FLOAT32, info->n_rows, info->n_targets};
    const h5set_shape indexes = {COLUMN_INT32, info->n_rows, info->n_targets};
    const h5set_shape per_class = {COLUMN_FLOAT32, info->n_rows, info->n_classes};
    TRY(h5set_open_as(file, "values", flat, &result->values, err));
    TRY(h5set_open_as(file, "std_errors", flat, &result->std_errors, err));
    TRY(h5set_open_as(file, "base_values", per_target, &result->base_values, err));
    TRY(h5set_open_as(file, "outputs", per_target, &result->outputs, err));
    TRY(h5set_open_as(file, "efficiency_residual", per_target, &result->efficiency_residual, err));
    TRY(h5set_open_as(file, "targets", indexes, &result->targets, err));
    return h5set_open_as(file, "scores", per_class, &result->scores, err);
}

// All three arrays of lime's fit or none of them.
static asc_status open_lime(asc_result *result, asc_error *err)
{
    static const char *const names[RESULT_N_FIT] = {"lime/intercept", "lime/score", "lime/local_prediction"};
    bool has = false;
    TRY(h5file_has(result->file, "lime", &has, err));
    result->info.has_lime = has;
    const h5set_shape per_target = {COLUMN_FLOAT32, result->info.n_rows, result->info.n_targets};
    for (size_t i = 0; has && i < RESULT_N_FIT; i++)
        TRY(h5set_open_as(result->file, names[i], per_target, &result->lime[i], err));
    return ASC_OK;
}

static asc_status read_class_names(asc_result *result, asc_error *err)
{
    h5set names = {0};
    const h5set_shape shape = {COLUMN_TEXT, result->info.n_classes, 0};
    TRY(h5set_open_as(result->file, "class_names", shape, &names, err));
    const asc_status status =
        annotation_read_texts(&names, (row_range){0, names.n_rows}, &result->class_names, err);
    h5set_close(&names);
    result->info.class_names = (const char *const *)result->class_names;
    return status;
}

static asc_status open_all(asc_result *result, asc_error *err)
{
    asc_result_info *info = &result->info;
    TRY(h5file_check_format(result->file, "ascribe-result", FORMAT_MAJOR, err));
    TRY(check_complete(result, err));
    TRY(read_texts(result, err));
    TRY(read_count(result, "n_classes", &info->n_classes, err));
    TRY(read_count(result, "n_targets", &info->n_targets, err));
    TRY(open_rows(result, err));
    TRY(open_values(result, err));
    TRY(open_lime(result, err));
    TRY(read_class_names(result, err));
    TRY(annotations_open(result->file, info->n_rows, false, &result->notes, err));
    info->n_label_names = result->notes.n_label_names;
    info->label_names = (const char *const *)result->notes.label_names;
    info->has_labels = result->notes.labels.id > 0;
    info->has_text = result->notes.text_offsets.id > 0;
    info->has_keys = result->notes.keys.id > 0;
    info->has_pairs = result->notes.text_split.id > 0;
    info->has_label_matrix = result->notes.label_matrix.id > 0;
    info->has_label_numbers = result->notes.label_numbers.id > 0;
    return ASC_OK;
}

static void close_all(asc_result *result)
{
    h5set *const sets[] = {&result->scores,      &result->targets,         &result->efficiency_residual,
                           &result->outputs,     &result->base_values,     &result->std_errors,
                           &result->values,      &result->feature_offsets, &result->status,
                           &result->evaluations, &result->positions,       &result->ids};
    annotations_close(&result->notes);
    for (size_t i = 0; i < RESULT_N_FIT; i++)
        h5set_close(&result->lime[i]);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        h5set_close(sets[i]);
    h5file_close(result->file);
    free(result->class_names);
    for (size_t i = 0; i < N_TEXTS; i++)
        free(result->texts[i]);
    free(result);
}

asc_status result_open_here(const char *path, asc_result **out, asc_error *err)
{
    asc_result *result = calloc(1, sizeof *result);
    if (!result)
        return fail_memory(err, "a result's record", sizeof *result);
    const h5_silence silence = h5_silence_begin();
    asc_status status = h5file_open(path, &result->file, err);
    if (status == ASC_OK)
        status = open_all(result, err);
    if (status == ASC_OK)
        *out = result;
    else
        close_all(result);
    h5_silence_end(silence);
    return status;
}

typedef struct trial_call {
    const char *path;
    const h5_identity *expected; // NULL: only opened
    row_range range;
    h5_identity found; // the answer
    stop_check stop;
} trial_call;

static asc_status check_rows(asc_result *result, row_range range, asc_error *err)
{
    const size_t at_once = trial_rows_at_once(result->info.n_rows, result->info.n_values * result->info.n_targets);
    for (size_t done = 0; done < range.count; done += at_once) {
        asc_result_rows *rows = NULL;
        const size_t count = range.count - done < at_once ? range.count - done : at_once;
        TRY(asc_result_read(result, range.first + done, count, &rows, err));
        asc_result_rows_free(rows);
    }
    return ASC_OK;
}

static asc_status try_reading(void *context, asc_error *err)
{
    trial_call *call = context;
    asc_result *result = NULL;
    TRY(result_open_here(call->path, &result, err));
    call->found = h5file_identity(result->file);
    if (call->expected) {
        TRY(h5file_check_identity(result->file, call->expected, err));
        TRY(check_rows(result, call->range, err));
    }
    asc_result_close(result);
    return ASC_OK;
}

static asc_status run_trial(trial_call *call, asc_error *err)
{
    const trial job = {
        .path = call->path,
        .step = try_reading,
        .context = call,
        .answer = &call->found,
        .answer_size = sizeof call->found,
        .stop = call->stop,
    };
    return trial_run(&job, err);
}

asc_status asc_result_open(const char *path, asc_result **out, asc_error *err)
{
    return result_open(path, NULL, out, err);
}

asc_status result_open(const char *path, const stop_check *stop, asc_result **out, asc_error *err)
{
    asc_result *result = NULL;
    trial_call call = {.path = path, .stop = stop ? *stop : (stop_check){0}};
    TRY(run_trial(&call, err));
    TRY(result_open_here(path, &result, err));
    const asc_status status = h5file_check_identity(result->file, &call.found, err);
    if (status == ASC_OK)
        *out = result;
    else
        asc_result_close(result);
    return status;
}

void asc_result_close(asc_result *result)
{
    if (!result)
        return;
    const h5_silence silence = h5_silence_begin();
    close_all(result);
    h5_silence_end(silence);
}

const asc_result_info *asc_result_describe(const asc_result *result)
{
    return &result->info;
}

const char *result_stored_digest(const asc_result *result)
{
    return result->digest;
}

part_row result_row(const asc_result_info *info, const asc_result_rows *rows, size_t row)
{
    const size_t n_targets = info->n_targets;
    const size_t begin = (size_t)rows->feature_offsets[row];
    return (part_row){
        .id = rows->id[row],
        .position = rows->position[row],
        .evaluations = rows->evaluations[row],
        .status = rows->status[row],
        .n_features = (uint32_t)((size_t)rows->feature_offsets[row + 1] - begin),
        .values = rows->values + begin * n_targets,
        .std_errors = rows->std_errors + begin * n_targets,
        .base_values = rows->base_values + row * n_targets,
        .outputs = rows->outputs + row * n_targets,
        .efficiency_residual = rows->efficiency_residual + row * n_targets,
        .targets = rows->targets + row * n_targets,
        .scores = rows->scores + row * info->n_classes,
        .fit = rows->lime ? rows->lime + row * RESULT_N_FIT * n_targets : NULL,
    };
}

static asc_status read_numbers(const asc_result *result, row_range range, asc_result_rows *rows,
                               asc_error *err)
{
    const size_t first = range.first, count = range.count;
    TRY(h5set_read_new(&result->ids, first, count, &rows->id, err));
    TRY(h5set_read_new(&result->positions, first, count, &rows->position, err));
    TRY(h5set_read_new(&result->evaluations, first, count, &rows->evaluations, err));
    TRY(h5set_read_new(&result->status, first, count, &rows->status, err));
    TRY(h5set_read_new(&result->base_values, first, count, &rows->base_values, err));
    TRY(h5set_read_new(&result->outputs, first, count, &rows->outputs, err));
    TRY(h5set_read_new(&result->efficiency_residual, first, count, &rows->efficiency_residual, err));
    TRY(h5set_read_new(&result->targets, first, count, &rows->targets, err));
    return h5set_read_new(&result->scores, first, count, &rows->scores, err);
}

// The three arrays of the file become one [rows, 3, K].
static asc_status read_lime(const asc_result *result, row_range range, asc_result_rows *rows, asc_error *err)
{
    const size_t n_targets = result->info.n_targets;
    if (!result->info.has_lime)
        return ASC_OK;
    rows->lime = malloc((range.count * RESULT_N_FIT * n_targets + 1) * sizeof *rows->lime);
    if (!rows->lime)
        return fail_memory(err, "a slice of results", range.count * RESULT_N_FIT * n_targets * sizeof *rows->lime);
    for (size_t i = 0; i < RESULT_N_FIT; i++) {
        float *values = NULL;
        TRY(h5set_read_new(&result->lime[i], range.first, range.count, &values, err));
        for (size_t row = 0; row < range.count; row++)
            memcpy(rows->lime + (row * RESULT_N_FIT + i) * n_targets, values + row * n_targets, n_targets * sizeof *values);
        free(values);
    }
    return ASC_OK;
}

static asc_status read_values(const asc_result *result, row_range range, asc_result_rows *rows,
                              asc_error *err)
{
    size_t begin = 0;
    TRY(ragged_read(&result->feature_offsets, range, result->info.n_values, &rows->feature_offsets, &begin,
                    err));
    const size_t count = (size_t)rows->feature_offsets[range.count];
    TRY(h5set_read_new(&result->values, begin, count, &rows->values, err));
    return h5set_read_new(&result->std_errors, begin, count, &rows->std_errors, err);
}

static asc_status check_row(const asc_result *result, const asc_result_rows *rows, size_t row, asc_error *err)
{
    const char *path = h5file_path(result->file);
    const size_t n_targets = result->info.n_targets;
    const int64_t n_features = rows->feature_offsets[row + 1] - rows->feature_offsets[row];
    if (rows->position[row] < 0 || rows->evaluations[row] < 0)
        return fail(err, ASC_MALFORMED, "%s: row %zu: expected a position and evaluations of at least 0",
                    path, rows->first + row);
    if (n_features > INT32_MAX)
        return fail(err, ASC_MALFORMED, "%s: row %zu: expected at most %d features, found %lld", path,
                    rows->first + row, INT32_MAX, (long long)n_features);
    for (size_t target = 0; target < n_targets; target++) {
        const int32_t class_index = rows->targets[row * n_targets + target];
        if (class_index < -1 || class_index >= (int32_t)result->info.n_classes)
            return fail(err, ASC_MALFORMED, "%s: row %zu: expected a target class from -1 to %zu, found %d",
                        path, rows->first + row, result->info.n_classes - 1, class_index);
    }
    return ASC_OK;
}

static void take_annotations(asc_result_rows *rows, const annotation_slice *notes)
{
    rows->span_offsets = notes->span_offsets;
    rows->span_begin = notes->span_begin;
    rows->span_end = notes->span_end;
    rows->span_feature = notes->span_feature;
    rows->text_offsets = notes->text_offsets;
    rows->text = notes->text;
    rows->text_split = notes->text_split;
    rows->labels = notes->labels;
    rows->label_matrix = notes->label_matrix;
    rows->label_numbers = notes->label_numbers;
    rows->keys = notes->keys;
}

static asc_status read_rows(const asc_result *result, row_range range, asc_result_rows *rows, asc_error *err)
{
    annotation_slice notes;
    TRY(read_numbers(result, range, rows, err));
    TRY(read_values(result, range, rows, err));
    TRY(read_lime(result, range, rows, err));
    for (size_t row = 0; row < range.count; row++)
        TRY(check_row(result, rows, row, err));
    TRY(annotations_read(&result->notes, range, rows->feature_offsets, &notes, err));
    take_annotations(rows, &notes);
    return ASC_OK;
}

static asc_status check_range(const asc_result *result, size_t first, size_t count, asc_error *err)
{
    const size_t n_rows = result->info.n_rows;
    if (first > n_rows || count > n_rows - first)
        return fail(err, ASC_USAGE, "%s: expected rows within 0 to %zu, found %zu rows from %zu on",
                    h5file_path(result->file), n_rows, count, first);
    return ASC_OK;
}

asc_status asc_result_check(asc_result *result, size_t first, size_t count, asc_error *err)
{
    const h5_identity identity = h5file_identity(result->file);
    trial_call call = {h5file_path(result->file), &identity, {first, count}, {0}, {0}};
    TRY(check_range(result, first, count, err));
    return run_trial(&call, err);
}

asc_status asc_result_read(asc_result *result, size_t first, size_t count, asc_result_rows **out,
                           asc_error *err)
{
    TRY(check_range(result, first, count, err));
    asc_result_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return fail_memory(err, "a slice of results", sizeof *rows);
    rows->n_rows = count;
    rows->first = first;
    const h5_silence silence = h5_silence_begin();
    const asc_status status = read_rows(result, (row_range){first, count}, rows, err);
    h5_silence_end(silence);
    if (status == ASC_OK)
        *out = rows;
    else
        asc_result_rows_free(rows);
    return status;
}

void asc_result_rows_free(asc_result_rows *rows)
{
    if (!rows)
        return;
    free(rows->keys);
    free(rows->label_numbers);
    free(rows->label_matrix);
    free(rows->labels);
    free(rows->text_split);
    free(rows->text);
    free(rows->text_offsets);
    free(rows->span_feature);
    free(rows->span_end);
    free(rows->span_begin);
    free(rows->span_offsets);
    free(rows->lime);
    free(rows->scores);
    free(rows->targets);
    free(rows->efficiency_residual);
    free(rows->outputs);
    free(rows->base_values);
    free(rows->std_errors);
    free(rows->values);
    free(rows->feature_offsets);
    free(rows->status);
    free(rows->evaluations);
    free(rows->position);
    free(rows->id);
    free(rows);
}
