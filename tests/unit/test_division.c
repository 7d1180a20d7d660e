// Dividing rows into parts and parts into tasks by cost: parts cover all rows once and end as near to what is aimed at as rows allow, tasks
// have about the same to do, and nothing but rows and options decides.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "explain/division.h"
#include "explain/record.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include "../property/run_dataset.h"
#include "temp_folder.h"

#include <math.h>

enum { N_ROWS = 3000, N_SHORT = 2000 };

typedef struct fixture {
    char folder[TEMP_PATH_SIZE], data[TEMP_PATH_SIZE];
    asc_model model;
    asc_dataset *dataset;
    explain_request request;
} fixture;

// Two thousand short rows, then long ones: by count they would be divided all wrong.
static void short_then_long(size_t row, run_row *out) { run_row_usual(row, row < N_SHORT ? 2 : 12 + row % 5, out); }

static void tiny(size_t row, run_row *out) { run_row_usual(row, 1, out); }

static int set_up(void **state)
{
    static fixture f;
    static char *names[] = {"a", "b"};
    asc_error err = {0};
    asc_explain_options options = asc_explain_options_default();
    memset(&f, 0, sizeof f);
    temp_folder_make(f.folder);
    temp_folder_join(f.folder, "data.h5", f.data);
    run_dataset_write(f.data, &(run_plan){.n_rows = N_ROWS, .make_row = short_then_long, .bare = true});
    assert_int_equal(asc_dataset_open(f.data, &f.dataset, &err), ASC_OK);
    f.model = (asc_model){.config = {.n_vocabulary = 100, .n_layers = 2, .n_hidden = 32, .n_ffn = 64, .n_heads = 2}, .n_classes = 2, .class_names = names};
    options.backend = "ref"; // the slowest: few rows a part
    options.budget = "256";
    assert_int_equal(request_resolve(&options, &f.model, asc_dataset_describe(f.dataset), NULL, &f.request, &err), ASC_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    request_free(&f->request);
    asc_dataset_close(f->dataset);
    temp_folder_remove(f->folder);
    return 0;
}

static division divide(const fixture *f, int64_t first, int64_t n_rows, size_t rows_per_part, size_t n_tasks, division_cost *cost)
{
    asc_error err = {0};
    division d;
    const division_plan plan = {&f->request, &f->model.config, f->dataset, first, n_rows, rows_per_part, n_tasks};
    if (division_make(&plan, &d, cost, &err) != ASC_OK)
        fail_msg("%s", err.message);
    assert_true(division_is_sound(&d));
    assert_int_equal(d.starts[0], first);
    assert_int_equal(d.starts[d.n_parts], first + n_rows);
    return d;
}

static double cost_of(const fixture *f, int64_t first, int64_t end)
{
    division_cost cost;
    division d = divide(f, first, end - first, 0, 1, &cost);
    division_free(&d);
    return cost.flops;
}

static void parts_are_even_by_cost(void **state)
{
    const fixture *f = *state;
    const double aimed = 10 * 5e8; // ten seconds of the reference, as assumed
    division_cost cost;
    division d = divide(f, 0, N_ROWS, 0, 1, &cost);
    size_t n_long = 0;
    assert_int_equal(d.n_tasks, 1);
    for (size_t part = 0; part + 1 < d.n_parts; part++) {
        const int64_t n_rows = d.starts[part + 1] - d.starts[part];
        const double flops = cost_of(f, d.starts[part], d.starts[part + 1]), next = cost_of(f, d.starts[part + 1], d.starts[part + 1] + 1);
        if (n_rows == 1024)
            continue; // as many as a part ever has
        assert_true(flops + next / 2 > aimed);
        assert_true(flops - next < aimed);
        n_long++;
    }
    assert_true(n_long > 10);
    assert_int_equal(division_largest(&d), 1024);
    division_free(&d);
}

static void rows_per_part_is_obeyed(void **state)
{
    const fixture *f = *state;
    division_cost cost;
    division d = divide(f, 7, 100, 16, 1, &cost);
    assert_int_equal(d.n_parts, 7);
    for (size_t part = 0; part < 7; part++)
        assert_int_equal(d.starts[part], 7 + 16 * (int64_t)part);
    division_free(&d);
    d = divide(f, N_SHORT, 1000, 500, 4, &cost); // more than ten seconds
    assert_int_equal(d.n_parts, 2);
    division_free(&d);
}

// More would be refused by whoever reads the record, at the end of all work; also where every row is more than a part should be.
static void never_more_parts_than_a_record_holds(void **state)
{
    enum { N_MANY = MOST_PARTS + MOST_PARTS / 8 };
    fixture many = *(const fixture *)*state;
    asc_error err = {0};
    division_cost cost;
    temp_folder_join(many.folder, "many.h5", many.data);
    run_dataset_write(many.data, &(run_plan){.n_rows = N_MANY, .make_row = tiny, .bare = true});
    assert_int_equal(asc_dataset_open(many.data, &many.dataset, &err), ASC_OK);
    many.model.config.n_hidden = many.model.config.n_ffn = 1 << 14;
    for (size_t rows_per_part = 0; rows_per_part < 2; rows_per_part++) {
        division d = divide(&many, 0, N_MANY, rows_per_part, 1, &cost);
        assert_int_equal(division_largest(&d), 2);
        division_free(&d);
    }
    asc_dataset_close(many.dataset);
}

// Also where parts are not, since their rows are counted.
static void tasks_are_even_by_cost(void **state)
{
    const fixture *f = *state;
    static const size_t counts[] = {2, 3, 8, 50};
    const double part = cost_of(f, N_ROWS - 25, N_ROWS);
    for (size_t i = 0; i < 8; i++) {
        division_cost cost;
        division d = divide(f, 0, N_ROWS, i < 4 ? 0 : 20, counts[i % 4], &cost);
        assert_int_equal(d.n_tasks, counts[i % 4]);
        assert_true(d.n_parts >= 3 * counts[i % 4]);
        for (size_t task = 0; task < d.n_tasks; task++) {
            const int64_t first = d.starts[d.tasks[task]], end = d.starts[d.tasks[task + 1]];
            const double share = cost.flops / (double)d.n_tasks;
            assert_true(fabs(cost_of(f, first, end) - share) < share / 3 + part);
            assert_int_equal(division_task_of(&d, d.tasks[task]), task);
            assert_int_equal(division_task_of(&d, d.tasks[task + 1] - 1), task);
        }
        division_free(&d);
    }
}

static void the_same_again(void **state)
{
    const fixture *f = *state;
    division_cost cost;
    division a = divide(f, 3, N_ROWS - 3, 0, 5, &cost), b = divide(f, 3, N_ROWS - 3, 0, 5, &cost), other = divide(f, 3, N_ROWS - 3, 0, 9, &cost);
    assert_true(division_same_parts(&a, &b));
    assert_memory_equal(a.tasks, b.tasks, 6 * sizeof *a.tasks);
    assert_false(division_same_parts(&a, &other));
    division_free(&other);
    division_free(&b);
    division_free(&a);
}

static void more_tasks_than_parts(void **state)
{
    const fixture *f = *state;
    division_cost cost;
    division d = divide(f, 0, 3, 0, 10, &cost);
    assert_int_equal(d.n_parts, 3);
    assert_int_equal(d.n_tasks, 3);
    division_free(&d);
}

// As a file may say them.
static void divisions_that_cannot_be(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"parts\":[0,5],\"tasks\":[0,1]}", // the only good one
        "{\"parts\":[0,5,5],\"tasks\":[0,2]}", "{\"parts\":[5,0],\"tasks\":[0,1]}", "{\"parts\":[-1,5],\"tasks\":[0,1]}",
        "{\"parts\":[0],\"tasks\":[0,1]}", "{\"parts\":[0,5],\"tasks\":[0,2]}", "{\"parts\":[0,5,9],\"tasks\":[0,1]}",
        "{\"parts\":[0,5,9],\"tasks\":[1,2]}", "{\"parts\":[0,5,9],\"tasks\":[0,1,1,2]}", "{\"parts\":[0,5]}", "{\"parts\":3,\"tasks\":[0,1]}",
        "{\"parts\":[0,\"5\"],\"tasks\":[0,1]}", "{\"parts\":[0,5.0],\"tasks\":[0,1]}", "{\"parts\":[0,5],\"tasks\":[0,-1]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        asc_error err = {0};
        division d;
        json_t *object = json_loads(texts[i], 0, NULL);
        assert_non_null(object);
        const record_source from = {"file", object};
        assert_int_equal(record_get_division(&from, &d, &err), i == 0 ? ASC_OK : ASC_MALFORMED);
        division_free(&d);
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_are_even_by_cost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_per_part_is_obeyed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(never_more_parts_than_a_record_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tasks_are_even_by_cost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_tasks_than_parts, set_up, tear_down),
        cmocka_unit_test(divisions_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
