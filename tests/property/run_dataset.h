// Datasets for whole runs, written row by row in bounded memory with plain HDF5 calls.
//
// A plan names a function that makes row r; everything else follows. The usual row has n features of one or
// two tokens between [CLS] (2) and [SEP] (3), ids that the models under data/golden/models know, and the text
// "w0-<r> w1-<r> ...". Include after cmocka.h.
#ifndef ASCRIBE_TEST_RUN_DATASET_H
#define ASCRIBE_TEST_RUN_DATASET_H

#include "../unit/dataset_fixture.h"

enum {
    RUN_CLS = 2,
    RUN_SEP = 3,
    RUN_MASK = 4,
    RUN_UNKNOWN = 1,
    RUN_FIRST_ID = 5,
    RUN_N_IDS = 50,
    RUN_FIRST_ROW_ID = 100,
    RUN_MOST_TOKENS = 160,
    RUN_KEY_SIZE = 16,
};

typedef struct run_row {
    uint64_t id;
    uint32_t truncated;
    int32_t label;
    size_t n_tokens, n_features, n_bytes; // a span for each feature
    int32_t tokens[RUN_MOST_TOKENS], token_features[RUN_MOST_TOKENS];
    uint32_t span_begin[RUN_MOST_TOKENS], span_end[RUN_MOST_TOKENS];
    char text[16 * RUN_MOST_TOKENS];
} run_row;

typedef struct run_plan {
    size_t n_rows;
    void (*make_row)(size_t row, run_row *out);
    bool bare;                 // neither labels nor keys nor meta
    const char *label_names;   // two names of 8 bytes each; NULL: "negative" and "positive"
    int64_t vocab_size;        // 0: 61, the smallest of the models'
    int64_t mask_token_id;     // 0: RUN_MASK
    const char *tokenizer_sha; // NULL: none
} run_plan;

static inline void run_row_token(run_row *row, int32_t id, int32_t feature)
{
    if (row->n_tokens == RUN_MOST_TOKENS)
        abort();
    row->tokens[row->n_tokens] = id;
    row->token_features[row->n_tokens++] = feature;
}

// The usual row: every third feature has two tokens, contents differ from row to row.
static inline void run_row_usual(size_t row, size_t n_features, run_row *out)
{
    out->id = RUN_FIRST_ROW_ID + row;
    out->label = (int32_t)(row % 3) - 1;
    out->n_features = n_features;
    run_row_token(out, RUN_CLS, -1);
    for (size_t f = 0; f < n_features; f++) {
        for (size_t piece = 0; piece < (f % 3 == 0 ? 2u : 1u); piece++)
            run_row_token(out, (int32_t)(RUN_FIRST_ID + (row * 37 + f * 11 + piece * 5) % RUN_N_IDS),
                          (int32_t)f);
        out->span_begin[f] = (uint32_t)out->n_bytes;
        out->n_bytes += (size_t)sprintf(out->text + out->n_bytes, "w%zu-%zu ", f, row);
        out->span_end[f] = (uint32_t)out->n_bytes - 1;
    }
    run_row_token(out, RUN_SEP, -1);
}

// ---- Streams: one array of the file each ------------------------------------------------------------------

enum {
    STREAM_ELEMENTS = 131072,
    STREAM_ROWS = 65536, // of what has one element per row
}; // as `ascribe prepare` has them: a run's chunk caches are full after a few thousand rows

typedef struct run_stream {
    hid_t set, type;
    size_t element_size, n_buffered;
    hsize_t n_written;
    char *buffer;
} run_stream;

