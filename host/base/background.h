// One thread that does one job at a time beside its owner: reading ahead, writing behind. All calls come from the owner.
#ifndef ASCRIBE_BASE_BACKGROUND_H
#define ASCRIBE_BASE_BACKGROUND_H

#include "base/fail.h"

typedef struct background background;

typedef asc_status (*background_job)(void *context, asc_error *err);

asc_status background_create(background **out, asc_error *err);
void background_destroy(background *b); // waits for the job; its outcome is lost. Accepts NULL

// Starts a job. The one before must have been waited for.
void background_start(background *b, background_job job, void *context);

// Waits for the job and returns what it returned; ASC_OK when there is none.
asc_status background_wait(background *b, asc_error *err);

#endif
