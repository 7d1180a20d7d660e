// From logits in float to values in double: what a row's full coalition predicts, and the explained output of
// every coalition. The formulas are output_transform.h's. See backend.h for the shapes.
#include "cpu/cpu.h"

#include "output_transform.h"

// Row and coalition of a step's sequence q.
typedef struct place {
    size_t row, coalition;
} place;

static asc_status find_place(const step_logits *step, size_t q, place *out, asc_error *err)
{
    const int32_t row = cpu_i32(step->sequence_row)[q], coalition = cpu_i32(step->sequence_coalition)[q];
    TRY(cpu_check_index("sequence_row", row, 0, step->n_rows, err));
    TRY(cpu_check_index("sequence_coalition", coalition, 0, step->n_coalitions, err));
    *out = (place){(size_t)row, (size_t)coalition};
    return ASC_OK;
}

asc_status cpu_record_full(asc_stream *stream, const record_full_args *args, asc_error *err)
{
    (void)stream;
    const step_logits *step = &args->step;
    TRY(cpu_check_shared("record_full: logits.source", &step->logits, step->n_sequences, err));
    for (size_t q = 0; q < step->n_sequences; q++) {
        place at;
        TRY(find_place(step, q, &at, err));
        if (at.coalition != 0)
            continue;
        const logit_row logits = {NULL, cpu_shared_row(&step->logits, q, step->n_classes)};
        for (size_t c = 0; c < step->n_classes; c++)
            cpu_f64(args->full_logits)[at.row * step->n_classes + c] = logit_at(logits, c);
        if (args->targets.buffer)
            cpu_i32(args->targets)[at.row] = (int32_t)output_argmax(logits, step->n_classes);
    }
    return ASC_OK;
}

asc_status cpu_values(asc_stream *stream, const values_args *args, asc_error *err)
{
    (void)stream;
    const step_logits *step = &args->step;
    const size_t n_targets = args->n_targets;
    TRY(cpu_check_shared("values: logits.source", &step->logits, step->n_sequences, err));
    for (size_t q = 0; q < step->n_sequences; q++) {
        place at;
        TRY(find_place(step, q, &at, err));
        const logit_row logits = {NULL, cpu_shared_row(&step->logits, q, step->n_classes)};
        const int32_t *targets = cpu_i32(args->targets) + at.row * n_targets;
        double *values = cpu_f64(args->values) + (at.row * step->n_coalitions + at.coalition) * n_targets;
        for (size_t k = 0; k < n_targets; k++) {
            TRY(cpu_check_index("values: targets", targets[k], -1, step->n_classes, err));
            values[k] = targets[k] < 0 ? NAN
                                       : output_value(logits, step->n_classes, (size_t)targets[k],
                                                      args->output, args->sigmoid);
        }
    }
    return ASC_OK;
}
