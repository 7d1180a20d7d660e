// See probe_print.h. Rankings are made once, as indexes.
#include "probe_print.h"

#include "numbers.h"
#include "print_json.h"
#include "report_error.h"
#include "utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Rankings ----

typedef struct ranked {
    double key;
    size_t index;
} ranked;

// Largest key first, equal ones by index, NaN last.
static int by_key(const void *left, const void *right)
{
    const ranked *a = left, *b = right;

    if (isnan(a->key) != isnan(b->key))
        return isnan(a->key) ? 1 : -1;
    if (a->key != b->key && !isnan(a->key))
        return a->key < b->key ? 1 : -1;
    return (a->index > b->index) - (a->index < b->index);
}

typedef struct ranking {
    ranked *items;
    size_t n_items; // that are wanted
} ranking;

static asc_status rank(ranking *r, size_t n, size_t top, asc_error *err)
{
    if (!r->items)
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a ranking of %zu", n);
    qsort(r->items, n, sizeof *r->items, by_key);
    r->n_items = top > 0 && top < n ? top : n;
    return ASC_OK;
}

// Heads: by what switching them off does, else by what they move.
static asc_status rank_heads(const asc_probe_info *info, size_t top, ranking *out, asc_error *err)
{
    const size_t n = info->n_blocks * info->n_heads;
    const double *keys = info->n_ablated > 0 ? info->logit_change_abs : info->ov_frobenius;

    out->items = malloc((n + 1) * sizeof *out->items);
    for (size_t i = 0; out->items && i < n; i++)
        out->items[i] = (ranked){keys[i], i};
    return rank(out, n, top, err);
}

static asc_status rank_neurons(const asc_probe_info *info, size_t block, size_t top, ranking *out, asc_error *err)
{
    out->items = malloc((info->n_ffn + 1) * sizeof *out->items);
    for (size_t i = 0; out->items && i < info->n_ffn; i++)
        out->items[i] = (ranked){(double)info->neuron_max[block * info->n_ffn + i], i};
    return rank(out, info->n_ffn, top, err);
}

static asc_status rank_tokens(const asc_probe_info *info, size_t class_index, size_t top, ranking *out, asc_error *err)
{
    out->items = malloc((info->n_vocabulary + 1) * sizeof *out->items);
    for (size_t i = 0; out->items && i < info->n_vocabulary; i++)
        out->items[i] = (ranked){(double)info->direction[i * info->n_classes + class_index], i};
    return rank(out, info->n_vocabulary, top, err);
}

// ---- For people ----

static void print_number(double value)
{
    if (isnan(value))
        printf(" %9s", "-");
    else
        printf(" %9.4g", value);
}

static void print_word(const char *word)
{
    utf8_print_safe(stdout, word, strlen(word));
}

static void print_token(const token_names *names, size_t id)
{
    const char *name = token_name(names, id);

    putchar(' ');
    if (name)
        print_word(name);
    else
        printf("%zu", id);
}

static void print_heads(const asc_probe_info *info, const ranking *heads)
{
    printf("\nheads, %s\n", info->n_ablated ? "by the mean |change| of the predicted logit when one is switched off" : "by the size of the map W_O W_V");
    printf("  block head   QK size  QK rank   OV size  OV rank");
    printf("%s%s\n", info->n_rows ? "   entropy  to first   to last   to self" : "", info->n_ablated ? "  |change|    change      loss     flips" : "");
    for (size_t i = 0; i < heads->n_items; i++) {
        const size_t at = heads->items[i].index;
        const double weights[] = {info->qk_frobenius[at], info->qk_rank[at], info->ov_frobenius[at], info->ov_rank[at]};
        printf("  %5zu %4zu", at / info->n_heads, at % info->n_heads);
        for (size_t k = 0; k < 4; k++)
            print_number(weights[k]);
        const double *const rows[] = {info->entropy, info->to_first, info->to_last, info->to_self};
        for (size_t k = 0; info->n_rows > 0 && k < 4; k++)
            print_number(rows[k][at]);
        const double *const ablation[] = {info->logit_change_abs, info->logit_change, info->loss_change, info->flips};
        for (size_t k = 0; info->n_ablated > 0 && k < 4; k++)
            print_number(ablation[k][at]);
        putchar('\n');
    }
}

static void print_depths(const asc_probe_info *info)
{
    printf("\nhidden states\n  depth      norm        sd  cosine to depth before  cosine of two tokens\n");
    for (size_t depth = 0; depth <= info->n_blocks; depth++) {
        printf("  %5zu", depth);
        print_number(info->norm_mean[depth]);
        print_number(info->norm_std[depth]);
        printf("%14s", "");
        print_number(info->cosine_before[depth]);
        printf("%12s", "");
        print_number(info->cosine_tokens[depth]);
        putchar('\n');
    }
}

