/* SPDX-License-Identifier: MIT */
/*
 * Inside the room: what a kind of port provides, and the few steps every kind shares. A kind embeds
 * struct port as its first member. PORT_RX_* counters belong to the receiving thread, PORT_TX_* to
 * the sending one.
 */
#pragma once

#include <sys/uio.h>

#include "port/port.h"

/* A slot left NULL means -EOPNOTSUPP (ended: never). rx, tx and free are never NULL. */
struct port_ops {
    void (*free)(struct port *p);
    int (*rx)(struct port *p, struct port_buffer *bufs, unsigned n);
    unsigned (*tx)(struct port *p, const struct frame *frames, unsigned n);
    bool (*ended)(const struct port *p);
    int (*add_queue)(struct port *p, struct port **out, struct why *why);
    int (*set_stack_offload)(struct port *p, uint32_t flags);
    int (*set_carrier)(struct port *p, bool on);
    int (*set_mac)(struct port *p, const uint8_t mac[6]);
    int (*set_mtu)(struct port *p, uint32_t mtu);
};

struct port {
    const struct port_ops *ops;
    int fd; /* polls readable when rx has frames */
    char *name;
    struct port_capture *capture;
    counter counters[PORT_COUNTERS];
};

/* For the kinds' constructors and destructors: init (of zeroed memory) copies the name; fini frees
 * it and closes fd. */
int port_init(struct port *p, const struct port_ops *ops, const char *name);
void port_fini(struct port *p);

/* Kinds. rest is the specification after "kind:". */
int port_open_tap(const char *rest, struct port **out, struct why *why);
int port_open_packet(const char *rest, struct port **out, struct why *why);
int port_open_pcap(const char *rest, struct port **out, struct why *why);
int port_open_cable(const char *rest, struct port **out, struct why *why);
struct port *port_cable_far_end(struct port *p);

static inline void port_count(struct port *p, enum port_counter c, uint64_t n)
{
    counter_add(&p->counters[c], n);
}

/* ---- Steps of the data path ----------------------------------------------------------------- */

enum port_direction { PORT_INBOUND = 1, PORT_OUTBOUND = 2 }; /* values of pcapng epb_flags */

/* False: the frame is lost to the file, and counted there. */
bool port_capture_write(struct port_capture *c, const struct frame *f,
                        enum port_direction direction);

static inline void port_note(struct port *p, const struct frame *f, enum port_direction direction)
{
    struct port_capture *c = __atomic_load_n(&p->capture, __ATOMIC_ACQUIRE);

    if (unlikely(c != NULL))
        port_capture_write(c, f, direction);
}

/* A whole frame of len bytes stands in the buffer. */
static inline void port_received(struct port *p, struct port_buffer *buf, uint32_t len)
{
    buf->len = len;
    port_count(p, PORT_RX_FRAMES, 1);
    port_count(p, PORT_RX_BYTES, len);
    port_note(p, &(struct frame){.spans = buf->spans, .span_count = buf->span_count, .len = len},
              PORT_INBOUND);
}

static inline void port_sent(struct port *p, const struct frame *f)
{
    port_count(p, PORT_TX_FRAMES, 1);
    port_count(p, PORT_TX_BYTES, f->len);
    if (unlikely(f->len > counter_read(&p->counters[PORT_TX_LARGEST])))
        port_count(p, PORT_TX_LARGEST, f->len - counter_read(&p->counters[PORT_TX_LARGEST]));
    port_note(p, f, PORT_OUTBOUND);
}

/* Length limits that hold for every kind. Counts when it says no. */
static inline bool port_tx_fits(struct port *p, const struct frame *f)
{
    if (likely(f->len >= FRAME_ETH_LEN && f->len <= PORT_MAX_FRAME))
        return true;
    port_count(p, PORT_TX_REFUSED, 1);
    return false;
}

/* No work left to do on the frame: what ports without offload carry. Counts when it says no. */
static inline bool port_tx_finished(struct port *p, const struct frame *f)
{
    if (likely(f->offload.gso == FRAME_GSO_NONE &&
               !(f->offload.flags & (FRAME_CSUM_NEEDED | FRAME_IPCSUM_NEEDED))))
        return true;
    port_count(p, PORT_TX_UNFINISHED, 1);
    return false;
}

/* ---- Span lists (spans.c) ------------------------------------------------------------------- */

/* Under the kernel's limit of 1024 per call, with room for a header and a probe byte. */
enum { PORT_IOV = 1000 };

/* iovecs over the spans, empty ones left out, as far as max of them reach. Returns how many; *bytes
 * is what they cover. */
unsigned port_spans_iov(const struct frame_span *spans, uint32_t count, struct iovec *iov,
                        unsigned max, size_t *bytes);
size_t port_spans_capacity(const struct frame_span *spans, uint32_t count);
/* Copies in from offset 0; returns false, having written nothing, when the spans are too small. */
bool port_spans_put(const struct frame_span *spans, uint32_t count, const uint8_t *src, size_t len);
/* Moves a frame of len bytes from one list to another; false as above. */
bool port_spans_move(const struct frame_span *to, uint32_t to_count, const struct frame_span *from,
                     size_t len);
/* Opens a gap of 4 bytes at offset in a frame of len bytes and fills it; false, nothing changed,
 * without room. */
bool port_spans_insert4(const struct frame_span *spans, uint32_t count, size_t len, size_t offset,
                        const uint8_t bytes[4]);

/* ---- virtio_net_hdr (offload.c) ------------------------------------------------------------- */

struct virtio_net_hdr;

/* What the kernel said about a received frame (offload NONE yet), in our terms. False: header and
 * frame contradict. */
bool port_offload_from_vnet(const struct virtio_net_hdr *hdr, const struct frame *f,
                            struct frame_offload *out);
/* The request of f in the kernel's terms. False: it has no such terms, or the request contradicts
 * the frame's length. */
bool port_offload_to_vnet(const struct frame *f, struct virtio_net_hdr *hdr);

/* ---- Threaded NAPI (napi.c) ----------------------------------------------------------------- */

/* Asks the kernel to run an interface's NAPI polls in a thread of their own. Negative errno when it
 * cannot be. */
int port_napi_threaded(const char *ifname);
