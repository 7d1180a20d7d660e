// Reading `ascribe-dataset` v1: the structure is checked when a file is opened, every index when a slice is
// read, so that whoever gets an asc_rows can follow its indices blindly. Both are tried in a child process first.
#include <ascribe/dataset.h>

#include "base/fail.h"
#include "io/annotation.h"
#include "io/dataset_read.h"
#include "io/h5file.h"
#include "io/ragged.h"
#include "io/trial.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_MAJOR = 1, N_TEXTS = 5 };

struct asc_dataset {
    h5file *file;
    h5set ids, truncated;
    h5set token_ids, token_features, token_types, token_offsets;
    h5set feature_offsets, rationales;
    annotations notes;
    char *texts[N_TEXTS]; // the info's strings
    asc_dataset_info info;
    stop_check stop; // asked by what takes time
};

static asc_status read_texts(asc_dataset *data, asc_error *err)
{
    static const char *const names[N_TEXTS] = {"created_by", "tokenizer", "tokenizer_sha256", "granularity",
                                               "source"};
    const char **const places[N_TEXTS] = {&data->info.created_by, &data->info.tokenizer,
                                          &data->info.tokenizer_sha256, &data->info.granularity,
                                          &data->info.source};
    for (size_t i = 0; i < N_TEXTS; i++) {
        TRY(h5file_read_text(data->file, names[i], &data->texts[i], err));
        *places[i] = data->texts[i] ? data->texts[i] : "";
    }
    return ASC_OK;
}

static asc_status read_numbers(asc_dataset *data, asc_error *err)
{
    asc_dataset_info *info = &data->info;
    TRY(h5file_read_int(data->file, "vocab_size", 0, &info->vocab_size, err));
    TRY(h5file_read_int(data->file, "max_length", 0, &info->max_length, err));
    TRY(h5file_read_int(data->file, "n_truncated", 0, &info->n_truncated, err));
    TRY(h5file_read_int(data->file, "n_merged", 0, &info->n_merged, err));
    TRY(h5file_read_int(data->file, "mask_token_id", -1, &info->mask_token_id, err));
    TRY(h5file_read_int(data->file, "pad_token_id", -1, &info->pad_token_id, err));
    return h5file_read_int(data->file, "unk_token_id", -1, &info->unk_token_id, err);
}

static asc_status open_tokens(asc_dataset *data, asc_error *err)
{
    asc_dataset_info *info = &data->info;
    TRY(ragged_open(data->file, "tokens/offsets", info->n_rows, &data->token_offsets, &info->n_tokens, err));
    const h5set_shape numbers = {COLUMN_INT32, info->n_tokens, 0};
    const h5set_shape bytes = {COLUMN_UINT8, info->n_tokens, 0};
    TRY(h5set_open_as(data->file, "tokens/ids", numbers, &data->token_ids, err));
    TRY(h5set_open_as(data->file, "tokens/features", numbers, &data->token_features, err));
    TRY(h5set_open_optional(data->file, "tokens/types", bytes, &data->token_types, err));
    return ragged_longest(&data->token_offsets, info->n_tokens, &info->max_row_tokens, err);
}

static asc_status open_rows(asc_dataset *data, asc_error *err)
{
    asc_dataset_info *info = &data->info;
    const h5set_shape any_ids = {COLUMN_UINT64, H5SET_ANY_ROWS, 0};
    TRY(h5set_open_as(data->file, "rows/id", any_ids, &data->ids, err));
    info->n_rows = data->ids.n_rows;
    if (info->n_rows == 0)
        return fail(err, ASC_MALFORMED, "%s: the dataset is empty: expected at least one row, found 0",
                    h5file_path(data->file));
    const h5set_shape counts = {COLUMN_UINT32, info->n_rows, 0};
    return h5set_open_as(data->file, "rows/truncated", counts, &data->truncated, err);
}

static asc_status open_features(asc_dataset *data, asc_error *err)
{
    asc_dataset_info *info = &data->info;
    TRY(ragged_open(data->file, "features/offsets", info->n_rows, &data->feature_offsets, &info->n_features,
                    err));
    if (info->n_features > info->n_tokens)
        return fail(err, ASC_MALFORMED, "%s: expected at most as many features as tokens (%zu), found %zu",
                    h5file_path(data->file), info->n_tokens, info->n_features);
    const h5set_shape marks = {COLUMN_UINT8, info->n_features, 0};
    TRY(h5set_open_optional(data->file, "features/rationale", marks, &data->rationales, err));
    info->has_rationales = data->rationales.id > 0;
    return ASC_OK;
}

