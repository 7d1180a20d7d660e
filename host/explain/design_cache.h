// Designs on the device, one per number of features, made when first needed and kept for the next rows.
#ifndef ASCRIBE_EXPLAIN_DESIGN_CACHE_H
#define ASCRIBE_EXPLAIN_DESIGN_CACHE_H

#include "backend.h"
#include "base/thread_pool.h"
#include "coalition/design.h"
#include "explain/request.h"

typedef struct device_design {
    design *host;
    uint32_t row_status;    // ASC_ROW_* bits that the design gives every row
    asc_buffer *masks;      // U64 [S, W]
    asc_buffer *map;        // F64 [M, Q]
    asc_buffer *loo_factor; // F64 [Q], or NULL
    size_t bytes;
    size_t last_used; // the cache's round
} device_design;

typedef struct design_cache design_cache;

asc_status design_cache_create(const explain_request *request, asc_backend *backend, size_t max_features, design_cache **out, asc_error *err);
void design_cache_destroy(design_cache *cache); // accepts NULL

// Makes the designs for these numbers of features (ascending, without repeats) with the pool's workers; streams[worker] belongs to that
// worker. Designs that this call does not need may be dropped to bound memory.
asc_status design_cache_prepare(design_cache *cache, thread_pool *pool, asc_stream *const *streams, const size_t *n_features, size_t count,
                                asc_error *err);

// The design for n features, prepared before.
const device_design *design_cache_get(const design_cache *cache, size_t n_features);

#endif
