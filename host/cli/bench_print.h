// What `ascribe bench` found, for people and for programs; the keys of the JSON object are part of the interface.
#ifndef ASCRIBE_CLI_BENCH_PRINT_H
#define ASCRIBE_CLI_BENCH_PRINT_H

#include <ascribe/bench.h>

void bench_print(const asc_bench_job *job, const asc_bench_report *report);
asc_status bench_print_json(const asc_bench_job *job, const asc_bench_report *report, asc_error *err);

#endif
