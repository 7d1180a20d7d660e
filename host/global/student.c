// Student's t by the incomplete beta function; see student.h.
#include "global/student.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_TERMS = 100000, BISECTIONS = 100 };

// The continued fraction of the incomplete beta function I_x(a, b) by Lentz's method (Press et al., Numerical Recipes, 3rd edition, 6.4).
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300, enough = 1e-15;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double fraction = d;
    for (int m = 1; m < MOST_TERMS; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int half = 0; half < 2; half++) {
            const double term = half ? odd : even;
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            fraction *= d * c;
        }
        if (fabs(d * c - 1) < enough)
            break;
    }
    return fraction;
}

// I_x(a, b), with y = 1 - x given for itself, so that neither end loses digits.
static double incomplete_beta(double a, double b, double x, double y)
{
    if (x <= 0 || y <= 0)
        return x <= 0 ? 0 : 1;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, y) / b;
}

double student_p_value(double statistic, double degrees)
{
    const double square = statistic * statistic;
    if (isinf(square))
        return 0;
    return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + square), square / (degrees + square));
}

void student_table_fill(student_table *table)
{
    table->known[0] = NAN;
    for (int degrees = 1; degrees < STUDENT_N_KNOWN; degrees++) {
        double low = 1.9, high = 13;
        for (int i = 0; i < BISECTIONS; i++) {
            const double middle = (low + high) / 2;
            *(student_p_value(middle, degrees) > 0.05 ? &low : &high) = middle;
        }
        table->known[degrees] = (low + high) / 2;
    }
}

// Beyond the table: Fisher and Cornish's expansion around the normal quantile (Abramowitz and Stegun 26.7.5); the next term is below 1e-9.
double student_quantile(const student_table *table, double degrees)
{
    const double z = 1.959963984540054, z2 = z * z;
    if (degrees < STUDENT_N_KNOWN)
        return table->known[(int)degrees];
    const double g1 = (z2 + 1) * z / 4, g2 = ((5 * z2 + 16) * z2 + 3) * z / 96;
    const double g3 = (((3 * z2 + 19) * z2 + 17) * z2 - 15) * z / 384;
    const double g4 = ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) * z / 92160;
    return z + (g1 + (g2 + (g3 + g4 / degrees) / degrees) / degrees) / degrees;
}

typedef struct tested {
    double p;
    size_t place;
} tested;

static int by_p(const void *left, const void *right)
{
    const tested *a = left, *b = right;
    return (a->p > b->p) - (a->p < b->p);
}

asc_mean student_interval(const student_table *table, student_mean mean)
{
    const double degrees = floor(mean.degrees);
    const double half = degrees >= 1 ? student_quantile(table, degrees) * mean.std_error : NAN;
    return (asc_mean){mean.mean, mean.std_error, mean.mean - half, mean.mean + half};
}

student_gap student_compare(student_mean a, student_mean b)
{
    const double va = a.std_error * a.std_error, vb = b.std_error * b.std_error;
    student_gap out = {b.mean - a.mean, sqrt(va + vb), NAN, NAN};
    if (out.std_error > 0) {
        out.degrees = (va + vb) * (va + vb) / (va * va / a.degrees + vb * vb / b.degrees);
        out.p_value = student_p_value(out.difference / out.std_error, out.degrees);
    }
    return out;
}

asc_status benjamini_hochberg(const double *p, size_t n, double *q, size_t *n_tested, asc_error *err)
{
    tested *sorted = malloc((n + 1) * sizeof *sorted);
    size_t m = 0;
    double least = 1;
    if (!sorted)
        return fail_memory(err, "p-values", n * sizeof *sorted);
    for (size_t i = 0; i < n; i++) {
        q[i] = NAN;
        if (!isnan(p[i]))
            sorted[m++] = (tested){p[i], i};
    }
    qsort(sorted, m, sizeof *sorted, by_p);
    for (size_t i = m; i-- > 0;) {
        const double value = sorted[i].p * (double)m / (double)(i + 1);
        least = value < least ? value : least;
        q[sorted[i].place] = least;
    }
    free(sorted);
    *n_tested = m;
    return ASC_OK;
}
