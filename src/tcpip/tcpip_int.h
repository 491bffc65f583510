/* SPDX-License-Identifier: MIT */
/* Inside the tcpip room: what its files share. */
#pragma once

#include "tcpip/tcpip.h"

#include <stdatomic.h>

#include <wdk/ndis.h>

enum {
    TCPIP_SLOTS = 192,
    TCPIP_SLOT_BYTES = 68 * 1024,
    TCPIP_CONTEXT = 64, /* room in each NBL for the drivers below that pass it on */
    TCPIP_TAG = 0x50494354
};

/* A transmit buffer with the NBL that describes it; made once, recycled for ever. */
struct tcpip_slot {
    uint8_t *data;
    MDL *mdl;
    NET_BUFFER_LIST *nbl;
    struct tcpip_slot *next; /* free stack */
};

/* What the adapter offers on transmit now, in the terms offload.c needs. */
struct tcpip_offers {
    bool ip4, tcp4, udp4, tcp6, udp6;
    bool ip4_options, tcp4_options, tcp6_options, ip6_extensions;
    bool lso4, lso6, lso6_extensions, lso6_options;
    uint32_t lso4_max, lso4_min, lso6_max, lso6_min; /* payload bytes, segments */
    bool lso4_is_v1;                                 /* lso4 is version 1, with: */
    bool lso1_ip_options, lso1_tcp_options;
};

enum tcpip_state { TCPIP_UNBOUND, TCPIP_PAUSED, TCPIP_RUNNING };

struct tcpip {
    struct tcpip_config config;
    struct port *tap;
    NDIS_HANDLE protocol, binding, nbl_pool;
    _Atomic(int) state;
    NDIS_SPIN_LOCK lock;

    /* lock */
    struct tcpip_slot *free_slots;
    uint32_t free_count;
    bool starved; /* want_frames(false) was said */
    struct tcpip_offers offers;
    bool encapsulated;     /* OID_OFFLOAD_ENCAPSULATION was accepted */
    bool activation_tried; /* it was asked for on this binding: once, whatever came of it */
    NDIS_OFFLOAD current;

    /* Sends inside NDIS plus one for a running poll. Reaching zero completes a pending pause. */
    _Atomic(int64_t) busy;
    _Atomic(NET_PNP_EVENT_NOTIFICATION *) pause_event;

    /* Activation has a request of its own: it may be issued from within an indication. */
    NDIS_OID_REQUEST activation;
    NDIS_OFFLOAD_ENCAPSULATION activation_buffer;

    KEVENT done; /* a pending open, close or request */
    NDIS_STATUS done_status;
    _Atomic(uint32_t) stack_offload;
    uint8_t *memory;
    struct tcpip_slot slots[TCPIP_SLOTS];
    _Atomic(uint64_t) counters[TCPIP_COUNTERS];
};

static inline void tcpip_count(struct tcpip *t, enum tcpip_counter c, uint64_t n)
{
    atomic_fetch_add_explicit(&t->counters[c], n, memory_order_relaxed);
}

/* tcpip.c */
/* DisableTaskOffload of the Tcpip service's parameters (KEY-24), looked at when binding.
 * PASSIVE_LEVEL. */
bool tcpip_offload_disabled(void);

/* tx.c */
NDIS_STATUS tcpip_slots_init(struct tcpip *t);
void tcpip_slots_fini(struct tcpip *t);
struct tcpip_slot *tcpip_slot_take(struct tcpip *t);
void tcpip_slot_ready(const struct tcpip *t, struct tcpip_slot *s, uint32_t len);
void tcpip_not_busy(struct tcpip *t, int64_t n);
PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE TcpipSendNetBufferListsComplete;

/* rx.c */
PROTOCOL_RECEIVE_NET_BUFFER_LISTS TcpipReceiveNetBufferLists;

/* offload.c */
enum tcpip_request {
    TCPIP_REQUEST_DONE,    /* out-of-band info written (or nothing asked) */
    TCPIP_REQUEST_SEGMENT, /* a large send the adapter does not take: cut it here */
    TCPIP_REQUEST_MALFORMED,
};
enum tcpip_request tcpip_request_write(struct tcpip *t, const struct tcpip_offers *offers,
                                       struct tcpip_slot *s, const struct frame *f);
/* The verdict of the adapter; false when it says that the frame is wrong. */
bool tcpip_verdict_read(const NET_BUFFER_LIST *nbl, struct frame_offload *offload);
/* What a configuration offers a protocol whose encapsulation it has accepted. */
struct tcpip_offers tcpip_offers_of(const NDIS_OFFLOAD *o);
/* Recomputes offers from current/encapsulated and tells the TAP. Takes the lock. */
void tcpip_offers_update(struct tcpip *t);
/* Some offload is listed for Ethernet encapsulation (ENC-19). */
bool tcpip_config_lists_ethernet(const NDIS_OFFLOAD *o);
void tcpip_config_copy(NDIS_OFFLOAD *dst, const NDIS_OFFLOAD *src, ULONG bytes);
