// The interface between the host and the numerics: device buffers, streams and about a dozen coarse operations.
//
// A backend is one device with one table of operations (ref, cpu, later cuda). Buffers live on the device: the host holds a handle
// and never an address, and moves data only by upload and download. From drawing coalitions to the solved attributions nothing
// forces a copy back: the host knows every size beforehand (a complement pair of a row with T tokens, c of them fixed, always holds
// T + c tokens under ASC_POLICY_REMOVE and DELETE, 2 T under REPLACE), and a step's offsets are a prefix sum made on the device.
//
// Every function checks types, sizes and bounds once for all backends (backend.c) and returns ASC_INTERNAL when a caller breaks its
// contract. Work on one stream happens in order. A stream belongs to one thread at a time; different streams of one backend may
// run at once as long as they write different buffers (or different parts of one). Buffers and weights may be shared read-only.
#ifndef ASCRIBE_BACKEND_H
#define ASCRIBE_BACKEND_H

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct asc_backend asc_backend;
typedef struct asc_stream asc_stream;
typedef struct asc_buffer asc_buffer;
typedef struct asc_linear asc_linear;
typedef struct asc_fetch asc_fetch;
typedef struct asc_stopwatch asc_stopwatch;

typedef enum asc_backend_kind {
    ASC_BACKEND_REF,         // the specification: plain C, values stored and computed in double
    ASC_BACKEND_REF_GUARDED, // ref whose buffers cannot be touched outside its operations: proves that the host never does
    ASC_BACKEND_CPU,         // float, vendor GEMM, one thread per stream
    ASC_BACKEND_CUDA,        // an NVIDIA GPU; its module is loaded when it is opened
} asc_backend_kind;

// What an element of a buffer is. REAL is the backend's own working type for weights and activations (double on ref, float on cpu);
// attribution values and their solution are always F64.
typedef enum asc_type { ASC_REAL, ASC_F64, ASC_I32, ASC_U64 } asc_type;

// `first` counts elements from the start of the buffer.
typedef struct asc_view {
    asc_buffer *buffer;
    size_t first;
} asc_view;

static inline asc_view view_at(asc_buffer *buffer, size_t first)
{
    const asc_view view = {buffer, first};
    return view;
}

// ---- Device and memory -------------------------------------------------------------------------------------------

// What the linear maps with 16 outputs or more multiply in; every sum is in the working type (REAL) of the backend, or in float.
typedef enum asc_precision {
    ASC_PRECISION_FULL, // double on ref, float on cpu and cuda
    ASC_PRECISION_BF16, // cpu: weights and inputs rounded to bfloat16 (to nearest, ties to even), sums in float; cuda: REAL is bfloat16
    ASC_PRECISION_FP16, // cuda: REAL is half precision
    ASC_PRECISION_TF32, // cuda: REAL is float, products of the matrix library in TF32
} asc_precision;

// ASC_USAGE where the backend does not have the precision at all, ASC_NO_DEVICE where this build or this machine lacks it.
// ASC_BACKEND_CUDA: as backend_open_cuda, device 0.
asc_status backend_open(asc_backend_kind kind, asc_precision precision, asc_backend **out, asc_error *err);

typedef struct cuda_choice {
    const char *module; // path of libascribe_cuda.so; NULL: beside this library or program, or where it is installed
    int device;
    asc_precision precision;
    bool planning; // nothing is done on the device: memory alone is counted, as the same calls would allocate it, within what is free
} cuda_choice;
// A GPU. ASC_NO_DEVICE, with the reason, when there is no module, it cannot be loaded, or it finds no such device that it can use.
asc_status backend_open_cuda(const cuda_choice *choice, asc_backend **out, asc_error *err);

typedef struct gpu_facts {
    char name[128];
    size_t memory_bytes, n_multiprocessors;
    int compute_major, compute_minor; // compute capability
} gpu_facts;
// Whether that GPU could be opened, without opening it: ASC_OK or ASC_NO_DEVICE, with the reason. The precision is not looked at.
asc_status backend_check_cuda(const cuda_choice *choice, asc_error *err);
// Whether this machine has an NVIDIA driver, so that a GPU is to be expected.
bool backend_has_nvidia_driver(void);
// Facts of up to `capacity` GPUs, and how many there are. ASC_NO_DEVICE, with the reason, when there is none to be had.
asc_status backend_list_cuda(const char *module, gpu_facts *gpus, size_t capacity, size_t *count, asc_error *err);
void backend_close(asc_backend *backend); // accepts NULL; everything made from it must be gone

