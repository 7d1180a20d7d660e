// The summary for people and for programs; the keys of the JSON object are part of the interface.
#include "explain_summary.h"

#include "next_command.h"
#include "numbers.h"
#include "print_json.h"
#include "report_error.h"

#include <ascribe/result.h>

#include <stdio.h>
#include <stdlib.h>

enum { N_STATUS_BITS = 32 };

static double per_second(double count, double elapsed_s)
{
    return elapsed_s > 0 ? count / elapsed_s : 0;
}

static double rows_per_second(const asc_explain_summary *summary)
{
    return per_second((double)(summary->n_rows - summary->n_rows_reused), summary->elapsed_s);
}

static void print_speed(const asc_explain_summary *summary)
{
    char coalitions[NUMBER_TEXT], rows[NUMBER_TEXT], tokens[NUMBER_TEXT], duration[NUMBER_TEXT];

    printf("%-*s%s\n", LABEL_COLUMNS, "time", format_duration(duration, summary->elapsed_s));
    if (summary->n_rows_reused == summary->n_rows) {
        printf("%-*snone: all parts were there already\n", LABEL_COLUMNS, "coalitions");
        return;
    }
    if (summary->n_rows_reused)
        printf("%-*s%zu rows of parts that were there; what follows is of the others\n", LABEL_COLUMNS, "taken over", summary->n_rows_reused);
    printf("%-*s%llu, %llu tokens\n", LABEL_COLUMNS, "coalitions", (unsigned long long)summary->evaluations,
           (unsigned long long)summary->tokens);
    printf("%-*s%s rows/s, %s coalitions/s, %s tokens/s (backend %s)\n", LABEL_COLUMNS, "speed",
           format_short(rows, rows_per_second(summary)),
           format_short(coalitions, per_second((double)summary->evaluations, summary->elapsed_s)),
           format_short(tokens, per_second((double)summary->tokens, summary->elapsed_s)),
           summary->backend ? summary->backend : "unknown");
}

static void print_statuses(const asc_explain_summary *summary)
{
    const char *label = "status";

    for (unsigned bit = 0; bit < N_STATUS_BITS; bit++) {
        const char *name = asc_row_status_name(UINT32_C(1) << bit);
        if (summary->n_rows_with_status[bit] == 0)
            continue;
        printf("%-*s%zu %s\n", LABEL_COLUMNS, label, summary->n_rows_with_status[bit],
               name ? name : "unknown");
        label = "";
    }
    if (summary->n_unexplained)
        printf("%-*s%zu rows have no attributions\n", LABEL_COLUMNS, label, summary->n_unexplained);
}

static void print_labels(const asc_explain_summary *summary)
{
    char number[NUMBER_TEXT];

    if (summary->n_labelled)
        printf("%-*s%.2f %% (%zu of %zu labelled rows predicted right)\n", LABEL_COLUMNS, "accuracy",
               100 * (double)summary->n_correct / (double)summary->n_labelled, summary->n_correct, summary->n_labelled);
    if (summary->n_numbers)
        printf("%-*s%s (mean absolute error of %zu labelled rows)\n", LABEL_COLUMNS, "error",
               format_float(number, (float)(summary->sum_absolute_error / (double)summary->n_numbers)), summary->n_numbers);
}

static void print_counts(const explain_outcome *outcome)
{
    const asc_explain_summary *summary = &outcome->summary;
    char number[NUMBER_TEXT];

    if (outcome->plan_path)
        printf("%-*s%zu of 0-%zu: all its parts are there\n", LABEL_COLUMNS, "task", outcome->task, outcome->n_tasks - 1);
    printf("%-*s%zu rows of %s\n", LABEL_COLUMNS, "explained", summary->n_rows, outcome->dataset_path);
    print_labels(summary);
    print_speed(summary);
    if (summary->max_residual >= 0)
        printf("%-*s%s (attributions against output - base value)\n", LABEL_COLUMNS, "residual",
               format_float(number, (float)summary->max_residual));
    print_statuses(summary);
}

