// The safetensors reader: one good file, then one defect at a time; conversions against formulas that share
// no code with it.
#include "io/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "temp_folder.h"

static char folder[TEMP_PATH_SIZE];
static char path[TEMP_PATH_SIZE];

static int make_folder(void **state)
{
    (void)state;
    temp_folder_make(folder);
    temp_folder_join(folder, "model.safetensors", path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_remove(folder);
    return 0;
}

static void expect_words(const asc_error *err, const char *words)
{
    if (!strstr(err->message, words))
        fail_msg("expected '%s' in '%s'", words, err->message);
}

// Writes a file with this header text, the given N and these data bytes.
static void build_raw(uint64_t length, const char *header, size_t header_size, const void *data,
                      size_t data_size)
{
    uint8_t *bytes = malloc(8 + header_size + data_size);
    assert_non_null(bytes);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(length >> 8 * i);
    memcpy(bytes + 8, header, header_size);
    if (data_size > 0)
        memcpy(bytes + 8 + header_size, data, data_size);
    temp_file_write(path, bytes, 8 + header_size + data_size);
    free(bytes);
}

static void build(const char *header, const void *data, size_t data_size)
{
    build_raw(strlen(header), header, strlen(header), data, data_size);
}

static void expect_refusal(const char *words)
{
    asc_error err = {0};
    safetensors *file = NULL;
    const asc_status status = safetensors_open(path, NULL, &file, &err);
    if (status != ASC_MALFORMED)
        fail_msg("expected a refusal with '%s', found status %d: %s", words, (int)status, err.message);
    assert_null(file);
    expect_words(&err, path);
    expect_words(&err, words);
}

static safetensors *open_good(void)
{
    asc_error err = {0};
    safetensors *file = NULL;
    const asc_status status = safetensors_open(path, NULL, &file, &err);
    if (status != ASC_OK)
        fail_msg("expected a good file: %s", err.message);
    return file;
}

// A: F32 [2, 3], 24 bytes. B: F16 [2], 4 bytes. Good unless one of the texts is replaced.
#define ENTRY_A "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"
#define ENTRY_B "\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[24,28]}"
static const char good_header[] = "{" ENTRY_A "," ENTRY_B "}";
static const uint8_t good_data[28] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0};

static void a_good_file(void **state)
{
    (void)state;
    asc_error err;
    float values[6];
    uint8_t found[HASH_BYTES], expected[HASH_BYTES];
    build("{\"__metadata__\":{\"format\":\"pt\"}," ENTRY_B "," ENTRY_A "}", good_data, sizeof good_data);
    safetensors *file = open_good();
    assert_int_equal(safetensors_count(file), 2);
    const tensor_info *a = safetensors_at(file, 0);
    assert_string_equal(a->name, "a");
    assert_string_equal(safetensors_at(file, 1)->name, "b");
    assert_int_equal(a->dtype, TENSOR_F32);
    assert_string_equal(a->dtype_name, "F32");
    assert_int_equal(a->n_dims, 2);
    assert_int_equal(a->shape[0], 2);
    assert_int_equal(a->shape[1], 3);
    assert_int_equal(a->n_elements, 6);
    assert_int_equal(a->begin, 0);
    assert_int_equal(a->end, 24);
    assert_ptr_equal(safetensors_find(file, "a"), a);
    assert_ptr_equal(safetensors_find(file, "b"), safetensors_at(file, 1));
    assert_null(safetensors_find(file, "c"));
    assert_null(safetensors_find(file, "__metadata__"));
    assert_int_equal(safetensors_read(file, a, values, &err), ASC_OK);
    assert_true(values[0] == 1.0f && values[1] == -2.0f && values[2] == 0.0f);
    safetensors_hash(file, found);
    assert_int_equal(hash_file(path, expected, &err), ASC_OK);
    assert_memory_equal(found, expected, HASH_BYTES);
    safetensors_close(file);
    safetensors_close(NULL);
}

