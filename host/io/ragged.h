// Ragged arrays in an HDF5 file: int64 offsets of n_rows + 1 entries; row r owns [offsets[r], offsets[r + 1])
// of a flat array.
#ifndef ASCRIBE_IO_RAGGED_H
#define ASCRIBE_IO_RAGGED_H

#include "io/h5file.h"

typedef struct row_range {
    size_t first;
    size_t count;
} row_range;

// Opens offsets for n_rows rows and checks both ends: the first is 0, the last is not negative. *total = the
// last.
asc_status ragged_open(const h5file *file, const char *name, size_t n_rows, h5set *offsets, size_t *total,
                       asc_error *err);

// Offsets of a range, [count + 1], shifted so that they start at 0; *begin = where the range starts in the
// flat array and
// (*out)[count] = how long it is. Checks that they never fall and stay within `total`. The caller frees *out.
asc_status ragged_read(const h5set *offsets, row_range range, size_t total, int64_t **out, size_t *begin,
                       asc_error *err);

// Passes over all offsets in pieces: checks that they never fall, finds the longest row.
asc_status ragged_longest(const h5set *offsets, size_t total, size_t *longest, asc_error *err);

#endif
