// See row_masks.h.
#include "explain/row_masks.h"

#include "shapes.h"

static asc_status import_row(const explain_request *request, uint64_t row_id, row_design *out, asc_error *err)
{
    const size_t n_words = mask_words(out->n_features);
    mask_table table = {0};
    mask_row row;
    TRY(mask_file_read(request->masks, row_id, out->n_features, &row, err));
    const asc_status status = mask_table_open(out->n_features, out->capacity, &table, err);
    if (status == ASC_OK) {
        row_design_begin(out);
        for (out->count = 0; out->count < 2; out->count++)
            (void)mask_table_put(&table, out, out->masks + out->count * n_words);
        for (size_t c = 0; c < row.count; c++) {
            const uint64_t *mask = row.masks + c * n_words;
            const size_t at = mask_table_put(&table, out, mask);
            if (at == out->count)
                row_design_append(out, mask, 0);
            out->weights[at] += row.weights[c];
        }
        out->n_draws = row.n_draws;
    }
    mask_table_close(&table);
    mask_row_free(&row);
    return status;
}

asc_status row_masks_make(const explain_request *request, uint64_t row_id, row_design *out, asc_error *err)
{
    if (request->masks)
        return import_row(request, row_id, out, err);
    const row_draw draw = {request->seed, row_id, out->n_features, request_budget(request, out->n_features)};
    return request->sampler->draw(&draw, out, err);
}
