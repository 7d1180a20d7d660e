// Status codes and the error record that every fallible call fills in.
//
// A status is the process exit code that the command line uses for it (sysexits.h numbers), so a script
// that calls the program and a program that calls the library branch on the same numbers.
#ifndef ASCRIBE_STATUS_H
#define ASCRIBE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ASC_MUST_USE __attribute__((warn_unused_result))
#define ASC_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#else
#define ASC_MUST_USE
#define ASC_PRINTF(format_index, first_argument)
#endif

typedef enum asc_status {
    ASC_OK = 0,
    ASC_FAILED_CHECK = 1,   // a check that was asked for failed (verify, --strict)
    ASC_USAGE = 64,         // the caller's options do not make sense
    ASC_MALFORMED = 65,     // an input file breaks its format
    ASC_NOT_FOUND = 66,     // an input file is missing or cannot be opened
    ASC_NO_DEVICE = 69,     // no usable device for the backend that was asked for
    ASC_INTERNAL = 70,      // our bug
    ASC_OUT_OF_MEMORY = 71, // memory or another resource of the operating system ran out
    ASC_CANNOT_CREATE = 73, // an output file cannot be created
    ASC_IO_ERROR = 74,      // reading or writing failed half-way (a full disk too)
    ASC_STOPPED = 75,       // stopped before the end; the same command continues
    ASC_DIFFERENT_RUN = 78, // what is on disk belongs to a run with another configuration
} asc_status;

// What went wrong, in words. `message` names the thing, what was expected and what was found; `hint` says what to
// do about it and may be empty. The caller owns the record (usually on its stack) and may pass NULL instead.
typedef struct asc_error {
    asc_status status;
    char message[1024];
    char hint[512];
} asc_error;

// The name of a status as one English phrase ("malformed input"); never NULL.
const char *asc_status_name(asc_status status);

#ifdef __cplusplus
}
#endif
#endif
