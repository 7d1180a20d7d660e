// Sums beside or instead of a result; see explain_global.h.
#include "explain_global.h"

#include "report_error.h"
#include "stop_signals.h"

#include <ascribe/global.h>

#include <stdio.h>
#include <sys/stat.h>

asc_status explain_global_check(const explain_values *values, asc_error *err)
{
    struct stat facts;

    if (!values->global && (values->no_values || values->fold_case))
        return cli_fail(err, ASC_USAGE, "--%s belongs to --global, which is missing", values->no_values ? "no-values" : "fold-case");
    if (values->no_values && values->out)
        return cli_fail(err, ASC_USAGE, "--no-values and --out exclude each other: the rows' values are in --out");
    if (!values->global)
        return ASC_OK;
    if (!values->data)
        return cli_fail(err, ASC_USAGE, "--global sums a dataset up: expected --data beside it");
    if (!values->options.keep_text)
        return cli_fail(err, ASC_USAGE, "--global and --no-text exclude each other: words are counted by their text");
    if (values->options.force || values->dry_run || lstat(values->global, &facts) != 0)
        return ASC_OK;
    (void)cli_fail(err, ASC_CANNOT_CREATE, "%s: already exists", values->global);
    return cli_hint(err, "if this very command wrote it, all is done: 'ascribe global' prints it; else name another file, or add --force to replace it");
}

asc_status explain_global_rows_path(const explain_values *values, char **path, asc_error *err)
{
    if (asprintf(path, "%s.rows.h5", values->global) >= 0)
        return ASC_OK;
    *path = NULL;
    return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
}

asc_status explain_global_make(const explain_values *values, const char *out, asc_error *err)
{
    const asc_global_job job = {.paths = &out,
                                .n_paths = 1,
                                .out_path = values->global,
                                .fold_case = values->fold_case,
                                .overwrite = values->options.force != 0,
                                .should_stop = stop_signals_asked};

    return values->global ? asc_global_make(&job, err) : ASC_OK;
}
