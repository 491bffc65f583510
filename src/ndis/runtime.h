/* SPDX-License-Identifier: MIT */
/*
 * The NDIS runtime as the machine sees it: adapters come and go, protocols are bound to them, their
 * states are driven, requests are issued on the administrator's behalf. What drivers see are the
 * exported Ndis* functions.
 *
 * Adapter states (NDIS "Miniport Adapter States and Operations"):
 *
 *   Halted -initialize-> Initializing -ok-> Paused -restart-> Restarting -ok-> Running -pause->
 * Pausing -> Paused -halt-> Halted failed -> Halted                     failed -> Paused
 *
 * Reset is an operation in Running, not a state. Every call here is made at PASSIVE_LEVEL from an
 * ordinary thread, and returns when the operation is complete (pending handlers are waited for,
 * with the verifier's time limits scaled by ndis_set_time_factor; a handler that never completes is
 * a finding and the call returns -ETIMEDOUT). Operations on one adapter are serialized.
 *
 * Bindings: when the adapter is Running and a protocol is connected, NDIS calls
 * ProtocolBindAdapterEx; then NetEventPause/NetEventRestart follow the adapter as on Windows;
 * disconnect = ProtocolUnbindAdapterEx.
 */
#pragma once

#include "base/base.h"
#include "base/counters.h"
#include "nt/device.h"
#include "nt/driver.h"
#include "nt/registry.h"

#include <wdk/ndis.h>

struct ndis_adapter;
struct ndis_request; /* opaque */

enum ndis_adapter_state {
    NDIS_ADAPTER_HALTED,
    NDIS_ADAPTER_INITIALIZING,
    NDIS_ADAPTER_PAUSED,
    NDIS_ADAPTER_RESTARTING,
    NDIS_ADAPTER_RUNNING,
    NDIS_ADAPTER_PAUSING,
    NDIS_ADAPTER_SHUTDOWN, /* after MiniportShutdownEx; nothing follows */
};

int ndis_start(struct why *why);
void ndis_stop(void); /* all adapters halted, all protocols deregistered before */
void ndis_set_time_factor(double factor);
/* For tests of protocols: NdisOpenAdapterEx and NdisCloseAdapterEx return NDIS_STATUS_PENDING and
 * complete on a worker. */
void ndis_set_pending(bool on);
/* The same: a set of that OID ends in this failure, and the miniport does not see it. oid 0: none.
 */
void ndis_set_refusal(NDIS_OID oid, NDIS_STATUS status);
/* For tests of miniports: bindings run on while the miniport pauses and is paused. So MiniportPause
 * comes with sends and lent receives out, and sends made meanwhile reach the miniport, as a race
 * could have it. */
void ndis_set_racing(bool on);
/* Strict: a set of OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES is refused, as today's
 * reference says. Default is the porting summary: it is turned into a set of
 * OID_TCP_CONNECTION_OFFLOAD_PARAMETERS (requirements D-1). */
void ndis_set_strict(bool strict);

struct ndis_adapter_config {
    struct nt_driver *driver; /* has registered as a miniport driver */
    struct nt_device *device; /* NULL for software miniports */
    struct reg_key *key;      /* adapter ("software") key: standardized keywords */
    const char
        *name; /* friendly name, also in findings; the NDIS name is \DEVICE\{GUID} made from it */
};

int ndis_adapter_new(const struct ndis_adapter_config *config, struct ndis_adapter **out,
                     struct why *why);
void ndis_adapter_free(struct ndis_adapter *a); /* halted */

/* Each returns NDIS's status; NDIS_STATUS_INVALID_STATE when the state does not allow it. */
NDIS_STATUS ndis_adapter_initialize(struct ndis_adapter *a);
NDIS_STATUS ndis_adapter_restart(struct ndis_adapter *a);
NDIS_STATUS ndis_adapter_pause(struct ndis_adapter *a);
NDIS_STATUS ndis_adapter_reset(struct ndis_adapter *a);
NDIS_STATUS ndis_adapter_halt(struct ndis_adapter *a); /* unbinds, pauses if need be, halts */
NDIS_STATUS
ndis_adapter_surprise_remove(struct ndis_adapter *a); /* device gone, PnP event, then halt */
void ndis_adapter_shutdown(struct ndis_adapter *a);   /* MiniportShutdownEx, NdisShutdownPowerOff */
enum ndis_adapter_state ndis_adapter_state(const struct ndis_adapter *a);
const char *ndis_adapter_state_name(enum ndis_adapter_state s);
const char *ndis_adapter_name(const struct ndis_adapter *a);
const char *ndis_adapter_device(const struct ndis_adapter *a); /* \DEVICE\{GUID} */
/* The interface index of the adapter, and of what stands below the n-th (from 0) of its entries in
 * the interface stack table (RFC 2863), 0 past the end. Drivers make entries with
 * NdisIfAddIfStackEntry. */
uint32_t ndis_adapter_index(const struct ndis_adapter *a);
uint32_t ndis_ifstack_below(uint32_t higher, unsigned n);
/* By name or NDIS name; adapters that an intermediate driver made are found here too. NULL when
 * there is none. */
struct ndis_adapter *ndis_adapter_find(const char *name);
/* Instances of intermediate drivers start on a thread of the runtime's own. False when `seconds`
 * times the time factor passed. */
bool ndis_adapter_wait(struct ndis_adapter *a, enum ndis_adapter_state state, double seconds);

/* Connects the registered protocol of that name to the adapter; binds at once when Running, else
 * when it becomes so. */
