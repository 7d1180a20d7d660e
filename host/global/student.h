// Student's t: p-values and the quantile of 95 % intervals; and what a whole table of p-values becomes by Benjamini and Hochberg.
#ifndef ASCRIBE_GLOBAL_STUDENT_H
#define ASCRIBE_GLOBAL_STUDENT_H

#include <ascribe/evaluate.h>

#include "base/fail.h"

#include <stddef.h>

// P(|t| > |statistic|) for `degrees` > 0 of freedom (need not be whole), to about 1e-12.
double student_p_value(double statistic, double degrees);

// Quantiles of few degrees, found once. `student_quantile`: t with P(|t| > t) = 0.05, to about 1e-9; degrees >= 1, whole.
enum { STUDENT_N_KNOWN = 100 };
typedef struct student_table {
    double known[STUDENT_N_KNOWN]; // by degrees; [0] is unused
} student_table;
void student_table_fill(student_table *table);
double student_quantile(const student_table *table, double degrees);

// A mean, its standard error, and the degrees of freedom of that.
typedef struct student_mean {
    double mean, std_error, degrees;
} student_mean;

// With its 95 % interval: NaN below one degree; degrees are rounded down, which makes it a little too wide.
asc_mean student_interval(const student_table *table, student_mean mean);

// b - a of independent samples (Welch, Biometrika 34, 1947). p_value and degrees are NaN where both standard errors are 0 or one is NaN.
typedef struct student_gap {
    double difference, std_error, degrees, p_value;
} student_gap;
student_gap student_compare(student_mean a, student_mean b);

// q[i]: the smallest false discovery rate at which p[i] is called a discovery among all p that are numbers (Benjamini, Hochberg, J. R. Stat. Soc. B
// 57, 1995, adjusted p-values made monotone); NaN where p is NaN. *n_tested = the numbers. ASC_OUT_OF_MEMORY.
asc_status benjamini_hochberg(const double *p, size_t n, double *q, size_t *n_tested, asc_error *err);

#endif
