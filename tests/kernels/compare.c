// Running, framing, random inputs and comparing for the kernel tests; see compare.h.
#include "compare.h"

#include "../cuda_module.h"

#include "philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MARGIN_BEFORE = 8, ODD_MARGIN = 5, MARGIN_AFTER = 7, PATTERN_BYTE = 0x5A, TEST_PURPOSE = 1000 };

// ---- Running ------------------------------------------------------------------------------------

// ref on inputs that were rounded: what reference_of gives.
#define TEST_REF_FP16 ((asc_backend_kind)18)
#define TEST_REF_BF16 ((asc_backend_kind)19)

const char *kind_name(asc_backend_kind kind)
{
    switch ((int)kind) {
    case ASC_BACKEND_REF: return "ref";
    case ASC_BACKEND_REF_GUARDED: return "ref_guarded";
    case ASC_BACKEND_CPU: return "cpu";
    case ASC_BACKEND_CUDA: return "cuda";
    case TEST_CUDA_FP16: return "cuda_fp16";
    case TEST_CUDA_BF16: return "cuda_bf16";
    case TEST_REF_FP16: return "ref on fp16";
    case TEST_REF_BF16: return "ref on bf16";
    }
    return "unknown";
}

bool is_cuda(asc_backend_kind kind)
{
    return kind == ASC_BACKEND_CUDA || kind == TEST_CUDA_FP16 || kind == TEST_CUDA_BF16;
}

bool is_float(asc_backend_kind kind)
{
    return kind == ASC_BACKEND_CPU || is_cuda(kind);
}

asc_backend_kind reference_of(asc_backend_kind kind)
{
    return kind == TEST_CUDA_FP16 ? TEST_REF_FP16 : kind == TEST_CUDA_BF16 ? TEST_REF_BF16 : ASC_BACKEND_REF;
}

double unit_roundoff(asc_backend_kind kind)
{
    return kind == TEST_CUDA_FP16 ? 0x1p-11 : kind == TEST_CUDA_BF16 ? 0x1p-8 : 0;
}

static asc_status open_backend(asc_backend_kind kind, asc_backend **out, asc_error *err)
{
    const cuda_choice choice = cuda_module_choice(kind == TEST_CUDA_FP16 ? ASC_PRECISION_FP16 : ASC_PRECISION_BF16);
    if (kind == TEST_REF_FP16 || kind == TEST_REF_BF16)
        return test_backend_open(ASC_BACKEND_REF, out, err);
    return unit_roundoff(kind) > 0 ? backend_open_cuda(&choice, out, err) : test_backend_open(kind, out, err);
}

void rig_open(rig *r, asc_backend_kind kind)
{
    memset(r, 0, sizeof *r);
    r->kind = kind;
    r->margin_before = MARGIN_BEFORE;
    MUST(r, open_backend(kind, &r->backend, &r->err));
    MUST(r, stream_create(r->backend, &r->stream, &r->err));
}

bool rig_open_bf16(rig *r)
{
    memset(r, 0, sizeof *r);
    r->kind = ASC_BACKEND_CPU;
    r->margin_before = MARGIN_BEFORE;
    const asc_status status = backend_open(r->kind, ASC_PRECISION_BF16, &r->backend, &r->err);
    if (status == ASC_NO_DEVICE) {
        print_message("skipped: %s\n", r->err.message);
        return false;
    }
    MUST(r, status);
    MUST(r, stream_create(r->backend, &r->stream, &r->err));
    return true;
}

void rig_close(rig *r)
{
    stream_destroy(r->stream);
    backend_close(r->backend);
}

void rig_misalign(rig *r)
{
    r->margin_before = ODD_MARGIN;
}

void must_succeed(const rig *r, asc_status status, const char *call, int line)
{
    if (status != ASC_OK)
        fail_msg("%s, line %d: %s: %s", kind_name(r->kind), line, call, r->err.message);
}

void must_refuse(const rig *r, asc_status status, const char *part, int line)
{
    if (status != ASC_INTERNAL)
        fail_msg("%s, line %d: expected ASC_INTERNAL about '%s', found status %d", kind_name(r->kind), line,
                 part, (int)status);
    if (!strstr(r->err.message, part))
        fail_msg("%s, line %d: expected a message with '%s', found '%s'", kind_name(r->kind), line, part,
                 r->err.message);
}

void must_refuse_content(rig *r, asc_status status, const char *part, int line)
{
    if (!is_cuda(r->kind)) {
        must_refuse(r, status, part, line);
        return;
    }
    must_succeed(r, status, part, line);
    must_refuse(r, stream_sync(r->stream, &r->err), "a kernel found", line);
    must_succeed(r, stream_sync(r->stream, &r->err), "waiting once more", line);
}

