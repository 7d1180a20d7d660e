// Slicing asc_result_rows by row. Spans are clamped to the row's text once more: a terminal program reads
// files of strangers.
#include "row_view.h"

#include "numbers.h"
#include "report_error.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
    int32_t best = -1;

    for (size_t class_index = 0; class_index < view->info->n_classes; class_index++) {
        const float score = view->scores[class_index];
        if (score == score && (best < 0 || score > view->scores[best]))
            best = (int32_t)class_index;
    }
    return best;
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

static bool grow(void *array, size_t count, size_t size)
{
    void *const bigger = realloc(*(void **)array, (count + 1) * size);

    if (bigger)
        *(void **)array = bigger;
    return bigger != NULL;
}

static asc_status reserve(feature_names *names, size_t n_features, size_t n_bytes, asc_error *err)
{
    bool enough = true;

    if (n_features > names->capacity || !names->offsets) {
        enough = grow(&names->offsets, n_features + 1, sizeof *names->offsets) &&
                 grow(&names->begin, n_features, sizeof *names->begin) &&
                 grow(&names->end, n_features, sizeof *names->end) &&
                 grow(&names->filled, n_features, sizeof *names->filled);
        names->capacity = enough ? n_features : 0;
    }
    if (enough && (n_bytes > names->bytes_capacity || !names->bytes)) {
        enough = grow(&names->bytes, n_bytes, 1);
        names->bytes_capacity = enough ? n_bytes : 0;
    }
    return enough ? ASC_OK
                  : cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for the texts of %zu features", n_features);
}

// Where span `span` lies in the row's text, inside it whatever the file says; false when its feature does not
// exist.
static bool clamp_span(const row_view *view, size_t span, size_t *begin, size_t *length)
{
    const size_t end = view->span_end[span] < view->text_size ? view->span_end[span] : view->text_size;

    *begin = view->span_begin[span] < end ? view->span_begin[span] : end;
    *length = view->text ? end - *begin : 0;
    return view->span_feature[span] >= 0 && (size_t)view->span_feature[span] < view->n_features;
}

// offsets[feature + 1] = bytes of the feature's text; begin and end of each feature.
static void measure(feature_names *names, const row_view *view)
{
    memset(names->offsets, 0, (view->n_features + 1) * sizeof *names->offsets);
    for (size_t feature = 0; feature < view->n_features; feature++) {
        names->begin[feature] = UINT32_MAX;
        names->end[feature] = 0;
    }
    for (size_t span = 0; span < view->n_spans; span++) {
        size_t begin, length;
        if (!clamp_span(view, span, &begin, &length))
            continue;
        const size_t feature = (size_t)view->span_feature[span];
        names->offsets[feature + 1] += length + (names->offsets[feature + 1] > 0 && length > 0);
        if (view->span_begin[span] < names->begin[feature])
            names->begin[feature] = view->span_begin[span];
        if (view->span_end[span] > names->end[feature])
            names->end[feature] = view->span_end[span];
    }
}

asc_status feature_names_build(feature_names *names, const row_view *view, asc_error *err)
{
    if (reserve(names, view->n_features, view->text_size + view->n_spans, err) != ASC_OK)
        return err->status;
    measure(names, view);
    for (size_t feature = 0; feature < view->n_features; feature++)
        names->offsets[feature + 1] += names->offsets[feature];
    if (reserve(names, view->n_features, names->offsets[view->n_features], err) != ASC_OK)
        return err->status;
    for (size_t feature = 0; feature < view->n_features; feature++) {
        names->filled[feature] = 0;
        if (names->begin[feature] == UINT32_MAX)
            names->begin[feature] = 0;
    }
    for (size_t span = 0; span < view->n_spans; span++) {
        size_t begin, length;
        if (!clamp_span(view, span, &begin, &length) || length == 0)
            continue;
        const size_t feature = (size_t)view->span_feature[span];
        char *const bytes = names->bytes + names->offsets[feature];
        if (names->filled[feature] > 0)
            bytes[names->filled[feature]++] = ' ';
        memcpy(bytes + names->filled[feature], view->text + begin, length);
        names->filled[feature] += length;
    }
    return ASC_OK;
}

void feature_names_free(feature_names *names)
{
    free(names->offsets);
    free(names->begin);
    free(names->end);
    free(names->filled);
    free(names->bytes);
    *names = (feature_names){0};
}
