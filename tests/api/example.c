// The program at the top of include/ascribe/ascribe.h, to the letter.
#include <ascribe/ascribe.h>
#include <stdio.h>

int main(void)
{
    asc_error err;
    asc_explain_summary summary;
    const asc_explain_job job = {
        .model_path = "model", .dataset_path = "reviews.h5", .out_path = "result.h5",
        .options = asc_explain_options_default(),
    };
    if (asc_explain(&job, &summary, &err) != ASC_OK) {
        fprintf(stderr, "%s\n", err.message);
        return err.status;
    }
    printf("%zu rows explained\n", summary.n_rows);
    return 0;
}
