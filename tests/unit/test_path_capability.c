/* SPDX-License-Identifier: MIT */
/*
 * What the adapter lists, it does: every feature in every encapsulation that its report names, on
 * both cards, with both builds; and keywords of features that it does not have are without effect.
 */
#include "test_path_large.h"
#include "test_path_verdict.h"

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};

/* The forms in which a frame can be handed down. */
static const struct form {
    ULONG flag;
    bool vlan, slot, snap;
} forms[] = {
    {NDIS_ENCAPSULATION_IEEE_802_3, false, false, false},
    {NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q, true, false, false},
    {NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB, false, true, false},
    {NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED, false, false, true},
};

enum { TCI = 0x6123, ALL_FORMS = 0x1e, MSS = 1000 };

static NDIS_STATUS activate_as(ULONG type, ULONG header)
{
    NDIS_OFFLOAD_ENCAPSULATION e = {
        .Header = {NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION, 1,
                   NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1},
        .IPv4 = {NDIS_OFFLOAD_SET_ON, type, header},
        .IPv6 = {NDIS_OFFLOAD_SET_ON, type, header},
    };

    return path_set(&path, OID_OFFLOAD_ENCAPSULATION, &e,
                    NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1);
}

static void *slot_of(const struct form *f)
{
    return f->slot ? ask_tag(TCI >> 13, TCI) : NULL;
}

/* The frame is next on the wire; a tag from the slot lies behind the addresses. */
static void expect_form(const struct form *f, const uint8_t *bytes, uint32_t len)
{
    static uint8_t tagged[PATH_FRAME];

    if (!f->slot) {
        expect_wire(bytes, len);
        return;
    }
    memcpy(tagged, bytes, 12);
    naive_put(tagged + 12, 4, 0x81000000u | TCI);
    memcpy(tagged + 16, bytes + 12, len - 12);
    expect_wire(tagged, len + 4);
}

static void options(struct frame_recipe *r, bool ip, bool tcp)
{
    if (ip) {
        r->ip_options = r->ip_version == 4 ? naive_ip4_options_40
                        : r->large_send    ? naive_ip6_ext_8 /* LSO1-27: 128 bytes of headers */
                                           : naive_ip6_ext_48;
        r->ip_options_len = r->ip_version == 4 ? 40 : r->large_send ? 8 : 48;
    }
    if (tcp && r->l4_proto == 6) {
        r->tcp_options = naive_tcp_options_12;
        r->tcp_options_len = 12;
    }
}

static struct frame_recipe in_form(struct frame_recipe r, const struct form *f)
{
    r.vlan = f->vlan;
    r.vlan_tci = TCI;
    r.snap = f->snap;
    return r;
}

/* ---- Transmit checksums --------------------------------------------------------------- */

static void leaves(const struct frame_recipe *r, unsigned what, const struct form *f)
{
    static struct packet k, want;
    struct ask a = {.tag = slot_of(f)};

    packet_build(&k, r);
    packet_unfinish(&k);
    packet_finish(&want, &k, what);
    a.checksum = ask_checksum(&k, what);
    assert_int_equal(path_ask(k.bytes, k.len, &a).status, NDIS_STATUS_SUCCESS);
    expect_form(f, want.bytes, want.len);
}

static void transmits(unsigned version, const struct form *f)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &path.bind_offload.Checksum;
    bool v4 = version == 4;
    bool features[3] = {v4 && c->IPv4Transmit.IpChecksum,
                        v4 ? c->IPv4Transmit.TcpChecksum : c->IPv6Transmit.TcpChecksum,
                        v4 ? c->IPv4Transmit.UdpChecksum : c->IPv6Transmit.UdpChecksum};
    bool ip_options =
        v4 ? c->IPv4Transmit.IpOptionsSupported : c->IPv6Transmit.IpExtensionHeadersSupported;
    bool tcp_options =
        v4 ? c->IPv4Transmit.TcpOptionsSupported : c->IPv6Transmit.TcpOptionsSupported;

    for (unsigned i = 0; i < 8; i++) {
        unsigned feature = i / 4 + 1, proto = protocols[i / 4];
        struct frame_recipe r = in_form(path_recipe(version, proto, 333), f);
        unsigned what = features[0] ? ASK_IP : 0;

        if (!features[feature] || (i & 1 && !ip_options) || (i & 2 && !tcp_options))
            continue;
        options(&r, i & 1, i & 2);
        leaves(&r, what | (proto == 6 ? ASK_TCP : ASK_UDP), f);
        if (what)
            leaves(&r, ASK_IP, f);
    }
}

