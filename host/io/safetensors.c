// Reading .safetensors files (huggingface/safetensors): 8 bytes N, little-endian | N bytes of JSON | the
// tensors' bytes.
//
// All rules of the reference reader hold: N <= 100,000,000, UTF-8, known dtypes, tensors that follow each
// other from byte 0 without hole or overlap, sizes that agree with shape x dtype, and a file that ends where
// the last tensor ends. White space around the JSON text is padding and allowed. The header is read and
// checked before memory for the tensors is asked for. Tensors may start at any byte (older writers sort by
// name), so numbers are assembled from bytes, never cast.
#include "io/safetensors.h"

#include "base/checked.h"
#include "base/file.h"
#include "base/little_endian.h"

#include <assert.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LENGTH_BYTES = 8,
    LARGEST_HEADER = 100000000,
    DEEPEST_HEADER = 8,
    READ_PIECE = 1 << 20,
};

struct safetensors {
    char *path;
    json_t *header; // owns the names
    tensor_info *tensors;
    size_t n_tensors;
    uint8_t *data;
    size_t data_size;
    uint8_t digest[HASH_BYTES];
};

typedef struct dtype_row {
    const char *name;
    size_t bits;
    tensor_dtype dtype;
} dtype_row;

static const dtype_row dtypes[] = {
    {"F32", 32, TENSOR_F32},          {"F16", 16, TENSOR_F16},      {"BF16", 16, TENSOR_BF16},
    {"F64", 64, TENSOR_F64},          {"I64", 64, TENSOR_OTHER},    {"I32", 32, TENSOR_OTHER},
    {"I16", 16, TENSOR_OTHER},        {"I8", 8, TENSOR_OTHER},      {"U64", 64, TENSOR_OTHER},
    {"U32", 32, TENSOR_OTHER},        {"U16", 16, TENSOR_OTHER},    {"U8", 8, TENSOR_OTHER},
    {"BOOL", 8, TENSOR_OTHER},        {"C64", 64, TENSOR_OTHER},    {"F8_E5M2", 8, TENSOR_OTHER},
    {"F8_E4M3", 8, TENSOR_OTHER},     {"F8_E8M0", 8, TENSOR_OTHER}, {"F8_E4M3FNUZ", 8, TENSOR_OTHER},
    {"F8_E5M2FNUZ", 8, TENSOR_OTHER}, {"F6_E2M3", 6, TENSOR_OTHER}, {"F6_E3M2", 6, TENSOR_OTHER},
    {"F4", 4, TENSOR_OTHER},
};

static const dtype_row *find_dtype(const char *name)
{
    for (size_t row = 0; row < sizeof dtypes / sizeof dtypes[0]; row++)
        if (strcmp(dtypes[row].name, name) == 0)
            return &dtypes[row];
    return NULL;
}

// Refuses nesting that no header needs before the recursive parser sees it; brackets in strings do not count.
static asc_status check_depth(const char *path, const char *text, size_t size, asc_error *err)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t at = 0; at < size; at++) {
        const char c = text[at];
        if (in_string) {
            if (c == '\\')
                at++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > DEEPEST_HEADER)
                return fail(err, ASC_MALFORMED,
                            "%s: header: expected at most %d nested levels, found more at byte %zu", path,
                            DEEPEST_HEADER, at);
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return ASC_OK;
}

static asc_status parse_header(const char *path, const char *text, size_t size, json_t **header,
                               asc_error *err)
{
    TRY(check_depth(path, text, size, err));
    json_error_t problem;
    *header = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
    if (*header && !json_is_object(*header))
        return fail(err, ASC_MALFORMED, "%s: header: expected a JSON object, found an array", path);
    if (*header)
        return ASC_OK;
    if (problem.text[0] == '\0') // Jansson has no words for a failed allocation
        return fail_memory(err, "the header of a safetensors file", size);
    switch (json_error_code(&problem)) {
    case json_error_out_of_memory: return fail_memory(err, "the header of a safetensors file", size);
    case json_error_duplicate_key:
        return fail(err, ASC_MALFORMED, "%s: header: expected every name once, found a %s", path,
                    problem.text);
    case json_error_invalid_utf8:
        return fail(err, ASC_MALFORMED, "%s: header: expected UTF-8, found other bytes (%s)", path,
                    problem.text);
    default:
        return fail(err, ASC_MALFORMED, "%s: header: expected JSON, found an error at byte %d: %s", path,
                    problem.position, problem.text);
    }
}

