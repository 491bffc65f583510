/* SPDX-License-Identifier: MIT */
/* Status indications of the configuration: their form, who gets them, in which order. */
#include "conform/mux.h"
#include "conform/view.h"
#include "conform/watch.h"

static const NDIS_STATUS current_code = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;
static const NDIS_STATUS hardware_code = NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES;

static void open_listed(struct rig *r)
{
    rig_open(r, NULL);
    need(r, view_hardware() != NULL, "task offload");
}

/* The driver is made to indicate: everything is switched off, then on. Both sets are answered, and
 * from `at` on the watch has what was indicated. */
static unsigned provoke(struct rig *r)
{
    unsigned at = watch_count();

    for (unsigned on = 0; on < 2; on++) {
        NDIS_OFFLOAD_PARAMETERS p = view_parameters(view_hardware(), on);

        about(r, "the indication after everything is switched %s", on ? "on" : "off");
        view_switch(r, &p);
    }
    return at;
}

/* ---- Form ----------------------------------------------------------------------------------- */

CHECK("CFG-8", an_offload_structure_in_the_buffer)
{
    const NDIS_OFFLOAD *o;
    unsigned from, seen = 0;

    open_listed(r);
    from = r->main.status_count;
    provoke(r);
    for (unsigned i = from; i < r->main.status_count; i++) {
        const struct rig_status *s = &r->main.status[i % RIG_RECORDS];

        if (s->code != current_code && s->code != hardware_code)
            continue;
        o = (const NDIS_OFFLOAD *)(const void *)s->buffer;
        about(r, "indication %u", ++seen);
        about_bytes(r, s->buffer, MIN_OF(s->bytes, (ULONG)sizeof s->buffer), 0, 4);
        expect_equal(r, "Header.Type", o->Header.Type, NDIS_OBJECT_TYPE_OFFLOAD);
        expect_between(r, "Header.Revision", o->Header.Revision, 1, NDIS_OFFLOAD_REVISION_6);
        expect_between(r, "Header.Size", o->Header.Size, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1,
                       s->bytes);
    }
}

static void expect_zero(struct rig *r, const char *field, const void *bytes, uint32_t len)
{
    static const uint8_t zeroes[64];

    invariant(len <= sizeof zeroes);
    expect_bytes(r, field, bytes, zeroes, len);
}

/* Of each configuration that was indicated from `at` on. */
#define EACH_INDICATION(e, at)                                                                     \
    for (const struct watch_event *e; (e = watch_at(at)) != NULL; (at)++)                          \
        if (e->kind == WATCH_STATUS &&                                                             \
            (e->code == (uint32_t)current_code || e->code == (uint32_t)hardware_code))

CHECK("CFG-9", the_indication_around_it)
{
    unsigned at;

    open_listed(r);
    at = provoke(r);
    EACH_INDICATION(e, at)
    {
        const NDIS_STATUS_INDICATION *s = &e->indication;

        about(r, "NDIS_STATUS_INDICATION of status 0x%08x", e->code);
        about_bytes(r, s, sizeof *s, 0, 0);
        expect_equal(r, "Header.Type", s->Header.Type, NDIS_OBJECT_TYPE_STATUS_INDICATION);
        expect_equal(r, "Header.Revision", s->Header.Revision, NDIS_STATUS_INDICATION_REVISION_1);
        expect_equal(r, "Header.Size", s->Header.Size, 112);
        expect(r, s->SourceHandle == r->adapter, "SourceHandle", "the adapter's handle", "%p",
               s->SourceHandle);
        expect_equal(r, "PortNumber", s->PortNumber, 0);
        expect_equal(r, "Flags", s->Flags, 0);
        expect_zero(r, "Guid", &s->Guid, sizeof s->Guid);
        expect_zero(r, "NdisReserved", s->NdisReserved, sizeof s->NdisReserved);
    }
}

static unsigned count_of(const struct rig_protocol *p, unsigned from)
{
    unsigned n = 0;

    for (; from < p->status_count; from++)
        n += p->status[from % RIG_RECORDS].code == current_code;
    return n;
}

CHECK("CFG-10", every_binding_gets_one_copy)
{
    unsigned at, first, second, raised = 0;

    open_listed(r);
    rig_bind_other(r);
    first = r->main.status_count;
    second = r->other.status_count;
    at = provoke(r);
    EACH_INDICATION(e, at)
    {
        about(r, "NDIS_STATUS_INDICATION of status 0x%08x", e->code);
        expect(r, !e->indication.DestinationHandle, "DestinationHandle", "NULL", "%p",
               e->indication.DestinationHandle);
        expect(r, !e->indication.RequestId, "RequestId", "NULL", "%p", e->indication.RequestId);
        raised += e->code == (uint32_t)current_code;
    }
    about(r, "%u configurations indicated to two bindings", raised);
    expect_equal(r, "copies at the first", count_of(&r->main, first), raised);
    expect_equal(r, "copies at the second", count_of(&r->other, second), raised);
}

