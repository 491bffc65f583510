/* SPDX-License-Identifier: MIT */
/* Sends and receives through the team: who carries a flow, failover and failback, holding, what
 * comes up from which member (MUX-17, 19 to 24, GEN rows for both edges). */
#include "test_team_rig.h"

#include "ndis/adapter.h"

#include "test_path_stall.h"

enum { FLOWS = 16, BURST = 8 };

/* ---- Who carries a flow --------------------------------------------------------------------- */

static void test_active_standby_uses_the_first_member_only(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    for (unsigned flow = 0; flow < FLOWS; flow++)
        assert_int_equal(team_send_wire(flow, flow), 0);
    team_close();
}

static void test_mux20_a_flow_keeps_to_one_member_and_flows_spread(void **state)
{
    unsigned first[FLOWS], on[2] = {0};

    UNUSED_STATE;
    team_open((struct team_rig_config){.hash = true});
    for (unsigned flow = 0; flow < FLOWS; flow++) {
        first[flow] = team_send_wire(flow, 0);
        on[first[flow]]++;
    }
    for (uint32_t n = 1; n < 4; n++) {
        for (unsigned flow = 0; flow < FLOWS; flow++)
            assert_int_equal(team_send_wire(flow, n), first[flow]);
    }
    assert_true(on[0] > 0 && on[1] > 0);
    team_close();
}

static NET_BUFFER_LIST *chain_of_flows(uint32_t n, unsigned count)
{
    NET_BUFFER_LIST *first = NULL, **end = &first;

    for (unsigned i = 0; i < count; i++) {
        uint8_t frame[TEAM_FRAME];

        team_frame(frame, false, i % FLOWS, n + i);
        *end = path_nbl(&rig.p, frame, sizeof frame, NULL, 0);
        end = &(*end)->Next;
    }
    return first;
}

static void test_mux20_a_chain_is_split_and_each_part_stays_in_order(void **state)
{
    static uint8_t got[PATH_FRAME];
    unsigned seen = 0;

    UNUSED_STATE;
    team_open((struct team_rig_config){.hash = true});
    path_send(&rig.p, chain_of_flows(0, 200), 200);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t last = 0;

        for (unsigned mine = 0; card_read(i, got, sizeof got, 0.05); mine++, seen++) {
            assert_true(mine == 0 || team_number_of(got) > last);
            last = team_number_of(got);
        }
    }
    assert_int_equal(seen, 200);
    team_close();
}

static void test_failover_and_failback(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    assert_int_equal(team_send_wire(1, 1), 0);
    card_link(0, false);
    assert_int_equal(team_send_wire(1, 2), 1);
    card_link(0, true);
    assert_int_equal(team_send_wire(1, 3), 0);
    assert_int_equal(team_told(NDIS_STATUS_RESET_START), 0);
    team_close();
}

static void test_without_a_usable_member_sends_fail_and_the_link_is_down(void **state)
{
    struct ndis_adapter_info info;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    card_link(0, false);
    card_link(1, false);
    ndis_adapter_info(rig.team, &info);
    assert_false(info.link_up);
    assert_int_equal(team_send(1, 1), NDIS_STATUS_MEDIA_DISCONNECTED);
    card_link(1, true);
    ndis_adapter_info(rig.team, &info);
    assert_true(info.link_up);
    assert_int_equal(team_send_wire(1, 2), 1);
    team_close();
}

