/* SPDX-License-Identifier: MIT */
/*
 * A place where frames enter or leave this process: TAP, AF_PACKET, pcapng file, in-memory cable.
 *
 * A port moves batches and never blocks. It owns no frame: tx copies (or hands to the kernel)
 * before it returns, rx fills buffers that the caller lends for the call. One thread at a time may
 * be in port_rx, one in port_tx; the two may overlap. No frame disappears without a counter.
 *
 * Offload: a TAP opened with "offload" passes frame_offload both ways (virtio_net_hdr); every other
 * port moves plain frames, refuses (counts) frames with an unfinished request, and reports none.
 * Limits of such a TAP: the stack behind it does not believe FRAME_CSUM_VALID but verifies itself;
 * it has no words for FRAME_IPCSUM_NEEDED; a large send needs FRAME_CSUM_NEEDED too (virtio 1.2,
 * 5.1.6.2.1). On receive csum_start may lie behind the outer transport header: a tunnel's.
 */
#pragma once

#include "base/base.h"
#include "base/counters.h"
#include "frame/frame.h"

struct port;

enum { PORT_BATCH = 64, PORT_MAX_FRAME = 65536 + 64 };

/* What a stack behind a TAP may be asked to leave undone (TUN_F_*). */
enum port_stack_offload {
    PORT_CSUM = 1 << 0, /* transport checksums, IPv4 and IPv6 alike: Linux knows one switch */
    PORT_TSO4 = 1 << 1,
    PORT_TSO6 = 1 << 2,
    PORT_TSO_ECN = 1 << 3,
};

enum port_counter {
    PORT_RX_FRAMES,
    PORT_RX_BYTES,
    PORT_TX_FRAMES,
    PORT_TX_BYTES,
    PORT_RX_TRUNCATED,  /* frame longer than the buffer, or cut short in its file: dropped */
    PORT_RX_BAD_HEADER, /* virtio_net_hdr that contradicts its frame, or (packet) a checksum that
                           a local sender left undone and we cannot finish: dropped */
    PORT_TX_NO_ROOM,    /* the kernel or cable had no room: dropped */
    PORT_TX_DOWN,       /* interface down or gone, far end of the cable unplugged: dropped */
    PORT_TX_REFUSED,    /* kernel refused the frame, or it is shorter than 14 or longer than
                           PORT_MAX_FRAME: dropped */
    PORT_TX_UNFINISHED, /* offload request that this port cannot carry, or that contradicts its
                           frame: dropped */
    PORT_RX_LOST,       /* packet: the kernel had no room to keep it for us (known with the next
                           frame that arrives) */
    PORT_TX_LARGEST,    /* not a count: length of the longest frame sent */
    PORT_COUNTERS
};

/* Buffer lent to port_rx. Spans are filled in order; len and offload are results. */
struct port_buffer {
    const struct frame_span *spans;
    uint32_t span_count;
    uint32_t len;
    struct frame_offload offload;
};

/*
 * Opens a port by its specification:
 *
 *   tap:NAME[,napi][,offload][,queues=N]
 *       Existing or new TAP in this network namespace; a new one vanishes with the port. NAME may
 *       hold one %d, which the kernel numbers.
 *   packet:IFNAME
 *       AF_PACKET raw socket on an existing interface, promiscuous while open.
 *   pcap:IN[,OUT]
 *       Plays IN (pcap or pcapng) once, records to OUT. Either may be "-" for none; the first
 *       comma ends IN.
 *   cable
 *       In memory; port_cable_peer() gives the far end.
 *
 * On failure: negative errno and one line in why that names the port and what is missing.
 */
int port_open(const char *spec, struct port **out, struct why *why);
void port_free(struct port *p);

/* The interface as named when opened, the files of a pcap port, or "cable". Lives with the port. */
const char *port_name(const struct port *p);

/* The far end of a cable: an independent port, freed on its own, in either order. NULL for other
 * kinds, and once it was freed. A far end that nobody asked for goes with the near one. Not to be
 * raced with port_free of either end. */
struct port *port_cable_peer(struct port *p);

/* tap with queues=N: opens one further queue of the same interface: a port of its own, freed on its
 * own, that needs a thread which serves it (the kernel spreads flows over the queues that are
 * open). To be called in the network namespace of port_open. -ENOSPC after N, -EOPNOTSUPP for other
 * ports. */
int port_add_queue(struct port *p, struct port **out, struct why *why);

/* Up to n frames into bufs; returns how many (0: none waiting), or negative errno when the port is
 * gone: interface deleted, damaged capture. A port that is down, or has played all, is not gone. */
int port_rx(struct port *p, struct port_buffer *bufs, unsigned n);

/* Sends all n frames in order; returns how many went. Those that cannot go are dropped and counted.
 */
unsigned port_tx(struct port *p, const struct frame *frames, unsigned n);

/* True once a pcap port has delivered its last frame. */
bool port_ended(const struct port *p);

/* File descriptor that polls readable when port_rx has frames (all kinds have one). Owned by the
 * port. */
int port_fd(const struct port *p);

/* TAP with offload only: which work the stack behind it may leave to us (enum port_stack_offload).
 * Frames already queued may still carry the old ones. -EINVAL: segmentation without PORT_CSUM, or
 * PORT_TSO_ECN without either kind (the kernel knows no such stack). -EOPNOTSUPP for other ports.
 */
int port_set_stack_offload(struct port *p, uint32_t flags);

/* TAP only: carrier as the stack sees it, MAC and MTU of the interface. -EOPNOTSUPP for other
 * ports. An opened TAP is up. */
int port_set_carrier(struct port *p, bool on);
int port_set_mac(struct port *p, const uint8_t mac[6]);
int port_set_mtu(struct port *p, uint32_t mtu);

uint64_t port_counter(const struct port *p, enum port_counter c);
const char *port_counter_name(enum port_counter c);

/*
 * A tap on any port: each frame that crosses it, both ways, goes to a pcapng file as well (one
 * interface description, direction in epb_flags: inbound is what port_rx delivered; nanosecond
 * times). Frames are written as they cross: super-frames included. Reaches the file within a
 * second, and when freed. Never waits: what a full disk or a slow pipe does not take is counted,
 * and a file that failed is left whole up to its last block. One capture may serve several ports.
 */
struct port_capture;
int port_capture_open(const char *path, struct port_capture **out, struct why *why);
void port_capture_free(struct port_capture *c);
/* NULL: off. The capture outlives the port's use of it. */
void port_set_capture(struct port *p, struct port_capture *c);
uint64_t port_capture_lost(struct port_capture *c); /* frames that did not reach the file */
