/* SPDX-License-Identifier: MIT */
/* Version 2: switches, completion, more than one NET_BUFFER, both versions side by side. */
#include "conform/large_stack.h"
#include "conform/suite.h"

/* ---- Switches ------------------------------------------------------------------------------- */

static void refused(struct rig *r, enum large_kind kind)
{
    struct frame_recipe recipe = large_recipe(r, kind, 3600);
    struct packet *k = large_template(kind, &recipe);

    large_refused(r, k, kind, &(struct ask){.lso = large_ask(k, kind, 1000)});
}

/* Off by keyword, or not there at all. */
CHECK("LSO2-3", a_family_that_is_off_is_refused)
{
    static const char *const keyword[] = {
        [LARGE_V2_IP4] = "*LsoV2IPv4", [LARGE_V2_IP6] = "*LsoV2IPv6"};

    rig_open(r, NULL);
    need(r, large_version2(r), "large send version 2");
    for (enum large_kind kind = LARGE_V2_IP4; kind < LARGE_KINDS; kind++) {
        bool had = large_advertised(r, kind);

        if (had) {
            reg_set_sz(r->key, keyword[kind], "0");
            rig_again(r);
        }
        if (!large_advertised(r, kind))
            refused(r, kind);
        if (had)
            reg_set_sz(r->key, keyword[kind], "1");
    }
    need(r, r->comparisons > 0, "keywords for the families of large send version 2");
}

static NDIS_STATUS turn(struct rig *r, enum large_kind kind, UCHAR value)
{
    return rig_parameter(r,
                         kind == LARGE_V1       ? offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1)
                         : kind == LARGE_V2_IP4 ? offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4)
                                                : offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6),
                         value);
}

static void still_works(struct rig *r, enum large_kind kind, enum large_kind off)
{
    struct frame_recipe recipe = large_recipe(r, kind, 3600);
    struct packet *k = large_template(kind, &recipe);
    struct ask how = {.lso = large_ask(k, kind, 1000)};
    const struct cut *c = large_any_way(r, k, kind, &how);

    about(r, "%s while %s is off", large_name(kind), large_name(off));
    expect_code(r, "NBL status", c->outcome.status, NDIS_STATUS_SUCCESS);
    expect(r, c->count > 0, "frames on the wire", "at least one", "none");
}

CHECK("LSO2-19", each_kind_is_switched_alone)
{
    bool had[LARGE_KINDS];

    rig_open(r, NULL);
    need(r, large_version2(r), "large send version 2");
    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++)
        had[kind] = large_advertised(r, kind);
    for (enum large_kind off = LARGE_V1; off < LARGE_KINDS; off++) {
        if (!had[off] ||
            turn(r, off, NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED) != NDIS_STATUS_SUCCESS)
            continue;
        for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++) {
            if (had[kind] && kind != off)
                still_works(r, kind, off);
        }
        turn(r, off, NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED);
    }
    need(r, r->comparisons > 0, "more than one kind of large send, each with its switch");
}

/* ---- More than one NET_BUFFER --------------------------------------------------------------- */

/* Every frame's bytes are those of one of the two buffers, which differ in their source port. */
static void expect_not_across(struct rig *r, const struct rig_seen *seen, unsigned count,
                              const struct packet *k)
{
    for (unsigned i = 0; i < count; i++) {
        struct fields f;
        const struct packet *of;
        uint32_t at;

        fields_read(&seen[i], &f);
        of = &k[f.source_port == naive_get(k[1].bytes + k[1].l4, 2)];
        at = f.seq - naive_get(of->bytes + of->l4 + 4, 4);
        about_frame(r, &f, i, count);
        if (!expect(r,
                    at <= of->len - of->payload && f.end - f.payload <= of->len - of->payload - at,
                    "TCP data of the frame", "within its own NET_BUFFER",
                    "bytes %u to %u of a buffer with %u", at, at + f.end - f.payload,
                    of->len - of->payload))
            return;
        if (!expect_bytes(r, "TCP data of the frame, out of its own NET_BUFFER",
                          f.bytes + f.payload, of->bytes + of->payload + at, f.end - f.payload))
            return;
    }
}

static void one_of_version_2(struct rig *r, const struct large_asked *a)
{
    if (a->kind != LARGE_V1)
        expect_equal(r, "NET_BUFFERs in the protocol's NBL", a->nbl->net_buffers, 1);
}

