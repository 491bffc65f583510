/* SPDX-License-Identifier: MIT */
/*
 * The rig a check runs on: the driver under test with NDIS around it, a test protocol above, a
 * network card and an in-memory cable below, whose far end the check holds.
 *
 *   test protocol -> NDIS -> driver -> card -> cable -> the check
 *
 * One rig in a process, made by the suite; rig_open (or rig_prepare, rig_start) brings it up, the
 * suite takes it down and looks at what was left behind. A driver that drives no hardware of ours
 * (a software miniport) has no card and no wire: rig_has_wire. A check that looks at the wire, or
 * asks for another card than the ordinary one, is skipped then.
 *
 * An intermediate driver stands on members: cards of ours with a miniport each, whose driver is not
 * under test. The adapter is its virtual one, which the members' coming has started and the rig has
 * halted again when the check begins; the wire is the first card's, the one in use while all are
 * fit. What is watched and recorded is the virtual adapter alone.
 *
 *   test protocol -> NDIS -> driver -> NDIS -> member 0 -> card -> cable -> the check
 *                                           -> member 1 -> card -> cable -> the check
 *
 * What the protocol sees is recorded: status indications, completed sends, received frames. Records
 * are kept up to RIG_RECORDS, then the oldest are overwritten; counts go on. Functions that wait
 * give up after a time that the suite's time factor scales. What should never fail ends the check
 * with an error (cannot), a driver that does not even start with a finding.
 *
 * Threads: everything here is called on the check's own thread; records are written on the
 * processor's and read under no lock once the count that was waited for is there.
 */
#pragma once

#include "conform/check.h"
#include "conform/evidence.h"
#include "conform/suite.h"

#include "nic/nic.h"
#include "ndis/runtime.h"
#include "nt/device.h"
#include "nt/driver.h"
#include "nt/inf.h"
#include "nt/processor.h"
#include "nt/registry.h"
#include "port/port.h"

#include <pthread.h>
#include <stdatomic.h>

enum { RIG_RECORDS = 1024, RIG_FRAME = 70000, RIG_CARDS = SUITE_MEMBERS };

/* What a check may want otherwise. All zero is the ordinary path: activated, packet filter set. */
struct rig_config {
    const char *withhold; /* features the card (each member's) does not offer, by name */
    /* Of one member's card only. */
    const char *member_withhold[RIG_CARDS];
    bool member_link_down[RIG_CARDS];
    unsigned members;            /* that join at start; 0: all there are */
    const char *const *keywords; /* pairs name, value; NULL ends: written before initialize. A value
                                    of NULL deletes the keyword */
    uint16_t mtu;                /* of the card; 0: 1500 */
    uint16_t queue_size;         /* of the card's queues; 0: its default */
    bool link_down;
    bool no_bind;     /* leave the adapter Running and unbound */
    bool no_activate; /* no OID_OFFLOAD_ENCAPSULATION after binding */
    bool no_filter;   /* no packet filter after binding */
    bool line_only;   /* the card has no message interrupts */
    /* While the test protocol pauses, before it waits for its sends; NULL: nothing. */
    void (*on_pause)(struct rig *r);
};

struct rig_received {
    uint8_t *data;
    uint32_t len;
    uintptr_t oob[MaxNetBufferListInfo];
    ULONG flags;
    unsigned net_buffers; /* in the NBL */
};

struct rig_completed {
    NET_BUFFER_LIST *nbl; /* NULL once rig_forget has freed it */
    NDIS_STATUS status;
    uintptr_t lso, checksum;
};

struct rig_status {
    NDIS_STATUS code;
    ULONG bytes;
    uint8_t buffer[256];
    NDIS_STATUS_INDICATION indication;
};

/* A test protocol and its binding. */
struct rig_protocol {
    struct rig *rig;
    const char *name;
    NDIS_HANDLE protocol, binding;
    NDIS_BIND_PARAMETERS bind;
    NDIS_OFFLOAD bind_offload;
    bool bind_has_offload;
    _Atomic(bool) running; /* between NetEventRestart and NetEventPause */
    bool quiet;            /* neither activates nor sets a filter at bind */
    bool hold_receives;    /* keep NBLs until rig_return_held */
    NET_BUFFER_LIST *held, **held_tail;
    struct rig_received received[RIG_RECORDS];
    struct rig_completed completed[RIG_RECORDS];
    struct rig_status status[RIG_RECORDS];
    _Atomic(unsigned) received_count, completed_count, status_count, held_count;
    _Atomic(int) sends_out; /* NBLs that are with NDIS */
    NDIS_STATUS done_status;
    bool done;
};

/* A card that a member of an intermediate driver drives. */
struct rig_card {
    struct port *wire, *far;
    struct nic *nic;
    struct nt_device *device;
    struct nt_watch *watch;
    struct inf *inf;
    struct nt_driver *driver;
    bool shared; /* the driver is an earlier card's */
    struct ndis_adapter *adapter;
    bool member; /* connected to the driver under test */
    char name[16];
};

