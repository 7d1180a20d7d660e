// See run_locate.h.
#include "explain/run_locate.h"

#include "explain/manifest.h"
#include "explain/plan_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// FOLDER without slashes at its end, and OUT where it is OUT.parts.
static asc_status locate_folder(const char *run_path, run_place *out, asc_error *err)
{
    static const char end[] = ".parts";
    size_t length = strlen(run_path);
    while (length > 1 && run_path[length - 1] == '/')
        length--;
    out->folder.path = strndup(run_path, length);
    if (!out->folder.path)
        return fail_memory(err, "a path", length);
    const size_t n_end = sizeof end - 1;
    if (length <= n_end || strcmp(out->folder.path + length - n_end, end) != 0 || out->folder.path[length - n_end - 1] == '/')
        return ASC_OK;
    out->out_path = strndup(run_path, length - n_end);
    return out->out_path ? ASC_OK : fail_memory(err, "a path", length);
}

asc_status run_locate(const char *run_path, run_place *out, asc_error *err)
{
    struct stat facts;
    *out = (run_place){.folder = {.descriptor = -1, .lock = -1}};
    if (stat(run_path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return locate_folder(run_path, out, err);
    TRY(asc_plan_open(run_path, &out->plan, err));
    const asc_plan_info *info = asc_plan_describe(out->plan);
    TRY(run_folder_name(info->out_path, &out->folder, err));
    out->out_path = strdup(info->out_path);
    return out->out_path ? ASC_OK : fail_memory(err, "a path", strlen(info->out_path));
}

static asc_status check_plan(const run_place *place, asc_error *err)
{
    char words[900];
    const manifest_pair pair = {"the plan", place->plan->configuration, place->record.manifest, true};
    if (manifest_differences(&pair, words, sizeof words) > 0)
        return fail(err, ASC_DIFFERENT_RUN, "%.250s belongs to another run than the plan: %s", place->folder.path, words);
    if (!division_same_parts(&place->plan->division, &place->record.division))
        return fail(err, ASC_DIFFERENT_RUN, "%s: the run is divided into %zu parts, the plan into %zu others", place->folder.path,
                    place->record.division.n_parts, place->plan->division.n_parts);
    return ASC_OK;
}

asc_status run_locate_record(run_place *place, asc_error *err)
{
    char *path = NULL;
    struct stat facts;
    TRY(run_folder_join(&place->folder, RUN_RECORD_NAME, &path, err));
    asc_status status = run_record_read(path, &place->record, err);
    if (status == ASC_NOT_FOUND && lstat(path, &facts) != 0)
        status = fail(err, ASC_NOT_FOUND, "%s is not there: no process has begun to work on this run", path);
    free(path);
    return status == ASC_OK && place->plan ? check_plan(place, err) : status;
}

void run_locate_backend(const run_place *place, char *text, size_t size)
{
    json_t *manifest = place->record.manifest ? json_loads(place->record.manifest, 0, NULL) : NULL;
    const char *backend = json_string_value(json_object_get(manifest, "backend"));
    snprintf(text, size, "%s", backend ? backend : "");
    json_decref(manifest);
}

void run_locate_free(run_place *place)
{
    run_record_free(&place->record);
    run_folder_free(&place->folder);
    free(place->out_path);
    asc_plan_close(place->plan);
}