const char *backend_name(const asc_backend *backend);       // "ref", "cpu"
// What decides a result's last bits: library, version, kernel names, tile. Part of a run's manifest.
const char *backend_kernel_set(const asc_backend *backend);

// Which algorithms of the matrix library its linear maps use, where the library has several that differ in the last bit (gemm_choice.h); else "".
// The library's own choice until one of the two below. Valid until maps are made, or one of the two is called.
const char *backend_algorithms(const asc_backend *backend);
// Times the library's algorithms for all maps made so far, and takes the fastest whose rows have the same bits in any number of rows. For the time
// being nobody else uses the backend, here and below. The next process may find others the fastest: the text is to be kept.
asc_status backend_propose_algorithms(asc_stream *stream, asc_error *err);
// Takes those of a text that another process kept, all or none. ASC_DIFFERENT_RUN names the one that is missing in it or that the library does not
// take on this device.
asc_status backend_obey_algorithms(asc_stream *stream, const char *algorithms, asc_error *err);

// Device memory in bytes: held by this backend now, and the most at one time; and what was free, and all there is, when it was opened. Zeros
// where the device is the processor.
typedef struct backend_memory {
    size_t now, most, free, total;
} backend_memory;
backend_memory backend_memory_used(const asc_backend *backend);

// Rows that a chain of operations on rows (linear maps, norms) should be given at a time, so that what passes from one to the next stays in
// the cache; SIZE_MAX: all at once.
size_t backend_row_chunk(const asc_backend *backend);

asc_status stream_create(asc_backend *backend, asc_stream **out, asc_error *err);
asc_status stream_sync(asc_stream *stream, asc_error *err); // waits for all work on it; asynchronous faults surface here
// What is enqueued on `stream` from now on comes after what is on `other` by now. The host does not wait. Nobody else uses the two.
asc_status stream_wait(asc_stream *stream, asc_stream *other, asc_error *err);
void stream_destroy(asc_stream *stream);                    // accepts NULL
// Times what is enqueued on a stream: a device's own clock tells it, without the host waiting; elsewhere every lap waits for the stream.
asc_status stopwatch_create(asc_stream *stream, asc_stopwatch **out, asc_error *err);
void stopwatch_destroy(asc_stopwatch *watch); // accepts NULL; before the stream
// What was enqueued since the last lap is one: its time will be added to *seconds, by stopwatch_finish at the latest. NULL: nowhere, as for what
// came before the first.
asc_status stopwatch_lap(asc_stopwatch *watch, double *seconds, asc_error *err);
asc_status stopwatch_finish(asc_stopwatch *watch, asc_error *err); // waits for all laps
// The yardstick for speeds: floating-point operations a second that the backend's matrix library reaches on plain products in the working type,
// on this stream alone, the best of several shapes; 0 where nobody knows (ref). Takes at most about 0.3 s. Several streams may measure at once.
asc_status backend_gemm_rate(asc_stream *stream, double *flops_per_s, asc_error *err);

// `count` elements, contents undefined. count may be 0. A buffer may only be destroyed when the host has waited for the work that uses it, or when no
// other is made before the streams of that work are destroyed: its memory may be the next one's at once.
asc_status buffer_create(asc_backend *backend, asc_type type, size_t count, asc_buffer **out, asc_error *err);
void buffer_destroy(asc_buffer *buffer); // accepts NULL
size_t buffer_count(const asc_buffer *buffer);

// Host to device; the host array may be re-used when the call returns, but the transfer may still be under way: the host waits only when it is
// several transfers ahead. REAL converts from float, F64, I32 and U64 copy.
asc_status buffer_upload(asc_stream *stream, asc_view to, const void *from, size_t count, asc_error *err);
// Device to host, waiting for the stream. REAL and F64 arrive as double, I32 and U64 as they are.
asc_status buffer_download(asc_stream *stream, asc_view from, void *to, size_t count, asc_error *err);

