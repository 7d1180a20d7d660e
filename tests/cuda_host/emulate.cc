// See emulate.h.
#include "emulate.h"

#include "streams.h"

#include <cstdio>
#include <csetjmp>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <ucontext.h>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

enum class State { READY, AT_BLOCK_BARRIER, AT_WARP_BARRIER, ENDED };

// Made once, on its own stack, and used for a thread of every block from then on. Switching by _setjmp takes no system call.
struct Fiber {
    jmp_buf at; // where it goes on
    size_t number;
    dim3 index;
    bool begun;
    std::unique_ptr<char[]> stack; // not touched before it is used
    ucontext_t context;            // where it begins
};

enum { STACK_BYTES = 256 << 10, MOST_THREADS = 1024, BROUGHT_BYTES = 32 };

// What a thread brings to its warp's exchanges, to every other one in another place: nobody brings the next but one before all of the
// warp have taken theirs.
struct Brought {
    unsigned char bytes[2][BROUGHT_BYTES];
    size_t n_exchanges; // of this block; those who ended before one have had fewer than it
};

std::mutex one_launch;
std::map<const void *, size_t> allowed_shared; // by kernel
std::deque<Fiber> fibers;
State states[MOST_THREADS]; // of the fibers; what barriers look at lies together
Brought brought[MOST_THREADS];
std::vector<unsigned char> shared_memory;
jmp_buf scheduler;
Fiber *running;
const std::function<void()> *body;
bool descending;

void wait_as(State state)
{
    states[running->number] = state;
    if (_setjmp(running->at) == 0)
        _longjmp(scheduler, 1);
}

void enter()
{
    for (;;) {
        (*body)();
        wait_as(State::ENDED);
    }
}

// Runs a fiber until it waits.
void resume(Fiber &fiber)
{
    running = &fiber;
    threadIdx = fiber.index;
    if (_setjmp(scheduler) != 0)
        return;
    if (fiber.begun)
        _longjmp(fiber.at, 1);
    fiber.begun = true;
    setcontext(&fiber.context);
}

void make_fibers(size_t count)
{
    while (fibers.size() < count) {
        fibers.emplace_back();
        Fiber &fiber = fibers.back();
        fiber.number = fibers.size() - 1;
        fiber.stack.reset(new char[STACK_BYTES]);
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.get();
        fiber.context.uc_stack.ss_size = STACK_BYTES;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, enter, 0);
    }
}

// Lets threads [first, last) go on when all that have not ended wait at a barrier of this kind; whether it did.
bool release(size_t first, size_t last, State barrier)
{
    size_t n_waiting = 0;
    for (size_t t = first; t < last; t++) {
        if (states[t] != State::ENDED && states[t] != barrier)
            return false;
        n_waiting += states[t] == barrier;
    }
    for (size_t t = first; t < last; t++)
        if (states[t] == barrier)
            states[t] = State::READY;
    return n_waiting > 0;
}

// Runs threads [first, last), a warp, until none can go on without the rest of the block; whether any could.
bool run_warp(size_t first, size_t last)
{
    bool ran = false;
    do
        for (size_t i = first; i < last; i++) {
            const size_t t = descending ? last - 1 - (i - first) : i;
            if (states[t] != State::READY)
                continue;
            resume(fibers[t]);
            ran = true;
        }
    while (release(first, last, State::AT_WARP_BARRIER));
    return ran;
}

bool run_warps(size_t n_threads)
{
    const size_t n_warps = (n_threads + warpSize - 1) / warpSize;
    bool ran = false;
    for (size_t i = 0; i < n_warps; i++) {
        const size_t first = (descending ? n_warps - 1 - i : i) * warpSize;
        ran |= run_warp(first, first + warpSize < n_threads ? first + warpSize : n_threads);
    }
    return ran;
}

void run_block(size_t n_threads)
{
    for (size_t t = 0; t < MOST_THREADS; t++)
        brought[t].n_exchanges = 0; // beyond the block too: the last warp may not be full
    for (size_t t = 0; t < n_threads; t++) {
        states[t] = State::READY;
        fibers[t].index = dim3((unsigned)t % blockDim.x, (unsigned)t / blockDim.x % blockDim.y, (unsigned)t / blockDim.x / blockDim.y);
    }
    while (run_warps(n_threads) || release(0, n_threads, State::AT_BLOCK_BARRIER)) {
    }
    for (size_t t = 0; t < n_threads; t++)
        if (states[t] != State::ENDED) {
            std::fprintf(stderr, "emulated kernel: threads of block (%u, %u, %u) wait at a barrier that others do not reach\n", blockIdx.x,
                         blockIdx.y, blockIdx.z);
            std::abort();
        }
}

