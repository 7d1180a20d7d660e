// See row_tally.h. Until the end a column holds a sum: of squares where it will be a standard deviation or error.
#include "probe/row_tally.h"

#include "model/loss.h"

#include <math.h>

static double *of(const row_tally *t, probe_column column)
{
    return t->content->columns[column];
}

asc_status row_tally_begin(row_tally *t, const asc_model *model, probe_content *content, asc_error *err)
{
    *t = (row_tally){.model = model, .content = content};
    for (probe_column i = PROBE_ENTROPY; i < N_PROBE_COLUMNS; i++)
        TRY(probe_content_allocate(content, i, err));
    content->facts.n_ablated = content->facts.n_tokens = content->facts.n_skipped = content->facts.n_with_loss = 0;
    return neuron_rows_create(probe_column_lines(&content->facts, PROBE_NEURON_MAX), content->facts.n_top_rows, &t->neurons, err);
}

static void add_attention(const row_tally *t, const row_numbers *row)
{
    static const probe_column columns[N_ATTENTION_NUMBERS] = {PROBE_ENTROPY, PROBE_TO_FIRST, PROBE_TO_LAST, PROBE_TO_SELF, PROBE_TO_PREVIOUS, PROBE_TO_NEXT};
    const size_t n_heads = probe_column_lines(&t->content->facts, PROBE_ENTROPY);
    for (size_t line = 0; line < n_heads; line++) {
        const double *numbers = row->attention + line * N_ATTENTION_NUMBERS;
        for (size_t i = 0; i < N_ATTENTION_NUMBERS; i++)
            of(t, columns[i])[line] += numbers[i];
        of(t, PROBE_ENTROPY_STD)[line] += numbers[ATTENTION_ENTROPY] * numbers[ATTENTION_ENTROPY];
    }
}

static void add_hidden(const row_tally *t, const row_numbers *row)
{
    for (size_t depth = 0; depth <= t->content->facts.n_blocks; depth++) {
        of(t, PROBE_NORM_MEAN)[depth] += row->norms[depth];
        of(t, PROBE_NORM_STD)[depth] += row->squares[depth];
        of(t, PROBE_COSINE_BEFORE)[depth] += row->before[depth];
        of(t, PROBE_COSINE_TOKENS)[depth] += row->pairs[depth];
    }
}

static void add_neurons(row_tally *t, const row_numbers *row)
{
    for (size_t i = 0; i < t->neurons.n_neurons; i++)
        of(t, PROBE_NEURON_MEAN)[i] += row->neuron_sum[i];
    neuron_rows_add(&t->neurons, row);
}

// ---- Ablation ----

// NaN where the row has no label that the model's loss takes.
static double loss_at(const asc_model *model, const row_numbers *row, const double *logits)
{
    const row_label label = {.class_index = row->label_class, .number = row->label_number};
    if (model->config.problem == PROBLEM_REGRESSION)
        return model->n_classes == 1 ? loss_of(LOSS_SQUARED_ERROR, logits, 1, label) : NAN;
    return model->sigmoid || label.class_index < 0 ? NAN : loss_of(LOSS_CROSS_ENTROPY, logits, model->n_classes, label);
}

// Whether another class is predicted; with one output, whether it is on the other side of 0.
static bool flips(const asc_model *model, const double *before, const double *after)
{
    return model->n_classes > 1 ? loss_top_class(before, model->n_classes) != loss_top_class(after, model->n_classes) : (before[0] > 0) != (after[0] > 0);
}

