// The estimate for people and for programs; the keys of the JSON object are part of the interface.
#include "explain_cost.h"

#include "numbers.h"
#include "print_json.h"
#include "report_error.h"

#include <stdio.h>

enum { LABEL_COLUMNS = 13, SECONDS_PER_HOUR = 3600 };

static void print_label(const char *label)
{
    printf("%-*s", LABEL_COLUMNS, label);
}

static void print_counts(const explain_values *values, const asc_explain_cost *cost)
{
    char flops[NUMBER_TEXT];

    print_label("rows");
    printf("%zu of %s", cost->n_rows, values->data ? values->data : "--text");
    if (cost->n_rows_done)
        printf(", %zu of them done; what follows is for the others", cost->n_rows_done);
    putchar('\n');
    print_label("features");
    printf("%llu in all rows\n", (unsigned long long)cost->n_features);
    print_label("coalitions");
    printf("%llu, %llu tokens\n", (unsigned long long)cost->evaluations, (unsigned long long)cost->tokens);
    print_label("operations");
    printf("%s (floating point, those that are executed)\n", format_short(flops, cost->flops));
}

static void print_sizes(const explain_values *values, const asc_explain_cost *cost)
{
    char weights[NUMBER_TEXT], workers[NUMBER_TEXT], batches[NUMBER_TEXT], output[NUMBER_TEXT], parts[NUMBER_TEXT];

    print_label("memory");
    printf("%s weights, %s workers (%zu), %s batches\n", format_bytes(weights, (double)cost->weight_bytes),
           format_bytes(workers, (double)cost->worker_bytes), cost->n_workers,
           format_bytes(batches, (double)cost->batch_bytes));
    if (cost->device_bytes > 0) {
        print_label("GPU");
        printf("%s of %s free, for all three; steps of %zu tokens\n", format_bytes(weights, (double)cost->device_free_bytes),
               format_bytes(workers, (double)cost->device_bytes), cost->step_tokens);
    }
    print_label("output");
    printf("about %s%s%s, and before that %s in %zu part%s of at most %zu rows\n",
           format_bytes(output, (double)cost->output_bytes), values->out ? " in " : "",
           values->out ? values->out : "", format_bytes(parts, (double)cost->parts_bytes), cost->n_parts,
           cost->n_parts == 1 ? "" : "s", cost->rows_per_part);
}

void explain_cost_print(const explain_values *values, const asc_explain_cost *cost)
{
    char speed[NUMBER_TEXT], duration[NUMBER_TEXT];

    if (cost->already_complete) {
        printf("%s is complete: it holds the result of this very run, nothing would be computed\n", values->out);
        return;
    }
    print_counts(values, cost);
    print_sizes(values, cost);
    if (cost->flops_per_s > 0) {
        print_label("speed");
        printf("%s operations/s, measured on real steps (backend %s)\n", format_short(speed, cost->flops_per_s),
               cost->backend);
    }
    print_label("time");
    printf("about %s\n", format_duration(duration, cost->elapsed_s));
}

asc_status explain_cost_print_json(const explain_values *values, const asc_explain_cost *cost, asc_error *err)
{
    json_t *object = json_pack("{s:b, s:o, s:o, s:o, s:b}", "dry_run", 1, "result", json_text(values->out), "model",
                               json_text(values->model), "data", json_text(values->data), "already_complete",
                               (int)cost->already_complete);

    if (!object || cost->already_complete)
        return print_json(object, err);
    json_t *numbers = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "rows",
        (json_int_t)cost->n_rows, "rows_done", (json_int_t)cost->n_rows_done, "features",
        (json_int_t)cost->n_features, "coalitions", (json_int_t)cost->evaluations, "tokens",
        (json_int_t)cost->tokens, "flops", json_number(cost->flops), "workers", (json_int_t)cost->n_workers,
        "weight_bytes", (json_int_t)cost->weight_bytes, "worker_bytes", (json_int_t)cost->worker_bytes,
        "batch_bytes", (json_int_t)cost->batch_bytes, "device_free_bytes", (json_int_t)cost->device_free_bytes,
        "device_bytes", (json_int_t)cost->device_bytes, "step_tokens", (json_int_t)cost->step_tokens, "parts", (json_int_t)cost->n_parts, "rows_per_part",
        (json_int_t)cost->rows_per_part, "parts_bytes", (json_int_t)cost->parts_bytes, "output_bytes",
        (json_int_t)cost->output_bytes, "calibration_seconds", json_number(cost->calibration_s),
        "flops_per_second", cost->flops_per_s > 0 ? json_number(cost->flops_per_s) : json_null(), "seconds",
        json_number(cost->elapsed_s), "backend", json_text(cost->backend));
    const bool merged = numbers && json_object_update(object, numbers) == 0;

    json_decref(numbers);
    if (!merged) {
        json_decref(object);
        object = NULL;
    }
    return print_json(object, err);
}

asc_status explain_cost_check(const explain_values *values, const asc_explain_cost *cost, asc_error *err)
{
    char duration[NUMBER_TEXT];

    if (values->max_hours <= 0 || cost->elapsed_s <= values->max_hours * SECONDS_PER_HOUR)
        return ASC_OK;
    (void)cli_fail(err, ASC_USAGE, "--max-hours: the run would take about %s (%.3g h), more than %g h",
                   format_duration(duration, cost->elapsed_s), cost->elapsed_s / SECONDS_PER_HOUR,
                   values->max_hours);
    return cli_hint(err, "nothing was started; explain fewer rows (--limit), spend less on each (--budget), or "
                         "use more workers (--workers)");
}