static asc_status print_neurons(const asc_probe_info *info, const token_names *names, size_t top, asc_error *err)
{
    printf("\nneurons with the largest activation\n  block  neuron       max      mean  row id, position, token\n");
    for (size_t block = 0; block < info->n_blocks; block++) {
        ranking neurons = {0};
        const asc_status status = rank_neurons(info, block, top, &neurons, err);
        if (status != ASC_OK)
            return status;
        for (size_t i = 0; i < neurons.n_items; i++) {
            const size_t at = block * info->n_ffn + neurons.items[i].index;
            printf("  %5zu %7zu", block, neurons.items[i].index);
            print_number((double)info->neuron_max[at]);
            print_number(info->neuron_mean[at]);
            printf("  %llu, %d,", (unsigned long long)info->neuron_row[at], info->neuron_position[at]);
            if (info->neuron_token[at] >= 0)
                print_token(names, (size_t)info->neuron_token[at]);
            putchar('\n');
        }
        free(neurons.items);
    }
    return ASC_OK;
}

static asc_status print_tokens(const asc_probe_info *info, const token_names *names, size_t top, asc_error *err)
{
    printf("\ntokens by the dot product of embedding and class (a heuristic: no context, no activation)\n");
    for (size_t c = 0; c < info->n_classes; c++) {
        ranking tokens = {0};
        const asc_status status = rank_tokens(info, c, 0, &tokens, err);
        if (status != ASC_OK)
            return status;
        const size_t n = tokens.n_items, shown = top > 0 && top < n ? top : n;
        for (int against = 0; against < 2; against++) {
            printf("  ");
            print_word(info->class_names[c]);
            printf(", most %s:", against ? "against" : "for");
            for (size_t i = 0; i < shown; i++)
                print_token(names, tokens.items[against ? n - 1 - i : i].index);
            putchar('\n');
        }
        free(tokens.items);
    }
    return ASC_OK;
}

asc_status probe_print_text(const asc_probe_info *info, const token_names *names, size_t top, asc_error *err)
{
    ranking heads = {0};
    asc_status status = rank_heads(info, top, &heads, err);

    if (status != ASC_OK)
        return status;
    print_word(info->architecture);
    printf(": %zu blocks of %zu heads, %zu wide, %zu neurons each\n", info->n_blocks, info->n_heads, info->n_hidden, info->n_ffn);
    if (info->n_rows > 0)
        printf("%llu rows (%llu left out), %llu tokens; heads switched off on %llu rows, %llu of them with a loss; %llu rows kept whole\n",
               (unsigned long long)info->n_rows, (unsigned long long)info->n_skipped, (unsigned long long)info->n_tokens,
               (unsigned long long)info->n_ablated, (unsigned long long)info->n_with_loss, (unsigned long long)info->n_full_rows);
    print_heads(info, &heads);
    free(heads.items);
    if (info->n_rows > 0) {
        print_depths(info);
        status = print_neurons(info, names, top, err);
    }
    return status == ASC_OK ? print_tokens(info, names, top, err) : status;
}

// ---- For programs ----

static void set_number(json_t *object, const char *key, const double *values, size_t at)
{
    if (values)
        json_object_set_new(object, key, json_number(values[at]));
}

static json_t *json_head(const asc_probe_info *info, size_t at)
{
    json_t *head = json_pack("{s:I, s:I}", "block", (json_int_t)(at / info->n_heads), "head", (json_int_t)(at % info->n_heads));
    const struct {
        const char *key;
        const double *values;
    } numbers[] = {{"qk_frobenius", info->qk_frobenius}, {"qk_spectral", info->qk_spectral}, {"qk_effective_rank", info->qk_rank},
                   {"ov_frobenius", info->ov_frobenius}, {"ov_spectral", info->ov_spectral}, {"ov_effective_rank", info->ov_rank},
                   {"entropy", info->entropy}, {"to_first", info->to_first}, {"to_last", info->to_last}, {"to_self", info->to_self},
                   {"to_previous", info->to_previous}, {"to_next", info->to_next}, {"logit_change", info->logit_change},
                   {"logit_change_abs", info->logit_change_abs}, {"logit_std_error", info->logit_std_error},
                   {"loss_change", info->loss_change}, {"loss_std_error", info->loss_std_error}, {"flips", info->flips}};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        set_number(head, numbers[i].key, numbers[i].values, at);
    return head;
}

static json_t *json_depths(const asc_probe_info *info)
{
    json_t *list = json_array();

    for (size_t depth = 0; depth <= info->n_blocks; depth++) {
        json_t *item = json_pack("{s:I}", "depth", (json_int_t)depth);
        set_number(item, "norm_mean", info->norm_mean, depth);
        set_number(item, "norm_std", info->norm_std, depth);
        set_number(item, "cosine_before", info->cosine_before, depth);
        set_number(item, "cosine_tokens", info->cosine_tokens, depth);
        json_array_append_new(list, item);
    }
    return list;
}

