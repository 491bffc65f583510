/* SPDX-License-Identifier: MIT */
/* The functions of the host that a fault may replace (fault.hosts), and the real ones. */
#pragma once

#include "fault.h"

#include "ndis/binding.h"
#include "ndis/private.h"

#define HOSTS(X)                                                                                   \
    X(NDIS_STATUS, ndis_adapter_restart, __wrap_ndis_adapter_restart, (struct ndis_adapter * a),   \
      (a))                                                                                         \
    X(void, ndis_adapter_shutdown, __wrap_ndis_adapter_shutdown, (struct ndis_adapter * a), (a))   \
    X(void, ndis_oid_drain, __wrap_ndis_oid_drain, (struct ndis_adapter * a), (a))                 \
    X(void, ndis_oid_submit, __wrap_ndis_oid_submit,                                               \
      (struct ndis_adapter * a, struct ndis_binding * from, NDIS_OID_REQUEST * request,            \
       ndis_oid_done done, void *arg),                                                             \
      (a, from, request, done, arg))                                                               \
    X(NDIS_STATUS, ndis_adapter_reset_locked, __wrap_ndis_adapter_reset_locked,                    \
      (struct ndis_adapter * a), (a))                                                              \
    X(void, ndis_rx_loopback, __wrap_ndis_rx_loopback,                                             \
      (struct ndis_binding * from, NET_BUFFER_LIST * first, ULONG send_flags),                     \
      (from, first, send_flags))                                                                   \
    X(VOID NTAPI, NdisReturnNetBufferLists, __wrap_NdisReturnNetBufferLists,                       \
      (NDIS_HANDLE binding, PNET_BUFFER_LIST first, ULONG flags), (binding, first, flags))         \
    X(NDIS_STATUS NTAPI, NdisCloseAdapterEx, __wrap_NdisCloseAdapterEx, (NDIS_HANDLE binding),     \
      (binding))                                                                                   \
    X(uint64_t, nt_now_ns, __wrap_nt_now_ns, (void), ())

#define HOST_DECLARE(type, name, wrap, params, args)                                               \
    type __real_##name params;                                                                     \
    type wrap params;
HOSTS(HOST_DECLARE)

/* Wrapped elsewhere as well, and asked for here last. */
void __real_ndis_adapter_set_state(struct ndis_adapter *a, enum ndis_adapter_state to);
VOID NTAPI __real_NdisSendNetBufferLists(NDIS_HANDLE binding, PNET_BUFFER_LIST first,
                                         NDIS_PORT_NUMBER port, ULONG flags);

/* What the fault in force puts in the place of that function; NULL: nothing. */
void *fault_host(const char *name);
