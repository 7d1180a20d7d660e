// Which group each word belongs to: the user's groups, or the most frequent word types, a group each; all other words are the rest.
//
// First all rows are counted, then the groups are chosen, then rows can be asked for theirs. Memory grows with the number of different words.
#ifndef ASCRIBE_IMPORTANCE_GROUPING_H
#define ASCRIBE_IMPORTANCE_GROUPING_H

#include <ascribe/dataset.h>

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct grouping grouping;

typedef struct grouping_rule {
    const char *list_path; // of group_list.h; NULL: word types
    bool fold_case;
    size_t min_rows, top; // of word types: in at least so many rows, and so many at most (0: all)
} grouping_rule;

// Reads the list. ASC_MALFORMED also for a word in two groups; the statuses of group_list_read.
asc_status grouping_create(const grouping_rule *rule, grouping **out, asc_error *err);
void grouping_free(grouping *g); // accepts NULL

// Adds a row of the slice.
asc_status grouping_count(grouping *g, const asc_rows *rows, size_t row, asc_error *err);

// Word types by falling number of rows, equal ones by their bytes; the user's groups in the order of the list. The rest is the last group.
// ASC_USAGE: a group that no row has; no word that is frequent enough.
asc_status grouping_choose(grouping *g, asc_error *err);

typedef struct grouping_facts {
    size_t n_groups;         // the rest among them
    size_t n_words;          // different ones that rows have
    size_t n_unknown_words;  // of the list, that no row has
    const char *const *names; // [n_groups] NUL-terminated
    const size_t *name_sizes; // [n_groups]
    const uint64_t *n_rows;  // [n_groups] that have it, of the rows that were counted
} grouping_facts;
grouping_facts grouping_describe(const grouping *g);

// The groups of the row in the order of their first words, [*n_players] of them, and which of them has each feature. Room for the row's features in both.
asc_status grouping_players(grouping *g, const asc_rows *rows, size_t row, uint32_t *groups, uint32_t *players, size_t *n_players, asc_error *err);

#endif
