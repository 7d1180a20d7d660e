// The activations of the cpu backend against double precision: error bounds over all magnitudes, special
// values, and bits that depend neither on an element's place nor on how many there are.
#include "cpu/cpu.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef fail
#include <cmocka.h>

enum { BATCH = 4096 };

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double exact(asc_activation activation, double x)
{
    switch (activation) {
    case ASC_ACT_NONE: return x;
    case ASC_ACT_GELU_ERF: return x / 2 * erfc(-x * 0.70710678118654752440);
    case ASC_ACT_GELU_TANH: return x / (1 + exp(-1.59576912160573071176 * (x + 0.044715 * x * x * x)));
    case ASC_ACT_RELU: return x < 0 ? 0 : x;
    case ASC_ACT_SILU: return x / (1 + exp(-x));
    case ASC_ACT_TANH: return tanh(x);
    }
    return NAN;
}

// A range of floats by their bits, taken every `stride`: [first, end).
typedef struct sweep {
    uint32_t first, end, stride;
} sweep;

// The largest |error| / |scale| over a sweep, scale = x, or the exact result when `relative`. NaN when a
// result is not finite.
static double largest_error(asc_activation activation, sweep s, bool relative)
{
    float x[BATCH], y[BATCH];
    double largest = 0;
    uint64_t bits = s.first;
    while (bits < s.end) {
        size_t n = 0;
        for (; n < BATCH && bits < s.end; n++, bits += s.stride)
            x[n] = y[n] = float_of((uint32_t)bits);
        cpu_activate(activation, y, n);
        for (size_t i = 0; i < n; i++) {
            const double expected = exact(activation, x[i]),
                         scale = relative ? fabs(expected) : fabs((double)x[i]);
            if (!isfinite(y[i]))
                return NAN;
            const double error = fabs(y[i] - expected);
            if (error > largest * scale)
                largest = error / scale;
        }
    }
    return largest;
}

static void expect_at_most(const char *what, double found, double bound)
{
    if (!(found <= bound)) // NaN too
        fail_msg("%s: largest error %.3g = 2^%.2f, expected at most %.3g", what, found, log2(found), bound);
}

static const uint32_t smallest_normal = 0x00800000, infinity = 0x7f800000, fourteen = 0x41600000,
                      sign = 0x80000000;

// |error| <= 2^-22 |x| for every finite x: every 61st normal float of both signs, every one in places where
// approximations meet.
static void gelu_erf_is_accurate(void **state)
{
    (void)state;
    const sweep sweeps[] = {
        {smallest_normal, infinity, 61},
        {sign | smallest_normal, sign | infinity, 61},
        {0x3f000000, 0x3f040000, 1},               // from 0.5
        {sign | 0x3f000000, sign | 0x3f040000, 1}, // from -0.5
        {sign | 0x40a00000, sign | 0x40d80000, 1}, // from -5 to -6.75: where it becomes 0 and the polynomial ends
    };
    for (size_t i = 0; i < sizeof sweeps / sizeof sweeps[0]; i++)
        expect_at_most("GELU (erf)", largest_error(ASC_ACT_GELU_ERF, sweeps[i], false), 0x1p-22);
}

// Where the result itself is small, the error is the polynomial's, not the rounding's: |error| <= 2^-24 |x| from -3
// down. It has the sign of the exact one, and is 0 from -6.5 down.
static void gelu_erf_tail_is_accurate(void **state)
{
    (void)state;
    const sweep tail = {sign | 0x40400000, sign | 0x40d00000, 1}; // -3 to -6.5
    expect_at_most("GELU (erf), tail", largest_error(ASC_ACT_GELU_ERF, tail, false), 0x1p-24);
    for (uint32_t bits = tail.first; bits < tail.end; bits++) {
        float x = float_of(bits);
        cpu_activate(ASC_ACT_GELU_ERF, &x, 1);
        assert_true(x <= 0);
    }
    float deep[] = {-6.6f, -14, -20, -1e4f, -1e30f, -3.4e38f};
    cpu_activate(ASC_ACT_GELU_ERF, deep, sizeof deep / sizeof deep[0]);
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++)
        assert_true(deep[i] == 0);
    float large[] = {6.6f, 14, 1e30f, 3.4e38f};
    const float same[] = {6.6f, 14, 1e30f, 3.4e38f};
    cpu_activate(ASC_ACT_GELU_ERF, large, sizeof large / sizeof large[0]);
    assert_memory_equal(large, same, sizeof large);
}

static void others_are_accurate(void **state)
{
    (void)state;
    const sweep positive = {smallest_normal, infinity, 211},
                negative = {sign | smallest_normal, sign | infinity, 211};
    const asc_activation scaled_by_x[] = {ASC_ACT_GELU_TANH, ASC_ACT_SILU, ASC_ACT_RELU};
    for (size_t i = 0; i < sizeof scaled_by_x / sizeof scaled_by_x[0]; i++) {
        expect_at_most("of x >= 0", largest_error(scaled_by_x[i], positive, false), 0x1p-21);
        expect_at_most("of x < 0", largest_error(scaled_by_x[i], negative, false), 0x1p-21);
    }
    expect_at_most("tanh of x >= 0", largest_error(ASC_ACT_TANH, positive, true), 0x1p-21);
    expect_at_most("tanh of x < 0", largest_error(ASC_ACT_TANH, negative, true), 0x1p-21);
    expect_at_most("tanh up to 14", largest_error(ASC_ACT_TANH, (sweep){0x3d000000, fourteen, 7}, true),
                   0x1p-21);
}

static void special_values(void **state)
{
    (void)state;
    for (int activation = ASC_ACT_NONE; activation <= ASC_ACT_TANH; activation++) {
        float x[] = {0, -0.0f, NAN, -NAN, 0x1p-149f, -0x1p-149f};
        cpu_activate((asc_activation)activation, x, 6);
        assert_true(x[0] == 0 && x[1] == 0);
        assert_true(isnan(x[2]) && isnan(x[3]));
        assert_true(fabsf(x[4]) <= 0x1p-149f && fabsf(x[5]) <= 0x1p-149f);
    }
}

static void bits_do_not_depend_on_place(void **state)
{
    (void)state;
    enum { N = 67 };
    const float values[] = {0.3f, -0.7f, 1.9f, -2.6f, 5.1f, -6.3f, -11.7f, 0.0123f};
    for (int activation = ASC_ACT_NONE; activation <= ASC_ACT_TANH; activation++)
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            float alone = values[v];
            cpu_activate((asc_activation)activation, &alone, 1);
            for (size_t n = 1; n <= N; n++)
                for (size_t start = 0; start < 3; start++) {
                    float x[N + 3];
                    for (size_t i = 0; i < n; i++)
                        x[start + i] = values[v];
                    if (n > 1)
                        x[start + n / 2] = NAN;
                    cpu_activate((asc_activation)activation, x + start, n);
                    for (size_t i = 0; i < n; i++)
                        if (n == 1 || i != n / 2)
                            assert_memory_equal(&x[start + i], &alone, sizeof alone);
                }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gelu_erf_is_accurate),        cmocka_unit_test(gelu_erf_tail_is_accurate),
        cmocka_unit_test(others_are_accurate),         cmocka_unit_test(special_values),
        cmocka_unit_test(bits_do_not_depend_on_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
