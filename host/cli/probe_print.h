// What a probe found: short for people, more of it for programs.
#ifndef ASCRIBE_CLI_PROBE_PRINT_H
#define ASCRIBE_CLI_PROBE_PRINT_H

#include "token_names.h"

#include <ascribe/probe.h>

#include <stdbool.h>
#include <stddef.h>

// The first `top` of every ranking; 0: all. Tokens by their ids where `names` has none.
asc_status probe_print_text(const asc_probe_info *info, const token_names *names, size_t top, asc_error *err);
asc_status probe_print_json(const asc_probe_info *info, const token_names *names, size_t top, asc_error *err);
asc_status probe_print_cost(const asc_probe_cost *cost, bool json, asc_error *err); // --dry-run

#endif
