// Streams and events. What is enqueued runs as late as CUDA allows: when the host waits for it, or when something that is waited for has to
// come after it. So whoever reads too early, or writes to memory that is still to be read, or forgets to order two streams, gets wrong numbers.
#include "streams.h"

#include "calls.h"

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <set>

namespace {

struct Item {
    bool is_launch;
    std::function<void()> work;
};

struct Queue {
    std::deque<Item> items;
    uint64_t n_enqueued = 0, n_done = 0;
};

std::recursive_mutex one_at_a_time;
std::set<emulated_stream *> all_streams;
std::set<emulated_event *> all_events;
std::atomic<unsigned> n_stream_waits, n_event_waits, n_dry_waits;

std::atomic<double> passed_ms;

double now_ms()
{
    return passed_ms + std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void run_to(Queue &queue, uint64_t ticket)
{
    while (queue.n_done < ticket) {
        Item item = std::move(queue.items.front());
        queue.items.pop_front();
        item.work();
        queue.n_done++;
    }
}

cudaError_t enter(cudaError_t failure) { return emulated_call(cudaSuccess, failure); }

} // namespace

struct emulated_stream {
    std::shared_ptr<Queue> queue = std::make_shared<Queue>();
};

struct emulated_event {
    std::shared_ptr<Queue> queue; // none: never recorded, and so complete
    uint64_t ticket = 0;
    std::shared_ptr<double> reached_ms;
};

void emulated_enqueue(cudaStream_t stream, bool is_launch, std::function<void()> work)
{
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    if (!stream) {
        work();
        return;
    }
    stream->queue->items.push_back({is_launch, std::move(work)});
    stream->queue->n_enqueued++;
}

void emulated_pass_time(double ms) { passed_ms = passed_ms + ms; }

void emulated_finish(cudaStream_t stream)
{
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    if (stream)
        run_to(*stream->queue, stream->queue->n_enqueued);
}

void emulated_finish_all()
{
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    for (emulated_stream *stream : all_streams)
        emulated_finish(stream);
}

void emulated_forget_streams()
{
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    for (emulated_stream *stream : all_streams)
        delete stream;
    for (emulated_event *event : all_events)
        delete event;
    all_streams.clear();
    all_events.clear();
}

size_t emulated_live_streams() { return all_streams.size() + all_events.size(); }

emulated_waits emulate_waits(bool reset)
{
    const emulated_waits found = {n_stream_waits, n_event_waits, n_dry_waits};
    if (reset)
        n_stream_waits = n_event_waits = n_dry_waits = 0;
    return found;
}

// ---- The runtime's calls ---------------------------------------------------------------------------------------------

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    *stream = nullptr;
    if (enter(cudaErrorMemoryAllocation) != cudaSuccess)
        return cudaErrorMemoryAllocation;
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    *stream = new emulated_stream();
    all_streams.insert(*stream);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    n_stream_waits++;
    if (outcome == cudaSuccess)
        emulated_finish(stream);
    return outcome;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    if (outcome == cudaSuccess)
        emulated_finish(stream);
    all_streams.erase(stream);
    delete stream;
    return outcome;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    const std::shared_ptr<Queue> queue = event->queue;
    const uint64_t ticket = event->ticket;
    if (outcome == cudaSuccess && queue)
        emulated_enqueue(stream, false, [=]() { run_to(*queue, ticket); });
    return outcome;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned)
{
    *event = nullptr;
    if (enter(cudaErrorMemoryAllocation) != cudaSuccess)
        return cudaErrorMemoryAllocation;
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    *event = new emulated_event();
    all_events.insert(*event);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    if (outcome != cudaSuccess)
        return outcome;
    const std::shared_ptr<double> reached_ms = std::make_shared<double>(0);
    emulated_enqueue(stream, false, [=]() { *reached_ms = now_ms(); });
    event->queue = stream->queue;
    event->ticket = stream->queue->n_enqueued;
    event->reached_ms = reached_ms;
    return outcome;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    if (outcome != cudaSuccess)
        return outcome;
    return event->queue && event->queue->n_done < event->ticket ? cudaErrorNotReady : cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    if (outcome != cudaSuccess || !event->queue || event->queue->n_done >= event->ticket)
        return outcome;
    unsigned n_behind = 0;
    for (size_t i = event->ticket - event->queue->n_done; i < event->queue->items.size(); i++)
        n_behind += event->queue->items[i].is_launch;
    n_event_waits++;
    n_dry_waits += n_behind == 0;
    run_to(*event->queue, event->ticket);
    return outcome;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t begin, cudaEvent_t end)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    *ms = 0;
    if (outcome != cudaSuccess || !begin->queue || !end->queue)
        return outcome != cudaSuccess ? outcome : cudaErrorNotReady;
    if (begin->queue->n_done < begin->ticket || end->queue->n_done < end->ticket)
        return cudaErrorNotReady;
    *ms = (float)(*end->reached_ms - *begin->reached_ms);
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    std::lock_guard<std::recursive_mutex> lock(one_at_a_time);
    all_events.erase(event);
    delete event;
    return outcome;
}
