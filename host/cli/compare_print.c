// The three forms of a comparison; see compare_print.h.
#include "compare_print.h"

#include "terminal.h"
#include "text_output.h"
#include "utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { NAME_COLUMNS = 16, WORD_COLUMNS = 20 };

const char *const compare_statistic_names[COMPARE_N_STATISTICS] = {"stability", "rate", "score", "rank", "movers", "difference"};

static const double moved = 0.05;

size_t compare_n_moved(const asc_comparison *comparison)
{
    size_t n = 0;
    for (size_t i = 0; i < comparison->n_shifts; i++)
        n += comparison->shifts[i].q_value <= moved;
    return n;
}

static size_t at_most(size_t n, size_t top)
{
    return top && top < n ? top : n;
}

// ---- For people ----

static void people_outputs(const compare_print *print, const asc_comparison *comparison)
{
    FILE *out = print->out;
    fprintf(out, "A  %s: %" PRIu64 " rows, %zu different words\n", print->a_path, print->a->n_rows, print->a->n_words);
    fprintf(out, "B  %s: %" PRIu64 " rows, %zu different words\n", print->b_path, print->b->n_rows, print->b->n_words);
    if (comparison->n_pairs > 0)
        fprintf(out, "compared row by row: the same %" PRIu64 " rows\n", comparison->n_pairs);
    else
        fputs("compared as two independent samples: not two results of the same rows, or a group by prediction\n", out);
    fprintf(out, "\noutputs (all rows)\n  %-*s %9s %9s %9s %9s %6s %9s %9s %9s\n", NAME_COLUMNS, "class", "score A", "score B", "B - A", "std error", "p",
            "share A", "share B", "stability");
    for (size_t c = 0; c < comparison->n_classes; c++) {
        const asc_class_shift *shift = &comparison->classes[c];
        fputs("  ", out);
        utf8_print_padded(out, print->a->class_names[c], strlen(print->a->class_names[c]), NAME_COLUMNS);
        fprintf(out, " %9.4f %9.4f %+9.4f %9.4f ", shift->mean_a, shift->mean_b, shift->difference, shift->std_error);
        global_print_probability(out, shift->p_value);
        fprintf(out, " %8.1f%% %8.1f%% %9.4f\n", 100 * shift->rate_a, 100 * shift->rate_b, shift->stability_index);
    }
}

static void people_only(FILE *out, const char *where, const asc_global_table *table, const size_t *only, size_t n_only, size_t n_lines)
{
    fprintf(out, "  often enough in %s alone: %zu words%s", where, n_only, n_lines ? ":" : "");
    for (size_t i = 0; i < n_lines; i++) {
        fputs(i ? ", " : " ", out);
        utf8_print_safe(out, table->words[only[i]].text, table->words[only[i]].size);
    }
    fputc('\n', out);
}

static void people_words(const compare_print *print, int32_t class_index, const asc_comparison *c)
{
    FILE *out = print->out;
    const size_t n_lines = at_most(c->n_shifts, print->top);
    fputs("\nclass ", out);
    utf8_print_safe(out, print->a->class_names[class_index], strlen(print->a->class_names[class_index]));
    fprintf(out, ": %zu words in both, rank correlation of mean |phi|: Spearman %.4f, Kendall %.4f; %zu of %zu tested words moved (q <= %.2f)\n", c->n_shifts,
            c->spearman, c->kendall, compare_n_moved(c), c->n_tested, moved);
    fprintf(out, "  %-*s %7s %7s %9s %9s %9s %9s %6s %6s\n", WORD_COLUMNS, "word", "count A", "count B", "mean A", "mean B", "B - A", "std error", "p", "q");
    for (size_t i = 0; i < n_lines; i++) {
        const asc_shift *shift = &c->shifts[i];
        fputs("  ", out);
        utf8_print_padded(out, shift->a->text, shift->a->size, WORD_COLUMNS);
        fprintf(out, " %7" PRIu64 " %7" PRIu64 " %+9.4f %+9.4f %+9.4f %9.4f ", shift->a->count, shift->b->count, shift->a->mean, shift->b->mean,
                shift->difference, shift->std_error);
        global_print_probability(out, shift->p_value);
        fputc(' ', out);
        global_print_probability(out, shift->q_value);
        fputc('\n', out);
    }
    people_only(out, "A", &c->a, c->only_a, c->n_only_a, at_most(c->n_only_a, print->top));
    people_only(out, "B", &c->b, c->only_b, c->n_only_b, at_most(c->n_only_b, print->top));
}

static void people_end(const compare_print *print, const double *statistics)
{
    static const char *const words[COMPARE_N_STATISTICS] = {
        "largest population stability index of a class",
        "largest change of the share of rows predicted a class",
        "largest change of a class's mean score",
        "largest 1 - Spearman of a class",
        "most words of a class that moved",
        "largest change of mean phi of a word that moved",
    };
    fputs("\nfor --fail-above\n", print->out);
    for (size_t i = 0; i < COMPARE_N_STATISTICS; i++)
        fprintf(print->out, "  %-10s %9.4f  %s\n", compare_statistic_names[i], statistics[i], words[i]);
}

// ---- CSV: the words that are in both ----

