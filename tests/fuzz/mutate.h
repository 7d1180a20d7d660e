// Random numbers and byte-level damage for the fuzz targets and the tests of damaged files. Everything follows from a seed.
#ifndef ASCRIBE_TESTS_MUTATE_H
#define ASCRIBE_TESTS_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dice {
    uint64_t state;
} dice;

uint64_t dice_roll(dice *d); // any 64 bits
size_t dice_below(dice *d, size_t n); // 0 .. n-1; n = 0 gives 0
bool dice_one_in(dice *d, size_t n);
// A number that arithmetic tends to get wrong: 0, -1, powers of two and their neighbours, or just a random one.
int64_t dice_bad_number(dice *d);

// Changes 1 to 4 places of an HDF5 file in memory: single bits and bytes, words that were copied, bad numbers; half of
// them in what describes the data rather than in the data.
void mutate_hdf5(dice *d, uint8_t *bytes, size_t size);
// The same anywhere, for any format.
void mutate_bytes(dice *d, uint8_t *bytes, size_t size);

#endif
