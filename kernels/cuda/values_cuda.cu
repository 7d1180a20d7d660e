// From logits to values in double: what a row's full coalition predicts, and the explained output of every coalition. The formulas are
// output_transform.h's; exp and log are CUDA's. See backend.h for the shapes. A thread a sequence, or a sequence and target.
#include "cuda/cuda.cuh"

#include "output_transform.h"

enum { THREADS = 128 };

struct step_view {
    size_t n_rows, n_coalitions, n_sequences, n_classes;
    size_t n_logits; // rows of `logits`
    const int *sequence_row, *sequence_coalition, *source;
    const float *logits;
    int *fault;
};

// ---- Logits in float --------------------------------------------------------------------------------------------

template <typename real> static __global__ void widen_kernel(size_t count, const real *from, float *to)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < count)
        to[i] = to_float(from[i]);
}

template <typename real> static void widen(asc_stream *stream, size_t count, const real *from, float *to)
{
    CUDA_LAUNCH((widen_kernel<real>), cuda_blocks(count, THREADS), THREADS, 0, stream, count, from, to);
}

// The step's arrays; logits in float, in the stream's scratch where they are stored otherwise.
static asc_status open_step(asc_stream *stream, const step_logits *step, step_view *view, asc_error *err)
{
    const cuda_precision precision = cuda_device_of(stream)->precision;
    const size_t n_logits = step->logits.source.buffer ? step->logits.n_rows : step->n_sequences, count = n_logits * step->n_classes;
    void *scratch = nullptr;
    *view = {step->n_rows,
             step->n_coalitions,
             step->n_sequences,
             step->n_classes,
             n_logits,
             cuda_data<int>(step->sequence_row),
             cuda_data<int>(step->sequence_coalition),
             cuda_data<int>(step->logits.source),
             cuda_data<float>(step->logits.data),
             cuda_device_of(stream)->fault};
    if (precision == CUDA_FP32 || precision == CUDA_TF32 || count == 0)
        return ASC_OK;
    TRY(cuda_scratch(stream, count * sizeof(float), &scratch, err));
    CUDA_BY_REAL(stream, widen<real>(stream, count, cuda_data<real>(step->logits.data), static_cast<float *>(scratch)));
    view->logits = static_cast<float *>(scratch);
    return cuda_launched(stream, "logits", err);
}

// ---- The kernels ------------------------------------------------------------------------------------------------

struct sequence_place {
    size_t row, coalition;
    logit_row logits;
};

// False, and a fault, when an index of sequence q is out of bounds.
static __device__ bool find_place(const step_view &step, size_t q, sequence_place *place)
{
    const int row = step.sequence_row[q], coalition = step.sequence_coalition[q], at = step.source ? step.source[q] : (int)q;
    if (row < 0 || (size_t)row >= step.n_rows || coalition < 0 || (size_t)coalition >= step.n_coalitions || at < 0 ||
        (size_t)at >= step.n_logits) {
        *step.fault = CUDA_FAULT_INDEX;
        return false;
    }
    *place = {(size_t)row, (size_t)coalition, {nullptr, step.logits + (size_t)at * step.n_classes}};
    return true;
}

static __global__ void record_full_kernel(step_view step, double *full_logits, int *targets)
{
    const size_t q = (size_t)blockIdx.x * THREADS + threadIdx.x;
    sequence_place place;
    if (q >= step.n_sequences || !find_place(step, q, &place) || place.coalition != 0)
        return;
    for (size_t c = 0; c < step.n_classes; c++)
        full_logits[place.row * step.n_classes + c] = logit_at(place.logits, c);
    if (targets)
        targets[place.row] = (int)output_argmax(place.logits, step.n_classes);
}

struct value_view {
    asc_output output;
    bool sigmoid;
    size_t n_targets;
    const int *targets;
    double *values;
};

static __global__ void values_kernel(step_view step, value_view view)
{
    const size_t index = (size_t)blockIdx.x * THREADS + threadIdx.x, q = index / view.n_targets, k = index % view.n_targets;
    sequence_place place;
    if (q >= step.n_sequences || !find_place(step, q, &place))
        return;
    const int target = view.targets[place.row * view.n_targets + k];
    if (target < -1 || (target >= 0 && (size_t)target >= step.n_classes)) {
        *step.fault = CUDA_FAULT_INDEX;
        return;
    }
    view.values[(place.row * step.n_coalitions + place.coalition) * view.n_targets + k] =
        target < 0 ? (double)NAN : output_value(place.logits, step.n_classes, (size_t)target, view.output, view.sigmoid);
}

asc_status cuda_record_full(asc_stream *stream, const record_full_args *args, asc_error *err)
{
    step_view step;
    TRY(open_step(stream, &args->step, &step, err));
    CUDA_LAUNCH(record_full_kernel, cuda_blocks(step.n_sequences, THREADS), THREADS, 0, stream, step, cuda_data<double>(args->full_logits),
                cuda_data<int>(args->targets));
    return cuda_launched(stream, "record_full", err);
}

asc_status cuda_values(asc_stream *stream, const values_args *args, asc_error *err)
{
    step_view step;
    const value_view view = {args->output, args->sigmoid, args->n_targets, cuda_data<int>(args->targets), cuda_data<double>(args->values)};
    TRY(open_step(stream, &args->step, &step, err));
    CUDA_LAUNCH(values_kernel, cuda_blocks(step.n_sequences * args->n_targets, THREADS), THREADS, 0, stream, step, view);
    return cuda_launched(stream, "values", err);
}
