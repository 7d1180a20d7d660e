// Orange raises the class, blue lowers it, strength by |value| / largest |value|: five shades of each from
// the 256 colours, always with black letters, so that they read on light and dark screens and for the
// colour-blind. The texts of a pair stand on both sides of " || ". Without colour the same five steps are one to five signs: [+++word], [--word].
#include "render_row.h"

#include "numbers.h"
#include "report_error.h"
#include "utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_SHADES = 5, DEFAULT_TOP = 20, BAR_CELLS = 16, LABEL_COLUMNS = 13 };

static const int raising[N_SHADES] = {223, 216, 215, 208, 202};
static const int lowering[N_SHADES] = {189, 153, 117, 75, 33};
static const double faintest = 0.05; // of the largest |value|; anything below is not marked

// A row that is being shown.
typedef struct row_rendering {
    FILE *out;
    const row_view *view;
    const render_options *options;
    feature_names names;
    size_t *order;  // features by decreasing |value|
    double largest; // |value|
} row_rendering;

typedef struct ranked_feature {
    double magnitude; // -1 for NaN
    size_t feature;
} ranked_feature;

static float value_of(const row_rendering *rendering, size_t feature)
{
    return rendering->view->values[feature * rendering->view->info->n_targets + rendering->options->target];
}

static float std_error_of(const row_rendering *rendering, size_t feature)
{
    return rendering->view
        ->std_errors[feature * rendering->view->info->n_targets + rendering->options->target];
}

static int compare_ranked(const void *a, const void *b)
{
    const ranked_feature *const first = a, *const second = b;

    if (first->magnitude != second->magnitude)
        return first->magnitude > second->magnitude ? -1 : 1;
    return first->feature < second->feature ? -1 : first->feature > second->feature;
}

static asc_status rank_features(row_rendering *rendering, asc_error *err)
{
    const size_t n_features = rendering->view->n_features;
    ranked_feature *ranked = malloc((n_features + 1) * sizeof *ranked);

    rendering->order = malloc((n_features + 1) * sizeof *rendering->order);
    if (!ranked || !rendering->order) {
        free(ranked);
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for %zu features", n_features);
    }
    for (size_t feature = 0; feature < n_features; feature++) {
        const double value = (double)value_of(rendering, feature);
        ranked[feature] = (ranked_feature){isnan(value) ? -1 : fabs(value), feature};
    }
    qsort(ranked, n_features, sizeof *ranked, compare_ranked);
    for (size_t i = 0; i < n_features; i++)
        rendering->order[i] = ranked[i].feature;
    if (n_features > 0 && ranked[0].magnitude > 0)
        rendering->largest = ranked[0].magnitude;
    free(ranked);
    return ASC_OK;
}

static asc_status rendering_open(row_rendering *rendering, FILE *out, const row_view *view,
                                 const render_options *options, asc_error *err)
{
    *rendering = (row_rendering){.out = out, .view = view, .options = options};
    if (feature_names_build(&rendering->names, view, err) != ASC_OK)
        return err->status;
    return rank_features(rendering, err);
}

static void rendering_close(row_rendering *rendering)
{
    feature_names_free(&rendering->names);
    free(rendering->order);
}

// 0 = not marked, 1 .. N_SHADES; negative values lower.
static int shade_of(const row_rendering *rendering, float value)
{
    const double ratio = rendering->largest > 0 ? fabs((double)value) / rendering->largest : 0;

    if (!(ratio >= faintest))
        return 0;
    const int shade = (int)ceil(ratio * N_SHADES);
    return (shade > N_SHADES ? N_SHADES : shade) * (value < 0 ? -1 : 1);
}

static void begin_color(FILE *out, int shade)
{
    fprintf(out, "\x1b[38;5;16;48;5;%dm", shade > 0 ? raising[shade - 1] : lowering[-shade - 1]);
}

static void end_color(FILE *out)
{
    fputs("\x1b[0m", out);
}

static void print_marked(const row_rendering *rendering, const char *bytes, size_t size, int shade)
{
    FILE *const out = rendering->out;

    if (shade == 0) {
        utf8_print_safe(out, bytes, size);
    } else if (rendering->options->color) {
        begin_color(out, shade);
        utf8_print_safe(out, bytes, size);
        end_color(out);
    } else {
        fprintf(out, "[%.*s", abs(shade), shade > 0 ? "+++++" : "-----");
        utf8_print_safe(out, bytes, size);
        fputc(']', out);
    }
}

// The text from byte `at` to `to`, with its spans marked.
static void print_part(const row_rendering *rendering, size_t at, size_t to)
{
    const row_view *view = rendering->view;

    for (size_t span = 0; span < view->n_spans; span++) {
        const size_t end = view->span_end[span] < to ? view->span_end[span] : to;
        const size_t begin = view->span_begin[span] > at ? view->span_begin[span] : at;
        const int32_t feature = view->span_feature[span];
        if (begin >= end || feature < 0 || (size_t)feature >= view->n_features)
            continue;
        utf8_print_safe(rendering->out, view->text + at, begin - at);
        print_marked(rendering, view->text + begin, end - begin,
                     shade_of(rendering, value_of(rendering, (size_t)feature)));
        at = end;
    }
    utf8_print_safe(rendering->out, view->text + at, to - at);
}

