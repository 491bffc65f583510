/* SPDX-License-Identifier: MIT */
/* What an intermediate driver offers and tells when members come, go, fail and change. */
#include "conform/large.h"
#include "conform/mux.h"

#include "ndis/adapter.h"

enum { MSS = 1000, PAYLOAD = 5000, TOLD_SECONDS = 1 };

static const NDIS_STATUS current_code = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;
static const NDIS_STATUS hardware_code = NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES;

/* ---- What is offered ------------------------------------------------------------------------ */

static void expect_offers_common(struct rig *r, const char *about_what)
{
    unsigned used = mux_in_use(r);
    struct ndis_offload_state s = rig_offload(r);

    about(r, "%s, members in use 0x%x", about_what, used);
    expect_common(r, "hardware capabilities", &s.hardware, used, true);
    expect_common(r, "current configuration", &s.current, used, false);
}

CHECK("MUX-3", members_in_use_have_it_in_common)
{
    static const char *const lacks[] = {"host_tso4", "guest_csum", "host_tso6,ls_verdicts",
                                        "ls_snap,ls_ipcsum", MUX_NO_OFFLOAD};
    struct rig_config config = {.member_withhold = {"host_tso6"}};

    rig_need_members(r, 2);
    for (unsigned i = 0; i < ARRAY_LEN(lacks); i++) {
        config.member_withhold[1] = lacks[i];
        config.keywords = i % 2 ? NULL : mux_spread;
        if (i == 0)
            rig_open(r, &config);
        else
            rig_reopen(r, &config);
        if (i == 0)
            need(r, rig_offers(r), "task offload");
        expect_offers_common(r, lacks[i]);
    }
}

/* ---- Where it comes from -------------------------------------------------------------------- */

static NDIS_STATUS switch_member(struct rig *r, unsigned card, bool on)
{
    struct ndis_offload_state s = rig_member_offload(r, card);
    NDIS_OFFLOAD_PARAMETERS p = view_parameters(&s.hardware, on);
    ULONG bytes = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;

    return ndis_adapter_request(r->card[card].adapter, NdisRequestSetInformation,
                                OID_TCP_OFFLOAD_PARAMETERS, &p, &bytes);
}

CHECK("MUX-4", a_members_own_change_is_the_teams)
{
    struct mux_seen *seen;
    unsigned from;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    need(r, rig_offers(r), "task offload");
    seen = mux_watch(r, 0);
    for (unsigned on = 0; on < 2; on++) {
        from = r->main.status_count;
        if (switch_member(r, 0, on) != NDIS_STATUS_SUCCESS)
            cannot(r, "the member cannot be switched");
        about(r, "member 0 switches its offloads %s itself", on ? "on" : "off");
        expect(r, rig_indicated(r, current_code, from, TOLD_SECONDS) != NULL,
               "NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG of the virtual adapter", "indicated",
               "not");
    }
    advise(r, seen[0].polls + seen[1].polls == 0, "queries of a member's configuration", "none",
           "there are some");
}

/* ---- Told ----------------------------------------------------------------------------------- */

/* The last configuration told since record `from` is what these cards have in common. */
static void expect_told(struct rig *r, NDIS_STATUS code, unsigned from, unsigned cards)
{
    const struct rig_status *s = rig_indicated(r, code, from, TOLD_SECONDS);
    bool hardware = code == hardware_code;
    const char *name = hardware ? "NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES"
                                : "NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG";
    NDIS_OFFLOAD o;

    if (!expect(r, s != NULL, name, "indicated", "not"))
        return;
    memcpy(&o, s->buffer, sizeof o);
    expect_common(r, name, &o, cards, hardware);
}

CHECK("MUX-5", failover_tells_less_and_failback_more)
{
    unsigned from, used;

    mux_open_uneven(r, NULL);
    need(r, rig_offers(r), "task offload");
    from = r->main.status_count;
    rig_member_link(r, 0, false);
    about(r, "the link of member 0, which has offload, goes down; member 1 has none");
    expect_told(r, current_code, from, 2);
    from = r->main.status_count;
    rig_member_link(r, 0, true);
    used = mux_in_use(r);
    need(r, used == 1, "failback to the first member");
    about(r, "the link of member 0 is back");
    expect_told(r, current_code, from, used);
}

/* After a step: what NDIS was told last is true of those that are in use now, and was told. */
static void expect_hardware_follows(struct rig *r, const char *step, const NDIS_OFFLOAD *before,
                                    unsigned from)
{
    unsigned used = mux_in_use(r);

    about(r, "%s, members in use 0x%x", step, used);
    if (!mux_common_differs(r, before, used, true))
        return;
    expect_told(r, hardware_code, from, used);
}

