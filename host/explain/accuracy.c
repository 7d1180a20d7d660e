// Comparing predictions with labels; see accuracy.h.
#include "explain/accuracy.h"

#include <math.h>
#include <stdbool.h>

static void count_class(int32_t label_class, const float *scores, size_t n_classes, asc_explain_summary *summary)
{
    size_t predicted = 0;
    if (label_class < 0)
        return;
    for (size_t c = 1; c < n_classes; c++)
        if (scores[c] > scores[predicted])
            predicted = c;
    summary->n_labelled++;
    summary->n_correct += (size_t)label_class == predicted;
}

// labels: [n_label_names], 0 or 1, or not labelled.
static void count_several(const explain_request *request, const uint8_t *labels, const float *scores, size_t n_classes,
                          asc_explain_summary *summary)
{
    size_t n_predicted = 0, n_hit = 0, n_labels = 0;
    if (!request->sigmoid || request->n_label_names == 0 || labels[0] == ASC_NOT_LABELLED)
        return;
    for (size_t c = 0; c < n_classes; c++)
        n_predicted += scores[c] > 0.5f;
    for (size_t i = 0; i < request->n_label_names; i++) {
        const int32_t label_class = request_label_class(request, (int32_t)i);
        if (label_class < 0)
            return;
        n_labels += labels[i];
        n_hit += labels[i] && scores[label_class] > 0.5f;
    }
    summary->n_labelled++;
    summary->n_correct += n_hit == n_labels && n_hit == n_predicted;
}

void accuracy_count(const explain_request *request, const asc_rows *rows, size_t row, const float *scores, size_t n_classes,
                    asc_explain_summary *summary)
{
    if (isnan(scores[0]))
        return;
    if (rows->labels) {
        count_class(request_label_class(request, rows->labels[row]), scores, n_classes, summary);
    } else if (rows->label_matrix) {
        count_several(request, rows->label_matrix + row * request->n_label_names, scores, n_classes, summary);
    } else if (rows->label_numbers && n_classes == 1 && !isnan(rows->label_numbers[row])) {
        summary->n_numbers++;
        summary->sum_absolute_error += fabs((double)scores[0] - rows->label_numbers[row]);
    }
}
