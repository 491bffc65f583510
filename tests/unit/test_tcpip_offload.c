/* SPDX-License-Identifier: MIT */
/* What the overlying protocol asks of an adapter, and makes of its verdicts: rows for PR of TXC,
 * LSO and RXC. */
#include "conform/packet.h" /* before cmocka's macro skip */
#include "tcpip/tcpip_int.h"

#include "test_frame_naive.h"

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};
static const struct tcpip_offers all = {true, true, true, true, true,  true, true,  true, true,
                                        true, true, true, true, 65000, 2,    65000, 2};

static struct frame_recipe recipe_of(unsigned version, unsigned proto, uint32_t len)
{
    static uint8_t payload[70000];
    struct frame_recipe r = naive_recipe(version);

    naive_fill(payload, len, 0x5eed + version + proto);
    r.l4_proto = (uint8_t)proto;
    r.payload = payload;
    r.payload_len = len;
    return r;
}

/* The pseudo-header's sum, folded and not inverted: the page's seed. transport_len 0: as for a
 * large send. */
static uint32_t seed_of(const struct packet *k, uint32_t transport_len)
{
    return naive_pseudo(k->bytes + k->l3, k->version, k->proto, transport_len);
}

struct written {
    enum tcpip_request result;
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO checksum;
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO lso;
};

/* The packet as Linux hands it down, mss 0 for no large send; changed in place. */
static struct written ask_for(struct packet *k, const struct tcpip_offers *offers, uint16_t mss)
{
    struct tcpip *t = calloc(1, sizeof *t);
    NET_BUFFER_LIST *nbl = calloc(1, sizeof *nbl);
    struct tcpip_slot slot = {.data = k->bytes, .nbl = nbl};
    struct frame_span span = {k->bytes, k->len};
    struct frame f = {.spans = &span, .span_count = 1, .len = k->len};
    struct written w;

    f.offload.flags = FRAME_CSUM_NEEDED;
    f.offload.csum_start = (uint16_t)k->l4;
    f.offload.csum_offset = k->proto == 6 ? 16 : 6;
    f.offload.mss = mss;
    if (mss)
        f.offload.gso = k->version == 4 ? FRAME_GSO_TCP4 : FRAME_GSO_TCP6;
    w.result = tcpip_request_write(t, offers, &slot, &f);
    w.checksum.Value = nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo];
    w.lso.Value = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo];
    free(nbl);
    free(t);
    return w;
}

/* With the seed that Linux leaves; the IPv4 checksum is right, as Linux has it. */
static void from_linux(struct packet *k, const struct frame_recipe *r)
{
    packet_build(k, r);
    naive_put(packet_checksum_field(k), 2, seed_of(k, k->len - k->l4));
}

/* Also TXC-1, TXC-11, TXC-12. */
static void test_TXC_4_5_the_field_holds_the_seed(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        bool v4 = i < 2, tcp = protocols[i % 2] == 6;
        struct frame_recipe r = recipe_of(versions[i / 2], protocols[i % 2], 301);
        struct written w;

        from_linux(&k, &r);
        w = ask_for(&k, &all, 0);
        assert_int_equal(w.result, TCPIP_REQUEST_DONE);
        assert_null(w.lso.Value);
        assert_int_equal(naive_get(packet_checksum_field(&k), 2), seed_of(&k, k.len - k.l4));
        assert_int_equal((uintptr_t)w.checksum.Value & 0x1f,
                         (v4 ? 0x11 : 0x02) | (tcp ? 0x04 : 0x08));
        if (tcp)
            assert_int_equal((uintptr_t)w.checksum.Value >> 16, k.l4);
        if (v4)
            assert_int_equal(naive_get(k.bytes + k.l3 + 10, 2), 0);
    }
}

