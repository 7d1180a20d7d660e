// See background.h.
#include "base/background.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

typedef enum job_state { IDLE, GIVEN, DONE, LEAVING } job_state;

struct background {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    job_state state;
    background_job job;
    void *context;
    asc_status status; // of the job that is DONE
    asc_error err;
};

static void *work(void *argument)
{
    background *b = argument;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (b->state == IDLE || b->state == DONE)
            pthread_cond_wait(&b->changed, &b->lock);
        if (b->state == LEAVING)
            break;
        pthread_mutex_unlock(&b->lock);
        asc_error err = {0};
        const asc_status status = b->job(b->context, &err);
        pthread_mutex_lock(&b->lock);
        b->status = status;
        b->err = err;
        b->state = DONE;
        pthread_cond_broadcast(&b->changed);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

asc_status background_create(background **out, asc_error *err)
{
    *out = NULL;
    background *b = calloc(1, sizeof *b);
    if (!b)
        return fail_memory(err, "a thread", sizeof *b);
    if (pthread_mutex_init(&b->lock, NULL) != 0) {
        free(b);
        return fail(err, ASC_OUT_OF_MEMORY, "cannot create a mutex");
    }
    if (pthread_cond_init(&b->changed, NULL) != 0) {
        pthread_mutex_destroy(&b->lock);
        free(b);
        return fail(err, ASC_OUT_OF_MEMORY, "cannot create a condition variable");
    }
    if (pthread_create(&b->thread, NULL, work, b) != 0) {
        pthread_cond_destroy(&b->changed);
        pthread_mutex_destroy(&b->lock);
        free(b);
        return fail(err, ASC_OUT_OF_MEMORY, "cannot start a thread");
    }
    *out = b;
    return ASC_OK;
}

static void await_idle(background *b)
{
    while (b->state == GIVEN)
        pthread_cond_wait(&b->changed, &b->lock);
}

void background_destroy(background *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    await_idle(b);
    b->state = LEAVING;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void background_start(background *b, background_job job, void *context)
{
    pthread_mutex_lock(&b->lock);
    assert(b->state == IDLE);
    b->job = job;
    b->context = context;
    b->state = GIVEN;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

asc_status background_wait(background *b, asc_error *err)
{
    pthread_mutex_lock(&b->lock);
    await_idle(b);
    const asc_status status = b->state == DONE ? b->status : ASC_OK;
    if (status != ASC_OK && err)
        *err = b->err;
    b->state = IDLE;
    pthread_mutex_unlock(&b->lock);
    return status;
}
