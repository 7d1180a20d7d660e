// What this build and this machine can compute on.
#ifndef ASCRIBE_DEVICE_H
#define ASCRIBE_DEVICE_H

#include <ascribe/status.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct asc_device_info {
    char backend[16];     // the word for --backend
    char name[128];       // processor or GPU
    char kernel_set[256]; // what decides a result's last bits
    int usable;           // 0: `reason` says why not
    char reason[256];
    int number;           // which of several GPUs: for --device
    size_t n_cores;       // cores that this process may use; multiprocessors of a GPU
    size_t memory_bytes;  // physical memory of the device
} asc_device_info;

// Fills `devices` with up to `capacity` entries and *count with how many there are.
asc_status asc_device_list(asc_device_info *devices, size_t capacity, size_t *count, asc_error *err) ASC_MUST_USE;

// How the library was built, as name/value pairs (compiler, flags, HDF5, GEMM library, ...); name is NULL after the last.
typedef struct asc_build_fact {
    const char *name, *value;
} asc_build_fact;
const asc_build_fact *asc_build_facts(void);

#ifdef __cplusplus
}
#endif
#endif
