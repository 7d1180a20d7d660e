// Cutting rows into batches and batches into steps. Pure bookkeeping: nothing here can change a result, only how fast it comes.
#ifndef ASCRIBE_EXPLAIN_SCHEDULE_H
#define ASCRIBE_EXPLAIN_SCHEDULE_H

#include "explain/batch.h"
#include "model/cost.h"

#include <stddef.h>
#include <stdint.h>

typedef enum step_kind {
    STEP_PLAIN,   // one unit: a row as it stands, without packing
    STEP_ANCHORS, // one unit: a row's full and empty coalition; the empty one is left out where it equals the row before's in this step
    STEP_REST,    // one unit: a complement pair of a row, or one coalition of an unpaired design
} step_kind;

// A run of units of one batch, row by row: units [first, first + n_units).
typedef struct step {
    batch *batch;
    step_kind kind;
    size_t first, n_units;
    size_t n_sequences, n_tokens; // that are evaluated
} step;

typedef struct step_list {
    step *steps;
    size_t count, capacity;
} step_list;

// What a step may hold; max_tokens must hold the largest single unit.
typedef struct step_limits {
    size_t max_tokens, max_sequences;
} step_limits;

// Appends the steps of one kind that cover a batch, of about wanted_tokens each and about as long as each other; SIZE_MAX: as long as they may be.
asc_status schedule_steps(step_list *list, batch *b, step_kind kind, step_limits limits, size_t wanted_tokens, asc_error *err);

// The wanted_tokens with which n_workers workers finish these batches at about the same time: so many that the number of steps is
// a multiple of n_workers.
size_t schedule_wanted_tokens(batch *const *batches, size_t n_batches, step_kind kind, step_limits limits, size_t n_workers);
void schedule_free(step_list *list);

// Whether unit `unit` of a step leaves out its empty coalition.
bool schedule_shares_empty(const step *s, size_t unit);

// Sequences per unit, and which coalition of which row the unit's sequence i is.
size_t schedule_unit_sequences(const batch *b, step_kind kind);
void schedule_sequence(const batch *b, step_kind kind, size_t unit, size_t i, int32_t *row, int32_t *coalition);

// Adds what all steps of one kind over a batch, or one step, put through the model to *load, without entries. Counts are exact; the square
// is that of the length that a coalition of this size has on average, which is exact where features are single tokens. The batch
// need not be on the device; rows that have designs of their own must have drawn them (batch_make_rows). STEP_ANCHORS goes step by step.
void schedule_measure(const batch *b, step_kind kind, forward_load *load);
void schedule_measure_step(const step *s, forward_load *load);

// Rows that can be explained, ordered by (features, tokens, fixed tokens, position), so that rows of one batch are neighbours.
typedef struct ordered_row {
    size_t row, n_features, n_tokens, n_fixed;
} ordered_row;
void schedule_order(ordered_row *rows, size_t count);

#endif
