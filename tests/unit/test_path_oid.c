/* SPDX-License-Identifier: MIT */
/* Requests on the whole path: GEN-26, 27, 31, 42. Offload requests are test_path_offload's.
 * That the runtime serializes, and notices wrong answers, is test_ndis_oid's. */
#include "test_path_watch.h"

/* ---- GEN-27 --------------------------------------------------------------------------------- */

static bool is_length_error(NDIS_STATUS s)
{
    return s == NDIS_STATUS_BUFFER_TOO_SHORT || s == NDIS_STATUS_INVALID_LENGTH;
}

/* Every request of the supported list, asked first with no buffer, then with one byte less than
 * needed, then with what was needed. */
static void test_GEN_26_27_every_query_says_what_it_wrote_or_needs(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    unsigned answered = 0;

    for (unsigned i = 0; i < watch.oid_count; i++) {
        uint8_t buffer[1024];
        ULONG needed, written;
        NDIS_STATUS status = path_query(p, watch.oids[i], NULL, 0, &needed);

        if (status == NDIS_STATUS_NOT_SUPPORTED || status == NDIS_STATUS_SUCCESS)
            continue; /* only to be set; or nothing to say: an empty list */
        assert_true(is_length_error(status));
        assert_true(needed > 0 && needed <= sizeof buffer);
        memset(buffer, 0xee, sizeof buffer);
        if (needed != 8) { /* counters come in four bytes, too */
            assert_true(
                is_length_error(path_query(p, watch.oids[i], buffer, needed - 1, &written)));
            assert_int_equal(written, needed);
            for (unsigned b = 0; b < needed; b++)
                assert_int_equal(buffer[b], 0xee);
        }
        assert_int_equal(path_query(p, watch.oids[i], buffer, sizeof buffer, &written),
                         NDIS_STATUS_SUCCESS);
        assert_true(written == needed || (needed == 4 && written == 8));
        assert_int_equal(buffer[written], 0xee);
        answered++;
    }
    assert_true(answered >= 25);
    watch_close(p);
}

static void test_GEN_27_short_sets_say_what_they_need(void **state)
{
    static const NDIS_OID sets[] = {OID_GEN_CURRENT_PACKET_FILTER, OID_GEN_CURRENT_LOOKAHEAD,
                                    OID_802_3_MULTICAST_LIST, OID_OFFLOAD_ENCAPSULATION,
                                    OID_TCP_OFFLOAD_PARAMETERS};
    struct path *p = watch_open(state, (struct path_config){0});
    uint8_t buffer[3] = {0};

    for (unsigned i = 0; i < ARRAY_LEN(sets); i++) {
        NDIS_OID_REQUEST r =
            path_oid_make(NdisRequestSetInformation, sets[i], buffer, sizeof buffer);

        assert_true(is_length_error(path_oid_wait(p, &r)));
        assert_true(r.DATA.SET_INFORMATION.BytesNeeded > sizeof buffer);
        assert_int_equal(r.DATA.SET_INFORMATION.BytesRead, 0);
    }
    assert_traffic(p);
    watch_close(p);
}

