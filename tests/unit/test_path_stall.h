/* SPDX-License-Identifier: MIT */
/* A processor that stands still: for tests in which sends must stay with a driver. */
#pragma once

#include "nt/processor.h"

#include <pthread.h>
#include <stdbool.h>

/* The loop runs nothing while it is stalled: no interrupt, no DPC. Sends that the card has carried
 * out stay with the driver. */
static struct stall {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool standing, go;
} stall = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void stall_on_loop(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&stall.mutex);
    stall.standing = true;
    pthread_cond_broadcast(&stall.changed);
    while (!stall.go)
        pthread_cond_wait(&stall.changed, &stall.mutex);
    pthread_mutex_unlock(&stall.mutex);
}

static void *stall_main(void *arg)
{
    (void)arg;
    nt_loop_call(0, stall_on_loop, NULL);
    return NULL;
}

static inline void stall_begin(void)
{
    stall.standing = stall.go = false;
    pthread_create(&stall.thread, NULL, stall_main, NULL);
    pthread_mutex_lock(&stall.mutex);
    while (!stall.standing)
        pthread_cond_wait(&stall.changed, &stall.mutex);
    pthread_mutex_unlock(&stall.mutex);
}

static inline void stall_end(void)
{
    pthread_mutex_lock(&stall.mutex);
    stall.go = true;
    pthread_cond_broadcast(&stall.changed);
    pthread_mutex_unlock(&stall.mutex);
    pthread_join(stall.thread, NULL);
}