static void names_are_sorted_and_found(void **state)
{
    (void)state;
    enum { N_TENSORS = 300 };
    char *header = malloc(N_TENSORS * 100);
    assert_non_null(header);
    size_t at = 0;
    for (size_t i = 0; i < N_TENSORS; i++)
        at += (size_t)sprintf(header + at,
                              "%s\"layer.%zu\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}",
                              i == 0 ? "{" : ",", i * 7 % N_TENSORS, i, i + 1);
    strcpy(header + at, "}");
    uint8_t data[N_TENSORS] = {0};
    build(header, data, sizeof data);
    free(header);
    safetensors *file = open_good();
    assert_int_equal(safetensors_count(file), N_TENSORS);
    for (size_t i = 0; i < N_TENSORS; i++) {
        char name[32];
        sprintf(name, "layer.%zu", i * 7 % N_TENSORS);
        const tensor_info *tensor = safetensors_find(file, name);
        assert_non_null(tensor);
        assert_string_equal(tensor->name, name);
        assert_int_equal(tensor->begin, i);
        if (i > 0)
            assert_true(strcmp(safetensors_at(file, i - 1)->name, safetensors_at(file, i)->name) < 0);
    }
    safetensors_close(file);
}

static void allowed_oddities(void **state)
{
    (void)state;
    build("{}", NULL, 0);
    safetensors *file = open_good();
    assert_int_equal(safetensors_count(file), 0);
    safetensors_close(file);

    build(" \t\r\n{" ENTRY_A "," ENTRY_B "}   \n\t ", good_data, sizeof good_data);
    safetensors_close(open_good());

    build("{\"__metadata__\":{}}", NULL, 0);
    safetensors_close(open_good());

    build("{\"[[[[[[[[[[\\\"{{{{[[[[[[[[[[\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", good_data, 1);
    safetensors_close(open_good());

    build("{\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
          "\"nothing\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[4,4]},"
          "\"later\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[4,8]}}",
          good_data, 8);
    file = open_good();
    float value = 0;
    assert_int_equal(safetensors_find(file, "scalar")->n_elements, 1);
    assert_int_equal(safetensors_find(file, "scalar")->n_dims, 0);
    assert_int_equal(safetensors_find(file, "nothing")->n_elements, 0);
    assert_int_equal(safetensors_find(file, "later")->n_dims, 8);
    assert_int_equal(safetensors_read(file, safetensors_find(file, "scalar"), &value, NULL), ASC_OK);
    assert_true(value == 1.0f);
    assert_int_equal(safetensors_read(file, safetensors_find(file, "nothing"), NULL, NULL), ASC_OK);
    safetensors_close(file);
}

static void wrong_lengths(void **state)
{
    (void)state;
    temp_file_write(path, NULL, 0);
    expect_refusal("found only 0 bytes");
    temp_file_write(path, "1234567", 7);
    expect_refusal("found only 7 bytes");
    build_raw(100000001, good_header, strlen(good_header), good_data, sizeof good_data);
    expect_refusal("at most 100000000 bytes");
    build_raw(UINT64_MAX, good_header, strlen(good_header), good_data, sizeof good_data);
    expect_refusal("18446744073709551615");
    const size_t rest = strlen(good_header) + sizeof good_data;
    build_raw(rest + 1, good_header, strlen(good_header), good_data, sizeof good_data);
    expect_refusal("the file is truncated");
    build_raw(strlen(good_header) - 1, good_header, strlen(good_header), good_data, sizeof good_data);
    expect_refusal("expected JSON");
    build(good_header, good_data, sizeof good_data - 1);
    expect_refusal("expected 28 bytes of tensors after the header, found 27 (the file is truncated)");
    uint8_t longer[29] = {0};
    build(good_header, longer, sizeof longer);
    expect_refusal("expected 28 bytes of tensors after the header, found 29 (extra bytes at the end)");
    build("{}", longer, 1);
    expect_refusal("extra bytes at the end");
    build("", NULL, 0);
    expect_refusal("expected JSON");
}

// Cutting a good file anywhere is never accepted.
static void every_truncation(void **state)
{
    (void)state;
    size_t size = 0;
    build(good_header, good_data, sizeof good_data);
    uint8_t *bytes = temp_file_read(path, &size);
    for (size_t length = 0; length < size; length++) {
        temp_file_write(path, bytes, length);
        expect_refusal(length < 8 ? "found only" : "truncated");
    }
    free(bytes);
}

static void not_a_file(void **state)
{
    (void)state;
    asc_error err;
    safetensors *file = NULL;
    assert_int_equal(safetensors_open(path, NULL, &file, &err), ASC_NOT_FOUND);
    expect_words(&err, path);
    expect_words(&err, "No such file");
    assert_int_equal(safetensors_open(folder, NULL, &file, &err), ASC_NOT_FOUND);
    expect_words(&err, "expected a regular file, found a folder");
    assert_null(file);
}

