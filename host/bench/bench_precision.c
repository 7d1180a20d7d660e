// Attributions in 16 bits beside those in float: the same rows through two engines.
#include "bench/bench_private.h"

asc_status bench_precision(bench *b)
{
    b->report->precision = (asc_bench_precision){.reason = "this build computes in float (cpu) or double (ref) only"};
    return ASC_OK;
}
