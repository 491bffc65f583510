/* SPDX-License-Identifier: MIT */
/*
 * Connection offload. vionet has none, so a layer before it adds the control plane: reports beside
 * its own, the two sets answered here, everything else handed on. With nothing wrong it is a
 * variant; the faults of drivers are modes of it.
 */
#include "fault.h"

#include "conform/connection.h"

enum mode {
    RIGHT,
    LONG_REPORTS,
    BEYOND_HARDWARE,
    OTHER_ENCAPSULATION,
    NO_FAMILY,
    ONE_REQUEST_ONLY,
    FAMILIES_SWAPPED,
    SET_REFUSED,
    SET_WITHOUT_EFFECT,
    STARTED_BY_ENCAPSULATION,
    RESETS_TASK_OFFLOAD,
    NO_PAUSE,
    NO_RESUME,
};

static struct {
    NDIS_HANDLE handle;
    NDIS_TCP_CONNECTION_OFFLOAD now, hardware;
    NDIS_OFFLOAD task;
} card;

static void tell(NDIS_STATUS code, void *buffer, ULONG bytes)
{
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, NDIS_STATUS_INDICATION_REVISION_1,
                   NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .SourceHandle = card.handle,
        .StatusCode = code,
        .StatusBuffer = buffer,
        .StatusBufferSize = bytes,
    };

    NdisMIndicateStatusEx(card.handle, &s);
}

/* ---- Reports -------------------------------------------------------------------------------- */

/* KEY-14: 0 off, 1 on, absent on. */
static bool keyword_on(NDIS_HANDLE configuration, NDIS_STRING name)
{
    PNDIS_CONFIGURATION_PARAMETER value;
    NDIS_STATUS status;

    NdisReadConfiguration(&status, &value, configuration, &name, NdisParameterInteger);
    return status != NDIS_STATUS_SUCCESS || value->ParameterData.IntegerData != 0;
}

static void read_keywords(bool *ipv4, bool *ipv6)
{
    static const NDIS_STRING name4 = NDIS_STRING_CONST("*TCPConnectionOffloadIPv4");
    static const NDIS_STRING name6 = NDIS_STRING_CONST("*TCPConnectionOffloadIPv6");
    NDIS_CONFIGURATION_OBJECT o = {
        .Header = {NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT, NDIS_CONFIGURATION_OBJECT_REVISION_1,
                   NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1},
        .NdisHandle = card.handle,
    };
    NDIS_HANDLE configuration;

    *ipv4 = *ipv6 = true;
    if (NdisOpenConfigurationEx(&o, &configuration) != NDIS_STATUS_SUCCESS)
        return;
    *ipv4 = keyword_on(configuration, name4);
    *ipv6 = keyword_on(configuration, name6);
    NdisCloseConfiguration(configuration);
}

static void make_reports(void)
{
    bool ipv4, ipv6;
    ULONG encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;

    if (fault->mode == OTHER_ENCAPSULATION)
        encapsulation = NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q;
    read_keywords(&ipv4, &ipv6);
    card.hardware = probe_connection_view(encapsulation, true, true);
    card.now = probe_connection_view(encapsulation, ipv4, ipv6);
    if (fault->mode == LONG_REPORTS)
        card.now.Header.Size = card.hardware.Header.Size = 24;
    if (fault->mode == BEYOND_HARDWARE)
        card.hardware.SupportIPv6 = NDIS_OFFLOAD_NOT_SUPPORTED;
    if (fault->mode == NO_FAMILY)
        card.hardware = card.now = probe_connection_view(encapsulation, false, false);
}

static NDIS_STATUS set_general(NDIS_HANDLE h, const void *block)
{
    static NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES g;
    static NDIS_OID list[256];
    ULONG bytes;

    memset(&g, 0, sizeof g);
    memcpy(&g, block, ((const NDIS_OBJECT_HEADER *)block)->Size);
    bytes = MIN_OF(g.SupportedOidListLength, (ULONG)(sizeof list - sizeof *list));
    memcpy(list, g.SupportedOidList, bytes);
    list[bytes / sizeof *list] = OID_TCP_CONNECTION_OFFLOAD_PARAMETERS;
    g.SupportedOidList = list;
    g.SupportedOidListLength = bytes + (ULONG)sizeof *list;
    return NdisMSetMiniportAttributes(h, (void *)&g);
}

