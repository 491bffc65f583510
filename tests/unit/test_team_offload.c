/* SPDX-License-Identifier: MIT */
/* What the team offers and tells: the members in use have it in common, whoever comes, goes or
 * changes; and no member is asked for more (MUX-3 to 12, 15, 16, 18, 19). */
#include "test_team_rig.h"

enum { MSS = 1000, PAYLOAD = 5000, LARGE = 54 + PAYLOAD };

static const NDIS_OFFLOAD *current_of(const struct ndis_adapter *a)
{
    static struct ndis_offload_state s;

    s = team_view(a);
    return &s.current;
}

static const NDIS_OFFLOAD *hardware_of(const struct ndis_adapter *a)
{
    static struct ndis_offload_state s;

    s = team_view(a);
    return &s.hardware;
}

/* ---- Large sends ---------------------------------------------------------------------------- */

static uint8_t large[LARGE + 64];

static NET_BUFFER_LIST *large_nbl(bool version1)
{
    static uint8_t payload[PAYLOAD];
    struct frame_recipe r = naive_recipe(4);
    NET_BUFFER_LIST *nbl;

    memcpy(r.src_mac, (uint8_t[]){0x02, 0, 0, 0, 0, 1}, 6);
    naive_fill(payload, sizeof payload, 7);
    r.payload = payload;
    r.payload_len = sizeof payload;
    r.large_send = !version1;
    assert_int_equal(frame_build(&r, large, sizeof large), LARGE);
    nbl = path_nbl(&rig.p, large, LARGE, NULL, 0);
    if (version1)
        path_lso1(nbl, MSS, 34);
    else
        path_lso2(nbl, true, MSS, 34);
    return nbl;
}

/* Sends one; how it was completed. */
static struct path_completed send_large(bool version1)
{
    unsigned at = rig.p.completed_count;

    path_send(&rig.p, large_nbl(version1), 1);
    return rig.p.completed[at % PATH_RECORDS];
}

static unsigned segments_on(unsigned card)
{
    static uint8_t got[PATH_FRAME];
    unsigned n = 0;
    uint32_t len;

    while ((len = card_read(card, got, sizeof got, 0.05)) != 0) {
        assert_true(len <= 54 + MSS);
        n++;
    }
    return n;
}

static void expect_unsent(struct path_completed c, bool version1)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q = {.Value = (void *)c.lso};

    assert_int_equal(c.status, NDIS_STATUS_FAILURE);
    if (version1) {
        assert_int_equal(q.LsoV1TransmitComplete.Type, NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE);
        assert_int_equal(q.LsoV1TransmitComplete.TcpPayload, 0);
    } else {
        assert_int_equal(q.LsoV2TransmitComplete.Type, NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE);
        assert_int_equal(q.LsoV2TransmitComplete.Reserved, 0);
    }
    team_wires_silent();
}

static void test_mux18_the_members_large_send_result_comes_up(void **state)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q;
    struct path_completed c;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    c = send_large(true);
    q.Value = (void *)c.lso;
    assert_int_equal(c.status, NDIS_STATUS_SUCCESS);
    assert_int_equal(q.LsoV1TransmitComplete.TcpPayload, PAYLOAD);
    assert_int_equal(segments_on(0), PAYLOAD / MSS);
    c = send_large(false);
    q.Value = (void *)c.lso;
    assert_int_equal(c.status, NDIS_STATUS_SUCCESS);
    assert_int_equal(q.LsoV2TransmitComplete.Type, NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE);
    assert_int_equal(q.LsoV2TransmitComplete.Reserved, 0);
    assert_int_equal(segments_on(0), PAYLOAD / MSS);
    team_close();
}

static void test_mux6_no_large_send_goes_to_a_member_without(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {NULL, TEAM_NO_OFFLOAD}});
    card_link(0, false);
    expect_unsent(send_large(false), false);
    expect_unsent(send_large(true), true);
    card_link(0, true);
    assert_int_equal(send_large(false).status, NDIS_STATUS_SUCCESS);
    assert_int_equal(segments_on(0), PAYLOAD / MSS);
    team_close();
}

