/* SPDX-License-Identifier: MIT */
/*
 * team: an NDIS 6.0 MUX intermediate driver. Miniports below (its members) appear to the layers
 * above as one adapter with one MAC address (load balancing and failover).
 *
 * Reading order: driver.c (entry), lower.c (protocol edge: members come and go), upper.c (miniport
 * edge: the virtual adapter), team.c (which members are in use, and telling the layers above),
 * announce.c (telling switches), tx.c and rx.c (the data path), hash.c (which flow goes where),
 * offload.c (what several configurations have in common), settings.c (what is set on the team and
 * replayed to members), oid.c and answer.c (requests). One driver is one team: its device's name
 * stands in the driver's Parameters key, value UpperBindings, where the notify object of an
 * installation puts it.
 *
 * A member (state, all changes under the lock):
 *
 *   Free -ProtocolBindAdapterEx-> Joining: opened; what is set on the team is replayed to it
 *   Joining -it has everything-> Joined: may be used, is sent every request for the team
 *   Joined -ProtocolUnbindAdapterEx-> Leaving: nothing more is sent or asked
 *   Leaving -its sends, receives and requests are back; NdisCloseAdapterEx-> Free
 *
 * A Joined member is usable while its binding runs, its link is up, it is in D0 and its last reset
 * did not fail. The lowest slot is preferred: with TEAM_ACTIVE_STANDBY the first usable member is
 * in use (and gets its place back when it returns), with TEAM_FLOW_HASH all usable ones are, and a
 * flow's Toeplitz hash picks one.
 *
 * Changing the set in use never reorders a flow, nor sends what the new set cannot do:
 *
 *   hold:   as soon as the set in use is no longer the right one, sends are held (t->held)
 *   drain:  usable members that are to give up flows complete what they have
 *   switch: the new set is in use; what it offers is indicated to the layers above, and it is
 *           announced to the network
 *   go on:  held sends are passed down; one that asks what its member lacks is failed
 *
 * Sends are also held while a member in use resets, and what the reset threw back is sent again, in
 * the order in which it came: each send has a number, in its reserved word while it is ours. A send
 * on its way down when a reset begins would overtake what is thrown back: so the reset is let begin
 * only when nobody is on the way into the member any more (m->passing). That wait has an end, as
 * the one on the way may be who told of the reset: a second, and at DISPATCH_LEVEL, where it cannot
 * sleep, a millisecond. Out of order can be only a send that takes longer from us to the member.
 * What is thrown back by a member whose flows went on without it (its link was down, so it was not
 * waited for) is failed: later sends have overtaken it.
 *
 * Offload. The team offers what all members in use have in common, in both views (hardware,
 * current), and nothing that is switched off on the team, whatever a member was told. A member's
 * indications are recorded, never passed on. Settings reach every member as far as it can follow;
 * whether a set succeeds is decided by the members in use.
 *
 * Ownership of NBLs. The NBL itself goes through, its payload untouched: down with our binding as
 * its SourceHandle, up with our adapter as such. What must be put back before its owner gets it
 * again is in a struct team_nbl in the NBL's context space, which our general attributes ask
 * protocols to leave room for. A held NBL is ours and linked by Next. A receive shown with
 * NDIS_RECEIVE_FLAGS_RESOURCES is shown on at once, one by one.
 *
 * Receives. With one member in use the switch ports do not know of each other: frames for our
 * address are taken from every member, multicast only from the one in use. With several, the ports
 * are one link aggregation to the switch and each frame comes once. Members whose address is not
 * the team's listen promiscuously, and the team filters.
 *
 * Announcement. With one member in use at a time a switch goes on sending frames for our address to
 * the port of the last one until it sees a frame of ours at another: a peer that only sends would
 * stall. So a frame is broadcast through the member that comes into use, unless it is where the
 * network has seen us last (t->known_at); the first member of a team's life needs none. Each member
 * has one such frame, made when it joins; it counts among the member's sends. While it is out, or
 * we may not send, the next one waits. What a reset throws back goes again.
 *
 * Locking. t->lock guards everything here but what is said to be constant. It is never held while
 * calling NDIS, except for NBL context and data access. Indications to the layers above are made by
 * one thread at a time (t->updating); who finds it busy leaves the work to it (t->again).
 */
