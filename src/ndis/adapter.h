/* SPDX-License-Identifier: MIT */
/*
 * Inside the NDIS room: the objects behind NDIS_HANDLE, shared by its files. Every handle given to
 * a driver points at a struct that begins with ndis_handle, so that a wrong or stale handle is a
 * finding and not a crash.
 *
 * Locking: adapter->lock (spin, leaf) guards bindings list, offload state, link state and the
 * request queue. It is never held while calling a driver. The data path takes no lock: it counts
 * itself into adapter->tx_gate / binding counters (atomics) and looks at the state after that;
 * pausing sets the state, then waits for the counts to reach zero.
 */
#pragma once

#include "base/list.h"
#include "ndis/runtime.h"
#include "nt/finding.h"
#include "nt/processor.h"

#include <pthread.h>
#include <stdatomic.h>

enum ndis_handle_kind {
    NDIS_H_MINIPORT_DRIVER = 0x4d445249,
    NDIS_H_ADAPTER = 0x41444150,
    NDIS_H_PROTOCOL = 0x50524f54,
    NDIS_H_BINDING = 0x42494e44,
    NDIS_H_CONFIGURATION = 0x434f4e46,
    NDIS_H_INTERRUPT = 0x494e5452,
    NDIS_H_DMA = 0x444d4143,
    NDIS_H_NBL_POOL = 0x4e424c50,
    NDIS_H_NB_POOL = 0x4e425050,
    NDIS_H_TIMER = 0x54494d52,
    NDIS_H_WORK_ITEM = 0x574f524b,
    NDIS_H_DEVICE = 0x44455643,
    NDIS_H_DEAD = 0xdeaddead,
};

struct ndis_handle {
    uint32_t kind;
};

/* The object when the handle is of that kind; else NULL, after a finding NT-HANDLE naming `what`.
 * Wild pointers are checked with an alignment test and a registry of live handles (handle.c), never
 * dereferenced first. */
void *ndis_handle_get(NDIS_HANDLE h, enum ndis_handle_kind kind, const char *what);
/* NdisHandle of allocation functions: driver, adapter, protocol or binding handle, or NULL where
 * allowed. */
bool ndis_handle_is_any(NDIS_HANDLE h, const char *what);
void ndis_handle_register(struct ndis_handle *h, enum ndis_handle_kind kind);
void ndis_handle_retire(struct ndis_handle *h);

struct ndis_driver { /* NdisMRegisterMiniportDriver */
    struct ndis_handle handle;
    struct nt_driver *nt;
    struct nt_owner *owner;
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS chars;
    NDIS_HANDLE context;
    bool intermediate;
    struct ndis_protocol *associated; /* NdisIMAssociateMiniport: the driver's lower edge */
    struct list adapters;
    bool deregistered;        /* freed with its last adapter */
    struct ndis_driver *next; /* a driver may register twice: as miniport and as intermediate */
    NDIS_MINIPORT_PNP_CHARACTERISTICS pnp; /* NdisSetOptionalHandlers */
};

struct ndis_protocol { /* NdisRegisterProtocolDriver */
    struct ndis_handle handle;
    struct nt_owner *owner;
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS chars;
    NDIS_HANDLE context;
    char name[64];
    struct list link;
    struct list bindings;
};

enum { NDIS_LOOKASIDE_WATCHED = 8 };

enum ndis_binding_state { /* "Binding States of a Protocol Driver" */
                          NDIS_BINDING_UNBOUND,
                          NDIS_BINDING_OPENING,
                          NDIS_BINDING_PAUSED,
                          NDIS_BINDING_RESTARTING,
                          NDIS_BINDING_RUNNING,
                          NDIS_BINDING_PAUSING,
                          NDIS_BINDING_CLOSING,
};

struct ndis_binding { /* NdisOpenAdapterEx; begins life before it as the BindContext */
    struct ndis_handle handle;
    struct ndis_protocol *protocol;
    struct ndis_adapter *adapter;
    NDIS_HANDLE protocol_context; /* ProtocolBindingContext */
    _Atomic(int) state;
    _Atomic(uint32_t) packet_filter;
    uint32_t lookahead;
    _Atomic(int64_t) sends_outstanding, receives_outstanding, requests_outstanding;
    _Atomic(int64_t)
        sends_owed; /* NBLs taken from the protocol and not yet in its send-complete handler */
    UCHAR multicast[32][6];
    uint32_t multicast_count;
    bool connected; /* wanted by the machine */
    struct list adapter_link, protocol_link;
    void *bind_wait;                  /* completion of a pending bind/unbind/close/pnp event */
    struct ndis_binding_waits *waits; /* binding.c */
    _Atomic(bool) pause_done; /* the protocol has completed NetEventPause: no more sends (GEN-45) */
    struct ndis_binding *retired_next;
};

/* The open bindings of an adapter as the data path sees them: an immutable array, replaced as a
 * whole. Old arrays and closed bindings are kept until the adapter goes, so that a reader needs no
 * lock and no reference. */