// The exchange of a thread's warp: brings something; what lane l brought is then at warp[l].bytes[place].
struct Exchange {
    const Brought *warp;
    size_t number, place;
};

Exchange exchange(const void *mine, size_t bytes)
{
    const size_t own = running->number, number = ++brought[own].n_exchanges, place = number % 2;
    if (bytes > BROUGHT_BYTES)
        std::abort();
    std::memcpy(brought[own].bytes[place], mine, bytes);
    wait_as(State::AT_WARP_BARRIER);
    return {brought + own / warpSize * warpSize, number, place};
}

} // namespace

static void run_grid(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &thread)
{
    std::lock_guard<std::mutex> lock(one_launch);
    const size_t n_threads = (size_t)block.x * block.y * block.z;
    make_fibers(n_threads);
    body = &thread;
    descending = !descending;
    gridDim = grid;
    blockDim = block;
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                blockIdx = dim3(x, y, z);
                shared_memory.assign(shared_bytes + 32, 0xFF);
                run_block(n_threads);
            }
}

// What every device from compute capability 8.0 on has.
static bool is_launchable(dim3 grid, dim3 block, size_t shared_bytes, const void *function)
{
    const size_t most_y_or_z = 65535, unasked = (size_t)48 << 10;
    std::lock_guard<std::mutex> lock(one_launch);
    const auto found = allowed_shared.find(function);
    const size_t n_threads = (size_t)block.x * block.y * block.z, allowed = found == allowed_shared.end() ? unasked : found->second;
    return grid.x > 0 && grid.x <= INT32_MAX && grid.y > 0 && grid.y <= most_y_or_z && grid.z > 0 && grid.z <= most_y_or_z && n_threads > 0 &&
           n_threads <= MOST_THREADS && block.z <= 64 && shared_bytes <= (allowed < unasked ? unasked : allowed);
}

void emulate_launch(cudaStream_t stream, dim3 grid, dim3 block, size_t shared_bytes, const emulated_kernel &kernel)
{
    if (!is_launchable(grid, block, shared_bytes, kernel.function)) {
        std::fprintf(stderr, "emulated kernel: no device launches a grid of %u x %u x %u, blocks of %u x %u x %u, %zu bytes of shared memory\n",
                     grid.x, grid.y, grid.z, block.x, block.y, block.z, shared_bytes);
        std::abort();
    }
    const std::function<void()> thread = kernel.thread;
    emulated_enqueue(stream, true, [=]() { run_grid(grid, block, shared_bytes, thread); });
}

void emulate_allow_shared(const void *kernel, size_t bytes)
{
    std::lock_guard<std::mutex> lock(one_launch);
    allowed_shared[kernel] = bytes;
}

void *emulate_shared()
{
    const uintptr_t address = (uintptr_t)shared_memory.data();
    return shared_memory.data() + (16 - address % 16) % 16;
}

void __syncthreads() { wait_as(State::AT_BLOCK_BARRIER); }

void __syncwarp(unsigned) { wait_as(State::AT_WARP_BARRIER); }

void emulate_warp_exchange(const void *mine, void *theirs, size_t bytes, unsigned lane)
{
    const Exchange e = exchange(mine, bytes);
    std::memcpy(theirs, e.warp[lane].bytes[e.place], bytes);
}

void emulate_warp_gather(const void *mine, void *all, size_t bytes)
{
    const Exchange e = exchange(mine, bytes);
    for (size_t lane = 0; lane < warpSize; lane++)
        std::memcpy((char *)all + lane * bytes, e.warp[lane].bytes[e.place], bytes);
}

unsigned __ballot_sync(unsigned, int predicate)
{
    const unsigned char vote = predicate != 0;
    const Exchange e = exchange(&vote, sizeof vote);
    unsigned votes = 0;
    for (size_t lane = 0; lane < warpSize; lane++)
        votes |= (unsigned)(e.warp[lane].n_exchanges >= e.number && e.warp[lane].bytes[e.place][0]) << lane;
    return votes;
}
