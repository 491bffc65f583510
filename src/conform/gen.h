/* SPDX-License-Identifier: MIT */
/*
 * What the checks of the general rules share: numbered packets, whose destination port says for
 * which row they are (so that a faulty twin can aim), and operations on threads of their own.
 */
#pragma once

#include "conform/packet.h"
#include "conform/trace.h"

enum { GEN_PORT = 5000, GEN_SECONDS = 5 };

/* UDP over IPv4 from the adapter to the peer; the payload begins with the number. At least 4 bytes
 * of payload. The packet is static: the next call overwrites it. */
const struct packet *gen_packet(struct rig *r, unsigned row, uint32_t number, uint32_t payload);
const struct packet *gen_packet_in(struct rig *r, unsigned row, uint32_t number, uint32_t payload);
NET_BUFFER_LIST *gen_nbl(struct rig *r, unsigned row, uint32_t number, uint32_t payload);
/* Numbers from `first` on. */
NET_BUFFER_LIST *gen_chain(struct rig *r, unsigned row, uint32_t first, unsigned count,
                           uint32_t payload);
/* Of a frame; UINT32_MAX when it is none of those of that row. */
uint32_t gen_number(const uint8_t *bytes, uint32_t len, unsigned row);
/* Frames of the row that left until now, in order: how many numbers went to `out`. 0 without a
 * wire. */
unsigned gen_left(struct rig *r, unsigned row, uint32_t *out, unsigned max);

/* It arrives on the wire. */
void gen_arrive(struct rig *r, unsigned row, uint32_t number, uint32_t payload);
/* A packet goes out and, with a wire, is seen there, and another comes in. */
bool gen_traffic(struct rig *r, unsigned row);

/* An operation on a thread of its own. */
struct gen_task {
    NDIS_STATUS (*fn)(struct ndis_adapter *a);
    struct rig *rig;
    pthread_t thread;
    _Atomic(unsigned) done;
    NDIS_STATUS status;
};
void gen_begin(struct rig *r, struct gen_task *t, NDIS_STATUS (*fn)(struct ndis_adapter *a));
/* Waits; false after a finding when it does not end in time (then the process is at its end). */
bool gen_end(struct rig *r, struct gen_task *t);
/* Waits until MiniportPause has been called for the n-th time and has returned; a driver that waits
 * inside has had time to begin. */
void gen_pausing(struct rig *r, unsigned n);
/* Waits until the adapter is in that state. */
bool gen_state(struct rig *r, enum ndis_adapter_state state);
/* So long that what should not happen would have happened. */
void gen_quiet(struct rig *r, double seconds);
/* The suite's time factor; and NDIS's clock runs at that times `factor` (1: as it was). */
double gen_factor(const struct rig *r);
void gen_hurry(const struct rig *r, double factor);
