/* SPDX-License-Identifier: MIT */
/* Activation and configuration on the whole path: groups ENC, PAR and CFG as vionet and the runtime meet them together. */
#include "test_path_watch.h"

#define FIELD(f) offsetof(NDIS_OFFLOAD_PARAMETERS, f)

enum { PARAMETERS = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1, ENCAPSULATION = NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1 };

static NDIS_OFFLOAD current(struct path *p)
{
    NDIS_OFFLOAD o;

    memset(&o, 0, sizeof o);
    assert_int_equal(path_query(p, OID_TCP_OFFLOAD_CURRENT_CONFIG, &o, 112, NULL), NDIS_STATUS_SUCCESS);
    return o;
}

static bool same(const NDIS_OFFLOAD *a, const NDIS_OFFLOAD *b)
{
    return memcmp(a, b, 112) == 0;
}

/* One indication of the configuration since `before`, well formed, and equal to what a query gives (ENC-14, PAR-15, CFG-6, 8, 9, 10, 11). */
static void assert_indicated(struct path *p, unsigned before)
{
    const struct path_status *s = &p->status[before];
    NDIS_OFFLOAD now = current(p);

    assert_int_equal(p->status_count, before + 1);
    assert_int_equal(s->code, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG);
    assert_int_equal(s->indication.Header.Type, 0x98);
    assert_int_equal(s->indication.Header.Revision, 1);
    assert_int_equal(s->indication.PortNumber, 0);
    assert_int_equal(s->indication.Flags, 0);
    assert_null(s->indication.DestinationHandle);
    assert_null(s->indication.RequestId);
    assert_true(s->bytes >= 112);
    assert_memory_equal(s->buffer, &now, 112);
}

static NDIS_OFFLOAD_PARAMETERS parameters(void)
{
    NDIS_OFFLOAD_PARAMETERS o;

    memset(&o, 0, sizeof o);
    o.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, 1, PARAMETERS};
    return o;
}

static NDIS_OFFLOAD_ENCAPSULATION encapsulation(ULONG four, ULONG six)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    memset(&e, 0, sizeof e);
    e.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION, 1, ENCAPSULATION};
    e.IPv4.Enabled = four;
    e.IPv6.Enabled = six;
    e.IPv4.EncapsulationType = e.IPv6.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
    e.IPv4.HeaderSize = e.IPv6.HeaderSize = 14;
    return e;
}

static bool is_value_error(NDIS_STATUS s)
{
    return s == NDIS_STATUS_INVALID_DATA || s == NDIS_STATUS_INVALID_PARAMETER || s == NDIS_STATUS_NOT_SUPPORTED;
}

/* A UDP frame of that family arrives; whether it comes with a good verdict. */
static bool verdict(struct path *p, uint8_t version, uint8_t proto)
{
    uint8_t bytes[100] = {1}, frame[300];
    struct frame_recipe r = {.ip_version = version, .l4_proto = proto, .src_ip = {0xfd, 0, 0, 1}, .dst_ip = {0xfd, 0, 0, 2}, .src_port = 1,
                             .dst_port = 2, .ttl = 64, .tcp_flags = 0x10, .payload = bytes, .payload_len = sizeof bytes};
    unsigned at = p->received_count;
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i;

    memcpy(r.dst_mac, card_mac, 6);
    memcpy(r.src_mac, peer_mac, 6);
    path_wire_write(p, frame, (uint32_t)frame_build(&r, frame, sizeof frame));
    assert_true(path_wait(p, &p->received_count, at + 1, 2));
    i.Value = (PVOID)p->received[at % PATH_RECORDS].oob[TcpIpChecksumNetBufferListInfo];
    assert_false(i.Receive.TcpChecksumFailed || i.Receive.UdpChecksumFailed || i.Receive.IpChecksumFailed);
    return proto == 6 ? i.Receive.TcpChecksumSucceeded : i.Receive.UdpChecksumSucceeded;
}

/* ---- Activation ----------------------------------------------------------------------------- */

