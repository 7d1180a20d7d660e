// See parts_check.h.
#include "explain/parts_check.h"

#include "explain/run_locate.h"
#include "io/merge.h"
#include "io/row_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LIST_SIZE = 600, MOST_LISTED_TASKS = 24 };

typedef struct looker {
    const parts_look *look;
    parts_sum *sum;
    row_check rows;
    asc_verify_report row_report;
    char list[LIST_SIZE]; // what is wrong, by name
    size_t n_wrong;
    size_t tasks[MOST_LISTED_TASKS + 1], n_tasks; // to run again
} looker;

const char *asc_part_state_name(asc_part_state state)
{
    static const char *const names[] = {"present", "missing", "damaged", "foreign", "unfinished", "set aside"};
    return (size_t)state < sizeof names / sizeof *names ? names[state] : "";
}

static bool is_wrong(asc_part_state state)
{
    return state == ASC_PART_MISSING || state == ASC_PART_DAMAGED || state == ASC_PART_FOREIGN;
}

static void note_task(looker *l, size_t part)
{
    const division *d = &l->look->record->division;
    const size_t task = part < d->n_parts ? division_task_of(d, part) : SIZE_MAX;
    if (task == SIZE_MAX || l->n_tasks > MOST_LISTED_TASKS || (l->n_tasks > 0 && l->tasks[l->n_tasks - 1] == task))
        return;
    l->tasks[l->n_tasks++] = task;
}

static void note(looker *l, asc_part_state state, size_t part, const char *path, const char *why)
{
    const char *slash = strrchr(path, '/');
    const size_t used = strlen(l->list);
    l->sum->report.n_with_state[state]++;
    if (l->look->found)
        l->look->found(l->look->user, state, path, why);
    if (!is_wrong(state))
        return;
    note_task(l, part);
    if (l->n_wrong++ > 0 && used + RUN_NAME_SIZE + 20 > LIST_SIZE) {
        if (used > 0 && l->list[used - 1] != '.')
            snprintf(l->list + used, LIST_SIZE - used, ", ...");
        return;
    }
    snprintf(l->list + used, LIST_SIZE - used, "%s%.47s (%s)", used ? ", " : "", slash ? slash + 1 : path, asc_part_state_name(state));
}

// Each kernel set once, separated by " | ".
static void note_kernel_set(asc_parts_report *report, const char *kernel_set)
{
    const size_t length = strlen(kernel_set), used = strlen(report->kernel_sets);
    for (const char *at = report->kernel_sets; (at = strstr(at, kernel_set)) != NULL; at++) {
        const bool begins = at == report->kernel_sets || (at - report->kernel_sets >= 3 && strncmp(at - 3, " | ", 3) == 0);
        if (begins && (at[length] == '\0' || strncmp(at + length, " | ", 3) == 0))
            return;
    }
    snprintf(report->kernel_sets + used, sizeof report->kernel_sets - used, "%s%s", used ? " | " : "", kernel_set);
}

// ---- One part ----------------------------------------------------------------------------------------------------

// Is it in its place, and of the run's shape? What the manifest's hash cannot tell.
static asc_status check_place(const looker *l, const char *path, const part_header *expected, const part_header *found, asc_error *err)
{
    const char *kernel_set = l->look->record->kernel_set;
    if (found->first_position != expected->first_position || found->n_rows != expected->n_rows)
        return fail(err, ASC_DIFFERENT_RUN, "%s: expected %lld rows from %lld on, found %lld from %lld on", path, (long long)expected->n_rows,
                    (long long)expected->first_position, (long long)found->n_rows, (long long)found->first_position);
    if (found->n_targets != expected->n_targets || found->n_classes != expected->n_classes || found->n_fit != expected->n_fit)
        return fail(err, ASC_DIFFERENT_RUN, "%s: expected %u targets, %u classes, %u numbers of a fit; found %u, %u, %u", path, expected->n_targets,
                    expected->n_classes, expected->n_fit, found->n_targets, found->n_classes, found->n_fit);
    if (strcmp(kernel_set, "mixed") != 0 && strncmp(kernel_set, found->kernel_set, PART_KERNEL_SET_SIZE - 1) != 0)
        return fail(err, ASC_DIFFERENT_RUN, "%s: expected a part by kernel set '%.200s', found one by '%.200s'", path, kernel_set, found->kernel_set);
    return ASC_OK;
}

static asc_status read_whole(looker *l, const char *path, const part_header *expected, asc_error *err)
{
    part_reader *reader = NULL;
    TRY(part_open(path, expected, &reader, err));
    for (size_t row = 0; row < (size_t)part_reader_header(reader)->n_rows; row++) {
        const part_row found = part_read(reader, row);
        row_check_add(&l->rows, &found);
    }
    part_close(reader);
    return ASC_OK;
}

static asc_status look_at(looker *l, const char *path, const part_header *expected, asc_error *err)
{
    part_facts facts;
    TRY(part_peek(path, expected, &facts, err));
    TRY(check_place(l, path, expected, &facts.header, err));
    if (l->look->whole)
        TRY(read_whole(l, path, expected, err));
    l->sum->report.n_rows_present += (size_t)facts.header.n_rows;
    l->sum->n_values += facts.sum_features * facts.header.n_targets;
    l->sum->bytes += facts.bytes;
    note_kernel_set(&l->sum->report, facts.header.kernel_set);
    return ASC_OK;
}

