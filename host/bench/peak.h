// The speed that bounds every other: matrix multiplication on all workers at once.
#ifndef ASCRIBE_BENCH_PEAK_H
#define ASCRIBE_BENCH_PEAK_H

#include "explain/request.h"

// Floating-point operations per second of all workers together, in the request's precision (bf16 on cpu: in float); 0 where the backend does not know. Takes less than a second.
asc_status peak_measure(const explain_request *request, size_t n_workers, double *flops_per_s, asc_error *err);

#endif
