// See bench_print.h.
#include "bench_print.h"

#include "numbers.h"
#include "print_json.h"

#include <ascribe/version.h>

#include <math.h>
#include <stdio.h>

enum { LABEL_COLUMNS = 13, NAME_COLUMNS = 16 };

static void print_label(const char *label)
{
    printf("%-*s", LABEL_COLUMNS, label);
}

// Of the best pass.
static double rate(const asc_bench_passes *passes, double count)
{
    return passes->best_s > 0 ? count / passes->best_s : 0;
}

// ---- For people --------------------------------------------------------------------------------------------------

static void print_what(const asc_bench_job *job, const asc_bench_report *report)
{
    char parameters[NUMBER_TEXT];

    print_label("model");
    printf("%s (%s, %zu layers of %zu, %zu heads, FFN %zu, %s %sparameters)\n", report->model, report->architecture,
           report->n_layers, report->n_hidden, report->n_heads, report->n_ffn,
           format_short(parameters, (double)report->n_parameters), job->shape ? "random " : "");
    print_label("machine");
    printf("%s, %zu worker%s, backend %s, %s\n", report->device, report->n_workers, report->n_workers == 1 ? "" : "s",
           report->backend, report->precision);
    print_label("kernels");
    printf("%s\n", report->kernel_set);
    print_label("rows");
    printf("%zu%s of %s%zu tokens, %zu features in all, budget %s\n", report->n_rows,
           job->dataset_path ? " from the dataset" : "", job->dataset_path ? "up to " : "", report->n_longest,
           report->n_features, report->budget);
}

static void print_work(const asc_bench_report *report)
{
    const asc_bench_work *work = &report->passes.work;
    char flops[NUMBER_TEXT], dense[NUMBER_TEXT], duration[NUMBER_TEXT];

    print_label("work");
    printf("%llu coalitions, %llu tokens, %s operations: %.1f %% of the dense %s\n", (unsigned long long)work->coalitions,
           (unsigned long long)work->tokens, format_short(flops, work->flops), 100 * work->flops / report->dense_flops,
           format_short(dense, report->dense_flops));
    print_label("time");
    printf("%s, best of %zu pass%s; before them %s for the designs\n", format_duration(duration, report->passes.best_s),
           report->passes.count, report->passes.count == 1 ? "" : "es",
           format_duration((char[NUMBER_TEXT]){0}, report->designs_s));
}

static void print_speed(const asc_bench_report *report)
{
    const asc_bench_passes *passes = &report->passes;
    const double flops_per_s = rate(passes, passes->work.flops);
    char coalitions[NUMBER_TEXT], rows[NUMBER_TEXT], tokens[NUMBER_TEXT], flops[NUMBER_TEXT], gemm[NUMBER_TEXT];

    print_label("speed");
    printf("%s coalitions/s, %s rows/s, %s tokens/s\n",
           format_short(coalitions, rate(passes, (double)passes->work.coalitions)),
           format_short(rows, rate(passes, (double)report->n_rows)),
           format_short(tokens, rate(passes, (double)passes->work.tokens)));
    print_label("");
    printf("%sFLOP/s executed", format_short(flops, flops_per_s));
    if (report->gemm_flops_per_s > 0)
        printf(", %.1f %% of the %sFLOP/s of matrix multiplication alone", 100 * flops_per_s / report->gemm_flops_per_s,
               format_short(gemm, report->gemm_flops_per_s));
    putchar('\n');
}

static double other_share(const asc_bench_report *report)
{
    double share = 1;

    for (size_t i = 0; i < report->n_stages; i++)
        share -= report->stages[i].share;
    return share > 0 ? share : 0;
}

static void print_stages(const asc_bench_report *report)
{
    for (size_t i = 0; i < report->n_stages; i++) {
        print_label(i == 0 ? "stages" : "");
        printf("%-*s %5.1f %%\n", NAME_COLUMNS, report->stages[i].name, 100 * report->stages[i].share);
    }
    print_label(report->n_stages == 0 ? "stages" : "");
    printf("%-*s %5.1f %%  (making coalitions, waiting)\n", NAME_COLUMNS, "other", 100 * other_share(report));
}

static void print_savings(const asc_bench_report *report)
{
    char coalitions[NUMBER_TEXT], flops[NUMBER_TEXT];

    if (report->n_savings == 0)
        return;
    printf("\n%-*s %14s %8s %12s\n", NAME_COLUMNS, "savings on", "coalitions/s", "speed", "operations");
    for (size_t i = 0; i < report->n_savings; i++) {
        const asc_bench_passes *passes = &report->savings[i].passes;
        printf("%-*s %14s %7.3fx %12s\n", NAME_COLUMNS, report->savings[i].name,
               format_short(coalitions, rate(passes, (double)passes->work.coalitions)),
               report->savings[0].passes.best_s / passes->best_s, format_short(flops, passes->work.flops));
    }
}

static void print_precision(const asc_bench_job *job, const asc_bench_report *report)
{
    const asc_bench_precision *precision = &report->precision_check;

    if (!job->precision_check)
        return;
    print_label("precision");
    if (!precision->name) {
        printf("not compared: %s\n", precision->reason);
        return;
    }
    printf("%s differs from fp32 by %.2g of a row's range at most, %.2g RMS, over %zu rows\n", precision->name,
           precision->max_difference, precision->rms_difference, precision->n_rows);
    print_label("");
    if (isnan(precision->rms_std_error))
        printf("these attributions have no standard error of sampling\n");
    else
        printf("the standard error of sampling is %.2g RMS of it\n", precision->rms_std_error);
}

