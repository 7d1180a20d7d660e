// Opening global importance, whether it stands in a file or is to be summed up from results; classes and groups by name.
#ifndef ASCRIBE_CLI_GLOBAL_INPUT_H
#define ASCRIBE_CLI_GLOBAL_INPUT_H

#include <ascribe/global.h>

#include <stdbool.h>

typedef struct global_input {
    const char *const *paths; // [n_paths] results or files of global importance
    size_t n_paths;
    const char *out; // where the sum goes; NULL: to a scratch file that is gone afterwards
    const char *dataset; // features go by their token ids there; NULL: by text
    bool fold_case, force;
    size_t memory_bytes; // 0: the library's default
} global_input;

// Sums up where there is more to do than to open one file of global importance. ASC_USAGE: --fold-case for files that are summed up already.
asc_status global_input_open(const global_input *input, asc_global **out, asc_error *err);

// What asc_global_compare wants of two results of the same rows; NULL when A or B is a file of global importance or rows are not the same.
asc_status global_input_pairs(const char *const paths[2], bool fold_case, asc_global **out, asc_error *err);

// The class of that name or number into query->class_index.
asc_status global_input_class(const asc_global_info *info, const char *name, asc_global_query *query, asc_error *err);

// "all", "correct", "wrong", "label:NAME", "prediction:NAME", "label:NAME,prediction:NAME".
asc_status global_input_group(const asc_global_info *info, const char *group, asc_global_query *query, asc_error *err);

#endif
