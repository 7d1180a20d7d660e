// See peak.h.
#include "bench/peak.h"

#include "base/thread_pool.h"

#include <stdlib.h>

typedef struct peak {
    asc_backend *backend;
    double *flops_per_s; // [n_workers]
} peak;

static asc_status measure_one(void *context, size_t worker, size_t task, asc_error *err)
{
    const peak *p = context;
    asc_stream *stream = NULL;
    (void)task;
    TRY(stream_create(p->backend, &stream, err));
    const asc_status status = backend_gemm_rate(stream, &p->flops_per_s[worker], err);
    stream_destroy(stream);
    return status;
}

static asc_status measure_all(peak *p, size_t n_workers, double *flops_per_s, asc_error *err)
{
    thread_pool *pool = NULL;
    TRY(pool_create(n_workers, &pool, err));
    const asc_status status = pool_run_each(pool, measure_one, p, err);
    pool_destroy(pool);
    *flops_per_s = 0;
    for (size_t i = 0; status == ASC_OK && i < n_workers; i++)
        *flops_per_s += p->flops_per_s[i];
    return status;
}

asc_status peak_measure(const explain_request *request, size_t n_workers, double *flops_per_s, asc_error *err)
{
    peak p = {.flops_per_s = calloc(n_workers, sizeof *p.flops_per_s)};
    if (!p.flops_per_s)
        return fail_memory(err, "the peak", n_workers * sizeof *p.flops_per_s);
    asc_status status = request_open_backend(request, &p.backend, err);
    if (status == ASC_OK)
        status = measure_all(&p, n_workers, flops_per_s, err);
    backend_close(p.backend);
    free(p.flops_per_s);
    return status;
}
