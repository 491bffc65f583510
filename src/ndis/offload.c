/* SPDX-License-Identifier: MIT */
/*
 * The two offload views of an adapter: what its hardware can do and what is switched on
 * (requirements, "State model"). Both begin with the attribute block and follow the miniport's
 * indications; queries, bind parameters and the observer's copy come from here.
 */
#include "ndis/private.h"

static const USHORT offload_sizes[] = {
    0,
    NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1,
    NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_2,
    NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3,
};

USHORT ndis_offload_size(UCHAR revision)
{
    return revision < ARRAY_LEN(offload_sizes) ? offload_sizes[revision] : 0;
}

UCHAR ndis_offload_revision(const struct ndis_driver *d)
{
    switch (d->chars.MinorNdisVersion) {
    case 0:
        return NDIS_OFFLOAD_REVISION_1;
    case 1:
    case 20:
        return NDIS_OFFLOAD_REVISION_2;
    default:
        return NDIS_OFFLOAD_REVISION_3;
    }
}

void ndis_offload_reset(struct ndis_adapter *a)
{
    pthread_spin_lock(&a->lock);
    a->offload_set = false;
    a->connection_present = false;
    a->encapsulation_set = false;
    a->connection_parameters_bytes = 0;
    memset(&a->hardware, 0, sizeof(a->hardware));
    memset(&a->current, 0, sizeof(a->current));
    pthread_spin_unlock(&a->lock);
}

NDIS_STATUS ndis_offload_check(struct ndis_adapter *a, const NDIS_OFFLOAD *o, ULONG bytes,
                               const char *rule)
{
    UCHAR revision = ndis_offload_revision(a->driver);

    if (bytes < sizeof(NDIS_OBJECT_HEADER) || o->Header.Type != NDIS_OBJECT_TYPE_OFFLOAD) {
        ndis_adapter_finding(a, rule, "an NDIS_OFFLOAD of type 0x%02x, %u bytes",
                             bytes < sizeof(NDIS_OBJECT_HEADER) ? 0u : o->Header.Type, bytes);
        return NDIS_STATUS_FAILURE;
    }
    if (o->Header.Revision != revision) {
        ndis_adapter_finding(
            a, rule, "an NDIS_OFFLOAD of revision %u from a driver of NDIS 6.%u, which takes %u",
            o->Header.Revision, a->driver->chars.MinorNdisVersion, revision);
        return NDIS_STATUS_BAD_VERSION;
    }
    if (o->Header.Size < ndis_offload_size(revision) || o->Header.Size > bytes) {
        ndis_adapter_finding(a, rule,
                             "an NDIS_OFFLOAD of revision %u with Size %u in %u bytes; it has %u",
                             revision, o->Header.Size, bytes, ndis_offload_size(revision));
        return NDIS_STATUS_FAILURE;
    }
    return NDIS_STATUS_SUCCESS;
}

static void offload_copy(NDIS_OFFLOAD *to, const NDIS_OFFLOAD *from)
{
    USHORT size = MIN_OF(from->Header.Size, ndis_offload_size(from->Header.Revision));

    memset(to, 0, sizeof(*to));
    memcpy(to, from, MIN_OF(sizeof(*to), (size_t)size));
    to->Header.Size = size;
}

/* One two-bit feature: 1 is on; 0 and 2 both read as off (D-3). */
#define FEATURE(part, field)                                                                       \
    if (c->part.field == NDIS_OFFLOAD_SET_ON && h->part.field != NDIS_OFFLOAD_SUPPORTED)           \
        return #part "." #field;
#define ENCAPSULATION(part)                                                                        \
    if (c->part.Encapsulation & ~h->part.Encapsulation)                                            \
        return #part ".Encapsulation";
#define LARGE_SEND(part)                                                                           \
    ENCAPSULATION(part)                                                                            \
    if (c->part.Encapsulation && c->part.MaxOffLoadSize > h->part.MaxOffLoadSize)                  \
        return #part ".MaxOffLoadSize";                                                            \
    if (c->part.Encapsulation && c->part.MinSegmentCount < h->part.MinSegmentCount)                \
        return #part ".MinSegmentCount";

