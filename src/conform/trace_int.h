/* SPDX-License-Identifier: MIT */
/* What the files of the trace share. */
#pragma once

#include "conform/trace.h"

#include "ndis/private.h"

enum { KEPT_CHAINS = 256 };

/* rig->mutex guards all but the counters. */
struct trace {
    struct rig *rig;
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS real;
    DRIVER_UNLOAD *unload;
    struct trace_entry entry[TRACE_ENTRIES];
    unsigned count;
    _Atomic(unsigned) began[TRACE_CALLS], ended[TRACE_CALLS];
    unsigned inside[TRACE_CALLS], most[TRACE_CALLS];
    bool hold[TRACE_CALLS], go, answer[TRACE_CALLS];
    NDIS_STATUS answered[TRACE_CALLS];
    void (*before[TRACE_CALLS])(struct rig *r);
    bool addressing, hang, keep;
    struct {
        NDIS_HANDLE context;
        NET_BUFFER_LIST *first;
        NDIS_PORT_NUMBER port;
        ULONG flags;
    } kept[KEPT_CHAINS];
    unsigned kept_count;
};
extern struct trace trace;

/* The entry of a call that begins (waits when the check holds it), and of one that ends. */
struct trace_entry *trace_enter(struct trace_entry e);
NDIS_STATUS trace_leave(struct trace_entry *e, enum trace_call call, NDIS_STATUS status);
/* Whether the check answers this call; *status then. */
bool trace_answers(enum trace_call call, NDIS_STATUS *status);
/* Whether the check keeps this chain. */
bool trace_keeps(NDIS_HANDLE context, NET_BUFFER_LIST *first, NDIS_PORT_NUMBER port, ULONG flags);
unsigned trace_chain_length(const NET_BUFFER_LIST *nbl);
