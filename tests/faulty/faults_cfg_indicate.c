/* SPDX-License-Identifier: MIT */
/* Indications of the configuration gone wrong, in the driver and in NDIS. */
#include "fault.h"

static const NDIS_STATUS current_code = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;
static const NDIS_STATUS hardware_code = NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES;

static bool is_set(const NDIS_OID_REQUEST *q, NDIS_OID oid)
{
    return q->RequestType == NdisRequestSetInformation && q->DATA.SET_INFORMATION.Oid == oid;
}

/* ---- Form of an indication ------------------------------------------------------------------ */

/* A second one after the right one, so that only it is wrong. */
static VOID NTAPI indicate_short(NDIS_HANDLE handle, PNDIS_STATUS_INDICATION s)
{
    NDIS_STATUS_INDICATION more = *s;

    NdisMIndicateStatusEx(handle, s);
    if (s->StatusCode != current_code)
        return;
    more.StatusBufferSize -= 4;
    NdisMIndicateStatusEx(handle, &more);
}
FAULT("CFG-8", buffer_too_short, "StatusBufferSize is below the header's Size",
      .imports = {{"NdisMIndicateStatusEx", (void *)indicate_short}});

#define INDICATE_WITH(function, change)                                                            \
    static VOID NTAPI function(NDIS_HANDLE handle, PNDIS_STATUS_INDICATION s)                      \
    {                                                                                              \
        NDIS_STATUS_INDICATION other = *s;                                                         \
                                                                                                   \
        if (s->StatusCode == current_code)                                                         \
            change;                                                                                \
        NdisMIndicateStatusEx(handle, &other);                                                     \
    }                                                                                              \
    _Static_assert(true, "a semicolon follows")

INDICATE_WITH(indicate_elsewhere, other.SourceHandle = NULL);
FAULT("CFG-9", no_source, "SourceHandle is NULL",
      .imports = {{"NdisMIndicateStatusEx", (void *)indicate_elsewhere}});

INDICATE_WITH(indicate_flags, other.Flags = 1);
FAULT("CFG-9", flags_set, "Flags is 1",
      .imports = {{"NdisMIndicateStatusEx", (void *)indicate_flags}});

INDICATE_WITH(indicate_guid, other.Guid.Data2 = 0x4c53);
FAULT("CFG-9", guid_set, "Guid is not zero",
      .imports = {{"NdisMIndicateStatusEx", (void *)indicate_guid}});

INDICATE_WITH(indicate_request, other.RequestId = handle);
FAULT("CFG-10", request_id_set, "RequestId is not NULL",
      .imports = {{"NdisMIndicateStatusEx", (void *)indicate_request}});

static void tell_twice(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    host_bindings_status(a, s);
    if (s->StatusCode == current_code)
        host_bindings_status(a, s);
}
FAULT("CFG-10", told_twice, "NDIS hands the configuration up twice", .also = "CFG-15",
      .maybe = "ENC,PAR", .bindings_status = tell_twice);

/* ---- Contents ------------------------------------------------------------------------------- */

static void what_could_be(NDIS_OFFLOAD *o, enum fault_view view)
{
    static bool able;

    if (view == FAULT_HARDWARE)
        able = o->Checksum.IPv6Transmit.UdpChecksum;
    if (view != FAULT_INDICATED || !able)
        return;
    o->Checksum.IPv6Transmit.Encapsulation |= NDIS_ENCAPSULATION_IEEE_802_3;
    o->Checksum.IPv6Transmit.UdpChecksum = 1;
}
FAULT("CFG-11", ability_indicated, "the UDP checksum for IPv6 is always indicated as on",
      .also = "CAP-6", .maybe = "CFG-7,ENC,PAR,KEY", .offload = what_could_be);

static void keep_hardware_back(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    const NDIS_OFFLOAD *o = s->StatusBuffer;

    if (s->StatusCode != hardware_code || o->LsoV1.IPv4.Encapsulation)
        host_bindings_status(a, s);
}
FAULT("CFG-13", loss_not_told, "NDIS does not hand up that the hardware lost LSOv1", .maybe = "MUX",
      .bindings_status = keep_hardware_back);

static NDIS_STATUS NTAPI accept_what_is_not_there(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);
    const NDIS_OFFLOAD_PARAMETERS *p = q->DATA.SET_INFORMATION.InformationBuffer;

    if (!is_set(q, OID_TCP_OFFLOAD_PARAMETERS) || status != NDIS_STATUS_INVALID_DATA ||
        p->LsoV2IPv6 != NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED)
        return status;
    q->DATA.SET_INFORMATION.BytesRead = q->DATA.SET_INFORMATION.InformationBufferLength;
    return NDIS_STATUS_SUCCESS;
}
static void install_accept(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = accept_what_is_not_there;
}
FAULT("CFG-13", absent_switched_on, "a set that switches on what the card lacks succeeds",
      .maybe = "PAR", .handlers = install_accept);

/* ---- Order and codes ------------------------------------------------------------------------ */

static void tell_out_of_order(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    static NDIS_STATUS_INDICATION late;
    static NDIS_OFFLOAD buffer;
    static bool waits;

    if (s->StatusCode == hardware_code && !waits) {
        late = *s;
        memcpy(&buffer, s->StatusBuffer, MIN_OF(sizeof buffer, (size_t)s->StatusBufferSize));
        late.StatusBuffer = &buffer;
        waits = true;
        return;
    }
    host_bindings_status(a, s);
    if (waits)
        host_bindings_status(a, &late);
    waits = false;
}
FAULT("CFG-15", overtaken, "an indication is overtaken by the next", .maybe = "MUX",
      .bindings_status = tell_out_of_order);

static NDIS_STATUS NTAPI indication_required(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    static const UCHAR nothing[offsetof(NDIS_OFFLOAD_PARAMETERS, Flags) -
                               offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum)];
    NDIS_STATUS status = driver.OidRequestHandler(context, q);
    const NDIS_OFFLOAD_PARAMETERS *p = q->DATA.SET_INFORMATION.InformationBuffer;

    if (is_set(q, OID_TCP_OFFLOAD_PARAMETERS) && status == NDIS_STATUS_SUCCESS &&
        memcmp(&p->IPv4Checksum, nothing, sizeof nothing) == 0)
        return NDIS_STATUS_INDICATION_REQUIRED;
    return status;
}
static void install_required(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = indication_required;
}
FAULT("CFG-20", requires_indication, "a set that changes nothing ends in INDICATION_REQUIRED",
      .maybe = "PAR", .handlers = install_required);
