/* SPDX-License-Identifier: MIT */
/* Load from two threads while links, members, resets, pauses, removals and settings change at
 * random: every send ends once, no flow is reordered or doubled on a wire, what is offered stays
 * what the members in use have in common, and nothing is left. The seed is printed; TEAM_SEED sets
 * it, and TEAM_EVENTS how many events there are. */
#include "test_team_rig.h"

enum { SENDERS = 2, EVENTS = 60, STORM_BURST = 16 };

static struct storm {
    _Atomic(bool) stop;
    _Atomic(unsigned) sent, ended, good;
    pthread_t thread[SENDERS];
    uint32_t last[TEAM_CARDS][SENDERS];
    unsigned on_wire, disorder;
    uint32_t seed;
} storm;

static uint32_t dice(uint32_t sides)
{
    storm.seed = storm.seed * 1664525u + 1013904223u;
    return (storm.seed >> 8) % sides;
}

static NET_BUFFER_LIST *storm_chain(unsigned flow, uint32_t n)
{
    NET_BUFFER_LIST *first = NULL, **end = &first;

    for (unsigned i = 0; i < STORM_BURST; i++) {
        uint8_t frame[TEAM_FRAME];

        team_frame(frame, false, flow, n + i);
        pthread_mutex_lock(&rig.p.mutex);
        *end = path_nbl(&rig.p, frame, sizeof frame, NULL, 0);
        pthread_mutex_unlock(&rig.p.mutex);
        end = &(*end)->Next;
    }
    return first;
}

/* Takes what has been completed out of the records. */
static void storm_settle(void)
{
    pthread_mutex_lock(&rig.p.mutex);
    for (unsigned i = 0; i < rig.p.completed_count; i++) {
        storm.good += rig.p.completed[i].status == NDIS_STATUS_SUCCESS;
        storm.ended++;
        path_free_nbl(&rig.p, rig.p.completed[i].nbl);
    }
    rig.p.completed_count = 0;
    pthread_mutex_unlock(&rig.p.mutex);
}

static void *storm_send(void *arg)
{
    unsigned flow = (unsigned)(uintptr_t)arg;
    uint32_t n = 1;

    while (!atomic_load(&storm.stop)) {
        if (!atomic_load(&rig.p.running) || storm.sent - storm.ended > 128) {
            usleep(100);
            continue;
        }
        storm.sent += STORM_BURST;
        NdisSendNetBufferLists(rig.p.binding, storm_chain(flow, n), 0, 0);
        n += STORM_BURST;
    }
    return NULL;
}

/* A flow's numbers only rise on a wire. */
static void storm_read(void)
{
    static uint8_t got[PATH_FRAME];

    for (unsigned i = 0; i < TEAM_CARDS; i++) {
        while (rig.card[i].adapter && card_read(i, got, sizeof got, 0)) {
            unsigned flow = (unsigned)(got[34] << 8 | got[35]) - 1000;
            uint32_t n = team_number_of(got);

            assert_true(flow < SENDERS);
            storm.disorder += n <= storm.last[i][flow];
            storm.last[i][flow] = n;
            storm.on_wire++;
        }
    }
}

static unsigned storm_members(void)
{
    return 0u + rig.card[0].member + rig.card[1].member + rig.card[2].member;
}

/* Pulled out in mid-work; another card takes its place. */
static void storm_replace(unsigned i)
{
    ndis_adapter_surprise_remove(rig.card[i].adapter);
    card_unplug(i);
    card_plug(i);
    memset(storm.last[i], 0, sizeof storm.last[i]);
}

static void storm_event(void)
{
    static const UCHAR lso[] = {NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED,
                                NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED};
    unsigned i = dice(3);

    switch (dice(7)) {
    case 0:
    case 1:
        card_link(i, dice(2));
        break;
    case 2:
        if (!rig.card[i].member)
            card_join(i);
        else if (storm_members() > 1)
            card_leave(i);
        break;
    case 5:
        if (!rig.card[i].member || storm_members() > 1)
            storm_replace(i);
        break;
    case 3:
        ndis_adapter_reset(rig.card[i].adapter);
        break;
    case 4:
        ndis_adapter_pause(rig.card[i].adapter);
        ndis_adapter_restart(rig.card[i].adapter);
        break;
    default:
        path_parameter(&rig.p, offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4), lso[dice(2)]);
        break;
    }
}

/* Whether the team offers nothing that a member which can be in use does not, and has a link if one
 * of them has: by what the test did to them. */
static bool offers_fit(void)
{
    struct ndis_offload_state team = team_view(rig.team), card;
    struct ndis_adapter_info info;
    const char *field = NULL;
    bool any = false;

    for (unsigned slot = 0; slot < TEAM_CARDS; slot++) {
        const struct team_card *c = card_in_slot(slot);

        if (!c || (ndis_adapter_info(c->adapter, &info), !info.link_up))
            continue;
        card = team_view(c->adapter);
        if (!ndis_offload_within(&team.current, &card.current, &field))
            return false;
        any = true;
        if (!rig.config.hash)
            break;
    }
    ndis_adapter_info(rig.team, &info);
    return info.link_up == any;
}

static bool offers_come_to_fit(void)
{
    double until = path_now() + 5;

    while (!offers_fit() && path_now() < until)
        usleep(200);
    return offers_fit();
}

/* With a member in use, sends go on succeeding. */
static void storm_flows(void)
{
    struct ndis_adapter_info info;
    unsigned before = storm.good;

    ndis_adapter_info(rig.team, &info);
    if (info.link_up)
        team_until((storm_settle(), storm_read(), storm.good > before));
}

static void storm_run(bool hash)
{
    const char *seed = getenv("TEAM_SEED"), *count = getenv("TEAM_EVENTS");
    unsigned events = count ? (unsigned)strtoul(count, NULL, 0) : EVENTS;
    unsigned unfit = 0;

    memset(storm.last, 0, sizeof storm.last);
    storm.stop = false;
    storm.sent = storm.ended = storm.good = 0;
    storm.on_wire = storm.disorder = 0;
    storm.seed = seed ? (uint32_t)strtoul(seed, NULL, 0) : (uint32_t)time(NULL);
    print_message("seed %u\n", storm.seed);
    team_open((struct team_rig_config){
        .hash = hash, .cards = 3, .withhold = {NULL, TEAM_NO_OFFLOAD, "host_tso6"}});
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_create(&storm.thread[i], NULL, storm_send, (void *)(uintptr_t)i);
    for (unsigned e = 0; e < events; e++) {
        storm_event();
        unfit += !offers_come_to_fit();
        storm_flows();
        storm_settle();
        storm_read();
        pthread_mutex_lock(&rig.p.mutex);
        rig.p.status_count = 0;
        pthread_mutex_unlock(&rig.p.mutex);
    }
    atomic_store(&storm.stop, true);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(storm.thread[i], NULL);
    team_until((storm_settle(), storm_read(), storm.ended == storm.sent));
    storm_read();
    assert_int_equal(unfit, 0);
    assert_int_equal(storm.disorder, 0);
    assert_true(storm.good > 0 && storm.on_wire > 0);
    team_close();
}

static void test_storm_over_active_standby(void **state)
{
    UNUSED_STATE;
    storm_run(false);
}

static void test_storm_over_a_flow_hash(void **state)
{
    UNUSED_STATE;
    storm_run(true);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storm_over_active_standby),
        cmocka_unit_test(test_storm_over_a_flow_hash),
    };

    return team_group("team storm", tests, COUNT(tests));
}