/* ---- Receive checksums ---------------------------------------------------------------- */

static void receives(unsigned version, const struct form *f)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &path.bind_offload.Checksum;
    bool v4 = version == 4;
    bool ip_options =
        v4 ? c->IPv4Receive.IpOptionsSupported : c->IPv6Receive.IpExtensionHeadersSupported;
    bool tcp_options = v4 ? c->IPv4Receive.TcpOptionsSupported : c->IPv6Receive.TcpOptionsSupported;
    static struct packet k;

    for (unsigned i = 0; i < 8; i++) {
        unsigned proto = protocols[i / 4], ok;
        struct frame_recipe r = in_form(arriving(version, proto, 333), f);
        bool listed = proto == 6 ? (v4 ? c->IPv4Receive.TcpChecksum : c->IPv6Receive.TcpChecksum)
                                 : (v4 ? c->IPv4Receive.UdpChecksum : c->IPv6Receive.UdpChecksum);

        if (!listed || (i & 1 && !ip_options) || (i & 2 && !tcp_options))
            continue;
        options(&r, i & 1, i & 2);
        ok = good_bit(proto) | (v4 && c->IPv4Receive.IpChecksum ? IP_OK : 0);
        packet_build(&k, &r);
        assert_int_equal(receive_packet(&k), ok);
        k.bytes[k.len - 1]++;
        assert_int_equal(receive_packet(&k) & good_bit(proto), 0);
    }
}

/* ---- Large sends ---------------------------------------------------------------------- */

static void expect_cut(const struct packet *k, void *lso, const struct form *f)
{
    static uint8_t want[PATH_FRAME];
    size_t count = naive_count(k->len - k->sh.header_len, MSS);
    struct ask a = {.lso = lso, .tag = slot_of(f)};

    assert_int_equal(path_ask(k->bytes, k->len, &a).status, NDIS_STATUS_SUCCESS);
    for (size_t i = 0; i < count; i++)
        expect_form(f, want, (uint32_t)naive_segment(k->bytes, k->len, &k->sh, MSS, 15, i, want));
}

static void cuts(unsigned version, bool v1, const struct form *f)
{
    const NDIS_OFFLOAD *o = &path.bind_offload;
    bool ip_options =
        v1 ? o->LsoV1.IPv4.IpOptions : version == 4 || o->LsoV2.IPv6.IpExtensionHeadersSupported;
    bool tcp_options =
        v1 ? o->LsoV1.IPv4.TcpOptions : version == 4 || o->LsoV2.IPv6.TcpOptionsSupported;

    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe r = in_form(large_recipe(version, 3500), f);
        struct packet *k;

        if ((i & 1 && !ip_options) || (i & 2 && !tcp_options))
            continue;
        options(&r, i & 1, i & 2);
        k = v1 ? large_packet_v1(&r) : large_packet(&r);
        expect_cut(k, v1 ? large_ask_v1(k, MSS) : large_ask(k, MSS), f);
    }
}

