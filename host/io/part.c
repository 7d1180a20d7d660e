// Part files. Numbers are little-endian, floats are IEEE 754 binary32 and keep their bits, NaN payloads too.
//
//   header, 368 bytes          row record, 32 + 8MK + 16K + 4C + 4FK bytes, then 8 bytes of checksum
//     0  magic [8]               0  id uint64
//     8  version uint32 = 2      8  position int64
//    12  K uint32               16  evaluations int64
//    16  C uint32               24  status uint32
//    20  F uint32               28  M uint32
//    24  manifest hash [32]     32  values float32 [M, K]
//    56  index int64                std_errors float32 [M, K]
//    64  first_position int64       base_values, outputs, efficiency_residual float32 [K] each
//    72  n_rows int64               targets int32 [K]
//    80  sum of M uint64            scores float32 [C]
//    88  file size uint64
//    96  kernel set [256]           fit float32 [F, K]
//   352  checksum [8]         trailer, 40 bytes: SHA-256 of all before [32], end mark [8]
//   360  zero [8]
//
// The kernel set is ASCII, filled up with zeros; version 1 had none and 112 bytes of header. A checksum is the first 8 bytes
// of the SHA-256 of what stands before it in the header or record. The header alone tells the file's size, so a cut or grown file is known before memory for it is asked for. A row's
// record without its checksum is also what part_row_digest feeds, so a digest over a result can be recomputed
// by anyone from the arrays themselves.
#include "io/part.h"

#include "base/checked.h"
#include "base/durable.h"
#include "base/file.h"
#include "base/little_endian.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PART_VERSION = 2,
    MAGIC_BYTES = 8,
    CHECKSUM_BYTES = 8,
    HEADER_BYTES = 368,
    KERNEL_SET_AT = 96,
    HEADER_CHECKSUM_AT = 352,
    RECORD_HEAD_BYTES = 32,
    TRAILER_BYTES = HASH_BYTES + MAGIC_BYTES,
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a record's arrays are used and hashed where they lie");

// As in PNG: a byte that is no ASCII, both line ends and a control-Z show what a text-mode copy has done.
static const uint8_t start_mark[MAGIC_BYTES] = {0x89, 'A', 'S', 'P', '\r', '\n', 0x1a, '\n'};
static const uint8_t end_mark[MAGIC_BYTES] = {'P', 'A', 'R', 'T', ' ', 'E', 'N', 'D'};

struct part_writer {
    part_header header;
    int64_t n_appended;
    uint64_t sum_features;
    uint8_t *bytes;
    size_t size, capacity;
};

struct part_reader {
    part_header header;
    uint64_t sum_features;
    uint8_t *bytes; // the whole file
    size_t size;
    uint8_t **rows; // [n_rows + 1] where each record begins, and the end of the last one's checksum
};

// ---- Sizes and small fields
// ----------------------------------------------------------------------------------------

static part_shape shape_of(const part_header *header)
{
    return (part_shape){header->n_targets, header->n_classes, header->n_fit};
}

// Bytes of one record without its checksum; false when they cannot be counted.
static bool record_size(size_t n_features, part_shape shape, size_t *size)
{
    size_t words = 0, product = 0;
    return checked_multiply(n_features, shape.n_targets, &product) && checked_multiply(product, 2, &words) &&
           checked_multiply(shape.n_targets, 4 + (size_t)shape.n_fit, &product) && checked_add(words, product, &words) &&
           checked_add(words, shape.n_classes, &words) && checked_multiply(words, 4, size) &&
           checked_add(*size, RECORD_HEAD_BYTES, size);
}

