// How far attributions in one precision are from those in another, on the scale of each row.
#ifndef ASCRIBE_BENCH_DIFFERENCE_H
#define ASCRIBE_BENCH_DIFFERENCE_H

#include "explain/explained.h"

// Sums over features and classes of differences that are relative to their row's range: the largest minus the smallest attribution of
// the class, in the reference.
typedef struct difference {
    size_t n_rows, n_values; // compared
    double largest, squares;
    size_t n_std_errors; // that are not NaN, of the reference, on the same scale
    double std_error_squares;
} difference;

// Adds the rows that both explain, for the same classes, with a range above 0.
void difference_add(difference *sum, const explained *reference, const explained *other);

// Root mean squares; NaN over nothing.
double difference_rms(const difference *sum);
double difference_rms_std_error(const difference *sum);

#endif
