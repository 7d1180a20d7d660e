// The job of a batch system that this process belongs to.
#ifndef ASCRIBE_CLI_JOB_ID_H
#define ASCRIBE_CLI_JOB_ID_H

enum { JOB_ID_SIZE = 64 };

// By the environment of Slurm: "17_3" for a task of an array, else "17". NULL outside of a job. Returns `text`.
const char *job_id(char text[JOB_ID_SIZE]);

#endif
