/* SPDX-License-Identifier: MIT */
/* What NDIS does with a set of OID_TCP_OFFLOAD_PARAMETERS: keywords, every binding, the
 * administrator. */
#include "conform/settings.h"
#include "conform/watch.h"

enum { BYTES = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1 };

static void open_offering(struct rig *r)
{
    rig_open(r, NULL);
    need(r, rig_offers(r), "task offload");
}

/* The keyword's value at the time of the first indication: the driver is still at it, or done. */
static struct {
    struct rig *rig;
    enum setting setting;
    char stored;
    bool seen;
} then;

static void on_status(void *arg, struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    (void)arg, (void)a;
    if (then.seen || s->StatusCode != NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG)
        return;
    then.seen = true;
    then.stored = setting_stored(then.rig, then.setting);
}

CHECK("PAR-17", keywords_are_written_first)
{
    static const struct ndis_observer observer = {.status = on_status};
    NDIS_OFFLOAD hardware;
    char before[SETTINGS];

    open_offering(r);
    hardware = config_hardware(r);
    then.rig = r;
    watch_also(&observer);
    for (enum setting s = 0; s < SETTINGS; s++) {
        for (unsigned d = 0; d <= (setting_info[s].large ? 1u : 3u); d++) {
            char want = (char)('0' + d);

            if (d & ~setting_of(&hardware, s))
                continue;
            for (enum setting i = 0; i < SETTINGS; i++)
                before[i] = setting_stored(r, i);
            then.setting = s;
            then.seen = false;
            setting_set(r, s, d);
            about(r, "%s set to %u", setting_info[s].name, d + 1);
            if (then.seen)
                expect(r, then.stored == want, "keyword when the driver indicates", "written",
                       "%c instead of %c", then.stored, want);
            expect(r, setting_stored(r, s) == want, setting_info[s].keyword,
                   "the field's value minus 1", "%c instead of %c", setting_stored(r, s), want);
            for (enum setting i = 0; i < SETTINGS; i++) {
                if (i != s)
                    expect(r, setting_stored(r, i) == before[i], setting_info[i].keyword,
                           "as it was, its field is 0", "%c instead of %c", setting_stored(r, i),
                           before[i]);
            }
        }
    }
    watch_also(NULL);
}

CHECK("PAR-18", comes_up_as_it_was_set)
{
    static const unsigned mixed[SETTINGS] = {3, 2, 1, 0, 2, 0, 1, 0};
    NDIS_OFFLOAD hardware, before, after;

    open_offering(r);
    hardware = config_hardware(r);
    for (unsigned round = 0; round < 2; round++) {
        for (enum setting s = 0; s < SETTINGS; s++)
            setting_set(r, s, (round ? ~mixed[s] : mixed[s]) & setting_of(&hardware, s));
        before = config_now(r);
        rig_again(r);
        after = config_now(r);
        about(r, "after halt and initialize");
        expect_config(r, "the current configuration", &after, &before);
    }
}

CHECK("PAR-19", registry_update_can_be_skipped)
{
    static const ULONG others[] = {2, 4, 0x80000000};
    NDIS_OFFLOAD hardware, now;
    unsigned tried = 0;

    open_offering(r);
    hardware = config_hardware(r);
    for (enum setting s = 0; s < SETTINGS; s++) {
        NDIS_OFFLOAD_PARAMETERS p = rig_parameters();
        char before = setting_stored(r, s);

        if (!setting_of(&hardware, s))
            continue;
        tried++;
        ((UCHAR *)&p)[setting_info[s].field] = 1;
        p.Flags = NDIS_OFFLOAD_PARAMETERS_SKIP_REGISTRY_UPDATE;
        about(r, "%s switched off without the registry", setting_info[s].name);
        if (!expect_status(r, "status", set_parameters(r, &p, BYTES, NULL), ACCEPT_SUCCESS))
            continue;
        now = config_now(r);
        expect_equal(r, "directions that are on", setting_of(&now, s), 0);
        expect(r, setting_stored(r, s) == before, setting_info[s].keyword, "as it was",
               "%c instead of %c", setting_stored(r, s), before);
    }
    need(r, tried, "an offload");
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        NDIS_OFFLOAD_PARAMETERS p = rig_parameters();

        p.Flags = others[i];
        about(r, "Flags 0x%x", others[i]);
        expect(r, set_parameters(r, &p, BYTES, NULL) != NDIS_STATUS_SUCCESS, "status", "a failure",
               "success");
    }
}

