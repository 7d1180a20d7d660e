// Options resolved against a model and a dataset: every word, budgets, classes by name, case and index,
// labels.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "explain/request.h"
#include "explain/request_backend.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include "../property/run_dataset.h"
#include "temp_folder.h"

// A model of which only the classes matter, a dataset of which only the labels do, and what the log was told.
typedef struct fixture {
    char folder[TEMP_PATH_SIZE], data[TEMP_PATH_SIZE];
    asc_model model;
    asc_dataset *dataset;
    asc_explain_options options;
    explain_request request;
    asc_error err;
    char warning[256];
} fixture;

static void one_row(size_t row, run_row *out) { run_row_usual(row, 3, out); }

static void open_dataset(fixture *f, const char *label_names)
{
    asc_dataset_close(f->dataset);
    f->dataset = NULL;
    run_dataset_write(
        f->data,
        &(run_plan){.n_rows = 3, .make_row = one_row, .bare = !label_names, .label_names = label_names});
    if (asc_dataset_open(f->data, &f->dataset, &f->err) != ASC_OK)
        fail_msg("%s", f->err.message);
}

static int set_up(void **state)
{
    static fixture f;
    static char *names[] = {"good", "Good", "1", "x"};
    memset(&f, 0, sizeof f);
    temp_folder_make(f.folder);
    temp_folder_join(f.folder, "data.h5", f.data);
    f.model = (asc_model){.config.n_vocabulary = 100, .n_classes = 4, .class_names = names};
    f.options = asc_explain_options_default();
    open_dataset(&f, NULL);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    asc_dataset_close(f->dataset);
    temp_folder_remove(f->folder);
    return 0;
}

static void remember(void *user, asc_log_level level, const char *message)
{
    fixture *f = user;
    assert_int_equal(level, ASC_LOG_WARNING);
    snprintf(f->warning, sizeof f->warning, "%s", message);
}

static asc_status resolve(fixture *f)
{
    const asc_log log = {remember, f};
    f->warning[0] = '\0';
    return request_resolve(&f->options, &f->model, asc_dataset_describe(f->dataset), &log, &f->request, &f->err);
}

static void resolve_well(fixture *f)
{
    if (resolve(f) != ASC_OK)
        fail_msg("%s", f->err.message);
}

static void refuse(fixture *f, const char *words)
{
    const asc_status status = resolve(f);
    if (status != ASC_USAGE || !strstr(f->err.message, words))
        fail_msg("expected a refusal with '%s', found %d: %s", words, (int)status,
                 status ? f->err.message : "accepted");
    assert_null(f->request.listed); // nothing is left to free
    assert_null(f->request.label_class);
}

// ---- Words ------------------------------------------------------------------------------------------------

static void defaults(void **state)
{
    fixture *f = *state;
    assert_int_equal(asc_explain_options_check(&f->options, &f->err), ASC_OK);
    resolve_well(f);
    const explain_request *r = &f->request;
    assert_ptr_equal(r->method, &method_shapley);
    assert_int_equal(r->estimator, ESTIMATOR_AUTO);
    assert_int_equal(r->policy, ASC_POLICY_REMOVE);
    assert_int_equal(r->output, ASC_OUTPUT_LOGIT);
    assert_int_equal(r->target_rule, TARGETS_ALL);
    assert_int_equal(r->n_targets, 4);
    assert_int_equal(r->exact_limit, 16);
    assert_int_equal(r->seed, 0);
    assert_int_equal(r->backend, ASC_BACKEND_CPU);
    assert_null(r->label_class);
    request_free(&f->request);
}

typedef struct combination {
    const char *method, *estimator;
    const method *expected; // NULL: refused
    estimator resolved;
} combination;

