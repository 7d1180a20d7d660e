// See mask_import.h.
#include "explain/mask_import.h"

#include "explain/row_status.h"

#include <ascribe/result.h>

#include <inttypes.h>

enum { ROWS_PER_SLICE = 1024 };

typedef struct missing_rows {
    size_t n_rows;
    uint64_t first_id;
} missing_rows;

static asc_status check_slice(const explain_request *request, const model_config *config, const asc_rows *rows, missing_rows *missing,
                              asc_error *err)
{
    for (size_t row = 0; row < rows->n_rows; row++) {
        const row_facts facts = row_classify(request, config, rows, row);
        const uint64_t id = rows->id[row];
        if ((facts.status & ASC_ROW_UNEXPLAINED) || !request_draws_rows(request, facts.n_features))
            continue;
        if (mask_file_has(request->masks, id)) {
            TRY(mask_file_check_row(request->masks, id, facts.n_features, err));
            continue;
        }
        missing->first_id = missing->n_rows++ == 0 ? id : missing->first_id;
    }
    return ASC_OK;
}

asc_status mask_import_check(const explain_request *request, const asc_model *model, asc_dataset *dataset, size_t first, size_t count,
                             asc_error *err)
{
    missing_rows missing = {0};
    if (!request->masks)
        return ASC_OK;
    for (size_t done = 0; done < count; done += ROWS_PER_SLICE) {
        asc_rows *rows = NULL;
        const size_t left = count - done;
        TRY(stop_poll(&request->stop, err));
        TRY(asc_dataset_read(dataset, first + done, left < ROWS_PER_SLICE ? left : ROWS_PER_SLICE, &rows, err));
        const asc_status status = check_slice(request, &model->config, rows, &missing, err);
        asc_rows_free(rows);
        TRY(status);
    }
    if (missing.n_rows == 0)
        return ASC_OK;
    (void)fail(err, ASC_MALFORMED, "%s: there are no masks for %zu of the %zu selected rows, the first has id %" PRIu64,
               mask_file_path(request->masks), missing.n_rows, count, missing.first_id);
    return fail_hint(err, ASC_MALFORMED, "choose rows that it has with --rows, or make a file that has all of them");
}
