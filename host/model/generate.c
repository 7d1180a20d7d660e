// Weights that come from no file: for measuring speed on shapes whose weights nobody has at hand. A tensor's values are a pure function of
// the seed, its name and the place in it.
//
// Values look like those that BERT starts its training from (normal, deviation 0.02; Devlin et al. 2019), so that activations and the time of
// what depends on them are as in a real model; norms start at 1.
#include "model/generate.h"

#include "philox.h"

#include <stdbool.h>
#include <string.h>

#define DEVIATION 0.02f

// 64-bit FNV-1a.
static uint64_t hash_name(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return hash;
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

// Nearly normal, deviation 1: the sum of four uniform bytes, of mean 510 and variance 4 (256^2 - 1) / 12.
static float draw(philox_stream *stream)
{
    const uint32_t word = philox_next(stream);
    const uint32_t sum = (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24);
    return ((float)sum - 510.0f) * (1 / 147.800f);
}

void generate_tensor(uint64_t seed, const char *name, size_t rows, size_t columns, float *out)
{
    const bool is_gamma = columns == 0 && ends_with(name, ".weight");
    const size_t n_elements = columns ? rows * columns : rows;
    philox_stream stream = philox_open(seed, PHILOX_WEIGHTS, hash_name(name));
    for (size_t i = 0; i < n_elements; i++)
        out[i] = (is_gamma ? 1.0f : 0.0f) + DEVIATION * draw(&stream);
}
