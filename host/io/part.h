// Part files: the results of a fixed range of rows in a flat format of our own, immutable once they have their name.
//
// Layout (little-endian, see part.c): magic, version, manifest hash, range, K, C, kernel set | per row: record + its checksum |
// SHA-256 of all before, end magic. The header says how many rows there are and each record how long it is; truncation,
// extension, a flipped bit, another run's part or a renamed one are each told apart and named.
#ifndef ASCRIBE_IO_PART_H
#define ASCRIBE_IO_PART_H

#include "base/fail.h"
#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

// The result of one row; M = n_features of the row, K targets, C classes. Arrays are borrowed by the writer and belong to the
// reader. NaN marks exactly the places where there is no answer.
typedef struct part_row {
    uint64_t id;
    int64_t position;    // in the dataset
    int64_t evaluations; // coalitions evaluated, v(empty) and v(all) apart
    uint32_t status;     // ASC_ROW_* bits
    uint32_t n_features;
    const float *values;              // [M, K]
    const float *std_errors;          // [M, K]
    const float *base_values;         // [K]
    const float *outputs;             // [K]
    const float *efficiency_residual; // [K]
    const int32_t *targets;           // [K] class indexes
    const float *scores;              // [C]
    const float *fit;                 // [F, K]: what a method gives besides; lime: intercept, score, local prediction
} part_row;

enum { PART_KERNEL_SET_SIZE = 256 };

typedef struct part_header {
    uint8_t manifest_hash[HASH_BYTES];
    int64_t index;          // part k of the run
    int64_t first_position; // dataset positions [first, first + n_rows)
    int64_t n_rows;
    uint32_t n_targets; // K
    uint32_t n_classes; // C
    uint32_t n_fit;     // F
    char kernel_set[PART_KERNEL_SET_SIZE]; // which one computed it; printable ASCII
} part_header;

typedef struct part_writer part_writer;

// Collects rows in memory, in the order of their positions: row i has position first_position + i, and all n_rows
// must be there (ASC_INTERNAL otherwise). K and C are at least 1. part_commit writes PATH through base/durable and
// releases the writer whether or not that succeeds.
asc_status part_create(const part_header *header, part_writer **out, asc_error *err);
asc_status part_append(part_writer *writer, const part_row *row, asc_error *err);
asc_status part_commit(part_writer *writer, const char *path, asc_error *err);
void part_abort(part_writer *writer); // accepts NULL

typedef struct part_reader part_reader;

// Opens and checks everything (length, checksums, digest, end mark). ASC_NOT_FOUND, ASC_MALFORMED; ASC_DIFFERENT_RUN when the
// manifest hash or the index is not `expected`'s (NULL: any).
asc_status part_open(const char *path, const part_header *expected, part_reader **out, asc_error *err);
typedef asc_status part_opener(const char *path, const part_header *expected, part_reader **out, asc_error *err);
// The same, without the rows' own checksums: for a file that part_open has accepted. That it is the same still, its digest tells.
asc_status part_open_again(const char *path, const part_header *expected, part_reader **out, asc_error *err);

// What the header alone says; `bytes` is the file's size, which agrees with it. Errors as part_open, but for damage further on.
typedef struct part_facts {
    part_header header;
    uint64_t sum_features;
    size_t bytes;
} part_facts;
asc_status part_peek(const char *path, const part_header *expected, part_facts *out, asc_error *err);

const part_header *part_reader_header(const part_reader *reader);
size_t part_reader_features(const part_reader *reader); // of all rows
// Row `row` of the part; pointers stay valid until part_close.
part_row part_read(const part_reader *reader, size_t row);
void part_close(part_reader *reader); // accepts NULL

// Bytes of the file of a part with this header and so many features in all its rows; 0 when they cannot be counted.
size_t part_bytes(const part_header *header, uint64_t sum_features);

// Feeds a row's whole record to a running digest, in the order that defines the result file's `digest`: id,
// position, evaluations (64 bits each), status, M (32 bits each), values, std_errors, base_values, outputs,
// efficiency_residual, targets, scores, fit, every number little-endian.
typedef struct part_shape {
    uint32_t n_targets, n_classes, n_fit;
} part_shape;
void part_row_digest(hash_state *state, const part_row *row, part_shape shape);
void part_digest(const part_reader *reader, hash_state *state); // the same for all rows of a part

#endif
