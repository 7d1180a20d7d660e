// Part files. The mutator edits fields and rows and then sets every length and checksum right again, most of the time, so
// that what is wrong gets behind them.
#include "fuzz.h"
#include "mutate.h"

#include "base/hash.h"
#include "base/little_endian.h"
#include "io/part.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { // the layout at the head of host/io/part.c
    HEADER = 368,
    KERNEL_SET_AT = 96,
    HEADER_SUM_AT = 352,
    TRAILER = 40,
    RECORD_HEAD = 32,
    SUM = 8,
    K_AT = 12,
    C_AT = 16,
    F_AT = 20,
    N_ROWS_AT = 72,
    SUM_M_AT = 80,
    SIZE_AT = 88,
    M_AT = 28,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void touch(const void *words, size_t n_words)
{
    static volatile uint8_t sink;
    const uint8_t *bytes = words;
    for (size_t i = 0; i < 4 * n_words; i++)
        sink = (uint8_t)(sink ^ bytes[i]);
}

static void check_accepted(const part_reader *part, size_t size)
{
    const part_header *header = part_reader_header(part);
    uint64_t sum_features = 0;
    FUZZ_REQUIRE(header->n_rows >= 0 && header->index >= 0 && header->first_position >= 0);
    FUZZ_REQUIRE(header->first_position <= INT64_MAX - header->n_rows);
    FUZZ_REQUIRE(header->n_targets > 0 && header->n_classes > 0);
    FUZZ_REQUIRE(strnlen(header->kernel_set, sizeof header->kernel_set) < sizeof header->kernel_set);
    for (size_t row = 0; row < (size_t)header->n_rows; row++) {
        const part_row found = part_read(part, row);
        const size_t n_values = (size_t)found.n_features * header->n_targets;
        FUZZ_REQUIRE(found.position == header->first_position + (int64_t)row);
        touch(found.values, n_values);
        touch(found.std_errors, n_values);
        touch(found.base_values, header->n_targets);
        touch(found.outputs, header->n_targets);
        touch(found.efficiency_residual, header->n_targets);
        touch(found.targets, header->n_targets);
        touch(found.scores, header->n_classes);
        touch(found.fit, (size_t)header->n_fit * header->n_targets);
        sum_features += found.n_features;
    }
    const fuzz_wide row = RECORD_HEAD + SUM + (16 + 4 * (fuzz_wide)header->n_fit) * header->n_targets +
                          4 * (fuzz_wide)header->n_classes;
    const fuzz_wide counted = HEADER + TRAILER + row * (uint64_t)header->n_rows +
                                      8 * (fuzz_wide)sum_features * header->n_targets;
    FUZZ_REQUIRE(counted == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    part_reader *part = NULL;
    asc_error err = {0};
    const asc_status status = part_open(fuzz_file(bytes, size), NULL, &part, &err);
    FUZZ_REQUIRE(status == ASC_OK || status == ASC_MALFORMED);
    FUZZ_REQUIRE((status == ASC_OK) == (part != NULL));
    if (part)
        check_accepted(part, size);
    part_close(part);
    return 0;
}

static void sum_up(const uint8_t *bytes, size_t size, uint8_t *sum, size_t sum_size)
{
    uint8_t digest[HASH_BYTES];
    hash_bytes(bytes, size, digest);
    memcpy(sum, digest, sum_size);
}

// Length of the record that begins here by its own account, checksum apart; what wraps, wraps.
static size_t record_size(const uint8_t *bytes, const uint8_t *record)
{
    const uint64_t n_targets = load_le32(bytes + K_AT), n_classes = load_le32(bytes + C_AT), n_fit = load_le32(bytes + F_AT);
    const uint64_t words_per_target = 2 * (uint64_t)load_le32(record + M_AT) + 4 + n_fit;
    return (size_t)(RECORD_HEAD + 4 * words_per_target * n_targets + 4 * n_classes);
}

// Walks over the records as far as they fit; sets their checksums, counts rows and features.
static void sum_records(uint8_t *bytes, size_t size, uint64_t *n_rows, uint64_t *sum_features)
{
    size_t at = HEADER;
    *n_rows = *sum_features = 0;
    while (at + RECORD_HEAD + SUM <= size - TRAILER) {
        const size_t length = record_size(bytes, bytes + at);
        *sum_features += load_le32(bytes + at + M_AT);
        ++*n_rows;
        if (length > size - TRAILER - at || size - TRAILER - at - length < SUM) {
            if (length <= size - TRAILER - at) // the checksum does not fit any more: what a careless reader would take for it
                sum_up(bytes + at, length, bytes + at + length, size - at - length < SUM ? size - at - length : SUM);
            return;
        }
        sum_up(bytes + at, length, bytes + at + length, SUM);
        at += length + SUM;
    }
}

static void make_sound(uint8_t *bytes, size_t size, dice *d)
{
    uint64_t n_rows = 0, sum_features = 0;
    sum_records(bytes, size, &n_rows, &sum_features);
    if (!dice_one_in(d, 4))
        store_le64(bytes + N_ROWS_AT, n_rows);
    if (!dice_one_in(d, 4))
        store_le64(bytes + SUM_M_AT, sum_features);
    if (!dice_one_in(d, 8))
        store_le64(bytes + SIZE_AT, size);
    sum_up(bytes, HEADER_SUM_AT, bytes + HEADER_SUM_AT, SUM);
    sum_up(bytes, size - TRAILER, bytes + size - TRAILER, HASH_BYTES);
}

static size_t drop(uint8_t *bytes, size_t size, dice *d)
{
    const size_t body = size - HEADER - TRAILER, n = dice_below(d, body < 64 ? body + 1 : 64);
    const size_t at = HEADER + dice_below(d, body - n + 1);
    memmove(bytes + at, bytes + at + n, size - at - n);
    return size - n;
}

// Doubles a piece of the body, often a whole record.
static size_t double_piece(uint8_t *bytes, size_t size, size_t max_size, dice *d)
{
    const size_t body = size - HEADER - TRAILER;
    size_t n = body >= RECORD_HEAD ? record_size(bytes, bytes + HEADER) + SUM : 0;
    n = n > body || dice_one_in(d, 3) ? dice_below(d, body < 64 ? body + 1 : 64) : n;
    if (n > max_size - size)
        return size;
    memmove(bytes + HEADER + n, bytes + HEADER, size - HEADER);
    return size + n;
}

static void edit_field(uint8_t *bytes, size_t size, dice *d)
{
    static const uint16_t header_places[] = {8, K_AT, C_AT, F_AT, 56, 64, N_ROWS_AT, SUM_M_AT, SIZE_AT, KERNEL_SET_AT, HEADER_SUM_AT - 8, 360};
    static const uint8_t record_places[] = {0, 8, 16, 24, M_AT, M_AT, 8};
    const bool in_record = dice_one_in(d, 2) && size >= HEADER + TRAILER + RECORD_HEAD;
    size_t at = in_record ? HEADER + record_places[dice_below(d, sizeof record_places)]
                          : header_places[dice_below(d, sizeof header_places / sizeof *header_places)];
    const bool wide = in_record ? at - HEADER < 24 : at >= 56;
    const uint64_t old = wide ? load_le64(bytes + at) : load_le32(bytes + at);
    const uint64_t number = dice_one_in(d, 2) ? (uint64_t)dice_bad_number(d) : old + dice_below(d, 5) - 2;
    if (wide)
        store_le64(bytes + at, number);
    else
        store_le32(bytes + at, (uint32_t)number);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    dice d = {seed};
    if (size < HEADER + TRAILER || dice_one_in(&d, 12))
        return LLVMFuzzerMutate(bytes, size, max_size);
    for (size_t n = 1 + dice_below(&d, 3); n > 0; n--)
        switch (dice_below(&d, 7)) {
        case 0: size = drop(bytes, size, &d); break;
        case 1: size = double_piece(bytes, size, max_size, &d); break;
        case 6: memset(bytes + KERNEL_SET_AT, 'k', dice_below(&d, 2) + HEADER_SUM_AT - KERNEL_SET_AT - 1); break;
        case 2: mutate_bytes(&d, bytes, size - TRAILER); break;
        default: edit_field(bytes, size, &d);
        }
    make_sound(bytes, size, &d);
    if (dice_one_in(&d, 4)) { // right but for one field
        edit_field(bytes, size, &d);
        sum_up(bytes, HEADER_SUM_AT, bytes + HEADER_SUM_AT, SUM);
        sum_up(bytes, size - TRAILER, bytes + size - TRAILER, HASH_BYTES);
    }
    return size;
}
