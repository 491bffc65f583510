/* SPDX-License-Identifier: MIT */
/* The two queries that NDIS answers in the miniport's place. */
#include "conform/view.h"
#include "conform/watch.h"

enum { ROOM = 512 };

static const NDIS_OID oids[] = {OID_TCP_OFFLOAD_CURRENT_CONFIG,
                                OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES};
static const char *const names[] = {"OID_TCP_OFFLOAD_CURRENT_CONFIG",
                                    "OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES"};

/* An adapter with task offload, on which nothing has been indicated yet. */
static void open_quiet(struct rig *r)
{
    rig_open(r, &(struct rig_config){.no_activate = true, .no_filter = true});
    need(r, view_hardware() && view_default(), "task offload");
}

/* None of the requests for it since `at` came to the miniport. */
static void expect_unseen(struct rig *r, unsigned at, NDIS_OID oid)
{
    const struct watch_event *e;
    unsigned reached = 0;

    for (; (e = watch_at(at)) != NULL; at++)
        reached += e->kind == WATCH_OID && e->code == oid && e->reached;
    expect_equal(r, "requests that reached the miniport", reached, 0);
}

static void answered_by_ndis(struct rig *r, unsigned which)
{
    static uint8_t buffer[ROOM];
    unsigned at;

    open_quiet(r);
    at = watch_count();
    about(r, "query of %s", names[which]);
    expect_code(r, "status", rig_query(r, oids[which], buffer, sizeof buffer, NULL),
                NDIS_STATUS_SUCCESS);
    expect_unseen(r, at, oids[which]);
}

CHECK("CFG-1", ndis_answers_for_the_configuration)
{
    answered_by_ndis(r, 0);
}

CHECK("CFG-2", ndis_answers_for_the_hardware)
{
    answered_by_ndis(r, 1);
}

CHECK("CFG-3", neither_can_be_set)
{
    NDIS_OFFLOAD o;

    open_quiet(r);
    for (unsigned i = 0; i < ARRAY_LEN(oids); i++) {
        unsigned at = watch_count();

        o = rig_offload(r).current;
        about(r, "set of %s", names[i]);
        expect_status(r, "status", rig_set(r, oids[i], &o, o.Header.Size), FAIL_QUERY);
        expect_unseen(r, at, oids[i]);
    }
}

CHECK("CFG-4", answer_lengths)
{
    static uint8_t buffer[ROOM];
    const NDIS_OBJECT_HEADER *h = (const NDIS_OBJECT_HEADER *)(const void *)buffer;
    ULONG size, written = 0;

    open_quiet(r);
    size = view_hardware()->Header.Size;
    if (view_hardware()->Header.Revision == NDIS_OFFLOAD_REVISION_1)
        expect_equal(r, "size of NDIS_OFFLOAD, revision 1", size, 112);
    for (unsigned i = 0; i < ARRAY_LEN(oids); i++) {
        const ULONG small[] = {0, 4, size - 1};

        for (unsigned k = 0; k < ARRAY_LEN(small); k++) {
            about(r, "query of %s into %u bytes", names[i], small[k]);
            expect_code(r, "status", rig_query(r, oids[i], buffer, small[k], &written),
                        NDIS_STATUS_BUFFER_TOO_SHORT);
            expect_equal(r, "BytesNeeded", written, size);
        }
        for (ULONG room = size; room <= sizeof buffer; room += (ULONG)sizeof buffer - size) {
            memset(buffer, 0, sizeof buffer);
            about(r, "query of %s into %u bytes", names[i], room);
            expect_code(r, "status", rig_query(r, oids[i], buffer, room, &written),
                        NDIS_STATUS_SUCCESS);
            expect_equal(r, "BytesWritten", written, size);
            expect_equal(r, "Header.Size", h->Size, size);
        }
    }
}

/* Known fields; a feature that reads 2 is off, and NDIS writes 0 for it (CAP-17). */
static void expect_same(struct rig *r, const NDIS_OFFLOAD *got, const NDIS_OFFLOAD *want)
{
    struct view g, w;

    expect_bytes(r, "Header", &got->Header, &want->Header, sizeof got->Header);
    view_of(got, &g);
    view_of(want, &w);
    for (unsigned i = 0; i < VIEW_PARTS; i++) {
        for (unsigned m = 0; m < g.part[i].count; m++) {
            uint32_t have = g.part[i].member[m].value, should = w.part[i].member[m].value;
            bool number = g.part[i].member[m].kind == VIEW_NUMBER;

            expect_equal(r, view_name(&g.part[i], m), number ? have : have == 1,
                         number ? should : should == 1);
        }
    }
    expect_equal(r, "Flags", got->Flags, want->Flags);
}

