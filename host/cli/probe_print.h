// What a probe found: short for people, more of it for programs.
#ifndef ASCRIBE_CLI_PROBE_PRINT_H
#define ASCRIBE_CLI_PROBE_PRINT_H

#include <ascribe/probe.h>

#include <stddef.h>

// The first `top` of every ranking; 0: all.
asc_status probe_print_text(const asc_probe_info *info, size_t top, asc_error *err);
asc_status probe_print_json(const asc_probe_info *info, size_t top, asc_error *err);

#endif
