// The end of a run: its parts become OUT. Used by a run without plan and by asc_merge alike.
#ifndef ASCRIBE_EXPLAIN_RUN_MERGE_H
#define ASCRIBE_EXPLAIN_RUN_MERGE_H

#include <ascribe/plan.h>

#include "base/stop.h"
#include "explain/manifest.h"
#include "explain/run_folder.h"
#include "explain/run_record.h"

typedef struct run_merge {
    const run_folder *folder; // taken
    const run_record *record;
    const char *out_path;
    bool keep_text, keep_existing, keep_parts;
    const run_facts *facts; // dataset_path is where the dataset is; parts, tasks and kernel sets are filled in from the record
    stop_check stop;
} run_merge;

// Looks over all parts, writes, compares and renames (io/merge.h), and removes the parts. `summary` may be NULL. Forks. Errors as asc_merge.
asc_status run_merge_parts(const run_merge *merge, asc_merge_summary *summary, asc_error *err);

// Where OUT is complete and its parts are there still, because a process was killed before it could remove them: verifies OUT and removes
// them. Does nothing where anything is not as it should be. Forks.
void run_remove_merged(run_folder *folder, const char *out_path, const uint8_t manifest_hash[HASH_BYTES]);

#endif
