/* SPDX-License-Identifier: MIT */
/* Configuration at run time: OID_TCP_OFFLOAD_PARAMETERS as vionet and the runtime meet it together
 * (groups PAR and CFG). */
#include "test_path_config.h"

/* ---- Parameters ----------------------------------------------------------------------------- */

/* PAR-2, 3, 4, 5, 6, 7, 12, 13, 26: what cannot be, in every field; nothing is applied, stored or
 * indicated. */
static void test_PAR_4_6_7_13_a_bad_set_changes_nothing_at_all(void **state)
{
    static const struct {
        size_t field;
        UCHAR value;
    } bad[] = {
        {FIELD(IPv4Checksum), 5},
        {FIELD(IPv4Checksum), 6},
        {FIELD(TCPIPv4Checksum), 5},
        {FIELD(UDPIPv4Checksum), 255},
        {FIELD(TCPIPv6Checksum), 5},
        {FIELD(UDPIPv6Checksum), 6},
        {FIELD(LsoV1), 3},
        {FIELD(IPsecV1), 2},
        {FIELD(IPsecV1), 4},
        {FIELD(LsoV2IPv4), 3},
        {FIELD(LsoV2IPv6), 200},
        {FIELD(TcpConnectionIPv4), 2},
        {FIELD(TcpConnectionIPv6), 2},
    };
    struct path *p = watch_open(state, (struct path_config){0});
    NDIS_OFFLOAD before = current(p), after;
    unsigned statuses = p->status_count;
    NDIS_OFFLOAD_PARAMETERS o;
    char word[8] = "";

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        for (unsigned valid_too = 0; valid_too < 2; valid_too++) {
            o = parameters();
            if (valid_too) { /* a good change before the bad one, and one after */
                o.IPv4Checksum = 1;
                o.LsoV2IPv6 = 1;
            }
            ((UCHAR *)&o)[bad[i].field] = bad[i].value;
            assert_int_equal(path_set(p, OID_TCP_OFFLOAD_PARAMETERS, &o, PARAMETERS),
                             NDIS_STATUS_INVALID_DATA);
            after = current(p);
            assert_true(same(&before, &after));
            assert_int_equal(p->status_count, statuses);
            reg_get(p->key, "*LsoV2IPv6", NULL, word, sizeof word);
            assert_string_equal(word, "1");
            reg_get(p->key, "*IPChecksumOffloadIPv4", NULL, word, sizeof word);
            assert_string_equal(word, "3");
        }
    }
    for (ULONG bytes = 0; bytes < PARAMETERS; bytes++) {
        NDIS_OID_REQUEST r;
        NDIS_STATUS status;

        o = parameters();
        o.LsoV2IPv4 = 1;
        r = path_oid_make(NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS, &o, bytes);
        status = path_oid_wait(p, &r);
        assert_true(status == NDIS_STATUS_INVALID_LENGTH || status == NDIS_STATUS_BUFFER_TOO_SHORT);
        assert_true(r.DATA.SET_INFORMATION.BytesNeeded >= 20);
    }
    o = parameters();
    assert_int_equal(path_query(p, OID_TCP_OFFLOAD_PARAMETERS, &o, PARAMETERS, NULL),
                     NDIS_STATUS_NOT_SUPPORTED);
    o.Header.Type = NDIS_OBJECT_TYPE_OFFLOAD;
    assert_true(is_value_error(path_set(p, OID_TCP_OFFLOAD_PARAMETERS, &o, PARAMETERS)));
    o = parameters();
    o.Header.Revision = 0;
    assert_true(is_value_error(path_set(p, OID_TCP_OFFLOAD_PARAMETERS, &o, PARAMETERS)));
    after = current(p);
    assert_true(same(&before, &after));
    assert_int_equal(p->status_count, statuses);
    watch_close(p);
}

