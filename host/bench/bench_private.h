// A benchmark under way: what bench.c opens and the other files of this folder measure with.
#ifndef ASCRIBE_BENCH_BENCH_PRIVATE_H
#define ASCRIBE_BENCH_BENCH_PRIVATE_H

#include <ascribe/bench.h>
#include <ascribe/dataset.h>

#include "explain/engine.h"

// Passes that the time is meant for: each configuration is measured a few times, and the best counts.
enum { BENCH_USUAL_PASSES = 3 };

typedef struct bench {
    const asc_bench_job *job;
    asc_bench_report *report;
    asc_explain_options options; // the job's, with the budget that was chosen
    asc_model *model;
    asc_dataset *dataset;  // NULL for a shape
    asc_dataset_info data; // of the dataset or the shape
    explain_request request;
    size_t n_workers;
    double gemm_flops_per_s; // measured before; 0: not known
    asc_rows **slices;       // the rows, in pieces as the engine gets them
    size_t n_slices;
    double expected_s; // of a pass, roughly
    asc_error *err;
} bench;

// What is being done, and, where it is more than 0, about how long that will take.
void bench_say(const bench *b, const char *what, double about_s);

// Chooses rows, and for a shape the budget, by what should fit the time; reads or makes them.
asc_status bench_choose_rows(bench *b);

// The request of other options than the bench's own. The caller frees it with request_free.
asc_status bench_resolve(const bench *b, const asc_explain_options *options, explain_request *out);

asc_status bench_open_engine(const bench *b, const explain_request *request, engine **out);

// Runs some steps of the rows, so that memory and clocks are as they will be.
asc_status bench_warm_up(const bench *b, engine *e);

// What a pass will execute. Makes the designs.
asc_status bench_count(const bench *b, engine *e, asc_bench_work *work);

// One pass over all rows, clocked; adds its time to *passes. `see` gets every slice and its results, off the clock, when it is not NULL.
typedef struct bench_observer {
    void (*see)(void *user, const asc_rows *rows, const explained *results);
    void *user;
} bench_observer;
asc_status bench_pass(const bench *b, engine *e, asc_bench_passes *passes, const bench_observer *observer);

// Fills report->savings, report->precision_check.
asc_status bench_savings(bench *b);
asc_status bench_precision(bench *b);

#endif
