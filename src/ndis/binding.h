/* SPDX-License-Identifier: MIT */
/*
 * Bindings from the inside: connection.c knows which are wanted, binding.c makes and unmakes one,
 * netpnp.c pauses and restarts it, protocol.c knows the protocols.
 *
 *   (connection) -ProtocolBindAdapterEx, NdisOpenAdapterEx-> Opening -> Paused
 *   Paused  -NetEventRestart-> Restarting -> Running
 *   Running -NetEventPause-> Pausing -> Paused
 *   Paused  -ProtocolUnbindAdapterEx, NdisCloseAdapterEx-> Closing -> Unbound: the handle is dead
 *
 * A connection is the administrator's wish that a protocol be bound to an adapter; it outlives its
 * bindings, and each bind makes a new one, so that a handle kept too long is recognised. State
 * changes are made under the adapter's operation lock, or by the protocol's completion of an event.
 */
#pragma once

#include "ndis/verify.h"

struct ndis_binding_waits {
    struct ndis_wait bind, unbind, event, close;
    bool opened;            /* NdisOpenAdapterEx has been called for it */
    _Atomic(bool) closing;  /* and NdisCloseAdapterEx */
    _Atomic(int) expecting; /* bits below: which completions may come */
    NET_PNP_EVENT_NOTIFICATION notification;
    NDIS_PROTOCOL_RESTART_PARAMETERS restart;

    /* what ProtocolBindAdapterEx is told */
    NDIS_BIND_PARAMETERS parameters;
    NDIS_OFFLOAD offload;
    NDIS_TCP_CONNECTION_OFFLOAD connection_offload;
    NDIS_STRING adapter_name, section_name;
    WCHAR adapter_text[96], section_text[256];
};

enum { NDIS_EXPECT_BIND = 1, NDIS_EXPECT_UNBIND = 2, NDIS_EXPECT_EVENT = 4 };

/* The verifier's limits, in seconds (GEN-31), and how long a protocol may take over bind and
 * unbind. */
enum { NDIS_PAUSE_SECONDS = 10, NDIS_SEND_SECONDS = 30, NDIS_BIND_SECONDS = 30 };

void ndis_wait_rearm(struct ndis_wait *w);
/* An asynchronous completion that is due exactly once: clears its bit, or says that it is not due.
 */
bool ndis_binding_expected(struct ndis_binding *b, int bit);

/* binding.c; a->operation held. bind: *out on success. */
NDIS_STATUS ndis_binding_bind(struct ndis_adapter *a, struct ndis_protocol *p,
                              struct ndis_binding **out);
void ndis_binding_unbind(struct ndis_binding *b);
void ndis_bindings_forget(struct ndis_adapter *a);
/* bind_parameters.c; they live in b->waits. */
NDIS_BIND_PARAMETERS *ndis_bind_parameters(struct ndis_binding *b);

/* netpnp.c; a->operation held. restart leaves the binding Running or, when the protocol fails it,
 * Paused. */
void ndis_binding_restart(struct ndis_binding *b);
void ndis_binding_pause(struct ndis_binding *b);
/* Waits until nothing sent, lent or asked on the binding is out; on timeout reports whose fault it
 * is and takes back what it can. */
void ndis_binding_settle(struct ndis_binding *b, double seconds);

/* protocol.c. By service name, without case; NULL. */
struct ndis_protocol *ndis_protocol_find(const char *name);
void ndis_protocol_link(struct ndis_binding *b);
void ndis_protocol_unlink(struct ndis_binding *b);

/* rx_return.c: calls MiniportReturnNetBufferLists with NBLs that are its own again. */
void ndis_rx_give_back(struct ndis_adapter *a, NET_BUFFER_LIST *first, uint32_t count);
/* tx.c, rx_return.c: after a time limit: completes the sends that the miniport forgot, returns what
 * the protocol forgot. How many. */
uint32_t ndis_tx_recover(struct ndis_binding *b);
uint32_t ndis_rx_recover(struct ndis_binding *b);

/* connection.c: disconnects every adapter from the protocol (deregistration). */
void ndis_bindings_of_protocol_end(struct ndis_protocol *p);
bool ndis_binding_is_unbinding(const struct ndis_binding *b); /* judges the pointer by value */