// Several arrays on their way to the host, which goes on meanwhile: `capacity` bytes in all, each array counting as a multiple of 8.
asc_status fetch_create(asc_backend *backend, size_t capacity, asc_fetch **out, asc_error *err);
void fetch_destroy(asc_fetch *fetch); // accepts NULL; as for a buffer, the host has waited
// Begins to fetch F64, I32 or U64; *at = where the array will stand once fetch_wait has returned, until the fetch is destroyed.
asc_status fetch_add(asc_stream *stream, asc_fetch *fetch, asc_view from, size_t count, const void **at, asc_error *err);
asc_status fetch_end(asc_stream *stream, asc_fetch *fetch, asc_error *err); // after the last one, on the stream of all
asc_status fetch_wait(asc_fetch *fetch, asc_error *err); // for these arrays alone; asynchronous faults surface here too

// Weights of n_groups linear maps side by side (1: a plain one): weight [n_groups, n_out, n_in] row-major, bias [n_groups, n_out] or
// NULL for none. They come in double, so that what the host folds into them is rounded once, to the backend's REAL.
typedef struct linear_spec {
    size_t n_groups, n_out, n_in;
    const double *weight, *bias;
} linear_spec;
// Keeps the weights in the backend's own layout.
asc_status linear_create(asc_backend *backend, const linear_spec *spec, asc_linear **out, asc_error *err);
void linear_destroy(asc_linear *linear); // accepts NULL

// ---- Coalitions and packing --------------------------------------------------------------------------------------

// permutations [R, M] I32: row r's own relabelling, philox_relabel(seed, row_ids[r], M), or the identity.
typedef struct relabel_args {
    size_t n_rows, n_features;
    bool identity;
    uint64_t seed;
    asc_view row_ids;      // U64 [R]
    asc_view permutations; // I32 [R, M], out
} relabel_args;
asc_status op_relabel(asc_stream *stream, const relabel_args *args, asc_error *err);

// masks [R, S, W] U64: bit i of row r's coalition s = bit permutations[r, i] of design coalition s. W = mask_words(M).
typedef struct row_masks_args {
    size_t n_rows, n_features, n_coalitions;
    asc_view design_masks; // U64 [S, W]
    asc_view permutations; // I32 [R, M]
    asc_view masks;        // U64 [R, S, W], out
} row_masks_args;
asc_status op_row_masks(asc_stream *stream, const row_masks_args *args, asc_error *err);

typedef enum asc_policy {
    ASC_POLICY_REMOVE,  // absent tokens are dropped, kept ones keep their places
    ASC_POLICY_REPLACE, // absent tokens are replaced in place, the length is kept
    ASC_POLICY_DELETE,  // absent tokens are dropped, kept ones close up
} asc_policy;

// The position ids of a packed sequence: what the position table is asked for. Under the last two they depend on the coalition.
typedef enum asc_position_rule {
    ASC_POSITIONS_KEPT,      // each token has its table entry's
    ASC_POSITIONS_COUNTED,   // 0, 1, 2, ... in the sequence
    ASC_POSITIONS_AFTER_PAD, // a token whose id is pad_id has pad_id, the others pad_id + 1, pad_id + 2, ... in the sequence
} asc_position_rule;

// The tokens of all rows of a batch, back to back: U tokens. Under REPLACE arrays of `ids`, `positions`, `types` hold 2 U
// entries, the second half being the same tokens as they are when absent.
typedef struct token_table {
    size_t n_tokens; // U
    asc_view offsets;   // I32 [R + 1]
    asc_view features;  // I32 [U]: feature of the token, -1 = fixed
    asc_view ids;       // I32 [U or 2 U]
    asc_view positions; // I32 [U or 2 U]
    asc_view types;     // I32 [U or 2 U]
} token_table;

