/* SPDX-License-Identifier: MIT */
/*
 * The administrator's GUIDs (CFG-21..23): queries answered with the flattened structures, whose
 * feature members are whole ULONGs; a set that becomes OID_TCP_OFFLOAD_PARAMETERS; and events that
 * fire with the status indications. Names are the public header's; those of Microsoft's pages are
 * aliases (requirements D-14).
 */
#include "wdk/initguid.h"

#include "ndis/private.h"
#include "nt/utf.h"

enum { EVENT_NAME_MAX = sizeof(((struct ndis_adapter *)0)->ndis_name) };

/* The events' places in ndis_adapter.wmi_events. */
enum { EVENT_CURRENT, EVENT_HARDWARE, EVENT_CONNECTION };

static const struct ndis_wmi_guid guids[] = {
    {&GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG, "GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG",
     "GUID_NDIS_TCP_OFFLOAD_CAPABILITIES", NDIS_WMI_QUERY, OID_TCP_OFFLOAD_CURRENT_CONFIG, 0},
    {&GUID_NDIS_TCP_OFFLOAD_HARDWARE_CAPABILITIES, "GUID_NDIS_TCP_OFFLOAD_HARDWARE_CAPABILITIES",
     "GUID_NDIS_TCP_OFFLOAD_HW_CAPABILITIES", NDIS_WMI_QUERY, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES,
     0},
    {&GUID_NDIS_TCP_OFFLOAD_PARAMETERS, "GUID_NDIS_TCP_OFFLOAD_PARAMETERS",
     "GUID_NDIS_TCP_OFFLOAD_ADMIN_SETTINGS", NDIS_WMI_SET, OID_TCP_OFFLOAD_PARAMETERS, 0},
    {&GUID_NDIS_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG,
     "GUID_NDIS_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG", NULL, NDIS_WMI_QUERY,
     OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG, 0},
    {&GUID_NDIS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES,
     "GUID_NDIS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES", NULL, NDIS_WMI_QUERY,
     OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, 0},
    {&GUID_NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, "GUID_NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG",
     "GUID_NDIS_STATUS_OFFLOAD_CAPABILITIES_CHANGE", NDIS_WMI_EVENT, 0,
     NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG},
    {&GUID_NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES,
     "GUID_NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES",
     "GUID_NDIS_STATUS_OFFLOAD_HW_CAPABILITIES", NDIS_WMI_EVENT, 0,
     NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES},
    {&GUID_NDIS_STATUS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES,
     "GUID_NDIS_STATUS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES", NULL, NDIS_WMI_EVENT, 0,
     NDIS_STATUS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES},
};

static ndis_wmi_event_fn event_sink;
static void *event_arg;

const struct ndis_wmi_guid *ndis_wmi_at(unsigned index)
{
    return index < ARRAY_LEN(guids) ? &guids[index] : NULL;
}

const struct ndis_wmi_guid *ndis_wmi_find(const GUID *guid)
{
    for (size_t i = 0; i < ARRAY_LEN(guids); i++)
        if (IsEqualGUID(guids[i].guid, guid))
            return &guids[i];
    return NULL;
}

/* ---- Flattening (CFG-23) ------------------------------------------------------------ */

/* SAME copies members of like name; a bit-field becomes a whole ULONG by assignment. */
#define SAME(part, member) to->part.member = from->part.member

#define CHECKSUM4(part)                                                                            \
    SAME(part, Encapsulation);                                                                     \
    SAME(part, IpOptionsSupported);                                                                \
    SAME(part, TcpOptionsSupported);                                                               \
    SAME(part, TcpChecksum);                                                                       \
    SAME(part, UdpChecksum);                                                                       \
    SAME(part, IpChecksum)

#define CHECKSUM6(part)                                                                            \
    SAME(part, Encapsulation);                                                                     \
    SAME(part, IpExtensionHeadersSupported);                                                       \
    SAME(part, TcpOptionsSupported);                                                               \
    SAME(part, TcpChecksum);                                                                       \
    SAME(part, UdpChecksum)

#define LARGE(part)                                                                                \
    SAME(part, Encapsulation);                                                                     \
    SAME(part, MaxOffLoadSize);                                                                    \
    SAME(part, MinSegmentCount)

static void flatten_ipsec(const NDIS_IPSEC_OFFLOAD_V1 *from, NDIS_WMI_IPSEC_OFFLOAD_V1 *to)
{
    SAME(Supported, Encapsulation);
    SAME(Supported, AhEspCombined);
    SAME(Supported, TransportTunnelCombined);
    SAME(Supported, IPv4Options);
    SAME(Supported, Flags);
    SAME(IPv4AH, Md5);
    SAME(IPv4AH, Sha_1);
    SAME(IPv4AH, Transport);
    SAME(IPv4AH, Tunnel);
    SAME(IPv4AH, Send);
    SAME(IPv4AH, Receive);
    SAME(IPv4ESP, Des);
    SAME(IPv4ESP, Reserved);
    SAME(IPv4ESP, TripleDes);
    SAME(IPv4ESP, NullEsp);
    SAME(IPv4ESP, Transport);
    SAME(IPv4ESP, Tunnel);
    SAME(IPv4ESP, Send);
    SAME(IPv4ESP, Receive);
}

