// `asc_global_make`: collects, then writes in a child process, compares in a second one, and renames, as results are (io/merge.c).
#include <ascribe/global.h>

#include "base/child.h"
#include "base/durable.h"
#include "global/cell.h"
#include "global/collect.h"
#include "global/collect_pairs.h"

#include <stdlib.h>
#include <string.h>

typedef asc_status use_record(void *user, const global_word *word, asc_error *err);

// Passes over a run from its beginning. In a child: nothing is released on failure.
static asc_status each_record(FILE *run, use_record *use, void *user, asc_error *err)
{
    runs_record record = {0};
    bool end = false;
    rewind(run);
    TRY(runs_read(run, &record, &end, err));
    while (!end) {
        TRY(use(user, &record.word, err));
        TRY(runs_read(run, &record, &end, err));
    }
    runs_record_free(&record);
    return ASC_OK;
}

// ---- The child that writes ----

typedef struct writing {
    const collected *from;
    const char *path;
    student_table student;
    global_writer *writer;
    global_line *lines;
    size_t line_capacity;
} writing;

static asc_status put_id(void *user, const global_word *word, asc_error *err)
{
    writing *w = user;
    return global_writer_put_id(w->writer, runs_id(word), err);
}

static global_line line_of(const writing *w, const global_cell *sum)
{
    asc_global_word word;
    cell_describe(sum, &w->student, &word);
    return (global_line){.class_index = sum->class_index,
                         .count = word.count,
                         .rows = word.n_rows,
                         .mean = word.mean,
                         .mean_abs = word.mean_abs,
                         .deviation = word.deviation,
                         .std_error = word.std_error,
                         .low = word.low,
                         .high = word.high,
                         .p_value = word.p_value,
                         .abs_std_error = word.abs_std_error,
                         .least = word.least,
                         .most = word.most,
                         .least_row = word.least_row,
                         .most_row = word.most_row};
}

// A word's cells and, for each of its classes, the sum of those of all labels and predictions.
static asc_status put_word(void *user, const global_word *word, asc_error *err)
{
    writing *w = user;
    size_t n_lines = 0;
    if (word->n_cells > w->line_capacity) {
        global_line *lines = realloc(w->lines, word->n_cells * sizeof *lines);
        if (!lines)
            return fail_memory(err, "the classes of a word", word->n_cells * sizeof *lines);
        w->lines = lines;
        w->line_capacity = word->n_cells;
    }
    for (size_t i = 0; i < word->n_cells;) {
        global_cell sum = {.class_index = word->cells[i].class_index};
        for (; i < word->n_cells && word->cells[i].class_index == sum.class_index; i++)
            if (word->cells[i].position < 0)
                cell_merge(&sum, &word->cells[i]);
        if (sum.count == 0)
            return fail(err, ASC_MALFORMED, "a word's positions are counted but not its rows");
        w->lines[n_lines++] = line_of(w, &sum);
    }
    return global_writer_put(w->writer, word, w->lines, n_lines, err);
}

static asc_status write_file(void *context, asc_error *err)
{
    writing *w = context;
    const runs_totals *totals = &w->from->totals;
    const global_plan plan = {w->from->facts, totals->n_words, totals->n_bytes, totals->n_cells, totals->n_lines};
    student_table_fill(&w->student);
    TRY(global_writer_create(w->path, &plan, &w->writer, err));
    TRY(each_record(w->from->ids, put_id, w, err));
    TRY(each_record(w->from->words, put_word, w, err));
    return global_writer_finish(w->writer, err);
}

// ---- The child that compares ----

typedef struct comparing {
    const collected *from;
    const char *path;
    global_file *file;
    uint64_t *ids; // a slice, and the words of another
    global_words words;
    size_t first, count; // of the slice
    size_t at;           // records seen
} comparing;

static asc_status fail_other(const comparing *c, asc_error *err)
{
    return fail(err, ASC_IO_ERROR, "%s: record %zu is not what was written", c->path, c->at);
}

static asc_status compare_id(void *user, const global_word *word, asc_error *err)
{
    comparing *c = user;
    enum { AT_ONCE = 1 << 16 };
    if (c->at == c->first + c->count) {
        const size_t left = (size_t)c->from->facts->n_rows - c->at;
        free(c->ids);
        c->first = c->at;
        c->count = left < AT_ONCE ? left : AT_ONCE;
        TRY(global_file_read_ids(c->file, c->first, c->count, &c->ids, err));
    }
    if (c->ids[c->at - c->first] != runs_id(word))
        return fail_other(c, err);
    c->at++;
    return ASC_OK;
}