static void print_text(const row_rendering *rendering)
{
    const row_view *view = rendering->view;

    print_part(rendering, 0, view->text_split);
    if (view->info->has_pairs) {
        fputs(" || ", rendering->out);
        print_part(rendering, view->text_split, view->text_size);
    }
    fputc('\n', rendering->out);
}

static void print_label(FILE *out, const char *label)
{
    fprintf(out, "%-*s", LABEL_COLUMNS, label);
}

static void print_field(FILE *out, const char *label, const char *value)
{
    print_label(out, label);
    utf8_print_safe(out, value, strlen(value));
}

typedef struct label_list {
    FILE *out;
    size_t n_printed;
} label_list;

static void print_label_of_list(void *context, const char *word)
{
    label_list *list = context;

    fputs(list->n_printed++ ? ", " : "", list->out);
    utf8_print_safe(list->out, word, strlen(word));
}

static void print_row_label(FILE *out, const row_view *view)
{
    label_list list = {out, 0};

    if (!row_view_has_label(view))
        return;
    print_label(out, "label");
    row_view_each_label(view, print_label_of_list, &list);
    fputs(list.n_printed ? "\n" : "-\n", out);
}

static void print_prediction(FILE *out, const row_view *view)
{
    const int32_t prediction = row_view_prediction(view);
    char number[NUMBER_TEXT];

    if (prediction < 0)
        return;
    print_field(out, "prediction", row_view_class(view, prediction, number));
    fprintf(out, ", score %.4f\n", (double)view->scores[prediction]);
}

static void print_sum_line(FILE *out, const char *label, double value)
{
    fprintf(out, "%-*s%.5g\n", LABEL_COLUMNS, label, value);
}

// What the attributions add up to: for lime its own fit at the row, which is not the output.
static void print_sums(const row_rendering *rendering)
{
    const row_view *view = rendering->view;
    const size_t target = rendering->options->target, n_targets = view->info->n_targets;
    const double base = (double)view->base_values[target], output = (double)view->outputs[target];
    FILE *const out = rendering->out;
    double sum = 0;

    for (size_t feature = 0; feature < view->n_features; feature++)
        sum += (double)value_of(rendering, feature);
    if (view->lime) {
        const float *fit = view->lime + target;
        print_sum_line(out, "base value", base);
        print_sum_line(out, "output", output);
        print_sum_line(out, "intercept", (double)fit[0]);
        fprintf(out, "%-*s%.5g (intercept + sum), score %.4f\n", LABEL_COLUMNS, "local fit", (double)fit[2 * n_targets],
                (double)fit[n_targets]);
        return;
    }
    print_sum_line(out, "base value", base);
    fprintf(out, "%-*s%.5g, residual %.2g\n", LABEL_COLUMNS, "+ sum", sum, (double)view->residual[target]);
    print_sum_line(out, "= output", output);
}

static void print_header(const row_rendering *rendering)
{
    const row_view *view = rendering->view;
    const size_t target = rendering->options->target;
    FILE *const out = rendering->out;
    const bool names_estimator = strcmp(view->info->estimator, "auto") != 0;
    char number[NUMBER_TEXT];

    fprintf(out, "%-*s%zu", LABEL_COLUMNS, "row", view->row);
    if (view->position != (int64_t)view->row)
        fprintf(out, " (row %lld of the dataset)", (long long)view->position);
    fputc('\n', out);
    print_field(out, "id", row_view_id(view, number));
    fputc('\n', out);
    print_row_label(out, view);
    print_prediction(out, view);
    print_field(out, "explained", row_view_class(view, view->targets[target], number));
    fprintf(out, " (%s), by %s%s%s, %lld evaluations\n", view->info->output, view->info->method,
            names_estimator ? "/" : "", names_estimator ? view->info->estimator : "",
            (long long)view->evaluations);
    print_sums(rendering);
    if (view->status) {
        print_label(out, "status");
        row_view_print_status(out, view, ", ");
        fputc('\n', out);
    }
}

// Decimals that show four digits of the largest value.
static int decimals_for(double largest)
{
    const int decimals = largest > 0 && isfinite(largest) ? 3 - (int)floor(log10(largest)) : 3;

    return decimals < 0 ? 0 : decimals > 9 ? 9 : decimals;
}

static void print_cells(const row_rendering *rendering, size_t n_cells, char sign, int shade)
{
    if (n_cells == 0)
        return;
    if (rendering->options->color)
        begin_color(rendering->out, shade);
    for (size_t i = 0; i < n_cells; i++)
        fputc(rendering->options->color ? ' ' : sign, rendering->out);
    if (rendering->options->color)
        end_color(rendering->out);
}

