/* SPDX-License-Identifier: MIT */
/* Reports as a whole: checksums alone, sizes and segment counts at their limits, everything listed
 * in turn; and what the overlying protocol makes of a report. */
#include "conform/promise.h"
#include "conform/stack.h"
#include "conform/view.h"

enum {
    MSS = 1400,
    LARGEST = RIG_FRAME - 256, /* what the rig can hand down */
    BEYOND_64K = 0x40000,
    STACK_LARGE_PAYLOAD = 60000
};

CHECK("CAP-1", checksums_alone)
{
    struct promises n = {0};
    const NDIS_OFFLOAD *h;

    rig_open(r, &(struct rig_config){.withhold = "host_tso4,host_tso6"});
    h = view_hardware();
    need(r, h != NULL, "task offload");
    need(r,
         !h->LsoV1.IPv4.Encapsulation && !h->LsoV2.IPv4.Encapsulation &&
             !h->LsoV2.IPv6.Encapsulation && !h->IPsecV1.Supported.Encapsulation,
         "checksum offload alone, on a card that has no segmentation");
    hush(r, true); /* each of them is for other rows */
    promise_all_out(r, NDIS_ENCAPSULATION_IEEE_802_3, NULL, NULL, &n);
    promise_all_in(r, NDIS_ENCAPSULATION_IEEE_802_3, NULL, &n);
    hush(r, false);
    need(r, n.tried > 0, "checksum offload");
    about(r, "a card without segmentation");
    expect(r, n.kept > 0, "kinds of checksum that work", "some of them", "none of %u", n.tried);
}

CHECK("CAP-25", everything_listed_works)
{
    struct promises n = {0};

    rig_open(r, NULL);
    promise_all_out(r, NDIS_ENCAPSULATION_IEEE_802_3, NULL, NULL, &n);
    promise_all_in(r, NDIS_ENCAPSULATION_IEEE_802_3, NULL, &n);
    need(r, n.tried > 0, "task offload");
    about(r, "all that is listed for 802.3 frames");
    about_bytes(r, NULL, 0, 0, 0);
    about_segments(r, NULL, 0);
    expect(r, n.kept == n.tried, "listed features", "all work",
           "%u of %u advertised but not working", n.tried - n.kept, n.tried);
}

/* ---- LSO limits ----------------------------------------------------------------------------- */

/* The protocol's view of an adapter whose report the check writes; hardware follows it. */
static void pretend(struct rig *r, const NDIS_OFFLOAD *o)
{
    view_indicate(r, NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, o);
    view_indicate(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, o);
}

/* Over src/tcpip, which has activated. False: this adapter does not let it. */
static bool stack_open(struct rig *r, NDIS_OFFLOAD *o)
{
    if (!rig_has_wire(r))
        return false;
    rig_halt(r);
    r->config.no_bind = true;
    rig_start(r);
    stack_bind(r);
    *o = rig_offload(r).hardware;
    return stack_running(r) && stack_activation(r);
}

/* NBLs that ask for a large send. A frame of `segments` times MSS, or of `payload` bytes. */
static unsigned asked_large(struct rig *r, struct frame_recipe *f, uint32_t payload)
{
    static struct packet k;
    struct stack_sent *sent;
    unsigned n = 0;

    f->large_send = false;
    f->payload_len = payload;
    packet_build(&k, f);
    sent = stack_send(r, &k, STACK_LARGE, MSS);
    for (unsigned i = 0; i < sent->count; i++)
        n += sent->nbl[i].lso != 0;
    return n;
}

CHECK("CAP-20", lso2_size_without_ceiling)
{
    static const enum large_kind kinds[] = {LARGE_V2_IP4, LARGE_V2_IP6};
    NDIS_OFFLOAD o;

    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V2_IP4) || large_advertised(r, LARGE_V2_IP6), "LSOv2");
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        struct frame_recipe f;

        if (!large_advertised(r, kinds[i]))
            continue;
        about(r, "%s", large_name(kinds[i]));
        if (!expect(r, large_max(r, kinds[i]) > 0, "MaxOffLoadSize", "above 0", "0"))
            continue;
        f = large_recipe(r, kinds[i], MIN_OF(large_max(r, kinds[i]), (uint32_t)LARGEST));
        if (rig_has_wire(r) && promise_plain_cut(r, kinds[i]))
            promise_cut(r, kinds[i], &f, MSS, NULL);
    }
    if (!stack_open(r, &o))
        return;
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        struct frame_recipe f = large_recipe(r, kinds[i], 0);

        o.LsoV2.IPv4.MaxOffLoadSize = o.LsoV2.IPv6.MaxOffLoadSize = BEYOND_64K;
        pretend(r, &o);
        if (!(stack_flags(r) & (kinds[i] == LARGE_V2_IP4 ? PORT_TSO4 : PORT_TSO6)))
            continue;
        about(r, "%s, MaxOffLoadSize 0x%x reported to the protocol", large_name(kinds[i]),
              BEYOND_64K);
        expect_equal(r, "large sends that it asks for", asked_large(r, &f, STACK_LARGE_PAYLOAD), 1);
    }
}

