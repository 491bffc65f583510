/* SPDX-License-Identifier: MIT */
/* Load on a path: one thread that sends bursts while the binding runs, reads the wire, and keeps
 * the books; and arrivals from the far end. */
#pragma once

#include "test_path_watch.h"

enum { LOAD_BURST = 32 };

static struct load {
    struct path *path;
    pthread_t thread;
    pthread_mutex_t sending; /* held around a look at `running` and the send that follows */
    _Atomic(bool) stop, out; /* out: a burst is not back */
    _Atomic(unsigned) good, ended;    /* sends that succeeded; that ended otherwise, as they may */
    unsigned odd, lost;      /* with a status that does not fit; never completed */
    unsigned on_wire, disorder, halts;
    bool unsettled;
} load = {.sending = PTHREAD_MUTEX_INITIALIZER};

/* What a send may end with around a pause, reset or removal (FAIL-SEND). */
static inline bool load_fits(NDIS_STATUS s)
{
    return s == NDIS_STATUS_SUCCESS || s == NDIS_STATUS_PAUSED ||
           s == NDIS_STATUS_RESET_IN_PROGRESS || s == NDIS_STATUS_REQUEST_ABORTED ||
           s == NDIS_STATUS_SEND_ABORTED || s == NDIS_STATUS_FAILURE;
}

/* on_pause: `running` is false by now; no send begins after this, and all are back (GEN-45). */
static void load_stop_sending(struct path *p)
{
    (void)p;
    pthread_mutex_lock(&load.sending);
    pthread_mutex_unlock(&load.sending);
    while (atomic_load(&load.out))
        usleep(50);
}

static inline void load_read_wire(struct path *p)
{
    static uint32_t last;
    uint8_t frame[2048];

    while (path_wire_read(p, frame, sizeof frame, 0)) {
        uint32_t n = number_of(frame);

        load.disorder += load.on_wire && n <= last;
        load.on_wire++;
        last = n;
    }
}

static inline void load_settle(struct path *p)
{
    pthread_mutex_lock(&p->mutex);
    for (unsigned i = 0; i < p->completed_count; i++) {
        NDIS_STATUS s = p->completed[i].status;

        load.good += s == NDIS_STATUS_SUCCESS;
        load.ended += s != NDIS_STATUS_SUCCESS;
        load.odd += !load_fits(s);
        path_free_nbl(p, p->completed[i].nbl);
    }
    p->completed_count = 0;
    pthread_mutex_unlock(&p->mutex);
}

static void *load_main(void *arg)
{
    struct path *p = arg;
    uint32_t n = 0;

    while (!atomic_load(&load.stop)) {
        NET_BUFFER_LIST *chain = numbered_chain(p, n, LOAD_BURST, 200);
        bool sent = false;

        while (!sent && !atomic_load(&load.stop)) {
            pthread_mutex_lock(&load.sending);
            sent = atomic_load(&p->running);
            atomic_store(&load.out, sent);
            if (sent)
                NdisSendNetBufferLists(p->binding, chain, 0, 0);
            pthread_mutex_unlock(&load.sending);
            if (!sent)
                usleep(200);
        }
        if (!sent) {
            while (chain) {
                NET_BUFFER_LIST *next = chain->Next;

                path_free_nbl(p, chain);
                chain = next;
            }
        } else if (!path_wait(p, &p->completed_count, LOAD_BURST, 10)) {
            load.lost += LOAD_BURST - p->completed_count;
            return NULL;
        }
        atomic_store(&load.out, false);
        load_settle(p);
        load_read_wire(p);
        n += LOAD_BURST;
    }
    return NULL;
}

static inline void load_begin(struct path *p)
{
    load.path = p;
    load.good = load.ended = load.odd = load.lost = load.on_wire = load.disorder = load.halts = 0;
    load.unsettled = false;
    atomic_store(&load.stop, false);
    pthread_create(&load.thread, NULL, load_main, p);
    while (!load.good)
        usleep(100);
}

/* No send is lost, and what reached the wire did so in order (GEN-11, GEN-15). */
static inline void load_end(struct path *p)
{
    atomic_store(&load.stop, true);
    pthread_join(load.thread, NULL);
    load_read_wire(p);
    assert_int_equal(load.lost, 0);
    assert_int_equal(load.disorder, 0);
    assert_true(load.on_wire >= load.good);
}

static inline void load_arrivals(struct path *p, unsigned n)
{
    for (uint32_t i = 0; i < n; i++)
        arrive(p, i, 100);
}

static inline void *load_return_later(void *arg)
{
    usleep(30000);
    path_return_held(arg);
    return NULL;
}
