/* SPDX-License-Identifier: MIT */
/* The frame that tells switches of the member that comes into use: when it goes, when it waits,
 * that there is one. */
#include "test_team_rig.h"

#include "test_path_stall.h"

/* Nothing but one announcement comes out, on that card's wire. */
static void announced_by(unsigned card)
{
    static uint8_t got[PATH_FRAME];

    assert_int_equal(card_read_any(card, got, sizeof got, 5), sizeof team_announcement);
    assert_memory_equal(got, team_announcement, sizeof team_announcement);
    for (unsigned i = 0; i < TEAM_CARDS; i++)
        assert_int_equal(rig.card[i].adapter ? card_read_any(i, got, sizeof got, 0.01) : 0, 0);
}

/* The switch learns of the new port before the team has anything to send, and is told once. */
static void test_a_member_that_comes_into_use_is_announced(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    team_wires_silent();
    card_link(0, false);
    announced_by(1);
    card_link(0, true);
    announced_by(0);
    card_leave(0);
    announced_by(1);
    assert_int_equal(card_join(0), 0);
    announced_by(0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(rig.card[i].announced, 0);
    team_close();
}

static void test_announcements_go_before_held_sends(void **state)
{
    static uint8_t got[PATH_FRAME];
    uint8_t frame[TEAM_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    card_reset(0, NDIS_STATUS_RESET_START, 0);
    team_frame(frame, false, 1, 1);
    NdisSendNetBufferLists(rig.p.binding, path_nbl(&rig.p, frame, sizeof frame, NULL, 0), 0, 0);
    card_reset(0, NDIS_STATUS_RESET_END, NDIS_STATUS_HARD_ERRORS);
    assert_int_equal(card_read_any(1, got, sizeof got, 5), sizeof team_announcement);
    assert_int_equal(card_read_any(1, got, sizeof got, 5), sizeof frame);
    assert_memory_equal(got, frame, sizeof frame);
    assert_true(path_wait(&rig.p, &rig.p.completed_count, 1, 5));
    team_close();
}

static unsigned all_announced(void)
{
    return rig.card[0].announced + rig.card[1].announced + rig.card[2].announced;
}

static void test_the_same_member_is_not_announced_again(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    card_link(1, false); /* the standby one */
    card_link(0, false); /* nobody is left, and the same one returns */
    card_link(0, true);
    card_link(1, true);
    card_reset(0, NDIS_STATUS_RESET_START, 0);
    card_reset(0, NDIS_STATUS_RESET_END, NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_pause(rig.team), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_restart(rig.team), NDIS_STATUS_SUCCESS);
    team_wires_silent();
    assert_int_equal(all_announced(), 0);
    team_close();
}

static void test_a_flow_hash_announces_nothing(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){.hash = true});
    card_link(0, false);
    card_link(0, true);
    card_link(1, false);
    team_wires_silent();
    assert_int_equal(all_announced(), 0);
    team_close();
}

/* An announcement waits while the team may not send. */
static void test_announcements_wait_for_pause_and_sleep(void **state)
{
    NDIS_DEVICE_POWER_STATE sleep = NdisDeviceStateD3, wake = NdisDeviceStateD0;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    assert_int_equal(ndis_adapter_pause(rig.team), NDIS_STATUS_SUCCESS);
    card_link(0, false);
    team_wires_silent();
    assert_int_equal(all_announced(), 0);
    assert_int_equal(ndis_adapter_restart(rig.team), NDIS_STATUS_SUCCESS);
    announced_by(1);
    assert_int_equal(path_set(&rig.p, OID_PNP_SET_POWER, &sleep, sizeof sleep), 0);
    card_link(0, true);
    team_wires_silent();
    assert_int_equal(all_announced(), 0);
    assert_int_equal(path_set(&rig.p, OID_PNP_SET_POWER, &wake, sizeof wake), 0);
    announced_by(0);
    team_close();
}

/* The first announcement is still out when the member comes into use again: one more follows once
 * it is back. */
static void test_one_announcement_is_out_at_a_time(void **state)
{
    static uint8_t got[PATH_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    stall_begin();
    card_tell_link(0, false);
    assert_int_equal(card_read_any(1, got, sizeof got, 5), sizeof team_announcement);
    card_tell_link(1, false);
    card_tell_link(0, true);
    assert_int_equal(card_read_any(0, got, sizeof got, 5), sizeof team_announcement);
    card_tell_link(0, false);
    card_tell_link(1, true);
    team_wires_silent();
    assert_int_equal(all_announced(), 0);
    stall_end();
    announced_by(1);
    team_close();
}

static MINIPORT_SEND_NET_BUFFER_LISTS_HANDLER real_send;

/* The first one comes back as from a miniport that resets. */
static VOID NTAPI ThrowBack(NDIS_HANDLE context, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                            ULONG flags)
{
    (void)context, (void)port, (void)flags;
    rig.card[1].adapter->driver->chars.SendNetBufferListsHandler = real_send;
    first->Status = NDIS_STATUS_RESET_IN_PROGRESS;
    NdisMSendNetBufferListsComplete(rig.card[1].adapter, first, 0);
}

static void test_what_a_reset_throws_back_is_announced_again(void **state)
{
    struct ndis_driver *d;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    d = rig.card[1].adapter->driver;
    real_send = d->chars.SendNetBufferListsHandler;
    d->chars.SendNetBufferListsHandler = ThrowBack;
    card_link(0, false);
    announced_by(1);
    assert_ptr_equal(d->chars.SendNetBufferListsHandler, real_send);
    team_close();
}

static void test_a_member_is_pulled_with_its_announcement_out(void **state)
{
    static uint8_t got[PATH_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){.cards = 3});
    stall_begin();
    card_tell_link(0, false);
    assert_int_equal(card_read_any(1, got, sizeof got, 5), sizeof team_announcement);
    stall_end();
    assert_int_equal(ndis_adapter_surprise_remove(rig.card[1].adapter), NDIS_STATUS_SUCCESS);
    announced_by(2);
    team_close();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_member_that_comes_into_use_is_announced),
        cmocka_unit_test(test_announcements_go_before_held_sends),
        cmocka_unit_test(test_the_same_member_is_not_announced_again),
        cmocka_unit_test(test_a_flow_hash_announces_nothing),
        cmocka_unit_test(test_announcements_wait_for_pause_and_sleep),
        cmocka_unit_test(test_one_announcement_is_out_at_a_time),
        cmocka_unit_test(test_what_a_reset_throws_back_is_announced_again),
        cmocka_unit_test(test_a_member_is_pulled_with_its_announcement_out),
    };

    return team_group("team announce", tests, COUNT(tests));
}
