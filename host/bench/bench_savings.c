// What each exact saving gives: the same work with none, with each alone and with all, in turns, so that whatever else the machine does
// meets all of them alike. The best of each counts.
#include "bench/bench_private.h"

#include "model/savings.h"

#include <string.h>

enum { N_TURNS = BENCH_USUAL_PASSES };

static const char *const settings[] = {"none", "first_layer", "last_layer", "fold", "duplicates", "all"};
enum { N_SETTINGS = sizeof settings / sizeof *settings };
_Static_assert((size_t)N_SETTINGS <= (size_t)ASC_BENCH_MOST_SAVINGS, "every setting has a place in the report");

// An engine of its own each time: weights are prepared for the savings, and only one set of them is in memory.
static asc_status take_turn(bench *b, asc_bench_saving *saving)
{
    asc_explain_options options = b->options;
    explain_request request;
    engine *e = NULL;
    options.savings = saving->name;
    TRY(bench_resolve(b, &options, &request));
    asc_status status = bench_open_engine(b, &request, &e);
    if (status == ASC_OK)
        status = bench_count(b, e, &saving->passes.work);
    if (status == ASC_OK)
        status = bench_warm_up(b, e);
    if (status == ASC_OK)
        status = bench_pass(b, e, &saving->passes, NULL);
    engine_destroy(e);
    request_free(&request);
    return status;
}

asc_status bench_savings(bench *b)
{
    asc_bench_report *report = b->report;
    bench_say(b, "measuring the savings one by one", N_TURNS * N_SETTINGS * report->passes.best_s);
    report->n_savings = N_SETTINGS;
    for (size_t i = 0; i < N_SETTINGS; i++)
        report->savings[i].name = settings[i];
    for (size_t turn = 0; turn < N_TURNS; turn++)
        for (size_t i = 0; i < N_SETTINGS; i++)
            TRY(take_turn(b, &report->savings[i]));
    return ASC_OK;
}