// Takes over `type` when it is a text type.
static inline void run_stream_open(run_stream *s, hid_t file, const char *name, hid_t type, hsize_t chunk)
{
    const hsize_t none = 0, any = H5S_UNLIMITED;
    const hid_t space = H5Screate_simple(1, &none, &any);
    const hid_t create = H5Pcreate(H5P_DATASET_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_chunk(create, 1, &chunk);
    H5Pset_shuffle(create);
    H5Pset_deflate(create, 1);
    H5Pset_fletcher32(create);
    H5Pset_obj_track_times(create, false);
    *s = (run_stream){.type = type, .element_size = H5Tget_size(type)};
    s->set = H5Dcreate2(file, name, type, space, links, create, H5P_DEFAULT);
    fixture_check(s->set);
    s->buffer = fixture_memory(STREAM_ELEMENTS, s->element_size);
    H5Pclose(links);
    H5Pclose(create);
    H5Sclose(space);
}

static inline void run_stream_flush(run_stream *s)
{
    const hsize_t count = s->n_buffered, total = s->n_written + count;
    if (count == 0)
        return;
    fixture_check(H5Dset_extent(s->set, &total));
    const hid_t there = H5Dget_space(s->set), here = H5Screate_simple(1, &count, NULL);
    H5Sselect_hyperslab(there, H5S_SELECT_SET, &s->n_written, NULL, &count, NULL);
    fixture_check(H5Dwrite(s->set, s->type, here, there, H5P_DEFAULT, s->buffer));
    H5Sclose(here);
    H5Sclose(there);
    s->n_written = total;
    s->n_buffered = 0;
}

static inline void run_stream_put(run_stream *s, const void *elements, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(s->buffer + s->n_buffered * s->element_size, (const char *)elements + i * s->element_size,
               s->element_size);
        if (++s->n_buffered == STREAM_ELEMENTS)
            run_stream_flush(s);
    }
}

static inline void run_stream_close(run_stream *s)
{
    run_stream_flush(s);
    free(s->buffer);
    H5Dclose(s->set);
    if (H5Tget_class(s->type) == H5T_STRING)
        H5Tclose(s->type);
}

// ---- A whole file -----------------------------------------------------------------------------------------

typedef enum run_array {
    ROW_ID,
    ROW_TRUNCATED,
    TOKEN_IDS,
    TOKEN_FEATURES,
    TOKEN_OFFSETS,
    FEATURE_OFFSETS,
    SPAN_BEGIN,
    SPAN_END,
    SPAN_FEATURE,
    SPAN_OFFSETS,
    TEXT_BYTES,
    TEXT_OFFSETS,
    ROW_KEY,
    ROW_LABEL,
    META_GROUP,
    META_CITY,
    N_RUN_ARRAYS
} run_array;

typedef struct run_sets {
    run_stream arrays[N_RUN_ARRAYS];
    size_t n_arrays; // ROW_KEY when the plan is bare
    int64_t n_tokens, n_features, n_bytes;
} run_sets;

static inline void run_file_open(run_sets *f, hid_t file, const run_plan *plan)
{
    const bool is_small = plan->n_rows < STREAM_ELEMENTS / 8;
    const struct {
        const char *name;
        hid_t type;
    } arrays[N_RUN_ARRAYS] = {
        [ROW_ID] = {"rows/id", H5T_NATIVE_UINT64},
        [ROW_TRUNCATED] = {"rows/truncated", H5T_NATIVE_UINT32},
        [TOKEN_IDS] = {"tokens/ids", H5T_NATIVE_INT32},
        [TOKEN_FEATURES] = {"tokens/features", H5T_NATIVE_INT32},
        [TOKEN_OFFSETS] = {"tokens/offsets", H5T_NATIVE_INT64},
        [FEATURE_OFFSETS] = {"features/offsets", H5T_NATIVE_INT64},
        [SPAN_BEGIN] = {"spans/begin", H5T_NATIVE_UINT32},
        [SPAN_END] = {"spans/end", H5T_NATIVE_UINT32},
        [SPAN_FEATURE] = {"spans/feature", H5T_NATIVE_INT32},
        [SPAN_OFFSETS] = {"spans/offsets", H5T_NATIVE_INT64},
        [TEXT_BYTES] = {"text/bytes", H5T_NATIVE_UINT8},
        [TEXT_OFFSETS] = {"text/offsets", H5T_NATIVE_INT64},
        [ROW_KEY] = {"rows/key", fixture_text_type(RUN_KEY_SIZE)},
        [ROW_LABEL] = {"labels/values", H5T_NATIVE_INT32},
        [META_GROUP] = {"meta/group", H5T_NATIVE_INT64},
        [META_CITY] = {"meta/city", fixture_text_type(RUN_KEY_SIZE)},
    };
    *f = (run_sets){.n_arrays = plan->bare ? ROW_KEY : N_RUN_ARRAYS};
    for (size_t i = 0; i < f->n_arrays; i++) {
        const bool per_row = i == ROW_ID || i == ROW_TRUNCATED || i >= ROW_KEY;
        const hsize_t chunk = is_small ? 8 * (plan->n_rows + 1) : per_row ? STREAM_ROWS : STREAM_ELEMENTS;
        run_stream_open(&f->arrays[i], file, arrays[i].name, arrays[i].type, chunk);
    }
}

