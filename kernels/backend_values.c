// The wrappers of the operations on values and attributions; see backend.h and backend_check.h.
#include "backend_check.h"

// ---- Values and attributions --------------------------------------------------------------------

static void need_step(contract *c, const step_logits *step)
{
    need_size(c, step->n_rows, 0, "n_rows");
    need_size(c, step->n_coalitions, 1, "n_coalitions");
    need_size(c, step->n_sequences, 0, "n_sequences");
    need_size(c, step->n_classes, 1, "n_classes");
    need(c, step->n_sequences <= times(step->n_rows, step->n_coalitions), "n_sequences",
         "more sequences than coalitions of all rows");
}

asc_status op_record_full(asc_stream *stream, const record_full_args *args, asc_error *err)
{
    const step_logits *step = &args->step;
    contract c = contract_of(stream, "record_full", err);
    need_step(&c, step);
    const argument list[] = {
        {"sequence_row", step->sequence_row, ASC_I32, step->n_sequences, IN},
        {"sequence_coalition", step->sequence_coalition, ASC_I32, step->n_sequences, IN},
        {"logits", step->logits.data, ASC_REAL, times(shared_count(&step->logits, step->n_sequences), step->n_classes), IN},
        {"logits.source", step->logits.source, ASC_I32, step->n_sequences, IN_OPTIONAL},
        {"full_logits", args->full_logits, ASC_F64, times(step->n_rows, step->n_classes), OUT},
        {"targets", args->targets, ASC_I32, step->n_rows, OUT_OPTIONAL},
    };
    CHECK(&c, list);
    if (step->n_sequences == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->record_full(stream, args, err));
}

asc_status op_values(asc_stream *stream, const values_args *args, asc_error *err)
{
    const step_logits *step = &args->step;
    contract c = contract_of(stream, "values", err);
    need_step(&c, step);
    need_size(&c, args->n_targets, 1, "n_targets");
    need(&c, args->output >= ASC_OUTPUT_LOGIT && args->output <= ASC_OUTPUT_LOGODDS, "output",
         "unknown output");
    const size_t n_values = times(times(step->n_rows, step->n_coalitions), args->n_targets);
    const argument list[] = {
        {"sequence_row", step->sequence_row, ASC_I32, step->n_sequences, IN},
        {"sequence_coalition", step->sequence_coalition, ASC_I32, step->n_sequences, IN},
        {"logits", step->logits.data, ASC_REAL, times(shared_count(&step->logits, step->n_sequences), step->n_classes), IN},
        {"logits.source", step->logits.source, ASC_I32, step->n_sequences, IN_OPTIONAL},
        {"targets", args->targets, ASC_I32, times(step->n_rows, args->n_targets), IN},
        {"values", args->values, ASC_F64, n_values, OUT},
    };
    CHECK(&c, list);
    if (step->n_sequences == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->values(stream, args, err));
}

static void need_contrasts(contract *c, const attribute_args *args)
{
    need_size(c, args->n_rows, 0, "n_rows");
    need_size(c, args->n_features, 0, "n_features");
    need_size(c, args->n_coalitions, 2, "n_coalitions");
    need_size(c, args->n_targets, 1, "n_targets");
    need(c, times(args->n_contrasts, args->paired ? 2 : 1) == args->n_coalitions, "n_contrasts",
         args->paired ? "a paired design has n_coalitions / 2" : "an unpaired design has n_coalitions");
    need(c, args->error_kind >= ASC_SE_ZERO && args->error_kind <= ASC_SE_NAN, "error_kind", "unknown kind");
    need(c, args->error_kind != ASC_SE_HC3 || args->paired, "error_kind", "HC3 needs a paired design");
    need(c, args->error_kind != ASC_SE_HC3 || args->loo_factor.buffer != NULL, "loo_factor",
         "no buffer, but HC3 needs it");
}

