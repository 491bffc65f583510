/* SPDX-License-Identifier: MIT */
/*
 * The call trace: every call that NDIS makes into the driver and into the test protocols, in the
 * order in which they began, with level, state and result. A check may stand in the way: hold a
 * call, answer it in the driver's place, or keep sends back for a while.
 *
 *   rig_prepare(r, NULL);
 *   trace_begin(r);
 *   trace_hold(TRACE_OID);                  the next request waits at the driver's door
 *   ...
 *   rig_wait(r, trace_began(TRACE_OID), 1, 2);
 *   trace_release(r);
 *
 * Entries are written on whatever thread calls, and complete once the call is over. Up to
 * TRACE_ENTRIES; counts go on. Everything here: on the check's own thread, unless said.
 */
#pragma once

#include "conform/rig.h"

enum trace_call {
    TRACE_INITIALIZE,
    TRACE_HALT,
    TRACE_PAUSE,
    TRACE_RESTART,
    TRACE_RESET,
    TRACE_CHECK_FOR_HANG,
    TRACE_PNP_EVENT,
    TRACE_SHUTDOWN,
    TRACE_UNLOAD,
    TRACE_OID,
    TRACE_CANCEL_OID,
    TRACE_SEND,
    TRACE_CANCEL_SEND,
    TRACE_RETURN,
    /* the test protocols' */
    TRACE_BIND,
    TRACE_UNBIND,
    TRACE_NET_PNP_EVENT,
    TRACE_OID_COMPLETE,
    TRACE_SEND_COMPLETE,
    TRACE_RECEIVE,
    TRACE_STATUS,
    TRACE_CALLS
};
const char *trace_name(enum trace_call call);

enum { TRACE_ENTRIES = 16384 };
struct trace_entry {
    enum trace_call call;
    const struct rig_protocol *protocol; /* whose handler; NULL: the driver's */
    enum ndis_adapter_state state;       /* as the call began */
    uint8_t irql;
    ULONG flags;              /* of sends, returns, receives, completions; reason of a halt */
    unsigned nbls;            /* SEND, RETURN, SEND_COMPLETE, RECEIVE */
    const void *first;        /* the first of them */
    NDIS_HANDLE source;       /* SEND: its SourceHandle; completions: likewise */
    NDIS_OID oid;             /* OID, CANCEL_OID: none */
    unsigned sends, requests; /* with the driver as the call began: NBLs sent, OIDs */
    unsigned lent;            /* NBLs that it has lent */
    NDIS_STATUS status;       /* returned */
    bool over;
};

/* From a prepared rig on, before it is started. */
void trace_begin(struct rig *r);

const _Atomic(unsigned) *trace_began(enum trace_call call);
const _Atomic(unsigned) *trace_ended(enum trace_call call);
unsigned trace_count(void);
const struct trace_entry *trace_at(unsigned index); /* NULL past the end */
/* The first such entry from `at` on; NULL. trace_index: where it stands. */
const struct trace_entry *trace_find(unsigned at, enum trace_call call);
unsigned trace_index(const struct trace_entry *e);
/* The most calls of that kind that were inside the driver at one time. */
unsigned trace_most_inside(enum trace_call call);

/* The next call of that kind waits before the driver gets it, until trace_release. For handlers
 * that are called at PASSIVE_LEVEL. */
void trace_hold(enum trace_call call);
void trace_release(struct rig *r);
/* The next call of that kind ends so, and the driver does not hear of it. */
void trace_answer(enum trace_call call, NDIS_STATUS status);
/* The next reset says so (AddressingReset) whatever the driver says. */
void trace_addressing_reset(void);
/* The next check for hang says TRUE. */
void trace_hang(void);
/* Chains that are sent stay here; off: they go to the driver, in order. */
void trace_keep_sends(struct rig *r, bool keep);
/* Called before each such call reaches the driver, on its thread; NULL: nothing. */
void trace_before(enum trace_call call, void (*fn)(struct rig *r));

/* Of rig_protocol.c: a handler of a test protocol was called. Any level. */
void trace_protocol(const struct rig_protocol *p, struct trace_entry e);
