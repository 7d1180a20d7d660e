// Mask files (`ascribe-masks` v1): the coalitions and weights that rows are, or were, evaluated on. asc_explain_options.masks takes one,
// export_masks makes one; the format stands in the README.
#ifndef ASCRIBE_MASKS_H
#define ASCRIBE_MASKS_H

#include <ascribe/status.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct asc_masks_info {
    size_t n_rows;
    size_t n_coalitions;        // of all rows
    size_t n_longest;           // features of the longest row
    size_t n_rows_without_masks; // rows that have none, because nothing is drawn for so few features
} asc_masks_info;

// Reads the whole file, in a child process first, and checks every row. ASC_NOT_FOUND; ASC_MALFORMED names what is wrong.
asc_status asc_masks_check(const char *path, asc_masks_info *info, asc_error *err) ASC_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