static void add_ablation(const row_tally *t, const row_numbers *row)
{
    const size_t n_classes = t->model->n_classes, predicted = loss_top_class(row->logits, n_classes);
    const double loss = loss_at(t->model, row, row->logits);
    t->content->facts.n_ablated++;
    t->content->facts.n_with_loss += isnan(loss) ? 0 : 1;
    for (size_t line = 0; line < probe_column_lines(&t->content->facts, PROBE_FLIPS); line++) {
        const double *ablated = row->ablated_logits + line * n_classes;
        const double change = ablated[predicted] - row->logits[predicted];
        const double worse = isnan(loss) ? 0 : loss_at(t->model, row, ablated) - loss;
        of(t, PROBE_LOGIT_CHANGE)[line] += change;
        of(t, PROBE_LOGIT_CHANGE_ABS)[line] += fabs(change);
        of(t, PROBE_LOGIT_STD_ERROR)[line] += change * change;
        of(t, PROBE_LOSS_CHANGE)[line] += worse;
        of(t, PROBE_LOSS_STD_ERROR)[line] += worse * worse;
        of(t, PROBE_FLIPS)[line] += flips(t->model, row->logits, ablated);
    }
}

void row_tally_add(row_tally *t, const row_numbers *row)
{
    if (!row->usable) {
        t->content->facts.n_skipped++;
        return;
    }
    t->n_usable++;
    t->n_pairs += row->n_tokens > 1;
    t->content->facts.n_tokens += row->n_tokens;
    add_attention(t, row);
    add_hidden(t, row);
    add_neurons(t, row);
    if (row->ablated)
        add_ablation(t, row);
}

// ---- The end ----

// Sums over n to means; NaN where n is 0.
static void divide(const row_tally *t, probe_column column, uint64_t n)
{
    for (size_t i = 0; i < probe_column_lines(&t->content->facts, column); i++)
        of(t, column)[i] = n > 0 ? of(t, column)[i] / (double)n : NAN;
}

// A sum of squares over n, beside its mean, to the standard deviation (n - 1) over `root`: 1, or the root of n for the mean's standard error.
static void deviate(const row_tally *t, probe_column column, probe_column mean, uint64_t n, double root)
{
    for (size_t i = 0; i < probe_column_lines(&t->content->facts, column); i++) {
        const double rest = of(t, column)[i] - (double)n * of(t, mean)[i] * of(t, mean)[i];
        of(t, column)[i] = n > 1 ? sqrt(fmax(rest, 0) / (double)(n - 1)) / root : NAN;
    }
}

static void end_ablation(const row_tally *t)
{
    const uint64_t ablated = t->content->facts.n_ablated, labelled = t->content->facts.n_with_loss;
    if (ablated == 0)
        return;
    divide(t, PROBE_LOGIT_CHANGE, ablated);
    divide(t, PROBE_LOGIT_CHANGE_ABS, ablated);
    divide(t, PROBE_FLIPS, ablated);
    divide(t, PROBE_LOSS_CHANGE, labelled);
    deviate(t, PROBE_LOGIT_STD_ERROR, PROBE_LOGIT_CHANGE, ablated, sqrt((double)ablated));
    deviate(t, PROBE_LOSS_STD_ERROR, PROBE_LOSS_CHANGE, labelled, sqrt((double)labelled));
}

asc_status row_tally_end(row_tally *t, asc_error *err)
{
    const probe_facts *f = &t->content->facts;
    const uint64_t rows = t->n_usable;
    for (probe_column i = PROBE_TO_FIRST; i <= PROBE_TO_SELF; i++)
        divide(t, i, rows);
    divide(t, PROBE_TO_PREVIOUS, t->n_pairs);
    divide(t, PROBE_TO_NEXT, t->n_pairs);
    divide(t, PROBE_ENTROPY, rows);
    deviate(t, PROBE_ENTROPY_STD, PROBE_ENTROPY, rows, 1);
    divide(t, PROBE_NORM_MEAN, f->n_tokens);
    deviate(t, PROBE_NORM_STD, PROBE_NORM_MEAN, f->n_tokens, 1);
    divide(t, PROBE_COSINE_BEFORE, f->n_tokens);
    divide(t, PROBE_COSINE_TOKENS, t->n_pairs);
    divide(t, PROBE_NEURON_MEAN, f->n_tokens);
    of(t, PROBE_COSINE_BEFORE)[0] = NAN;
    end_ablation(t);
    return neuron_rows_put(&t->neurons, t->content, err);
}

void row_tally_free(row_tally *t)
{
    neuron_rows_free(&t->neurons);
}
