// Shapes: models and rows of which only the sizes are known.
#ifndef ASCRIBE_BENCH_SHAPE_H
#define ASCRIBE_BENCH_SHAPE_H

#include <ascribe/bench.h>
#include <ascribe/dataset.h>

#include "model/model.h"

enum { SHAPE_LONGEST = 512 }; // tokens

// The shape of this name, or NULL.
const asc_bench_shape *shape_find(const char *name);

// A model with generated weights, two classes and a vocabulary that is small to save memory.
asc_status shape_model(const asc_bench_shape *shape, asc_model **out, asc_error *err);

// What a dataset for it would say of itself: the ids of special tokens.
asc_dataset_info shape_dataset(void);

// Rows of `length` tokens: [CLS], n_features random tokens of one feature each, fixed random tokens, [SEP]. 3 <= length, n_features + 2 <= length.
// The caller frees *out with asc_rows_free.
typedef struct shape_rows_plan {
    size_t n_rows, length, n_features;
} shape_rows_plan;
asc_status shape_rows(const shape_rows_plan *plan, asc_rows **out, asc_error *err);

#endif