#pragma once

#define NDIS60_MINIPORT 1
#include <ndis.h>

#define TEAM_TAG 0x6d616554 /* "Team" */

enum {
    TEAM_MAJOR_VERSION = 1,
    TEAM_MINOR_VERSION = 0,
    TEAM_MEMBERS_MAX = 8,
    TEAM_MULTICAST_MAX = 32,
    TEAM_NAME_MAX = 128, /* characters of the device name */
    TEAM_ETH_HEADER = 14,
    TEAM_SNAP_HEADER = 22,
    TEAM_COUNTERS = 18,                     /* of NDIS_STATISTICS_INFO */
    TEAM_ELSEWHERE = 1 << TEAM_MEMBERS_MAX, /* no member's bit */
};

enum team_policy { TEAM_ACTIVE_STANDBY, TEAM_FLOW_HASH }; /* keyword TeamPolicy */

/* ---- Offload in short (offload.c) ----------------------------------------------------------- */

enum team_offload_bit {
    TEAM_TX_IP4 = 1 << 0,
    TEAM_TX_TCP4 = 1 << 1,
    TEAM_TX_UDP4 = 1 << 2,
    TEAM_TX_TCP6 = 1 << 3,
    TEAM_TX_UDP6 = 1 << 4,
    TEAM_RX_IP4 = 1 << 5,
    TEAM_RX_TCP4 = 1 << 6,
    TEAM_RX_UDP4 = 1 << 7,
    TEAM_RX_TCP6 = 1 << 8,
    TEAM_RX_UDP6 = 1 << 9,
};

enum team_large_kind { TEAM_LSO1, TEAM_LSO2_4, TEAM_LSO2_6, TEAM_LARGE_KINDS };

struct team_ability { /* of an NDIS_OFFLOAD, what the data path asks */
    ULONG on;         /* enum team_offload_bit */
    ULONG large_max[TEAM_LARGE_KINDS], large_min[TEAM_LARGE_KINDS]; /* max 0: not offered */
};

/* ---- Members -------------------------------------------------------------------------------- */

enum team_member_state { TEAM_FREE, TEAM_JOINING, TEAM_JOINED, TEAM_LEAVING };

union team_value { /* of a request to one member */
    ULONG number;
    UCHAR multicast[TEAM_MULTICAST_MAX][6];
    NDIS_OFFLOAD_PARAMETERS parameters;
    NDIS_OFFLOAD_ENCAPSULATION encapsulation;
    NDIS_STATISTICS_INFO statistics;
};

struct team_member {
    /* constant while not Free */
    struct team *team;
    ULONG slot;
    NDIS_HANDLE binding;
    UCHAR mac[6];
    ULONG mtu, filters, mac_options, statistics;
    NET_IFINDEX if_index;

    enum team_member_state state;
    BOOLEAN running, connected, resetting, broken, powered;
    BOOLEAN encapsulated; /* accepted the team's encapsulation */
    BOOLEAN stacked;      /* stands in the interface stack table below the team */
    ULONG64 xmit_speed, rcv_speed;
    NDIS_OFFLOAD hardware, current;
    struct team_ability ability;       /* of current */
    ULONG sends, lent, requests;       /* not yet back; none is left when it closes */
    ULONG_PTR overtaken;               /* by its number: the last send that others overtook */
    LONG passing;                      /* threads that hand sends down to it; interlocked */
    NET_PNP_EVENT_NOTIFICATION *event; /* pause or power: completed when sends are back */

    NDIS_HANDLE announce_pool; /* constant while not Free, as announcement is */
    NET_BUFFER_LIST *announcement;
    BOOLEAN announcing; /* it is out */