static void test_ENC_2_8_10_14_a_good_set_is_accepted_and_indicated(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.no_activate = true});
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    NDIS_OID_REQUEST r = path_oid_make(NdisRequestSetInformation, OID_OFFLOAD_ENCAPSULATION, &e, ENCAPSULATION);

    assert_int_equal(path_oid_wait(p, &r), NDIS_STATUS_SUCCESS);
    assert_int_equal(r.DATA.SET_INFORMATION.BytesRead, 28);
    assert_int_equal(r.SupportedRevision, 1);
    assert_indicated(p, 0);
    watch_close(p);
}

/* ENC-3, 4, 6, 9, 12, 13 */
static void test_ENC_3_4_6_9_13_a_bad_set_changes_nothing(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.no_activate = true});
    NDIS_OFFLOAD_ENCAPSULATION good = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON), bad[8];
    static const bool parameter[8] = {false, false, false, false, false, true, true, true};

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        bad[i] = good;
    bad[0].Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    bad[1].Header.Revision = 0;
    bad[2].Header.Size = 40;
    bad[3].IPv4.Enabled = 3;
    bad[4].IPv6.Enabled = 0xffffffff;
    bad[5].IPv4.EncapsulationType = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;
    bad[6].IPv6.EncapsulationType = NDIS_ENCAPSULATION_NULL;
    bad[7].IPv4.HeaderSize = 0x10000;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        NDIS_STATUS status = path_set(p, OID_OFFLOAD_ENCAPSULATION, &bad[i], ENCAPSULATION);

        if (parameter[i])
            assert_int_equal(status, NDIS_STATUS_INVALID_PARAMETER);
        else
            assert_true(is_value_error(status));
    }
    for (ULONG bytes = 0; bytes < 28; bytes++) {
        NDIS_OID_REQUEST r = path_oid_make(NdisRequestSetInformation, OID_OFFLOAD_ENCAPSULATION, &good, bytes);
        NDIS_STATUS status = path_oid_wait(p, &r);

        assert_true(status == NDIS_STATUS_INVALID_LENGTH || status == NDIS_STATUS_BUFFER_TOO_SHORT);
        assert_int_equal(r.DATA.SET_INFORMATION.BytesNeeded, 28);
    }
    assert_int_equal(p->status_count, 0);
    assert_false(verdict(p, 4, 17) || verdict(p, 6, 17));
    assert_int_equal(path_query(p, OID_OFFLOAD_ENCAPSULATION, &good, 28, NULL), NDIS_STATUS_INVALID_STATE); /* ENC-21 */
    watch_close(p);
}

/* ENC-5, 6, 7, 15, 16, RXC-9 */
static void test_ENC_5_7_15_16_families_are_independent_and_remembered(void **state)
{
    static const struct {
        ULONG four, six;
        bool on4, on6;
    } steps[] = {
        {NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_NO_CHANGE, true, false},  {NDIS_OFFLOAD_SET_NO_CHANGE, NDIS_OFFLOAD_SET_ON, true, true},
        {NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_NO_CHANGE, false, true}, {NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF, true, false},
        {NDIS_OFFLOAD_SET_NO_CHANGE, NDIS_OFFLOAD_SET_NO_CHANGE, true, false},
        {NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_OFF, false, false},      {NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON, true, true},
    };
    struct path *p = watch_open(state, (struct path_config){.no_activate = true});
    NDIS_OFFLOAD before = current(p), after;

    assert_int_equal(path_parameter(p, FIELD(TCPIPv6Checksum), NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED), NDIS_STATUS_SUCCESS);
    before = current(p);
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(steps[i].four, steps[i].six);
        unsigned statuses = p->status_count;

        if (steps[i].four == NDIS_OFFLOAD_SET_OFF) { /* leftovers are not looked at */
            e.IPv4.EncapsulationType = 0x7777;
            e.IPv4.HeaderSize = 99;
        }
        assert_int_equal(path_set(p, OID_OFFLOAD_ENCAPSULATION, &e, ENCAPSULATION), NDIS_STATUS_SUCCESS);
        assert_indicated(p, statuses);
        assert_int_equal(verdict(p, 4, 17), steps[i].on4);
        assert_int_equal(verdict(p, 4, 6), steps[i].on4);
        assert_int_equal(verdict(p, 6, 17), steps[i].on6);
        assert_false(verdict(p, 6, 6));
        after = current(p);
        assert_true(same(&before, &after));
    }
    watch_close(p);
}

