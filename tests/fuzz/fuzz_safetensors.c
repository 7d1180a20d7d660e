// .safetensors files. What the reader accepts must keep every rule of the format, counted again in 128 bits, and every
// tensor must be readable to its end.
#include "fuzz.h"
#include "json_twist.h"

#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, MOST_DATA = 4096 };

typedef struct dtype {
    const char *name;
    unsigned bits;
} dtype;

static const dtype dtypes[] = {{"F32", 32}, {"F16", 16}, {"BF16", 16}, {"F64", 64}, {"I64", 64}, {"U8", 8},
                               {"BOOL", 8}, {"I16", 16}, {"F8_E4M3", 8}, {"F4", 4}, {"F6_E2M3", 6}};
enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };

static const char *const words[] = {"__metadata__", "dtype", "shape", "data_offsets", "F32",  "F16", "BF16",
                                    "F64",          "F4",    "U8",    "I64",          "weight"};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static unsigned bits_of(const char *name)
{
    for (size_t i = 0; i < N_DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return dtypes[i].bits;
    return 0;
}

// Rules of one tensor, without trust in what the reader has counted.
static void check_tensor(const safetensors *file, const tensor_info *tensor, size_t data_size)
{
    fuzz_wide elements = 1;
    FUZZ_REQUIRE(tensor->n_dims <= TENSOR_MAX_DIMS);
    for (size_t dim = 0; dim < tensor->n_dims; dim++) {
        FUZZ_REQUIRE(tensor->shape[dim] <= INT64_MAX);
        FUZZ_REQUIRE(elements == 0 || elements * tensor->shape[dim] / elements == tensor->shape[dim]);
        elements *= tensor->shape[dim];
    }
    FUZZ_REQUIRE(elements == tensor->n_elements);
    FUZZ_REQUIRE(tensor->begin <= tensor->end && tensor->end <= data_size);
    const unsigned bits = bits_of(tensor->dtype_name);
    FUZZ_REQUIRE(bits == 0 || elements * bits == (fuzz_wide)(tensor->end - tensor->begin) * 8);
    FUZZ_REQUIRE(safetensors_find(file, tensor->name) == tensor);
    float *values = malloc(tensor->n_elements ? tensor->n_elements * sizeof *values : 1);
    FUZZ_REQUIRE(values);
    const asc_status status = safetensors_read(file, tensor, values, NULL);
    FUZZ_REQUIRE((status == ASC_OK) == (tensor->dtype != TENSOR_OTHER));
    free(values);
}

static void check_accepted(const safetensors *file, const uint8_t *bytes, size_t size)
{
    uint64_t length = 0, covered = 0;
    FUZZ_REQUIRE(size >= LENGTH_BYTES);
    memcpy(&length, bytes, sizeof length);
    FUZZ_REQUIRE(length <= size - LENGTH_BYTES);
    const size_t data_size = size - LENGTH_BYTES - (size_t)length;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const tensor_info *tensor = safetensors_at(file, i);
        check_tensor(file, tensor, data_size);
        covered += tensor->end - tensor->begin;
        for (size_t other = 0; other < i; other++) {
            const tensor_info *o = safetensors_at(file, other);
            FUZZ_REQUIRE(strcmp(o->name, tensor->name) < 0);
            FUZZ_REQUIRE(o->end <= tensor->begin || tensor->end <= o->begin || o->begin == o->end ||
                         tensor->begin == tensor->end);
        }
    }
    FUZZ_REQUIRE(covered == data_size); // no hole, no overlap, nothing behind
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    safetensors *file = NULL;
    asc_error err = {0};
    const asc_status status = safetensors_open(fuzz_file(bytes, size), NULL, &file, &err);
    FUZZ_REQUIRE(status == ASC_OK || status == ASC_MALFORMED);
    FUZZ_REQUIRE((status == ASC_OK) == (file != NULL));
    FUZZ_REQUIRE(status == err.status && (status == ASC_OK) == (err.message[0] == '\0'));
    if (file)
        check_accepted(file, bytes, size);
    safetensors_close(file);
    return 0;
}

static json_t *parse_header(const uint8_t *bytes, size_t size)
{
    uint64_t length = 0;
    json_t *header = NULL;
    if (size >= LENGTH_BYTES) {
        memcpy(&length, bytes, sizeof length);
        if (length <= size - LENGTH_BYTES)
            header = json_loadb((const char *)bytes + LENGTH_BYTES, (size_t)length, 0, NULL);
    }
    if (!json_is_object(header)) {
        json_decref(header);
        header = json_pack("{s:{s:s, s:[i,i], s:[i,i]}}", "w", "dtype", "F32", "shape", 2, 3, "data_offsets", 0, 24);
    }
    return header;
}

// Gives every tensor the offsets that its shape and dtype ask for, computed the naive way: what wraps, wraps.
static uint64_t lay_out(json_t *header)
{
    uint64_t end = 0;
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry)
    {
        const char *type = json_string_value(json_object_get(entry, "dtype"));
        const json_t *shape = json_object_get(entry, "shape");
        uint64_t size = type ? bits_of(type) : 0;
        for (size_t dim = 0; dim < json_array_size(shape); dim++)
            size *= (uint64_t)json_integer_value(json_array_get(shape, dim));
        if (!type || !shape)
            continue;
        json_object_set_new(entry, "data_offsets",
                            json_pack("[I,I]", (json_int_t)end, (json_int_t)(end + size / 8)));
        end += size / 8;
    }
    return end;
}

static uint64_t largest_end(const json_t *header)
{
    uint64_t largest = 0;
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)(uintptr_t)header, name, entry)
    {
        const uint64_t end = (uint64_t)json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 1));
        largest = end > largest ? end : largest;
    }
    return largest;
}

// length | header | data; 0 when it does not fit.
static size_t assemble(uint8_t *bytes, size_t max_size, const json_t *header, uint64_t data_size, dice *d)
{
    char *text = json_dumps(header, JSON_COMPACT);
    const size_t length = text ? strlen(text) : 0;
    size_t size = 0;
    data_size = data_size > MOST_DATA ? dice_below(d, 64) : data_size;
    if (text && LENGTH_BYTES + length + data_size <= max_size) {
        uint64_t stated = length;
        if (dice_one_in(d, 40))
            stated = dice_one_in(d, 2) ? length + dice_below(d, 20) : (uint64_t)dice_bad_number(d);
        memcpy(bytes, &stated, sizeof stated);
        memcpy(bytes + LENGTH_BYTES, text, length);
        memset(bytes + LENGTH_BYTES + length, 0x3c, (size_t)data_size);
        size = LENGTH_BYTES + length + (size_t)data_size;
        if (dice_one_in(d, 20))
            size -= dice_below(d, size < 40 ? size : 40);
    }
    free(text);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    dice d = {seed};
    if (dice_one_in(&d, 8))
        return LLVMFuzzerMutate(bytes, size, max_size);
    json_t *header = parse_header(bytes, size);
    for (size_t n = 1 + dice_below(&d, 4); n > 0; n--)
        json_twist(header, &d, (json_words){words, sizeof words / sizeof *words});
    uint64_t data_size = dice_one_in(&d, 4) ? largest_end(header) : lay_out(header);
    if (dice_one_in(&d, 6)) // the sizes are in order: now one number that is not
        json_twist(header, &d, (json_words){words, sizeof words / sizeof *words});
    if (dice_one_in(&d, 8))
        data_size += dice_below(&d, 9) - 4;
    const size_t made = assemble(bytes, max_size, header, data_size, &d);
    json_decref(header);
    return made ? made : LLVMFuzzerMutate(bytes, size, max_size);
}
