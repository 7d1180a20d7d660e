// Turning the parts of a run into one result file: written beside it by a child process, re-read and compared bit for bit by a
// second one, then renamed. A crash of the HDF5 library takes a child down, never the run.
#ifndef ASCRIBE_IO_MERGE_H
#define ASCRIBE_IO_MERGE_H

#include "base/fail.h"
#include "base/hash.h"
#include "base/stop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct merge_job {
    const char *parts_folder;  // holds part-00000000.part ... (merge_part_path)
    int64_t n_parts;
    uint8_t manifest_hash[HASH_BYTES];
    const char *dataset_path;  // spans, text, labels, keys and meta are copied from it
    uint8_t dataset_sha256[HASH_BYTES]; // of the file that was explained
    int64_t first_position;    // of the selection
    int64_t n_rows;
    uint32_t n_targets;
    uint32_t n_classes;
    uint32_t n_fit; // 3: the part rows' fit becomes lime/intercept, lime/score, lime/local_prediction; 0: there is none
    const char *const *class_names; // [C]
    const char *manifest;           // JSON text
    const char *run;                // JSON text
    const char *method, *estimator, *output, *policy, *granularity;
    bool keep_text;
    const char *out_path;
    bool keep_existing;         // refuse with ASC_CANNOT_CREATE if OUT is there when the result is finished
    const char *temporary_base; // beginning of the unfinished file's name, on OUT's file system; NULL: beside OUT
    stop_check stop; // asked until the result is whole: ASC_STOPPED
} merge_job;

// FOLDER/part-NNNNNNNN.part; the caller frees *path.
asc_status merge_part_path(const char *parts_folder, int64_t index, char **path, asc_error *err);

// Call with no other thread running (the child is a fork). On failure OUT is not there and the parts are untouched:
// ASC_IO_ERROR (message with the child's own words), ASC_MALFORMED for a bad part, ASC_DIFFERENT_RUN for a foreign one or when the dataset is
// not the one that was explained.
asc_status merge_run(const merge_job *job, asc_error *err);

#endif
