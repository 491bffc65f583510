/* SPDX-License-Identifier: MIT */
/*
 * Processors, threads and IRQL.
 *
 * A processor is an event loop on one thread: watched file descriptors, interrupts, DPCs, timers.
 * It runs at DISPATCH_LEVEL whenever it runs driver code, as DPCs do, and must never block.
 * Everything at PASSIVE_LEVEL (driver entry, initialize, OIDs, work items, system threads, whoever
 * uses the machine) runs on ordinary threads, each of which is a processor of its own in the
 * driver's eyes: numbers 0..loops-1 are loops, those from NT_MAX_LOOPS on are handed to the other
 * threads while they live; NT_MAX_PROCESSORS is what drivers are told. Hence at DISPATCH_LEVEL
 * nobody shares a processor number (but the last, which is everybody's who comes when all others
 * are taken).
 *
 * IRQL is per thread. Raising is a store. Lowering below DISPATCH_LEVEL on a loop thread delivers
 * nothing: interrupts, then DPCs, then timers run between callbacks of the loop, never nested
 * inside driver code. On a passive thread a queued DPC is run by loop 0 (or the loop of its target
 * processor).
 */
#pragma once

#include "base/base.h"

enum { NT_MAX_PROCESSORS = 64, NT_MAX_LOOPS = 16 };

/* Starts `loops` processors and the passive workers. One machine per process. nt_stop waits until
 * queues are empty and joins all threads. */
int nt_start(unsigned loops, struct why *why);
void nt_stop(void);
unsigned nt_loop_count(void);

/* The calling thread as the kernel sees it; made on first use, gone with the thread. Sets up GS for
 * loaded images. */
struct nt_thread {
    uint8_t irql;
    uint8_t cpu;
    int16_t loop;        /* loop number, or -1 */
    uint32_t locks_held; /* spin locks; for GEN-40 */
    void *owner;         /* struct nt_owner: current driver */
    void *kpcr;          /* fake KPCR page that GS points to */
    void *kthread;       /* fake KTHREAD: KeGetCurrentThread */
};
extern __thread struct nt_thread *nt_thread_current_;
struct nt_thread *nt_thread_attach(void);
static inline struct nt_thread *nt_thread_self(void)
{
    return nt_thread_current_ ? nt_thread_current_ : nt_thread_attach();
}

/* Findings when the calling thread is above the level that `what` allows. Returns whether it is
 * fine. */
bool nt_check_irql_max(uint8_t max, const char *what);
#define NT_PASSIVE_ONLY() nt_check_irql_max(0, __func__)
#define NT_DISPATCH_MAX() nt_check_irql_max(2, __func__)

/* Readable-fd callback on a loop, at DISPATCH_LEVEL. The watch is level triggered. remove returns
 * when fn is not running and will not run again (call it from another thread than the loop, or from
 * fn itself). enable(false) stops polling until enabled again: back-pressure. */
struct nt_watch;
int nt_watch_add(unsigned loop, int fd, void (*fn)(void *arg), void *arg, struct nt_watch **out);
void nt_watch_remove(struct nt_watch *w);
void nt_watch_enable(struct nt_watch *w, bool on);

/* A callback at the end of each loop round, at DISPATCH_LEVEL: where batches are flushed. */
struct nt_idle;
int nt_idle_add(unsigned loop, void (*fn)(void *arg), void *arg, struct nt_idle **out);
void nt_idle_remove(struct nt_idle *i);

/* Runs fn on the loop at DISPATCH_LEVEL and waits (on the calling thread when that is the loop, or
 * no loop runs); or on a passive worker, without waiting, with the caller's owner as current. */
void nt_loop_call(unsigned loop, void (*fn)(void *arg), void *arg);
int nt_work_queue(void (*fn)(void *arg), void *arg);

/* Monotonic nanoseconds, and system time in 100 ns units since 1601. */
uint64_t nt_now_ns(void);
uint64_t nt_system_time(void);
