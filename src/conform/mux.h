/* SPDX-License-Identifier: MIT */
/*
 * An intermediate driver and its members: which of them carry traffic, what these have in common,
 * and what reaches them. Checks take the driver as it is, active/standby or over several members at
 * once; for one that knows our team's keyword TeamPolicy, MUX_SPREAD asks for the latter.
 */
#pragma once

#include "conform/packet.h"
#include "conform/view.h"
#include "conform/watch.h"

#define MUX_NO_OFFLOAD "csum,guest_csum" /* all other features need one of these */
extern const char *const mux_spread[];   /* rig_config.keywords */

/* Two members, the second without offload; the rig is open. */
void mux_open_uneven(struct rig *r, const char *const *keywords);
/* Cards on whose wires the frames of 16 flows come out, as a mask. */
unsigned mux_in_use(struct rig *r);
/* A finished UDP frame of that flow, numbered, is sent and completed; its status. */
enum { MUX_FRAME = 74 };
void mux_frame(const struct rig *r, struct packet *k, bool inbound, unsigned flow, uint32_t number);
NDIS_STATUS mux_send(struct rig *r, unsigned flow, uint32_t number);
/* Flow and number of such a frame; false: it is another. */
bool mux_frame_read(const uint8_t *frame, uint32_t len, unsigned *flow, uint32_t *number);
/* Whether something comes out on that card's wire within the time; what does not fit a wire of 1514
 * bytes, or has a wrong checksum, is counted in *bad. Returns how many frames. */
unsigned mux_wire(struct rig *r, unsigned card, double seconds, unsigned *bad);

/* Claims that the team's view (a report that is called `what`) is what these cards' have in common:
 * features that all have, common encapsulations, the least size, the greatest count. */
void expect_common(struct rig *r, const char *what, const NDIS_OFFLOAD *team, unsigned cards,
                   bool hardware);
bool mux_common_differs(struct rig *r, const NDIS_OFFLOAD *team, unsigned cards, bool hardware);

/* As if that member's NDIS said so. */
void mux_indicate(struct rig *r, unsigned card, NDIS_STATUS code, void *buffer, ULONG bytes);
/* The member's miniport indicates that as its current configuration. */
void mux_report(struct rig *r, unsigned card, const NDIS_OFFLOAD *current);
/* NDIS_STATUS_RESET_END with that outcome; NDIS_STATUS_RESET_START. */
void mux_reset_begins(struct rig *r, unsigned card);
void mux_reset_ends(struct rig *r, unsigned card, NDIS_STATUS outcome);

/* What reached the members since mux_watch. */
struct mux_seen {
    _Atomic(unsigned) sends, asking, large_wrong; /* NBLs; with a checksum or large send asked;
                                                     beyond what the member reports */
    _Atomic(unsigned) sets, queries;              /* of the OID, at the miniport */
    _Atomic(unsigned) polls;                      /* queries of the offload configuration */
    const NDIS_OID_REQUEST *_Atomic request;      /* the last one of the OID */
    uintptr_t oob[MaxNetBufferListInfo];          /* of the last NBL sent */
    const void *source;                           /* its SourceHandle */
};
/* oid: the one that is counted, or 0. */
struct mux_seen *mux_watch(struct rig *r, NDIS_OID oid);
struct mux_seen *mux_seen(unsigned card);
