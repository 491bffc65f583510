/* SPDX-License-Identifier: MIT */
/*
 * The overlying protocol driver: stands where TCP/IP stands on Windows, with the Linux kernel
 * behind a TAP as the transport that makes the packets. It sees NDIS only through the ABI that
 * every protocol driver sees.
 *
 * tx: frames come from the TAP with an offload request as Linux writes it; offload.c turns that
 * into NDIS out-of-band information, by the transport's rules (pseudo-header seeds, zero IPv4
 * length, 15-bit Identification; large sends by version 1 where only that is on). What the adapter
 * does not offer now is asked of Linux only while frames queued before the change drain; those few
 * are finished here in software, as a transport may. rx: NBLs go to the TAP with the checksum
 * verdict; frames judged wrong are dropped and counted.
 *
 * Unless the registry's DisableTaskOffload forbids offload, after binding it sets
 * OID_OFFLOAD_ENCAPSULATION, then the packet filter, and follows every
 * NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG by changing the TAP's offload flags.
 *
 * Threads: tcpip_poll on one loop at DISPATCH_LEVEL; handlers wherever NDIS calls them. A tx slot
 * belongs to the free stack, to tcpip_poll, or to NDIS between send and send complete. tcpip->lock
 * (leaf) guards the free stack and the configuration.
 */
#pragma once

#include "base/base.h"
#include "port/port.h"

struct tcpip;

struct tcpip_config {
    const char *name; /* protocol name as registered: "TCPIP" */
    struct port *tap; /* opened with offload; outlives the protocol */
    /* Back-pressure: frames are wanted or not. At most DISPATCH_LEVEL, any thread. */
    void (*want_frames)(void *arg, bool wanted);
    void *arg;
};

enum tcpip_counter {
    TCPIP_TX_FRAMES,
    TCPIP_TX_LARGE,       /* large sends handed down */
    TCPIP_TX_LARGE_BYTES, /* their TCP payload */
    TCPIP_TX_CHECKSUM,    /* checksum requests handed down */
    TCPIP_TX_SOFTWARE, /* frames finished here because the adapter no longer offers what they ask */
    TCPIP_TX_NO_SLOT,  /* dropped: no buffer for a software segment */
    TCPIP_TX_MALFORMED,   /* dropped: request that does not fit the frame */
    TCPIP_TX_NOT_RUNNING, /* dropped: not bound, or paused */
    TCPIP_TX_FAILED,      /* completed by the miniport with a failure */
    TCPIP_RX_FRAMES,
    TCPIP_RX_VERIFIED,     /* with a transport checksum judged right by the adapter */
    TCPIP_RX_BAD_CHECKSUM, /* dropped: judged wrong by the adapter */
    TCPIP_RX_FRAGMENTED,   /* dropped: more MDLs than a frame can have pieces */
    TCPIP_RX_NO_ROOM,      /* dropped by the TAP */
    TCPIP_CONFIG_CHANGES,  /* current-configuration indications followed */
    TCPIP_COUNTERS
};

/* Registers the protocol. PASSIVE_LEVEL. */
int tcpip_new(const struct tcpip_config *config, struct tcpip **out, struct why *why);
/* Deregisters (closing a binding that is still open) and frees. PASSIVE_LEVEL, not on a loop;
 * tcpip_poll is not called any more. */
void tcpip_free(struct tcpip *t);

/* The TAP is readable: moves one batch down. DISPATCH_LEVEL, one thread at a time. */
void tcpip_poll(struct tcpip *t);

bool tcpip_is_running(const struct tcpip *t);
/* What the TAP is being asked to leave to the adapter (enum port_stack_offload). */
uint32_t tcpip_stack_offload(const struct tcpip *t);
uint64_t tcpip_counter(const struct tcpip *t, enum tcpip_counter c);
const char *tcpip_counter_name(enum tcpip_counter c);