struct ndis_binding_set {
    struct ndis_binding_set *retired_next;
    unsigned count;
    struct ndis_binding *binding[];
};

struct ndis_wait { /* an asynchronous completion being waited for */
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
    NDIS_STATUS status;
};
void ndis_wait_init(struct ndis_wait *w);
void ndis_wait_fini(struct ndis_wait *w);
bool ndis_wait_signal(struct ndis_wait *w,
                      NDIS_STATUS status); /* false: already signalled (a double completion) */
/* false after `seconds` times the time factor */
bool ndis_wait_for(struct ndis_wait *w, double seconds, NDIS_STATUS *status);

struct ndis_adapter {
    struct ndis_handle handle;
    struct ndis_driver *driver;
    struct nt_device *device;
    struct reg_key *key;
    char name[64];
    char ndis_name[80];  /* \DEVICE\{...} */
    NDIS_HANDLE context; /* MiniportAdapterContext */
    _Atomic(int) state;
    _Atomic(bool) removed, resetting;
    pthread_mutex_t operation; /* serializes state operations */
    /* A protocol is being paused, which a hung card would hold up: then a reset is allowed to
     * whoever has `rescue` instead of `operation`. */
    _Atomic(bool) rescuable;
    pthread_mutex_t rescue;
    pthread_spinlock_t lock;
    struct list driver_link;
    struct list bindings;

    /* attributes.c */
    bool registration_set, general_set, offload_set;
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES registration;
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES general; /* pointers point to our copies */
    NDIS_OID *supported_oids;
    ULONG supported_oid_count;

    /* offload.c */
    NDIS_OFFLOAD hardware, current;
    uint64_t shrunk_ns; /* when the hardware view fell below the current one; 0: it has not */
    NDIS_OFFLOAD_ENCAPSULATION encapsulation; /* last accepted */
    bool encapsulation_set;

    /* connection_offload.c */
    bool connection_present, connection_paused;
    NDIS_TCP_CONNECTION_OFFLOAD connection_hardware, connection_current;
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS connection_parameters; /* last accepted */
    ULONG connection_parameters_bytes;

    /* status.c */
    NDIS_LINK_STATE link;
    _Atomic(uint64_t) wmi_events[3]; /* fired; wmi.c */

    /* oid.c */
    struct list requests; /* queue: one at a time at the miniport */
    struct ndis_oid *current_request;
    _Atomic(unsigned) finishing; /* were current, and what they set is not noted yet */
    struct list direct;              /* direct requests at the miniport */
    _Atomic(int64_t) oid_workers;    /* queued to hand requests on */
    ULONG multicast_set;             /* addresses the miniport was last given */
    ULONG admin_filter;              /* packet filter asked for from outside any binding */
    ULONG filter_set, lookahead_set; /* what the miniport was last told */

    /* tx.c, rx.c: NBLs now owned by the miniport (sends), and by the layers above (receives) */
    _Atomic(int64_t) tx_inside, rx_outside;
    _Atomic(int64_t) tx_calls; /* threads inside MiniportSendNetBufferLists */
    _Atomic(uint64_t) tx_nbls, tx_completed, rx_nbls, rx_returned;
    _Atomic(uint32_t) packet_filter; /* OR of the bindings', as set on the miniport */
    _Atomic(int64_t) rx_calls;       /* threads inside MiniportReturnNetBufferLists */

    /* binding.c, verify.c */
    _Atomic(struct ndis_binding_set *) open_bindings; /* NULL: none */
    struct ndis_binding_set *retired_sets;
    struct ndis_binding *retired_bindings;
    _Atomic(uint32_t) verify_reports[16]; /* by enum ndis_verify_rule */
    _Atomic(uint64_t) filter_cleared_ns;  /* when a set made the packet filter 0 again; 0: it never
                                             was anything else */
    _Atomic(bool)
        rx_validation; /* encapsulation is known to be on: receive verdicts are legal (RXC-1) */

    /* adapter.c */
    struct ndis_wait pause_wait, restart_wait, reset_wait;
    struct ndis_wait *state_wait; /* the one pending, or NULL */
    void *pm; /* files of this room may hang private state here: interrupts, dma */
    struct list interrupts, dma_channels, timers;
    unsigned hang_period_s;
    NDIS_HANDLE im_instance; /* NdisIMInitializeDeviceInstanceEx */
    bool im_requested;       /* the intermediate driver asked for this instance to be started */
    struct list all_link;    /* every adapter of the process: runtime.c */
    uint32_t index;          /* interface index, from 1 */
    NDIS_HANDLE add_device_context;
    bool adding; /* inside MiniportAddDevice */
    uint64_t hang_due_ns;
    _Atomic(bool) reset_wanted, remove_wanted;
    bool addressing_reset;
    uint64_t
        ledger_before[NT_RES_COUNT]; /* of the driver when this adapter was initialized, valid if */
    _Atomic(bool) ledger_alone;      /* it was the driver's only one, and is */
    /* Lookaside lists that the driver had then, and what lay in them. */
    const void *lookaside[NDIS_LOOKASIDE_WATCHED];
    unsigned lookaside_count;
    uint64_t lookaside_before;
    struct list shared_memory;
    _Atomic(int64_t) shared_pending; /* asynchronous allocations not yet completed */
};

