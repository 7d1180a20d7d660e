// What the files of the reference backend share: its slots, typed access to views, and the checks of index
// contents.
//
// ref is the specification of every operation: plain C, all REAL data stored and computed in double, one
// obvious loop after another, sums in ascending order of their index. It also checks what the wrappers in
// backend.c cannot see, the contents of index arrays, and answers ASC_INTERNAL with the operation, the
// argument and the place.
#ifndef ASCRIBE_REF_REF_H
#define ASCRIBE_REF_REF_H

#include "backend_ops.h"
#include "shapes.h"

typedef struct ref_weights {
    double *weight; // [n_groups, n_out, n_in]
    double *bias;   // [n_groups, n_out], zeros when the map has none
} ref_weights;      // asc_linear.impl

static inline double *real_data(asc_view view)
{
    return view_data(view, sizeof(double));
}

static inline double *f64_data(asc_view view)
{
    return view_data(view, sizeof(double));
}

static inline int32_t *i32_data(asc_view view)
{
    return view_data(view, sizeof(int32_t));
}

static inline uint64_t *u64_data(asc_view view)
{
    return view_data(view, sizeof(uint64_t));
}

// Bytes of one element of a buffer on ref.
size_t ref_element_bytes(asc_type type);

// Every index[i], i < count, lies in [least, end); `name` is "op: argument" and opens the message.
asc_status ref_check_indexes(const char *name, const int32_t *index, size_t count, int64_t least, size_t end,
                             asc_error *err);

// offsets [n_sequences + 1] start at 0, never fall and end at n_tokens; no sequence is shorter than `least`
// or longer than `most`.
typedef struct ref_offsets {
    const int32_t *offsets;
    size_t n_sequences, n_tokens, least, most;
} ref_offsets;
asc_status ref_check_offsets(const char *name, const ref_offsets *expected, asc_error *err);

// Token t's row in a shared array; `width` elements a row. The caller has checked source (ref_check_shared).
static inline const double *ref_shared_row(const shared_rows *rows, size_t t, size_t width)
{
    return real_data(rows->data) + (rows->source.buffer ? (size_t)i32_data(rows->source)[t] : t) * width;
}

// The source of a shared array names rows that are there; `name` as in ref_check_indexes.
asc_status ref_check_shared(const char *name, const shared_rows *rows, size_t n_tokens, asc_error *err);

// One row of layer normalisation in place: row [D], gamma [D], beta [D].
void ref_norm_row(double *row, size_t n_hidden, const norm_weights *norm);

asc_status ref_linear_create(asc_linear *linear, const double *weight, const double *bias, asc_error *err);
void ref_linear_destroy(asc_linear *linear);

asc_status ref_relabel(asc_stream *stream, const relabel_args *args, asc_error *err);
asc_status ref_row_masks(asc_stream *stream, const row_masks_args *args, asc_error *err);
asc_status ref_pack(asc_stream *stream, const pack_args *args, asc_error *err);
asc_status ref_embed(asc_stream *stream, const embed_args *args, asc_error *err);
asc_status ref_linear(asc_stream *stream, const linear_args *args, asc_error *err);
asc_status ref_attention(asc_stream *stream, const attention_args *args, asc_error *err);
asc_status ref_attention_first(asc_stream *stream, const attention_first_args *args, asc_error *err);
asc_status ref_add_norm(asc_stream *stream, const add_norm_args *args, asc_error *err);
asc_status ref_pool_first(asc_stream *stream, const pool_first_args *args, asc_error *err);
asc_status ref_record_full(asc_stream *stream, const record_full_args *args, asc_error *err);
asc_status ref_values(asc_stream *stream, const values_args *args, asc_error *err);
asc_status ref_attribute(asc_stream *stream, const attribute_args *args, asc_error *err);
asc_status ref_solve(asc_stream *stream, const solve_args *args, asc_error *err);

#endif
