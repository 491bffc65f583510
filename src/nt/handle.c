/* SPDX-License-Identifier: MIT */
/* The handle table. Values are multiples of 4, as on Windows, and the oldest free one is used
 * first, so that a stale handle shows. */
#include "nt/handle.h"
#include "nt/ledger.h"

#include <pthread.h>

enum { HANDLES_MAX = 4096 };

struct slot {
    enum nt_handle_kind kind; /* 0: free */
    void *object;
    void (*close)(void *object);
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot slots[HANDLES_MAX];
static unsigned cursor;

static void *handle_of(unsigned index)
{
    return (void *)((uintptr_t)(index + 1) * 4);
}

static struct slot *slot_of(const void *handle)
{
    uintptr_t value = (uintptr_t)handle;

    if (value == 0 || value % 4 != 0 || value / 4 > HANDLES_MAX)
        return NULL;
    return slots[value / 4 - 1].kind ? &slots[value / 4 - 1] : NULL;
}

void *nt_handle_new(enum nt_handle_kind kind, void *object, void (*close)(void *object))
{
    void *handle = NULL;

    pthread_mutex_lock(&lock);
    for (unsigned tries = 0; tries < HANDLES_MAX && !handle; tries++) {
        unsigned index = cursor++ % HANDLES_MAX;

        if (slots[index].kind)
            continue;
        slots[index] = (struct slot){kind, object, close};
        handle = handle_of(index);
    }
    pthread_mutex_unlock(&lock);
    if (handle)
        nt_ledger_add(NT_RES_HANDLE, handle, 0, 0);
    return handle;
}

void *nt_handle_object(void *handle, enum nt_handle_kind kind)
{
    const struct slot *s;
    void *object;

    pthread_mutex_lock(&lock);
    s = slot_of(handle);
    object = s && s->kind == kind ? s->object : NULL;
    pthread_mutex_unlock(&lock);
    return object;
}

bool nt_handle_close(void *handle)
{
    struct slot *s, was = {.object = NULL};

    pthread_mutex_lock(&lock);
    s = slot_of(handle);
    if (s) {
        was = *s;
        *s = (struct slot){.object = NULL};
        nt_ledger_take(NT_RES_HANDLE, handle, NULL);
    }
    pthread_mutex_unlock(&lock);
    if (was.kind && was.close)
        was.close(was.object);
    return was.kind != 0;
}