static NDIS_STATUS set_offload(NDIS_HANDLE h, const void *block)
{
    static struct {
        NDIS_TCP_CONNECTION_OFFLOAD report;
        uint8_t behind[8]; /* what LONG_REPORTS speaks of */
    } now, hardware;
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES o;

    memcpy(&o, block, sizeof o);
    memcpy(&card.task, o.DefaultOffloadConfiguration, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    make_reports();
    now.report = card.now;
    hardware.report = card.hardware;
    card.now.Header.Size = card.hardware.Header.Size = sizeof card.now;
    o.DefaultTcpConnectionOffloadConfiguration = &now.report;
    o.TcpConnectionOffloadHardwareCapabilities = &hardware.report;
    return NdisMSetMiniportAttributes(h, (void *)&o);
}

static NDIS_STATUS NTAPI set_attributes(NDIS_HANDLE h, void *block)
{
    switch (((NDIS_OBJECT_HEADER *)block)->Type) {
    case NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES:
        card.handle = h;
        return set_general(h, block);
    case NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES:
        return set_offload(h, block);
    default:
        return NdisMSetMiniportAttributes(h, block);
    }
}

/* ---- Sets ----------------------------------------------------------------------------------- */

static bool switched(ULONG set, unsigned before)
{
    return set == NDIS_OFFLOAD_SET_NO_CHANGE ? before == 1 : set == NDIS_OFFLOAD_SET_ON;
}

static NDIS_STATUS enable(ULONG set4, ULONG set6)
{
    if (fault->mode == SET_REFUSED)
        return NDIS_STATUS_NOT_SUPPORTED;
    if ((set4 == NDIS_OFFLOAD_SET_ON && card.hardware.SupportIPv4 != 1) ||
        (set6 == NDIS_OFFLOAD_SET_ON && card.hardware.SupportIPv6 != 1))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (fault->mode != NO_PAUSE)
        tell(NDIS_STATUS_OFFLOAD_PAUSE, NULL, 0);
    if (fault->mode != SET_WITHOUT_EFFECT)
        card.now =
            probe_connection_view(card.hardware.Encapsulation, switched(set4, card.now.SupportIPv4),
                                  switched(set6, card.now.SupportIPv6));
    if (fault->mode != NO_RESUME)
        tell(NDIS_STATUS_OFFLOAD_RESUME, &card.now, sizeof card.now);
    if (fault->mode == RESETS_TASK_OFFLOAD)
        tell(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &card.task, card.task.Header.Size);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS answer(const NDIS_OID_REQUEST *q)
{
    const NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS *p = q->DATA.SET_INFORMATION.InformationBuffer;
    const NDIS_TCP_CONNECTION_OFFLOAD *c = q->DATA.SET_INFORMATION.InformationBuffer;
    ULONG set4, set6;

    if (q->DATA.SET_INFORMATION.Oid == OID_TCP_CONNECTION_OFFLOAD_PARAMETERS)
        return enable(p->Encapsulation.IPv4.Enabled, p->Encapsulation.IPv6.Enabled);
    if (fault->mode == ONE_REQUEST_ONLY)
        return NDIS_STATUS_NOT_SUPPORTED;
    set4 = c->SupportIPv4 == 1 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF;
    set6 = c->SupportIPv6 == 1 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF;
    return fault->mode == FAMILIES_SWAPPED ? enable(set6, set4) : enable(set4, set6);
}

/* PAR-26: 1 off, 2 on; the rest is vionet's. */
static NDIS_STATUS parameters(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    static const ULONG sets[] = {NDIS_OFFLOAD_SET_NO_CHANGE, NDIS_OFFLOAD_SET_OFF,
                                 NDIS_OFFLOAD_SET_ON};
    NDIS_OFFLOAD_PARAMETERS *p = q->DATA.SET_INFORMATION.InformationBuffer, kept;
    NDIS_STATUS status;

    if (q->DATA.SET_INFORMATION.InformationBufferLength <
            NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1 ||
        p->TcpConnectionIPv4 > 2 || p->TcpConnectionIPv6 > 2)
        return driver.OidRequestHandler(context, q);
    memcpy(&kept, p, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    p->TcpConnectionIPv4 = p->TcpConnectionIPv6 = NDIS_OFFLOAD_PARAMETERS_NO_CHANGE;
    status = driver.OidRequestHandler(context, q);
    p->TcpConnectionIPv4 = kept.TcpConnectionIPv4;
    p->TcpConnectionIPv6 = kept.TcpConnectionIPv6;
    if (status == NDIS_STATUS_SUCCESS && (kept.TcpConnectionIPv4 || kept.TcpConnectionIPv6))
        status = enable(sets[kept.TcpConnectionIPv4], sets[kept.TcpConnectionIPv6]);
    return status;
}

static NDIS_STATUS NTAPI request(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OID oid = q->DATA.SET_INFORMATION.Oid;
    NDIS_STATUS status;

    if (q->RequestType != NdisRequestSetInformation)
        return driver.OidRequestHandler(context, q);
    if (oid == OID_OFFLOAD_ENCAPSULATION && fault->mode == STARTED_BY_ENCAPSULATION)
        enable(NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_OFF);
    if (oid == OID_TCP_OFFLOAD_PARAMETERS)
        return parameters(context, q);
    if (oid != OID_TCP_CONNECTION_OFFLOAD_PARAMETERS &&
        oid != OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES)
        return driver.OidRequestHandler(context, q);
    status = answer(q);
    if (status == NDIS_STATUS_SUCCESS)
        q->DATA.SET_INFORMATION.BytesRead = q->DATA.SET_INFORMATION.InformationBufferLength;
    return status;
}

static void layer(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = request;
}

#define LAYER(m)                                                                                   \
    .imports = {{"NdisMSetMiniportAttributes", (void *)set_attributes}}, .handlers = layer,        \
    .mode = (m)

VARIANT(connection_offload, "a driver that offers connection offload",
        "CON-1,CON-2,CON-3,CON-7,CON-8,CON-10,CON-11,INIT-23", LAYER(RIGHT));
FAULT("CON-1", connection_reports_too_long, "the connection reports say Size 24",
      LAYER(LONG_REPORTS));
FAULT("CON-1", connection_beyond_hardware, "IPv6 connections are on and the hardware has none",
      LAYER(BEYOND_HARDWARE), .maybe = "KEY-14");
FAULT("CON-2", connection_encapsulation, "connections in tagged frames only",
      LAYER(OTHER_ENCAPSULATION), .also = "CON-7,CON-8");
FAULT("CON-3", connection_of_no_family, "connections of neither IPv4 nor IPv6", LAYER(NO_FAMILY));
FAULT("CON-7", connection_one_request, "only the connection parameters switch it",
      LAYER(ONE_REQUEST_ONLY));
FAULT("CON-7", connection_families_swapped, "the set of capabilities mixes up the families",
      LAYER(FAMILIES_SWAPPED));
FAULT("CON-8", connection_set_refused, "connection offload is offered and its set refused",
      LAYER(SET_REFUSED), .also = "CON-7,CON-11,INIT-15");
FAULT("CON-8", connection_set_without_effect, "the set changes nothing", LAYER(SET_WITHOUT_EFFECT),
      .also = "CON-7");
FAULT("CON-10", connection_by_encapsulation, "the encapsulation set switches connection offload",
      LAYER(STARTED_BY_ENCAPSULATION));
FAULT("CON-10", connection_resets_task, "the connection set brings back the first task offload",
      LAYER(RESETS_TASK_OFFLOAD));
FAULT("CON-11", connection_without_pause, "a change is resumed that was not paused",
      LAYER(NO_PAUSE), .maybe = "CON-10");
FAULT("CON-11", connection_without_resume, "a change is never resumed", LAYER(NO_RESUME),
      .also = "CON-7,CON-8");

static NDIS_STATUS NTAPI accept_connections(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    if (q->RequestType != NdisRequestSetInformation ||
        q->DATA.SET_INFORMATION.Oid != OID_TCP_CONNECTION_OFFLOAD_PARAMETERS)
        return driver.OidRequestHandler(context, q);
    q->DATA.SET_INFORMATION.BytesRead = q->DATA.SET_INFORMATION.InformationBufferLength;
    return NDIS_STATUS_SUCCESS;
}

static void accepting(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = accept_connections;
}
FAULT("CON-8", connection_set_accepted, "the set succeeds where nothing is offered",
      .handlers = accepting);

/* ---- NDIS ----------------------------------------------------------------------------------- */

static bool is_request(const NDIS_OID_REQUEST *q, NDIS_REQUEST_TYPE type, NDIS_OID oid)
{
    return q->RequestType == type && q->DATA.SET_INFORMATION.Oid == oid;
}

static bool any_encapsulation(bool present, bool hardware, NDIS_TCP_CONNECTION_OFFLOAD *out)
{
    (void)hardware;
    return present || out->Encapsulation;
}
FAULT("CON-2", ndis_takes_any_encapsulation, "NDIS answers from a report without encapsulation",
      .connection_view = any_encapsulation);

static bool one_less(bool present, bool hardware, NDIS_TCP_CONNECTION_OFFLOAD *out)
{
    if (!hardware)
        out->TcpConnectionOffloadCapacity--;
    return present;
}
FAULT("CON-4", ndis_answers_otherwise, "NDIS answers with another capacity than was reported",
      .connection_view = one_less);

static NDIS_STATUS NTAPI show_queries(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    struct probe *p = probe_current();

    if (p && is_request(q, NdisRequestQueryInformation, OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG))
        p->characteristics.OidRequestHandler(p, q);
    return NdisOidRequest(binding, q);
}
FAULT("CON-4", ndis_asks_the_miniport, "queries of connection offload reach the miniport",
      .oid_request = show_queries);

static NDIS_STATUS NTAPI never_strict(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    ndis_set_strict(false);
    return NdisOidRequest(binding, q);
}
FAULT("CON-5", ndis_is_never_strict, "NDIS takes the summary's set in strict mode",
      .oid_request = never_strict);

static NDIS_STATUS NTAPI always_strict(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    return is_request(q, NdisRequestSetInformation,
                      OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES)
               ? NDIS_STATUS_NOT_SUPPORTED
               : NdisOidRequest(binding, q);
}
FAULT("CON-6", ndis_is_always_strict, "NDIS refuses the summary's set", .also = "CON-10",
      .oid_request = always_strict);

static NDIS_STATUS NTAPI mix_families(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    NDIS_TCP_CONNECTION_OFFLOAD *c = q->DATA.SET_INFORMATION.InformationBuffer;

    if (is_request(q, NdisRequestSetInformation, OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES))
        c->SupportIPv6 = c->SupportIPv4;
    return NdisOidRequest(binding, q);
}
FAULT("CON-6", ndis_mixes_families, "NDIS switches IPv6 as the summary's set says of IPv4",
      .oid_request = mix_families);

static NDIS_STATUS NTAPI answer_last_asked(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    static NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS last;
    NDIS_STATUS status;

    if (is_request(q, NdisRequestSetInformation, OID_TCP_CONNECTION_OFFLOAD_PARAMETERS))
        memcpy(&last, q->DATA.SET_INFORMATION.InformationBuffer,
               MIN_OF(sizeof last, (size_t)q->DATA.SET_INFORMATION.InformationBufferLength));
    status = NdisOidRequest(binding, q);
    if (is_request(q, NdisRequestQueryInformation, OID_TCP_CONNECTION_OFFLOAD_PARAMETERS) &&
        status == NDIS_STATUS_SUCCESS)
        memcpy(q->DATA.QUERY_INFORMATION.InformationBuffer, &last,
               q->DATA.QUERY_INFORMATION.BytesWritten);
    return status;
}
FAULT("CON-9", ndis_keeps_refused_settings, "NDIS answers with settings that were refused",
      .oid_request = answer_last_asked);

static VOID NTAPI drop_hardware(NDIS_HANDLE h, PNDIS_STATUS_INDICATION s)
{
    if (s->StatusCode != NDIS_STATUS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES)
        NdisMIndicateStatusEx(h, s);
}
FAULT("CON-12", ndis_ignores_new_ability, "NDIS ignores an indicated connection ability",
      .indicate_status = drop_hardware);
