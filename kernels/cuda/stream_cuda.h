// The slots of streams and transfers. Implemented by stream_cuda.cu.
#ifndef ASCRIBE_CUDA_STREAM_CUDA_H
#define ASCRIBE_CUDA_STREAM_CUDA_H

#include "cuda/cuda.cuh"

asc_status cuda_stream_create(asc_stream *stream, asc_error *err);
void cuda_stream_destroy(asc_stream *stream);
asc_status cuda_stream_sync(asc_stream *stream, asc_error *err);
asc_status cuda_stream_wait(asc_stream *stream, asc_stream *other, asc_error *err);
asc_status cuda_upload(asc_stream *stream, asc_view to, const void *from, size_t count, asc_error *err);
asc_status cuda_download(asc_stream *stream, asc_view from, void *to, size_t count, asc_error *err);
asc_status cuda_fetch_create(asc_fetch *fetch, asc_error *err);
void cuda_fetch_destroy(asc_fetch *fetch);
asc_status cuda_fetch_add(asc_stream *stream, asc_fetch *fetch, asc_view from, size_t count, size_t at, asc_error *err);
asc_status cuda_fetch_end(asc_stream *stream, asc_fetch *fetch, asc_error *err);
asc_status cuda_fetch_wait(asc_fetch *fetch, asc_error *err);

// Implemented by stopwatch_cuda.cu.
asc_status cuda_stopwatch_create(asc_stopwatch *watch, asc_error *err);
void cuda_stopwatch_destroy(asc_stopwatch *watch);
asc_status cuda_stopwatch_lap(asc_stopwatch *watch, double *seconds, asc_error *err);
asc_status cuda_stopwatch_finish(asc_stopwatch *watch, asc_error *err);

#endif
