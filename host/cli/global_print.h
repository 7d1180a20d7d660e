// Tables of global importance for people, spreadsheets and programs.
#ifndef ASCRIBE_CLI_GLOBAL_PRINT_H
#define ASCRIBE_CLI_GLOBAL_PRINT_H

#include <ascribe/global.h>

#include <stdio.h>

typedef enum global_form { GLOBAL_FOR_PEOPLE, GLOBAL_AS_CSV, GLOBAL_AS_JSON } global_form;

typedef struct global_print {
    FILE *out;
    global_form form;
    const asc_global_info *info;
    const char *group; // as the user wrote it
    const char *order; // the word of --sort
    size_t top;        // lines of each class at most; 0: all
    uint64_t min_count;
    size_t n_tables; // printed so far
} global_print;

void global_print_begin(global_print *print);
void global_print_table(global_print *print, const asc_global_query *query, const asc_global_table *table);
void global_print_end(global_print *print);

// ", \"KEY\": NUMBER", null when it is not finite; and a CSV field with a comma before it, empty then.
void global_json_number(FILE *out, const char *key, double value);
void global_csv_number(FILE *out, double value);
// A p- or q-value in six columns: "0.0012", "3e-08", "-".
void global_print_probability(FILE *out, double value);

#endif