    /* Requests. clone: on behalf of the layers above; own: ours, at PASSIVE_LEVEL. */
    NDIS_OID_REQUEST *clone, own;
    union team_value value;
    NDIS_STATUS result;
    NDIS_EVENT done;
    NDIS_STATUS done_status;
    ULONG64 counted_before[TEAM_COUNTERS], counted[TEAM_COUNTERS]; /* at joining; last known */
};

/* ---- Settings (settings.c) ------------------------------------------------------------------ */

struct team_settings { /* what is in force on the team */
    ULONG filter, lookahead, multicast_count;
    UCHAR multicast[TEAM_MULTICAST_MAX][6];
    NDIS_OFFLOAD_PARAMETERS parameters; /* no field says "no change" */
    NDIS_OFFLOAD_ENCAPSULATION encapsulation;
};

/* ---- The team ------------------------------------------------------------------------------- */

struct team_queue { /* NBLs by Next, in order */
    NET_BUFFER_LIST *first, **end;
    ULONG count;
};

static inline void team_queue_init(struct team_queue *q)
{
    q->first = NULL;
    q->end = &q->first;
    q->count = 0;
}

static inline void team_queue_add(struct team_queue *q, NET_BUFFER_LIST *nbl)
{
    NET_BUFFER_LIST_NEXT_NBL(nbl) = NULL;
    *q->end = nbl;
    q->end = &NET_BUFFER_LIST_NEXT_NBL(nbl);
    q->count++;
}

struct team_report { /* what the layers above were told */
    BOOLEAN connected, encapsulated4, encapsulated6;
    ULONG64 xmit_speed, rcv_speed;
    NDIS_OFFLOAD hardware, current;
};

struct team_oid { /* the request of the layers above that is at the members */
    NDIS_OID_REQUEST *request;
    struct team_settings wanted;
    ULONG members, pending; /* whom it went to; how many are yet to answer, one for the sender */
    NDIS_STATUS status;     /* of the request */
    BOOLEAN undoing;        /* a member refused: the others are being put back */
};

struct team {
    NDIS_SPIN_LOCK lock;
    NDIS_HANDLE adapter; /* NULL while the virtual adapter is not initialized */
    struct team_member member[TEAM_MEMBERS_MAX];
    WCHAR name[TEAM_NAME_MAX];
    NDIS_STRING device;
    BOOLEAN requested; /* NdisIMInitializeDeviceInstanceEx has been called */

    /* constant while initialized */
    enum team_policy policy;
    UCHAR mac[6];
    ULONG mtu, filters, statistics;
    NET_IFINDEX if_index;

    /* Who is in use (team.c) */
    ULONG use, order[TEAM_MEMBERS_MAX], count; /* by slot: mask, list, its length */
    ULONG known_at; /* what was in use when the network last learned of us; 0: nothing yet */
    BOOLEAN hold, switching;
    BOOLEAN updating, again;
    BOOLEAN quiet;               /* an offload set is under way: its outcome is told at its end */
    BOOLEAN tell;                /* then the configuration is indicated, changed or not */
    BOOLEAN encapsulation_known; /* the layers above have just set it themselves */
    struct team_report report;

    /* Verdicts that may go up (enum team_offload_bit). Fewer: once all receivers that know of more
     * have left, the layers above are told; more: after they were. Receivers are counted by turn,
     * which changes when rx_on gets less. */
    ULONG rx_on, rx_turn, rx_inside[2];
    BOOLEAN rx_awaited; /* the last of the other turn to leave calls team_update */

    /* Data path (tx.c, rx.c) */
    BOOLEAN open, asleep, pausing, draining;
    struct team_queue held;  /* sends, by their numbers */
    ULONG_PTR number;        /* of the last send */
    ULONG outstanding, lent; /* NBLs of the layers above with us; ours with them */

    struct team_settings settings;
    ULONG generation; /* of settings */
    struct team_oid oid;
    ULONG64 counted_gone[TEAM_COUNTERS]; /* by members that left */
};

struct team_nbl { /* in the context space of an NBL that is passed on */
    struct team_member *member;
    NDIS_HANDLE source; /* its SourceHandle */
    PVOID large;        /* its large send request, which completion overwrites */
    PVOID number;       /* its place among all sends */
};

