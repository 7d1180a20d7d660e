// The three forms of a table of words; see global_print.h.
#include "global_print.h"

#include "numbers.h"
#include "terminal.h"
#include "text_output.h"
#include "utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { WORD_COLUMNS = 20 };

void global_json_number(FILE *out, const char *key, double value)
{
    char text[NUMBER_TEXT];
    fprintf(out, ",\"%s\":%s", key, isfinite(value) ? format_double(text, value) : "null");
}

void global_csv_number(FILE *out, double value)
{
    char text[NUMBER_TEXT];
    fprintf(out, ",%s", isfinite(value) ? format_double(text, value) : "");
}

void global_print_probability(FILE *out, double value)
{
    if (isnan(value))
        fputs("     -", out);
    else
        fprintf(out, value < 0.0001 ? "%6.0e" : "%6.4f", value);
}

// ---- For people ----

static void describe(const global_print *print)
{
    const asc_global_info *info = print->info;
    fprintf(print->out, "%" PRIu64 " rows, %" PRIu64 " attributions, %zu different words%s", info->n_rows, info->n_attributions, info->n_words,
            info->fold_case ? " (case ignored)" : "");
    if (info->n_unexplained > 0)
        fprintf(print->out, "; %" PRIu64 " rows were not explained", info->n_unexplained);
    fputc('\n', print->out);
}

static void people_line(const global_print *print, const asc_global_word *word)
{
    FILE *out = print->out;
    fputs("  ", out);
    utf8_print_padded(out, word->text, word->size, WORD_COLUMNS);
    fprintf(out, " %7" PRIu64 " %7" PRIu64 " %+9.4f", word->count, word->n_rows, word->mean);
    if (isfinite(word->low))
        fprintf(out, " %+9.4f %+9.4f", word->low, word->high);
    else
        fprintf(out, " %9s %9s", "-", "-");
    fprintf(out, " %9.4f ", word->mean_abs);
    global_print_probability(out, word->q_value);
    fputc('\n', out);
}

static void people_table(const global_print *print, const asc_global_query *query, const asc_global_table *table, size_t n_lines)
{
    FILE *out = print->out;
    fputs("\nclass ", out);
    utf8_print_safe(out, print->info->class_names[query->class_index], strlen(print->info->class_names[query->class_index]));
    fprintf(out, ": %zu of %zu words with %" PRIu64 " occurrences or more, in %" PRIu64 " rows (", n_lines, table->n_words, print->min_count,
            table->n_rows);
    utf8_print_safe(out, print->group, strlen(print->group));
    if (query->position >= 0)
        fprintf(out, ", fifth %d of each row", query->position + 1);
    fprintf(out, "), by %s\n", print->order);
    if (n_lines == 0) {
        fputs(table->n_rows ? "  no such words\n" : "  no rows in this group\n", out);
        return;
    }
    fprintf(out, "  %-*s %7s %7s %9s %19s %9s %6s\n", WORD_COLUMNS, "word", "count", "rows", "mean phi", "95 % interval", "mean|phi|", "q");
    for (size_t i = 0; i < n_lines; i++)
        people_line(print, &table->words[i]);
}

// ---- CSV ----

static void csv_line(const global_print *print, const asc_global_query *query, const asc_global_word *word)
{
    const csv_writer writer = {print->out, terminal_is_tty(print->out)};
    const double numbers[] = {word->mean,          word->mean_abs, word->deviation, word->std_error, word->low,  word->high,
                              word->abs_std_error, word->p_value,  word->q_value,   word->least,     word->most};
    csv_field(&writer, print->info->class_names[query->class_index]);
    csv_field(&writer, print->group);
    if (query->position >= 0)
        fprintf(print->out, "%d", query->position + 1);
    fputc(',', print->out);
    csv_text(&writer, word->text, word->size);
    fprintf(print->out, ",%" PRIu64 ",%" PRIu64, word->count, word->n_rows);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        global_csv_number(print->out, numbers[i]);
    fprintf(print->out, ",%" PRIu64 ",%" PRIu64 "\n", word->least_row, word->most_row);
}

