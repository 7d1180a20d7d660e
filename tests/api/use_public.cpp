// Every public header, seen by a C++ compiler, and something of each called: use_public MODEL DATASET OUT. Exit code 0: all is
// as it should be.
#include <ascribe/ascribe.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace {

int n_failed = 0;

void expect(bool holds, const char *what, const asc_error *err = nullptr)
{
    if (holds)
        return;
    n_failed++;
    std::fprintf(stderr, "not so: %s%s%s\n", what, err ? ": " : "", err ? err->message : "");
}

void use_small_headers()
{
    asc_device_info devices[8];
    size_t count = 0;
    asc_error err{};
    expect(std::strcmp(asc_version(), ASC_VERSION) == 0, "version.h: the library is that of the header");
    expect(std::strcmp(asc_status_name(ASC_MALFORMED), "malformed input") == 0, "status.h: a status has a name");
    expect(asc_device_list(devices, 8, &count, &err) == ASC_OK && count > 0, "device.h: there is a device", &err);
    expect(asc_build_facts()->name != nullptr, "device.h: the build has facts");
    asc_explain_options options = asc_explain_options_default();
    expect(asc_explain_options_check(&options, &err) == ASC_OK, "options.h: the defaults are good", &err);
    options.method = "guessing";
    expect(asc_explain_options_check(&options, &err) == ASC_USAGE && err.status == ASC_USAGE, "options.h: a wrong word is refused");
}

void use_inputs(const char *model_path, const char *dataset_path)
{
    asc_error err{};
    asc_model *model = nullptr;
    asc_dataset *dataset = nullptr;
    asc_rows *rows = nullptr;
    expect(asc_model_open(model_path, nullptr, &model, &err) == ASC_OK, "model.h: the model opens", &err);
    expect(model && asc_model_describe(model)->n_classes > 0, "model.h: it has classes");
    expect(asc_dataset_open(dataset_path, &dataset, &err) == ASC_OK, "dataset.h: the dataset opens", &err);
    expect(dataset && asc_dataset_read(dataset, 0, 1, &rows, &err) == ASC_OK && rows->n_rows == 1, "dataset.h: a row is read", &err);
    asc_rows_free(rows);
    asc_dataset_close(dataset);
    asc_model_close(model);
    asc_masks_info masks{};
    expect(asc_model_check(model_path, &err) == ASC_OK, "model.h: the model is supported", &err);
    expect(asc_masks_check(dataset_path, &masks, &err) == ASC_MALFORMED, "masks.h: a dataset is no mask file");
}

void remember(void *user, asc_log_level, const char *message)
{
    *static_cast<std::string *>(user) += message;
}

void use_explain(const char *model_path, const char *dataset_path, const char *out_path)
{
    std::string messages;
    asc_error err{};
    asc_explain_cost cost{};
    asc_explain_summary summary{};
    asc_explain_job job{};
    job.model_path = model_path;
    job.dataset_path = dataset_path;
    job.out_path = out_path;
    job.options = asc_explain_options_default();
    job.options.budget = "8";
    job.log = asc_log{remember, &messages};
    expect(asc_explain_estimate(&job, &cost, &err) == ASC_OK, "explain.h: the run is estimated", &err);
    expect(asc_explain(&job, &summary, &err) == ASC_OK && summary.n_rows > 0, "explain.h: the run succeeds", &err);
    expect(cost.evaluations == summary.evaluations, "explain.h: the estimate was right");
    expect(messages.find("evaluations") != std::string::npos, "log.h: a small budget is warned of");
}

void count_findings(void *user, asc_part_state, const char *, const char *)
{
    ++*static_cast<int *>(user);
}

