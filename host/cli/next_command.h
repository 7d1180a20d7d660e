// What a summary proposes to type next.
#ifndef ASCRIBE_CLI_NEXT_COMMAND_H
#define ASCRIBE_CLI_NEXT_COMMAND_H

#include <ascribe/status.h>

enum { LABEL_COLUMNS = 13 }; // of the first column of every summary

// Prints "LABEL        WORD WORD ...   # NOTE" to stdout, each word quoted for a shell; `words` ends with NULL, `note` may be empty.
// ASC_OUT_OF_MEMORY.
asc_status next_command_print(const char *label, const char *const *words, const char *note, asc_error *err);

#endif
