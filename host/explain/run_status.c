// Where a run stands, from what is in its folder; see ascribe/plan.h.
#include <ascribe/plan.h>

#include "base/durable.h"
#include "explain/manifest.h"
#include "explain/plan_private.h"
#include "explain/run_locate.h"
#include "explain/run_output.h"
#include "explain/run_progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_SECONDS 60.0

typedef struct observer {
    run_place place;
    const division *division;
    asc_run_status *out;
    bool *is_there; // [n_parts]
} observer;

const char *asc_task_state_name(asc_task_state state)
{
    static const char *const names[] = {"waiting", "running", "stopped", "done"};
    return (size_t)state < sizeof names / sizeof *names ? names[state] : "";
}

static void see_part(void *user, const char *name, run_file kind, size_t index)
{
    const observer *o = user;
    (void)name;
    if (kind == RUN_FILE_PART && index < o->division->n_parts)
        o->is_there[index] = true;
}

static void count_parts(const observer *o, size_t task, asc_task_status *status)
{
    const division *d = o->division;
    for (size_t part = d->tasks[task]; part < d->tasks[task + 1]; part++) {
        const size_t n_rows = (size_t)(d->starts[part + 1] - d->starts[part]);
        const bool done = o->out->merged || o->is_there[part];
        status->n_parts++;
        status->n_rows += n_rows;
        status->n_parts_done += done;
        status->n_rows_done += done ? n_rows : 0;
    }
}

static void take_progress(const observer *o, size_t task, asc_task_status *status)
{
    run_progress progress;
    char here[DURABLE_HOST_SIZE];
    double age_s = 0;
    status->silent_s = status->remaining_s = -1;
    const bool known = run_progress_read(&o->place.folder, task, &progress, &age_s);
    const bool done = status->n_parts_done == status->n_parts;
    status->state = done                                    ? ASC_TASK_DONE
                    : known || status->n_parts_done > 0 ? ASC_TASK_STOPPED
                                                            : ASC_TASK_WAITING;
    if (!known)
        return;
    status->silent_s = age_s;
    status->pid = progress.pid;
    snprintf(status->host, sizeof status->host, "%s", progress.host);
    snprintf(status->job_id, sizeof status->job_id, "%s", progress.job_id);
    snprintf(status->message, sizeof status->message, "%s", progress.message);
    durable_host(here);
    const bool died = strcmp(here, progress.host) == 0 && !run_folder_is_worked_on(&o->place.folder, task); // elsewhere locks tell nothing
    if (done || died || progress.phase != RUN_PHASE_WORKING || age_s > FRESH_SECONDS)
        return;
    status->state = ASC_TASK_RUNNING;
    status->rows_per_s = progress.rows_per_s;
    status->remaining_s = progress.remaining_s;
}

static void add_task(asc_run_status *sum, const asc_task_status *task)
{
    sum->n_parts_done += task->n_parts_done;
    sum->n_rows_done += task->n_rows_done;
    sum->n_parts += task->n_parts;
    sum->n_rows += task->n_rows;
    sum->n_tasks_with_state[task->state]++;
    sum->rows_per_s += task->rows_per_s;
}

static void observe(observer *o)
{
    asc_run_status *out = o->out;
    run_folder_list(&o->place.folder, see_part, o);
    for (size_t task = 0; task < out->n_tasks; task++) {
        count_parts(o, task, &out->tasks[task]);
        take_progress(o, task, &out->tasks[task]);
        add_task(out, &out->tasks[task]);
    }
    if (out->rows_per_s > 0)
        out->remaining_s = (double)(out->n_rows - out->n_rows_done) / out->rows_per_s;
}

// Is OUT this run's result? By the record, or, where that is gone, by the plan.
static asc_status see_output(observer *o, asc_error *err)
{
    const run_place *place = &o->place;
    const char *manifest = place->record.manifest ? place->record.manifest : place->plan ? place->plan->configuration : NULL;
    char words[64];
    run_output output;
    if (!place->out_path || !manifest)
        return ASC_OK;
    TRY(run_output_read(place->out_path, NULL, &output, err));
    if (output.manifest) {
        const manifest_pair pair = {"", manifest, output.manifest, !place->record.manifest};
        o->out->merged = manifest_differences(&pair, words, sizeof words) == 0;
    }
    run_output_free(&output);
    return ASC_OK;
}

// Of a plan the tasks are the plan's, of a folder the record's.
static asc_status find_division(observer *o, asc_error *err)
{
    asc_error why = {.status = ASC_OK};
    const asc_status status = run_locate_record(&o->place, &why);
    const bool not_begun = status == ASC_NOT_FOUND && o->place.plan;
    if (status != ASC_OK && !not_begun) {
        if (err)
            *err = why;
        return status;
    }
    o->division = o->place.plan ? &o->place.plan->division : &o->place.record.division;
    o->out->n_tasks = o->division->n_tasks;
    o->out->tasks = calloc(o->out->n_tasks, sizeof *o->out->tasks);
    o->is_there = calloc(o->division->n_parts, sizeof *o->is_there);
    return o->out->tasks && o->is_there ? ASC_OK : fail_memory(err, "the tasks", o->out->n_tasks * sizeof *o->out->tasks);
}

asc_status asc_run_status_read(const char *run_path, asc_run_status *out, asc_error *err)
{
    observer o = {.out = out};
    *out = (asc_run_status){.remaining_s = -1};
    asc_status status = run_locate(run_path, &o.place, err);
    if (status == ASC_OK)
        status = find_division(&o, err);
    if (status == ASC_OK)
        status = see_output(&o, err);
    if (status == ASC_OK)
        observe(&o);
    else
        asc_run_status_free(out);
    free(o.is_there);
    run_locate_free(&o.place);
    return status;
}

void asc_run_status_free(asc_run_status *status)
{
    free(status->tasks);
    *status = (asc_run_status){0};
}