static asc_status check_metadata(const char *path, json_t *metadata, asc_error *err)
{
    if (!json_is_object(metadata))
        return fail(err, ASC_MALFORMED, "%s: __metadata__: expected an object of strings", path);
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value) if (!json_is_string(value)) return fail(
        err, ASC_MALFORMED, "%s: __metadata__: expected a string under '%.100s', found another type", path,
        key);
    return ASC_OK;
}

// A JSON integer that is not negative, as a size.
static bool read_size(const json_t *number, size_t *size)
{
    if (!json_is_integer(number) || json_integer_value(number) < 0)
        return false;
    *size = (size_t)json_integer_value(number);
    return true;
}

static asc_status read_shape(const char *path, const json_t *shape, tensor_info *tensor, asc_error *err)
{
    if (!json_is_array(shape))
        return fail(err, ASC_MALFORMED, "%s: tensor '%.100s': expected an array 'shape'", path, tensor->name);
    tensor->n_dims = json_array_size(shape);
    if (tensor->n_dims > TENSOR_MAX_DIMS)
        return fail(err, ASC_MALFORMED, "%s: tensor '%.100s': expected at most %d dimensions, found %zu",
                    path, tensor->name, TENSOR_MAX_DIMS, tensor->n_dims);
    tensor->n_elements = 1;
    for (size_t dim = 0; dim < tensor->n_dims; dim++) {
        if (!read_size(json_array_get(shape, dim), &tensor->shape[dim]))
            return fail(err, ASC_MALFORMED,
                        "%s: tensor '%.100s': expected sizes in 'shape', found something else at place %zu",
                        path, tensor->name, dim);
        if (!checked_multiply(tensor->n_elements, tensor->shape[dim], &tensor->n_elements))
            return fail(err, ASC_MALFORMED, "%s: tensor '%.100s': the product of its shape overflows", path,
                        tensor->name);
    }
    return ASC_OK;
}

static asc_status read_offsets(const char *path, const json_t *offsets, tensor_info *tensor, asc_error *err)
{
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !read_size(json_array_get(offsets, 0), &tensor->begin) ||
        !read_size(json_array_get(offsets, 1), &tensor->end))
        return fail(err, ASC_MALFORMED, "%s: tensor '%.100s': expected two offsets in 'data_offsets'", path,
                    tensor->name);
    if (tensor->end < tensor->begin)
        return fail(err, ASC_MALFORMED,
                    "%s: tensor '%.100s': begins at byte %zu but ends before that, at %zu", path,
                    tensor->name, tensor->begin, tensor->end);
    return ASC_OK;
}

static asc_status read_entry(const char *path, const char *name, const json_t *entry, tensor_info *tensor,
                             asc_error *err)
{
    tensor->name = name;
    if (!json_is_object(entry))
        return fail(err, ASC_MALFORMED, "%s: tensor '%.100s': expected an object", path, name);
    const char *dtype_name = json_string_value(json_object_get(entry, "dtype"));
    if (!dtype_name)
        return fail(err, ASC_MALFORMED, "%s: tensor '%.100s': expected a string 'dtype'", path, name);
    const dtype_row *row = find_dtype(dtype_name);
    if (!row)
        return fail(err, ASC_MALFORMED, "%s: tensor '%.100s': expected a dtype of the format, found '%.40s'",
                    path, name, dtype_name);
    tensor->dtype = row->dtype;
    tensor->dtype_name = row->name;
    TRY(read_shape(path, json_object_get(entry, "shape"), tensor, err));
    TRY(read_offsets(path, json_object_get(entry, "data_offsets"), tensor, err));
    size_t bits = 0;
    if (!checked_multiply(tensor->n_elements, row->bits, &bits))
        return fail(err, ASC_MALFORMED, "%s: tensor '%.100s': its size overflows", path, name);
    if (bits % 8 != 0)
        return fail(err, ASC_MALFORMED, "%s: tensor '%.100s': expected whole bytes, found %zu bits", path,
                    name, bits);
    if (tensor->end - tensor->begin != bits / 8)
        return fail(err, ASC_MALFORMED,
                    "%s: tensor '%.100s': expected %zu bytes for its shape and dtype %s, found %zu", path,
                    name, bits / 8, row->name, tensor->end - tensor->begin);
    return ASC_OK;
}