// Packs a step: sequence q is coalition sequence_coalition[q] of row sequence_row[q]. Writes each sequence's tokens as indexes into the
// token table, without padding, and of each token its position id and its place: the index that it has in the input that the
// coalition stands for (in its row; under DELETE in its sequence). n_tokens is what the host computed; it must equal the sum of the
// sequences' lengths.
typedef struct pack_args {
    asc_policy policy;
    asc_position_rule position_rule;
    int32_t pad_id; // for ASC_POSITIONS_AFTER_PAD
    size_t n_rows, n_features, n_coalitions, n_sequences, n_tokens;
    const token_table *table;
    asc_view masks;              // U64 [R, S, W]
    asc_view sequence_row;       // I32 [n_sequences]
    asc_view sequence_coalition; // I32 [n_sequences]
    asc_view sequence_offsets;   // I32 [n_sequences + 1], out
    asc_view source;             // I32 [n_tokens], out
    asc_view positions;          // I32 [n_tokens], out
    asc_view places;             // I32 [n_tokens], out
} pack_args;
asc_status op_pack(asc_stream *stream, const pack_args *args, asc_error *err);

// An array whose row for element t is row source[t]: what several elements share stands there once.
typedef struct shared_rows {
    asc_view data;    // REAL [n_rows, width]
    asc_view source;  // I32 [elements]; buffer NULL: element t has row t, and n_rows is not looked at
    size_t n_rows;
} shared_rows;

// ---- The transformer ---------------------------------------------------------------------------------------------

typedef enum asc_activation {
    ASC_ACT_NONE,
    ASC_ACT_GELU_ERF,  // x/2 (1 + erf(x / sqrt 2))
    ASC_ACT_GELU_TANH, // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
    ASC_ACT_RELU,
    ASC_ACT_SILU,
    ASC_ACT_TANH,
} asc_activation;

// Layer normalisation: (x - mean) / sqrt(variance + epsilon) * gamma + beta, variance over D without correction, two passes.
typedef struct norm_weights {
    asc_view gamma, beta; // REAL [D]
    double epsilon;
} norm_weights;

// out[t] = norm(word[ids[u]] + position[p] + type[types[u]]), u = source[t], p = positions[t] or the table's positions[u].
typedef struct embed_args {
    size_t n_tokens, n_hidden;
    size_t n_vocabulary, n_positions, n_types; // bounds of the three tables; ids outside are ASC_INTERNAL. n_types 0: no types
    const token_table *table;
    asc_view source;    // I32 [T]; buffer NULL: the table in its own order
    asc_view positions; // I32 [T]; buffer NULL: the table's
    asc_view word, position, type; // REAL [V, D], [n_positions, D], [n_types, D]; type's buffer NULL when n_types is 0
    norm_weights norm;
    asc_view out; // REAL [T, D]
} embed_args;
asc_status op_embed(asc_stream *stream, const embed_args *args, asc_error *err);

// out[t, g] = activation(W[g] x[t, g] + b[g]). `out` may not overlap `x`. Rows are independent: a row's bits depend on that row alone.
typedef struct linear_args {
    const asc_linear *weights;
    size_t n_tokens;
    asc_activation activation;
    asc_view x;   // REAL [T, G, n_in]
    asc_view out; // REAL [T, G, n_out]
} linear_args;
asc_status op_linear(asc_stream *stream, const linear_args *args, asc_error *err);

// Self-attention within each sequence: out = softmax(scale * Q K' + B) V per head. qkv rows hold all heads of Q, then of K, then of V.
// B[query, key] of head h = bias[h, reach + d], d = places[key] - places[query] held within -reach .. reach; 0 without a bias.
typedef struct attention_args {
    size_t n_sequences, n_tokens, max_length; // max_length bounds every sequence
    size_t n_heads, head_size;
    double scale;
    shared_rows qkv;           // REAL [T, 3, H, E]
    asc_view sequence_offsets; // I32 [n_sequences + 1]
    asc_view out;              // REAL [T, H, E]
    size_t bias_reach;
    asc_view bias;   // REAL [H, 2 bias_reach + 1]; buffer NULL: none
    asc_view places; // I32 [T], for the bias; buffer NULL: 0, 1, 2, ... in each sequence
} attention_args;
asc_status op_attention(asc_stream *stream, const attention_args *args, asc_error *err);

