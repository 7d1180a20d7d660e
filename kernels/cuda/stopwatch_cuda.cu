// Laps by events: a ring of them, in stream order. The host waits only for the oldest lap, when the ring is full, and for all at the end.
#include "cuda/stream_cuda.h"

#include <stdlib.h>

enum { MOST_LAPS = 512 }; // several steps

typedef struct laps {
    cudaEvent_t ends[MOST_LAPS]; // lap i goes from the end of lap i - 1 to its own
    double *seconds[MOST_LAPS];  // where its time is added; NULL: nowhere
    size_t first, count;         // laps first ... first + count - 1 are under way, modulo MOST_LAPS
} laps; // asc_stopwatch.impl

static laps *laps_of(const asc_stopwatch *watch) { return static_cast<laps *>(watch->impl); }

asc_status cuda_stopwatch_create(asc_stopwatch *watch, asc_error *err)
{
    cuda_device *device = cuda_device_of(watch->stream);
    laps *own = static_cast<laps *>(calloc(1, sizeof *own));
    asc_status status = ASC_OK;
    if (!own)
        return fail_memory(err, "a stopwatch", sizeof *own);
    watch->impl = own;
    for (int i = 0; i < MOST_LAPS && status == ASC_OK && !device->planning; i++)
        status = cuda_check(cudaEventCreateWithFlags(&own->ends[i], cudaEventDefault), "making an event", err);
    if (cuda_note(device, status) != ASC_OK)
        cuda_stopwatch_destroy(watch);
    return status;
}

void cuda_stopwatch_destroy(asc_stopwatch *watch)
{
    cuda_device *device = static_cast<cuda_device *>(watch->backend->impl);
    laps *own = laps_of(watch);
    for (int i = 0; i < MOST_LAPS; i++)
        if (own->ends[i])
            CUDA_UNLESS_LOST(device, cudaEventDestroy(own->ends[i]));
    free(own);
}

// Adds the time of the second oldest lap, and drops the oldest, whose end it began with.
static asc_status take_lap(laps *own, asc_error *err)
{
    const size_t next = (own->first + 1) % MOST_LAPS;
    float ms;
    TRY(cuda_check(cudaEventSynchronize(own->ends[next]), "waiting for a lap", err));
    TRY(cuda_check(cudaEventElapsedTime(&ms, own->ends[own->first], own->ends[next]), "timing a lap", err));
    if (own->seconds[next])
        *own->seconds[next] += (double)ms / 1e3;
    own->first = next;
    own->count--;
    return ASC_OK;
}

asc_status cuda_stopwatch_lap(asc_stopwatch *watch, double *seconds, asc_error *err)
{
    laps *own = laps_of(watch);
    if (cuda_device_of(watch->stream)->planning)
        return ASC_OK;
    if (own->count == MOST_LAPS)
        TRY(take_lap(own, err));
    const size_t lap = (own->first + own->count) % MOST_LAPS;
    own->seconds[lap] = seconds;
    TRY(cuda_check(cudaEventRecord(own->ends[lap], cuda_of(watch->stream)->stream), "marking a lap", err));
    own->count++;
    return ASC_OK;
}

asc_status cuda_stopwatch_finish(asc_stopwatch *watch, asc_error *err)
{
    laps *own = laps_of(watch);
    while (own->count > 1)
        TRY(take_lap(own, err));
    return ASC_OK;
}