/* Also CAP-13, LSO1-8, LSO1-9, LSO1-10, LSO1-13, TXC-7, TXC-8, TXC-9. */
static void test_CAP_25_what_is_listed_works(void **state)
{
    const NDIS_OFFLOAD *o = &path.bind_offload;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned n = 0; n < 2 * COUNT(forms); n++) {
        const struct form *f = &forms[n / 2];
        unsigned version = versions[n % 2];
        bool v4 = version == 4;
        ULONG tx =
            v4 ? o->Checksum.IPv4Transmit.Encapsulation : o->Checksum.IPv6Transmit.Encapsulation;
        ULONG rx =
            v4 ? o->Checksum.IPv4Receive.Encapsulation : o->Checksum.IPv6Receive.Encapsulation;
        ULONG v2 = v4 ? o->LsoV2.IPv4.Encapsulation : o->LsoV2.IPv6.Encapsulation;

        assert_int_equal((tx | rx | v2 | o->LsoV1.IPv4.Encapsulation) & ~(ULONG)ALL_FORMS, 0);
        if ((tx | rx | v2) & f->flag)
            assert_int_equal(
                activate_as(f->snap ? f->flag : NDIS_ENCAPSULATION_IEEE_802_3, f->snap ? 22 : 14),
                NDIS_STATUS_SUCCESS);
        if (tx & f->flag)
            transmits(version, f);
        if (rx & f->flag)
            receives(version, f);
        if (v2 & f->flag)
            cuts(version, false, f);
        if (v4 && o->LsoV1.IPv4.Encapsulation & f->flag)
            cuts(version, true, f);
    }
    path_end();
}

/* One base type; the tagged forms come with 802.3. */
static void test_ENC_11_one_base_type(void **state)
{
    static const ULONG none[] = {
        0,
        NDIS_ENCAPSULATION_IEEE_802_3 | NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED,
        NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q,
        NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB,
        NDIS_ENCAPSULATION_NULL,
        0x20,
    };

    UNUSED_STATE;
    path_begin((struct path_config){.no_activate = true});
    for (unsigned i = 0; i < COUNT(none); i++) {
        assert_int_equal(activate_as(none[i], 14), NDIS_STATUS_INVALID_PARAMETER);
        assert_int_equal(verdict_now(4, 6), 0);
    }
    assert_int_equal(activate_as(NDIS_ENCAPSULATION_IEEE_802_3, 14), NDIS_STATUS_SUCCESS);
    for (unsigned n = 0; n < 3; n++) {
        transmits(4, &forms[n]);
        transmits(6, &forms[n]);
        cuts(4, false, &forms[n]);
    }
    assert_int_equal(verdict_now(4, 6), good_bits(4, 6));
    path_end();
}

/* Every two-bit field of the report is 0 or 1, whatever was switched. */
static void expect_zero_or_one(const NDIS_OFFLOAD *o)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &o->Checksum;

    assert_true(c->IPv4Transmit.IpOptionsSupported < 2 && c->IPv4Transmit.TcpOptionsSupported < 2 &&
                c->IPv4Transmit.TcpChecksum < 2 && c->IPv4Transmit.UdpChecksum < 2 &&
                c->IPv4Transmit.IpChecksum < 2);
    assert_true(c->IPv4Receive.IpOptionsSupported < 2 && c->IPv4Receive.TcpOptionsSupported < 2 &&
                c->IPv4Receive.TcpChecksum < 2 && c->IPv4Receive.UdpChecksum < 2 &&
                c->IPv4Receive.IpChecksum < 2);
    assert_true(c->IPv6Transmit.IpExtensionHeadersSupported < 2 &&
                c->IPv6Transmit.TcpOptionsSupported < 2 && c->IPv6Transmit.TcpChecksum < 2 &&
                c->IPv6Transmit.UdpChecksum < 2);
    assert_true(c->IPv6Receive.IpExtensionHeadersSupported < 2 &&
                c->IPv6Receive.TcpOptionsSupported < 2 && c->IPv6Receive.TcpChecksum < 2 &&
                c->IPv6Receive.UdpChecksum < 2);
    assert_true(o->LsoV1.IPv4.TcpOptions < 2 && o->LsoV1.IPv4.IpOptions < 2 &&
                o->LsoV2.IPv6.IpExtensionHeadersSupported < 2 &&
                o->LsoV2.IPv6.TcpOptionsSupported < 2);
}

