// Tables of the odd prior and the mean prior error J of a design's map; see prior.h.
//
// Shapley value of a kernel section k(., x'): phi_i = 2 rho x'_i * integral over q in [0, 1] of prod over l
// != i of (1 + rho x'_l (2q - 1)), and V0 its double integral, both divided by (1 - rho^2)^(n/2) sinh(b n).
// With e^b = sqrt((1 + rho) / (1 - rho)) everything is a product of powers of 1 + rho y and 1 - rho y, so
// that besides + - * / only sqrt is used: the choice between designs cannot depend on a mathematics library.
#include "coalition/prior.h"

#include "base/checked.h"
#include "shapes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { N_NODES = 12 };

// Gauss-Legendre rule with 12 nodes on [-1, 1] (Abramowitz & Stegun, table 25.4): abscissa and weight.
static const double quadrature[N_NODES][2] = {
    {-0.981560634246719250690549, 0.047175336386511827194616},
    {-0.904117256370474856678466, 0.106939325995318430960255},
    {-0.769902674194304687036894, 0.160078328543346226334653},
    {-0.587317954286617447296702, 0.203167426723065921749064},
    {-0.367831498998180193752692, 0.233492536538354808760850},
    {-0.125233408511468915472441, 0.249147045813402785000562},
    {0.125233408511468915472441, 0.249147045813402785000562},
    {0.367831498998180193752692, 0.233492536538354808760850},
    {0.587317954286617447296702, 0.203167426723065921749064},
    {0.769902674194304687036894, 0.160078328543346226334653},
    {0.904117256370474856678466, 0.106939325995318430960255},
    {0.981560634246719250690549, 0.047175336386511827194616},
};

static double power(double base, size_t exponent)
{
    double result = 1;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2 != 0)
            result *= base;
        base *= base;
    }
    return result;
}

static double order_correlation(size_t n_features)
{
    const double n = (double)n_features;
    const double limit = 0.95; // n <= 2 has no third order to be compared with
    const double rho = n_features <= 2 ? limit : sqrt(0.6 / ((n - 1) * (n - 2)));
    return rho < limit ? rho : limit;
}

static void fill_tables(prior *p)
{
    const size_t n = p->n_features;
    const double rho = order_correlation(n);
    const double norm = (power(1 + rho, n) - power(1 - rho, n)) / 2; // (1 - rho^2)^(n/2) sinh(b n)
    for (size_t distance = 0; distance <= n; distance++) {
        const double near = power(1 + rho, n - distance) * power(1 - rho, distance);
        const double far = power(1 + rho, distance) * power(1 - rho, n - distance);
        p->kernel[distance] = (near - far) / 2 / norm;
        p->inside[distance] = 0;
        p->outside[distance] = 0;
    }
    p->variance = 0;
    for (size_t a = 0; a < N_NODES; a++) {
        const double y = rho * quadrature[a][0];
        const double weight = quadrature[a][1] / 2;
        for (size_t s = 0; s <= n; s++) {
            if (s > 0)
                p->inside[s] += weight * 2 * rho * power(1 + y, s - 1) * power(1 - y, n - s) / norm;
            if (s < n)
                p->outside[s] -= weight * 2 * rho * power(1 + y, s) * power(1 - y, n - s - 1) / norm;
        }
        for (size_t b = 0; b < N_NODES; b++)
            p->variance +=
                weight * quadrature[b][1] / 2 * 4 * rho * power(1 + y * quadrature[b][0], n - 1) / norm;
    }
}

asc_status prior_open(size_t n_features, prior *out, asc_error *err)
{
    assert(n_features >= 1);
    size_t count = 0;
    double *tables = NULL;
    if (checked_multiply(3, n_features + 1, &count) && count <= SIZE_MAX / sizeof *tables)
        tables = malloc(count * sizeof *tables);
    if (!tables)
        return fail_memory(err, "the prior's tables", count * sizeof *tables);
    *out = (prior){n_features, tables, tables + n_features + 1, tables + 2 * (n_features + 1), 0};
    fill_tables(out);
    return ASC_OK;
}

