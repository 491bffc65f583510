/* SPDX-License-Identifier: MIT */
/* What NDIS keeps of activations, and tells of them. */
#include "conform/settings.h"
#include "conform/watch.h"

enum {
    BYTES = 28,
    ON = NDIS_OFFLOAD_SET_ON,
    OFF = NDIS_OFFLOAD_SET_OFF,
    KEEP = NDIS_OFFLOAD_SET_NO_CHANGE,
};

static void open_idle(struct rig *r)
{
    rig_open(r, &(struct rig_config){.no_activate = true});
    need(r, rig_offers(r), "task offload");
}

static void expect_record(struct rig *r, struct rig_protocol *p,
                          const NDIS_OFFLOAD_ENCAPSULATION *want)
{
    NDIS_OFFLOAD_ENCAPSULATION e;
    ULONG written = 0;

    memset(&e, 0xee, sizeof e);
    expect_code(r, "status of the query",
                protocol_query(p, OID_OFFLOAD_ENCAPSULATION, &e, sizeof e, &written),
                NDIS_STATUS_SUCCESS);
    expect_equal(r, "BytesWritten", written, BYTES);
    expect_bytes(r, "NDIS_OFFLOAD_ENCAPSULATION", &e, want, BYTES);
}

CHECK("ENC-20", query_is_answered_from_the_last_set)
{
    NDIS_OFFLOAD_ENCAPSULATION good = rig_encapsulation(ON, OFF), next = rig_encapsulation(ON, ON),
                               bad = rig_encapsulation(7, 7);
    unsigned at;

    open_idle(r);
    at = watch_count();
    if (set_encapsulation(r, &good, BYTES, NULL) != NDIS_STATUS_SUCCESS)
        cannot(r, "the set fails");
    about(r, "after a set of IPv4 on, IPv6 off");
    expect_record(r, &r->main, &good);
    /* That it fails is ENC-6; NDIS cannot know better than the miniport. */
    if (set_encapsulation(r, &bad, BYTES, NULL) != NDIS_STATUS_SUCCESS) {
        about(r, "after a set that failed");
        expect_record(r, &r->main, &good);
    }
    if (set_encapsulation(r, &next, BYTES, NULL) != NDIS_STATUS_SUCCESS)
        cannot(r, "the set fails");
    about(r, "after a set of both");
    expect_record(r, &r->main, &next);
    about(r, "queries");
    for (const struct watch_event *e; (e = watch_at(at)) != NULL; at++) {
        if (e->kind == WATCH_OID && e->code == OID_OFFLOAD_ENCAPSULATION &&
            e->request == NdisRequestQueryInformation)
            expect_equal(r, "the query reaches the miniport", e->reached, false);
    }
}

CHECK("ENC-21", query_before_any_set)
{
    NDIS_OFFLOAD_ENCAPSULATION e, bad = rig_encapsulation(7, 7);
    NDIS_STATUS status;

    open_idle(r);
    for (unsigned i = 0; i < 2; i++) {
        about(r, i ? "after a set that failed" : "before any set");
        status = rig_query(r, OID_OFFLOAD_ENCAPSULATION, &e, sizeof e, NULL);
        expect(r, status != NDIS_STATUS_SUCCESS, "status of the query", "a failure", "%s",
               status_name(status));
        advise(r, status == NDIS_STATUS_INVALID_STATE, "status of the query",
               "NDIS_STATUS_INVALID_STATE", "%s", status_name(status));
        if (set_encapsulation(r, &bad, BYTES, NULL) == NDIS_STATUS_SUCCESS)
            break; /* ENC-6 */
    }
}

/* That the driver indicates is ENC-14. */
CHECK("ENC-23", last_set_wins_for_all)
{
    NDIS_OFFLOAD_ENCAPSULATION first = rig_encapsulation(ON, ON), last = rig_encapsulation(ON, OFF);
    struct rig_protocol *const bindings[] = {&r->main, &r->other};
    unsigned from[2], at;

    open_idle(r);
    rig_bind_other(r);
    if (set_encapsulation(r, &first, BYTES, NULL) != NDIS_STATUS_SUCCESS)
        cannot(r, "the set fails");
    at = watch_count();
    for (unsigned i = 0; i < 2; i++)
        from[i] = bindings[i]->status_count;
    if (protocol_set(&r->other, OID_OFFLOAD_ENCAPSULATION, &last, BYTES) != NDIS_STATUS_SUCCESS)
        cannot(r, "the other binding's set fails");
    for (unsigned i = 0; i < 2; i++) {
        about(r, "the %s binding, after the second one's set", i ? "second" : "first");
        expect_record(r, bindings[i], &last);
        if (watch_find(at, WATCH_STATUS, (uint32_t)NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG) >= 0)
            expect(r, rig_wait(r, &bindings[i]->status_count, from[i] + 1, 2),
                   "configuration indication", "received", "not received");
    }
}

/* NDIS's part. The indication is made in the driver's place: no driver makes it unless something
 * changes below it. */
CHECK("ENC-25", change_from_below_is_recorded_and_passed_on)
{
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(OFF, ON), want = e;
    NDIS_STATUS_INDICATION s;
    unsigned from;

    rig_open(r, NULL);
    need(r, rig_offers(r), "task offload");
    from = r->main.status_count;
    memset(&s, 0, sizeof s);
    s.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    s.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    s.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    s.SourceHandle = r->adapter;
    s.StatusCode = NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE;
    s.StatusBuffer = &e;
    s.StatusBufferSize = BYTES;
    NdisMIndicateStatusEx(r->adapter, &s);
    about(r, "after NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE");
    expect_record(r, &r->main, &want);
    expect(r, rig_indicated(r, NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE, from, 2) != NULL,
           "the indication", "passed on to the protocol", "not received");
}