// Bytes of a whole part; false when they cannot be counted.
static bool part_size(const part_header *header, uint64_t sum_features, size_t *size)
{
    size_t row = 0, values = 0;
    return record_size(0, shape_of(header), &row) &&
           checked_add(row, CHECKSUM_BYTES, &row) && checked_multiply(row, (size_t)header->n_rows, &row) &&
           checked_multiply((size_t)sum_features, header->n_targets, &values) &&
           checked_multiply(values, 8, &values) && checked_add(row, values, size) &&
           checked_add(*size, HEADER_BYTES + TRAILER_BYTES, size);
}

size_t part_bytes(const part_header *header, uint64_t sum_features)
{
    size_t size = 0;
    return part_size(header, sum_features, &size) ? size : 0;
}

static void checksum(const uint8_t *bytes, size_t size, uint8_t sum[CHECKSUM_BYTES])
{
    uint8_t digest[HASH_BYTES];
    hash_bytes(bytes, size, digest);
    memcpy(sum, digest, CHECKSUM_BYTES);
}

static bool checksum_agrees(const uint8_t *bytes, size_t size)
{
    uint8_t sum[CHECKSUM_BYTES];
    checksum(bytes, size, sum);
    return memcmp(sum, bytes + size, CHECKSUM_BYTES) == 0;
}

static void store_record_head(uint8_t head[RECORD_HEAD_BYTES], const part_row *row)
{
    store_le64(head, row->id);
    store_le64(head + 8, (uint64_t)row->position);
    store_le64(head + 16, (uint64_t)row->evaluations);
    store_le32(head + 24, row->status);
    store_le32(head + 28, row->n_features);
}

typedef struct word_array {
    const void *words;
    size_t n_words;
} word_array;

enum { N_ARRAYS = 8 };

// The arrays of a record in their order: the one place that defines it for writing and for the digest.
static void list_arrays(const part_row *row, part_shape shape, word_array arrays[N_ARRAYS])
{
    const size_t n_targets = shape.n_targets, n_values = row->n_features * n_targets;
    arrays[0] = (word_array){row->values, n_values};
    arrays[1] = (word_array){row->std_errors, n_values};
    arrays[2] = (word_array){row->base_values, n_targets};
    arrays[3] = (word_array){row->outputs, n_targets};
    arrays[4] = (word_array){row->efficiency_residual, n_targets};
    arrays[5] = (word_array){row->targets, n_targets};
    arrays[6] = (word_array){row->scores, shape.n_classes};
    arrays[7] = (word_array){row->fit, shape.n_fit * n_targets};
}

void part_row_digest(hash_state *state, const part_row *row, part_shape shape)
{
    uint8_t head[RECORD_HEAD_BYTES];
    word_array arrays[N_ARRAYS];
    store_record_head(head, row);
    hash_add(state, head, sizeof head);
    list_arrays(row, shape, arrays);
    for (size_t array = 0; array < N_ARRAYS; array++)
        hash_add(state, arrays[array].words, 4 * arrays[array].n_words);
}

// ---- Writing
// -------------------------------------------------------------------------------------------------------

static void store_header(uint8_t *bytes, const part_header *header, uint64_t sum_features, size_t file_size)
{
    memset(bytes, 0, HEADER_BYTES);
    memcpy(bytes, start_mark, MAGIC_BYTES);
    store_le32(bytes + 8, PART_VERSION);
    store_le32(bytes + 12, header->n_targets);
    store_le32(bytes + 16, header->n_classes);
    store_le32(bytes + 20, header->n_fit);
    memcpy(bytes + 24, header->manifest_hash, HASH_BYTES);
    store_le64(bytes + 56, (uint64_t)header->index);
    store_le64(bytes + 64, (uint64_t)header->first_position);
    store_le64(bytes + 72, (uint64_t)header->n_rows);
    store_le64(bytes + 80, sum_features);
    store_le64(bytes + 88, file_size);
    snprintf((char *)bytes + KERNEL_SET_AT, PART_KERNEL_SET_SIZE, "%s", header->kernel_set);
    checksum(bytes, HEADER_CHECKSUM_AT, bytes + HEADER_CHECKSUM_AT);
}