/* ---- Contents ------------------------------------------------------------------------------- */

CHECK("CFG-11", what_is_on_and_not_what_could_be)
{
    struct view able, now;

    open_listed(r);
    view_of(view_hardware(), &able);
    for (unsigned on = 0; on < 2; on++) {
        NDIS_OFFLOAD_PARAMETERS p = view_parameters(view_hardware(), on);
        const struct rig_status *s = view_switch(r, &p);
        NDIS_OFFLOAD o;

        memcpy(&o, s->buffer, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
        view_of(&o, &now);
        about(r, "the configuration after all is switched %s", on ? "on" : "off");
        about_bytes(r, s->buffer, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1, 0, 0);
        for (unsigned i = 0; i < VIEW_IPSEC; i++) {
            for (unsigned m = 1; m < now.part[i].count; m++) {
                if (now.part[i].member[m].kind == VIEW_FEATURE)
                    expect_equal(r, view_name(&now.part[i], m),
                                 now.part[i].member[m].value == NDIS_OFFLOAD_SUPPORTED,
                                 on && able.part[i].member[m].value == NDIS_OFFLOAD_SUPPORTED);
            }
        }
    }
}

/* ---- Changes of the hardware ---------------------------------------------------------------- */

/* NDIS's share with an indication in the driver's name; the driver's with a card that lacks what
 * another has. */
CHECK("CFG-13", what_the_hardware_lost_stays_off)
{
    const struct rig_status *s;
    NDIS_OFFLOAD less;
    unsigned from;

    rig_open(r, &(struct rig_config){.withhold = "host_tso6"});
    need(r, view_hardware() != NULL, "task offload");
    need(r, view_hardware()->LsoV1.IPv4.Encapsulation, "LSOv1");
    if (!view_hardware()->LsoV2.IPv6.Encapsulation) {
        about(r, "LSOv2 IPv6 switched on, which this card has not");
        expect_status(r, "status of the set",
                      rig_parameter(r, offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6),
                                    NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED),
                      FAIL_VAL);
        expect_equal(r, "LsoV2.IPv6.Encapsulation", rig_offload(r).current.LsoV2.IPv6.Encapsulation,
                     0);
    }
    less = *view_hardware();
    memset(&less.LsoV1, 0, sizeof less.LsoV1);
    from = r->main.status_count;
    view_indicate(r, hardware_code, &less);
    view_indicate(r, current_code, &less);
    about(r, "a hardware view without LSOv1 is indicated");
    s = rig_indicated(r, hardware_code, from, 1);
    if (expect(r, s != NULL, "NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES", "at the protocol",
               "nothing came"))
        expect_bytes(r, "hardware view at the protocol", s->buffer, &less,
                     NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    expect_equal(r, "LsoV1.IPv4.Encapsulation, as NDIS keeps it",
                 rig_offload(r).hardware.LsoV1.IPv4.Encapsulation, 0);
}

/* The first ability that the one says is on and the other does not list; NULL: none. */
static const char *beyond(const NDIS_OFFLOAD *now, const NDIS_OFFLOAD *able)
{
    struct view on, can;

    view_of(now, &on);
    view_of(able, &can);
    for (unsigned i = 0; i < VIEW_PARTS; i++) {
        for (unsigned m = 0; i != VIEW_IPSEC && m < on.part[i].count; m++) {
            uint32_t is = on.part[i].member[m].value, may = can.part[i].member[m].value;
            bool feature = on.part[i].member[m].kind == VIEW_FEATURE;

            if (m == 0 ? is & ~may
                       : feature && is == NDIS_OFFLOAD_SUPPORTED && may != NDIS_OFFLOAD_SUPPORTED)
                return view_name(&on.part[i], m);
        }
    }
    return NULL;
}

static NDIS_OFFLOAD view_in(const struct rig_status *s)
{
    NDIS_OFFLOAD o;

    memcpy(&o, s->buffer, sizeof o);
    return o;
}

/* Since record `from`; nothing is claimed when no hardware view took away what was on before. */
static void expect_followed(struct rig *r, const NDIS_OFFLOAD *before, unsigned from)
{
    const struct rig_status *hardware = rig_indicated(r, hardware_code, from, 1), *s;
    NDIS_OFFLOAD able, now;
    const char *field;

    if (!hardware)
        return;
    able = view_in(hardware);
    field = beyond(before, &able);
    if (!field)
        return;
    s = rig_indicated(r, current_code, from, 1);
    if (!expect(r, s != NULL, "NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG", "indicated as well",
                "not, and %s was on", field))
        return;
    now = view_in(s);
    field = beyond(&now, &able);
    expect(r, !field, "current configuration", "within the hardware capabilities", "%s is on",
           field ? field : "");
}

CHECK("CFG-14", a_loss_is_followed_by_what_is_on)
{
    static const struct rig_config config = {.member_withhold = {NULL, MUX_NO_OFFLOAD}};
    NDIS_OFFLOAD before;
    unsigned from;

    if (r->suite->member_count == 0)
        skip(r, "nothing that a host does takes an ability away from a miniport that runs; a "
                "failover takes it from an intermediate driver (--member)");
    rig_need_members(r, 2);
    rig_open(r, &config);
    need(r, rig_offers(r), "task offload");
    for (unsigned leaves = 0; leaves < 2; leaves++) {
        if (leaves)
            rig_reopen(r, &config);
        before = rig_offload(r).current;
        from = r->main.status_count;
        if (leaves)
            rig_leave(r, 0);
        else
            rig_member_link(r, 0, false);
        about(r, "member 0 %s; member 1 has no offload", leaves ? "leaves" : "has no link");
        expect_followed(r, &before, from);
    }
    if (r->comparisons == 0)
        skip(r, "a failover takes no ability away from this driver");
}

/* ---- Order ---------------------------------------------------------------------------------- */

static void expect_order(struct rig *r, const struct rig_protocol *p, unsigned from,
                         const NDIS_STATUS *raised, unsigned count)
{
    unsigned n = 0;

    about(r, "indications at protocol %s", p->name);
    for (; from < p->status_count && n < count; from++) {
        const struct rig_status *s = &p->status[from % RIG_RECORDS];

        if (s->code != current_code && s->code != hardware_code)
            continue;
        if (!expect_code(r, "the next one", s->code, raised[n++]))
            return;
    }
    expect_equal(r, "how many came", n, count);
}

/* No filter modules are here, so the row's order among them and protocols has no case. */
CHECK("CFG-15", in_the_order_in_which_they_were_raised)
{
    static const NDIS_STATUS raised[] = {
        NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG,
        NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES,
        NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES,
        NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG,
        NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG,
        NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES,
        NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG,
    };
    unsigned first, second;
    NDIS_OFFLOAD o;

    open_listed(r);
    rig_bind_other(r);
    first = r->main.status_count;
    second = r->other.status_count;
    o = rig_offload(r).hardware;
    for (unsigned i = 0; i < ARRAY_LEN(raised); i++)
        view_indicate(r, raised[i], &o);
    expect_order(r, &r->main, first, raised, ARRAY_LEN(raised));
    expect_order(r, &r->other, second, raised, ARRAY_LEN(raised));
}

/* ---- Codes ---------------------------------------------------------------------------------- */

CHECK("CFG-20", never_indication_required)
{
    NDIS_OFFLOAD_PARAMETERS p;
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    NDIS_STATUS got[6];

    open_listed(r);
    p = rig_parameters();
    got[0] = rig_set(r, OID_TCP_OFFLOAD_PARAMETERS, &p, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    p = view_parameters(view_hardware(), false);
    got[1] = rig_set(r, OID_TCP_OFFLOAD_PARAMETERS, &p, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    p.LsoV1 = 77;
    got[2] = rig_set(r, OID_TCP_OFFLOAD_PARAMETERS, &p, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
    got[3] = rig_set(r, OID_OFFLOAD_ENCAPSULATION, &e, sizeof e);
    got[4] = rig_activate(r, NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_OFF);
    e.IPv4.Enabled = 77;
    got[5] = rig_set(r, OID_OFFLOAD_ENCAPSULATION, &e, sizeof e);
    for (unsigned i = 0; i < ARRAY_LEN(got); i++)
        expect(r, got[i] != NDIS_STATUS_INDICATION_REQUIRED,
               i < 3 ? "set of OID_TCP_OFFLOAD_PARAMETERS" : "set of OID_OFFLOAD_ENCAPSULATION",
               "any other status", "NDIS_STATUS_INDICATION_REQUIRED");
}
