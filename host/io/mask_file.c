// Reading and writing mask files; see mask_file.h.
#include "io/mask_file.h"

#include "base/checked.h"
#include "io/h5file.h"
#include "io/trial.h"

#include <ascribe/masks.h>
#include <ascribe/version.h>

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_MAJOR = 1, WORD_BITS = 64, COALITIONS_PER_CHUNK = 16384, MOST_FEATURES = 1 << 20 };

// Words of a mask over n features, as everywhere.
static size_t words_of(size_t n_features)
{
    return n_features == 0 ? 1 : (n_features + WORD_BITS - 1) / WORD_BITS;
}

// ---- Reading ------------------------------------------------------------------------------------

typedef struct known_row {
    uint64_t id;
    size_t row;
} known_row;

struct mask_file {
    h5file *file;
    h5set masks, weights;
    size_t n_rows;
    uint32_t *features;
    uint32_t *draws; // NULL: as many as coalitions
    int64_t *offsets;
    known_row *by_id;   // ascending
    size_t *most;       // [most_features + 1] coalitions of a row with so many features
    size_t most_features;
    stop_check stop; // asked by what takes time
};

static int compare_ids(const void *left, const void *right)
{
    const known_row *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

static asc_status check_rows(mask_file *f, asc_error *err)
{
    const char *path = h5file_path(f->file);
    qsort(f->by_id, f->n_rows, sizeof *f->by_id, compare_ids);
    for (size_t i = 1; i < f->n_rows; i++)
        if (f->by_id[i].id == f->by_id[i - 1].id)
            return fail(err, ASC_MALFORMED, "%s: dataset 'rows/id': id %" PRIu64 " stands there twice", path, f->by_id[i].id);
    for (size_t row = 0; row < f->n_rows; row++) {
        if (f->offsets[row] < 0 || f->offsets[row + 1] < f->offsets[row] || f->offsets[0] != 0)
            return fail(err, ASC_MALFORMED, "%s: dataset 'offsets': expected numbers that rise from 0, found %" PRId64 " before %" PRId64,
                        path, f->offsets[row], f->offsets[row + 1]);
        if (f->features[row] > MOST_FEATURES || words_of(f->features[row]) > f->masks.n_columns)
            return fail(err, ASC_MALFORMED, "%s: dataset 'masks': row %zu has %" PRIu32 " features, more than %zu words hold", path, row,
                        f->features[row], f->masks.n_columns);
    }
    if (f->offsets[f->n_rows] < 0 || (size_t)f->offsets[f->n_rows] != f->weights.n_rows)
        return fail(err, ASC_MALFORMED, "%s: dataset 'offsets': expected to end at %zu, the number of coalitions, found %" PRId64, path,
                    f->weights.n_rows, f->offsets[f->n_rows]);
    return ASC_OK;
}

static asc_status read_rows(mask_file *f, asc_error *err)
{
    h5set ids = {0}, features = {0}, draws = {0}, offsets = {0};
    uint64_t *id = NULL;
    asc_status status = h5set_open_as(f->file, "rows/id", (h5set_shape){COLUMN_UINT64, H5SET_ANY_ROWS, 0}, &ids, err);
    f->n_rows = ids.n_rows;
    if (status == ASC_OK)
        status = h5set_open_as(f->file, "rows/features", (h5set_shape){COLUMN_UINT32, f->n_rows, 0}, &features, err);
    if (status == ASC_OK)
        status = h5set_open_optional(f->file, "rows/draws", (h5set_shape){COLUMN_UINT32, f->n_rows, 0}, &draws, err);
    if (status == ASC_OK && draws.id > 0)
        status = h5set_read_new(&draws, 0, f->n_rows, &f->draws, err);
    if (status == ASC_OK)
        status = h5set_open_as(f->file, "offsets", (h5set_shape){COLUMN_INT64, f->n_rows + 1, 0}, &offsets, err);
    if (status == ASC_OK)
        status = h5set_read_new(&ids, 0, f->n_rows, &id, err);
    if (status == ASC_OK)
        status = h5set_read_new(&features, 0, f->n_rows, &f->features, err);
    if (status == ASC_OK)
        status = h5set_read_new(&offsets, 0, f->n_rows + 1, &f->offsets, err);
    if (status == ASC_OK && !(f->by_id = malloc((f->n_rows + 1) * sizeof *f->by_id)))
        status = fail_memory(err, "the rows of a mask file", f->n_rows * sizeof *f->by_id);
    for (size_t row = 0; status == ASC_OK && row < f->n_rows; row++)
        f->by_id[row] = (known_row){id[row], row};
    free(id);
    h5set_close(&offsets);
    h5set_close(&draws);
    h5set_close(&features);
    h5set_close(&ids);
    return status;
}

static asc_status find_most(mask_file *f, asc_error *err)
{
    for (size_t row = 0; row < f->n_rows; row++)
        f->most_features = f->features[row] > f->most_features ? f->features[row] : f->most_features;
    f->most = calloc(f->most_features + 1, sizeof *f->most);
    if (!f->most)
        return fail_memory(err, "the rows of a mask file", f->most_features * sizeof *f->most);
    for (size_t row = 0; row < f->n_rows; row++) {
        const size_t count = (size_t)(f->offsets[row + 1] - f->offsets[row]);
        if (count > f->most[f->features[row]])
            f->most[f->features[row]] = count;
    }
    return ASC_OK;
}

static asc_status open_all(mask_file *f, asc_error *err)
{
    TRY(h5file_check_format(f->file, "ascribe-masks", FORMAT_MAJOR, err));
    TRY(read_rows(f, err));
    TRY(h5set_open_as(f->file, "weights", (h5set_shape){COLUMN_FLOAT64, H5SET_ANY_ROWS, 0}, &f->weights, err));
    TRY(h5set_open(f->file, "masks", &f->masks, err));
    if (f->masks.type != COLUMN_UINT64 || f->masks.n_columns == 0 || f->masks.n_rows != f->weights.n_rows)
        return fail(err, ASC_MALFORMED, "%s: dataset 'masks': expected uint64 [%zu, words], found %s [%zu, %zu]", h5file_path(f->file),
                    f->weights.n_rows, column_type_name(f->masks.type), f->masks.n_rows, f->masks.n_columns);
    TRY(check_rows(f, err));
    return find_most(f, err);
}

static void close_all(mask_file *f)
{
    free(f->most);
    free(f->by_id);
    free(f->offsets);
    free(f->draws);
    free(f->features);
    h5set_close(&f->masks);
    h5set_close(&f->weights);
    h5file_close(f->file);
    free(f);
}

asc_status mask_file_open_here(const char *path, mask_file **out, asc_error *err)
{
    mask_file *f = calloc(1, sizeof *f);
    if (!f)
        return fail_memory(err, "a mask file", sizeof *f);
    const h5_silence silence = h5_silence_begin();
    asc_status status = h5file_open(path, &f->file, err);
    if (status == ASC_OK)
        status = open_all(f, err);
    if (status == ASC_OK)
        *out = f;
    else
        close_all(f);
    h5_silence_end(silence);
    return status;
}

typedef struct trial_call {
    const char *path;
    h5_identity found; // the answer
} trial_call;

// Reads every coalition and weight once.
static asc_status try_reading(void *context, asc_error *err)
{
    trial_call *call = context;
    mask_file *f = NULL;
    TRY(mask_file_open_here(call->path, &f, err));
    call->found = h5file_identity(f->file);
    const size_t n = f->weights.n_rows, at_once = trial_rows_at_once(n, n * f->masks.n_columns);
    for (size_t done = 0; done < n; done += at_once) {
        const size_t count = n - done < at_once ? n - done : at_once;
        void *masks = NULL, *weights = NULL;
        TRY(h5set_read_new(&f->masks, done, count, &masks, err));
        TRY(h5set_read_new(&f->weights, done, count, &weights, err));
        free(weights);
        free(masks);
    }
    mask_file_close(f);
    return ASC_OK;
}

asc_status mask_file_open(const char *path, const stop_check *stop, mask_file **out, asc_error *err)
{
    mask_file *f = NULL;
    trial_call call = {.path = path};
    const trial job = {
        .path = path,
        .step = try_reading,
        .context = &call,
        .answer = &call.found,
        .answer_size = sizeof call.found,
        .stop = stop ? *stop : (stop_check){0},
    };
    TRY(trial_run(&job, err));
    TRY(mask_file_open_here(path, &f, err));
    f->stop = job.stop;
    const asc_status status = h5file_check_identity(f->file, &call.found, err);
    if (status == ASC_OK)
        *out = f;
    else
        mask_file_close(f);
    return status;
}

void mask_file_close(mask_file *file)
{
    if (!file)
        return;
    const h5_silence silence = h5_silence_begin();
    close_all(file);
    h5_silence_end(silence);
}

size_t mask_file_most(const mask_file *file, size_t n_features)
{
    return n_features <= file->most_features ? file->most[n_features] : 0;
}

static asc_status check_all_rows(const mask_file *file, asc_masks_info *info, asc_error *err)
{
    *info = (asc_masks_info){.n_rows = file->n_rows, .n_coalitions = file->weights.n_rows, .n_longest = file->most_features};
    for (size_t i = 0; i < file->n_rows; i++) {
        const known_row known = file->by_id[i];
        mask_row row;
        if (file->offsets[known.row] == file->offsets[known.row + 1]) {
            info->n_rows_without_masks++;
            continue;
        }
        TRY(mask_file_read(file, known.id, file->features[known.row], &row, err));
        mask_row_free(&row);
    }
    return ASC_OK;
}

asc_status asc_masks_check(const char *path, asc_masks_info *info, asc_error *err)
{
    mask_file *file = NULL;
    *info = (asc_masks_info){0};
    TRY(mask_file_open(path, NULL, &file, err));
    const asc_status status = check_all_rows(file, info, err);
    mask_file_close(file);
    return status;
}

void mask_row_free(mask_row *row)
{
    free(row->weights);
    free(row->masks);
    *row = (mask_row){0};
}

// Moves masks of the file's words to words of the row's own, which come out smaller or equal; nothing may be lost.
static asc_status fit_masks(const mask_file *f, uint64_t id, size_t n_features, mask_row *row, asc_error *err)
{
    const size_t n_wide = f->masks.n_columns, n_words = words_of(n_features), n_last = n_features % WORD_BITS;
    const uint64_t beyond = n_last || n_features == 0 ? ~(((uint64_t)1 << n_last) - 1) : 0;
    double sum = 0;
    for (size_t c = 0; c < row->count; c++) {
        uint64_t lost = 0;
        for (size_t w = 0; w < n_wide; w++) {
            const uint64_t word = row->masks[c * n_wide + w];
            lost |= w >= n_words ? word : w == n_words - 1 ? word & beyond : 0;
            if (w < n_words)
                row->masks[c * n_words + w] = word;
        }
        if (lost)
            return fail(err, ASC_MALFORMED, "%s: dataset 'masks': row id %" PRIu64 ": a coalition holds features beyond its %zu",
                        h5file_path(f->file), id, n_features);
        if (!(row->weights[c] >= 0) || isinf(row->weights[c]))
            return fail(err, ASC_MALFORMED, "%s: dataset 'weights': row id %" PRIu64 ": expected a finite weight of at least 0, found %g",
                        h5file_path(f->file), id, row->weights[c]);
        sum += row->weights[c];
    }
    if (!(sum > 0) || isinf(sum))
        return fail(err, ASC_MALFORMED, "%s: dataset 'weights': row id %" PRIu64 ": expected a sum above 0, found %g", h5file_path(f->file),
                    id, sum);
    return ASC_OK;
}

asc_status mask_file_hash(const mask_file *file, uint8_t digest[HASH_BYTES], asc_error *err)
{
    TRY(hash_file_or_stop(h5file_path(file->file), &file->stop, digest, err));
    return h5file_check_path(file->file, err);
}

const char *mask_file_path(const mask_file *file)
{
    return h5file_path(file->file);
}

static const known_row *find_row(const mask_file *file, uint64_t id)
{
    const known_row wanted = {.id = id};
    return bsearch(&wanted, file->by_id, file->n_rows, sizeof wanted, compare_ids);
}

bool mask_file_has(const mask_file *file, uint64_t id)
{
    return find_row(file, id) != NULL;
}

static asc_status check_facts(const mask_file *file, uint64_t id, size_t n_features, const known_row *known, asc_error *err)
{
    if (!known)
        return fail(err, ASC_MALFORMED, "%s: there are no masks for the row with id %" PRIu64, h5file_path(file->file), id);
    if (file->features[known->row] != n_features)
        return fail(err, ASC_MALFORMED, "%s: row id %" PRIu64 ": expected %zu features, found %" PRIu32, h5file_path(file->file), id,
                    n_features, file->features[known->row]);
    const size_t count = (size_t)(file->offsets[known->row + 1] - file->offsets[known->row]);
    const size_t n_draws = file->draws ? file->draws[known->row] : count;
    if (n_draws < 1 || n_draws > INT32_MAX / 2)
        return fail(err, ASC_MALFORMED, "%s: row id %" PRIu64 ": expected coalitions of 1 to %d samples, found %zu", h5file_path(file->file),
                    id, INT32_MAX / 2, n_draws);
    return ASC_OK;
}

asc_status mask_file_check_row(const mask_file *file, uint64_t id, size_t n_features, asc_error *err)
{
    return check_facts(file, id, n_features, find_row(file, id), err);
}

asc_status mask_file_read(const mask_file *file, uint64_t id, size_t n_features, mask_row *out, asc_error *err)
{
    const known_row *known = find_row(file, id);
    *out = (mask_row){0};
    TRY(check_facts(file, id, n_features, known, err));
    const size_t first = (size_t)file->offsets[known->row];
    out->count = (size_t)file->offsets[known->row + 1] - first;
    out->n_draws = file->draws ? file->draws[known->row] : out->count;
    const h5_silence silence = h5_silence_begin();
    asc_status status = h5set_read_new(&file->masks, first, out->count, &out->masks, err);
    if (status == ASC_OK)
        status = h5set_read_new(&file->weights, first, out->count, &out->weights, err);
    h5_silence_end(silence);
    if (status == ASC_OK)
        status = fit_masks(file, id, n_features, out, err);
    if (status != ASC_OK)
        mask_row_free(out);
    return status;
}

// ---- Writing ------------------------------------------------------------------------------------

struct mask_writer {
    h5file *file;
    h5set ids, features, draws, offsets, masks, weights;
    size_t n_words;
    int64_t n_done;
};

static asc_status create_sets(mask_writer *w, const mask_plan *plan, asc_error *err)
{
    const size_t n_rows = plan->n_rows;
    h5set_plan numbers = {{COLUMN_UINT64, n_rows, 0}, 0, H5SET_ROWS_PER_CHUNK, true};
    TRY(h5set_create(w->file, "rows/id", numbers, &w->ids, err));
    numbers.shape.type = COLUMN_UINT32;
    TRY(h5set_create(w->file, "rows/features", numbers, &w->features, err));
    TRY(h5set_create(w->file, "rows/draws", numbers, &w->draws, err));
    numbers.shape = (h5set_shape){COLUMN_INT64, n_rows + 1, 0};
    TRY(h5set_create(w->file, "offsets", numbers, &w->offsets, err));
    const h5set_plan masks = {{COLUMN_UINT64, plan->n_coalitions, plan->n_words}, 0, COALITIONS_PER_CHUNK, true};
    TRY(h5set_create(w->file, "masks", masks, &w->masks, err));
    const h5set_plan weights = {{COLUMN_FLOAT64, plan->n_coalitions, 0}, 0, COALITIONS_PER_CHUNK, true};
    TRY(h5set_create(w->file, "weights", weights, &w->weights, err));
    return h5set_append(&w->offsets, 1, &w->n_done, err);
}

asc_status mask_writer_create(const char *path, const mask_plan *plan, mask_writer **out, asc_error *err)
{
    const char *const texts[][2] = {{"format", "ascribe-masks"},
                                    {"format_version", "1.0"},
                                    {"created_by", "ascribe " ASC_VERSION},
                                    {"method", plan->method},
                                    {"estimator", plan->estimator}};
    mask_writer *w = calloc(1, sizeof *w);
    if (!w)
        return fail_memory(err, "a mask file", sizeof *w);
    w->n_words = plan->n_words;
    TRY(h5file_create(path, &w->file, err));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        TRY(h5file_write_text(w->file, texts[i][0], texts[i][1], err));
    TRY(h5file_write_int(w->file, "seed", (int64_t)plan->seed, err));
    TRY(create_sets(w, plan, err));
    *out = w;
    return ASC_OK;
}

// Masks of the row's own words, widened to the file's.
static asc_status append_masks(mask_writer *w, size_t n_features, const mask_row *row, asc_error *err)
{
    const size_t n_words = words_of(n_features);
    size_t n_wide = 0;
    if (n_words == w->n_words)
        return h5set_append(&w->masks, row->count, row->masks, err);
    if (!checked_multiply(row->count, w->n_words, &n_wide))
        return fail_memory(err, "masks", SIZE_MAX);
    uint64_t *wide = calloc(n_wide + 1, sizeof *wide);
    if (!wide)
        return fail_memory(err, "masks", n_wide * sizeof *wide);
    for (size_t c = 0; c < row->count; c++)
        memcpy(wide + c * w->n_words, row->masks + c * n_words, n_words * sizeof *wide);
    const asc_status status = h5set_append(&w->masks, row->count, wide, err);
    free(wide);
    return status;
}

asc_status mask_writer_append(mask_writer *w, uint64_t id, size_t n_features, const mask_row *row, asc_error *err)
{
    const uint32_t features = (uint32_t)n_features, draws = (uint32_t)row->n_draws;
    assert(words_of(n_features) <= w->n_words);
    TRY(h5set_append(&w->ids, 1, &id, err));
    TRY(h5set_append(&w->features, 1, &features, err));
    TRY(h5set_append(&w->draws, 1, &draws, err));
    TRY(append_masks(w, n_features, row, err));
    TRY(h5set_append(&w->weights, row->count, row->weights, err));
    w->n_done += (int64_t)row->count;
    return h5set_append(&w->offsets, 1, &w->n_done, err);
}

asc_status mask_writer_finish(mask_writer *w, asc_error *err)
{
    h5set *const sets[] = {&w->ids, &w->features, &w->draws, &w->offsets, &w->masks, &w->weights};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        TRY(h5set_finish(sets[i], err));
    TRY(h5file_finish(w->file, err));
    free(w);
    return ASC_OK;
}
