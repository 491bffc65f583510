/* SPDX-License-Identifier: MIT */
/* Members and their team: traffic, views, what goes down. */
#include "conform/mux.h"

#include "ndis/private.h" /* indications in a member's name */

const char *const mux_spread[] = {"TeamPolicy", "1", NULL};

void mux_open_uneven(struct rig *r, const char *const *keywords)
{
    rig_need_members(r, 2);
    rig_open(r,
             &(struct rig_config){.member_withhold = {NULL, MUX_NO_OFFLOAD}, .keywords = keywords});
}

/* ---- Traffic -------------------------------------------------------------------------------- */

enum { FLOW_PORT = 1000, FLOWS_TRIED = 16, PAYLOAD = 32, NUMBER_AT = MUX_FRAME - 4 };

void mux_frame(const struct rig *r, struct packet *k, bool inbound, unsigned flow, uint32_t number)
{
    struct frame_recipe f =
        inbound ? packet_recipe_in(r, 4, 17, PAYLOAD) : packet_recipe(r, 4, 17, PAYLOAD);
    uint8_t payload[PAYLOAD] = {0};

    memcpy(payload + PAYLOAD - 4, &number, 4);
    f.payload = payload;
    f.src_port = (uint16_t)(FLOW_PORT + flow);
    packet_build(k, &f);
}

bool mux_frame_read(const uint8_t *frame, uint32_t len, unsigned *flow, uint32_t *number)
{
    struct rig_seen seen = {(uint8_t *)(uintptr_t)frame, len};
    struct fields f;

    if (len != MUX_FRAME || !fields_read(&seen, &f) || f.proto != 17 || f.source_port < FLOW_PORT)
        return false;
    *flow = f.source_port - FLOW_PORT;
    memcpy(number, frame + NUMBER_AT, 4);
    return true;
}

NDIS_STATUS mux_send(struct rig *r, unsigned flow, uint32_t number)
{
    static struct packet k;

    mux_frame(r, &k, false, flow, number);
    return packet_send(r, &k, NULL).status;
}

unsigned mux_wire(struct rig *r, unsigned card, double seconds, unsigned *bad)
{
    static uint8_t frame[RIG_FRAME];
    struct fields f;
    unsigned count = 0;
    uint32_t len;

    while ((len = rig_member_read(r, card, frame, sizeof frame, seconds)) != 0) {
        struct rig_seen seen = {frame, len};

        count++;
        *bad += len > ETH_LEN + 1500 ||
                (fields_read(&seen, &f) && (!f.transport_good || (f.version == 4 && !f.ip_good)));
    }
    return count;
}

unsigned mux_in_use(struct rig *r)
{
    unsigned used = 0, bad = 0;

    for (unsigned i = 0; i < r->card_count; i++)
        mux_wire(r, i, 0, &bad);
    for (unsigned flow = 0; flow < FLOWS_TRIED; flow++)
        mux_send(r, flow, flow);
    for (unsigned i = 0; i < r->card_count; i++) {
        if (mux_wire(r, i, 0, &bad))
            used |= 1u << i;
    }
    return used;
}

/* ---- Views ---------------------------------------------------------------------------------- */

static bool is_on(const struct view_member *m)
{
    return m->value == NDIS_OFFLOAD_SUPPORTED;
}

/* Encapsulation is a mask; of the sizes the least counts, of the counts the greatest. */
static uint32_t both(const struct view_member *a, const struct view_member *b)
{
    if (a->kind != VIEW_NUMBER)
        return is_on(a) && is_on(b) ? NDIS_OFFLOAD_SUPPORTED : NDIS_OFFLOAD_NOT_SUPPORTED;
    if (strcmp(a->name, "MaxOffLoadSize") == 0)
        return MIN_OF(a->value, b->value);
    if (strcmp(a->name, "MinSegmentCount") == 0)
        return MAX_OF(a->value, b->value);
    return a->value & b->value;
}

static void common_view(const struct rig *r, unsigned cards, bool hardware, struct view *out)
{
    bool first = true;

    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < r->card_count; i++) {
        struct ndis_offload_state s = rig_member_offload(r, i);
        struct view v;

        if (!(cards & 1u << i))
            continue;
        view_of(hardware ? &s.hardware : &s.current, &v);
        for (unsigned p = 0; !first && p < VIEW_PARTS; p++) {
            for (unsigned m = 0; m < v.part[p].count; m++)
                v.part[p].member[m].value = both(&out->part[p].member[m], &v.part[p].member[m]);
        }
        *out = v;
        first = false;
    }
}

/* The first member in which they differ; of parts that list nothing nothing else counts. */
static bool find_difference(const struct view *got, const struct view *want, unsigned *part,
                            unsigned *member)
{
    for (*part = 0; *part < VIEW_PARTS; ++*part) {
        const struct view_part *g = &got->part[*part], *w = &want->part[*part];

        *member = 0;
        if (*part == VIEW_IPSEC || (!view_lists(g) && !view_lists(w)))
            continue;
        for (; *member < w->count; ++*member) {
            bool same = w->member[*member].kind == VIEW_NUMBER
                            ? g->member[*member].value == w->member[*member].value
                            : is_on(&g->member[*member]) == is_on(&w->member[*member]);

            if (!same)
                return true;
        }
    }
    return false;
}

void expect_common(struct rig *r, const char *what, const NDIS_OFFLOAD *team, unsigned cards,
                   bool hardware)
{
    unsigned part = 0, member = 0;
    struct view got, want;

    view_of(team, &got);
    common_view(r, cards, hardware, &want);
    if (find_difference(&got, &want, &part, &member))
        expect(r, false, view_name(&want.part[part], member),
               "what the members in use have in common", "%s: %u, where they have %u", what,
               got.part[part].member[member].value, want.part[part].member[member].value);
    else
        expect(r, true, what, "", " ");
}

