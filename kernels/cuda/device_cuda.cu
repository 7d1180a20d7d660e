// Which GPUs there are, and why one cannot be used: no driver, too old a driver, no device, too old a device.
#include "cuda/device_cuda.h"

#include <stdio.h>

enum { LEAST_COMPUTE_MAJOR = 8 }; // bfloat16 and asynchronous copies

// cudaErrorInsufficientDriver has two reasons: a driver whose version is 0 is not there.
static asc_status refuse_driver(asc_error *err)
{
    int driver = 0, runtime = 0;
    (void)cudaDriverGetVersion(&driver);
    (void)cudaRuntimeGetVersion(&runtime);
    (void)cudaGetLastError();
    if (driver == 0) {
        (void)fail(err, ASC_NO_DEVICE, "GPU: there is no NVIDIA driver");
        return fail_hint(err, ASC_NO_DEVICE, "install the driver (in a container: start it with its GPUs), or use --backend cpu");
    }
    (void)fail(err, ASC_NO_DEVICE, "GPU: the NVIDIA driver is too old: it supports CUDA %d.%d, this build needs %d.%d", driver / 1000,
               driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    return fail_hint(err, ASC_NO_DEVICE, "update the driver, or build with the CUDA toolkit that it supports");
}

asc_status cuda_count_devices(size_t *count, asc_error *err)
{
    int n = 0;
    const cudaError_t outcome = cudaGetDeviceCount(&n);
    *count = 0;
    if (outcome == cudaErrorInsufficientDriver)
        return refuse_driver(err);
    if (outcome == cudaErrorNoDevice || (outcome == cudaSuccess && n <= 0)) {
        (void)cudaGetLastError();
        (void)fail(err, ASC_NO_DEVICE, "GPU: the NVIDIA driver is there, but no GPU");
        return fail_hint(err, ASC_NO_DEVICE, "CUDA_VISIBLE_DEVICES may hide it; `nvidia-smi -L` lists what the driver sees");
    }
    TRY(cuda_check(outcome, "counting the devices", err));
    *count = (size_t)n;
    return ASC_OK;
}

asc_status cuda_describe_device(int number, gpu_facts *facts, asc_error *err)
{
    cudaDeviceProp properties;
    TRY(cuda_check(cudaGetDeviceProperties(&properties, number), "asking for a device's properties", err));
    *facts = gpu_facts();
    snprintf(facts->name, sizeof facts->name, "%.*s", (int)sizeof facts->name - 1, properties.name);
    facts->memory_bytes = properties.totalGlobalMem;
    facts->n_multiprocessors = (size_t)properties.multiProcessorCount;
    facts->compute_major = properties.major;
    facts->compute_minor = properties.minor;
    return ASC_OK;
}

asc_status cuda_check_device(int number, asc_error *err)
{
    size_t count;
    gpu_facts facts;
    TRY(cuda_count_devices(&count, err));
    if (number < 0 || (size_t)number >= count)
        return fail(err, ASC_NO_DEVICE, "GPU %d is asked for, but there %s %zu, counted from 0", number, count == 1 ? "is" : "are", count);
    TRY(cuda_describe_device(number, &facts, err));
    if (facts.compute_major < LEAST_COMPUTE_MAJOR)
        return fail(err, ASC_NO_DEVICE, "GPU %d (%s): expected compute capability %d.0 or later, found %d.%d", number, facts.name,
                    LEAST_COMPUTE_MAJOR, facts.compute_major, facts.compute_minor);
    return ASC_OK;
}
