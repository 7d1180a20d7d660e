// The numbers of global importance: exact sums, Student's t against tables, Benjamini and Hochberg's example, case folding.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "global/cell.h"
#include "global/exact.h"
#include "global/fold.h"
#include "global/student.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 11;
}

// A float between 2^-40 and 2^31, of either sign.
static float made_term(uint64_t *state)
{
    const float fraction = (float)(1 + (double)next_random(state) / 9007199254740992.0);
    const float term = ldexpf(fraction, (int)(next_random(state) % 71) - 40);
    return next_random(state) % 2 ? term : -term;
}

// Terms whose units are whole: their sum in 128-bit integers is what must come out, in any order.
static void sums_are_exact(void **state)
{
    (void)state;
    __extension__ typedef __int128 wide;
    enum { N = 5000 };
    uint64_t random = 1, forward[2] = {0}, backward[2] = {0}, halves[2][2] = {{0}};
    static float terms[N];
    wide expected = 0;
    for (size_t i = 0; i < N; i++) {
        terms[i] = made_term(&random);
        expected += (wide)ldexpl(terms[i], 64);
        exact_sum_add(forward, terms[i]);
        exact_sum_add(halves[i % 3 == 0], terms[i]);
    }
    for (size_t i = N; i-- > 0;)
        exact_sum_add(backward, terms[i]);
    exact_merge(halves[0], halves[1], 2);
    assert_int_equal(forward[0], (uint64_t)expected);
    assert_int_equal(forward[1], (uint64_t)(expected >> 64));
    assert_memory_equal(forward, backward, sizeof forward);
    assert_memory_equal(forward, halves[0], sizeof forward);
    assert_true(exact_sum_value(forward) == ldexpl((long double)expected, -64));
}

static void small_terms_are_rounded(void **state)
{
    (void)state;
    uint64_t sum[2] = {0}, square[3] = {0};
    exact_sum_add(sum, ldexp(1, -65)); // half a unit
    assert_int_equal(sum[0], 1);
    exact_sum_add(sum, ldexp(0.99, -65));
    exact_sum_add(sum, ldexp(1, -1070));
    exact_sum_add(sum, 0);
    assert_int_equal(sum[0], 1);
    exact_sum_add(sum, -ldexp(3, -64));
    assert_true(exact_sum_value(sum) == ldexpl(-2, -64));
    exact_square_add(square, ldexp(1, 62));
    exact_square_add(square, ldexp(1, -96));
    exact_square_add(square, ldexp(3, -33));
    assert_int_equal(square[0], (UINT64_C(3) << 63) + 1);
    assert_int_equal(square[1], 1);
    assert_int_equal(square[2], UINT64_C(1) << 30);
}

// Two-sided tails: t of the 0.975 and 0.9995 columns of the usual tables, and closed forms for 1 and 2 degrees.
static void student_is_the_table(void **state)
{
    (void)state;
    static const double columns[][3] = {{1, 12.7062047364, 636.6192487687}, {2, 4.3026527297, 31.5990545764}, {5, 2.5705818366, 6.8688266258},
                                        {10, 2.2281388520, 4.5868938586},   {30, 2.0422724563, 3.6459586350}, {120, 1.9799304051, 3.3734537663},
                                        {1000, 1.9623390808, 3.3002826485}};
    student_table table;
    student_table_fill(&table);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        assert_true(fabs(student_p_value(columns[i][1], columns[i][0]) - 0.05) < 1e-9);
        assert_true(fabs(student_p_value(-columns[i][2], columns[i][0]) - 0.001) < 1e-9);
        assert_true(fabs(student_quantile(&table, columns[i][0]) - columns[i][1]) < 2e-9);
    }
    assert_true(fabs(student_p_value(3, 1) - (1 - 2 * atan(3) / M_PI)) < 1e-13);
    assert_true(fabs(student_p_value(3, 2) - (1 - 3 / sqrt(11))) < 1e-13);
    assert_true(student_p_value(0, 7) == 1 && student_p_value(INFINITY, 7) == 0);
    assert_true(fabs(student_p_value(1e-5, 1e6) - 0.99999202115) < 1e-9);
    assert_true(student_p_value(30, 1e4) < 1e-180 && student_p_value(30, 1e4) > 0);
    // where the table ends and the expansion begins
    assert_true(fabs(student_p_value(student_quantile(&table, STUDENT_N_KNOWN), STUDENT_N_KNOWN) - 0.05) < 1e-9);
}

