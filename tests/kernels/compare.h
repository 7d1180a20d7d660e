// What the kernel tests share: a backend to run on, framed buffers, random inputs, and comparisons that NaN
// cannot slip through.
//
// Include this before cmocka.h: cmocka defines a macro `fail` that hides the library's function of that name.
#ifndef ASCRIBE_TESTS_KERNELS_COMPARE_H
#define ASCRIBE_TESTS_KERNELS_COMPARE_H

#include "backend.h"
#include "shapes.h"

// ---- Running ------------------------------------------------------------------------------------

typedef struct rig {
    asc_backend_kind kind;
    asc_backend *backend;
    asc_stream *stream;
    asc_error err;
    size_t margin_before; // elements in front of a frame's view
} rig;

// Kinds of these tests' own: cuda with a REAL of 16 bits. Its inputs are rounded when they are uploaded, so it is held against
// reference_of(kind): ref on inputs rounded alike.
#define TEST_CUDA_FP16 ((asc_backend_kind)16)
#define TEST_CUDA_BF16 ((asc_backend_kind)17)

const char *kind_name(asc_backend_kind kind);
bool is_cuda(asc_backend_kind kind);
asc_backend_kind reference_of(asc_backend_kind kind);
// Half the distance of neighbours near 1, as part of the number: what storing in 16 bits changes at most. 0 for the other kinds.
double unit_roundoff(asc_backend_kind kind);
bool is_float(asc_backend_kind kind); // REAL is float, and the contents of index arrays are not checked at once
void rig_open(rig *r, asc_backend_kind kind); // in full precision
// False, and nothing to close, when this build or this processor lacks bf16.
bool rig_open_bf16(rig *r);
void rig_close(rig *r);
// From here on views begin where loads of several elements at once are not aligned.
void rig_misalign(rig *r);

// Fails the test unless `call`, which reports into (r)->err, succeeds; or unless it answers ASC_INTERNAL with
// a message that contains `part`.
#define MUST(r, call) must_succeed(r, call, #call, __LINE__)
#define MUST_REFUSE(r, part, call) must_refuse(r, call, part, __LINE__)
// The same for what is wrong with the contents of device memory: a GPU says so when it is waited for, in its own words.
#define MUST_REFUSE_CONTENT(r, part, call) must_refuse_content(r, call, part, __LINE__)
void must_succeed(const rig *r, asc_status status, const char *call, int line);
void must_refuse(const rig *r, asc_status status, const char *part, int line);
void must_refuse_content(rig *r, asc_status status, const char *part, int line);
// For helpers that also read the result: what a GPU found wrong after an operation that was accepted, ASC_OK elsewhere; and the part of the
// message by which MUST_REFUSE knows it, on a GPU `found`.
asc_status found_later(rig *r, asc_status status);
const char *content_part(const rig *r, const char *part, const char *found);

// `count` elements in the middle of a larger buffer whose other elements hold a pattern. On ref_guarded
// nothing follows the view, so that an overrun faults.
typedef struct frame {
    rig *r;
    asc_view view;
    asc_type type;
    size_t count;
    void *uploaded; // an input's contents, else NULL
} frame;

frame frame_in(rig *r, asc_type type, size_t count, const void *values); // values as buffer_upload takes them
frame frame_out(rig *r, asc_type type, size_t count);                    // holds the pattern
void frame_read(const frame *f, void *to);                               // as buffer_download gives them
void frame_close(frame *f); // fails the test when the pattern around the view, or an input, has changed

double pattern_double(void);
int32_t pattern_int(void);

// A linear map of this rig, or n_groups of them side by side, made from floats.
asc_linear *make_linear(rig *r, size_t n_out, size_t n_in, const float *weight, const float *bias);
asc_linear *make_linears(rig *r, size_t n_groups, size_t n_out, size_t n_in, const float *weight, const float *bias);

double *doubles_of(const float *values, size_t n); // NULL for NULL. Caller frees.

// ---- Inputs -------------------------------------------------------------------------------------

void *get_memory(size_t bytes); // never NULL; zeroed
// n floats around 0, roughly normal with standard deviation `scale`, every 41st of them 25 times as large.
// Caller frees.
float *random_floats(uint64_t seed, size_t n, float scale);
int32_t *random_ints(uint64_t seed, size_t n, uint32_t bound); // uniform in [0, bound). Caller frees.

// ---- Comparing ----------------------------------------------------------------------------------

// Every found[i] within tolerance * scale[i] of expected[i] (scale NULL: 1), NaN where and only where NaN is
// expected. The failure names `what` and the element.
void expect_close(const char *what, size_t n, const double *found, const double *expected, double tolerance,
                  const double *scale);
// Makes of scales [n], how large the terms of each element are, how far off it may be: tolerance * scale by arithmetic and, where REAL has 16
// bits, n_roundings roundings of numbers as large as sizes [n]. For expect_close with tolerance 1.
void bound_errors(asc_backend_kind kind, size_t n, double tolerance, double *scales, double n_roundings, const double *sizes);
void expect_same_bits(const char *what, size_t n, size_t element_bytes, const void *found,
                      const void *expected);
void expect_all_nan(const char *what, size_t n, const double *found);
// Finite, neither all zero nor all alike: a comparison of such numbers proves something.
void expect_not_trivial(const char *what, size_t n, const double *values);

#endif
