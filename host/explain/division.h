// How the rows of a run are divided: into parts, the units of work that is kept, and parts into tasks, by what each row is expected to
// cost. Decided once and written down (run.json, a plan), so that another machine or another wish never makes parts useless.
#ifndef ASCRIBE_EXPLAIN_DIVISION_H
#define ASCRIBE_EXPLAIN_DIVISION_H

#include <ascribe/dataset.h>

#include "explain/request.h"

#include <stdint.h>

enum { MOST_PARTS = 1 << 20, MOST_TASKS = 1 << 16 };

typedef struct division {
    int64_t *starts; // [n_parts + 1] part k has the dataset positions [starts[k], starts[k + 1])
    size_t n_parts;
    size_t *tasks; // [n_tasks + 1] task t has the parts [tasks[t], tasks[t + 1])
    size_t n_tasks;
} division;

// What dividing found out besides; tokens and flops as if nothing were saved.
typedef struct division_cost {
    uint64_t evaluations, tokens;
    double flops;
} division_cost;

typedef struct division_plan {
    const explain_request *request; // its backend says how fast the work will go
    const model_config *config;
    const asc_dataset *dataset;
    int64_t first_position, n_rows; // at least one row
    size_t rows_per_part; // 0: by cost
    size_t n_tasks;       // wanted, at least 1; there are never more than parts
} division_plan;

// Passes over the sizes of the rows, once or twice; memory is that of the result. The caller calls division_free.
asc_status division_make(const division_plan *plan, division *out, division_cost *cost, asc_error *err);

// Whether parts and tasks are what division_make makes: both begin at their start, rise strictly and end at their end. The number of rows is
// starts[n_parts] - starts[0].
bool division_is_sound(const division *d);
bool division_same_parts(const division *a, const division *b);

// Rows of the largest part.
size_t division_largest(const division *d);
// The task that has part `part`.
size_t division_task_of(const division *d, size_t part);

void division_free(division *d); // accepts a zero struct

#endif
