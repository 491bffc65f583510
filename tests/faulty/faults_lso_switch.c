/* SPDX-License-Identifier: MIT */
/* What can go wrong with the switches of large sends, and with what is reported of them. */
#include "fault.h"

static bool is_v1(const struct fault_sent *s)
{
    return s->slot.LsoV2Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE;
}

/* ---- Switches ------------------------------------------------------------------------------- */

static struct {
    bool v1, ip4, ip6;   /* switched off by OID_TCP_OFFLOAD_PARAMETERS */
    bool no_ip4, no_ip6; /* of version 2: not there when the adapter started */
} off;

static NDIS_OFFLOAD_PARAMETERS *parameters_of(NDIS_OID_REQUEST *q)
{
    bool ours = q->RequestType == NdisRequestSetInformation &&
                q->DATA.SET_INFORMATION.Oid == OID_TCP_OFFLOAD_PARAMETERS &&
                q->DATA.SET_INFORMATION.InformationBufferLength >=
                    NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;

    return ours ? q->DATA.SET_INFORMATION.InformationBuffer : NULL;
}

static void follow(bool *is_off, UCHAR field)
{
    if (field != NDIS_OFFLOAD_PARAMETERS_NO_CHANGE)
        *is_off = field == NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED;
}

static NDIS_STATUS NTAPI FollowParameters(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    const NDIS_OFFLOAD_PARAMETERS *p = parameters_of(q);

    if (p) {
        follow(&off.v1, p->LsoV1);
        follow(&off.ip4, p->LsoV2IPv4);
        follow(&off.ip6, p->LsoV2IPv6);
    }
    return driver.OidRequestHandler(context, q);
}

static void follow_parameters(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    memset(&off, 0, sizeof off);
    c->OidRequestHandler = FollowParameters;
}

/* As much as fits a frame leaves, uncut. */
static void send_some(NET_BUFFER_LIST *nbl)
{
    NET_BUFFER *nb = nbl->FirstNetBuffer;

    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = NULL;
    nb->DataLength = MIN_OF(nb->DataLength, 1514u);
}

static NET_BUFFER_LIST *send_though_off(NET_BUFFER_LIST *chain)
{
    for (NET_BUFFER_LIST *nbl = chain; nbl; nbl = nbl->Next) {
        const struct fault_sent *s = sent_nbl(nbl);

        if (s && (is_v1(s) ? off.v1 : s->slot.LsoV2Transmit.IPVersion ? off.ip6 : off.ip4))
            send_some(nbl);
    }
    return chain;
}
FAULT("LSO1-36", send_though_off, "what is switched off leaves as one frame, cut short",
      .maybe = "PAR,SEC", .handlers = follow_parameters, .send = send_though_off);

static NDIS_STATUS NTAPI FollowAttributes(NDIS_HANDLE adapter,
                                          PNDIS_MINIPORT_ADAPTER_ATTRIBUTES attributes)
{
    const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o = &attributes->OffloadAttributes;

    if (o->Header.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES &&
        o->DefaultOffloadConfiguration) {
        off.no_ip4 = !o->DefaultOffloadConfiguration->LsoV2.IPv4.Encapsulation;
        off.no_ip6 = !o->DefaultOffloadConfiguration->LsoV2.IPv6.Encapsulation;
    }
    return NdisMSetMiniportAttributes(adapter, attributes);
}

static NET_BUFFER_LIST *send_though_absent(NET_BUFFER_LIST *chain)
{
    for (NET_BUFFER_LIST *nbl = chain; nbl; nbl = nbl->Next) {
        const struct fault_sent *s = sent_nbl(nbl);

        if (s && !is_v1(s) && (s->slot.LsoV2Transmit.IPVersion ? off.no_ip6 : off.no_ip4))
            send_some(nbl);
    }
    return chain;
}
FAULT("LSO2-3", send_though_absent, "a family that is not there leaves as one frame, cut short",
      .maybe = "KEY,CAP,PAR,SEC",
      .imports = {{"NdisMSetMiniportAttributes", (void *)FollowAttributes}},
      .send = send_though_absent);

static NDIS_STATUS NTAPI TieV1ToV2(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS *p = parameters_of(q), kept;
    NDIS_STATUS status;

    if (!p)
        return driver.OidRequestHandler(context, q);
    kept = *p;
    if (p->LsoV2IPv4 && !p->LsoV1)
        p->LsoV1 = p->LsoV2IPv4;
    else if (p->LsoV1 && !p->LsoV2IPv4)
        p->LsoV2IPv4 = p->LsoV1;
    status = driver.OidRequestHandler(context, q);
    if (status != NDIS_STATUS_PENDING)
        memcpy(p, &kept, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    return status;
}

static void tie_v1_to_v2(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = TieV1ToV2;
}
FAULT("LSO2-19", tie_v1_to_v2, "one switch for version 1 and version 2 over IPv4",
      .maybe = "PAR,CFG,SEC", .handlers = tie_v1_to_v2);

static NDIS_STATUS NTAPI TieFamilies(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS *p = parameters_of(q), kept;
    NDIS_STATUS status;

    if (!p)
        return driver.OidRequestHandler(context, q);
    kept = *p;
    if (p->LsoV2IPv4 && !p->LsoV2IPv6)
        p->LsoV2IPv6 = p->LsoV2IPv4;
    status = driver.OidRequestHandler(context, q);
    if (status != NDIS_STATUS_PENDING)
        memcpy(p, &kept, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    return status;
}

static void tie_families(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = TieFamilies;
}
FAULT("LSO2-19", tie_families, "one switch for version 2 over IPv4 and IPv6",
      .maybe = "PAR,CFG,SEC", .handlers = tie_families);

/* ---- More than can be done ------------------------------------------------------------------ */

enum { TOO_MUCH = 68000 };

static void claim(NDIS_OFFLOAD *o)
{
    if (o && o->LsoV2.IPv4.Encapsulation)
        o->LsoV2.IPv4.MaxOffLoadSize = TOO_MUCH;
    if (o && o->LsoV2.IPv6.Encapsulation)
        o->LsoV2.IPv6.MaxOffLoadSize = TOO_MUCH;
}

static NDIS_STATUS NTAPI ClaimAttributes(NDIS_HANDLE adapter,
                                         PNDIS_MINIPORT_ADAPTER_ATTRIBUTES attributes)
{
    const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o = &attributes->OffloadAttributes;

    if (o->Header.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES) {
        claim(o->DefaultOffloadConfiguration);
        claim(o->HardwareOffloadCapabilities);
    }
    return NdisMSetMiniportAttributes(adapter, attributes);
}

static VOID NTAPI ClaimStatus(NDIS_HANDLE adapter, PNDIS_STATUS_INDICATION s)
{
    if (s->StatusCode == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG &&
        s->StatusBufferSize >= NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1)
        claim(s->StatusBuffer);
    NdisMIndicateStatusEx(adapter, s);
}
FAULT("LSO2-6", claim_too_much, "MaxOffLoadSize above 64 KB is reported, and refused",
      .also = "LSO1-26", .maybe = "CAP,CFG,INIT",
      .imports = {{"NdisMSetMiniportAttributes", (void *)ClaimAttributes},
                  {"NdisMIndicateStatusEx", (void *)ClaimStatus}});
