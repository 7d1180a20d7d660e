// Memory depends on the rows of a part, not on the rows of a file: a run of ten times as many rows needs no
// more, but for the caches that HDF5 fills up to 2 MiB for each of the 16 arrays that are read, and as many
// for those that the merge writes.
//
// Short rows are explained; long rows are too long to be explained, so that a lot of text, tokens and results
// passes in little time. `test_run_memory long` takes 200,000 short rows instead of 50,000.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_fixture.h"

#include <unistd.h>

enum { LONG_ROW_FEATURES = 100 };

static run_place place;
static size_t n_short_rows = 50000;
static long short_growth_kib = 16 << 10;
static const long long_growth_kib = 32 << 10, most_start_kib = 20 << 10;

static void short_row(size_t row, run_row *out) { run_row_usual(row, 2 + row % 2, out); }

static void long_row(size_t row, run_row *out) { run_row_usual(row, LONG_ROW_FEATURES, out); }

static int set_up(void **state)
{
    (void)state;
    run_place_make(&place);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(place.folder);
    return 0;
}

// A child's peak begins with what its parent holds, so that the parent must stay small.
static void write_dataset(const run_plan *plan)
{
    struct rusage usage;
    int exit_facts = -1;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    assert_true(usage.ru_maxrss < most_start_kib);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run_dataset_write(place.data, plan);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &exit_facts, 0), child);
    assert_int_equal(exit_facts, 0);
}

// Peak memory of a run in a child and of the merging processes, in KiB.
static long explain(run_plan plan)
{
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.method = "occlusion";
    job.options.force = true;
    write_dataset(&plan);
    const run_outcome found = run_in_child(&job, NULL);
    if (found.status != ASC_OK)
        fail_msg("%s", found.err.message);
    assert_int_equal(found.summary.n_rows, plan.n_rows);
    print_message("%zu rows: %.1f s, %ld KiB\n", plan.n_rows, found.summary.elapsed_s,
                  found.max_resident_kib);
    return found.max_resident_kib;
}

static void assert_growth(long few, long many, long most)
{
    if (many - few >= most)
        fail_msg("ten times the rows need %ld KiB more, expected less than %ld", many - few, most);
}

static void short_rows(void **state)
{
    (void)state;
    const long few = explain((run_plan){.n_rows = n_short_rows / 10, .make_row = short_row});
    const long many = explain((run_plan){.n_rows = n_short_rows, .make_row = short_row});
    assert_growth(few, many, short_growth_kib);
}

static void long_rows(void **state)
{
    (void)state;
    const long few = explain((run_plan){.n_rows = 2000, .make_row = long_row});
    const long many = explain((run_plan){.n_rows = 20000, .make_row = long_row});
    assert_growth(few, many, long_growth_kib);
}

int main(int n_arguments, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(short_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_rows, set_up, tear_down),
    };
    if (n_arguments > 1 && strcmp(arguments[1], "long") == 0) {
        n_short_rows = 200000;
        short_growth_kib = 48 << 10;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