static void test_PAR_5_8_13_15_what_changes_nothing_succeeds(void **state)
{
    static const size_t off[] = {FIELD(IPsecV1), FIELD(TcpConnectionIPv4),
                                 FIELD(TcpConnectionIPv6)};
    struct path *p = watch_open(state, (struct path_config){0});
    NDIS_OFFLOAD before = current(p), after;
    NDIS_OFFLOAD_PARAMETERS o = parameters();
    NDIS_OID_REQUEST r =
        path_oid_make(NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS, &o, PARAMETERS);
    unsigned statuses = p->status_count;

    assert_int_equal(path_oid_wait(p, &r), NDIS_STATUS_SUCCESS);
    assert_int_equal(r.DATA.SET_INFORMATION.BytesRead, 20);
    assert_int_equal(r.SupportedRevision, 1);
    assert_indicated(p, statuses);
    for (unsigned i = 0; i < ARRAY_LEN(off); i++)
        assert_int_equal(path_parameter(p, off[i], 1), NDIS_STATUS_SUCCESS);
    o.Header.Revision = NDIS_OFFLOAD_PARAMETERS_REVISION_3; /* newer than the driver */
    o.Header.Size = sizeof o;
    r = path_oid_make(NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS, &o, sizeof o);
    assert_int_equal(path_oid_wait(p, &r), NDIS_STATUS_SUCCESS);
    assert_int_equal(r.SupportedRevision, 1);
    after = current(p);
    assert_true(same(&before, &after));
    watch_close(p);
}

static ULONG checksums(const NDIS_OFFLOAD *o, size_t field, bool receive)
{
    switch (field) {
    case FIELD(IPv4Checksum):
        return receive ? o->Checksum.IPv4Receive.IpChecksum : o->Checksum.IPv4Transmit.IpChecksum;
    case FIELD(TCPIPv4Checksum):
        return receive ? o->Checksum.IPv4Receive.TcpChecksum : o->Checksum.IPv4Transmit.TcpChecksum;
    case FIELD(UDPIPv4Checksum):
        return receive ? o->Checksum.IPv4Receive.UdpChecksum : o->Checksum.IPv4Transmit.UdpChecksum;
    case FIELD(TCPIPv6Checksum):
        return receive ? o->Checksum.IPv6Receive.TcpChecksum : o->Checksum.IPv6Transmit.TcpChecksum;
    default:
        return receive ? o->Checksum.IPv6Receive.UdpChecksum : o->Checksum.IPv6Transmit.UdpChecksum;
    }
}

/* PAR-9, 10, 14, 16, 17, 20, RXC-8, CFG-7: each checksum field through all its values; the others
 * stay; the wire agrees. */
static void test_PAR_9_10_16_17_each_checksum_setting_acts_alone(void **state)
{
    static const struct {
        size_t field;
        const char *word;
        uint8_t version, proto;
    } fields[] = {
        {FIELD(TCPIPv4Checksum), "*TCPChecksumOffloadIPv4", 4, 6},
        {FIELD(UDPIPv4Checksum), "*UDPChecksumOffloadIPv4", 4, 17},
        {FIELD(TCPIPv6Checksum), "*TCPChecksumOffloadIPv6", 6, 6},
        {FIELD(UDPIPv6Checksum), "*UDPChecksumOffloadIPv6", 6, 17},
    };
    struct path *p = watch_open(state, (struct path_config){0});

    for (unsigned f = 0; f < ARRAY_LEN(fields); f++) {
        for (UCHAR v = 1; v <= 4; v++) {
            unsigned statuses = p->status_count;
            NDIS_OFFLOAD now;
            char word[8] = "";

            assert_int_equal(path_parameter(p, fields[f].field, v), NDIS_STATUS_SUCCESS);
            assert_indicated(p, statuses);
            now = current(p);
            for (unsigned g = 0; g < ARRAY_LEN(fields); g++) {
                UCHAR w = g == f ? v : 4;

                assert_int_equal(checksums(&now, fields[g].field, false), (w - 1) & 1);
                assert_int_equal(checksums(&now, fields[g].field, true), (w - 1) >> 1);
                assert_int_equal(verdict(p, fields[g].version, fields[g].proto), (w - 1) >> 1);
            }
            assert_int_equal(now.Checksum.IPv4Transmit.IpChecksum, 1);
            assert_true(now.LsoV2.IPv4.Encapsulation && now.LsoV2.IPv6.Encapsulation);
            reg_get(p->key, fields[f].word, NULL, word, sizeof word);
            assert_int_equal(word[0], '0' + v - 1);
        }
    }
    watch_close(p);
}

