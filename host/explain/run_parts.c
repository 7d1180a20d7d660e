// The long phase of a run: part by part, rows are read, explained and written.
//
// While the workers explain a part, the rows of the next one are read and the results of the one before are written, by two threads of
// their own; no more than three parts are in memory. Only one thread at a time may use HDF5: the reader, or, where rows bring their own
// masks from a file, this one, which then reads everything itself.
#include <ascribe/result.h>

#include "explain/run_private.h"

#include "base/background.h"
#include "base/clock.h"
#include "explain/accuracy.h"
#include "io/dataset_read.h"
#include "io/merge.h"

#include <stdlib.h>
#include <string.h>

// One part on its way.
typedef struct part_work {
    run *r;
    part_header header;
    char *path;
    asc_rows *rows;
    explained *results; // NULL: taken over from a finished part
} part_work;

typedef struct parts_loop {
    run *r;
    background *reader, *writer;
    part_work *next;      // being read, or NULL
    part_work *finishing; // being written, or NULL
} parts_loop;

static void free_work(part_work *work)
{
    if (!work)
        return;
    explained_free(work->results);
    asc_rows_free(work->rows);
    free(work->path);
    free(work);
}

// ---- Progress ----------------------------------------------------------------------------------------------------

// Evaluations of the whole run: counted for the rows that were read, extrapolated to the rest.
static uint64_t expected_evaluations(const run *r)
{
    if (r->rows_known == 0)
        return 0;
    return (uint64_t)((double)r->known_evaluations * (double)r->n_rows / (double)r->rows_known);
}

void run_report(const run *r, const char *phase)
{
    if (!r->job->progress)
        return;
    const engine_work work = r->engine ? engine_work_done(r->engine) : (engine_work){r->summary->evaluations, r->summary->tokens};
    const uint64_t done = work.evaluations + r->reused_evaluations;
    const double elapsed_s = clock_seconds() - r->start_s;
    const uint64_t expected = done > expected_evaluations(r) ? done : expected_evaluations(r);
    asc_progress progress = {
        .phase = phase,
        .rows_done = r->rows_done,
        .n_rows = (size_t)r->n_rows,
        .evaluations_done = done,
        .n_evaluations = expected,
        .tokens_done = work.tokens,
        .elapsed_s = elapsed_s,
        .remaining_s = work.evaluations ? elapsed_s * (double)(expected - done) / (double)work.evaluations : -1,
    };
    r->job->progress(r->job->progress_user, &progress);
}

static void tick(void *context)
{
    run_report(context, "explaining");
}

// Adds one finished row to the summary.
static void count_row(run *r, const part_row *row, const asc_rows *rows, size_t index)
{
    asc_explain_summary *summary = r->summary;
    summary->n_rows++;
    summary->n_unexplained += (row->status & ASC_ROW_UNEXPLAINED) != 0;
    for (size_t bit = 0; bit < 32; bit++)
        summary->n_rows_with_status[bit] += row->status >> bit & 1;
    accuracy_count(&r->request, rows, index, row->scores, r->model->n_classes, summary);
    for (size_t k = 0; r->request.method->efficient && k < r->request.n_targets; k++)
        if (row->efficiency_residual[k] > summary->max_residual)
            summary->max_residual = row->efficiency_residual[k];
}

// Adds the rows of a part to what is known of the run's size.
static void count_evaluations(run *r, const asc_rows *rows)
{
    for (size_t row = 0; row < rows->n_rows; row++)
        r->known_evaluations += request_evaluations(&r->request, (size_t)(rows->feature_offsets[row + 1] - rows->feature_offsets[row]));
    r->rows_known += rows->n_rows;
}

// ---- Reading and writing -----------------------------------------------------------------------------------------

part_header run_part_header(const run *r, int64_t index)
{
    const int64_t first = r->first_position + index * r->rows_per_part;
    const int64_t left = r->first_position + r->n_rows - first;
    part_header header = {
        .index = index,
        .first_position = first,
        .n_rows = left < r->rows_per_part ? left : r->rows_per_part,
        .n_targets = (uint32_t)r->request.n_targets,
        .n_classes = (uint32_t)r->model->n_classes,
        .n_fit = (uint32_t)r->request.method->n_fit,
    };
    memcpy(header.manifest_hash, r->manifest_hash, sizeof header.manifest_hash);
    return header;
}

static asc_status read_rows(void *context, asc_error *err)
{
    part_work *work = context;
    return asc_dataset_read(work->r->dataset, (size_t)work->header.first_position, (size_t)work->header.n_rows, &work->rows, err);
}

static asc_status make_work(run *r, int64_t index, part_work **out)
{
    part_work *work = calloc(1, sizeof *work);
    if (!work)
        return fail_memory(r->err, "a part", sizeof *work);
    *work = (part_work){.r = r, .header = run_part_header(r, index)};
    const asc_status status = merge_part_path(r->parts_folder, index, &work->path, r->err);
    if (status != ASC_OK)
        free_work(work);
    else
        *out = work;
    return status;
}

