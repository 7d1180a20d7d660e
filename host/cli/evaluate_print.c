// See evaluate_print.h.
#include "evaluate_print.h"

#include "print_json.h"

#include <math.h>

static void print_number(FILE *out, double value)
{
    if (isnan(value))
        fprintf(out, " %8s", "-");
    else
        fprintf(out, " %+8.4f", value);
}

// Whether the interval of the difference says which is better.
static const char *verdict(const asc_evaluation_metric *metric)
{
    const asc_mean *difference = &metric->difference;
    if (!(difference->low > 0 || difference->high < 0))
        return "no difference shown";
    return (difference->mean > 0) == metric->higher_is_better ? "better" : "WORSE";
}

static void print_left_out(FILE *out, size_t count, const char *why)
{
    if (count > 0)
        fprintf(out, "  left out: %zu %s\n", count, why);
}

void evaluate_print(FILE *out, const asc_evaluation_summary *summary)
{
    fprintf(out, "%zu of %zu rows evaluated, beside %zu random order%s of each\n", summary->n_evaluated, summary->n_rows, summary->n_orders,
            summary->n_orders == 1 ? "" : "s");
    print_left_out(out, summary->n_unexplained, "without attributions");
    print_left_out(out, summary->n_no_features, "without features");
    print_left_out(out, summary->n_not_explained_class, "without attributions to the predicted class");
    print_left_out(out, summary->n_non_finite, "for which the model's output was not finite");
    if (summary->n_evaluated == 0)
        return;
    fprintf(out, "\n  %-22s      %8s %8s   %8s %8s %8s\n", "", "ordered", "random", "differ", "from", "to");
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++) {
        const asc_evaluation_metric *metric = &summary->metrics[m];
        if (metric->n_rows == 0)
            continue;
        fprintf(out, "  %-22s %-4s", metric->name, metric->higher_is_better ? "high" : "low");
        print_number(out, metric->attribution.mean);
        print_number(out, metric->random.mean);
        fputs("  ", out);
        print_number(out, metric->difference.mean);
        print_number(out, metric->difference.low);
        print_number(out, metric->difference.high);
        fprintf(out, "  %s", verdict(metric));
        if (metric->n_rows != summary->n_evaluated)
            fprintf(out, " (%zu rows)", metric->n_rows);
        fputc('\n', out);
    }
    fputs("\n  high, low: what a faithful attribution has. differ: ordered - random, row by row, with its 95 % interval.\n"
          "  Of the predicted class's probability; fractions are ERASER's, of the features, rounded up.\n", out);
}

static json_t *mean_json(const asc_mean *mean)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "mean", json_number(mean->mean), "std_error", json_number(mean->std_error), "ci_low",
                     json_number(mean->low), "ci_high", json_number(mean->high));
}

static json_t *curve_json(const double *points)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < ASC_EVALUATION_POINTS; i++)
        json_array_append_new(list, json_number(points[i]));
    return list;
}

static json_t *metrics_json(const asc_evaluation_summary *summary)
{
    json_t *object = json_object();
    for (size_t m = 0; object && m < ASC_EVALUATION_METRICS; m++) {
        const asc_evaluation_metric *metric = &summary->metrics[m];
        json_object_set_new(object, metric->name,
                            json_pack("{s:I, s:b, s:o, s:o, s:o}", "rows", (json_int_t)metric->n_rows, "higher_is_better", (int)metric->higher_is_better, "attribution",
                                      mean_json(&metric->attribution), "random", mean_json(&metric->random), "difference",
                                      mean_json(&metric->difference)));
    }
    return object;
}

asc_status evaluate_print_json(const asc_evaluation_summary *summary, const char *path, asc_error *err)
{
    json_t *curves = json_pack("{s:o, s:o, s:o, s:o, s:o}", "fractions", curve_json(summary->fractions), "deletion", curve_json(summary->deletion),
                               "insertion", curve_json(summary->insertion), "random_deletion", curve_json(summary->random_deletion),
                               "random_insertion", curve_json(summary->random_insertion));
    return print_json(json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:s, s:I, s:I, s:o}", "evaluation", json_text(path), "rows",
                                (json_int_t)summary->n_rows, "rows_evaluated", (json_int_t)summary->n_evaluated, "rows_unexplained",
                                (json_int_t)summary->n_unexplained, "rows_without_features", (json_int_t)summary->n_no_features,
                                "rows_other_class", (json_int_t)summary->n_not_explained_class, "rows_not_finite",
                                (json_int_t)summary->n_non_finite, "random_orders", (json_int_t)summary->n_orders, "metrics",
                                metrics_json(summary), "curves", curves, "largest_difference", json_number(summary->largest_difference),
                                "backend", summary->backend, "evaluations", (json_int_t)summary->evaluations, "tokens",
                                (json_int_t)summary->tokens, "elapsed_s", json_number(summary->elapsed_s)),
                      err);
}
