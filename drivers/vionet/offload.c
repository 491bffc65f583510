/* SPDX-License-Identifier: MIT */
/*
 * Task offload as NDIS sees it: what the card can do, what is switched on, and the two OIDs that
 * change it.
 *
 * able comes from the negotiated features and never changes; value is what keywords and
 * OID_TCP_OFFLOAD_PARAMETERS ask of it; receive work also waits for OID_OFFLOAD_ENCAPSULATION. The
 * sum of all three is the word `on`, which the data path reads.
 */
#include "vionet.h"

enum {
    TRANSMIT = 1,
    RECEIVE = 2,
    MIN_SEGMENTS = 2,
    /* Tagged frames are cut and summed alike, wherever the tag is handed down. */
    TRANSMIT_FRAMES = NDIS_ENCAPSULATION_IEEE_802_3 | NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q |
                      NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB,
    HEADER_PLAIN = 14,
    HEADER_TAGGED = 18,
    HEADER_SNAP = 8, /* on top */
    PARAMETERS_BYTES = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1,
    ENCAPSULATION_BYTES = NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1,
};

/* Transmit bits of the keywords stand in the order of the keywords. */
_Static_assert(VIONET_TX_IP4 == 1 << VIONET_IP4 && VIONET_TX_UDP6 == 1 << VIONET_UDP6 &&
                   VIONET_ON_LSO2_4 == 1 << VIONET_LSO2_4 &&
                   VIONET_ON_LSO2_6 == 1 << VIONET_LSO2_6 && VIONET_ON_LSO1 == 1 << VIONET_LSO1,
               "order");

void vionet_offload_init(struct vionet_adapter *a)
{
    struct vionet_offload *o = &a->offload;
    BOOLEAN tx = vionet_has(a, VIRTIO_NET_F_CSUM);
    UCHAR both =
        (UCHAR)((tx ? TRANSMIT : 0) | (vionet_has(a, VIRTIO_NET_F_GUEST_CSUM) ? RECEIVE : 0));

    /* Plain virtio gives no verdict on IPv4 headers. On transmit translate.c asks the card, or
     * patches the header where the card cannot be asked. */
    o->able[VIONET_IP4] =
        (UCHAR)((tx ? TRANSMIT : 0) | (vionet_has_vendor(a, LONGSHORE_F_VERDICTS) ? RECEIVE : 0));
    o->able[VIONET_TCP4] = o->able[VIONET_UDP4] = both;
    o->able[VIONET_TCP6] = o->able[VIONET_UDP6] = both;
    o->able[VIONET_LSO2_4] = tx && vionet_has(a, VIRTIO_NET_F_HOST_TSO4);
    o->able[VIONET_LSO2_6] = tx && vionet_has(a, VIRTIO_NET_F_HOST_TSO6);
    o->able[VIONET_LSO1] = o->able[VIONET_LSO2_4]; /* the card does not tell them apart */
    NdisMoveMemory(o->value, o->able, sizeof o->value);
    o->encapsulated4 = o->encapsulated6 = FALSE;
    vionet_offload_update(a);
}

void vionet_offload_update(struct vionet_adapter *a)
{
    struct vionet_offload *o = &a->offload;
    LONG on = 0;

    NdisAcquireSpinLock(&o->lock);
    for (ULONG i = 0; i < VIONET_KEYWORDS; i++) {
        o->value[i] &= o->able[i];
        if (o->value[i] & TRANSMIT)
            on |= 1 << i;
    }
    if (o->encapsulated4)
        on |= (o->value[VIONET_IP4] & RECEIVE ? VIONET_RX_IP4 : 0) |
              (o->value[VIONET_TCP4] & RECEIVE ? VIONET_RX_TCP4 : 0) |
              (o->value[VIONET_UDP4] & RECEIVE ? VIONET_RX_UDP4 : 0);
    if (o->encapsulated6)
        on |= (o->value[VIONET_TCP6] & RECEIVE ? VIONET_RX_TCP6 : 0) |
              (o->value[VIONET_UDP6] & RECEIVE ? VIONET_RX_UDP6 : 0);
    InterlockedExchange(&o->on, on);
    NdisReleaseSpinLock(&o->lock);
}

/* ---- Description ---------------------------------------------------------------------------- */

static ULONG snap_encapsulation(const struct vionet_adapter *a)
{
    return vionet_has_vendor(a, LONGSHORE_F_SNAP) ? NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED : 0;
}