static void methods_and_estimators(void **state)
{
    fixture *f = *state;
    static const combination all[] = {
        {"shapley", "auto", &method_shapley, ESTIMATOR_AUTO},
        {"shapley", "exact", &method_shapley, ESTIMATOR_EXACT},
        {"shapley", "wls", &method_shapley, ESTIMATOR_WLS},
        {"kernelshap", "auto", &method_shapley, ESTIMATOR_WLS},
        {"kernelshap", "wls", &method_shapley, ESTIMATOR_WLS},
        {"kernelshap", "exact", NULL, ESTIMATOR_AUTO},
        {"occlusion", "auto", &method_occlusion, ESTIMATOR_AUTO},
        {"occlusion", "exact", NULL, ESTIMATOR_AUTO},
        {"Shapley", "auto", NULL, ESTIMATOR_AUTO},
        {"shapley", "gp", NULL, ESTIMATOR_AUTO},
        {"", "auto", NULL, ESTIMATOR_AUTO},
        {"shapley", "", NULL, ESTIMATOR_AUTO},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        f->options.method = all[i].method;
        f->options.estimator = all[i].estimator;
        if (!all[i].expected) {
            refuse(f, "--");
            continue;
        }
        resolve_well(f);
        assert_ptr_equal(f->request.method, all[i].expected);
        assert_int_equal(f->request.estimator, all[i].resolved);
        request_free(&f->request);
    }
}

static void policies_outputs_backends(void **state)
{
    fixture *f = *state;
    static const char *const outputs[] = {"logit", "probability", "logodds"}, *const policies[] = {"remove",
                                                                                                   "mask"};
    static const asc_output output_values[] = {ASC_OUTPUT_LOGIT, ASC_OUTPUT_PROBABILITY, ASC_OUTPUT_LOGODDS};
    static const asc_policy policy_values[] = {ASC_POLICY_REMOVE, ASC_POLICY_REPLACE};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 2; k++) {
            f->options.output = outputs[i];
            f->options.policy = policies[k];
            resolve_well(f);
            assert_int_equal(f->request.output, output_values[i]);
            assert_int_equal(f->request.policy, policy_values[k]);
            assert_string_equal(request_output_name(&f->request), outputs[i]);
            assert_string_equal(request_policy_name(&f->request), policies[k]);
            if (k == 1)
                assert_int_equal(f->request.mask_token_id, RUN_MASK);
            request_free(&f->request);
        }
    f->model.config.n_vocabulary = RUN_MASK; // and the mask token is one beyond
    f->options.allow_tokenizer_mismatch = true;
    refuse(f, "--policy mask");
    f->options.policy = "remove";
    f->options.backend = "ref";
    f->options.seed = UINT64_MAX;
    resolve_well(f);
    assert_int_equal(f->request.backend, ASC_BACKEND_REF);
    assert_true(f->request.seed == UINT64_MAX);
    request_free(&f->request);
}

// ---- Budgets ----------------------------------------------------------------------------------------------

typedef struct policy_case {
    const char *typed, *name; // name NULL: refused
    const char *refusal;
    asc_policy policy;
    int32_t id;
} policy_case;

