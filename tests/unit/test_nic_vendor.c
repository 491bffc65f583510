/* SPDX-License-Identifier: MIT */
/* What the card can do beyond virtio (virtio/longshore.h): how it is offered and taken, and that a
 * driver which takes none of it has a plain virtio card. */
#include "test_nic_rig.h"

#define F(bit) VIRTIO_FEATURE(bit)
#define V(bit) NIC_VENDOR(LONGSHORE_F_##bit)

enum {
    HDR = sizeof(struct virtio_net_hdr),
    BUF = 1600,
    OFFERED = RIG_VENDOR,
    TAKEN = RIG_VENDOR + 4
};

static const uint64_t tx_features =
    F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_HOST_TSO4) | F(VIRTIO_NET_F_HOST_TSO6);
static const uint64_t rx_features = F(VIRTIO_NET_F_GUEST_CSUM);

static uint8_t payload[4000], frame[5000], got[5000];

static int fill_payload(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + i / 251);
    return 0;
}

/* ---- The capability and its two words ------------------------------------------------------- */

static void test_capability_says_where_the_words_are(void **state)
{
    struct rig *r = rig_new(NULL);
    uint32_t at = rig_cap(r, VIRTIO_PCI_CAP_ID, VIRTIO_PCI_CAP_VENDOR_CFG);
    struct longshore_vendor_cap cap;

    (void)state;
    assert_true(at != 0);
    for (uint32_t i = 0; i < sizeof cap; i++)
        ((uint8_t *)&cap)[i] = (uint8_t)r->fn->ops->config_read(r->fn, at + i, 1);
    assert_int_equal(cap.vendor_id, LONGSHORE_VIRTIO_VENDOR);
    assert_int_not_equal(cap.vendor_id, VIRTIO_PCI_VENDOR); /* §4.1.4.8 */
    assert_int_equal(cap.version, LONGSHORE_VIRTIO_VERSION);
    assert_int_equal(cap.cap_len, sizeof cap);
    assert_int_equal(cap.cap_len % 4, 0);
    assert_int_equal(cap.bar, 0);
    assert_int_equal(cap.offset, RIG_VENDOR);
    assert_int_equal(cap.length, sizeof(struct longshore_vendor_cfg));
    for (uint32_t i = 0; i < sizeof cap; i += 4) { /* read only */
        uint32_t was = r->fn->ops->config_read(r->fn, at + i, 4);

        r->fn->ops->config_write(r->fn, at + i, 4, ~was);
        assert_int_equal(r->fn->ops->config_read(r->fn, at + i, 4), was);
    }
    assert_int_equal(rig_read(r, OFFERED, 4), 15);
    assert_int_equal(rig_read(r, TAKEN, 4), 0);
    rig_free(r);
}

static void test_each_feature_is_withheld_by_its_name(void **state)
{
    static const char *const names[] = {"ls_ipcsum", "ls_id15", "ls_snap", "ls_verdicts"};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct nic_config config = rig_default;
        struct why why = {0};
        struct rig *r;

        assert_int_equal(nic_features_parse(names[i], &config.features_withheld, &why), 0);
        assert_int_equal(config.features_withheld, NIC_VENDOR(i));
        r = rig_new(&config);
        assert_int_equal(rig_read(r, OFFERED, 4), 15 & ~(1u << i));
        rig_free(r);
    }
}

/* Then the card is not to be told from a plain one, by whatever a driver tries. */
static void test_with_all_withheld_there_is_no_capability(void **state)
{
    struct nic_config config = rig_default;
    struct rig *r;

    (void)state;
    config.features_withheld = NIC_VENDOR_MASK;
    r = rig_new(&config);
    assert_int_equal(rig_cap(r, VIRTIO_PCI_CAP_ID, VIRTIO_PCI_CAP_VENDOR_CFG), 0);
    assert_int_equal(rig_read(r, OFFERED, 4), 0);
    rig_write(r, TAKEN, 4, 15);
    assert_int_equal(rig_count(r, NIC_REG_BAD_READ), 1);
    assert_int_equal(rig_count(r, NIC_REG_BAD_WRITE), 1);
    assert_true(rig_negotiate(r, nic_features_all() & ~NIC_VENDOR_MASK));
    assert_int_equal(nic_negotiated(r->nic) & NIC_VENDOR_MASK, 0);
    rig_free(r);
}

