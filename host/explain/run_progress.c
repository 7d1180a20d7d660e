// See run_progress.h.
#include "explain/run_progress.h"

#include "base/durable.h"
#include "base/file.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_FILE_BYTES = 8192 };
static const char *const phases[] = {"working", "stopped", "failed", "done"};

static char *progress_text(const run_progress *p)
{
    char host[DURABLE_HOST_SIZE];
    durable_host(host);
    json_t *message = json_string(p->message);
    json_t *object = json_pack("{s:i, s:s, s:s, s:s*, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:o*}", "progress_version", 1, "state",
                               phases[p->phase], "host", host, "job_id", p->job_id[0] ? p->job_id : NULL, "pid", (json_int_t)getpid(),
                               "rows_done", (json_int_t)p->rows_done, "rows", (json_int_t)p->n_rows, "rows_per_s", p->rows_per_s,
                               "remaining_s", p->remaining_s, "elapsed_s", p->elapsed_s, "evaluations", (json_int_t)p->evaluations,
                               "tokens", (json_int_t)p->tokens, "message", message);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    return text;
}

void run_progress_write(const run_folder *folder, size_t task, const run_progress *progress)
{
    char name[RUN_NAME_SIZE], *path = NULL, *tmp_path = NULL, *text = progress_text(progress);
    run_progress_name(task, name);
    if (text && run_folder_join(folder, name, &path, NULL) == ASC_OK && durable_temporary(path, &tmp_path, NULL) == ASC_OK) {
        FILE *file = fopen(tmp_path, "we");
        const bool written = file && fputs(text, file) >= 0;
        const bool closed = file && fclose(file) == 0;
        if (!(written && closed && rename(tmp_path, path) == 0))
            unlink(tmp_path);
    }
    free(tmp_path);
    free(path);
    free(text);
}

// ---- Reading -----------------------------------------------------------------------------------------------------

static void read_text(const json_t *object, const char *member, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(object, member));
    snprintf(text, size, "%s", value ? value : "");
}

static uint64_t read_count(const json_t *object, const char *member)
{
    const json_int_t value = json_integer_value(json_object_get(object, member));
    return value > 0 ? (uint64_t)value : 0;
}

static double read_real(const json_t *object, const char *member)
{
    return json_number_value(json_object_get(object, member));
}

static void read_members(const json_t *object, run_progress *out)
{
    char phase[32];
    *out = (run_progress){.phase = RUN_PHASE_STOPPED};
    read_text(object, "state", phase, sizeof phase);
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
        if (strcmp(phase, phases[i]) == 0)
            out->phase = (run_phase)i;
    read_text(object, "host", out->host, sizeof out->host);
    read_text(object, "job_id", out->job_id, sizeof out->job_id);
    read_text(object, "message", out->message, sizeof out->message);
    out->pid = (long)read_count(object, "pid");
    out->rows_done = (size_t)read_count(object, "rows_done");
    out->n_rows = (size_t)read_count(object, "rows");
    out->rows_per_s = read_real(object, "rows_per_s");
    out->remaining_s = read_real(object, "remaining_s");
    out->elapsed_s = read_real(object, "elapsed_s");
    out->evaluations = read_count(object, "evaluations");
    out->tokens = read_count(object, "tokens");
}

bool run_progress_read(const run_folder *folder, size_t task, run_progress *out, double *age_s)
{
    char name[RUN_NAME_SIZE], *path = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct stat facts;
    json_t *object = NULL;
    run_progress_name(task, name);
    if (run_folder_join(folder, name, &path, NULL) == ASC_OK && stat(path, &facts) == 0 &&
        file_read(path, MOST_FILE_BYTES, &bytes, &size, NULL) == ASC_OK)
        object = json_loadb((const char *)bytes, size, 0, NULL);
    const bool found = json_is_object(object);
    if (found) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        *age_s = (double)(now.tv_sec - facts.st_mtim.tv_sec) + 1e-9 * (double)(now.tv_nsec - facts.st_mtim.tv_nsec);
        *age_s = *age_s < 0 ? 0 : *age_s;
        read_members(object, out);
    }
    json_decref(object);
    free(bytes);
    free(path);
    return found;
}