static void policies_and_their_tokens(void **state)
{
    fixture *f = *state;
    static const policy_case all[] = {
        {"remove", "remove", NULL, ASC_POLICY_REMOVE, 0},
        {"delete", "delete", NULL, ASC_POLICY_DELETE, 0},
        {"mask", "mask", NULL, ASC_POLICY_REPLACE, RUN_MASK},
        {"unk", "unk", NULL, ASC_POLICY_REPLACE, RUN_UNKNOWN},
        {"id:0", "id:0", NULL, ASC_POLICY_REPLACE, 0},
        {"id:099", "id:99", NULL, ASC_POLICY_REPLACE, 99},
        {"pad", NULL, "--policy pad: the dataset's tokenizer names no pad token", ASC_POLICY_REPLACE, 0},
        {"id:100", NULL, "--policy id:100: the model's vocabulary has 100 tokens", ASC_POLICY_REPLACE, 0},
        {"id:", NULL, "remove, delete, mask, pad, unk or id:N", ASC_POLICY_REPLACE, 0},
        {"id:+5", NULL, "--policy 'id:+5'", ASC_POLICY_REPLACE, 0},
        {"id:4294967296", NULL, "--policy 'id:4294967296'", ASC_POLICY_REPLACE, 0},
        {"id:99999999999999999999", NULL, "--policy 'id:9", ASC_POLICY_REPLACE, 0},
        {"Delete", NULL, "--policy 'Delete'", ASC_POLICY_REPLACE, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        f->options.policy = all[i].typed;
        if (!all[i].name) {
            refuse(f, all[i].refusal);
            continue;
        }
        resolve_well(f);
        assert_int_equal(f->request.policy, all[i].policy);
        assert_int_equal(f->request.mask_token_id, all[i].id);
        assert_string_equal(request_policy_name(&f->request), all[i].name);
        request_free(&f->request);
    }
}

static void regressions_have_no_probabilities(void **state)
{
    fixture *f = *state;
    f->model.config.problem = PROBLEM_REGRESSION;
    f->options.output = "probability";
    refuse(f, "--output probability: the model is a regression");
    f->options.output = "logodds";
    refuse(f, "--output logodds: the model is a regression");
    f->options.output = "logit";
    resolve_well(f);
    request_free(&f->request);
    f->model.config.problem = PROBLEM_UNSTATED; // one output without a type: sigmoid, as the pipeline does
    f->options.output = "probability";
    resolve_well(f);
    request_free(&f->request);
}

static void budgets(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *rule;
        size_t n_features, expected;
    } all[] = {
        {"auto", 1, 0},
        {"auto", 2, 2},
        {"auto", 9, 510},
        {"auto", 10, 512},
        {"auto", 32, 512},
        {"auto", 33, 528},
        {"auto", 100, 1600},
        {"512", 9, 510},
        {"512", 100, 512},
        {"33", 10, 32},
        {"2", 10, 2},
        {"2", 10, 2},
        {"3", 10, 2},
        {"100000", 16, 65534},
        {"16n", 3, 6},
        {"16n", 7, 112},
        {"16n", 100, 1600},
        {"3n", 5, 14},
        {"1n", 7, 6},
        {"1n", 1, 0},
        {"1073741824", 63, 1073741824},
        {"1073741824n", 64, (size_t)1 << 36},
        {"007", 10, 6},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        f->options.budget = all[i].rule;
        resolve_well(f);
        const size_t found = request_budget(&f->request, all[i].n_features);
        if (found != all[i].expected)
            fail_msg("%s, %zu features: expected %zu, found %zu", all[i].rule, all[i].n_features,
                     all[i].expected, found);
        request_free(&f->request);
    }
}

static void budgets_that_are_none(void **state)
{
    fixture *f = *state;
    static const char *const all[] = {"",    "n",    "0",   "0n",         "-2",
                                      "+2",  " 2",   "2 ",  "16nn",       "16N",
                                      "1e3", "0x10", "2.5", "1073741825", "99999999999999999999",
                                      "Auto", "1",   "01"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        f->options.budget = all[i];
        refuse(f, "is not a budget, expected auto, a number of at least 2");
    }
}

static void evaluations(void **state)
{
    fixture *f = *state;
    f->options.budget = "100";
    resolve_well(f);
    assert_int_equal(request_evaluations(&f->request, 0), 0);
    assert_int_equal(request_evaluations(&f->request, 1), 0);
    assert_int_equal(request_evaluations(&f->request, 3), 6);
    assert_int_equal(request_evaluations(&f->request, 30), 100);
    request_free(&f->request);
    f->options.estimator = "exact";
    f->options.exact_limit = 12;
    resolve_well(f);
    assert_int_equal(request_evaluations(&f->request, 12), 4094); // whatever the budget
    assert_int_equal(request_evaluations(&f->request, 13), 0);
    assert_int_equal(request_evaluations(&f->request, 0), 0);
    request_free(&f->request);
    f->options.estimator = "auto";
    f->options.method = "occlusion";
    resolve_well(f);
    assert_int_equal(request_evaluations(&f->request, 0), 0);
    assert_int_equal(request_evaluations(&f->request, 1), 1);
    assert_int_equal(request_evaluations(&f->request, 300), 300);
    request_free(&f->request);
}

