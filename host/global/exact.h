// Sums that do not depend on the order of their terms: every term is rounded once to a multiple of a fixed unit, and integers add exactly.
//
// Sums (two words): signed, in units of 2^-64. Squares (three words): in units of 2^-96, below 2^95. A float of at least 2^-41 is a whole
// number of units; smaller ones are rounded by at most 2^-65. Terms of sums are below 2^32 (EXACT_MOST), so 2^31 of them cannot overflow.
#ifndef ASCRIBE_GLOBAL_EXACT_H
#define ASCRIBE_GLOBAL_EXACT_H

#include <stddef.h>
#include <stdint.h>

#define EXACT_MOST 4294967296.0f // |phi| below this

void exact_sum_add(uint64_t sum[2], double term);
void exact_square_add(uint64_t sum[3], double term); // term >= 0
// sum += other, of n words.
void exact_merge(uint64_t *sum, const uint64_t *other, size_t n_words);
long double exact_sum_value(const uint64_t sum[2]);
long double exact_square_value(const uint64_t sum[3]);

#endif
