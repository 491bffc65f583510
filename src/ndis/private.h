/* SPDX-License-Identifier: MIT */
/* What the miniport half's files tell each other. The contract towards the rest of the room is
 * adapter.h. */
#pragma once

#include "ndis/adapter.h"

#include <strings.h>

extern bool ndis_strict_;

/* runtime.c. A task runs on NDIS's thread at PASSIVE_LEVEL. cancel removes the adapter's tasks not
 * yet begun, waits for one that runs, and says whether any was removed. */
void ndis_runtime_link(struct ndis_adapter *a);
void ndis_runtime_unlink(struct ndis_adapter *a);
int ndis_runtime_task(struct ndis_adapter *a, void (*fn)(struct ndis_adapter *a));
bool ndis_runtime_cancel(struct ndis_adapter *a);
void ndis_runtime_wake(void);

/* adapter.c. The locked ones are called with a->operation held. */
void ndis_adapter_set_state(struct ndis_adapter *a, enum ndis_adapter_state to);
NDIS_STATUS ndis_adapter_reset_locked(struct ndis_adapter *a);
NDIS_STATUS ndis_adapter_halt_for(struct ndis_adapter *a, NDIS_HALT_ACTION why, bool removed);
NDIS_STATUS ndis_adapter_halt_locked(struct ndis_adapter *a, NDIS_HALT_ACTION why);

/* driver.c */
struct ndis_driver *ndis_driver_of(struct nt_driver *nt, bool intermediate);
void ndis_driver_release(struct ndis_driver *d); /* frees a deregistered one without adapters */

/* attributes.c */
void ndis_attributes_reset(struct ndis_adapter *a);

/* oid.c */
void ndis_oid_check_time(struct ndis_adapter *a);
void ndis_oid_pump(struct ndis_adapter *a);
void ndis_oid_drain(struct ndis_adapter *a);   /* before halt: waits, then aborts */
void ndis_oid_restore(struct ndis_adapter *a); /* after a reset with AddressingReset */
/* NDIS's own request: to the miniport as it is, past answers, keywords and combining. */
void ndis_oid_submit_raw(struct ndis_adapter *a, NDIS_OID_REQUEST *request, ndis_oid_done done,
                         void *arg);
/* admin.c */
NDIS_STATUS ndis_oid_internal(struct ndis_adapter *a, NDIS_REQUEST_TYPE type, NDIS_OID oid,
                              void *buffer, ULONG bytes); /* the same, waiting */

/* answer.c: what NDIS answers itself. True: *status is the answer and nothing reaches the miniport.
 */
bool ndis_answer(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *r,
                 NDIS_STATUS *status);

/* filter.c: settings that belong to one binding (or the administrator) and are combined for the
 * miniport. take records the new setting and gives what the miniport is to be told; done settles
 * it, or puts the old one back. */
struct ndis_combined {
    ULONG value;
    UCHAR list[64][6];
    ULONG bytes;
    ULONG old_value; /* the binding's, before */
    UCHAR old_list[32][6];
    ULONG old_count;
};
bool ndis_filter_is_combined(const NDIS_OID_REQUEST *r);
NDIS_STATUS ndis_filter_take(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *r,
                             struct ndis_combined *out);
void ndis_filter_done(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID oid,
                      const struct ndis_combined *c, bool accepted);

/* offload.c */
USHORT ndis_offload_size(UCHAR revision);
UCHAR ndis_offload_revision(
    const struct ndis_driver *d); /* that the version it registered with demands */
NDIS_STATUS ndis_offload_check(struct ndis_adapter *a, const NDIS_OFFLOAD *o, ULONG bytes,
                               const char *rule);
bool ndis_offload_within(const NDIS_OFFLOAD *current, const NDIS_OFFLOAD *hardware,
                         const char **field);
NDIS_STATUS ndis_offload_attributes(struct ndis_adapter *a,
                                    const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o);
bool ndis_offload_indicated(struct ndis_adapter *a,
                            const NDIS_STATUS_INDICATION *s); /* false: not to be passed on */
void ndis_offload_reset(struct ndis_adapter *a);
void ndis_offload_check_time(struct ndis_adapter *a);
/* A family that `now` leaves as it is keeps what was known of it (ENC-5). a->lock held. */
void ndis_encapsulation_merge(NDIS_OFFLOAD_ENCAPSULATION *known,
                              const NDIS_OFFLOAD_ENCAPSULATION *now, bool was_set);

/* connection_offload.c: the control plane of connection offload, apart from task offload (CON-10).
 */
NDIS_STATUS ndis_connection_attributes(struct ndis_adapter *a,
                                       const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o);
bool ndis_connection_indicated(struct ndis_adapter *a,
                               const NDIS_STATUS_INDICATION *s); /* false: not to be passed on */
/* A set of the hardware capabilities as a set of the parameters (CON-6). */
NDIS_STATUS ndis_connection_translate(struct ndis_adapter *a, NDIS_OID_REQUEST *r,
                                      NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS *p);
/* A set of the parameters that the miniport accepted. */
void ndis_connection_record(struct ndis_adapter *a, const void *buffer, ULONG bytes);
/* The view that queries get; false: no connection offload. */
bool ndis_connection_view(struct ndis_adapter *a, bool hardware, NDIS_TCP_CONNECTION_OFFLOAD *out);
/* The last accepted parameters; 0: none. */
ULONG ndis_connection_parameters(struct ndis_adapter *a,
                                 NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS *out);
void ndis_connection_reset(struct ndis_adapter *a);

/* keywords.c: OID_TCP_OFFLOAD_PARAMETERS and the standardized keywords (requirements, "Field map").
 */
struct ndis_keywords; /* what stood there before */
NDIS_STATUS ndis_keywords_apply(struct ndis_adapter *a, const NDIS_OID_REQUEST *r,
                                struct ndis_keywords **before);
void ndis_keywords_done(struct ndis_adapter *a, struct ndis_keywords *before, bool keep);

/* wmi.c: fires the event of a status indication, once NDIS has recorded it. */
void ndis_wmi_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s);

/* dma.c, interrupt.c: what a driver left behind; returns how much. */
unsigned ndis_dma_abandon(struct ndis_adapter *a);
void ndis_dma_drain(struct ndis_adapter *a);
unsigned ndis_interrupt_abandon(struct ndis_adapter *a);

/* ifstack.c: an interface goes, and its entries with it. */
void ndis_ifstack_forget(uint32_t index);
/* runtime.c */
bool ndis_index_known(uint32_t index);

/* pnp.c */
bool ndis_pnp_due(struct ndis_adapter *a, uint64_t now);
void ndis_pnp_service(struct ndis_adapter *a);
/* Check-for-hang and reset alone, while a protocol is being paused; a->rescue held. */
bool ndis_pnp_rescue_due(struct ndis_adapter *a, uint64_t now);
void ndis_pnp_rescue(struct ndis_adapter *a);

/* device.c: what drivers left behind. */
void ndis_devices_fini(void);
