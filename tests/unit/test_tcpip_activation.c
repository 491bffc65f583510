/* SPDX-License-Identifier: MIT */
/* The overlying protocol at its binding: when it activates task offload, and what it then asks of
 * the stack. Rows for PR of ENC and PAR; src/tcpip/tcpip.c. */
#include "test_ndis_rig.h"

#include "port/ops.h"
#include "tcpip/tcpip.h"

enum { WITHOUT, WITH, SNAP_ONLY, ALL_OFF };

static struct tap {
    struct port port;
    uint32_t flags; /* what Linux may leave to the adapter */
    unsigned changes;
} tap;

static NDIS_OFFLOAD_ENCAPSULATION asked; /* the last set */
static unsigned asks;
static NDIS_STATUS verdict;

static int tap_rx(struct port *p, struct port_buffer *bufs, unsigned n)
{
    (void)p, (void)bufs, (void)n;
    return 0;
}

static unsigned tap_tx(struct port *p, const struct frame *frames, unsigned n)
{
    (void)p, (void)frames;
    return n;
}

static void tap_free(struct port *p)
{
    (void)p;
}

static int tap_flags(struct port *p, uint32_t flags)
{
    (void)p;
    tap.changes++;
    tap.flags = flags;
    return 0;
}

static int tap_carrier(struct port *p, bool on)
{
    (void)p, (void)on;
    return 0;
}

static int tap_mac(struct port *p, const uint8_t mac[6])
{
    (void)p, (void)mac;
    return 0;
}

static int tap_mtu(struct port *p, uint32_t mtu)
{
    (void)p, (void)mtu;
    return 0;
}

static const struct port_ops tap_ops = {
    .free = tap_free,
    .rx = tap_rx,
    .tx = tap_tx,
    .set_stack_offload = tap_flags,
    .set_carrier = tap_carrier,
    .set_mac = tap_mac,
    .set_mtu = tap_mtu,
};

static void frames_wanted(void *arg, bool wanted)
{
    (void)arg, (void)wanted;
}

static NDIS_STATUS on_request(NDIS_OID_REQUEST *r)
{
    if (r->DATA.SET_INFORMATION.Oid == OID_OFFLOAD_ENCAPSULATION) {
        memcpy(&asked, r->DATA.SET_INFORMATION.InformationBuffer, sizeof(asked));
        asks++;
        if (verdict != NDIS_STATUS_SUCCESS)
            return verdict;
    }
    rig_fill_result(r);
    return NDIS_STATUS_SUCCESS;
}

static struct tcpip *bind_above(int offers, NDIS_STATUS answer)
{
    struct tcpip_config config = {.name = "TCPIP", .tap = &tap.port, .want_frames = frames_wanted};
    struct why why = {""};
    struct tcpip *t;

    memset(&mp, 0, sizeof(mp));
    memset(&tap, 0, sizeof(tap));
    memset(&asked, 0, sizeof(asked));
    asks = 0;
    verdict = answer;
    tap.port.ops = &tap_ops;
    tap.port.fd = -1;
    mp.offload = offers != WITHOUT;
    rig_offload(&mp.now);
    if (offers == SNAP_ONLY) {
        mp.now.Checksum.IPv4Transmit.Encapsulation = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;
        mp.now.LsoV2.IPv4.Encapsulation = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;
    }
    mp.hardware = mp.now;
    if (offers == ALL_OFF) {
        memset(&mp.now.Checksum, 0, sizeof(mp.now.Checksum));
        memset(&mp.now.LsoV2, 0, sizeof(mp.now.LsoV2));
    }
    mp.in_oid = on_request;
    rig_up(NULL);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_restart(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(tcpip_new(&config, &t, &why), 0);
    assert_int_equal(ndis_adapter_connect(rig.adapter, "TCPIP", &why), 0);
    assert_true(tcpip_is_running(t));
    return t;
}

static void down(struct tcpip *t)
{
    tcpip_free(t);
    assert_int_equal(tap.flags, 0);
    assert_int_equal(rig.findings, 0);
    rig_down();
}

static void indicate(NDIS_OFFLOAD *o)
{
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, 1, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .SourceHandle = mp.handle,
        .StatusCode = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG,
        .StatusBuffer = o,
        .StatusBufferSize = o->Header.Size,
    };

