// Weights in one file or in shards: what is found, what is preferred, what is refused, what is warned about, the identity.
#include "io/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "temp_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char one[] = "model-1-of-2.safetensors", two[] = "model-2-of-2.safetensors";

typedef struct fixture {
    char folder[TEMP_PATH_SIZE];
    asc_error err;
    char warnings[2048];
    size_t n_warnings;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    memset(&f, 0, sizeof f);
    temp_folder_make(f.folder);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    temp_folder_remove(((fixture *)*state)->folder);
    return 0;
}

static void put(const fixture *f, const char *name, const void *bytes, size_t size)
{
    char path[TEMP_PATH_SIZE];
    temp_folder_join(f->folder, name, path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void put_index(const fixture *f, const char *text)
{
    put(f, "model.safetensors.index.json", text, strlen(text));
}

// A file with vectors of two floats: `names` separated by spaces; tensor i holds {first + i, -(first + i)}.
static void put_tensors(const fixture *f, const char *file_name, const char *names, float first)
{
    char header[1024] = "{", word[64], bytes[2048];
    size_t n = 0;
    for (const char *at = names; sscanf(at, "%63s", word) == 1; at += strspn(at, " ") + strlen(word), n++)
        snprintf(header + strlen(header), sizeof header - strlen(header),
                 "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%zu,%zu]}", n ? "," : "", word,
                 8 * n, 8 * n + 8);
    strcat(header, "}");
    const uint64_t length = strlen(header);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    for (size_t i = 0; i < n; i++) {
        const float pair[2] = {first + (float)i, -first - (float)i};
        memcpy(bytes + 8 + length + 8 * i, pair, 8);
    }
    put(f, file_name, bytes, 8 + length + 8 * n);
}

static void put_shards(const fixture *f)
{
    put_tensors(f, one, "b d", 1);
    put_tensors(f, two, "a c", 5);
    put_index(
        f,
        "{\"metadata\": {\"total_size\": 32}, \"weight_map\": {\"d\": \"model-1-of-2.safetensors\", \"a\": "
        "\"model-2-of-2.safetensors\", \"b\": \"model-1-of-2.safetensors\", \"c\": "
        "\"model-2-of-2.safetensors\"}}");
}

static void remember(void *user, asc_log_level level, const char *message)
{
    fixture *f = user;
    assert_int_equal(level, ASC_LOG_WARNING);
    f->n_warnings++;
    snprintf(f->warnings + strlen(f->warnings), sizeof f->warnings - strlen(f->warnings), "%s\n", message);
}

static checkpoint *open_well(fixture *f)
{
    const asc_log log = {remember, f};
    checkpoint *weights = NULL;
    if (checkpoint_open(f->folder, &log, NULL, &weights, &f->err) != ASC_OK)
        fail_msg("%s", f->err.message);
    return weights;
}

static void refuse(fixture *f, asc_status status, const char *words)
{
    checkpoint *weights = NULL;
    const asc_status found = checkpoint_open(f->folder, NULL, NULL, &weights, &f->err);
    if (found != status || !(strstr(f->err.message, words) || strstr(f->err.hint, words)))
        fail_msg("expected status %d with '%s', found %d: %s / %s", (int)status, words, (int)found,
                 found ? f->err.message : "accepted", found ? f->err.hint : "");
    assert_null(weights);
}

static void assert_first(const fixture *f, const checkpoint *weights, const char *name, float expected)
{
    float pair[2];
    const tensor_info *tensor = checkpoint_find(weights, name);
    assert_non_null(tensor);
    assert_int_equal(checkpoint_read(weights, tensor, pair, (asc_error *)&f->err), ASC_OK);
    assert_true(pair[0] == expected && pair[1] == -expected);
}

static void shards_are_one_model(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"a", "b", "c", "d"};
    put_shards(f);
    checkpoint *weights = open_well(f);
    assert_int_equal(checkpoint_count(weights), 4);
    assert_int_equal(checkpoint_shards(weights), 2);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(checkpoint_at(weights, i)->name, names[i]);
    assert_first(f, weights, "a", 5);
    assert_first(f, weights, "b", 1);
    assert_first(f, weights, "c", 6);
    assert_first(f, weights, "d", 2);
    assert_null(checkpoint_find(weights, "e"));
    assert_non_null(strstr(checkpoint_path(weights), "model.safetensors.index.json"));
    assert_int_equal(f->n_warnings, 0);
    checkpoint_close(weights);
}

static void one_file_is_preferred(void **state)
{
    fixture *f = *state;
    put_shards(f);
    put_tensors(f, "model.safetensors", "a z", 9);
    checkpoint *weights = open_well(f);
    assert_int_equal(checkpoint_count(weights), 2);
    assert_int_equal(checkpoint_shards(weights), 1);
    assert_first(f, weights, "z", 10);
    assert_null(checkpoint_find(weights, "b"));
    uint8_t found[HASH_BYTES], expected[HASH_BYTES];
    assert_int_equal(checkpoint_hash(weights, found, &f->err), ASC_OK);
    assert_int_equal(hash_file(checkpoint_path(weights), expected, &f->err), ASC_OK);
    assert_memory_equal(found, expected, HASH_BYTES);
    checkpoint_close(weights);
}

// As `sha256sum model-*.safetensors | sha256sum`.
static void identity_of_shards(void **state)
{
    fixture *f = *state;
    char command[2 * TEMP_PATH_SIZE], line[HASH_HEX_SIZE] = {0}, hex[HASH_HEX_SIZE];
    uint8_t digest[HASH_BYTES];
    put_shards(f);
    checkpoint *weights = open_well(f);
    assert_int_equal(checkpoint_hash(weights, digest, &f->err), ASC_OK);
    hash_hex(digest, hex);
    checkpoint_close(weights);
    snprintf(command, sizeof command, "cd '%s' && sha256sum model-*.safetensors | sha256sum", f->folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof line, pipe));
    pclose(pipe);
    assert_string_equal(hex, line);
}

