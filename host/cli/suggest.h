// "Did you mean ...?"
#ifndef ASCRIBE_CLI_SUGGEST_H
#define ASCRIBE_CLI_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

// Number of insertions, deletions, substitutions and swaps of neighbours between two words (optimal string
// alignment); words longer than 31 bytes are compared by their first 31.
size_t suggest_distance(const char *a, const char *b);

// The best candidate so far; zero it before the first one.
typedef struct suggestion {
    const char *word; // NULL: none is near enough
    size_t distance;
} suggestion;

// Keeps `candidate` when it is nearer to `given` than what is kept, and near enough to be a typo of it.
void suggest_consider(suggestion *best, const char *given, const char *candidate);

#endif
