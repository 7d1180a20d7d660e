// Finding and loading the cuda backend's module: every reason why there is no GPU has its own words, and opening leaves nothing behind.
#include "../cuda_module.h"
#include "backend_ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { RUNTIME = 13000, MEMORY = 1 << 28 };

static void expect_refusal(const cuda_choice *choice, const char *part)
{
    asc_error err = {.status = ASC_OK};
    asc_backend *backend = NULL;
    assert_int_equal(backend_open_cuda(choice, &backend, &err), ASC_NO_DEVICE);
    assert_null(backend);
    if (!strstr(err.message, part))
        fail_msg("expected a message with '%s', found '%s'", part, err.message);
    memset(&err, 0, sizeof err);
    assert_int_equal(backend_check_cuda(choice, &err), ASC_NO_DEVICE);
    assert_non_null(strstr(err.message, part));
}

static void modules_that_cannot_be_loaded(void **state)
{
    (void)state;
    expect_refusal(&(cuda_choice){.module = "/nowhere/libascribe_cuda.so"}, "no such CUDA module");
    expect_refusal(&(cuda_choice){.module = "/proc/self/cmdline"}, "cannot be loaded");
    expect_refusal(&(cuda_choice){.module = MODULE_LACKS_LIBRARY}, "needs a library that is missing: libnot-on-this-machine.so.1");
    char versions[100];
    snprintf(versions, sizeof versions, "another version of ascribe: expected interface %d, found 999", (int)ASC_BACKEND_INTERFACE);
    expect_refusal(&(cuda_choice){.module = MODULE_OTHER_VERSION}, versions);
    expect_refusal(&(cuda_choice){.module = MODULE_IS_NONE}, "is no backend of ascribe");
}

static void machines_without_a_usable_device(void **state)
{
    (void)state;
    const cuda_emulation emulated = cuda_emulation_of_module();
    cuda_choice choice = {.module = ASCRIBE_CUDA_MODULE};
    emulated.machine(0, 0, 9, MEMORY);
    expect_refusal(&choice, "there is no NVIDIA driver");
    emulated.machine(12040, 1, 9, MEMORY);
    expect_refusal(&choice, "too old: it supports CUDA 12.4, this build needs 13.0");
    emulated.machine(RUNTIME, 0, 9, MEMORY);
    expect_refusal(&choice, "the NVIDIA driver is there, but no GPU");
    emulated.machine(RUNTIME, 1, 7, MEMORY);
    expect_refusal(&choice, "compute capability 8.0 or later, found 7.0");
    emulated.machine(RUNTIME, 1, 9, MEMORY);
    choice.device = 1;
    expect_refusal(&choice, "GPU 1 is asked for, but there is 1, counted from 0");
    choice.device = -1;
    expect_refusal(&choice, "GPU -1 is asked for");
    emulated.machine(RUNTIME, 2, 9, MEMORY);
    choice.device = 2;
    expect_refusal(&choice, "there are 2");
    emulated.machine(RUNTIME, 1, 9, MEMORY);
    assert_int_equal(emulated.live_allocations(), 0);
}

static void devices_are_listed_and_opened(void **state)
{
    (void)state;
    const cuda_emulation emulated = cuda_emulation_of_module();
    static const asc_precision precisions[] = {ASC_PRECISION_FULL, ASC_PRECISION_BF16, ASC_PRECISION_FP16, ASC_PRECISION_TF32};
    static const char *const names[] = {"fp32", "bf16", "fp16", "tf32"};
    gpu_facts gpus[1];
    asc_error err = {.status = ASC_OK};
    size_t count = 0;
    emulated.machine(RUNTIME, 2, 9, MEMORY);
    assert_int_equal(backend_list_cuda(ASCRIBE_CUDA_MODULE, gpus, 1, &count, &err), ASC_OK);
    assert_int_equal(count, 2);
    assert_string_equal(gpus[0].name, "emulated");
    assert_int_equal(gpus[0].memory_bytes, MEMORY);
    assert_int_equal(gpus[0].compute_major, 9);
    for (size_t i = 0; i < 4; i++) {
        asc_backend *backend = NULL;
        const cuda_choice choice = {.module = ASCRIBE_CUDA_MODULE, .device = 1, .precision = precisions[i]};
        assert_int_equal(backend_open_cuda(&choice, &backend, &err), ASC_OK);
        assert_string_equal(backend_name(backend), "cuda");
        assert_non_null(strstr(backend_kernel_set(backend), "sm_90"));
        assert_non_null(strstr(backend_kernel_set(backend), names[i]));
        backend_close(backend);
        assert_int_equal(emulated.live_allocations(), 0);
    }
    emulated.machine(RUNTIME, 1, 9, MEMORY);
}

