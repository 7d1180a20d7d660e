// A row's text with its attributions, for people.
#ifndef ASCRIBE_CLI_RENDER_ROW_H
#define ASCRIBE_CLI_RENDER_ROW_H

#include "row_view.h"

#include <stdbool.h>

typedef struct render_options {
    size_t target; // index into the row's targets
    size_t top;    // features in the table; 0 = 20, or all in the list
    bool color;
    size_t width; // columns of the terminal
} render_options;

// Header, text with its features marked, table of the strongest features. ASC_OUT_OF_MEMORY.
asc_status render_row(FILE *out, const row_view *view, const render_options *options, asc_error *err);

// One line a feature, by decreasing |value|: text, value, standard error, separated by tabs.
// ASC_OUT_OF_MEMORY.
asc_status render_list(FILE *out, const row_view *view, const render_options *options, asc_error *err);

#endif
