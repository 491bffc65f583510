/* SPDX-License-Identifier: MIT */
/* The standardized offload keywords: what they switch off at initialize, and what a set at run time
 * leaves in them. */
#include "test_path_config.h"

static const struct keyword {
    const char *name;
    size_t field;
    bool lso;
} keywords[] = {
    {"*IPChecksumOffloadIPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum), false},
    {"*TCPChecksumOffloadIPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum), false},
    {"*UDPChecksumOffloadIPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum), false},
    {"*TCPChecksumOffloadIPv6", offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv6Checksum), false},
    {"*UDPChecksumOffloadIPv6", offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum), false},
    {"*LsoV2IPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4), true},
    {"*LsoV2IPv6", offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6), true},
    {"*LsoV1IPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1), true}, /* not in the INF */
};

/* The hardware view less what one keyword governs ("Field map" of the requirements); value as in
 * the registry. */
static NDIS_OFFLOAD less(const NDIS_OFFLOAD *hardware, unsigned k, unsigned value)
{
    NDIS_OFFLOAD o = *hardware;
    bool tx = value & 1, rx = value & 2;

    switch (k) {
    case 0:
        if (!tx)
            o.Checksum.IPv4Transmit.IpChecksum = o.Checksum.IPv4Transmit.IpOptionsSupported = 0;
        if (!rx)
            o.Checksum.IPv4Receive.IpChecksum = o.Checksum.IPv4Receive.IpOptionsSupported = 0;
        break;
    case 1:
        if (!tx)
            o.Checksum.IPv4Transmit.TcpChecksum = o.Checksum.IPv4Transmit.TcpOptionsSupported = 0;
        if (!rx)
            o.Checksum.IPv4Receive.TcpChecksum = o.Checksum.IPv4Receive.TcpOptionsSupported = 0;
        break;
    case 2:
        if (!tx)
            o.Checksum.IPv4Transmit.UdpChecksum = 0;
        if (!rx)
            o.Checksum.IPv4Receive.UdpChecksum = 0;
        break;
    case 3:
        if (!tx)
            o.Checksum.IPv6Transmit.TcpChecksum = o.Checksum.IPv6Transmit.TcpOptionsSupported =
                o.Checksum.IPv6Transmit.IpExtensionHeadersSupported = 0;
        if (!rx)
            o.Checksum.IPv6Receive.TcpChecksum = o.Checksum.IPv6Receive.TcpOptionsSupported =
                o.Checksum.IPv6Receive.IpExtensionHeadersSupported = 0;
        break;
    case 4:
        if (!tx)
            o.Checksum.IPv6Transmit.UdpChecksum = 0;
        if (!rx)
            o.Checksum.IPv6Receive.UdpChecksum = 0;
        break;
    case 5:
        memset(&o.LsoV2.IPv4, 0, sizeof o.LsoV2.IPv4);
        break;
    case 7:
        memset(&o.LsoV1.IPv4, 0, sizeof o.LsoV1.IPv4);
        break;
    default:
        memset(&o.LsoV2.IPv6, 0, sizeof o.LsoV2.IPv6);
        break;
    }
    return o;
}

static void test_INIT_18_bind_parameters_follow_an_indication(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.no_bind = true});
    NDIS_OFFLOAD_PARAMETERS o = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1},
        .LsoV2IPv4 = NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED};
    ULONG bytes = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;
    NDIS_OFFLOAD want = less(&watch.now, 5, 0);
    struct why why = {0};

    assert_int_equal(ndis_adapter_request(p->adapter, NdisRequestSetInformation,
                                          OID_TCP_OFFLOAD_PARAMETERS, &o, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_true(watch_find(0, WATCH_STATUS, (uint32_t)NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG) >=
                0);
    assert_int_equal(ndis_adapter_connect(p->adapter, "PATH", &why), 0);
    assert_true(same(&p->bind_offload, &want));
    watch_close(p);
}

/* ---- Keywords ------------------------------------------------------------------------------- */

static void test_INIT_12_KEY_20_without_keywords_all_is_on(void **state)
{
    struct path *p = watch_prepare(state, (struct path_config){0});

    for (unsigned i = 0; i < ARRAY_LEN(keywords); i++)
        assert_int_equal(reg_delete(p->key, keywords[i].name) == 0, i != 7); /* KEY-9 */
    path_start(p);
    assert_true(same(&watch.now, &watch.hardware));
    assert_traffic(p);
    watch_close(p);
}

/* INIT-7, INIT-13, KEY-1, KEY-2, KEY-3, KEY-4, KEY-5, KEY-6, KEY-7, KEY-8: every value of every
 * keyword, alone. */
static void test_INIT_13_KEY_1_a_keyword_switches_off_just_its_own(void **state)
{
    static const char *const digits[] = {"0", "1", "2", "3"};
    NDIS_OFFLOAD hardware = {.Flags = 1};

    for (unsigned k = 0; k < ARRAY_LEN(keywords); k++) {
        for (unsigned v = 0; v < (keywords[k].lso ? 2u : 4u); v++) {
            const char *words[] = {keywords[k].name, digits[v], NULL};
            struct path *p =
                watch_open(state, (struct path_config){.keywords = words, .no_bind = true});
            NDIS_OFFLOAD want;

            if (hardware.Flags)
                hardware = watch.hardware;
            assert_true(same(&watch.hardware, &hardware));
            want = keywords[k].lso && v ? hardware : less(&hardware, k, v);
            assert_true(same(&watch.now, &want));
            watch_close(p);
        }
    }
}

static void test_INIT_13_CAP_8_all_off_leaves_no_encapsulation(void **state)
{
    const char *words[2 * ARRAY_LEN(keywords) + 1] = {NULL};
    static const NDIS_OFFLOAD none;
    struct path *p;

    for (unsigned k = 0; k < ARRAY_LEN(keywords); k++) {
        words[2 * k] = keywords[k].name;
        words[2 * k + 1] = "0";
    }
    p = watch_open(state, (struct path_config){.keywords = words, .no_activate = true});
    assert_memory_equal(&watch.now.Checksum, &none.Checksum, sizeof none.Checksum);
    assert_memory_equal(&watch.now.LsoV2, &none.LsoV2, sizeof none.LsoV2);
    assert_true(watch.hardware.Checksum.IPv4Transmit.TcpChecksum &&
                watch.hardware.LsoV2.IPv4.Encapsulation);
    assert_traffic(p);
    watch_close(p);
}

/* PAR-18, KEY-23 */
static void test_PAR_18_the_last_set_is_there_after_halt(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    NDIS_OFFLOAD want = less(&watch.hardware, 5, 0);
    struct ndis_offload_state now;

    reg_set_sz(p->key, "*LsoV2IPv6", "0"); /* behind the driver's back: without effect */
    assert_int_equal(path_parameter(p, offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
                                    NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED),
                     NDIS_STATUS_SUCCESS);
    ndis_adapter_offload(p->adapter, &now);
    assert_true(same(&now.current, &want));
    assert_int_equal(ndis_adapter_halt(p->adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_initialize(p->adapter), NDIS_STATUS_SUCCESS);
    want = less(&want, 6, 0);
    assert_true(same(&watch.now, &want));
    assert_int_equal(ndis_adapter_restart(p->adapter), NDIS_STATUS_SUCCESS);
    watch_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_BOTH(test_INIT_18_bind_parameters_follow_an_indication),
        PATH_BOTH(test_INIT_12_KEY_20_without_keywords_all_is_on),
        PATH_BOTH(test_INIT_13_KEY_1_a_keyword_switches_off_just_its_own),
        PATH_BOTH(test_INIT_13_CAP_8_all_off_leaves_no_encapsulation),
        PATH_BOTH(test_PAR_18_the_last_set_is_there_after_halt),
    };

    return path_run(tests);
}
