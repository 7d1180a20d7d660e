// See cost.h.
#include "model/cost.h"

#include "model/savings.h"

void forward_load_add(forward_load *sum, const forward_load *term)
{
    sum->sequences += term->sequences;
    sum->tokens += term->tokens;
    sum->entries += term->entries;
    sum->looked_up += term->looked_up;
    sum->squares += term->squares;
}

double forward_flops(const model_config *config, unsigned savings, const forward_load *load)
{
    const double width = (double)config->n_hidden, n_heads = (double)config->n_heads, tokens = (double)load->tokens;
    const double linear = 8 * width * width + 4 * width * (double)config->n_ffn, qkv = 6 * width * width;
    const bool last_alone = savings & ASC_SAVING_LAST_LAYER;
    const double n_full = (double)(config->n_layers - last_alone);
    double flops = n_full * (tokens * linear + 4 * width * load->squares);
    if (last_alone)
        flops += (double)load->sequences * linear + tokens * 4 * n_heads * width;
    return flops + ((double)load->entries - (double)load->looked_up) * qkv;
}
