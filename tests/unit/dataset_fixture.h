// A small dataset file for tests, written with plain HDF5 calls, whole or with one defect of choice.
//
// Row r has r % 5 features; feature f has 1 + f % 2 tokens between [CLS] (101) and [SEP] (102); the text of
// feature f is "w<f>-<r> ". Labels are r % 3 - 1, keys "key-<r>", meta columns `city`, `group` and `score`.
#ifndef ASCRIBE_TEST_DATASET_FIXTURE_H
#define ASCRIBE_TEST_DATASET_FIXTURE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum dataset_defect {
    DEFECT_NONE,
    DEFECT_NO_LABELS_KEYS_META,
    DEFECT_MISSING_DATASET,
    DEFECT_FLOAT_IDS,
    DEFECT_VLEN_KEYS,
    DEFECT_SHORT_TRUNCATED,
    DEFECT_OFFSETS_FALL,
    DEFECT_OFFSETS_START,
    DEFECT_OFFSETS_END,
    DEFECT_FEATURE_TOO_LARGE,
    DEFECT_FEATURE_TOO_SMALL,
    DEFECT_FEATURE_WITHOUT_TOKEN,
    DEFECT_NEGATIVE_ID,
    DEFECT_SPAN_OUTSIDE,
    DEFECT_SPAN_BACKWARDS,
    DEFECT_SPAN_FEATURE,
    DEFECT_LABEL_WITHOUT_NAME,
    DEFECT_META_LENGTH,
    DEFECT_META_COMPOUND,
    DEFECT_SOFT_LINK,
    DEFECT_EXTERNAL_LINK,
    DEFECT_EXTERNAL_STORAGE,
    DEFECT_VIRTUAL,
    DEFECT_NEVER_WRITTEN,
    DEFECT_MISSING_CHUNK,
    DEFECT_HUGE,
    DEFECT_OTHER_FILTER,
    DEFECT_NEWER_VERSION,
    DEFECT_NO_FORMAT,
    DEFECT_RESULT_FORMAT,
} dataset_defect;

typedef struct dataset_arrays {
    size_t n_rows, n_tokens, n_features, n_spans, n_bytes;
    uint64_t *id;
    uint32_t *truncated;
    int64_t *token_offsets, *feature_offsets, *span_offsets, *text_offsets;
    int32_t *tokens, *token_features;
    uint8_t *token_types;
    uint32_t *span_begin, *span_end;
    int32_t *span_feature;
    char *text;
    int32_t *labels;
    char (*keys)[12];
    char (*cities)[8];
    int64_t *groups;
    double *scores;
} dataset_arrays;

static inline size_t fixture_features(size_t row)
{
    return row % 5;
}

static inline void fixture_add_row(dataset_arrays *a, size_t row)
{
    const size_t n_features = fixture_features(row);
    const size_t first_byte = a->n_bytes;
    a->id[row] = 1000 + 7 * row;
    a->truncated[row] = row == 2 ? 5 : 0;
    a->tokens[a->n_tokens] = 101;
    a->token_features[a->n_tokens++] = -1;
    for (size_t f = 0; f < n_features; f++) {
        for (size_t t = 0; t < 1 + f % 2; t++) {
            a->token_types[a->n_tokens] = f > 1;
            a->tokens[a->n_tokens] = (int32_t)(200 + 10 * row + f);
            a->token_features[a->n_tokens++] = (int32_t)f;
        }
        const int length = sprintf(a->text + a->n_bytes, "w%zu-%zu ", f, row);
        a->span_begin[a->n_spans] = (uint32_t)(a->n_bytes - first_byte);
        a->n_bytes += (size_t)length;
        a->span_end[a->n_spans] = (uint32_t)(a->n_bytes - first_byte - 1);
        a->span_feature[a->n_spans++] = (int32_t)f;
    }
    a->tokens[a->n_tokens] = 102;
    a->token_features[a->n_tokens++] = -1;
    a->n_features += n_features;
    a->token_offsets[row + 1] = (int64_t)a->n_tokens;
    a->feature_offsets[row + 1] = (int64_t)a->n_features;
    a->span_offsets[row + 1] = (int64_t)a->n_spans;
    a->text_offsets[row + 1] = (int64_t)a->n_bytes;
    a->labels[row] = (int32_t)(row % 3) - 1;
    snprintf(a->keys[row], sizeof a->keys[row], "key-%zu", row % 10000000);
    snprintf(a->cities[row], sizeof a->cities[row], "city%zu", row % 2);
    a->groups[row] = -(int64_t)row;
    a->scores[row] = 0.5 * (double)row;
}

