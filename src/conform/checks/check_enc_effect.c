/* SPDX-License-Identifier: MIT */
/* What activation does: it is indicated, it works at once, it is remembered. */
#include "conform/settings.h"

enum {
    ON = NDIS_OFFLOAD_SET_ON,
    OFF = NDIS_OFFLOAD_SET_OFF,
    KEEP = NDIS_OFFLOAD_SET_NO_CHANGE,
    CONFIG_BYTES = NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1,
};

static void open_idle(struct rig *r)
{
    rig_open(r, &(struct rig_config){.no_activate = true});
    need(r, rig_offers(r), "task offload");
}

CHECK("ENC-14", indicated_to_every_binding)
{
    static const ULONG values[][2] = {{ON, ON}, {OFF, KEEP}, {KEEP, KEEP}, {ON, OFF}};
    NDIS_OFFLOAD want;

    open_idle(r);
    want = config_now(r);
    rig_bind_other(r);
    for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
        unsigned from = r->main.status_count, other = r->other.status_count;
        const struct rig_status *s;

        about(r, "after a set of IPv4.Enabled %u, IPv6.Enabled %u", values[i][0], values[i][1]);
        if (rig_activate(r, values[i][0], values[i][1]) != NDIS_STATUS_SUCCESS)
            cannot(r, "the set fails");
        s = rig_indicated(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, from, 2);
        if (!expect(r, s != NULL, "NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG", "indicated",
                    "not within 2 s"))
            return;
        expect_between(r, "StatusBufferSize", s->bytes, CONFIG_BYTES, sizeof(NDIS_OFFLOAD));
        expect_config(r, "the indicated configuration",
                      (const NDIS_OFFLOAD *)(const void *)s->buffer, &want);
        expect(r, rig_wait(r, &r->other.status_count, other + 1, 2), "the other binding", "told",
               "not told");
    }
}

CHECK("ENC-15", all_that_is_configured_works_at_once)
{
    NDIS_OFFLOAD now;

    open_idle(r);
    need(r, rig_has_wire(r), "a network card below the driver");
    now = config_now(r);
    for (unsigned round = 0; round < 2; round++) {
        if (rig_activate(r, ON, ON) != NDIS_STATUS_SUCCESS)
            cannot(r, "the set fails");
        expect_working(r, &now);
        about(r, "SET_OFF");
        expect_status(r, "status", rig_activate(r, OFF, OFF), ACCEPT_SUCCESS);
        for (enum setting s = SETTING_IP4; s <= SETTING_UDP6; s++)
            expect_equal(r, "received frames are judged", setting_judges(r, s), false);
    }
}

CHECK("ENC-16", off_is_silent_and_remembers)
{
    static const unsigned directions[] = {3, 1, 3, 3, 0}; /* something to remember */
    NDIS_OFFLOAD before, after;

    rig_open(r, NULL);
    need(r, rig_has_wire(r) && rig_offers(r), "task offload of a network card");
    for (enum setting s = SETTING_IP4; s <= SETTING_UDP6; s++) {
        before = config_hardware(r);
        setting_set(r, s, directions[s] & setting_of(&before, s));
    }
    before = config_now(r);
    about(r, "after SET_OFF");
    expect_status(r, "status", rig_activate(r, OFF, OFF), ACCEPT_SUCCESS);
    for (unsigned i = 0; i < 4; i++)
        expect_equal(r, "checksum slot of a received frame",
                     arrived_slot(r, i & 1 ? 6 : 4, i & 2 ? 17 : 6), 0);
    after = config_now(r);
    expect_config(r, "the configured set", &after, &before);
    about(r, "after SET_ON");
    expect_status(r, "status", rig_activate(r, ON, ON), ACCEPT_SUCCESS);
    after = config_now(r);
    expect_config(r, "the configured set", &after, &before);
    for (enum setting s = SETTING_IP4; s <= SETTING_UDP6; s++) {
        about(r, "%s after SET_ON", setting_info[s].name);
        expect_equal(r, "received frames are judged", setting_judges(r, s),
                     (setting_of(&before, s) & SETTING_RX) != 0);
    }
}

/* Each family by itself. */
CHECK("ENC-17", receive_waits_for_the_first_set)
{
    NDIS_OFFLOAD now;

    open_idle(r);
    need(r, rig_has_wire(r), "a network card below the driver");
    now = config_now(r);
    for (unsigned step = 0; step < 3; step++) {
        about(r, "%s",
              step == 0   ? "before any set"
              : step == 1 ? "after a set that leaves both families"
                          : "after a set for IPv6 alone");
        if (step && rig_activate(r, KEEP, step == 1 ? KEEP : ON) != NDIS_STATUS_SUCCESS)
            cannot(r, "the set fails");
        for (enum setting s = SETTING_IP4; s <= SETTING_UDP6; s++) {
            bool may =
                step == 2 && setting_info[s].version == 6 && (setting_of(&now, s) & SETTING_RX);

            if (!may)
                expect_equal(r, "checksum slot of a received frame",
                             arrived_slot(r, setting_info[s].version, setting_info[s].proto) &
                                 setting_info[s].verdict,
                             0);
        }
    }
}

CHECK("ENC-22", works_again_after_reset)
{
    NDIS_OFFLOAD before;
    NDIS_OFFLOAD_ENCAPSULATION e;

    rig_open(r, NULL);
    need(r, rig_has_wire(r) && rig_offers(r), "task offload of a network card");
    before = config_now(r);
    for (unsigned i = 0; i < 2; i++) {
        about(r, "reset");
        if (rig_reset(r) != NDIS_STATUS_SUCCESS)
            cannot(r, "the reset fails");
        for (enum setting s = SETTING_IP4; s <= SETTING_UDP6; s++) {
            about(r, "%s after a reset", setting_info[s].name);
            if (setting_of(&before, s) & SETTING_RX)
                expect_equal(r, "received frames are judged", setting_judges(r, s), true);
        }
        about(r, "after a reset");
        expect_code(r, "status of a query",
                    rig_query(r, OID_OFFLOAD_ENCAPSULATION, &e, sizeof e, NULL),
                    NDIS_STATUS_SUCCESS);
    }
}
