// The manifest: everything that decides a run's results, as canonical JSON, and its hash. What only decides speed (workers, steps,
// parts, paths) is not in it; it stands in the result's `run` text instead.
#ifndef ASCRIBE_EXPLAIN_MANIFEST_H
#define ASCRIBE_EXPLAIN_MANIFEST_H

#include <ascribe/explain.h>

#include "base/hash.h"
#include "explain/engine.h"

// Raised by any change that can change a bit of a result.
enum { NUMERICS_VERSION = 4 };

typedef struct manifest_facts {
    const asc_model *model;
    const explain_request *request;
    const engine *engine;
    const uint8_t *dataset_sha256;
    int64_t first_position, n_rows;
} manifest_facts;

// Sorted keys, no white space; the caller frees *text. `hash` is of the text. ASC_USAGE when it would be longer than a result file holds.
asc_status manifest_make(const manifest_facts *facts, char **text, uint8_t hash[HASH_BYTES], asc_error *err);

// The `run` text: what this run was like, for people. Bytes that are no UTF-8 stand in it as \xNN, and long commands are cut,
// so that a result file holds it. The caller frees *text.
asc_status manifest_describe_run(const asc_explain_job *job, const asc_explain_summary *summary, size_t n_workers, int64_t rows_per_part,
                                 char **text, asc_error *err);

#endif
