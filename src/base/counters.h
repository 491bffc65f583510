/* SPDX-License-Identifier: MIT */
/*
 * Named 64-bit event counters. A room declares an enum and a table of names; one counter per cause,
 * so that nothing is ever lost without a number saying why. Written by the owning thread, read by
 * any: relaxed atomics.
 */
#pragma once

#include <stdint.h>

typedef uint64_t counter;

static inline void counter_add(counter *c, uint64_t n)
{
    __atomic_store_n(c, __atomic_load_n(c, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const counter *c)
{
    return __atomic_load_n(c, __ATOMIC_RELAXED);
}

/* A reader's view of one counter: what `longshore run --counters` and the tests list. */
struct counter_view {
    const char *name;
    uint64_t value;
};