static void test_vendor_bits_are_no_virtio_bits(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    RIG_SET(r, device_feature_select, 1);
    assert_int_equal(((uint64_t)RIG_GET(r, device_feature) << 32) & NIC_VENDOR_MASK, 0);
    RIG_SET(r, device_status, 3);
    RIG_SET(r, driver_feature_select, 1);
    RIG_SET(r, driver_feature, (uint32_t)((rig_base_features | NIC_VENDOR_MASK) >> 32));
    RIG_SET(r, device_status, 0xb);
    assert_int_equal(RIG_GET(r, device_status), 3);
    assert_int_equal(rig_count(r, NIC_FEATURES_NOT_OFFERED), 1);
    assert_int_equal(nic_negotiated(r->nic), 0);
    rig_free(r);
}

static void test_choice_is_fixed_by_features_ok_and_gone_after_a_reset(void **state)
{
    struct rig *r = rig_new(NULL);

    (void)state;
    assert_true(rig_negotiate(r, rig_base_features | tx_features | V(IPCSUM) | V(ID15)));
    assert_int_equal(rig_read(r, TAKEN, 4), 3);
    assert_int_equal(nic_negotiated(r->nic) & NIC_VENDOR_MASK, V(IPCSUM) | V(ID15));
    rig_write(r, TAKEN, 4, 0);
    rig_write(r, TAKEN, 4, 15);
    assert_int_equal(rig_count(r, NIC_REG_BAD_VALUE), 2);
    assert_int_equal(rig_read(r, TAKEN, 4), 3);
    RIG_SET(r, device_status, 0);
    assert_int_equal(rig_read(r, TAKEN, 4), 0);
    assert_true(rig_negotiate(r, rig_base_features | tx_features));
    assert_int_equal(nic_negotiated(r->nic) & NIC_VENDOR_MASK, 0);
    rig_free(r);
}

