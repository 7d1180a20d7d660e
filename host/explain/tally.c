// See tally.h.
#include "explain/tally.h"

worker_tally tally_none(void)
{
    return (worker_tally){.summary = {.max_residual = -1, .backend = ""}};
}

static void add_summary(asc_explain_summary *sum, const asc_explain_summary *more)
{
    sum->already_complete = sum->already_complete || more->already_complete;
    sum->n_rows += more->n_rows;
    sum->n_rows_reused += more->n_rows_reused;
    for (size_t bit = 0; bit < 32; bit++)
        sum->n_rows_with_status[bit] += more->n_rows_with_status[bit];
    sum->n_unexplained += more->n_unexplained;
    sum->n_labelled += more->n_labelled;
    sum->n_correct += more->n_correct;
    sum->n_numbers += more->n_numbers;
    sum->sum_absolute_error += more->sum_absolute_error;
    sum->evaluations += more->evaluations;
    sum->tokens += more->tokens;
    sum->max_residual = more->max_residual > sum->max_residual ? more->max_residual : sum->max_residual;
}

void tally_add(worker_tally *sum, const worker_tally *more)
{
    add_summary(&sum->summary, &more->summary);
    sum->known_evaluations += more->known_evaluations;
    sum->done_evaluations += more->done_evaluations;
    sum->reused_evaluations += more->reused_evaluations;
    sum->rows_known += more->rows_known;
    sum->rows_done += more->rows_done;
}
