// Damage to part files: test_part_damage [N_CHANGES [SEED]]. Every bit of a small part is flipped, then 10,000 random changes are made to a larger one
// (cut off, extended, ranges swapped, a page of zeros, bytes of another part of the run or of another run, bytes and words changed):
// part_open must refuse every one, whether or not it is told which part it should be.
#include "io/part.h"

#include "../fuzz/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../unit/temp_folder.h"

enum { PAGE_BYTES = 4096, SMALL_ROWS = 2, LARGE_ROWS = 60, N_FEATURES = 24, N_SHOWN = 5, N_CHANGES = 10000 };

typedef struct part_file {
    part_header header;
    uint8_t *bytes;
    size_t size;
} part_file;

typedef struct bench {
    char folder[TEMP_PATH_SIZE], path[TEMP_PATH_SIZE];
    size_t n_undetected;
} bench;

static part_file make_part(const bench *b, uint8_t run, int64_t index, int64_t n_rows)
{
    float numbers[N_FEATURES + 1]; // values from the first on, errors from the second
    const int32_t target = 1;
    part_file made = {.header = {.index = index, .first_position = index * n_rows, .n_rows = n_rows, .n_targets = 1, .n_classes = 2}};
    part_writer *writer = NULL;
    memset(made.header.manifest_hash, run, HASH_BYTES);
    if (part_create(&made.header, &writer, NULL) != ASC_OK)
        abort();
    for (int64_t i = 0; i < n_rows; i++) {
        for (size_t f = 0; f <= N_FEATURES; f++)
            numbers[f] = (float)(run + 100 * i) + (float)f / 8;
        const int64_t position = made.header.first_position + i;
        const part_row row = {.id = (uint64_t)position + 7, .position = position, .evaluations = 12, .n_features = n_rows == SMALL_ROWS ? 2 : N_FEATURES,
                              .values = numbers, .std_errors = numbers + 1, .base_values = numbers, .outputs = numbers,
                              .efficiency_residual = numbers, .targets = &target, .scores = numbers};
        if (part_append(writer, &row, NULL) != ASC_OK)
            abort();
    }
    if (part_commit(writer, b->path, NULL) != ASC_OK)
        abort();
    made.bytes = temp_file_read(b->path, &made.size);
    return made;
}

// True when the reader takes these bytes for the part.
static bool is_taken(const bench *b, const part_header *expected, const uint8_t *bytes, size_t size)
{
    asc_error err = {0};
    part_reader *reader = NULL;
    temp_file_write(b->path, bytes, size);
    const asc_status status = part_open(b->path, expected, &reader, &err);
    part_close(reader);
    if (status != ASC_OK && !strstr(err.message, b->path))
        fail_msg("the file is not named: %s", err.message);
    return status == ASC_OK;
}

static void count_undetected(bench *b, const char *what, size_t number)
{
    if (b->n_undetected++ < N_SHOWN)
        printf("undetected: %s %zu\n", what, number);
}

static void flip_every_bit(bench *b)
{
    const part_file part = make_part(b, 'a', 3, SMALL_ROWS);
    for (size_t bit = 0; bit < 8 * part.size; bit++) {
        part.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (is_taken(b, NULL, part.bytes, part.size) || is_taken(b, &part.header, part.bytes, part.size))
            count_undetected(b, "flipped bit", bit);
        part.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    printf("%zu bits of a part of %zu bytes flipped, one at a time\n", 8 * part.size, part.size);
    free(part.bytes);
}

static void swap_ranges(dice *d, uint8_t *bytes, size_t size)
{
    const size_t length = 1 + dice_below(d, size / 3), first = dice_below(d, size - 2 * length + 1);
    const size_t second = first + length + dice_below(d, size - first - 2 * length + 1);
    for (size_t i = 0; i < length; i++) {
        const uint8_t byte = bytes[first + i];
        bytes[first + i] = bytes[second + i];
        bytes[second + i] = byte;
    }
}

static void copy_range(dice *d, uint8_t *bytes, const part_file *from)
{
    const size_t begin = dice_below(d, from->size), length = 1 + dice_below(d, from->size - begin);
    memcpy(bytes + begin, from->bytes + begin, length);
}

// Changes `bytes` (of `part`, in room for twice as many); the new size.
static size_t change(dice *d, uint8_t *bytes, const part_file *part, const part_file others[2])
{
    const size_t size = part->size, kind = dice_below(d, 7);
    const size_t page = dice_below(d, size / PAGE_BYTES) * PAGE_BYTES;
    switch (kind) {
    case 0: return dice_below(d, size);
    case 1: return size + 1 + dice_below(d, size - 1); // the room's zeros
    case 2: swap_ranges(d, bytes, size); return size;
    case 3: memset(bytes + page, 0, PAGE_BYTES); return size;
    case 4: copy_range(d, bytes, &others[dice_below(d, 2)]); return size;
    case 5: memcpy(bytes, others[dice_below(d, 2)].bytes, size); return size;
    default: mutate_bytes(d, bytes, size); return size;
    }
}

static void change_at_random(bench *b, size_t n_changes, uint64_t seed)
{
    const part_file part = make_part(b, 'a', 3, LARGE_ROWS);
    const part_file others[] = {make_part(b, 'a', 4, LARGE_ROWS), make_part(b, 'b', 3, LARGE_ROWS)};
    uint8_t *bytes = malloc(2 * part.size);
    dice d = {seed};
    assert_non_null(bytes);
    assert_true(part.size > 2 * PAGE_BYTES && others[0].size == part.size && others[1].size == part.size);
    for (size_t number = 0; number < n_changes;) {
        memset(bytes, 0, 2 * part.size);
        memcpy(bytes, part.bytes, part.size);
        const size_t size = change(&d, bytes, &part, others);
        if (size == part.size && memcmp(bytes, part.bytes, size) == 0)
            continue;
        if (is_taken(b, &part.header, bytes, size))
            count_undetected(b, "change", number);
        number++;
    }
    printf("%zu random changes of a part of %zu bytes\n", n_changes, part.size);
    free(bytes);
    free(part.bytes);
    free(others[0].bytes);
    free(others[1].bytes);
}

int main(int argc, char **argv)
{
    bench b = {.n_undetected = 0};
    if (access("/dev/shm", W_OK) == 0) // a disk is fifty times as slow at replacing a file
        setenv("TMPDIR", "/dev/shm", true);
    temp_folder_make(b.folder);
    temp_folder_join(b.folder, "part-00000003.part", b.path);
    flip_every_bit(&b);
    change_at_random(&b, argc > 1 ? strtoull(argv[1], NULL, 10) : N_CHANGES, argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    printf("%zu undetected\n", b.n_undetected);
    temp_folder_remove(b.folder);
    return b.n_undetected == 0 ? 0 : 1;
}
