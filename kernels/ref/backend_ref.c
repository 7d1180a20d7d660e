// The reference backend: its table, its memory, and ref_guarded, whose buffers fault when touched outside an
// operation.
//
// Fresh buffers are filled with 0xFF bytes (NaN in double, -1 in I32), so that reading what was never written
// shows. ref_guarded keeps every buffer in pages of its own that nobody may touch (PROT_NONE) except while an
// operation or transfer runs; the data ends at the end of its last page and an untouchable page follows, so
// an overrun faults inside operations too.
#include "ref/ref.h"

#include "base/checked.h"
#include "libm_digest.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FRESH_BYTE = 0xFF };

size_t ref_element_bytes(asc_type type)
{
    switch (type) {
    case ASC_REAL:
    case ASC_F64:
    case ASC_U64: return 8;
    case ASC_I32: return 4;
    }
    return 8;
}

asc_status ref_check_indexes(const char *name, const int32_t *index, size_t count, int64_t least, size_t end,
                             asc_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (index[i] < least || index[i] >= (int64_t)end)
            return fail(err, ASC_INTERNAL, "%s: element %zu is %d, expected at least %lld and less than %zu",
                        name, i, (int)index[i], (long long)least, end);
    return ASC_OK;
}

asc_status ref_check_shared(const char *name, const shared_rows *rows, size_t n_tokens, asc_error *err)
{
    if (!rows->source.buffer)
        return ASC_OK;
    return ref_check_indexes(name, i32_data(rows->source), n_tokens, 0, rows->n_rows, err);
}

asc_status ref_check_offsets(const char *name, const ref_offsets *expected, asc_error *err)
{
    const int32_t *offsets = expected->offsets;
    const size_t n = expected->n_sequences;
    if (offsets[0] != 0 || offsets[n] < 0 || (size_t)offsets[n] != expected->n_tokens)
        return fail(err, ASC_INTERNAL, "%s: expected 0 to %zu, found %d to %d", name, expected->n_tokens,
                    (int)offsets[0], (int)offsets[n]);
    for (size_t q = 0; q < n; q++) {
        const int64_t length = (int64_t)offsets[q + 1] - offsets[q];
        if (length < (int64_t)expected->least || length > (int64_t)expected->most)
            return fail(err, ASC_INTERNAL, "%s: sequence %zu has length %lld, expected %zu to %zu", name, q,
                        (long long)length, expected->least, expected->most);
    }
    return ASC_OK;
}

// ---- ref ----------------------------------------------------------------------------------------

enum { KERNEL_SET_SIZE = 64 };

static void describe(asc_backend *backend, char *kernel_set)
{
    snprintf(kernel_set, KERNEL_SET_SIZE, "plain C in double, 1; libm %08x", libm_digest());
    backend->kernel_set = kernel_set;
}

static asc_status open_ref(asc_backend *backend, asc_error *err)
{
    backend->impl = malloc(KERNEL_SET_SIZE);
    if (!backend->impl)
        return fail_memory(err, "reference backend", KERNEL_SET_SIZE);
    describe(backend, backend->impl);
    return ASC_OK;
}

static void close_ref(asc_backend *backend)
{
    free(backend->impl);
}

static asc_status create_stream(asc_stream *stream, asc_error *err)
{
    (void)stream, (void)err;
    return ASC_OK;
}

static asc_status sync_stream(asc_stream *stream, asc_error *err)
{
    (void)stream, (void)err;
    return ASC_OK;
}

static void destroy_stream(asc_stream *stream)
{
    (void)stream;
}

static asc_status create_buffer(asc_buffer *buffer, asc_error *err)
{
    size_t bytes;
    if (!checked_multiply(buffer->count, ref_element_bytes(buffer->type), &bytes))
        return fail_memory(err, "buffer", SIZE_MAX);
    buffer->data = malloc(bytes > 0 ? bytes : 1);
    if (!buffer->data)
        return fail_memory(err, "buffer", bytes);
    memset(buffer->data, FRESH_BYTE, bytes);
    return ASC_OK;
}

static void destroy_buffer(asc_buffer *buffer)
{
    free(buffer->data);
}

static asc_status upload(asc_stream *stream, asc_view to, const void *from, size_t count, asc_error *err)
{
    (void)stream, (void)err;
    const size_t element_bytes = ref_element_bytes(to.buffer->type);
    if (to.buffer->type != ASC_REAL) {
        memcpy(view_data(to, element_bytes), from, count * element_bytes);
        return ASC_OK;
    }
    const float *values = from;
    for (size_t i = 0; i < count; i++)
        real_data(to)[i] = values[i];
    return ASC_OK;
}

static asc_status download(asc_stream *stream, asc_view from, void *to, size_t count, asc_error *err)
{
    (void)stream, (void)err;
    const size_t element_bytes = ref_element_bytes(from.buffer->type);
    memcpy(to, view_data(from, element_bytes), count * element_bytes);
    return ASC_OK;
}

