/* SPDX-License-Identifier: MIT */
/*
 * The inside of a processor loop, for the files of nt that feed it: DPCs (dpc.c), interrupts
 * (interrupt.c), timers (ke_timer.c).
 *
 * One round: wait for fds (not at all while `work` is set); then after each fd callback and once
 * more at the end: interrupts, DPCs; then expired timers and the DPCs these queue; then idle
 * callbacks. Queues are under `lock`; a producer appends, then calls nt_loop_kick.
 */
#pragma once

#include "base/list.h"
#include "nt/device.h"
#include "nt/processor.h"

#include <pthread.h>

/* DPCs of both kinds stand in one queue. A reference is the object's address, with bit 0 set for a
 * KDPC. */
typedef uintptr_t nt_dpc_ref;

struct nt_loop {
    unsigned index;
    bool running;
    pthread_t thread;
    int epfd, evfd;
    int sleeping; /* atomic: in epoll with a timeout; a kick must write evfd */
    int work;     /* atomic: queues want a look */
    int stop;     /* atomic */
    int added;    /* atomic: watches so far */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a DPC or service routine has ended */
    nt_dpc_ref dpc_head, dpc_tail, dpc_running;
    struct nt_interrupt *interrupt_head, *interrupt_tail, *interrupt_running;

    /* Touched by the loop's thread only. */
    struct list idles;
    bool in_idles;
    struct nt_watch *dead_watches;
};

struct nt_loop *nt_loop_get(unsigned index); /* modulo the number of loops; also before nt_start */
bool nt_loop_is_self(const struct nt_loop *l);
void nt_loop_kick(struct nt_loop *l);
/* After driver code returned: findings about a changed IRQL or locks still held, which are put
 * right. */
void nt_loop_check(const char *what);

/* dpc.c; each returns whether something is left. */
bool nt_dpcs_run(struct nt_loop *l, unsigned budget);
bool nt_dpcs_empty(struct nt_loop *l);
void nt_dpcs_flush(void); /* waits until all that is queued now has run */
/* interrupt.c */
bool nt_interrupts_run(struct nt_loop *l, unsigned budget);
/* ke_timer.c: fires what is due; when the next will be (UINT64_MAX: none). */
void nt_timers_run(void);
uint64_t nt_timers_next(void);

/* thread.c: makes the calling thread processor `loop`. */
void nt_thread_become_loop(unsigned loop);
/* ps.c: the thread object of a thread; and its end. */
void *nt_kthread_new(void);
void nt_kthread_end(void *kthread);
/* Waits for system threads to end; false after timeout_ns. */
bool nt_system_threads_wait(uint64_t timeout_ns);

/* worker.c. */
int nt_workers_start(void);
void nt_workers_stop(void);
bool nt_workers_quiesce(
    void); /* waits until no work is queued or running; true if none was when called */

/* Threads of ours take no asynchronous signals: these belong to the program. */
int nt_pthread_create(pthread_t *out, void *(*fn)(void *), void *arg);
