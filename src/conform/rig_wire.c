/* SPDX-License-Identifier: MIT */
/* The far end of the cable, and a processor that can be made to stand still. */
#include "conform/rig_int.h"
#include "conform/stack.h"

#include <poll.h>

void rig_need_wire(struct rig *r)
{
    if (!rig_has_wire(r))
        skip(r, "the driver drives no card of ours: there is no wire to look at");
}

bool rig_announces(const struct rig *r, const uint8_t *header)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    return r->card_count && memcmp(header, broadcast, 6) == 0 &&
           memcmp(header + 6, r->mac, 6) == 0 && header[12] == 0x80 && header[13] == 0x35;
}

uint32_t rig_far_read(struct rig *r, struct port *far, const struct frame_span *to, double seconds)
{
    struct port_buffer b = {.spans = to, .span_count = 1};
    double until = rig_now() + seconds * r->suite->time_factor;

    for (;;) {
        struct pollfd fd = {.fd = port_fd(far), .events = POLLIN};

        b.len = 0;
        if (port_rx(far, &b, 1) == 1) {
            if (b.len < FRAME_ETH_LEN || !rig_announces(r, to->data))
                return b.len;
            continue;
        }
        if (rig_now() >= until)
            return 0;
        poll(&fd, 1, 10);
    }
}

uint32_t rig_wire_read(struct rig *r, uint8_t *dst, uint32_t size, double seconds)
{
    rig_need_wire(r);
    return rig_far_read(r, r->far, &(struct frame_span){dst, size}, seconds);
}

void rig_wire_write(struct rig *r, const void *frame, uint32_t len)
{
    struct frame_span span = {(uint8_t *)(uintptr_t)frame, len};
    struct frame f = {.spans = &span, .span_count = 1, .len = len};

    rig_need_wire(r);
    if (port_tx(r->far, &f, 1) != 1)
        cannot(r, "the cable took no frame of %u bytes", len);
}

/* Broadcast of a local experimental EtherType (IEEE 802), with a number. */
static uint32_t make_mark(struct rig *r, uint8_t mark[60])
{
    memset(mark, 0, 60);
    memset(mark, 0xff, 6);
    memcpy(mark + 6, r->mac, 6);
    mark[12] = 0x88;
    mark[13] = 0xb5;
    r->marks++;
    memcpy(mark + 14, "mark", 4);
    memcpy(mark + 18, &r->marks, 4);
    return 60;
}

/* By whoever is bound; false: by nobody. */
static bool send_mark(struct rig *r, const uint8_t *mark, uint32_t len)
{
    static struct packet k;

    if (atomic_load(&r->main.running))
        return rig_send(r, rig_nbl(r, mark, len, NULL, 0), 1);
    if (!stack_running(r))
        return false;
    memcpy(k.bytes, mark, len);
    k.len = len;
    stack_send(r, &k, STACK_FINISHED, 0);
    return true;
}

unsigned rig_wire_drain(struct rig *r, struct rig_seen *out, unsigned max)
{
    static uint8_t frame[RIG_FRAME];
    uint8_t mark[60];
    uint32_t len = make_mark(r, mark), n;
    unsigned count = 0;
    double seconds;

    rig_need_wire(r);
    seconds = send_mark(r, mark, len) ? 2 : 0.05;
    while ((n = rig_wire_read(r, frame, sizeof frame, seconds))) {
        if (n >= 22 && memcmp(frame + 12, mark + 12, 10) == 0)
            break;
        if (count == max)
            continue;
        out[count].bytes = malloc(n);
        invariant(out[count].bytes);
        memcpy(out[count].bytes, frame, n);
        out[count++].len = n;
    }
    return count;
}

const struct rig_received *rig_arrive(struct rig *r, const void *frame, uint32_t len)
{
    unsigned before = r->main.received_count;

    rig_wire_write(r, frame, len);
    if (!rig_wait(r, &r->main.received_count, before + 1, 2))
        return NULL;
    return &r->main.received[before % RIG_RECORDS];
}

/* ---- Stall ---------------------------------------------------------------------------------- */

static struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool standing, go;
} stall = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void stand_still(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&stall.mutex);
    stall.standing = true;
    pthread_cond_broadcast(&stall.changed);
    while (!stall.go)
        pthread_cond_wait(&stall.changed, &stall.mutex);
    stall.standing = false;
    pthread_mutex_unlock(&stall.mutex);
}

static void *stall_main(void *arg)
{
    nt_loop_call(0, stand_still, arg);
    return NULL;
}

void rig_stall(struct rig *r)
{
    stall.go = false;
    if (pthread_create(&stall.thread, NULL, stall_main, NULL) != 0)
        cannot(r, "no thread");
    pthread_mutex_lock(&stall.mutex);
    while (!stall.standing)
        pthread_cond_wait(&stall.changed, &stall.mutex);
    pthread_mutex_unlock(&stall.mutex);
}

void rig_unstall(struct rig *r)
{
    (void)r;
    pthread_mutex_lock(&stall.mutex);
    stall.go = true;
    pthread_cond_broadcast(&stall.changed);
    pthread_mutex_unlock(&stall.mutex);
    pthread_join(stall.thread, NULL);
}