#define TENSOR(dtype, shape, offsets)                                                                        \
    "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static const struct {
    const char *header;
    size_t data_size;
    const char *words;
} defects[] = {
    // places
    {"{" ENTRY_A ",\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[25,29]}}", 29,
     "at byte 24, found 25 (a hole)"},
    {"{" ENTRY_A ",\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[20,24]}}", 24, "an overlap"},
    {"{" ENTRY_A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", 24, "an overlap"},
    {TENSOR("F32", "[2]", "[4,12]"), 12, "expected to begin at byte 0, found 4 (a hole)"},
    {TENSOR("F32", "[2]", "[12,4]"), 12, "begins at byte 12 but ends before that, at 4"},
    {TENSOR("F32", "[2]", "[0,18446744073709551615]"), 8, "too big integer"},
    {TENSOR("F32", "[2]", "[0,9223372036854775807]"), 8, "expected 8 bytes"},
    {TENSOR("F32", "[2]", "[-8,0]"), 8, "two offsets in 'data_offsets'"},
    {TENSOR("F32", "[2]", "[0,8.0]"), 8, "two offsets in 'data_offsets'"},
    {TENSOR("F32", "[2]", "[0]"), 8, "two offsets in 'data_offsets'"},
    {TENSOR("F32", "[2]", "[0,8,16]"), 8, "two offsets in 'data_offsets'"},
    {TENSOR("F32", "[2]", "8"), 8, "two offsets in 'data_offsets'"},
    // sizes
    {TENSOR("F32", "[4294967296,4294967296]", "[0,0]"), 0, "the product of its shape overflows"},
    {TENSOR("F32", "[9223372036854775807,3,0]", "[0,0]"), 0, "the product of its shape overflows"},
    {TENSOR("F32", "[4611686018427387904]", "[0,0]"), 0, "its size overflows"},
    {TENSOR("F32", "[2,3]", "[0,20]"), 20, "expected 24 bytes for its shape and dtype F32, found 20"},
    {TENSOR("F16", "[2]", "[0,8]"), 8, "expected 4 bytes for its shape and dtype F16, found 8"},
    {TENSOR("F4", "[3]", "[0,2]"), 2, "expected whole bytes, found 12 bits"},
    {TENSOR("F32", "[-2]", "[0,8]"), 8, "expected sizes in 'shape'"},
    {TENSOR("F32", "[2.0]", "[0,8]"), 8, "expected sizes in 'shape'"},
    {TENSOR("F32", "[\"2\"]", "[0,8]"), 8, "expected sizes in 'shape'"},
    {TENSOR("F32", "2", "[0,8]"), 8, "array 'shape'"},
    {TENSOR("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, "at most 8 dimensions, found 9"},
    // names and types
    {TENSOR("Q4_K", "[2]", "[0,8]"), 8, "tensor 'a': expected a dtype of the format, found 'Q4_K'"},
    {TENSOR("f32", "[2]", "[0,8]"), 8, "found 'f32'"},
    {"{" ENTRY_A "," ENTRY_A "}", 24, "every name once"},
    {"{" ENTRY_A ",\"\\u0061\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[24,28]}}", 28,
     "every name once"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "every name once"},
    {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}}", 0, "every name once"},
    // missing
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor 'a': expected a string 'dtype'"},
    {"{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "string 'dtype'"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "array 'shape'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "'data_offsets'"},
    {"{\"a\":7}", 0, "tensor 'a': expected an object"},
    {"{\"a\":null}", 0, "tensor 'a': expected an object"},
    // metadata
    {"{\"__metadata__\":{\"format\":7}}", 0, "__metadata__: expected a string under 'format'"},
    {"{\"__metadata__\":{\"format\":{\"a\":\"b\"}}}", 0, "__metadata__: expected a string"},
    {"{\"__metadata__\":[]}", 0, "__metadata__: expected an object"},
    {"{\"__metadata__\":\"pt\"}", 0, "__metadata__: expected an object"},
    // no JSON
    {"hello", 0, "expected JSON"},
    {"   ", 0, "expected JSON"},
    {"{\"a\":}", 0, "expected JSON"},
    {"{'a':1}", 0, "expected JSON"},
    {"{}{}", 0, "expected JSON"},
    {"{} x", 0, "expected JSON"},
    {"7", 0, "expected JSON"},
    {"[]", 0, "expected a JSON object, found an array"},
    {"{\"a\\u0000b\":{}}", 0, "expected JSON"},
    // bytes that are not UTF-8: a stray continuation, an overlong form, a surrogate, beyond U+10FFFF
    {"{\"\x80\":{}}", 0, "expected UTF-8"},
    {"{\"\xc0\xaf\":{}}", 0, "expected UTF-8"},
    {"{\"\xed\xa0\x80\":{}}", 0, "expected UTF-8"},
    {"{\"\xf4\x90\x80\x80\":{}}", 0, "expected UTF-8"},
    {"{\"__metadata__\":{\"a\":\"\xff\"}}", 0, "expected UTF-8"},
    // nesting
    {"{\"a\":{\"x\":[[[[[[[]]]]]]]}}", 0, "at most 8 nested levels, found more at byte 16"},
};

static void one_defect_each(void **state)
{
    (void)state;
    const uint8_t data[32] = {0};
    for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
        build(defects[i].header, data, defects[i].data_size);
        expect_refusal(defects[i].words);
    }
}

static void deep_nesting(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    char *header = malloc(DEPTH + 1);
    assert_non_null(header);
    memset(header, '[', DEPTH);
    header[DEPTH] = '\0';
    build(header, NULL, 0);
    expect_refusal("at most 8 nested levels");
    free(header);
}

static void types_that_are_no_weights(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t bits;
    } types[] = {
        {"BOOL", 8}, {"U8", 8},   {"I8", 8},      {"F8_E5M2", 8}, {"F8_E4M3", 8},     {"F8_E8M0", 8},
        {"I16", 16}, {"U16", 16}, {"I32", 32},    {"U32", 32},    {"I64", 64},        {"U64", 64},
        {"C64", 64}, {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
    };
    const uint8_t data[64] = {0};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        asc_error err;
        float values[8];
        char header[200];
        snprintf(header, sizeof header,
                 "{\"position_ids\":{\"dtype\":\"%s\",\"shape\":[8],\"data_offsets\":[0,%zu]}}",
                 types[i].name, types[i].bits);
        build(header, data, types[i].bits);
        safetensors *file = open_good();
        const tensor_info *tensor = safetensors_find(file, "position_ids");
        assert_int_equal(tensor->dtype, TENSOR_OTHER);
        assert_string_equal(tensor->dtype_name, types[i].name);
        assert_int_equal(safetensors_read(file, tensor, values, &err), ASC_MALFORMED);
        expect_words(&err, path);
        expect_words(&err, "'position_ids'");
        expect_words(&err, "expected a weight of dtype F32, F16, BF16 or F64, found");
        expect_words(&err, types[i].name);
        assert_non_null(strstr(err.hint, "quantised"));
        safetensors_close(file);
    }
}

