// The manual page, out of the option tables.
#ifndef ASCRIBE_CLI_MANUAL_H
#define ASCRIBE_CLI_MANUAL_H

#include <ascribe/status.h>

#include <stdio.h>

// Prints ascribe(1) in the macros of man(7). ASC_OUT_OF_MEMORY.
asc_status manual_print(FILE *out, asc_error *err);

#endif