CHECK("MUX-7", joining_and_leaving_change_the_ability)
{
    static const struct {
        const char *what;
        unsigned card;
        bool join;
    } steps[] = {{"member 1, without offload, joins", 1, true},
                 {"member 0 leaves", 0, false},
                 {"member 0 joins again", 0, true},
                 {"member 1 leaves", 1, false}};

    rig_need_members(r, 2);
    rig_open(r, &(struct rig_config){.members = 1,
                                     .member_withhold = {NULL, MUX_NO_OFFLOAD},
                                     .keywords = mux_spread});
    need(r, rig_offers(r), "task offload");
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        NDIS_OFFLOAD before = rig_offload(r).hardware;
        unsigned from = r->main.status_count;

        if (steps[i].join)
            rig_join(r, steps[i].card);
        else
            rig_leave(r, steps[i].card);
        expect_hardware_follows(r, steps[i].what, &before, from);
    }
}

/* ---- Large sends and checksums that the path lacks ------------------------------------------ */

static struct packet *template_of(struct rig *r, enum large_kind kind, uint32_t payload)
{
    struct frame_recipe f = large_recipe(r, kind, payload);

    return large_template(kind, &f);
}

/* Sends it and waits a little: completion may have to wait for something that the check does. */
static void send_large(struct rig *r, enum large_kind kind, uint32_t payload, uint32_t mss)
{
    const struct packet *k = template_of(r, kind, payload);
    NET_BUFFER_LIST *nbl = rig_nbl(r, k->bytes, k->len, NULL, 0);

    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = large_ask(k, kind, mss);
    rig_send_only(r, nbl);
}

static void send_each(struct rig *r, const bool kinds[LARGE_KINDS])
{
    for (enum large_kind k = LARGE_V1; k < LARGE_KINDS; k++) {
        if (kinds[k])
            send_large(r, k, PAYLOAD, MSS);
    }
}

static void send_unfinished(struct rig *r, unsigned proto)
{
    struct frame_recipe f = packet_recipe(r, 4, proto, 100);
    static struct packet k;
    NET_BUFFER_LIST *nbl;

    packet_build(&k, &f);
    packet_unfinish(&k);
    nbl = rig_nbl(r, k.bytes, k.len, NULL, 0);
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] =
        ask_checksum(&k, ASK_IP | (proto == 6 ? ASK_TCP : ASK_UDP));
    rig_send_only(r, nbl);
}

static bool kinds_offered(struct rig *r, bool kinds[LARGE_KINDS])
{
    bool any = false;

    for (enum large_kind k = LARGE_V1; k < LARGE_KINDS; k++)
        any |= kinds[k] = large_advertised(r, k);
    return any;
}

CHECK("MUX-6", nothing_goes_to_a_path_that_lacks_it)
{
    bool kinds[LARGE_KINDS];
    struct mux_seen *seen;
    unsigned bad = 0, before;

    mux_open_uneven(r, NULL);
    need(r, rig_offload(r).current.Checksum.IPv4Transmit.TcpChecksum == NDIS_OFFLOAD_SUPPORTED,
         "transmit checksums");
    kinds_offered(r, kinds);
    seen = mux_watch(r, 0);
    rig_member_link(r, 0, false);
    need(r, mux_in_use(r) == 2, "failover to the second member");
    before = r->main.completed_count;
    send_unfinished(r, 6);
    send_unfinished(r, 17);
    send_each(r, kinds);
    mux_send(r, 1, 1); /* behind them */
    about(r, "checksums and large sends asked for after the failover to a member without offload");
    expect_equal(r, "NBLs that reached that member with an offload asked", seen[1].asking, 0);
    mux_wire(r, 1, 0, &bad);
    expect_equal(r, "frames on its wire with a wrong checksum or too long", bad, 0);
    expect(r, rig_wait(r, &r->main.completed_count, before + 3, 2), "sends", "completed",
           "%u of them", r->main.completed_count - before);
}

/* What waits for the member while it resets was within its report, and is beyond it afterwards. */
static void send_over_a_shrinking_limit(struct rig *r, const bool kinds[LARGE_KINDS])
{
    const NDIS_OFFLOAD before = rig_member_offload(r, 0).current;
    NDIS_OFFLOAD less = before;

    less.LsoV1.IPv4.MaxOffLoadSize = MIN_OF(less.LsoV1.IPv4.MaxOffLoadSize, PAYLOAD - 1u);
    less.LsoV2.IPv4.MaxOffLoadSize = MIN_OF(less.LsoV2.IPv4.MaxOffLoadSize, PAYLOAD - 1u);
    less.LsoV2.IPv6.MaxOffLoadSize = MIN_OF(less.LsoV2.IPv6.MaxOffLoadSize, PAYLOAD - 1u);
    mux_reset_begins(r, 0);
    send_each(r, kinds);
    mux_report(r, 0, &less);
    mux_reset_ends(r, 0, NDIS_STATUS_SUCCESS);
    mux_send(r, 1, 1);
    about(r, "large sends of %d bytes while member 0 resets, whose MaxOffLoadSize becomes %d",
          PAYLOAD, PAYLOAD - 1);
    expect_equal(r, "large sends at a member beyond its report", mux_seen(0)->large_wrong, 0);
    mux_report(r, 0, &before);
}