static void test_a_paused_member_is_not_used(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    assert_int_equal(ndis_adapter_pause(rig.card[0].adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(team_send_wire(1, 1), 1);
    assert_int_equal(ndis_adapter_restart(rig.card[0].adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(team_send_wire(1, 2), 0);
    team_close();
}

/* ---- Holding -------------------------------------------------------------------------------- */

/* A flow that moves waits until its old member has completed what it has. */
static void test_mux20_a_moving_flow_waits_for_what_is_on_its_way(void **state)
{
    uint8_t frame[TEAM_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){.link_down = {true, false}});
    team_frame(frame, false, 1, 1);
    stall_begin();
    NdisSendNetBufferLists(rig.p.binding, path_nbl(&rig.p, frame, sizeof frame, NULL, 0), 0, 0);
    assert_int_equal(team_wire_of(frame, sizeof frame), 1);
    nic_set_link(rig.card[0].nic, true); /* it is told once the loop runs again, and then the */
    card_tell_link(0, true);             /* completion after it: make it come before */
    team_frame(frame, false, 1, 2);
    NdisSendNetBufferLists(rig.p.binding, path_nbl(&rig.p, frame, sizeof frame, NULL, 0), 0, 0);
    team_wires_silent();
    assert_int_equal(rig.p.completed_count, 0);
    stall_end();
    assert_int_equal(team_wire_of(frame, sizeof frame), 0);
    assert_true(path_wait(&rig.p, &rig.p.completed_count, 2, 5));
    team_close();
}

static void test_mux23_sends_wait_while_a_member_resets(void **state)
{
    uint8_t frame[TEAM_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    card_reset(0, NDIS_STATUS_RESET_START, 0);
    team_frame(frame, false, 1, 1);
    NdisSendNetBufferLists(rig.p.binding, path_nbl(&rig.p, frame, sizeof frame, NULL, 0), 0, 0);
    team_wires_silent();
    assert_int_equal(rig.p.completed_count, 0);
    card_reset(0, NDIS_STATUS_RESET_END, NDIS_STATUS_SUCCESS);
    assert_int_equal(team_wire_of(frame, sizeof frame), 0);
    assert_true(path_wait(&rig.p, &rig.p.completed_count, 1, 5));
    assert_int_equal(rig.p.completed[0].status, NDIS_STATUS_SUCCESS);
    assert_int_equal(team_told(NDIS_STATUS_RESET_START), 0);
    team_close();
}

static void test_mux23_a_failed_reset_moves_the_flows(void **state)
{
    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    card_reset(0, NDIS_STATUS_RESET_START, 0);
    card_reset(0, NDIS_STATUS_RESET_END, NDIS_STATUS_HARD_ERRORS);
    assert_int_equal(team_send_wire(1, 1), 1);
    assert_int_equal(ndis_adapter_reset(rig.card[0].adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(team_send_wire(1, 2), 0);
    team_close();
}

/* A miniport that keeps what it gets, until it throws it back as in a reset. */
static NET_BUFFER_LIST *kept;
static MINIPORT_SEND_NET_BUFFER_LISTS_HANDLER real_send;

static VOID NTAPI Keep(NDIS_HANDLE context, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                       ULONG flags)
{
    (void)context, (void)port, (void)flags;
    kept = first;
}

static void send_to_be_kept(NET_BUFFER_LIST *chain)
{
    struct ndis_driver *d = rig.card[0].adapter->driver;

    real_send = d->chars.SendNetBufferListsHandler;
    d->chars.SendNetBufferListsHandler = Keep;
    NdisSendNetBufferLists(rig.p.binding, chain, 0, 0);
    d->chars.SendNetBufferListsHandler = real_send;
}

static void throw_back(void)
{
    for (NET_BUFFER_LIST *nbl = kept; nbl; nbl = nbl->Next)
        nbl->Status = NDIS_STATUS_RESET_IN_PROGRESS;
    NdisMSendNetBufferListsComplete(rig.card[0].adapter, kept, 0);
}

static void test_mux23_what_a_reset_throws_back_is_sent_again(void **state)
{
    enum { MANY = 20 };
    static uint8_t got[PATH_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    send_to_be_kept(chain_of_flows(0, MANY));
    card_reset(0, NDIS_STATUS_RESET_START, 0);
    NdisSendNetBufferLists(rig.p.binding, chain_of_flows(MANY, MANY), 0, 0);
    throw_back();
    team_wires_silent();
    assert_int_equal(rig.p.completed_count, 0);
    card_reset(0, NDIS_STATUS_RESET_END, NDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < 2 * MANY; i++) {
        assert_int_equal(card_read(0, got, sizeof got, 5), TEAM_FRAME);
        assert_int_equal(team_number_of(got), i);
    }
    assert_true(path_wait(&rig.p, &rig.p.completed_count, 2 * MANY, 5));
    for (unsigned i = 0; i < 2 * MANY; i++)
        assert_int_equal(rig.p.completed[i].status, NDIS_STATUS_SUCCESS);
    team_wires_silent();
    team_close();
}

/* Its link gone, a member's flows went on without it: what it throws back later would come behind
 * them. */
static void test_mux20_what_was_overtaken_is_not_sent_again(void **state)
{
    enum { MANY = 20 };
    static uint8_t got[PATH_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    send_to_be_kept(chain_of_flows(0, MANY));
    card_tell_link(0, false);
    NdisSendNetBufferLists(rig.p.binding, chain_of_flows(MANY, MANY), 0, 0);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(card_read(1, got, sizeof got, 5), TEAM_FRAME);
        assert_int_equal(team_number_of(got), MANY + i);
    }
    assert_true(path_wait(&rig.p, &rig.p.completed_count, MANY, 5));
    throw_back();
    assert_true(path_wait(&rig.p, &rig.p.completed_count, 2 * MANY, 5));
    for (unsigned i = 0; i < 2 * MANY; i++)
        assert_int_equal(rig.p.completed[i].status,
                         i < MANY ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE);
    team_wires_silent();
    team_close();
}

/* A sender that stands between the team and the first card, and a reset that is told meanwhile. */
static struct {
    _Atomic(bool) inside, go, told;
} between;

static void stand_below(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first)
{
    (void)arg, (void)first;
    if (a != rig.card[0].adapter || atomic_exchange(&between.inside, true))
        return;
    while (!between.go)
        usleep(100);
}

static void *send_one(void *arg)
{
    NdisSendNetBufferLists(rig.p.binding, arg, 0, 0);
    return NULL;
}

static void *tell_reset(void *arg)
{
    KIRQL irql = PASSIVE_LEVEL;

    KeRaiseIrql(arg ? DISPATCH_LEVEL : PASSIVE_LEVEL, &irql);
    card_reset(0, NDIS_STATUS_RESET_START, 0);
    KeLowerIrql(irql);
    between.told = true;
    return NULL;
}

/* A reset begins once senders on their way down have arrived, so that it throws back all that they
 * brought or nothing. At DISPATCH_LEVEL it cannot wait for long. */
static void test_mux23_a_reset_lets_senders_arrive(void **state)
{
    static const struct ndis_observer observer = {.send = stand_below};
    static char dispatch;

    UNUSED_STATE;
    for (unsigned at_dispatch = 0; at_dispatch < 2; at_dispatch++) {
        pthread_t sender, resetter;
        uint8_t frame[TEAM_FRAME];
        bool told;

        between.inside = between.go = between.told = false;
        team_open((struct team_rig_config){.observer = &observer});
        team_frame(frame, false, 1, 1);
        pthread_create(&sender, NULL, send_one, path_nbl(&rig.p, frame, sizeof frame, NULL, 0));
        team_until(between.inside);
        pthread_create(&resetter, NULL, tell_reset, at_dispatch ? &dispatch : NULL);
        for (unsigned ms = 0; ms < (at_dispatch ? 5000 : 30) && !between.told; ms++)
            usleep(1000);
        told = between.told;
        between.go = true;
        pthread_join(sender, NULL);
        pthread_join(resetter, NULL);
        assert_int_equal(told, at_dispatch);
        card_reset(0, NDIS_STATUS_RESET_END, NDIS_STATUS_SUCCESS);
        assert_int_equal(team_wire_of(frame, sizeof frame), 0);
        assert_true(path_wait(&rig.p, &rig.p.completed_count, 1, 5));
        team_close();
    }
}

static void test_mux22_a_held_send_is_cancelled_by_its_id(void **state)
{
    static int ours, others;
    NET_BUFFER_LIST *chain;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    card_reset(0, NDIS_STATUS_RESET_START, 0);
    chain = chain_of_flows(0, 3);
    NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(chain, &others);
    NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(chain->Next, &ours);
    NdisSendNetBufferLists(rig.p.binding, chain, 0, 0);
    NdisCancelSendNetBufferLists(rig.p.binding, &ours);
    assert_int_equal(rig.p.completed_count, 1);
    assert_int_equal(rig.p.completed[0].status, NDIS_STATUS_SEND_ABORTED);
    card_reset(0, NDIS_STATUS_RESET_END, NDIS_STATUS_SUCCESS);
    assert_true(path_wait(&rig.p, &rig.p.completed_count, 3, 5));
    assert_int_equal(rig.p.completed[1].status, NDIS_STATUS_SUCCESS);
    assert_int_equal(rig.p.completed[2].status, NDIS_STATUS_SUCCESS);
    team_close();
}

static void test_gen4_held_sends_end_when_the_team_pauses(void **state)
{
    struct ndis_adapter *a;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    a = rig.team;
    card_reset(0, NDIS_STATUS_RESET_START, 0);
    NdisSendNetBufferLists(rig.p.binding, chain_of_flows(0, 3), 0, 0);
    assert_int_equal(rig.p.completed_count, 0);
    a->driver->chars.PauseHandler(a->context, NULL);
    assert_int_equal(rig.p.completed_count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rig.p.completed[i].status, NDIS_STATUS_PAUSED);
    a->driver->chars.RestartHandler(a->context, NULL);
    card_reset(0, NDIS_STATUS_RESET_END, NDIS_STATUS_SUCCESS);
    assert_int_equal(team_send_wire(1, 9), 0);
    team_close();
}

/* ---- Out-of-band data ----------------------------------------------------------------------- */

static uintptr_t seen_below[MaxNetBufferListInfo];
static const void *source_below;

static void look_below(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first)
{
    (void)arg;
    if (a != rig.card[0].adapter)
        return;
    for (unsigned i = 0; i < MaxNetBufferListInfo; i++)
        seen_below[i] = (uintptr_t)first->NetBufferListInfo[i];
    source_below = first->SourceHandle;
}

static void test_mux17_out_of_band_data_goes_down_unchanged(void **state)
{
    static const struct ndis_observer observer = {.send = look_below};
    static int id;
    NDIS_NET_BUFFER_LIST_8021Q_INFO tag = {.TagHeader = {.UserPriority = 5, .VlanId = 7}};
    uint8_t frame[TEAM_FRAME];
    NET_BUFFER_LIST *nbl;

    UNUSED_STATE;
    team_open((struct team_rig_config){.observer = &observer});
    team_frame(frame, false, 1, 1);
    nbl = path_nbl(&rig.p, frame, sizeof frame, NULL, 0);
    nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] = tag.Value;
    NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(nbl, &id);
    path_checksum(nbl, true, false, false, true, 34);
    path_send(&rig.p, nbl, 1);
    assert_int_equal(seen_below[Ieee8021QNetBufferListInfo], (uintptr_t)tag.Value);
    assert_int_equal(seen_below[NetBufferListCancelId], (uintptr_t)&id);
    assert_int_equal(seen_below[TcpIpChecksumNetBufferListInfo], rig.p.completed[0].checksum);
    assert_ptr_not_equal(source_below, rig.p.binding);
    assert_ptr_equal(nbl->SourceHandle, rig.p.binding);
    team_close();
}

/* ---- Receives ------------------------------------------------------------------------------- */

static void test_receives_for_the_team_come_from_every_member(void **state)
{
    uint8_t frame[TEAM_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    team_frame(frame, true, 1, 1);
    assert_true(team_arrives(0, frame, sizeof frame));
    assert_true(team_arrives(1, frame, sizeof frame));
    assert_memory_equal(rig.p.received[1].data, frame, sizeof frame);
    frame[5] = 2; /* the standby card's own address is nobody's */
    assert_false(team_arrives(1, frame, sizeof frame));
    team_close();
}

static void test_multicast_comes_from_the_member_in_use(void **state)
{
    uint8_t frame[TEAM_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    team_frame(frame, true, 1, 1);
    memset(frame, 0xff, 6);
    assert_true(team_arrives(0, frame, sizeof frame));
    assert_false(team_arrives(1, frame, sizeof frame));
    card_link(0, false);
    assert_true(team_arrives(1, frame, sizeof frame));
    memcpy(frame + 6, (uint8_t[]){0x02, 0, 0, 0, 0, 1}, 6); /* ours, sent round by the switch */
    assert_false(team_arrives(1, frame, sizeof frame));
    team_close();
}

static void test_gen30_nothing_comes_before_a_filter_is_set(void **state)
{
    uint8_t frame[TEAM_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){.no_filter = true});
    team_frame(frame, true, 1, 1);
    assert_false(team_arrives(0, frame, sizeof frame));
    assert_int_equal(path_set_filter(&rig.p, NDIS_PACKET_TYPE_DIRECTED), NDIS_STATUS_SUCCESS);
    assert_true(team_arrives(0, frame, sizeof frame));
    assert_true(team_arrives(1, frame, sizeof frame));
    team_close();
}

static void *return_later(void *arg)
{
    (void)arg;
    usleep(30000);
    path_return_held(&rig.p);
    return NULL;
}

/* Leaving waits for what the layers above still hold, and each goes back to the card it is from. */
static void test_mux24_a_leaving_member_gets_its_receives_back(void **state)
{
    uint8_t frame[TEAM_FRAME];
    pthread_t later;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    rig.p.hold_receives = true;
    for (uint32_t n = 0; n < 6; n++) {
        team_frame(frame, true, 1, n);
        assert_true(team_arrives(n % 2, frame, sizeof frame));
    }
    assert_int_equal(rig.p.held_count, 6);
    pthread_create(&later, NULL, return_later, NULL);
    card_leave(0);
    assert_int_equal(rig.p.held_count, 0);
    pthread_join(later, NULL);
    rig.p.hold_receives = false;
    team_close();
}

static void test_gen2_a_pause_waits_for_receives(void **state)
{
    uint8_t frame[TEAM_FRAME];
    pthread_t later;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    rig.p.hold_receives = true;
    team_frame(frame, true, 1, 1);
    assert_true(team_arrives(0, frame, sizeof frame));
    pthread_create(&later, NULL, return_later, NULL);
    assert_int_equal(ndis_adapter_pause(rig.team), NDIS_STATUS_SUCCESS);
    assert_int_equal(rig.p.held_count, 0);
    pthread_join(later, NULL);
    rig.p.hold_receives = false;
    assert_false(team_arrives(0, frame, sizeof frame));
    assert_int_equal(ndis_adapter_restart(rig.team), NDIS_STATUS_SUCCESS);
    assert_true(team_arrives(0, frame, sizeof frame));
    team_close();
}

/* NDIS has everything back before it calls MiniportPause: the driver's own rule needs a caller that
 * has not. */
static void test_gen2_the_drivers_own_pause_waits_for_receives(void **state)
{
    uint8_t frame[TEAM_FRAME];
    struct ndis_adapter *a;
    NDIS_STATUS status;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    a = rig.team;
    rig.p.hold_receives = true;
    team_frame(frame, true, 1, 1);
    assert_true(team_arrives(0, frame, sizeof frame));
    pthread_spin_lock(&a->lock);
    a->pause_wait.done = false;
    a->state_wait = &a->pause_wait;
    pthread_spin_unlock(&a->lock);
    assert_int_equal(a->driver->chars.PauseHandler(a->context, NULL), NDIS_STATUS_PENDING);
    assert_false(a->pause_wait.done);
    path_return_held(&rig.p);
    assert_true(ndis_wait_for(&a->pause_wait, 5, &status));
    pthread_spin_lock(&a->lock);
    a->state_wait = NULL;
    pthread_spin_unlock(&a->lock);
    rig.p.hold_receives = false;
    assert_false(team_arrives(0, frame, sizeof frame));
    a->driver->chars.RestartHandler(a->context, NULL);
    assert_true(team_arrives(0, frame, sizeof frame));
    team_close();
}

/* ---- Power ---------------------------------------------------------------------------------- */

static void test_mux26_power_ends_at_the_team(void **state)
{
    NDIS_DEVICE_POWER_STATE sleep = NdisDeviceStateD3, wake = NdisDeviceStateD0;

    UNUSED_STATE;
    team_open((struct team_rig_config){0});
    assert_true(rig.team->registration.AttributeFlags &
                NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND);
    assert_int_equal(path_query(&rig.p, OID_PNP_QUERY_POWER, &sleep, sizeof sleep, NULL), 0);
    sleep = NdisDeviceStateD3;
    assert_int_equal(path_set(&rig.p, OID_PNP_SET_POWER, &sleep, sizeof sleep), 0);
    assert_int_equal(team_send(1, 1), NDIS_STATUS_FAILURE);
    team_wires_silent();
    assert_int_equal(path_set(&rig.p, OID_PNP_SET_POWER, &wake, sizeof wake), 0);
    assert_int_equal(team_send_wire(1, 2), 0);
    team_close();
}

static void test_toeplitz_spreads_as_published(void **state)
{
    /* The verification table of receive side scaling: 66.9.149.187:2794 to 161.142.100.80:1766 is
     * 51ccc178; the same 40-byte key stands in hash.c. Odd and even members tell the last bit. */
    struct frame_recipe r = naive_recipe(4);
    static uint8_t payload[32], frame[TEAM_FRAME];

    UNUSED_STATE;
    team_open((struct team_rig_config){.hash = true, .cards = 3});
    memcpy(r.src_mac, (uint8_t[]){0x02, 0, 0, 0, 0, 1}, 6);
    memcpy(r.src_ip, (uint8_t[]){66, 9, 149, 187}, 4);
    memcpy(r.dst_ip, (uint8_t[]){161, 142, 100, 80}, 4);
    r.l4_proto = 17;
    r.src_port = 2794;
    r.dst_port = 1766;
    r.payload = payload;
    r.payload_len = sizeof payload;
    assert_int_equal(frame_build(&r, frame, sizeof frame), TEAM_FRAME);
    path_send(&rig.p, path_nbl(&rig.p, frame, sizeof frame, NULL, 0), 1);
    assert_int_equal(team_wire_of(frame, sizeof frame), 0x51ccc178u % 3);
    memcpy(r.src_ip, (uint8_t[]){199, 92, 111, 2}, 4); /* next row: c626b0ea */
    memcpy(r.dst_ip, (uint8_t[]){65, 69, 140, 83}, 4);
    r.src_port = 14230;
    r.dst_port = 4739;
    assert_int_equal(frame_build(&r, frame, sizeof frame), TEAM_FRAME);
    path_send(&rig.p, path_nbl(&rig.p, frame, sizeof frame, NULL, 0), 1);
    assert_int_equal(team_wire_of(frame, sizeof frame), 0xc626b0eau % 3);
    team_close();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_active_standby_uses_the_first_member_only),
        cmocka_unit_test(test_mux20_a_flow_keeps_to_one_member_and_flows_spread),
        cmocka_unit_test(test_mux20_a_chain_is_split_and_each_part_stays_in_order),
        cmocka_unit_test(test_failover_and_failback),
        cmocka_unit_test(test_without_a_usable_member_sends_fail_and_the_link_is_down),
        cmocka_unit_test(test_a_paused_member_is_not_used),
        cmocka_unit_test(test_mux20_a_moving_flow_waits_for_what_is_on_its_way),
        cmocka_unit_test(test_mux23_sends_wait_while_a_member_resets),
        cmocka_unit_test(test_mux23_a_failed_reset_moves_the_flows),
        cmocka_unit_test(test_mux23_what_a_reset_throws_back_is_sent_again),
        cmocka_unit_test(test_mux20_what_was_overtaken_is_not_sent_again),
        cmocka_unit_test(test_mux23_a_reset_lets_senders_arrive),
        cmocka_unit_test(test_mux22_a_held_send_is_cancelled_by_its_id),
        cmocka_unit_test(test_gen4_held_sends_end_when_the_team_pauses),
        cmocka_unit_test(test_mux17_out_of_band_data_goes_down_unchanged),
        cmocka_unit_test(test_receives_for_the_team_come_from_every_member),
        cmocka_unit_test(test_multicast_comes_from_the_member_in_use),
        cmocka_unit_test(test_gen30_nothing_comes_before_a_filter_is_set),
        cmocka_unit_test(test_mux24_a_leaving_member_gets_its_receives_back),
        cmocka_unit_test(test_gen2_a_pause_waits_for_receives),
        cmocka_unit_test(test_gen2_the_drivers_own_pause_waits_for_receives),
        cmocka_unit_test(test_mux26_power_ends_at_the_team),
        cmocka_unit_test(test_toeplitz_spreads_as_published),
    };

    return team_group("team data", tests, COUNT(tests));
}