static void describe_checksum(const struct vionet_adapter *a, const UCHAR *v,
                              NDIS_TCP_IP_CHECKSUM_OFFLOAD *c)
{
    const ULONG tx = TRANSMIT_FRAMES | snap_encapsulation(a);
    const ULONG rx = NDIS_ENCAPSULATION_IEEE_802_3 | snap_encapsulation(a);
    UCHAR any4 = v[VIONET_TCP4] | v[VIONET_UDP4], any6 = v[VIONET_TCP6] | v[VIONET_UDP6];

    c->IPv4Transmit.Encapsulation = (any4 | v[VIONET_IP4]) & TRANSMIT ? tx : 0;
    c->IPv4Transmit.IpChecksum = v[VIONET_IP4] & TRANSMIT;
    c->IPv4Transmit.IpOptionsSupported = v[VIONET_IP4] & TRANSMIT;
    c->IPv4Transmit.TcpChecksum = v[VIONET_TCP4] & TRANSMIT;
    c->IPv4Transmit.TcpOptionsSupported = v[VIONET_TCP4] & TRANSMIT;
    c->IPv4Transmit.UdpChecksum = v[VIONET_UDP4] & TRANSMIT;

    any4 |= v[VIONET_IP4];
    c->IPv4Receive.Encapsulation = any4 & RECEIVE ? rx : 0;
    c->IPv4Receive.IpChecksum = (v[VIONET_IP4] & RECEIVE) != 0;
    c->IPv4Receive.IpOptionsSupported = (v[VIONET_IP4] & RECEIVE) != 0;
    c->IPv4Receive.TcpChecksum = (v[VIONET_TCP4] & RECEIVE) != 0;
    c->IPv4Receive.TcpOptionsSupported = (v[VIONET_TCP4] & RECEIVE) != 0;
    c->IPv4Receive.UdpChecksum = (v[VIONET_UDP4] & RECEIVE) != 0;

    c->IPv6Transmit.Encapsulation = any6 & TRANSMIT ? tx : 0;
    c->IPv6Transmit.TcpChecksum = v[VIONET_TCP6] & TRANSMIT;
    c->IPv6Transmit.TcpOptionsSupported = v[VIONET_TCP6] & TRANSMIT;
    c->IPv6Transmit.IpExtensionHeadersSupported = v[VIONET_TCP6] & TRANSMIT;
    c->IPv6Transmit.UdpChecksum = v[VIONET_UDP6] & TRANSMIT;

    c->IPv6Receive.Encapsulation = any6 & RECEIVE ? rx : 0;
    c->IPv6Receive.TcpChecksum = (v[VIONET_TCP6] & RECEIVE) != 0;
    c->IPv6Receive.TcpOptionsSupported = (v[VIONET_TCP6] & RECEIVE) != 0;
    c->IPv6Receive.IpExtensionHeadersSupported = (v[VIONET_TCP6] & RECEIVE) != 0;
    c->IPv6Receive.UdpChecksum = (v[VIONET_UDP6] & RECEIVE) != 0;
}

static void describe_large_send(const struct vionet_adapter *a, const UCHAR *v,
                                NDIS_TCP_LARGE_SEND_OFFLOAD_V1 *v1,
                                NDIS_TCP_LARGE_SEND_OFFLOAD_V2 *l)
{
    const ULONG tx = TRANSMIT_FRAMES | snap_encapsulation(a);

    if (v[VIONET_LSO1]) {
        v1->IPv4.Encapsulation = tx;
        v1->IPv4.MaxOffLoadSize = VIONET_MAX_OFFLOAD;
        v1->IPv4.MinSegmentCount = MIN_SEGMENTS;
        v1->IPv4.TcpOptions = NDIS_OFFLOAD_SUPPORTED;
        v1->IPv4.IpOptions = NDIS_OFFLOAD_SUPPORTED;
    }
    if (v[VIONET_LSO2_4]) {
        l->IPv4.Encapsulation = tx;
        l->IPv4.MaxOffLoadSize = VIONET_MAX_OFFLOAD;
        l->IPv4.MinSegmentCount = MIN_SEGMENTS;
    }
    if (v[VIONET_LSO2_6]) {
        l->IPv6.Encapsulation = tx;
        l->IPv6.MaxOffLoadSize = VIONET_MAX_OFFLOAD;
        l->IPv6.MinSegmentCount = MIN_SEGMENTS;
        l->IPv6.IpExtensionHeadersSupported = NDIS_OFFLOAD_SUPPORTED;
        l->IPv6.TcpOptionsSupported = NDIS_OFFLOAD_SUPPORTED;
    }
}