typedef asc_status column_visit(const h5set *column, row_range range, asc_error *err);

static asc_status visit_nothing(const h5set *column, row_range range, asc_error *err)
{
    (void)column;
    (void)range;
    (void)err;
    return ASC_OK;
}

static asc_status visit_values(const h5set *column, row_range range, asc_error *err)
{
    void *values = NULL;
    TRY(h5set_read_new(column, range.first, range.count, &values, err));
    free(values);
    return ASC_OK;
}

// The columns that a result copies: better refused now than at the end of a run.
static asc_status check_meta(const asc_dataset *data, column_visit *visit, row_range range, asc_error *err)
{
    char **names = NULL;
    size_t n_names = 0;
    TRY(h5file_list(data->file, "meta", &names, &n_names, err));
    asc_status status = ASC_OK;
    for (size_t i = 0; i < n_names && status == ASC_OK; i++) {
        char name[300] = "meta/";
        h5set column = {0};
        strncat(name, names[i], sizeof name - sizeof "meta/");
        status = h5set_open(data->file, name, &column, err);
        if (status == ASC_OK && (column.n_columns != 0 || column.n_rows != data->info.n_rows))
            status = fail(err, ASC_MALFORMED,
                          "%s: dataset '%s': expected one dimension of %zu entries, found %zu%s",
                          h5file_path(data->file), name, data->info.n_rows, column.n_rows,
                          column.n_columns ? " by two" : "");
        if (status == ASC_OK)
            status = visit(&column, range, err);
        h5set_close(&column);
    }
    free(names);
    return status;
}

static asc_status open_all(asc_dataset *data, asc_error *err)
{
    TRY(h5file_check_format(data->file, "ascribe-dataset", FORMAT_MAJOR, err));
    TRY(read_texts(data, err));
    TRY(read_numbers(data, err));
    TRY(open_rows(data, err));
    TRY(open_tokens(data, err));
    TRY(open_features(data, err));
    TRY(annotations_open(data->file, data->info.n_rows, true, &data->notes, err));
    data->info.n_label_names = data->notes.n_label_names;
    data->info.label_names = (const char *const *)data->notes.label_names;
    data->info.has_labels = data->notes.labels.id > 0;
    data->info.has_keys = data->notes.keys.id > 0;
    data->info.has_pairs = data->notes.text_split.id > 0;
    data->info.has_label_matrix = data->notes.label_matrix.id > 0;
    data->info.has_label_numbers = data->notes.label_numbers.id > 0;
    return check_meta(data, visit_nothing, (row_range){0, 0}, err);
}

static void close_all(asc_dataset *data)
{
    annotations_close(&data->notes);
    h5set_close(&data->rationales);
    h5set_close(&data->feature_offsets);
    h5set_close(&data->token_offsets);
    h5set_close(&data->token_types);
    h5set_close(&data->token_features);
    h5set_close(&data->token_ids);
    h5set_close(&data->truncated);
    h5set_close(&data->ids);
    h5file_close(data->file);
    for (size_t i = 0; i < N_TEXTS; i++)
        free(data->texts[i]);
    free(data);
}