void use_plan(const char *model_path, const char *dataset_path, const char *out_path)
{
    const std::string plan_path = std::string(out_path) + ".plan.json", planned_out = std::string(out_path) + ".planned.h5";
    int n_found = 0;
    asc_error err{};
    asc_plan *plan = nullptr;
    asc_explain_summary summary{};
    asc_merge_summary merged{};
    asc_parts_report report{};
    asc_run_status status{};
    asc_explain_job job{};
    job.model_path = model_path;
    job.dataset_path = dataset_path;
    job.out_path = planned_out.c_str();
    job.options = asc_explain_options_default();
    job.options.budget = "8";
    job.options.force = true;
    expect(asc_plan_make(&job, 2, plan_path.c_str(), &err) == ASC_OK, "plan.h: a plan is made", &err);
    expect(asc_plan_open(plan_path.c_str(), &plan, &err) == ASC_OK, "plan.h: the plan opens", &err);
    if (!plan)
        return;
    const asc_plan_info *info = asc_plan_describe(plan);
    expect(info->n_tasks >= 1 && info->n_parts >= info->n_tasks && info->flops > 0, "plan.h: it has tasks");
    for (size_t task = 0; task < info->n_tasks; task++) {
        expect(asc_plan_job(plan, task, &job, &err) == ASC_OK, "plan.h: a task is a job", &err);
        job.job_id = "17";
        expect(asc_explain(&job, &summary, &err) == ASC_OK && !summary.merged, "plan.h: the task succeeds", &err);
    }
    expect(asc_parts_check(plan_path.c_str(), count_findings, &n_found, &report, &err) == ASC_OK && n_found == 0, "plan.h: the parts are right", &err);
    expect(std::strcmp(asc_part_state_name(ASC_PART_FOREIGN), "foreign") == 0, "plan.h: a state of a part has a name");
    asc_merge_job merge{};
    merge.run_path = plan_path.c_str();
    merge.force = true;
    expect(asc_merge(&merge, &merged, &err) == ASC_OK && merged.n_rows == info->n_rows, "plan.h: the parts are merged", &err);
    expect(asc_run_status_read(plan_path.c_str(), &status, &err) == ASC_OK && status.merged, "plan.h: the run stands at its end", &err);
    expect(status.n_tasks == 0 || std::strcmp(asc_task_state_name(status.tasks[0].state), "done") == 0, "plan.h: its tasks are done");
    asc_run_status_free(&status);
    asc_plan_close(plan);
    std::remove(plan_path.c_str());
    std::remove(planned_out.c_str());
}

void use_result(const char *path)
{
    asc_error err{};
    asc_result *result = nullptr;
    asc_result_rows *rows = nullptr;
    asc_verify_report report{};
    expect(asc_result_verify(path, &report, &err) == ASC_OK && report.digest_matches, "result.h: the result is sound", &err);
    expect(asc_result_open(path, &result, &err) == ASC_OK, "result.h: the result opens", &err);
    expect(result && asc_result_read(result, 0, 1, &rows, &err) == ASC_OK && rows->n_rows == 1, "result.h: a row is read", &err);
    expect(std::strcmp(asc_row_status_name(ASC_ROW_TOO_LONG), "too_long") == 0, "result.h: a status bit has a name");
    asc_result_rows_free(rows);
    asc_result_close(result);
}

// The text of the first row's features, and the class of its highest score.
void use_row(const char *path)
{
    asc_error err{};
    asc_result *result = nullptr;
    asc_result_rows *rows = nullptr;
    asc_feature_texts texts{};
    if (asc_result_open(path, &result, &err) != ASC_OK || asc_result_read(result, 0, 1, &rows, &err) != ASC_OK)
        return expect(false, "result.h: a row is read", &err);
    const asc_feature_spans spans{static_cast<size_t>(rows->feature_offsets[1]), static_cast<size_t>(rows->span_offsets[1]),
                                  static_cast<size_t>(rows->text_offsets[1]),    rows->span_begin, rows->span_end, rows->span_feature, rows->text};
    expect(asc_feature_texts_build(&texts, &spans, &err) == ASC_OK && texts.offsets[spans.n_features] > 0, "result.h: features have texts", &err);
    expect(asc_top_class(rows->scores, asc_result_describe(result)->n_classes) >= 0, "result.h: a class has the highest score");
    asc_feature_texts_free(&texts);
    asc_result_rows_free(rows);
    asc_result_close(result);
}

