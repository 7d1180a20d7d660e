// The list of supported model families, and the buckets of the attention bias.
#include "model/arch.h"

#include <string.h>

static const arch *const families[] = {&arch_bert, &arch_distilbert, &arch_roberta, &arch_electra, &arch_albert, &arch_mpnet};

const arch *arch_find(const char *architecture, const char *model_type, const arch_name **name)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (*name = families[i]->names; (*name)->architecture; (*name)++)
            if (strcmp((*name)->architecture, architecture) == 0 && strcmp((*name)->model_type, model_type) == 0)
                return families[i];
    return NULL;
}

const char *arch_supported(void)
{
    return "BertForSequenceClassification (BERT, MiniLM, TinyBERT) and the same of DistilBert, Roberta, XLMRoberta, Camembert, Electra, "
           "Albert and MPNet";
}

size_t arch_bias_bucket(int64_t distance)
{
    enum { HALF = 16, EXACT = HALF / 2 };
    const size_t base = distance > 0 ? HALF : 0;
    const uint64_t n = (uint64_t)(distance < 0 ? -distance : distance);
    if (n < EXACT)
        return base + (size_t)n;
    // EXACT + floor(log(n / 8) / log(128 / 8) * 8) = EXACT + floor(2 log2(n / 8)), in whole numbers.
    size_t bucket = EXACT;
    while (bucket < HALF - 1 && (n >= ARCH_BIAS_REACH || n * n >= (uint64_t)64 << (bucket + 1 - EXACT)))
        bucket++;
    return base + bucket;
}