/* A call into a driver: sets the owner and holds it to the IRQL and the spin locks it was called
 * with (NT-IRQL). */
struct ndis_call {
    struct nt_owner *previous;
    struct nt_thread *thread;
    uint32_t locks;
    uint8_t irql;
};
void ndis_call_broken(const struct ndis_call *c,
                      const char *handler); /* finding; puts the level back */
static inline struct ndis_call ndis_call_begin(struct nt_owner *owner)
{
    struct nt_thread *t = nt_thread_self();

    return (struct ndis_call){nt_owner_enter(owner), t, t->locks_held, t->irql};
}
static inline void ndis_call_end(const struct ndis_call *c, const char *handler)
{
    if (unlikely(c->thread->irql != c->irql || c->thread->locks_held != c->locks))
        ndis_call_broken(c, handler);
    nt_owner_leave(c->previous);
}

/* The adapter behind a miniport handle, or NULL after a finding: NT-HANDLE, or GEN-9 when it is
 * halted. */
struct ndis_adapter *ndis_adapter_get(NDIS_HANDLE h, const char *what);
/* A finding against the adapter's driver, whatever thread notices it. */
__attribute__((format(printf, 3, 4))) void
ndis_adapter_finding(struct ndis_adapter *a, const char *rule, const char *fmt, ...);

/* tx.c / rx.c */
void ndis_tx_drain(struct ndis_adapter *a); /* waits (with time limit and finding GEN-2) until
                                               tx_inside and rx_outside are 0 */
void ndis_tx_fail_chain(struct ndis_binding *b, NET_BUFFER_LIST *first, NDIS_STATUS status,
                        bool at_dispatch);
/* Shows the frames of a chain about to be sent to the bindings that want to hear them (GEN-43). */
void ndis_rx_loopback(struct ndis_binding *from, NET_BUFFER_LIST *first, ULONG send_flags);

/* connection.c, netpnp.c: called by adapter.c with adapter->operation held, no lock */
void ndis_bindings_start(struct ndis_adapter *a);  /* adapter Running: bind connected protocols,
                                                      restart paused bindings */
void ndis_bindings_pause(struct ndis_adapter *a);  /* before MiniportPause: NetEventPause each
                                                      binding, wait for its sends */
void ndis_bindings_unbind(struct ndis_adapter *a); /* before halt */
void ndis_bindings_status(
    struct ndis_adapter *a,
    const NDIS_STATUS_INDICATION *s); /* to every binding's ProtocolStatusEx */
void ndis_bindings_pnp(struct ndis_adapter *a, NET_PNP_EVENT_NOTIFICATION *e);
int ndis_binding_connect(struct ndis_adapter *a, const char *protocol, struct why *why);
void ndis_binding_disconnect(struct ndis_adapter *a, const char *protocol);
void ndis_bindings_fini(struct ndis_adapter *a); /* adapter_free: forgets connections, frees what
                                                    was kept for readers */

/* oid.c: queues a request for the miniport (or answers it in NDIS's place). complete(arg, request,
 * status) is called exactly once, maybe before return; at most DISPATCH_LEVEL. */
typedef void (*ndis_oid_done)(void *arg, NDIS_OID_REQUEST *request, NDIS_STATUS status);
void ndis_oid_submit(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *request,
                     ndis_oid_done done, void *arg);
void ndis_oid_cancel(struct ndis_adapter *a, struct ndis_binding *from, PVOID request_id);
void ndis_oid_abort_all(
    struct ndis_adapter *a); /* surprise removal: queued ones complete with NOT_ACCEPTED */
/* Direct requests: not queued, delivered on the calling thread at its level. */
void ndis_oid_submit_direct(struct ndis_adapter *a, struct ndis_binding *from,
                            NDIS_OID_REQUEST *request, ndis_oid_done done, void *arg);
void ndis_oid_cancel_direct(struct ndis_adapter *a, struct ndis_binding *from, PVOID request_id);
/* Combines the bindings' filters and multicast lists and sets them on the miniport. */
NDIS_STATUS ndis_oid_refresh_filter(struct ndis_adapter *a);

/* offload.c */
void ndis_offload_bind_parameters(struct ndis_adapter *a, NDIS_BIND_PARAMETERS *p,
                                  NDIS_OFFLOAD *copy);

/* verify.c: GEN rules on the data path. Cheap; always on. More in verify.h. */
void ndis_verify_lock_free(struct ndis_adapter *a,
                           const char *call); /* GEN-40: finding if a spin lock is held */

extern const struct ndis_observer *ndis_observer_; /* NULL when none */
extern _Atomic(double) ndis_time_factor;
extern _Atomic(bool) ndis_racing; /* ndis_set_racing */
