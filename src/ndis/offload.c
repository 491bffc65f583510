/* SPDX-License-Identifier: MIT */
/*
 * The two offload views of an adapter: what its hardware can do and what is switched on
 * (requirements, "State model"). Both begin with the attribute block and follow the miniport's
 * indications; queries, bind parameters and the observer's copy come from here.
 */
#include "ndis/private.h"

#include "nt/processor.h"

enum { FOLLOW_SECONDS = 2 };

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
    a->encapsulation_set = false;
    a->shrunk_ns = 0;
    memset(&a->hardware, 0, sizeof(a->hardware));
    memset(&a->current, 0, sizeof(a->current));
    pthread_spin_unlock(&a->lock);
    atomic_store(&a->rx_validation, false);
    ndis_connection_reset(a);
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

/* The words that hold two-bit features, and the upper bit of each (CAP-17). */
#define FEATURES(part, before) offsetof(NDIS_OFFLOAD, part) + (before)
static const struct {
    size_t at;
    ULONG upper;
} feature_words[] = {
    {FEATURES(Checksum.IPv4Transmit, 4), 0x2aa},
    {FEATURES(Checksum.IPv4Receive, 4), 0x2aa},
    {FEATURES(Checksum.IPv6Transmit, 4), 0xaa},
    {FEATURES(Checksum.IPv6Receive, 4), 0xaa},
    {FEATURES(LsoV1.IPv4, 12), 0xa},
    {FEATURES(LsoV2.IPv6, 12), 0xa},
};

/* 2 is "off" in an indication, and 0 in an answer; 3 is nothing at all. */
static void features_plain(NDIS_OFFLOAD *o)
{
    for (size_t i = 0; i < ARRAY_LEN(feature_words); i++) {
        uint8_t *at = (uint8_t *)o + feature_words[i].at;
        ULONG word, off;

        memcpy(&word, at, sizeof(word));
        off = word & feature_words[i].upper;
        word &= ~(off | off >> 1);
        memcpy(at, &word, sizeof(word));
    }
}

static bool features_are_plain(const NDIS_OFFLOAD *o)
{
    ULONG word, all = 0;

    for (size_t i = 0; i < ARRAY_LEN(feature_words); i++) {
        memcpy(&word, (const uint8_t *)o + feature_words[i].at, sizeof(word));
        all |= word & feature_words[i].upper;
    }
    return all == 0;
}

static void offload_copy(NDIS_OFFLOAD *to, const NDIS_OFFLOAD *from)
{
    USHORT size = MIN_OF(from->Header.Size, ndis_offload_size(from->Header.Revision));

    memset(to, 0, sizeof(*to));
    memcpy(to, from, MIN_OF(sizeof(*to), (size_t)size));
    to->Header.Size = size;
    features_plain(to);
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
        if (!features_are_plain(now) || !features_are_plain(hardware))
            ndis_adapter_finding(a, "CAP-17",
                                 "a feature in the offload attributes is neither 0 nor 1");
    }
    status = ndis_connection_attributes(a, o);
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
    bool hardware = s->StatusCode == NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, within;
    const char *field;

    if (ndis_offload_check(a, o, s->StatusBufferSize, "CFG-8") != NDIS_STATUS_SUCCESS)
        return false;
    pthread_spin_lock(&a->lock);
    offload_copy(hardware ? &a->hardware : &a->current, o);
    if (!a->offload_set && hardware)
        offload_copy(&a->current, o);
    a->offload_set = true;
    within = ndis_offload_within(&a->current, &a->hardware, &field);
    a->shrunk_ns = within || !hardware ? 0 : nt_now_ns();
    pthread_spin_unlock(&a->lock);
    if (!hardware && !within)
        ndis_adapter_finding(a, "CFG-7", "indicated %s as on, beyond what the hardware can do",
                             field);
    return true;
}

/* A shrinking hardware view is to be followed by a current one, unless that came before (CFG-14).
 */
void ndis_offload_check_time(struct ndis_adapter *a)
{
    uint64_t limit = (uint64_t)(FOLLOW_SECONDS * ndis_time_factor * 1e9), now = nt_now_ns();
    bool late;

    pthread_spin_lock(&a->lock);
    late = a->shrunk_ns && now > a->shrunk_ns + limit;
    if (late)
        a->shrunk_ns = 0;
    pthread_spin_unlock(&a->lock);
    if (late)
        ndis_adapter_finding(a, "CFG-14",
                             "the hardware lost something that is on, and no current "
                             "configuration without it was indicated within %d s",
                             FOLLOW_SECONDS);
}

void ndis_encapsulation_merge(NDIS_OFFLOAD_ENCAPSULATION *known,
                              const NDIS_OFFLOAD_ENCAPSULATION *now, bool was_set)
{
    NDIS_OFFLOAD_ENCAPSULATION before = {0};

    if (was_set)
        before = *known;
    memcpy(known, now, sizeof(*known));
    if (known->IPv4.Enabled == NDIS_OFFLOAD_SET_NO_CHANGE)
        memcpy(&known->IPv4, &before.IPv4, sizeof(known->IPv4));
    if (known->IPv6.Enabled == NDIS_OFFLOAD_SET_NO_CHANGE)
        memcpy(&known->IPv6, &before.IPv6, sizeof(known->IPv6));
}

static bool encapsulation_indicated(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    const NDIS_OFFLOAD_ENCAPSULATION *e = s->StatusBuffer;

    if (s->StatusBufferSize < NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1 ||
        e->Header.Type != NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION ||
        e->Header.Revision < NDIS_OFFLOAD_ENCAPSULATION_REVISION_1 ||
        e->Header.Size < NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1 ||
        e->Header.Size > s->StatusBufferSize) {
        ndis_adapter_finding(
            a, "ENC-25", "an encapsulation change with a bad NDIS_OFFLOAD_ENCAPSULATION (%u bytes)",
            s->StatusBufferSize);
        return false;
    }
    pthread_spin_lock(&a->lock);
    ndis_encapsulation_merge(&a->encapsulation, e, a->encapsulation_set);
    a->encapsulation_set = true;
    pthread_spin_unlock(&a->lock);
    atomic_store(&a->rx_validation, false); /* asked anew: it may be off now */
    return true;
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
        return ndis_connection_indicated(a, s);
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
