// An open plan, and the options in it.
#ifndef ASCRIBE_EXPLAIN_PLAN_PRIVATE_H
#define ASCRIBE_EXPLAIN_PLAN_PRIVATE_H

#include <ascribe/plan.h>

#include "explain/division.h"
#include "explain/record.h"

struct asc_plan {
    json_t *json; // owns the texts
    asc_plan_info info;
    asc_explain_options options;
    char *configuration; // a manifest in which backend, kernel set, savings and precision are open
    division division;
};

// All options but those that say what to do with files that are there (force, keep_parts, export_masks).
json_t *plan_options_json(const asc_explain_options *options); // NULL: no memory, or a text that is no UTF-8
asc_status plan_options_read(const record_source *from, asc_explain_options *out, asc_error *err);

#endif