static void test_GEN_27_an_impossible_filter_changes_nothing(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    ULONG filter, before;

    assert_int_equal(path_query(p, OID_GEN_CURRENT_PACKET_FILTER, &before, sizeof before, NULL),
                     NDIS_STATUS_SUCCESS);
    assert_int_not_equal(path_set_filter(p, 0x80000000u), NDIS_STATUS_SUCCESS);
    assert_int_equal(path_query(p, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter, NULL),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(filter, before);
    assert_traffic(p);
    watch_close(p);
}

/* ---- GEN-42 --------------------------------------------------------------------------------- */

static ULONG64 count_of(struct path *p, NDIS_OID oid)
{
    ULONG64 v = 0;
    ULONG low = 0, bytes;

    assert_int_equal(path_query(p, oid, &v, sizeof v, &bytes), NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 8);
    assert_int_equal(path_query(p, oid, &low, sizeof low, &bytes), NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 4);
    assert_int_equal(low, (ULONG)v);
    return v;
}

static void send_to(struct path *p, const uint8_t destination[6], uint32_t payload)
{
    uint8_t frame[2048];
    uint32_t len = numbered(frame, sizeof frame, false, 1, payload);

    memcpy(frame, destination, 6);
    path_send(p, path_nbl(p, frame, len, NULL, 0), 1);
}

static void arrive_for(struct path *p, const uint8_t destination[6], uint32_t payload)
{
    uint8_t frame[2048];
    uint32_t len = numbered(frame, sizeof frame, true, 1, payload);
    unsigned before = p->received_count;

    memcpy(frame, destination, 6);
    path_wire_write(p, frame, len);
    assert_true(path_wait(p, &p->received_count, before + 1, 2));
}

static void test_GEN_42_statistics_agree_with_the_wire(void **state)
{
    static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1},
                         all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct path *p = watch_open(state, (struct path_config){0});
    NDIS_STATISTICS_INFO s;
    uint64_t octets = 0, frames = 0;
    uint8_t frame[2048];
    uint32_t len;

    for (unsigned i = 0; i < 7; i++)
        send_to(p, peer_mac, 100 + i);
    for (unsigned i = 0; i < 5; i++)
        send_to(p, group, 200);
    for (unsigned i = 0; i < 3; i++)
        send_to(p, all, 4);
    while ((len = path_wire_read(p, frame, sizeof frame, 0.02)) > 0) {
        octets += len;
        frames++;
    }
    assert_int_equal(frames, 15);
    for (unsigned i = 0; i < 6; i++)
        arrive_for(p, card_mac, 100);
    for (unsigned i = 0; i < 4; i++)
        arrive_for(p, group, 200);
    for (unsigned i = 0; i < 2; i++)
        arrive_for(p, all, 300);
    assert_int_equal(count_of(p, OID_GEN_XMIT_OK), 15);
    assert_int_equal(count_of(p, OID_GEN_RCV_OK), 12);
    assert_int_equal(count_of(p, OID_GEN_XMIT_ERROR), 0);
    assert_int_equal(count_of(p, OID_GEN_RCV_ERROR), 0);
    assert_int_equal(count_of(p, OID_GEN_RCV_NO_BUFFER), 0);
    assert_int_equal(path_query(p, OID_GEN_STATISTICS, &s, sizeof s, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(s.ifHCOutUcastPkts, 7);
    assert_int_equal(s.ifHCOutMulticastPkts, 5);
    assert_int_equal(s.ifHCOutBroadcastPkts, 3);
    assert_int_equal(s.ifHCInUcastPkts, 6);
    assert_int_equal(s.ifHCInMulticastPkts, 4);
    assert_int_equal(s.ifHCInBroadcastPkts, 2);
    assert_int_equal(s.ifHCOutOctets, octets);
    assert_int_equal(s.ifHCInOctets, 6 * 142 + 4 * 242 + 2 * 342);
    path_send(p, numbered_nbl(p, 0, 1473), 1);
    assert_int_equal(count_of(p, OID_GEN_XMIT_ERROR), 1);
    assert_int_equal(count_of(p, OID_GEN_XMIT_OK), 15);
    watch_close(p);
}

/* GEN-42: a large send counts as what leaves. */
static void test_GEN_42_a_large_send_counts_its_segments(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    static uint8_t payload[10000], frame[11000], wire[2048];
    struct frame_recipe r = {.ip_version = 4,
                             .l4_proto = 6,
                             .src_ip = {10, 0, 0, 1},
                             .dst_ip = {10, 0, 0, 2},
                             .ttl = 64,
                             .tcp_flags = 0x10,
                             .payload = payload,
                             .payload_len = sizeof payload,
                             .large_send = true};
    uint64_t octets = 0, frames = 0;
    NDIS_STATISTICS_INFO s;
    NET_BUFFER_LIST *nbl;
    uint32_t len;

    memcpy(r.dst_mac, peer_mac, 6);
    memcpy(r.src_mac, card_mac, 6);
    len = (uint32_t)frame_build(&r, frame, sizeof frame);
    assert_true(len > sizeof payload);
    nbl = path_nbl(p, frame, len, (const uint32_t[]){54, 0}, 0);
    path_lso2(nbl, true, 1460, 34);
    path_send(p, nbl, 1);
    assert_int_equal(p->completed[0].status, NDIS_STATUS_SUCCESS);
    while ((len = path_wire_read(p, wire, sizeof wire, 0.02)) > 0) {
        octets += len;
        frames++;
    }
    assert_int_equal(frames, 7);
    assert_int_equal(path_query(p, OID_GEN_STATISTICS, &s, sizeof s, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(s.ifHCOutUcastPkts, frames);
    assert_int_equal(s.ifHCOutOctets, octets);
    watch_close(p);
}

/* ---- Power: OID_PNP_SET_POWER and back ------------------------------------------------------ */

static void test_GEN_31_power_down_and_up_again(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    ULONG to = NdisDeviceStateD3, bytes = sizeof to;

    assert_traffic(p);
    assert_int_equal(ndis_adapter_pause(p->adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(
        ndis_adapter_request(p->adapter, NdisRequestSetInformation, OID_PNP_SET_POWER, &to, &bytes),
        NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_status(p->nic), 0);
    to = NdisDeviceStateD0;
    bytes = sizeof to;
    assert_int_equal(
        ndis_adapter_request(p->adapter, NdisRequestSetInformation, OID_PNP_SET_POWER, &to, &bytes),
        NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_restart(p->adapter), NDIS_STATUS_SUCCESS);
    assert_traffic(p);
    watch_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_BOTH(test_GEN_26_27_every_query_says_what_it_wrote_or_needs),
        PATH_BOTH(test_GEN_27_short_sets_say_what_they_need),
        PATH_BOTH(test_GEN_27_an_impossible_filter_changes_nothing),
        PATH_BOTH(test_GEN_42_statistics_agree_with_the_wire),
        PATH_BOTH(test_GEN_42_a_large_send_counts_its_segments),
        PATH_BOTH(test_GEN_31_power_down_and_up_again),
    };

    return path_run(tests);
}
