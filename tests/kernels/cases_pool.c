// pool_first: a copy, so every backend must give the bits of its input.
#include "cases.h"
#include "compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static asc_status pool(rig *r, size_t n_sequences, const int32_t *offsets, size_t n_hidden, double *found)
{
    const size_t n_tokens = (size_t)offsets[n_sequences];
    float *values = random_floats(41, n_tokens * n_hidden, 1);
    double *expected = get_memory(n_sequences * n_hidden * sizeof *expected);
    frame x = frame_in(r, ASC_REAL, n_tokens * n_hidden, values);
    frame in_offsets = frame_in(r, ASC_I32, n_sequences + 1, offsets);
    frame out = frame_out(r, ASC_REAL, n_sequences * n_hidden);
    const pool_first_args args = {n_sequences, n_tokens, n_hidden, x.view, in_offsets.view, out.view};
    const asc_status status = found_later(r, op_pool_first(r->stream, &args, &r->err));
    if (status == ASC_OK) {
        const double *stored = x.uploaded;
        for (size_t i = 0; i < n_sequences * n_hidden; i++)
            expected[i] = stored[(size_t)offsets[i / n_hidden] * n_hidden + i % n_hidden];
        frame_read(&out, found);
        expect_same_bits("pool_first", n_sequences * n_hidden, sizeof *found, found, expected);
    }
    frame_close(&out);
    frame_close(&in_offsets);
    frame_close(&x);
    free(expected);
    free(values);
    return status;
}

void cases_pool_first(asc_backend_kind kind)
{
    const int32_t none[] = {0}, one[] = {0, 1}, several[] = {0, 1, 3, 36, 166, 200}, gap[] = {0, 3, 3, 8};
    const size_t widths[] = {7, 24, 32, 48, 384};
    double *found = get_memory(5 * 384 * sizeof *found);
    rig r;
    rig_open(&r, kind);
    for (size_t i = 0; i < 5; i++) {
        MUST(&r, pool(&r, 0, none, widths[i], found));
        MUST(&r, pool(&r, 1, one, widths[i], found));
        MUST(&r, pool(&r, 5, several, widths[i], found));
        expect_not_trivial("pool_first", 5 * widths[i], found);
    }
    if (!is_float(kind) || is_cuda(kind))
        MUST_REFUSE(&r, content_part(&r, "pool_first: sequence_offsets: sequence 1", "offsets that fall"), pool(&r, 3, gap, 24, found));
    rig_close(&r);
    free(found);
}
