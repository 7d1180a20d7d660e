// The features of a row by their token ids, from the dataset that the result was made of: "2204", or "4895 8638" where a feature has several.
#ifndef ASCRIBE_GLOBAL_TOKEN_TEXTS_H
#define ASCRIBE_GLOBAL_TOKEN_TEXTS_H

#include "global/collect_row.h"

typedef struct token_texts token_texts;

// Opens and hashes the dataset. ASC_NOT_FOUND, ASC_MALFORMED, ASC_STOPPED.
asc_status token_texts_open(const char *dataset_path, const stop_check *stop, token_texts **out, asc_error *err);
void token_texts_close(token_texts *t); // accepts NULL

// ASC_DIFFERENT_RUN: the result at `path` was made of another dataset, by the SHA-256 in its manifest.
asc_status token_texts_check(const token_texts *t, const char *path, const char *manifest, asc_error *err);
// Reads `count` rows from a position of the dataset on; token_texts_of gives the texts of one of them until the next read.
// ASC_MALFORMED: the row has another id or another number of features there.
asc_status token_texts_read(token_texts *t, int64_t position, size_t count, asc_error *err);
asc_status token_texts_of(token_texts *t, int64_t position, row_at_hand *row, asc_error *err);

#endif
