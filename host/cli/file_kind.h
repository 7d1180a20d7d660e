// What a path that the user gave is: told apart by contents, not by name.
#ifndef ASCRIBE_CLI_FILE_KIND_H
#define ASCRIBE_CLI_FILE_KIND_H

#include <ascribe/dataset.h>
#include <ascribe/evaluate.h>
#include <ascribe/global.h>
#include <ascribe/masks.h>
#include <ascribe/model.h>
#include <ascribe/probe.h>
#include <ascribe/result.h>
#include <ascribe/status.h>

#include <stdbool.h>

// Exactly one of the six is open, or it is a mask file, whose facts are known.
typedef struct opened_file {
    asc_model *model;
    asc_dataset *dataset;
    asc_result *result;
    asc_global *global;
    asc_probe *probe;
    asc_evaluation *evaluation;
    bool is_masks;
    asc_masks_info masks;
} opened_file;

// Opens a model folder, a dataset, a result, a file of global importance, a probe or an evaluation, or reads a mask file. ASC_NOT_FOUND, ASC_MALFORMED (says what each reader found),
// ASC_OUT_OF_MEMORY.
asc_status file_kind_open(const char *path, opened_file *file, asc_error *err);
void file_kind_close(opened_file *file);

// Whether the file begins like HDF5. ASC_NOT_FOUND when it cannot be opened or is a folder.
asc_status file_kind_is_hdf5(const char *path, bool *is_hdf5, asc_error *err);

// ASC_MALFORMED, with the command that prepares it, when `path` is there and is not HDF5. What else may be wrong its reader says.
asc_status file_kind_check_prepared(const char *path, const char *model, asc_error *err);

// Whether both paths exist and are the same file, by whatever name.
bool file_kind_same(const char *a, const char *b);

// Whether two files hold the same bytes. ASC_NOT_FOUND, ASC_IO_ERROR.
asc_status file_kind_same_bytes(const char *a, const char *b, bool *same, asc_error *err);

#endif
