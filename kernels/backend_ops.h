// What a backend implements: the table behind backend.h. Only kernels/ includes this file.
//
// Wrappers in backend.c have checked types, sizes and bounds before a slot is called, so slots assert nothing about their callers.
// A backend fills its table by copying the ref table and overriding; slots that touch REAL data must all be overridden by a
// backend whose REAL is not double.
#ifndef ASCRIBE_BACKEND_OPS_H
#define ASCRIBE_BACKEND_OPS_H

#include "backend.h"

struct asc_linear {
    asc_backend *backend;
    size_t n_groups, n_out, n_in;
    void *impl; // the backend's own
};

struct asc_buffer {
    asc_backend *backend;
    asc_type type;
    size_t count;
    void *data; // device address
};

struct asc_stream {
    asc_backend *backend;
    void *impl; // the backend's own: scratch memory, handles
};

struct asc_fetch {
    asc_backend *backend;
    void *data; // [capacity], on the host
    size_t capacity, used;
    void *impl; // the backend's own
};

struct asc_stopwatch {
    asc_backend *backend;
    asc_stream *stream;
    double since_s; // where the host keeps the time
    void *impl;     // the backend's own
};

typedef struct asc_backend_ops {
    const char *name;
    size_t row_chunk; // backend_row_chunk; 0: all at once

    bool has_bf16; // open takes ASC_PRECISION_BF16

    // Backend: `impl` is set up by open and released by close; `kernel_set` must be set by open and live until close.
    asc_status (*open)(asc_backend *backend, asc_error *err);
    void (*close)(asc_backend *backend);
    void (*memory)(const asc_backend *backend, backend_memory *out); // (optional) of a device with memory of its own

    asc_status (*stream_create)(asc_stream *stream, asc_error *err);
    asc_status (*stream_sync)(asc_stream *stream, asc_error *err);
    asc_status (*stream_wait)(asc_stream *stream, asc_stream *other, asc_error *err); // (optional) NULL: an operation has ended when it returns
    void (*stream_destroy)(asc_stream *stream);

    // (optional) NULL, all of them: the host keeps the time.
    asc_status (*stopwatch_create)(asc_stopwatch *watch, asc_error *err);
    void (*stopwatch_destroy)(asc_stopwatch *watch);
    asc_status (*stopwatch_lap)(asc_stopwatch *watch, double *seconds, asc_error *err);
    asc_status (*stopwatch_finish)(asc_stopwatch *watch, asc_error *err);

    asc_status (*buffer_create)(asc_buffer *buffer, asc_error *err); // allocates data for count elements of type
    void (*buffer_destroy)(asc_buffer *buffer);
    asc_status (*upload)(asc_stream *stream, asc_view to, const void *from, size_t count, asc_error *err);
    asc_status (*download)(asc_stream *stream, asc_view from, void *to, size_t count, asc_error *err);

    // (optional) NULL, all of them: data is the host's own memory, and `download` fills it. fetch_add writes `count` elements `at` bytes into data.
    asc_status (*fetch_create)(asc_fetch *fetch, asc_error *err); // allocates data
    void (*fetch_destroy)(asc_fetch *fetch);
    asc_status (*fetch_add)(asc_stream *stream, asc_fetch *fetch, asc_view from, size_t count, size_t at, asc_error *err);
    asc_status (*fetch_end)(asc_stream *stream, asc_fetch *fetch, asc_error *err);
    asc_status (*fetch_wait)(asc_fetch *fetch, asc_error *err);

    asc_status (*linear_create)(asc_linear *linear, const double *weight, const double *bias, asc_error *err);
    void (*linear_destroy)(asc_linear *linear);

    // (optional) NULL, both: there is nothing to choose. They set backend->algorithms, as linear_create does.
    asc_status (*propose_algorithms)(asc_stream *stream, asc_error *err);
    asc_status (*obey_algorithms)(asc_stream *stream, const char *algorithms, asc_error *err);

    // (optional) Called around every slot below and around upload and download; NULL when nothing needs to happen.
    void (*enter)(asc_backend *backend);
    void (*leave)(asc_backend *backend);

    asc_status (*gemm_rate)(asc_stream *stream, double *flops_per_s, asc_error *err); // (optional) NULL: not known

    asc_status (*relabel)(asc_stream *stream, const relabel_args *args, asc_error *err);
    asc_status (*row_masks)(asc_stream *stream, const row_masks_args *args, asc_error *err);
    asc_status (*pack)(asc_stream *stream, const pack_args *args, asc_error *err);
    asc_status (*embed)(asc_stream *stream, const embed_args *args, asc_error *err);
    asc_status (*linear)(asc_stream *stream, const linear_args *args, asc_error *err);
    asc_status (*attention)(asc_stream *stream, const attention_args *args, asc_error *err);
    asc_status (*attention_first)(asc_stream *stream, const attention_first_args *args, asc_error *err);
    asc_status (*add_norm)(asc_stream *stream, const add_norm_args *args, asc_error *err);
    asc_status (*pool_first)(asc_stream *stream, const pool_first_args *args, asc_error *err);
    asc_status (*record_full)(asc_stream *stream, const record_full_args *args, asc_error *err);
    asc_status (*values)(asc_stream *stream, const values_args *args, asc_error *err);
    asc_status (*attribute)(asc_stream *stream, const attribute_args *args, asc_error *err);
    asc_status (*solve)(asc_stream *stream, const solve_args *args, asc_error *err);
} asc_backend_ops;

struct asc_backend {
    asc_backend_ops ops; // a copy, so that a backend can start from another's table
    asc_precision precision;
    const char *kernel_set;
    const char *algorithms; // NULL: there is nothing to choose, or nothing yet
    void *impl;
    int device;    // of cuda: which GPU
    bool planning; // of cuda (cuda_choice)
};

// The tables. Each is filled by its backend_<kind>.c.
asc_backend_ops backend_ref_ops(void);
asc_backend_ops backend_ref_guarded_ops(void);
asc_backend_ops backend_cpu_ops(void);

// A backend in a module of its own, which is loaded when it is asked for: the symbol ASC_BACKEND_MODULE_SYMBOL of this type.
typedef struct asc_backend_module {
    uint32_t interface_version; // ASC_BACKEND_INTERFACE of the headers it was built with; raised when this file or backend.h changes
    asc_backend_ops (*ops)(void);
    // ASC_NO_DEVICE, with the reason, rather than a count of 0.
    asc_status (*count_devices)(size_t *count, asc_error *err);
    asc_status (*describe_device)(int device, gpu_facts *facts, asc_error *err);
    asc_status (*check_device)(int device, asc_error *err); // ASC_NO_DEVICE when it is not there or too old
} asc_backend_module;
enum { ASC_BACKEND_INTERFACE = 3 };
#define ASC_BACKEND_MODULE_SYMBOL "ascribe_backend_module"

static inline void *view_data(asc_view view, size_t element_bytes)
{
    return (char *)view.buffer->data + view.first * element_bytes;
}

// Entries that a token table can hold: at most 2 U, and no more than its buffers do.
static inline size_t table_entries(const token_table *table)
{
    const asc_view views[] = {table->ids, table->positions, table->types};
    size_t n_entries = 2 * table->n_tokens;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        if (views[i].buffer->count - views[i].first < n_entries)
            n_entries = views[i].buffer->count - views[i].first;
    return n_entries;
}

#endif
