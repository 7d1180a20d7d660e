// A folder is a model; a file that begins with HDF5's signature is tried as a result, then as a dataset.
#include "file_kind.h"

#include "report_error.h"

#include <ascribe/importance.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

asc_status file_kind_is_hdf5(const char *path, bool *is_hdf5, asc_error *err)
{
    static const char signature[8] = "\x89HDF\r\n\x1a\n";
    char bytes[sizeof signature];
    struct stat facts;
    FILE *file = NULL;

    if (stat(path, &facts) != 0 || (!S_ISDIR(facts.st_mode) && !(file = fopen(path, "rb"))))
        return cli_fail(err, ASC_NOT_FOUND, "%s: %s", path, strerror(errno));
    if (!file)
        return cli_fail(err, ASC_NOT_FOUND, "%s: expected a file, found a folder", path);
    *is_hdf5 =
        fread(bytes, 1, sizeof bytes, file) == sizeof bytes && memcmp(bytes, signature, sizeof bytes) == 0;
    fclose(file);
    return ASC_OK;
}

asc_status file_kind_check_prepared(const char *path, const char *model, asc_error *err)
{
    bool is_hdf5;

    if (file_kind_is_hdf5(path, &is_hdf5, err) != ASC_OK || is_hdf5)
        return ASC_OK;
    (void)cli_fail(err, ASC_MALFORMED, "%s: expected a dataset (HDF5), found something else", path);
    return cli_hint(err, "texts become a dataset with 'ascribe prepare %s --model %s -o dataset.h5'", path, model);
}

// No reader took the file: the error of one that it did not even come to, else all of them.
static asc_status fail_all(const char *path, const asc_error *as_result, const asc_error *as_dataset, const asc_error *as_masks,
                           asc_error *err)
{
    if (as_result->status != ASC_MALFORMED)
        *err = *as_result;
    else if (as_dataset->status != ASC_MALFORMED || strcmp(as_result->message, as_dataset->message) == 0)
        *err = *as_dataset;
    else if (as_masks->status != ASC_MALFORMED)
        *err = *as_masks;
    else
        return cli_fail(err, ASC_MALFORMED, "%s: neither a result (%.280s) nor a dataset (%.280s) nor masks (%.280s)", path,
                        as_result->message, as_dataset->message, as_masks->message);
    return err->status;
}

static asc_status open_folder(const char *path, opened_file *file, asc_error *err)
{
    const asc_status status = asc_model_open(path, NULL, &file->model, err);

    if (status != ASC_NOT_FOUND || !strstr(err->message, "config.json"))
        return status;
    (void)cli_fail(err, ASC_NOT_FOUND, "%s: a folder with neither config.json (a model) nor run.json (the parts of a run)", path);
    return cli_hint(err, "parts stand in OUT.parts beside the result; when they have been merged, the result is OUT");
}

asc_status file_kind_open(const char *path, opened_file *file, asc_error *err)
{
    asc_error as_result, as_dataset, as_masks;
    struct stat facts;
    bool is_hdf5;
    int is_global, is_probe, is_evaluation, is_importance;

    *file = (opened_file){0};
    if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return open_folder(path, file, err);
    if (file_kind_is_hdf5(path, &is_hdf5, err) != ASC_OK)
        return err->status;
    if (!is_hdf5) {
        (void)cli_fail(err, ASC_MALFORMED, "%s: expected a result, a dataset or masks (HDF5), or a plan, found something else", path);
        return cli_hint(err, "texts become a dataset with 'ascribe prepare'; a model is given as its folder");
    }
    if (asc_global_is(path, &is_global, &as_result) == ASC_OK && is_global)
        return asc_global_open(path, &file->global, err);
    if (asc_probe_is(path, &is_probe, &as_result) == ASC_OK && is_probe)
        return asc_probe_open(path, &file->probe, err);
    if (asc_evaluation_is(path, &is_evaluation, &as_result) == ASC_OK && is_evaluation)
        return asc_evaluation_open(path, &file->evaluation, err);
    if (asc_importance_is(path, &is_importance, &as_result) == ASC_OK && is_importance) {
        (void)cli_fail(err, ASC_MALFORMED, "%s: a file of `ascribe importance`, expected a model, a dataset, a result, masks, sums, a probe or an evaluation", path);
        return cli_hint(err, "its numbers are for `ascribe report`, ascribe_results.load in Python, or any reader of HDF5");
    }
    if (asc_result_open(path, &file->result, &as_result) == ASC_OK)
        return ASC_OK;
    if (asc_dataset_open(path, &file->dataset, &as_dataset) == ASC_OK)
        return ASC_OK;
    file->is_masks = asc_masks_check(path, &file->masks, &as_masks) == ASC_OK;
    return file->is_masks ? ASC_OK : fail_all(path, &as_result, &as_dataset, &as_masks, err);
}

void file_kind_close(opened_file *file)
{
    asc_evaluation_close(file->evaluation);
    asc_probe_close(file->probe);
    asc_global_close(file->global);
    asc_result_close(file->result);
    asc_dataset_close(file->dataset);
    asc_model_close(file->model);
    *file = (opened_file){0};
}

bool file_kind_same(const char *a, const char *b)
{
    struct stat facts_a, facts_b;

    return stat(a, &facts_a) == 0 && stat(b, &facts_b) == 0 && facts_a.st_dev == facts_b.st_dev &&
           facts_a.st_ino == facts_b.st_ino;
}

static asc_status compare_streams(FILE *a, FILE *b, bool *same)
{
    enum { BLOCK = 1 << 16 };
    char of_a[BLOCK], of_b[BLOCK];
    size_t n_a, n_b;

    do {
        n_a = fread(of_a, 1, BLOCK, a);
        n_b = fread(of_b, 1, BLOCK, b);
        *same = n_a == n_b && memcmp(of_a, of_b, n_a) == 0;
    } while (*same && n_a == BLOCK);
    return ferror(a) || ferror(b) ? ASC_IO_ERROR : ASC_OK;
}

asc_status file_kind_same_bytes(const char *a, const char *b, bool *same, asc_error *err)
{
    FILE *first = fopen(a, "rb"), *second = fopen(b, "rb");
    asc_status status = ASC_OK;

    if (!first || !second)
        status = cli_fail(err, ASC_NOT_FOUND, "%s: cannot be opened", first ? b : a);
    else if (compare_streams(first, second, same) != ASC_OK)
        status = cli_fail(err, ASC_IO_ERROR, "%s or %s: reading failed", a, b);
    if (first)
        fclose(first);
    if (second)
        fclose(second);
    return status;
}