static void test_PAR_14_16_CAP_8_off_one_by_one_and_on_again(void **state)
{
    static const size_t fields[] = {FIELD(IPv4Checksum), FIELD(TCPIPv4Checksum),
                                    FIELD(UDPIPv4Checksum), FIELD(TCPIPv6Checksum),
                                    FIELD(UDPIPv6Checksum)};
    struct path *p = watch_open(state, (struct path_config){0});
    NDIS_OFFLOAD before = current(p), now;
    NDIS_OFFLOAD_PARAMETERS o = parameters();

    for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
        assert_int_equal(path_parameter(p, fields[i], 1), NDIS_STATUS_SUCCESS);
    now = current(p);
    for (unsigned i = 0; i < sizeof now.Checksum; i++)
        assert_int_equal(((const uint8_t *)&now.Checksum)[i], 0);
    assert_true(now.LsoV2.IPv4.Encapsulation); /* PAR-24, CAP-4: large sends stay */
    o.IPv4Checksum = 4;                        /* the card judges IPv4 headers, too */
    o.TCPIPv4Checksum = o.UDPIPv4Checksum = o.TCPIPv6Checksum = o.UDPIPv6Checksum = 4;
    assert_int_equal(path_set(p, OID_TCP_OFFLOAD_PARAMETERS, &o, PARAMETERS), NDIS_STATUS_SUCCESS);
    now = current(p);
    assert_true(same(&before, &now));
    watch_close(p);
}

