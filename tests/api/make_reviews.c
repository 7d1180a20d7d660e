// make_reviews FILE: the dataset that the programs of this folder explain; its token ids are known to every model below data/golden.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../property/run_dataset.h"

static void small_row(size_t row, run_row *out)
{
    run_row_usual(row, 3 + row % 5, out);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    run_dataset_write(argv[1], &(run_plan){.n_rows = 12, .make_row = small_row});
    return 0;
}
