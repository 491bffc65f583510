/* SPDX-License-Identifier: MIT */
/*
 * Packets that checks send and receive, and what can be read of a frame that left. Built from a
 * recipe (frame_build makes input only); judged by naive.h. A check looks at the fields that its
 * row names.
 */
#pragma once

#include "conform/naive.h"
#include "conform/rig.h"
#include "frame/frame.h"

enum { ASK_IP = 1, ASK_TCP = 2, ASK_UDP = 4, ETH_LEN = 14, SHORTEST = 60 };
enum {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
    TCP_ECE = 0x40,
    TCP_CWR = 0x80
};

/* ---- Made here ------------------------------------------------------------------------------ */

/* A packet and where things are in it. */
struct packet {
    unsigned version;
    uint8_t proto;
    bool snap;
    uint32_t l3, l4, payload, len;
    uint8_t bytes[RIG_FRAME];
};

/* version 4 or 6, proto 6 (TCP) or 17 (UDP); from the adapter to the peer, every field something
 * that shows when it goes astray, payload pseudo-random but the same each run. */
struct frame_recipe packet_recipe(const struct rig *r, unsigned version, unsigned proto,
                                  uint32_t payload);
/* The same, from the peer to the adapter. */
struct frame_recipe packet_recipe_in(const struct rig *r, unsigned version, unsigned proto,
                                     uint32_t payload);
/* Finished: every checksum right. Recipes of large_send: as the page has a template for version 2.
 */
void packet_build(struct packet *k, const struct frame_recipe *recipe);
/* Makes of a finished one what a protocol hands down for checksum offload: the pseudo-header's sum
 * in the transport field, rubbish where the IPv4 header checksum goes. */
void packet_unfinish(struct packet *k);
/* Does the checksums asked for, in place. */
void packet_finish(struct packet *k, unsigned what);
/* The transport checksum field. */
uint8_t *packet_checksum_field(struct packet *k);
/* Options to try (RFC 791, 2113, 7323, 8200); lengths in the names. */
extern const uint8_t ip4_options_4[4], ip4_options_40[40], ip6_extension_8[8], ip6_extension_48[48],
    tcp_options_12[12], tcp_options_40[40];

/* ---- Asked ---------------------------------------------------------------------------------- */

struct ask {
    void *checksum, *lso, *tag; /* slot values */
    const uint32_t *splits;     /* as rig_nbl has them */
    uint32_t front, back;       /* unused bytes before and behind the data */
};
void *ask_checksum(const struct packet *k, unsigned what);
void *ask_lso1(uint32_t mss, uint32_t tcp_offset);
void *ask_lso2(unsigned version, uint32_t mss, uint32_t tcp_offset);
void *ask_tag(unsigned priority, unsigned id);

struct outcome {
    bool back; /* the NBL was completed */
    NDIS_STATUS status;
    uintptr_t lso, checksum; /* slots at completion */
    bool untouched;          /* the bytes are as they were */
};
/* An NBL of the packet that asks so. how NULL: nothing asked. */
NET_BUFFER_LIST *packet_nbl(struct rig *r, const struct packet *k, const struct ask *how);
/* Sends that one and waits for it. */
struct outcome packet_send(struct rig *r, const struct packet *k, const struct ask *how);

/* ---- Seen ----------------------------------------------------------------------------------- */

/* What can be read of a frame. Offsets are 0 for what is not there; nothing is read past its end.
 */
struct fields {
    const uint8_t *bytes;
    uint32_t len;
    bool tagged, snap;
    uint16_t tci, ether_type, snap_len;
    unsigned version;
    uint32_t l3, l4, payload, end; /* end: of the IP datagram, or of the frame when that lies */
    uint32_t ip_header_len;        /* with options or extension headers */
    uint32_t ip_total;             /* Total Length; IPv6: Payload Length + 40 */
    uint16_t ip_id, ip_fragment;
    uint8_t ttl, tos, proto;
    bool ip_good; /* the IPv4 header checksum verifies */
    uint16_t source_port, dest_port, window, urgent;
    uint32_t seq, ack, tcp_header_len;
    uint8_t flags;
    uint16_t checksum; /* as it stands in the TCP or UDP header */
    bool transport_good;
};
/* False when it is not a TCP or UDP packet whose headers are all there (what was read stands). */
bool fields_read(const struct rig_seen *seen, struct fields *f);
/* For messages: "frame 2 of 5: IPv4 TCP, 1514 bytes", set as what is talked about; the bytes too.
 */
void about_frame(struct rig *r, const struct fields *f, unsigned index, unsigned count);