// ---- JSON ----

static void json_line(FILE *out, const asc_global_word *word)
{
    fputs("{\"word\":", out);
    json_bytes(out, word->text, word->size);
    fprintf(out, ",\"count\":%" PRIu64 ",\"rows\":%" PRIu64, word->count, word->n_rows);
    global_json_number(out, "mean", word->mean);
    global_json_number(out, "mean_abs", word->mean_abs);
    global_json_number(out, "std", word->deviation);
    global_json_number(out, "std_error", word->std_error);
    global_json_number(out, "ci_low", word->low);
    global_json_number(out, "ci_high", word->high);
    global_json_number(out, "mean_abs_std_error", word->abs_std_error);
    global_json_number(out, "p_value", word->p_value);
    global_json_number(out, "q_value", word->q_value);
    global_json_number(out, "min", word->least);
    global_json_number(out, "max", word->most);
    fprintf(out, ",\"min_row\":%" PRIu64 ",\"max_row\":%" PRIu64 "}", word->least_row, word->most_row);
}

static void json_table(const global_print *print, const asc_global_query *query, const asc_global_table *table, size_t n_lines)
{
    FILE *out = print->out;
    fprintf(out, "%s\n{\"class\":", print->n_tables ? "," : "");
    json_word(out, print->info->class_names[query->class_index]);
    fputs(",\"group\":", out);
    json_word(out, print->group);
    if (query->position >= 0)
        fprintf(out, ",\"position\":%d", query->position + 1);
    fprintf(out, ",\"rows\":%" PRIu64 ",\"min_count\":%" PRIu64 ",\"n_words\":%zu,\"n_tested\":%zu,\"words\":[", table->n_rows, print->min_count,
            table->n_words, table->n_tested);
    for (size_t i = 0; i < n_lines; i++) {
        fputs(i ? ",\n" : "\n", out);
        json_line(out, &table->words[i]);
    }
    fputs("]}", out);
}

static void json_head(const global_print *print)
{
    const asc_global_info *info = print->info;
    fprintf(print->out, "{\"rows\":%" PRIu64 ",\"unexplained_rows\":%" PRIu64 ",\"attributions\":%" PRIu64 ",\"words\":%zu,\"settings\":%s,\"sources\":[",
            info->n_rows, info->n_unexplained, info->n_attributions, info->n_words, info->settings);
    for (size_t i = 0; i < info->n_sources; i++) {
        fputs(i ? "," : "", print->out);
        json_word(print->out, info->source_names[i]);
    }
    fputs("],\"tables\":[", print->out);
}

// ---- All three ----

void global_print_begin(global_print *print)
{
    if (print->form == GLOBAL_FOR_PEOPLE)
        describe(print);
    else if (print->form == GLOBAL_AS_JSON)
        json_head(print);
    else
        fputs("class,group,position,word,count,rows,mean,mean_abs,std,std_error,ci_low,ci_high,mean_abs_std_error,p_value,q_value,min,max,min_row,"
              "max_row\n", print->out);
}

void global_print_table(global_print *print, const asc_global_query *query, const asc_global_table *table)
{
    const size_t n_lines = print->top && print->top < table->n_words ? print->top : table->n_words;
    if (print->form == GLOBAL_FOR_PEOPLE)
        people_table(print, query, table, n_lines);
    else if (print->form == GLOBAL_AS_JSON)
        json_table(print, query, table, n_lines);
    for (size_t i = 0; print->form == GLOBAL_AS_CSV && i < n_lines; i++)
        csv_line(print, query, &table->words[i]);
    print->n_tables++;
}

void global_print_end(global_print *print)
{
    if (print->form == GLOBAL_AS_JSON)
        fputs("]}\n", print->out);
    else if (print->form == GLOBAL_FOR_PEOPLE)
        fputs("\nmean phi: over all occurrences. 95 % interval: the rows are the sample. q (Benjamini-Hochberg): call the mean of every word with a q as small\n"
              "or smaller \"not 0\", and a share of at most q of these calls is expected to be false.\n",
              print->out);
}
