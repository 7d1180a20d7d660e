// Mask files, `ascribe-masks` v1: the coalitions and weights that rows are, or were, evaluated on, so that any peer's design can be
// replayed. HDF5, readable and writable with h5py:
//
//     rows/id        uint64 [R]     unique; in any order
//     rows/features  uint32 [R]     n of each row
//     rows/draws     uint32 [R]     samples that the row's coalitions stand for; may be missing: as many as coalitions
//     offsets        int64 [R + 1]  row r owns coalitions offsets[r] ... offsets[r + 1]
//     masks          uint64 [S, W]  bit i % 64 of word i / 64 says that feature i is present; W = words of the longest row
//     weights        float64 [S]    finite, at least 0
//     attributes     format = "ascribe-masks", format_version = "1.0"; others are ignored
//
// A full or empty coalition may be among them: lime's row itself is one.
#ifndef ASCRIBE_IO_MASK_FILE_H
#define ASCRIBE_IO_MASK_FILE_H

#include "base/fail.h"
#include "base/hash.h"
#include "base/stop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mask_file mask_file;

// Opens and checks structure, ids and offsets, after a child process has read the whole file without harm (trial.h): call with no other
// thread running. ASC_NOT_FOUND, ASC_MALFORMED, ASC_OUT_OF_MEMORY. `stop` (may be NULL) is asked now and by mask_file_hash: ASC_STOPPED.
asc_status mask_file_open(const char *path, const stop_check *stop, mask_file **out, asc_error *err);
// The same in this process without a trial, for one that may die: the trial itself, and tests.
asc_status mask_file_open_here(const char *path, mask_file **out, asc_error *err);
void mask_file_close(mask_file *file); // accepts NULL

// SHA-256 of the file that was opened. ASC_MALFORMED when its path leads to another one by now.
asc_status mask_file_hash(const mask_file *file, uint8_t digest[HASH_BYTES], asc_error *err);

const char *mask_file_path(const mask_file *file);
bool mask_file_has(const mask_file *file, uint64_t id);
// Whether mask_file_read has a row to read, as far as that is known without its coalitions. ASC_MALFORMED.
asc_status mask_file_check_row(const mask_file *file, uint64_t id, size_t n_features, asc_error *err);

// Most coalitions that a row with n features has in the file; 0 when there is no such row.
size_t mask_file_most(const mask_file *file, size_t n_features);

// One row's coalitions; the caller frees both.
typedef struct mask_row {
    size_t count;
    size_t n_draws;
    uint64_t *masks; // [count, mask words of n]
    double *weights; // [count]
} mask_row;

// ASC_MALFORMED: no such row, another number of features, a feature beyond n, a weight that is none.
asc_status mask_file_read(const mask_file *file, uint64_t id, size_t n_features, mask_row *out, asc_error *err);
void mask_row_free(mask_row *row);

typedef struct mask_writer mask_writer;

typedef struct mask_plan {
    size_t n_rows, n_coalitions, n_words;
    const char *method, *estimator;
    uint64_t seed;
} mask_plan;

// Writes rows in the order of appending; all that were planned must come. In a child process (child.h): after a failure nothing is
// cleaned up.
asc_status mask_writer_create(const char *path, const mask_plan *plan, mask_writer **out, asc_error *err);
asc_status mask_writer_append(mask_writer *writer, uint64_t id, size_t n_features, const mask_row *row, asc_error *err);
asc_status mask_writer_finish(mask_writer *writer, asc_error *err); // releases it

#endif
