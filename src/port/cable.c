/* SPDX-License-Identifier: MIT */
/*
 * Two ports joined in memory. Each direction is a lane: a byte ring with one producer (the sending
 * thread of one end) and one consumer (the receiving thread of the other), which do not wait for
 * each other.
 *
 * A lane holds records, each a 16-byte head and the frame, rounded up to 16; none wraps, a skip
 * record fills the end of the ring. head and tail grow, their remainder is the place. A consumer
 * that has emptied the lane while nobody is producing starts it anew, so that a cable in step with
 * its reader stays in the cache; that is all the mutex is for, and the consumer only ever tries it.
 *
 * Readiness: an eventfd, written when `signalled` goes from 0 to 1. The consumer clears both when
 * it has drained the lane and then looks once more, so that either it sees a frame or the producer
 * sees 0.
 *
 * Both ends live in one allocation, freed with the second; so no end ever points at freed memory.
 */
#include <pthread.h>
#include <sys/eventfd.h>

#include "port/ops.h"

enum {
    CABLE_LANE_BYTES = 8 << 20, /* 64 large sends cut into segments: what one batch can be */
    CABLE_ALIGN = 16,
    CABLE_SKIP = 0xffffffffu,
};

struct cable_record {
    uint32_t len; /* of the frame, or CABLE_SKIP: go to the start of the ring */
    uint32_t reserved[3];
};

struct lane {
    _Alignas(64) uint64_t tail; /* producer's */
    _Alignas(64) uint64_t head; /* consumer's */
    _Alignas(64) uint32_t signalled;
    pthread_mutex_t producing;
    int event; /* the consumer's fd */
    uint8_t *bytes;
};

struct cable_end {
    struct port port;
    struct cable *cable;
    unsigned side;
};

struct cable {
    struct cable_end ends[2];
    struct lane to[2]; /* to[i]: frames for ends[i] */
    bool closed[2];    /* freed by its owner */
    uint32_t users;    /* ends that somebody holds */
    bool far_held;     /* somebody asked for ends[1] */
};

static struct cable_end *to_end(struct port *p)
{
    return CONTAINER_OF(p, struct cable_end, port);
}

static uint8_t *lane_at(const struct lane *l, uint64_t position)
{
    return l->bytes + position % CABLE_LANE_BYTES;
}

static void lane_signal(struct lane *l)
{
    static const uint64_t one = 1;

    if (__atomic_exchange_n(&l->signalled, 1, __ATOMIC_SEQ_CST) == 0)
        (void)!write(l->event, &one, sizeof one);
}

/* Room for a frame at *tail, which moves to the record; NULL when the lane is full. */
static struct cable_record *lane_reserve(struct lane *l, uint64_t *tail, uint32_t len)
{
    uint64_t head = __atomic_load_n(&l->head, __ATOMIC_ACQUIRE);
    uint64_t need = sizeof(struct cable_record) + ALIGN_UP((uint64_t)len, CABLE_ALIGN);
    uint64_t to_end_of_ring = CABLE_LANE_BYTES - *tail % CABLE_LANE_BYTES;
    uint64_t skip = need > to_end_of_ring ? to_end_of_ring : 0;

    if (*tail + skip + need - head > CABLE_LANE_BYTES)
        return NULL;
    if (skip > 0) {
        ((struct cable_record *)(void *)lane_at(l, *tail))->len = CABLE_SKIP;
        *tail += skip;
    }
    return (struct cable_record *)(void *)lane_at(l, *tail);
}

static bool lane_put(struct lane *l, uint64_t *tail, const struct frame *f)
{
    struct cable_record *r = lane_reserve(l, tail, f->len);

    if (!r)
        return false;
    r->len = f->len;
    frame_pull(f, 0, r + 1, f->len);
    *tail += sizeof *r + ALIGN_UP((uint64_t)f->len, CABLE_ALIGN);
    return true;
}

static unsigned cable_tx(struct port *p, const struct frame *frames, unsigned n)
{
    struct cable_end *end = to_end(p);
    unsigned far = !end->side, sent = 0;
    struct lane *l = &end->cable->to[far];
    uint64_t tail;

    pthread_mutex_lock(&l->producing);
    tail = l->tail;
    for (unsigned i = 0; i < n; i++) {
        const struct frame *f = &frames[i];

        if (!port_tx_fits(p, f) || !port_tx_finished(p, f))
            continue;
        if (__atomic_load_n(&end->cable->closed[far], __ATOMIC_RELAXED)) {
            port_count(p, PORT_TX_DOWN, 1);
        } else if (!lane_put(l, &tail, f)) {
            port_count(p, PORT_TX_NO_ROOM, 1);
        } else {
            port_sent(p, f);
            sent++;
        }
    }
    if (sent > 0) {
        __atomic_store_n(&l->tail, tail, __ATOMIC_SEQ_CST);
        lane_signal(l);
    }
    pthread_mutex_unlock(&l->producing);
    return sent;
}

