// Summing up into a scratch folder, and names; see global_input.h.
#include "global_input.h"

#include "numbers.h"
#include "report_error.h"
#include "scratch_folder.h"
#include "stop_signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static asc_global_job job_of(const global_input *input, const char *out)
{
    return (asc_global_job){.paths = input->paths,
                            .n_paths = input->n_paths,
                            .out_path = out,
                            .fold_case = input->fold_case,
                            .dataset_path = input->dataset,
                            .overwrite = input->force,
                            .memory_bytes = input->memory_bytes,
                            .should_stop = stop_signals_asked};
}

// Makes OUT and opens it; or finds that there is nothing to make, and leaves *global alone.
typedef asc_status make_step(const global_input *input, const char *out, asc_global **global, asc_error *err);

static asc_status make_sum(const global_input *input, const char *out, asc_global **global, asc_error *err)
{
    const asc_global_job job = job_of(input, out);
    const asc_status status = asc_global_make(&job, err);
    return status == ASC_OK ? asc_global_open(out, global, err) : status;
}

static asc_status make_pairs(const global_input *input, const char *out, asc_global **global, asc_error *err)
{
    const asc_global_job job = job_of(input, out);
    int are_pairs = 0;
    const asc_status status = asc_global_make_pairs(&job, &are_pairs, err);
    return status == ASC_OK && are_pairs ? asc_global_open(out, global, err) : status;
}

// The file is open when its folder goes: its blocks stay until it is closed.
static asc_status through_scratch(const global_input *input, make_step *make, asc_global **global, asc_error *err)
{
    char *folder = NULL, *out = NULL;
    asc_status status = scratch_folder_make(&folder, err);
    if (status == ASC_OK && asprintf(&out, "%s/global.h5", folder) < 0) {
        out = NULL;
        status = cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
    }
    if (status == ASC_OK)
        status = make(input, out, global, err);
    scratch_folder_remove(folder);
    free(out);
    free(folder);
    return status;
}

asc_status global_input_open(const global_input *input, asc_global **global, asc_error *err)
{
    int is_global = 0;
    if (input->n_paths == 1 && !input->out) {
        asc_status status = asc_global_is(input->paths[0], &is_global, err);
        if (status != ASC_OK)
            return status;
        if (is_global && !input->fold_case && !input->dataset)
            return asc_global_open(input->paths[0], global, err);
    }
    return input->out ? make_sum(input, input->out, global, err) : through_scratch(input, make_sum, global, err);
}

asc_status global_input_pairs(const char *const paths[2], bool fold_case, asc_global **global, asc_error *err)
{
    *global = NULL;
    for (size_t side = 0; side < 2; side++) {
        int is_global = 0;
        const asc_status status = asc_global_is(paths[side], &is_global, err);
        if (status != ASC_OK || is_global)
            return status;
    }
    return through_scratch(&(global_input){.paths = paths, .n_paths = 2, .fold_case = fold_case}, make_pairs, global, err);
}

// Index of a name of `length` bytes, or of the number that it is; -1.
static int64_t find_name(const char *const *names, size_t n_names, const char *name, size_t length)
{
    char text[NUMBER_TEXT];
    int64_t index = -1;
    for (size_t i = 0; i < n_names; i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return (int64_t)i;
    snprintf(text, sizeof text, "%.*s", length < sizeof text ? (int)length : 0, name);
    return n_names > 0 && parse_int64(text, 0, (int64_t)n_names - 1, &index) ? index : -1;
}

// The first names, separated by commas.
static void list_names(const char *const *names, size_t n_names, char *text, size_t size)
{
    size_t used = 0;
    snprintf(text, size, "none");
    for (size_t i = 0; i < n_names && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", names[i]);
}

asc_status global_input_class(const asc_global_info *info, const char *name, asc_global_query *query, asc_error *err)
{
    char names[256];
    const int64_t index = find_name(info->class_names, info->n_classes, name, strlen(name));
    list_names(info->class_names, info->n_classes, names, sizeof names);
    if (index < 0)
        return cli_fail(err, ASC_USAGE, "--class: expected one of %zu classes (%s), found '%s'", info->n_classes, names, name);
    query->class_index = (int32_t)index;
    return ASC_OK;
}

static bool take_prefix(const char **text, const char *prefix)
{
    const size_t length = strlen(prefix);
    const bool found = strncmp(*text, prefix, length) == 0;
    *text += found ? length : 0;
    return found;
}

static asc_status fail_group(const asc_global_info *info, const char *group, asc_error *err)
{
    char labels[200], classes[200];
    list_names(info->label_names, info->n_label_names, labels, sizeof labels);
    list_names(info->class_names, info->n_classes, classes, sizeof classes);
    (void)cli_fail(err, ASC_USAGE, "--group: expected all, correct, wrong, label:NAME, prediction:NAME or label:NAME,prediction:NAME, found '%s'", group);
    return cli_hint(err, "labels: %s; predictions: %s (several labels a row, or numbers, make no groups)", labels, classes);
}

asc_status global_input_group(const asc_global_info *info, const char *group, asc_global_query *query, asc_error *err)
{
    static const char between[] = ",prediction:";
    const char *rest = group;
    if (!group || strcmp(group, "all") == 0)
        return ASC_OK;
    if (strcmp(group, "correct") == 0 || strcmp(group, "wrong") == 0) {
        query->agreement = group[0] == 'c' ? ASC_GLOBAL_CORRECT : ASC_GLOBAL_WRONG;
        return ASC_OK;
    }
    int64_t label = ASC_GLOBAL_ANY, prediction = ASC_GLOBAL_ANY;
    if (take_prefix(&rest, "label:")) {
        const char *end = strstr(rest, between);
        label = find_name(info->label_names, info->n_label_names, rest, end ? (size_t)(end - rest) : strlen(rest));
        rest = end ? end + 1 : rest + strlen(rest);
        if (label < 0)
            return fail_group(info, group, err);
    }
    if (take_prefix(&rest, "prediction:")) {
        prediction = find_name(info->class_names, info->n_classes, rest, strlen(rest));
        rest += strlen(rest);
        if (prediction < 0)
            return fail_group(info, group, err);
    }
    if (*rest || rest == group)
        return fail_group(info, group, err);
    query->label = (int32_t)label;
    query->prediction = (int32_t)prediction;
    return ASC_OK;
}