/* What is not offered is computed here, right, and never asked for. */
static void test_TXC_21_only_what_is_offered_is_asked(void **state)
{
    static const size_t members[] = {
        offsetof(struct tcpip_offers, tcp4), offsetof(struct tcpip_offers, udp4),
        offsetof(struct tcpip_offers, tcp6), offsetof(struct tcpip_offers, udp6)};
    static struct packet k, want;

    UNUSED_STATE;
    for (unsigned i = 0; i < 8; i++) {
        struct frame_recipe r = recipe_of(versions[i / 2 % 2], protocols[i % 2], 302);
        struct tcpip_offers some = all;
        struct written w;

        *((bool *)((char *)&some + members[i % 4])) = false;
        some.ip4 = i / 4;
        from_linux(&k, &r);
        memcpy(&want, &k, sizeof want);
        packet_finish(&want, k.proto == 6 ? ASK_TCP : ASK_UDP);
        w = ask_for(&k, &some, 0);
        assert_int_equal(w.result, TCPIP_REQUEST_DONE);
        assert_int_equal((uintptr_t)w.checksum.Value & 0x0c, 0);
        assert_int_equal(w.checksum.Transmit.IpHeaderChecksum, some.ip4 && i % 4 < 2);
        if (w.checksum.Transmit.IpHeaderChecksum)
            naive_put(want.bytes + want.l3 + 10, 2, 0);
        assert_memory_equal(k.bytes, want.bytes, k.len);
    }
}

/* Also LSO2-2, LSO2-4, LSO2-7, LSO2-9, LSO1-2. */
static void test_LSO1_17_large_send_template(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = recipe_of(versions[v], 6, 20000);
        struct written w;

        r.ip_id = 0xfffe;
        from_linux(&k, &r);
        w = ask_for(&k, &all, 1400);
        assert_int_equal(w.result, TCPIP_REQUEST_DONE);
        assert_ptr_equal(w.lso.Value, ask_lso2(versions[v], 1400, k.l4));
        assert_int_equal(naive_get(packet_checksum_field(&k), 2), seed_of(&k, 0));
        if (versions[v] == 4) {
            assert_int_equal(naive_get(k.bytes + k.l3 + 2, 2), 0);
            assert_int_equal(naive_get(k.bytes + k.l3 + 4, 2), 0x7ffe);
        }
    }
}

/* LSO1-21, LSO1-17, LSO1-23, KEY-9: version 1 where only that is on; IPv6 stays with version 2. */
static void test_LSO1_21_version_1_template(void **state)
{
    static struct packet k;
    struct tcpip_offers v1 = all;

    UNUSED_STATE;
    v1.lso4_is_v1 = v1.lso1_ip_options = v1.lso1_tcp_options = true;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = recipe_of(versions[v], 6, 20000);
        struct written w;

        r.ip_id = 0xfffe;
        from_linux(&k, &r);
        w = ask_for(&k, &v1, 1400);
        assert_int_equal(w.result, TCPIP_REQUEST_DONE);
        assert_int_equal(naive_get(packet_checksum_field(&k), 2), seed_of(&k, 0));
        if (versions[v] == 6) {
            assert_ptr_equal(w.lso.Value, ask_lso2(6, 1400, k.l4));
            continue;
        }
        assert_ptr_equal(w.lso.Value, ask_lso1(1400, k.l4));
        assert_int_equal(naive_get(k.bytes + k.l3 + 2, 2), k.len - k.l3);
        assert_int_equal(naive_get(k.bytes + k.l3 + 4, 2), 0xfffe);
    }
}

/* Also CAP-24: no options unless listed; the whole IP packet within its length field. */
static void test_LSO1_21_version_1_within_65535_bytes(void **state)
{
    struct tcpip_offers v1 = all;
    static struct packet k;

    UNUSED_STATE;
    v1.lso4_is_v1 = true;
    v1.lso4_max = 0x10000;
    for (unsigned over = 0; over < 2; over++) {
        struct frame_recipe r = recipe_of(4, 6, 65495 + over);

        r.large_send = true; /* a length that frame_build need not write */
        packet_build(&k, &r);
        assert_int_equal(ask_for(&k, &v1, 1400).result,
                         over ? TCPIP_REQUEST_SEGMENT : TCPIP_REQUEST_DONE);
    }
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe r = recipe_of(4, 6, 20000);

        r.ip_options = ip4_options_4;
        r.ip_options_len = i & 1 ? 4 : 0;
        r.tcp_options = tcp_options_12;
        r.tcp_options_len = i & 2 ? 12 : 0;
        from_linux(&k, &r);
        assert_int_equal(ask_for(&k, &v1, 1400).result,
                         i ? TCPIP_REQUEST_SEGMENT : TCPIP_REQUEST_DONE);
    }
}