void bench_print(const asc_bench_job *job, const asc_bench_report *report)
{
    char memory[NUMBER_TEXT];

    print_what(job, report);
    print_work(report);
    print_speed(report);
    print_stages(report);
    print_label("memory");
    printf("%s at most (resident, the whole process)\n", format_bytes(memory, (double)report->peak_memory_bytes));
    print_precision(job, report);
    print_savings(report);
}

// ---- For programs ------------------------------------------------------------------------------------------------

// Moves the members of `from` into `into`; NULL when either is not there.
static json_t *join(json_t *into, json_t *from)
{
    const bool joined = into && from && json_object_update(into, from) == 0;

    json_decref(from);
    if (joined)
        return into;
    json_decref(into);
    return NULL;
}

static json_t *describe_what(const asc_bench_job *job, const asc_bench_report *report)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I}", "version", asc_version(),
                     "shape", json_text(job->shape), "model", json_text(job->model_path), "data",
                     json_text(job->dataset_path), "architecture", json_text(report->architecture), "layers",
                     (json_int_t)report->n_layers, "hidden", (json_int_t)report->n_hidden, "heads",
                     (json_int_t)report->n_heads, "ffn", (json_int_t)report->n_ffn, "parameters",
                     (json_int_t)report->n_parameters, "device", json_text(report->device), "kernel_set",
                     json_text(report->kernel_set), "gemm_algorithms", json_text(report->gemm_algorithms), "backend",
                     json_text(report->backend), "precision", json_text(report->precision), "workers",
                     (json_int_t)report->n_workers);
}

// One pass's work, every pass's time, and what follows from the best.
static json_t *describe_passes(const asc_bench_passes *passes)
{
    json_t *seconds = json_array();

    for (size_t i = 0; i < passes->count; i++)
        json_array_append_new(seconds, json_number(passes->seconds[i]));
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "coalitions", (json_int_t)passes->work.coalitions,
                     "sequences", (json_int_t)passes->work.sequences, "tokens", (json_int_t)passes->work.tokens, "flops",
                     (json_int_t)passes->work.flops, "pass_seconds", seconds, "best_seconds", json_number(passes->best_s),
                     "coalitions_per_second", json_number(rate(passes, (double)passes->work.coalitions)),
                     "tokens_per_second", json_number(rate(passes, (double)passes->work.tokens)), "flops_per_second",
                     json_number(rate(passes, passes->work.flops)));
}

static json_t *describe_rest(const asc_bench_report *report)
{
    const bool has_peak = report->gemm_flops_per_s > 0;
    const double flops_per_s = rate(&report->passes, report->passes.work.flops);
    json_t *stages = json_array();

    for (size_t i = 0; i < report->n_stages; i++)
        json_array_append_new(stages, json_pack("{s:s, s:o}", "name", report->stages[i].name, "share",
                                                json_number(report->stages[i].share)));
    json_array_append_new(stages, json_pack("{s:s, s:o}", "name", "other", "share", json_number(other_share(report))));
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:I}", "rows", (json_int_t)report->n_rows, "features",
                     (json_int_t)report->n_features, "longest_row", (json_int_t)report->n_longest, "budget",
                     json_text(report->budget), "rows_per_second", json_number(rate(&report->passes, (double)report->n_rows)),
                     "dense_flops", (json_int_t)report->dense_flops, "designs_seconds", json_number(report->designs_s),
                     "gemm_flops_per_second", has_peak ? json_number(report->gemm_flops_per_s) : json_null(), "gemm_share",
                     has_peak ? json_number(flops_per_s / report->gemm_flops_per_s) : json_null(), "stages", stages,
                     "peak_memory_bytes", (json_int_t)report->peak_memory_bytes);
}

static json_t *describe_savings(const asc_bench_report *report)
{
    json_t *list = json_array();

    for (size_t i = 0; i < report->n_savings; i++)
        json_array_append_new(list, join(json_pack("{s:s, s:o}", "on", report->savings[i].name, "speed",
                                                   json_number(report->savings[0].passes.best_s /
                                                               report->savings[i].passes.best_s)),
                                         describe_passes(&report->savings[i].passes)));
    return json_pack("{s:o}", "savings", list);
}

static json_t *describe_precision(const asc_bench_report *report)
{
    const asc_bench_precision *precision = &report->precision_check;

    if (!precision->name)
        return json_pack("{s:{s:b, s:o}}", "precision_check", "compared", 0, "reason", json_text(precision->reason));
    return json_pack("{s:{s:b, s:s, s:I, s:o, s:o, s:o}}", "precision_check", "compared", 1, "precision", precision->name, "rows",
                     (json_int_t)precision->n_rows, "max_difference", json_number(precision->max_difference),
                     "rms_difference", json_number(precision->rms_difference), "rms_std_error",
                     json_number(precision->rms_std_error));
}

asc_status bench_print_json(const asc_bench_job *job, const asc_bench_report *report, asc_error *err)
{
    json_t *object = join(describe_what(job, report), describe_passes(&report->passes));

    object = join(object, describe_rest(report));
    if (job->savings)
        object = join(object, describe_savings(report));
    if (job->precision_check)
        object = join(object, describe_precision(report));
    return print_json(object, err);
}
