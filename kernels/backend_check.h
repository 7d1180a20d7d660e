// The checks that stand between the host and every backend, once for all of them; the wrappers of backend.c and
// backend_values.c share them. Only these two include this file.
//
// Each operation lists its arguments in a table: name, view, element type, element count, direction.
// `check_arguments` then holds every view against its buffer, and every output against all other arguments:
// an output may share no element with another argument, except where the operation works in place. A broken
// contract is our bug: ASC_INTERNAL, "op: argument: what is wrong".
#ifndef ASCRIBE_BACKEND_CHECK_H
#define ASCRIBE_BACKEND_CHECK_H

#include "backend_ops.h"

#include "base/checked.h"
#include "shapes.h"

#include <assert.h>

// Products of dimensions, stuck at SIZE_MAX when they do not fit: no buffer holds that many elements, so the
// bounds check fails.
static inline size_t times(size_t a, size_t b)
{
    size_t product;
    return checked_multiply(a, b, &product) ? product : SIZE_MAX;
}

static inline size_t plus_one(size_t a)
{
    return a == SIZE_MAX ? a : a + 1;
}

// Rows that the data of a shared array must hold.
static inline size_t shared_count(const shared_rows *rows, size_t n_elements)
{
    return rows->source.buffer ? rows->n_rows : n_elements;
}

typedef enum direction {
    IN,
    IN_OR_OUT, // an input that the operation may overwrite with its output, exactly or not at all
    IN_OPTIONAL,
    OUT,
    OUT_OPTIONAL,
} direction;

typedef struct argument {
    const char *name;
    asc_view view;
    asc_type type;
    size_t count;
    direction direction;
} argument;

// An operation being checked: `first` is the first failure.
typedef struct contract {
    const asc_backend *backend;
    const char *op;
    asc_status status;
    asc_error *err;
} contract;

static inline contract contract_of(const asc_stream *stream, const char *op, asc_error *err)
{
    assert(stream != NULL);
    return (contract){stream->backend, op, ASC_OK, err};
}

static inline const char *type_name(asc_type type)
{
    switch (type) {
    case ASC_REAL: return "REAL";
    case ASC_F64: return "F64";
    case ASC_I32: return "I32";
    case ASC_U64: return "U64";
    }
    return "unknown type";
}

// Records that a condition the caller owes does not hold.
static inline void need(contract *c, bool holds, const char *name, const char *what)
{
    if (c->status == ASC_OK && !holds)
        c->status = fail(c->err, ASC_INTERNAL, "%s: %s: %s", c->op, name, what);
}

// A dimension in [least, INT32_MAX]: indexes and offsets are I32.
static inline void need_size(contract *c, size_t value, size_t least, const char *name)
{
    if (c->status == ASC_OK && (value < least || value > INT32_MAX))
        c->status = fail(c->err, ASC_INTERNAL, "%s: %s: expected %zu to %d, found %zu", c->op, name, least,
                         INT32_MAX, value);
}

// The view lies in a buffer of this backend and of the argument's type.
static inline void need_view(contract *c, const argument *a)
{
    const asc_buffer *buffer = a->view.buffer;
    size_t end;
    need(c, buffer != NULL, a->name, "no buffer");
    if (c->status != ASC_OK)
        return;
    need(c, buffer->backend == c->backend, a->name, "the buffer belongs to another backend than the stream");
    if (c->status == ASC_OK && buffer->type != a->type)
        c->status = fail(c->err, ASC_INTERNAL, "%s: %s: expected a buffer of %s, found %s", c->op, a->name,
                         type_name(a->type), type_name(buffer->type));
    if (c->status == ASC_OK && (!checked_add(a->view.first, a->count, &end) || end > buffer->count))
        c->status = fail(c->err, ASC_INTERNAL,
                         "%s: %s: %zu elements from element %zu are out of bounds, the buffer holds %zu",
                         c->op, a->name, a->count, a->view.first, buffer->count);
}

static inline bool is_output(const argument *a)
{
    return a->direction == OUT || a->direction == OUT_OPTIONAL;
}

static inline void need_apart(contract *c, const argument *out, const argument *other)
{
    if (c->status != ASC_OK || out->view.buffer == NULL || out->view.buffer != other->view.buffer)
        return;
    const size_t out_end = out->view.first + out->count, other_end = other->view.first + other->count;
    const bool apart = out_end <= other->view.first || other_end <= out->view.first;
    const bool same = out->view.first == other->view.first && out->count == other->count;
    if (!apart && out->count > 0 && other->count > 0 && !(other->direction == IN_OR_OUT && same))
        c->status = fail(c->err, ASC_INTERNAL, "%s: %s: overlaps %s", c->op, out->name, other->name);
}

static inline asc_status check_arguments(contract *c, const argument *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const bool optional = list[i].direction == IN_OPTIONAL || list[i].direction == OUT_OPTIONAL;
        if (!optional || list[i].view.buffer != NULL)
            need_view(c, &list[i]);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; is_output(&list[i]) && j < n; j++)
            if (j != i)
                need_apart(c, &list[i], &list[j]);
    return c->status;
}

#define CHECK(contract, list) TRY(check_arguments(contract, list, sizeof(list) / sizeof((list)[0])))

// Around every slot: leave(stream, enter(stream)->slot(...)).
static inline const asc_backend_ops *enter(const asc_stream *stream)
{
    const asc_backend_ops *ops = &stream->backend->ops;
    if (ops->enter)
        ops->enter(stream->backend);
    return ops;
}

static inline asc_status leave(const asc_stream *stream, asc_status status)
{
    if (stream->backend->ops.leave)
        stream->backend->ops.leave(stream->backend);
    return status;
}

#endif