struct watch;

struct rig {
    const struct suite_config *suite;
    const struct check *check;
    struct rig_config config;
    bool linked;
    uint64_t random; /* rig_random's state, from the suite's seed and the check's id */
    struct registry *registry;
    struct reg_key *key;
    struct inf *inf;
    struct nt_driver *driver;
    struct nic *nic;
    struct port *wire, *far;
    struct port_capture *capture;
    struct nt_device *device;
    struct ndis_adapter *adapter;
    struct nt_watch *wire_watch;
    /* Of an intermediate driver; nic, wire and far are those of card 0 then. */
    struct rig_card card[RIG_CARDS];
    unsigned card_count;
    char service[64]; /* what its protocol edge is called */
    bool prepared;
    uint8_t mac[6], peer[6]; /* the adapter's own address; somebody's on the wire */
    NDIS_HANDLE nbl_pool, nb_pool;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct rig_protocol main, other; /* other: rig_bind_other */
    bool overwrite;      /* the bytes of a send are overwritten with 0xcc once it is completed */
    const char *excused; /* rig_excuse */
    _Atomic(unsigned) excused_count;
    unsigned nbls_out;
    struct {
        char rule[16];
        unsigned count;
    } broken[32]; /* rules that the runtime saw broken */
    uint32_t marks;
    /* The claims (claim.c). */
    struct evidence said;
    uint32_t comparisons;
    bool hushed;
};

/* ---- Life ----------------------------------------------------------------------------------- */

/* A running adapter, bound, activated, listening. config NULL: the ordinary one. */
void rig_open(struct rig *r, const struct rig_config *config);
/* Everything up to (not including) initialize. */
void rig_prepare(struct rig *r, const struct rig_config *config);
/* From a prepared rig to an open one. */
void rig_start(struct rig *r);
/* Binds the main protocol, when config.no_bind has left that to the check. */
void rig_bind(struct rig *r);
/* A second protocol on the same adapter; quiet. */
void rig_bind_other(struct rig *r);
/* Halt and initialize again with the registry as it is; bound anew, unless config.no_bind. */
void rig_again(struct rig *r);
/* Takes everything down and comes up with another card or registry. */
void rig_reopen(struct rig *r, const struct rig_config *config);
/* The same up to (not including) initialize. */
void rig_prepare_again(struct rig *r, const struct rig_config *config);
/* Unbinds and halts; the driver stays loaded. */
void rig_halt(struct rig *r);
/* Takes everything down; what the driver left is a finding. Called by the suite at the end. */
void rig_close(struct rig *r);

/* The check's own protocol is about to break this rule: until the next call (NULL: none) what the
 * runtime finds of it is counted, not reported. Returns how often the last one was broken. */
unsigned rig_excuse(struct rig *r, const char *rule);

/* ---- Members (rig_member.c) ----------------------------------------------------------------- */

/* SKIP when the driver is no intermediate driver over that many cards. */
void rig_need_members(struct rig *r, unsigned count);
/* The card becomes a member, and no longer is one. */
void rig_join(struct rig *r, unsigned card);
void rig_leave(struct rig *r, unsigned card);
/* Its link; returns when the card's miniport has told everybody. */
void rig_member_link(struct rig *r, unsigned card, bool up);
/* Resets the adapter; of an intermediate driver, which has no reset handler of its own (MUX-23),
 * the first member, which it is told of. */
NDIS_STATUS rig_reset(struct rig *r);
/* Whether a frame that begins so tells switches of the member in use: a RARP frame (RFC 903) that
 * the intermediate driver broadcasts from its own address. No row asks for it: reading a wire skips
 * it, and who counts what goes to members leaves it out. */
bool rig_announces(const struct rig *r, const uint8_t *header);
/* Next frame on that card's wire, as rig_wire_read; a frame arrives there. */
uint32_t rig_member_read(struct rig *r, unsigned card, uint8_t *dst, uint32_t size, double seconds);
void rig_member_write(struct rig *r, unsigned card, const void *frame, uint32_t len);
/* What that member registered and last indicated. */
struct ndis_offload_state rig_member_offload(const struct rig *r, unsigned card);

bool rig_has_wire(const struct rig *r);
/* Its card offers that feature (VIRTIO_NET_F_...); a software miniport has none that could lack it.
 */
bool rig_card_offers(const struct rig *r, unsigned feature);
/* SKIP when there is none. The functions of the wire begin with it. */
void rig_need_wire(struct rig *r);
/* How often the runtime has seen this rule of its own broken ("NT-IRQL"). */
unsigned rig_broken(struct rig *r, const char *rule);
/* The same sequence for the same seed. */
uint32_t rig_random(struct rig *r);
/* Seconds of the monotonic clock. */
double rig_now(void);

/* ---- OIDs ----------------------------------------------------------------------------------- */

