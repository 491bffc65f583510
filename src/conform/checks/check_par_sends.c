/* SPDX-License-Identifier: MIT */
/* Sends while OID_TCP_OFFLOAD_PARAMETERS switches what they ask for. */
#include "conform/large.h"
#include "conform/settings.h"
#include "conform/stack.h"

enum {
    BYTES = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1,
    RACE_SENDS = 60,
    RACE_SWITCHES = 16,
    RACE_FRAMES = RACE_SENDS * 4 + 8,
};

static void open_with_wire(struct rig *r)
{
    rig_open(r, NULL);
    need(r, rig_offers(r) && rig_has_wire(r), "task offload of a network card");
}

CHECK("PAR-21", transmit_works_as_soon_as_it_is_on)
{
    NDIS_OFFLOAD hardware;
    unsigned tried = 0;

    open_with_wire(r);
    hardware = config_hardware(r);
    for (enum setting s = 0; s < SETTINGS; s++) {
        if (!(setting_of(&hardware, s) & SETTING_TX))
            continue;
        tried++;
        setting_set(r, s, 0);
        setting_set(r, s, setting_of(&hardware, s));
        about(r, "%s, just switched on", setting_info[s].name);
        if (setting_info[s].large)
            expect_equal(r, "frames of a large send", setting_cuts(r, s).frames, 4);
        else
            expect_sent_right(r, s, NULL);
    }
    need(r, tried, "a transmit offload");
}

CHECK("PAR-22", disabled_large_send_sends_nothing)
{
    NDIS_OFFLOAD hardware;
    unsigned tried = 0;

    open_with_wire(r);
    hardware = config_hardware(r);
    for (enum setting s = SETTING_LSO1; s <= SETTING_LSO2_6; s++) {
        struct cuts c;

        if (!setting_of(&hardware, s))
            continue;
        tried++;
        setting_set(r, s, 0);
        about(r, "%s, just switched off", setting_info[s].name);
        c = setting_cuts(r, s);
        expect_equal(r, "frames on the wire", c.frames, 0);
        expect_equal(r, "completions of the NBL", c.completions, 1);
        advise(r, c.status != NDIS_STATUS_SUCCESS, "NBL status", "a failure", "%s",
               status_name(c.status));
    }
    need(r, tried, "large send");
}

/* ---- A race --------------------------------------------------------------------------------- */

static struct {
    struct rig *rig;
    enum setting setting;
} race;

static void *switch_about(void *arg)
{
    for (unsigned i = 0; i < RACE_SWITCHES; i++)
        rig_parameter(race.rig, setting_info[race.setting].field, i & 1 ? 2 : 1);
    return arg;
}

static void send_large(struct rig *r, const struct packet *k, enum large_kind kind)
{
    NET_BUFFER_LIST *nbl = rig_nbl(r, k->bytes, k->len, NULL, 0);

    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = large_ask(k, kind, 1000);
    rig_send_only(r, nbl);
}

/* Sends of 4 frames: as many as succeeded, each whole; or none. */
static void expect_whole(struct rig *r, unsigned sent)
{
    static struct rig_seen seen[RACE_FRAMES];
    unsigned good = 0, count;

    expect(r, rig_wait(r, &r->main.completed_count, sent, 5), "completions", "all in time",
           "%u of %u", r->main.completed_count, sent);
    expect_equal(r, "completions", r->main.completed_count, sent);
    for (unsigned i = 0; i < sent; i++)
        good += r->main.completed[i].status == NDIS_STATUS_SUCCESS;
    count = rig_wire_drain(r, seen, RACE_FRAMES);
    expect_equal(r, "frames on the wire, 4 for each send that succeeded", count, good * 4);
    for (unsigned i = 0; i < count; i++)
        expect_between(r, "bytes of a frame", seen[i].len, 1, 1514);
}

CHECK("PAR-23", sends_during_the_switch_are_whole_or_dropped)
{
    static struct packet k;
    struct frame_recipe recipe;
    enum large_kind kind = LARGE_V2_IP4;
    pthread_t thread;
    unsigned sent = 0;

    open_with_wire(r);
    while (kind < LARGE_KINDS && !large_advertised(r, kind))
        kind++;
    need(r, kind < LARGE_KINDS, "large send version 2");
    race.rig = r;
    race.setting = kind == LARGE_V2_IP4 ? SETTING_LSO2_4 : SETTING_LSO2_6;
    recipe = large_recipe(r, kind, 3001);
    large_build(&k, kind, &recipe);
    about(r, "%s while it is switched off and on", large_name(kind));
    if (pthread_create(&thread, NULL, switch_about, NULL) != 0)
        cannot(r, "no thread");
    for (; sent < RACE_SENDS; sent++)
        send_large(r, &k, kind);
    pthread_join(thread, NULL);
    setting_set(r, race.setting, 0);
    send_large(r, &k, kind);
    expect_whole(r, sent + 1);
}