// The example of the paper (1995, section 3.2): with q = 0.05 the four smallest of 15 are called.
static void discoveries_are_the_papers(void **state)
{
    (void)state;
    static const double p[] = {0.0459, 0.3240, 0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.4262, 0.5719, 0.6528, 0.7590, 1.000, NAN};
    enum { N = sizeof p / sizeof *p };
    double q[N];
    size_t n_tested = 0, n_called = 0;
    assert_int_equal(benjamini_hochberg(p, N, q, &n_tested, NULL), ASC_OK);
    assert_int_equal(n_tested, 15);
    for (size_t i = 0; i < N; i++)
        n_called += q[i] <= 0.05;
    assert_int_equal(n_called, 4);
    assert_true(isnan(q[15]) && fabs(q[5] - 0.0095 * 15 / 4) < 1e-15 && q[14] == 1);
    assert_true(fabs(q[6] - 0.0201 * 15 / 5) < 1e-15 && q[7] <= q[8] && q[7] <= 0.0278 * 15 / 6);
}

static global_cell made_cell(uint64_t seed, uint64_t first_row, size_t n_rows)
{
    global_cell cell = {.count = 0};
    for (size_t i = 0; i < n_rows; i++) {
        row_part part = {0};
        uint64_t state = seed + first_row + i;
        for (size_t n = 1 + next_random(&state) % 3; n > 0; n--)
            row_part_add(&part, (float)(next_random(&state) % 7) - 3);
        cell_add_row(&cell, &part, first_row + i);
    }
    return cell;
}

static void cells_merge_in_any_order(void **state)
{
    (void)state;
    const global_cell whole = made_cell(5, 0, 50);
    const global_cell parts[] = {made_cell(5, 40, 10), made_cell(5, 0, 17), made_cell(5, 17, 23)};
    global_cell sum = {.count = 0};
    for (size_t i = 0; i < 3; i++)
        cell_merge(&sum, &parts[i]);
    assert_memory_equal(&sum, &whole, sizeof sum);
    assert_int_equal(whole.rows, 50);
    const long double mean_abs = exact_sum_value(whole.exact + EXACT_ABS) / whole.count;
    assert_true(mean_abs > 1 && exact_sum_value(whole.exact + EXACT_ABS_CROSS) > mean_abs * whole.exact[EXACT_COUNT_SQUARE] / 2);
    assert_true(whole.least == -3 && whole.most == 3);
}

// Rows that all say the same are no evidence of anything: no p-value, an interval of no width.
static void no_variation_has_no_p_value(void **state)
{
    (void)state;
    student_table student;
    asc_global_word word;
    global_cell cell = {.count = 0};
    student_table_fill(&student);
    for (size_t i = 0; i < 10; i++) {
        row_part part = {0};
        for (size_t n = 1 + 7 * i; n > 0; n--) // so many that their squares are rounded
            row_part_add(&part, 0.1f);
        cell_add_row(&cell, &part, i);
        cell_describe(&cell, &student, &word);
        assert_true(isnan(word.p_value) && (i == 0 ? isnan(word.std_error) && isnan(word.low) : word.std_error == 0 && word.low == word.mean));
    }
    assert_true(word.mean == (double)0.1f && word.deviation == 0);
}

static void assert_folds(const char *from, const char *to)
{
    char out[200];
    const size_t n = fold_case(from, strlen(from), out);
    if (n != strlen(to) || memcmp(out, to, n) != 0)
        fail_msg("'%s': expected '%s', found '%.*s'", from, to, (int)n, out);
}

static void case_folds(void **state)
{
    (void)state;
    assert_folds("", "");
    assert_folds("Hello, WORLD @[`{09", "hello, world @[`{09");
    assert_folds("Stra\xc3\x9f" "e \xe1\xba\x9e", "strasse ss");
    assert_folds("\xce\x91\xce\xa3\xcf\x82", "\xce\xb1\xcf\x83\xcf\x83"); // a final sigma folds like the others
    assert_folds("\xc4\xb0", "i\xcc\x87");
    assert_folds("\xe2\x84\xa6\xe2\x84\xaa", "\xcf\x89k"); // ohm and kelvin signs
    assert_folds("\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"); // Deseret
    assert_folds("\xef\xac\x83", "ffi");
    assert_folds("\xc4\x80\xc4\x81", "\xc4\x81\xc4\x81");
    assert_folds("A\xff\xc3(\xe2\x82\xed\xa0\x80\xc0\x80Z", "a\xff\xc3(\xe2\x82\xed\xa0\x80\xc0\x80z"); // what is no UTF-8 stays
    assert_folds("\xe6\xbc\xa2\xf0\x9f\x98\x80", "\xe6\xbc\xa2\xf0\x9f\x98\x80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_exact),           cmocka_unit_test(small_terms_are_rounded),     cmocka_unit_test(student_is_the_table),
        cmocka_unit_test(discoveries_are_the_papers), cmocka_unit_test(cells_merge_in_any_order), cmocka_unit_test(no_variation_has_no_p_value),
        cmocka_unit_test(case_folds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