static const char *checksum_beyond(const NDIS_OFFLOAD *c, const NDIS_OFFLOAD *h)
{
    ENCAPSULATION(Checksum.IPv4Transmit)
    FEATURE(Checksum.IPv4Transmit, IpOptionsSupported)
    FEATURE(Checksum.IPv4Transmit, TcpOptionsSupported)
    FEATURE(Checksum.IPv4Transmit, TcpChecksum)
    FEATURE(Checksum.IPv4Transmit, UdpChecksum)
    FEATURE(Checksum.IPv4Transmit, IpChecksum)
    ENCAPSULATION(Checksum.IPv4Receive)
    FEATURE(Checksum.IPv4Receive, IpOptionsSupported)
    FEATURE(Checksum.IPv4Receive, TcpOptionsSupported)
    FEATURE(Checksum.IPv4Receive, TcpChecksum)
    FEATURE(Checksum.IPv4Receive, UdpChecksum)
    FEATURE(Checksum.IPv4Receive, IpChecksum)
    ENCAPSULATION(Checksum.IPv6Transmit)
    FEATURE(Checksum.IPv6Transmit, IpExtensionHeadersSupported)
    FEATURE(Checksum.IPv6Transmit, TcpOptionsSupported)
    FEATURE(Checksum.IPv6Transmit, TcpChecksum)
    FEATURE(Checksum.IPv6Transmit, UdpChecksum)
    ENCAPSULATION(Checksum.IPv6Receive)
    FEATURE(Checksum.IPv6Receive, IpExtensionHeadersSupported)
    FEATURE(Checksum.IPv6Receive, TcpOptionsSupported)
    FEATURE(Checksum.IPv6Receive, TcpChecksum)
    FEATURE(Checksum.IPv6Receive, UdpChecksum)
    return NULL;
}

static const char *lso_beyond(const NDIS_OFFLOAD *c, const NDIS_OFFLOAD *h)
{
    LARGE_SEND(LsoV1.IPv4)
    FEATURE(LsoV1.IPv4, TcpOptions)
    FEATURE(LsoV1.IPv4, IpOptions)
    LARGE_SEND(LsoV2.IPv4)
    LARGE_SEND(LsoV2.IPv6)
    FEATURE(LsoV2.IPv6, IpExtensionHeadersSupported)
    FEATURE(LsoV2.IPv6, TcpOptionsSupported)
    return NULL;
}

bool ndis_offload_within(const NDIS_OFFLOAD *current, const NDIS_OFFLOAD *hardware,
                         const char **field)
{
    const char *beyond = checksum_beyond(current, hardware);

    if (!beyond)
        beyond = lso_beyond(current, hardware);
    *field = beyond;
    return !beyond;
}

static NDIS_STATUS check_connection(struct ndis_adapter *a, const NDIS_TCP_CONNECTION_OFFLOAD *c)
{
    if (c->Header.Type == NDIS_OBJECT_TYPE_DEFAULT &&
        c->Header.Revision >= NDIS_TCP_CONNECTION_OFFLOAD_REVISION_1 &&
        c->Header.Size >= NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1)
        return NDIS_STATUS_SUCCESS;
    ndis_adapter_finding(a, "CON-1",
                         "an NDIS_TCP_CONNECTION_OFFLOAD of type 0x%02x revision %u size %u",
                         c->Header.Type, c->Header.Revision, c->Header.Size);
    return NDIS_STATUS_FAILURE;
}

static void connection_copy(NDIS_TCP_CONNECTION_OFFLOAD *to,
                            const NDIS_TCP_CONNECTION_OFFLOAD *from)
{
    memset(to, 0, sizeof(*to));
    memcpy(to, from, MIN_OF(sizeof(*to), (size_t)from->Header.Size));
    to->Header.Size = MIN_OF(from->Header.Size, (USHORT)sizeof(*to));
}

