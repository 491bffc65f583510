/* SPDX-License-Identifier: MIT */
/* Requests and keywords of which no requirement says all: filters by the kind of destination,
 * addresses, VLANs, MTUs, encapsulations that are none, power. */
#include "test_rig.h"

#include "conform/gen.h"
#include "conform/verdict.h"

enum { ROW = 30, FRAME = 142 };

static const uint8_t own[6] = {2, 0, 0, 0, 0, 1}, other[6] = {2, 0, 0, 0, 0, 9},
                     listed[6] = {1, 0, 0x5e, 0, 0, 1}, unlisted[6] = {1, 0, 0x5e, 0, 0, 2},
                     all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void arrive_for(struct rig *r, const uint8_t destination[6], uint32_t number)
{
    uint8_t frame[FRAME];

    memcpy(frame, gen_packet_in(r, ROW, number, 100)->bytes, sizeof frame);
    memcpy(frame, destination, 6);
    rig_wire_write(r, frame, sizeof frame);
}

static unsigned indicated(struct rig *r)
{
    struct ndis_adapter_info info;

    ndis_adapter_info(r->adapter, &info);
    return (unsigned)info.rx_nbls;
}

/* How many frames for that destination the driver indicates before one for `fence`, which it does;
 * NDIS may keep them from the protocol. */
static unsigned heard(struct rig *r, const uint8_t destination[6], const uint8_t fence[6])
{
    static uint32_t number;
    unsigned before = indicated(r);

    number += 2;
    rig_forget(r);
    arrive_for(r, destination, number);
    arrive_for(r, fence, number + 1);
    for (unsigned at = 0; rig_wait(r, &r->main.received_count, at + 1, 5); at++) {
        const struct rig_received *d = &r->main.received[at];

        if (gen_number(d->data, d->len, ROW) == number + 1)
            return indicated(r) - before - 1;
    }
    return UINT32_MAX;
}

/* ---- Filter, addresses ---------------------------------------------------------------------- */

/* Each kind of destination by its own bit; with and without the card's help. */
RIG_TEST("GEN-30", filter_bits)
{
    static const uint8_t *const to[] = {own, other, listed, unlisted, all};
    static const struct {
        ULONG filter;
        unsigned wanted; /* a bit for each of `to` */
    } rows[] = {{NDIS_PACKET_TYPE_DIRECTED, 0x01},
                {NDIS_PACKET_TYPE_MULTICAST, 0x04},
                {NDIS_PACKET_TYPE_ALL_MULTICAST, 0x0c},
                {NDIS_PACKET_TYPE_BROADCAST, 0x10},
                {NDIS_PACKET_TYPE_PROMISCUOUS, 0x1f}};
    uint8_t list[6];

    memcpy(list, listed, sizeof list);
    rig_open(r, NULL);
    for (unsigned w = 0; w < 2; w++) {
        rig_reopen(r, &(struct rig_config){.withhold = w ? "ctrl_vq" : NULL, .no_filter = true});
        expect_code(r, "set of the list", rig_set(r, OID_802_3_MULTICAST_LIST, list, sizeof list),
                    NDIS_STATUS_SUCCESS);
        for (unsigned i = 0; i < COUNT(rows); i++) {
            bool can = w == 0 || rows[i].filter != NDIS_PACKET_TYPE_PROMISCUOUS; /* SEC-1 */
            unsigned fence = 0;

            about(r, "filter 0x%x%s", rows[i].filter, w ? ", a card without control queue" : "");
            expect_equal(r, "the filter is supported",
                         (r->main.bind.SupportedPacketFilters & rows[i].filter) != 0, can);
            expect_code(r, "set of the filter", rig_set_filter(r, rows[i].filter),
                        can ? NDIS_STATUS_SUCCESS : NDIS_STATUS_NOT_SUPPORTED);
            while (!(rows[i].wanted >> fence & 1))
                fence++;
            for (unsigned d = 0; can && d < COUNT(to); d++)
                expect_equal(r, "frames heard", heard(r, to[d], to[fence]),
                             rows[i].wanted >> d & 1);
        }
    }
}

