/* SPDX-License-Identifier: MIT */
/* For faults in the offload sets: what a request is, and the driver given a changed one. */
#pragma once

#include "conform/settings.h"
#include "conform/watch.h"
#include "fault.h"
#include "ndis/private.h"

#define FROM_DRIVER(name, fn)                                                                      \
    {                                                                                              \
        {                                                                                          \
            name, (void *)(fn)                                                                     \
        }                                                                                          \
    }

static inline bool sets(const NDIS_OID_REQUEST *q, NDIS_OID oid)
{
    return q->RequestType == NdisRequestSetInformation && q->DATA.SET_INFORMATION.Oid == oid;
}

/* The request is src/tcpip's, not the test protocol's. */
static inline bool of_tcpip(NDIS_HANDLE binding)
{
    return strcmp(((struct ndis_binding *)binding)->protocol->name, "TCPIP") == 0;
}

static inline bool sets_encapsulation(const NDIS_OID_REQUEST *q)
{
    return sets(q, OID_OFFLOAD_ENCAPSULATION) &&
           q->DATA.SET_INFORMATION.InformationBufferLength >= 28;
}

static inline bool sets_parameters(const NDIS_OID_REQUEST *q)
{
    return sets(q, OID_TCP_OFFLOAD_PARAMETERS) &&
           q->DATA.SET_INFORMATION.InformationBufferLength >= 20;
}

static inline NDIS_OFFLOAD_ENCAPSULATION encapsulation_of(const NDIS_OID_REQUEST *q)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    memcpy(&e, q->DATA.SET_INFORMATION.InformationBuffer, sizeof e);
    return e;
}

static inline NDIS_OFFLOAD_PARAMETERS parameters_of(const NDIS_OID_REQUEST *q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    memset(&p, 0, sizeof p);
    memcpy(&p, q->DATA.SET_INFORMATION.InformationBuffer,
           MIN_OF(sizeof p, (size_t)q->DATA.SET_INFORMATION.InformationBufferLength));
    return p;
}

/* The driver is given this block in place of the request's; results are the request's. */
static inline NDIS_STATUS give(NDIS_HANDLE context, NDIS_OID_REQUEST *q, void *block, ULONG bytes)
{
    void *buffer = q->DATA.SET_INFORMATION.InformationBuffer;
    ULONG was = q->DATA.SET_INFORMATION.InformationBufferLength;
    NDIS_STATUS status;

    q->DATA.SET_INFORMATION.InformationBuffer = block;
    q->DATA.SET_INFORMATION.InformationBufferLength = bytes;
    status = driver.OidRequestHandler(context, q);
    q->DATA.SET_INFORMATION.InformationBuffer = buffer;
    q->DATA.SET_INFORMATION.InformationBufferLength = was;
    q->DATA.SET_INFORMATION.BytesRead = MIN_OF(q->DATA.SET_INFORMATION.BytesRead, was);
    return status;
}

static inline NDIS_STATUS give_encapsulation(NDIS_HANDLE context, NDIS_OID_REQUEST *q,
                                             NDIS_OFFLOAD_ENCAPSULATION e)
{
    return give(context, q, &e, 28);
}

/* Revision 1 of it; what the request has behind that stays. */
static inline NDIS_STATUS give_parameters(NDIS_HANDLE context, NDIS_OID_REQUEST *q,
                                          NDIS_OFFLOAD_PARAMETERS p)
{
    ULONG bytes = q->DATA.SET_INFORMATION.InformationBufferLength;
    uint8_t block[256] = {0};

    memcpy(block, q->DATA.SET_INFORMATION.InformationBuffer, MIN_OF(bytes, (ULONG)sizeof block));
    memcpy(block, &p, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    return give(context, q, block, MIN_OF(bytes, (ULONG)sizeof block));
}

static inline NDIS_STATUS say_done(NDIS_OID_REQUEST *q)
{
    q->DATA.SET_INFORMATION.BytesRead = q->DATA.SET_INFORMATION.InformationBufferLength;
    q->SupportedRevision = 1;
    return NDIS_STATUS_SUCCESS;
}

/* The configuration of the start, once more. */
static inline void indicate_needlessly(void)
{
    NDIS_OFFLOAD o = watch_attributes()->now;
    NDIS_STATUS_INDICATION s;

    memset(&s, 0, sizeof s);
    s.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    s.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    s.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    s.SourceHandle = driver_adapter;
    s.StatusCode = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;
    s.StatusBuffer = &o;
    s.StatusBufferSize = o.Header.Size;
    NdisMIndicateStatusEx(driver_adapter, &s);
}

/* Changes the receive checksum slot of each NBL of a chain. */
static inline void change_slots(NET_BUFFER_LIST *nbl, uintptr_t clear, uintptr_t add)
{
    for (; nbl; nbl = nbl->Next) {
        uintptr_t v = (uintptr_t)nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo];

        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = (void *)((v & ~clear) | add);
    }
}
