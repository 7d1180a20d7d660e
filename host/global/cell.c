// Cells of words; see cell.h.
//
// The mean over occurrences is a ratio of two totals over rows, T = sum of T_r and N = sum of n_r. Its variance, with rows as the sample
// (linearisation; Cochran, Sampling Techniques, 1977, section 6.3, for a sample that is small against the population):
// n / (n - 1) * sum over rows of (T_r - mean n_r)^2 / N^2.
#include "global/cell.h"

#include "global/exact.h"

#include <math.h>
#include <stddef.h>

// What floats cannot resolve is no variation: the residuals' sum of squares against that of the totals.
static const long double resolution = 1e-14L;

void row_part_add(row_part *part, float phi)
{
    const double value = phi;
    exact_sum_add(part->exact + EXACT_SUM, value);
    exact_sum_add(part->exact + EXACT_ABS, fabs(value));
    exact_square_add(part->exact + EXACT_SQUARE, value * value);
    part->sum += value;
    part->abs_sum += fabs(value);
    part->least = part->count == 0 || phi < part->least ? phi : part->least;
    part->most = part->count == 0 || phi > part->most ? phi : part->most;
    part->count++;
}

static void take_extremes(global_cell *into, const global_cell *from)
{
    if (into->count == 0 || from->least < into->least || (from->least == into->least && from->least_row < into->least_row)) {
        into->least = from->least;
        into->least_row = from->least_row;
    }
    if (into->count == 0 || from->most > into->most || (from->most == into->most && from->most_row < into->most_row)) {
        into->most = from->most;
        into->most_row = from->most_row;
    }
}

void cell_merge(global_cell *into, const global_cell *from)
{
    static const struct {
        size_t place, n_words;
    } sums[] = {{EXACT_SUM, 2},       {EXACT_ABS, 2},        {EXACT_SQUARE, 3},    {EXACT_ROW_SQUARE, 3},
                {EXACT_ROW_CROSS, 2}, {EXACT_ABS_SQUARE, 3}, {EXACT_ABS_CROSS, 2}, {EXACT_COUNT_SQUARE, 1}};
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        exact_merge(into->exact + sums[i].place, from->exact + sums[i].place, sums[i].n_words);
    take_extremes(into, from);
    into->count += from->count;
    into->rows += from->rows;
}

void cell_add_row(global_cell *cell, const row_part *part, uint64_t row_id)
{
    global_cell row = {.count = part->count, .rows = 1, .least = part->least, .most = part->most, .least_row = row_id, .most_row = row_id};
    const double count = (double)part->count;
    for (size_t i = 0; i < EXACT_ROW_SQUARE; i++)
        row.exact[i] = part->exact[i];
    exact_square_add(row.exact + EXACT_ROW_SQUARE, part->sum * part->sum);
    exact_sum_add(row.exact + EXACT_ROW_CROSS, part->sum * count);
    exact_square_add(row.exact + EXACT_ABS_SQUARE, part->abs_sum * part->abs_sum);
    exact_sum_add(row.exact + EXACT_ABS_CROSS, part->abs_sum * count);
    row.exact[EXACT_COUNT_SQUARE] = part->count * part->count;
    cell_merge(cell, &row);
}

// Standard error of the ratio `mean` from row totals: their squares, and their products with the rows' counts.
static double ratio_error(const global_cell *cell, long double mean, size_t square, size_t cross)
{
    const long double n = (long double)cell->rows, total = (long double)cell->count;
    const long double squares = exact_square_value(cell->exact + square);
    const long double residuals = squares - 2 * mean * exact_sum_value(cell->exact + cross) + mean * mean * (long double)cell->exact[EXACT_COUNT_SQUARE];
    if (cell->rows < 2)
        return NAN;
    return residuals <= resolution * squares ? 0 : (double)(sqrtl(residuals * n / (n - 1)) / total);
}

void cell_describe(const global_cell *cell, const student_table *student, asc_global_word *word)
{
    const long double total = (long double)cell->count, sum = exact_sum_value(cell->exact + EXACT_SUM);
    const long double squares = exact_square_value(cell->exact + EXACT_SQUARE), mean = sum / total;
    const long double mean_abs = exact_sum_value(cell->exact + EXACT_ABS) / total;
    const long double spread = squares - sum * mean;
    word->count = cell->count;
    word->n_rows = cell->rows;
    word->mean = (double)mean;
    word->mean_abs = (double)mean_abs;
    word->deviation = cell->count < 2 ? NAN : spread <= resolution * squares ? 0 : (double)sqrtl(spread / (total - 1));
    word->std_error = ratio_error(cell, mean, EXACT_ROW_SQUARE, EXACT_ROW_CROSS);
    word->abs_std_error = ratio_error(cell, mean_abs, EXACT_ABS_SQUARE, EXACT_ABS_CROSS);
    const double degrees = (double)cell->rows - 1;
    const double half = cell->rows < 2 ? NAN : student_quantile(student, degrees) * word->std_error;
    word->low = word->mean - half;
    word->high = word->mean + half;
    word->p_value = word->std_error > 0 ? student_p_value(word->mean / word->std_error, degrees) : NAN;
    word->least = cell->least;
    word->most = cell->most;
    word->least_row = cell->least_row;
    word->most_row = cell->most_row;
}