static const USHORT wmi_sizes[] = {
    0,
    NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_1,
    NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_2,
    NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_3,
};

void ndis_wmi_flatten(const NDIS_OFFLOAD *from, NDIS_WMI_OFFLOAD *to)
{
    UCHAR revision = MIN_OF(from->Header.Revision, (UCHAR)NDIS_WMI_OFFLOAD_REVISION_3);

    memset(to, 0, sizeof(*to));
    to->Header = (NDIS_OBJECT_HEADER){from->Header.Type, revision, wmi_sizes[revision]};
    CHECKSUM4(Checksum.IPv4Transmit);
    CHECKSUM4(Checksum.IPv4Receive);
    CHECKSUM6(Checksum.IPv6Transmit);
    CHECKSUM6(Checksum.IPv6Receive);
    LARGE(LsoV1.IPv4);
    SAME(LsoV1.IPv4, TcpOptions);
    SAME(LsoV1.IPv4, IpOptions);
    flatten_ipsec(&from->IPsecV1, &to->IPsecV1);
    LARGE(LsoV2.IPv4);
    LARGE(LsoV2.IPv6);
    SAME(LsoV2.IPv6, IpExtensionHeadersSupported);
    SAME(LsoV2.IPv6, TcpOptionsSupported);
    to->Flags = from->Flags;
    if (revision >= NDIS_WMI_OFFLOAD_REVISION_2)
        to->IPsecV2 = from->IPsecV2;
    if (revision >= NDIS_WMI_OFFLOAD_REVISION_3) {
        to->Rsc = from->Rsc;
        to->EncapsulatedPacketTaskOffloadGre = from->EncapsulatedPacketTaskOffloadGre;
    }
}

void ndis_wmi_flatten_connection(const NDIS_TCP_CONNECTION_OFFLOAD *from,
                                 NDIS_WMI_TCP_CONNECTION_OFFLOAD *to)
{
    *to = (NDIS_WMI_TCP_CONNECTION_OFFLOAD){
        .Header = {from->Header.Type, NDIS_WMI_TCP_CONNECTION_OFFLOAD_REVISION_1,
                   NDIS_SIZEOF_NDIS_WMI_TCP_CONNECTION_OFFLOAD_REVISION_1},
        .Encapsulation = from->Encapsulation,
        .SupportIPv4 = from->SupportIPv4,
        .SupportIPv6 = from->SupportIPv6,
        .SupportIPv6ExtensionHeaders = from->SupportIPv6ExtensionHeaders,
        .SupportSack = from->SupportSack,
        .TcpConnectionOffloadCapacity = from->TcpConnectionOffloadCapacity,
        .Flags = from->Flags,
    };
}

/* ---- Query and set ------------------------------------------------------------------ */