/* What is offered by what is on: version 2 first. */
static void test_KEY_9_version_2_takes_precedence(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        NDIS_OFFLOAD o = {0};
        struct tcpip_offers r;

        o.Checksum.IPv4Transmit.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
        o.Checksum.IPv4Transmit.TcpChecksum = 1;
        if (i & 1) {
            o.LsoV1.IPv4.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
            o.LsoV1.IPv4.MaxOffLoadSize = 1000;
            o.LsoV1.IPv4.MinSegmentCount = 3;
        }
        if (i & 2) {
            o.LsoV2.IPv4.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
            o.LsoV2.IPv4.MaxOffLoadSize = 2000;
            o.LsoV2.IPv4.MinSegmentCount = 2;
        }
        r = tcpip_offers_of(&o);
        assert_int_equal(r.lso4, i != 0);
        assert_int_equal(r.lso4_is_v1, i == 1);
        if (i)
            assert_int_equal(r.lso4_max, i == 1 ? 1000 : 2000);
    }
}

/* CAP-24, CAP-22: sizes and segment counts in force; LSO1-27. */
static void test_LSO1_26_only_large_sends_that_are_offered(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        const unsigned version = versions[v];
        struct frame_recipe r = recipe_of(version, 6, 20000);
        struct tcpip_offers some = all;

        some.lso4_max = some.lso6_max = 20000;
        some.lso4_min = some.lso6_min = 15;
        from_linux(&k, &r);
        assert_int_equal(ask_for(&k, &some, 1400).result, TCPIP_REQUEST_DONE); /* 15 of them */
        from_linux(&k, &r);
        assert_int_equal(ask_for(&k, &some, 1430).result, TCPIP_REQUEST_SEGMENT);
        r.payload_len = 20001;
        from_linux(&k, &r);
        assert_int_equal(ask_for(&k, &some, 1400).result, TCPIP_REQUEST_SEGMENT);
        some = all;
        *(version == 4 ? &some.lso4 : &some.lso6) = false;
        assert_int_equal(ask_for(&k, &some, 1400).result, TCPIP_REQUEST_SEGMENT);
        assert_null(ask_for(&k, &some, 1400).lso.Value);
    }
}

/* Flags, and an urgent pointer without its flag. */
static void test_LSO1_12_what_is_never_cut_is_not_asked_for(void **state)
{
    static const uint8_t flags[] = {0x02, 0x04, 0x20, 0x12, 0x14, 0x38};
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < 2 * COUNT(flags) + 2; i++) {
        struct frame_recipe r = recipe_of(versions[i % 2], 6, 20000);
        struct written w;

        r.tcp_flags = i / 2 < COUNT(flags) ? flags[i / 2] : 0x10;
        from_linux(&k, &r);
        if (i / 2 == COUNT(flags))
            naive_put(k.bytes + k.l4 + 18, 2, 1);
        w = ask_for(&k, &all, 1400);
        assert_int_equal(w.result, TCPIP_REQUEST_SEGMENT);
        assert_null(w.lso.Value);
    }
}

