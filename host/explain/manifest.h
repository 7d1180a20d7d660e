// The manifest: everything that decides a run's results, as canonical JSON, and its hash. What only decides speed (workers, steps,
// parts, paths) is not in it; it stands in the result's `run` text instead.
#ifndef ASCRIBE_EXPLAIN_MANIFEST_H
#define ASCRIBE_EXPLAIN_MANIFEST_H

#include <ascribe/explain.h>

#include "base/hash.h"
#include "explain/request.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

// Raised by any change that can change a bit of a result.
enum { NUMERICS_VERSION = 4 };

typedef struct manifest_facts {
    const asc_model *model;
    const explain_request *request;
    const char *backend, *kernel_set; // NULL: open still, for a plan; then precision and savings are too
    const char *gemm_algorithms; // engine_algorithms; NULL or "": there is nothing to choose, or not in common
    const uint8_t *dataset_sha256;
    int64_t first_position, n_rows;
} manifest_facts;

// Sorted keys, no white space; the caller frees *text. `hash` is of the text. ASC_USAGE when it would be longer than a result file holds.
asc_status manifest_make(const manifest_facts *facts, char **text, uint8_t hash[HASH_BYTES], asc_error *err);

// Names every field in which two manifests differ, with both values: "precision: the run has fp32, this command asks for bf16"; what does
// not fit ends in "...". `whose` is "the run". Where `there` is a plan's, what is open in it (`is_open`) is not compared. Returns how many
// differ. Texts that are no manifests differ in "manifest".
typedef struct manifest_pair {
    const char *whose, *there, *asked;
    bool is_open;
} manifest_pair;
size_t manifest_differences(const manifest_pair *pair, char *text, size_t size);

// The algorithms that a manifest names, or NULL. The caller frees them.
asc_status manifest_algorithms(const char *manifest, char **out, asc_error *err);

// The kernel set of a run whose parts may come from several.
extern const char manifest_mixed[];

// A path as a file's text holds it: bytes that are no UTF-8 as \xNN, cut with "..." when it is long. NULL stays NULL; NULL also for want of
// memory. The caller owns it.
json_t *manifest_path(const char *path);

// The `run` text: what this run was like, for people. Bytes that are no UTF-8 stand in it as \xNN, and long commands are cut,
// so that a result file holds it. The caller frees *text.
typedef struct run_facts {
    const char *command, *model_path, *dataset_path, *kernel_sets; // may be NULL
    size_t n_workers; // 0: not known
    size_t n_parts, n_tasks, n_rows;
    uint64_t evaluations, tokens;
    double elapsed_s;
} run_facts;
asc_status manifest_describe_run(const run_facts *facts, char **text, asc_error *err);

#endif