// The attention of each sequence's first token q alone, on hidden states instead of keys and values: for every head h,
// out[q, h] = sum over the sequence's tokens j of p[j] x[j], p = softmax(u[q, h] . x[j] + B[q, j]). With u[q, h] = scale W_K[h]' (W_Q[h] x[q] +
// b_Q[h]) the p are attention's own (W_K's bias adds the same to every score), and W_V[h] out[q, h] + b_V[h] is its result.
typedef struct attention_first_args {
    size_t n_sequences, n_tokens, max_length; // no sequence is empty
    size_t n_heads, n_hidden;
    asc_view x;                // REAL [T, D]
    asc_view u;                // REAL [n_sequences, H, D]
    asc_view sequence_offsets; // I32 [n_sequences + 1]
    asc_view out;              // REAL [n_sequences, H, D]
    size_t bias_reach;
    asc_view bias, places; // as in attention_args
} attention_first_args;
asc_status op_attention_first(asc_stream *stream, const attention_first_args *args, asc_error *err);

// out[t] = norm(x[t] + residual[t]); out may be x, or residual where that has no source.
typedef struct add_norm_args {
    size_t n_tokens, n_hidden;
    asc_view x;           // REAL [T, D]
    shared_rows residual; // REAL [T, D]
    norm_weights norm;
    asc_view out; // REAL [T, D]
} add_norm_args;
asc_status op_add_norm(asc_stream *stream, const add_norm_args *args, asc_error *err);

// out[q] = x[sequence_offsets[q]]: the first token of each sequence.
typedef struct pool_first_args {
    size_t n_sequences, n_tokens, n_hidden;
    asc_view x;                // REAL [T, D]
    asc_view sequence_offsets; // I32 [n_sequences + 1]
    asc_view out;              // REAL [n_sequences, D]
} pool_first_args;
asc_status op_pool_first(asc_stream *stream, const pool_first_args *args, asc_error *err);

// ---- Values and attributions -------------------------------------------------------------------------------------

// Which coalition of which row each of a step's sequences is, and the logits of all of them; those of equal sequences may be shared.
typedef struct step_logits {
    size_t n_rows, n_coalitions, n_sequences, n_classes;
    asc_view sequence_row;       // I32 [n_sequences]
    asc_view sequence_coalition; // I32 [n_sequences]
    shared_rows logits;          // REAL [n_sequences, C]
} step_logits;

// For every sequence that is a row's full coalition (number 0): full_logits[row] = its logits; and, when targets.buffer is not
// NULL, targets[row, 0] = the class with the largest logit, the lowest index on ties and among NaN.
typedef struct record_full_args {
    step_logits step;
    asc_view full_logits; // F64 [R, C], out
    asc_view targets;     // I32 [R, 1], out, or NULL buffer
} record_full_args;
asc_status op_record_full(asc_stream *stream, const record_full_args *args, asc_error *err);

typedef enum asc_output {
    ASC_OUTPUT_LOGIT,
    ASC_OUTPUT_PROBABILITY, // softmax, or sigmoid when `sigmoid` (multi-label or one class)
    ASC_OUTPUT_LOGODDS,     // log(p / (1 - p)), p clipped to [1e-15, 1 - 1e-15] as shap's logit link does
} asc_output;

// values[row, coalition, k] = output(logits of the sequence)[targets[row, k]], in double; NaN where a target is -1.
typedef struct values_args {
    step_logits step;
    asc_output output;
    bool sigmoid;
    size_t n_targets;
    asc_view targets; // I32 [R, K]
    asc_view values;  // F64 [R, S, K], out
} values_args;
asc_status op_values(asc_stream *stream, const values_args *args, asc_error *err);

typedef enum asc_error_kind { ASC_SE_ZERO, ASC_SE_HC3, ASC_SE_NAN } asc_error_kind;

