// See request_backend.h.
#include "explain/request_backend.h"

#include "base/thread_pool.h"
#include "model/savings.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PROCESSES = 1024 };
enum { GPU_WORKERS = 2 }; // the kernels of one stream fill the gaps of the other's

typedef struct precision_word {
    const char *name;
    asc_precision precision;
    bool on_cpu, on_cuda;
} precision_word;

static const precision_word precisions[] = {
    {"fp32", ASC_PRECISION_FULL, true, true},
    {"bf16", ASC_PRECISION_BF16, true, true},
    {"fp16", ASC_PRECISION_FP16, false, true},
    {"tf32", ASC_PRECISION_TF32, false, true},
};
static const char *const backends[] = {"auto", "cpu", "cuda", "ref"};

static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static bool known_backend(const char *text)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (is(text, backends[i]))
            return true;
    return false;
}

// NULL when there is none.
static const precision_word *find_precision(const char *text)
{
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++)
        if (is(text, precisions[i].name))
            return &precisions[i];
    return NULL;
}

static asc_status check_precision(const asc_explain_options *options, asc_error *err)
{
    const precision_word *found = find_precision(options->precision);
    if (is(options->precision, "auto"))
        return ASC_OK;
    if (!found)
        return fail(err, ASC_USAGE, "--precision '%s' is unknown, expected auto, fp32, bf16, fp16 or tf32", options->precision);
    if (is(options->backend, "cpu") && !found->on_cpu)
        return fail(err, ASC_USAGE, "--precision %s belongs to backend cuda, but --backend is cpu, which has fp32 and bf16", found->name);
    if (is(options->backend, "ref") && found->precision != ASC_PRECISION_FULL)
        return fail(err, ASC_USAGE, "--precision %s belongs to backends cpu and cuda, but --backend is ref, which computes in double",
                    found->name);
    return ASC_OK;
}

// The reference computes what is defined; the others leave out what they can.
static asc_status resolve_savings(const char *text, asc_backend_kind backend, unsigned *out, asc_error *err)
{
    if (!is(text, "auto"))
        return savings_parse(text, out, err);
    *out = backend == ASC_BACKEND_CPU || backend == ASC_BACKEND_CUDA ? ASC_SAVINGS_ALL : 0;
    return ASC_OK;
}

static asc_status fail_devices(const char *text, asc_error *err)
{
    return fail(err, ASC_USAGE, "--devices '%.200s': expected all, or different numbers from 0 to %d separated by commas", text, MOST_DEVICES - 1);
}

asc_status request_parse_devices(const char *text, int devices[MOST_DEVICES], size_t *n_devices, asc_error *err)
{
    bool seen[MOST_DEVICES] = {false};
    *n_devices = 0;
    if (is(text, "all"))
        return ASC_OK;
    for (const char *next = text;; next++) {
        char *end = NULL;
        const unsigned long number = *next >= '0' && *next <= '9' ? strtoul(next, &end, 10) : MOST_DEVICES;
        if (number >= MOST_DEVICES || seen[number] || (*end != ',' && *end != '\0'))
            return fail_devices(text, err);
        seen[number] = true;
        devices[(*n_devices)++] = (int)number;
        next = end;
        if (*next == '\0')
            return ASC_OK;
    }
}

// Worker processes: on GPUs by their numbers, on the processor by how many.
static asc_status check_processes(const asc_explain_options *options, asc_error *err)
{
    const bool on_processor = is(options->backend, "cpu") || is(options->backend, "ref");
    int devices[MOST_DEVICES];
    size_t n_devices = 0;
    if (options->n_processes < 0 || options->n_processes > MOST_PROCESSES)
        return fail(err, ASC_USAGE, "--processes is %d, expected 0 to %d", options->n_processes, MOST_PROCESSES);
    if (!options->devices)
        return ASC_OK;
    if (on_processor)
        return fail(err, ASC_USAGE, "--devices %.200s numbers GPUs, but --backend is %s", options->devices, options->backend);
    if (options->n_processes > 1)
        return fail(err, ASC_USAGE, "--processes and --devices: on GPUs there is one process for each device");
    if (options->device > 0)
        return fail(err, ASC_USAGE, "--device and --devices: expected one of them");
    return request_parse_devices(options->devices, devices, &n_devices, err);
}

asc_status request_backend_check_words(const asc_explain_options *options, asc_error *err)
{
    unsigned savings;
    if (!known_backend(options->backend))
        return fail(err, ASC_USAGE, "--backend '%s' is unknown, expected auto, cpu, cuda or ref", options->backend);
    TRY(check_precision(options, err));
    TRY(resolve_savings(options->savings, ASC_BACKEND_CPU, &savings, err));
    if (options->device < 0 || options->device >= MOST_DEVICES)
        return fail(err, ASC_USAGE, "--device %d: expected 0 to %d", options->device, MOST_DEVICES - 1);
    if (options->device > 0 && (is(options->backend, "cpu") || is(options->backend, "ref")))
        return fail(err, ASC_USAGE, "--device %d numbers GPUs, but --backend is %s", options->device, options->backend);
    return check_processes(options, err);
}

