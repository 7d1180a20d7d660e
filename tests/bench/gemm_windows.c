// How even the machine's own rate is: gemm_windows SECONDS WORKERS.
//
// The best of a few products of some milliseconds, as `ascribe bench` measures its peak; then, in windows of 30 ms in turns for SECONDS, all workers
// together, the yardstick's product (1024 rows, 1536 x 384, packed) and what the engine calls (tiles of bert-base's first FFN map). One line of JSON,
// GFLOP/s of all workers: what a rate over seconds can be, where a share of the best product's rate is asked for. Exit status: 0, or 1.
#include "base/clock.h"
#include "base/thread_pool.h"
#include "cpu/gemm.h"

#include <stdio.h>
#include <stdlib.h>

enum { YARDSTICK, TILES, PEAK, N_KINDS, N_ROWS = 1024, MOST_WINDOWS = 4096, MOST_WORKERS = 64 };
static const gemm_shape yardstick_shape = {1536, 384}, tiles_shape = {3072, 768};
static const double window_s = 0.03;

typedef struct worker {
    gemm_stream *stream;
    plain_product yardstick;
    float *x, *out;        // of the tiles
    double gflops;         // of the last window
} worker;

typedef struct measurement {
    gemm *library;
    gemm_weights *weights;
    size_t n_workers, kind;
    worker workers[MOST_WORKERS];
} measurement;

static float *numbers(size_t n)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    for (size_t i = 0; x && i < n; i++)
        x[i] = (float)(i % 1009) / 1009 - 0.5f;
    return x;
}

static double operations(size_t n_rows, gemm_shape shape)
{
    return 2.0 * (double)n_rows * (double)shape.n_out * (double)shape.n_in;
}

static asc_status open_worker(void *context, size_t i, size_t task, asc_error *err)
{
    measurement *m = context;
    worker *w = &m->workers[i];
    (void)task;
    w->yardstick = (plain_product){.n_rows = N_ROWS, .shape = yardstick_shape, .x = numbers(N_ROWS * yardstick_shape.n_in),
                                   .weight = numbers(yardstick_shape.n_out * yardstick_shape.n_in), .out = numbers(N_ROWS * yardstick_shape.n_out)};
    w->x = numbers(N_ROWS * tiles_shape.n_in);
    w->out = numbers(N_ROWS * tiles_shape.n_out);
    if (!w->yardstick.x || !w->yardstick.weight || !w->yardstick.out || !w->x || !w->out)
        return fail_memory(err, "the products", N_ROWS * tiles_shape.n_out * sizeof *w->out);
    TRY(plain_prepare(m->library, &w->yardstick, err));
    return gemm_stream_open(m->library, &w->stream, err);
}

// One product; *n_operations grows by what it took.
static asc_status run_one(const measurement *m, const worker *w, double *n_operations, asc_error *err)
{
    if (m->kind == YARDSTICK) {
        *n_operations += operations(N_ROWS, yardstick_shape);
        return plain_run(&w->yardstick, 0, err);
    }
    const size_t tile = gemm_next_tile(m->weights, N_ROWS);
    *n_operations += operations(tile, tiles_shape);
    return gemm_run(w->stream, m->weights, tile, w->x, w->out, err);
}

static asc_status run_window(void *context, size_t i, size_t task, asc_error *err)
{
    measurement *m = context;
    worker *w = &m->workers[i];
    double n_operations = 0, elapsed = 0;
    const double begin = clock_seconds();
    (void)task;
    if (m->kind == PEAK) {
        TRY(gemm_peak(m->library, &w->gflops, err));
        w->gflops /= 1e9;
        return ASC_OK;
    }
    for (; elapsed < window_s; elapsed = clock_seconds() - begin)
        TRY(run_one(m, w, &n_operations, err));
    w->gflops = n_operations / elapsed / 1e9;
    return ASC_OK;
}

static asc_status measure(measurement *m, thread_pool *pool, size_t kind, double *gflops, asc_error *err)
{
    m->kind = kind;
    TRY(pool_run_each(pool, run_window, m, err));
    *gflops = 0;
    for (size_t i = 0; i < m->n_workers; i++)
        *gflops += m->workers[i].gflops;
    return ASC_OK;
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void show(const char *name, double *rates, size_t n)
{
    double sum = 0;
    qsort(rates, n, sizeof *rates, compare);
    for (size_t i = 0; i < n; i++)
        sum += rates[i];
    printf(", \"%s\": {\"lowest_tenth\": %.1f, \"median\": %.1f, \"mean\": %.1f, \"best\": %.1f}", name, rates[n / 10], rates[n / 2],
           sum / (double)n, rates[n - 1]);
}

static asc_status run(measurement *m, double seconds, asc_error *err)
{
    static double rates[2][MOST_WINDOWS];
    thread_pool *pool = NULL;
    double peak = 0;
    size_t n = 0;
    float *weight = numbers(tiles_shape.n_out * tiles_shape.n_in);
    if (!weight)
        return fail_memory(err, "the weights", tiles_shape.n_out * tiles_shape.n_in * sizeof *weight);
    TRY(gemm_open(ASC_PRECISION_FULL, &m->library, err));
    TRY(gemm_weights_create(m->library, tiles_shape.n_out, tiles_shape.n_in, weight, NULL, &m->weights, err));
    free(weight);
    TRY(pool_create(m->n_workers, &pool, err));
    TRY(pool_run_each(pool, open_worker, m, err));
    TRY(measure(m, pool, PEAK, &peak, err));
    for (const double begin = clock_seconds(); clock_seconds() - begin < seconds && n < MOST_WINDOWS; n++)
        for (size_t kind = YARDSTICK; kind <= TILES; kind++)
            TRY(measure(m, pool, kind, &rates[kind][n], err));
    printf("{\"workers\": %zu, \"windows\": %zu, \"peak\": %.1f", m->n_workers, n, peak);
    show("yardstick", rates[YARDSTICK], n);
    show("tiles", rates[TILES], n);
    printf("}\n");
    return ASC_OK;
}

int main(int n_arguments, char **arguments)
{
    asc_error err = {0};
    measurement m = {.n_workers = n_arguments == 3 ? strtoul(arguments[2], NULL, 10) : 0};
    const double seconds = n_arguments == 3 ? strtod(arguments[1], NULL) : 0;
    if (m.n_workers < 1 || m.n_workers > MOST_WORKERS || !(seconds > 0)) {
        fprintf(stderr, "usage: gemm_windows SECONDS WORKERS (1..%d)\n", MOST_WORKERS);
        return 1;
    }
    if (run(&m, seconds, &err) == ASC_OK)
        return 0;
    fprintf(stderr, "gemm_windows: %s\n", err.message);
    return 1;
}
