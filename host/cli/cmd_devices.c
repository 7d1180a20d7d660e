// `ascribe devices`: what this build and this machine can compute on.
#include "command.h"
#include "print_json.h"
#include "utf8.h"

#include <ascribe/device.h>

#include <string.h>

typedef struct devices_values {
    bool json;
} devices_values;

enum { MOST_DEVICES = 64 };

// clang-format off
static const option_spec options[] = {
    {.name = "json", .kind = OPTION_SET, .offset = offsetof(devices_values, json), .group = "Options",
     .help = "one JSON object"},
};
// clang-format on

static asc_status print_as_json(const asc_device_info *devices, size_t count, asc_error *err)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        const asc_device_info *device = &devices[i];
        json_t *entry =
            json_pack("{s:o, s:i, s:o, s:o, s:b, s:o, s:I, s:I}", "backend", json_text(device->backend), "device",
                      device->number, "name", json_text(device->name), "kernel_set", json_text(device->kernel_set), "usable",
                      device->usable, "reason", device->usable ? json_null() : json_text(device->reason),
                      "cores", (json_int_t)device->n_cores, "memory_bytes", (json_int_t)device->memory_bytes);
        json_array_append_new(list, entry);
    }
    return print_json(json_pack("{s:o}", "devices", list), err);
}

static void print_device(const asc_device_info *device)
{
    printf("%-8s %s\n", device->backend, device->usable ? device->name : "not usable");
    if (!device->usable) {
        printf("%-8s ", "");
        utf8_print_safe(stdout, device->reason, strlen(device->reason));
        putchar('\n');
        return;
    }
    const double gib = (double)device->memory_bytes / (double)((size_t)1 << 30);
    if (strcmp(device->backend, "cuda") == 0)
        printf("%-8s --device %d: %zu multiprocessors, %.1f GiB memory\n", "", device->number, device->n_cores, gib);
    else
        printf("%-8s %zu cores, %.1f GiB memory\n", "", device->n_cores, gib);
    printf("%-8s kernels: %s\n", "", device->kernel_set);
}

static asc_status run(const command_call *call, asc_error *err)
{
    const devices_values *values = call->values;
    asc_device_info devices[MOST_DEVICES];
    size_t count;

    if (asc_device_list(devices, MOST_DEVICES, &count, err) != ASC_OK)
        return err->status;
    count = count < MOST_DEVICES ? count : MOST_DEVICES;
    if (values->json)
        return print_as_json(devices, count, err);
    for (size_t i = 0; i < count; i++)
        print_device(&devices[i]);
    return ASC_OK;
}

const cli_command command_devices = {
    .summary = "What this machine can compute on",
    .table = {.command = "devices",
              .usage = "devices [--json]",
              .description =
                  "Lists the backends of this build and the devices that they can use here: the words for "
                  "'ascribe explain --backend'.",
              .examples = "  ascribe devices\n  ascribe devices --json",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(devices_values),
    .run = run,
};
