// The bar is redrawn at most ten times a second; plain lines come every 30 s and at start and end (job logs
// stay short).
#include "progress.h"

#include "numbers.h"
#include "report_error.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const double bar_interval_s = 0.1, plain_interval_s = 30;

static double now_s(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void progress_begin(progress_display *progress, const char *choice)
{
    *progress = (progress_display){.width = terminal_width(stderr)};
    if (strcmp(choice, "bar") == 0 || (strcmp(choice, "auto") == 0 && terminal_is_tty(stderr)))
        progress->style = PROGRESS_BAR;
    else if (strcmp(choice, "none") != 0)
        progress->style = PROGRESS_PLAIN;
}

void progress_clear(progress_display *progress)
{
    if (progress->bar_is_drawn)
        fprintf(stderr, "\r%*s\r", (int)progress->width - 1, "");
    progress->bar_is_drawn = false;
}

void progress_log(void *user, asc_log_level level, const char *message)
{
    if (level != ASC_LOG_WARNING)
        return;
    progress_clear(user);
    report_warning(message);
}

void progress_say(progress_display *progress, const char *what)
{
    if (progress->style == PROGRESS_BAR) {
        progress_clear(progress);
        fprintf(stderr, "%s ...", what);
        progress->bar_is_drawn = true;
    } else if (progress->style == PROGRESS_PLAIN) {
        progress_note(progress, what);
    }
}

void progress_note(progress_display *progress, const char *message)
{
    progress_clear(progress);
    if (progress->style != PROGRESS_NONE)
        fprintf(stderr, "ascribe: %s\n", message);
}

// ", 5 min 10 s left, 12.3 rows/s, 6.3k coalitions/s, 120k tokens/s"; nothing before anything was computed.
static void describe_speed(const asc_progress *now, char *text, size_t size)
{
    char duration[NUMBER_TEXT], rows[NUMBER_TEXT], coalitions[NUMBER_TEXT], tokens[NUMBER_TEXT];
    char left[NUMBER_TEXT + sizeof ",  left"] = "";

    text[0] = '\0';
    if (now->evaluations_done == now->evaluations_reused || !(now->elapsed_s > 0))
        return;
    if (now->remaining_s >= 0 && now->rows_done < now->n_rows)
        snprintf(left, sizeof left, ", %s left", format_duration(duration, now->remaining_s));
    snprintf(text, size, "%s, %s rows/s, %s coalitions/s, %s tokens/s", left,
             format_short(rows, (double)(now->rows_done - now->rows_reused) / now->elapsed_s),
             format_short(coalitions, (double)(now->evaluations_done - now->evaluations_reused) / now->elapsed_s),
             format_short(tokens, (double)now->tokens_done / now->elapsed_s));
}

static double done_fraction(const asc_progress *now)
{
    double fraction = 0;

    if (now->n_rows > 0 && now->rows_done >= now->n_rows)
        return 1;
    if (now->n_evaluations > 0)
        fraction = (double)now->evaluations_done / (double)now->n_evaluations;
    else if (now->n_rows > 0)
        fraction = (double)now->rows_done / (double)now->n_rows;
    return fraction > 1 ? 1 : fraction;
}

static void draw_bar(progress_display *progress, const asc_progress *now)
{
    const double fraction = done_fraction(now);
    char speed[256], line[512], cells[32];
    const size_t n_cells = 20, n_full = (size_t)(fraction * (double)n_cells);

    describe_speed(now, speed, sizeof speed);
    memset(cells, '-', n_cells);
    memset(cells, '#', n_full);
    cells[n_cells] = '\0';
    snprintf(line, sizeof line, "%s [%s] %5.1f %%  %zu/%zu rows%s", now->phase, cells, 100 * fraction,
             now->rows_done, now->n_rows, speed);
    if (strlen(line) >= progress->width)
        line[progress->width - 1] = '\0';
    fprintf(stderr, "\r%-*s", (int)progress->width - 1, line);
    progress->bar_is_drawn = true;
}

static void print_plain(const asc_progress *now)
{
    char speed[256];

    describe_speed(now, speed, sizeof speed);
    fprintf(stderr, "ascribe: %s: %zu/%zu rows (%.1f %%)%s\n", now->phase, now->rows_done, now->n_rows,
            100 * done_fraction(now), speed);
}

void progress_update(void *user, const asc_progress *now)
{
    progress_display *const progress = user;
    const double time_s = now_s();
    const bool finished = now->n_rows > 0 && now->rows_done >= now->n_rows;
    const bool last = finished && !progress->finished_shown;
    const double interval_s = progress->style == PROGRESS_BAR ? bar_interval_s : plain_interval_s;

    if (progress->style == PROGRESS_NONE ||
        (progress->started && !last && time_s - progress->last_s < interval_s))
        return;
    progress->started = true;
    progress->finished_shown = finished;
    progress->last_s = time_s;
    if (progress->style == PROGRESS_BAR)
        draw_bar(progress, now);
    else
        print_plain(now);
    fflush(stderr);
}