RIG_TEST("GEN-27", an_impossible_filter_changes_nothing)
{
    ULONG filter = 0, before = 0;

    rig_open(r, NULL);
    rig_query(r, OID_GEN_CURRENT_PACKET_FILTER, &before, sizeof before, NULL);
    expect(r, rig_set_filter(r, 0x80000000u) != NDIS_STATUS_SUCCESS, "set", "refused", "accepted");
    rig_query(r, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter, NULL);
    expect_equal(r, "filter", filter, before);
    expect_equal(r, "frames heard", heard(r, own, own), 1);
}

/* The card, too, is told; one that cannot be told keeps its own. */
RIG_TEST("KEY-30", network_address_is_in_force)
{
    static const uint8_t given[6] = {0x02, 0, 0, 0, 0, 0x77};
    static const char *const words[] = {"NetworkAddress", "020000000077", NULL};
    static const char *const withhold[] = {NULL, "ctrl_mac_addr", "ctrl_vq"};

    rig_open(r, NULL);
    for (unsigned w = 0; w < COUNT(withhold); w++) {
        const uint8_t *now = w ? own : given;
        uint8_t mac[6] = {0};

        rig_reopen(r, &(struct rig_config){.keywords = words, .withhold = withhold[w]});
        about(r, "NetworkAddress, a card without %s", w ? withhold[w] : "nothing");
        rig_query(r, OID_802_3_CURRENT_ADDRESS, mac, sizeof mac, NULL);
        expect_bytes(r, "current address", mac, now, 6);
        expect_bytes(r, "address at bind", r->main.bind.CurrentMacAddress, now, 6);
        rig_query(r, OID_802_3_PERMANENT_ADDRESS, mac, sizeof mac, NULL);
        expect_bytes(r, "permanent address", mac, own, 6);
        expect_equal(r, "frames for the given address", heard(r, given, now), w == 0);
        expect_equal(r, "frames for the card's own", heard(r, own, now), w != 0);
        if (w)
            continue;
        expect_code(r, "reset", ndis_adapter_reset(r->adapter), NDIS_STATUS_SUCCESS);
        expect_equal(r, "frames after a reset", heard(r, given, now), 1);
    }
}

/* ---- Power ---------------------------------------------------------------------------------- */

static void set_power(struct rig *r, NDIS_DEVICE_POWER_STATE to)
{
    ULONG state = to, bytes = sizeof state;

    expect_code(r, "OID_PNP_SET_POWER",
                ndis_adapter_request(r->adapter, NdisRequestSetInformation, OID_PNP_SET_POWER,
                                     &state, &bytes),
                NDIS_STATUS_SUCCESS);
}

RIG_TEST("GEN-31", power_down_and_up_again)
{
    rig_open(r, NULL);
    gen_traffic(r, ROW);
    rig_forget(r);
    expect_code(r, "pause", ndis_adapter_pause(r->adapter), NDIS_STATUS_SUCCESS);
    set_power(r, NdisDeviceStateD3);
    expect_equal(r, "device status of the card", nic_status(r->nic), 0);
    set_power(r, NdisDeviceStateD0);
    expect_code(r, "restart", ndis_adapter_restart(r->adapter), NDIS_STATUS_SUCCESS);
    gen_traffic(r, ROW);
}

/* ---- Encapsulation -------------------------------------------------------------------------- */