void use_global(const char *path)
{
    const std::string out = std::string(path) + ".global.h5";
    asc_error err{};
    asc_global *global = nullptr;
    asc_global_table table{};
    asc_comparison comparison{};
    asc_global_job job{};
    int is_global = 1;
    job.paths = &path;
    job.n_paths = 1;
    job.out_path = out.c_str();
    job.fold_case = job.overwrite = 1;
    expect(asc_global_is(path, &is_global, &err) == ASC_OK && !is_global, "global.h: a result is no summary", &err);
    expect(asc_global_make(&job, &err) == ASC_OK, "global.h: it sums up", &err);
    expect(asc_global_open(out.c_str(), &global, &err) == ASC_OK, "global.h: the summary opens", &err);
    if (!global)
        return;
    const asc_global_query query = asc_global_query_default();
    expect(asc_global_describe(global)->n_words > 0, "global.h: there are words");
    expect(asc_global_rank(global, &query, &table, &err) == ASC_OK && table.n_words > 0 && table.words[0].mean_abs > 0, "global.h: words are ranked", &err);
    int are_pairs = 1;
    expect(asc_global_make_pairs(&job, &are_pairs, &err) == ASC_USAGE && !are_pairs, "global.h: a pair is two results");
    expect(asc_global_compare(global, global, nullptr, &query, &comparison, &err) == ASC_OK && comparison.n_shifts == table.n_words, "global.h: it compares", &err);
    asc_comparison_free(&comparison);
    asc_global_table_free(&table);
    asc_global_close(global);
    std::remove(out.c_str());
}

void use_evaluate(const char *model_path, const char *dataset_path, const char *result_path)
{
    asc_error err{};
    asc_evaluation_summary summary{};
    asc_evaluate_job job{};
    job.model_path = model_path;
    job.dataset_path = dataset_path;
    job.result_path = result_path;
    const std::string out = std::string(result_path) + ".evaluation.h5";
    job.out_path = out.c_str();
    job.force = true;
    job.n_orders = 2;
    job.options = asc_explain_options_default();
    job.options.n_rows = 4;
    expect(asc_evaluate(&job, &summary, &err) == ASC_OK && summary.n_rows > 0, "evaluate.h: it evaluates", &err);
    expect(std::strcmp(summary.metrics[0].name, "comprehensiveness_aopc") == 0, "evaluate.h: metrics have names");
    int is_evaluation = 0;
    asc_evaluation *evaluation = nullptr;
    asc_evaluation_comparison comparison{};
    expect(asc_evaluation_is(out.c_str(), &is_evaluation, &err) == ASC_OK && is_evaluation, "evaluate.h: it is an evaluation", &err);
    expect(asc_evaluation_open(out.c_str(), &evaluation, &err) == ASC_OK, "evaluate.h: the file opens", &err);
    if (evaluation) {
        const size_t n_evaluated = asc_evaluation_describe(evaluation)->summary->n_evaluated;
        expect(n_evaluated == summary.n_evaluated, "evaluate.h: its rows are there");
        expect(asc_evaluation_compare(evaluation, evaluation, &comparison, &err) == ASC_OK && comparison.n_rows_a == n_evaluated, "evaluate.h: it compares", &err);
    }
    asc_evaluation_close(evaluation);
    std::remove(out.c_str());
    job.n_orders = 0;
    expect(asc_evaluate(&job, &summary, &err) == ASC_USAGE, "evaluate.h: no orders are refused");
}

void use_importance(const char *model_path, const char *dataset_path)
{
    asc_error err{};
    asc_importance *importance = nullptr;
    int is_importance = 1;
    asc_importance_job job = asc_importance_job_default();
    job.model_path = model_path;
    job.dataset_path = dataset_path;
    job.dry_run = true;
    job.min_rows = 1;
    expect(asc_importance_make(&job, &importance, &err) == ASC_USAGE || importance != nullptr, "importance.h: it plans, or wants labels", &err);
    if (importance)
        expect(asc_importance_describe(importance)->n_groups > 0, "importance.h: there are groups");
    asc_importance_close(importance);
    expect(asc_importance_is(dataset_path, &is_importance, &err) == ASC_OK && !is_importance, "importance.h: a dataset is none", &err);
    job.most_passes = 0;
    expect(asc_importance_make(&job, &importance, &err) == ASC_USAGE, "importance.h: no passes are refused");
}