asc_status found_later(rig *r, asc_status status)
{
    return is_cuda(r->kind) && status == ASC_OK ? stream_sync(r->stream, &r->err) : status;
}

const char *content_part(const rig *r, const char *part, const char *found)
{
    return is_cuda(r->kind) ? found : part;
}

double pattern_double(void)
{
    return -12352; // which 16 bits hold, of either kind
}

int32_t pattern_int(void)
{
    return 0x5A5A5A5A;
}

static size_t host_bytes(asc_type type)
{
    return type == ASC_REAL || type == ASC_I32 ? 4 : 8; // as buffer_upload takes them
}

static size_t read_bytes(asc_type type)
{
    return type == ASC_I32 ? 4 : 8; // as buffer_download gives them
}

static void *pattern_array(asc_type type, size_t count)
{
    char *array = get_memory(count * host_bytes(type));
    const float in_float = (float)pattern_double();
    const double in_double = pattern_double();
    memset(array, PATTERN_BYTE, count * host_bytes(type));
    for (size_t i = 0; i < count && type == ASC_REAL; i++)
        memcpy(array + i * 4, &in_float, 4);
    for (size_t i = 0; i < count && type == ASC_F64; i++)
        memcpy(array + i * 8, &in_double, 8);
    return array;
}

static size_t margin_after(const rig *r)
{
    return r->kind == ASC_BACKEND_REF_GUARDED ? 0 : MARGIN_AFTER;
}

frame frame_out(rig *r, asc_type type, size_t count)
{
    const size_t total = r->margin_before + count + margin_after(r);
    frame f = {.r = r, .type = type, .count = count};
    asc_buffer *buffer;
    MUST(r, buffer_create(r->backend, type, total, &buffer, &r->err));
    f.view = view_at(buffer, r->margin_before);
    void *pattern = pattern_array(type, total);
    MUST(r, buffer_upload(r->stream, view_at(buffer, 0), pattern, total, &r->err));
    free(pattern);
    return f;
}

// x with `n_bits` significant bits, the last of which is worth 2^least or more; to nearest, ties to even.
static float rounded(float x, int n_bits, int least)
{
    int exponent;
    (void)frexpf(x, &exponent);
    const int last = exponent - n_bits > least ? exponent - n_bits : least;
    return isfinite(x) ? ldexpf(rintf(ldexpf(x, -last)), last) : x;
}

static float rounded_for(const rig *r, float x)
{
    return r->kind == TEST_REF_FP16 ? rounded(x, 11, -24) : r->kind == TEST_REF_BF16 ? rounded(x, 8, -133) : x;
}

frame frame_in(rig *r, asc_type type, size_t count, const void *values)
{
    frame f = frame_out(r, type, count);
    float *floats = get_memory(type == ASC_REAL ? count * sizeof *floats : 0);
    for (size_t i = 0; type == ASC_REAL && i < count; i++)
        floats[i] = rounded_for(r, ((const float *)values)[i]);
    MUST(r, buffer_upload(r->stream, f.view, type == ASC_REAL ? floats : values, count, &r->err));
    free(floats);
    f.uploaded = get_memory(count * read_bytes(type));
    frame_read(&f, f.uploaded);
    return f;
}

void frame_read(const frame *f, void *to)
{
    MUST(f->r, buffer_download(f->r->stream, f->view, to, f->count, &f->r->err));
}

static void check_margin(const frame *f, size_t first, size_t count)
{
    char *found = get_memory(count * read_bytes(f->type));
    MUST(f->r, buffer_download(f->r->stream, view_at(f->view.buffer, first), found, count, &f->r->err));
    for (size_t i = 0; i < count; i++) {
        double in_double = 0;
        int32_t in_int = 0;
        memcpy(&in_double, found + i * read_bytes(f->type), f->type == ASC_I32 ? 0 : sizeof in_double);
        memcpy(&in_int, found + i * read_bytes(f->type), sizeof in_int);
        const bool whole = f->type == ASC_REAL || f->type == ASC_F64 ? in_double == pattern_double()
                                                                     : in_int == pattern_int();
        if (!whole)
            fail_msg("%s: element %zu of a buffer was written; only elements %zu to %zu may be",
                     kind_name(f->r->kind), first + i, f->view.first, f->view.first + f->count);
    }
    free(found);
}