static asc_status look_at_part(looker *l, size_t index, asc_error *err)
{
    const part_header expected = run_record_header(l->look->record, index);
    asc_error why = {.status = ASC_OK};
    struct stat facts;
    char *path = NULL;
    TRY(merge_part_path(l->look->folder->path, (int64_t)index, &path, err));
    const asc_status status = look_at(l, path, &expected, &why);
    const bool is_missing = status == ASC_NOT_FOUND && lstat(path, &facts) != 0;
    const bool is_ours = status == ASC_OK || status == ASC_NOT_FOUND || status == ASC_MALFORMED || status == ASC_DIFFERENT_RUN;
    if (status == ASC_OK)
        l->sum->report.n_with_state[ASC_PART_PRESENT]++;
    else if (is_ours)
        note(l, is_missing ? ASC_PART_MISSING : status == ASC_DIFFERENT_RUN ? ASC_PART_FOREIGN : ASC_PART_DAMAGED, index, path,
             is_missing ? "it is not there" : why.message);
    else if (err)
        *err = why;
    free(path);
    return is_ours ? ASC_OK : status;
}

// ---- All of them -------------------------------------------------------------------------------------------------

static void look_at_name(void *user, const char *name, run_file kind, size_t index)
{
    looker *l = user;
    char *path = NULL;
    const bool is_extra = kind == RUN_FILE_PART && index >= l->look->record->division.n_parts;
    if ((!is_extra && kind != RUN_FILE_UNFINISHED && kind != RUN_FILE_BAD) || run_folder_join(l->look->folder, name, &path, NULL) != ASC_OK)
        return;
    if (is_extra)
        note(l, ASC_PART_FOREIGN, index, path, "the run has no part of this number");
    else if (kind == RUN_FILE_BAD)
        note(l, ASC_PART_SET_ASIDE, index, path, "it was damaged when a run came upon it");
    else
        note(l, ASC_PART_UNFINISHED, index, path, "a process that was killed, or is at work, has not finished it");
    free(path);
}

// "run tasks 1, 4 again, then merge".
static asc_status hint_tasks(const looker *l, asc_error *err)
{
    char text[300] = "";
    if (l->look->record->division.n_tasks == 1 || l->n_tasks == 0)
        return fail_hint(err, ASC_FAILED_CHECK, "%s",
                         l->n_tasks ? "run the command of the run again: it computes what is missing" : "move what does not belong there away");
    for (size_t i = 0; i < l->n_tasks && i < MOST_LISTED_TASKS; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%zu", i ? "," : "", l->tasks[i]);
    return fail_hint(err, ASC_FAILED_CHECK, "run task%s %s%s again: %s what is missing or damaged", l->n_tasks > 1 ? "s" : "", text,
                     l->n_tasks > MOST_LISTED_TASKS ? ",..." : "", l->n_tasks > 1 ? "they compute" : "it computes");
}

static asc_status judge(looker *l, asc_error *err)
{
    asc_parts_report *report = &l->sum->report;
    report->n_unexplained = l->row_report.n_unexplained;
    report->n_unexpected_nan = l->row_report.n_unexpected_nan;
    report->n_residual_over_limit = l->row_report.n_residual_over_limit;
    report->max_residual = l->row_report.max_residual;
    if (l->n_wrong > 0) {
        (void)fail(err, ASC_FAILED_CHECK, "%.250s: %zu of %zu parts are missing or wrong: %s", l->look->folder->path, l->n_wrong, report->n_parts,
                   l->list);
        return hint_tasks(l, err);
    }
    if (report->n_unexpected_nan == 0 && report->n_residual_over_limit == 0)
        return ASC_OK;
    return fail(err, ASC_FAILED_CHECK, "%.400s: %zu rows with too large a residual, %zu numbers not finite; first: %s", l->look->folder->path,
                report->n_residual_over_limit, report->n_unexpected_nan, l->rows.first_fault);
}

asc_status parts_look_over(const parts_look *look, parts_sum *sum, asc_error *err)
{
    const run_record *record = look->record;
    const division *d = &record->division;
    looker l = {.look = look, .sum = sum};
    const part_shape shape = {record->n_targets, record->n_classes, record->n_fit};
    *sum = (parts_sum){.report = {.n_parts = d->n_parts, .n_rows = (size_t)(d->starts[d->n_parts] - d->starts[0])}};
    row_check_begin(&l.rows, record->method, record->estimator, shape, &l.row_report);
    for (size_t index = 0; index < d->n_parts; index++) {
        TRY(stop_poll(&look->stop, err));
        TRY(look_at_part(&l, index, err));
    }
    run_folder_list(look->folder, look_at_name, &l);
    return judge(&l, err);
}

asc_status asc_parts_check(const char *run_path, void (*found)(void *user, asc_part_state state, const char *path, const char *why),
                           void *user, asc_parts_report *report, asc_error *err)
{
    run_place place;
    parts_sum sum = {.report = {.max_residual = -1}};
    *report = (asc_parts_report){0};
    asc_status status = run_locate(run_path, &place, err);
    if (status == ASC_OK)
        status = run_locate_record(&place, err);
    if (status == ASC_OK) {
        const parts_look look = {.folder = &place.folder, .record = &place.record, .whole = true, .found = found, .user = user};
        status = parts_look_over(&look, &sum, err);
        *report = sum.report;
        run_locate_backend(&place, report->backend, sizeof report->backend);
    }
    run_locate_free(&place);
    return status;
}
