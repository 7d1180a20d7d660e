// A folder is a model; a file that begins with HDF5's signature is tried as a result, then as a dataset.
#include "file_kind.h"

#include "report_error.h"

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

// Neither reader took the file: the error of the one whose format it claims to have, else both.
static asc_status fail_both(const char *path, const asc_error *as_result, const asc_error *as_dataset,
                            asc_error *err)
{
    if (strstr(as_result->message, "'ascribe-global'")) {
        *err = *as_result;
        return cli_hint(err, "'ascribe global' prints files of global importance");
    }
    if (as_result->status != ASC_MALFORMED)
        *err = *as_result;
    else if (as_dataset->status != ASC_MALFORMED || strcmp(as_result->message, as_dataset->message) == 0)
        *err = *as_dataset;
    else
        return cli_fail(err, ASC_MALFORMED, "%s: neither a result (%.400s) nor a dataset (%.400s)", path,
                        as_result->message, as_dataset->message);
    return err->status;
}

asc_status file_kind_open(const char *path, opened_file *file, asc_error *err)
{
    asc_error as_result, as_dataset;
    struct stat facts;
    bool is_hdf5;

    *file = (opened_file){0};
    if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return asc_model_open(path, NULL, &file->model, err);
    if (file_kind_is_hdf5(path, &is_hdf5, err) != ASC_OK)
        return err->status;
    if (!is_hdf5) {
        (void)cli_fail(err, ASC_MALFORMED, "%s: expected a result or a dataset (HDF5), found something else",
                       path);
        return cli_hint(err, "texts become a dataset with 'ascribe prepare'; a model is given as its folder");
    }
    if (asc_result_open(path, &file->result, &as_result) == ASC_OK)
        return ASC_OK;
    if (asc_dataset_open(path, &file->dataset, &as_dataset) == ASC_OK)
        return ASC_OK;
    return fail_both(path, &as_result, &as_dataset, err);
}

void file_kind_close(opened_file *file)
{
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
