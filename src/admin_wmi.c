/* SPDX-License-Identifier: MIT */
/*
 * The offload structures as an administrator sees them, member by member, and the WMI GUIDs that
 * carry them (CFG-21..23). One table names the members for both.
 */
#include "machine.h"

#include <strings.h>

/* Every one is a ULONG. */
#define M(part, member)                                                                            \
    {                                                                                              \
#part, #member, offsetof(NDIS_WMI_OFFLOAD, part.member)                                    \
    }
#define CHECKSUM4(part)                                                                            \
    M(part, Encapsulation), M(part, IpOptionsSupported), M(part, TcpOptionsSupported),             \
        M(part, IpChecksum), M(part, TcpChecksum), M(part, UdpChecksum)
#define CHECKSUM6(part)                                                                            \
    M(part, Encapsulation), M(part, IpExtensionHeadersSupported), M(part, TcpOptionsSupported),    \
        M(part, TcpChecksum), M(part, UdpChecksum)
#define LARGE(part) M(part, Encapsulation), M(part, MaxOffLoadSize), M(part, MinSegmentCount)

struct member {
    const char *part, *name;
    size_t offset;
};

static const struct member members[] = {
    CHECKSUM4(Checksum.IPv4Transmit),
    CHECKSUM4(Checksum.IPv4Receive),
    CHECKSUM6(Checksum.IPv6Transmit),
    CHECKSUM6(Checksum.IPv6Receive),
    LARGE(LsoV1.IPv4),
    M(LsoV1.IPv4, IpOptions),
    M(LsoV1.IPv4, TcpOptions),
    LARGE(LsoV2.IPv4),
    LARGE(LsoV2.IPv6),
    M(LsoV2.IPv6, IpExtensionHeadersSupported),
    M(LsoV2.IPv6, TcpOptionsSupported),
    M(IPsecV1.Supported, Encapsulation),
    M(IPsecV1.Supported, AhEspCombined),
    M(IPsecV1.Supported, TransportTunnelCombined),
    M(IPsecV1.Supported, IPv4Options),
    M(IPsecV1.Supported, Flags),
    M(IPsecV1.IPv4AH, Md5),
    M(IPsecV1.IPv4AH, Sha_1),
    M(IPsecV1.IPv4AH, Transport),
    M(IPsecV1.IPv4AH, Tunnel),
    M(IPsecV1.IPv4AH, Send),
    M(IPsecV1.IPv4AH, Receive),
    M(IPsecV1.IPv4ESP, Des),
    M(IPsecV1.IPv4ESP, TripleDes),
    M(IPsecV1.IPv4ESP, NullEsp),
    M(IPsecV1.IPv4ESP, Transport),
    M(IPsecV1.IPv4ESP, Tunnel),
    M(IPsecV1.IPv4ESP, Send),
    M(IPsecV1.IPv4ESP, Receive),
};
_Static_assert(ARRAY_LEN(members) <= LONGSHORE_MEMBERS, "LONGSHORE_MEMBERS");
_Static_assert(LONGSHORE_ENCAPSULATION_NULL == NDIS_ENCAPSULATION_NULL &&
                   LONGSHORE_ENCAPSULATION_802_3 == NDIS_ENCAPSULATION_IEEE_802_3 &&
                   LONGSHORE_ENCAPSULATION_802_3_TAG == NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q &&
                   LONGSHORE_ENCAPSULATION_802_3_TAG_OOB ==
                       NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB &&
                   LONGSHORE_ENCAPSULATION_LLC_SNAP == NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED,
               "encapsulations");

#define C(member)                                                                                  \
    {                                                                                              \
        "TcpConnection", #member, offsetof(NDIS_WMI_TCP_CONNECTION_OFFLOAD, member)                \
    }
static const struct member connection_members[] = {
    C(Encapsulation), C(SupportIPv4),
    C(SupportIPv6),   C(SupportIPv6ExtensionHeaders),
    C(SupportSack),   C(TcpConnectionOffloadCapacity),
    C(Flags),
};

/* Members of NDIS_OFFLOAD_PARAMETERS, revision 1. */
#define P(member)                                                                                  \
    {                                                                                              \
#member, offsetof(NDIS_OFFLOAD_PARAMETERS, member),                                        \
            sizeof(((NDIS_OFFLOAD_PARAMETERS *)0)->member)                                         \
    }
