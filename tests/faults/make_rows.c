// make_rows FILE N_ROWS [MOST_FEATURES]: a dataset of short rows, 2 to MOST_FEATURES (default 3) features each, whose token ids every
// model below data/golden knows. Without labels, keys and meta. Memory does not depend on N_ROWS.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../property/run_dataset.h"

enum { LEAST_FEATURES = 2, USUAL_FEATURES = 3 };

static size_t most_features = USUAL_FEATURES;

static void short_row(size_t row, run_row *out)
{
    run_row_usual(row, LEAST_FEATURES + row % (most_features - LEAST_FEATURES + 1), out);
}

int main(int argc, char **argv)
{
    const size_t n_rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    if (argc > 3)
        most_features = strtoull(argv[3], NULL, 10);
    if (n_rows == 0 || most_features < LEAST_FEATURES || most_features > RUN_MOST_TOKENS / 2)
        return 64;
    run_dataset_write(argv[1], &(run_plan){.n_rows = n_rows, .make_row = short_row, .bare = true});
    return 0;
}
