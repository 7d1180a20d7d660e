// Signals that ask a long command to end in good order: SIGTERM, SIGINT, SIGHUP, SIGUSR1.
#ifndef ASCRIBE_CLI_STOP_SIGNALS_H
#define ASCRIBE_CLI_STOP_SIGNALS_H

// From now on such a signal says so on stderr and is otherwise only remembered; SIGINT after it ends the program at once, as it would have
// without this call. Signals that are ignored stay ignored. A closed pipe becomes an error of writing. Called once, by a command that asks.
void stop_signals_begin(void);

// Whether one came; the argument is not used. Fits should_stop of the library's jobs.
int stop_signals_asked(void *unused);

#endif