static void csv_words(const compare_print *print, int32_t class_index, const asc_comparison *c)
{
    const csv_writer writer = {print->out, terminal_is_tty(print->out)};
    for (size_t i = 0; i < at_most(c->n_shifts, print->top); i++) {
        const asc_shift *shift = &c->shifts[i];
        const double numbers[] = {shift->a->mean,     shift->b->mean,    shift->a->mean_abs, shift->b->mean_abs,
                                  shift->difference,  shift->std_error, shift->p_value,     shift->q_value};
        csv_field(&writer, print->a->class_names[class_index]);
        csv_text(&writer, shift->a->text, shift->a->size);
        fprintf(print->out, ",%" PRIu64 ",%" PRIu64, shift->a->count, shift->b->count);
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            global_csv_number(print->out, numbers[k]);
        fputc('\n', print->out);
    }
}

// ---- JSON ----

static void json_outputs(const compare_print *print, const asc_comparison *comparison)
{
    FILE *out = print->out;
    fputs("{\"a\":", out);
    json_word(out, print->a_path);
    fputs(",\"b\":", out);
    json_word(out, print->b_path);
    fprintf(out, ",\"rows_a\":%" PRIu64 ",\"rows_b\":%" PRIu64 ",\"rows_paired\":%" PRIu64 ",\"outputs\":[", print->a->n_rows, print->b->n_rows,
            comparison->n_pairs);
    for (size_t c = 0; c < comparison->n_classes; c++) {
        const asc_class_shift *shift = &comparison->classes[c];
        fprintf(out, "%s\n{\"class\":", c ? "," : "");
        json_word(out, print->a->class_names[c]);
        global_json_number(out, "score_a", shift->mean_a);
        global_json_number(out, "score_b", shift->mean_b);
        global_json_number(out, "difference", shift->difference);
        global_json_number(out, "std_error", shift->std_error);
        global_json_number(out, "p_value", shift->p_value);
        global_json_number(out, "share_a", shift->rate_a);
        global_json_number(out, "share_b", shift->rate_b);
        global_json_number(out, "stability_index", shift->stability_index);
        fputc('}', out);
    }
    fputs("],\"classes\":[", out);
}

static void json_only(FILE *out, const char *key, const asc_global_table *table, const size_t *only, size_t n_lines)
{
    fprintf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < n_lines; i++) {
        fputs(i ? "," : "", out);
        json_bytes(out, table->words[only[i]].text, table->words[only[i]].size);
    }
    fputc(']', out);
}

static void json_shift(FILE *out, const asc_shift *shift)
{
    fputs("{\"word\":", out);
    json_bytes(out, shift->a->text, shift->a->size);
    fprintf(out, ",\"count_a\":%" PRIu64 ",\"count_b\":%" PRIu64, shift->a->count, shift->b->count);
    global_json_number(out, "mean_a", shift->a->mean);
    global_json_number(out, "mean_b", shift->b->mean);
    global_json_number(out, "mean_abs_a", shift->a->mean_abs);
    global_json_number(out, "mean_abs_b", shift->b->mean_abs);
    global_json_number(out, "difference", shift->difference);
    global_json_number(out, "std_error", shift->std_error);
    global_json_number(out, "p_value", shift->p_value);
    global_json_number(out, "q_value", shift->q_value);
    fputc('}', out);
}

static void json_words(const compare_print *print, int32_t class_index, const asc_comparison *c)
{
    FILE *out = print->out;
    fprintf(out, "%s\n{\"class\":", print->n_tables ? "," : "");
    json_word(out, print->a->class_names[class_index]);
    fputs(",\"group\":", out);
    json_word(out, print->group);
    global_json_number(out, "spearman", c->spearman);
    global_json_number(out, "kendall", c->kendall);
    fprintf(out, ",\"n_common\":%zu,\"n_tested\":%zu,\"n_moved\":%zu,\"n_only_a\":%zu,\"n_only_b\":%zu,\"words\":[", c->n_shifts, c->n_tested,
            compare_n_moved(c), c->n_only_a, c->n_only_b);
    for (size_t i = 0; i < at_most(c->n_shifts, print->top); i++) {
        fputs(i ? ",\n" : "\n", out);
        json_shift(out, &c->shifts[i]);
    }
    fputc(']', out);
    json_only(out, "only_a", &c->a, c->only_a, at_most(c->n_only_a, print->top));
    json_only(out, "only_b", &c->b, c->only_b, at_most(c->n_only_b, print->top));
    fputc('}', out);
}

static void json_end(const compare_print *print, const double *statistics)
{
    fputs("],\"statistics\":{\"min_count\":", print->out);
    fprintf(print->out, "%" PRIu64, print->min_count);
    for (size_t i = 0; i < COMPARE_N_STATISTICS; i++)
        global_json_number(print->out, compare_statistic_names[i], statistics[i]);
    fputs("}}\n", print->out);
}

// ---- All three ----

void compare_print_begin(const compare_print *print, const asc_comparison *comparison)
{
    if (print->form == GLOBAL_FOR_PEOPLE)
        people_outputs(print, comparison);
    else if (print->form == GLOBAL_AS_JSON)
        json_outputs(print, comparison);
    else
        fputs("class,word,count_a,count_b,mean_a,mean_b,mean_abs_a,mean_abs_b,difference,std_error,p_value,q_value\n", print->out);
}

void compare_print_words(compare_print *print, int32_t class_index, const asc_comparison *comparison)
{
    if (print->form == GLOBAL_FOR_PEOPLE)
        people_words(print, class_index, comparison);
    else if (print->form == GLOBAL_AS_JSON)
        json_words(print, class_index, comparison);
    else
        csv_words(print, class_index, comparison);
    print->n_tables++;
}

void compare_print_end(const compare_print *print, const double statistics[COMPARE_N_STATISTICS])
{
    if (print->form == GLOBAL_FOR_PEOPLE)
        people_end(print, statistics);
    else if (print->form == GLOBAL_AS_JSON)
        json_end(print, statistics);
}