extern struct team team_instance;
extern NDIS_HANDLE team_miniport, team_protocol;

#define TEAM_BIT(member) (1u << (member)->slot)

/* team.c */
/* Under the lock, after anything that decides who is usable: holds sends if need be. The caller
 * calls team_update once it has released the lock. */
void team_changed(struct team *t);
/* Brings the set in use and what was told of it up to date. No lock; at most DISPATCH_LEVEL. */
void team_update(struct team *t);
BOOLEAN team_usable(const struct team_member *m);
/* Joined members, each with a request counted so that it stays; the mask. team_release gives back.
 */
ULONG team_take_members(struct team *t);
void team_release(struct team *t, ULONG members);
/* What attributes report before anything was indicated. */
void team_first_report(struct team *t, struct team_report *r);

/* upper.c */
MINIPORT_INITIALIZE TeamInitializeEx;
MINIPORT_HALT TeamHaltEx;
MINIPORT_PAUSE TeamPause;
MINIPORT_RESTART TeamRestart;
MINIPORT_SHUTDOWN TeamShutdownEx;
MINIPORT_DEVICE_PNP_EVENT_NOTIFY TeamDevicePnPEventNotify;
/* A pending pause completes when nothing is outstanding. No lock. */
void team_pause_progress(struct team *t);

/* lower.c */
PROTOCOL_BIND_ADAPTER_EX TeamBindAdapterEx;
PROTOCOL_UNBIND_ADAPTER_EX TeamUnbindAdapterEx;
PROTOCOL_OPEN_ADAPTER_COMPLETE_EX TeamOpenAdapterCompleteEx;
PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX TeamCloseAdapterCompleteEx;
PROTOCOL_NET_PNP_EVENT TeamNetPnPEvent;
PROTOCOL_STATUS_EX TeamStatusEx;
/* A request of ours to one member, waited for. PASSIVE_LEVEL. */
NDIS_STATUS team_member_request(struct team_member *m, NDIS_REQUEST_TYPE type, NDIS_OID oid,
                                PVOID buffer, ULONG bytes);
/* Reads the member's counters; as they were when it does not answer. */
void team_member_count(struct team_member *m);
/* The member's place in the interface stack table: below the virtual adapter, while that is there.
 */
void team_member_stack(struct team_member *m);
void team_member_unstack(struct team_member *m);

/* tx.c */
MINIPORT_SEND_NET_BUFFER_LISTS TeamSendNetBufferLists;
MINIPORT_CANCEL_SEND TeamCancelSend;
PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE TeamSendNetBufferListsComplete;
void team_tx_drain(struct team *t); /* passes held sends down, if they may go. No lock */
/* Under the lock, before another set comes into use: what members still have is overtaken. */
void team_tx_overtake(struct team *t);
void team_tx_close(struct team *t); /* later sends and held ones fail with NDIS_STATUS_PAUSED */
/* Sends are held: those that other threads hand down to the member are with it on return, unless
 * that takes a second (at DISPATCH_LEVEL a millisecond). No lock. */
void team_tx_settle(struct team_member *m);

/* rx.c */
PROTOCOL_RECEIVE_NET_BUFFER_LISTS TeamReceiveNetBufferLists;
MINIPORT_RETURN_NET_BUFFER_LISTS TeamReturnNetBufferLists;

/* announce.c */
/* Makes what announcing through the member takes; FALSE: no memory, nothing is left. */
BOOLEAN team_announce_make(struct team_member *m, const NDIS_BIND_PARAMETERS *p);
void team_announce_free(struct team_member *m);
/* Under the lock, which is released meanwhile: announces what is in use, if that is due and can be.
 */
void team_announce(struct team *t);
/* Under the lock: the announcement is back. TRUE: one may be due, and could be made at once. One
 * that failed otherwise than by a reset waits for the next change. */
BOOLEAN team_announced(struct team_member *m, BOOLEAN thrown_back);

