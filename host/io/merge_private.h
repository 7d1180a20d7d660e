// The steps of a merge, each of which runs in a child process that ends with _exit; see merge.c.
#ifndef ASCRIBE_IO_MERGE_PRIVATE_H
#define ASCRIBE_IO_MERGE_PRIVATE_H

#include "io/h5file.h"
#include "io/merge.h"
#include "io/part.h"
#include "io/ragged.h"

#include <ascribe/version.h>

#define RESULT_CREATED_BY "ascribe " ASC_VERSION

// Opens part `index`, which must belong to the job and begin at `first_position`. The caller closes it.
asc_status merge_open_part(const merge_job *job, part_opener *opener, int64_t index, int64_t first_position, part_reader **out,
                           asc_error *err);

// The selection's rows must all have been seen after the last part.
asc_status merge_check_end(const merge_job *job, int64_t n_rows_seen, asc_error *err);

// Is the dataset, opened as `dataset`, the file that was explained? ASC_DIFFERENT_RUN.
asc_status merge_check_dataset(const merge_job *job, const h5file *dataset, asc_error *err);

// A dataset column that the result repeats for the selected rows.
typedef struct copied_column {
    char name[300];
    size_t first; // elements of the dataset's column
    size_t count;
    bool is_offsets; // shifted so that the copy starts at 0
    bool is_flat; // one element per span or byte, not per row
    size_t n_columns; // of a matrix; 0: one dimension
} copied_column;

// Everything that the job copies, in the order of writing; the caller frees *columns. Checks that the
// selection lies in the dataset.
asc_status result_copy_list(const h5file *dataset, const merge_job *job, copied_column **columns,
                            size_t *n_columns, asc_error *err);
asc_status result_copy_column(const h5file *dataset, const copied_column *column, h5file *out,
                              asc_error *err);
// ASC_IO_ERROR when `copy` does not hold the same bits.
asc_status result_compare_column(const h5file *dataset, const copied_column *column, const h5file *copy,
                                 asc_error *err);
// Bytes on disk that the copy will take, about.
asc_status result_copy_bytes(const h5file *dataset, const copied_column *column, size_t *bytes,
                             asc_error *err);

// Writes the whole result to `path`, a few blocks of rows in memory at a time. On failure all HDF5 objects are left as
// they are, since closing them may crash: the process must report and _exit. ASC_IO_ERROR, ASC_CANNOT_CREATE,
// a part's or the dataset's error.
asc_status result_write(const merge_job *job, const char *path, asc_error *err);

// Reads `path` and compares every value with parts and dataset, bit for bit. ASC_IO_ERROR at the first
// difference.
asc_status result_compare(const merge_job *job, const char *path, asc_error *err);

#endif
