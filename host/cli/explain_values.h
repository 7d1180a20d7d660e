// What the user asked `ascribe explain` for.
#ifndef ASCRIBE_CLI_EXPLAIN_VALUES_H
#define ASCRIBE_CLI_EXPLAIN_VALUES_H

#include "optable.h"

#include <ascribe/options.h>

// How texts become a dataset; the zero of each leaves it to ascribe-prepare.
typedef struct prepare_values {
    const char *text_column, *text_pair_column, *label_column, *label_type, *label_separator, *id_column;
    const char *features, *spans;
    string_list keep;
    int64_t max_length;
} prepare_values;

typedef struct explain_values {
    asc_explain_options options;
    const char *model, *data, *out;
    string_list texts;
    row_range rows;
    int64_t limit; // 0: none
    prepare_values prepare;
    const char *like; // an earlier result whose options are the defaults; NULL: none
    const char *plan; // the plan whose task `task` is worked on; NULL: no plan
    int64_t task;
    bool dry_run;
    double max_hours; // 0: no limit
    bool strict, quiet, json;
    const char *color, *progress;
} explain_values;

#endif