static NDIS_STATUS administrator_sets(struct rig *r, const NDIS_OFFLOAD_PARAMETERS *p)
{
    struct {
        NDIS_WMI_SET_HEADER header;
        NDIS_OFFLOAD_PARAMETERS p;
    } block;

    memset(&block, 0, sizeof block);
    block.header.Header.Type = NDIS_WMI_OBJECT_TYPE_SET;
    block.header.Header.Revision = NDIS_WMI_SET_HEADER_REVISION_1;
    block.header.Header.Size = sizeof block.header;
    block.p = *p;
    for (unsigned i = 0; ndis_wmi_at(i); i++) {
        if (ndis_wmi_at(i)->kind == NDIS_WMI_SET &&
            ndis_wmi_at(i)->oid == OID_TCP_OFFLOAD_PARAMETERS)
            return ndis_wmi_set(r->adapter, ndis_wmi_at(i)->guid, &block,
                                (ULONG)sizeof block.header + BYTES);
    }
    return NDIS_STATUS_NOT_SUPPORTED;
}

/* That the driver indicates is PAR-15. */
CHECK("PAR-27", every_binding_is_told)
{
    static const char *const who[] = {"the first binding", "the second binding",
                                      "the administrator"};
    struct rig_protocol *const bindings[] = {&r->main, &r->other};
    NDIS_OFFLOAD_PARAMETERS p = rig_parameters();

    open_offering(r);
    rig_bind_other(r);
    for (unsigned i = 0; i < 3; i++) {
        unsigned from[2] = {r->main.status_count, r->other.status_count}, at = watch_count();
        NDIS_STATUS status = i < 2
                                 ? protocol_set(bindings[i], OID_TCP_OFFLOAD_PARAMETERS, &p, BYTES)
                                 : administrator_sets(r, &p);

        about(r, "a set by %s", who[i]);
        expect_status(r, "status", status, ACCEPT_SUCCESS);
        if (watch_find(at, WATCH_STATUS, (uint32_t)NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG) < 0)
            continue;
        for (unsigned b = 0; b < 2; b++)
            expect(r, rig_wait(r, &bindings[b]->status_count, from[b] + 1, 2), who[b], "told",
                   "not told");
    }
}

static NDIS_OFFLOAD administrator_reads(struct rig *r, NDIS_OID oid, const char *step)
{
    NDIS_OFFLOAD o;
    ULONG bytes = sizeof o;

    memset(&o, 0, sizeof o);
    about(r, "%s", step);
    if (expect_code(r, "status",
                    ndis_adapter_request(r->adapter, NdisRequestQueryInformation, oid, &o, &bytes),
                    NDIS_STATUS_SUCCESS)) {
        expect_equal(r, "Header.Type", o.Header.Type, NDIS_OBJECT_TYPE_OFFLOAD);
        expect_equal(r, "Header.Size", o.Header.Size, bytes);
    }
    return o;
}

CHECK("PAR-29", administrators_path)
{
    NDIS_OFFLOAD hardware, before, after, known;
    NDIS_OFFLOAD_PARAMETERS p;

    open_offering(r);
    hardware = administrator_reads(r, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, "hardware");
    known = config_hardware(r);
    expect_config(r, "hardware capabilities", &hardware, &known);
    before = administrator_reads(r, OID_TCP_OFFLOAD_CURRENT_CONFIG, "before the set");
    known = config_now(r);
    expect_config(r, "current configuration", &before, &known);
    for (enum setting s = 0; s < SETTINGS; s++) {
        if (!setting_of(&hardware, s))
            continue;
        p = rig_parameters();
        ((UCHAR *)&p)[setting_info[s].field] = 1;
        about(r, "%s switched off", setting_info[s].name);
        expect_status(r, "status", administrator_sets(r, &p), ACCEPT_SUCCESS);
        after = administrator_reads(r, OID_TCP_OFFLOAD_CURRENT_CONFIG, "after the set");
        about(r, "after %s was switched off", setting_info[s].name);
        expect_equal(r, "directions that are on", setting_of(&after, s), 0);
        known = config_now(r);
        expect_config(r, "current configuration", &after, &known);
    }
}
