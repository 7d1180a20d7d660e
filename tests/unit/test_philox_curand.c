// Philox against cuRAND, on the host: the CUDA backend's generator and ours are the same function.
//
// cuRAND's device header compiles for the host when QUALIFIERS says so; no GPU and no CUDA driver is needed.
// Compiled as CUDA (nvcc -x cu), which also shows that philox.h compiles there. Random123 is in another file:
// both define mulhilo32.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern "C" { // cmocka's header does not say so itself
#include <cmocka.h>
}

#define QUALIFIERS static __forceinline__ __host__ __device__
#include <curand_kernel.h>

#include "philox.h"

static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void ten_rounds_are_curands(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int k = 0; k < 20000; k++) {
        const uint64_t a = split_mix(&seed);
        const uint64_t b = split_mix(&seed);
        const uint64_t key = split_mix(&seed);
        const philox_block counter = {{(uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32)}};
        const philox_block ours = philox_4x32_10(counter, key);
        const uint4 theirs = curand_Philox4x32_10(
            make_uint4(counter.word[0], counter.word[1], counter.word[2], counter.word[3]),
            make_uint2((uint32_t)key, (uint32_t)(key >> 32)));
        assert_int_equal(ours.word[0], theirs.x);
        assert_int_equal(ours.word[1], theirs.y);
        assert_int_equal(ours.word[2], theirs.z);
        assert_int_equal(ours.word[3], theirs.w);
    }
}

// curand_init(seed, subsequence, offset): subsequence = row id, offset = 4 * (block | purpose << 32) words.
static void streams_are_curands(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (int k = 0; k < 200; k++) {
        const uint64_t key = split_mix(&seed);
        const uint64_t row_id = split_mix(&seed);
        curandStatePhilox4_32_10_t theirs;
        philox_stream ours = philox_open(key, PHILOX_RELABEL, row_id);
        curand_init(key, row_id, (uint64_t)PHILOX_RELABEL << 34, &theirs);
        for (int word = 0; word < 50; word++)
            assert_int_equal(philox_next(&ours), curand(&theirs));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_rounds_are_curands),
        cmocka_unit_test(streams_are_curands),
    };
    return cmocka_run_group_tests_name("philox_curand", tests, NULL, NULL);
}