// attention_first of the widest models in float wants more shared memory than such devices have; in half precision it does not.
static void too_little_shared_memory(void **state)
{
    (void)state;
    enum { WIDTH = 2048 };
    static const asc_precision precisions[] = {ASC_PRECISION_FULL, ASC_PRECISION_FP16};
    const cuda_emulation emulated = cuda_emulation_of_module();
    emulated.machine(RUNTIME, 1, 8, MEMORY);
    for (size_t i = 0; i < 2; i++) {
        const cuda_choice choice = {.module = ASCRIBE_CUDA_MODULE, .precision = precisions[i]};
        const int32_t offsets[2] = {0, 1};
        asc_backend *backend = NULL;
        asc_stream *stream = NULL;
        asc_buffer *reals = NULL, *places = NULL;
        asc_error err = {.status = ASC_OK};
        assert_int_equal(backend_open_cuda(&choice, &backend, &err), ASC_OK);
        assert_int_equal(stream_create(backend, &stream, &err), ASC_OK);
        assert_int_equal(buffer_create(backend, ASC_REAL, 3 * WIDTH, &reals, &err), ASC_OK);
        assert_int_equal(buffer_create(backend, ASC_I32, 2, &places, &err), ASC_OK);
        assert_int_equal(buffer_upload(stream, view_at(places, 0), offsets, 2, &err), ASC_OK);
        const attention_first_args args = {.n_sequences = 1, .n_tokens = 1, .max_length = 1, .n_heads = 1, .n_hidden = WIDTH, .x = view_at(reals, 0),
                                           .u = view_at(reals, WIDTH), .sequence_offsets = view_at(places, 0), .out = view_at(reals, 2 * WIDTH)};
        assert_int_equal(op_attention_first(stream, &args, &err), i == 0 ? ASC_USAGE : ASC_OK);
        if (i == 0) {
            assert_non_null(strstr(err.message, "attention_first needs 130 KiB of shared memory for this model, this device (emulated) has 99 KiB"));
            assert_non_null(strstr(err.hint, "16 bits"));
        }
        assert_int_equal(stream_sync(stream, &err), ASC_OK);
        buffer_destroy(places);
        buffer_destroy(reals);
        stream_destroy(stream);
        backend_close(backend);
    }
    emulated.machine(RUNTIME, 1, 9, MEMORY);
}

// Without a path: the places where it is looked for hold none beside a test, and this machine may have no driver.
static void what_is_not_installed(void **state)
{
    (void)state;
    asc_backend *backend = NULL;
    asc_error err = {.status = ASC_OK};
    const asc_status status = backend_open(ASC_BACKEND_CUDA, ASC_PRECISION_FP16, &backend, &err);
    if (status == ASC_OK) { // a machine with a GPU, and a build for it
        backend_close(backend);
        return;
    }
    assert_int_equal(status, ASC_NO_DEVICE);
    assert_true(strstr(err.message, "no CUDA backend") || strstr(err.message, "no NVIDIA driver") || strstr(err.message, "GPU"));
    assert_true(err.hint[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_that_cannot_be_loaded),
        cmocka_unit_test(machines_without_a_usable_device),
        cmocka_unit_test(devices_are_listed_and_opened),
        cmocka_unit_test(too_little_shared_memory),
        cmocka_unit_test(what_is_not_installed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
