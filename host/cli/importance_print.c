// See importance_print.h.
#include "importance_print.h"

#include "print_json.h"
#include "utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { NAME_COLUMNS = 16 };

static bool has_auc(const asc_importance_info *info)
{
    return !isnan(info->auc);
}

static void print_left_out(FILE *out, size_t count, const char *why)
{
    if (count > 0)
        fprintf(out, "  left out: %zu %s\n", count, why);
}

static void print_rows(FILE *out, const asc_importance_info *info)
{
    print_left_out(out, info->n_unlabelled, "without a label");
    print_left_out(out, info->n_no_features, "without words");
    print_left_out(out, info->n_unreadable, "that the model cannot read (too long, or unknown tokens)");
    print_left_out(out, info->n_non_finite, "for which the model's output was not finite");
    if (info->n_unknown_words > 0)
        fprintf(out, "  words of --groups that no row has: %zu\n", info->n_unknown_words);
}

static void print_number(FILE *out, double value)
{
    if (isnan(value))
        fprintf(out, " %8s", "-");
    else
        fprintf(out, " %+8.4f", value);
}

static void print_half_width(FILE *out, const asc_mean *mean)
{
    if (isnan(mean->high))
        fprintf(out, " %6s", "");
    else
        fprintf(out, " ~%.4f", mean->high - mean->mean);
}

static void print_group(FILE *out, const asc_importance_info *info, const asc_group_importance *group)
{
    fputs("  ", out);
    utf8_print_padded(out, group->name, group->name_size, NAME_COLUMNS);
    fprintf(out, " %6" PRIu64, group->n_rows);
    print_number(out, group->sage.mean);
    print_half_width(out, &group->sage);
    fputs("  ", out);
    print_number(out, group->log_loss.mean);
    print_half_width(out, &group->log_loss);
    if (!isnan(info->accuracy)) {
        print_number(out, group->accuracy.mean);
        print_half_width(out, &group->accuracy);
    }
    if (has_auc(info)) {
        print_number(out, group->auc.mean);
        print_half_width(out, &group->auc);
    }
    fputc('\n', out);
}

static void print_head(FILE *out, const asc_importance_info *info)
{
    const bool squared = strcmp(info->loss, "squared_error") == 0;
    fprintf(out, "\n  %-*s %6s %-17s %-17s%s%s\n", NAME_COLUMNS, "", "", "  SAGE", squared ? "    removed: error" : "    removed: loss",
            isnan(info->accuracy) ? "" : "   accuracy      ", has_auc(info) ? "   AUC" : "");
}

void importance_print(FILE *out, const asc_importance_info *info)
{
    fprintf(out, "%zu of %zu rows evaluated, %zu groups of %zu different words, %zu pass%s\n", info->n_evaluated, info->n_rows, info->n_groups,
            info->n_words, info->n_passes, info->n_passes == 1 ? "" : "es");
    print_rows(out, info);
    fprintf(out, "loss (%s) %.4f, without any word %.4f", info->loss, info->loss_full, info->loss_empty);
    if (!isnan(info->accuracy))
        fprintf(out, "; accuracy %.4f", info->accuracy);
    if (has_auc(info))
        fprintf(out, "; AUC %.4f", info->auc);
    fputc('\n', out);
    print_head(out, info);
    for (size_t g = 0; g < info->n_groups; g++)
        print_group(out, info, &info->groups[g]);
    fprintf(out,
            "\n  SAGE: the share of the loss that the words take away, %+.4f in all; below 0: they mislead. removed: how much worse the model is without\n"
            "  them. ~: half the 95 %% interval, the rows as a sample. Largest error of sampling: %.2g of the range of the values.\n",
            info->loss_empty - info->loss_full, info->ratio);
}

void importance_print_plan(FILE *out, const asc_importance_info *info)
{
    fprintf(out, "rows         %zu\nwords        %zu different ones in labelled rows\ngroups       %zu\nevaluations  %" PRIu64
            " in the first pass, at most as many in every other one\n",
            info->n_rows, info->n_words, info->n_groups, info->evaluations);
    if (info->n_unknown_words > 0)
        fprintf(out, "unknown      %zu words of --groups are in no row\n", info->n_unknown_words);
}

// ---- JSON --------------------------------------------------------------------------------------------------------

static json_t *drop_json(const asc_mean *mean)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "drop", json_number(mean->mean), "std_error", json_number(mean->std_error), "ci_low",
                     json_number(mean->low), "ci_high", json_number(mean->high));
}

static json_t *group_json(const asc_group_importance *group)
{
    return json_pack("{s:o, s:I, s:{s:o, s:o, s:o, s:o, s:o}, s:{s:o, s:o, s:o}}", "name", json_text(group->name), "rows",
                     (json_int_t)group->n_rows, "sage", "value", json_number(group->sage.mean), "std_error_sampling",
                     json_number(group->sampling_error), "std_error_population", json_number(group->sage.std_error), "ci_low",
                     json_number(group->sage.low), "ci_high", json_number(group->sage.high), "removal", "log_loss", drop_json(&group->log_loss),
                     "accuracy", drop_json(&group->accuracy), "auc", drop_json(&group->auc));
}

asc_status importance_print_json(const asc_importance_info *info, const char *path, asc_error *err)
{
    json_t *groups = json_array();
    for (size_t g = 0; groups && info->groups && g < info->n_groups; g++)
        json_array_append_new(groups, group_json(&info->groups[g]));
    return print_json(
        json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:o, s:b, s:s, s:I, s:I, s:o, s:o}", "importance",
                  json_text(path), "loss", info->loss, "rows", (json_int_t)info->n_rows, "rows_evaluated", (json_int_t)info->n_evaluated,
                  "rows_unlabelled", (json_int_t)info->n_unlabelled, "rows_without_words", (json_int_t)info->n_no_features, "rows_unreadable",
                  (json_int_t)info->n_unreadable, "rows_not_finite", (json_int_t)info->n_non_finite, "words", (json_int_t)info->n_words,
                  "unknown_words", (json_int_t)info->n_unknown_words, "n_groups", (json_int_t)info->n_groups, "loss_full", json_number(info->loss_full),
                  "loss_empty", json_number(info->loss_empty), "accuracy", json_number(info->accuracy), "auc", json_number(info->auc), "passes",
                  (json_int_t)info->n_passes, "ratio", json_number(info->ratio), "converged", (int)info->converged, "backend", info->backend,
                  "evaluations", (json_int_t)info->evaluations, "tokens", (json_int_t)info->tokens, "elapsed_s", json_number(info->elapsed_s), "groups",
                  groups),
        err);
}
