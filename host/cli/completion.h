// Completion scripts for shells, out of the option tables.
#ifndef ASCRIBE_CLI_COMPLETION_H
#define ASCRIBE_CLI_COMPLETION_H

#include "optable.h"

#include <stdio.h>

void completion_print_bash(FILE *out);
void completion_print_zsh(FILE *out);

#endif