static void test_mux6_nothing_leaves_with_an_unfinished_checksum(void **state)
{
    uint8_t frame[TEAM_FRAME];
    NET_BUFFER_LIST *nbl;

    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {NULL, TEAM_NO_OFFLOAD}});
    card_link(0, false);
    team_frame(frame, false, 1, 1);
    nbl = path_nbl(&rig.p, frame, sizeof frame, NULL, 0);
    path_checksum(nbl, true, false, false, true, 34);
    path_send(&rig.p, nbl, 1);
    assert_int_equal(rig.p.completed[0].status, NDIS_STATUS_FAILURE);
    team_wires_silent();
    team_close();
}

/* Held on its way while the member resets, and then the path is another. */
static void test_mux8_a_large_send_held_over_a_failover_is_failed(void **state)
{
    NDIS_STATUS outcome = NDIS_STATUS_HARD_ERRORS;
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, 1, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .StatusCode = NDIS_STATUS_RESET_START};

    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {NULL, TEAM_NO_OFFLOAD}});
    s.SourceHandle = rig.card[0].adapter;
    ndis_bindings_status(rig.card[0].adapter, &s);
    NdisSendNetBufferLists(rig.p.binding, large_nbl(false), 0, 0);
    assert_int_equal(rig.p.completed_count, 0);
    s.StatusCode = NDIS_STATUS_RESET_END;
    s.StatusBuffer = &outcome;
    s.StatusBufferSize = sizeof outcome;
    ndis_bindings_status(rig.card[0].adapter, &s);
    assert_int_equal(rig.p.completed_count, 1);
    expect_unsent(rig.p.completed[0], false);
    team_close();
}

static void test_mux8_size_and_count_limits_are_kept(void **state)
{
    NET_BUFFER_LIST *nbl;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    nbl = large_nbl(false);
    path_lso2(nbl, true, PAYLOAD, 34); /* one segment: below MinSegmentCount */
    path_send(&rig.p, nbl, 1);
    expect_unsent(rig.p.completed[0], false);
    nbl = large_nbl(false);
    path_lso2(nbl, true, PAYLOAD - 1, 34); /* two, the least; too large for the card's MTU */
    path_send(&rig.p, nbl, 1);
    assert_int_not_equal(rig.p.completed[1].status, NDIS_STATUS_SUCCESS);
    team_wires_silent();
    team_close();
}

/* ---- What is told --------------------------------------------------------------------------- */

static void test_mux5_failover_tells_less_and_failback_more(void **state)
{
    NDIS_OFFLOAD told = {0};

    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {NULL, TEAM_NO_OFFLOAD}});
    assert_true(rig.p.bind_has_offload || team_told(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG));
    assert_true(offers_lso4(current_of(rig.team)));
    path_forget(&rig.p);
    card_link(0, false);
    assert_int_equal(team_told(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG), 1);
    assert_int_equal(team_told(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES), 1);
    assert_true(team_last_told(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &told, sizeof told));
    assert_false(offers_lso4(&told));
    assert_int_equal(told.Checksum.IPv4Transmit.Encapsulation, 0);
    card_link(0, true);
    assert_int_equal(team_told(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG), 2);
    assert_true(team_last_told(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &told, sizeof told));
    assert_true(offers_lso4(&told));
    team_close();
}

static void test_a_standby_going_changes_nothing(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {NULL, TEAM_NO_OFFLOAD}});
    path_forget(&rig.p);
    card_link(1, false);
    card_link(1, true);
    card_leave(1);
    assert_int_equal(rig.p.status_count, 0);
    team_close();
}