// Makes room for `more` bytes at the end; the writer's memory doubles.
static asc_status reserve(part_writer *writer, size_t more, asc_error *err)
{
    size_t needed = 0;
    if (!checked_add(writer->size, more, &needed))
        return fail_memory(err, "a part of the results", more);
    if (needed <= writer->capacity)
        return ASC_OK;
    size_t capacity = 0;
    if (!checked_multiply(writer->capacity, 2, &capacity) || capacity < needed)
        capacity = needed;
    uint8_t *grown = realloc(writer->bytes, capacity);
    if (!grown)
        return fail_memory(err, "a part of the results", capacity);
    writer->bytes = grown;
    writer->capacity = capacity;
    return ASC_OK;
}

asc_status part_create(const part_header *header, part_writer **out, asc_error *err)
{
    assert(header && out && header->index >= 0 && header->first_position >= 0 && header->n_rows >= 0);
    assert(header->n_targets > 0 && header->n_classes > 0);
    *out = NULL;
    part_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return fail_memory(err, "a part of the results", sizeof *writer);
    writer->header = *header;
    const asc_status status = reserve(writer, HEADER_BYTES, err);
    if (status != ASC_OK) {
        part_abort(writer);
        return status;
    }
    writer->size = HEADER_BYTES;
    *out = writer;
    return ASC_OK;
}

asc_status part_append(part_writer *writer, const part_row *row, asc_error *err)
{
    assert(writer && row);
    const part_header *header = &writer->header;
    if (writer->n_appended == header->n_rows)
        return fail(err, ASC_INTERNAL, "part %" PRId64 ": expected %" PRId64 " rows, found one more",
                    header->index, header->n_rows);
    const int64_t position = header->first_position + writer->n_appended;
    if (row->position != position)
        return fail(err, ASC_INTERNAL,
                    "part %" PRId64 ": expected the row at position %" PRId64 ", found %" PRId64,
                    header->index, position, row->position);
    size_t size = 0;
    if (!record_size(row->n_features, shape_of(header), &size))
        return fail_memory(err, "a row of results", SIZE_MAX);
    TRY(reserve(writer, size + CHECKSUM_BYTES, err));
    uint8_t *record = writer->bytes + writer->size;
    uint8_t *next = record + RECORD_HEAD_BYTES;
    word_array arrays[N_ARRAYS];
    store_record_head(record, row);
    list_arrays(row, shape_of(header), arrays);
    for (size_t array = 0; array < N_ARRAYS; array++) {
        const size_t bytes = 4 * arrays[array].n_words;
        if (bytes > 0)
            memcpy(next, arrays[array].words, bytes);
        next += bytes;
    }
    assert(next == record + size);
    checksum(record, size, next);
    writer->size += size + CHECKSUM_BYTES;
    writer->sum_features += row->n_features;
    writer->n_appended++;
    return ASC_OK;
}

asc_status part_commit(part_writer *writer, const char *path, asc_error *err)
{
    assert(writer && path);
    const part_header *header = &writer->header;
    asc_status status = ASC_OK;
    if (writer->n_appended != header->n_rows) {
        status = fail(err, ASC_INTERNAL, "part %" PRId64 ": expected %" PRId64 " rows, found %" PRId64,
                      header->index, header->n_rows, writer->n_appended);
        goto done;
    }
    status = reserve(writer, TRAILER_BYTES, err);
    if (status != ASC_OK)
        goto done;
    const size_t body = writer->size;
    writer->size += TRAILER_BYTES;
    store_header(writer->bytes, header, writer->sum_features, writer->size);
    hash_bytes(writer->bytes, body, writer->bytes + body);
    memcpy(writer->bytes + body + HASH_BYTES, end_mark, MAGIC_BYTES);
    status = durable_write(path, writer->bytes, writer->size, err);

done:
    part_abort(writer);
    return status;
}