void prior_close(prior *p)
{
    free(p->kernel);
    *p = (prior){0};
}

static size_t mask_distance(const uint64_t *a, const uint64_t *b, size_t n_words)
{
    size_t distance = 0;
    for (size_t word = 0; word < n_words; word++)
        distance += (size_t)__builtin_popcountll(a[word] ^ b[word]);
    return distance;
}

enum { TILE = 32 };

// gram[a, b] = sum over i of map[i, first_a + a] * map[i, first_b + b]; columns beyond the last contrast
// count as zero.
static void tile_gram(const design *d, size_t first_a, size_t first_b, double gram[TILE][TILE])
{
    const size_t n_a = d->n_contrasts - first_a < TILE ? d->n_contrasts - first_a : TILE;
    const size_t n_b = d->n_contrasts - first_b < TILE ? d->n_contrasts - first_b : TILE;
    for (size_t a = 0; a < TILE; a++)
        for (size_t b = 0; b < TILE; b++)
            gram[a][b] = 0;
    for (size_t i = 0; i < d->n_features; i++) {
        const double *row_a = d->map + i * d->n_contrasts + first_a;
        const double *row_b = d->map + i * d->n_contrasts + first_b;
        double other[TILE] = {0};
        for (size_t b = 0; b < n_b; b++)
            other[b] = row_b[b];
        for (size_t a = 0; a < n_a; a++)
            for (size_t b = 0; b < TILE; b++)
                gram[a][b] += row_a[a] * other[b];
    }
}

// tr(M K M') over contrasts, tile by tile: K is never stored.
static double spread(const prior *p, const design *d)
{
    const size_t n_words = mask_words(d->n_features);
    const size_t n_contrasts = d->n_contrasts;
    double gram[TILE][TILE];
    double total = 0;
    for (size_t first_a = 0; first_a < n_contrasts; first_a += TILE) {
        for (size_t first_b = 0; first_b <= first_a; first_b += TILE) {
            tile_gram(d, first_a, first_b, gram);
            double sum = 0;
            for (size_t a = 0; a < TILE && first_a + a < n_contrasts; a++) {
                const uint64_t *mask_a = d->masks + 2 * (first_a + a) * n_words;
                for (size_t b = 0; b < TILE && first_b + b < n_contrasts; b++) {
                    const uint64_t *mask_b = d->masks + 2 * (first_b + b) * n_words;
                    sum += gram[a][b] * p->kernel[mask_distance(mask_a, mask_b, n_words)];
                }
            }
            total += first_a == first_b ? sum : 2 * sum;
        }
    }
    return total;
}

// tr(M W): covariance of the estimates with the Shapley values.
static double agreement(const prior *p, const design *d)
{
    const size_t n_words = mask_words(d->n_features);
    double total = 0;
    for (size_t q = 0; q < d->n_contrasts; q++) {
        const uint64_t *mask = d->masks + 2 * q * n_words;
        size_t size = 0;
        for (size_t word = 0; word < n_words; word++)
            size += (size_t)__builtin_popcountll(mask[word]);
        for (size_t i = 0; i < d->n_features; i++)
            total +=
                d->map[i * d->n_contrasts + q] * (mask_has(mask, i) ? p->inside[size] : p->outside[size]);
    }
    return total;
}

double prior_map_error(const prior *p, const design *d)
{
    assert(d->paired && d->n_features == p->n_features);
    const double n = (double)d->n_features;
    // A contrast is 2 f: the factor comes in squared and once.
    return (4 * spread(p, d) - 4 * agreement(p, d) + n * p->variance) / n;
}

double design_prior_error(const design *d)
{
    prior p;
    if (prior_open(d->n_features, &p, NULL) != ASC_OK)
        return NAN;
    const double error = prior_map_error(&p, d);
    prior_close(&p);
    return error;
}