/* Whether the team's views are what its members in use have in common, by the slow way. */
static void expect_minimum(const NDIS_OFFLOAD *got, const NDIS_OFFLOAD *a, const NDIS_OFFLOAD *b)
{
    const char *field = NULL;
    NDIS_OFFLOAD both = *got;

    assert_true(ndis_offload_within(got, a, &field));
    assert_true(ndis_offload_within(got, b, &field));
    assert_int_equal(both.Checksum.IPv4Transmit.TcpChecksum,
                     a->Checksum.IPv4Transmit.TcpChecksum & b->Checksum.IPv4Transmit.TcpChecksum);
    assert_int_equal(both.Checksum.IPv4Receive.IpChecksum,
                     a->Checksum.IPv4Receive.IpChecksum & b->Checksum.IPv4Receive.IpChecksum);
    assert_int_equal(both.Checksum.IPv6Transmit.UdpChecksum,
                     a->Checksum.IPv6Transmit.UdpChecksum & b->Checksum.IPv6Transmit.UdpChecksum);
    assert_int_equal(both.LsoV2.IPv4.MaxOffLoadSize,
                     MIN_OF(a->LsoV2.IPv4.MaxOffLoadSize, b->LsoV2.IPv4.MaxOffLoadSize));
    assert_int_equal(both.LsoV2.IPv6.MaxOffLoadSize,
                     MIN_OF(a->LsoV2.IPv6.MaxOffLoadSize, b->LsoV2.IPv6.MaxOffLoadSize));
    assert_int_equal(both.LsoV2.IPv6.Encapsulation,
                     a->LsoV2.IPv6.Encapsulation & b->LsoV2.IPv6.Encapsulation);
}

static void test_mux3_members_in_use_have_it_in_common(void **state)
{
    static const char *const withheld[] = {"host_tso4", "guest_csum", "host_tso6,ls_verdicts",
                                           "ls_snap", TEAM_NO_OFFLOAD};

    UNUSED_STATE;
    for (size_t i = 0; i < ARRAY_LEN(withheld); i++) {
        struct ndis_offload_state team, a, b;

        team_open((struct team_rig_config){.hash = true, .withhold = {"ls_id15", withheld[i]}});
        team_until(team_view(rig.team).present);
        team = team_view(rig.team);
        a = team_view(rig.card[0].adapter);
        b = team_view(rig.card[1].adapter);
        expect_minimum(&team.hardware, &a.hardware, &b.hardware);
        expect_minimum(&team.current, &a.current, &b.current);
        team_close();
    }
}

static void test_mux7_a_member_that_comes_or_goes_changes_the_ability(void **state)
{
    NDIS_OFFLOAD told = {0};

    UNUSED_STATE;
    team_open(
        (struct team_rig_config){.hash = true, .cards = 1, .withhold = {NULL, TEAM_NO_OFFLOAD}});
    card_plug(1);
    path_forget(&rig.p);
    assert_int_equal(card_join(1), 0);
    assert_int_equal(team_told(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES), 1);
    assert_true(team_last_told(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, &told, sizeof told));
    assert_false(offers_lso4(&told));
    assert_false(offers_lso4(current_of(rig.team)));
    card_leave(1);
    assert_int_equal(team_told(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES), 2);
    assert_true(offers_lso4(hardware_of(rig.team)));
    assert_true(offers_lso4(current_of(rig.team)));
    team_close();
}

static void test_mux4_a_members_own_change_is_the_teams(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1},
        .LsoV2IPv4 = NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED};
    ULONG bytes = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    path_forget(&rig.p);
    assert_int_equal(ndis_adapter_request(rig.card[0].adapter, NdisRequestSetInformation,
                                          OID_TCP_OFFLOAD_PARAMETERS, &p, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(team_told(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG), 1);
    assert_int_equal(team_told(NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES), 0);
    assert_false(offers_lso4(current_of(rig.team)));
    assert_true(offers_lso4(hardware_of(rig.team)));
    expect_unsent(send_large(false), false);
    team_close();
}

static void test_mux15_only_the_teams_own_indications_come_up(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {NULL, TEAM_NO_OFFLOAD}});
    card_link(0, false);
    card_link(0, true);
    assert_int_equal(ndis_adapter_reset(rig.card[0].adapter), NDIS_STATUS_SUCCESS);
    assert_true(rig.p.status_count > 0);
    for (unsigned i = 0; i < rig.p.status_count; i++)
        assert_ptr_equal(rig.p.status[i].indication.SourceHandle, rig.team);
    assert_int_equal(team_told(NDIS_STATUS_RESET_START), 0);
    team_close();
}

