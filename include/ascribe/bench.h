// Measuring how fast this machine explains: the real engine on a model and a dataset, or on generated weights and rows of a known shape, beside
// the matrix multiplication (GEMM) that bounds it.
#ifndef ASCRIBE_BENCH_H
#define ASCRIBE_BENCH_H

#include <ascribe/log.h>
#include <ascribe/options.h>
#include <ascribe/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A model of a known architecture without its weights: they are drawn at random, and its vocabulary is small, which no speed depends on.
typedef struct asc_bench_shape {
    const char *name; // "minilm-l6", "distilbert", "bert-base", "bert-large"
    size_t n_layers, n_hidden, n_heads, n_ffn;
} asc_bench_shape;
// The shapes; the name is NULL after the last.
const asc_bench_shape *asc_bench_shapes(void);

typedef struct asc_bench_job {
    const char *model_path, *dataset_path; // both, or
    const char *shape;                     // the name of a shape; then rows are random:
    size_t length;     // tokens of each, the first and the last of them fixed
    size_t n_features; // of the others, one token each; 0 = all
    // What explain takes. `budget` "auto" is lowered where a row would take longer than the time; first_row and n_rows choose rows of the dataset,
    // n_rows also how many rows a shape has (-1: what fits the time). What concerns files is ignored.
    asc_explain_options options;
    double seconds;       // about how long to measure
    bool savings;         // also measure each exact saving alone, none and all
    bool precision_check; // also compare the attributions in the chosen precision (when that is fp32: in bf16) with those of fp32
    asc_log log;
    void (*say)(void *user, const char *what); // what is being done, now and then; may be NULL
    void *say_user;
} asc_bench_job;

enum { ASC_BENCH_MOST_PASSES = 64, ASC_BENCH_MOST_STAGES = 16, ASC_BENCH_MOST_SAVINGS = 12 };

// What one pass over the rows executes. Counts are exact.
typedef struct asc_bench_work {
    uint64_t coalitions;        // anchors apart
    uint64_t sequences, tokens; // everything that went through the model
    double flops;               // multiplications and additions of these sequences as they are run, padding of tiles not counted
} asc_bench_work;

// Passes over the same rows, each through the whole engine: coalitions made, evaluated, solved.
typedef struct asc_bench_passes {
    asc_bench_work work; // of one
    size_t count;
    double seconds[ASC_BENCH_MOST_PASSES];
    double best_s;
} asc_bench_passes;

typedef struct asc_bench_stage {
    const char *name; // static
    double share;     // of the workers' time
} asc_bench_stage;

typedef struct asc_bench_saving {
    const char *name; // static; "none", "all", or the one that was on alone
    asc_bench_passes passes;
} asc_bench_saving;

// Attributions in bf16 against those in fp32, each difference relative to its row's range (largest minus smallest attribution of the class).
typedef struct asc_bench_precision {
    const char *name;   // static; NULL: not compared,
    char reason[256];   // and why not
    size_t n_rows;      // compared
    double max_difference, rms_difference;
    double rms_std_error; // of sampling, in fp32; NaN where there is none
} asc_bench_precision;

typedef struct asc_bench_report {
    char model[256]; // path, or name of the shape
    char architecture[64];
    size_t n_layers, n_hidden, n_heads, n_ffn, n_parameters;
    char device[128], kernel_set[256];
    char gemm_algorithms[4096]; // of the matrix library, as a run's manifest names them; "" where there is nothing to choose
    const char *backend, *precision; // static
    size_t n_workers;
    size_t n_rows, n_features;  // measured; features in all of them
    size_t n_longest;           // tokens of the longest row
    char budget[32];            // that was used
    asc_bench_passes passes;
    double dense_flops;         // of the same coalitions at the full length of their rows, nothing saved
    double designs_s;           // making the designs, once before the passes
    double gemm_flops_per_s;    // of all workers at once: the best of before and after the passes; 0: not measured
    size_t n_stages;
    asc_bench_stage stages[ASC_BENCH_MOST_STAGES]; // of the passes; what is left of 1 is making coalitions and waiting
    uint64_t peak_memory_bytes; // most that the process had resident so far
    size_t n_savings;           // 0: not measured
    asc_bench_saving savings[ASC_BENCH_MOST_SAVINGS];
    asc_bench_precision precision_check;
} asc_bench_report;

// Measures. ASC_USAGE names the option; else the statuses of asc_explain. Writes nothing.
asc_status asc_bench_run(const asc_bench_job *job, asc_bench_report *report, asc_error *err) ASC_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
