// A look inside a model (`ascribe-probe` v1): what its weights are, and what happens in its blocks on rows of a dataset.
#ifndef ASCRIBE_PROBE_H
#define ASCRIBE_PROBE_H

#include <ascribe/explain.h>
#include <ascribe/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct asc_probe_job {
    const char *model_path;
    const char *dataset_path; // NULL: the weights alone
    const char *out_path;
    // Of these count: backend, precision, device, n_workers, first_row, n_rows, force and allow_tokenizer_mismatch. Always without savings.
    asc_explain_options options;
    int64_t first_full_row, n_full_rows; // dataset positions of the rows that are kept whole
    int64_t n_top_neurons; // of each block, by their largest activation: shown with the rows, at least 0
    int64_t n_neuron_rows; // where they are most active, 1 to 1000 of each: memory is 72 bytes for each and every neuron of the model
    int64_t n_flow_tokens; // whole rows of at most so many tokens get their attention flow: time grows with the 4th power of the tokens. 0: none
    const char *const *token_names; // [n_token_names] texts of token ids, NULL where there is none; kept in the file. NULL: none at all
    size_t n_token_names;
    int64_t n_ablation_rows; // rows, evenly spaced over the selection, on which every head is switched off in turn; 0: none
    asc_log log;
    void (*progress)(void *user, const asc_progress *progress); // from the process that computes; NULL: none
    void *progress_user;
    int (*should_stop)(void *user); // as in asc_explain_job. Nothing is left then
    void *stop_user;
} asc_probe_job;

asc_probe_job asc_probe_job_default(void);

// Writes OUT, complete or not at all, by a child process: call before threads start. The same bits for any number of workers. ASC_USAGE,
// ASC_NOT_FOUND, ASC_MALFORMED, ASC_NO_DEVICE, ASC_CANNOT_CREATE (OUT exists), ASC_STOPPED.
asc_status asc_probe_make(const asc_probe_job *job, asc_error *err) ASC_MUST_USE;

// What asc_probe_make would do. A pass: one row once through the model.
typedef struct asc_probe_cost {
    uint64_t n_rows, n_skipped, n_tokens; // rows of the selection; those left out; tokens of the others
    uint64_t n_ablated, n_full_rows;      // rows on which heads are switched off; that are kept whole
    uint64_t n_passes, n_ablation_passes; // all; of these, with a head switched off
    double n_operations; // floating point, of the blocks in all passes: 8 D^2 + 4 D F for each token and block, and 4 D s for each token of s
} asc_probe_cost;

// Reads config.json and the rows' lengths, writes nothing; all zero without a dataset. Errors as asc_probe_make.
asc_status asc_probe_estimate(const asc_probe_job *job, asc_probe_cost *out, asc_error *err) ASC_MUST_USE;

// Whether the file says that it is a probe; contents are not looked at.
asc_status asc_probe_is(const char *path, int *is_probe, asc_error *err) ASC_MUST_USE;

typedef struct asc_probe asc_probe;

// Arrays belong to the object. [heads]: block * n_heads + head. Arrays of rows are NULL without rows, those of ablation without ablation.
typedef struct asc_probe_info {
    size_t n_blocks, n_heads, n_hidden, n_ffn, n_vocabulary, n_classes, n_matrices;
    const char *architecture, *weights_sha256, *dataset_sha256, *backend, *precision, *kernel_set;
    const char *const *class_names, *const *matrix_names;
    uint64_t first_row, n_rows; // dataset positions that were asked for
    uint64_t n_skipped;         // too long, or with tokens that the model does not know
    uint64_t n_tokens, n_ablated, n_with_loss, n_full_rows;
    // Of the maps W_Q' W_K and W_O W_V of each head [heads].
    const double *qk_frobenius, *qk_spectral, *qk_rank, *ov_frobenius, *ov_spectral, *ov_rank;
    const double *matrix_frobenius, *matrix_std; // [n_matrices]
    const float *matrix_heat; // [n_matrices, 32, 32] root mean squares of its parts, NaN beyond a small one; NULL in files of version 1.0
    const char *const *token_names; // [n_vocabulary], "" where there is none; NULL: the file has none
    const float *direction; // [n_vocabulary, n_classes]
    // Attention [heads]: entropy in nats, and the share of it that goes to some tokens; means over queries, then rows.
    const double *entropy, *to_first, *to_last, *to_self, *to_previous, *to_next;
    const double *norm_mean, *norm_std, *cosine_before, *cosine_tokens; // [n_blocks + 1]
    // Neurons of the FFN's inner layers [n_blocks * n_ffn]: largest and mean activation; where the largest was.
    const float *neuron_max;
    const double *neuron_mean;
    const uint64_t *neuron_row; // row id; of equal activations the smallest
    const int32_t *neuron_position, *neuron_token;
    // The neurons of each block with the largest activations, best first, and of each the rows where it is most active (equal ones by row id):
    // [n_blocks * n_top_neurons], and of every one [n_top_rows]; position -1, activation NaN: there is none. NULL in files of version 1.0.
    size_t n_top_neurons, n_top_rows;
    const int32_t *top_neuron, *top_position;
    const float *top_activation;
    const uint64_t *top_row;
    const int32_t *top_context; // 13 token ids for each row, the middle one at top_position; -1 beyond the row's ends
    // What switching a head off does [heads]: to the logit of the class that was predicted, to the loss; share of rows with another prediction.
    const double *logit_change, *logit_change_abs, *logit_std_error, *loss_change, *loss_std_error, *flips;
} asc_probe_info;

// A child process reads all of it first. ASC_NOT_FOUND, ASC_MALFORMED.
asc_status asc_probe_open(const char *path, asc_probe **out, asc_error *err) ASC_MUST_USE;
void asc_probe_close(asc_probe *probe); // accepts NULL
const asc_probe_info *asc_probe_describe(const asc_probe *probe);

#ifdef __cplusplus
}
#endif
#endif
