// The list of supported model families.
#include "model/arch.h"

#include <string.h>

static const arch *const families[] = {&arch_bert};

const arch *arch_find(const char *architecture, const char *model_type)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i]->architecture, architecture) == 0 && strcmp(families[i]->model_type, model_type) == 0)
            return families[i];
    return NULL;
}

const char *arch_supported(void)
{
    return "BertForSequenceClassification (model_type bert: BERT, MiniLM, TinyBERT)";
}