void part_abort(part_writer *writer)
{
    if (!writer)
        return;
    free(writer->bytes);
    free(writer);
}

// ---- Reading
// -------------------------------------------------------------------------------------------------------

// Printable ASCII, then zeros to the end.
static bool load_kernel_set(const uint8_t *bytes, char text[PART_KERNEL_SET_SIZE])
{
    size_t length = 0;
    while (length < PART_KERNEL_SET_SIZE && bytes[length] >= ' ' && bytes[length] <= '~')
        length++;
    for (size_t i = length; i < PART_KERNEL_SET_SIZE; i++)
        if (bytes[i] != 0)
            return false;
    memcpy(text, bytes, PART_KERNEL_SET_SIZE);
    return length < PART_KERNEL_SET_SIZE;
}

// Is this the beginning of a part, of this version, and as it was written?
static asc_status check_start(const char *path, const uint8_t *bytes, asc_error *err)
{
    static const uint8_t zeros[HEADER_BYTES - HEADER_CHECKSUM_AT - CHECKSUM_BYTES];
    if (memcmp(bytes, start_mark, MAGIC_BYTES) != 0)
        return fail(err, ASC_MALFORMED, "%s: expected a part file, found another beginning", path);
    if (load_le32(bytes + 8) != PART_VERSION)
        return fail(err, ASC_MALFORMED, "%s: expected version %d of part files, found %" PRIu32, path,
                    PART_VERSION, load_le32(bytes + 8));
    if (!checksum_agrees(bytes, HEADER_CHECKSUM_AT) ||
        memcmp(bytes + HEADER_CHECKSUM_AT + CHECKSUM_BYTES, zeros, sizeof zeros) != 0)
        return fail(err, ASC_MALFORMED, "%s: the header's checksum does not agree: the file is damaged",
                    path);
    return ASC_OK;
}

// Fills the reader's header from the file's first bytes and holds the file's real size against the stated.
static asc_status load_header(const char *path, const uint8_t *bytes, part_reader *reader, asc_error *err)
{
    part_header *header = &reader->header;
    TRY(check_start(path, bytes, err));
    header->n_targets = load_le32(bytes + 12);
    header->n_classes = load_le32(bytes + 16);
    header->n_fit = load_le32(bytes + 20);
    memcpy(header->manifest_hash, bytes + 24, HASH_BYTES);
    header->index = (int64_t)load_le64(bytes + 56);
    header->first_position = (int64_t)load_le64(bytes + 64);
    header->n_rows = (int64_t)load_le64(bytes + 72);
    reader->sum_features = load_le64(bytes + 80);
    const uint64_t stated = load_le64(bytes + 88);
    int64_t past_end = 0;
    size_t counted = 0;
    if (header->index < 0 || header->first_position < 0 || header->n_rows < 0 ||
        __builtin_add_overflow(header->first_position, header->n_rows, &past_end))
        return fail(err, ASC_MALFORMED, "%s: the header states an impossible range of rows", path);
    if (!load_kernel_set(bytes + KERNEL_SET_AT, header->kernel_set))
        return fail(err, ASC_MALFORMED, "%s: the header's kernel set is no text", path);
    if (header->n_targets == 0 || header->n_classes == 0)
        return fail(err, ASC_MALFORMED, "%s: expected at least one target and one class, found none", path);
    if (!part_size(header, reader->sum_features, &counted) || counted != stated)
        return fail(err, ASC_MALFORMED, "%s: the header's counts do not agree with the size it states", path);
    if (reader->size != counted)
        return fail(err, ASC_MALFORMED, "%s: expected %zu bytes, found %zu: %s", path, counted, reader->size,
                    reader->size < counted ? "the file is truncated" : "there are extra bytes at the end");
    return ASC_OK;
}

