// See overflow.h.
#include "explain/overflow.h"

#include <ascribe/result.h>

#include <stdlib.h>

struct overflow {
    explain_request request; // shares what it points to with the first engine's
    engine *engine;
};

static size_t find_overflown(const explained *results, bool *overflown)
{
    size_t count = 0;
    for (size_t row = 0; row < results->n_rows; row++) {
        overflown[row] = results->rows[row].status & ASC_ROW_NON_FINITE;
        count += overflown[row];
    }
    return count;
}

static asc_status make_engine(const engine_config *like, overflow **kept, asc_error *err)
{
    if (*kept)
        return ASC_OK;
    overflow *o = calloc(1, sizeof *o);
    if (!o)
        return fail_memory(err, "the engine in bf16", sizeof *o);
    engine_config config = *like;
    o->request = *like->request;
    o->request.precision = ASC_PRECISION_BF16;
    config.request = &o->request;
    const asc_status status = engine_create(&config, &o->engine, err);
    if (status == ASC_OK)
        *kept = o;
    else
        free(o);
    return status;
}

static asc_status explain_again(const engine_config *like, const asc_rows *rows, const bool *overflown, overflow **kept, explained **out,
                                asc_error *err)
{
    TRY(make_engine(like, kept, err));
    return engine_explain_some((*kept)->engine, rows, overflown, out, err);
}

asc_status overflow_recompute(const engine_config *like, const asc_rows *rows, overflow **kept, explained *results, asc_error *err)
{
    bool *overflown = calloc(results->n_rows + 1, sizeof *overflown);
    explained *again = NULL;
    asc_status status = ASC_OK;
    if (!overflown)
        return fail_memory(err, "the rows that overflow", results->n_rows);
    if (find_overflown(results, overflown) > 0)
        status = explain_again(like, rows, overflown, kept, &again, err);
    for (size_t row = 0; again && row < results->n_rows; row++)
        if (overflown[row] && !(again->rows[row].status & ASC_ROW_NON_FINITE)) {
            explained_copy_row(results, again, row);
            results->rows[row].status |= ASC_ROW_RECOMPUTED_BF16;
        }
    explained_free(again);
    free(overflown);
    return status;
}

engine_work overflow_work_done(const overflow *o)
{
    return o ? engine_work_done(o->engine) : (engine_work){0};
}

void overflow_free(overflow *o)
{
    if (!o)
        return;
    engine_destroy(o->engine);
    free(o);
}
