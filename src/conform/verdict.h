/* SPDX-License-Identifier: MIT */
/*
 * Receive checksum results: a frame in, what slot 0 of its NBL says. Behind each frame goes one
 * that is nobody's protocol: when that one is indicated, so would have been the frame, and there is
 * nothing to wait for. A check compares, where its row allows it, with what the driver says of a
 * plain right frame of the same kind (verdict_plain), so that a kind that gets no result at all
 * shows in RXC-2 alone.
 */
#pragma once

#include "conform/packet.h"

/* NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.Receive as a number. */
enum {
    SLOT_TCP_BAD = 1 << 0,
    SLOT_UDP_BAD = 1 << 1,
    SLOT_IP_BAD = 1 << 2,
    SLOT_TCP_OK = 1 << 3,
    SLOT_UDP_OK = 1 << 4,
    SLOT_IP_OK = 1 << 5,
    SLOT_LOOPBACK = 1 << 6,
    SLOT_TCP_INVALID = 1 << 7,
    SLOT_IP_INVALID = 1 << 8,
    SLOT_TRANSPORT = SLOT_TCP_BAD | SLOT_UDP_BAD | SLOT_TCP_OK | SLOT_UDP_OK,
    SLOT_IP = SLOT_IP_BAD | SLOT_IP_OK,
    SLOT_OK = SLOT_TCP_OK | SLOT_UDP_OK | SLOT_IP_OK,
    SLOT_BAD = SLOT_TCP_BAD | SLOT_UDP_BAD | SLOT_IP_BAD,
};

enum verdict_kind { VERDICT_TCP4, VERDICT_UDP4, VERDICT_TCP6, VERDICT_UDP6, VERDICT_KINDS };

unsigned verdict_version(enum verdict_kind kind);
unsigned verdict_proto(enum verdict_kind kind);
const char *verdict_kind_name(enum verdict_kind kind); /* "TCP over IPv4" */
unsigned verdict_ok(enum verdict_kind kind);           /* SLOT_TCP_OK or SLOT_UDP_OK */
unsigned verdict_bad(enum verdict_kind kind);
/* The current configuration lists it; and whether it does so for IPv4 headers. */
bool verdict_listed(const struct rig *r, enum verdict_kind kind);
bool verdict_ip_listed(const struct rig *r);
/* NDIS_ENCAPSULATION_... of the family's receive checksums. */
ULONG verdict_encapsulation(const struct rig *r, enum verdict_kind kind);

/* for (kind of those listed): VERDICT_EACH(r, kind) { ... } ; SKIP when there is none. */
#define VERDICT_EACH(r, kind)                                                                      \
    verdict_need(r);                                                                               \
    for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++)                                 \
        if (verdict_listed(r, kind))
void verdict_need(struct rig *r);

/* A recipe of a packet for the adapter, and the packet with everything right. */
struct frame_recipe verdict_recipe(const struct rig *r, enum verdict_kind kind, uint32_t payload);
void verdict_build(const struct rig *r, struct packet *k, enum verdict_kind kind, uint32_t payload);

/* NULL: the driver did not indicate it, which only the rows that say so hold against it. Ends the
 * check with a finding when the driver indicates nothing any more. */
const struct rig_received *verdict_arrive(struct rig *r, const void *frame, uint32_t len);
/* Its slot; ~0u when it was not indicated. */
unsigned verdict_slot(struct rig *r, const void *frame, uint32_t len);
enum { VERDICT_NOT_INDICATED = ~0u };
/* Of a right packet without anything unusual. */
unsigned verdict_plain(struct rig *r, enum verdict_kind kind);
/* A finding when a bit of `bits` differs from `want`; nothing when it was not indicated. */
bool expect_slot(struct rig *r, unsigned slot, unsigned bits, unsigned want);