static inline void *fixture_memory(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        abort();
    return memory;
}

static inline dataset_arrays fixture_arrays(size_t n_rows)
{
    dataset_arrays a = {.n_rows = n_rows};
    const size_t rows = n_rows + 1, flat = 8 * rows;
    a.id = fixture_memory(rows, sizeof *a.id);
    a.truncated = fixture_memory(rows, sizeof *a.truncated);
    a.token_offsets = fixture_memory(rows, sizeof *a.token_offsets);
    a.feature_offsets = fixture_memory(rows, sizeof *a.feature_offsets);
    a.span_offsets = fixture_memory(rows, sizeof *a.span_offsets);
    a.text_offsets = fixture_memory(rows, sizeof *a.text_offsets);
    a.tokens = fixture_memory(flat, sizeof *a.tokens);
    a.token_features = fixture_memory(flat, sizeof *a.token_features);
    a.token_types = fixture_memory(flat, sizeof *a.token_types);
    a.span_begin = fixture_memory(flat, sizeof *a.span_begin);
    a.span_end = fixture_memory(flat, sizeof *a.span_end);
    a.span_feature = fixture_memory(flat, sizeof *a.span_feature);
    a.text = fixture_memory(flat, 16);
    a.labels = fixture_memory(rows, sizeof *a.labels);
    a.keys = fixture_memory(rows, sizeof *a.keys);
    a.cities = fixture_memory(rows, sizeof *a.cities);
    a.groups = fixture_memory(rows, sizeof *a.groups);
    a.scores = fixture_memory(rows, sizeof *a.scores);
    for (size_t row = 0; row < n_rows; row++)
        fixture_add_row(&a, row);
    return a;
}

