// What the files of the cpu backend share: its slots, its device and stream, typed access to views.
//
// REAL is float. Matrix products come from a vendor library through gemm.h; everything else is plain C that
// the compiler vectorises. Numerics of our own loops: no fused multiply-add (compile with -ffp-contract=off),
// no fast-math, sums over fixed lanes in a fixed order, our own exp and tanh. So their bits depend neither on
// a row's place or neighbours nor on the instruction set.
#ifndef ASCRIBE_CPU_CPU_H
#define ASCRIBE_CPU_CPU_H

#include "backend_ops.h"
#include "cpu/gemm.h"

#include <stdlib.h>

#ifdef __FAST_MATH__
#error "the cpu backend promises its bits: compile without -ffast-math"
#endif

// Compiles a function once for each level of x86-64; the dynamic linker picks one. Sanitizers cannot do
// without the runtime that is not there yet when it picks.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&                 \
    __GNUC__ >= 12 && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CPU_CLONES
#endif

// Accumulators of every sum: element i goes to lane i mod CPU_LANES.
enum { CPU_LANES = 16 };

typedef struct cpu_device {
    gemm *gemm;
    char kernel_set[256];
} cpu_device; // asc_backend.impl

typedef struct cpu_stream {
    gemm_stream *gemm;
    float *scratch; // grows, aligned to 64 bytes
    size_t n_scratch;
} cpu_stream; // asc_stream.impl

static inline float *cpu_real(asc_view view)
{
    return view_data(view, sizeof(float));
}

static inline double *cpu_f64(asc_view view)
{
    return view_data(view, sizeof(double));
}

static inline int32_t *cpu_i32(asc_view view)
{
    return view_data(view, sizeof(int32_t));
}

static inline size_t cpu_round_up(size_t count, size_t multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

// n floats at an address that is a multiple of 64; released by free(). NULL when memory ran out.
float *cpu_floats(size_t n);

// The stream's scratch, at least n floats with undefined contents, until the next call on this stream.
asc_status cpu_scratch(asc_stream *stream, size_t n, float **out, asc_error *err);

// index lies in [least, end); `name` is "op: argument" and opens the message.
asc_status cpu_check_index(const char *name, int64_t index, int64_t least, size_t end, asc_error *err);

// Token t's row in a shared array; `width` elements a row. The caller has checked source (cpu_check_shared).
static inline const float *cpu_shared_row(const shared_rows *rows, size_t t, size_t width)
{
    return cpu_real(rows->data) + (rows->source.buffer ? (size_t)cpu_i32(rows->source)[t] : t) * width;
}

// The source of a shared array names rows that are there; `name` as in cpu_check_index.
asc_status cpu_check_shared(const char *name, const shared_rows *rows, size_t n_tokens, asc_error *err);

// x[i] = activation(x[i]) for i < n. ASC_ACT_GELU_ERF is within 2^-22 |x| of the exact one for every finite
// x. NaN in, NaN out.
void cpu_activate(asc_activation activation, float *x, size_t n);

// One row of layer normalisation, out = norm(x): x, gamma, beta, out [D]; out may be x.
typedef struct cpu_norm {
    const float *gamma, *beta;
    double epsilon;
    size_t n_hidden;
} cpu_norm;
void cpu_norm_row(const cpu_norm *norm, const float *x, float *out);

asc_status cpu_linear_create(asc_linear *linear, const double *weight, const double *bias, asc_error *err);
void cpu_linear_destroy(asc_linear *linear);

asc_status cpu_embed(asc_stream *stream, const embed_args *args, asc_error *err);
asc_status cpu_linear(asc_stream *stream, const linear_args *args, asc_error *err);
asc_status cpu_attention(asc_stream *stream, const attention_args *args, asc_error *err);
asc_status cpu_attention_first(asc_stream *stream, const attention_first_args *args, asc_error *err);
asc_status cpu_add_norm(asc_stream *stream, const add_norm_args *args, asc_error *err);
asc_status cpu_pool_first(asc_stream *stream, const pool_first_args *args, asc_error *err);
asc_status cpu_record_full(asc_stream *stream, const record_full_args *args, asc_error *err);
asc_status cpu_values(asc_stream *stream, const values_args *args, asc_error *err);

#endif
