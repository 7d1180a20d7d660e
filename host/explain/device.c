// asc_device_list: the backends of this build and what they would run on here.
#include <ascribe/device.h>

#include "backend.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
    cpu_set_t cores;
    *device = (asc_device_info){.usable = 1};
    processor_name(device->name, sizeof device->name);
    device->n_cores = sched_getaffinity(0, sizeof cores, &cores) == 0 ? (size_t)CPU_COUNT(&cores) : 1;
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

asc_status asc_device_list(asc_device_info *devices, size_t capacity, size_t *count, asc_error *err)
{
    static const asc_backend_kind kinds[] = {ASC_BACKEND_CPU, ASC_BACKEND_REF};
    (void)err;
    *count = sizeof kinds / sizeof *kinds;
    for (size_t i = 0; i < *count && i < capacity; i++)
        fill(&devices[i], kinds[i]);
    return ASC_OK;
}
