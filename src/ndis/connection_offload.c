/* SPDX-License-Identifier: MIT */
/*
 * Connection offload, control plane only (group CON): the two views that a miniport reports, the
 * parameters that were last accepted, and the porting summary's set of the hardware capabilities.
 * Nothing here reads or writes what offload.c keeps, and the other way round (CON-10).
 *
 *   hardware: attribute block, then NDIS_STATUS_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES
 *   current:  attribute block, then NDIS_STATUS_OFFLOAD_RESUME, which follows ..._OFFLOAD_PAUSE
 *
 * Pages: NDIS_TCP_CONNECTION_OFFLOAD, OID_TCP_CONNECTION_OFFLOAD_PARAMETERS and its siblings.
 */
#include "ndis/private.h"

/* CON-2, D-23: a report that names neither is none. */
enum { KNOWN = NDIS_ENCAPSULATION_IEEE_802_3 | NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED };

static NDIS_STATUS check(struct ndis_adapter *a, const NDIS_TCP_CONNECTION_OFFLOAD *c,
                         const char *rule)
{
    UCHAR newest = a->driver->chars.MinorNdisVersion == 0 ? NDIS_TCP_CONNECTION_OFFLOAD_REVISION_1
                                                          : NDIS_TCP_CONNECTION_OFFLOAD_REVISION_2;
    bool revision = c->Header.Revision >= NDIS_TCP_CONNECTION_OFFLOAD_REVISION_1 &&
                    c->Header.Revision <= newest;

    if (c->Header.Type == NDIS_OBJECT_TYPE_DEFAULT && revision &&
        c->Header.Size >= NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1)
        return NDIS_STATUS_SUCCESS;
    ndis_adapter_finding(a, rule,
                         "an NDIS_TCP_CONNECTION_OFFLOAD of type 0x%02x revision %u size %u",
                         c->Header.Type, c->Header.Revision, c->Header.Size);
    return revision ? NDIS_STATUS_FAILURE : NDIS_STATUS_BAD_VERSION;
}

static void copy(NDIS_TCP_CONNECTION_OFFLOAD *to, const NDIS_TCP_CONNECTION_OFFLOAD *from)
{
    memset(to, 0, sizeof(*to));
    memcpy(to, from, MIN_OF(sizeof(*to), (size_t)from->Header.Size));
    to->Header.Size = MIN_OF(from->Header.Size, (USHORT)sizeof(*to));
}

static bool on(unsigned field)
{
    return field == NDIS_OFFLOAD_SUPPORTED;
}

/* The first member by which `now` claims more than `hardware`; NULL: none. */
static const char *beyond(const NDIS_TCP_CONNECTION_OFFLOAD *now,
                          const NDIS_TCP_CONNECTION_OFFLOAD *hardware)
{
    if (now->Encapsulation & ~hardware->Encapsulation)
        return "Encapsulation";
    if (on(now->SupportIPv4) && !on(hardware->SupportIPv4))
        return "SupportIPv4";
    if (on(now->SupportIPv6) && !on(hardware->SupportIPv6))
        return "SupportIPv6";
    if (on(now->SupportIPv6ExtensionHeaders) && !on(hardware->SupportIPv6ExtensionHeaders))
        return "SupportIPv6ExtensionHeaders";
    if (on(now->SupportSack) && !on(hardware->SupportSack))
        return "SupportSack";
    return now->TcpConnectionOffloadCapacity > hardware->TcpConnectionOffloadCapacity
               ? "TcpConnectionOffloadCapacity"
               : NULL;
}

static void judge(struct ndis_adapter *a, const NDIS_TCP_CONNECTION_OFFLOAD *now,
                  const NDIS_TCP_CONNECTION_OFFLOAD *hardware)
{
    const char *field = beyond(now, hardware);

    if (!(hardware->Encapsulation & KNOWN))
        return;
    if (!on(hardware->SupportIPv4) && !on(hardware->SupportIPv6))
        ndis_adapter_finding(a, "CON-3", "connection offload for neither IPv4 nor IPv6");
    if (field)
        ndis_adapter_finding(a, "CON-1",
                             "connection offload: %s is on beyond what the hardware can do", field);
}

