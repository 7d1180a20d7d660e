// A caller's wish that the work under way ends early, asked for before every step that takes time.
#ifndef ASCRIBE_BASE_STOP_H
#define ASCRIBE_BASE_STOP_H

#include "base/fail.h"

#include <stdbool.h>

// `asked` returns non-zero from the moment on when the work is to end; called from any thread, often. A zero struct never asks.
typedef struct stop_check {
    int (*asked)(void *user);
    void *user;
} stop_check;

bool stop_asked(const stop_check *stop); // accepts NULL

// ASC_STOPPED, with a message that says so much and no more: what is kept is known to the caller.
asc_status stop_fail(asc_error *err);

// That when it was asked for, else ASC_OK.
asc_status stop_poll(const stop_check *stop, asc_error *err);

#endif
