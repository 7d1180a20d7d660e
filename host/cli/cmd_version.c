// `ascribe version`: the version and how the library was built.
#include "command.h"
#include "print_json.h"

#include <ascribe/device.h>
#include <ascribe/version.h>

typedef struct version_values {
    bool verbose;
    bool json;
} version_values;

// clang-format off
static const option_spec options[] = {
    {.name = "verbose", .letter = 'v', .kind = OPTION_SET, .offset = offsetof(version_values, verbose),
     .group = "Options", .help = "for 'ascribe --version --verbose'; 'ascribe version' always is"},
    {.name = "json", .kind = OPTION_SET, .offset = offsetof(version_values, json),
     .help = "one JSON object"},
};
// clang-format on

static asc_status run(const command_call *call, asc_error *err)
{
    const version_values *values = call->values;
    const asc_build_fact *facts = asc_build_facts();

    if (values->json) {
        json_t *object = json_pack("{s:s}", "version", asc_version());
        for (; object && facts->name; facts++)
            json_object_set_new(object, facts->name, json_text(facts->value));
        return print_json(object, err);
    }
    printf("%-14s %s\n", "ascribe", asc_version());
    for (; facts->name; facts++)
        printf("%-14s %s\n", facts->name, facts->value);
    return ASC_OK;
}

const cli_command command_version = {
    .summary = "The version and how it was built",
    .table = {.command = "version",
              .usage = "version [--json]\n--version [--verbose]",
              .description = "Prints the version and the facts of the build: what to put into a bug report.",
              .examples = "  ascribe version\n  ascribe version --json",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(version_values),
    .run = run,
};
