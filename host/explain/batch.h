// A batch: rows with the same number of features that share a design, with everything they need on the device.
//
// Life: batch_create (host), batch_upload (tokens, permutations and masks to the device), steps run (value.h), batch_solve, batch_collect
// (the results have come), batch_free.
#ifndef ASCRIBE_EXPLAIN_BATCH_H
#define ASCRIBE_EXPLAIN_BATCH_H

#include <ascribe/dataset.h>

#include "backend.h"
#include "explain/design_cache.h"
#include "explain/explained.h"
#include "explain/given.h"
#include "explain/request.h"
#include "model/forward.h"

typedef struct collection collection; // of collect.c
void collection_free(collection *c); // accepts NULL

typedef struct batch {
    const explain_request *request;
    const asc_model *model;
    asc_backend *backend;
    const asc_rows *rows;
    const device_design *design;
    const given_coalitions *given; // where its rows' coalitions and classes come from; NULL: from the request
    size_t n_rows, n_features;
    size_t *row_index;     // [R] which rows of `rows`
    size_t *n_row_tokens;  // [R] T
    size_t *n_pair_tokens; // [R] tokens of a complement pair: 2 T under REPLACE, else T + fixed
    size_t *first_unit;    // [R + 1] units of STEP_REST before each row (schedule.h)
    bool *shares_empty;    // [R] whether v(empty) is of the same tokens as the row before's; NULL: not looked at
    size_t n_tokens;       // U: sum of T
    size_t max_length;     // largest T
    asc_position_rule position_rule; // KEPT where no coalition changes a position id

    // Rows with designs of their own, else NULL: the host's copies, known once the batch is uploaded (imported masks: created).
    uint64_t *row_masks;  // [R, S, W]
    double *row_weights;  // [R, S]
    int32_t *row_counts;  // [R] coalitions of each row
    int32_t *row_n_draws; // [R]

    token_table table;
    forward_entries entries;  // of the table (value_make_entries), or none
    int32_t *table_offsets;   // [R + 1], the host's copy
    asc_buffer *table_data;   // I32: everything that `table` shows
    asc_buffer *row_ids;      // U64 [R]
    asc_buffer *permutations; // I32 [R, M]
    asc_buffer *masks;        // U64 [R, S, W]
    asc_buffer *weights;      // F64 [R, S], rows with designs of their own, else NULL; so the next two
    asc_buffer *counts;       // I32 [R]
    asc_buffer *n_draws;      // I32 [R]
    asc_buffer *targets;      // I32 [R, K]
    asc_buffer *values;       // F64 [R, S, K]
    asc_buffer *full_logits;  // F64 [R, C]: of v(all), through packing
    asc_buffer *plain_logits; // F64 [R, C]: of the row as it stands
    collection *collection;   // the results on their way (batch_solve), else NULL
} batch;

// What a batch is made of: n_rows rows of `rows` (row_index is copied) that share a design.
typedef struct batch_inputs {
    const asc_rows *rows;
    const size_t *row_index;
    size_t n_rows;
    const device_design *design;
    const explain_request *request;
    const device_model *model;
    const given_coalitions *given; // NULL: none
} batch_inputs;
asc_status batch_create(const batch_inputs *inputs, batch **out, asc_error *err);
void batch_free(batch *b); // accepts NULL

// Device bytes of a row of n_tokens tokens in a batch: masks, values and entries, what dominates. Too many where replacing changes what is
// padding, so that no entries are made (batch_n_entries): that is known of whole batches only.
size_t batch_row_bytes(const design *d, const explain_request *request, const device_model *model, size_t n_tokens);

// Fills shares_empty where ASC_SAVING_DUPLICATES asks for it.
asc_status batch_find_shared_empty(batch *b, asc_error *err);

// Entries of the token table that are worth computing once (forward_entries); 0 where the model or the policy makes no use of them.
size_t batch_n_entries(const batch *b, const device_model *model);

// Draws the designs of rows that have their own, on the host; does nothing where that is done or rows share one.
asc_status batch_make_rows(batch *b, asc_error *err);

// Draws them too.
asc_status batch_upload(batch *b, asc_stream *stream, asc_error *err);

// Tokens of one coalition of one row of an unpaired design that is not relabelled.
size_t batch_coalition_tokens(const batch *b, size_t row, size_t coalition);

// Solves the batch and begins to fetch the results.
asc_status batch_solve(batch *b, asc_stream *stream, asc_error *err);
// Waits for them and writes every row's numbers and status.
asc_status batch_collect(batch *b, explained *results, asc_error *err);

// Instead of these: waits for the values of given coalitions and hands them over.
asc_status batch_take_values(const batch *b, asc_stream *stream, asc_error *err);

#endif
