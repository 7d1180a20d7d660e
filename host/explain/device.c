// asc_device_list: the backends of this build and what they would run on here.
#include <ascribe/device.h>

#include "backend.h"
#include "base/thread_pool.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_GPUS = 64 };

// The processor's name as the system tells it.
static void processor_name(char *name, size_t size)
{
    snprintf(name, size, "processor");
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file)
        fclose(file);
}

static void fill(asc_device_info *device, asc_backend_kind kind)
{
    asc_backend *backend = NULL;
    asc_error err = {.status = ASC_OK};
    *device = (asc_device_info){.usable = 1};
    processor_name(device->name, sizeof device->name);
    device->n_cores = pool_available_cores();
    device->memory_bytes = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    snprintf(device->backend, sizeof device->backend, "%s", kind == ASC_BACKEND_CPU ? "cpu" : "ref");
    if (backend_open(kind, ASC_PRECISION_FULL, &backend, &err) == ASC_OK) {
        snprintf(device->kernel_set, sizeof device->kernel_set, "%s", backend_kernel_set(backend));
    } else {
        device->usable = 0;
        snprintf(device->reason, sizeof device->reason, "%.250s", err.message);
    }
    backend_close(backend);
}

// One entry for each GPU, or one that says why there is none. None is opened: that takes memory on it.
static size_t fill_gpus(asc_device_info *devices, size_t capacity)
{
    gpu_facts gpus[MOST_GPUS];
    asc_error reason = {.status = ASC_OK};
    size_t count = 0;
    const asc_status status = backend_list_cuda(NULL, gpus, MOST_GPUS, &count, &reason);
    count = count < MOST_GPUS ? count : MOST_GPUS;
    if (status != ASC_OK) {
        if (capacity > 0) {
            devices[0] = (asc_device_info){.backend = "cuda"};
            snprintf(devices[0].reason, sizeof devices[0].reason, "%.250s", reason.message);
        }
        return 1;
    }
    for (size_t i = 0; i < count && i < capacity; i++) {
        asc_device_info *device = &devices[i];
        *device = (asc_device_info){.backend = "cuda", .number = (int)i, .n_cores = gpus[i].n_multiprocessors, .memory_bytes = gpus[i].memory_bytes};
        snprintf(device->name, sizeof device->name, "%.127s", gpus[i].name);
        snprintf(device->kernel_set, sizeof device->kernel_set, "compute capability %d.%d", gpus[i].compute_major, gpus[i].compute_minor);
        device->usable = backend_check_cuda(&(cuda_choice){.device = (int)i}, &reason) == ASC_OK;
        snprintf(device->reason, sizeof device->reason, "%.250s", device->usable ? "" : reason.message);
    }
    return count;
}

asc_status asc_device_list(asc_device_info *devices, size_t capacity, size_t *count, asc_error *err)
{
    static const asc_backend_kind kinds[] = {ASC_BACKEND_CPU, ASC_BACKEND_REF};
    const size_t n_kinds = sizeof kinds / sizeof *kinds, n_filled = n_kinds < capacity ? n_kinds : capacity;
    (void)err;
    for (size_t i = 0; i < n_filled; i++)
        fill(&devices[i], kinds[i]);
    *count = n_kinds + fill_gpus(devices + n_filled, capacity - n_filled);
    return ASC_OK;
}
