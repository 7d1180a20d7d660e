// Progress of a long command on stderr: a bar that is redrawn on a terminal, else a line now and then for log
// files.
#ifndef ASCRIBE_CLI_PROGRESS_H
#define ASCRIBE_CLI_PROGRESS_H

#include <ascribe/explain.h>
#include <ascribe/log.h>

#include <stdbool.h>
#include <stddef.h>

typedef enum progress_style { PROGRESS_NONE, PROGRESS_PLAIN, PROGRESS_BAR } progress_style;

typedef struct progress_display {
    progress_style style;
    double last_s;       // when something was last shown, by the monotonic clock
    bool started;        // something was shown
    bool bar_is_drawn;   // the cursor stands behind a bar
    bool finished_shown; // the line for the last row was shown
    size_t width;
} progress_display;

// `choice` is the word of --progress: "auto" (a bar on a terminal, else plain), "bar", "plain", "none".
void progress_begin(progress_display *progress, const char *choice);

// Says what is being done before the first count is known.
void progress_say(progress_display *progress, const char *what);

// A remark on a line of its own, which quiet commands leave out.
void progress_note(progress_display *progress, const char *message);

// The callback of asc_explain_job; `user` is the progress.
void progress_update(void *user, const asc_progress *now);

// The callback of asc_log, `user` is the progress: warnings on a line of their own, nothing else.
void progress_log(void *user, asc_log_level level, const char *message);

// Removes a bar from the screen, so that something else can be written; the next update draws it again.
void progress_clear(progress_display *progress);

#endif
