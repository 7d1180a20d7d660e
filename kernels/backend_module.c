// The cuda backend's module: finding it, loading it, and saying why it cannot be used.
//
// The library and the program carry no dependency on CUDA: libascribe_cuda.so is opened when it is asked for, and is never closed again
// (the CUDA runtime inside it has handlers of its own that outlive it).
#include "backend_ops.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE_FILE "libascribe_cuda.so"

enum { MOST_PATH = 4096 };

// ---- Where it is -------------------------------------------------------------------------------------------------

// folder[0..n) = the folder of `file`; false when it has none.
static bool folder_of(const char *file, char *folder)
{
    const char *slash = strrchr(file, '/');
    if (!slash || slash - file >= MOST_PATH)
        return false;
    memcpy(folder, file, (size_t)(slash - file));
    folder[slash - file] = '\0';
    return true;
}

// The folder of the file that holds this function: the shared library, or the program. A program's own name may lack its folder.
static bool library_folder(char *folder)
{
    Dl_info found;
    return dladdr(MODULE_FILE, &found) && found.dli_fname && folder_of(found.dli_fname, folder);
}

static bool program_folder(char *folder)
{
    char program[MOST_PATH];
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return false;
    program[n] = '\0';
    return folder_of(program, folder);
}

// Beside it; where the program finds its library; and one folder up, as the build has it.
static bool find_around(const char *folder, char *path)
{
    static const char *const ways[] = {"", "/" ASCRIBE_LIBRARY_FROM_PROGRAM, "/.."};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const int n = snprintf(path, MOST_PATH, "%s%s/" MODULE_FILE, folder, ways[i]);
        if (n < MOST_PATH && access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static bool find_module(char *path)
{
    char folder[MOST_PATH];
    if (library_folder(folder) && find_around(folder, path))
        return true;
    if (program_folder(folder) && find_around(folder, path))
        return true;
    snprintf(path, MOST_PATH, ASCRIBE_LIBRARY_FOLDER "/" MODULE_FILE);
    return access(path, F_OK) == 0;
}

// ---- Loading -----------------------------------------------------------------------------------------------------

static asc_status refuse_absent(const char *path, asc_error *err)
{
    if (path)
        (void)fail(err, ASC_NO_DEVICE, "%s: there is no such CUDA module", path);
    else
        (void)fail(err, ASC_NO_DEVICE, "this installation has no CUDA backend: expected " MODULE_FILE " beside the library or the program");
    return fail_hint(err, ASC_NO_DEVICE, "build where the CUDA toolkit is (ASCRIBE_CUDA=ON), or use --backend cpu");
}

// The loader's own words name the library that it misses.
static asc_status refuse_unloadable(const char *path, asc_error *err)
{
    const char *reason = dlerror();
    reason = reason ? reason : "no reason given";
    if (!strstr(reason, "cannot open shared object file"))
        return fail(err, ASC_NO_DEVICE, "%s: cannot be loaded: %s", path, reason);
    (void)fail(err, ASC_NO_DEVICE, "%s: needs a library that is missing: %s", path, reason);
    return fail_hint(err, ASC_NO_DEVICE, "install the CUDA toolkit's libraries (cuBLAS), or name their folder in LD_LIBRARY_PATH");
}

bool backend_has_nvidia_driver(void)
{
    void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (driver)
        dlclose(driver);
    return driver != NULL;
}

// The driver's own library is looked for first: loading the module costs half a gigabyte of address space.
static asc_status check_driver(asc_error *err)
{
    if (backend_has_nvidia_driver())
        return ASC_OK;
    (void)fail(err, ASC_NO_DEVICE, "there is no NVIDIA driver: libcuda.so.1 cannot be loaded");
    return fail_hint(err, ASC_NO_DEVICE, "install the driver (in a container: start it with its GPUs), or use --backend cpu");
}

static asc_status load_module(const char *wanted, const asc_backend_module **out, asc_error *err)
{
    char found[MOST_PATH];
    if (wanted ? access(wanted, F_OK) != 0 : !find_module(found))
        return refuse_absent(wanted, err);
    if (!wanted)
        TRY(check_driver(err));
    const char *path = wanted ? wanted : found;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle)
        return refuse_unloadable(path, err);
    const asc_backend_module *module = dlsym(handle, ASC_BACKEND_MODULE_SYMBOL);
    dlclose(handle); // it stays
    if (!module)
        return fail(err, ASC_NO_DEVICE, "%s: is no backend of ascribe: it has no " ASC_BACKEND_MODULE_SYMBOL, path);
    if (module->interface_version != ASC_BACKEND_INTERFACE) {
        (void)fail(err, ASC_NO_DEVICE, "%s: belongs to another version of ascribe: expected interface %d, found %u", path,
                   ASC_BACKEND_INTERFACE, (unsigned)module->interface_version);
        return fail_hint(err, ASC_NO_DEVICE, "install library and module of one build");
    }
    *out = module;
    return ASC_OK;
}

asc_status backend_open_cuda(const cuda_choice *choice, asc_backend **out, asc_error *err)
{
    const asc_backend_module *module = NULL;
    *out = NULL;
    TRY(load_module(choice->module, &module, err));
    asc_backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return fail_memory(err, "backend", sizeof *backend);
    backend->ops = module->ops();
    backend->precision = choice->precision;
    backend->device = choice->device;
    backend->planning = choice->planning;
    const asc_status status = backend->ops.open(backend, err);
    if (status != ASC_OK)
        free(backend);
    else
        *out = backend;
    return status;
}

asc_status backend_check_cuda(const cuda_choice *choice, asc_error *err)
{
    const asc_backend_module *module = NULL;
    TRY(load_module(choice->module, &module, err));
    return module->check_device(choice->device, err);
}

asc_status backend_list_cuda(const char *wanted, gpu_facts *gpus, size_t capacity, size_t *count, asc_error *err)
{
    const asc_backend_module *module = NULL;
    *count = 0;
    TRY(load_module(wanted, &module, err));
    TRY(module->count_devices(count, err));
    for (size_t i = 0; i < *count && i < capacity; i++)
        TRY(module->describe_device((int)i, &gpus[i], err));
    return ASC_OK;
}