// Reads `count` numbers of a dtype that start `skipped` bytes into the tensors' bytes.
static void convert(const char *dtype, size_t size, const uint8_t *bytes, size_t count, size_t skipped,
                    float *out)
{
    asc_error err;
    char header[300];
    const size_t data_size = skipped + size * count;
    uint8_t *data = calloc(data_size, 1);
    assert_non_null(data);
    memcpy(data + skipped, bytes, size * count);
    snprintf(header, sizeof header,
             "{\"x\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]},"
             "\"skipped\":{\"dtype\":\"U8\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}",
             dtype, count, skipped, data_size, skipped, skipped);
    build(header, data, data_size);
    free(data);
    safetensors *file = open_good();
    assert_int_equal(safetensors_read(file, safetensors_find(file, "x"), out, &err), ASC_OK);
    safetensors_close(file);
}

// The value of a small IEEE number by the standard's formula; NaN for the NaNs.
static double value_of(uint32_t pattern, int exponent_bits, int fraction_bits)
{
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = (int)(pattern >> fraction_bits) & ((1 << exponent_bits) - 1);
    const double fraction = (double)(pattern & ((1u << fraction_bits) - 1));
    const double sign = pattern >> (exponent_bits + fraction_bits) & 1 ? -1.0 : 1.0;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction > 0 ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp(ldexp(1.0, fraction_bits) + fraction, exponent - bias - fraction_bits);
}

