/* SPDX-License-Identifier: MIT */
/* What the reports promise, put to use: tags, SNAP, options, sizes. */
#include "conform/promise.h"
#include "conform/view.h"
#include "conform/watch.h"

enum {
    TAG_IN_DATA = NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q,
    TAG_IN_OOB = NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB,
    SNAP = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED,
    SNAP_HEADER = 22,
    PAYLOAD = 301, /* odd */
    LARGE_PAYLOAD = 3001,
    MSS = 1000
};

static void dress_tag(struct frame_recipe *recipe)
{
    recipe->vlan = true;
}

static void dress_snap(struct frame_recipe *recipe)
{
    recipe->snap = true;
}

/* ---- Tags and SNAP -------------------------------------------------------------------------- */

CHECK("CAP-10", tags_in_the_data)
{
    struct promises n = {0};

    rig_open(r, NULL);
    promise_all_out(r, TAG_IN_DATA, dress_tag, NULL, &n);
    promise_all_in(r, TAG_IN_DATA, dress_tag, &n);
    need(r, n.tried > 0, "offload on frames with an 802.1Q header");
}

CHECK("CAP-11", tags_out_of_band)
{
    static const struct {
        unsigned priority, id;
    } tags[] = {{5, 0x123}, {0, 1}, {7, 4094}, {3, 0}};
    struct promises n = {0};

    rig_open(r, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(tags); i++) {
        void *tag = ask_tag(tags[i].priority, tags[i].id);

        if (promise_tag(tag))
            promise_all_out(r, TAG_IN_OOB, NULL, tag, &n);
    }
    need(r, n.tried > 0, "offload on frames whose tag is out of band");
}

CHECK("CAP-12", tags_in_one_form_or_the_other)
{
    static const enum view_part_index out[] = {VIEW_TX4, VIEW_TX6, VIEW_LSO1, VIEW_LSO2_4,
                                               VIEW_LSO2_6};
    const ULONG tagging = NDIS_MAC_OPTION_8021P_PRIORITY | NDIS_MAC_OPTION_8021Q_VLAN;
    struct view v;

    rig_open(r, NULL);
    need(r, view_hardware() != NULL, "task offload");
    need(r, watch_attributes()->general.MacOptions & tagging, "priority or VLAN tags");
    view_of(view_hardware(), &v);
    about(r, "HardwareOffloadCapabilities, MAC options 0x%x",
          watch_attributes()->general.MacOptions);
    for (unsigned i = 0; i < ARRAY_LEN(out); i++) {
        const struct view_part *p = &v.part[out[i]];

        if (view_lists(p))
            expect(r, view_encapsulation(p) & (TAG_IN_DATA | TAG_IN_OOB), view_name(p, 0),
                   "with tags in the data (0x4) or out of band (0x8)", "0x%x",
                   view_encapsulation(p));
    }
    need(r, r->comparisons > 0, "an offload of sends");
}

CHECK("CAP-13", llc_snap)
{
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    struct promises n = {0};

    rig_open(r, NULL);
    e.IPv4.EncapsulationType = e.IPv6.EncapsulationType = SNAP;
    e.IPv4.HeaderSize = e.IPv6.HeaderSize = SNAP_HEADER;
    rig_set(r, OID_OFFLOAD_ENCAPSULATION, &e, NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1);
    promise_all_out(r, SNAP, dress_snap, NULL, &n);
    promise_all_in(r, SNAP, dress_snap, &n);
    need(r, n.tried > 0, "offload on LLC/SNAP frames");
}

/* ---- Options -------------------------------------------------------------------------------- */

static struct frame_recipe with_ip(struct frame_recipe f, const uint8_t *options, uint8_t len,
                                   uint8_t proto)
{
    f.ip_options = options;
    f.ip_options_len = len;
    f.ip_options_proto = proto;
    return f;
}

static struct frame_recipe with_tcp(struct frame_recipe f, const uint8_t *options, uint8_t len)
{
    f.tcp_options = options;
    f.tcp_options_len = len;
    return f;
}

/* The field map couples IpOptionsSupported to the IP checksum's switch, so that it may read 0 while
 * TCP is on: the ability is what counts. For receive the flag qualifies the header's verdict. */
CHECK("CAP-14", tcp_checksum_behind_ip_options)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c;
    struct frame_recipe f;
    unsigned what;

    rig_open(r, NULL);
    need(r, view_hardware() != NULL, "task offload");
    c = &view_hardware()->Checksum;
    need(r, c->IPv4Transmit.TcpChecksum == 1 || c->IPv4Receive.TcpChecksum == 1,
         "TCP checksum for IPv4");
    about(r, "HardwareOffloadCapabilities");
    if (c->IPv4Transmit.TcpChecksum == 1)
        expect_equal(r, "Checksum.IPv4Transmit.IpOptionsSupported",
                     c->IPv4Transmit.IpOptionsSupported, 1);
    if (c->IPv4Receive.TcpChecksum == 1 && c->IPv4Receive.IpChecksum == 1)
        expect_equal(r, "Checksum.IPv4Receive.IpOptionsSupported",
                     c->IPv4Receive.IpOptionsSupported, 1);
    what = promise_transmit(r, 4, 6);
    f = packet_recipe(r, 4, 6, PAYLOAD);
    if (!rig_has_wire(r))
        return;
    if (!promise_plain_send(r, 4, 6))
        what = 0;
    for (unsigned len = 4; what && len <= 40; len += 36) {
        f = with_ip(f, len == 4 ? ip4_options_4 : ip4_options_40, (uint8_t)len, 0);
        promise_send(r, &f, what, NULL);
    }
    what = promise_receive(r, 4, 6);
    f = with_ip(packet_recipe_in(r, 4, 6, PAYLOAD), ip4_options_40, 40, 0);
    if (c->IPv4Receive.IpOptionsSupported && promise_plain_arrival(r, 4, 6))
        promise_arrival(r, &f, what);
}