static void test_impossible_choices_are_refused(void **state)
{
    static const struct {
        uint64_t features;
        uint32_t vendor;
        enum nic_counter cause;
    } cases[] = {
        {0, 1u << LONGSHORE_F_IPCSUM, NIC_FEATURES_DEPENDENCY},
        {F(VIRTIO_NET_F_CSUM), 1u << LONGSHORE_F_ID15, NIC_FEATURES_DEPENDENCY},
        {0, 1u << LONGSHORE_F_SNAP, NIC_FEATURES_DEPENDENCY},
        {F(VIRTIO_NET_F_CSUM), 1u << LONGSHORE_F_VERDICTS, NIC_FEATURES_DEPENDENCY},
        {~(uint64_t)0, 1u << 4, NIC_FEATURES_NOT_OFFERED},
        {~(uint64_t)0, 1u << 31, NIC_FEATURES_NOT_OFFERED},
        {~(uint64_t)0, UINT32_MAX, NIC_FEATURES_NOT_OFFERED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_new(NULL);
        uint64_t f = rig_base_features | (cases[i].features & nic_features_all());

        RIG_SET(r, device_status, 3);
        rig_write(r, TAKEN, 4, cases[i].vendor);
        RIG_SET(r, driver_feature, (uint32_t)f);
        RIG_SET(r, driver_feature_select, 1);
        RIG_SET(r, driver_feature, (uint32_t)((f & ~NIC_VENDOR_MASK) >> 32));
        RIG_SET(r, device_status, 0xb);
        assert_int_equal(RIG_GET(r, device_status), 3);
        assert_int_equal(rig_count(r, cases[i].cause), 1);
        assert_int_equal(nic_negotiated(r->nic), 0);
        rig_free(r);
    }
}

static void test_odd_accesses_are_counted_and_change_nothing(void **state)
{
    struct rig *r = rig_new(NULL);
    uint64_t reads = 0, writes = 0;

    (void)state;
    for (uint32_t at = RIG_VENDOR; at < RIG_VENDOR + 32; at++) {
        for (uint32_t size = 1; size <= 4; size *= 2) {
            rig_read(r, at, size);
            reads += at + size > RIG_VENDOR + 8;
            if (at != TAKEN || size != 4) {
                rig_write(r, at, size, UINT32_MAX);
                writes++;
            }
        }
    }
    assert_int_equal(rig_count(r, NIC_REG_BAD_READ), reads);
    assert_int_equal(rig_count(r, NIC_REG_BAD_WRITE), writes);
    assert_int_equal(rig_read(r, OFFERED, 4), 15);
    assert_int_equal(rig_read(r, TAKEN, 4), 0);
    r->fn->ops->bar_write(r->fn, 0, RIG_VENDOR, 8, 0x0000000900000009); /* as two (§4.1.3) */
    assert_int_equal(rig_read(r, TAKEN, 4), 9);
    assert_int_equal(rig_read(r, OFFERED, 4), 15);
    rig_free(r);
}

/* ---- IPCSUM --------------------------------------------------------------------------------- */

static uint32_t build(uint8_t version, uint8_t proto, uint32_t bytes, bool snap)
{
    struct frame_recipe recipe = rig_recipe(version, proto, payload, bytes);

    recipe.snap = snap;
    return (uint32_t)frame_build(&recipe, frame, sizeof frame);
}

static void spoil_ip(uint32_t len)
{
    struct frame_layers l;

    rig_layers(frame, len, &l);
    frame[l.l3_offset + 10] ^= 0xa5;
    frame[l.l3_offset + 11] ^= 0x5a;
}

static bool leaves(struct rig *r, const struct virtio_net_hdr *hdr, uint32_t len, uint32_t cut)
{
    rig_tx(r, hdr, frame, len, cut);
    rig_kick_tx(r);
    return rig_wire_get(r, got, sizeof got) > 0;
}

static bool ip_good(const uint8_t *p, uint32_t len)
{
    struct frame_span span = {.data = (uint8_t *)(uintptr_t)p, .len = len};
    struct frame f = {.spans = &span, .span_count = 1, .len = len};
    struct frame_layers l;

    rig_layers(p, len, &l);
    return frame_check_ip(&f, &l) == FRAME_GOOD;
}

/* TXC-3, TXC-10, TXC-11: with and without the transport's, in pieces of any size. */
static void test_header_checksum_is_computed_when_asked_for(void **state)
{
    static const uint8_t options[40] = {7, 39, 4};

    (void)state;
    for (uint8_t ihl = 0; ihl <= 40; ihl = (uint8_t)(ihl + 4)) {
        for (unsigned i = 0; i < 4; i++) {
            struct rig *r = rig_up(NULL, tx_features | V(IPCSUM));
            struct frame_recipe recipe = rig_recipe(4, i & 1 ? 17 : 6, payload, 700);
            struct virtio_net_hdr hdr = {0};
            uint32_t len;

            recipe.ip_options = options;
            recipe.ip_options_len = ihl;
            len = (uint32_t)frame_build(&recipe, frame, sizeof frame);
            if (i & 2)
                hdr = rig_unfinish(frame, len);
            spoil_ip(len);
            hdr.flags |= LONGSHORE_TX_IPCSUM;
            assert_true(leaves(r, &hdr, len, ihl ? ihl : 0));
            assert_true(ip_good(got, len));
            assert_true(rig_frame_good(got, len));
            assert_int_equal(rig_count(r, NIC_TX_IPCSUM), 1);
            assert_int_equal(rig_count(r, NIC_TX_CSUM), i / 2);
            rig_free(r);
        }
    }
}

static void test_header_checksum_is_left_alone_otherwise(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) { /* not asked; asked, but not negotiated */
        struct rig *r = rig_up(NULL, i ? tx_features : tx_features | V(IPCSUM));
        uint32_t len = build(4, 6, 700, false);
        struct virtio_net_hdr hdr = {.flags = i ? LONGSHORE_TX_IPCSUM : 0};

        spoil_ip(len);
        assert_true(leaves(r, &hdr, len, 0));
        assert_memory_equal(got, frame, len);
        assert_int_equal(rig_count(r, NIC_TX_IPCSUM), 0);
        rig_free(r);
    }
}

/* Nothing to compute: dropped, and the ring goes on. */
static void test_header_checksum_of_what_has_none_is_refused(void **state)
{
    struct rig *r = rig_up(NULL, tx_features | V(IPCSUM));
    struct virtio_net_hdr hdr = {.flags = LONGSHORE_TX_IPCSUM};
    uint32_t len = build(6, 6, 100, false);
    uint64_t bad = 0;

    (void)state;
    assert_false(leaves(r, &hdr, len, 0));
    bad++;
    hdr = rig_unfinish(frame, len);
    hdr.flags |= LONGSHORE_TX_IPCSUM;
    hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
    hdr.gso_size = 50;
    assert_false(leaves(r, &hdr, len, 0));
    bad++;
    hdr = (struct virtio_net_hdr){.flags = LONGSHORE_TX_IPCSUM};
    len = build(4, 17, 20, false);
    for (uint32_t n = FRAME_ETH_LEN; n < FRAME_ETH_LEN + 20; n++, bad++) /* cut off */
        assert_false(leaves(r, &hdr, n, 0));
    frame[14] = 0x44;
    assert_false(leaves(r, &hdr, len, 0));
    bad++;
    frame[14] = 0x4f; /* options beyond the frame */
    assert_false(leaves(r, &hdr, FRAME_ETH_LEN + 40, 0));
    bad++;
    len = build(4, 6, 100, true); /* LLC/SNAP: not negotiated */
    assert_false(leaves(r, &hdr, len, 0));
    bad++;
    assert_int_equal(rig_count(r, NIC_TX_BAD_HEADER), bad);
    assert_false(rig_needs_reset(r));
    len = build(4, 6, 100, false);
    assert_true(leaves(r, &hdr, len, 0));
    rig_free(r);
}