    NdisMIndicateStatusEx(mp.handle, &s);
}

/* ENC-19, ENC-7, ENC-12: one set of 28 bytes, of an encapsulation that the adapter lists. */
static void test_ENC_19_activation_asks_for_what_is_listed(void **state)
{
    struct tcpip *t = bind_above(WITH, NDIS_STATUS_SUCCESS);

    (void)state;
    assert_int_equal(asks, 1);
    assert_int_equal(asked.Header.Size, 28);
    assert_int_equal(asked.IPv4.Enabled, NDIS_OFFLOAD_SET_ON);
    assert_int_equal(asked.IPv4.EncapsulationType, NDIS_ENCAPSULATION_IEEE_802_3);
    assert_int_equal(asked.IPv4.HeaderSize, 14);
    assert_true(tap.flags & PORT_CSUM);
    assert_true(tap.flags & PORT_TSO4);
    assert_false(tap.flags & PORT_TSO6);
    assert_int_equal(tcpip_stack_offload(t), tap.flags);
    down(t);
}

/* ENC-19: nothing offered, or nothing for Ethernet: no set, nothing asked of the adapter. */
static void test_ENC_19_nothing_listed_nothing_asked(void **state)
{
    (void)state;
    for (int offers = WITHOUT; offers <= SNAP_ONLY; offers += SNAP_ONLY - WITHOUT) {
        struct tcpip *t = bind_above(offers, NDIS_STATUS_SUCCESS);

        assert_int_equal(asks, 0);
        assert_int_equal(tap.flags, 0);
        down(t);
    }
}

/* PAR-28, PAR-21: followed within the indication, both ways. */
static void test_PAR_28_21_an_indication_is_followed_at_once(void **state)
{
    struct tcpip *t = bind_above(WITH, NDIS_STATUS_SUCCESS);
    NDIS_OFFLOAD less;

    (void)state;
    less = mp.now;
    memset(&less.LsoV2, 0, sizeof(less.LsoV2));
    indicate(&less);
    assert_false(tap.flags & PORT_TSO4);
    assert_true(tap.flags & PORT_CSUM);
    memset(&less.Checksum, 0, sizeof(less.Checksum));
    indicate(&less);
    assert_int_equal(tap.flags, 0);
    indicate(&mp.now);
    assert_true((tap.flags & PORT_TSO4) && (tap.flags & PORT_CSUM));
    assert_int_equal(asks, 1); /* the activation stands: no rebind, no second set */
    down(t);
}

/* ENC-19, PAR-14, PAR-28: all off at bind, by keywords say; the first feature that is switched on
 * brings the activation with it. */
static void test_ENC_19_activation_waits_for_the_first_feature(void **state)
{
    struct tcpip *t = bind_above(ALL_OFF, NDIS_STATUS_SUCCESS);

    (void)state;
    assert_int_equal(asks, 0);
    indicate(&mp.hardware);
    assert_int_equal(asks, 1);
    assert_true((tap.flags & PORT_TSO4) && (tap.flags & PORT_CSUM));
    indicate(&mp.hardware);
    assert_int_equal(asks, 1);
    down(t);
}

/* CFG-16: no request asks for what bind parameters and indications say. */
static void test_CFG_16_the_protocol_does_not_poll(void **state)
{
    struct tcpip *t = bind_above(WITH, NDIS_STATUS_SUCCESS);

    (void)state;
    indicate(&mp.now);
    assert_int_equal(rig.offload_queries, 0);
    down(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_ENC_19_activation_asks_for_what_is_listed),
        RIG_TEST(test_ENC_19_nothing_listed_nothing_asked),
        RIG_TEST(test_PAR_28_21_an_indication_is_followed_at_once),
        RIG_TEST(test_ENC_19_activation_waits_for_the_first_feature),
        RIG_TEST(test_CFG_16_the_protocol_does_not_poll),
    };

    return RIG_MAIN(tests);
}
