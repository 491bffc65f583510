/* SPDX-License-Identifier: MIT */
/* What each field of OID_TCP_OFFLOAD_PARAMETERS switches, and what is indicated of it. */
#include "conform/settings.h"

static void open_offering(struct rig *r)
{
    rig_open(r, NULL);
    need(r, rig_offers(r), "task offload");
}

/* The settings first..last stand at `want`, and act so where a wire shows it. */
static void expect_directions(struct rig *r, enum setting first, enum setting last,
                              const unsigned *want)
{
    NDIS_OFFLOAD now = config_now(r);

    for (enum setting s = first; s <= last; s++) {
        char field[80];

        snprintf(field, sizeof field, "%s (1: transmit, 2: receive)", setting_info[s].name);
        expect_equal(r, field, setting_of(&now, s), want[s]);
        if (!rig_has_wire(r) || setting_info[s].large)
            continue;
        snprintf(field, sizeof field, "%s: received frames are judged", setting_info[s].name);
        expect_equal(r, field, setting_judges(r, s), want[s] & SETTING_RX ? 1 : 0);
        if (want[s] & SETTING_TX)
            expect_sent_right(r, s, NULL);
    }
}

/* Each of first..last through all that it can be, while the others of `shown` stay. */
static void walk(struct rig *r, enum setting first, enum setting last)
{
    NDIS_OFFLOAD hardware = config_hardware(r);
    unsigned able[SETTINGS], any = 0;

    for (enum setting s = 0; s < SETTINGS; s++) {
        able[s] = setting_of(&hardware, s);
        any |= s >= first && s <= last ? able[s] : 0;
    }
    need(r, any, "%s and its like", setting_info[first].name);
    for (enum setting s = first; s <= last; s++) {
        unsigned was = able[s];

        for (unsigned d = 0; d <= (setting_info[s].large ? 1u : 3u); d++) {
            if (d & ~was)
                continue;
            about(r, "%s set to %u", setting_info[s].name, d + 1);
            setting_set(r, s, d);
            able[s] = d;
            expect_directions(r, first, last, able);
        }
        setting_set(r, s, was);
        able[s] = was;
    }
}

CHECK("PAR-9", ip4_checksums_act_alone)
{
    open_offering(r);
    walk(r, SETTING_IP4, SETTING_UDP4);
}

/* And the IPv4 fields stay. */
CHECK("PAR-10", ip6_checksums_act_alone)
{
    unsigned four[SETTINGS] = {0};
    NDIS_OFFLOAD now;

    open_offering(r);
    walk(r, SETTING_TCP6, SETTING_UDP6);
    now = config_now(r);
    for (enum setting s = SETTING_IP4; s <= SETTING_UDP4; s++)
        four[s] = setting_of(&now, s);
    about(r, "IPv6 off");
    setting_set(r, SETTING_TCP6, 0);
    setting_set(r, SETTING_UDP6, 0);
    expect_directions(r, SETTING_IP4, SETTING_UDP4, four);
}

CHECK("PAR-11", large_sends_act_alone)
{
    NDIS_OFFLOAD hardware;

    open_offering(r);
    walk(r, SETTING_LSO1, SETTING_LSO2_6);
    hardware = config_hardware(r);
    for (enum setting off = SETTING_LSO1; rig_has_wire(r) && off <= SETTING_LSO2_6; off++) {
        setting_set(r, off, 0);
        for (enum setting s = SETTING_LSO1; s <= SETTING_LSO2_6; s++) {
            if (s == off || !setting_of(&hardware, s))
                continue;
            about(r, "%s while %s is off", setting_info[s].name, setting_info[off].name);
            expect_equal(r, "frames of a large send", setting_cuts(r, s).frames, 4);
        }
        setting_set(r, off, setting_of(&hardware, off));
    }
}

