// The three forms of a comparison of evaluations; see compare_evaluations.h.
#include "compare_evaluations.h"

#include "compare_limits.h"
#include "print_json.h"

#include <ascribe/evaluate.h>

#include <inttypes.h>
#include <math.h>

enum { WORSE = ASC_EVALUATION_METRICS, N_STATISTICS };

// ---- For people ----

static void people_shift(const asc_evaluation_shift *shift)
{
    printf("  %+8.4f %+8.4f %+8.4f [%+.4f, %+.4f] ", shift->a.mean, shift->b.mean, shift->difference.mean, shift->difference.low, shift->difference.high);
    global_print_probability(stdout, shift->q_value);
}

static void people_table(const asc_evaluation_comparison *c, const char *title, bool gains)
{
    printf("\n%s\n  %-22s      %8s %8s %8s %-19s %6s\n", title, "", "A", "B", "B - A", "95 % interval", "q");
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++) {
        const asc_metric_shift *metric = &c->metrics[m];
        if (metric->n_a == 0 && metric->n_b == 0)
            continue;
        printf("  %-22s %-4s", metric->name, metric->higher_is_better ? "high" : "low");
        people_shift(gains ? &metric->gain : &metric->score);
        if (c->paired ? metric->n_a != c->n_shared : metric->n_a != c->n_rows_a || metric->n_b != c->n_rows_b)
            printf(" (%zu and %zu rows)", metric->n_a, metric->n_b);
        putchar('\n');
    }
}

static void print_people(const compare_evaluations_call *call, const asc_evaluation_comparison *c)
{
    printf("A  %s: %zu rows evaluated\nB  %s: %zu rows evaluated\n", call->paths[0], c->n_rows_a, call->paths[1], c->n_rows_b);
    if (c->paired)
        printf("compared row by row: the %zu rows of both\n", c->n_shared);
    else
        puts("compared as two independent samples: they are of different datasets, or share fewer than half of the smaller one's rows");
    people_table(c, "faithfulness (of the predicted class's probability)", false);
    people_table(c, "more than random orders of the same rows", true);
    printf("\n  high, low: what a faithful attribution has. q: Benjamini and Hochberg over the metrics; %zu got worse (q <= 0.05).\n", c->n_worse);
    puts("  for --fail-above: a metric's name (how much it got worse), or worse (how many did)");
}

// ---- CSV ----

static void csv_shift(const asc_metric_shift *metric, const char *what, const asc_evaluation_shift *shift)
{
    const double numbers[] = {shift->a.mean,          shift->b.mean,           shift->difference.mean, shift->difference.std_error,
                              shift->difference.low, shift->difference.high, shift->p_value,         shift->q_value};
    printf("%s,%s,%s,%zu,%zu", metric->name, what, metric->higher_is_better ? "high" : "low", metric->n_a, metric->n_b);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        global_csv_number(stdout, numbers[i]);
    putchar('\n');
}

static void print_csv(const asc_evaluation_comparison *c)
{
    puts("metric,of,faithful,rows_a,rows_b,mean_a,mean_b,difference,std_error,ci_low,ci_high,p_value,q_value");
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++) {
        csv_shift(&c->metrics[m], "score", &c->metrics[m].score);
        csv_shift(&c->metrics[m], "gain", &c->metrics[m].gain);
    }
}

// ---- JSON ----

static json_t *shift_json(const asc_evaluation_shift *shift)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "mean_a", json_number(shift->a.mean), "mean_b", json_number(shift->b.mean), "difference",
                     json_number(shift->difference.mean), "std_error", json_number(shift->difference.std_error), "ci_low",
                     json_number(shift->difference.low), "ci_high", json_number(shift->difference.high), "p_value", json_number(shift->p_value),
                     "q_value", json_number(shift->q_value));
}

static asc_status print_as_json(const compare_evaluations_call *call, const asc_evaluation_comparison *c, asc_error *err)
{
    json_t *metrics = json_array();
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++) {
        const asc_metric_shift *metric = &c->metrics[m];
        json_array_append_new(metrics, json_pack("{s:s, s:b, s:I, s:I, s:o, s:o}", "metric", metric->name, "higher_is_better", (int)metric->higher_is_better,
                                                 "rows_a", (json_int_t)metric->n_a, "rows_b", (json_int_t)metric->n_b, "score", shift_json(&metric->score),
                                                 "gain", shift_json(&metric->gain)));
    }
    return print_json(json_pack("{s:o, s:o, s:I, s:I, s:I, s:b, s:I, s:o}", "a", json_text(call->paths[0]), "b", json_text(call->paths[1]), "rows_a",
                                (json_int_t)c->n_rows_a, "rows_b", (json_int_t)c->n_rows_b, "rows_shared", (json_int_t)c->n_shared, "paired", (int)c->paired,
                                "n_worse", (json_int_t)c->n_worse, "faithfulness", metrics),
                      err);
}

// ---- All three ----

// How much each metric got worse, then how many did.
static void take_statistics(const asc_evaluation_comparison *c, double statistics[N_STATISTICS])
{
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++)
        statistics[m] = c->metrics[m].score.difference.mean * (c->metrics[m].higher_is_better ? -1 : 1);
    statistics[WORSE] = isnan(c->metrics[0].score.difference.std_error) ? NAN : (double)c->n_worse;
}

static asc_status print(const compare_evaluations_call *call, const asc_evaluation_comparison *c, asc_error *err)
{
    if (call->form == GLOBAL_AS_JSON)
        return print_as_json(call, c, err);
    if (call->form == GLOBAL_AS_CSV)
        print_csv(c);
    else
        print_people(call, c);
    return ASC_OK;
}

static asc_status compare(const compare_evaluations_call *call, const asc_evaluation *a, const asc_evaluation *b, asc_error *err)
{
    const char *names[N_STATISTICS] = {[WORSE] = "worse"};
    double statistics[N_STATISTICS];
    asc_evaluation_comparison c;
    asc_status status = asc_evaluation_compare(a, b, &c, err);
    if (status != ASC_OK)
        return status;
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++)
        names[m] = c.metrics[m].name;
    const compare_limits limits = {call->fail_above, names, N_STATISTICS};
    status = compare_limits_check(&limits, err);
    if (status == ASC_OK)
        status = print(call, &c, err);
    take_statistics(&c, statistics);
    return status == ASC_OK ? compare_limits_judge(&limits, statistics, err) : status;
}

asc_status compare_evaluations(const compare_evaluations_call *call, asc_error *err)
{
    asc_evaluation *a = NULL, *b = NULL;
    asc_status status = asc_evaluation_open(call->paths[0], &a, err);
    if (status == ASC_OK)
        status = asc_evaluation_open(call->paths[1], &b, err);
    if (status == ASC_OK)
        status = compare(call, a, b, err);
    asc_evaluation_close(b);
    asc_evaluation_close(a);
    return status;
}