asc_status dataset_open_here(const char *path, asc_dataset **out, asc_error *err)
{
    asc_dataset *data = calloc(1, sizeof *data);
    if (!data)
        return fail_memory(err, "a dataset's record", sizeof *data);
    const h5_silence silence = h5_silence_begin();
    asc_status status = h5file_open(path, &data->file, err);
    if (status == ASC_OK)
        status = open_all(data, err);
    if (status == ASC_OK)
        *out = data;
    else
        close_all(data);
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

static asc_status try_reading(void *context, asc_error *err)
{
    trial_call *call = context;
    asc_dataset *data = NULL;
    TRY(dataset_open_here(call->path, &data, err));
    call->found = h5file_identity(data->file);
    if (call->expected) {
        TRY(h5file_check_identity(data->file, call->expected, err));
        TRY(dataset_check_here(data, call->range.first, call->range.count, err));
    }
    asc_dataset_close(data);
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

asc_status asc_dataset_open(const char *path, asc_dataset **out, asc_error *err)
{
    return dataset_open(path, NULL, out, err);
}

asc_status dataset_open(const char *path, const stop_check *stop, asc_dataset **out, asc_error *err)
{
    asc_dataset *data = NULL;
    trial_call call = {.path = path, .stop = stop ? *stop : (stop_check){0}};
    TRY(run_trial(&call, err));
    TRY(dataset_open_here(path, &data, err));
    data->stop = call.stop;
    const asc_status status = h5file_check_identity(data->file, &call.found, err);
    if (status == ASC_OK)
        *out = data;
    else
        asc_dataset_close(data);
    return status;
}

asc_status dataset_hash(const asc_dataset *dataset, uint8_t digest[HASH_BYTES], asc_error *err)
{
    TRY(hash_file_or_stop(h5file_path(dataset->file), &dataset->stop, digest, err));
    return h5file_check_path(dataset->file, err);
}

void asc_dataset_close(asc_dataset *dataset)
{
    if (!dataset)
        return;
    const h5_silence silence = h5_silence_begin();
    close_all(dataset);
    h5_silence_end(silence);
}

const asc_dataset_info *asc_dataset_describe(const asc_dataset *dataset)
{
    return &dataset->info;
}

static asc_status read_tokens(const asc_dataset *data, row_range range, asc_rows *rows, asc_error *err)
{
    size_t begin = 0;
    TRY(ragged_read(&data->token_offsets, range, data->info.n_tokens, &rows->token_offsets, &begin, err));
    const size_t count = (size_t)rows->token_offsets[range.count];
    TRY(h5set_read_new(&data->token_ids, begin, count, &rows->tokens, err));
    TRY(h5set_read_new(&data->token_features, begin, count, &rows->token_features, err));
    if (data->token_types.id > 0)
        return h5set_read_new(&data->token_types, begin, count, &rows->token_types, err);
    rows->token_types = calloc(count ? count : 1, 1);
    return rows->token_types ? ASC_OK : fail_memory(err, "token types", count);
}

// One row: ids and features in range, and a token for each feature. `last_seen[f]` = the row that used f
// last, plus 1.
static asc_status check_row(const asc_dataset *data, const asc_rows *rows, size_t row, size_t *last_seen,
                            asc_error *err)
{
    const char *path = h5file_path(data->file);
    const size_t position = (size_t)rows->first + row;
    const int64_t begin = rows->token_offsets[row], end = rows->token_offsets[row + 1];
    const int64_t n_features = rows->feature_offsets[row + 1] - rows->feature_offsets[row];
    int64_t n_seen = 0;
    if (begin == end)
        return fail(err, ASC_MALFORMED, "%s: row %zu: expected at least one token, found none", path,
                    position);
    if (n_features > end - begin)
        return fail(err, ASC_MALFORMED,
                    "%s: row %zu: expected at most as many features as tokens (%lld), found %lld", path,
                    position, (long long)(end - begin), (long long)n_features);
    for (int64_t token = begin; token < end; token++) {
        const int32_t feature = rows->token_features[token];
        if (rows->tokens[token] < 0)
            return fail(err, ASC_MALFORMED, "%s: row %zu, token %lld: expected an id of at least 0, found %d",
                        path, position, (long long)(token - begin), rows->tokens[token]);
        if (feature < -1 || feature >= n_features)
            return fail(err, ASC_MALFORMED,
                        "%s: row %zu, token %lld: expected a feature from -1 to %lld, found %d", path,
                        position, (long long)(token - begin), (long long)n_features - 1, feature);
        if (feature >= 0 && last_seen[feature] != row + 1) {
            last_seen[feature] = row + 1;
            n_seen++;
        }
    }
    if (n_seen != n_features)
        return fail(err, ASC_MALFORMED,
                    "%s: row %zu: expected a token for each of %lld features, found %lld with one", path,
                    position, (long long)n_features, (long long)n_seen);
    return ASC_OK;
}

static asc_status check_rows(const asc_dataset *data, const asc_rows *rows, asc_error *err)
{
    const size_t n_marks = data->info.max_row_tokens;
    size_t *last_seen = calloc(n_marks ? n_marks : 1, sizeof *last_seen);
    if (!last_seen)
        return fail_memory(err, "marks of features", n_marks * sizeof *last_seen);
    asc_status status = ASC_OK;
    for (size_t row = 0; row < rows->n_rows && status == ASC_OK; row++)
        status = check_row(data, rows, row, last_seen, err);
    free(last_seen);
    return status;
}

static asc_status read_rationales(const asc_dataset *data, size_t begin, asc_rows *rows, asc_error *err)
{
    const size_t count = (size_t)rows->feature_offsets[rows->n_rows];
    if (data->rationales.id <= 0)
        return ASC_OK;
    TRY(h5set_read_new(&data->rationales, begin, count, &rows->rationales, err));
    for (size_t i = 0; i < count; i++)
        if (rows->rationales[i] > 1)
            return fail(err, ASC_MALFORMED, "%s: dataset 'features/rationale': expected 0 or 1, found %u", h5file_path(data->file),
                        (unsigned)rows->rationales[i]);
    return ASC_OK;
}

static void take_annotations(asc_rows *rows, const annotation_slice *notes)
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

static asc_status read_rows(const asc_dataset *data, row_range range, asc_rows *rows, asc_error *err)
{
    size_t begin = 0;
    annotation_slice notes;
    TRY(stop_poll(&data->stop, err));
    TRY(h5set_read_new(&data->ids, range.first, range.count, &rows->id, err));
    TRY(h5set_read_new(&data->truncated, range.first, range.count, &rows->truncated, err));
    TRY(read_tokens(data, range, rows, err));
    TRY(ragged_read(&data->feature_offsets, range, data->info.n_features, &rows->feature_offsets, &begin,
                    err));
    TRY(check_rows(data, rows, err));
    TRY(read_rationales(data, begin, rows, err));
    TRY(stop_poll(&data->stop, err));
    TRY(annotations_read(&data->notes, range, rows->feature_offsets, &notes, err));
    take_annotations(rows, &notes);
    return ASC_OK;
}

static asc_status check_range(const asc_dataset *dataset, size_t first, size_t count, asc_error *err)
{
    const size_t n_rows = dataset->info.n_rows;
    if (first > n_rows || count > n_rows - first)
        return fail(err, ASC_USAGE, "%s: expected rows within 0 to %zu, found %zu rows from %zu on",
                    h5file_path(dataset->file), n_rows, count, first);
    return ASC_OK;
}

asc_status dataset_check_here(asc_dataset *dataset, size_t first, size_t count, asc_error *err)
{
    const size_t at_once = trial_rows_at_once(dataset->info.n_rows, dataset->info.n_tokens);
    for (size_t done = 0; done < count; done += at_once) {
        asc_rows *rows = NULL;
        const row_range range = {first + done, count - done < at_once ? count - done : at_once};
        TRY(asc_dataset_read(dataset, range.first, range.count, &rows, err));
        asc_rows_free(rows);
        TRY(check_meta(dataset, visit_values, range, err));
    }
    return ASC_OK;
}

asc_status asc_dataset_check(asc_dataset *dataset, size_t first, size_t count, asc_error *err)
{
    const h5_identity identity = h5file_identity(dataset->file);
    trial_call call = {h5file_path(dataset->file), &identity, {first, count}, {0}, dataset->stop};
    TRY(check_range(dataset, first, count, err));
    return run_trial(&call, err);
}

asc_status asc_dataset_read(asc_dataset *dataset, size_t first, size_t count, asc_rows **out, asc_error *err)
{
    TRY(check_range(dataset, first, count, err));
    asc_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return fail_memory(err, "a slice of rows", sizeof *rows);
    rows->n_rows = count;
    rows->first = (int64_t)first;
    const h5_silence silence = h5_silence_begin();
    const asc_status status = read_rows(dataset, (row_range){first, count}, rows, err);
    h5_silence_end(silence);
    if (status == ASC_OK)
        *out = rows;
    else
        asc_rows_free(rows);
    return status;
}

static asc_status read_sizes(const h5set *offsets, row_range range, size_t total, size_t *sizes, asc_error *err)
{
    int64_t *values = NULL;
    size_t begin = 0;
    TRY(ragged_read(offsets, range, total, &values, &begin, err));
    for (size_t row = 0; row < range.count; row++)
        sizes[row] = (size_t)(values[row + 1] - values[row]);
    free(values);
    return ASC_OK;
}

asc_status dataset_row_sizes(const asc_dataset *dataset, size_t first, size_t count, size_t *n_tokens, size_t *n_features, asc_error *err)
{
    const row_range range = {first, count};
    TRY(check_range(dataset, first, count, err));
    const h5_silence silence = h5_silence_begin();
    asc_status status = read_sizes(&dataset->token_offsets, range, dataset->info.n_tokens, n_tokens, err);
    if (status == ASC_OK)
        status = read_sizes(&dataset->feature_offsets, range, dataset->info.n_features, n_features, err);
    h5_silence_end(silence);
    return status;
}

void asc_rows_free(asc_rows *rows)
{
    if (!rows)
        return;
    free(rows->rationales);
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
    free(rows->feature_offsets);
    free(rows->token_types);
    free(rows->token_features);
    free(rows->tokens);
    free(rows->token_offsets);
    free(rows->truncated);
    free(rows->id);
    free(rows);
}
