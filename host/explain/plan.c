// Plans, the merge, checks of parts and where a run stands; see ascribe/plan.h.
#include <ascribe/plan.h>

#include "base/fail.h"

asc_status asc_plan_make(const asc_explain_job *job, size_t n_tasks, const char *path, asc_error *err)
{
    (void)job, (void)n_tasks, (void)path;
    return fail(err, ASC_INTERNAL, "not built yet");
}

asc_status asc_plan_open(const char *path, asc_plan **out, asc_error *err)
{
    (void)path, (void)out;
    return fail(err, ASC_INTERNAL, "not built yet");
}

void asc_plan_close(asc_plan *plan)
{
    (void)plan;
}

const asc_plan_info *asc_plan_describe(const asc_plan *plan)
{
    (void)plan;
    return NULL;
}

asc_status asc_plan_job(const asc_plan *plan, size_t task, asc_explain_job *job, asc_error *err)
{
    (void)plan, (void)task, (void)job;
    return fail(err, ASC_INTERNAL, "not built yet");
}

asc_status asc_merge(const asc_merge_job *job, asc_merge_summary *summary, asc_error *err)
{
    (void)job, (void)summary;
    return fail(err, ASC_INTERNAL, "not built yet");
}

const char *asc_part_state_name(asc_part_state state)
{
    static const char *const names[] = {"present", "missing", "damaged", "foreign", "unfinished", "set aside"};
    return names[state];
}

asc_status asc_parts_check(const char *run_path, void (*found)(void *user, asc_part_state state, const char *path, const char *why),
                           void *user, asc_parts_report *report, asc_error *err)
{
    (void)run_path, (void)found, (void)user, (void)report;
    return fail(err, ASC_INTERNAL, "not built yet");
}

const char *asc_task_state_name(asc_task_state state)
{
    static const char *const names[] = {"waiting", "running", "stopped", "done"};
    return names[state];
}

asc_status asc_run_status_read(const char *run_path, asc_run_status *out, asc_error *err)
{
    (void)run_path, (void)out;
    return fail(err, ASC_INTERNAL, "not built yet");
}

void asc_run_status_free(asc_run_status *status)
{
    (void)status;
}