static inline void fixture_free(dataset_arrays *a)
{
    void *const all[] = {
        a->id,     a->truncated,      a->token_offsets, a->feature_offsets, a->span_offsets, a->text_offsets,
        a->tokens, a->token_features, a->token_types,   a->span_begin,      a->span_end,     a->span_feature,
        a->text,   a->labels,         a->keys,          a->cities,          a->groups,       a->scores};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static inline void fixture_check(hid_t id)
{
    if (id < 0)
        abort();
}

static inline void fixture_write(hid_t file, const char *name, hid_t type, size_t count, const void *values)
{
    const hsize_t extent = count, chunk = count < 64 ? (count ? count : 1) : count < 5000 ? 64 : 5000;
    const hid_t space = H5Screate_simple(1, &extent, NULL);
    const hid_t create = H5Pcreate(H5P_DATASET_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_chunk(create, 1, &chunk);
    H5Pset_obj_track_times(create, false);
    if (H5Tget_class(type) != H5T_STRING ||
        H5Tis_variable_str(type) == 0) { // HDF5 has no filters for variable-length data
        H5Pset_shuffle(create);
        H5Pset_deflate(create, 1);
        H5Pset_fletcher32(create);
    }
    const hid_t set = H5Dcreate2(file, name, type, space, links, create, H5P_DEFAULT);
    fixture_check(set);
    if (count > 0)
        fixture_check(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    H5Dclose(set);
    H5Pclose(links);
    H5Pclose(create);
    H5Sclose(space);
}

static inline hid_t fixture_text_type(size_t size)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    return type;
}

static inline void fixture_write_texts(hid_t file, const char *name, size_t size, size_t count,
                                       const void *values)
{
    const hid_t type = fixture_text_type(size);
    fixture_write(file, name, type, count, values);
    H5Tclose(type);
}

static inline void fixture_attribute(hid_t file, const char *name, const char *value)
{
    const hid_t type = fixture_text_type(strlen(value) ? strlen(value) : 1);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    fixture_check(H5Awrite(attribute, type, value));
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static inline void fixture_number(hid_t file, const char *name, int64_t value)
{
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(file, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    fixture_check(H5Awrite(attribute, H5T_NATIVE_INT64, &value));
    H5Aclose(attribute);
    H5Sclose(space);
}

static inline void fixture_break_arrays(dataset_arrays *a, dataset_defect defect)
{
    // Row 4 (n_rows > 4) has four features and tokens [CLS] 0 1 1 2 3 3 [SEP].
    const int64_t token = a->n_rows > 4 ? a->token_offsets[4] : 0,
                  span = a->n_rows > 4 ? a->span_offsets[4] : 0;
    switch (defect) {
    case DEFECT_OFFSETS_FALL: a->token_offsets[4] = a->token_offsets[5] + 1; break;
    case DEFECT_OFFSETS_START: a->span_offsets[0] = 1; break;
    case DEFECT_OFFSETS_END: a->token_offsets[a->n_rows]++; break;
    case DEFECT_FEATURE_TOO_LARGE: a->token_features[token + 1] = 4; break;
    case DEFECT_FEATURE_TOO_SMALL: a->token_features[token + 1] = -2; break;
    case DEFECT_FEATURE_WITHOUT_TOKEN: a->token_features[token + 1] = 1; break;
    case DEFECT_NEGATIVE_ID: a->tokens[token + 1] = -3; break;
    case DEFECT_SPAN_OUTSIDE: a->span_end[span + 3] += 2; break;
    case DEFECT_SPAN_BACKWARDS: a->span_begin[span + 3] = a->span_end[span + 3] + 1; break;
    case DEFECT_SPAN_FEATURE: a->span_feature[span + 3] = 4; break;
    case DEFECT_LABEL_WITHOUT_NAME: a->labels[4] = 2; break;
    default: break;
    }
}

// rows/truncated in the many shapes that must not be read.
static inline void fixture_write_truncated(hid_t file, const dataset_arrays *a, dataset_defect defect)
{
    const hsize_t extent = defect == DEFECT_HUGE ? (hsize_t)1 << 40 : a->n_rows,
                  chunk = a->n_rows ? a->n_rows : 1;
    const hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    const hid_t space = H5Screate_simple(1, &extent, NULL);
    const hsize_t part = 50, none = 0;
    bool write = false;
    switch (defect) {
    case DEFECT_MISSING_DATASET: goto done;
    case DEFECT_SOFT_LINK:
        fixture_check(H5Lcreate_soft("/rows/id", file, "rows/truncated", H5P_DEFAULT, H5P_DEFAULT));
        goto done;
    case DEFECT_EXTERNAL_LINK:
        fixture_check(H5Lcreate_external("other.h5", "/x", file, "rows/truncated", H5P_DEFAULT, H5P_DEFAULT));
        goto done;
    case DEFECT_EXTERNAL_STORAGE: H5Pset_external(create, "/etc/passwd", 0, a->n_rows * 4); break;
    case DEFECT_VIRTUAL: H5Pset_virtual(create, space, "other.h5", "/x", space); break;
    case DEFECT_HUGE: H5Pset_chunk(create, 1, &chunk); break;
    case DEFECT_MISSING_CHUNK:
        H5Pset_chunk(create, 1, &part);
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &none, NULL, &part, NULL);
        write = true;
        break;
    case DEFECT_OTHER_FILTER:
        H5Pset_chunk(create, 1, &chunk);
        H5Pset_nbit(create);
        write = true;
        break;
    default: break; // DEFECT_NEVER_WRITTEN: contiguous, without data
    }
    const hid_t set =
        H5Dcreate2(file, "rows/truncated", H5T_STD_U32LE, space, H5P_DEFAULT, create, H5P_DEFAULT);
    fixture_check(set);
    if (write)
        fixture_check(H5Dwrite(set, H5T_NATIVE_UINT32, space, space, H5P_DEFAULT, a->truncated));
    H5Dclose(set);
done:
    H5Sclose(space);
    H5Pclose(create);
}

static inline void fixture_write_rows(hid_t file, const dataset_arrays *a, dataset_defect defect)
{
    const size_t n = a->n_rows;
    fixture_write(file, "rows/id", H5T_NATIVE_UINT64, n, a->id);
    if (defect == DEFECT_MISSING_DATASET || (defect >= DEFECT_SOFT_LINK && defect <= DEFECT_OTHER_FILTER))
        fixture_write_truncated(file, a, defect);
    else
        fixture_write(file, "rows/truncated", H5T_NATIVE_UINT32, n - (defect == DEFECT_SHORT_TRUNCATED),
                      a->truncated);
    if (defect == DEFECT_VLEN_KEYS) {
        const hid_t type = H5Tcopy(H5T_C_S1);
        const char **pointers = fixture_memory(n, sizeof *pointers);
        for (size_t row = 0; row < n; row++)
            pointers[row] = a->keys[row];
        H5Tset_size(type, H5T_VARIABLE);
        fixture_write(file, "rows/key", type, n, pointers);
        free(pointers);
        H5Tclose(type);
    } else if (defect != DEFECT_NO_LABELS_KEYS_META) {
        fixture_write_texts(file, "rows/key", sizeof a->keys[0], n, a->keys);
    }
}

static inline void fixture_write_extras(hid_t file, const dataset_arrays *a, dataset_defect defect)
{
    if (defect == DEFECT_NO_LABELS_KEYS_META)
        return;
    fixture_write(file, "labels/values", H5T_NATIVE_INT32, a->n_rows, a->labels);
    fixture_write_texts(file, "labels/names", 3, 2, "no\0yes");
    fixture_write(file, "meta/group", H5T_NATIVE_INT64, a->n_rows - (defect == DEFECT_META_LENGTH),
                  a->groups);
    fixture_write(file, "meta/score", H5T_NATIVE_DOUBLE, a->n_rows, a->scores);
    fixture_write_texts(file, "meta/city", sizeof a->cities[0], a->n_rows, a->cities);
    if (defect == DEFECT_META_COMPOUND) {
        const hid_t type = H5Tcreate(H5T_COMPOUND, 8);
        H5Tinsert(type, "x", 0, H5T_NATIVE_DOUBLE);
        fixture_write(file, "meta/pair", type, a->n_rows, a->scores);
        H5Tclose(type);
    }
}

static inline void fixture_write_attributes(hid_t file, dataset_defect defect)
{
    if (defect != DEFECT_NO_FORMAT)
        fixture_attribute(file, "format",
                          defect == DEFECT_RESULT_FORMAT ? "ascribe-result" : "ascribe-dataset");
    fixture_attribute(file, "format_version", defect == DEFECT_NEWER_VERSION ? "2.0" : "1.3");
    fixture_attribute(file, "created_by", "fixture");
    fixture_attribute(file, "tokenizer", "tokenizer.json");
    fixture_attribute(file, "granularity", "word");
    fixture_number(file, "vocab_size", 30522);
    fixture_number(file, "max_length", 512);
    fixture_number(file, "n_truncated", 1);
    fixture_number(file, "mask_token_id", 103);
    fixture_number(file, "pad_token_id", 0);
}

// Writes PATH and returns what was meant to be in it (the caller frees it with fixture_free).
static inline dataset_arrays fixture_build(const char *path, size_t n_rows, dataset_defect defect)
{
    dataset_arrays a = fixture_arrays(n_rows);
    const size_t n = n_rows;
    fixture_break_arrays(&a, defect);
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    fixture_check(file);
    fixture_write_attributes(file, defect);
    fixture_write_rows(file, &a, defect);
    if (defect == DEFECT_FLOAT_IDS) {
        float *floats = fixture_memory(a.n_tokens, sizeof *floats);
        fixture_write(file, "tokens/ids", H5T_NATIVE_FLOAT, a.n_tokens, floats);
        free(floats);
    } else {
        fixture_write(file, "tokens/ids", H5T_NATIVE_INT32, a.n_tokens, a.tokens);
    }
    fixture_write(file, "tokens/features", H5T_NATIVE_INT32, a.n_tokens, a.token_features);
    fixture_write(file, "tokens/types", H5T_NATIVE_UINT8, a.n_tokens, a.token_types);
    fixture_write(file, "tokens/offsets", H5T_NATIVE_INT64, n + 1, a.token_offsets);
    fixture_write(file, "features/offsets", H5T_NATIVE_INT64, n + 1, a.feature_offsets);
    fixture_write(file, "spans/begin", H5T_NATIVE_UINT32, a.n_spans, a.span_begin);
    fixture_write(file, "spans/end", H5T_NATIVE_UINT32, a.n_spans, a.span_end);
    fixture_write(file, "spans/feature", H5T_NATIVE_INT32, a.n_spans, a.span_feature);
    fixture_write(file, "spans/offsets", H5T_NATIVE_INT64, n + 1, a.span_offsets);
    fixture_write(file, "text/bytes", H5T_NATIVE_UINT8, a.n_bytes, a.text);
    fixture_write(file, "text/offsets", H5T_NATIVE_INT64, n + 1, a.text_offsets);
    fixture_write_extras(file, &a, defect);
    H5Fclose(file);
    return a;
}

#endif
