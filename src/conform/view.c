/* SPDX-License-Identifier: MIT */
/* Views as tables, and the requests and indications that change them. */
#include "conform/view.h"

#include "conform/watch.h"

static void add(struct view_part *p, const char *name, uint32_t value, enum view_kind kind)
{
    invariant(p->count < VIEW_MEMBERS);
    p->member[p->count].name = name;
    p->member[p->count].value = value;
    p->member[p->count++].kind = kind;
}

#define NUMBER(part, field)    add(p, #field, o->part.field, VIEW_NUMBER)
#define FEATURE(part, field)   add(p, #field, o->part.field, VIEW_FEATURE)
#define QUALIFIER(part, field) add(p, #field, o->part.field, VIEW_QUALIFIER)
#define PART(index, text)                                                                          \
    p = &out->part[index];                                                                         \
    p->name = (text)

#define CHECKSUM_4(index, part)                                                                    \
    PART(index, #part);                                                                            \
    NUMBER(part, Encapsulation);                                                                   \
    QUALIFIER(part, IpOptionsSupported);                                                           \
    QUALIFIER(part, TcpOptionsSupported);                                                          \
    FEATURE(part, TcpChecksum);                                                                    \
    FEATURE(part, UdpChecksum);                                                                    \
    FEATURE(part, IpChecksum)

#define CHECKSUM_6(index, part)                                                                    \
    PART(index, #part);                                                                            \
    NUMBER(part, Encapsulation);                                                                   \
    QUALIFIER(part, IpExtensionHeadersSupported);                                                  \
    QUALIFIER(part, TcpOptionsSupported);                                                          \
    FEATURE(part, TcpChecksum);                                                                    \
    FEATURE(part, UdpChecksum)

#define LARGE(index, part)                                                                         \
    PART(index, #part);                                                                            \
    NUMBER(part, Encapsulation);                                                                   \
    NUMBER(part, MaxOffLoadSize);                                                                  \
    NUMBER(part, MinSegmentCount)

#define IPSEC                                                                                      \
    PART(VIEW_IPSEC, "IPsecV1");                                                                   \
    NUMBER(IPsecV1.Supported, Encapsulation);                                                      \
    NUMBER(IPsecV1.Supported, AhEspCombined);                                                      \
    NUMBER(IPsecV1.Supported, TransportTunnelCombined);                                            \
    NUMBER(IPsecV1.Supported, IPv4Options);                                                        \
    FEATURE(IPsecV1.IPv4AH, Md5);                                                                  \
    FEATURE(IPsecV1.IPv4AH, Sha_1);                                                                \
    FEATURE(IPsecV1.IPv4AH, Transport);                                                            \
    FEATURE(IPsecV1.IPv4AH, Tunnel);                                                               \
    FEATURE(IPsecV1.IPv4AH, Send);                                                                 \
    FEATURE(IPsecV1.IPv4AH, Receive);                                                              \
    FEATURE(IPsecV1.IPv4ESP, Des);                                                                 \
    FEATURE(IPsecV1.IPv4ESP, TripleDes);                                                           \
    FEATURE(IPsecV1.IPv4ESP, NullEsp);                                                             \
    FEATURE(IPsecV1.IPv4ESP, Transport);                                                           \
    FEATURE(IPsecV1.IPv4ESP, Tunnel);                                                              \
    FEATURE(IPsecV1.IPv4ESP, Send);                                                                \
    FEATURE(IPsecV1.IPv4ESP, Receive)

/* Both structures name their members alike. */
#define EVERYTHING                                                                                 \
    struct view_part *p;                                                                           \
                                                                                                   \
    memset(out, 0, sizeof *out);                                                                   \
    CHECKSUM_4(VIEW_TX4, Checksum.IPv4Transmit);                                                   \
    CHECKSUM_4(VIEW_RX4, Checksum.IPv4Receive);                                                    \
    CHECKSUM_6(VIEW_TX6, Checksum.IPv6Transmit);                                                   \
    CHECKSUM_6(VIEW_RX6, Checksum.IPv6Receive);                                                    \
    LARGE(VIEW_LSO1, LsoV1.IPv4);                                                                  \
    QUALIFIER(LsoV1.IPv4, TcpOptions);                                                             \
    QUALIFIER(LsoV1.IPv4, IpOptions);                                                              \
    IPSEC;                                                                                         \
    LARGE(VIEW_LSO2_4, LsoV2.IPv4);                                                                \
    LARGE(VIEW_LSO2_6, LsoV2.IPv6);                                                                \
    QUALIFIER(LsoV2.IPv6, IpExtensionHeadersSupported);                                            \
    QUALIFIER(LsoV2.IPv6, TcpOptionsSupported)

void view_of(const NDIS_OFFLOAD *o, struct view *out)
{
    EVERYTHING;
}

void view_of_flat(const NDIS_WMI_OFFLOAD *o, struct view *out)
{
    EVERYTHING;
}

const char *view_name(const struct view_part *p, unsigned member)
{
    static char text[4][80];
    static unsigned at;

    at = (at + 1) % ARRAY_LEN(text);
    snprintf(text[at], sizeof text[at], "%s.%s", p->name, p->member[member].name);
    return text[at];
}

bool view_lists(const struct view_part *p)
{
    bool features = false;

    for (unsigned i = 1; i < p->count; i++) {
        if (p->member[i].kind == VIEW_FEATURE && p->member[i].value == NDIS_OFFLOAD_SUPPORTED)
            return true;
        features |= p->member[i].kind == VIEW_FEATURE;
    }
    return !features && view_encapsulation(p) != 0;
}

const NDIS_OFFLOAD *view_hardware(void)
{
    const struct watch_attributes *a = watch_attributes();

    return a->offload_set && a->hardware.Header.Size ? &a->hardware : NULL;
}

const NDIS_OFFLOAD *view_default(void)
{
    const struct watch_attributes *a = watch_attributes();

    return a->offload_set && a->now.Header.Size ? &a->now : NULL;
}

/* ---- Changed -------------------------------------------------------------------------------- */

/* Off, transmit, receive, both are 1 to 4; 0 leaves alone what is not listed. */
static UCHAR checksum_value(unsigned transmit, unsigned receive, bool on)
{
    if (transmit != NDIS_OFFLOAD_SUPPORTED && receive != NDIS_OFFLOAD_SUPPORTED)
        return NDIS_OFFLOAD_PARAMETERS_NO_CHANGE;
    if (!on)
        return NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED;
    return (UCHAR)(NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED + (transmit == NDIS_OFFLOAD_SUPPORTED) +
                   2 * (receive == NDIS_OFFLOAD_SUPPORTED));
}

static UCHAR switch_value(ULONG encapsulation, bool on)
{
    if (!encapsulation)
        return NDIS_OFFLOAD_PARAMETERS_NO_CHANGE;
    return on ? NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED : NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED;
}

NDIS_OFFLOAD_PARAMETERS view_parameters(const NDIS_OFFLOAD *hardware, bool on)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &hardware->Checksum;
    NDIS_OFFLOAD_PARAMETERS p = rig_parameters();

    p.IPv4Checksum = checksum_value(c->IPv4Transmit.IpChecksum, c->IPv4Receive.IpChecksum, on);
    p.TCPIPv4Checksum = checksum_value(c->IPv4Transmit.TcpChecksum, c->IPv4Receive.TcpChecksum, on);
    p.UDPIPv4Checksum = checksum_value(c->IPv4Transmit.UdpChecksum, c->IPv4Receive.UdpChecksum, on);
    p.TCPIPv6Checksum = checksum_value(c->IPv6Transmit.TcpChecksum, c->IPv6Receive.TcpChecksum, on);
    p.UDPIPv6Checksum = checksum_value(c->IPv6Transmit.UdpChecksum, c->IPv6Receive.UdpChecksum, on);
    p.LsoV1 = switch_value(hardware->LsoV1.IPv4.Encapsulation, on);
    p.LsoV2IPv4 = switch_value(hardware->LsoV2.IPv4.Encapsulation, on);
    p.LsoV2IPv6 = switch_value(hardware->LsoV2.IPv6.Encapsulation, on);
    return p;
}

const struct rig_status *view_try(struct rig *r, const NDIS_OFFLOAD_PARAMETERS *p,
                                  NDIS_STATUS *status)
{
    NDIS_OFFLOAD_PARAMETERS copy = *p;
    unsigned from = r->main.status_count;

    *status =
        rig_set(r, OID_TCP_OFFLOAD_PARAMETERS, &copy, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    return *status == NDIS_STATUS_SUCCESS
               ? rig_indicated(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, from, 1)
               : NULL;
}

const struct rig_status *view_switch(struct rig *r, const NDIS_OFFLOAD_PARAMETERS *p)
{
    NDIS_STATUS status;
    const struct rig_status *s = view_try(r, p, &status);

    need(r, status == NDIS_STATUS_SUCCESS,
         "a configuration that can be switched (OID_TCP_OFFLOAD_PARAMETERS ended in %s)",
         status_name(status));
    need(r, s != NULL, "a new configuration (nothing was indicated after a set)");
    return s;
}

void view_indicate(struct rig *r, NDIS_STATUS code, const NDIS_OFFLOAD *o)
{
    NDIS_OFFLOAD copy = *o;
    NDIS_STATUS_INDICATION s;

    memset(&s, 0, sizeof s);
    s.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    s.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    s.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    s.SourceHandle = r->adapter;
    s.StatusCode = code;
    s.StatusBuffer = &copy;
    s.StatusBufferSize = copy.Header.Size;
    NdisMIndicateStatusEx(r->adapter, &s);
}