CHECK("PAR-14", all_that_the_hardware_has_can_be_switched_on)
{
    NDIS_OFFLOAD hardware, now;

    rig_open(r, &(struct rig_config){.keywords = setting_keywords("0")});
    need(r, rig_offers(r), "task offload");
    now = config_now(r);
    for (enum setting s = 0; s < SETTINGS; s++)
        need(r, !setting_of(&now, s), "keywords that switch offload off");
    hardware = config_hardware(r);
    for (enum setting s = 0; s < SETTINGS; s++) {
        unsigned able = setting_of(&hardware, s);

        about(r, "%s, off since the start, set to %u", setting_info[s].name, able + 1);
        if (able)
            expect_status(r, "status", rig_parameter(r, setting_info[s].field, (UCHAR)(able + 1)),
                          ACCEPT_SUCCESS);
        now = config_now(r);
        expect_equal(r, "directions that are on", setting_of(&now, s), able);
    }
    rig_activate(r, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    if (rig_has_wire(r))
        expect_working(r, &hardware);
}

CHECK("PAR-15", each_set_is_indicated)
{
    NDIS_OFFLOAD_PARAMETERS none = rig_parameters();
    NDIS_OFFLOAD hardware;
    unsigned from;

    open_offering(r);
    hardware = config_hardware(r);
    for (enum setting s = 0; s < SETTINGS; s++) {
        for (unsigned i = 0; i < 2 && setting_of(&hardware, s); i++) {
            from = r->main.status_count;
            setting_set(r, s, i ? setting_of(&hardware, s) : 0);
            about(r, "%s switched %s", setting_info[s].name, i ? "on" : "off");
            if (!expect(r,
                        rig_indicated(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, from, 2) != NULL,
                        "NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG", "indicated", "not within 2 s"))
                return;
        }
    }
    from = r->main.status_count;
    about(r, "a set that changes nothing");
    if (set_parameters(r, &none, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1, NULL) ==
        NDIS_STATUS_SUCCESS)
        advise(r, rig_indicated(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, from, 0.05) != NULL,
               "NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG", "indicated", "not indicated");
}

static void expect_just(struct rig *r, enum setting s, unsigned to, NDIS_OFFLOAD *want)
{
    NDIS_OFFLOAD hardware = config_hardware(r);
    unsigned from = r->main.status_count;
    const struct rig_status *seen;

    setting_set(r, s, to);
    setting_apply(want, &hardware, s, to);
    seen = rig_indicated(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, from, 2);
    need(r, seen, "a configuration after each set (PAR-15)");
    about(r, "%s set to %u", setting_info[s].name, to + 1);
    expect_config(r, "the indicated configuration",
                  (const NDIS_OFFLOAD *)(const void *)seen->buffer, want);
}

/* Each by itself off and on; then all off, one after the other, and all on. */
CHECK("PAR-16", indicated_configuration_has_just_the_change)
{
    NDIS_OFFLOAD want, hardware;

    open_offering(r);
    want = config_now(r);
    hardware = config_hardware(r);
    for (enum setting s = 0; s < SETTINGS; s++) {
        expect_just(r, s, 0, &want);
        expect_just(r, s, setting_of(&hardware, s), &want);
    }
    for (unsigned i = 0; i < 2 * SETTINGS; i++) {
        enum setting s = i % SETTINGS;

        expect_just(r, s, i < SETTINGS ? 0 : setting_of(&hardware, s), &want);
    }
}

CHECK("PAR-20", receive_waits_for_activation)
{
    NDIS_OFFLOAD hardware;

    rig_open(r, &(struct rig_config){.no_activate = true});
    need(r, rig_offers(r) && rig_has_wire(r), "task offload of a network card");
    hardware = config_hardware(r);
    for (enum setting s = SETTING_IP4; s <= SETTING_UDP6; s++) {
        setting_set(r, s, 0);
        setting_set(r, s, setting_of(&hardware, s));
        about(r, "%s switched on before activation", setting_info[s].name);
        expect_equal(r, "checksum slot of a received frame",
                     arrived_slot(r, setting_info[s].version, setting_info[s].proto) &
                         setting_info[s].verdict,
                     0);
    }
    rig_activate(r, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    for (enum setting s = SETTING_IP4; s <= SETTING_UDP6; s++) {
        about(r, "%s after activation", setting_info[s].name);
        expect_equal(r, "received frames are judged", setting_judges(r, s),
                     setting_of(&hardware, s) & SETTING_RX ? 1 : 0);
    }
}

/* Checksum settings off, large sends on. */
CHECK("PAR-24", large_sends_keep_their_checksums)
{
    NDIS_OFFLOAD hardware, now;
    unsigned tried = 0;

    open_offering(r);
    need(r, rig_has_wire(r), "a network card below the driver");
    hardware = config_hardware(r);
    for (enum setting s = SETTING_IP4; s <= SETTING_UDP6; s++)
        setting_set(r, s, setting_of(&hardware, s) & SETTING_RX);
    now = config_now(r);
    for (enum setting s = SETTING_LSO1; s <= SETTING_LSO2_6; s++) {
        struct cuts c;

        if (!setting_of(&now, s))
            continue;
        tried++;
        about(r, "%s while transmit checksums are off", setting_info[s].name);
        c = setting_cuts(r, s);
        if (c.frames)
            expect(r, c.summed, "checksums of the segments", "right", "wrong in some of %u",
                   c.frames);
        else
            expect(r, false, "frames of a large send", "some", "none");
    }
    need(r, tried, "large send while transmit checksums are off");
}