CHECK("LSO2-15", a_second_net_buffer_is_not_cut_across)
{
    static struct rig_seen seen[64];
    static struct packet k[2];

    rig_open(r, NULL);
    need(r, large_version2(r), "large send version 2");
    for (enum large_kind kind = LARGE_V2_IP4; kind < LARGE_KINDS; kind++) {
        NET_BUFFER_LIST *nbl;
        unsigned n, told;

        if (!large_advertised(r, kind))
            continue;
        for (unsigned i = 0; i < 2; i++) {
            struct frame_recipe recipe = large_recipe(r, kind, 2600 + 700 * i);

            recipe.src_port = (uint16_t)(30000 + i);
            large_build(&k[i], kind, &recipe);
        }
        nbl = rig_nbl(r, k[0].bytes, k[0].len, NULL, 0);
        nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = large_ask(&k[0], kind, 1000);
        rig_add_nb(r, nbl, k[1].bytes, k[1].len);
        rig_excuse(r, "LSO2-15");
        rig_send(r, nbl, 1);
        told = rig_excuse(r, NULL);
        n = rig_wire_drain(r, seen, ARRAY_LEN(seen));
        about(r, "%s with two NET_BUFFERs", large_name(kind));
        expect_equal(r, "times that the checker names the protocol", told, 1);
        expect_not_across(r, seen, n, k);
    }
    large_protocol(r, one_of_version_2);
}

/* ---- Completion ----------------------------------------------------------------------------- */

static void expect_slot(struct rig *r, uintptr_t slot)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO s = {.Value = (void *)slot};

    expect_equal(r, "LsoV2TransmitComplete.Type", s.LsoV2TransmitComplete.Type,
                 NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE);
    expect_equal(r, "LsoV2TransmitComplete.Reserved", s.LsoV2TransmitComplete.Reserved, 0);
}

CHECK("LSO2-16", completed_with_its_type_and_nothing_else)
{
    rig_open(r, NULL);
    need(r, large_version2(r), "large send version 2");
    for (unsigned i = 0; i < 4; i++) {
        enum large_kind kind = i % 2 ? LARGE_V2_IP6 : LARGE_V2_IP4;
        struct frame_recipe recipe = large_recipe(r, kind, 1300 + 9000 * i);
        const struct cut *c = large_advertised(r, kind) ? large_try(r, kind, &recipe, 1000) : NULL;

        if (c)
            expect_slot(r, c->outcome.lso);
    }
}

/* Sends that wait with the driver, then a cancel: whichever way each of them ends. */
static void cancelled(struct rig *r, enum large_kind kind)
{
    enum { SENDS = 400 };
    struct frame_recipe recipe = large_recipe(r, kind, 2100);
    struct packet *k = large_template(kind, &recipe);
    static char id;
    unsigned before = r->main.completed_count;

    rig_stall(r);
    for (unsigned i = 0; i < SENDS; i++) {
        NET_BUFFER_LIST *nbl = rig_nbl(r, k->bytes, k->len, NULL, 0);

        nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = large_ask(k, kind, 1000);
        NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(nbl, &id);
        rig_send_only(r, nbl);
    }
    NdisCancelSendNetBufferLists(r->main.binding, &id);
    rig_unstall(r);
    if (!rig_wait(r, &r->main.completed_count, before + SENDS, RIG_SEND_SECONDS))
        cannot(r, "the sends did not come back");
    for (unsigned i = 0; i < SENDS; i++) {
        const struct rig_completed *c = &r->main.completed[(before + i) % RIG_RECORDS];

        about(r, "%s, completed with %s after a cancel", large_name(kind), status_name(c->status));
        if (c->status != NDIS_STATUS_SUCCESS)
            expect_slot(r, c->lso);
    }
    rig_forget(r);
}

CHECK("LSO2-17", sends_that_fail_complete_the_same_way)
{
    rig_open(r, NULL);
    need(r, large_version2(r), "large send version 2");
    for (enum large_kind kind = LARGE_V2_IP4; kind < LARGE_KINDS; kind++) {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);

        if (!large_advertised(r, kind))
            continue;
        cancelled(r, kind);
        for (unsigned i = 0; i < 3; i++) {
            struct packet *k = large_template(kind, &recipe);
            struct ask how = {.lso = ask_lso2(k->version, i == 0 ? 0 : 1000, k->l4 + (i == 1))};
            const struct cut *c;

            if (i == 2)
                turn(r, kind, NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED);
            c = large_any_way(r, k, kind, &how);
            if (c->outcome.status != NDIS_STATUS_SUCCESS)
                expect_slot(r, c->outcome.lso);
        }
    }
}