static void print_bar(const row_rendering *rendering, float value, size_t half)
{
    const double ratio =
        rendering->largest > 0 && isfinite((double)value) ? fabs((double)value) / rendering->largest : 0;
    const size_t n_cells = (size_t)lround(ratio * (double)half);
    const int shade = shade_of(rendering, value);
    const bool lowers = value < 0;

    fprintf(rendering->out, "  %*s", (int)(half - (lowers ? n_cells : 0)), "");
    print_cells(rendering, lowers ? n_cells : 0, '-', shade ? shade : -1);
    fputc('|', rendering->out);
    print_cells(rendering, lowers ? 0 : n_cells, '+', shade ? shade : 1);
    fputc('\n', rendering->out);
}

static void print_name(const row_rendering *rendering, size_t feature, size_t columns)
{
    const feature_names *names = &rendering->names;
    const size_t size = names->offsets[feature + 1] - names->offsets[feature];
    char number[NUMBER_TEXT];

    if (size > 0) {
        utf8_print_padded(rendering->out, names->bytes + names->offsets[feature], size, columns);
    } else {
        snprintf(number, sizeof number, "#%zu", feature);
        utf8_print_padded(rendering->out, number, strlen(number), columns);
    }
}

static void print_table(const row_rendering *rendering)
{
    const size_t n_features = rendering->view->n_features;
    const size_t top = rendering->options->top ? rendering->options->top : DEFAULT_TOP;
    const size_t n_shown = n_features < top ? n_features : top;
    const size_t width = rendering->options->width, half = width >= 80 ? BAR_CELLS : BAR_CELLS / 2;
    const size_t name_columns = width - 28 - 2 * half > 24  ? 24
                                : width - 28 - 2 * half < 8 ? 8
                                                            : width - 28 - 2 * half;
    const int decimals = decimals_for(rendering->largest);
    char std_error[400];

    fprintf(rendering->out, "%-*s %11s %11s\n", (int)name_columns, "feature", "value", "std error");
    for (size_t i = 0; i < n_shown; i++) {
        const size_t feature = rendering->order[i];
        print_name(rendering, feature, name_columns);
        snprintf(std_error, sizeof std_error, "%.*f", decimals, (double)std_error_of(rendering, feature));
        const int padding = strlen(std_error) < 9 ? 9 - (int)strlen(std_error) : 0;
        fprintf(rendering->out, " %+11.*f %*s\xC2\xB1 %s", decimals, (double)value_of(rendering, feature),
                padding, "", std_error);
        print_bar(rendering, value_of(rendering, feature), half);
    }
    if (n_shown < n_features)
        fprintf(rendering->out, "%zu more (--top %zu shows all)\n", n_features - n_shown, n_features);
}

static void print_legend(const row_rendering *rendering)
{
    char number[NUMBER_TEXT];
    FILE *const out = rendering->out;

    print_marked(rendering, "raises", 6, 3);
    fputc(' ', out);
    print_marked(rendering, "lowers", 6, -3);
    fputs(" the output for ", out);
    const char *name =
        row_view_class(rendering->view, rendering->view->targets[rendering->options->target], number);
    utf8_print_safe(out, name, strlen(name));
    fputs("\n\n", out);
}

static void print_attributions(const row_rendering *rendering)
{
    const row_view *view = rendering->view;

    fputc('\n', rendering->out);
    if (view->n_features == 0) {
        fputs("This row has no features: nothing to attribute.\n", rendering->out);
    } else if (isnan((double)value_of(rendering, rendering->order[0]))) {
        fputs("This row has no attributions; its status says why.\n", rendering->out);
    } else {
        print_legend(rendering);
        print_table(rendering);
    }
}

asc_status render_row(FILE *out, const row_view *view, const render_options *options, asc_error *err)
{
    row_rendering rendering;
    asc_status status = rendering_open(&rendering, out, view, options, err);

    if (status == ASC_OK) {
        print_header(&rendering);
        if (view->text_size > 0) {
            fputc('\n', out);
            print_text(&rendering);
        }
        print_attributions(&rendering);
    }
    rendering_close(&rendering);
    return status;
}

asc_status render_list(FILE *out, const row_view *view, const render_options *options, asc_error *err)
{
    row_rendering rendering;
    const size_t n_shown = options->top && options->top < view->n_features ? options->top : view->n_features;
    asc_status status = rendering_open(&rendering, out, view, options, err);

    for (size_t i = 0; status == ASC_OK && i < n_shown; i++) {
        const size_t feature = rendering.order[i];
        char value[NUMBER_TEXT], std_error[NUMBER_TEXT];
        print_name(&rendering, feature, 0);
        fprintf(out, "\t%s\t%s\n", format_float(value, value_of(&rendering, feature)),
                format_float(std_error, std_error_of(&rendering, feature)));
    }
    rendering_close(&rendering);
    return status;
}