static const struct parameter {
    const char *name;
    size_t offset, size;
} parameters[] = {
    P(IPv4Checksum),      P(TCPIPv4Checksum),   P(UDPIPv4Checksum),
    P(TCPIPv6Checksum),   P(UDPIPv6Checksum),   P(LsoV1),
    P(IPsecV1),           P(LsoV2IPv4),         P(LsoV2IPv6),
    P(TcpConnectionIPv4), P(TcpConnectionIPv6), P(Flags),
};

static uint32_t member_of(const void *flat, const struct member *m)
{
    uint32_t v;

    memcpy(&v, (const char *)flat + m->offset, sizeof v);
    return v;
}

unsigned longshore_adapter_members(const struct longshore_adapter *a, struct longshore_member *out)
{
    NDIS_WMI_OFFLOAD hardware, current;
    struct ndis_offload_state s;

    ndis_adapter_offload(a->ndis, &s);
    if (!s.present)
        return 0;
    ndis_wmi_flatten(&s.hardware, &hardware);
    ndis_wmi_flatten(&s.current, &current);
    for (unsigned i = 0; i < ARRAY_LEN(members); i++)
        out[i] = (struct longshore_member){members[i].part, members[i].name,
                                           member_of(&hardware, &members[i]),
                                           member_of(&current, &members[i])};
    return ARRAY_LEN(members);
}

/* ---- The GUIDs ---------------------------------------------------------------------- */

static void guid_text(const GUID *g, char out[40])
{
    snprintf(out, 40, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", (unsigned)g->Data1,
             g->Data2, g->Data3, g->Data4[0], g->Data4[1], g->Data4[2], g->Data4[3], g->Data4[4],
             g->Data4[5], g->Data4[6], g->Data4[7]);
}

static void describe_guid(const struct ndis_wmi_guid *g, struct longshore_wmi *out)
{
    static const char *const kinds[] = {
        [NDIS_WMI_QUERY] = "query", [NDIS_WMI_SET] = "set", [NDIS_WMI_EVENT] = "event"};

    guid_text(g->guid, out->guid);
    out->name = g->name;
    out->page_name = g->page_name;
    out->kind = kinds[g->kind];
}

bool longshore_wmi_at(unsigned index, struct longshore_wmi *out)
{
    const struct ndis_wmi_guid *g = ndis_wmi_at(index);

    if (g)
        describe_guid(g, out);
    return g != NULL;
}

static bool same_guid(const char *text, const char *guid)
{
    size_t n = strlen(guid);

    if (text[0] == '{')
        return strncasecmp(text + 1, guid, n) == 0 && strcmp(text + 1 + n, "}") == 0;
    return strcasecmp(text, guid) == 0;
}

static const struct ndis_wmi_guid *find(const char *text)
{
    const struct ndis_wmi_guid *g;
    struct longshore_wmi w;

    for (unsigned i = 0; (g = ndis_wmi_at(i)) != NULL; i++) {
        describe_guid(g, &w);
        if (same_guid(text, w.guid) || strcasecmp(text, g->name) == 0 ||
            (g->page_name && strcasecmp(text, g->page_name) == 0))
            return g;
    }
    return NULL;
}

bool longshore_wmi_find(const char *text, struct longshore_wmi *out)
{
    const struct ndis_wmi_guid *g = find(text);

    if (g)
        describe_guid(g, out);
    return g != NULL;
}

static int no_such_guid(const char *text, struct longshore_error *error)
{
    const struct ndis_wmi_guid *g;
    size_t n = 0, room = sizeof error->text;

    n += (size_t)snprintf(error->text, room, "%.60s: no such GUID; there are", text);
    for (unsigned i = 0; (g = ndis_wmi_at(i)) != NULL && n < room; i++)
        n += (size_t)snprintf(error->text + n, room - n, "%s %s", i ? "," : "", g->name);
    return -EINVAL;
}

static int refused(const struct longshore_adapter *a, NDIS_STATUS status,
                   struct longshore_error *error)
{
    snprintf(error->text, sizeof error->text, "%s: NDIS answered 0x%08x%s", a->name,
             (unsigned)status,
             status == NDIS_STATUS_NOT_SUPPORTED  ? " (not supported)"
             : status == NDIS_STATUS_INVALID_DATA ? " (invalid data)"
                                                  : "");
    return -EIO;
}

