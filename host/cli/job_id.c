// See job_id.h.
#include "job_id.h"

#include <stdio.h>
#include <stdlib.h>

const char *job_id(char text[JOB_ID_SIZE])
{
    const char *job = getenv("SLURM_ARRAY_JOB_ID"), *task = getenv("SLURM_ARRAY_TASK_ID");

    if (job && task) {
        snprintf(text, JOB_ID_SIZE, "%s_%s", job, task);
        return text;
    }
    job = getenv("SLURM_JOB_ID");
    if (!job)
        return NULL;
    snprintf(text, JOB_ID_SIZE, "%s", job);
    return text;
}
