/* SPDX-License-Identifier: MIT */
/* Keywords that switch one offload feature, and those that switch a family's checksums. */
#include "conform/keyword.h"
#include "conform/large.h"
#include "conform/stack.h"

static const char *const digits[] = {"0", "1", "2", "3"};

static void expect_listed(struct rig *r, const NDIS_OFFLOAD *view, enum feature f, unsigned want)
{
    unsigned got = feature_listed(view, f);
    char field[64];

    snprintf(field, sizeof field, "what %s governs, registered", feature_keyword(f));
    expect_equal(r, field, got, want);
}

/* Version 1 and version 2 over IPv4 may look at each other's keyword: that is KEY-9. */
static bool related(enum feature a, enum feature b)
{
    return (a == FEATURE_LSO1 && b == FEATURE_LSO2_4) || (b == FEATURE_LSO1 && a == FEATURE_LSO2_4);
}

/* Each value switches its own and nothing else; the .inf has it on. */
static void one_keyword(struct rig *r, enum feature f)
{
    const char *name = feature_keyword(f);
    struct ndis_offload_state all, s;
    unsigned able;
    char text[32];

    keyword_prepare(r);
    about(r, "%s in the .inf", name);
    if (keyword_inf_default(r, name, text, sizeof text))
        expect(r, strcmp(text, feature_default(f)) == 0, "Default", feature_default(f), "\"%s\"",
               text);
    keyword_set(r, name, feature_default(f));
    all = keyword_start(r);
    able = feature_listed(&all.hardware, f);
    need(r, able != 0, "what %s governs", name);
    for (unsigned v = 0; v < feature_values(f); v++) {
        keyword_set(r, name, digits[v]);
        s = keyword_start(r);
        about(r, "%s = %s", name, digits[v]);
        expect_listed(r, &s.current, f, v & able);
        for (enum feature g = 0; g < FEATURES; g++) {
            if (g != f && !related(f, g))
                expect_listed(r, &s.current, g, feature_listed(&all.current, g));
        }
    }
}

CHECK("KEY-1", ip4)
{
    one_keyword(r, FEATURE_IP4);
}

CHECK("KEY-2", tcp4)
{
    one_keyword(r, FEATURE_TCP4);
}

CHECK("KEY-3", tcp6)
{
    one_keyword(r, FEATURE_TCP6);
}

CHECK("KEY-4", udp4)
{
    one_keyword(r, FEATURE_UDP4);
}

CHECK("KEY-5", udp6)
{
    one_keyword(r, FEATURE_UDP6);
}

CHECK("KEY-6", lso1)
{
    one_keyword(r, FEATURE_LSO1);
}

CHECK("KEY-7", lso2_ip4)
{
    one_keyword(r, FEATURE_LSO2_4);
}

CHECK("KEY-8", lso2_ip6)
{
    one_keyword(r, FEATURE_LSO2_6);
}

/* What the overlying protocol uses when it has both. */
static void expect_version_2(struct rig *r)
{
    static struct packet k;
    struct frame_recipe recipe = packet_recipe(r, 4, 6, 5001);
    struct stack_sent *sent;

    packet_build(&k, &recipe);
    stack_bind(r);
    sent = stack_send(r, &k, STACK_LARGE, 1000);
    about(r, "*LsoV1IPv4 = 1, *LsoV2IPv4 = 1, a large send of the overlying protocol");
    for (unsigned i = 0; i < sent->count; i++) {
        NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q = {.Value = (void *)sent->nbl[i].lso};

        if (q.Value)
            expect_equal(r, "Type (0: version 1, 1: version 2)", q.LsoV2Transmit.Type,
                         NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE);
    }
    stack_unbind(r);
}

