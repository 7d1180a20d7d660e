// See design_cache.h.
#include "explain/design_cache.h"

#include "shapes.h"

#include <stdlib.h>

// Designs beyond this much device memory are dropped unless the rows at hand need them.
enum { CACHE_BYTES = 256 << 20 };

struct design_cache {
    const explain_request *request;
    asc_backend *backend;
    size_t max_features;
    size_t round;
    device_design **by_size; // [max_features + 1]
};

asc_status design_cache_create(const explain_request *request, asc_backend *backend, size_t max_features, design_cache **out, asc_error *err)
{
    design_cache *cache = calloc(1, sizeof *cache);
    if (cache)
        cache->by_size = calloc(max_features + 1, sizeof *cache->by_size);
    if (!cache || !cache->by_size) {
        free(cache);
        return fail_memory(err, "the designs", (max_features + 1) * sizeof *cache->by_size);
    }
    cache->request = request;
    cache->backend = backend;
    cache->max_features = max_features;
    *out = cache;
    return ASC_OK;
}

static void drop(device_design *entry)
{
    if (!entry)
        return;
    buffer_destroy(entry->loo_factor);
    buffer_destroy(entry->map);
    buffer_destroy(entry->masks);
    design_free(entry->host);
    free(entry);
}

void design_cache_destroy(design_cache *cache)
{
    if (!cache)
        return;
    for (size_t n = 0; n <= cache->max_features; n++)
        drop(cache->by_size[n]);
    free(cache->by_size);
    free(cache);
}

static asc_status upload(asc_backend *backend, asc_stream *stream, asc_type type, const void *from, size_t count, asc_buffer **out,
                         asc_error *err)
{
    TRY(buffer_create(backend, type, count, out, err));
    return buffer_upload(stream, view_at(*out, 0), from, count, err);
}

static asc_status upload_design(device_design *entry, asc_backend *backend, asc_stream *stream, asc_error *err)
{
    const design *d = entry->host;
    if (d->of_rows)
        return ASC_OK;
    const size_t n_words = d->n_coalitions * mask_words(d->n_features), n_map = d->n_features * d->n_contrasts;
    TRY(upload(backend, stream, ASC_U64, d->masks, n_words, &entry->masks, err));
    TRY(upload(backend, stream, ASC_F64, d->map, n_map, &entry->map, err));
    if (d->error_kind == DESIGN_ERROR_HC3)
        TRY(upload(backend, stream, ASC_F64, d->loo_factor, d->n_contrasts, &entry->loo_factor, err));
    entry->bytes = n_words * sizeof(uint64_t) + (n_map + d->n_contrasts) * sizeof(double);
    return ASC_OK;
}

typedef struct making {
    design_cache *cache;
    asc_stream *const *streams;
    const size_t *missing;
} making;

static asc_status make_one(void *context, size_t worker, size_t task, asc_error *err)
{
    const making *job = context;
    design_cache *cache = job->cache;
    const size_t n = job->missing[task];
    const explain_request *request = cache->request;
    device_design *entry = calloc(1, sizeof *entry);
    if (!entry)
        return fail_memory(err, "a design", sizeof *entry);
    const method_request wanted = {n, request_budget(request, n), request->estimator, request->exact_limit, request->sampler};
    asc_status status = n == 0 ? method_anchors_only(0, &entry->host, err)
                               : request->method->make_design(&wanted, &entry->host, &entry->row_status, err);
    if (status == ASC_OK && entry->host->of_rows)
        entry->host->n_coalitions = request_row_capacity(request, n);
    if (status == ASC_OK)
        status = upload_design(entry, cache->backend, job->streams[worker], err);
    if (status != ASC_OK) {
        drop(entry);
        return status;
    }
    cache->by_size[n] = entry;
    return ASC_OK;
}

static void drop_unused(design_cache *cache)
{
    size_t bytes = 0;
    for (size_t n = 0; n <= cache->max_features; n++)
        bytes += cache->by_size[n] ? cache->by_size[n]->bytes : 0;
    for (size_t n = 0; bytes > CACHE_BYTES && n <= cache->max_features; n++)
        if (cache->by_size[n] && cache->by_size[n]->last_used != cache->round) {
            bytes -= cache->by_size[n]->bytes;
            drop(cache->by_size[n]);
            cache->by_size[n] = NULL;
        }
}

asc_status design_cache_prepare(design_cache *cache, thread_pool *pool, asc_stream *const *streams, const size_t *n_features, size_t count,
                                asc_error *err)
{
    size_t *missing = malloc((count + 1) * sizeof *missing);
    if (!missing)
        return fail_memory(err, "the designs", count * sizeof *missing);
    size_t n_missing = 0;
    cache->round++;
    for (size_t i = 0; i < count; i++) {
        device_design *entry = cache->by_size[n_features[i]];
        if (entry)
            entry->last_used = cache->round;
        else
            missing[n_missing++] = n_features[i];
    }
    making job = {cache, streams, missing};
    const asc_status status = pool_run(pool, n_missing, make_one, &job, err);
    for (size_t i = 0; status == ASC_OK && i < n_missing; i++)
        cache->by_size[missing[i]]->last_used = cache->round;
    drop_unused(cache);
    free(missing);
    return status;
}

const device_design *design_cache_get(const design_cache *cache, size_t n_features)
{
    return cache->by_size[n_features];
}
