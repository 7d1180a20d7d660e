// Differences of attributions on the scale of their rows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/difference.h"

#include <cmocka.h>

#include <ascribe/result.h>

#include <math.h>

enum { N_TARGETS = 2 };

// Two classes: the first has the range 4, the second 1.
static float reference_values[] = {-1, 0.5f, 3, 1, 0, 0}, std_errors[] = {0.4f, NAN, 0.8f, NAN, 0.4f, NAN};
static float other_values[] = {-1, 0.5f, 3.4f, 1, 0, 0.5f};
static int32_t targets[] = {0, 1}, other_targets[] = {1, 0};

static part_row row_of(const float *values, const int32_t *of_targets, uint32_t status)
{
    return (part_row){.n_features = 3, .values = values, .std_errors = std_errors, .targets = of_targets, .status = status};
}

static difference compare(part_row reference, part_row other)
{
    const explained a = {.n_rows = 1, .n_targets = N_TARGETS, .rows = &reference}, b = {.n_rows = 1, .n_targets = N_TARGETS, .rows = &other};
    difference sum = {0};
    difference_add(&sum, &a, &b);
    return sum;
}

static void differences_are_relative_to_the_range_of_the_class(void **state)
{
    const difference sum = compare(row_of(reference_values, targets, 0), row_of(other_values, targets, 0));
    (void)state;
    assert_int_equal(sum.n_rows, 1);
    assert_int_equal(sum.n_values, 6);
    assert_float_equal(sum.largest, 0.5, 1e-6); // class 1: .5 of 1; class 0: .4 of 4
    assert_float_equal(difference_rms(&sum), sqrt((0.01 + 0.25) / 6), 1e-6);
    assert_int_equal(sum.n_std_errors, 3);
    assert_float_equal(difference_rms_std_error(&sum), sqrt((0.01 + 0.04 + 0.01) / 3), 1e-6);
}

static void what_cannot_be_compared_is_left_out(void **state)
{
    static float constant[6], missing[] = {NAN, NAN, NAN, NAN, NAN, NAN};
    const part_row good = row_of(reference_values, targets, 0);
    (void)state;
    assert_int_equal(compare(good, row_of(other_values, other_targets, 0)).n_values, 0);
    assert_int_equal(compare(good, row_of(missing, targets, ASC_ROW_NON_FINITE)).n_rows, 0);
    assert_int_equal(compare(row_of(constant, targets, 0), good).n_rows, 0);
    assert_true(isnan(difference_rms(&(difference){0})));
    assert_true(isnan(difference_rms_std_error(&(difference){0})));
    assert_true(isnan(compare(good, row_of(missing, targets, 0)).largest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_relative_to_the_range_of_the_class),
        cmocka_unit_test(what_cannot_be_compared_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