/* PAR-27: the administrator asks, the binding hears. */
static void test_PAR_27_29_the_administrators_set_reaches_every_binding(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    NDIS_OFFLOAD_PARAMETERS o = parameters();
    unsigned statuses = p->status_count;
    ULONG bytes = PARAMETERS;

    o.LsoV2IPv6 = 1;
    assert_int_equal(ndis_adapter_request(p->adapter, NdisRequestSetInformation,
                                          OID_TCP_OFFLOAD_PARAMETERS, &o, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_indicated(p, statuses);
    assert_int_equal(current(p).LsoV2.IPv6.Encapsulation, 0);
    watch_close(p);
}

/* ---- Large sends switched off and on at run time -------------------------------------------- */

static NET_BUFFER_LIST *large(struct path *p, bool v4)
{
    static uint8_t payload[8000], frame[9000];
    struct frame_recipe r = {.ip_version = v4 ? 4 : 6,
                             .l4_proto = 6,
                             .src_ip = {0xfd, 0, 0, 1},
                             .dst_ip = {0xfd, 0, 0, 2},
                             .ttl = 64,
                             .tcp_flags = 0x10,
                             .payload = payload,
                             .payload_len = sizeof payload,
                             .large_send = true};
    uint32_t headers = v4 ? 54 : 74;
    NET_BUFFER_LIST *nbl;

    memcpy(r.dst_mac, peer_mac, 6);
    memcpy(r.src_mac, card_mac, 6);
    nbl = path_nbl(p, frame, (uint32_t)frame_build(&r, frame, sizeof frame),
                   (const uint32_t[]){headers, 0}, 0);
    path_lso2(nbl, v4, 1400, headers - 20);
    return nbl;
}

/* Frames that one large send makes. */
static unsigned segments(struct path *p, bool v4, NDIS_STATUS *status)
{
    unsigned n = 0, at = p->completed_count;
    uint8_t frame[9100];
    uint32_t len;

    path_send(p, large(p, v4), 1);
    *status = p->completed[at].status;
    while ((len = path_wire_read(p, frame, sizeof frame, 0.01)) > 0) {
        struct frame_span span = {frame, len};
        struct frame f = {.spans = &span, .span_count = 1, .len = len};
        struct frame_layers l;

        assert_true(len <= 1514);
        frame_parse(frame, len, len, FRAME_STRICT, &l);
        assert_int_equal(frame_check_transport(&f, &l), FRAME_GOOD);
        n++;
    }
    return n;
}

/* PAR-11, 14, 21, 22, 24 */
static void test_PAR_11_22_large_sends_follow_the_switch(void **state)
{
    static const UCHAR plan[] = {1, 2, 1, 2};
    struct path *p = watch_open(state, (struct path_config){0});
    NDIS_STATUS status;

    for (unsigned family = 0; family < 2; family++) {
        bool v4 = family == 0;

        assert_int_equal(segments(p, v4, &status), 6);
        for (unsigned i = 0; i < ARRAY_LEN(plan); i++) {
            bool on = plan[i] == 2;

            assert_int_equal(path_parameter(p, v4 ? FIELD(LsoV2IPv4) : FIELD(LsoV2IPv6), plan[i]),
                             NDIS_STATUS_SUCCESS);
            assert_int_equal((v4 ? current(p).LsoV2.IPv4.Encapsulation
                                 : current(p).LsoV2.IPv6.Encapsulation) != 0,
                             on);
            assert_int_equal(segments(p, v4, &status), on ? 6 : 0);
            assert_int_equal(status == NDIS_STATUS_SUCCESS, on);
            assert_int_equal(segments(p, !v4, &status), 6); /* the other family's is its own */
        }
    }
    assert_int_equal(path_parameter(p, FIELD(TCPIPv4Checksum), 1), NDIS_STATUS_SUCCESS);
    assert_int_equal(path_parameter(p, FIELD(IPv4Checksum), 1), NDIS_STATUS_SUCCESS);
    assert_int_equal(segments(p, true, &status), 6);
    watch_close(p);
}

static void *switch_on_and_off(void *arg)
{
    for (unsigned i = 0; i < 60; i++) {
        if (path_parameter(arg, FIELD(LsoV2IPv4), i & 1 ? 2 : 1) != NDIS_STATUS_SUCCESS)
            return arg;
    }
    return NULL;
}

/* PAR-23: sends in flight while the switch is moved: whole sends or nothing, none oversized, each
 * completed once. */
static void test_PAR_23_switching_under_large_sends(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    unsigned sent = 0, good = 0, frames = 0;
    uint8_t frame[9100];
    pthread_t t;
    void *failed;
    uint32_t len;

    pthread_create(&t, NULL, switch_on_and_off, p);
    while (sent < 300) {
        NdisSendNetBufferLists(p->binding, large(p, true), 0, 0);
        sent++;
    }
    pthread_join(t, &failed);
    assert_null(failed);
    assert_true(path_wait(p, &p->completed_count, sent, 5));
    assert_int_equal(p->completed_count, sent);
    for (unsigned i = 0; i < sent; i++)
        good += p->completed[i].status == NDIS_STATUS_SUCCESS;
    while ((len = path_wire_read(p, frame, sizeof frame, 0.02)) > 0) {
        assert_true(len <= 1514);
        frames++;
    }
    assert_int_equal(frames, good * 6);
    watch_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_BOTH(test_PAR_4_6_7_13_a_bad_set_changes_nothing_at_all),
        PATH_BOTH(test_PAR_5_8_13_15_what_changes_nothing_succeeds),
        PATH_BOTH(test_PAR_9_10_16_17_each_checksum_setting_acts_alone),
        PATH_BOTH(test_PAR_14_16_CAP_8_off_one_by_one_and_on_again),
        PATH_BOTH(test_PAR_27_29_the_administrators_set_reaches_every_binding),
        PATH_BOTH(test_PAR_11_22_large_sends_follow_the_switch),
        PATH_BOTH(test_PAR_23_switching_under_large_sends),
    };

    return path_run(tests);
}