int ndis_adapter_connect(struct ndis_adapter *a, const char *protocol, struct why *why);
void ndis_adapter_disconnect(struct ndis_adapter *a, const char *protocol);

/* A request from outside any binding (administrator, WMI, test). method:
 * NdisRequestQueryInformation, NdisRequestSetInformation... *bytes in: buffer size; out:
 * BytesWritten/BytesRead, or BytesNeeded on a length error. */
NDIS_STATUS ndis_adapter_request(struct ndis_adapter *a, NDIS_REQUEST_TYPE method, NDIS_OID oid,
                                 void *buffer, ULONG *bytes);

/* Copies of what the adapter registered and last indicated. */
struct ndis_offload_state {
    bool present;
    NDIS_OFFLOAD hardware, current;
};
void ndis_adapter_offload(const struct ndis_adapter *a, struct ndis_offload_state *out);

/*
 * wmi.c: the administrator's documented GUIDs. A query answers with NDIS_WMI_OFFLOAD or
 * NDIS_WMI_TCP_CONNECTION_OFFLOAD, a set takes an NDIS_WMI_SET_HEADER and an
 * NDIS_OFFLOAD_PARAMETERS behind it, an event fires with a status indication.
 */
enum ndis_wmi_kind { NDIS_WMI_QUERY, NDIS_WMI_SET, NDIS_WMI_EVENT };
struct ndis_wmi_guid {
    const GUID *guid;
    const char *name, *page_name; /* the header's; that of its documentation page, or NULL */
    enum ndis_wmi_kind kind;
    NDIS_OID oid;       /* of a query or set */
    NDIS_STATUS status; /* of an event */
};
const struct ndis_wmi_guid *ndis_wmi_at(unsigned index); /* NULL past the end */
const struct ndis_wmi_guid *ndis_wmi_find(const GUID *guid);
/* NDIS_STATUS_NOT_SUPPORTED for a GUID of another kind. *bytes as in ndis_adapter_request. */
NDIS_STATUS ndis_wmi_query(struct ndis_adapter *a, const GUID *guid, void *buffer, ULONG *bytes);
NDIS_STATUS ndis_wmi_set(struct ndis_adapter *a, const GUID *guid, const void *buffer, ULONG bytes);
/* The same facts with a ULONG for each bit-field. */
void ndis_wmi_flatten(const NDIS_OFFLOAD *from, NDIS_WMI_OFFLOAD *to);
void ndis_wmi_flatten_connection(const NDIS_TCP_CONNECTION_OFFLOAD *from,
                                 NDIS_WMI_TCP_CONNECTION_OFFLOAD *to);
/* Events: how often one fired at this adapter, and who hears of each (at most DISPATCH_LEVEL, on
 * the indicating thread; the event is valid during the call). Set before adapters exist. */
struct ndis_wmi_event {
    const NDIS_WMI_EVENT_HEADER *header; /* the device's name stands DeviceNameOffset behind it */
    const void *data;                    /* flattened */
    ULONG bytes;
};
typedef void (*ndis_wmi_event_fn)(void *arg, struct ndis_adapter *a, const struct ndis_wmi_guid *g,
                                  const struct ndis_wmi_event *event);
void ndis_wmi_set_sink(ndis_wmi_event_fn fn, void *arg);
uint64_t ndis_wmi_fired(const struct ndis_adapter *a, const GUID *guid);

/* Called at PASSIVE_LEVEL after NDIS changed standardized keywords in the registry (also when it
 * put them back, because the miniport refused). Set before adapters exist. */
void ndis_set_keywords_changed(void (*fn)(void *arg), void *arg);
/* For whoever copies the registry then. False while a set is under way, whose keywords may still be
 * put back; its end will be reported. True: none begins before ndis_keywords_release. */
bool ndis_keywords_hold(void);
void ndis_keywords_release(void);

/* MAC address, MTU, link of the adapter as registered and indicated. */
struct ndis_adapter_info {
    uint8_t mac[6];
    uint32_t mtu; /* payload bytes: MtuSize */
    bool link_up;
    uint64_t tx_nbls, tx_completed, rx_nbls,
        rx_returned; /* NBL ledger: sent to / completed by / indicated by / returned to the miniport
                      */
};
void ndis_adapter_info(const struct ndis_adapter *a, struct ndis_adapter_info *out);

/* Observer for tests and the conformance suite: called synchronously; NULL members are skipped. One
 * per process. */
struct ndis_observer {
    void (*state)(void *arg, struct ndis_adapter *a, enum ndis_adapter_state from,
                  enum ndis_adapter_state to);
    void (*status)(void *arg, struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s);
    void (*oid)(void *arg, struct ndis_adapter *a, const NDIS_OID_REQUEST *r, NDIS_STATUS status,
                bool reached_miniport);
    void (*attributes)(void *arg, struct ndis_adapter *a, const void *block, NDIS_STATUS status);
    void (*send)(void *arg, struct ndis_adapter *a,
                 NET_BUFFER_LIST *first); /* before the miniport sees it */
    void (*send_complete)(void *arg, struct ndis_adapter *a,
                          NET_BUFFER_LIST *first); /* before the protocol sees it */
    void (*receive)(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first, ULONG flags);
    /* A driver read a value of its configuration; status: what it was answered. */
    void (*keyword)(void *arg, const char *name, NDIS_STATUS status);
    void *arg;
};
void ndis_set_observer(const struct ndis_observer *o);