static asc_status list_tensors(safetensors *file, asc_error *err)
{
    const size_t n_entries = json_object_size(file->header);
    file->tensors = calloc(n_entries > 0 ? n_entries : 1, sizeof *file->tensors);
    if (!file->tensors)
        return fail_memory(err, "a list of tensors", n_entries * sizeof *file->tensors);
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            TRY(check_metadata(file->path, entry, err));
        else
            TRY(read_entry(file->path, name, entry, &file->tensors[file->n_tensors++], err));
    }
    return ASC_OK;
}

static int compare_places(const void *left, const void *right)
{
    const tensor_info *a = left;
    const tensor_info *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const tensor_info *)left)->name, ((const tensor_info *)right)->name);
}

// Every byte after the header belongs to exactly one tensor. Leaves the tensors sorted by place.
static asc_status check_places(safetensors *file, asc_error *err)
{
    qsort(file->tensors, file->n_tensors, sizeof *file->tensors, compare_places);
    size_t expected = 0;
    for (size_t index = 0; index < file->n_tensors; index++) {
        const tensor_info *tensor = &file->tensors[index];
        if (tensor->begin != expected)
            return fail(err, ASC_MALFORMED,
                        "%s: tensor '%.100s': expected to begin at byte %zu, found %zu (%s)", file->path,
                        tensor->name, expected, tensor->begin,
                        tensor->begin > expected ? "a hole" : "an overlap");
        expected = tensor->end;
    }
    if (expected != file->data_size)
        return fail(err, ASC_MALFORMED, "%s: expected %zu bytes of tensors after the header, found %zu (%s)",
                    file->path, expected, file->data_size,
                    expected > file->data_size ? "the file is truncated" : "extra bytes at the end");
    return ASC_OK;
}

// Reads N, the header's length, and holds it against the file's size; hashes what it reads.
static asc_status read_length(int descriptor, const char *path, size_t file_size, hash_state *hash,
                              size_t *length, asc_error *err)
{
    uint8_t bytes[LENGTH_BYTES];
    if (file_size < LENGTH_BYTES)
        return fail(err, ASC_MALFORMED, "%s: expected a safetensors file, found only %zu bytes", path,
                    file_size);
    TRY(file_read_exactly(descriptor, path, bytes, LENGTH_BYTES, err));
    hash_add(hash, bytes, LENGTH_BYTES);
    const uint64_t value = load_le64(bytes);
    if (value > LARGEST_HEADER)
        return fail(
            err, ASC_MALFORMED,
            "%s: expected a header of at most %d bytes, found a length of %llu: not a safetensors file", path,
            LARGEST_HEADER, (unsigned long long)value);
    if (value > file_size - LENGTH_BYTES)
        return fail(err, ASC_MALFORMED,
                    "%s: expected a header of %llu bytes, found only %zu (the file is truncated)", path,
                    (unsigned long long)value, file_size - LENGTH_BYTES);
    *length = (size_t)value;
    return ASC_OK;
}

static asc_status read_header(int descriptor, safetensors *file, size_t length, hash_state *hash,
                              asc_error *err)
{
    char *text = malloc(length > 0 ? length : 1);
    if (!text)
        return fail_memory(err, "the header of a safetensors file", length);
    asc_status status = file_read_exactly(descriptor, file->path, text, length, err);
    if (status != ASC_OK)
        goto done;
    hash_add(hash, text, length);
    status = parse_header(file->path, text, length, &file->header, err);
    if (status != ASC_OK)
        goto done;
    status = list_tensors(file, err);
    if (status != ASC_OK)
        goto done;
    status = check_places(file, err);

done:
    free(text);
    return status;
}

