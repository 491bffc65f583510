/* SPDX-License-Identifier: MIT */
/*
 * The overlying protocol under test: src/tcpip above the adapter in the test protocol's place, for
 * rows that bind PR. Instead of a TAP it has one that the check holds:
 *
 *   check as Linux -> (TAP) -> tcpip -> NDIS -> driver -> card -> cable -> the check
 *
 *   rig_open(r, &(struct rig_config){.no_bind = true});
 *   stack_bind(r);
 *   sent = stack_send(r, &packet, STACK_CHECKSUM, 0);       what tcpip then handed to NDIS
 *
 * The check plays Linux: it hands down finished frames, frames without their transport checksum,
 * and large sends; stack_flags says which of these the protocol wants now. A frame that asks for
 * more was queued before the protocol changed its mind, and must still be right on the wire. Sends
 * are recorded as they leave the protocol, before the driver sees them; requests when they end.
 *
 * One stack at a time; rig_halt and rig_close take it down. All functions: on the check's own
 * thread. Records stay until the process ends.
 */
#pragma once

#include "conform/packet.h"

/* Binds; whether it took is in stack_running. May be called again after stack_unbind. */
void stack_bind(struct rig *r);
/* Where the protocol's own values stand. */
#define STACK_PARAMETERS                                                                           \
    "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters"
/* Before stack_bind: value of DisableTaskOffload in the registry. */
void stack_disable_offload(struct rig *r, uint32_t value);
void stack_unbind(struct rig *r);
bool stack_running(const struct rig *r);

/* What the stack may leave to the adapter now (enum port_stack_offload); and waits up to `seconds`
 * for it to be so: what it is in the end. */
uint32_t stack_flags(const struct rig *r);
uint32_t stack_flags_become(struct rig *r, uint32_t want, double seconds);

/* ---- Down ----------------------------------------------------------------------------------- */

enum stack_wish {
    STACK_FINISHED, /* every checksum is right */
    STACK_CHECKSUM, /* the transport field holds the seed with length, as Linux leaves it */
    STACK_LARGE     /* the same, and to be cut at the MSS */
};

enum { STACK_NBLS = 64 };
struct stack_nbl {
    uintptr_t checksum, lso, tag; /* slots */
    uint8_t *bytes;
    uint32_t len;
    uint32_t first_mdl; /* bytes of the frame that its first MDL holds */
    unsigned net_buffers;
    bool touched; /* the bytes were changed between sending and completion */
    const NET_BUFFER_LIST *nbl;
};
/* What one frame of Linux's became. */
struct stack_sent {
    unsigned count;  /* NBLs, all completed when it returns */
    unsigned before; /* completions at its beginning */
    struct stack_nbl nbl[STACK_NBLS];
};
/* k is a finished packet, or a large send as frame_build makes plain ones: real lengths. */
struct stack_sent *stack_send(struct rig *r, const struct packet *k, enum stack_wish wish,
                              uint16_t mss);
/* The two halves of it: hands the frame down and returns at once; and waits for what became of it
 * (more is counted until then). */
struct stack_sent *stack_send_begin(struct rig *r, const struct packet *k, enum stack_wish wish,
                                    uint16_t mss);
void stack_send_end(struct rig *r, struct stack_sent *sent);

/* ---- Up ------------------------------------------------------------------------------------- */

/* A frame that reached Linux. */
struct stack_frame {
    uint8_t *bytes;
    uint32_t len;
    struct frame_offload offload; /* flags: FRAME_CSUM_VALID */
};
/* It arrives on the wire: what Linux got of it, NULL when nothing came before `seconds` were over.
 */
const struct stack_frame *stack_arrive(struct rig *r, const void *frame, uint32_t len,
                                       double seconds);
/* Frames that reached Linux since the process began, and one of them, the first being 0; waits for
 * it. Some 60 are kept. */
unsigned stack_frames(const struct rig *r);
const struct stack_frame *stack_frame_at(struct rig *r, unsigned index, double seconds);
/* NBLs that the driver indicated since the process began, and the checksum slot of one, the first
 * being 0. Some 60 are kept. */
unsigned stack_indicated(const struct rig *r);
uintptr_t stack_slot(const struct rig *r, unsigned index);

/* ---- Requests ------------------------------------------------------------------------------- */

/* Requests that ended since stack_bind began, of anybody. */
struct stack_request {
    NDIS_OID oid;
    NDIS_REQUEST_TYPE type;
    NDIS_STATUS status;
    ULONG bytes;
    uint8_t buffer[64]; /* of a set */
};
unsigned stack_requests(const struct rig *r);
/* The first of that OID from index `at` on; NULL: none. */
const struct stack_request *stack_request(const struct rig *r, unsigned at, NDIS_OID oid);
/* The set of the encapsulation that the protocol made; NULL when it made none. */
const NDIS_OFFLOAD_ENCAPSULATION *stack_activation(const struct rig *r);
