// What differs between two runs, for people, spreadsheets and programs.
#ifndef ASCRIBE_CLI_COMPARE_PRINT_H
#define ASCRIBE_CLI_COMPARE_PRINT_H

#include "global_print.h"

// The numbers that --fail-above may name.
typedef enum compare_statistic {
    COMPARE_STABILITY,
    COMPARE_RATE,
    COMPARE_SCORE,
    COMPARE_RANK,
    COMPARE_MOVERS,
    COMPARE_DIFFERENCE,
    COMPARE_N_STATISTICS
} compare_statistic;

extern const char *const compare_statistic_names[COMPARE_N_STATISTICS];

typedef struct compare_print {
    FILE *out;
    global_form form;
    const asc_global_info *a, *b;
    const char *a_path, *b_path, *group;
    size_t top;
    uint64_t min_count;
    size_t n_tables;
} compare_print;

// Words that moved: q-value 0.05 or less.
size_t compare_n_moved(const asc_comparison *comparison);

// Outputs come from any class's comparison; a table for each class follows.
void compare_print_begin(const compare_print *print, const asc_comparison *comparison);
void compare_print_words(compare_print *print, int32_t class_index, const asc_comparison *comparison);
void compare_print_end(const compare_print *print, const double statistics[COMPARE_N_STATISTICS]);

#endif