static asc_status compare_word(void *user, const global_word *word, asc_error *err)
{
    comparing *c = user;
    if (c->at == c->first + c->count) {
        const size_t left = c->from->totals.n_words - c->at, most = global_file_words_at_once(c->file);
        global_words_free(&c->words);
        c->first = c->at;
        c->count = left < most ? left : most;
        TRY(global_file_read(c->file, c->first, c->count, &c->words, err));
    }
    const global_word *found = &c->words.words[c->at - c->first];
    if (global_word_compare(found->text, found->size, word->text, word->size) != 0 || found->n_cells != word->n_cells ||
        memcmp(found->cells, word->cells, word->n_cells * sizeof *word->cells) != 0)
        return fail_other(c, err);
    c->at++;
    return ASC_OK;
}

static asc_status compare_file(void *context, asc_error *err)
{
    comparing *c = context;
    TRY(global_file_open_here(c->path, &c->file, err));
    const global_facts *written = c->from->facts, *found = global_file_facts(c->file);
    if (found->n_rows != written->n_rows || global_file_n_words(c->file) != c->from->totals.n_words ||
        strcmp(found->settings, written->settings) != 0 || found->n_groups != written->n_groups ||
        memcmp(found->groups, written->groups, found->n_groups * sizeof *found->groups) != 0 ||
        memcmp(found->scores, written->scores, found->n_classes * sizeof *found->scores) != 0)
        return fail_other(c, err);
    TRY(each_record(c->from->ids, compare_id, c, err));
    c->at = c->first = c->count = 0;
    TRY(each_record(c->from->words, compare_word, c, err));
    global_words_free(&c->words);
    free(c->ids);
    global_file_close(c->file);
    return ASC_OK;
}

// ---- Both, and the rename ----

static asc_status run_step(const asc_global_job *job, child_step *step, const char *who, void *context, asc_error *err)
{
    const child_job child = {.step = step,
                             .context = context,
                             .stop = {job->should_stop, job->stop_user},
                             .writes = true,
                             .dead = who,
                             .dead_hint = "the inputs are untouched: the same command tries again",
                             .dead_status = ASC_IO_ERROR};
    return child_run(&child, err);
}

static asc_status write_out(const asc_global_job *job, const collected *all, asc_error *err)
{
    char *path = NULL;
    TRY(durable_temporary(job->out_path, &path, err));
    asc_status status = run_step(job, write_file, "the process that writes the summary", &(writing){.from = all, .path = path}, err);
    if (status == ASC_OK)
        status = run_step(job, compare_file, "the process that compares the summary", &(comparing){.from = all, .path = path}, err);
    status = durable_finish(status, path, job->out_path, job->overwrite, err);
    free(path);
    return status;
}

static asc_status check_job(const asc_global_job *job, asc_error *err)
{
    if (job->n_paths == 0)
        return fail(err, ASC_USAGE, "expected at least one result or file of global importance, found none");
    if (job->fold_case && job->dataset_path)
        return fail(err, ASC_USAGE, "token ids have no case to fold");
    return durable_check_new(job->out_path, job->overwrite, err);
}

static asc_status finish(const asc_global_job *job, collector *c, asc_error *err)
{
    collected all = {0};
    TRY(collect_finish(c, &all, err));
    return write_out(job, &all, err);
}

asc_status asc_global_make(const asc_global_job *job, asc_error *err)
{
    collector *c = NULL;
    TRY(check_job(job, err));
    TRY(collect_create(job, &c, err));
    asc_status status = ASC_OK;
    for (size_t i = 0; i < job->n_paths && status == ASC_OK; i++)
        status = collect_input(c, job->paths[i], err);
    if (status == ASC_OK)
        status = finish(job, c, err);
    collect_free(c);
    return status;
}

asc_status asc_global_make_pairs(const asc_global_job *job, int *are_pairs, asc_error *err)
{
    collector *c = NULL;
    bool is = false;
    *are_pairs = 0;
    if (job->n_paths != 2 || job->dataset_path)
        return fail(err, ASC_USAGE, "expected two results, whose features go by their texts, found %zu", job->n_paths);
    TRY(check_job(job, err));
    TRY(collect_create(job, &c, err));
    asc_status status = collect_pairs(c, job->paths, &is, err);
    if (status == ASC_OK && is)
        status = finish(job, c, err);
    *are_pairs = is && status == ASC_OK;
    collect_free(c);
    return status;
}

asc_status asc_global_is(const char *path, int *is_global, asc_error *err)
{
    bool is = false;
    TRY(global_file_is(path, &is, err));
    *is_global = is;
    return ASC_OK;
}