/* hash.c */
/* Toeplitz over the frame's addresses and, for unfragmented TCP and UDP, ports; of the MAC
 * addresses for what is not IP. Stable for a flow. */
ULONG team_hash(NET_BUFFER *nb);
ULONG team_toeplitz(const UCHAR *input, ULONG bytes);

/* offload.c */
void team_offload_none(NDIS_OFFLOAD *o);
void team_offload_copy(NDIS_OFFLOAD *to, const NDIS_OFFLOAD *from); /* from may be NULL: nothing */
/* Takes from `to` what `with` does not have. */
void team_offload_intersect(NDIS_OFFLOAD *to, const NDIS_OFFLOAD *with);
/* Takes from `to` what is switched off. */
void team_offload_restrict(NDIS_OFFLOAD *to, const NDIS_OFFLOAD_PARAMETERS *in_force);
void team_offload_ability(const NDIS_OFFLOAD *o, struct team_ability *a);
BOOLEAN team_offload_any(const NDIS_OFFLOAD *o);
/* Whether a send asks nothing but what is offered. */
BOOLEAN team_offload_permits(const struct team_ability *a, NET_BUFFER_LIST *nbl);
/* What a large send that was not made says at completion. */
void team_offload_unsent(NET_BUFFER_LIST *nbl);
/* The checksum verdict of a received frame, less what may not go up. header: its first bytes, 14 of
 * them, or TEAM_SNAP_HEADER. */
PVOID team_offload_verdict(PVOID verdict, const UCHAR *header, ULONG bytes, ULONG rx_on);
/* The parameters as far as hardware can follow; FALSE: not at all. */
BOOLEAN team_offload_clamp(NDIS_OFFLOAD_PARAMETERS *p, const NDIS_OFFLOAD *hardware);
/* Judges a set (PAR rows), and adds it to what is in force. FALSE: invalid, nothing was changed. */
BOOLEAN team_offload_parameters(NDIS_OFFLOAD_PARAMETERS *in_force, const NDIS_OFFLOAD_PARAMETERS *p,
                                const NDIS_OFFLOAD *hardware);

/* settings.c */
/* Begins with the keywords of the virtual adapter. PASSIVE_LEVEL. */
void team_settings_read(struct team *t, NDIS_HANDLE adapter);
/* The value of a setting for one member; 0: nothing to say to it. */
ULONG team_setting_value(const struct team_member *m, NDIS_OID oid, const struct team_settings *s,
                         union team_value *v);
/* Gives the member all settings. PASSIVE_LEVEL; the member is Joining or held. */
void team_settings_replay(struct team_member *m, const struct team_settings *s);

/* oid.c */
MINIPORT_OID_REQUEST TeamOidRequest;
MINIPORT_CANCEL_OID_REQUEST TeamCancelOidRequest;
PROTOCOL_OID_REQUEST_COMPLETE TeamOidRequestComplete;

/* answer.c */
extern const NDIS_OID team_oids[];
extern const ULONG team_oids_bytes;

static inline NDIS_OID team_oid_of(const NDIS_OID_REQUEST *r)
{
    return r->DATA.QUERY_INFORMATION.Oid;
}

static inline BOOLEAN team_oid_is_set(const NDIS_OID_REQUEST *r)
{
    return r->RequestType == NdisRequestSetInformation;
}

BOOLEAN team_oid_is_counter(NDIS_OID oid);
/* The value of a set; a failure when it is too short. */
NDIS_STATUS team_take(NDIS_OID_REQUEST *r, PVOID to, ULONG bytes);
/* A query that the team answers without its members; FALSE: it does not. */
BOOLEAN team_answer(struct team *t, NDIS_OID_REQUEST *r, NDIS_STATUS *status);
/* counted: in the order of NDIS_STATISTICS_INFO. */
NDIS_STATUS team_answer_counters(NDIS_OID_REQUEST *r, const ULONG64 *counted, ULONG valid);
/* Judges a set, under the lock: what would be in force with it. */
NDIS_STATUS team_want(const struct team *t, NDIS_OID_REQUEST *r, struct team_settings *w);
