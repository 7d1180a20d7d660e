// See probe_columns.h.
#include "io/probe_columns.h"

#include <stdlib.h>
#include <string.h>

typedef enum line_kind { BY_HEAD, BY_MATRIX, BY_TOKEN, BY_DEPTH, BY_NEURON, BY_TOP_NEURON } line_kind;
typedef enum column_need { ALWAYS, WITH_HEAT, WITH_ROWS, WITH_TOP_NEURONS, WITH_ABLATION } column_need;
typedef enum width_kind { ONE, CLASSES, BINS, CELLS, TOP_ROWS, CONTEXTS } width_kind;

static const struct {
    const char *name;
    column_type type;
    line_kind lines;
    column_need need;
    width_kind width;
} columns[N_PROBE_COLUMNS] = {
    [PROBE_QK_FROBENIUS] = {"heads/qk_frobenius", COLUMN_FLOAT64, BY_HEAD, ALWAYS, ONE},
    [PROBE_QK_SPECTRAL] = {"heads/qk_spectral", COLUMN_FLOAT64, BY_HEAD, ALWAYS, ONE},
    [PROBE_QK_RANK] = {"heads/qk_effective_rank", COLUMN_FLOAT64, BY_HEAD, ALWAYS, ONE},
    [PROBE_OV_FROBENIUS] = {"heads/ov_frobenius", COLUMN_FLOAT64, BY_HEAD, ALWAYS, ONE},
    [PROBE_OV_SPECTRAL] = {"heads/ov_spectral", COLUMN_FLOAT64, BY_HEAD, ALWAYS, ONE},
    [PROBE_OV_RANK] = {"heads/ov_effective_rank", COLUMN_FLOAT64, BY_HEAD, ALWAYS, ONE},
    [PROBE_MATRIX_ROWS] = {"matrices/rows", COLUMN_UINT64, BY_MATRIX, ALWAYS, ONE},
    [PROBE_MATRIX_COLUMNS] = {"matrices/columns", COLUMN_UINT64, BY_MATRIX, ALWAYS, ONE},
    [PROBE_MATRIX_FROBENIUS] = {"matrices/frobenius", COLUMN_FLOAT64, BY_MATRIX, ALWAYS, ONE},
    [PROBE_MATRIX_MEAN] = {"matrices/mean", COLUMN_FLOAT64, BY_MATRIX, ALWAYS, ONE},
    [PROBE_MATRIX_STD] = {"matrices/std", COLUMN_FLOAT64, BY_MATRIX, ALWAYS, ONE},
    [PROBE_MATRIX_MIN] = {"matrices/min", COLUMN_FLOAT64, BY_MATRIX, ALWAYS, ONE},
    [PROBE_MATRIX_MAX] = {"matrices/max", COLUMN_FLOAT64, BY_MATRIX, ALWAYS, ONE},
    [PROBE_MATRIX_BINS] = {"matrices/bins", COLUMN_UINT64, BY_MATRIX, ALWAYS, BINS},
    [PROBE_MATRIX_HEAT] = {"matrices/heat", COLUMN_FLOAT32, BY_MATRIX, WITH_HEAT, CELLS},
    [PROBE_DIRECTION] = {"vocabulary/direction", COLUMN_FLOAT32, BY_TOKEN, ALWAYS, CLASSES},
    [PROBE_ENTROPY] = {"attention/entropy", COLUMN_FLOAT64, BY_HEAD, WITH_ROWS, ONE},
    [PROBE_ENTROPY_STD] = {"attention/entropy_std", COLUMN_FLOAT64, BY_HEAD, WITH_ROWS, ONE},
    [PROBE_TO_FIRST] = {"attention/to_first", COLUMN_FLOAT64, BY_HEAD, WITH_ROWS, ONE},
    [PROBE_TO_LAST] = {"attention/to_last", COLUMN_FLOAT64, BY_HEAD, WITH_ROWS, ONE},
    [PROBE_TO_SELF] = {"attention/to_self", COLUMN_FLOAT64, BY_HEAD, WITH_ROWS, ONE},
    [PROBE_TO_PREVIOUS] = {"attention/to_previous", COLUMN_FLOAT64, BY_HEAD, WITH_ROWS, ONE},
    [PROBE_TO_NEXT] = {"attention/to_next", COLUMN_FLOAT64, BY_HEAD, WITH_ROWS, ONE},
    [PROBE_NORM_MEAN] = {"hidden/norm_mean", COLUMN_FLOAT64, BY_DEPTH, WITH_ROWS, ONE},
    [PROBE_NORM_STD] = {"hidden/norm_std", COLUMN_FLOAT64, BY_DEPTH, WITH_ROWS, ONE},
    [PROBE_COSINE_BEFORE] = {"hidden/cosine_before", COLUMN_FLOAT64, BY_DEPTH, WITH_ROWS, ONE},
    [PROBE_COSINE_TOKENS] = {"hidden/cosine_tokens", COLUMN_FLOAT64, BY_DEPTH, WITH_ROWS, ONE},
    [PROBE_NEURON_MAX] = {"neurons/max", COLUMN_FLOAT32, BY_NEURON, WITH_ROWS, ONE},
    [PROBE_NEURON_MEAN] = {"neurons/mean", COLUMN_FLOAT64, BY_NEURON, WITH_ROWS, ONE},
    [PROBE_NEURON_ROW] = {"neurons/row", COLUMN_UINT64, BY_NEURON, WITH_ROWS, ONE},
    [PROBE_NEURON_POSITION] = {"neurons/position", COLUMN_INT32, BY_NEURON, WITH_ROWS, ONE},
    [PROBE_NEURON_TOKEN] = {"neurons/token", COLUMN_INT32, BY_NEURON, WITH_ROWS, ONE},
    [PROBE_TOP_NEURON] = {"top_neurons/neuron", COLUMN_INT32, BY_TOP_NEURON, WITH_TOP_NEURONS, ONE},
    [PROBE_TOP_ACTIVATION] = {"top_neurons/activation", COLUMN_FLOAT32, BY_TOP_NEURON, WITH_TOP_NEURONS, TOP_ROWS},
    [PROBE_TOP_ROW] = {"top_neurons/row", COLUMN_UINT64, BY_TOP_NEURON, WITH_TOP_NEURONS, TOP_ROWS},
    [PROBE_TOP_POSITION] = {"top_neurons/position", COLUMN_INT32, BY_TOP_NEURON, WITH_TOP_NEURONS, TOP_ROWS},
    [PROBE_TOP_CONTEXT] = {"top_neurons/context", COLUMN_INT32, BY_TOP_NEURON, WITH_TOP_NEURONS, CONTEXTS},
    [PROBE_LOGIT_CHANGE] = {"ablation/logit_change", COLUMN_FLOAT64, BY_HEAD, WITH_ABLATION, ONE},
    [PROBE_LOGIT_CHANGE_ABS] = {"ablation/logit_change_abs", COLUMN_FLOAT64, BY_HEAD, WITH_ABLATION, ONE},
    [PROBE_LOGIT_STD_ERROR] = {"ablation/logit_std_error", COLUMN_FLOAT64, BY_HEAD, WITH_ABLATION, ONE},
    [PROBE_LOSS_CHANGE] = {"ablation/loss_change", COLUMN_FLOAT64, BY_HEAD, WITH_ABLATION, ONE},
    [PROBE_LOSS_STD_ERROR] = {"ablation/loss_std_error", COLUMN_FLOAT64, BY_HEAD, WITH_ABLATION, ONE},
    [PROBE_FLIPS] = {"ablation/flips", COLUMN_FLOAT64, BY_HEAD, WITH_ABLATION, ONE},
};

