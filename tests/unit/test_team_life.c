/* SPDX-License-Identifier: MIT */
/* The team comes with its first member and goes with its last: registration, instances, bindings,
 * the interface stack (MUX-1, 2, 24, 25, 27). */
#include "test_team_rig.h"

static void test_mux1_both_edges_are_registered_and_tied(void **state)
{
    const struct ndis_driver *d;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    d = rig.team->driver;
    assert_true(d->intermediate);
    assert_non_null(d->associated);
    assert_string_equal(d->associated->name, "team");
    assert_null(d->chars.ResetHandlerEx);
    assert_null(d->chars.CheckForHangHandlerEx);
    team_close();
}

static void test_mux1_the_team_is_not_its_own_member(void **state)
{
    struct why why = {0};

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    assert_int_equal(ndis_adapter_connect(rig.team, "team", &why), -ELOOP);
    team_close();
}

static void test_mux2_the_adapter_starts_with_the_first_member(void **state)
{
    struct why why = {0};

    UNUSED_STATE;
    team_open((struct team_rig_config){.cards = 1});
    assert_int_equal(ndis_adapter_state(rig.team), NDIS_ADAPTER_RUNNING);
    card_leave(0);
    assert_int_equal(ndis_adapter_state(rig.team), NDIS_ADAPTER_HALTED);
    assert_null(rig.p.binding);
    assert_int_equal(card_join(0), 0);
    assert_true(ndis_adapter_wait(rig.team, NDIS_ADAPTER_RUNNING, 10));
    team_until(atomic_load(&rig.p.running) && rig.p.binding);
    assert_int_equal(team_send_wire(1, 1), 0);
    assert_int_equal(ndis_adapter_connect(rig.card[0].adapter, "team", &why), -EEXIST);
    team_close();
}

static NDIS_HALT_ACTION halt_action;
static void(NTAPI *halt_of_team)(NDIS_HANDLE context, NDIS_HALT_ACTION action);

static VOID NTAPI NotedHalt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    halt_action = action;
    halt_of_team(context, action);
}

static void test_mux2_the_last_member_ends_the_instance(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    halt_of_team = rig.team->driver->chars.HaltHandlerEx;
    rig.team->driver->chars.HaltHandlerEx = NotedHalt;
    card_leave(0);
    assert_int_equal(ndis_adapter_state(rig.team), NDIS_ADAPTER_RUNNING);
    card_leave(1);
    assert_int_equal(ndis_adapter_state(rig.team), NDIS_ADAPTER_HALTED);
    assert_int_equal(halt_action, NdisHaltDeviceInstanceDeInitialized);
    team_close();
}

static void test_mux25_members_come_and_go_and_nothing_is_left(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){.cards = 3});
    for (unsigned round = 0; round < 6; round++) {
        unsigned i = round % 3;

        card_leave(i);
        assert_int_not_equal(team_send_wire(1, round), i);
        assert_int_equal(card_join(i), 0);
        path_forget(&rig.p);
    }
    team_close();
}

static void test_mux24_a_member_pulled_out_by_surprise_is_left(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    assert_int_equal(team_send_wire(1, 1), 0);
    assert_int_equal(ndis_adapter_surprise_remove(rig.card[0].adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(team_send_wire(1, 2), 1);
    team_close();
}

/* The n-th thing that the driver asks for while a card joins is refused, for every n there is: the
 * card joins all the same or it does not, and what it had taken is given back. */
static void test_a_member_that_gets_no_memory_is_refused(void **state)
{
    struct nt_owner *owner;
    unsigned refused = 0;
    bool asked = true;

    UNUSED_STATE;
    team_open((struct team_rig_config){.cards = 1});
    card_plug(1);
    owner = nt_driver_owner(rig.team_driver);
    for (uint64_t n = 1; asked; n++) {
        uint64_t before = nt_ledger_total(owner);

        nt_fail_at(owner, n);
        refused += card_join(1) < 0;
        asked = nt_allocations_asked(owner) >= n;
        nt_fail_at(owner, 0);
        if (rig.card[1].member)
            card_leave(1);
        assert_int_equal(nt_ledger_total(owner), before);
    }
    assert_true(refused >= 2); /* of what an announcement takes */
    assert_int_equal(card_join(1), 0);
    card_link(0, false);
    assert_int_equal(team_send_wire(1, 1), 1);
    assert_int_equal(rig.card[1].announced, 1);
    team_close();
}

static void test_mux27_the_interface_stack_names_the_members(void **state)
{
    uint32_t team, card[2];

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    team = ndis_adapter_index(rig.team);
    card[0] = ndis_adapter_index(rig.card[0].adapter);
    card[1] = ndis_adapter_index(rig.card[1].adapter);
    team_until(ndis_ifstack_below(team, 1));
    assert_int_equal(ndis_ifstack_below(team, 0) + ndis_ifstack_below(team, 1), card[0] + card[1]);
    assert_int_equal(ndis_ifstack_below(team, 2), 0);
    card_leave(0);
    assert_int_equal(ndis_ifstack_below(team, 0), card[1]);
    assert_int_equal(ndis_ifstack_below(team, 1), 0);
    card_leave(1);
    assert_int_equal(ndis_ifstack_below(team, 0), 0);
    team_close();
}

static void test_a_member_with_a_smaller_mtu_is_refused(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){.cards = 1, .mtu = {1500, 1400}});
    card_plug(1);
    assert_true(card_join(1) < 0);
    assert_int_equal(team_send_wire(1, 1), 0);
    team_close();
}

static void test_the_team_halts_and_starts_with_its_members_open(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    assert_int_equal(ndis_adapter_halt(rig.team), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_initialize(rig.team), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_restart(rig.team), NDIS_STATUS_SUCCESS);
    team_until(atomic_load(&rig.p.running) && rig.p.binding);
    assert_int_equal(team_send_wire(1, 1), 0);
    team_close();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mux1_both_edges_are_registered_and_tied),
        cmocka_unit_test(test_mux1_the_team_is_not_its_own_member),
        cmocka_unit_test(test_mux2_the_adapter_starts_with_the_first_member),
        cmocka_unit_test(test_mux2_the_last_member_ends_the_instance),
        cmocka_unit_test(test_mux25_members_come_and_go_and_nothing_is_left),
        cmocka_unit_test(test_mux24_a_member_pulled_out_by_surprise_is_left),
        cmocka_unit_test(test_a_member_that_gets_no_memory_is_refused),
        cmocka_unit_test(test_mux27_the_interface_stack_names_the_members),
        cmocka_unit_test(test_a_member_with_a_smaller_mtu_is_refused),
        cmocka_unit_test(test_the_team_halts_and_starts_with_its_members_open),
    };

    return team_group("team life", tests, COUNT(tests));
}