static void expect_answer(struct rig *r, unsigned which, const void *want, uint32_t bytes,
                          const char *of_what)
{
    static _Alignas(NDIS_OFFLOAD) uint8_t buffer[ROOM];
    ULONG written = 0;
    NDIS_OFFLOAD o;

    memset(buffer, 0, sizeof buffer);
    about(r, "query of %s, %s", names[which], of_what);
    if (!expect_code(r, "status", rig_query(r, oids[which], buffer, sizeof buffer, &written),
                     NDIS_STATUS_SUCCESS) ||
        !expect_equal(r, "BytesWritten", written, bytes))
        return;
    memset(&o, 0, sizeof o);
    memcpy(&o, want, MIN_OF(sizeof o, (size_t)bytes));
    expect_same(r, (const NDIS_OFFLOAD *)(const void *)buffer, &o);
}

CHECK("CFG-5", answers_begin_with_the_attributes)
{
    open_quiet(r);
    if (watch_find(0, WATCH_STATUS, (uint32_t)NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG) < 0)
        expect_answer(r, 0, view_default(), view_default()->Header.Size,
                      "as DefaultOffloadConfiguration");
    if (watch_find(0, WATCH_STATUS, (uint32_t)NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES) < 0)
        expect_answer(r, 1, view_hardware(), view_hardware()->Header.Size,
                      "as HardwareOffloadCapabilities");
}

/* The hardware's loss is indicated in the driver's name: few drivers have one to show. */
CHECK("CFG-6", answers_follow_the_indications)
{
    const struct rig_status *s;
    NDIS_OFFLOAD less;

    rig_open(r, NULL);
    need(r, view_hardware() != NULL, "task offload");
    for (unsigned on = 0; on < 2; on++) {
        NDIS_OFFLOAD_PARAMETERS p = view_parameters(view_hardware(), on);

        s = view_switch(r, &p);
        expect_answer(r, 0, s->buffer, MIN_OF(s->bytes, (ULONG)sizeof s->buffer),
                      "as last indicated");
    }
    less = *view_hardware();
    memset(&less.LsoV2, 0, sizeof less.LsoV2);
    less.LsoV1.IPv4.MaxOffLoadSize /= 2;
    view_indicate(r, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &less);
    view_indicate(r, NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES, &less);
    expect_answer(r, 0, &less, less.Header.Size, "as last indicated");
    expect_answer(r, 1, &less, less.Header.Size, "as last indicated");
}

/* ---- Within --------------------------------------------------------------------------------- */

static void expect_member_within(struct rig *r, const struct view_part *c,
                                 const struct view_part *h, unsigned m)
{
    uint32_t now = c->member[m].value, able = h->member[m].value;

    if (c->member[m].kind != VIEW_NUMBER)
        expect(r, now != NDIS_OFFLOAD_SUPPORTED || able == NDIS_OFFLOAD_SUPPORTED, view_name(c, m),
               "off, for the hardware has it not", "on");
    else if (m == 0)
        expect(r, !(now & ~able), view_name(c, m), "bits of the hardware's", "0x%x of 0x%x", now,
               able);
    else if (view_encapsulation(c) && strcmp(c->member[m].name, "MaxOffLoadSize") == 0)
        expect_between(r, view_name(c, m), now, 0, able);
    else if (view_encapsulation(c) && strcmp(c->member[m].name, "MinSegmentCount") == 0)
        expect_between(r, view_name(c, m), now, able, UINT32_MAX);
}

static void expect_within(struct rig *r, const char *when)
{
    NDIS_OFFLOAD current, hardware;
    struct view c, h;

    memset(&current, 0, sizeof current);
    memset(&hardware, 0, sizeof hardware);
    rig_query(r, oids[0], &current, sizeof current, NULL);
    rig_query(r, oids[1], &hardware, sizeof hardware, NULL);
    view_of(&current, &c);
    view_of(&hardware, &h);
    about(r, "%s", when);
    for (unsigned i = 0; i < VIEW_PARTS; i++) {
        for (unsigned m = 0; m < c.part[i].count; m++)
            expect_member_within(r, &c.part[i], &h.part[i], m);
    }
}

/* Whatever the sets end in: that is for others to judge. */
CHECK("CFG-7", configuration_within_the_hardware)
{
    static const size_t fields[] = {
        offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum),
        offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum),
        offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum),
        offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv6Checksum),
        offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum),
        offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1),
        offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
        offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6),
    };
    NDIS_OFFLOAD_PARAMETERS all;

    open_quiet(r);
    all = view_parameters(view_hardware(), true);
    expect_within(r, "before anything is asked for");
    rig_activate(r, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    expect_within(r, "after activation");
    for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
        char when[60];

        snprintf(when, sizeof when, "parameter %u off", i);
        rig_parameter(r, fields[i], NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED);
        expect_within(r, when);
        snprintf(when, sizeof when, "parameter %u on", i);
        rig_parameter(r, fields[i], ((const UCHAR *)&all)[fields[i]]);
        expect_within(r, when);
    }
    rig_activate(r, NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_OFF);
    expect_within(r, "after activation was taken back");
}