/* One base type of which something is listed, with a header that it can have (ENC-9, 12, 13). */
RIG_TEST("ENC-11", encapsulations_that_are_none)
{
    enum { SNAP = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED };
    static const struct {
        ULONG type, header;
        bool good;
    } rows[] = {{0, 14, false},
                {NDIS_ENCAPSULATION_IEEE_802_3 | SNAP, 14, false},
                {NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q, 14, false},
                {NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB, 14, false},
                {NDIS_ENCAPSULATION_NULL, 14, false},
                {0x20, 14, false},
                {NDIS_ENCAPSULATION_IEEE_802_3, 15, false},
                {NDIS_ENCAPSULATION_IEEE_802_3, 0x10000, false},
                {SNAP, 14, false},
                {SNAP, 23, false},
                {SNAP, 22, true},
                {SNAP, 26, true},
                {NDIS_ENCAPSULATION_IEEE_802_3, 14, true}};

    rig_open(r, &(struct rig_config){.no_activate = true});
    for (unsigned i = 0; i < COUNT(rows); i++) {
        NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);

        e.IPv4.EncapsulationType = e.IPv6.EncapsulationType = rows[i].type;
        e.IPv4.HeaderSize = e.IPv6.HeaderSize = rows[i].header;
        about(r, "type 0x%x, header of %u", rows[i].type, rows[i].header);
        expect_code(r, "status", rig_set(r, OID_OFFLOAD_ENCAPSULATION, &e, e.Header.Size),
                    rows[i].good ? NDIS_STATUS_SUCCESS : NDIS_STATUS_INVALID_PARAMETER);
        if (!rows[i].good)
            expect_equal(r, "verdict", verdict_plain(r, VERDICT_TCP4), 0);
    }
    expect_equal(r, "verdict", verdict_plain(r, VERDICT_TCP4), SLOT_TCP_OK | SLOT_IP_OK);
}

/* ---- Keywords ------------------------------------------------------------------------------- */

/* KEY-13: IPsec; KEY-14: connection offload; KEY-31: features of later versions of NDIS. */
RIG_TEST("KEY-14", keywords_of_absent_features_do_nothing)
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

    rig_open(r, NULL);
    usual = r->main.bind_offload;
    for (unsigned v = 0; v < COUNT(values); v++) {
        const char *words[2 * COUNT(names) + 1] = {NULL};

        for (unsigned i = 0; i < COUNT(names); i++) {
            words[2 * i] = names[i];
            words[2 * i + 1] = values[v];
        }
        rig_reopen(r, &(struct rig_config){.keywords = words});
        about(r, "each of them \"%s\"", values[v]);
        expect_bytes(r, "the report", &r->main.bind_offload, &usual,
                     NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    }
}

/* Off by keyword is off on the wire, too: just that kind has no result (RXC-8). */
RIG_TEST("KEY-2", receive_off_by_keyword_is_silent)
{
    static const char *const names[VERDICT_KINDS] = {[VERDICT_TCP4] = "*TCPChecksumOffloadIPv4",
                                                     [VERDICT_UDP4] = "*UDPChecksumOffloadIPv4",
                                                     [VERDICT_TCP6] = "*TCPChecksumOffloadIPv6",
                                                     [VERDICT_UDP6] = "*UDPChecksumOffloadIPv6"};

    rig_open(r, NULL);
    for (enum verdict_kind off = 0; off < VERDICT_KINDS; off++) {
        const char *words[] = {names[off], "1", NULL}; /* transmit only */

        rig_reopen(r, &(struct rig_config){.keywords = words});
        for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++) {
            about(r, "%s arrives, %s is 1", verdict_kind_name(kind), names[off]);
            expect_slot(r, verdict_plain(r, kind), SLOT_TRANSPORT,
                        kind == off ? 0 : verdict_ok(kind));
        }
    }
}

/* A frame is as long as the keyword says, and no longer than the card takes. */
RIG_TEST("KEY-27", jumbo_packet)
{
    static const struct {
        const char *value;
        uint16_t card;
        uint32_t mtu;
    } rows[] = {{"1514", 9000, 1500}, {"9014", 9000, 9000}, {"4088", 9000, 4074},
                {"9014", 1500, 1500}, {"100", 9000, 1500},  {"junk", 9000, 9000}};
    static struct packet k;

    rig_open(r, NULL);
    for (unsigned i = 0; i < COUNT(rows); i++) {
        const char *words[] = {"*JumboPacket", rows[i].value, NULL};
        struct frame_recipe f;

        rig_reopen(r, &(struct rig_config){.keywords = words, .mtu = rows[i].card});
        about(r, "*JumboPacket \"%s\" on a card of %u", rows[i].value, rows[i].card);
        expect_equal(r, "MtuSize", r->main.bind.MtuSize, rows[i].mtu);
        for (enum large_kind kind = LARGE_V2_IP4; kind < LARGE_KINDS; kind++) {
            uint32_t mss = rows[i].mtu - (kind == LARGE_V2_IP4 ? 40 : 60);

            f = large_recipe(r, kind, 30000);
            large_build(&k, kind, &f);
            expect_large(r, &k, kind, mss, NULL);
            expect_refused(r, &k, kind, mss + 1);
        }
    }
}

