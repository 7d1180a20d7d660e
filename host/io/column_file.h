// Writing a flat HDF5 file of arrays that are in memory: in a child process, read again and compared in a second one, renamed.
#ifndef ASCRIBE_IO_COLUMN_FILE_H
#define ASCRIBE_IO_COLUMN_FILE_H

#include "base/stop.h"
#include "io/column_type.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One array: line i begins at data + i * stride.
typedef struct file_column {
    const char *name; // "rows/id"
    column_type type;
    size_t n_rows, n_columns; // n_columns 0: one dimension
    const void *data;
    size_t stride;    // bytes
    size_t text_size; // of COLUMN_TEXT without terminator: lines are text_size + 1 bytes
} file_column;

typedef struct file_text {
    const char *name, *value;
} file_text;

typedef struct file_number {
    const char *name;
    int64_t value;
} file_number;

typedef struct column_file {
    const char *path;
    const char *what;         // "the evaluation", for messages
    const file_text *texts;   // attributes, `format` and `format_version` among them
    size_t n_texts;
    const file_number *numbers;
    size_t n_numbers;
    const file_column *columns;
    size_t n_columns;
    bool force; // replaces what is there
    stop_check stop;
} column_file;

// ASC_CANNOT_CREATE when it is there already and must not be replaced.
asc_status column_file_check(const column_file *file, asc_error *err);

// Complete or not at all. Forks: no other thread may be at work. ASC_CANNOT_CREATE, ASC_IO_ERROR, ASC_STOPPED.
asc_status column_file_write(const column_file *file, asc_error *err);

#endif
