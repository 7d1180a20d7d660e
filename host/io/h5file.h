// Thin, strict wrappers over the HDF5 1.10 C API: the only way the library touches HDF5.
//
// Reading refuses whatever our formats do not need, before a byte of data is read: soft, external and
// user-defined links, external and virtual storage, variable-length, compound and committed types, other
// filters than shuffle, deflate and fletcher32, more than two dimensions, datasets larger than the file can
// hold or that inflate beyond measure, and chunks that were never written or hold more than their share. Writing gives the same bytes for the same content: no time
// stamps, earliest file format, fixed sizes. Nothing prints.
//
// After a failed write an HDF5 file cannot be saved, and closing it may crash the process (libhdf5 1.10,
// measured): a writer runs in a child process that reports and leaves with _exit.
#ifndef ASCRIBE_IO_H5FILE_H
#define ASCRIBE_IO_H5FILE_H

#include "base/fail.h"
#include "io/column_type.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { H5SET_ROWS_PER_CHUNK = 65536, H5SET_FLAT_PER_CHUNK = 131072 };

// Switches the calling thread's printing of HDF5 errors off and the loading of filter plugins, which are code that a file
// may name, and back to what it was. Every entry point of the library that reaches HDF5 stands between the two.
typedef struct h5_silence {
    H5E_auto2_t printer;
    void *printer_data;
    bool known;
    unsigned plugins;
    bool plugins_known;
} h5_silence;
h5_silence h5_silence_begin(void);
void h5_silence_end(h5_silence silence);

// fail() with the innermost words of the HDF5 error stack added. Call it before any other HDF5 function.
asc_status h5_fail(asc_error *err, asc_status status, const char *format, ...) ASC_PRINTF(3, 4);

typedef struct h5file h5file;

// Opens read-only. ASC_NOT_FOUND, ASC_MALFORMED (no HDF5 file, or a damaged one).
asc_status h5file_open(const char *path, h5file **out, asc_error *err);
// Creates or replaces `path`. ASC_CANNOT_CREATE, ASC_IO_ERROR (a full disk).
asc_status h5file_create(const char *path, h5file **out, asc_error *err);
// Flushes and closes a written file and reports what failed; releases it only on success. ASC_IO_ERROR.
asc_status h5file_finish(h5file *file, asc_error *err);
void h5file_close(h5file *file); // a file that was read; accepts NULL
const char *h5file_path(const h5file *file);

// Which file was opened, in which state: all equal means that the same bytes are read.
typedef struct h5_identity {
    int64_t device, inode, size;
    int64_t modified_s, modified_ns, changed_s, changed_ns;
} h5_identity;
h5_identity h5file_identity(const h5file *file); // of a file that is read
// ASC_MALFORMED when `file` is no longer, or not, what `expected` was taken from.
asc_status h5file_check_identity(const h5file *file, const h5_identity *expected, asc_error *err);
// ASC_MALFORMED when its path leads to another file by now, or the file was changed since it was opened.
asc_status h5file_check_path(const h5file *file, asc_error *err);

// Is there a link of this name ("labels/names")? ASC_MALFORMED when a part of the way is no plain group.
asc_status h5file_has(const h5file *file, const char *name, bool *has, asc_error *err);

// Names in a group, in alphabetical order: [*n_names] in one block, the caller frees *names. A missing group
// has none.
asc_status h5file_list(const h5file *file, const char *group, char ***names, size_t *n_names, asc_error *err);

// Attributes of the root. A missing one: *value = NULL, or `fallback`. Texts belong to the caller and are NUL
// terminated.
asc_status h5file_read_text(const h5file *file, const char *name, char **value, asc_error *err);
asc_status h5file_read_int(const h5file *file, const char *name, int64_t fallback, int64_t *value,
                           asc_error *err);
asc_status h5file_write_text(h5file *file, const char *name, const char *value, asc_error *err);
asc_status h5file_write_int(h5file *file, const char *name, int64_t value, asc_error *err);

// Checks `format` and the major number of `format_version`. ASC_MALFORMED: another format, a newer version,
// none at all.
asc_status h5file_check_format(const h5file *file, const char *format, long major, asc_error *err);

// One dataset inside a file. Zeroed = closed. One element in memory has `element_size` bytes; texts are NUL
// terminated.
typedef struct h5set {
    hid_t id;
    hid_t memory_type;
    const h5file *file;
    char name[96]; // for messages
    column_type type;
    size_t element_size;
    size_t n_rows;
    size_t n_columns; // 0: one dimension
    size_t position; // rows appended so far
    size_t stored_bytes; // on disk, as read
    size_t chunk_rows, chunk_columns; // 0: not in chunks
} h5set;

// What is expected, or made. n_rows = H5SET_ANY_ROWS: whatever is there.
#define H5SET_ANY_ROWS SIZE_MAX
typedef struct h5set_shape {
    column_type type;
    size_t n_rows;
    size_t n_columns; // 0: one dimension
} h5set_shape;

// Opens by the strict policy. ASC_MALFORMED (names the dataset, what was expected and found).
asc_status h5set_open(const h5file *file, const char *name, h5set *set, asc_error *err);
asc_status h5set_open_as(const h5file *file, const char *name, h5set_shape shape, h5set *set, asc_error *err);
// The same for a dataset that may be missing: set->id stays 0 then.
asc_status h5set_open_optional(const h5file *file, const char *name, h5set_shape shape, h5set *set,
                               asc_error *err);
void h5set_close(h5set *set); // accepts a closed one

// Rows [first, first + count), which must exist, into `buffer` (count x max(n_columns, 1) elements).
// ASC_MALFORMED.
asc_status h5set_read(const h5set *set, size_t first, size_t count, void *buffer, asc_error *err);
// The same into new memory: `pointer` is the address of a pointer, which the caller frees; never NULL on
// success.
asc_status h5set_read_new(const h5set *set, size_t first, size_t count, void *pointer, asc_error *err);

// A new dataset for exactly shape.n_rows rows.
typedef struct h5set_plan {
    h5set_shape shape;
    size_t text_size; // bytes of one string without terminator, COLUMN_TEXT only; 0 is taken as 1
    size_t chunk; // elements in a chunk at most
    bool compress; // shuffle + gzip 1
} h5set_plan;
asc_status h5set_create(h5file *file, const char *name, h5set_plan plan, h5set *set, asc_error *err);
// The next `count` rows. ASC_IO_ERROR.
asc_status h5set_append(h5set *set, size_t count, const void *buffer, asc_error *err);
// Closes; the number of rows promised must have been appended (assert). ASC_IO_ERROR.
asc_status h5set_finish(h5set *set, asc_error *err);

// Do both store the same elements the same way (type, size, chunks, filters), so that a chunk's stored bytes mean the same in both?
bool h5set_stored_alike(const h5set *a, const h5set *b);
// Fills `to`, new and stored alike, with what `from` stores, as it lies there: nothing is inflated or checked. ASC_MALFORMED, ASC_IO_ERROR.
asc_status h5set_copy_chunks(const h5set *from, h5set *to, asc_error *err);
// Do two that are stored alike hold the same stored bytes? ASC_MALFORMED.
asc_status h5set_compare_chunks(const h5set *a, const h5set *b, bool *same, asc_error *err);

const char *column_type_name(column_type type);

#endif
