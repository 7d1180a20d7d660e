// Probes, damaged in their arrays or anywhere (hdf5_arrays.h): what is read has every column that its facts imply, and indexes within bounds.
#include "fuzz.h"
#include "hdf5_arrays.h"

#include "io/probe_file.h"

#include <math.h>
#include <string.h>

static void check_neurons(const probe_content *content)
{
    const int32_t *position = content->columns[PROBE_NEURON_POSITION], *token = content->columns[PROBE_NEURON_TOKEN];
    for (size_t i = 0; i < probe_column_lines(&content->facts, PROBE_NEURON_TOKEN); i++)
        FUZZ_REQUIRE(position[i] >= -1 && token[i] >= -1 && token[i] < (int64_t)content->facts.n_vocabulary);
}

static void check_top_neurons(const probe_content *content)
{
    const probe_facts *f = &content->facts;
    const int32_t *neuron = content->columns[PROBE_TOP_NEURON], *context = content->columns[PROBE_TOP_CONTEXT];
    const size_t n_lines = probe_column_lines(f, PROBE_TOP_NEURON);
    FUZZ_REQUIRE(f->n_top_rows > 0 && content->columns[PROBE_TOP_ROW] && content->columns[PROBE_TOP_ACTIVATION] && content->columns[PROBE_TOP_POSITION]);
    for (size_t i = 0; i < n_lines; i++)
        FUZZ_REQUIRE(neuron[i] >= -1 && neuron[i] < (int64_t)f->n_ffn);
    for (size_t i = 0; i < n_lines * f->n_top_rows * PROBE_CONTEXT; i++)
        FUZZ_REQUIRE(context[i] >= -1 && context[i] < (int64_t)f->n_vocabulary);
}

static void check_full(const probe_content *content)
{
    const probe_facts *f = &content->facts;
    FUZZ_REQUIRE(content->full_offsets[0] == 0 && content->full_attention_offsets[0] == 0);
    for (size_t r = 0; r < f->n_full; r++) {
        const uint64_t n = (uint64_t)(content->full_offsets[r + 1] - content->full_offsets[r]);
        FUZZ_REQUIRE(content->full_offsets[r + 1] > content->full_offsets[r]);
        FUZZ_REQUIRE((uint64_t)(content->full_attention_offsets[r + 1] - content->full_attention_offsets[r]) == f->n_blocks * f->n_heads * n * n);
    }
}

static void check_content(const probe_content *content)
{
    const probe_facts *f = &content->facts;
    FUZZ_REQUIRE(f->n_classes > 0 && f->n_matrices > 0 && content->columns[PROBE_DIRECTION] && content->columns[PROBE_MATRIX_BINS]);
    FUZZ_REQUIRE((content->columns[PROBE_NEURON_TOKEN] != NULL) == (f->n_rows > 0));
    FUZZ_REQUIRE((content->columns[PROBE_FLIPS] != NULL) == (f->n_ablated > 0));
    for (size_t i = 0; i < f->n_matrices; i++)
        FUZZ_REQUIRE(strlen(f->matrix_names[i]) < SIZE_MAX);
    for (size_t i = 0; f->token_names && i < f->n_vocabulary; i++)
        FUZZ_REQUIRE(strlen(f->token_names[i]) < SIZE_MAX);
    FUZZ_REQUIRE((content->columns[PROBE_MATRIX_HEAT] != NULL) == f->has_heat);
    if (f->n_rows > 0)
        check_neurons(content);
    if (f->n_rows > 0 && f->n_top_neurons > 0)
        check_top_neurons(content);
    for (size_t i = 0; f->n_ablated > 0 && i < probe_column_lines(f, PROBE_FLIPS); i++) {
        const double share = ((const double *)content->columns[PROBE_FLIPS])[i];
        FUZZ_REQUIRE(share >= 0 && share <= 1);
    }
    if (f->n_full > 0)
        check_full(content);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char path[] = ASCRIBE_FUZZ_CORPUS "/probe/contiguous.h5";
    probe_content content; // what is not accepted whole is no place to plant damage in
    (void)argc;
    (void)argv;
    hdf5_arrays_load(path, 40);
    FUZZ_REQUIRE(probe_file_read_here(path, &content, NULL) == ASC_OK);
    check_content(&content);
    probe_content_free(&content);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    probe_content content = {0};
    asc_error err = {0};
    const char *path = fuzz_named_file(bytes, size);
    const asc_status status = hdf5_only_arrays_differ(bytes, size) ? probe_file_read_here(path, &content, &err) : probe_file_read(path, &content, &err);
    FUZZ_REQUIRE(status == ASC_OK || status == ASC_MALFORMED || status == ASC_OUT_OF_MEMORY);
    if (status == ASC_OK)
        check_content(&content);
    probe_content_free(&content);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    return hdf5_arrays_mutate(bytes, size, max_size, seed);
}