static const struct {
    const uint8_t *bytes;
    uint8_t len, proto;
} extensions[] = {
    {ip6_extension_8, 8, 60}, {ip6_extension_48, 48, 0}, {promise_extension_128, 128, 60}};

CHECK("CAP-15", tcp_checksum_behind_extension_headers)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c;
    unsigned what;

    rig_open(r, NULL);
    need(r, view_hardware() != NULL, "task offload");
    c = &view_hardware()->Checksum;
    need(r, c->IPv6Transmit.TcpChecksum == 1 || c->IPv6Receive.TcpChecksum == 1,
         "TCP checksum for IPv6");
    about(r, "HardwareOffloadCapabilities");
    expect_equal(r, "Checksum.IPv6Transmit.IpExtensionHeadersSupported",
                 c->IPv6Transmit.IpExtensionHeadersSupported, c->IPv6Transmit.TcpChecksum);
    expect_equal(r, "Checksum.IPv6Transmit.TcpOptionsSupported",
                 c->IPv6Transmit.TcpOptionsSupported, c->IPv6Transmit.TcpChecksum);
    expect_equal(r, "Checksum.IPv6Receive.IpExtensionHeadersSupported",
                 c->IPv6Receive.IpExtensionHeadersSupported, c->IPv6Receive.TcpChecksum);
    expect_equal(r, "Checksum.IPv6Receive.TcpOptionsSupported", c->IPv6Receive.TcpOptionsSupported,
                 c->IPv6Receive.TcpChecksum);
    if (!rig_has_wire(r))
        return;
    what = promise_plain_send(r, 6, 6) ? promise_transmit(r, 6, 6) : 0;
    for (unsigned i = 0; what && i < ARRAY_LEN(extensions); i++) {
        struct frame_recipe f = with_ip(packet_recipe(r, 6, 6, PAYLOAD), extensions[i].bytes,
                                        extensions[i].len, extensions[i].proto);

        f = with_tcp(f, tcp_options_12, sizeof tcp_options_12);
        promise_send(r, &f, what, NULL);
    }
    what = promise_receive(r, 6, 6);
    if (promise_plain_arrival(r, 6, 6)) {
        struct frame_recipe f = with_ip(packet_recipe_in(r, 6, 6, PAYLOAD), promise_extension_128,
                                        sizeof promise_extension_128, 60);

        promise_arrival(r, &f, what);
    }
}

CHECK("CAP-19", lso1_with_options)
{
    const NDIS_TCP_LARGE_SEND_OFFLOAD_V1 *h;
    struct frame_recipe f;

    rig_open(r, NULL);
    need(r, view_hardware() && view_hardware()->LsoV1.IPv4.Encapsulation, "LSOv1");
    h = &view_hardware()->LsoV1;
    about(r, "HardwareOffloadCapabilities");
    expect_equal(r, "LsoV1.IPv4.TcpOptions", h->IPv4.TcpOptions, 1);
    expect_equal(r, "LsoV1.IPv4.IpOptions", h->IPv4.IpOptions, 1);
    if (!rig_has_wire(r) || !promise_plain_cut(r, LARGE_V1))
        return;
    f = large_recipe(r, LARGE_V1, LARGE_PAYLOAD);
    f = with_ip(f, ip4_options_40, sizeof ip4_options_40, 0);
    promise_cut(r, LARGE_V1, &f, MSS, NULL);
    f = with_tcp(f, tcp_options_12, sizeof tcp_options_12);
    promise_cut(r, LARGE_V1, &f, MSS, NULL);
}

/* All headers of a large send fit NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH (LSO1-27), so that of
 * the 128 bytes of extension headers no more than 54 can be there. */
CHECK("CAP-21", lso2_with_options)
{
    const NDIS_TCP_LARGE_SEND_OFFLOAD_V2 *h;
    struct frame_recipe f;

    rig_open(r, NULL);
    need(r, view_hardware() != NULL, "task offload");
    h = &view_hardware()->LsoV2;
    need(r, h->IPv4.Encapsulation || h->IPv6.Encapsulation, "LSOv2");
    about(r, "HardwareOffloadCapabilities");
    if (h->IPv6.Encapsulation) {
        expect_equal(r, "LsoV2.IPv6.IpExtensionHeadersSupported",
                     h->IPv6.IpExtensionHeadersSupported, 1);
        expect_equal(r, "LsoV2.IPv6.TcpOptionsSupported", h->IPv6.TcpOptionsSupported, 1);
    }
    if (!rig_has_wire(r))
        return;
    if (promise_plain_cut(r, LARGE_V2_IP4)) {
        f = with_ip(large_recipe(r, LARGE_V2_IP4, LARGE_PAYLOAD), ip4_options_40,
                    sizeof ip4_options_40, 0);
        promise_cut(r, LARGE_V2_IP4, &f, MSS, NULL);
    }
    if (promise_plain_cut(r, LARGE_V2_IP6)) {
        f = with_ip(large_recipe(r, LARGE_V2_IP6, LARGE_PAYLOAD), ip6_extension_48,
                    sizeof ip6_extension_48, 0);
        promise_cut(r, LARGE_V2_IP6, &f, MSS, NULL);
        f = with_ip(large_recipe(r, LARGE_V2_IP6, LARGE_PAYLOAD), ip6_extension_8,
                    sizeof ip6_extension_8, 60);
        f = with_tcp(f, tcp_options_40, sizeof tcp_options_40);
        promise_cut(r, LARGE_V2_IP6, &f, MSS, NULL);
    }
}
