// Evaluations, damaged in their arrays or anywhere (hdf5_arrays.h): what is read has ids in order, numbers in their ranges, and can be compared.
#include "fuzz.h"
#include "hdf5_arrays.h"

#include "evaluate/evaluation_read.h"

#include <math.h>

static void check_order(const row_scores *row, const order_scores *order)
{
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++)
        FUZZ_REQUIRE(fabsf(order->metrics[m]) <= 1.0001f || (m >= SCORES_PLAUSIBILITY && isnan(order->metrics[m])));
    for (size_t i = 0; i < PLAN_MOST_POINTS && !isnan(row->fractions[i]); i++)
        FUZZ_REQUIRE(order->deletion[i] >= 0 && order->deletion[i] <= 1 && order->insertion[i] >= 0 && order->insertion[i] <= 1);
}

static void check_evaluation(const asc_evaluation *e)
{
    asc_evaluation_comparison comparison;
    FUZZ_REQUIRE(e->info.n_classes > 0 && e->summary.n_orders >= 1);
    for (size_t i = 0; i < e->summary.n_evaluated; i++) {
        const row_scores *row = &e->rows[i];
        FUZZ_REQUIRE(row->class_index >= 0 && (size_t)row->class_index < e->info.n_classes && row->n_features > 0);
        FUZZ_REQUIRE(i == 0 || row[-1].id < row->id);
        FUZZ_REQUIRE(row->fractions[0] == 0 && row->fractions[1] > 0 && row->fractions[1] <= 1);
        check_order(row, &row->attribution);
        check_order(row, &row->random);
    }
    for (size_t i = 0; i < ASC_EVALUATION_POINTS; i++)
        FUZZ_REQUIRE(e->summary.deletion[i] >= 0 && e->summary.deletion[i] <= 1.0001);
    FUZZ_REQUIRE(asc_evaluation_compare(e, e, &comparison, NULL) == ASC_OK && comparison.n_worse == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char path[] = ASCRIBE_FUZZ_CORPUS "/evaluation/contiguous.h5";
    asc_evaluation *e = NULL; // what is not accepted whole is no place to plant damage in
    (void)argc;
    (void)argv;
    hdf5_arrays_load(path, 40);
    FUZZ_REQUIRE(evaluation_read_here(path, &e, NULL) == ASC_OK && evaluation_check_means(path, e, NULL) == ASC_OK);
    check_evaluation(e);
    asc_evaluation_close(e);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    asc_evaluation *e = NULL;
    asc_error err = {0};
    const char *path = fuzz_named_file(bytes, size);
    const asc_status status = hdf5_only_arrays_differ(bytes, size) ? evaluation_read_here(path, &e, &err) : asc_evaluation_open(path, &e, &err);
    FUZZ_REQUIRE((status == ASC_OK) == (e != NULL));
    FUZZ_REQUIRE(status == ASC_OK || status == ASC_MALFORMED || status == ASC_OUT_OF_MEMORY);
    if (e)
        check_evaluation(e);
    asc_evaluation_close(e);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    return hdf5_arrays_mutate(bytes, size, max_size, seed);
}
