// Reading a flat HDF5 file of arrays (column_file.h writes such) into memory. Untrusted: in a child process first (trial.h).
#ifndef ASCRIBE_IO_COLUMN_READ_H
#define ASCRIBE_IO_COLUMN_READ_H

#include "base/fail.h"
#include "io/column_file.h"

typedef struct column_source column_source;

// Checks the format, the major number of its version and that the file is complete. HDF5 prints nothing until it is closed.
// ASC_NOT_FOUND, ASC_MALFORMED.
asc_status column_source_open(const char *path, const char *format, long major, column_source **out, asc_error *err);
void column_source_close(column_source *source); // accepts NULL
const char *column_source_path(const column_source *source);

// Attributes that must be there; the caller frees *text, numbers are at least 0.
asc_status column_source_text(const column_source *source, const char *name, char **text, asc_error *err);
asc_status column_source_number(const column_source *source, const char *name, size_t *number, asc_error *err);

// Texts, one a line; [*n_texts] in one block, the caller frees *texts.
asc_status column_source_texts(const column_source *source, const char *name, char ***texts, size_t *n_texts, asc_error *err);
// How many lines a one-dimensional array has.
asc_status column_source_count(const column_source *source, const char *name, column_type type, size_t *n_rows, asc_error *err);
// An array of numbers of column's type and shape: line i goes to `to` + i * column->stride; column->data is not looked at.
asc_status column_source_read(const column_source *source, const file_column *column, void *to, asc_error *err);

#endif