static void test_mux16_encapsulation_goes_and_comes_with_the_path(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e = {0};

    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {NULL, TEAM_NO_OFFLOAD}});
    assert_int_equal(team_told(NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE), 0);
    card_link(0, false);
    assert_true(team_last_told(NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE, &e, sizeof e));
    assert_int_equal(e.IPv4.Enabled, NDIS_OFFLOAD_SET_OFF);
    card_link(0, true);
    assert_int_equal(team_told(NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE), 2);
    assert_true(team_last_told(NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE, &e, sizeof e));
    assert_int_equal(e.IPv4.Enabled, NDIS_OFFLOAD_SET_ON);
    assert_int_equal(e.IPv4.EncapsulationType, NDIS_ENCAPSULATION_IEEE_802_3);
    team_close();
}

/* ---- What is set ---------------------------------------------------------------------------- */

static void test_mux11_parameters_reach_every_member_and_are_told_once(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    path_forget(&rig.p);
    assert_int_equal(path_parameter(&rig.p, offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
                                    NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(team_told(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG), 1);
    for (unsigned i = 0; i < 2; i++)
        assert_false(offers_lso4(current_of(rig.card[i].adapter)));
    assert_false(offers_lso4(current_of(rig.team)));
    assert_true(offers_lso4(hardware_of(rig.team)));
    expect_unsent(send_large(false), false); /* MUX-9 */
    assert_int_equal(path_parameter(&rig.p, offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
                                    NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(team_told(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG), 2); /* nothing new in it */
    assert_int_equal(path_parameter(&rig.p, offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
                                    NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED),
                     NDIS_STATUS_SUCCESS);
    assert_true(offers_lso4(current_of(rig.card[1].adapter)));
    assert_int_equal(send_large(false).status, NDIS_STATUS_SUCCESS);
    assert_int_equal(segments_on(0), PAYLOAD / MSS);
    team_close();
}

static void test_mux11_what_the_set_in_use_cannot_do_is_refused(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {"host_tso4", NULL}});
    path_forget(&rig.p);
    assert_int_equal(path_parameter(&rig.p, offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
                                    NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED),
                     NDIS_STATUS_INVALID_DATA);
    assert_int_equal(path_parameter(&rig.p, offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum), 9),
                     NDIS_STATUS_INVALID_DATA);
    assert_int_equal(rig.p.status_count, 0);
    team_close();
}

static void test_mux11_keywords_of_the_team_are_the_members(void **state)
{
    static const char *const keywords[] = {"*LsoV2IPv4", "0", "*TCPChecksumOffloadIPv6", "1", NULL};
    struct ndis_offload_state card;

    UNUSED_STATE;
    team_open((struct team_rig_config){.keywords = keywords});
    card = team_view(rig.card[1].adapter);
    assert_false(offers_lso4(&card.current));
    assert_int_equal(card.current.Checksum.IPv6Transmit.TcpChecksum, NDIS_OFFLOAD_SUPPORTED);
    assert_int_equal(card.current.Checksum.IPv6Receive.TcpChecksum, NDIS_OFFLOAD_NOT_SUPPORTED);
    assert_false(offers_lso4(current_of(rig.team)));
    team_close();
}

static void test_mux12_a_late_member_is_given_what_is_in_force(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){.cards = 1});
    assert_int_equal(path_parameter(&rig.p, offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
                                    NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED),
                     NDIS_STATUS_SUCCESS);
    card_plug(1);
    assert_true(offers_lso4(current_of(rig.card[1].adapter)));
    assert_int_equal(card_join(1), 0);
    assert_false(offers_lso4(current_of(rig.card[1].adapter)));
    assert_true(rig.card[1].adapter->encapsulation_set);
    assert_int_equal(rig.card[1].adapter->encapsulation.IPv4.Enabled, NDIS_OFFLOAD_SET_ON);
    assert_int_equal(rig.card[1].adapter->packet_filter & NDIS_PACKET_TYPE_PROMISCUOUS,
                     NDIS_PACKET_TYPE_PROMISCUOUS);
    card_link(0, false);
    assert_int_equal(team_send_wire(1, 1), 1);
    team_close();
}