static inline void run_file_put(run_sets *f, run_array which, const void *elements, size_t count)
{
    run_stream_put(&f->arrays[which], elements, count);
}

static inline void run_file_put_offsets(run_sets *f)
{
    run_file_put(f, TOKEN_OFFSETS, &f->n_tokens, 1);
    run_file_put(f, FEATURE_OFFSETS, &f->n_features, 1);
    run_file_put(f, SPAN_OFFSETS, &f->n_features, 1);
    run_file_put(f, TEXT_OFFSETS, &f->n_bytes, 1);
}

static inline void run_file_put_extras(run_sets *f, const run_row *row, size_t position)
{
    char key[RUN_KEY_SIZE] = {0}, city[RUN_KEY_SIZE] = {0};
    const int64_t group = -(int64_t)position;
    snprintf(key, sizeof key, "key-%zu", position % 1000000000);
    snprintf(city, sizeof city, "city-%zu", position % 7);
    run_file_put(f, ROW_KEY, key, 1);
    run_file_put(f, META_CITY, city, 1);
    run_file_put(f, ROW_LABEL, &row->label, 1);
    run_file_put(f, META_GROUP, &group, 1);
}

static inline void run_file_add(run_sets *f, const run_row *row, size_t position)
{
    run_file_put(f, ROW_ID, &row->id, 1);
    run_file_put(f, ROW_TRUNCATED, &row->truncated, 1);
    run_file_put(f, TOKEN_IDS, row->tokens, row->n_tokens);
    run_file_put(f, TOKEN_FEATURES, row->token_features, row->n_tokens);
    run_file_put(f, SPAN_BEGIN, row->span_begin, row->n_features);
    run_file_put(f, SPAN_END, row->span_end, row->n_features);
    for (int32_t feature = 0; feature < (int32_t)row->n_features; feature++)
        run_file_put(f, SPAN_FEATURE, &feature, 1);
    run_file_put(f, TEXT_BYTES, row->text, row->n_bytes);
    f->n_tokens += (int64_t)row->n_tokens;
    f->n_features += (int64_t)row->n_features;
    f->n_bytes += (int64_t)row->n_bytes;
    run_file_put_offsets(f);
    if (f->n_arrays > ROW_KEY)
        run_file_put_extras(f, row, position);
}

static inline void run_dataset_attributes(hid_t file, const run_plan *plan)
{
    fixture_attribute(file, "format", "ascribe-dataset");
    fixture_attribute(file, "format_version", "1.0");
    fixture_attribute(file, "created_by", "fixture");
    fixture_attribute(file, "tokenizer", "tokenizer.json");
    if (plan->tokenizer_sha)
        fixture_attribute(file, "tokenizer_sha256", plan->tokenizer_sha);
    fixture_attribute(file, "granularity", "word");
    fixture_number(file, "vocab_size", plan->vocab_size ? plan->vocab_size : 61);
    fixture_number(file, "mask_token_id", plan->mask_token_id ? plan->mask_token_id : RUN_MASK);
    fixture_number(file, "unk_token_id", RUN_UNKNOWN); // and no padding token
}

// Writes PATH.
static inline void run_dataset_write(const char *path, const run_plan *plan)
{
    run_sets f;
    run_row *row = fixture_memory(1, sizeof *row);
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    fixture_check(file);
    run_dataset_attributes(file, plan);
    run_file_open(&f, file, plan);
    run_file_put_offsets(&f);
    for (size_t r = 0; r < plan->n_rows; r++) {
        memset(row, 0, sizeof *row);
        plan->make_row(r, row);
        run_file_add(&f, row, r);
    }
    for (size_t i = 0; i < f.n_arrays; i++)
        run_stream_close(&f.arrays[i]);
    if (!plan->bare)
        fixture_write_texts(file, "labels/names", 8, 2,
                            plan->label_names ? plan->label_names : "negativepositive");
    H5Fclose(file);
    free(row);
}

#endif
