// From logits to values: what a row's full coalition predicts, and the explained output of every coalition.
//
// record_full: full_logits [R, C] and targets [R, 1] of the sequences that are coalition 0; other rows are
// left alone.
//
// values: values [R, S, K] at each sequence's (row, coalition), output_transform.h on its logits for the
// row's targets.
#include "ref/ref.h"

#include "output_transform.h"

static asc_status check_step(const char *row_name, const char *coalition_name, const step_logits *step,
                             asc_error *err)
{
    TRY(ref_check_shared("logits.source", &step->logits, step->n_sequences, err));
    TRY(ref_check_indexes(row_name, i32_data(step->sequence_row), step->n_sequences, 0, step->n_rows, err));
    return ref_check_indexes(coalition_name, i32_data(step->sequence_coalition), step->n_sequences, 0,
                             step->n_coalitions, err);
}

asc_status ref_record_full(asc_stream *stream, const record_full_args *args, asc_error *err)
{
    (void)stream;
    const step_logits *step = &args->step;
    TRY(check_step("record_full: sequence_row", "record_full: sequence_coalition", step, err));
    for (size_t q = 0; q < step->n_sequences; q++) {
        if (i32_data(step->sequence_coalition)[q] != 0)
            continue;
        const size_t row = (size_t)i32_data(step->sequence_row)[q];
        const logit_row logits = {ref_shared_row(&step->logits, q, step->n_classes), NULL};
        for (size_t c = 0; c < step->n_classes; c++)
            f64_data(args->full_logits)[row * step->n_classes + c] = logit_at(logits, c);
        if (args->targets.buffer)
            i32_data(args->targets)[row] = (int32_t)output_argmax(logits, step->n_classes);
    }
    return ASC_OK;
}

asc_status ref_values(asc_stream *stream, const values_args *args, asc_error *err)
{
    (void)stream;
    const step_logits *step = &args->step;
    const size_t n_targets = args->n_targets;
    TRY(check_step("values: sequence_row", "values: sequence_coalition", step, err));
    for (size_t q = 0; q < step->n_sequences; q++) {
        const size_t row = (size_t)i32_data(step->sequence_row)[q];
        const size_t coalition = (size_t)i32_data(step->sequence_coalition)[q];
        const logit_row logits = {ref_shared_row(&step->logits, q, step->n_classes), NULL};
        const int32_t *targets = i32_data(args->targets) + row * n_targets;
        double *values = f64_data(args->values) + (row * step->n_coalitions + coalition) * n_targets;
        TRY(ref_check_indexes("values: targets", targets, n_targets, -1, step->n_classes, err));
        for (size_t k = 0; k < n_targets; k++)
            values[k] = targets[k] < 0 ? NAN
                                       : output_value(logits, step->n_classes, (size_t)targets[k],
                                                      args->output, args->sigmoid);
    }
    return ASC_OK;
}