/* CAP-17: 1 is on; what an indication says with 2 is off, like 0. */
static void test_CAP_17_only_one_is_on(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 4; v++) {
        NDIS_OFFLOAD o = {0};
        struct tcpip_offers r;

        o.Checksum.IPv4Transmit.Encapsulation = o.Checksum.IPv6Transmit.Encapsulation =
            NDIS_ENCAPSULATION_IEEE_802_3;
        o.Checksum.IPv4Transmit.IpChecksum = v & 3;
        o.Checksum.IPv4Transmit.TcpChecksum = v & 3;
        o.Checksum.IPv4Transmit.UdpChecksum = v & 3;
        o.Checksum.IPv6Transmit.TcpChecksum = v & 3;
        o.Checksum.IPv6Transmit.UdpChecksum = v & 3;
        r = tcpip_offers_of(&o);
        if (v == 1)
            assert_true(r.ip4 && r.tcp4 && r.udp4 && r.tcp6 && r.udp6);
        else
            assert_false(r.ip4 || r.tcp4 || r.udp4 || r.tcp6 || r.udp6 || r.lso4 || r.lso6);
    }
}

/* Also LSO2-6: more than 64 KB may be listed, and no more is asked for than there is. */
static void test_CAP_20_no_ceiling_on_the_size(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = recipe_of(versions[v], 6, 65000);
        NDIS_OFFLOAD o = {0};
        struct tcpip_offers some;

        o.Checksum.IPv4Transmit.Encapsulation = o.Checksum.IPv6Transmit.Encapsulation =
            o.LsoV2.IPv4.Encapsulation = o.LsoV2.IPv6.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
        o.Checksum.IPv4Transmit.TcpChecksum = o.Checksum.IPv6Transmit.TcpChecksum = 1;
        o.LsoV2.IPv4.MaxOffLoadSize = o.LsoV2.IPv6.MaxOffLoadSize = 0x80000000;
        o.LsoV2.IPv4.MinSegmentCount = o.LsoV2.IPv6.MinSegmentCount = 2;
        some = tcpip_offers_of(&o);
        assert_int_equal(versions[v] == 4 ? some.lso4_max : some.lso6_max, 0x80000000);
        from_linux(&k, &r);
        assert_int_equal(ask_for(&k, &some, 1400).result, TCPIP_REQUEST_DONE);
        r.payload_len = 69000; /* a jumbo from a stack with big TCP */
        r.large_send = true;
        packet_build(&k, &r);
        assert_int_equal(ask_for(&k, &some, 1400).result, TCPIP_REQUEST_DONE);
        assert_int_equal(naive_get(packet_checksum_field(&k), 2), seed_of(&k, 0));
    }
}

static void test_RXC_22_verdicts(void **state)
{
    static const struct {
        uintptr_t slot;
        bool keep, valid;
    } verdicts[] = {
        {0x00, true, false},  {0x08, true, true},   {0x10, true, true},   {0x20, true, false},
        {0x28, true, true},   {0x01, false, false}, {0x02, false, false}, {0x04, false, false},
        {0x0c, false, false}, {0x21, false, false},
    };

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(verdicts); i++) {
        NET_BUFFER_LIST nbl = {0};
        struct frame_offload o = {0};

        nbl.NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = (void *)verdicts[i].slot;
        assert_int_equal(tcpip_verdict_read(&nbl, &o), verdicts[i].keep);
        if (verdicts[i].keep)
            assert_int_equal(o.flags, verdicts[i].valid ? FRAME_CSUM_VALID : 0);
    }
}

int main(void)
{
    const struct CMUnitTest requests[] = {
        cmocka_unit_test(test_TXC_4_5_the_field_holds_the_seed),
        cmocka_unit_test(test_TXC_21_only_what_is_offered_is_asked),
        cmocka_unit_test(test_LSO1_17_large_send_template),
        cmocka_unit_test(test_LSO1_21_version_1_template),
        cmocka_unit_test(test_LSO1_21_version_1_within_65535_bytes),
        cmocka_unit_test(test_KEY_9_version_2_takes_precedence),
        cmocka_unit_test(test_LSO1_26_only_large_sends_that_are_offered),
        cmocka_unit_test(test_LSO1_12_what_is_never_cut_is_not_asked_for),
        cmocka_unit_test(test_CAP_17_only_one_is_on),
        cmocka_unit_test(test_CAP_20_no_ceiling_on_the_size),
        cmocka_unit_test(test_RXC_22_verdicts),
    };

    return cmocka_run_group_tests(requests, NULL, NULL);
}