/* ---- ID15 ----------------------------------------------------------------------------------- */

static void expect_ids(uint64_t features, uint8_t flags, uint16_t first, const uint16_t *want)
{
    struct rig *r = rig_up(NULL, features);
    struct frame_recipe recipe = rig_recipe(4, 6, payload, 300);
    struct virtio_net_hdr hdr;
    uint32_t len;

    recipe.ip_id = first;
    len = (uint32_t)frame_build(&recipe, frame, sizeof frame);
    hdr = rig_unfinish(frame, len);
    hdr.flags |= flags;
    hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    hdr.gso_size = 100;
    rig_tx(r, &hdr, frame, len, 0);
    rig_kick_tx(r);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t n = rig_wire_get(r, got, sizeof got);

        assert_true(n > 0 && rig_frame_good(got, n));
        assert_int_equal(got[18] << 8 | got[19], want[i]);
    }
    rig_free(r);
}

/* LSO2-7, LSO1-20: each frame chooses, for the older kind of large send counts in 16 bits. */
static void test_identification_counts_in_the_width_asked_for(void **state)
{
    static const uint16_t narrow[] = {0x7ffe, 0x7fff, 0}, wide[] = {0x7ffe, 0x7fff, 0x8000},
                          cleared[] = {0x1234, 0x1235, 0x1236}, kept[] = {0x9234, 0x9235, 0x9236},
                          end[] = {0xffff, 0, 1};

    (void)state;
    expect_ids(tx_features | V(ID15), LONGSHORE_TX_ID15, 0x7ffe, narrow);
    expect_ids(tx_features | V(ID15), 0, 0x7ffe, wide);
    expect_ids(tx_features, LONGSHORE_TX_ID15, 0x7ffe, wide); /* as plain virtio */
    expect_ids(tx_features | V(ID15), LONGSHORE_TX_ID15, 0x9234, cleared);
    expect_ids(tx_features | V(ID15), 0, 0x9234, kept);
    expect_ids(tx_features, 0, 0xffff, end);
}

/* ---- SNAP ----------------------------------------------------------------------------------- */

/* LSO1-35 */
static void test_snap_segments_have_their_own_length(void **state)
{
    (void)state;
    for (uint8_t version = 4; version <= 6; version += 2) {
        struct rig *r = rig_up(NULL, tx_features | V(SNAP));
        uint32_t len = build(version, 6, 1000, true);
        struct virtio_net_hdr hdr = rig_unfinish(frame, len);

        hdr.gso_type = version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
        hdr.gso_size = 300;
        rig_tx(r, &hdr, frame, len, 0);
        rig_kick_tx(r);
        for (unsigned i = 0; i < 4; i++) {
            uint32_t n = rig_wire_get(r, got, sizeof got);

            assert_int_equal(n, len - 1000 + (i < 3 ? 300 : 100));
            assert_int_equal(got[12] << 8 | got[13], n - FRAME_ETH_LEN);
            assert_true(rig_frame_good(got, n));
        }
        assert_int_equal(rig_wire_get(r, got, sizeof got), 0);
        rig_free(r);
    }
}

static void test_without_snap_such_a_send_is_refused(void **state)
{
    struct rig *r = rig_up(NULL, tx_features);
    uint32_t len = build(4, 6, 1000, true);
    struct virtio_net_hdr hdr = rig_unfinish(frame, len);

    (void)state;
    assert_true(leaves(r, &hdr, len, 0)); /* where to sum is said outright: any card can */
    assert_true(rig_frame_good(got, len));
    hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    hdr.gso_size = 300;
    assert_false(leaves(r, &hdr, len, 0));
    assert_int_equal(rig_count(r, NIC_TX_GSO_NOT_TCP), 1);
    rig_free(r);
}

/* ---- VERDICTS ------------------------------------------------------------------------------- */