void vionet_offload_describe(const struct vionet_adapter *a, BOOLEAN hardware, NDIS_OFFLOAD *out)
{
    const UCHAR *v = hardware ? a->offload.able : a->offload.value;

    NdisZeroMemory(out, sizeof *out);
    out->Header.Type = NDIS_OBJECT_TYPE_OFFLOAD;
    out->Header.Revision = NDIS_OFFLOAD_REVISION_1;
    out->Header.Size = NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1;
    describe_checksum(a, v, &out->Checksum);
    describe_large_send(a, v, &out->LsoV1, &out->LsoV2);
}

static BOOLEAN offers_anything(const struct vionet_adapter *a)
{
    UCHAR any = 0;

    for (ULONG i = 0; i < VIONET_KEYWORDS; i++)
        any |= a->offload.able[i];
    return any != 0;
}

/* Every binding gets to know, whoever asked for the change. */
static void indicate_configuration(struct vionet_adapter *a)
{
    NDIS_STATUS_INDICATION s;
    NDIS_OFFLOAD current;

    vionet_offload_describe(a, FALSE, &current);
    NdisZeroMemory(&s, sizeof s);
    s.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    s.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    s.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    s.SourceHandle = a->handle;
    s.StatusCode = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;
    s.StatusBuffer = &current;
    s.StatusBufferSize = NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1;
    NdisMIndicateStatusEx(a->handle, &s);
}

/* ---- OID_TCP_OFFLOAD_PARAMETERS ------------------------------------------------------- */

/* Off, transmit, receive, both; 0 leaves it. FALSE: no such value, or more than the card can. */
static BOOLEAN want_checksum(UCHAR field, UCHAR able, UCHAR *value)
{
    UCHAR wanted;

    if (field == NDIS_OFFLOAD_PARAMETERS_NO_CHANGE)
        return TRUE;
    wanted = (UCHAR)(field - NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED);
    if (field > NDIS_OFFLOAD_PARAMETERS_TX_RX_ENABLED || (wanted & ~able))
        return FALSE;
    *value = wanted;
    return TRUE;
}

static BOOLEAN want_switch(UCHAR field, UCHAR able, UCHAR *value)
{
    if (field > NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED ||
        (field == NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED && !able))
        return FALSE;
    if (field != NDIS_OFFLOAD_PARAMETERS_NO_CHANGE)
        *value = field == NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED;
    return TRUE;
}

/* What this card never has can be left alone or switched off. */
static BOOLEAN nothing_absent(const NDIS_OFFLOAD_PARAMETERS *p)
{
    UCHAR unused;

    return want_switch(p->IPsecV1, FALSE, &unused) &&
           want_switch(p->TcpConnectionIPv4, FALSE, &unused) &&
           want_switch(p->TcpConnectionIPv6, FALSE, &unused);
}

static BOOLEAN parameters_fit(const NDIS_OFFLOAD_PARAMETERS *p, const UCHAR *able, UCHAR *value)
{
    return !(p->Flags & ~(ULONG)NDIS_OFFLOAD_PARAMETERS_SKIP_REGISTRY_UPDATE) &&
           nothing_absent(p) &&
           want_checksum(p->IPv4Checksum, able[VIONET_IP4], &value[VIONET_IP4]) &&
           want_checksum(p->TCPIPv4Checksum, able[VIONET_TCP4], &value[VIONET_TCP4]) &&
           want_checksum(p->UDPIPv4Checksum, able[VIONET_UDP4], &value[VIONET_UDP4]) &&
           want_checksum(p->TCPIPv6Checksum, able[VIONET_TCP6], &value[VIONET_TCP6]) &&
           want_checksum(p->UDPIPv6Checksum, able[VIONET_UDP6], &value[VIONET_UDP6]) &&
           want_switch(p->LsoV1, able[VIONET_LSO1], &value[VIONET_LSO1]) &&
           want_switch(p->LsoV2IPv4, able[VIONET_LSO2_4], &value[VIONET_LSO2_4]) &&
           want_switch(p->LsoV2IPv6, able[VIONET_LSO2_6], &value[VIONET_LSO2_6]);
}