int longshore_adapter_wmi_query(struct longshore_adapter *a, const char *guid,
                                longshore_member_fn fn, void *arg, struct longshore_error *error)
{
    const struct ndis_wmi_guid *g = find(guid);
    NDIS_WMI_OFFLOAD flat; /* the larger of the two answers */
    ULONG bytes = sizeof flat;
    bool task = g && (g->oid == OID_TCP_OFFLOAD_CURRENT_CONFIG ||
                      g->oid == OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES);
    const struct member *m = task ? members : connection_members;
    size_t count = task ? ARRAY_LEN(members) : ARRAY_LEN(connection_members);
    NDIS_STATUS status;

    error->text[0] = '\0';
    if (!g)
        return no_such_guid(guid, error);
    if (g->kind == NDIS_WMI_SET) {
        snprintf(error->text, sizeof error->text, "%s can only be set", g->name);
        return -EINVAL;
    }
    if (g->kind == NDIS_WMI_EVENT) {
        fn(arg, "Event", "Fired", (uint32_t)ndis_wmi_fired(a->ndis, g->guid));
        return 0;
    }
    memset(&flat, 0, sizeof flat);
    status = ndis_wmi_query(a->ndis, g->guid, &flat, &bytes);
    if (status != NDIS_STATUS_SUCCESS)
        return refused(a, status, error);
    for (size_t i = 0; i < count; i++)
        fn(arg, m[i].part, m[i].name, member_of(&flat, &m[i]));
    return 0;
}

static int bad_parameter(const char *name, struct longshore_error *error)
{
    size_t n = 0, room = sizeof error->text;

    n += (size_t)snprintf(error->text, room, "%.60s: no such member; there are", name);
    for (size_t i = 0; i < ARRAY_LEN(parameters) && n < room; i++)
        n += (size_t)snprintf(error->text + n, room - n, "%s %s", i ? "," : "", parameters[i].name);
    return -EINVAL;
}

static int put_parameter(NDIS_OFFLOAD_PARAMETERS *p, const struct longshore_setting *s,
                         struct longshore_error *error)
{
    const struct parameter *field = NULL;
    unsigned long v, most;
    uint32_t number;
    char *end;

    for (size_t i = 0; i < ARRAY_LEN(parameters); i++)
        if (strcasecmp(parameters[i].name, s->keyword) == 0)
            field = &parameters[i];
    if (!field)
        return bad_parameter(s->keyword, error);
    most = field->size == 1 ? 255 : UINT32_MAX;
    errno = 0;
    v = strtoul(s->value, &end, 0);
    if (errno || end == s->value || *end || s->value[0] == '-' || v > most) {
        snprintf(error->text, sizeof error->text, "%s: %.60s: want a number from 0 to %lu",
                 field->name, s->value, most);
        return -EINVAL;
    }
    number = (uint32_t)v;
    memcpy((char *)p + field->offset, &number, field->size); /* little-endian, as Windows is */
    return 0;
}

int longshore_adapter_wmi_set(struct longshore_adapter *a, const char *guid,
                              const struct longshore_setting *settings, unsigned count,
                              struct longshore_error *error)
{
    const struct ndis_wmi_guid *g = find(guid);
    struct {
        NDIS_WMI_SET_HEADER header;
        NDIS_OFFLOAD_PARAMETERS parameters;
    } set = {
        .header.Header = {NDIS_WMI_OBJECT_TYPE_SET, NDIS_WMI_SET_HEADER_REVISION_1,
                          NDIS_SIZEOF_WMI_SET_HEADER_REVISION_1},
        .parameters.Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_OFFLOAD_PARAMETERS_REVISION_1,
                              NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1},
    };
    struct why why = {0};
    NDIS_STATUS status;
    int r;

    error->text[0] = '\0';
    if (!g)
        return no_such_guid(guid, error);
    if (g->kind != NDIS_WMI_SET) {
        snprintf(error->text, sizeof error->text, "%s cannot be set", g->name);
        return -EINVAL;
    }
    for (unsigned i = 0; i < count; i++) {
        r = put_parameter(&set.parameters, &settings[i], error);
        if (r < 0)
            return r;
    }
    status = ndis_wmi_set(a->ndis, g->guid, &set,
                          (ULONG)sizeof set.header + NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    if (status != NDIS_STATUS_SUCCESS)
        return refused(a, status, error);
    if (machine_registry_store(a->machine, &why) < 0)
        snprintf(error->text, sizeof error->text, "set, but not stored: %.400s", why.text);
    return 0;
}
