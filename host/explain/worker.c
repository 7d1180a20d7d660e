// See worker.h. The process is a fork, but with no thread, no open HDF5 file and no GPU before it.
#include "explain/worker.h"

#include "explain/run_private.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct worker {
    const worker_start *start;
    asc_explain_job job;
    asc_explain_summary summary;
    run r;
    asc_error err;
} worker;

static int is_stopped(void *user)
{
    return atomic_load_explicit((atomic_int *)user, memory_order_relaxed);
}

static worker_tally tally_of(const run *r)
{
    worker_tally tally = {
        .summary = *r->summary,
        .known_evaluations = r->known_evaluations,
        .done_evaluations = r->done_evaluations,
        .reused_evaluations = r->reused_evaluations,
        .rows_known = r->rows_known,
        .rows_done = r->rows_done,
    };
    const engine_work work = r->engine ? engine_work_done(r->engine) : (engine_work){0};
    tally.summary.evaluations = work.evaluations;
    tally.summary.tokens = work.tokens;
    return tally;
}

// A supervisor that is gone takes this process along: nothing is to be done here.
static void send_report(const worker *w, worker_report *report)
{
    const run *r = &w->r;
    report->tally = tally_of(r);
    report->facts = (worker_facts){
        .n_threads = r->n_workers,
        .first_part = r->first_part,
        .end_part = r->end_part,
        .share_first = r->share_first,
        .share_rows = r->share_rows,
    };
    memcpy(report->facts.manifest_hash, r->manifest_hash, HASH_BYTES);
    while (send(w->start->link, report, sizeof *report, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

static void tell(const worker *w, worker_event event)
{
    worker_report report = {.event = event, .err = w->err};
    send_report(w, &report);
}

static void say(void *user, asc_log_level level, const char *message)
{
    worker_report report = {.event = WORKER_SAYS, .level = level};
    snprintf(report.err.message, sizeof report.err.message, "%s", message);
    send_report(user, &report);
}

static void tell_progress(void *user, const asc_progress *now)
{
    (void)now;
    tell(user, WORKER_PROGRESS);
}

// False when there are no more.
static bool next_command(const worker *w, size_t *command)
{
    ssize_t n;
    do
        n = recv(w->start->link, command, sizeof *command, 0);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *command;
}

static asc_status obey(worker *w, size_t command)
{
    run *r = &w->r;
    if (command == WORKER_SETTLE) {
        TRY(run_settle(r, true));
        r->keeps_progress = false; // the supervisor does
        tell(w, WORKER_SETTLED);
        return ASC_OK;
    }
    r->first_part = command;
    r->end_part = command + 1;
    TRY(run_explain_parts(r));
    tell(w, WORKER_PART_DONE);
    return ASC_OK;
}

static asc_status work(worker *w)
{
    run *r = &w->r;
    size_t command;
    r->start_s = clock_seconds();
    TRY(run_open(r));
    TRY(run_check_output(r));
    tell(w, WORKER_OPENED);
    while (next_command(w, &command))
        TRY(obey(w, command));
    return ASC_OK;
}

void worker_run(const worker_start *start)
{
    worker w = {.start = start, .job = start->job, .summary = {.backend = ""}};
    w.job.log = (asc_log){say, &w};
    w.job.progress = tell_progress;
    w.job.progress_user = &w;
    w.job.should_stop = is_stopped;
    w.job.stop_user = start->stop;
    w.r = (run){.job = &w.job, .summary = &w.summary, .folder = {.descriptor = -1, .lock = -1}, .err = &w.err};
    w.err.status = work(&w);
    if (w.err.status != ASC_OK)
        tell(&w, WORKER_FAILED);
    run_close(&w.r);
    _exit(0);
}
