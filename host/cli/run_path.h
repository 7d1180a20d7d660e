// What stands for a run on the command line: its plan file, or the folder of its parts.
#ifndef ASCRIBE_CLI_RUN_PATH_H
#define ASCRIBE_CLI_RUN_PATH_H

#include <ascribe/status.h>

#include <jansson.h>

typedef enum run_path_kind { RUN_PATH_NONE, RUN_PATH_PLAN, RUN_PATH_FOLDER } run_path_kind;

// By contents: a folder with run.json (or named like one for parts), or a file of JSON that speaks of a plan's version.
run_path_kind run_path_is(const char *path);

// ASC_MALFORMED when something else stands there; what is not there its reader says.
asc_status run_path_check(const char *path, asc_error *err);

// Where the run's result goes; the caller frees *out. ASC_USAGE where the folder's name does not tell, and the statuses of asc_plan_open.
asc_status run_path_out(const char *path, char **out, asc_error *err);

// The plan, or the folder's run.json; the caller releases it. ASC_NOT_FOUND, ASC_MALFORMED.
asc_status run_path_read(const char *path, json_t **document, asc_error *err);

#endif
