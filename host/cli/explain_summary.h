// What `ascribe explain` says when it is done.
#ifndef ASCRIBE_CLI_EXPLAIN_SUMMARY_H
#define ASCRIBE_CLI_EXPLAIN_SUMMARY_H

#include <ascribe/explain.h>

#include <stdbool.h>

typedef struct explain_outcome {
    asc_explain_summary summary;
    const char *model, *dataset_path, *out;
    bool dataset_was_made; // from texts, by this call
    const char *plan_path; // NULL: the whole run, else task `task` of `n_tasks`
    size_t task, n_tasks;
} explain_outcome;

asc_status explain_summary_print(const explain_outcome *outcome, asc_error *err);
asc_status explain_summary_print_json(const explain_outcome *outcome, asc_error *err);

#endif
