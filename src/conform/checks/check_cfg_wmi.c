/* SPDX-License-Identifier: MIT */
/* The administrator's GUIDs. */
#include "conform/view.h"
#include "conform/watch.h"

static const GUID *const query_guids[] = {&GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG,
                                          &GUID_NDIS_TCP_OFFLOAD_HARDWARE_CAPABILITIES};
static const char *const query_names[] = {"GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG",
                                          "GUID_NDIS_TCP_OFFLOAD_HARDWARE_CAPABILITIES"};

static void open_listed(struct rig *r)
{
    rig_open(r, NULL);
    need(r, view_hardware() && view_default(), "task offload");
}

static bool wmi_query(struct rig *r, unsigned which, NDIS_WMI_OFFLOAD *out)
{
    ULONG bytes = sizeof *out;

    memset(out, 0, sizeof *out);
    about(r, "query of %s", query_names[which]);
    return expect_code(r, "status", ndis_wmi_query(r->adapter, query_guids[which], out, &bytes),
                       NDIS_STATUS_SUCCESS);
}

/* A set of parameters as the administrator hands it in. */
static NDIS_STATUS wmi_set(struct rig *r, const NDIS_OFFLOAD_PARAMETERS *p)
{
    struct {
        NDIS_WMI_SET_HEADER header;
        uint8_t parameters[NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1];
    } set;

    memset(&set, 0, sizeof set);
    set.header.Header.Type = NDIS_WMI_OBJECT_TYPE_SET;
    set.header.Header.Revision = NDIS_WMI_SET_HEADER_REVISION_1;
    set.header.Header.Size = NDIS_SIZEOF_WMI_SET_HEADER_REVISION_1;
    memcpy(set.parameters, p, sizeof set.parameters);
    return ndis_wmi_set(r->adapter, &GUID_NDIS_TCP_OFFLOAD_PARAMETERS, &set,
                        (ULONG)(offsetof(__typeof__(set), parameters) + sizeof set.parameters));
}

/* Which view it is, told by Encapsulation: everything is off. */
static void expect_maps(struct rig *r, unsigned which, const NDIS_OFFLOAD *o)
{
    NDIS_WMI_OFFLOAD flat;
    struct view want, got;

    if (!wmi_query(r, which, &flat))
        return;
    view_of(o, &want);
    view_of_flat(&flat, &got);
    for (unsigned i = 0; i < VIEW_PARTS; i++)
        expect_equal(r, view_name(&got.part[i], 0), view_encapsulation(&got.part[i]),
                     view_encapsulation(&want.part[i]));
}

static void expect_fires(struct rig *r, const GUID *event, const char *name, NDIS_STATUS code,
                         const NDIS_OFFLOAD *o)
{
    uint64_t before = ndis_wmi_fired(r->adapter, event);

    about(r, "%s", name);
    view_indicate(r, code, o);
    expect_equal(r, "times that it fired with one indication",
                 ndis_wmi_fired(r->adapter, event) - before, 1);
}

CHECK("CFG-21", guids_map_to_oids_and_indications)
{
    NDIS_OFFLOAD_PARAMETERS p;
    NDIS_OFFLOAD now, hardware;
    unsigned at;

    open_listed(r);
    p = view_parameters(view_hardware(), true);
    view_switch(r, &p);
    p = view_parameters(view_hardware(), false);
    at = watch_count();
    about(r, "set of GUID_NDIS_TCP_OFFLOAD_PARAMETERS");
    expect_code(r, "status", wmi_set(r, &p), NDIS_STATUS_SUCCESS);
    expect(r, watch_find(at, WATCH_OID, OID_TCP_OFFLOAD_PARAMETERS) >= 0, "request",
           "OID_TCP_OFFLOAD_PARAMETERS", "none");
    now = rig_offload(r).current;
    hardware = rig_offload(r).hardware;
    expect_maps(r, 0, &now);
    expect_maps(r, 1, &hardware);
    expect_fires(r, &GUID_NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG,
                 "GUID_NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG",
                 NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &now);
    expect_fires(r, &GUID_NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES,
                 "GUID_NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES",
                 NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, &hardware);
}

/* One thing is switched by the administrator and put back by the protocol: the configuration after
 * it is the same, and so are the keywords. */
CHECK("CFG-22", a_set_by_guid_is_a_set)
{
    NDIS_OFFLOAD_PARAMETERS off, on;
    const struct rig_status *s;
    NDIS_OFFLOAD by_guid;
    unsigned at, from;
    int found;

    open_listed(r);
    off = view_parameters(view_hardware(), false);
    on = view_parameters(view_hardware(), true);
    view_switch(r, &on);
    at = watch_count();
    from = r->main.status_count;
    about(r, "set of GUID_NDIS_TCP_OFFLOAD_PARAMETERS, everything off");
    if (!expect_code(r, "status", wmi_set(r, &off), NDIS_STATUS_SUCCESS))
        return;
    found = watch_find(at, WATCH_OID, OID_TCP_OFFLOAD_PARAMETERS);
    if (expect(r, found >= 0, "request", "OID_TCP_OFFLOAD_PARAMETERS", "none"))
        expect(r, watch_at((unsigned)found)->reached, "OID_TCP_OFFLOAD_PARAMETERS",
               "reaches the miniport", "does not");
    s = rig_indicated(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, from, 1);
    expect(r, s != NULL, "indication at the protocol", "the new configuration", "none");
    by_guid = rig_offload(r).current;
    view_switch(r, &on);
    s = view_switch(r, &off);
    expect_bytes(r, "configuration, as by OID", &by_guid, s->buffer,
                 NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
}

CHECK("CFG-23", flattened_members_are_whole_numbers)
{
    NDIS_WMI_OFFLOAD flat;
    NDIS_OFFLOAD bits;
    struct view want, got;

    open_listed(r);
    for (unsigned which = 0; which < ARRAY_LEN(query_guids); which++) {
        bits = which ? rig_offload(r).hardware : rig_offload(r).current;
        if (!wmi_query(r, which, &flat))
            continue;
        if (bits.Header.Revision == NDIS_OFFLOAD_REVISION_1)
            expect_equal(r, "Header.Size", flat.Header.Size,
                         NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_1);
        view_of(&bits, &want);
        view_of_flat(&flat, &got);
        for (unsigned i = 0; i < VIEW_PARTS; i++) {
            for (unsigned m = 0; m < want.part[i].count; m++)
                expect_equal(r, view_name(&got.part[i], m), got.part[i].member[m].value,
                             want.part[i].member[m].value);
        }
    }
}