/* Rubbish is the default, which is both (KEY-21); tagged frames are offloaded in both forms. */
RIG_TEST("KEY-15", priority_vlan_tag_of_no_sense)
{
    static const char *const values[] = {"4", "x", "", "-1"};
    const ULONG both = NDIS_MAC_OPTION_8021P_PRIORITY | NDIS_MAC_OPTION_8021Q_VLAN,
                forms = NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q |
                        NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB;

    rig_open(r, NULL);
    for (unsigned i = 0; i < COUNT(values); i++) {
        const char *words[] = {"*PriorityVLANTag", values[i], NULL};
        const NDIS_OFFLOAD *o = &r->main.bind_offload;
        ULONG options = 0;

        rig_reopen(r, &(struct rig_config){.keywords = words});
        about(r, "*PriorityVLANTag \"%s\"", values[i]);
        rig_query(r, OID_GEN_MAC_OPTIONS, &options, sizeof options, NULL);
        expect_equal(r, "MAC options", options & both, both);
        expect_equal(r, "transmit", o->Checksum.IPv4Transmit.Encapsulation & forms, forms);
        expect_equal(r, "LSOv1", o->LsoV1.IPv4.Encapsulation & forms, forms);
        expect_equal(r, "LSOv2", o->LsoV2.IPv6.Encapsulation & forms, forms);
    }
}

/* KEY-16 for large sends: each frame has what the keyword leaves of the tag. */
RIG_TEST("KEY-16", large_sends_have_the_tag_that_is_allowed)
{
    static const char *const digits[] = {"0", "1", "2", "3"};
    static const unsigned tcis[] = {0x6abc, 0xe000, 0x0001, 0x0ffe};
    static struct packet k;

    rig_open(r, NULL);
    for (unsigned i = 0; i < COUNT(digits) * COUNT(tcis); i++) {
        const char *words[] = {"*PriorityVLANTag", digits[i / COUNT(tcis)], NULL};
        unsigned v = i / COUNT(tcis), tci = tcis[i % COUNT(tcis)];
        unsigned left = (v & 1 ? tci & 0xe000 : 0) | (v & 2 ? tci & 0xfff : 0);
        struct frame_recipe f;
        struct ask a = {.tag = ask_tag(tci >> 13, tci)};

        rig_reopen(r, &(struct rig_config){.keywords = words});
        f = large_recipe(r, LARGE_V2_IP4, 3000);
        large_build(&k, LARGE_V2_IP4, &f);
        a.lso = large_ask(&k, LARGE_V2_IP4, 1400);
        about(r, "*PriorityVLANTag %u, tag 0x%04x", v, tci);
        expect_code(r, "NBL status", send_one(r, &k, &a).status, NDIS_STATUS_SUCCESS);
        expect_segments(r, &k, LARGE_V2_IP4, 1400, left);
        expect_nothing_more(r);
    }
}

