// run.json: what a run is, written once into OUT.parts before its first part and never changed. Everything that the merge needs is in it
// but the dataset. An atomic link decides which of several processes writes it; the others read the winner's.
#ifndef ASCRIBE_EXPLAIN_RUN_RECORD_H
#define ASCRIBE_EXPLAIN_RUN_RECORD_H

#include "base/hash.h"
#include "explain/division.h"
#include "explain/record.h"
#include "io/part.h"

typedef struct run_record {
    json_t *json; // owns the texts
    char *manifest; // canonical
    uint8_t manifest_hash[HASH_BYTES], dataset_sha256[HASH_BYTES];
    division division;
    uint32_t n_targets, n_classes, n_fit;
    const char **class_names; // [n_classes]
    const char *method, *estimator, *output, *policy, *granularity, *kernel_set;
    const char *model_path, *dataset_path; // absolute; NULL where a path is no UTF-8
    bool keep_text;
} run_record;

// What is written; everything is borrowed.
typedef struct run_record_facts {
    const char *manifest, *granularity, *model_path, *dataset_path;
    const char *const *class_names;
    size_t n_targets, n_classes, n_fit;
    bool keep_text;
    const division *division;
} run_record_facts;

// ASC_NOT_FOUND, ASC_MALFORMED. The caller calls run_record_free, whatever the status.
asc_status run_record_read(const char *path, run_record *out, asc_error *err);
void run_record_free(run_record *record); // accepts a zero struct

// Writes PATH unless it is there; *existed says so.
asc_status run_record_write(const char *path, const run_record_facts *facts, bool *existed, asc_error *err);

// The header of part `index`, but for its kernel set.
part_header run_record_header(const run_record *record, size_t index);

#endif
