// accuracy_count: what counts as predicted right, for each kind of labels.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "explain/accuracy.h"

#include <cmocka.h>

#include <math.h>

enum { C = 3 };

static asc_explain_summary count(explain_request request, const asc_rows *rows, const float *scores, size_t n_classes)
{
    asc_explain_summary summary = {0};
    for (size_t row = 0; row < rows->n_rows; row++)
        accuracy_count(&request, rows, row, scores + row * n_classes, n_classes, &summary);
    return summary;
}

static void one_class_is_right_when_its_score_is_the_largest(void **state)
{
    (void)state;
    int32_t classes[C] = {2, -1, 0}, labels[] = {0, 2, 2, 1, -1, 0};
    const float scores[][C] = {{0, 0, 1}, {1, 1, 0}, {0, 1, 0}, {1, 0, 0}, {1, 0, 0}, {NAN, NAN, NAN}};
    const asc_rows rows = {.n_rows = 6, .labels = labels};
    const asc_explain_summary found =
        count((explain_request){.label_class = classes, .n_label_names = C}, &rows, scores[0], C);
    assert_int_equal(found.n_labelled, 3);
    assert_int_equal(found.n_correct, 2);
    assert_int_equal(found.n_numbers, 0);
}

static void several_classes_are_right_when_exactly_they_score_above_a_half(void **state)
{
    (void)state;
    int32_t classes[2] = {2, 0};
    uint8_t labels[][2] = {{1, 0}, {1, 1}, {1, 0}, {0, 0}, {0, 0}, {1, 0}, {255, 255}};
    const float scores[][C] = {{0, 0, 1},       {.6f, 0, .7f}, {.6f, 0, .7f}, {.5f, .5f, .5f},
                               {.1f, .6f, .1f}, {0, 0, .2f},   {1, 1, 1}};
    const asc_rows rows = {.n_rows = 7, .label_matrix = labels[0]};
    explain_request request = {.label_class = classes, .n_label_names = 2, .sigmoid = true};
    asc_explain_summary found = count(request, &rows, scores[0], C);
    assert_int_equal(found.n_labelled, 6);
    assert_int_equal(found.n_correct, 3);
    request.sigmoid = false;
    found = count(request, &rows, scores[0], C);
    assert_int_equal(found.n_labelled, 0);
    request.sigmoid = true;
    classes[1] = -1;
    found = count(request, &rows, scores[0], C);
    assert_int_equal(found.n_labelled, 0);
}

static void numbers_have_a_distance(void **state)
{
    (void)state;
    double labels[] = {1, NAN, 2.5};
    const float scores[] = {1.5f, 3, 1, 7, 7, 7};
    const asc_rows rows = {.n_rows = 3, .label_numbers = labels};
    asc_explain_summary found = count((explain_request){0}, &rows, scores, 1);
    assert_int_equal(found.n_numbers, 2);
    assert_true(found.sum_absolute_error == 2);
    assert_int_equal(found.n_labelled, 0);
    found = count((explain_request){0}, &rows, scores, 2);
    assert_int_equal(found.n_numbers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_class_is_right_when_its_score_is_the_largest),
        cmocka_unit_test(several_classes_are_right_when_exactly_they_score_above_a_half),
        cmocka_unit_test(numbers_have_a_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
