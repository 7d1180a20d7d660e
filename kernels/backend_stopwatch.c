// Times of what is enqueued: by the backend's own clock where it has one, else by waiting for the stream. See backend.h.
#include "backend_ops.h"

#include <stdlib.h>
#include <time.h>

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

asc_status stopwatch_create(asc_stream *stream, asc_stopwatch **out, asc_error *err)
{
    const asc_backend_ops *ops = &stream->backend->ops;
    *out = NULL;
    asc_stopwatch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return fail_memory(err, "a stopwatch", sizeof *watch);
    watch->backend = stream->backend;
    watch->stream = stream;
    const asc_status status = ops->stopwatch_create ? ops->stopwatch_create(watch, err) : ASC_OK;
    if (status != ASC_OK)
        free(watch);
    else
        *out = watch;
    return status;
}

void stopwatch_destroy(asc_stopwatch *watch)
{
    if (!watch)
        return;
    if (watch->backend->ops.stopwatch_destroy)
        watch->backend->ops.stopwatch_destroy(watch);
    free(watch);
}

asc_status stopwatch_lap(asc_stopwatch *watch, double *seconds, asc_error *err)
{
    const asc_backend_ops *ops = &watch->backend->ops;
    if (ops->stopwatch_lap)
        return ops->stopwatch_lap(watch, seconds, err);
    TRY(stream_sync(watch->stream, err));
    const double now_s = now_seconds();
    if (seconds)
        *seconds += now_s - watch->since_s;
    watch->since_s = now_s;
    return ASC_OK;
}

asc_status stopwatch_finish(asc_stopwatch *watch, asc_error *err)
{
    const asc_backend_ops *ops = &watch->backend->ops;
    return ops->stopwatch_finish ? ops->stopwatch_finish(watch, err) : ASC_OK;
}
