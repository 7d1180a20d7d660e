// PATH.<pid>.tmp beside PATH, then fsync and rename.
#include "output_file.h"

#include "report_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

asc_status output_file_open(output_file *file, const char *path, asc_error *err)
{
    struct stat facts;

    *file = (output_file){.path = path};
    if (!path) {
        file->stream = stdout;
        return ASC_OK;
    }
    if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return cli_fail(err, ASC_CANNOT_CREATE, "%s: expected a file name, found a folder", path);
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode)) {
        file->stream = fopen(path, "w");
    } else {
        if (asprintf(&file->temporary, "%s.%ld.tmp", path, (long)getpid()) < 0) {
            file->temporary = NULL;
            return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
        }
        const int descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        file->stream = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    }
    if (file->stream)
        return ASC_OK;
    (void)cli_fail(err, ASC_CANNOT_CREATE, "%s: cannot be created: %s", path, strerror(errno));
    free(file->temporary);
    *file = (output_file){0};
    return err->status;
}

asc_status output_file_commit(output_file *file, asc_error *err)
{
    const char *path = file->path ? file->path : "standard output";
    bool failed = ferror(file->stream) || fflush(file->stream) != 0;

    if (!failed && file->temporary)
        failed = fsync(fileno(file->stream)) != 0;
    const int write_error = errno;
    if (file->stream != stdout && fclose(file->stream) != 0 && !failed)
        failed = true;
    file->stream = NULL;
    if (failed)
        (void)cli_fail(err, ASC_IO_ERROR, "%s: writing failed: %s", path, strerror(write_error));
    else if (file->temporary && rename(file->temporary, path) != 0)
        (void)cli_fail(err, ASC_IO_ERROR, "%s: cannot be renamed from %s: %s", path, file->temporary,
                       strerror(errno));
    else {
        free(file->temporary);
        file->temporary = NULL;
        return ASC_OK;
    }
    output_file_abort(file);
    return err->status;
}

void output_file_abort(output_file *file)
{
    if (file->stream && file->stream != stdout)
        fclose(file->stream);
    if (file->temporary) {
        unlink(file->temporary);
        free(file->temporary);
    }
    *file = (output_file){0};
}
