/* SPDX-License-Identifier: MIT */
/*
 * The spin lock under all others: one word, 0 = free, else the address of the holder's nt_thread.
 * No IRQL, no bookkeeping. Yields after a while, as the holder may be a thread that lost its CPU.
 */
#pragma once

#include "nt/processor.h"

#include <sched.h>

enum { NT_SPIN_BEFORE_YIELD = 128 };

static inline bool nt_spin_try(uintptr_t *word, uintptr_t me)
{
    uintptr_t expected = 0;

    return __atomic_compare_exchange_n(word, &expected, me, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static inline void nt_spin_lock_as(uintptr_t *word, uintptr_t me)
{
    for (unsigned spins = 0; !nt_spin_try(word, me); spins++) {
        if (spins < NT_SPIN_BEFORE_YIELD)
            __builtin_ia32_pause();
        else
            sched_yield();
    }
}

static inline void nt_spin_lock(uintptr_t *word)
{
    nt_spin_lock_as(word, (uintptr_t)nt_thread_self());
}

static inline void nt_spin_unlock(uintptr_t *word)
{
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
}