static asc_status add_neurons(const asc_probe_info *info, size_t block, size_t top, json_t *list, asc_error *err)
{
    ranking neurons = {0};
    const asc_status status = rank_neurons(info, block, top, &neurons, err);

    for (size_t i = 0; i < neurons.n_items; i++) {
        const size_t at = block * info->n_ffn + neurons.items[i].index;
        json_array_append_new(list, json_pack("{s:I, s:I, s:o, s:o, s:I, s:i, s:i}", "block", (json_int_t)block, "neuron", (json_int_t)neurons.items[i].index,
                                              "max", json_number((double)info->neuron_max[at]), "mean", json_number(info->neuron_mean[at]), "row_id",
                                              (json_int_t)info->neuron_row[at], "position", info->neuron_position[at], "token", info->neuron_token[at]));
    }
    free(neurons.items);
    return status;
}

static json_t *json_token(const token_names *names, size_t id)
{
    return json_pack("{s:I, s:o}", "id", (json_int_t)id, "text", json_text(token_name(names, id)));
}

static asc_status add_tokens(const asc_probe_info *info, const token_names *names, size_t top, json_t *object, asc_error *err)
{
    for (size_t c = 0; c < info->n_classes; c++) {
        ranking tokens = {0};
        json_t *most_for = json_array(), *most_against = json_array();
        const asc_status status = rank_tokens(info, c, 0, &tokens, err);
        const size_t n = tokens.n_items, shown = top > 0 && top < n ? top : n;
        for (size_t i = 0; i < shown; i++) {
            json_array_append_new(most_for, json_token(names, tokens.items[i].index));
            json_array_append_new(most_against, json_token(names, tokens.items[n - 1 - i].index));
        }
        json_object_set_new(object, info->class_names[c], json_pack("{s:o, s:o}", "for", most_for, "against", most_against));
        free(tokens.items);
        if (status != ASC_OK)
            return status;
    }
    return ASC_OK;
}

asc_status probe_print_json(const asc_probe_info *info, const token_names *names, size_t top, asc_error *err)
{
    ranking heads = {0};
    json_t *object = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "architecture", json_text(info->architecture), "blocks", (json_int_t)info->n_blocks,
                               "heads_per_block", (json_int_t)info->n_heads, "rows", (json_int_t)info->n_rows, "rows_left_out", (json_int_t)info->n_skipped,
                               "rows_ablated", (json_int_t)info->n_ablated, "rows_with_loss", (json_int_t)info->n_with_loss, "rows_whole",
                               (json_int_t)info->n_full_rows);
    json_t *list = json_array(), *neurons = json_array(), *tokens = json_object();
    asc_status status = rank_heads(info, top, &heads, err);

    for (size_t i = 0; i < heads.n_items; i++)
        json_array_append_new(list, json_head(info, heads.items[i].index));
    free(heads.items);
    for (size_t block = 0; status == ASC_OK && info->n_rows > 0 && block < info->n_blocks; block++)
        status = add_neurons(info, block, top, neurons, err);
    if (status == ASC_OK)
        status = add_tokens(info, names, top, tokens, err);
    json_object_set_new(object, "heads", list);
    json_object_set_new(object, "hidden", info->n_rows > 0 ? json_depths(info) : json_array());
    json_object_set_new(object, "neurons", neurons);
    json_object_set_new(object, "tokens", tokens);
    if (status == ASC_OK)
        return print_json(object, err);
    json_decref(object);
    return status;
}

// ---- What it would take ----

asc_status probe_print_cost(const asc_probe_cost *cost, bool json, asc_error *err)
{
    char operations[NUMBER_TEXT];

    if (json)
        return print_json(json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "dry_run", 1, "rows", (json_int_t)cost->n_rows, "rows_left_out",
                                    (json_int_t)cost->n_skipped, "tokens", (json_int_t)cost->n_tokens, "rows_ablated", (json_int_t)cost->n_ablated, "rows_whole",
                                    (json_int_t)cost->n_full_rows, "passes", (json_int_t)cost->n_passes, "passes_of_ablation",
                                    (json_int_t)cost->n_ablation_passes, "operations", json_number(cost->n_operations)), err);
    printf("rows         %llu, %llu of them left out; %llu tokens\n", (unsigned long long)cost->n_rows, (unsigned long long)cost->n_skipped,
           (unsigned long long)cost->n_tokens);
    printf("passes       %llu through the model: %llu with a head switched off (on %llu rows), %llu of whole rows\n", (unsigned long long)cost->n_passes,
           (unsigned long long)cost->n_ablation_passes, (unsigned long long)cost->n_ablated, (unsigned long long)cost->n_full_rows);
    printf("operations   %s (floating point)\n", format_short(operations, cost->n_operations));
    return ASC_OK;
}