size_t probe_column_lines(const probe_facts *facts, probe_column column)
{
    switch (columns[column].lines) {
    case BY_HEAD: return facts->n_blocks * facts->n_heads;
    case BY_MATRIX: return facts->n_matrices;
    case BY_TOKEN: return facts->n_vocabulary;
    case BY_DEPTH: return facts->n_blocks + 1;
    case BY_NEURON: return facts->n_blocks * facts->n_ffn;
    case BY_TOP_NEURON: return facts->n_blocks * facts->n_top_neurons;
    }
    return 0;
}

static size_t width_of(const probe_facts *facts, width_kind width)
{
    switch (width) {
    case ONE: return 0;
    case CLASSES: return facts->n_classes;
    case BINS: return PROBE_N_BINS;
    case CELLS: return PROBE_HEAT_SIDE * PROBE_HEAT_SIDE;
    case TOP_ROWS: return facts->n_top_rows;
    case CONTEXTS: return facts->n_top_rows * PROBE_CONTEXT;
    }
    return 0;
}

h5set_shape probe_column_shape(const probe_facts *facts, probe_column column)
{
    return (h5set_shape){columns[column].type, probe_column_lines(facts, column), width_of(facts, columns[column].width)};
}

const char *probe_column_name(probe_column column)
{
    return columns[column].name;
}

bool probe_column_is_there(const probe_facts *facts, probe_column column)
{
    switch (columns[column].need) {
    case ALWAYS: return true;
    case WITH_HEAT: return facts->has_heat;
    case WITH_ROWS: return facts->n_rows > 0;
    case WITH_TOP_NEURONS: return facts->n_rows > 0 && facts->n_top_neurons > 0;
    case WITH_ABLATION: return facts->n_ablated > 0;
    }
    return false;
}

static size_t type_size(column_type type)
{
    return type == COLUMN_FLOAT32 || type == COLUMN_INT32 ? 4 : 8;
}

asc_status probe_content_allocate(probe_content *content, probe_column column, asc_error *err)
{
    const h5set_shape shape = probe_column_shape(&content->facts, column);
    const size_t elements = shape.n_rows * (shape.n_columns ? shape.n_columns : 1), size = type_size(shape.type);
    if (!probe_column_is_there(&content->facts, column))
        return ASC_OK;
    content->columns[column] = calloc(elements + 1, size);
    return content->columns[column] ? ASC_OK : fail_memory(err, columns[column].name, elements * size);
}

static void free_names(char **names, size_t n_names)
{
    for (size_t i = 0; names && i < n_names; i++)
        free(names[i]);
    free(names);
}

void probe_content_free(probe_content *content)
{
    for (size_t i = 0; i < N_PROBE_COLUMNS; i++)
        free(content->columns[i]);
    free(content->full_attention_offsets);
    free(content->full_offsets);
    free_names(content->facts.class_names, content->facts.n_classes);
    free_names(content->facts.matrix_names, content->facts.n_matrices);
    free_names(content->facts.token_names, content->facts.n_vocabulary);
    memset(content, 0, sizeof *content);
}