static NDIS_STATUS take_connection(struct ndis_adapter *a,
                                   const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o)
{
    const NDIS_TCP_CONNECTION_OFFLOAD *now = o->DefaultTcpConnectionOffloadConfiguration;
    const NDIS_TCP_CONNECTION_OFFLOAD *hardware = o->TcpConnectionOffloadHardwareCapabilities;

    if (!now && !hardware)
        return NDIS_STATUS_SUCCESS;
    if (!now || !hardware) {
        ndis_adapter_finding(a, "CON-1", "only one of the two connection offload pointers is set");
        return NDIS_STATUS_FAILURE;
    }
    if (check_connection(a, now) != NDIS_STATUS_SUCCESS ||
        check_connection(a, hardware) != NDIS_STATUS_SUCCESS)
        return NDIS_STATUS_FAILURE;
    pthread_spin_lock(&a->lock);
    connection_copy(&a->connection_current, now);
    connection_copy(&a->connection_hardware, hardware);
    a->connection_present = hardware->Encapsulation != 0; /* CON-2 */
    pthread_spin_unlock(&a->lock);
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_offload_attributes(struct ndis_adapter *a,
                                    const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o)
{
    const NDIS_OFFLOAD *now = o->DefaultOffloadConfiguration,
                       *hardware = o->HardwareOffloadCapabilities;
    const char *field;
    NDIS_STATUS status;

    if (!now != !hardware) {
        ndis_adapter_finding(
            a, "INIT-7",
            "only one of DefaultOffloadConfiguration and HardwareOffloadCapabilities is set");
        return NDIS_STATUS_FAILURE;
    }
    if (now) {
        status = ndis_offload_check(a, now, now->Header.Size, "INIT-9");
        if (status == NDIS_STATUS_SUCCESS)
            status = ndis_offload_check(a, hardware, hardware->Header.Size, "INIT-9");
        if (status != NDIS_STATUS_SUCCESS)
            return status;
        if (!ndis_offload_within(now, hardware, &field))
            ndis_adapter_finding(a, "INIT-8", "%s is switched on beyond what the hardware can do",
                                 field);
    }
    status = take_connection(a, o);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    pthread_spin_lock(&a->lock);
    if (now) {
        offload_copy(&a->current, now);
        offload_copy(&a->hardware, hardware);
        a->offload_set = true;
    }
    pthread_spin_unlock(&a->lock);
    return status;
}

static bool offload_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    const NDIS_OFFLOAD *o = s->StatusBuffer;
    bool hardware = s->StatusCode == NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES;
    NDIS_OFFLOAD against;
    const char *field;

    if (ndis_offload_check(a, o, s->StatusBufferSize, "CFG-8") != NDIS_STATUS_SUCCESS)
        return false;
    pthread_spin_lock(&a->lock);
    offload_copy(hardware ? &a->hardware : &a->current, o);
    against = a->hardware;
    if (!a->offload_set && hardware)
        offload_copy(&a->current, o);
    a->offload_set = true;
    pthread_spin_unlock(&a->lock);
    /* A shrinking hardware view is followed by a current one, which is the one to judge (CFG-14).
     */
    if (!hardware && !ndis_offload_within(o, &against, &field))
        ndis_adapter_finding(a, "CFG-7", "indicated %s as on, beyond what the hardware can do",
                             field);
    return true;
}

static bool encapsulation_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    const NDIS_OFFLOAD_ENCAPSULATION *e = s->StatusBuffer;

    if (s->StatusBufferSize < NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1 ||
        e->Header.Type != NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION ||
        e->Header.Size < NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1) {
        ndis_adapter_finding(
            a, "ENC-25", "an encapsulation change with a bad NDIS_OFFLOAD_ENCAPSULATION (%u bytes)",
            s->StatusBufferSize);
        return false;
    }
    pthread_spin_lock(&a->lock);
    memcpy(&a->encapsulation, e, MIN_OF(sizeof(a->encapsulation), (size_t)s->StatusBufferSize));
    a->encapsulation_set = true;
    pthread_spin_unlock(&a->lock);
    return true;
}