void frame_close(frame *f)
{
    check_margin(f, 0, f->view.first);
    check_margin(f, f->view.first + f->count, margin_after(f->r));
    if (f->uploaded) {
        void *now = get_memory(f->count * read_bytes(f->type));
        frame_read(f, now);
        expect_same_bits("an input", f->count, read_bytes(f->type), now, f->uploaded);
        free(now);
        free(f->uploaded);
    }
    buffer_destroy(f->view.buffer);
    memset(f, 0, sizeof *f);
}

asc_linear *make_linears(rig *r, size_t n_groups, size_t n_out, size_t n_in, const float *weight, const float *bias)
{
    asc_linear *linear;
    double *weights = doubles_of(weight, n_groups * n_out * n_in), *biases = doubles_of(bias, n_groups * n_out);
    for (size_t i = 0; i < n_groups * n_out * n_in; i++)
        weights[i] = rounded_for(r, weight[i]);
    const linear_spec spec = {n_groups, n_out, n_in, weights, biases};
    MUST(r, linear_create(r->backend, &spec, &linear, &r->err));
    free(biases);
    free(weights);
    return linear;
}

asc_linear *make_linear(rig *r, size_t n_out, size_t n_in, const float *weight, const float *bias)
{
    return make_linears(r, 1, n_out, n_in, weight, bias);
}

double *doubles_of(const float *values, size_t n)
{
    double *doubles = values ? get_memory(n * sizeof *doubles) : NULL;
    for (size_t i = 0; doubles && i < n; i++)
        doubles[i] = values[i];
    return doubles;
}

// ---- Inputs -------------------------------------------------------------------------------------

void *get_memory(size_t bytes)
{
    void *memory = calloc(1, bytes > 0 ? bytes : 1);
    if (!memory)
        fail_msg("no memory for %zu bytes of a test", bytes);
    return memory;
}

float *random_floats(uint64_t seed, size_t n, float scale)
{
    philox_stream stream = philox_open(seed, TEST_PURPOSE, 0);
    float *values = get_memory(n * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        double sum = -2;
        for (int term = 0; term < 4; term++)
            sum += philox_next(&stream) / 4294967296.0;
        values[i] = (float)(sum * 1.7320508 * scale) * (i % 41 == 40 ? 25 : 1);
    }
    return values;
}

int32_t *random_ints(uint64_t seed, size_t n, uint32_t bound)
{
    philox_stream stream = philox_open(seed, TEST_PURPOSE, 1);
    int32_t *values = get_memory(n * sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = (int32_t)philox_below(&stream, bound);
    return values;
}

// ---- Comparing ----------------------------------------------------------------------------------

void expect_close(const char *what, size_t n, const double *found, const double *expected, double tolerance,
                  const double *scale)
{
    for (size_t i = 0; i < n; i++) {
        const double allowed = tolerance * (scale ? scale[i] : 1);
        if (isnan(expected[i]) ? isnan(found[i]) : found[i] == expected[i])
            continue;
        if (!(fabs(found[i] - expected[i]) <= allowed))
            fail_msg("%s: element %zu of %zu: expected %.17g, found %.17g, off by %.3g, allowed %.3g", what,
                     i, n, expected[i], found[i], fabs(found[i] - expected[i]), allowed);
    }
}

void bound_errors(asc_backend_kind kind, size_t n, double tolerance, double *scales, double n_roundings, const double *sizes)
{
    const double smallest = kind == TEST_CUDA_FP16 ? 0x1p-25 : 0; // of numbers too small for all significant bits
    for (size_t i = 0; i < n; i++)
        scales[i] = tolerance * scales[i] + n_roundings * (unit_roundoff(kind) * fabs(sizes[i]) + smallest);
}

void expect_same_bits(const char *what, size_t n, size_t element_bytes, const void *found,
                      const void *expected)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp((const char *)found + i * element_bytes, (const char *)expected + i * element_bytes,
                   element_bytes))
            fail_msg("%s: element %zu of %zu differs in its bits", what, i, n);
}

void expect_all_nan(const char *what, size_t n, const double *found)
{
    for (size_t i = 0; i < n; i++)
        if (!isnan(found[i]))
            fail_msg("%s: element %zu of %zu: expected NaN, found %.17g", what, i, n, found[i]);
}

void expect_not_trivial(const char *what, size_t n, const double *values)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            fail_msg("%s: element %zu of %zu is %g", what, i, n, values[i]);
        least = fmin(least, values[i]);
        most = fmax(most, values[i]);
    }
    if (n > 1 && !(most - least > 1e-3 * fmax(fabs(least), fabs(most))))
        fail_msg("%s: trivial, all of %zu elements are about %g", what, n, most);
}
