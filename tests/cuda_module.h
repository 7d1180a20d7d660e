// The module that tests of the cuda backend open: kernels/cuda on the emulated runtime (tests/cuda_host), or, where ASCRIBE_TEST_CUDA_MODULE
// names it, the real one (label gpu).
#ifndef ASCRIBE_TEST_CUDA_MODULE_H
#define ASCRIBE_TEST_CUDA_MODULE_H

#include "backend.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEST_SKIPPED = 77 };

static inline const char *cuda_module_path(void)
{
    const char *real = getenv("ASCRIBE_TEST_CUDA_MODULE");
    return real ? real : ASCRIBE_CUDA_MODULE;
}

static inline bool cuda_module_is_emulated(void)
{
    return getenv("ASCRIBE_TEST_CUDA_MODULE") == NULL;
}

// Under a sanitizer the emulation's fibers take minutes; the other builds run it.
static inline bool cuda_module_is_too_slow(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return cuda_module_is_emulated();
#else
    return false;
#endif
}

// Whether a program was started for the cuda backend alone: PROGRAM --backend cuda (cuda_fp16, ...).
static inline bool only_cuda_is_wanted(int argc, char **argv)
{
    return argc == 3 && strcmp(argv[1], "--backend") == 0 && strncmp(argv[2], "cuda", 4) == 0;
}

static inline cuda_choice cuda_module_choice(asc_precision precision)
{
    return (cuda_choice){.module = cuda_module_path(), .precision = precision};
}

// A backend of any kind, cuda from this module.
static inline asc_status test_backend_open(asc_backend_kind kind, asc_backend **out, asc_error *err)
{
    const cuda_choice choice = cuda_module_choice(ASC_PRECISION_FULL);
    return kind == ASC_BACKEND_CUDA ? backend_open_cuda(&choice, out, err) : backend_open(kind, ASC_PRECISION_FULL, out, err);
}

// Whether there is a GPU for it; if not, prints why. A test of label gpu then exits with TEST_SKIPPED.
static inline bool cuda_module_is_usable(void)
{
    asc_error err = {.status = ASC_OK};
    const cuda_choice choice = cuda_module_choice(ASC_PRECISION_FULL);
    if (backend_check_cuda(&choice, &err) == ASC_OK)
        return true;
    printf("skipped: %s\n", err.message);
    return false;
}

// What the emulated module offers beside the backend: see cuda_host/emulate.h.
typedef struct cuda_waits {
    unsigned n_stream_waits, n_event_waits, n_dry_waits;
} cuda_waits;

// Of cuBLASLt, emulated.
enum { CUDA_SUMS_ASCENDING = 21, CUDA_SUMS_DESCENDING = 22, CUDA_SUMS_BY_COLUMNS = 23, CUDA_SUMS_OF_ROWS = -1 };

typedef struct cuda_emulation {
    void (*fail)(unsigned at, bool forever);
    unsigned (*calls)(void);
    size_t (*live_allocations)(void);
    void (*machine)(int driver_version, int n_devices, int compute_major, size_t memory_bytes);
    size_t (*most_bytes)(bool reset);
    unsigned (*frees)(void);
    bool (*is_lost)(void);
    unsigned (*calls_after_loss)(void);
    void (*new_context)(void);
    cuda_waits (*waits)(bool reset);
    void (*products)(int fastest_id, int refused_id);
} cuda_emulation;

static inline cuda_emulation cuda_emulation_of_module(void)
{
    cuda_emulation found;
    void *module = dlopen(ASCRIBE_CUDA_MODULE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!module) {
        fprintf(stderr, "%s\n", dlerror());
        abort();
    }
    *(void **)&found.fail = dlsym(module, "emulate_fail");
    *(void **)&found.calls = dlsym(module, "emulate_calls");
    *(void **)&found.live_allocations = dlsym(module, "emulate_live_allocations");
    *(void **)&found.machine = dlsym(module, "emulate_machine");
    *(void **)&found.most_bytes = dlsym(module, "emulate_most_bytes");
    *(void **)&found.frees = dlsym(module, "emulate_frees");
    *(void **)&found.is_lost = dlsym(module, "emulate_is_lost");
    *(void **)&found.calls_after_loss = dlsym(module, "emulate_calls_after_loss");
    *(void **)&found.new_context = dlsym(module, "emulate_new_context");
    *(void **)&found.waits = dlsym(module, "emulate_waits");
    *(void **)&found.products = dlsym(module, "emulate_products");
    dlclose(module);
    return found;
}

#endif