// ---- Classes ----------------------------------------------------------------------------------------------

// The classes that --target names, -1 ended.
static void assert_targets(fixture *f, const char *target, const int32_t *expected)
{
    f->options.target = target;
    resolve_well(f);
    assert_int_equal(f->request.target_rule, TARGETS_LISTED);
    size_t count = 0;
    for (; expected[count] >= 0; count++) {
        assert_true(count < f->request.n_targets);
        assert_int_equal(f->request.listed[count], expected[count]);
    }
    assert_int_equal(f->request.n_targets, count);
    request_free(&f->request);
}

#define TARGETS(f, target, ...) assert_targets(f, target, (const int32_t[]){__VA_ARGS__, -1})

static void classes_by_name_case_and_index(void **state)
{
    fixture *f = *state;
    TARGETS(f, "good", 0);
    TARGETS(f, "Good", 1); // the exact name first
    TARGETS(f, "GOOD", 0); // then any case, the first of them
    TARGETS(f, "X", 3);
    TARGETS(f, "1", 2); // a name before an index
    TARGETS(f, "0", 0);
    TARGETS(f, "3", 3);
    TARGETS(f, "x,good,2,x", 3, 0, 2, 3);
    static const char *const wrong[] = {"4",
                                        "-1",
                                        "bad",
                                        "good ",
                                        "goo",
                                        "goodx",
                                        "0x1",
                                        "good,",
                                        ",good",
                                        "good,,x",
                                        "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        f->options.target = wrong[i];
        refuse(f, "is none of the model's 4 classes");
        assert_non_null(strstr(f->err.hint, "ascribe inspect"));
    }
}