static asc_status read_data(int descriptor, safetensors *file, const stop_check *stop, hash_state *hash, asc_error *err)
{
    file->data = malloc(file->data_size > 0 ? file->data_size : 1);
    if (!file->data)
        return fail_memory(err, file->path, file->data_size);
    for (size_t at = 0; at < file->data_size; at += READ_PIECE) {
        const size_t left = file->data_size - at;
        const size_t size = left < READ_PIECE ? left : READ_PIECE;
        TRY(stop_poll(stop, err));
        TRY(file_read_exactly(descriptor, file->path, file->data + at, size, err));
        hash_add(hash, file->data + at, size);
    }
    return ASC_OK;
}

asc_status safetensors_open(const char *path, const stop_check *stop, safetensors **out, asc_error *err)
{
    assert(path && out);
    int descriptor = -1;
    size_t file_size = 0, length = 0;
    hash_state *hash = NULL;
    *out = NULL;
    safetensors *file = calloc(1, sizeof *file);
    if (!file)
        return fail_memory(err, "a safetensors file", sizeof *file);
    asc_status status = ASC_OK;
    file->path = strdup(path);
    if (!file->path)
        status = fail_memory(err, "a path", strlen(path) + 1);
    if (status == ASC_OK)
        status = hash_open(&hash, err);
    if (status == ASC_OK)
        status = file_open(path, &descriptor, &file_size, err);
    if (status == ASC_OK)
        status = read_length(descriptor, path, file_size, hash, &length, err);
    if (status != ASC_OK)
        goto done;
    file->data_size = file_size - LENGTH_BYTES - length;
    status = read_header(descriptor, file, length, hash, err);
    if (status != ASC_OK)
        goto done;
    status = read_data(descriptor, file, stop, hash, err);
    if (status != ASC_OK)
        goto done;
    qsort(file->tensors, file->n_tensors, sizeof *file->tensors, compare_names);
    hash_finish(hash, file->digest);
    hash = NULL;
    *out = file;
    file = NULL;

done:
    if (descriptor >= 0)
        close(descriptor);
    hash_close(hash);
    safetensors_close(file);
    return status;
}

void safetensors_close(safetensors *file)
{
    if (!file)
        return;
    free(file->data);
    free(file->tensors);
    json_decref(file->header);
    free(file->path);
    free(file);
}

size_t safetensors_count(const safetensors *file)
{
    return file->n_tensors;
}

const tensor_info *safetensors_at(const safetensors *file, size_t index)
{
    assert(index < file->n_tensors);
    return &file->tensors[index];
}

const tensor_info *safetensors_find(const safetensors *file, const char *name)
{
    const tensor_info wanted = {.name = name};
    return bsearch(&wanted, file->tensors, file->n_tensors, sizeof *file->tensors, compare_names);
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. Exact: every half is a float.
static float float_of_half(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t exponent = half >> 10 & 31;
    const uint32_t fraction = half & 1023;
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) {
        const float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

asc_status safetensors_read(const safetensors *file, const tensor_info *tensor, float *out, asc_error *err)
{
    assert(file && tensor && (out || tensor->n_elements == 0));
    const uint8_t *bytes = file->data + tensor->begin;
    const size_t n = tensor->n_elements;
    switch (tensor->dtype) {
    case TENSOR_F32:
        for (size_t i = 0; i < n; i++)
            out[i] = float_of_bits(load_le32(bytes + 4 * i));
        return ASC_OK;
    case TENSOR_F16:
        for (size_t i = 0; i < n; i++)
            out[i] = float_of_half(load_le16(bytes + 2 * i));
        return ASC_OK;
    case TENSOR_BF16:
        for (size_t i = 0; i < n; i++)
            out[i] = float_of_bits((uint32_t)load_le16(bytes + 2 * i) << 16);
        return ASC_OK;
    case TENSOR_F64:
        for (size_t i = 0; i < n; i++)
            out[i] = (float)double_of_bits(load_le64(bytes + 8 * i));
        return ASC_OK;
    case TENSOR_OTHER: break;
    }
    fail(err, ASC_MALFORMED,
         "%s: tensor '%.100s': expected a weight of dtype F32, F16, BF16 or F64, found %s", file->path,
         tensor->name, tensor->dtype_name);
    return fail_hint(err, ASC_MALFORMED,
                     "quantised checkpoints are not supported: use the checkpoint before quantisation");
}

void safetensors_hash(const safetensors *file, uint8_t digest[HASH_BYTES])
{
    memcpy(digest, file->digest, HASH_BYTES);
}
