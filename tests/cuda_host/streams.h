// Work that streams hold back, shared by the emulated libraries: see emulate.h.
#ifndef ASCRIBE_EMULATED_STREAMS_H
#define ASCRIBE_EMULATED_STREAMS_H

#include "cuda_runtime.h"

// Puts `work` at the stream's end. Without a stream it runs at once. `is_launch`: it counts as a kernel.
void emulated_enqueue(cudaStream_t stream, bool is_launch, std::function<void()> work);

// Runs all that the stream, or every stream, holds back. Not counted as a wait.
void emulated_finish(cudaStream_t stream);
void emulated_finish_all();

void emulated_pass_time(double ms); // by the device's clock, which events tell

void emulated_forget_streams(); // with what they hold back, and all events
void emulated_forget_handles(); // of cuBLASLt

#endif