asc_backend_ops backend_ref_ops(void)
{
    return (asc_backend_ops){
        .name = "ref",
        .open = open_ref,
        .close = close_ref,
        .stream_create = create_stream,
        .stream_sync = sync_stream,
        .stream_destroy = destroy_stream,
        .buffer_create = create_buffer,
        .buffer_destroy = destroy_buffer,
        .upload = upload,
        .download = download,
        .linear_create = ref_linear_create,
        .linear_destroy = ref_linear_destroy,
        .relabel = ref_relabel,
        .row_masks = ref_row_masks,
        .pack = ref_pack,
        .embed = ref_embed,
        .linear = ref_linear,
        .attention = ref_attention,
        .attention_first = ref_attention_first,
        .add_norm = ref_add_norm,
        .pool_first = ref_pool_first,
        .record_full = ref_record_full,
        .values = ref_values,
        .attribute = ref_attribute,
        .solve = ref_solve,
    };
}

// ---- ref_guarded --------------------------------------------------------------------------------

// The pages of one buffer: `map` is one untouchable page, `n_bytes` of data pages, one untouchable page.
typedef struct guarded_pages {
    struct guarded_pages *next;
    char *map;
    size_t n_bytes;
    const void *data; // the buffer's first element
} guarded_pages;

typedef struct guard {
    char kernel_set[KERNEL_SET_SIZE];
    pthread_mutex_t lock;
    size_t n_active; // operations running now, on all streams
    size_t page_bytes;
    guarded_pages *first;
} guard;

static void protect(const guard *g, const guarded_pages *pages, int protection)
{
    if (pages->n_bytes == 0)
        return;
    const int result = mprotect(pages->map + g->page_bytes, pages->n_bytes, protection);
    assert(result == 0);
    (void)result;
}

static void protect_all(const guard *g, int protection)
{
    for (const guarded_pages *pages = g->first; pages; pages = pages->next)
        protect(g, pages, protection);
}

static void enter_guarded(asc_backend *backend)
{
    guard *g = backend->impl;
    pthread_mutex_lock(&g->lock);
    if (g->n_active++ == 0)
        protect_all(g, PROT_READ | PROT_WRITE);
    pthread_mutex_unlock(&g->lock);
}

static void leave_guarded(asc_backend *backend)
{
    guard *g = backend->impl;
    pthread_mutex_lock(&g->lock);
    if (--g->n_active == 0)
        protect_all(g, PROT_NONE);
    pthread_mutex_unlock(&g->lock);
}

static asc_status open_guarded(asc_backend *backend, asc_error *err)
{
    guard *g = calloc(1, sizeof *g);
    if (!g)
        return fail_memory(err, "guarded backend", sizeof *g);
    g->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    if (pthread_mutex_init(&g->lock, NULL) != 0) {
        free(g);
        return fail(err, ASC_OUT_OF_MEMORY, "cannot create a mutex for the guarded backend");
    }
    backend->impl = g;
    describe(backend, g->kernel_set);
    return ASC_OK;
}

static void close_guarded(asc_backend *backend)
{
    guard *g = backend->impl;
    assert(g->first == NULL);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

// n_bytes = the data's bytes in whole pages, map_bytes = that and the two untouchable pages.
static bool guarded_sizes(const guard *g, const asc_buffer *buffer, size_t *n_bytes, size_t *map_bytes)
{
    size_t bytes, rounded;
    if (!checked_multiply(buffer->count, ref_element_bytes(buffer->type), &bytes) ||
        !checked_add(bytes, g->page_bytes - 1, &rounded))
        return false;
    *n_bytes = rounded / g->page_bytes * g->page_bytes;
    return checked_add(*n_bytes, 2 * g->page_bytes, map_bytes);
}

static asc_status create_guarded_buffer(asc_buffer *buffer, asc_error *err)
{
    guard *g = buffer->backend->impl;
    size_t n_bytes, map_bytes;
    if (!guarded_sizes(g, buffer, &n_bytes, &map_bytes))
        return fail_memory(err, "guarded buffer", SIZE_MAX);
    guarded_pages *pages = malloc(sizeof *pages);
    if (!pages)
        return fail_memory(err, "guarded buffer", sizeof *pages);
    char *map = mmap(NULL, map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        free(pages);
        return fail_memory(err, "guarded buffer", map_bytes);
    }
    buffer->data = map + g->page_bytes + n_bytes - buffer->count * ref_element_bytes(buffer->type);
    pthread_mutex_lock(&g->lock);
    *pages = (guarded_pages){.next = g->first, .map = map, .n_bytes = n_bytes, .data = buffer->data};
    g->first = pages;
    protect(g, pages, PROT_READ | PROT_WRITE);
    memset(map + g->page_bytes, FRESH_BYTE, n_bytes);
    if (g->n_active == 0)
        protect(g, pages, PROT_NONE);
    pthread_mutex_unlock(&g->lock);
    return ASC_OK;
}

static void destroy_guarded_buffer(asc_buffer *buffer)
{
    guard *g = buffer->backend->impl;
    pthread_mutex_lock(&g->lock);
    guarded_pages **link = &g->first;
    while (*link && (*link)->data != buffer->data)
        link = &(*link)->next;
    guarded_pages *pages = *link;
    assert(pages != NULL);
    *link = pages->next;
    pthread_mutex_unlock(&g->lock);
    munmap(pages->map, pages->n_bytes + 2 * g->page_bytes);
    free(pages);
}

asc_backend_ops backend_ref_guarded_ops(void)
{
    asc_backend_ops ops = backend_ref_ops();
    ops.name = "ref_guarded";
    ops.open = open_guarded;
    ops.close = close_guarded;
    ops.buffer_create = create_guarded_buffer;
    ops.buffer_destroy = destroy_guarded_buffer;
    ops.enter = enter_guarded;
    ops.leave = leave_guarded;
    return ops;
}