CHECK("CAP-22", at_least_one_segment)
{
    NDIS_OFFLOAD o;

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        uint32_t least = large_min_segments(r, kind);
        struct frame_recipe f = large_recipe(r, kind, (MAX_OF(least, 1u) - 1) * MSS + 1);

        about(r, "%s", large_name(kind));
        if (!expect(r, least >= 1, "MinSegmentCount", "at least 1", "%u", least))
            continue;
        if (rig_has_wire(r) && f.payload_len <= MIN_OF(large_max(r, kind), (uint32_t)LARGEST) &&
            promise_plain_cut(r, kind))
            promise_cut(r, kind, &f, MSS, NULL);
    }
    if (!stack_open(r, &o))
        return;
    o.LsoV1.IPv4.MinSegmentCount = o.LsoV2.IPv4.MinSegmentCount = 4;
    o.LsoV2.IPv6.MinSegmentCount = 4;
    pretend(r, &o);
    for (unsigned version = 4; version <= 6; version += 2) {
        struct frame_recipe f = packet_recipe(r, version, 6, 0);

        about(r, "IPv%u, MinSegmentCount 4 reported to the protocol", version);
        for (unsigned segments = 1; segments < 4; segments++)
            expect_equal(r, "large sends of fewer segments that it asks for",
                         asked_large(r, &f, segments * MSS), 0);
    }
}

/* ---- The protocol --------------------------------------------------------------------------- */

static void never_asked(struct rig *r, const char *what, struct frame_recipe f, uint32_t payload)
{
    about(r, "IPv%u: %s", f.ip_version, what);
    expect_equal(r, "large sends that it asks for", asked_large(r, &f, payload), 0);
}

static struct frame_recipe with_options(struct rig *r, unsigned version, bool ip)
{
    struct frame_recipe f = packet_recipe(r, version, 6, 0);

    if (!ip) {
        f.tcp_options = tcp_options_12;
        f.tcp_options_len = sizeof tcp_options_12;
    } else if (version == 4) {
        f.ip_options = ip4_options_4;
        f.ip_options_len = sizeof ip4_options_4;
    } else {
        f.ip_options = ip6_extension_8;
        f.ip_options_len = sizeof ip6_extension_8;
        f.ip_options_proto = 60;
    }
    return f;
}

CHECK("CAP-24", protocol_keeps_to_the_report)
{
    NDIS_OFFLOAD o, full;

    rig_open(r, NULL);
    need(r, large_any(r), "large send offload");
    need(r, stack_open(r, &full), "a way to carry the overlying protocol");
    o = full;
    o.LsoV1.IPv4.MaxOffLoadSize = o.LsoV2.IPv4.MaxOffLoadSize = o.LsoV2.IPv6.MaxOffLoadSize = 9000;
    pretend(r, &o);
    for (unsigned version = 4; version <= 6; version += 2)
        never_asked(r, "9001 bytes, MaxOffLoadSize 9000", packet_recipe(r, version, 6, 0), 9001);
    o = full;
    o.LsoV2.IPv6.IpExtensionHeadersSupported = 0;
    pretend(r, &o);
    never_asked(r, "an extension header that is not listed", with_options(r, 6, true), 4 * MSS);
    o = full;
    o.LsoV2.IPv6.TcpOptionsSupported = 0;
    pretend(r, &o);
    never_asked(r, "TCP options that are not listed", with_options(r, 6, false), 4 * MSS);
    o = full;
    memset(&o.LsoV2.IPv4, 0, sizeof o.LsoV2.IPv4);
    o.LsoV1.IPv4.IpOptions = o.LsoV1.IPv4.TcpOptions = 0;
    pretend(r, &o);
    never_asked(r, "IP options that LSOv1 does not list", with_options(r, 4, true), 4 * MSS);
    never_asked(r, "TCP options that LSOv1 does not list", with_options(r, 4, false), 4 * MSS);
}