static bool connection_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    const NDIS_TCP_CONNECTION_OFFLOAD *c = s->StatusBuffer;
    bool hardware = s->StatusCode != NDIS_STATUS_OFFLOAD_RESUME;

    if (s->StatusBufferSize < NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1 ||
        check_connection(a, c) != NDIS_STATUS_SUCCESS || c->Header.Size > s->StatusBufferSize)
        return !hardware; /* a resume without a structure is legal */
    pthread_spin_lock(&a->lock);
    connection_copy(hardware ? &a->connection_hardware : &a->connection_current, c);
    if (hardware)
        a->connection_present = c->Encapsulation != 0;
    pthread_spin_unlock(&a->lock);
    return true;
}

NDIS_STATUS ndis_offload_connection_set(struct ndis_adapter *a, NDIS_OID_REQUEST *r,
                                        NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS *p)
{
    const NDIS_TCP_CONNECTION_OFFLOAD *c = r->DATA.SET_INFORMATION.InformationBuffer;
    bool newer = ndis_offload_revision(a->driver) >= NDIS_OFFLOAD_REVISION_3;

    if (!c || r->DATA.SET_INFORMATION.InformationBufferLength <
                  NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1) {
        r->DATA.SET_INFORMATION.BytesNeeded = NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1;
        return NDIS_STATUS_INVALID_LENGTH;
    }
    /* Numbers other than Encapsulation are the defaults of the parameters page. */
    *p = (NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS){
        .Header = {NDIS_OBJECT_TYPE_DEFAULT,
                   newer ? NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS_REVISION_2
                         : NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS_REVISION_1,
                   newer ? NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_PARAMETERS_REVISION_2
                         : NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_PARAMETERS_REVISION_1},
        .TicksPerSecond = 1000,
        .TcpAckFrequency = 2,
        .TcpDelayedAckTicks = 200,
        .TcpMaximumRetransmissions = 5,
        .TcpDoubtReachabilityRetransmissions = 3,
        .TcpSwsPreventionTicks = 5000,
        .TcpDuplicateAckThreshold = 2,
        .TcpPushTicks = 500,
        .NceStaleTicks = 30000,
    };
    p->Encapsulation.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION,
                                                   NDIS_OFFLOAD_ENCAPSULATION_REVISION_1,
                                                   NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1};
    p->Encapsulation.IPv4.Enabled =
        c->SupportIPv4 == NDIS_OFFLOAD_SUPPORTED ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF;
    p->Encapsulation.IPv6.Enabled =
        c->SupportIPv6 == NDIS_OFFLOAD_SUPPORTED ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF;
    if (p->Encapsulation.IPv4.Enabled == NDIS_OFFLOAD_SET_ON) {
        p->Encapsulation.IPv4.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
        p->Encapsulation.IPv4.HeaderSize = 14;
    }
    if (p->Encapsulation.IPv6.Enabled == NDIS_OFFLOAD_SET_ON) {
        p->Encapsulation.IPv6.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
        p->Encapsulation.IPv6.HeaderSize = 14;
    }
    return NDIS_STATUS_SUCCESS;
}

bool ndis_offload_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    switch (s->StatusCode) {
    case NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG:
    case NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES:
        return offload_indicated(a, s);
    case NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE:
        return encapsulation_indicated(a, s);
    default:
        return connection_indicated(a, s);
    }
}

void ndis_offload_bind_parameters(struct ndis_adapter *a, NDIS_BIND_PARAMETERS *p,
                                  NDIS_OFFLOAD *copy)
{
    bool present;

    pthread_spin_lock(&a->lock);
    *copy = a->current;
    present = a->offload_set;
    pthread_spin_unlock(&a->lock);
    p->DefaultOffloadConfiguration = present ? copy : NULL;
}

void ndis_adapter_offload(const struct ndis_adapter *a, struct ndis_offload_state *out)
{
    struct ndis_adapter *locking = (struct ndis_adapter *)(uintptr_t)a;

    pthread_spin_lock(&locking->lock);
    out->present = a->offload_set;
    out->hardware = a->hardware;
    out->current = a->current;
    pthread_spin_unlock(&locking->lock);
}
