// One list of cases per operation. On ref the results are held against formulas that the tests compute by
// themselves; on the other backends against ref, ref_guarded bit for bit and cpu within the tolerance that
// each file states.
#ifndef ASCRIBE_TESTS_KERNELS_CASES_H
#define ASCRIBE_TESTS_KERNELS_CASES_H

#include "backend.h"

void cases_relabel(asc_backend_kind kind);
void cases_row_masks(asc_backend_kind kind);
void cases_pack(asc_backend_kind kind);
void cases_embed(asc_backend_kind kind);
void cases_linear(asc_backend_kind kind);
void cases_attention(asc_backend_kind kind);
void cases_attention_first(asc_backend_kind kind);
void cases_add_norm(asc_backend_kind kind);
void cases_pool_first(asc_backend_kind kind);
void cases_record_full(asc_backend_kind kind);
void cases_values(asc_backend_kind kind);
void cases_attribute(asc_backend_kind kind);
void cases_solve(asc_backend_kind kind);

#endif