static void target_words(void **state)
{
    fixture *f = *state;
    static char *many[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    f->model.class_names = many;
    for (size_t n_classes = 1; n_classes <= 9; n_classes++) {
        f->model.n_classes = n_classes;
        f->options.target = "auto";
        resolve_well(f);
        assert_int_equal(f->request.target_rule, n_classes <= 8 ? TARGETS_ALL : TARGETS_PREDICTED);
        assert_int_equal(f->request.n_targets, n_classes <= 8 ? n_classes : 1);
        request_free(&f->request);
    }
    f->options.target = "all";
    resolve_well(f);
    assert_int_equal(f->request.n_targets, 9);
    request_free(&f->request);
    f->options.target = "predicted";
    resolve_well(f);
    assert_int_equal(f->request.target_rule, TARGETS_PREDICTED);
    assert_int_equal(f->request.n_targets, 1);
    request_free(&f->request);
    f->options.target = "label";
    refuse(f, "no labels");
    f->options.target = "";
    refuse(f, "--target is empty");
}

// ---- Labels -----------------------------------------------------------------------------------------------

static void assert_labels(fixture *f, const char *names, size_t n_classes, int32_t first, int32_t second,
                          const char *warning)
{
    f->model.n_classes = n_classes;
    open_dataset(f, names);
    resolve_well(f);
    assert_int_equal(f->request.n_label_names, 2);
    assert_int_equal(request_label_class(&f->request, 0), first);
    assert_int_equal(request_label_class(&f->request, 1), second);
    assert_int_equal(request_label_class(&f->request, -1), -1);
    assert_int_equal(request_label_class(&f->request, 2), -1);
    if (warning ? !strstr(f->warning, warning) : f->warning[0] != '\0')
        fail_msg("the warning should hold '%s': %s", warning ? warning : "nothing", f->warning);
    request_free(&f->request);
}

static void labels_are_classes_by_name_or_index(void **state)
{
    fixture *f = *state;
    static char *names[] = {"no", "yes", "maybe"};
    f->model.class_names = names;
    assert_labels(f, "yes\0\0\0\0\0no\0\0\0\0\0\0", 2, 1, 0, NULL);
    assert_labels(f, "MAYBE\0\0\0no\0\0\0\0\0\0", 3, 2, 0, NULL);
    assert_labels(f, "1\0\0\0\0\0\0\0000\0\0\0\0\0\0\0", 3, 1, 0, NULL);
    assert_labels(f, "yes\0\0\0\0\0other\0\0\0", 2, 0, 1, "taken as class indexes");
    assert_labels(f, "other\0\0\0no\0\0\0\0\0\0", 2, 0, 1, "taken as class indexes");
    f->model.config.n_labels = 2; // names that the model gives are not to be guessed at
    assert_labels(f, "yes\0\0\0\0\0other\0\0\0", 2, -1, -1, "accuracy is not computed");
    assert_labels(f, "1\0\0\0\0\0\0\0005\0\0\0\0\0\0\0", 2, -1, -1, "accuracy is not computed");
    f->model.config.n_labels = 0;
    assert_labels(f, "yes\0\0\0\0\0other\0\0\0", 3, -1, -1, "accuracy is not computed");
    f->options.target = "label";
    refuse(f, "not the model's 3 classes");
    assert_labels(f, "yes\0\0\0\0\0no\0\0\0\0\0\0", 3, 1, 0, NULL);
    assert_int_equal(request_label_class(&(explain_request){0}, 0), -1);
    f->options.target = "auto";
    assert_int_equal(request_resolve(&f->options, &f->model, asc_dataset_describe(f->dataset), NULL, &f->request, NULL),
                     ASC_OK); // no log, no error record
    request_free(&f->request);
}

static void worker_processes(void **state)
{
    fixture *f = *state;
    int devices[MOST_DEVICES];
    size_t n_devices = 9;
    assert_int_equal(request_parse_devices("3,0,17", devices, &n_devices, &f->err), ASC_OK);
    assert_true(n_devices == 3 && devices[0] == 3 && devices[1] == 0 && devices[2] == 17);
    assert_int_equal(request_parse_devices("all", devices, &n_devices, &f->err), ASC_OK);
    assert_int_equal(n_devices, 0);
    static const char *const wrong[] = {"", ",", "0,", "0,0", "-1", "1 2", "1024", "99999999999999999999", "0x1", "gpu0"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(request_parse_devices(wrong[i], devices, &n_devices, &f->err), ASC_USAGE);
    asc_explain_options o = asc_explain_options_default();
    o.backend = "cpu";
    o.n_processes = 1024;
    assert_int_equal(asc_explain_options_check(&o, &f->err), ASC_OK);
    o.n_processes = 1025;
    assert_int_equal(asc_explain_options_check(&o, &f->err), ASC_USAGE);
    o.n_processes = -1;
    assert_int_equal(asc_explain_options_check(&o, &f->err), ASC_USAGE);
    o.n_processes = 0;
    o.devices = "0";
    assert_int_equal(asc_explain_options_check(&o, &f->err), ASC_USAGE);
    o.backend = "auto";
    assert_int_equal(asc_explain_options_check(&o, &f->err), ASC_OK);
    o.device = 1;
    assert_int_equal(asc_explain_options_check(&o, &f->err), ASC_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(methods_and_estimators, set_up, tear_down),
        cmocka_unit_test_setup_teardown(policies_outputs_backends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(policies_and_their_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(regressions_have_no_probabilities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(budgets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(budgets_that_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(evaluations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(classes_by_name_case_and_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(target_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(labels_are_classes_by_name_or_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(worker_processes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
