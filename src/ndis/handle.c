/* SPDX-License-Identifier: MIT */
/*
 * Handles: a table of the live objects behind NDIS_HANDLE, so that what a driver passes is looked
 * up and never followed first. Look-ups take no lock: the data path asks at every call. Also waits
 * for asynchronous completions.
 */
#include "ndis/adapter.h"

#include <time.h>

enum { HANDLE_SLOTS = 1 << 17 };

/* Open addressing; GONE marks a slot that a longer probe may have passed over. */
#define GONE ((struct ndis_handle *)1)

static _Atomic(struct ndis_handle *) handle_slots[HANDLE_SLOTS];
static size_t handle_live;
static pthread_mutex_t handle_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t handle_hash(const void *p)
{
    return (size_t)(((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15ull >> 40) & (HANDLE_SLOTS - 1);
}

static _Atomic(struct ndis_handle *) *handle_find(const void *p)
{
    size_t at = handle_hash(p);

    for (size_t probes = 0; probes < HANDLE_SLOTS; probes++, at = (at + 1) & (HANDLE_SLOTS - 1)) {
        struct ndis_handle *h = atomic_load_explicit(&handle_slots[at], memory_order_acquire);

        if (h == p)
            return &handle_slots[at];
        if (!h)
            return NULL;
    }
    return NULL;
}

static bool handle_plausible(const void *p)
{
    return p && ((uintptr_t)p & (_Alignof(struct ndis_handle) - 1)) == 0;
}

static const char *kind_name(uint32_t kind)
{
    switch (kind) {
    case NDIS_H_MINIPORT_DRIVER:
        return "a miniport driver";
    case NDIS_H_ADAPTER:
        return "an adapter";
    case NDIS_H_PROTOCOL:
        return "a protocol";
    case NDIS_H_BINDING:
        return "a binding";
    case NDIS_H_CONFIGURATION:
        return "a configuration";
    case NDIS_H_INTERRUPT:
        return "an interrupt";
    case NDIS_H_DMA:
        return "a DMA channel";
    case NDIS_H_NBL_POOL:
        return "an NBL pool";
    case NDIS_H_NB_POOL:
        return "an NB pool";
    case NDIS_H_TIMER:
        return "a timer";
    case NDIS_H_WORK_ITEM:
        return "a work item";
    case NDIS_H_DEVICE:
        return "a control device";
    default:
        return "nothing known";
    }
}

void *ndis_handle_get(NDIS_HANDLE h, enum ndis_handle_kind kind, const char *what)
{
    struct ndis_handle *found = h;

    if (!handle_plausible(h) || !handle_find(h)) {
        finding_report("NT-HANDLE", "%s: handle %p is not (or no longer) %s", what, h,
                       kind_name(kind));
        return NULL;
    }
    if (found->kind != kind) {
        finding_report("NT-HANDLE", "%s: handle %p is %s, not %s", what, h, kind_name(found->kind),
                       kind_name(kind));
        return NULL;
    }
    return found;
}

bool ndis_handle_is_any(NDIS_HANDLE h, const char *what)
{
    struct ndis_handle *found = h;

    if (!h)
        return true;
    if (handle_plausible(h) && handle_find(h) &&
        (found->kind == NDIS_H_MINIPORT_DRIVER || found->kind == NDIS_H_ADAPTER ||
         found->kind == NDIS_H_PROTOCOL || found->kind == NDIS_H_BINDING))
        return true;
    finding_report("NT-HANDLE", "%s: handle %p is no driver, adapter, protocol or binding", what,
                   h);
    return false;
}

void ndis_handle_register(struct ndis_handle *h, enum ndis_handle_kind kind)
{
    size_t at = handle_hash(h);
    bool done = false;

    invariant(handle_plausible(h));
    h->kind = kind;
    pthread_mutex_lock(&handle_lock);
    if (handle_live >= HANDLE_SLOTS / 2)
        log_error("ndis: more than %d live handles; new ones will not be recognised",
                  HANDLE_SLOTS / 2);
    else
        for (; !done; at = (at + 1) & (HANDLE_SLOTS - 1)) {
            struct ndis_handle *old = atomic_load_explicit(&handle_slots[at], memory_order_relaxed);

            if (old && old != GONE)
                continue;
            atomic_store_explicit(&handle_slots[at], h, memory_order_release);
            handle_live++;
            done = true;
        }
    pthread_mutex_unlock(&handle_lock);
}

void ndis_handle_retire(struct ndis_handle *h)
{
    _Atomic(struct ndis_handle *) *slot;

    h->kind = NDIS_H_DEAD;
    pthread_mutex_lock(&handle_lock);
    slot = handle_find(h);
    if (slot) {
        size_t at = (size_t)(slot - handle_slots);

        handle_live--;
        atomic_store(slot, GONE);
        /* No probe goes past an empty slot, so marks just before one serve nobody. */
        if (!atomic_load(&handle_slots[(at + 1) & (HANDLE_SLOTS - 1)]))
            while (atomic_load(&handle_slots[at]) == GONE) {
                atomic_store(&handle_slots[at], NULL);
                at = (at - 1) & (HANDLE_SLOTS - 1);
            }
    }
    pthread_mutex_unlock(&handle_lock);
}

void ndis_wait_init(struct ndis_wait *w)
{
    pthread_condattr_t attributes;

    memset(w, 0, sizeof(*w));
    pthread_mutex_init(&w->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

void ndis_wait_fini(struct ndis_wait *w)
{
    pthread_cond_destroy(&w->cond);
    pthread_mutex_destroy(&w->mutex);
}

bool ndis_wait_signal(struct ndis_wait *w, NDIS_STATUS status)
{
    bool first;

    pthread_mutex_lock(&w->mutex);
    first = !w->done;
    if (first) {
        w->done = true;
        w->status = status;
        pthread_cond_broadcast(&w->cond);
    }
    pthread_mutex_unlock(&w->mutex);
    return first;
}

bool ndis_wait_for(struct ndis_wait *w, double seconds, NDIS_STATUS *status)
{
    double scaled = seconds * ndis_time_factor;
    struct timespec until;
    bool done;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)scaled;
    until.tv_nsec += (long)((scaled - (double)(time_t)scaled) * 1e9);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&w->mutex);
    while (!w->done && pthread_cond_timedwait(&w->cond, &w->mutex, &until) != ETIMEDOUT)
        continue;
    done = w->done;
    if (done && status)
        *status = w->status;
    pthread_mutex_unlock(&w->mutex);
    return done;
}