asc_status op_attribute(asc_stream *stream, const attribute_args *args, asc_error *err)
{
    contract c = contract_of(stream, "attribute", err);
    need_contrasts(&c, args);
    const size_t n_permuted = times(args->n_rows, args->n_features);
    const size_t n_phi = times(n_permuted, args->n_targets);
    const size_t row_values = times(args->n_coalitions, args->n_targets);
    const argument list[] = {
        {"values", args->values, ASC_F64, times(args->n_rows, row_values), IN},
        {"permutations", args->permutations, ASC_I32, n_permuted, IN},
        {"design_masks", args->design_masks, ASC_U64, times(args->n_coalitions, mask_words(args->n_features)),
         IN},
        {"map", args->map, ASC_F64, times(args->n_features, args->n_contrasts), IN},
        {"loo_factor", args->loo_factor, ASC_F64, args->n_contrasts, IN_OPTIONAL},
        {"phi", args->phi, ASC_F64, n_phi, OUT},
        {"std_errors", args->std_errors, ASC_F64, n_phi, OUT},
        {"anchors", args->anchors, ASC_F64, times(args->n_rows, times(2, args->n_targets)), OUT},
        {"finite", args->finite, ASC_I32, args->n_rows, OUT},
    };
    CHECK(&c, list);
    if (args->n_rows == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->attribute(stream, args, err));
}

static void need_solver(contract *c, const solve_args *args)
{
    const bool constrained = args->kind == ASC_SOLVE_CONSTRAINED, ridge = args->kind == ASC_SOLVE_RIDGE;
    need_size(c, args->n_rows, 0, "n_rows");
    need_size(c, args->n_features, 1, "n_features");
    need_size(c, args->n_coalitions, 2, "n_coalitions");
    need_size(c, args->n_targets, 1, "n_targets");
    need(c, args->kind >= ASC_SOLVE_WALKS && args->kind <= ASC_SOLVE_RIDGE, "kind", "unknown kind");
    need(c, args->selection >= ASC_SELECT_ALL && args->selection <= ASC_SELECT_LASSO, "selection", "unknown selection");
    need(c, args->selection == ASC_SELECT_ALL || (args->selection == ASC_SELECT_LARS ? constrained : ridge), "selection",
         "does not belong to this kind");
    need(c, args->selection == ASC_SELECT_ALL || args->n_selected > 0, "n_selected", "expected at least 1");
    need(c, args->kind == ASC_SOLVE_WALKS || args->weights.buffer != NULL, "weights", "no buffer, but a regression needs it");
    need(c, (args->selection != ASC_SELECT_LARS && args->selection != ASC_SELECT_LASSO) || args->n_draws.buffer != NULL, "n_draws",
         "no buffer, but a path needs it");
    need(c, ridge == (args->fit.buffer != NULL), "fit", "belongs to a ridge regression and to nothing else");
    need(c, !ridge || args->ridge > 0, "ridge", "expected a penalty above 0");
}

asc_status op_solve(asc_stream *stream, const solve_args *args, asc_error *err)
{
    contract c = contract_of(stream, "solve", err);
    need_solver(&c, args);
    const size_t n_coalitions = times(args->n_rows, args->n_coalitions);
    const size_t n_phi = times(times(args->n_rows, args->n_features), args->n_targets);
    const size_t n_targets = times(args->n_rows, args->n_targets);
    const argument list[] = {
        {"values", args->values, ASC_F64, times(n_coalitions, args->n_targets), IN},
        {"masks", args->masks, ASC_U64, times(n_coalitions, mask_words(args->n_features)), IN},
        {"weights", args->weights, ASC_F64, n_coalitions, IN_OPTIONAL},
        {"counts", args->counts, ASC_I32, args->n_rows, IN},
        {"n_draws", args->n_draws, ASC_I32, args->n_rows, IN_OPTIONAL},
        {"phi", args->phi, ASC_F64, n_phi, OUT},
        {"std_errors", args->std_errors, ASC_F64, n_phi, OUT},
        {"anchors", args->anchors, ASC_F64, times(2, n_targets), OUT},
        {"fit", args->fit, ASC_F64, times(3, n_targets), OUT_OPTIONAL},
        {"finite", args->finite, ASC_I32, args->n_rows, OUT},
        {"deficient", args->deficient, ASC_I32, args->n_rows, OUT},
    };
    CHECK(&c, list);
    if (args->n_rows == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->solve(stream, args, err));
}