/* Also CFG-11: the indication tells what is on, not what could be. */
static void test_CAP_17_features_are_zero_or_one(void **state)
{
    static const size_t fields[] = {
        offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum),
        offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum),
        offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum),
        offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv6Checksum),
        offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum),
        offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1),
        offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
        offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6),
    };
    NDIS_OFFLOAD hardware, now;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    assert_int_equal(path_query(&path, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, &hardware, 112, NULL),
                     NDIS_STATUS_SUCCESS);
    expect_zero_or_one(&hardware);
    for (unsigned i = 0; i < COUNT(fields); i++) {
        const struct path_status *s;

        assert_int_equal(path_parameter(&path, fields[i], 1), NDIS_STATUS_SUCCESS);
        s = &path.status[path.status_count - 1];
        assert_int_equal(s->code, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG);
        memcpy(&now, s->buffer, 112);
        expect_zero_or_one(&now);
        assert_memory_not_equal(&now, &hardware, 112);
        assert_int_equal(path_query(&path, OID_TCP_OFFLOAD_CURRENT_CONFIG, &now, 112, NULL),
                         NDIS_STATUS_SUCCESS);
        assert_memory_equal(&now, s->buffer, 112);
    }
    path_end();
}

/* ---- What the adapter does not have --------------------------------------------------- */

/* KEY-13: IPsec; KEY-14: connection offload; KEY-31: features of later versions of NDIS. */
static void test_KEY_13_14_31_keywords_of_absent_features_do_nothing(void **state)
{
    static const char *const names[] = {"*IPsecOffloadV1IPv4",
                                        "*IPsecOffloadV2",
                                        "*IPsecOffloadV2IPv4",
                                        "*TCPConnectionOffloadIPv4",
                                        "*TCPConnectionOffloadIPv6",
                                        "*RscIPv4",
                                        "*RscIPv6",
                                        "*UsoIPv4",
                                        "*UsoIPv6",
                                        "*UdpRsc",
                                        "*EncapsulatedPacketTaskOffload"};
    static const char *const values[] = {"0", "1", "3", "junk"};
    NDIS_OFFLOAD usual;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    usual = path.bind_offload;
    path_end();
    for (unsigned v = 0; v < COUNT(values); v++) {
        const char *words[2 * COUNT(names) + 1] = {NULL};

        for (unsigned i = 0; i < COUNT(names); i++) {
            words[2 * i] = names[i];
            words[2 * i + 1] = values[v];
        }
        path_begin((struct path_config){.keywords = words});
        assert_memory_equal(&path.bind_offload, &usual, 112);
        assert_int_equal(verdict_now(6, 6), good_bits(6, 6));
        path_end();
    }
}

static void expect_text(struct reg_key *k, const char *name, const char *want)
{
    enum reg_type type;
    char text[100] = {0};
    int n = reg_get(k, name, &type, text, sizeof text);

    if (n <= 0 || type != REG_T_SZ)
        fail_msg("%s\\%s is no text", reg_key_name(k), name);
    if (want)
        assert_string_equal(text, want);
}

/* What the property page is made from, as the INF leaves it in the registry. */
static void test_KEY_26_inf_describes_each_keyword(void **state)
{
    static const struct {
        const char *name;
        unsigned values;
    } rows[] = {{"*IPChecksumOffloadIPv4", 4},
                {"*TCPChecksumOffloadIPv4", 4},
                {"*UDPChecksumOffloadIPv4", 4},
                {"*TCPChecksumOffloadIPv6", 4},
                {"*UDPChecksumOffloadIPv6", 4},
                {"*LsoV2IPv4", 2},
                {"*LsoV2IPv6", 2},
                {"*PriorityVLANTag", 4}};
    static const char *const digits[] = {"0", "1", "2", "3"};

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct reg_key *params = reg_key_sub(path.key, "Ndi\\params", false), *k, *e;

        assert_non_null(params);
        k = reg_key_sub(params, rows[i].name, false);
        assert_non_null(k);
        expect_text(k, "ParamDesc", NULL);
        expect_text(k, "Type", "enum");
        expect_text(k, "Default", digits[rows[i].values - 1]);
        e = reg_key_sub(k, "enum", false);
        assert_non_null(e);
        for (unsigned v = 0; v < rows[i].values; v++)
            expect_text(e, digits[v], NULL);
        assert_null(reg_value_name(e, rows[i].values));
    }
    path_end();
}

/* ---- Odd packets ---------------------------------------------------------------------- */