asc_status explain_summary_print(const explain_outcome *outcome, asc_error *err)
{
    asc_status status;

    if (outcome->summary.already_complete)
        printf("%s is complete: it holds the result of this very run, nothing was computed\n", outcome->out);
    else
        print_counts(outcome);
    if (outcome->dataset_was_made)
        printf("%-*s%s (kept; explain it again without preparing it)\n", LABEL_COLUMNS, "dataset", outcome->dataset_path);
    if (outcome->plan_path && !outcome->summary.already_complete) {
        status = next_command_print("next", (const char *[]){"ascribe", "status", outcome->plan_path, NULL}, "", err);
        if (status == ASC_OK)
            status = next_command_print("then", (const char *[]){"ascribe", "merge", outcome->plan_path, NULL}, "when all tasks are done", err);
        return status;
    }
    printf("%-*s%s\n", LABEL_COLUMNS, "result", outcome->out);
    return next_command_print("next", (const char *[]){"ascribe", "show", outcome->out, "--row", "0", NULL}, "", err);
}

static json_t *statuses_as_json(const asc_explain_summary *summary)
{
    json_t *object = json_object();

    for (unsigned bit = 0; bit < N_STATUS_BITS; bit++) {
        const char *name = asc_row_status_name(UINT32_C(1) << bit);
        if (name)
            json_object_set_new(object, name, json_integer((json_int_t)summary->n_rows_with_status[bit]));
    }
    return object;
}

asc_status explain_summary_print_json(const explain_outcome *outcome, asc_error *err)
{
    const asc_explain_summary *summary = &outcome->summary;
    json_t *object = json_pack("{s:o, s:o, s:o, s:b, s:b}", "result", json_text(outcome->out), "model", json_text(outcome->model),
                               "dataset", json_text(outcome->dataset_path), "dataset_was_made", (int)outcome->dataset_was_made,
                               "already_complete", (int)summary->already_complete);

    if (object && outcome->plan_path &&
        (json_object_set_new(object, "plan", json_text(outcome->plan_path)) != 0 ||
         json_object_set_new(object, "task", json_integer((json_int_t)outcome->task)) != 0 ||
         json_object_set_new(object, "tasks", json_integer((json_int_t)outcome->n_tasks)) != 0 ||
         json_object_set_new(object, "merged", json_boolean(summary->merged)) != 0)) {
        json_decref(object);
        object = NULL;
    }
    if (!object || summary->already_complete)
        return print_json(object, err);
    json_t *numbers = json_pack(
        "{s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "rows",
        (json_int_t)summary->n_rows, "rows_taken_over", (json_int_t)summary->n_rows_reused, "rows_labelled", (json_int_t)summary->n_labelled, "rows_correct",
        (json_int_t)summary->n_correct, "accuracy",
        summary->n_labelled ? json_number((double)summary->n_correct / (double)summary->n_labelled)
                            : json_null(),
        "largest_residual", json_number(summary->max_residual), "rows_unexplained",
        (json_int_t)summary->n_unexplained, "coalitions", (json_int_t)summary->evaluations, "tokens",
        json_integer((json_int_t)summary->tokens), "seconds", json_number(summary->elapsed_s),
        "rows_per_second", json_number(rows_per_second(summary)),
        "coalitions_per_second", json_number(per_second((double)summary->evaluations, summary->elapsed_s)),
        "tokens_per_second", json_number(per_second((double)summary->tokens, summary->elapsed_s)), "backend",
        json_text(summary->backend));
    if (numbers && summary->n_numbers)
        json_object_set_new(numbers, "mean_absolute_error",
                            json_number(summary->sum_absolute_error / (double)summary->n_numbers));
    const bool merged = numbers && json_object_update(object, numbers) == 0 &&
                        json_object_set_new(object, "rows_with_status", statuses_as_json(summary)) == 0;
    json_decref(numbers);
    if (!merged) {
        json_decref(object);
        object = NULL;
    }
    return print_json(object, err);
}