/* Copies the request's structure; other than success is the request's status. */
static NDIS_STATUS read_set(NDIS_OID_REQUEST *r, PVOID to, ULONG bytes, UCHAR type)
{
    ULONG have = r->DATA.SET_INFORMATION.InformationBufferLength;
    NDIS_OBJECT_HEADER *header = to;

    if (r->RequestType != NdisRequestSetInformation)
        return NDIS_STATUS_NOT_SUPPORTED;
    if (have < bytes || !r->DATA.SET_INFORMATION.InformationBuffer) {
        r->DATA.SET_INFORMATION.BytesNeeded = bytes;
        return NDIS_STATUS_INVALID_LENGTH;
    }
    NdisMoveMemory(to, r->DATA.SET_INFORMATION.InformationBuffer, bytes);
    if (header->Type != type || header->Revision == 0 || header->Size < bytes ||
        header->Size > have)
        return NDIS_STATUS_INVALID_DATA;
    return NDIS_STATUS_SUCCESS;
}

static void accept_set(struct vionet_adapter *a, NDIS_OID_REQUEST *r, ULONG bytes)
{
    vionet_offload_update(a);
    r->DATA.SET_INFORMATION.BytesRead = bytes;
    r->SupportedRevision = 1;
    indicate_configuration(a);
}

NDIS_STATUS vionet_offload_parameters(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    UCHAR value[VIONET_KEYWORDS];
    NDIS_OFFLOAD_PARAMETERS p;
    NDIS_STATUS status;

    if (!offers_anything(a))
        return NDIS_STATUS_NOT_SUPPORTED;
    status = read_set(r, &p, PARAMETERS_BYTES, NDIS_OBJECT_TYPE_DEFAULT);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    NdisMoveMemory(value, a->offload.value, sizeof value);
    if (!parameters_fit(&p, a->offload.able, value))
        return NDIS_STATUS_INVALID_DATA;
    NdisAcquireSpinLock(&a->offload.lock);
    NdisMoveMemory(a->offload.value, value, sizeof value);
    NdisReleaseSpinLock(&a->offload.lock);
    accept_set(a, r, PARAMETERS_BYTES);
    return NDIS_STATUS_SUCCESS;
}

/* ---- OID_OFFLOAD_ENCAPSULATION -------------------------------------------------------- */

/* Whether we know the shape: plain or tagged. */
static BOOLEAN encapsulation_known(const struct vionet_adapter *a, ULONG type, ULONG header)
{
    if (type == NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED && snap_encapsulation(a))
        return header == HEADER_PLAIN + HEADER_SNAP || header == HEADER_TAGGED + HEADER_SNAP;
    return type == NDIS_ENCAPSULATION_IEEE_802_3 &&
           (header == HEADER_PLAIN || header == HEADER_TAGGED);
}

/* One family. Headers are found frame by frame, whichever of the shapes was named. */
static NDIS_STATUS want_encapsulation(const struct vionet_adapter *a, ULONG enabled, ULONG type,
                                      ULONG header, BOOLEAN *active)
{
    if (enabled > NDIS_OFFLOAD_SET_OFF)
        return NDIS_STATUS_INVALID_DATA;
    if (enabled == NDIS_OFFLOAD_SET_OFF)
        *active = FALSE;
    if (enabled != NDIS_OFFLOAD_SET_ON)
        return NDIS_STATUS_SUCCESS;
    if (!encapsulation_known(a, type, header))
        return NDIS_STATUS_INVALID_PARAMETER;
    *active = TRUE;
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS vionet_offload_encapsulation(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    BOOLEAN active4 = a->offload.encapsulated4, active6 = a->offload.encapsulated6;
    NDIS_OFFLOAD_ENCAPSULATION e;
    NDIS_STATUS status;

    if (!offers_anything(a))
        return NDIS_STATUS_NOT_SUPPORTED;
    status = read_set(r, &e, ENCAPSULATION_BYTES, NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION);
    if (status == NDIS_STATUS_SUCCESS)
        status = want_encapsulation(a, e.IPv4.Enabled, e.IPv4.EncapsulationType, e.IPv4.HeaderSize,
                                    &active4);
    if (status == NDIS_STATUS_SUCCESS)
        status = want_encapsulation(a, e.IPv6.Enabled, e.IPv6.EncapsulationType, e.IPv6.HeaderSize,
                                    &active6);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    NdisAcquireSpinLock(&a->offload.lock);
    a->offload.encapsulated4 = active4;
    a->offload.encapsulated6 = active6;
    NdisReleaseSpinLock(&a->offload.lock);
    accept_set(a, r, ENCAPSULATION_BYTES);
    return NDIS_STATUS_SUCCESS;
}