/* IPv4 in IPv4: the offload is for the outer header; the inner one is the protocol's. */
static void test_TXC_22_a_tunnel_gets_its_outer_header_summed(void **state)
{
    static struct packet inner, k, want;
    struct frame_recipe r = path_recipe(4, 17, 200);

    UNUSED_STATE;
    path_begin((struct path_config){0});
    packet_build(&inner, &r);
    memcpy(k.bytes, inner.bytes, ETH + 20);
    memcpy(k.bytes + ETH + 20, inner.bytes + ETH, inner.len - ETH);
    k.sh = inner.sh;
    k.proto = 4;
    k.len = inner.len + 20;
    k.bytes[ETH + 9] = 4;
    naive_put(k.bytes + ETH + 2, 2, k.len - ETH);
    naive_put(k.bytes + ETH + 10, 2, 0xa55a);
    memcpy(&want, &k, sizeof want);
    naive_put(want.bytes + ETH + 10, 2, 0);
    naive_put(want.bytes + ETH + 10, 2, 0xffff - naive_ip_header(want.bytes, &want.sh));
    assert_int_equal(
        path_ask(k.bytes, k.len, &(struct ask){.checksum = ask_checksum(&k, ASK_IP)}).status,
        NDIS_STATUS_SUCCESS);
    expect_wire(want.bytes, want.len);
    path_end();
}

/* A large send is cut, and that is all: segments leave against a closed window, without a wait for
 * an acknowledgement; repeated ones bring nothing back. */
static void test_LSO1_37_no_tcp_but_cutting(void **state)
{
    static struct packet ack;
    struct frame_recipe r = large_recipe(4, 60000), back = arriving(4, 6, 0);

    UNUSED_STATE;
    path_begin((struct path_config){0});
    r.window = 0;
    back.tcp_flags = ACK;
    back.ack = r.seq;
    back.window = 0;
    expect_large(large_packet(&r), MSS, &(struct ask){0});
    packet_build(&ack, &back);
    for (unsigned i = 0; i < 10; i++)
        receive_packet(&ack);
    expect_silence();
    path_end();
}

/* A walk along headers ends: with more of them than any sender has use for, the frame is neither
 * judged nor offloaded, and everything else goes on. */
static void test_SEC_9_a_long_chain_of_headers_ends_the_work(void **state)
{
    static const uint8_t options_8[248] = {[0] = 60};
    static struct packet k;
    uint8_t chain[248];

    UNUSED_STATE;
    path_begin((struct path_config){0});
    memcpy(chain, options_8, sizeof chain);
    for (unsigned at = 0; at < sizeof chain; at += 8)
        memcpy(chain + at, (const uint8_t[]){60, 0, 1, 4, 0, 0, 0, 0}, 8);
    for (unsigned n = 0; n < 2000; n++) {
        struct frame_recipe r = arriving(6, protocols[n % 2], 64);

        r.ip_options = chain;
        r.ip_options_proto = 60;
        r.ip_options_len = sizeof chain;
        packet_build(&k, &r);
        assert_int_equal(receive_packet(&k) & TRANSPORT, 0);
    }
    packet_unfinish(&k);
    expect_failed(
        path_ask(k.bytes, k.len, &(struct ask){.checksum = ask_checksum(&k, ASK_UDP)}).status);
    assert_int_equal(verdict_now(6, 17), good_bits(6, 17));
    path_end();
}

int main(void)
{
    const struct CMUnitTest capability[] = {
        cmocka_unit_test(test_CAP_25_what_is_listed_works),
        cmocka_unit_test(test_ENC_11_one_base_type),
        cmocka_unit_test(test_CAP_17_features_are_zero_or_one),
        cmocka_unit_test(test_KEY_13_14_31_keywords_of_absent_features_do_nothing),
        cmocka_unit_test(test_KEY_26_inf_describes_each_keyword),
        cmocka_unit_test(test_TXC_22_a_tunnel_gets_its_outer_header_summed),
        cmocka_unit_test(test_LSO1_37_no_tcp_but_cutting),
        cmocka_unit_test(test_SEC_9_a_long_chain_of_headers_ends_the_work),
    };

    return path_run("capabilities", capability, COUNT(capability), false);
}