/* The member in use does not know that header length: nothing is left changed. */
static void test_mux10_a_refused_encapsulation_is_taken_back(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e = {
        .Header = {NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION, 1,
                   NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1},
        .IPv4 = {NDIS_OFFLOAD_SET_ON, NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED, 22}};

    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {NULL, "ls_snap"}, .hash = true});
    assert_int_not_equal(path_set(&rig.p, OID_OFFLOAD_ENCAPSULATION, &e, sizeof e),
                         NDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < 2; i++) {
        const NDIS_OFFLOAD_ENCAPSULATION *now = &rig.card[i].adapter->encapsulation;

        assert_int_equal(now->IPv4.Enabled, NDIS_OFFLOAD_SET_ON);
        assert_int_equal(now->IPv4.EncapsulationType, NDIS_ENCAPSULATION_IEEE_802_3);
    }
    e.IPv4.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
    e.IPv4.HeaderSize = 14;
    assert_int_equal(path_set(&rig.p, OID_OFFLOAD_ENCAPSULATION, &e, sizeof e),
                     NDIS_STATUS_SUCCESS);
    team_close();
}

static void test_mux10_a_team_without_offload_takes_no_encapsulation(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {TEAM_NO_OFFLOAD, NULL}, .no_activate = true});
    assert_int_equal(path_activate(&rig.p, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON),
                     NDIS_STATUS_NOT_SUPPORTED);
    team_close();
}

/* ---- Receive verdicts ----------------------------------------------------------------------- */

static uintptr_t verdict_from(unsigned card)
{
    unsigned at = rig.p.received_count;
    uint8_t frame[TEAM_FRAME];

    team_frame(frame, true, 1, 1);
    assert_true(team_arrives(card, frame, sizeof frame));
    return rig.p.received[at % PATH_RECORDS].oob[TcpIpChecksumNetBufferListInfo];
}

static void test_mux19_verdicts_come_up_as_far_as_the_team_offers_them(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){.withhold = {TEAM_NO_OFFLOAD, NULL}});
    assert_int_equal(verdict_from(1), 0);
    team_close();
    team_open((struct team_rig_config){0});
    assert_int_not_equal(verdict_from(0), 0);
    assert_int_not_equal(verdict_from(1), 0);
    assert_int_equal(path_parameter(&rig.p, offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum),
                                    NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(verdict_from(1) & 0x12, 0); /* the UDP bits */
    team_close();
    team_open((struct team_rig_config){.hash = true, .withhold = {NULL, "guest_csum"}});
    assert_int_equal(verdict_from(0), 0); /* the card has one, the team does not offer it */
    team_close();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mux18_the_members_large_send_result_comes_up),
        cmocka_unit_test(test_mux6_no_large_send_goes_to_a_member_without),
        cmocka_unit_test(test_mux6_nothing_leaves_with_an_unfinished_checksum),
        cmocka_unit_test(test_mux8_a_large_send_held_over_a_failover_is_failed),
        cmocka_unit_test(test_mux8_size_and_count_limits_are_kept),
        cmocka_unit_test(test_mux5_failover_tells_less_and_failback_more),
        cmocka_unit_test(test_a_standby_going_changes_nothing),
        cmocka_unit_test(test_mux3_members_in_use_have_it_in_common),
        cmocka_unit_test(test_mux7_a_member_that_comes_or_goes_changes_the_ability),
        cmocka_unit_test(test_mux4_a_members_own_change_is_the_teams),
        cmocka_unit_test(test_mux15_only_the_teams_own_indications_come_up),
        cmocka_unit_test(test_mux16_encapsulation_goes_and_comes_with_the_path),
        cmocka_unit_test(test_mux11_parameters_reach_every_member_and_are_told_once),
        cmocka_unit_test(test_mux11_what_the_set_in_use_cannot_do_is_refused),
        cmocka_unit_test(test_mux11_keywords_of_the_team_are_the_members),
        cmocka_unit_test(test_mux12_a_late_member_is_given_what_is_in_force),
        cmocka_unit_test(test_mux10_a_refused_encapsulation_is_taken_back),
        cmocka_unit_test(test_mux10_a_team_without_offload_takes_no_encapsulation),
        cmocka_unit_test(test_mux19_verdicts_come_up_as_far_as_the_team_offers_them),
    };

    return team_group("team offload", tests, COUNT(tests));
}
