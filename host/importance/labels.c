// See labels.h.
#include "importance/labels.h"

#include <ascribe/model.h>

#include "base/fail.h"

#include <math.h>
#include <string.h>

// Every label name is a class, and, of several labels, every class one of the names.
static asc_status check_names(const label_source *source, bool all_classes, asc_error *err)
{
    const asc_dataset_info *data = source->data;
    const asc_model_info *model = asc_model_describe(source->model);
    for (size_t i = 0; i < data->n_label_names; i++) {
        if (request_label_class(source->request, (int32_t)i) >= 0)
            continue;
        (void)fail(err, ASC_USAGE, "%s: expected labels that are all classes of the model, as '%.100s', found among others '%.100s'", source->path,
                   model->class_names[0], data->label_names[i]);
        return fail_hint(err, ASC_USAGE, "prepare the texts again with labels named as `ascribe inspect` names the model's classes");
    }
    if (all_classes && data->n_label_names != model->n_classes)
        return fail(err, ASC_USAGE, "%s: expected a label name for each of the model's %zu classes, found %zu", source->path, model->n_classes,
                    data->n_label_names);
    return ASC_OK;
}

static asc_status fail_kind(const label_source *source, const char *expected, asc_error *err)
{
    const asc_dataset_info *data = source->data;
    const char *const found = data->has_labels         ? "labels of one class a row"
                              : data->has_label_matrix ? "labels of several classes a row"
                              : data->has_label_numbers ? "numbers as labels"
                                                        : "no labels";
    (void)fail(err, ASC_USAGE, "%s: expected %s, which the loss of this model takes, found %s", source->path, expected, found);
    return fail_hint(err, ASC_USAGE, "prepare the texts with --label-column (and --label-type)");
}

asc_status labels_choose_loss(const label_source *source, loss_kind *loss, asc_error *err)
{
    const asc_dataset_info *data = source->data;
    if (source->model->config.problem == PROBLEM_REGRESSION) {
        *loss = LOSS_SQUARED_ERROR;
        if (source->model->n_classes != 1)
            return fail(err, ASC_USAGE, "a regression of %zu outputs: expected one output", source->model->n_classes);
        return data->has_label_numbers ? ASC_OK : fail_kind(source, "numbers as labels", err);
    }
    if (source->model->sigmoid) {
        *loss = LOSS_BINARY_CROSS_ENTROPY;
        return data->has_label_matrix ? check_names(source, true, err) : fail_kind(source, "labels of several classes a row", err);
    }
    *loss = LOSS_CROSS_ENTROPY;
    return data->has_labels ? check_names(source, false, err) : fail_kind(source, "labels of one class a row", err);
}

static bool several_of_row(const explain_request *request, const uint8_t *labels, uint8_t *classes)
{
    if (labels[0] == ASC_NOT_LABELLED)
        return false;
    for (size_t i = 0; i < request->n_label_names; i++)
        classes[request_label_class(request, (int32_t)i)] = labels[i];
    return true;
}

bool labels_of_row(const label_source *source, loss_kind loss, const asc_rows *rows, size_t row, uint8_t *classes, row_label *out)
{
    const explain_request *request = source->request;
    *out = (row_label){.class_index = -1, .classes = classes};
    switch (loss) {
    case LOSS_CROSS_ENTROPY: out->class_index = request_label_class(request, rows->labels[row]); return out->class_index >= 0;
    case LOSS_SQUARED_ERROR: out->number = rows->label_numbers[row]; return isfinite(out->number);
    case LOSS_BINARY_CROSS_ENTROPY: return several_of_row(request, rows->label_matrix + row * request->n_label_names, classes);
    }
    return false;
}