// Solves a bucket of rows that share a design: attributions by the design's linear map (see coalition/design.h for map, contrasts
// and loo_factor), put back into each row's own feature order. Sums run in a fixed order, one row at a time.
typedef struct attribute_args {
    size_t n_rows, n_features, n_coalitions, n_targets, n_contrasts;
    bool paired;
    asc_error_kind error_kind;
    asc_view values;       // F64 [R, S, K]
    asc_view permutations; // I32 [R, M]
    asc_view design_masks; // U64 [S, W]
    asc_view map;          // F64 [M, Q]
    asc_view loo_factor;   // F64 [Q] for ASC_SE_HC3, else NULL buffer
    asc_view phi;          // F64 [R, M, K], out
    asc_view std_errors;   // F64 [R, M, K], out
    asc_view anchors;      // F64 [R, 2, K], out: v(all), v(empty)
    asc_view finite;       // I32 [R], out: 1 when all of the row's values are finite
} attribute_args;
asc_status op_attribute(asc_stream *stream, const attribute_args *args, asc_error *err);

// ---- Designs of their own: rows whose coalitions differ ----------------------------------------------------------

typedef enum asc_solve_kind {
    // Antithetic walks (Castro et al. 2009; shap's PermutationExplainer): the coalitions after the two anchors are P walks of 2 (M - 1), in
    // pairs: the j-th pair (j = 1 ... M - 1) is the prefix of j features of the walk's order and its complement. phi = mean over walks of a
    // feature's mean marginal contribution forward and backward; its standard error is the mean's over walks, NaN with one walk.
    ASC_SOLVE_WALKS,
    // Weighted least squares of v(S) - v(empty) on the features of S, subject to sum phi = v(all) - v(empty), as shap's KernelExplainer
    // solves it: the last selected feature is eliminated; minimum norm where that is singular; |phi| < 1e-10 becomes 0. The anchors
    // themselves have no weight. Standard errors are NaN.
    ASC_SOLVE_CONSTRAINED,
    // Weighted ridge regression of v(S) on the features of S with a free intercept, as lime fits it; the anchors take part
    // with their weights. Standard errors are NaN.
    ASC_SOLVE_RIDGE,
} asc_solve_kind;

// Which features may have an attribution other than 0; all but ALL choose at most n_selected.
typedef enum asc_selection {
    ASC_SELECT_ALL,
    ASC_SELECT_LARS,    // CONSTRAINED: the first to enter the least angle regression of shap's augmented system
    ASC_SELECT_FORWARD, // RIDGE: greedily by the weighted R^2 of the unpenalised fit
    ASC_SELECT_HIGHEST, // RIDGE: the largest |coefficients| of a ridge fit with penalty 0.01
    ASC_SELECT_LASSO,   // RIDGE: the last point of the lasso path with few enough coefficients
} asc_selection;

// Solves rows by their own coalitions: those numbered 0 (full) ... counts[r] - 1; what lies beyond is not read. Sums run in a fixed order, one row
// at a time. Where a row's values are not all finite, phi, std_errors and fit are NaN.
typedef struct solve_args {
    size_t n_rows, n_features, n_coalitions, n_targets; // M >= 1
    asc_solve_kind kind;
    asc_selection selection;
    size_t n_selected;
    double ridge;        // penalty of the last fit (RIDGE)
    asc_view values;     // F64 [R, S, K]
    asc_view masks;      // U64 [R, S, W]
    asc_view weights;    // F64 [R, S], finite and >= 0; NULL buffer for WALKS
    asc_view counts;     // I32 [R], 2 ... S
    asc_view n_draws;    // I32 [R]: samples that the peer's table would have; LARS and LASSO stop by it. NULL buffer elsewhere
    asc_view phi;        // F64 [R, M, K], out
    asc_view std_errors; // F64 [R, M, K], out
    asc_view anchors;    // F64 [R, 2, K], out: v(all), v(empty)
    asc_view fit;        // F64 [R, 3, K], out (RIDGE, else NULL buffer): intercept, weighted R^2, prediction for the whole row
    asc_view finite;     // I32 [R], out: 1 when all of the row's values are finite
    asc_view deficient;  // I32 [R], out: 1 when the coalitions do not determine phi and the minimum norm decided
} solve_args;
asc_status op_solve(asc_stream *stream, const solve_args *args, asc_error *err);

#endif
