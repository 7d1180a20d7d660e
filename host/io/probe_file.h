// `ascribe-probe` v1: what stands in a model's weights, and what happens inside it on rows.
//
// Lines of `heads/`, `attention/` and `ablation/`: block * n_heads + head; of `hidden/`: depth (0 = after the embeddings, l = after block l - 1);
// of `neurons/`: block * n_ffn + neuron; of `top_neurons/`: block * n_top_neurons + rank; of `matrices/`: one a stored matrix; of `vocabulary/`: token id. `full/` holds chosen rows whole: arrays
// are flat, row r owns `attention` [attention_offsets[r], attention_offsets[r + 1]) as [n_blocks, n_heads, tokens, tokens], and of the others
// the lines offsets[r] to offsets[r + 1].
#ifndef ASCRIBE_IO_PROBE_FILE_H
#define ASCRIBE_IO_PROBE_FILE_H

#include "base/fail.h"
#include "base/stop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bins of a matrix's histogram: 1/128 wide from -1/2 to 1/2, and one for what lies below and one for what lies above.
enum { PROBE_INNER_BINS = 128, PROBE_N_BINS = PROBE_INNER_BINS + 2 };

// Cells of a matrix's heat map along a side, at most: one of R rows and C columns has r = min(R, side) times c = min(C, side) cells, and cell
// (i, j), at i * side + j, is the root of the mean square of rows [i R / r, (i + 1) R / r) and columns [j C / c, (j + 1) C / c). NaN beyond.
enum { PROBE_HEAT_SIDE = 32 };

// Tokens around the place where a neuron is active: so many on each side.
enum { PROBE_CONTEXT_REACH = 6, PROBE_CONTEXT = 2 * PROBE_CONTEXT_REACH + 1 };

enum { PROBE_MOST_TOP_ROWS = 1000 }; // kept of a neuron

enum { PROBE_MOST_FLOW_TOKENS = 1 << 24 }; // n_flow_tokens

typedef enum probe_column {
    PROBE_QK_FROBENIUS, PROBE_QK_SPECTRAL, PROBE_QK_RANK, PROBE_OV_FROBENIUS, PROBE_OV_SPECTRAL, PROBE_OV_RANK,
    PROBE_MATRIX_ROWS, PROBE_MATRIX_COLUMNS, PROBE_MATRIX_FROBENIUS, PROBE_MATRIX_MEAN, PROBE_MATRIX_STD, PROBE_MATRIX_MIN, PROBE_MATRIX_MAX,
    PROBE_MATRIX_BINS, PROBE_MATRIX_HEAT,
    PROBE_DIRECTION,
    PROBE_ENTROPY, PROBE_ENTROPY_STD, PROBE_TO_FIRST, PROBE_TO_LAST, PROBE_TO_SELF, PROBE_TO_PREVIOUS, PROBE_TO_NEXT,
    PROBE_NORM_MEAN, PROBE_NORM_STD, PROBE_COSINE_BEFORE, PROBE_COSINE_TOKENS,
    PROBE_NEURON_MAX, PROBE_NEURON_MEAN, PROBE_NEURON_ROW, PROBE_NEURON_POSITION, PROBE_NEURON_TOKEN,
    PROBE_TOP_NEURON, PROBE_TOP_ACTIVATION, PROBE_TOP_ROW, PROBE_TOP_POSITION, PROBE_TOP_CONTEXT,
    PROBE_LOGIT_CHANGE, PROBE_LOGIT_CHANGE_ABS, PROBE_LOGIT_STD_ERROR, PROBE_LOSS_CHANGE, PROBE_LOSS_STD_ERROR, PROBE_FLIPS,
    N_PROBE_COLUMNS,
} probe_column;

enum { PROBE_TEXT_SIZE = 256 };

typedef struct probe_facts {
    size_t n_blocks, n_heads, n_hidden, n_ffn, n_vocabulary, n_classes, n_matrices;
    char **class_names;  // [n_classes]
    char **matrix_names; // [n_matrices], each with its own memory
    char **token_names;  // [n_vocabulary], "" where there is none; NULL: the file has none
    bool has_heat;       // `matrices/heat`: files of version 1.0 have none
    char architecture[PROBE_TEXT_SIZE], weights_sha256[PROBE_TEXT_SIZE], config_sha256[PROBE_TEXT_SIZE];
    // Of rows; "" and 0 without.
    char dataset_sha256[PROBE_TEXT_SIZE], backend[PROBE_TEXT_SIZE], precision[PROBE_TEXT_SIZE], kernel_set[PROBE_TEXT_SIZE];
    uint64_t first_row, n_rows; // dataset positions that were asked for
    uint64_t n_skipped;         // of these: too long, or with token ids that the model does not know
    uint64_t n_tokens;          // of the others
    uint64_t n_ablated;         // rows on which heads were ablated,
    uint64_t n_with_loss;       // and of these, rows with a label that the model's loss takes
    size_t n_top_neurons, n_top_rows; // of a block; of each of them. 0 in files of version 1.0
    size_t n_full;
    size_t n_flow_tokens; // rows of `full/` with more tokens have no attention flow; 0: none has
} probe_facts;

// Everything but the arrays of `full/`. A column that the file does not have is NULL: those of rows where n_rows is 0, those of ablation where
// n_ablated is 0.
typedef struct probe_content {
    probe_facts facts;
    int64_t *full_offsets, *full_attention_offsets; // [n_full + 1] of a file that was read: tokens, elements of attention; NULL without whole rows
    void *columns[N_PROBE_COLUMNS]; // float64, but for matrices' counts and rows (uint64), heat, direction and activations (float32), neurons, positions and tokens (int32; -1 where there is none)
} probe_content;

void probe_content_free(probe_content *content);
// Zeroed memory for a column that the facts imply (all lines, all columns); nothing for one that they do not.
asc_status probe_content_allocate(probe_content *content, probe_column column, asc_error *err);
size_t probe_column_lines(const probe_facts *facts, probe_column column);

// ---- Writing: in a process that may die (see h5file.h) ----

// One row whole. T tokens.
typedef struct probe_full_row {
    uint64_t id;
    size_t n_tokens;
    const int32_t *tokens;  // [T]
    const float *attention; // [n_blocks, n_heads, T, T]
    const float *rollout;   // [T]
    const float *flow;      // [T, n_blocks]; NULL without n_flow_tokens
    const float *norms;     // [T, n_blocks + 1]
    const float *logits;    // [n_classes]
    const char *text;
    size_t text_size;
} probe_full_row;

// Sizes of the rows that will be put, [n_full] each.
typedef struct probe_full_plan {
    const size_t *n_tokens, *text_sizes;
} probe_full_plan;

typedef struct probe_writer probe_writer;
// facts: dimensions and n_full must stand there; the rest may be filled until probe_writer_finish.
asc_status probe_writer_create(const char *path, const probe_facts *facts, const probe_full_plan *full, probe_writer **out, asc_error *err);
asc_status probe_writer_put_full(probe_writer *writer, const probe_full_row *row, asc_error *err);
asc_status probe_writer_finish(probe_writer *writer, const probe_content *content, asc_error *err);

// ---- Reading ----

// Whether the file says that it is one; a child process looks.
asc_status probe_file_is(const char *path, bool *is_probe, asc_error *err);
// Reads all but `full/`, whose structure is checked; in a child process first. ASC_NOT_FOUND, ASC_MALFORMED.
asc_status probe_file_read(const char *path, probe_content *out, asc_error *err);
asc_status probe_file_read_here(const char *path, probe_content *out, asc_error *err); // in this process

#endif
