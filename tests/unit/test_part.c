// Part files: what is written comes back bit for bit, and no damage of any kind is taken for a result.
#include "base/little_endian.h"
#include "io/part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "temp_folder.h"

enum { N_ROWS = 3, N_TARGETS = 2, N_CLASSES = 3, MOST_FEATURES = 3, MOST_VALUES = MOST_FEATURES * N_TARGETS };
enum { HEADER_BYTES = 368, HEADER_SUM_AT = 352, TRAILER_BYTES = 40 };

static char folder[TEMP_PATH_SIZE];
static char path[TEMP_PATH_SIZE];

static int make_folder(void **state)
{
    (void)state;
    temp_folder_make(folder);
    temp_folder_join(folder, "part-00000005.part", path);
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

static part_header header_of_test(void)
{
    part_header header = {
        .index = 5, .first_position = 1000, .n_rows = N_ROWS, .n_targets = N_TARGETS, .n_classes = N_CLASSES,
        .kernel_set = "loops by hand 7; libm 0123abcd"};
    for (size_t i = 0; i < HASH_BYTES; i++)
        header.manifest_hash[i] = (uint8_t)(i * 11 + 1);
    return header;
}

// One row with memory of its own; its numbers follow from its place, NaNs of all kinds among them.
typedef struct row_store {
    float values[MOST_VALUES], std_errors[MOST_VALUES];
    float base_values[N_TARGETS], outputs[N_TARGETS], residual[N_TARGETS];
    int32_t targets[N_TARGETS];
    float scores[N_CLASSES];
} row_store;

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static part_row row_of_test(size_t place, row_store *store)
{
    static const uint32_t special[] = {0x7fc00000u, 0x7f800001u, 0xffc12345u, 0xff812345u,
                                       0x80000000u, 0x00000001u, 0x7f800000u, 0xff800000u};
    for (size_t i = 0; i < MOST_VALUES; i++) {
        store->values[i] = float_of_bits(special[(i + place) % 8]);
        store->std_errors[i] = (float)(i + 1) * 0.37f + (float)place;
    }
    for (size_t k = 0; k < N_TARGETS; k++) {
        store->base_values[k] = -1.5f - (float)(k + place);
        store->outputs[k] = float_of_bits(special[(k + place + 2) % 8]);
        store->residual[k] = 1e-7f * (float)(k + 1);
        store->targets[k] = k == 0 ? -1 : (int32_t)place;
    }
    for (size_t c = 0; c < N_CLASSES; c++)
        store->scores[c] = (float)c - 0.25f;
    return (part_row){
        .id = UINT64_MAX - place,
        .position = 1000 + (int64_t)place,
        .evaluations = 512 + (int64_t)place * 3000000000,
        .status = place == 0 ? 1u : 0x80000020u,
        .n_features = place == 0 ? 0 : (uint32_t)(place + 1), // 0, 2, 3
        .values = store->values,
        .std_errors = store->std_errors,
        .base_values = store->base_values,
        .outputs = store->outputs,
        .efficiency_residual = store->residual,
        .targets = store->targets,
        .scores = store->scores,
    };
}

static void write_part(const part_header *header)
{
    asc_error err;
    part_writer *writer = NULL;
    assert_int_equal(part_create(header, &writer, &err), ASC_OK);
    for (size_t place = 0; place < N_ROWS; place++) {
        row_store store;
        const part_row row = row_of_test(place, &store);
        assert_int_equal(part_append(writer, &row, &err), ASC_OK);
    }
    assert_int_equal(part_commit(writer, path, &err), ASC_OK);
}

static void expect_rows_equal(const part_row *found, const part_row *expected)
{
    const size_t values_size = expected->n_features * N_TARGETS * sizeof(float);
    assert_true(found->id == expected->id);
    assert_int_equal(found->position, expected->position);
    assert_int_equal(found->evaluations, expected->evaluations);
    assert_int_equal(found->status, expected->status);
    assert_int_equal(found->n_features, expected->n_features);
    if (values_size > 0) {
        assert_memory_equal(found->values, expected->values, values_size);
        assert_memory_equal(found->std_errors, expected->std_errors, values_size);
    }
    assert_memory_equal(found->base_values, expected->base_values, N_TARGETS * sizeof(float));
    assert_memory_equal(found->outputs, expected->outputs, N_TARGETS * sizeof(float));
    assert_memory_equal(found->efficiency_residual, expected->efficiency_residual, N_TARGETS * sizeof(float));
    assert_memory_equal(found->targets, expected->targets, N_TARGETS * sizeof(int32_t));
    assert_memory_equal(found->scores, expected->scores, N_CLASSES * sizeof(float));
}

static void round_trip(void **state)
{
    (void)state;
    asc_error err;
    part_reader *reader = NULL;
    const part_header header = header_of_test();
    write_part(&header);
    assert_int_equal(temp_folder_count(folder), 1);
    assert_int_equal(part_open(path, &header, &reader, &err), ASC_OK);
    const part_header *found = part_reader_header(reader);
    assert_memory_equal(found->manifest_hash, header.manifest_hash, HASH_BYTES);
    assert_int_equal(found->index, header.index);
    assert_int_equal(found->first_position, header.first_position);
    assert_int_equal(found->n_rows, header.n_rows);
    assert_int_equal(found->n_targets, header.n_targets);
    assert_int_equal(found->n_classes, header.n_classes);
    assert_string_equal(found->kernel_set, header.kernel_set);
    assert_int_equal(part_reader_features(reader), 5);
    part_facts facts;
    assert_int_equal(part_peek(path, &header, &facts, &err), ASC_OK);
    assert_memory_equal(&facts.header, found, sizeof *found);
    assert_int_equal(facts.sum_features, 5);
    for (size_t place = 0; place < N_ROWS; place++) {
        row_store store;
        const part_row expected = row_of_test(place, &store);
        const part_row row = part_read(reader, place);
        expect_rows_equal(&row, &expected);
    }
    part_close(reader);
    part_close(NULL);
}

static void the_same_rows_give_the_same_bytes(void **state)
{
    (void)state;
    size_t first_size = 0, second_size = 0;
    const part_header header = header_of_test();
    write_part(&header);
    uint8_t *first = temp_file_read(path, &first_size);
    write_part(&header);
    uint8_t *second = temp_file_read(path, &second_size);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    free(first);
    free(second);
}

static void a_part_without_rows(void **state)
{
    (void)state;
    asc_error err;
    part_writer *writer = NULL;
    part_reader *reader = NULL;
    part_header header = header_of_test();
    header.n_rows = 0;
    assert_int_equal(part_create(&header, &writer, &err), ASC_OK);
    assert_int_equal(part_commit(writer, path, &err), ASC_OK);
    assert_int_equal(part_open(path, NULL, &reader, &err), ASC_OK);
    assert_int_equal(part_reader_header(reader)->n_rows, 0);
    part_close(reader);
}

// Fit stands after the scores, counts in every size, and is not taken for anything else.
static void the_fit_of_a_row(void **state)
{
    (void)state;
    enum { N_FIT = 3, HEAD = 32, SUM = 8 };
    static const float fit[N_FIT * N_TARGETS] = {0.5f, -1, 2, 3.25f, -4, 5};
    asc_error err;
    row_store store;
    part_writer *writer = NULL;
    part_reader *reader = NULL;
    size_t size = 0;
    part_header header = header_of_test();
    part_row row = row_of_test(0, &store);
    header.n_rows = 1, header.n_fit = N_FIT, row.fit = fit;
    assert_int_equal(part_create(&header, &writer, &err), ASC_OK);
    assert_int_equal(part_append(writer, &row, &err), ASC_OK);
    assert_int_equal(part_commit(writer, path, &err), ASC_OK);
    free(temp_file_read(path, &size));
    assert_int_equal(size, HEADER_BYTES + TRAILER_BYTES + HEAD + SUM + 4 * ((4 + N_FIT) * N_TARGETS + N_CLASSES));
    assert_int_equal(part_bytes(&header, 0), size);
    assert_int_equal(part_open(path, &header, &reader, &err), ASC_OK);
    const part_row found = part_read(reader, 0);
    assert_int_equal(part_reader_header(reader)->n_fit, N_FIT);
    expect_rows_equal(&found, &row);
    assert_memory_equal(found.fit, fit, sizeof fit);
    part_close(reader);
}

// The fixed places of the format's description in part.c, read here by hand.
static void the_layout(void **state)
{
    (void)state;
    size_t size = 0;
    row_store store;
    const part_header header = header_of_test();
    write_part(&header);
    uint8_t *bytes = temp_file_read(path, &size);
    const size_t head_of_row = 32, fixed = 16 * N_TARGETS + 4 * N_CLASSES, sum = 8;
    assert_int_equal(size, HEADER_BYTES + 3 * (head_of_row + fixed + sum) + 8 * N_TARGETS * (0 + 2 + 3) +
                               TRAILER_BYTES);
    assert_memory_equal(bytes,
                        "\x89"
                        "ASP\r\n\x1a\n",
                        8);
    assert_int_equal(load_le32(bytes + 8), 2);
    assert_int_equal(load_le32(bytes + 12), N_TARGETS);
    assert_int_equal(load_le32(bytes + 16), N_CLASSES);
    assert_memory_equal(bytes + 24, header.manifest_hash, HASH_BYTES);
    assert_int_equal(load_le64(bytes + 56), 5);
    assert_int_equal(load_le64(bytes + 64), 1000);
    assert_int_equal(load_le64(bytes + 72), N_ROWS);
    assert_int_equal(load_le64(bytes + 80), 5);
    assert_int_equal(load_le64(bytes + 88), size);
    assert_string_equal((const char *)bytes + 96, header.kernel_set);
    const uint8_t *second = bytes + HEADER_BYTES + head_of_row + fixed + sum;
    const part_row row = row_of_test(1, &store);
    assert_true(load_le64(second) == row.id);
    assert_int_equal(load_le64(second + 8), 1001);
    assert_int_equal(load_le64(second + 16), row.evaluations);
    assert_int_equal(load_le32(second + 24), row.status);
    assert_int_equal(load_le32(second + 28), 2);
    assert_int_equal(load_le32(second + 32 + 8), 0xff812345u); // values[2] of row 1, a signalling NaN
    assert_int_equal(load_le32(second + 32 + 4 * (4 + 4 + 6)), 0xffffffffu); // targets[0]
    assert_memory_equal(bytes + size - 8, "PART END", 8);
    free(bytes);
}

// The digest's bytes are the record's: fields in the documented order, nothing between them.
static void the_digest_of_a_row(void **state)
{
    (void)state;
    for (size_t place = 0; place < N_ROWS; place++) {
        row_store store;
        const part_row row = row_of_test(place, &store);
        uint8_t record[256], expected[HASH_BYTES], found[HASH_BYTES];
        size_t at = 32;
        store_le64(record, row.id);
        store_le64(record + 8, (uint64_t)row.position);
        store_le64(record + 16, (uint64_t)row.evaluations);
        store_le32(record + 24, row.status);
        store_le32(record + 28, row.n_features);
        const void *arrays[] = {row.values,  row.std_errors,          row.base_values,
                                row.outputs, row.efficiency_residual, row.targets,
                                row.scores};
        const size_t n_values = row.n_features * N_TARGETS;
        const size_t counts[] = {n_values, n_values, N_TARGETS, N_TARGETS, N_TARGETS, N_TARGETS, N_CLASSES};
        for (size_t array = 0; array < 7; array++)
            for (size_t i = 0; i < counts[array]; i++, at += 4) {
                uint32_t word;
                memcpy(&word, (const uint8_t *)arrays[array] + 4 * i, 4);
                store_le32(record + at, word);
            }
        hash_state *hash = NULL;
        assert_int_equal(hash_open(&hash, NULL), ASC_OK);
        part_row_digest(hash, &row, (part_shape){N_TARGETS, N_CLASSES, 0});
        hash_finish(hash, found);
        hash_bytes(record, at, expected);
        assert_memory_equal(found, expected, HASH_BYTES);
    }
}

// Long rows are digested in pieces; the pieces must not show.
static void the_digest_of_a_long_row(void **state)
{
    (void)state;
    enum { LONG = 5000 };
    row_store store;
    part_row row = row_of_test(1, &store);
    float *values = malloc(2 * LONG * sizeof *values);
    uint8_t *record = malloc(32 + 8 * LONG + 16 + 4);
    assert_non_null(values);
    assert_non_null(record);
    for (size_t i = 0; i < 2 * LONG; i++)
        values[i] = (float)i;
    row.n_features = LONG;
    row.values = values;
    row.std_errors = values + LONG;
    store_le64(record, row.id);
    store_le64(record + 8, (uint64_t)row.position);
    store_le64(record + 16, (uint64_t)row.evaluations);
    store_le32(record + 24, row.status);
    store_le32(record + 28, row.n_features);
    const void *singles[] = {row.base_values, row.outputs, row.efficiency_residual, row.targets, row.scores};
    size_t at = 32;
    for (size_t i = 0; i < 2 * LONG + 5; i++, at += 4) {
        uint32_t word;
        memcpy(&word, i < 2 * LONG ? (const void *)(values + i) : singles[i - 2 * LONG], 4);
        store_le32(record + at, word);
    }
    uint8_t expected[HASH_BYTES], found[HASH_BYTES];
    hash_state *hash = NULL;
    assert_int_equal(hash_open(&hash, NULL), ASC_OK);
    part_row_digest(hash, &row, (part_shape){1, 1, 0});
    hash_finish(hash, found);
    hash_bytes(record, at, expected);
    assert_memory_equal(found, expected, HASH_BYTES);
    free(record);
    free(values);
}

static void expect_refusal(const uint8_t *bytes, size_t size, asc_status status, const char *words)
{
    asc_error err = {0};
    part_reader *reader = NULL;
    const part_header header = header_of_test();
    temp_file_write(path, bytes, size);
    const asc_status found = part_open(path, &header, &reader, &err);
    if (found != status)
        fail_msg("expected status %d (%s), found %d: %s", (int)status, words, (int)found, err.message);
    assert_null(reader);
    expect_words(&err, path);
    expect_words(&err, words);
    assert_int_equal(part_open_again(path, &header, &reader, &err), status);
    assert_null(reader);
}

static void every_flipped_bit(void **state)
{
    (void)state;
    size_t size = 0;
    const part_header header = header_of_test();
    write_part(&header);
    uint8_t *bytes = temp_file_read(path, &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const size_t byte = bit / 8;
        const char *words = "the file is damaged";
        if (byte < 8)
            words = "expected a part file";
        else if (byte < 12)
            words = "expected version 2";
        else if (byte < HEADER_BYTES)
            words = "header's checksum";
        else if (byte >= size - 8)
            words = "end mark";
        else if (byte >= size - TRAILER_BYTES)
            words = "digest does not agree";
        expect_refusal(bytes, size, ASC_MALFORMED, words);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(bytes);
}

static void every_truncation(void **state)
{
    (void)state;
    size_t size = 0;
    const part_header header = header_of_test();
    write_part(&header);
    uint8_t *bytes = temp_file_read(path, &size);
    for (size_t length = 0; length < size; length++)
        expect_refusal(bytes, length, ASC_MALFORMED, "truncated");
    free(bytes);
}

static void extensions(void **state)
{
    (void)state;
    size_t size = 0;
    const part_header header = header_of_test();
    write_part(&header);
    uint8_t *bytes = temp_file_read(path, &size);
    uint8_t *longer = calloc(3, size);
    assert_non_null(longer);
    memcpy(longer, bytes, size);
    expect_refusal(longer, size + 1, ASC_MALFORMED, "extra bytes at the end");
    expect_refusal(longer, size + 333, ASC_MALFORMED, "extra bytes at the end");
    memcpy(longer + size, bytes, size);
    expect_refusal(longer, 2 * size, ASC_MALFORMED, "extra bytes at the end");
    free(longer);
    free(bytes);
}

static void anothers_part(void **state)
{
    (void)state;
    asc_error err;
    part_reader *reader = NULL;
    const part_header header = header_of_test();
    part_header other = header;
    write_part(&header);
    other.manifest_hash[31] ^= 1;
    assert_int_equal(part_open(path, &other, &reader, &err), ASC_DIFFERENT_RUN);
    expect_words(&err, path);
    expect_words(&err, "another run");
    expect_words(&err, "010c1722"); // the hash that was found, in hexadecimal
    assert_null(reader);
    other = header;
    other.index = 6;
    assert_int_equal(part_open(path, &other, &reader, &err), ASC_DIFFERENT_RUN);
    expect_words(&err, "expected part 6, found part 5");
    expect_words(&err, "renamed");
    assert_null(reader);
    assert_int_equal(part_open(path, NULL, &reader, &err), ASC_OK);
    part_close(reader);
}

// Two parts of one run that swapped their names.
static void renamed(void **state)
{
    (void)state;
    asc_error err;
    char other_path[TEMP_PATH_SIZE];
    part_reader *reader = NULL;
    const part_header header = header_of_test();
    part_header other = header;
    write_part(&header);
    temp_folder_join(folder, "part-00000006.part", other_path);
    assert_int_equal(rename(path, other_path), 0);
    other.index = 6;
    assert_int_equal(part_open(other_path, &other, &reader, &err), ASC_DIFFERENT_RUN);
    expect_words(&err, "renamed");
    assert_int_equal(part_open(path, &header, &reader, &err), ASC_NOT_FOUND);
    expect_words(&err, "No such file");
    assert_int_equal(part_open(folder, &header, &reader, &err), ASC_NOT_FOUND);
    expect_words(&err, "found a folder");
}

// Puts right what a forger would: the header's checksum, and with `all` the rows' and the trailer too.
static void seal(uint8_t *bytes, size_t size, bool all)
{
    uint8_t digest[HASH_BYTES];
    hash_bytes(bytes, HEADER_SUM_AT, digest);
    memcpy(bytes + HEADER_SUM_AT, digest, 8);
    if (!all)
        return;
    uint8_t *row = bytes + HEADER_BYTES;
    for (size_t place = 0; place < N_ROWS; place++) {
        const size_t row_size =
            32 + 8 * N_TARGETS * (place == 0 ? 0 : place + 1) + 16 * N_TARGETS + 4 * N_CLASSES;
        hash_bytes(row, row_size, digest);
        memcpy(row + row_size, digest, 8);
        row += row_size + 8;
    }
    hash_bytes(bytes, size - TRAILER_BYTES, bytes + size - TRAILER_BYTES);
}

// Headers with a checksum that agrees and counts that cannot be: nothing is allocated for them, nothing
// overflows.
static void forged_headers(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint64_t value; // 8 bytes, or 4 where at < 24
        const char *words;
    } cases[] = {
        {12, 0, "at least one target"},
        {12, 0xffffffffu, "counts do not agree"},
        {16, 0, "at least one target"},
        {16, 0xffffffffu, "counts do not agree"},
        {56, UINT64_MAX, "impossible range"},
        {64, UINT64_MAX, "impossible range"},
        {64, INT64_MAX, "impossible range"},
        {72, UINT64_MAX, "impossible range"},
        {72, INT64_MAX - 1000, "counts do not agree"},
        {72, UINT64_C(1) << 60, "counts do not agree"},
        {72, 2, "counts do not agree"},
        {80, UINT64_MAX, "counts do not agree"},
        {80, UINT64_C(1) << 60, "counts do not agree"},
        {80, 6, "counts do not agree"},
        {88, UINT64_MAX, "counts do not agree"},
    };
    size_t size = 0;
    const part_header header = header_of_test();
    write_part(&header);
    uint8_t *bytes = temp_file_read(path, &size);
    uint8_t *forged = malloc(size);
    assert_non_null(forged);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(forged, bytes, size);
        if (cases[i].at < 24)
            store_le32(forged + cases[i].at, (uint32_t)cases[i].value);
        else
            store_le64(forged + cases[i].at, cases[i].value);
        seal(forged, size, false);
        expect_refusal(forged, size, ASC_MALFORMED, cases[i].words);
    }
    free(forged);
    free(bytes);
}

