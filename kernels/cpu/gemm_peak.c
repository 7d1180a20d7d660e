// The yardstick: how fast the library's own float products are, as the best of its ways, a few shapes of BERT's maps and several repetitions.
#include "cpu/cpu.h"

#include <string.h>
#include <time.h>

enum { N_ROWS = 1024, N_ROUNDS = 4 };
static const gemm_shape shapes[] = {{1536, 384}, {384, 1536}, {768, 768}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };
static const double most_seconds = 0.25; // on a slow machine fewer rounds

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// x and weight of `product` are allocated here; plain_release and release_product undo it.
static asc_status prepare_product(gemm *library, gemm_shape shape, plain_product *product, asc_error *err)
{
    const size_t n_x = N_ROWS * shape.n_in, n_weights = shape.n_out * shape.n_in, n_results = N_ROWS * shape.n_out;
    float *all = cpu_floats(n_x + n_weights + n_results);
    if (!all)
        return fail_memory(err, "measuring the matrix product", (n_x + n_weights + n_results) * sizeof *all);
    for (size_t i = 0; i < n_x + n_weights; i++)
        all[i] = (float)(i % 1009) / 1009 - 0.5f;
    memset(all + n_x + n_weights, 0, n_results * sizeof *all);
    *product = (plain_product){.n_rows = N_ROWS, .shape = shape, .x = all, .weight = all + n_x, .out = all + n_x + n_weights};
    return plain_prepare(library, product, err);
}

static void release_product(plain_product *product)
{
    plain_release(product);
    free((void *)(uintptr_t)product->x);
}

// Raises *best to the rate of one run.
static asc_status time_product(const plain_product *product, size_t way, double *best, asc_error *err)
{
    const double operations = 2.0 * (double)product->n_rows * (double)product->shape.n_out * (double)product->shape.n_in;
    const double begin = seconds();
    TRY(plain_run(product, way, err));
    const double elapsed = seconds() - begin;
    if (elapsed > 0 && operations / elapsed > *best)
        *best = operations / elapsed;
    return ASC_OK;
}

asc_status gemm_peak(gemm *library, double *flops_per_s, asc_error *err)
{
    plain_product products[N_SHAPES] = {{0}};
    asc_status status = ASC_OK;
    *flops_per_s = 0;
    for (size_t i = 0; i < N_SHAPES && status == ASC_OK; i++)
        status = prepare_product(library, shapes[i], &products[i], err);
    const double begin = seconds();
    for (size_t round = 0; round < N_ROUNDS && status == ASC_OK; round++)
        for (size_t i = 0; i < N_SHAPES && status == ASC_OK; i++)
            for (size_t way = 0; way < plain_count() && status == ASC_OK; way++)
                if (*flops_per_s <= 0 || seconds() - begin < most_seconds)
                    status = time_product(&products[i], way, flops_per_s, err);
    for (size_t i = 0; i < N_SHAPES; i++)
        release_product(&products[i]);
    return status;
}