/* KEY-28 on a card of long frames. */
RIG_TEST("KEY-28", fewest_buffers_of_long_frames)
{
    static const char *const values[] = {"0", "1", "2", "999", "x"};
    static struct packet k;

    rig_open(r, NULL);
    for (unsigned i = 0; i < 2 * COUNT(values); i++) {
        const char *words[] = {"*ReceiveBuffers", values[i / 2], "*TransmitBuffers", values[i / 2],
                               NULL};

        rig_reopen(r, &(struct rig_config){.keywords = words, .mtu = i & 1 ? 9000 : 0});
        about(r, "buffers \"%s\", frames of %u", values[i / 2], r->main.bind.MtuSize);
        for (unsigned n = 0; n < 10; n++) {
            enum large_kind kind = n & 1 ? LARGE_V2_IP6 : LARGE_V2_IP4;
            struct frame_recipe f = large_recipe(r, kind, 20000);
            const struct rig_received *d;

            large_build(&k, kind, &f);
            expect_large(r, &k, kind, 1400, NULL);
            f = packet_recipe_in(r, n & 1 ? 6 : 4, 6, i & 1 ? 8000 : 1000);
            packet_build(&k, &f);
            d = rig_arrive(r, k.bytes, k.len);
            if (expect(r, d && d->len == k.len, "a frame", "indicated whole", "it is not"))
                expect_bytes(r, "the frame", d->data, k.bytes, k.len);
        }
    }
}

/* A frame of a member's leaves with its VLAN, and one that names another keeps that. */
static void expect_member(struct rig *r, ULONG vlan)
{
    static struct packet k;
    struct frame_recipe f = packet_recipe(r, 4, 6, 300);
    ULONG id = 12345;

    expect_code(r, "query", rig_query(r, OID_GEN_VLAN_ID, &id, sizeof id, NULL),
                NDIS_STATUS_SUCCESS);
    expect_equal(r, "OID_GEN_VLAN_ID", id, vlan);
    packet_build(&k, &f);
    send_one(r, &k, NULL);
    expect_wire_tagged(r, k.bytes, k.len, vlan);
    send_one(r, &k, &(struct ask){.tag = ask_tag(2, 77)});
    expect_wire_tagged(r, k.bytes, k.len, 2 << 13 | 77);
    f.vlan = true;
    packet_build(&k, &f);
    send_one(r, &k, NULL);
    expect_wire(r, k.bytes, k.len);
}

RIG_TEST("KEY-18", vlan_membership)
{
    static const char *const words[] = {"VlanId", "1234", NULL};
    static const char *const off[] = {"VlanId", "1234", "*PriorityVLANTag", "1", NULL};
    static const char *const far[] = {"VlanId", "4095", NULL};
    ULONG id = 5;

    rig_open(r, &(struct rig_config){.keywords = words});
    expect_member(r, 1234);
    expect_code(r, "set to 5", rig_set(r, OID_GEN_VLAN_ID, &id, sizeof id), NDIS_STATUS_SUCCESS);
    expect_member(r, 5);
    id = 4095;
    expect_code(r, "set to 4095", rig_set(r, OID_GEN_VLAN_ID, &id, sizeof id),
                NDIS_STATUS_INVALID_DATA);
    expect_code(r, "set of 3 bytes", rig_set(r, OID_GEN_VLAN_ID, &id, 3),
                NDIS_STATUS_INVALID_LENGTH);
    expect_member(r, 5);
    rig_reopen(r, &(struct rig_config){.keywords = off});
    id = 5;
    about(r, "VLANs are off");
    expect_code(r, "set", rig_set(r, OID_GEN_VLAN_ID, &id, sizeof id), NDIS_STATUS_NOT_SUPPORTED);
    expect_code(r, "query", rig_query(r, OID_GEN_VLAN_ID, &id, sizeof id, NULL),
                NDIS_STATUS_NOT_SUPPORTED);
    expect_equal(r, "frames without a tag", heard(r, own, own), 1);
    rig_reopen(r, &(struct rig_config){.keywords = far});
    about(r, "VlanId 4095");
    expect_member(r, 0);
}

int main(void)
{
    const struct rig_test *const tests[] = {
        &filter_bits,
        &an_impossible_filter_changes_nothing,
        &network_address_is_in_force,
        &power_down_and_up_again,
        &encapsulations_that_are_none,
        &keywords_of_absent_features_do_nothing,
        &receive_off_by_keyword_is_silent,
        &jumbo_packet,
        &priority_vlan_tag_of_no_sense,
        &large_sends_have_the_tag_that_is_allowed,
        &fewest_buffers_of_long_frames,
        &vlan_membership,
    };

    return rig_tests(tests, COUNT(tests), RIG_OUR_CARD);
}
