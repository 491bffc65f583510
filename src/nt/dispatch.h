/* SPDX-License-Identifier: MIT */
/*
 * Dispatcher objects: one lock for all, state in the object's DISPATCHER_HEADER, waiters in a table
 * by address. What changes a state does so under the lock and then signals.
 */
#pragma once

#include <wdk/ntddk.h>

#include <stdbool.h>

/* DISPATCHER_HEADER.Type. */
enum nt_object_type {
    NT_EVENT_NOTIFICATION = 0,
    NT_EVENT_SYNCHRONIZATION = 1,
    NT_MUTANT = 2,
    NT_SEMAPHORE = 5,
    NT_THREAD = 6,
    NT_TIMER_NOTIFICATION = 8,
    NT_TIMER_SYNCHRONIZATION = 9,
};

void nt_dispatch_lock(void);
void nt_dispatch_unlock(void);
void nt_dispatch_init(DISPATCHER_HEADER *h, enum nt_object_type type, size_t bytes, LONG state);
LONG nt_dispatch_state(const DISPATCHER_HEADER *h);
/* Under the lock: sets the state and releases the waiters that it satisfies. */
void nt_dispatch_set(DISPATCHER_HEADER *h, LONG state);

/* Nanoseconds of nt_now_ns() when a timeout or due time falls due; in the past for one that has. */
uint64_t nt_due_ns(LONGLONG timeout_100ns);

/* ke_timer.c: an armed timer inside the block, which is disarmed; or NULL. For those who free
 * memory. */
const KTIMER *nt_timer_within(const void *block, size_t bytes);