static void tensors_that_the_index_does_not_place(void **state)
{
    fixture *f = *state;
    put_shards(f);
    put_tensors(f, two, "a c extra b", 5); // b belongs to the first shard
    checkpoint *weights = open_well(f);
    assert_int_equal(checkpoint_count(weights), 4);
    assert_first(f, weights, "b", 1);
    assert_int_equal(f->n_warnings, 2);
    assert_non_null(strstr(f->warnings, "'extra' of model-2-of-2.safetensors"));
    assert_non_null(strstr(f->warnings, "'b' of model-2-of-2.safetensors"));
    checkpoint_close(weights);
}

static void what_is_missing(void **state)
{
    fixture *f = *state;
    char path[TEMP_PATH_SIZE];
    refuse(f, ASC_NOT_FOUND, "model.safetensors");
    put_shards(f);
    temp_folder_join(f->folder, two, path);
    remove(path);
    refuse(f, ASC_NOT_FOUND, two);
    refuse(f, ASC_NOT_FOUND, "lists 2 files");
    put_tensors(f, two, "c", 5);
    refuse(f, ASC_MALFORMED, "tensor 'a' is not in model-2-of-2.safetensors");
    put(f, two, "short", 5);
    refuse(f, ASC_MALFORMED, two);
}

static void names_that_are_no_file_names(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"\"../model-1-of-2.safetensors\"",
                                        "\"/etc/x.safetensors\"",
                                        "\"sub/x.safetensors\"",
                                        "\"..safetensors\"",
                                        "\".safetensors\"",
                                        "\"model.bin\"",
                                        "\"\"",
                                        "5",
                                        "null",
                                        "[\"x\"]"};
    put_shards(f);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"weight_map\": {\"a\": %s}}", names[i]);
        put_index(f, text);
        refuse(f, ASC_MALFORMED, "without folders");
    }
}

static void index_that_is_none(void **state)
{
    fixture *f = *state;
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "{}",
        "{\"weight_map\": 5}",
        "{\"weight_map\": {}}",
        "{\"weight_map\": []}",
        "{\"weight_map\": {\"a\": \"x.safetensors\", \"a\": \"y.safetensors\"}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put_index(f, texts[i]);
        refuse(f, ASC_MALFORMED, "model.safetensors.index.json");
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shards_are_one_model), TEST(one_file_is_preferred),
        TEST(identity_of_shards),   TEST(tensors_that_the_index_does_not_place),
        TEST(what_is_missing),      TEST(names_that_are_no_file_names),
        TEST(index_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
