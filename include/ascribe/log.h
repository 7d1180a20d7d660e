// Messages of the library to its caller: the library itself prints nothing.
#ifndef ASCRIBE_LOG_H
#define ASCRIBE_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum asc_log_level { ASC_LOG_WARNING, ASC_LOG_INFO, ASC_LOG_DEBUG } asc_log_level;

// Where messages go: one line without newline each, from the thread that called the library. A zeroed struct drops them.
typedef struct asc_log {
    void (*write)(void *user, asc_log_level level, const char *message);
    void *user;
} asc_log;

#ifdef __cplusplus
}
#endif
#endif