static void forged_rows(void **state)
{
    (void)state;
    size_t size = 0;
    const part_header header = header_of_test();
    write_part(&header);
    uint8_t *bytes = temp_file_read(path, &size);
    uint8_t *row = bytes + HEADER_BYTES;
    store_le64(row + 8, 999);
    seal(bytes, size, true);
    expect_refusal(bytes, size, ASC_MALFORMED, "expected position 1000, found 999");
    store_le64(row + 8, 1000);
    store_le32(row + 28, 0xffffffffu);
    expect_refusal(bytes, size, ASC_MALFORMED, "row 0: its record reaches beyond the file");
    store_le32(row + 28, 0);
    seal(bytes, size, true);
    memset(bytes + size - TRAILER_BYTES, 0, HASH_BYTES);
    expect_refusal(bytes, size, ASC_MALFORMED, "digest does not agree");
    free(bytes);
}

static void the_writers_own_mistakes(void **state)
{
    (void)state;
    asc_error err;
    row_store store;
    part_writer *writer = NULL;
    part_header header = header_of_test();
    header.n_rows = 1;
    part_row row = row_of_test(0, &store);
    assert_int_equal(part_create(&header, &writer, &err), ASC_OK);
    row.position = 1001;
    assert_int_equal(part_append(writer, &row, &err), ASC_INTERNAL);
    expect_words(&err, "expected the row at position 1000, found 1001");
    row.position = 1000;
    assert_int_equal(part_append(writer, &row, &err), ASC_OK);
    assert_int_equal(part_append(writer, &row, &err), ASC_INTERNAL);
    expect_words(&err, "expected 1 rows");
    part_abort(writer);
    part_abort(NULL);
    assert_int_equal(part_create(&header, &writer, &err), ASC_OK);
    assert_int_equal(part_commit(writer, path, &err), ASC_INTERNAL);
    expect_words(&err, "expected 1 rows, found 0");
    assert_int_equal(temp_folder_count(folder), 0);
}

static void nowhere_to_write(void **state)
{
    (void)state;
    asc_error err;
    char missing[TEMP_PATH_SIZE];
    part_writer *writer = NULL;
    part_header header = header_of_test();
    header.n_rows = 0;
    temp_folder_join(folder, "missing/part", missing);
    assert_int_equal(part_create(&header, &writer, &err), ASC_OK);
    assert_int_equal(part_commit(writer, missing, &err), ASC_CANNOT_CREATE);
    expect_words(&err, missing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trip, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_same_rows_give_the_same_bytes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_part_without_rows, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_fit_of_a_row, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_layout, make_folder, remove_folder),
        cmocka_unit_test(the_digest_of_a_row),
        cmocka_unit_test(the_digest_of_a_long_row),
        cmocka_unit_test_setup_teardown(every_flipped_bit, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(every_truncation, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(extensions, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(anothers_part, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(renamed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(forged_headers, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(forged_rows, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_writers_own_mistakes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(nowhere_to_write, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