// Every pattern of a 16-bit type, at an odd address too.
static void expect_all_patterns(const char *dtype, int exponent_bits, int fraction_bits, size_t skipped)
{
    enum { N_PATTERNS = 65536 };
    uint8_t *bytes = malloc(2 * N_PATTERNS);
    float *values = malloc(N_PATTERNS * sizeof *values);
    assert_non_null(bytes);
    assert_non_null(values);
    for (uint32_t pattern = 0; pattern < N_PATTERNS; pattern++) {
        bytes[2 * pattern] = (uint8_t)pattern;
        bytes[2 * pattern + 1] = (uint8_t)(pattern >> 8);
    }
    convert(dtype, 2, bytes, N_PATTERNS, skipped, values);
    for (uint32_t pattern = 0; pattern < N_PATTERNS; pattern++) {
        const double expected = value_of(pattern, exponent_bits, fraction_bits);
        const double found = (double)values[pattern];
        const bool same =
            isnan(expected) ? isnan(found) : found == expected && !signbit(found) == !signbit(expected);
        if (!same)
            fail_msg("%s pattern %04x: expected %.17g, found %.17g", dtype, pattern, expected, found);
    }
    free(values);
    free(bytes);
}

static void all_halves(void **state)
{
    (void)state;
    expect_all_patterns("F16", 5, 10, 0);
    expect_all_patterns("F16", 5, 10, 1);
}

static void all_bfloats(void **state)
{
    (void)state;
    expect_all_patterns("BF16", 8, 7, 0);
    expect_all_patterns("BF16", 8, 7, 3);
}

static void floats_keep_their_bits(void **state)
{
    (void)state;
    static const uint32_t patterns[] = {0x3f800000u, 0x80000000u, 0x00000001u, 0x807fffffu,
                                        0x7f800000u, 0xff800000u, 0x7fc00001u, 0x7f800001u,
                                        0xffffffffu, 0x7f7fffffu, 0x12345678u};
    enum { COUNT = sizeof patterns / sizeof patterns[0] };
    uint8_t bytes[4 * COUNT];
    float values[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        for (size_t byte = 0; byte < 4; byte++)
            bytes[4 * i + byte] = (uint8_t)(patterns[i] >> 8 * byte);
    for (size_t skipped = 0; skipped < 5; skipped++) {
        convert("F32", 4, bytes, COUNT, skipped, values);
        assert_memory_equal(values, patterns, sizeof patterns);
    }
}

static void doubles_are_rounded(void **state)
{
    (void)state;
    static const struct {
        double value;
        float expected;
    } cases[] = {
        {1.0, 1.0f},
        {-0.0, -0.0f},
        {0x1.000001p0, 0x1p0f},               // half-way, to even
        {0x1.000003p0, 0x1.000004p0f},        // half-way, to even
        {0x1.0000010000001p0, 0x1.000002p0f}, // above half-way
        {0x1p-149, 0x1p-149f},
        {0x1p-151, 0.0f},
        {-0x1.8p-149, -0x1p-148f},
        {0x1.fffffep127, 0x1.fffffep127f},
        {1e300, INFINITY},
        {-1e300, -INFINITY},
        {INFINITY, INFINITY},
        {0.1, 0.1f},
    };
    enum { COUNT = sizeof cases / sizeof cases[0] };
    uint8_t bytes[8 * (COUNT + 1)];
    float values[COUNT + 1];
    for (size_t i = 0; i <= COUNT; i++) {
        const double value = i < COUNT ? cases[i].value : (double)NAN;
        uint64_t pattern;
        memcpy(&pattern, &value, sizeof pattern);
        for (size_t byte = 0; byte < 8; byte++)
            bytes[8 * i + byte] = (uint8_t)(pattern >> 8 * byte);
    }
    convert("F64", 8, bytes, COUNT + 1, 5, values);
    for (size_t i = 0; i < COUNT; i++)
        if (values[i] != cases[i].expected || !signbit(values[i]) != !signbit(cases[i].expected))
            fail_msg("%a: expected %a, found %a", cases[i].value, (double)cases[i].expected,
                     (double)values[i]);
    assert_true(isnan(values[COUNT]));
}

// A long name from the file does not push the rest of the message out.
static void a_very_long_name(void **state)
{
    (void)state;
    enum { LONG = 5000 };
    char *header = malloc(LONG + 100);
    assert_non_null(header);
    header[0] = '{';
    header[1] = '"';
    memset(header + 2, 'n', LONG);
    strcpy(header + 2 + LONG, "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}");
    build(header, good_data, 4);
    expect_refusal("expected 8 bytes for its shape and dtype F32, found 4");
    free(header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(names_are_sorted_and_found, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(allowed_oddities, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(wrong_lengths, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(every_truncation, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(not_a_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(one_defect_each, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(deep_nesting, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(types_that_are_no_weights, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(all_halves, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(all_bfloats, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(floats_keep_their_bits, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(doubles_are_rounded, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_very_long_name, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
