// Rows of a result as CSV and as JSON lines.
#ifndef ASCRIBE_CLI_EXPORT_ROWS_H
#define ASCRIBE_CLI_EXPORT_ROWS_H

#include "row_view.h"

#include <stdbool.h>
#include <stdio.h>

void export_csv_header(FILE *out, const asc_result_info *info);

// A line for each class and feature of the row; numbers that are not finite are left empty. RFC 4180 quoting.
// `for_terminal` replaces control characters.
void export_csv_row(FILE *out, const row_view *view, const feature_names *names, bool for_terminal);

// One line with one object; numbers that are not finite are null. Arrays of values are parallel to "classes".
void export_json_row(FILE *out, const row_view *view, const feature_names *names);

#endif