/* Flags of the frame as it arrives. */
static uint8_t verdict(uint64_t features, uint32_t len)
{
    struct rig *r = rig_up(NULL, rx_features | features);
    struct virtio_used_elem e = {0};
    struct virtio_net_hdr hdr;
    uint64_t addr[256];

    rig_post_rx(r, 1, BUF, addr);
    rig_wire_put(r, frame, len);
    assert_int_equal(nic_wire_ready(r->nic), 1);
    assert_true(rig_used(&r->rings[VIRTIO_NET_RXQ], &e));
    assert_int_equal(e.len, HDR + len);
    memcpy(&hdr, rig_at(r, addr[e.id]), HDR);
    assert_memory_equal((uint8_t *)rig_at(r, addr[e.id]) + HDR, frame, len);
    rig_free(r);
    return hdr.flags;
}

/* RXC-3, RXC-6, RXC-7 */
static void test_each_layer_has_its_own_verdict(void **state)
{
    const uint8_t valid = VIRTIO_NET_HDR_F_DATA_VALID, good = LONGSHORE_RX_IP_GOOD;

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        uint8_t version = i & 1 ? 6 : 4, proto = i & 2 ? 17 : 6;
        bool ip_bad = i & 4 && version == 4, l4_bad = i & 8;
        uint32_t len = build(version, proto, 333, false);
        unsigned want = l4_bad ? LONGSHORE_RX_L4_BAD : valid;

        if (ip_bad)
            frame[14 + 8]++; /* TTL */
        if (l4_bad)
            frame[len - 1]++;
        if (version == 4)
            want |= ip_bad ? LONGSHORE_RX_IP_BAD : good;
        assert_int_equal(verdict(V(VERDICTS), len), want);
        assert_int_equal(verdict(0, len), ip_bad || l4_bad ? 0 : valid);
    }
}

/* RXC-10 to RXC-13 */
static void test_what_cannot_be_judged_has_no_verdict(void **state)
{
    uint32_t len = build(4, 17, 100, false);
    struct frame_layers l;

    (void)state;
    frame[14 + 6] |= 0x20; /* a fragment: its header can be judged */
    frame[14 + 10] = (uint8_t)(frame[14 + 10] - 0x20);
    assert_int_equal(verdict(V(VERDICTS), len), LONGSHORE_RX_IP_GOOD);
    len = build(4, 17, 100, false);
    frame[14 + 20 + 6] = frame[14 + 20 + 7] = 0; /* no checksum */
    assert_int_equal(verdict(V(VERDICTS), len), LONGSHORE_RX_IP_GOOD);
    len = build(6, 17, 100, false);
    frame[14 + 40 + 6] = frame[14 + 40 + 7] = 0;
    assert_int_equal(verdict(V(VERDICTS), len), 0);
    len = build(4, 6, 100, false);
    assert_int_equal(verdict(V(VERDICTS), len - 1), 0); /* longer than its frame */
    frame[12] = 0x88;
    assert_int_equal(verdict(V(VERDICTS), len), 0);
    len = build(4, 6, 100, true);
    rig_layers(frame, len, &l);
    assert_true(l.flags & FRAME_HAS_SNAP);
    assert_int_equal(verdict(V(VERDICTS), len), 0);
    assert_int_equal(verdict(0, len), 0);
    assert_int_equal(verdict(V(SNAP), len), VIRTIO_NET_HDR_F_DATA_VALID); /* RXC-21 */
    assert_int_equal(verdict(V(SNAP) | V(VERDICTS), len),
                     VIRTIO_NET_HDR_F_DATA_VALID | LONGSHORE_RX_IP_GOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capability_says_where_the_words_are),
        cmocka_unit_test(test_each_feature_is_withheld_by_its_name),
        cmocka_unit_test(test_with_all_withheld_there_is_no_capability),
        cmocka_unit_test(test_vendor_bits_are_no_virtio_bits),
        cmocka_unit_test(test_choice_is_fixed_by_features_ok_and_gone_after_a_reset),
        cmocka_unit_test(test_impossible_choices_are_refused),
        cmocka_unit_test(test_odd_accesses_are_counted_and_change_nothing),
        cmocka_unit_test(test_header_checksum_is_computed_when_asked_for),
        cmocka_unit_test(test_header_checksum_is_left_alone_otherwise),
        cmocka_unit_test(test_header_checksum_of_what_has_none_is_refused),
        cmocka_unit_test(test_identification_counts_in_the_width_asked_for),
        cmocka_unit_test(test_snap_segments_have_their_own_length),
        cmocka_unit_test(test_without_snap_such_a_send_is_refused),
        cmocka_unit_test(test_each_layer_has_its_own_verdict),
        cmocka_unit_test(test_what_cannot_be_judged_has_no_verdict),
    };

    return cmocka_run_group_tests(tests, fill_payload, NULL);
}
