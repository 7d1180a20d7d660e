// OUT: what stands there before a run or a merge, and what that means for it.
#ifndef ASCRIBE_EXPLAIN_RUN_OUTPUT_H
#define ASCRIBE_EXPLAIN_RUN_OUTPUT_H

#include "base/fail.h"
#include "base/hash.h"
#include "base/stop.h"

#include <stdbool.h>

typedef struct run_output {
    char *manifest; // of the result that stands there; NULL: there is none,
    char hash[HASH_HEX_SIZE];
    asc_error error; // and why it is none
    bool has_text;
} run_output;

// Reads what is at `path`, if anything; forks, so that it comes before threads. ASC_OUT_OF_MEMORY, ASC_STOPPED (`stop` may be NULL). The caller calls
// run_output_free.
asc_status run_output_read(const char *path, const stop_check *stop, run_output *out, asc_error *err);
void run_output_free(run_output *output);

typedef struct run_output_wish {
    const char *path, *dataset_path; // dataset_path may be NULL
    const char *manifest;
    const uint8_t *manifest_hash;
    bool with_text, force;
    bool only_complete; // nothing is refused
} run_output_wish;

// *complete: OUT is the very result that is wished for. ASC_CANNOT_CREATE when it is something else, unless forced; a result of another
// configuration is told by every field that differs. Not even force replaces a folder, a pipe, a device or the dataset.
asc_status run_output_check(const run_output *there, const run_output_wish *wish, bool *complete, asc_error *err);

// OUT was not there when it was to be read: another process has finished since. ASC_CANNOT_CREATE.
asc_status run_output_fail_appeared(const char *path, asc_error *err);

#endif