CHECK_NOT_SEEN("LSO2-18", no_byte_count,
               "what a layer above makes of a completion shows at none of its edges");

/* ---- Both versions -------------------------------------------------------------------------- */

enum { TURNS = 18, FIRST_PORT = 21000 };

static struct {
    NET_BUFFER_LIST *nbl[TURNS];
    enum large_kind kind[TURNS];
    uint32_t payload[TURNS];
    uint16_t id[TURNS];
    unsigned frames[TURNS];
} turns;

static NET_BUFFER_LIST *interleaved(struct rig *r)
{
    NET_BUFFER_LIST *first = NULL, **tail = &first;
    enum large_kind kind = LARGE_V2_IP6;

    for (unsigned i = 0; i < TURNS; i++) {
        struct frame_recipe recipe;
        struct packet *k;

        do
            kind = (kind + 1) % LARGE_KINDS;
        while (!large_advertised(r, kind));
        recipe = large_recipe(r, kind, 2130 + i * 150);
        recipe.ip_id = turns.id[i] = (uint16_t)(0x7ffd + i % 3);
        recipe.src_port = (uint16_t)(FIRST_PORT + i);
        k = large_template(kind, &recipe);
        turns.kind[i] = kind;
        turns.payload[i] = recipe.payload_len;
        turns.nbl[i] = *tail = rig_nbl(r, k->bytes, k->len, NULL, 0);
        (*tail)->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = large_ask(k, kind, 1000);
        tail = &(*tail)->Next;
    }
    return first;
}

static void expect_turn_frame(struct rig *r, const struct fields *f)
{
    unsigned i = (unsigned)(f->source_port - FIRST_PORT), n;
    uint32_t id;

    if (i >= TURNS)
        return;
    n = turns.frames[i]++;
    about(r, "send %u of both versions interleaved (%s), frame %u", i + 1,
          large_name(turns.kind[i]), n + 1);
    expect_equal(r, "IP length", f->ip_total, f->len - f->l3);
    id = (uint32_t)turns.id[i] + n;
    if (turns.kind[i] == LARGE_V2_IP4)
        expect_equal(r, "IPv4 Identification", f->ip_id, id & 0x7fff);
    if (turns.kind[i] == LARGE_V1 && f->ip_id != (id & 0x7fff))
        expect_equal(r, "IPv4 Identification", f->ip_id, id & 0xffff);
}

static void expect_turn_slot(struct rig *r, const struct rig_completed *c)
{
    unsigned i = 0;
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO s = {.Value = (void *)c->lso};

    while (i < TURNS && turns.nbl[i] != c->nbl)
        i++;
    if (i == TURNS)
        return;
    about(r, "send %u of both versions interleaved (%s), completed", i + 1,
          large_name(turns.kind[i]));
    if (turns.kind[i] != LARGE_V1) {
        expect_slot(r, c->lso);
        return;
    }
    expect_equal(r, "LsoV1TransmitComplete.TcpPayload", s.LsoV1TransmitComplete.TcpPayload,
                 turns.payload[i]);
    expect_equal(r, "LsoV1TransmitComplete.Type", s.LsoV1TransmitComplete.Type,
                 NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE);
}

CHECK("LSO2-20", each_version_by_its_own_rules)
{
    static struct rig_seen seen[256];
    unsigned count;

    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V1), "large send version 1");
    need(r, large_version2(r), "large send version 2");
    rig_send(r, interleaved(r), TURNS);
    count = rig_wire_drain(r, seen, ARRAY_LEN(seen));
    for (unsigned i = 0; i < count; i++) {
        struct fields f;

        fields_read(&seen[i], &f);
        about_bytes(r, f.bytes, f.len, f.l3, 20);
        expect_turn_frame(r, &f);
    }
    about_bytes(r, NULL, 0, 0, 0);
    for (unsigned i = 0; i < TURNS; i++)
        expect_turn_slot(r, &r->main.completed[i]);
}