NDIS_STATUS ndis_connection_attributes(struct ndis_adapter *a,
                                       const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o)
{
    const NDIS_TCP_CONNECTION_OFFLOAD *now = o->DefaultTcpConnectionOffloadConfiguration;
    const NDIS_TCP_CONNECTION_OFFLOAD *hardware = o->TcpConnectionOffloadHardwareCapabilities;
    NDIS_STATUS status;

    if (!now && !hardware)
        return NDIS_STATUS_SUCCESS; /* INIT-15 */
    if (!now || !hardware) {
        ndis_adapter_finding(a, "CON-1", "only one of the two connection offload pointers is set");
        return NDIS_STATUS_FAILURE;
    }
    status = check(a, now, "CON-1");
    if (status == NDIS_STATUS_SUCCESS)
        status = check(a, hardware, "CON-1");
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    judge(a, now, hardware);
    pthread_spin_lock(&a->lock);
    copy(&a->connection_current, now);
    copy(&a->connection_hardware, hardware);
    a->connection_present = (hardware->Encapsulation & KNOWN) != 0;
    pthread_spin_unlock(&a->lock);
    return NDIS_STATUS_SUCCESS;
}

static bool hardware_indicated(struct ndis_adapter *a, const NDIS_TCP_CONNECTION_OFFLOAD *c)
{
    pthread_spin_lock(&a->lock);
    copy(&a->connection_hardware, c);
    if (!a->connection_current.Header.Size) /* none was registered: nothing is on yet */
        a->connection_current.Header = a->connection_hardware.Header;
    a->connection_present = (c->Encapsulation & KNOWN) != 0;
    pthread_spin_unlock(&a->lock);
    return true;
}

static bool resumed(struct ndis_adapter *a, const NDIS_TCP_CONNECTION_OFFLOAD *c)
{
    NDIS_TCP_CONNECTION_OFFLOAD hardware;
    bool paused;

    pthread_spin_lock(&a->lock);
    paused = a->connection_paused;
    a->connection_paused = false;
    hardware = a->connection_hardware;
    if (c)
        copy(&a->connection_current, c);
    pthread_spin_unlock(&a->lock);
    if (!paused)
        ndis_adapter_finding(a, "CON-11", "NDIS_STATUS_OFFLOAD_RESUME without ..._OFFLOAD_PAUSE");
    if (c)
        judge(a, c, &hardware);
    return true;
}

bool ndis_connection_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    const NDIS_TCP_CONNECTION_OFFLOAD *c = s->StatusBuffer;
    bool resume = s->StatusCode == NDIS_STATUS_OFFLOAD_RESUME;
    const char *rule = resume ? "CON-11" : "CON-12";

    if (s->StatusCode == NDIS_STATUS_OFFLOAD_PAUSE) {
        pthread_spin_lock(&a->lock);
        a->connection_paused = true;
        pthread_spin_unlock(&a->lock);
        return true;
    }
    if (resume && !s->StatusBufferSize)
        return resumed(a, NULL); /* nothing changed */
    if (s->StatusBufferSize < NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1) {
        ndis_adapter_finding(a, rule, "an NDIS_TCP_CONNECTION_OFFLOAD in %u bytes",
                             s->StatusBufferSize);
        return false;
    }
    if (check(a, c, rule) != NDIS_STATUS_SUCCESS)
        return false;
    if (c->Header.Size > s->StatusBufferSize) {
        ndis_adapter_finding(a, rule, "an NDIS_TCP_CONNECTION_OFFLOAD of Size %u in %u bytes",
                             c->Header.Size, s->StatusBufferSize);
        return false;
    }
    return resume ? resumed(a, c) : hardware_indicated(a, c);
}

bool ndis_connection_view(struct ndis_adapter *a, bool hardware, NDIS_TCP_CONNECTION_OFFLOAD *out)
{
    bool present;

    pthread_spin_lock(&a->lock);
    present = a->connection_present;
    *out = hardware ? a->connection_hardware : a->connection_current;
    pthread_spin_unlock(&a->lock);
    return present;
}

