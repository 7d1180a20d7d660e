// The texts of a row's features, from its spans and its text.
#include <ascribe/result.h>

#include "base/fail.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool grow(void *array, size_t count, size_t size)
{
    void *const bigger = realloc(*(void **)array, (count + 1) * size);

    if (bigger)
        *(void **)array = bigger;
    return bigger != NULL;
}

static asc_status reserve(asc_feature_texts *texts, size_t n_features, size_t n_bytes, asc_error *err)
{
    bool enough = true;

    if (n_features > texts->capacity || !texts->offsets) {
        enough = grow(&texts->offsets, n_features + 1, sizeof *texts->offsets) &&
                 grow(&texts->begin, n_features, sizeof *texts->begin) &&
                 grow(&texts->end, n_features, sizeof *texts->end) &&
                 grow(&texts->filled, n_features, sizeof *texts->filled);
        texts->capacity = enough ? n_features : 0;
    }
    if (enough && (n_bytes > texts->bytes_capacity || !texts->bytes)) {
        enough = grow(&texts->bytes, n_bytes, 1);
        texts->bytes_capacity = enough ? n_bytes : 0;
    }
    return enough ? ASC_OK
                  : fail_memory(err, "the texts of a row's features", n_bytes + n_features * sizeof *texts->offsets);
}

// Where span `span` lies in the row's text, inside it whatever the file says; false when its feature does not
// exist.
static bool clamp_span(const asc_feature_spans *spans, size_t span, size_t *begin, size_t *length)
{
    const size_t end = spans->end[span] < spans->text_size ? spans->end[span] : spans->text_size;

    *begin = spans->begin[span] < end ? spans->begin[span] : end;
    *length = spans->text ? end - *begin : 0;
    return spans->feature[span] >= 0 && (size_t)spans->feature[span] < spans->n_features;
}

// offsets[feature + 1] = bytes of the feature's text; begin and end of each feature.
static void measure(asc_feature_texts *texts, const asc_feature_spans *spans)
{
    memset(texts->offsets, 0, (spans->n_features + 1) * sizeof *texts->offsets);
    for (size_t feature = 0; feature < spans->n_features; feature++) {
        texts->begin[feature] = UINT32_MAX;
        texts->end[feature] = 0;
    }
    for (size_t span = 0; span < spans->n_spans; span++) {
        size_t begin, length;
        if (!clamp_span(spans, span, &begin, &length))
            continue;
        const size_t feature = (size_t)spans->feature[span];
        texts->offsets[feature + 1] += length + (texts->offsets[feature + 1] > 0 && length > 0);
        if (spans->begin[span] < texts->begin[feature])
            texts->begin[feature] = spans->begin[span];
        if (spans->end[span] > texts->end[feature])
            texts->end[feature] = spans->end[span];
    }
}

asc_status asc_feature_texts_build(asc_feature_texts *texts, const asc_feature_spans *spans, asc_error *err)
{
    TRY(reserve(texts, spans->n_features, spans->text_size + spans->n_spans, err));
    measure(texts, spans);
    for (size_t feature = 0; feature < spans->n_features; feature++)
        texts->offsets[feature + 1] += texts->offsets[feature];
    TRY(reserve(texts, spans->n_features, texts->offsets[spans->n_features], err));
    for (size_t feature = 0; feature < spans->n_features; feature++) {
        texts->filled[feature] = 0;
        if (texts->begin[feature] == UINT32_MAX)
            texts->begin[feature] = 0;
    }
    for (size_t span = 0; span < spans->n_spans; span++) {
        size_t begin, length;
        if (!clamp_span(spans, span, &begin, &length) || length == 0)
            continue;
        const size_t feature = (size_t)spans->feature[span];
        char *const bytes = texts->bytes + texts->offsets[feature];
        if (texts->filled[feature] > 0)
            bytes[texts->filled[feature]++] = ' ';
        memcpy(bytes + texts->filled[feature], spans->text + begin, length);
        texts->filled[feature] += length;
    }
    return ASC_OK;
}

void asc_feature_texts_free(asc_feature_texts *texts)
{
    free(texts->offsets);
    free(texts->begin);
    free(texts->end);
    free(texts->filled);
    free(texts->bytes);
    *texts = (asc_feature_texts){0};
}