static asc_status check_identity(const char *path, const part_header *expected, const part_header *found,
                                 asc_error *err)
{
    char expected_hex[HASH_HEX_SIZE], found_hex[HASH_HEX_SIZE];
    if (!expected)
        return ASC_OK;
    if (memcmp(expected->manifest_hash, found->manifest_hash, HASH_BYTES) != 0) {
        hash_hex(expected->manifest_hash, expected_hex);
        hash_hex(found->manifest_hash, found_hex);
        return fail(err, ASC_DIFFERENT_RUN,
                    "%s: belongs to another run: expected manifest %.16s, found %.16s", path, expected_hex,
                    found_hex);
    }
    if (expected->index != found->index)
        return fail(err, ASC_DIFFERENT_RUN,
                    "%s: expected part %" PRId64 ", found part %" PRId64 ": the file was renamed or copied",
                    path, expected->index, found->index);
    return ASC_OK;
}

// Walks over the records: each must lie inside the body, agree with its checksum (unless the caller knows) and be the row of its place.
static asc_status load_rows(const char *path, bool check_sums, part_reader *reader, asc_error *err)
{
    const part_header *header = &reader->header;
    const size_t n_rows = (size_t)header->n_rows;
    reader->rows = calloc(n_rows + 1, sizeof *reader->rows);
    if (!reader->rows)
        return fail_memory(err, "the rows of a part", n_rows * sizeof *reader->rows);
    uint8_t *record = reader->bytes + HEADER_BYTES;
    size_t left = reader->size - HEADER_BYTES - TRAILER_BYTES;
    for (size_t row = 0; row < n_rows; row++) {
        size_t size = 0;
        if (left < RECORD_HEAD_BYTES ||
            !record_size(load_le32(record + 28), shape_of(header), &size) ||
            left < size || left - size < CHECKSUM_BYTES)
            return fail(err, ASC_MALFORMED,
                        "%s: row %zu: its record reaches beyond the file: the file is damaged", path, row);
        if (check_sums && !checksum_agrees(record, size))
            return fail(err, ASC_MALFORMED, "%s: row %zu: its checksum does not agree: the file is damaged",
                        path, row);
        const int64_t position = (int64_t)load_le64(record + 8);
        if (position != header->first_position + (int64_t)row)
            return fail(err, ASC_MALFORMED, "%s: row %zu: expected position %" PRId64 ", found %" PRId64,
                        path, row, header->first_position + (int64_t)row, position);
        reader->rows[row] = record;
        record += size + CHECKSUM_BYTES;
        left -= size + CHECKSUM_BYTES;
    }
    reader->rows[n_rows] = record;
    if (left != 0)
        return fail(err, ASC_MALFORMED, "%s: %zu bytes belong to no row: the file is damaged", path, left);
    return ASC_OK;
}

static asc_status check_trailer(const char *path, const part_reader *reader, asc_error *err)
{
    const uint8_t *trailer = reader->bytes + reader->size - TRAILER_BYTES;
    uint8_t digest[HASH_BYTES];
    if (memcmp(trailer + HASH_BYTES, end_mark, MAGIC_BYTES) != 0)
        return fail(err, ASC_MALFORMED, "%s: the end mark is missing: the file is damaged", path);
    hash_bytes(reader->bytes, reader->size - TRAILER_BYTES, digest);
    if (memcmp(trailer, digest, HASH_BYTES) != 0)
        return fail(err, ASC_MALFORMED, "%s: the digest does not agree: the file is damaged", path);
    return ASC_OK;
}

static asc_status read_header(int descriptor, const char *path, uint8_t head[HEADER_BYTES], part_reader *reader, asc_error *err)
{
    if (reader->size < HEADER_BYTES + TRAILER_BYTES)
        return fail(err, ASC_MALFORMED,
                    "%s: expected a part of at least %d bytes, found %zu: the file is truncated", path,
                    HEADER_BYTES + TRAILER_BYTES, reader->size);
    TRY(file_read_exactly(descriptor, path, head, HEADER_BYTES, err));
    return load_header(path, head, reader, err);
}