asc_status request_backend_check(const asc_explain_options *options, asc_error *err)
{
    TRY(request_backend_check_words(options, err));
    const bool by_workers = options->devices || options->n_processes > 1; // which cannot be forked from a process that has looked at a GPU
    if (!is(options->backend, "cuda") || by_workers)
        return ASC_OK;
    const asc_status status = backend_check_cuda(&(cuda_choice){.device = options->device}, err);
    return status == ASC_OK ? ASC_OK : fail_context(err, status, "--backend cuda");
}

static void tell_reason(const asc_log *log, const asc_error *reason)
{
    char message[1024];
    snprintf(message, sizeof message, "no GPU can be used, the processor is: %.900s", reason->message);
    if (log && log->write)
        log->write(log->user, ASC_LOG_WARNING, message);
}

static asc_status choose_automatically(const asc_explain_options *options, const asc_log *log, asc_backend_kind *out, asc_error *err)
{
    asc_error reason = {.status = ASC_OK};
    const precision_word *precision = find_precision(options->precision);
    *out = ASC_BACKEND_CUDA;
    if (backend_check_cuda(&(cuda_choice){.device = options->device}, &reason) == ASC_OK)
        return ASC_OK;
    *out = ASC_BACKEND_CPU;
    if (precision && !precision->on_cpu) {
        (void)fail(err, ASC_NO_DEVICE, "--precision %s takes a GPU: %s", precision->name, reason.message);
        return fail_hint(err, ASC_NO_DEVICE, "the cpu backend has --precision fp32 and bf16");
    }
    if (backend_has_nvidia_driver())
        tell_reason(log, &reason);
    return ASC_OK;
}

static asc_backend_kind named_backend(const char *name)
{
    return is(name, "ref") ? ASC_BACKEND_REF : is(name, "cuda") ? ASC_BACKEND_CUDA : ASC_BACKEND_CPU;
}

asc_backend_kind request_backend_guess(const asc_explain_options *options)
{
    if (!is(options->backend, "auto"))
        return named_backend(options->backend);
    return backend_check_cuda(&(cuda_choice){.device = options->device}, NULL) == ASC_OK ? ASC_BACKEND_CUDA : ASC_BACKEND_CPU;
}

asc_status request_backend_resolve(const asc_explain_options *options, const asc_log *log, explain_request *out, asc_error *err)
{
    const precision_word *precision = find_precision(options->precision);
    if (is(options->backend, "auto"))
        TRY(choose_automatically(options, log, &out->backend, err));
    else
        out->backend = named_backend(options->backend);
    out->device = options->device;
    out->precision = precision                             ? precision->precision
                     : out->backend == ASC_BACKEND_CUDA ? ASC_PRECISION_FP16
                                                           : ASC_PRECISION_FULL;
    return resolve_savings(options->savings, out->backend, &out->savings, err);
}

asc_status request_open_backend(const explain_request *request, asc_backend **out, asc_error *err)
{
    const cuda_choice choice = {request->cuda_module, request->device, request->precision, request->planning};
    if (request->backend == ASC_BACKEND_CUDA)
        return backend_open_cuda(&choice, out, err);
    return backend_open(request->backend, request->precision, out, err);
}

const char *request_backend_name(const explain_request *request)
{
    switch (request->backend) {
    case ASC_BACKEND_REF:
    case ASC_BACKEND_REF_GUARDED: return "ref";
    case ASC_BACKEND_CPU: return "cpu";
    case ASC_BACKEND_CUDA: return "cuda";
    }
    return "";
}

const char *request_precision_name(const explain_request *request)
{
    if (request->backend != ASC_BACKEND_CPU && request->backend != ASC_BACKEND_CUDA)
        return "fp64";
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++)
        if (precisions[i].precision == request->precision)
            return precisions[i].name;
    return "";
}

size_t request_n_workers(const explain_request *request, int wanted)
{
    if (wanted > 0)
        return (size_t)wanted;
    return request->backend == ASC_BACKEND_CUDA ? GPU_WORKERS : pool_available_cores();
}

size_t request_real_bytes(const explain_request *request)
{
    if (request->backend != ASC_BACKEND_CPU && request->backend != ASC_BACKEND_CUDA)
        return sizeof(double);
    const bool is_half = request->precision == ASC_PRECISION_FP16 || request->precision == ASC_PRECISION_BF16;
    return request->backend == ASC_BACKEND_CUDA && is_half ? sizeof(uint16_t) : sizeof(float);
}

size_t request_map_bytes(const explain_request *request)
{
    const bool is_rounded = request->backend == ASC_BACKEND_CPU && request->precision == ASC_PRECISION_BF16;
    return is_rounded ? sizeof(uint16_t) : request_real_bytes(request);
}
