// The speed that bounds every other: matrix multiplication on all workers at once.
#ifndef ASCRIBE_BENCH_PEAK_H
#define ASCRIBE_BENCH_PEAK_H

#include "backend.h"

// Floating-point operations per second of all workers together, in the backend's working type; 0 where the backend does not know. Takes less than a second.
asc_status peak_measure(asc_backend_kind kind, size_t n_workers, double *flops_per_s, asc_error *err);

#endif
