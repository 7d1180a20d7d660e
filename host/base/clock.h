// Time for progress and reports; nothing that decides a result may read it.
#ifndef ASCRIBE_BASE_CLOCK_H
#define ASCRIBE_BASE_CLOCK_H

// Seconds of a clock that never jumps, from an arbitrary start.
double clock_seconds(void);

#endif