void ndis_connection_record(struct ndis_adapter *a, const void *buffer, ULONG bytes)
{
    const NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS *p = buffer;
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS before;
    ULONG size;

    if (bytes < NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_PARAMETERS_REVISION_1 ||
        p->Header.Size < NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_PARAMETERS_REVISION_1 ||
        p->Header.Size > bytes) {
        ndis_adapter_finding(a, "CON-8", "accepted a set of the connection parameters of %u bytes",
                             bytes);
        return;
    }
    size = MIN_OF((ULONG)p->Header.Size, (ULONG)sizeof(before));
    pthread_spin_lock(&a->lock);
    before = a->connection_parameters;
    memcpy(&a->connection_parameters, p, size);
    a->connection_parameters.Header.Size = (USHORT)size;
    ndis_encapsulation_merge(&before.Encapsulation, &p->Encapsulation,
                             a->connection_parameters_bytes != 0);
    a->connection_parameters.Encapsulation = before.Encapsulation;
    a->connection_parameters_bytes = size;
    pthread_spin_unlock(&a->lock);
}

ULONG ndis_connection_parameters(struct ndis_adapter *a,
                                 NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS *out)
{
    ULONG bytes;

    pthread_spin_lock(&a->lock);
    *out = a->connection_parameters;
    bytes = a->connection_parameters_bytes;
    pthread_spin_unlock(&a->lock);
    return bytes;
}

/* Numbers other than Encapsulation are the defaults of the parameters page. */
static void defaults(NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS *p, bool newer)
{
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
}

NDIS_STATUS ndis_connection_translate(struct ndis_adapter *a, NDIS_OID_REQUEST *r,
                                      NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS *p)
{
    const NDIS_TCP_CONNECTION_OFFLOAD *c = r->DATA.SET_INFORMATION.InformationBuffer;
    ULONG bytes = r->DATA.SET_INFORMATION.InformationBufferLength;
    NDIS_OFFLOAD_ENCAPSULATION *e = &p->Encapsulation;
    bool snap;

    r->SupportedRevision = NDIS_TCP_CONNECTION_OFFLOAD_REVISION_1;
    r->DATA.SET_INFORMATION.BytesRead = 0;
    if (!c || bytes < NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1) {
        r->DATA.SET_INFORMATION.BytesNeeded = NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1;
        return NDIS_STATUS_INVALID_LENGTH;
    }
    if (c->Header.Type != NDIS_OBJECT_TYPE_DEFAULT || !c->Header.Revision ||
        c->Header.Size < NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1 || c->Header.Size > bytes)
        return NDIS_STATUS_INVALID_PARAMETER;
    defaults(p, ndis_offload_revision(a->driver) >= NDIS_OFFLOAD_REVISION_3);
    snap = (c->Encapsulation & KNOWN) == NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;
    e->IPv4.Enabled = on(c->SupportIPv4) ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF;
    e->IPv6.Enabled = on(c->SupportIPv6) ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF;
    if (on(c->SupportIPv4)) {
        e->IPv4.EncapsulationType =
            snap ? NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED : NDIS_ENCAPSULATION_IEEE_802_3;
        e->IPv4.HeaderSize = snap ? 22 : 14;
    }
    if (on(c->SupportIPv6)) {
        e->IPv6.EncapsulationType =
            snap ? NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED : NDIS_ENCAPSULATION_IEEE_802_3;
        e->IPv6.HeaderSize = snap ? 22 : 14;
    }
    return NDIS_STATUS_SUCCESS;
}

void ndis_connection_reset(struct ndis_adapter *a)
{
    pthread_spin_lock(&a->lock);
    a->connection_present = false;
    a->connection_paused = false;
    memset(&a->connection_hardware, 0, sizeof(a->connection_hardware));
    memset(&a->connection_current, 0, sizeof(a->connection_current));
    a->connection_parameters_bytes = 0;
    pthread_spin_unlock(&a->lock);
}
