// The long phase of a run: part by part, rows are read, explained and written.
//
// While the workers explain a part, the rows of the next one are read and the results of the one before are written, by two threads of
// their own; no more than three parts are in memory. Only one thread at a time may use HDF5: the reader, or, where rows bring their own
// masks from a file, this one, which then reads everything itself.
#include <ascribe/result.h>

#include "explain/run_private.h"
#include "explain/run_progress.h"

#include "base/background.h"
#include "base/clock.h"
#include "explain/accuracy.h"
#include "io/merge.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// One part on its way.
typedef struct part_work {
    run *r;
    part_header header;
    char *path;
    asc_rows *rows;
    explained *results; // NULL: taken over from a finished part
    uint64_t n_evaluations; // expected
    bool was_rewritten; // after this:
    asc_error first_failure;
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

enum { PROGRESS_FILE_SECONDS = 2 };

// ---- Progress ----------------------------------------------------------------------------------------------------

// Evaluations of the whole run: counted for the rows that were read, extrapolated to the rest.
static uint64_t expected_evaluations(const run *r)
{
    if (r->rows_known == 0)
        return 0;
    return (uint64_t)((double)r->known_evaluations * (double)r->share_rows / (double)r->rows_known);
}

static asc_progress measure_progress(const run *r, const char *phase)
{
    const engine_work work = r->engine ? engine_work_done(r->engine) : (engine_work){r->summary->evaluations, r->summary->tokens};
    const uint64_t done = work.evaluations + r->reused_evaluations;
    const double elapsed_s = clock_seconds() - r->start_s;
    const uint64_t expected = done > expected_evaluations(r) ? done : expected_evaluations(r);
    return (asc_progress){
        .phase = phase,
        .rows_done = r->rows_done,
        .n_rows = (size_t)r->share_rows,
        .rows_reused = r->summary->n_rows_reused,
        .evaluations_done = done,
        .evaluations_reused = r->reused_evaluations,
        .n_evaluations = expected,
        .tokens_done = work.tokens,
        .elapsed_s = elapsed_s,
        .remaining_s = work.evaluations ? elapsed_s * (double)(expected - done) / (double)work.evaluations : -1,
    };
}

static void write_progress(run *r, const asc_progress *now, run_phase phase, const char *message)
{
    const size_t rows_computed = now->rows_done - r->summary->n_rows_reused;
    run_progress file = {
        .phase = phase,
        .rows_done = now->rows_done,
        .n_rows = now->n_rows,
        .rows_per_s = now->elapsed_s > 0 ? (double)rows_computed / now->elapsed_s : 0,
        .remaining_s = now->remaining_s,
        .elapsed_s = now->elapsed_s,
        .evaluations = now->evaluations_done - r->reused_evaluations,
        .tokens = now->tokens_done,
    };
    snprintf(file.job_id, sizeof file.job_id, "%s", r->job->job_id ? r->job->job_id : "");
    snprintf(file.message, sizeof file.message, "%.255s", message);
    run_progress_write(&r->folder, r->job->plan ? r->job->task : 0, &file);
    r->progress_written_s = clock_seconds();
}

// Rows done, and of those under way as many as their share of the evaluations says: the last of them is done when its part is written.
static size_t rows_so_far(const run *r, uint64_t evaluations_done)
{
    const size_t n_under_way = r->rows_known - r->rows_done;
    const uint64_t n_evaluations = r->known_evaluations - r->done_evaluations;
    if (n_under_way == 0 || n_evaluations == 0 || evaluations_done <= r->done_evaluations)
        return r->rows_done;
    const double share = (double)(evaluations_done - r->done_evaluations) / (double)n_evaluations;
    return r->rows_done + (share < 1 ? (size_t)(share * (double)n_under_way) : n_under_way - 1);
}

void run_report(run *r, const char *phase)
{
    asc_progress shown = measure_progress(r, phase);
    shown.rows_done = rows_so_far(r, shown.evaluations_done);
    if (r->job->progress)
        r->job->progress(r->job->progress_user, &shown);
    if (r->keeps_progress && clock_seconds() - r->progress_written_s >= PROGRESS_FILE_SECONDS)
        write_progress(r, &shown, RUN_PHASE_WORKING, "");
}

void run_end_progress(run *r, asc_status status)
{
    const asc_progress now = measure_progress(r, "");
    const run_phase phase = status == ASC_OK ? RUN_PHASE_DONE : status == ASC_STOPPED ? RUN_PHASE_STOPPED : RUN_PHASE_FAILED;
    if (r->keeps_progress)
        write_progress(r, &now, phase, status == ASC_OK ? "" : r->err->message);
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
static void count_evaluations(run *r, part_work *work)
{
    const asc_rows *rows = work->rows;
    for (size_t row = 0; row < rows->n_rows; row++)
        work->n_evaluations += request_evaluations(&r->request, (size_t)(rows->feature_offsets[row + 1] - rows->feature_offsets[row]));
    r->known_evaluations += work->n_evaluations;
    r->rows_known += rows->n_rows;
}

static void count_done(run *r, const part_work *work)
{
    r->rows_done += work->rows->n_rows;
    r->done_evaluations += work->n_evaluations;
}

// ---- Reading and writing -----------------------------------------------------------------------------------------

asc_status run_part_path(const run *r, size_t index, char **path, asc_error *err)
{
    return merge_part_path(r->folder.path, (int64_t)index, path, err);
}

// Where the manifest has no algorithms, a part says which ones made it, by a digest.
static void name_kernel_set(const run *r, char text[PART_KERNEL_SET_SIZE])
{
    uint8_t hash[HASH_BYTES];
    char digest[HASH_HEX_SIZE];
    const char *algorithms = engine_algorithms(r->engine);
    snprintf(text, PART_KERNEL_SET_SIZE, "%s", engine_kernel_set(r->engine));
    if (!r->job->options.allow_mixed || algorithms[0] == '\0')
        return;
    hash_bytes(algorithms, strlen(algorithms), hash);
    hash_hex(hash, digest);
    snprintf(text, PART_KERNEL_SET_SIZE, "%.200s; algorithms %.16s", engine_kernel_set(r->engine), digest);
}

part_header run_part_header(const run *r, size_t index)
{
    const int64_t *starts = r->division.starts;
    part_header header = {
        .index = (int64_t)index,
        .first_position = starts[index],
        .n_rows = starts[index + 1] - starts[index],
        .n_targets = (uint32_t)r->request.n_targets,
        .n_classes = (uint32_t)r->model->n_classes,
        .n_fit = (uint32_t)r->request.method->n_fit,
    };
    name_kernel_set(r, header.kernel_set);
    memcpy(header.manifest_hash, r->manifest_hash, sizeof header.manifest_hash);
    return header;
}

static asc_status read_rows(void *context, asc_error *err)
{
    part_work *work = context;
    return asc_dataset_read(work->r->dataset, (size_t)work->header.first_position, (size_t)work->header.n_rows, &work->rows, err);
}

static asc_status make_work(run *r, size_t index, part_work **out)
{
    part_work *work = calloc(1, sizeof *work);
    if (!work)
        return fail_memory(r->err, "a part", sizeof *work);
    *work = (part_work){.r = r, .header = run_part_header(r, index)};
    const asc_status status = run_part_path(r, index, &work->path, r->err);
    if (status != ASC_OK)
        free_work(work);
    else
        *out = work;
    return status;
}

static asc_status start_reading(parts_loop *loop, size_t index)
{
    if (index == loop->r->end_part)
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

static asc_status write_rows(const part_work *work, asc_error *err)
{
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

// A file that could not be written is thrown away and written again from the results, once; what was not synced is never synced again.
static asc_status write_part(void *context, asc_error *err)
{
    part_work *work = context;
    const asc_status status = write_rows(work, &work->first_failure);
    if (status != ASC_IO_ERROR) {
        if (status != ASC_OK)
            *err = work->first_failure;
        return status;
    }
    work->was_rewritten = true;
    return write_rows(work, err);
}

static void warn(const run *r, const char *message)
{
    if (r->job->log.write)
        r->job->log.write(r->job->log.user, ASC_LOG_WARNING, message);
}

// Waits for the part that is being written, if any, and counts it.
static asc_status take_written(parts_loop *loop)
{
    part_work *work = loop->finishing;
    loop->finishing = NULL;
    const asc_status status = background_wait(loop->writer, loop->r->err);
    if (work && status == ASC_OK) {
        if (work->was_rewritten)
            warn(loop->r, work->first_failure.message);
        for (size_t row = 0; row < work->results->n_rows; row++)
            count_row(loop->r, &work->results->rows[row], work->rows, row);
        count_done(loop->r, work);
        run_report(loop->r, "explaining");
    }
    free_work(work);
    return status;
}

// ---- Parts -------------------------------------------------------------------------------------------------------

// Out of the way, under a name that shows what became of it.
static asc_status set_aside(const run *r, const char *path, const asc_error *reason)
{
    char message[1400];
    const size_t size = strlen(path) + sizeof ".bad";
    char *bad = malloc(size);
    if (!bad)
        return fail_memory(r->err, "a path", size);
    snprintf(bad, size, "%s.bad", path);
    const bool moved = rename(path, bad) == 0;
    snprintf(message, sizeof message, "%.900s; it is computed again%s", reason->message, moved ? ", what was there is kept as .bad" : "");
    warn(r, message);
    free(bad);
    return ASC_OK;
}

asc_status run_find_part(const run *r, const part_search *search, part_reader **found)
{
    asc_error reason = {.status = ASC_OK};
    *found = NULL;
    asc_status status = part_open(search->path, search->header, found, &reason);
    if (status == ASC_OK) {
        const part_header *there = part_reader_header(*found);
        if (there->first_position == search->header->first_position && there->n_rows == search->header->n_rows)
            return ASC_OK;
        part_close(*found);
        *found = NULL;
        status = fail(&reason, ASC_DIFFERENT_RUN, "%s: expected %lld rows from %lld on, found other ones", search->path,
                      (long long)search->header->n_rows, (long long)search->header->first_position);
    }
    if (status == ASC_NOT_FOUND)
        return ASC_OK;
    if (status == ASC_MALFORMED)
        return search->set_aside ? set_aside(r, search->path, &reason) : ASC_OK;
    *r->err = reason;
    if (status == ASC_DIFFERENT_RUN)
        return fail_hint(r->err, status, "put the run's own part back, or remove this one: it is computed again then");
    return status;
}

// Takes over a finished part of the same run; *reused = false when there is none. Another run's part is never overwritten unless forced.
static asc_status reuse_part(run *r, const part_work *work, bool *reused)
{
    part_reader *reader = NULL;
    const part_search search = {&work->header, work->path, true};
    TRY(run_find_part(r, &search, &reader));
    *reused = reader != NULL;
    for (size_t row = 0; *reused && row < work->rows->n_rows; row++) {
        const part_row done = part_read(reader, row);
        r->reused_evaluations += (uint64_t)done.evaluations;
        count_row(r, &done, work->rows, row);
    }
    if (*reused) {
        count_done(r, work);
        r->summary->n_rows_reused += work->rows->n_rows;
    }
    part_close(reader);
    return ASC_OK;
}

// Takes over or explains a part that was read; `work` is freed, or handed to the writer.
static asc_status explain_part(parts_loop *loop, part_work *work)
{
    run *r = loop->r;
    bool reused = false;
    count_evaluations(r, work);
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
    TRY(start_reading(loop, r->first_part));
    for (size_t index = r->first_part; index < r->end_part; index++) {
        part_work *work = NULL;
        TRY(stop_poll(&r->request.stop, r->err));
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
