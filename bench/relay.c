/* SPDX-License-Identifier: MIT */
/* The bare relay: one thread, two ports, frame/ in between. */
#include "bench/relay.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

enum {
    RELAY_BATCH = 8,
    RELAY_RX_BATCH = 64,
    RELAY_BUF = 68 * 1024,
    RELAY_SMALL = 2048,
    SEG_BATCH = 64
};

struct relay {
    struct port *tap, *wire;
    pthread_t thread;
    int stop_fd;
    uint8_t *big, *small;
    uint8_t headers[SEG_BATCH][FRAME_MAX_HEADERS];
    struct frame_span spans[SEG_BATCH][4];
    struct frame out[SEG_BATCH];
    unsigned count;
};

static void flush(struct relay *r)
{
    if (r->count)
        port_tx(r->wire, r->out, r->count);
    r->count = 0;
}

static void cut(struct relay *r, const struct frame *f)
{
    struct frame_segmenter s;

    if (frame_segment_begin(&s, f, FRAME_ID_15BIT) != FRAME_SEGMENT_OK)
        return;
    for (;;) {
        uint32_t len;
        int n = frame_segment_next(&s, r->headers[r->count], r->spans[r->count], 4, &len);

        if (n <= 0)
            return;
        r->out[r->count] = (struct frame){r->spans[r->count], (uint32_t)n, len, {0}};
        if (++r->count == SEG_BATCH)
            flush(r);
    }
}

static void finish(struct relay *r, const struct frame *f, uint8_t *data)
{
    struct frame_layers l;

    frame_parse(data, MIN_OF(f->len, (uint32_t)FRAME_MAX_HEADERS), f->len, FRAME_STRICT, &l);
    if (!frame_finish_checksums(f, &l, data, f->len))
        return;
    r->spans[r->count][0] = f->spans[0];
    r->out[r->count] = (struct frame){r->spans[r->count], 1, f->len, {0}};
    if (++r->count == SEG_BATCH)
        flush(r);
}

static void outbound(struct relay *r)
{
    struct port_buffer bufs[RELAY_BATCH];
    struct frame_span spans[RELAY_BATCH];
    int n;

    for (unsigned i = 0; i < RELAY_BATCH; i++) {
        spans[i] = (struct frame_span){r->big + (size_t)i * RELAY_BUF, RELAY_BUF};
        bufs[i] = (struct port_buffer){.spans = &spans[i], .span_count = 1};
    }
    n = port_rx(r->tap, bufs, RELAY_BATCH);
    for (int i = 0; i < n; i++) {
        struct frame_span span = {spans[i].data, bufs[i].len};
        struct frame f = {&span, 1, bufs[i].len, bufs[i].offload};

        if (f.offload.gso != FRAME_GSO_NONE)
            cut(r, &f);
        else
            finish(r, &f, span.data);
    }
    flush(r);
}

static void inbound(struct relay *r)
{
    struct port_buffer bufs[RELAY_RX_BATCH];
    struct frame_span spans[RELAY_RX_BATCH];
    struct frame out[RELAY_RX_BATCH];
    int n;

    for (unsigned i = 0; i < RELAY_RX_BATCH; i++) {
        spans[i] = (struct frame_span){r->small + (size_t)i * RELAY_SMALL, RELAY_SMALL};
        bufs[i] = (struct port_buffer){.spans = &spans[i], .span_count = 1};
    }
    n = port_rx(r->wire, bufs, RELAY_RX_BATCH);
    for (int i = 0; i < n; i++) {
        struct frame_layers l;

        spans[i].len = bufs[i].len;
        out[i] = (struct frame){&spans[i], 1, bufs[i].len, {0}};
        frame_parse(spans[i].data, MIN_OF(out[i].len, (uint32_t)FRAME_MAX_HEADERS), out[i].len,
                    FRAME_STRICT, &l);
        if (frame_check_transport(&out[i], &l) == FRAME_GOOD)
            out[i].offload.flags = FRAME_CSUM_VALID;
    }
    if (n > 0)
        port_tx(r->tap, out, (unsigned)n);
}

static void *relay_main(void *arg)
{
    struct relay *r = arg;
    struct pollfd p[3] = {
        {port_fd(r->tap), POLLIN, 0}, {port_fd(r->wire), POLLIN, 0}, {r->stop_fd, POLLIN, 0}};

    while (poll(p, 3, -1) > 0 && !p[2].revents) {
        if (p[0].revents)
            outbound(r);
        if (p[1].revents)
            inbound(r);
    }
    return NULL;
}

int relay_start(struct port *tap, struct port *wire, struct relay **out, struct why *why)
{
    struct relay *r = calloc(1, sizeof *r);

    if (!r)
        return why_set(why, -ENOMEM, "relay: no memory");
    r->tap = tap;
    r->wire = wire;
    r->big = malloc((size_t)RELAY_BATCH * RELAY_BUF);
    r->small = malloc((size_t)RELAY_RX_BATCH * RELAY_SMALL);
    r->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (!r->big || !r->small || r->stop_fd < 0 ||
        pthread_create(&r->thread, NULL, relay_main, r) != 0) {
        free(r->big);
        free(r->small);
        if (r->stop_fd >= 0)
            close(r->stop_fd);
        free(r);
        return why_set(why, -ENOMEM, "relay: cannot start");
    }
    *out = r;
    return 0;
}

void relay_stop(struct relay *r)
{
    uint64_t one = 1;

    if (!r)
        return;
    invariant(write(r->stop_fd, &one, sizeof one) == sizeof one);
    pthread_join(r->thread, NULL);
    close(r->stop_fd);
    free(r->big);
    free(r->small);
    free(r);
}