static asc_status load_part(int descriptor, const char *path, const part_header *expected, bool check_sums,
                            part_reader *reader, asc_error *err)
{
    uint8_t head[HEADER_BYTES];
    TRY(read_header(descriptor, path, head, reader, err));
    TRY(check_identity(path, expected, &reader->header, err));
    reader->bytes = malloc(reader->size);
    if (!reader->bytes)
        return fail_memory(err, path, reader->size);
    memcpy(reader->bytes, head, HEADER_BYTES);
    TRY(file_read_exactly(descriptor, path, reader->bytes + HEADER_BYTES, reader->size - HEADER_BYTES, err));
    TRY(load_rows(path, check_sums, reader, err));
    TRY(check_trailer(path, reader, err));
    return ASC_OK;
}

static asc_status open_part(const char *path, const part_header *expected, bool check_sums, part_reader **out, asc_error *err)
{
    assert(path && out);
    int descriptor = -1;
    *out = NULL;
    part_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return fail_memory(err, "a part of the results", sizeof *reader);
    asc_status status = file_open(path, &descriptor, &reader->size, err);
    if (status != ASC_OK)
        goto done;
    status = load_part(descriptor, path, expected, check_sums, reader, err);
    if (status != ASC_OK)
        goto done;
    *out = reader;
    reader = NULL;

done:
    if (descriptor >= 0)
        close(descriptor);
    part_close(reader);
    return status;
}

asc_status part_open(const char *path, const part_header *expected, part_reader **out, asc_error *err)
{
    return open_part(path, expected, true, out, err);
}

asc_status part_open_again(const char *path, const part_header *expected, part_reader **out, asc_error *err)
{
    return open_part(path, expected, false, out, err);
}

asc_status part_peek(const char *path, const part_header *expected, part_facts *out, asc_error *err)
{
    int descriptor = -1;
    part_reader reader = {0};
    uint8_t head[HEADER_BYTES];
    TRY(file_open(path, &descriptor, &reader.size, err));
    asc_status status = read_header(descriptor, path, head, &reader, err);
    close(descriptor);
    if (status == ASC_OK)
        status = check_identity(path, expected, &reader.header, err);
    *out = (part_facts){reader.header, reader.sum_features, reader.size};
    return status;
}

const part_header *part_reader_header(const part_reader *reader)
{
    return &reader->header;
}

size_t part_reader_features(const part_reader *reader)
{
    return (size_t)reader->sum_features;
}

part_row part_read(const part_reader *reader, size_t row)
{
    assert(reader && row < (size_t)reader->header.n_rows);
    const uint8_t *record = reader->rows[row];
    const size_t n_targets = reader->header.n_targets;
    part_row found = {
        .id = load_le64(record),
        .position = (int64_t)load_le64(record + 8),
        .evaluations = (int64_t)load_le64(record + 16),
        .status = load_le32(record + 24),
        .n_features = load_le32(record + 28),
    };
    const size_t n_values = found.n_features * n_targets;
    const float *next = (const float *)(const void *)(record + RECORD_HEAD_BYTES);
    found.values = next;
    found.std_errors = next += n_values;
    found.base_values = next += n_values;
    found.outputs = next += n_targets;
    found.efficiency_residual = next += n_targets;
    found.targets = (const int32_t *)(const void *)(next += n_targets);
    found.scores = next + n_targets;
    found.fit = found.scores + reader->header.n_classes;
    return found;
}

void part_digest(const part_reader *reader, hash_state *state)
{
    for (size_t row = 0; row < (size_t)reader->header.n_rows; row++)
        hash_add(state, reader->rows[row], (size_t)(reader->rows[row + 1] - reader->rows[row]) - CHECKSUM_BYTES);
}

void part_close(part_reader *reader)
{
    if (!reader)
        return;
    free(reader->rows);
    free(reader->bytes);
    free(reader);
}
