// One table per command: it drives parsing, --help and the manual.
//
// An option's value goes straight into a field of the command's own struct, given as an offset; what stands
// in that struct before parsing is the default, and --help prints it from there, so that text and behaviour
// cannot differ.
#ifndef ASCRIBE_CLI_OPTABLE_H
#define ASCRIBE_CLI_OPTABLE_H

#include <ascribe/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// What an option's field is.
typedef enum option_kind {
    OPTION_SET,    // bool, no argument: becomes true
    OPTION_CLEAR,  // bool, no argument: becomes false
    OPTION_STRING, // const char *, points into argv
    OPTION_LIST,   // string_list; the option may be repeated
    OPTION_INT,    // int
    OPTION_INT64,
    OPTION_UINT64,
    OPTION_SIZE,   // size_t; k, M and G are powers of 1024
    OPTION_NUMBER, // double, positive: digits with at most one point
    OPTION_RANGE, // row_range: "a:b", "a:", ":b", half open
} option_kind;

typedef struct string_list {
    const char **items; // the array belongs to the list, the strings to argv; released by optable_release
    size_t count;
} string_list;

typedef struct row_range {
    int64_t first;
    int64_t end; // -1: to the end
} row_range;

typedef struct option_spec {
    const char *group;    // heading in --help; NULL: that of the option before
    const char *name;     // without the dashes
    const char *argument; // placeholder; NULL for SET and CLEAR
    const char *help;     // wrapped at spaces
    const char *choices;  // "a|b|c": nothing else is accepted; NULL: anything
    const char *zero; // what the default 0 (or the whole range, or NULL) means, for --help; NULL: print the
                      // default as it is
    size_t offset;
    int64_t low; // smallest INT or INT64
    option_kind kind;
    char letter; // short form, 0 = none
    bool required;
    bool hidden; // parsed, but not in --help
} option_spec;

typedef struct option_table {
    const char *command;     // "explain"
    const char *usage;       // what follows "ascribe ", one form a line
    const char *description; // one paragraph, wrapped at spaces
    const char *examples;    // lines with their own indent
    const char *operands;    // "FILE": placeholder of the arguments that are no options; NULL: none are taken
    size_t n_operands;       // how many there must be
    size_t n_options;
    const option_spec *options;
} option_table;

enum { OPTABLE_MOST_OPTIONS = 128 }; // of one table

// What parsing found besides the values.
typedef struct parsed_arguments {
    char **operands; // points into argv, which is reordered
    size_t n_operands;
    bool help; // --help or -h was among the arguments; nothing else was checked
    bool given[OPTABLE_MOST_OPTIONS]; // by the option's place in the table
} parsed_arguments;

// Parses argv[0 .. argc) (without program and command) into `values`, which holds the defaults. ASC_USAGE
// names the option, what was expected and what was found, and suggests the nearest name; ASC_OUT_OF_MEMORY.
asc_status optable_parse(const option_table *table, int argc, char **argv, void *values,
                         parsed_arguments *parsed, asc_error *err);

// Whether the option was among the arguments; `given` as parsing left it.
bool optable_is_given(const option_table *table, const bool *given, const char *name);

// Releases the lists in `values`; what they hold is empty afterwards.
void optable_release(const option_table *table, void *values);

// Writes the default of an option that stands in `defaults`, the command's struct before parsing, as " [default: ...]"; empty when
// there is nothing to say, as for one that must be given.
void optable_describe_default(const option_spec *option, const void *defaults, char *text, size_t size);

// Prints --help; `defaults` is the command's struct before parsing.
void optable_print_help(FILE *out, const option_table *table, const void *defaults);

#endif
