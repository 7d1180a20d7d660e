// See run_path.h.
#include "run_path.h"

#include "report_error.h"

#include <ascribe/plan.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char ending[] = ".parts", record_name[] = "run.json";

enum { ENDING_LENGTH = sizeof ending - 1, SEEN_BYTES = 1 << 12 };

// The length of a folder's name without slashes at its end.
static size_t name_length(const char *path)
{
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

static bool ends_like_parts(const char *path)
{
    const size_t length = name_length(path);

    return length > ENDING_LENGTH && strncmp(path + length - ENDING_LENGTH, ending, ENDING_LENGTH) == 0;
}

static asc_status name_record(const char *folder, char **path, asc_error *err)
{
    if (asprintf(path, "%.*s/%s", (int)name_length(folder), folder, record_name) >= 0)
        return ASC_OK;
    *path = NULL;
    return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
}

static bool has_record(const char *folder)
{
    asc_error err;
    char *path = NULL;
    const bool there = name_record(folder, &path, &err) == ASC_OK && access(path, F_OK) == 0;

    free(path);
    return there;
}

// A plan says its version before anything else.
static bool speaks_of_plan(const char *path)
{
    char bytes[SEEN_BYTES + 1];
    FILE *file = fopen(path, "rb");

    if (!file)
        return false;
    bytes[fread(bytes, 1, SEEN_BYTES, file)] = '\0';
    fclose(file);
    return bytes[strspn(bytes, " \t\r\n")] == '{' && strstr(bytes, "\"plan_version\"");
}

run_path_kind run_path_is(const char *path)
{
    struct stat facts;

    if (stat(path, &facts) != 0)
        return RUN_PATH_NONE;
    if (S_ISDIR(facts.st_mode))
        return has_record(path) || ends_like_parts(path) ? RUN_PATH_FOLDER : RUN_PATH_NONE;
    return S_ISREG(facts.st_mode) && speaks_of_plan(path) ? RUN_PATH_PLAN : RUN_PATH_NONE;
}

asc_status run_path_check(const char *path, asc_error *err)
{
    if (run_path_is(path) != RUN_PATH_NONE || access(path, F_OK) != 0)
        return ASC_OK;
    (void)cli_fail(err, ASC_MALFORMED, "%s: expected a plan, or the folder OUT.parts of a run, found something else", path);
    return cli_hint(err, "'ascribe plan' makes a plan; 'ascribe inspect %s' may tell what that is", path);
}

asc_status run_path_out(const char *path, char **out, asc_error *err)
{
    asc_plan *plan = NULL;
    struct stat facts;

    *out = NULL;
    if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode)) {
        if (!ends_like_parts(path)) {
            (void)cli_fail(err, ASC_USAGE, "%s: expected a folder whose name ends in %s, or --out FILE.h5", path, ending);
            return err->status;
        }
        *out = strndup(path, name_length(path) - ENDING_LENGTH);
    } else {
        if (asc_plan_open(path, &plan, err) != ASC_OK)
            return err->status;
        *out = strdup(asc_plan_describe(plan)->out_path);
        asc_plan_close(plan);
    }
    return *out ? ASC_OK : cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
}

asc_status run_path_read(const char *path, json_t **document, asc_error *err)
{
    char *record = NULL;
    json_error_t problem;
    asc_status status = ASC_OK;

    if (run_path_is(path) == RUN_PATH_FOLDER)
        status = name_record(path, &record, err);
    if (status != ASC_OK)
        return status;
    const char *const file = record ? record : path;
    *document = json_load_file(file, JSON_REJECT_DUPLICATES, &problem);
    if (!*document && access(file, R_OK) != 0)
        status = cli_fail(err, ASC_NOT_FOUND, "%s: %s", file, strerror(errno));
    else if (!json_is_object(*document))
        status = cli_fail(err, ASC_MALFORMED, "%s: expected a JSON object (line %d: %s)", file, *document ? 1 : problem.line,
                          *document ? "another value" : problem.text);
    if (status != ASC_OK)
        json_decref(*document);
    free(record);
    return status;
}
