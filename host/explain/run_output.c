// See run_output.h.
#include "explain/run_output.h"

#include <ascribe/result.h>

#include "explain/manifest.h"
#include "io/result_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

asc_status run_output_read(const char *path, const stop_check *stop, run_output *out, asc_error *err)
{
    struct stat facts;
    asc_result *old = NULL;
    *out = (run_output){0};
    if (lstat(path, &facts) != 0)
        return ASC_OK;
    const asc_status status = result_open(path, stop, &old, &out->error);
    if (status == ASC_OUT_OF_MEMORY || status == ASC_STOPPED) {
        if (err)
            *err = out->error;
        return status;
    }
    if (status != ASC_OK)
        return ASC_OK;
    const asc_result_info *info = asc_result_describe(old);
    snprintf(out->hash, sizeof out->hash, "%s", info->manifest_hash);
    out->manifest = strdup(info->manifest);
    out->has_text = info->has_text;
    asc_result_close(old);
    return out->manifest ? ASC_OK : fail_memory(err, "a manifest", 1);
}

void run_output_free(run_output *output)
{
    free(output->manifest);
    *output = (run_output){0};
}

static asc_status check_replaceable(const run_output_wish *wish, const struct stat *facts, asc_error *err)
{
    const char *found = NULL;
    struct stat data;
    if (S_ISDIR(facts->st_mode))
        found = "a folder";
    else if (!S_ISREG(facts->st_mode) && !S_ISLNK(facts->st_mode))
        found = "not a file";
    else if (wish->dataset_path && stat(wish->dataset_path, &data) == 0 && data.st_dev == facts->st_dev && data.st_ino == facts->st_ino)
        found = "the dataset itself"; // which is read to the end
    if (!found)
        return ASC_OK;
    (void)fail(err, ASC_CANNOT_CREATE, "%s is %s, expected a name for the result file", wish->path, found);
    return fail_hint(err, ASC_CANNOT_CREATE, "choose another --out");
}

static void fail_other_result(const run_output *there, const run_output_wish *wish, asc_error *err)
{
    char words[600];
    const manifest_pair pair = {"it", there->manifest, wish->manifest, false};
    (void)manifest_differences(&pair, words, sizeof words);
    (void)fail(err, ASC_CANNOT_CREATE, "%.300s exists and is the result of a run with another configuration: %s", wish->path, words);
}

asc_status run_output_fail_appeared(const char *path, asc_error *err)
{
    (void)fail(err, ASC_CANNOT_CREATE, "%s appeared while the run began", path);
    return fail_hint(err, ASC_CANNOT_CREATE, "run the same command again: it may be complete");
}

asc_status run_output_check(const run_output *there, const run_output_wish *wish, bool *complete, asc_error *err)
{
    struct stat facts;
    char hash[HASH_HEX_SIZE];
    *complete = false;
    if (lstat(wish->path, &facts) != 0)
        return ASC_OK;
    hash_hex(wish->manifest_hash, hash);
    const bool same = strcmp(there->hash, hash) == 0;
    *complete = same && there->has_text == wish->with_text && !wish->force;
    if (*complete || wish->only_complete)
        return ASC_OK;
    TRY(check_replaceable(wish, &facts, err));
    if (wish->force)
        return ASC_OK;
    if (!there->manifest && there->error.status == ASC_OK)
        return run_output_fail_appeared(wish->path, err);
    if (same)
        (void)fail(err, ASC_CANNOT_CREATE, "%s exists and is this run's result, but %s", wish->path,
                   wish->with_text ? "without the texts" : "with the texts, which --no-text leaves out");
    else if (there->manifest)
        fail_other_result(there, wish, err);
    else
        (void)fail(err, ASC_CANNOT_CREATE, "%s exists and is not a result of ascribe that can be read (%.300s)", wish->path,
                   there->error.message);
    return fail_hint(err, ASC_CANNOT_CREATE, "choose another --out, or add --force to replace it");
}
