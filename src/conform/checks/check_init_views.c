/* SPDX-License-Identifier: MIT */
/* What the driver says is on and what it says its hardware can do, under keywords. */
#include "conform/keyword.h"
#include "conform/packet.h"
#include "conform/watch.h"

/* ---- The two views, member by member -------------------------------------------------------- */

enum how { FLAG, MASK, MOST, LEAST };

struct member {
    const char *name;
    enum how how;
    uint32_t now, hardware;
};

/* A feature reads as on only with 1 (D-3). */
#define FLAG_OF(part, field)                                                                       \
    {                                                                                              \
#part "." #field, FLAG, n->part.field == NDIS_OFFLOAD_SUPPORTED,                           \
            h->part.field == NDIS_OFFLOAD_SUPPORTED                                                \
    }
#define MASK_OF(part)                                                                              \
    {                                                                                              \
#part ".Encapsulation", MASK, n->part.Encapsulation, h->part.Encapsulation                 \
    }
#define LARGE_OF(part)                                                                             \
    {#part ".MaxOffLoadSize", MOST, n->part.MaxOffLoadSize, h->part.MaxOffLoadSize},               \
    {                                                                                              \
#part ".MinSegmentCount", LEAST, n->part.Encapsulation ? n->part.MinSegmentCount : ~0u,    \
            h->part.MinSegmentCount                                                                \
    }

enum { MEMBERS = 40 };

static unsigned list_members(const NDIS_OFFLOAD *n, const NDIS_OFFLOAD *h, struct member *out)
{
    const struct member all[] = {
        MASK_OF(Checksum.IPv4Transmit),
        FLAG_OF(Checksum.IPv4Transmit, IpOptionsSupported),
        FLAG_OF(Checksum.IPv4Transmit, TcpOptionsSupported),
        FLAG_OF(Checksum.IPv4Transmit, TcpChecksum),
        FLAG_OF(Checksum.IPv4Transmit, UdpChecksum),
        FLAG_OF(Checksum.IPv4Transmit, IpChecksum),
        MASK_OF(Checksum.IPv4Receive),
        FLAG_OF(Checksum.IPv4Receive, IpOptionsSupported),
        FLAG_OF(Checksum.IPv4Receive, TcpOptionsSupported),
        FLAG_OF(Checksum.IPv4Receive, TcpChecksum),
        FLAG_OF(Checksum.IPv4Receive, UdpChecksum),
        FLAG_OF(Checksum.IPv4Receive, IpChecksum),
        MASK_OF(Checksum.IPv6Transmit),
        FLAG_OF(Checksum.IPv6Transmit, IpExtensionHeadersSupported),
        FLAG_OF(Checksum.IPv6Transmit, TcpOptionsSupported),
        FLAG_OF(Checksum.IPv6Transmit, TcpChecksum),
        FLAG_OF(Checksum.IPv6Transmit, UdpChecksum),
        MASK_OF(Checksum.IPv6Receive),
        FLAG_OF(Checksum.IPv6Receive, IpExtensionHeadersSupported),
        FLAG_OF(Checksum.IPv6Receive, TcpOptionsSupported),
        FLAG_OF(Checksum.IPv6Receive, TcpChecksum),
        FLAG_OF(Checksum.IPv6Receive, UdpChecksum),
        MASK_OF(LsoV1.IPv4),
        LARGE_OF(LsoV1.IPv4),
        FLAG_OF(LsoV1.IPv4, TcpOptions),
        FLAG_OF(LsoV1.IPv4, IpOptions),
        MASK_OF(LsoV2.IPv4),
        LARGE_OF(LsoV2.IPv4),
        MASK_OF(LsoV2.IPv6),
        LARGE_OF(LsoV2.IPv6),
        FLAG_OF(LsoV2.IPv6, IpExtensionHeadersSupported),
        FLAG_OF(LsoV2.IPv6, TcpOptionsSupported),
    };

    _Static_assert(ARRAY_LEN(all) <= MEMBERS, "room");
    memcpy(out, all, sizeof all);
    return (unsigned)ARRAY_LEN(all);
}

static bool within(const struct member *m)
{
    switch (m->how) {
    case MOST:
        return m->now <= m->hardware;
    case LEAST:
        return m->now >= m->hardware;
    default:
        return (m->now & ~m->hardware) == 0;
    }
}

/* ---- Keywords and what they govern ---------------------------------------------------------- */

static bool has_any(const NDIS_OFFLOAD *o)
{
    for (enum feature i = 0; i < FEATURES; i++) {
        if (feature_listed(o, i))
            return true;
    }
    return false;
}

/* Values: NULL leaves out. All the rest follows the .inf. */
static void open_with(struct rig *r, const char *value)
{
    static const char *pairs[2 * (FEATURES + 2) + 1] = {
        [2 * FEATURES] = "*TCPUDPChecksumOffloadIPv4",
        [2 * FEATURES + 2] = "*TCPUDPChecksumOffloadIPv6"};

    for (enum feature i = 0; i < FEATURES; i++) {
        pairs[2 * i] = feature_keyword(i);
        pairs[2 * i + 1] = value;
    }
    rig_open(r, &(struct rig_config){.no_bind = true, .keywords = pairs});
    need(r, watch_attributes()->offload_set && has_any(&watch_attributes()->hardware),
         "task offload");
}

static void set_all(struct rig *r, const char *value)
{
    for (enum feature i = 0; i < FEATURES; i++)
        reg_set_sz(r->key, feature_keyword(i), value);
    rig_again(r);
}

static void expect_same_hardware(struct rig *r, const NDIS_OFFLOAD *before)
{
    expect_bytes(r, "HardwareOffloadCapabilities", &watch_attributes()->hardware, before,
                 NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
}

/* ---- Checks --------------------------------------------------------------------------------- */

CHECK("INIT-7", one_view_follows_keywords_the_other_does_not)
{
    const struct watch_attributes *a = watch_attributes();
    NDIS_OFFLOAD hardware;

    open_with(r, NULL);
    hardware = a->hardware;
    about(r, "every offload keyword at 0");
    set_all(r, "0");
    expect(r, a->offload.DefaultOffloadConfiguration && a->offload.HardwareOffloadCapabilities,
           "both pointers", "set", "one is NULL");
    expect_same_hardware(r, &hardware);
    expect(r, !has_any(&a->now), "DefaultOffloadConfiguration", "nothing on", "something is on");
}

CHECK("INIT-8", nothing_is_on_that_the_hardware_cannot)
{
    static const char *const values[] = {"as in the .inf", "0", "1", "2", "3"};
    const struct watch_attributes *a = watch_attributes();
    struct member m[MEMBERS];

    rig_open(r, &(struct rig_config){.no_bind = true});
    need(r, a->offload_set && has_any(&a->hardware), "task offload");
    for (unsigned v = 0; v < ARRAY_LEN(values); v++) {
        unsigned n;

        if (v)
            set_all(r, values[v]);
        about(r, "offload keywords: %s", values[v]);
        n = list_members(&a->now, &a->hardware, m);
        for (unsigned i = 0; i < n; i++)
            expect(r, within(&m[i]), m[i].name,
                   "in DefaultOffloadConfiguration no more than in "
                   "HardwareOffloadCapabilities",
                   "%u (0x%x), the hardware %u (0x%x)", m[i].now, m[i].now, m[i].hardware,
                   m[i].hardware);
    }
}

CHECK("INIT-12", without_keywords_all_is_on)
{
    struct member m[MEMBERS];
    unsigned n;

    open_with(r, NULL);
    about(r, "no offload keyword is present");
    n = list_members(&watch_attributes()->now, &watch_attributes()->hardware, m);
    for (unsigned i = 0; i < n; i++) {
        if (m[i].how == FLAG || m[i].how == MASK)
            expect(r, (m[i].hardware & ~m[i].now) == 0, m[i].name, "on, as the hardware has it",
                   "0x%x, the hardware 0x%x", m[i].now, m[i].hardware);
    }
}

CHECK("INIT-13", off_by_keyword_but_in_the_hardware)
{
    const struct watch_attributes *a = watch_attributes();
    NDIS_OFFLOAD hardware;

    open_with(r, NULL);
    hardware = a->hardware;
    for (enum feature i = 0; i < FEATURES; i++) {
        if (!feature_listed(&hardware, i))
            continue;
        reg_set_sz(r->key, feature_keyword(i), "0");
        rig_again(r);
        about(r, "%s at 0", feature_keyword(i));
        expect(r, !feature_listed(&a->now, i), "DefaultOffloadConfiguration",
               "without what it governs", "it is on");
        expect_same_hardware(r, &hardware);
        reg_delete(r->key, feature_keyword(i));
    }
}

CHECK("INIT-14", no_verdict_before_the_first_encapsulation_set)
{
    static struct packet k;
    NDIS_OFFLOAD now;

    rig_open(r, &(struct rig_config){.no_activate = true});
    need(r, rig_has_wire(r), "a network card below the driver");
    now = rig_offload(r).current;
    need(r, now.Checksum.IPv4Receive.Encapsulation || now.Checksum.IPv6Receive.Encapsulation,
         "receive checksum offload");
    for (unsigned i = 0; i < 8; i++) {
        struct frame_recipe recipe = packet_recipe_in(r, i & 1 ? 6 : 4, i & 2 ? 17 : 6, 200);
        const struct rig_received *got;

        packet_build(&k, &recipe);
        if (i & 4) /* and as it does when it is wrong */
            k.bytes[k.len - 1] ^= 0x55;
        about(r, "IPv%u %s, checksum %s, before activation", k.version,
              k.proto == 6 ? "TCP" : "UDP", i & 4 ? "wrong" : "right");
        got = rig_arrive(r, k.bytes, k.len);
        if (expect(r, got != NULL, "the frame", "indicated", "not indicated"))
            expect_equal(r, "checksum slot", got->oob[TcpIpChecksumNetBufferListInfo], 0);
    }
}
