// Rows on their way into a collector, whatever they come from.
#ifndef ASCRIBE_GLOBAL_COLLECT_ROW_H
#define ASCRIBE_GLOBAL_COLLECT_ROW_H

#include "global/collect.h"
#include "io/result_read.h"

typedef struct row_at_hand {
    const float *values;        // [M, K]; what is not finite does not count
    const int32_t *targets;     // [K]
    const float *scores;        // [C]
    const char *texts;          // of the features, back to back
    const size_t *text_offsets; // [M + 1]
    size_t n_features, n_targets;
    bool unexplained;
    uint64_t id;
    int32_t label, prediction;
} row_at_hand;

// What an input says of itself; the path outlives the collector.
typedef struct input_facts {
    const char *path, *settings;
    const char *const *class_names, *const *label_names;
    size_t n_classes, n_label_names;
} input_facts;

// The first one decides; others must agree.
asc_status collect_facts(collector *c, const input_facts *input, asc_error *err);
asc_status collect_row(collector *c, const row_at_hand *row, asc_error *err);
asc_status collect_source(collector *c, const char *name, const char *digest, uint64_t rows, asc_error *err);

asc_status collect_poll(const collector *c, asc_error *err); // ASC_STOPPED when the job asks for it
bool collect_folds_case(const collector *c);

// The row's features by their texts, which `texts` keeps.
asc_status row_texts_of(asc_feature_texts *texts, const asc_result_rows *rows, size_t i, row_at_hand *row, asc_error *err);

#endif
