// Models that come from no files; see generate.c for how their weights are drawn.
#ifndef ASCRIBE_MODEL_GENERATE_H
#define ASCRIBE_MODEL_GENERATE_H

#include <stddef.h>
#include <stdint.h>

// Fills the tensor [rows, columns] (columns 0: a vector [rows]) of this name.
void generate_tensor(uint64_t seed, const char *name, size_t rows, size_t columns, float *out);

#endif