NDIS_OID_REQUEST rig_request(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG bytes);
/* Issues it on the binding and waits; results stand in the request. */
NDIS_STATUS protocol_issue(struct rig_protocol *p, NDIS_OID_REQUEST *q);
NDIS_STATUS protocol_set(struct rig_protocol *p, NDIS_OID oid, void *buffer, ULONG bytes);
/* *written: BytesWritten, or BytesNeeded when it failed. May be NULL. */
NDIS_STATUS protocol_query(struct rig_protocol *p, NDIS_OID oid, void *buffer, ULONG bytes,
                           ULONG *written);
#define rig_issue(r, ...) protocol_issue(&(r)->main, __VA_ARGS__)
#define rig_set(r, ...)   protocol_set(&(r)->main, __VA_ARGS__)
#define rig_query(r, ...) protocol_query(&(r)->main, __VA_ARGS__)

NDIS_STATUS rig_set_filter(struct rig *r, ULONG filter);
/* set4, set6: NDIS_OFFLOAD_SET_...; with 802.3 and a header of 14 bytes. */
NDIS_STATUS rig_activate(struct rig *r, ULONG set4, ULONG set6);
NDIS_OFFLOAD_ENCAPSULATION rig_encapsulation(ULONG set4, ULONG set6);
/* One field of OID_TCP_OFFLOAD_PARAMETERS: rig_parameter(r, offsetof(NDIS_OFFLOAD_PARAMETERS,
 * LsoV2IPv4), NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED). */
NDIS_STATUS rig_parameter(struct rig *r, size_t field, UCHAR value);
NDIS_OFFLOAD_PARAMETERS rig_parameters(void); /* revision 1, every field 0 */

/* What the adapter registered and last indicated, as NDIS keeps it: hardware and current. Zeroes
 * when it registered none. */
struct ndis_offload_state rig_offload(const struct rig *r);
/* The hardware lists something. */
bool rig_offers(const struct rig *r);

/* ---- Waiting -------------------------------------------------------------------------------- */

/* Until *count reaches want; whether it did. */
bool rig_wait(struct rig *r, const _Atomic(unsigned) *count, unsigned want, double seconds);
/* The last status indication of that code that the main binding got, from record `from` on (its
 * status_count at an earlier time); waits up to `seconds` for one. NULL: none came. */
const struct rig_status *rig_indicated(struct rig *r, NDIS_STATUS code, unsigned from,
                                       double seconds);
/* How many of that code there are from record `from` on. */
unsigned rig_indications(const struct rig *r, NDIS_STATUS code, unsigned from);

/* ---- Sends ---------------------------------------------------------------------------------- */

/* An NBL over a private copy of the frame behind `front` unused bytes, with MDLs that end at the
 * byte counts in `splits` (0 ends the list, UINT32_MAX asks for an empty MDL; NULL: one MDL). */
NET_BUFFER_LIST *rig_nbl(struct rig *r, const void *frame, uint32_t len, const uint32_t *splits,
                         uint32_t front);
/* One more NET_BUFFER at its end. */
NET_BUFFER *rig_add_nb(struct rig *r, NET_BUFFER_LIST *nbl, const void *frame, uint32_t len);
/* The bytes behind an NBL of rig_nbl: `front` bytes of 0xee, then the frame. */
const uint8_t *rig_nbl_bytes(const NET_BUFFER_LIST *nbl);
void rig_free_nbl(struct rig *r, NET_BUFFER_LIST *nbl);
/* Sends a chain of `count` at PASSIVE_LEVEL, waits until they are back; false (and a finding of
 * GEN-31) when they do not come back in time. */
bool rig_send(struct rig *r, NET_BUFFER_LIST *chain, unsigned count);
/* Sends and does not wait. */
void rig_send_only(struct rig *r, NET_BUFFER_LIST *chain);
/* The same for any test protocol, with its flags. */
void protocol_send(struct rig_protocol *p, NET_BUFFER_LIST *chain, ULONG flags);
/* Frees completed NBLs and forgets all records of the main protocol. */
void rig_forget(struct rig *r);
void rig_return_held(struct rig *r);

/* ---- The wire ------------------------------------------------------------------------------- */

/* Next frame that left; 0 when none comes within `seconds`. */
uint32_t rig_wire_read(struct rig *r, uint8_t *dst, uint32_t size, double seconds);
/* A frame arrives. */
void rig_wire_write(struct rig *r, const void *frame, uint32_t len);
/* Sends a frame that is nobody's protocol and reads the wire until it comes: everything that left
 * before. Bytes stay until the process ends. Returns how many (at most max). */
struct rig_seen {
    uint8_t *bytes;
    uint32_t len;
};
unsigned rig_wire_drain(struct rig *r, struct rig_seen *out, unsigned max);
/* The frame arrives and the protocol gets it: its record, NULL when nothing came within 2 s. */
const struct rig_received *rig_arrive(struct rig *r, const void *frame, uint32_t len);
/* The card's processor runs nothing between these two: what was sent stays with the driver. */
void rig_stall(struct rig *r);
void rig_unstall(struct rig *r);
