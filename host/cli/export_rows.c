// CSV and JSON lines by hand, for exact, short numbers and constant memory.
#include "export_rows.h"

#include "numbers.h"
#include "text_output.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static void csv_number(const csv_writer *writer, float value)
{
    char text[NUMBER_TEXT];

    if (isfinite(value))
        fputs(format_float(text, value), writer->out);
    fputc(',', writer->out);
}

void export_csv_header(FILE *out, const asc_result_info *info)
{
    fputs("row,id,position,label,class,feature,begin,end,", out);
    fputs(info->has_pairs ? "part," : "", out);
    fputs("text,value,std_error,base,output,status\n", out);
}

// Labels of a row on their way out.
typedef struct label_list {
    const csv_writer *writer; // of a table, else NULL
    FILE *out;
    size_t n_written;
} label_list;

static void csv_label(void *context, const char *word)
{
    label_list *list = context;

    fputs(list->n_written++ ? "|" : "", list->out);
    csv_bytes(list->writer, word, strlen(word));
}

// Several labels always in quotes, with '|' between.
static void csv_labels(const csv_writer *writer, const row_view *view)
{
    label_list list = {writer, writer->out, 0};
    char number[NUMBER_TEXT];

    if (view->label_matrix && row_view_has_label(view)) {
        fputc('"', writer->out);
        row_view_each_label(view, csv_label, &list);
        fputc('"', writer->out);
    } else if (view->label >= 0) {
        csv_field(writer, row_view_label(view, number));
        return;
    } else {
        row_view_each_label(view, csv_label, &list);
    }
    fputc(',', writer->out);
}

static void csv_line(const csv_writer *writer, const row_view *view, const feature_names *names,
                     size_t target, size_t feature)
{
    const size_t at = feature * view->info->n_targets + target;
    const size_t n_bytes = names->offsets[feature + 1] - names->offsets[feature];
    char number[NUMBER_TEXT];

    fprintf(writer->out, "%zu,", view->row);
    csv_field(writer, row_view_id(view, number));
    fprintf(writer->out, "%lld,", (long long)view->position);
    csv_labels(writer, view);
    csv_field(writer, row_view_class(view, view->targets[target], number));
    fprintf(writer->out, "%zu,%lu,%lu,", feature, (unsigned long)names->begin[feature],
            (unsigned long)names->end[feature]);
    if (view->info->has_pairs)
        fprintf(writer->out, "%d,", names->begin[feature] >= view->text_split);
    csv_text(writer, names->bytes + names->offsets[feature], n_bytes);
    fputc(',', writer->out);
    csv_number(writer, view->values[at]);
    csv_number(writer, view->std_errors[at]);
    csv_number(writer, view->base_values[target]);
    csv_number(writer, view->outputs[target]);
    row_view_print_status(writer->out, view, "|");
    fputc('\n', writer->out);
}

void export_csv_row(FILE *out, const row_view *view, const feature_names *names, bool for_terminal)
{
    const csv_writer writer = {out, for_terminal};

    for (size_t target = 0; target < view->info->n_targets; target++)
        for (size_t feature = 0; feature < view->n_features; feature++)
            csv_line(&writer, view, names, target, feature);
}

static void json_float(FILE *out, float value)
{
    char text[NUMBER_TEXT];

    fputs(isfinite(value) ? format_float(text, value) : "null", out);
}

static void json_floats(FILE *out, const char *key, const float *values, size_t count)
{
    fprintf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? "," : "", out);
        json_float(out, values[i]);
    }
    fputc(']', out);
}

// null for the class of a target that the row does not have.
static void json_class(FILE *out, const row_view *view, int32_t class_index)
{
    char number[NUMBER_TEXT];

    if (class_index < 0)
        fputs("null", out);
    else
        json_word(out, row_view_class(view, class_index, number));
}

static void json_label(void *context, const char *word)
{
    label_list *list = context;

    fputs(list->n_written++ ? "," : "", list->out);
    json_word(list->out, word);
}

// A name, a list of names, a number, or null.
static void json_labels(FILE *out, const row_view *view)
{
    label_list list = {NULL, out, 0};
    char number[NUMBER_TEXT];

    if (!row_view_has_label(view)) {
        fputs("null", out);
    } else if (view->label_matrix) {
        fputc('[', out);
        row_view_each_label(view, json_label, &list);
        fputc(']', out);
    } else if (view->label >= 0) {
        json_word(out, row_view_label(view, number));
    } else {
        fputs(isfinite(view->label_number) ? format_double(number, view->label_number) : "null", out);
    }
}

static void json_head(FILE *out, const row_view *view)
{
    fprintf(out, "{\"row\":%zu,\"id\":", view->row);
    if (view->key)
        json_word(out, view->key);
    else
        fprintf(out, "%llu", (unsigned long long)view->id);
    fprintf(out, ",\"position\":%lld,\"label\":", (long long)view->position);
    json_labels(out, view);
    fputs(",\"prediction\":", out);
    json_class(out, view, row_view_prediction(view));
    json_floats(out, "scores", view->scores, view->info->n_classes);
    fprintf(out, ",\"evaluations\":%lld,\"status\":[", (long long)view->evaluations);
    if (view->status) {
        fputc('"', out);
        row_view_print_status(out, view, "\",\"");
        fputc('"', out);
    }
    fputs("],\"text\":", out);
    if (view->text)
        json_bytes(out, view->text, view->text_size);
    else
        fputs("null", out);
    if (view->info->has_pairs)
        fprintf(out, ",\"split\":%zu", view->text_split);
}

void export_json_row(FILE *out, const row_view *view, const feature_names *names)
{
    const size_t n_targets = view->info->n_targets;

    json_head(out, view);
    fputs(",\"classes\":[", out);
    for (size_t target = 0; target < n_targets; target++) {
        fputs(target ? "," : "", out);
        json_class(out, view, view->targets[target]);
    }
    fputc(']', out);
    json_floats(out, "base", view->base_values, n_targets);
    json_floats(out, "output", view->outputs, n_targets);
    json_floats(out, "residual", view->residual, n_targets);
    if (view->lime) {
        json_floats(out, "lime_intercept", view->lime, n_targets);
        json_floats(out, "lime_score", view->lime + n_targets, n_targets);
        json_floats(out, "lime_local_prediction", view->lime + 2 * n_targets, n_targets);
    }
    fputs(",\"features\":[", out);
    for (size_t feature = 0; feature < view->n_features; feature++) {
        fprintf(out, "%s{\"feature\":%zu,\"begin\":%lu,\"end\":%lu,\"text\":", feature ? "," : "", feature,
                (unsigned long)names->begin[feature], (unsigned long)names->end[feature]);
        if (view->text)
            json_bytes(out, names->bytes + names->offsets[feature],
                           names->offsets[feature + 1] - names->offsets[feature]);
        else
            fputs("null", out);
        json_floats(out, "values", view->values + feature * n_targets, n_targets);
        json_floats(out, "std_errors", view->std_errors + feature * n_targets, n_targets);
        fputc('}', out);
    }
    fputs("]}\n", out);
}