static asc_status start_reading(parts_loop *loop, int64_t index)
{
    if (index == loop->r->n_parts)
        return ASC_OK;
    TRY(make_work(loop->r, index, &loop->next));
    if (!loop->r->request.masks)
        background_start(loop->reader, read_rows, loop->next);
    return ASC_OK;
}

// The part that was being read; the caller frees it.
static asc_status take_read(parts_loop *loop, part_work **out)
{
    asc_error *err = loop->r->err;
    TRY(background_wait(loop->reader, err));
    if (!loop->next->rows)
        TRY(read_rows(loop->next, err));
    *out = loop->next;
    loop->next = NULL;
    return ASC_OK;
}

static asc_status write_part(void *context, asc_error *err)
{
    const part_work *work = context;
    part_writer *writer = NULL;
    TRY(part_create(&work->header, &writer, err));
    for (size_t row = 0; row < work->results->n_rows; row++) {
        const asc_status status = part_append(writer, &work->results->rows[row], err);
        if (status != ASC_OK) {
            part_abort(writer);
            return status;
        }
    }
    return part_commit(writer, work->path, err);
}

// Waits for the part that is being written, if any, and counts it.
static asc_status take_written(parts_loop *loop)
{
    part_work *work = loop->finishing;
    loop->finishing = NULL;
    const asc_status status = background_wait(loop->writer, loop->r->err);
    if (work && status == ASC_OK) {
        for (size_t row = 0; row < work->results->n_rows; row++)
            count_row(loop->r, &work->results->rows[row], work->rows, row);
        loop->r->rows_done += (size_t)work->header.n_rows;
        run_report(loop->r, "explaining");
    }
    free_work(work);
    return status;
}

// ---- Parts -------------------------------------------------------------------------------------------------------

asc_status run_find_part(const run *r, const part_header *header, const char *path, part_reader **found)
{
    *found = NULL;
    const asc_status status = part_open(path, header, found, r->err);
    if (status == ASC_DIFFERENT_RUN && !r->job->options.force)
        return fail_hint(r->err, status, "finish that run, remove %s, or add --force to start over", r->parts_folder);
    if (status != ASC_OK)
        return ASC_OK;
    const part_header *there = part_reader_header(*found);
    if (there->first_position == header->first_position && there->n_rows == header->n_rows && !r->job->options.force)
        return ASC_OK;
    part_close(*found);
    *found = NULL;
    return ASC_OK;
}

// Takes over a finished part of the same run; *reused = false when there is none. Another run's part is never overwritten unless forced.
static asc_status reuse_part(run *r, const part_work *work, bool *reused)
{
    part_reader *reader = NULL;
    TRY(run_find_part(r, &work->header, work->path, &reader));
    *reused = reader != NULL;
    for (size_t row = 0; *reused && row < work->rows->n_rows; row++) {
        const part_row done = part_read(reader, row);
        r->reused_evaluations += (uint64_t)done.evaluations;
        count_row(r, &done, work->rows, row);
    }
    if (*reused)
        r->rows_done += work->rows->n_rows;
    part_close(reader);
    return ASC_OK;
}

// Takes over or explains a part that was read; `work` is freed, or handed to the writer.
static asc_status explain_part(parts_loop *loop, part_work *work)
{
    run *r = loop->r;
    bool reused = false;
    count_evaluations(r, work->rows);
    asc_status status = reuse_part(r, work, &reused);
    if (status == ASC_OK && !reused)
        status = engine_explain(r->engine, work->rows, &work->results, r->err);
    if (status == ASC_OK && !reused)
        status = take_written(loop);
    if (status != ASC_OK || reused) {
        free_work(work);
        return status;
    }
    loop->finishing = work;
    background_start(loop->writer, write_part, work);
    return ASC_OK;
}

static asc_status explain_all(parts_loop *loop)
{
    run *r = loop->r;
    TRY(start_reading(loop, 0));
    for (int64_t index = 0; index < r->n_parts; index++) {
        part_work *work = NULL;
        TRY(take_read(loop, &work));
        const asc_status status = start_reading(loop, index + 1);
        if (status != ASC_OK) {
            free_work(work);
            return status;
        }
        TRY(explain_part(loop, work));
        run_report(r, "explaining");
    }
    return take_written(loop);
}

asc_status run_explain_parts(run *r)
{
    parts_loop loop = {.r = r};
    TRY(run_take_parts(r));
    engine_set_tick(r->engine, tick, r);
    run_report(r, "explaining");
    asc_status status = background_create(&loop.reader, r->err);
    if (status == ASC_OK)
        status = background_create(&loop.writer, r->err);
    if (status == ASC_OK)
        status = explain_all(&loop);
    background_destroy(loop.writer);
    background_destroy(loop.reader);
    free_work(loop.finishing);
    free_work(loop.next);
    const engine_work work = engine_work_done(r->engine);
    r->summary->evaluations = work.evaluations;
    r->summary->tokens = work.tokens;
    return status;
}
