// The table of methods and the words for estimators.
#include "explain/method.h"

#include "shapes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A name that users type; `forced` is the estimator that the name implies.
typedef struct method_entry {
    const char *name;
    const method *method;
    estimator forced;
} method_entry;

static const method_entry entries[] = {
    {"shapley", &method_shapley, ESTIMATOR_AUTO},
    {"kernelshap", &method_shapley, ESTIMATOR_WLS},
    {"occlusion", &method_occlusion, ESTIMATOR_AUTO},
    {"lime", &method_lime, ESTIMATOR_AUTO},
};

static const char *const estimator_words[] = {"auto", "exact", "wls", "shap", "permutation"};

const method *method_find(const char *name, estimator *forced)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (strcmp(entries[i].name, name) == 0) {
            *forced = entries[i].forced;
            return entries[i].method;
        }
    return NULL;
}

const char *method_names(void)
{
    return "shapley, kernelshap, occlusion, lime";
}

bool estimator_parse(const char *name, estimator *out)
{
    for (size_t i = 0; i < sizeof estimator_words / sizeof *estimator_words; i++)
        if (strcmp(estimator_words[i], name) == 0) {
            *out = (estimator)i;
            return true;
        }
    return false;
}

const char *estimator_name(estimator choice)
{
    return estimator_words[choice];
}

asc_status method_anchors_only(size_t n_features, design **out, asc_error *err)
{
    design *d = calloc(1, sizeof *d);
    if (d) {
        *d = (design){.n_features = n_features, .n_coalitions = 2, .n_contrasts = 1, .paired = true, .error_kind = DESIGN_ERROR_NONE};
        d->masks = calloc(2 * mask_words(n_features), sizeof *d->masks);
        d->map = malloc((n_features + 1) * sizeof *d->map);
    }
    if (!d || !d->masks || !d->map) {
        design_free(d);
        return fail_memory(err, "a design", sizeof *d);
    }
    for (size_t i = 0; i < n_features; i++) {
        mask_add(d->masks, i);
        d->map[i] = NAN;
    }
    *out = d;
    return ASC_OK;
}
