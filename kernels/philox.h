// Philox4x32-10, a counter-based random number generator: the same bits in C and CUDA, no state to carry.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
// cuRAND's curand_Philox4x32_10 with (seed, subsequence, offset) and Random123's philox4x32 give the same words
// for key = seed and counter = {block low, block high, stream low, stream high}.
//
// Ours: key = the run's seed; counter = {block, purpose + 256 draw, row id low, row id high}. A stream of words is thus named
// by (seed; purpose, row id, draw) and read from its start; nothing depends on what other rows or draws take.
#ifndef ASCRIBE_PHILOX_H
#define ASCRIBE_PHILOX_H

#include "both.h"

#include <stdint.h>

// What a stream of random words is for. Numbers are part of every result: never re-use or re-order.
enum philox_purpose {
    PHILOX_RELABEL = 1, // the permutation of a row's features
    PHILOX_DESIGN = 2,  // coalitions of a shared design; "row id" = candidate number, seed = design version
    PHILOX_SHAP = 3,    // a coalition that KernelExplainer's sampler draws; one stream per draw
    PHILOX_WALK = 4,    // the order of an antithetic walk; one stream per walk
    PHILOX_LIME = 5,    // a sample of lime; one stream per draw
    PHILOX_WEIGHTS = 6, // a tensor of a generated model; "row id" = hash of its name
    PHILOX_TOKENS = 7,  // the tokens of a generated row
    PHILOX_ORDER = 8,   // a random order of features, the baseline of faithfulness; one stream per order
    PHILOX_IMPORTANCE = 9, // an order of a row's groups of words; one stream per order
};

// Draws of one purpose and row are numbered below this; each has a stream of its own, so that they can be made in any order.
enum { PHILOX_MOST_DRAWS = 1 << 24 };

typedef struct philox_block {
    uint32_t word[4];
} philox_block;

ASC_BOTH philox_block philox_round(philox_block c, uint32_t key0, uint32_t key1)
{
    const uint64_t p0 = (uint64_t)0xD2511F53u * c.word[0];
    const uint64_t p1 = (uint64_t)0xCD9E8D57u * c.word[2];
    philox_block next;
    next.word[0] = (uint32_t)(p1 >> 32) ^ c.word[1] ^ key0;
    next.word[1] = (uint32_t)p1;
    next.word[2] = (uint32_t)(p0 >> 32) ^ c.word[3] ^ key1;
    next.word[3] = (uint32_t)p0;
    return next;
}

// The ten rounds: 128 counter bits and 64 key bits to 128 random bits.
ASC_BOTH philox_block philox_4x32_10(philox_block counter, uint64_t key)
{
    uint32_t key0 = (uint32_t)key;
    uint32_t key1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        counter = philox_round(counter, key0, key1);
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

// One named stream of 32-bit words. A value type: copy it to fork, make it again to rewind.
typedef struct philox_stream {
    uint64_t seed;
    uint64_t row_id;
    uint32_t purpose;
    uint32_t next_block;
    uint32_t used; // words of `block` already handed out
    philox_block block;
} philox_stream;

ASC_BOTH philox_stream philox_open(uint64_t seed, uint32_t purpose, uint64_t row_id)
{
    philox_stream stream = {seed, row_id, purpose, 0, 4, {{0, 0, 0, 0}}};
    return stream;
}

// The stream of one draw; draw 0 is the stream that philox_open gives.
ASC_BOTH philox_stream philox_open_draw(uint64_t seed, uint32_t purpose, uint64_t row_id, uint32_t draw)
{
    return philox_open(seed, purpose + (draw << 8), row_id);
}

ASC_BOTH uint32_t philox_next(philox_stream *stream)
{
    if (stream->used == 4) {
        const philox_block counter = {{stream->next_block++, stream->purpose, (uint32_t)stream->row_id,
                                       (uint32_t)(stream->row_id >> 32)}};
        stream->block = philox_4x32_10(counter, stream->seed);
        stream->used = 0;
    }
    return stream->block.word[stream->used++];
}

// A uniform integer in [0, bound), bound >= 1, without bias.
// Source: Lemire, "Fast random integer generation in an interval", ACM TOMACS 2019 (multiply, reject the short part).
ASC_BOTH uint32_t philox_below(philox_stream *stream, uint32_t bound)
{
    uint64_t product = (uint64_t)philox_next(stream) * bound;
    if ((uint32_t)product < bound) {
        const uint32_t threshold = (uint32_t)(0u - bound) % bound;
        while ((uint32_t)product < threshold)
            product = (uint64_t)philox_next(stream) * bound;
    }
    return (uint32_t)(product >> 32);
}

// A uniform number in [0, 1) of 53 bits.
ASC_BOTH double philox_uniform(philox_stream *stream)
{
    const uint32_t high = philox_next(stream) >> 5, low = philox_next(stream) >> 6;
    return ((double)high * 67108864.0 + (double)low) / 9007199254740992.0;
}

// Row's own relabelling of n features: permutation[i] = the design's column that stands for feature i.
// Fisher-Yates from the top, one philox_below per step.
ASC_BOTH void philox_relabel(uint64_t seed, uint64_t row_id, int32_t n, int32_t *permutation)
{
    philox_stream stream = philox_open(seed, PHILOX_RELABEL, row_id);
    for (int32_t i = 0; i < n; i++)
        permutation[i] = i;
    for (int32_t i = n - 1; i > 0; i--) {
        const int32_t j = (int32_t)philox_below(&stream, (uint32_t)i + 1u);
        const int32_t held = permutation[i];
        permutation[i] = permutation[j];
        permutation[j] = held;
    }
}

#endif
