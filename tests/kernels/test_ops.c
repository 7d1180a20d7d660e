// All operations on all backends: test_ops [--backend ref|ref_guarded|cpu|cuda|cuda_fp16|cuda_bf16]. cuda: kernels/cuda compiled for the host (tests/cuda_host).
#include "cases.h"
#include "compare.h"

#include "../cuda_module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct op_cases {
    const char *name;
    void (*run)(asc_backend_kind kind);
    bool real; // in 16 bits too
} op_cases;

static const op_cases operations[] = {
    {"relabel", cases_relabel, false},
    {"row_masks", cases_row_masks, false},
    {"pack", cases_pack, false},
    {"embed", cases_embed, true},
    {"linear", cases_linear, true},
    {"attention", cases_attention, true},
    {"add_norm", cases_add_norm, true},
    {"pool_first", cases_pool_first, true},
    {"record_full", cases_record_full, false},
    {"attention_first", cases_attention_first, true},
    {"values", cases_values, false},
    {"attribute", cases_attribute, false},
    {"solve", cases_solve, false},
};

enum { N_OPERATIONS = sizeof operations / sizeof operations[0] };

typedef struct op_on_kind {
    const op_cases *op;
    asc_backend_kind kind;
} op_on_kind;

static void run_cases(void **state)
{
    const op_on_kind *test = *state;
    test->op->run(test->kind);
}

// All operations on one backend; the number that failed.
static int run_kind(asc_backend_kind kind)
{
    struct CMUnitTest tests[N_OPERATIONS];
    op_on_kind states[N_OPERATIONS];
    memset(tests, 0, sizeof tests);
    size_t n_tests = 0;
    for (size_t i = 0; i < N_OPERATIONS; i++) {
        if (unit_roundoff(kind) > 0 && !operations[i].real)
            continue;
        states[n_tests] = (op_on_kind){&operations[i], kind};
        tests[n_tests] = (struct CMUnitTest){.name = operations[i].name, .test_func = run_cases, .initial_state = &states[n_tests]};
        n_tests++;
    }
    return _cmocka_run_group_tests(kind_name(kind), tests, n_tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    const asc_backend_kind kinds[] = {ASC_BACKEND_REF, ASC_BACKEND_REF_GUARDED, ASC_BACKEND_CPU, ASC_BACKEND_CUDA,
                                      TEST_CUDA_FP16, TEST_CUDA_BF16};
    const char *only = argc == 3 && strcmp(argv[1], "--backend") == 0 ? argv[2] : NULL;
    if (argc != 1 && !only) {
        fprintf(stderr, "usage: test_ops [--backend ref|ref_guarded|cpu|cuda|cuda_fp16|cuda_bf16]\n");
        return ASC_USAGE;
    }
    if (only_cuda_is_wanted(argc, argv) && !cuda_module_is_usable())
        return TEST_SKIPPED;
    int n_failed = 0, n_run = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const bool on_host = kinds[i] <= ASC_BACKEND_CPU;
        if (only ? strcmp(only, kind_name(kinds[i])) != 0 : !on_host && cuda_module_is_too_slow())
            continue;
        n_failed += run_kind(kinds[i]);
        n_run++;
    }
    return n_failed > 0 || n_run == 0;
}