bool mux_common_differs(struct rig *r, const NDIS_OFFLOAD *team, unsigned cards, bool hardware)
{
    unsigned part = 0, member = 0;
    struct view got, want;

    view_of(team, &got);
    common_view(r, cards, hardware, &want);
    return find_difference(&got, &want, &part, &member);
}

/* ---- In a member's name --------------------------------------------------------------------- */

static NDIS_STATUS_INDICATION indication(const struct rig *r, unsigned card, NDIS_STATUS code,
                                         void *buffer, ULONG bytes)
{
    return (NDIS_STATUS_INDICATION){.Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION,
                                               NDIS_STATUS_INDICATION_REVISION_1,
                                               NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
                                    .SourceHandle = r->card[card].adapter,
                                    .StatusCode = code,
                                    .StatusBuffer = buffer,
                                    .StatusBufferSize = bytes};
}

void mux_indicate(struct rig *r, unsigned card, NDIS_STATUS code, void *buffer, ULONG bytes)
{
    NDIS_STATUS_INDICATION s = indication(r, card, code, buffer, bytes);

    ndis_bindings_status(r->card[card].adapter, &s);
}

void mux_report(struct rig *r, unsigned card, const NDIS_OFFLOAD *current)
{
    NDIS_OFFLOAD copy = *current;
    NDIS_STATUS_INDICATION s = indication(r, card, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &copy,
                                          NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);

    NdisMIndicateStatusEx(r->card[card].adapter, &s);
}

void mux_reset_begins(struct rig *r, unsigned card)
{
    mux_indicate(r, card, NDIS_STATUS_RESET_START, NULL, 0);
}

void mux_reset_ends(struct rig *r, unsigned card, NDIS_STATUS outcome)
{
    mux_indicate(r, card, NDIS_STATUS_RESET_END, &outcome, sizeof outcome);
}

/* ---- What reaches members ------------------------------------------------------------------- */

static struct mux_seen seen_at[RIG_CARDS];
static struct rig *watched;
static _Atomic(NDIS_OID) wanted_oid;

static struct mux_seen *seen_of(const struct ndis_adapter *a)
{
    for (unsigned i = 0; i < watched->card_count; i++) {
        if (watched->card[i].adapter == a)
            return &seen_at[i];
    }
    return NULL;
}

/* Our templates have a TCP header of 20 bytes. */
static bool is_beyond(const NDIS_OFFLOAD *o, const NET_BUFFER_LIST *nbl)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q = {
        .Value = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo]};
    ULONG mss = q.LsoV2Transmit.MSS, max, least, encapsulation, bytes;

    bytes = nbl->FirstNetBuffer->DataLength - q.LsoV2Transmit.TcpHeaderOffset - 20;
    if (q.Transmit.Type != NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE) {
        encapsulation = o->LsoV1.IPv4.Encapsulation;
        max = o->LsoV1.IPv4.MaxOffLoadSize;
        least = o->LsoV1.IPv4.MinSegmentCount;
    } else if (q.LsoV2Transmit.IPVersion == NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6) {
        encapsulation = o->LsoV2.IPv6.Encapsulation;
        max = o->LsoV2.IPv6.MaxOffLoadSize;
        least = o->LsoV2.IPv6.MinSegmentCount;
    } else {
        encapsulation = o->LsoV2.IPv4.Encapsulation;
        max = o->LsoV2.IPv4.MaxOffLoadSize;
        least = o->LsoV2.IPv4.MinSegmentCount;
    }
    return !encapsulation || bytes > max || (least && bytes <= (least - 1) * mss);
}

static bool is_announcement(NET_BUFFER_LIST *nbl)
{
    uint8_t storage[ETH_LEN];
    const uint8_t *header = NdisGetDataBuffer(nbl->FirstNetBuffer, ETH_LEN, storage, 1, 0);

    return header && rig_announces(watched, header);
}

static void on_send(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first)
{
    struct mux_seen *s = seen_of(a);
    struct ndis_offload_state state;

    (void)arg;
    ndis_adapter_offload(a, &state);
    for (; s && first; first = first->Next) {
        bool large = first->NetBufferListInfo[TcpLargeSendNetBufferListInfo] != NULL;

        if (is_announcement(first))
            continue;
        s->sends++;
        s->asking += large || first->NetBufferListInfo[TcpIpChecksumNetBufferListInfo];
        s->large_wrong += large && is_beyond(&state.current, first);
        for (unsigned i = 0; i < MaxNetBufferListInfo; i++)
            s->oob[i] = (uintptr_t)first->NetBufferListInfo[i];
        s->source = first->SourceHandle;
    }
}

static void on_oid(void *arg, struct ndis_adapter *a, const NDIS_OID_REQUEST *q, NDIS_STATUS status,
                   bool reached)
{
    NDIS_OID oid = q->DATA.SET_INFORMATION.Oid;
    struct mux_seen *s = seen_of(a);

    (void)arg, (void)status;
    if (!s)
        return;
    s->polls +=
        oid == OID_TCP_OFFLOAD_CURRENT_CONFIG || oid == OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES;
    if (!reached || oid != wanted_oid)
        return;
    s->sets += q->RequestType == NdisRequestSetInformation;
    s->queries += q->RequestType == NdisRequestQueryInformation;
    s->request = q;
}

static const struct ndis_observer observer = {.send = on_send, .oid = on_oid};

struct mux_seen *mux_watch(struct rig *r, NDIS_OID oid)
{
    watched = r;
    wanted_oid = oid;
    memset(seen_at, 0, sizeof seen_at);
    watch_members(&observer);
    return seen_at;
}

struct mux_seen *mux_seen(unsigned card)
{
    return &seen_at[card];
}
