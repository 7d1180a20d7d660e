// ascribe: batch attribution for fine-tuned transformer classifiers. This header includes the whole public API.
//
// Conventions. Every fallible function returns asc_status (ASC_OK = 0) and fills an asc_error that the caller owns (or NULL). What
// is opened is closed by the function of the same object; closing accepts NULL. The library never prints, never exits, reads no
// environment variable, and starts no thread that outlives a call. Objects belong to one thread at a time.
//
// The smallest full program:
//
//     #include <ascribe/ascribe.h>
//     #include <stdio.h>
//
//     int main(void)
//     {
//         asc_error err;
//         asc_explain_summary summary;
//         const asc_explain_job job = {
//             .model_path = "model", .dataset_path = "reviews.h5", .out_path = "result.h5",
//             .options = asc_explain_options_default(),
//         };
//         if (asc_explain(&job, &summary, &err) != ASC_OK) {
//             fprintf(stderr, "%s\n", err.message);
//             return err.status;
//         }
//         printf("%zu rows explained\n", summary.n_rows);
//         return 0;
//     }
#ifndef ASCRIBE_ASCRIBE_H
#define ASCRIBE_ASCRIBE_H

#include <ascribe/bench.h>
#include <ascribe/dataset.h>
#include <ascribe/device.h>
#include <ascribe/evaluate.h>
#include <ascribe/explain.h>
#include <ascribe/global.h>
#include <ascribe/importance.h>
#include <ascribe/log.h>
#include <ascribe/masks.h>
#include <ascribe/model.h>
#include <ascribe/options.h>
#include <ascribe/plan.h>
#include <ascribe/probe.h>
#include <ascribe/result.h>
#include <ascribe/status.h>
#include <ascribe/version.h>

#endif