CHECK("MUX-8", no_member_gets_more_than_it_reported)
{
    bool kinds[LARGE_KINDS];
    struct mux_seen *seen;

    mux_open_uneven(r, NULL);
    need(r, kinds_offered(r, kinds), "large send offload");
    seen = mux_watch(r, 0);
    for (enum large_kind k = LARGE_V1; k < LARGE_KINDS; k++) {
        if (!kinds[k])
            continue;
        about(r, "%s of one segment, where at least %u are wanted", large_name(k),
              large_min_segments(r, k));
        if (large_min_segments(r, k) > 1)
            send_large(r, k, MSS - 1, MSS);
        expect_equal(r, "large sends at a member beyond its report",
                     seen[0].large_wrong + seen[1].large_wrong, 0);
    }
    send_over_a_shrinking_limit(r, kinds);
    mux_reset_begins(r, 0); /* what is sent now may wait, and the path is another when it goes */
    send_each(r, kinds);
    mux_reset_ends(r, 0, NDIS_STATUS_HARD_ERRORS);
    mux_send(r, 1, 1);
    about(r, "large sends while member 0 resets, which then fails over to one without offload");
    expect_equal(r, "large sends at a member beyond its report",
                 seen[0].large_wrong + seen[1].large_wrong, 0);
}

CHECK("MUX-9", large_sends_that_still_arrive)
{
    NDIS_OFFLOAD_PARAMETERS p;
    bool kinds[LARGE_KINDS];
    unsigned before, bad = 0, asked = 0;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    need(r, kinds_offered(r, kinds), "large send offload");
    p = view_parameters(view_hardware(), false);
    if (rig_set(r, OID_TCP_OFFLOAD_PARAMETERS, &p, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1) !=
        NDIS_STATUS_SUCCESS)
        skip(r, "large sends cannot be switched off");
    before = r->main.completed_count;
    for (enum large_kind k = LARGE_V1; k < LARGE_KINDS; k++) {
        if (kinds[k])
            send_large(r, k, PAYLOAD, MSS);
        asked += kinds[k];
    }
    about(r, "large sends after they were switched off");
    rig_wait(r, &r->main.completed_count, before + asked, 2);
    expect_equal(r, "completions", r->main.completed_count - before, asked);
    for (unsigned i = 0; i < r->card_count; i++)
        mux_wire(r, i, 0, &bad);
    expect_equal(r, "frames with a wrong checksum or too long", bad, 0);
    about(r, "an ordinary frame behind them");
    expect_code(r, "status", mux_send(r, 1, 1), NDIS_STATUS_SUCCESS);
}

/* ---- Whose indications ---------------------------------------------------------------------- */

CHECK("MUX-15", only_the_virtual_adapters_own_indications)
{
    unsigned from, foreign = 0, resets;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    need(r, rig_offers(r), "task offload");
    from = r->main.status_count;
    rig_member_link(r, 1, false);
    rig_member_link(r, 1, true);
    rig_member_link(r, 0, false);
    rig_member_link(r, 0, true);
    ndis_adapter_reset(r->card[0].adapter);
    switch_member(r, 0, false);
    switch_member(r, 0, true);
    switch_member(r, 1, false);
    about(r, "links, resets and changes of the members");
    for (unsigned i = from; i < r->main.status_count; i++)
        foreign += r->main.status[i % RIG_RECORDS].indication.SourceHandle != r->adapter;
    resets = rig_indications(r, NDIS_STATUS_RESET_START, from);
    expect_equal(r, "indications of another source than the virtual adapter", foreign, 0);
    expect_equal(r, "resets that are not its own", resets, 0);
    expect_told(r, current_code, from, mux_in_use(r));
}

CHECK("MUX-16", encapsulation_changes_are_told)
{
    const NDIS_STATUS code = NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE;
    const struct rig_status *s;
    NDIS_OFFLOAD_ENCAPSULATION e;

    mux_open_uneven(r, NULL);
    need(r, rig_offers(r), "task offload");
    for (unsigned up = 0; up < 2; up++) {
        unsigned from = r->main.status_count;

        rig_member_link(r, 0, up);
        about(r, "the path goes to a member %s offload", up ? "with" : "without");
        s = rig_indicated(r, code, from, TOLD_SECONDS);
        if (!expect(r, s != NULL, "NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE", "indicated", "not"))
            continue;
        memcpy(&e, s->buffer, sizeof e);
        expect_equal(r, "IPv4.Enabled", e.IPv4.Enabled,
                     up ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF);
    }
}
