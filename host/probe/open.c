// Reading a probe: the public face of io/probe_file.h.
#include <ascribe/probe.h>

#include "io/probe_file.h"

#include <stdlib.h>

struct asc_probe {
    probe_content content;
    asc_probe_info info;
};

asc_status asc_probe_is(const char *path, int *is_probe, asc_error *err)
{
    bool is = false;
    TRY(probe_file_is(path, &is, err));
    *is_probe = is;
    return ASC_OK;
}

static asc_probe_info describe(const probe_content *c)
{
    const probe_facts *f = &c->facts;
    void *const *columns = c->columns;
    return (asc_probe_info){
        .n_blocks = f->n_blocks, .n_heads = f->n_heads, .n_hidden = f->n_hidden, .n_ffn = f->n_ffn, .n_vocabulary = f->n_vocabulary,
        .n_classes = f->n_classes, .n_matrices = f->n_matrices,
        .architecture = f->architecture, .weights_sha256 = f->weights_sha256, .dataset_sha256 = f->dataset_sha256, .backend = f->backend,
        .precision = f->precision, .kernel_set = f->kernel_set,
        .class_names = (const char *const *)f->class_names, .matrix_names = (const char *const *)f->matrix_names,
        .first_row = f->first_row, .n_rows = f->n_rows, .n_skipped = f->n_skipped, .n_tokens = f->n_tokens, .n_ablated = f->n_ablated,
        .n_with_loss = f->n_with_loss, .n_full_rows = f->n_full,
        .qk_frobenius = columns[PROBE_QK_FROBENIUS], .qk_spectral = columns[PROBE_QK_SPECTRAL], .qk_rank = columns[PROBE_QK_RANK],
        .ov_frobenius = columns[PROBE_OV_FROBENIUS], .ov_spectral = columns[PROBE_OV_SPECTRAL], .ov_rank = columns[PROBE_OV_RANK],
        .matrix_frobenius = columns[PROBE_MATRIX_FROBENIUS], .matrix_std = columns[PROBE_MATRIX_STD],
        .matrix_heat = columns[PROBE_MATRIX_HEAT], .token_names = (const char *const *)f->token_names,
        .direction = columns[PROBE_DIRECTION],
        .entropy = columns[PROBE_ENTROPY], .to_first = columns[PROBE_TO_FIRST], .to_last = columns[PROBE_TO_LAST],
        .to_self = columns[PROBE_TO_SELF], .to_previous = columns[PROBE_TO_PREVIOUS], .to_next = columns[PROBE_TO_NEXT],
        .norm_mean = columns[PROBE_NORM_MEAN], .norm_std = columns[PROBE_NORM_STD], .cosine_before = columns[PROBE_COSINE_BEFORE],
        .cosine_tokens = columns[PROBE_COSINE_TOKENS],
        .neuron_max = columns[PROBE_NEURON_MAX], .neuron_mean = columns[PROBE_NEURON_MEAN], .neuron_row = columns[PROBE_NEURON_ROW],
        .neuron_position = columns[PROBE_NEURON_POSITION], .neuron_token = columns[PROBE_NEURON_TOKEN],
        .n_top_neurons = f->n_top_neurons, .n_top_rows = f->n_top_rows, .top_neuron = columns[PROBE_TOP_NEURON],
        .top_position = columns[PROBE_TOP_POSITION], .top_activation = columns[PROBE_TOP_ACTIVATION], .top_row = columns[PROBE_TOP_ROW],
        .top_context = columns[PROBE_TOP_CONTEXT],
        .logit_change = columns[PROBE_LOGIT_CHANGE], .logit_change_abs = columns[PROBE_LOGIT_CHANGE_ABS],
        .logit_std_error = columns[PROBE_LOGIT_STD_ERROR], .loss_change = columns[PROBE_LOSS_CHANGE],
        .loss_std_error = columns[PROBE_LOSS_STD_ERROR], .flips = columns[PROBE_FLIPS],
    };
}

asc_status asc_probe_open(const char *path, asc_probe **out, asc_error *err)
{
    asc_probe *probe = calloc(1, sizeof *probe);
    *out = NULL;
    if (!probe)
        return fail_memory(err, "a probe", sizeof *probe);
    const asc_status status = probe_file_read(path, &probe->content, err);
    if (status != ASC_OK) {
        free(probe);
        return status;
    }
    probe->info = describe(&probe->content);
    *out = probe;
    return ASC_OK;
}

void asc_probe_close(asc_probe *probe)
{
    if (!probe)
        return;
    probe_content_free(&probe->content);
    free(probe);
}

const asc_probe_info *asc_probe_describe(const asc_probe *probe)
{
    return &probe->info;
}