/* Up to n frames; *head moves past what was taken. */
static unsigned lane_take(struct port *p, struct lane *l, struct port_buffer *bufs, unsigned n)
{
    uint64_t head = l->head, tail = __atomic_load_n(&l->tail, __ATOMIC_SEQ_CST);
    unsigned k = 0;

    while (head != tail && k < n) {
        const struct cable_record *r = (const void *)lane_at(l, head);
        struct port_buffer *buf = &bufs[k];

        if (r->len == CABLE_SKIP) {
            head += CABLE_LANE_BYTES - head % CABLE_LANE_BYTES;
            continue;
        }
        if (port_spans_put(buf->spans, buf->span_count, (const uint8_t *)(r + 1), r->len)) {
            memset(&buf->offload, 0, sizeof buf->offload);
            port_received(p, buf, r->len);
            k++;
        } else {
            port_count(p, PORT_RX_TRUNCATED, 1);
        }
        head += sizeof *r + ALIGN_UP((uint64_t)r->len, CABLE_ALIGN);
    }
    __atomic_store_n(&l->head, head, __ATOMIC_RELEASE);
    return k;
}

/* Consumer: an empty lane starts anew, unless the producer is at it. */
static void lane_rewind(struct lane *l)
{
    if (pthread_mutex_trylock(&l->producing) != 0)
        return;
    if (l->tail == l->head) {
        __atomic_store_n(&l->tail, 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&l->head, 0, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&l->producing);
}

static int cable_rx(struct port *p, struct port_buffer *bufs, unsigned n)
{
    struct cable_end *end = to_end(p);
    struct lane *l = &end->cable->to[end->side];
    unsigned k = lane_take(p, l, bufs, n);
    uint64_t drop;

    if (k == n)
        return (int)k;
    (void)!read(l->event, &drop, sizeof drop);
    __atomic_store_n(&l->signalled, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&l->tail, __ATOMIC_SEQ_CST) != l->head)
        lane_signal(l);
    else
        lane_rewind(l);
    return (int)k;
}

static void cable_release(struct cable *c)
{
    for (unsigned i = 0; i < 2; i++) {
        c->ends[i].port.fd = -1; /* the lane's */
        port_fini(&c->ends[i].port);
        if (c->to[i].event >= 0)
            close(c->to[i].event);
        free(c->to[i].bytes);
    }
    free(c);
}

static void cable_free(struct port *p)
{
    struct cable_end *end = to_end(p);

    __atomic_store_n(&end->cable->closed[end->side], true, __ATOMIC_RELAXED);
    if (__atomic_sub_fetch(&end->cable->users, 1, __ATOMIC_ACQ_REL) == 0)
        cable_release(end->cable);
}

static const struct port_ops cable_ops = {
    .free = cable_free,
    .rx = cable_rx,
    .tx = cable_tx,
};

struct port *port_cable_far_end(struct port *p)
{
    struct cable *c;
    unsigned far;

    if (p->ops != &cable_ops)
        return NULL;
    c = to_end(p)->cable;
    far = !to_end(p)->side;
    if (c->closed[far])
        return NULL;
    if (far == 1 && !c->far_held) {
        c->far_held = true;
        c->users = 2;
    }
    return &c->ends[far].port;
}

static int lane_init(struct lane *l)
{
    pthread_mutex_init(&l->producing, NULL);
    l->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->event < 0)
        return -errno;
    return posix_memalign((void **)&l->bytes, 64, CABLE_LANE_BYTES) ? -ENOMEM : 0;
}

int port_open_cable(const char *rest, struct port **out, struct why *why)
{
    struct cable *c = aligned_alloc(64, ALIGN_UP(sizeof *c, 64));
    int err = 0;

    (void)rest;
    if (!c)
        return why_set(why, -ENOMEM, "cable: out of memory");
    memset(c, 0, sizeof *c);
    c->users = 1;
    c->to[0].event = c->to[1].event = -1;
    for (unsigned i = 0; i < 2 && err == 0; i++) {
        c->ends[i].cable = c;
        c->ends[i].side = i;
        err = port_init(&c->ends[i].port, &cable_ops, "cable");
        if (err == 0)
            err = lane_init(&c->to[i]);
        c->ends[i].port.fd = c->to[i].event;
    }
    if (err) {
        cable_release(c);
        return why_set(why, err, "cable: %s", strerror(-err));
    }
    *out = &c->ends[0].port;
    return 0;
}