/* ---- The overlying protocol ----------------------------------------------------------------- */

static void other_sets(struct rig *r, enum setting s, unsigned directions)
{
    NDIS_OFFLOAD_PARAMETERS p = rig_parameters();

    ((UCHAR *)&p)[setting_info[s].field] = (UCHAR)(directions + 1);
    if (protocol_set(&r->other, OID_TCP_OFFLOAD_PARAMETERS, &p, BYTES) != NDIS_STATUS_SUCCESS)
        cannot(r, "%s cannot be set to %u", setting_info[s].name, directions + 1);
}

/* The stack above, and a second protocol that issues the sets. */
static void open_stack(struct rig *r)
{
    rig_open(r, &(struct rig_config){.no_bind = true});
    need(r, rig_offers(r), "task offload");
    stack_bind(r);
    rig_bind_other(r);
}

static struct stack_sent *linux_sends(struct rig *r, enum setting s)
{
    static struct packet k;
    bool large = setting_info[s].large;
    struct frame_recipe recipe =
        packet_recipe(r, setting_info[s].version, setting_info[s].proto, large ? 4000 : 301);

    packet_build(&k, &recipe);
    return stack_send(r, &k, large ? STACK_LARGE : STACK_CHECKSUM, 1400);
}

/* Whether the NBL asks for what the setting is about. Version 1 and 2 share a slot. */
static bool asks(const struct stack_nbl *n, enum setting s)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO c = {.Value = (void *)n->checksum};
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO l = {.Value = (void *)n->lso};

    if (s == SETTING_IP4)
        return c.Transmit.IpHeaderChecksum;
    if (!setting_info[s].large)
        return setting_info[s].proto == 6 ? c.Transmit.TcpChecksum : c.Transmit.UdpChecksum;
    return n->lso &&
           (l.LsoV2Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE) == (s == SETTING_LSO1);
}

static void expect_not_asked(struct rig *r, enum setting s)
{
    struct stack_sent *sent = linux_sends(r, s);

    about(r, "the overlying protocol, after %s was switched off", setting_info[s].name);
    for (unsigned i = 0; i < sent->count; i++)
        expect_equal(r, "it is asked for", asks(&sent->nbl[i], s), 0);
}

/* A protocol follows what is indicated. */
static void need_off(struct rig *r, enum setting s)
{
    NDIS_OFFLOAD now = config_now(r);

    if (setting_of(&now, s) & SETTING_TX)
        skip(r, "the driver does not say that %s is off after the set", setting_info[s].name);
}

CHECK("PAR-25", no_checksum_that_is_off_goes_wrong)
{
    NDIS_OFFLOAD hardware;
    unsigned tried = 0;

    open_stack(r);
    hardware = config_hardware(r);
    for (enum setting s = SETTING_IP4; s <= SETTING_UDP6; s++) {
        if (!(setting_of(&hardware, s) & SETTING_TX))
            continue;
        tried++;
        other_sets(r, s, 0);
        need_off(r, s);
        expect_not_asked(r, s);
        other_sets(r, s, setting_of(&hardware, s));
    }
    need(r, tried, "a transmit checksum");
    stack_unbind(r);
    rig_bind(r);
    rig_wire_drain(r, NULL, 0); /* of what the protocol sent */
    for (enum setting s = SETTING_IP4; rig_has_wire(r) && s <= SETTING_UDP6; s++) {
        if (!(setting_of(&hardware, s) & SETTING_TX))
            continue;
        setting_set(r, s, 0);
        about(r, "a late send that asks for %s, which is off", setting_info[s].name);
        expect(r, setting_sends(r, s, NULL) != SENT_WRONG, "the frame on the wire",
               "right, or none", "wrong");
    }
}

CHECK("PAR-28", indication_is_followed_at_once)
{
    static const uint32_t flag[SETTINGS] = {
        [SETTING_LSO2_4] = PORT_TSO4,
        [SETTING_LSO2_6] = PORT_TSO6,
    };
    NDIS_OFFLOAD hardware;

    open_stack(r);
    hardware = config_hardware(r);
    if (setting_of(&hardware, SETTING_LSO1))
        other_sets(r, SETTING_LSO1, 0); /* it would take version 2's place */
    for (enum setting s = 0; s < SETTINGS; s++) {
        if (!(setting_of(&hardware, s) & SETTING_TX) || s == SETTING_LSO1)
            continue;
        other_sets(r, s, 0);
        need_off(r, s);
        expect_not_asked(r, s);
        if (flag[s])
            expect_equal(r, "the stack may hand down such large sends",
                         (stack_flags(r) & flag[s]) != 0, 0);
        other_sets(r, s, setting_of(&hardware, s));
        about(r, "the overlying protocol, after %s was switched on again", setting_info[s].name);
        advise(r, asks(&linux_sends(r, s)->nbl[0], s), "it is asked for", "asked for",
               "not asked for");
    }
    need(r, r->comparisons > 0, "an offload of sends");
}
