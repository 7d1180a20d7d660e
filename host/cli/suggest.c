// Nearest words by edit distance (optimal string alignment: Levenshtein plus swapped neighbours).
#include "suggest.h"

#include <string.h>

enum { LONGEST = 31 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t cost[LONGEST + 1][LONGEST + 1];
    const size_t n_a = strnlen(a, LONGEST), n_b = strnlen(b, LONGEST);

    for (size_t i = 0; i <= n_a; i++) {
        for (size_t j = 0; j <= n_b; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            cost[i][j] = smaller(smaller(cost[i - 1][j], cost[i][j - 1]) + 1,
                                 cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = smaller(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[n_a][n_b];
}

void suggest_consider(suggestion *best, const char *given, const char *candidate)
{
    const size_t n_given = strlen(given);
    const bool begins = n_given >= 2 && strncmp(candidate, given, n_given) == 0;
    const size_t distance = begins ? 1 : suggest_distance(given, candidate);

    if (distance > 1 + n_given / 4 || distance >= strlen(candidate))
        return;
    if (!best->word || distance < best->distance) {
        best->word = candidate;
        best->distance = distance;
    }
}
