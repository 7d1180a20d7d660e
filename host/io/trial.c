// Limits of a trial; see trial.h.
#include "io/trial.h"

#include "io/h5file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    LEAST_CPU_S = 60,
    BYTES_PER_CPU_S = 1 << 20, // of the file; inflating and checking take a hundredth of that time
    LEAST_WALL_S = 120,
    BYTES_PER_WALL_S = 1 << 18, // a slow network's, or a machine's that has other work
    MOST_ROWS_AT_ONCE = 1024,
    ELEMENTS_AT_ONCE = 4 << 20,
};
static const size_t memory_limit = (size_t)4 << 30;

static asc_status run_step(void *context, asc_error *err)
{
    const trial *job = context;
    h5_silence_begin();
    return job->step(job->context, err);
}

asc_status trial_run(const trial *job, asc_error *err)
{
    char who[600];
    struct stat facts;
    const size_t size = stat(job->path, &facts) == 0 && facts.st_size > 0 ? (size_t)facts.st_size : 0;
    snprintf(who, sizeof who, "%s: the reader", job->path);
    const child_job child = {
        .step = run_step,
        .context = (void *)(uintptr_t)job,
        .answer = job->answer,
        .answer_size = job->answer_size,
        .memory_bytes = memory_limit,
        .cpu_s = LEAST_CPU_S + size / BYTES_PER_CPU_S,
        .wall_ms = job->wall_ms ? job->wall_ms : 1000 * (LEAST_WALL_S + size / BYTES_PER_WALL_S),
        .stop = job->stop,
        .dead = who,
        .dead_hint = "the file is damaged, or made to harm: get it again from where it came, or make it anew",
        .dead_status = ASC_MALFORMED,
    };
    return child_run(&child, err);
}

typedef struct format_question {
    const char *path, *format;
    bool is; // the answer
} format_question;

static asc_status try_format(void *context, asc_error *err)
{
    format_question *q = context;
    h5file *file = NULL;
    char *found = NULL;
    TRY(h5file_open(q->path, &file, err));
    TRY(h5file_read_text(file, "format", &found, err));
    q->is = found && strcmp(found, q->format) == 0;
    free(found);
    h5file_close(file);
    return ASC_OK;
}

asc_status trial_format_is(const char *path, const char *format, bool *is, asc_error *err)
{
    format_question q = {.path = path, .format = format};
    const trial job = {.path = path, .step = try_format, .context = &q, .answer = &q, .answer_size = sizeof q};
    TRY(trial_run(&job, err));
    *is = q.is;
    return ASC_OK;
}

size_t trial_rows_at_once(size_t n_rows, size_t n_elements)
{
    const size_t mean = n_rows ? n_elements / n_rows + 1 : 1;
    const size_t rows = ELEMENTS_AT_ONCE / mean;
    return rows > MOST_ROWS_AT_ONCE ? MOST_ROWS_AT_ONCE : rows ? rows : 1;
}
