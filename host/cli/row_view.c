// Slicing asc_result_rows by row.
#include "row_view.h"

#include "numbers.h"

#include <math.h>
#include <stdbool.h>

row_view row_view_at(const asc_result_info *info, const asc_result_rows *rows, size_t index)
{
    const size_t n_targets = info->n_targets;
    const size_t first_feature = (size_t)rows->feature_offsets[index],
                 first_span = (size_t)rows->span_offsets[index];
    row_view view = {
        .info = info,
        .row = rows->first + index,
        .id = rows->id[index],
        .position = rows->position[index],
        .evaluations = rows->evaluations[index],
        .status = rows->status[index],
        .n_features = (size_t)rows->feature_offsets[index + 1] - first_feature,
        .n_spans = (size_t)rows->span_offsets[index + 1] - first_span,
        .values = rows->values + first_feature * n_targets,
        .std_errors = rows->std_errors + first_feature * n_targets,
        .base_values = rows->base_values + index * n_targets,
        .outputs = rows->outputs + index * n_targets,
        .residual = rows->efficiency_residual + index * n_targets,
        .targets = rows->targets + index * n_targets,
        .scores = rows->scores + index * info->n_classes,
        .lime = rows->lime ? rows->lime + index * 3 * n_targets : NULL,
        .span_begin = rows->span_begin + first_span,
        .span_end = rows->span_end + first_span,
        .span_feature = rows->span_feature + first_span,
        .label = rows->labels ? rows->labels[index] : -1,
        .label_matrix = rows->label_matrix ? rows->label_matrix + index * info->n_label_names : NULL,
        .label_number = rows->label_numbers ? rows->label_numbers[index] : NAN,
        .key = rows->keys ? rows->keys[index] : NULL,
    };
    if (rows->text_offsets && rows->text) {
        view.text = rows->text + rows->text_offsets[index];
        view.text_size = (size_t)(rows->text_offsets[index + 1] - rows->text_offsets[index]);
        view.text_split = view.text_size;
        if (rows->text_split && rows->text_split[index] < view.text_size)
            view.text_split = rows->text_split[index];
    }
    return view;
}

static const char *name_of(const char *const *names, size_t n_names, int32_t index, char *number)
{
    if (index >= 0 && (size_t)index < n_names && names)
        return names[index];
    number[0] = '\0';
    if (index >= 0)
        snprintf(number, NUMBER_TEXT, "%d", index);
    return number;
}

const char *row_view_class(const row_view *view, int32_t class_index, char *number)
{
    return name_of(view->info->class_names, view->info->n_classes, class_index, number);
}

const char *row_view_label(const row_view *view, char *number)
{
    return name_of(view->info->label_names, view->info->n_label_names, view->label, number);
}

bool row_view_has_label(const row_view *view)
{
    const bool in_matrix =
        view->label_matrix && view->info->n_label_names > 0 && view->label_matrix[0] != ASC_NOT_LABELLED;

    return view->label >= 0 || in_matrix || !isnan(view->label_number);
}

void row_view_each_label(const row_view *view, print_label_word *print, void *context)
{
    char number[NUMBER_TEXT];

    if (view->label >= 0)
        print(context, row_view_label(view, number));
    for (size_t i = 0; view->label_matrix && i < view->info->n_label_names; i++)
        if (view->label_matrix[i] == 1)
            print(context, view->info->label_names[i]);
    if (!isnan(view->label_number))
        print(context, format_double(number, view->label_number));
}

const char *row_view_id(const row_view *view, char *number)
{
    if (view->key)
        return view->key;
    snprintf(number, NUMBER_TEXT, "%llu", (unsigned long long)view->id);
    return number;
}

int32_t row_view_prediction(const row_view *view)
{
    return asc_top_class(view->scores, view->info->n_classes);
}

size_t row_view_find_target(const row_view *view, int32_t class_index)
{
    size_t target = 0;

    while (target < view->info->n_targets && (class_index < 0 || view->targets[target] != class_index))
        target++;
    return target;
}

void row_view_print_status(FILE *out, const row_view *view, const char *separator)
{
    const char *before = "";

    for (unsigned bit = 0; bit < 32; bit++) {
        const char *name = asc_row_status_name(UINT32_C(1) << bit);
        if (!(view->status >> bit & 1u))
            continue;
        if (name)
            fprintf(out, "%s%s", before, name);
        else
            fprintf(out, "%sbit_%u", before, bit);
        before = separator;
    }
}

asc_status feature_names_build(feature_names *names, const row_view *view, asc_error *err)
{
    const asc_feature_spans spans = {
        .n_features = view->n_features,
        .n_spans = view->n_spans,
        .text_size = view->text_size,
        .begin = view->span_begin,
        .end = view->span_end,
        .feature = view->span_feature,
        .text = view->text,
    };
    return asc_feature_texts_build(names, &spans, err);
}

void feature_names_free(feature_names *names)
{
    asc_feature_texts_free(names);
}