static void test_ENC_20_the_query_is_answered_from_the_last_good_set(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.no_activate = true});
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF), bad = encapsulation(7, 7), got;
    ULONG bytes;

    assert_int_equal(path_set(p, OID_OFFLOAD_ENCAPSULATION, &e, ENCAPSULATION), NDIS_STATUS_SUCCESS);
    assert_true(is_value_error(path_set(p, OID_OFFLOAD_ENCAPSULATION, &bad, ENCAPSULATION)));
    watch.count = 0;
    assert_int_equal(path_query(p, OID_OFFLOAD_ENCAPSULATION, &got, sizeof got, &bytes), NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 28);
    assert_memory_equal(&got, &e, 28);
    assert_false(watch.event[watch_find(0, WATCH_OID, OID_OFFLOAD_ENCAPSULATION)].reached);
    watch_close(p);
}

/* ---- Parameters ----------------------------------------------------------------------------- */

/* PAR-2, 3, 4, 5, 6, 7, 12, 13, 26: what cannot be, in every field; nothing is applied, stored or indicated. */
static void test_PAR_4_6_7_13_a_bad_set_changes_nothing_at_all(void **state)
{
    static const struct {
        size_t field;
        UCHAR value;
    } bad[] = {
        {FIELD(IPv4Checksum), 5},    {FIELD(IPv4Checksum), 3}, /* receive: the card has none */
        {FIELD(IPv4Checksum), 4},    {FIELD(TCPIPv4Checksum), 5},
        {FIELD(UDPIPv4Checksum), 255}, {FIELD(TCPIPv6Checksum), 5},
        {FIELD(UDPIPv6Checksum), 6}, {FIELD(LsoV1), 2},
        {FIELD(LsoV1), 3},           {FIELD(IPsecV1), 2},
        {FIELD(IPsecV1), 4},         {FIELD(LsoV2IPv4), 3},
        {FIELD(LsoV2IPv6), 200},     {FIELD(TcpConnectionIPv4), 2},
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
            assert_int_equal(path_set(p, OID_TCP_OFFLOAD_PARAMETERS, &o, PARAMETERS), NDIS_STATUS_INVALID_DATA);
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
    assert_int_equal(path_query(p, OID_TCP_OFFLOAD_PARAMETERS, &o, PARAMETERS, NULL), NDIS_STATUS_NOT_SUPPORTED);
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
    static const size_t off[] = {FIELD(LsoV1), FIELD(IPsecV1), FIELD(TcpConnectionIPv4), FIELD(TcpConnectionIPv6)};
    struct path *p = watch_open(state, (struct path_config){0});
    NDIS_OFFLOAD before = current(p), after;
    NDIS_OFFLOAD_PARAMETERS o = parameters();
    NDIS_OID_REQUEST r = path_oid_make(NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS, &o, PARAMETERS);
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

/* PAR-9, 10, 14, 16, 17, 20, RXC-8, CFG-7: each checksum field through all its values; the others stay; the wire agrees. */
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
    static const size_t fields[] = {FIELD(IPv4Checksum), FIELD(TCPIPv4Checksum), FIELD(UDPIPv4Checksum), FIELD(TCPIPv6Checksum), FIELD(UDPIPv6Checksum)};
    struct path *p = watch_open(state, (struct path_config){0});
    NDIS_OFFLOAD before = current(p), now;
    NDIS_OFFLOAD_PARAMETERS o = parameters();

    for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
        assert_int_equal(path_parameter(p, fields[i], 1), NDIS_STATUS_SUCCESS);
    now = current(p);
    for (unsigned i = 0; i < sizeof now.Checksum; i++)
        assert_int_equal(((const uint8_t *)&now.Checksum)[i], 0);
    assert_true(now.LsoV2.IPv4.Encapsulation); /* PAR-24, CAP-4: large sends stay */
    o.IPv4Checksum = 2;
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
    assert_int_equal(ndis_adapter_request(p->adapter, NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS, &o, &bytes), NDIS_STATUS_SUCCESS);
    assert_indicated(p, statuses);
    assert_int_equal(current(p).LsoV2.IPv6.Encapsulation, 0);
    watch_close(p);
}

/* ---- Large sends switched off and on at run time -------------------------------------------- */

static NET_BUFFER_LIST *large(struct path *p, bool v4)
{
    static uint8_t payload[8000], frame[9000];
    struct frame_recipe r = {.ip_version = v4 ? 4 : 6, .l4_proto = 6, .src_ip = {0xfd, 0, 0, 1}, .dst_ip = {0xfd, 0, 0, 2}, .ttl = 64,
                             .tcp_flags = 0x10, .payload = payload, .payload_len = sizeof payload, .large_send = true};
    uint32_t headers = v4 ? 54 : 74;
    NET_BUFFER_LIST *nbl;

    memcpy(r.dst_mac, peer_mac, 6);
    memcpy(r.src_mac, card_mac, 6);
    nbl = path_nbl(p, frame, (uint32_t)frame_build(&r, frame, sizeof frame), (const uint32_t[]){headers, 0}, 0);
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

            assert_int_equal(path_parameter(p, v4 ? FIELD(LsoV2IPv4) : FIELD(LsoV2IPv6), plan[i]), NDIS_STATUS_SUCCESS);
            assert_int_equal((v4 ? current(p).LsoV2.IPv4.Encapsulation : current(p).LsoV2.IPv6.Encapsulation) != 0, on);
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

/* PAR-23: sends in flight while the switch is moved: whole sends or nothing, none oversized, each completed once. */
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

/* SEC-8: contents at random; whatever is accepted is indicated and within the hardware, what is not changes nothing. */
static void test_SEC_8_random_requests_are_taken_whole_or_not_at_all(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    uint64_t seed = 0x5eed5eed5eed5eedull;
    struct ndis_offload_state s;

    for (unsigned i = 0; i < 3000; i++) {
        uint8_t bytes[64];
        NDIS_OFFLOAD before = current(p), after;
        bool e;
        ULONG len;
        NDIS_STATUS status;

        for (unsigned b = 0; b < sizeof bytes; b++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            bytes[b] = (uint8_t)((seed >> 33) % (i & 1 ? 6 : 256));
        }
        e = (seed >> 40) & 1;
        len = (ULONG)(seed >> 42) % sizeof bytes;
        if (i % 4) {
            NDIS_OBJECT_HEADER h = {e ? NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION : NDIS_OBJECT_TYPE_DEFAULT, 1, e ? ENCAPSULATION : PARAMETERS};

            memcpy(bytes, &h, sizeof h);
        }
        p->status_count = 0;
        status = path_set(p, e ? OID_OFFLOAD_ENCAPSULATION : OID_TCP_OFFLOAD_PARAMETERS, bytes, len);
        after = current(p);
        assert_int_equal(p->status_count, status == NDIS_STATUS_SUCCESS);
        if (status != NDIS_STATUS_SUCCESS || e)
            assert_true(same(&before, &after));
    }
    ndis_adapter_offload(p->adapter, &s);
    assert_true(same(&s.hardware, &watch.hardware));
    watch_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_BOTH(test_ENC_2_8_10_14_a_good_set_is_accepted_and_indicated),
        PATH_BOTH(test_ENC_3_4_6_9_13_a_bad_set_changes_nothing),
        PATH_BOTH(test_ENC_5_7_15_16_families_are_independent_and_remembered),
        PATH_BOTH(test_ENC_20_the_query_is_answered_from_the_last_good_set),
        PATH_BOTH(test_PAR_4_6_7_13_a_bad_set_changes_nothing_at_all),
        PATH_BOTH(test_PAR_5_8_13_15_what_changes_nothing_succeeds),
        PATH_BOTH(test_PAR_9_10_16_17_each_checksum_setting_acts_alone),
        PATH_BOTH(test_PAR_14_16_CAP_8_off_one_by_one_and_on_again),
        PATH_BOTH(test_PAR_27_29_the_administrators_set_reaches_every_binding),
        PATH_BOTH(test_PAR_11_22_large_sends_follow_the_switch),
        PATH_BOTH(test_PAR_23_switching_under_large_sends),
        PATH_BOTH(test_SEC_8_random_requests_are_taken_whole_or_not_at_all),
    };

    return path_run(tests);
}