/* Version 1 on and version 2 off: version 1 is usable. */
CHECK("KEY-9", lso1_beside_lso2)
{
    static struct packet k;
    static struct cut c;
    struct ndis_offload_state s;

    keyword_prepare(r);
    keyword_set(r, "*LsoV1IPv4", "1");
    keyword_set(r, "*LsoV2IPv4", "0");
    rig_start(r);
    s = rig_offload(r);
    need(r, s.hardware.LsoV1.IPv4.Encapsulation && s.hardware.LsoV2.IPv4.Encapsulation,
         "large sends of both versions over IPv4");
    about(r, "*LsoV1IPv4 in the .inf");
    advise(r, !keyword_params(r, "*LsoV1IPv4"), "Ndi\\params", "*LsoV2IPv4 alone", "both");
    about(r, "*LsoV1IPv4 = 1, *LsoV2IPv4 = 0");
    if (!expect(r, s.current.LsoV1.IPv4.Encapsulation != 0, "LsoV1.IPv4.Encapsulation", "not 0",
                "0") ||
        !rig_has_wire(r))
        return;
    rig_bind(r);
    if (large_simple(r, LARGE_V1, 3001, 1000, &k, &c))
        expect_equal(r, "frames of an LSOv1 send", c.count, 4);
    rig_halt(r);
    keyword_set(r, "*LsoV2IPv4", "1");
    rig_start(r);
    if (large_max(r, LARGE_V2_IP4)) /* of nothing at all: CAP */
        expect_version_2(r);
}

/* ---- Groups --------------------------------------------------------------------------------- */

static void without_granular(struct rig *r)
{
    for (enum feature f = FEATURE_IP4; f <= FEATURE_UDP6; f++)
        keyword_set(r, feature_keyword(f), NULL);
}

static void one_group(struct rig *r, const char *group)
{
    struct ndis_offload_state first, s;

    keyword_prepare(r);
    without_granular(r);
    for (unsigned v = 0; v < 4; v++) {
        keyword_set(r, group, digits[v]);
        s = keyword_start(r);
        if (v == 0)
            first = s;
        need(r, watch_read_keyword(group), "%s, which the driver does not read", group);
        about(r, "%s = %s", group, digits[v]);
        for (enum feature f = FEATURE_IP4; f <= FEATURE_UDP6; f++) {
            bool own = strcmp(feature_group(f), group) == 0;

            expect_listed(r, &s.current, f,
                          own ? feature_listed(&s.hardware, f) & v
                              : feature_listed(&first.current, f));
        }
    }
}

CHECK("KEY-10", group_ip4)
{
    one_group(r, "*TCPUDPChecksumOffloadIPv4");
}

CHECK("KEY-11", group_ip6)
{
    one_group(r, "*TCPUDPChecksumOffloadIPv6");
}

/* The group alone, then with one granular keyword that says otherwise. */
static void granular_wins(struct rig *r, enum feature own, const char *group, const char *granular)
{
    struct ndis_offload_state alone, s;

    without_granular(r);
    keyword_set(r, feature_group(own), group);
    alone = keyword_start(r);
    need(r, watch_read_keyword(feature_group(own)) && watch_read_keyword(feature_keyword(own)),
         "%s beside %s", feature_group(own), feature_keyword(own));
    keyword_set(r, feature_keyword(own), granular);
    s = keyword_start(r);
    about(r, "%s = %s, %s = %s", feature_group(own), group, feature_keyword(own), granular);
    for (enum feature f = FEATURE_IP4; f <= FEATURE_UDP6; f++)
        expect_listed(r, &s.current, f,
                      f == own ? feature_listed(&s.hardware, f) & (unsigned)(*granular - '0')
                               : feature_listed(&alone.current, f));
}

CHECK("KEY-12", granular_and_grouped)
{
    keyword_prepare(r);
    granular_wins(r, FEATURE_TCP4, "0", "3");
    granular_wins(r, FEATURE_TCP4, "3", "0");
    granular_wins(r, FEATURE_TCP6, "0", "3");
    granular_wins(r, FEATURE_TCP6, "3", "0");
}