static NDIS_STATUS copy_flat(const void *flat, ULONG size, void *buffer, ULONG *bytes)
{
    ULONG room = *bytes;

    *bytes = size;
    if (room < size)
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    memcpy(buffer, flat, size);
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_wmi_query(struct ndis_adapter *a, const GUID *guid, void *buffer, ULONG *bytes)
{
    const struct ndis_wmi_guid *g = ndis_wmi_find(guid);
    union {
        NDIS_OFFLOAD offload;
        NDIS_TCP_CONNECTION_OFFLOAD connection;
    } answer;
    union {
        NDIS_WMI_OFFLOAD offload;
        NDIS_WMI_TCP_CONNECTION_OFFLOAD connection;
    } flat;
    ULONG answered = sizeof(answer);
    NDIS_STATUS status;

    if (!g || g->kind != NDIS_WMI_QUERY)
        return NDIS_STATUS_NOT_SUPPORTED;
    memset(&answer, 0, sizeof(answer));
    status = ndis_adapter_request(a, NdisRequestQueryInformation, g->oid, &answer, &answered);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (g->oid == OID_TCP_OFFLOAD_CURRENT_CONFIG || g->oid == OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES)
        ndis_wmi_flatten(&answer.offload, &flat.offload);
    else
        ndis_wmi_flatten_connection(&answer.connection, &flat.connection);
    return copy_flat(&flat, flat.offload.Header.Size, buffer, bytes);
}

NDIS_STATUS ndis_wmi_set(struct ndis_adapter *a, const GUID *guid, const void *buffer, ULONG bytes)
{
    const struct ndis_wmi_guid *g = ndis_wmi_find(guid);
    NDIS_WMI_SET_HEADER h;
    NDIS_OFFLOAD_PARAMETERS p;
    ULONG left;

    if (!g || g->kind != NDIS_WMI_SET)
        return NDIS_STATUS_NOT_SUPPORTED;
    if (bytes < sizeof(h))
        return NDIS_STATUS_INVALID_LENGTH;
    memcpy(&h, buffer, sizeof(h));
    if (h.Header.Type != NDIS_WMI_OBJECT_TYPE_SET ||
        h.Header.Revision < NDIS_WMI_SET_HEADER_REVISION_1 ||
        h.Header.Size < NDIS_SIZEOF_WMI_SET_HEADER_REVISION_1 || h.PortNumber != 0)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (h.Header.Size > bytes)
        return NDIS_STATUS_INVALID_LENGTH;
    /* A later revision may be longer than what is known here; nothing beyond it is dropped. */
    left = MIN_OF(bytes - h.Header.Size, (ULONG)sizeof(p));
    memset(&p, 0, sizeof(p));
    memcpy(&p, (const UCHAR *)buffer + h.Header.Size, left);
    return ndis_adapter_request(a, NdisRequestSetInformation, g->oid, &p, &left);
}

/* ---- Events (CFG-21) ---------------------------------------------------------------- */

static int event_of(NDIS_STATUS code)
{
    switch (code) {
    case NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG:
        return EVENT_CURRENT;
    case NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES:
        return EVENT_HARDWARE;
    case NDIS_STATUS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES:
        return EVENT_CONNECTION;
    default:
        return -1;
    }
}

static const struct ndis_wmi_guid *guid_of(NDIS_STATUS code)
{
    for (size_t i = 0; i < ARRAY_LEN(guids); i++)
        if (guids[i].kind == NDIS_WMI_EVENT && guids[i].status == code)
            return &guids[i];
    return NULL;
}

/* What the adapter recorded, which is what was indicated, flattened. Returns its size. */
static ULONG event_data(struct ndis_adapter *a, int event, void *to)
{
    NDIS_TCP_CONNECTION_OFFLOAD connection;
    struct ndis_offload_state s;

    if (event == EVENT_CONNECTION) {
        pthread_spin_lock(&a->lock);
        connection = a->connection_hardware;
        pthread_spin_unlock(&a->lock);
        ndis_wmi_flatten_connection(&connection, to);
    } else {
        ndis_adapter_offload(a, &s);
        ndis_wmi_flatten(event == EVENT_CURRENT ? &s.current : &s.hardware, to);
    }
    return ((const NDIS_OBJECT_HEADER *)to)->Size;
}

void ndis_wmi_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    int event = event_of(s->StatusCode);
    struct {
        NDIS_WMI_EVENT_HEADER h;
        NDIS_WMI_OFFLOAD data; /* the larger of the two */
        WCHAR name[EVENT_NAME_MAX];
    } e;
    ULONG size, units;

    if (event < 0)
        return;
    atomic_fetch_add(&a->wmi_events[event], 1);
    if (!event_sink)
        return;
    memset(&e, 0, sizeof(e));
    size = event_data(a, event, &e.data);
    units = (ULONG)utf16_from_utf8((uint16_t *)e.name, EVENT_NAME_MAX, a->ndis_name,
                                   strlen(a->ndis_name));
    e.h = (NDIS_WMI_EVENT_HEADER){
        .Header = {NDIS_WMI_OBJECT_TYPE_EVENT, NDIS_WMI_EVENT_HEADER_REVISION_1,
                   NDIS_SIZEOF_WMI_EVENT_HEADER_REVISION_1},
        .IfIndex = a->index,
        .PortNumber = s->PortNumber,
        .DeviceNameLength = units * (ULONG)sizeof(WCHAR),
        .DeviceNameOffset = (ULONG)((const UCHAR *)e.name - (const UCHAR *)&e),
    };
    e.h.NetLuid.Info.IfType = IF_TYPE_ETHERNET_CSMACD;
    e.h.NetLuid.Info.NetLuidIndex = a->index & 0xffffff;
    event_sink(event_arg, a, guid_of(s->StatusCode), &(struct ndis_wmi_event){&e.h, &e.data, size});
}

void ndis_wmi_set_sink(ndis_wmi_event_fn fn, void *arg)
{
    event_sink = fn;
    event_arg = arg;
}

uint64_t ndis_wmi_fired(const struct ndis_adapter *a, const GUID *guid)
{
    const struct ndis_wmi_guid *g = ndis_wmi_find(guid);
    int event = g && g->kind == NDIS_WMI_EVENT ? event_of(g->status) : -1;

    return event < 0 ? 0 : atomic_load(&a->wmi_events[event]);
}