void use_probe(const char *model_path, const char *dataset_path)
{
    const std::string out = std::string(dataset_path) + ".probe.h5";
    asc_error err{};
    asc_probe *probe = nullptr;
    int is_probe = 1;
    asc_probe_job job = asc_probe_job_default();
    job.model_path = model_path;
    job.dataset_path = dataset_path;
    job.out_path = out.c_str();
    job.options.n_rows = 2;
    job.options.force = true;
    job.n_full_rows = job.n_ablation_rows = 1;
    expect(asc_probe_is(dataset_path, &is_probe, &err) == ASC_OK && !is_probe, "probe.h: a dataset is no probe", &err);
    asc_probe_cost cost{};
    expect(asc_probe_estimate(&job, &cost, &err) == ASC_OK && cost.n_passes == 3 + cost.n_ablation_passes && cost.n_operations > 0, "probe.h: it says what it takes", &err);
    expect(asc_probe_make(&job, &err) == ASC_OK, "probe.h: it looks", &err);
    expect(asc_probe_open(out.c_str(), &probe, &err) == ASC_OK, "probe.h: what it saw opens", &err);
    if (!probe)
        return;
    const asc_probe_info *info = asc_probe_describe(probe);
    expect(info->n_rows == 2 && info->n_ablated == 1 && info->n_full_rows == 1, "probe.h: the rows are counted");
    expect(info->n_top_rows > 0 && info->top_context[6] >= 0 && info->matrix_heat[0] > 0 && !info->token_names, "probe.h: neurons have rows, matrices heat");
    expect(info->ov_frobenius[0] > 0 && info->norm_mean[0] > 0, "probe.h: there are numbers");
    asc_probe_close(probe);
    job.options.force = false;
    expect(asc_probe_make(&job, &err) == ASC_CANNOT_CREATE, "probe.h: nothing is replaced unasked");
    std::remove(out.c_str());
}

void count_words(void *user, const char *)
{
    ++*static_cast<int *>(user);
}

void use_bench(const char *model_path, const char *dataset_path)
{
    int n_said = 0;
    asc_error err{};
    asc_bench_report report{};
    asc_bench_job job{};
    job.model_path = model_path;
    job.dataset_path = dataset_path;
    job.options = asc_explain_options_default();
    job.options.budget = "8";
    job.options.n_rows = 2;
    job.seconds = 0.01;
    job.say = count_words;
    job.say_user = &n_said;
    expect(asc_bench_run(&job, &report, &err) == ASC_OK && report.passes.count > 0, "bench.h: it measures", &err);
    expect(report.passes.work.flops > 0 && report.passes.best_s > 0, "bench.h: something was done in some time");
    expect(n_said > 0, "bench.h: what is being done is said");
    job.shape = "bert-huge";
    expect(asc_bench_run(&job, &report, &err) == ASC_USAGE, "bench.h: a shape beside a model is refused");
    job.model_path = job.dataset_path = nullptr;
    expect(asc_bench_run(&job, &report, &err) == ASC_USAGE && std::strstr(err.message, asc_bench_shapes()->name), "bench.h: the shapes are named");
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 4)
        return 64;
    use_small_headers();
    use_inputs(argv[1], argv[2]);
    use_explain(argv[1], argv[2], argv[3]);
    use_plan(argv[1], argv[2], argv[3]);
    use_result(argv[3]);
    use_row(argv[3]);
    use_global(argv[3]);
    use_evaluate(argv[1], argv[2], argv[3]);
    use_importance(argv[1], argv[2]);
    use_probe(argv[1], argv[2]);
    use_bench(argv[1], argv[2]);
    return n_failed ? 1 : 0;
}
