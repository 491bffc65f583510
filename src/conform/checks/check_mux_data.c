/* SPDX-License-Identifier: MIT */
/* The data path of an intermediate driver: order, out-of-band data, what is given back, resets. */
#include "conform/large.h"
#include "conform/mux.h"

#include "ndis/adapter.h"

enum { FLOWS = 8, EACH = 20, MSS = 1000, PAYLOAD = 5000 };

/* ---- Order ---------------------------------------------------------------------------------- */

static NET_BUFFER_LIST *chain_of_flows(struct rig *r, unsigned count)
{
    NET_BUFFER_LIST *first = NULL, **end = &first;
    static struct packet k;

    for (unsigned i = 0; i < count; i++) {
        mux_frame(r, &k, false, i % FLOWS, i / FLOWS + 1);
        *end = rig_nbl(r, k.bytes, k.len, NULL, 0);
        end = &(*end)->Next;
    }
    return first;
}

static void expect_flows_in_order(struct rig *r)
{
    unsigned wires[FLOWS] = {0}, frames = 0, astray = 0, overtaken = 0;
    uint32_t last[FLOWS] = {0}, number, len;
    static uint8_t frame[RIG_FRAME];
    unsigned flow;

    for (unsigned i = 0; i < r->card_count; i++) {
        while ((len = rig_member_read(r, i, frame, sizeof frame, 0)) != 0) {
            if (!mux_frame_read(frame, len, &flow, &number) || flow >= FLOWS)
                continue;
            frames++;
            overtaken += number < last[flow];
            last[flow] = number;
            wires[flow] |= 1u << i;
        }
    }
    for (unsigned i = 0; i < FLOWS; i++)
        astray += (wires[i] & (wires[i] - 1)) != 0;
    expect_equal(r, "frames on the wires", frames, FLOWS * EACH);
    expect_equal(r, "frames overtaken in their flow", overtaken, 0);
    expect_equal(r, "flows on more than one wire", astray, 0);
}

CHECK("MUX-20", a_flow_keeps_its_order_and_its_member)
{
    rig_need_members(r, 2);
    rig_open(r, &(struct rig_config){.keywords = mux_spread});
    about(r, "a chain of %d frames of %d flows", FLOWS * EACH, FLOWS);
    rig_send(r, chain_of_flows(r, FLOWS * EACH), FLOWS * EACH);
    expect_flows_in_order(r);
    for (unsigned i = 0; i < FLOWS * EACH; i++)
        mux_send(r, i % FLOWS, i / FLOWS + 1);
    about(r, "the same one by one");
    expect_flows_in_order(r);
}

/* ---- Out-of-band data ----------------------------------------------------------------------- */

static bool tags_offered(void)
{
    const ULONG both = NDIS_MAC_OPTION_8021P_PRIORITY | NDIS_MAC_OPTION_8021Q_VLAN;

    return (watch_attributes()->general.MacOptions & both) == both;
}

CHECK("MUX-17", out_of_band_data_goes_down)
{
    static const enum _NDIS_NET_BUFFER_LIST_INFO slots[] = {
        TcpIpChecksumNetBufferListInfo, Ieee8021QNetBufferListInfo, NetBufferListCancelId};
    static const char *const names[] = {"TcpIpChecksumNetBufferListInfo",
                                        "Ieee8021QNetBufferListInfo", "NetBufferListCancelId"};
    uintptr_t want[MaxNetBufferListInfo];
    struct mux_seen *seen;
    static struct packet k;
    NET_BUFFER_LIST *nbl;
    static int id;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    need(r, rig_offload(r).current.Checksum.IPv4Transmit.UdpChecksum == NDIS_OFFLOAD_SUPPORTED,
         "transmit checksums");
    seen = mux_watch(r, 0);
    mux_frame(r, &k, false, 1, 1);
    packet_unfinish(&k);
    nbl = rig_nbl(r, k.bytes, k.len, NULL, 0);
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = ask_checksum(&k, ASK_IP | ASK_UDP);
    if (tags_offered())
        nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] = ask_tag(5, 7);
    NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(nbl, &id);
    for (unsigned i = 0; i < MaxNetBufferListInfo; i++)
        want[i] = (uintptr_t)nbl->NetBufferListInfo[i];
    rig_send(r, nbl, 1);
    about(r, "an NBL with checksums asked, a tag and a cancel id, at the member");
    for (unsigned i = 0; seen[0].sends && i < ARRAY_LEN(slots); i++)
        expect_equal(r, names[i], seen[0].oob[slots[i]], want[slots[i]]);
    expect_equal(r, "NBLs at the members", seen[0].sends + seen[1].sends, 1);
}

CHECK("MUX-18", the_members_large_send_result_comes_up)
{
    rig_need_members(r, 2);
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe f = large_recipe(r, kind, PAYLOAD);
        struct packet *k = large_template(kind, &f);
        struct ask a = {.lso = large_ask(k, kind, MSS)};
        struct outcome o = packet_send(r, k, &a);
        NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q = {.Value = (void *)o.lso};

        about(r, "%s of %d bytes through a member", large_name(kind), PAYLOAD);
        if (!expect_code(r, "status", o.status, NDIS_STATUS_SUCCESS))
            continue;
        expect_equal(r, "Type (0: version 1, 1: version 2)", q.Transmit.Type, kind != LARGE_V1);
        if (kind == LARGE_V1)
            expect_equal(r, "TcpPayload", q.LsoV1TransmitComplete.TcpPayload, PAYLOAD);
        else
            expect_equal(r, "Reserved", q.LsoV2TransmitComplete.Reserved, 0);
    }
}

static uintptr_t slot_at(struct rig *r, unsigned slot)
{
    const struct rig_received *d;
    static struct packet k;

    mux_frame(r, &k, true, 1, 1);
    d = rig_arrive(r, k.bytes, k.len);
    if (!d)
        cannot(r, "the frame is not indicated");
    return d->oob[slot];
}

CHECK("MUX-19", receive_results_as_far_as_offered)
{
    enum { UDP_BITS = 0x12 };
    uintptr_t verdict;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    need(r, rig_offload(r).current.Checksum.IPv4Receive.UdpChecksum == NDIS_OFFLOAD_SUPPORTED,
         "receive checksums");
    about(r, "a UDP packet that the member has checked");
    verdict = slot_at(r, TcpIpChecksumNetBufferListInfo);
    expect(r, verdict & UDP_BITS, "checksum slot", "a result for UDP", "0x%x", (unsigned)verdict);
    rig_reopen(
        r, &(struct rig_config){.member_withhold = {NULL, MUX_NO_OFFLOAD}, .keywords = mux_spread});
    if (rig_offload(r).current.Checksum.IPv4Receive.UdpChecksum == NDIS_OFFLOAD_SUPPORTED)
        return; /* the members are not in use together */
    about(r, "the same where the team does not offer it, but the member does");
    expect_equal(r, "checksum slot", slot_at(r, TcpIpChecksumNetBufferListInfo), 0);
}

/* ---- Given back ----------------------------------------------------------------------------- */

struct shape { /* of an NBL that is ours */
    const void *source;
    MDL *mdl[4];
    struct {
        const NET_BUFFER *nb;
        MDL *first, *current;
        ULONG current_offset, offset, length;
    } part[3];
    unsigned parts;
};

static struct shape shape_of(NET_BUFFER_LIST *nbl)
{
    struct shape s = {.source = nbl->SourceHandle};
    unsigned i = 0;

    for (MDL *m = nbl->FirstNetBuffer->MdlChain; m && i < ARRAY_LEN(s.mdl); m = m->Next)
        s.mdl[i++] = m;
    for (NET_BUFFER *nb = nbl->FirstNetBuffer; nb && s.parts < 3; nb = nb->Next, s.parts++) {
        s.part[s.parts].nb = nb;
        s.part[s.parts].first = nb->MdlChain;
        s.part[s.parts].current = nb->CurrentMdl;
        s.part[s.parts].current_offset = nb->CurrentMdlOffset;
        s.part[s.parts].offset = nb->DataOffset;
        s.part[s.parts].length = nb->DataLength;
    }
    return s;
}

static NET_BUFFER_LIST *odd_nbl(struct rig *r, unsigned number)
{
    static const uint32_t splits[] = {15, 21, 0};
    static struct packet k;
    NET_BUFFER_LIST *nbl;

    mux_frame(r, &k, false, 1, number);
    nbl = rig_nbl(r, k.bytes, k.len, splits, 40);
    nbl->SourceHandle = r->main.binding;
    rig_add_nb(r, nbl, k.bytes, k.len);
    return nbl;
}

CHECK("MUX-21", what_is_given_back_is_as_it_was)
{
    rig_need_members(r, 2);
    rig_open(r, NULL);
    for (unsigned fails = 0; fails < 2; fails++) {
        NET_BUFFER_LIST *nbl = odd_nbl(r, fails);
        struct shape before = shape_of(nbl), after;

        for (unsigned i = 0; fails && i < r->card_count; i++)
            rig_member_link(r, i, false);
        about(r, "an NBL of three MDLs and two NET_BUFFERs, %s",
              fails ? "with every link down" : "sent by a member");
        rig_send(r, nbl, 1);
        after = shape_of(nbl);
        expect(r, after.source == before.source, "SourceHandle", "the sender's binding", "another");
        expect(r, memcmp(after.mdl, before.mdl, sizeof after.mdl) == 0, "MDL chain", "as it was",
               "not");
        expect(r, memcmp(after.part, before.part, sizeof after.part) == 0,
               "NET_BUFFERs and data offsets", "as they were", "not");
    }
}

/* ---- Cancel --------------------------------------------------------------------------------- */

static unsigned completed_as(const struct rig *r, unsigned from, NDIS_STATUS status)
{
    unsigned n = 0;

    for (unsigned i = from; i < r->main.completed_count; i++)
        n += r->main.completed[i % RIG_RECORDS].status == status;
    return n;
}

static _Atomic(unsigned) cancels;
static MINIPORT_CANCEL_SEND_HANDLER real_cancel;
static void *cancelled_id;

static VOID NTAPI CountedCancelSend(NDIS_HANDLE context, PVOID id)
{
    cancels += id == cancelled_id;
    real_cancel(context, id);
}

CHECK("MUX-22", cancel_goes_down_and_each_completes_once)
{
    static int ours, others;
    NET_BUFFER_LIST *chain;
    struct ndis_driver *d;
    unsigned from;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    d = r->card[0].adapter->driver;
    real_cancel = d->chars.CancelSendHandler;
    cancelled_id = &ours;
    d->chars.CancelSendHandler = CountedCancelSend;
    from = r->main.completed_count;
    mux_reset_begins(r, 0); /* sends for it are held */
    chain = chain_of_flows(r, 3);
    NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(chain, &others);
    NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(chain->Next, &ours);
    rig_send_only(r, chain);
    NdisCancelSendNetBufferLists(r->main.binding, &ours);
    mux_reset_ends(r, 0, NDIS_STATUS_SUCCESS);
    rig_wait(r, &r->main.completed_count, from + 3, 2);
    mux_send(r, 1, 9);
    about(r, "three sends while the member resets, one cancelled by its id");
    expect_equal(r, "completions, with one behind them", r->main.completed_count - from, 4);
    expect_between(r, "of those with NDIS_STATUS_SEND_ABORTED",
                   completed_as(r, from, NDIS_STATUS_SEND_ABORTED), 0, 1);
    expect(r, cancels >= 1, "MiniportCancelSend of the member in use", "called with that id",
           "not");
    d->chars.CancelSendHandler = real_cancel;
}

/* ---- Resets --------------------------------------------------------------------------------- */

static unsigned frames_on(struct rig *r, unsigned card)
{
    unsigned bad = 0;

    return mux_wire(r, card, 0.02, &bad);
}

CHECK("MUX-23", sends_wait_while_a_member_resets)
{
    struct mux_seen *seen;
    static struct packet k;
    unsigned from;

    rig_need_members(r, 2);
    rig_open(r, NULL);
    about(r, "the driver's own handlers");
    expect(r, !r->adapter->driver->chars.ResetHandlerEx, "ResetHandlerEx", "none", "there is one");
    expect(r, !r->adapter->driver->chars.CheckForHangHandlerEx, "CheckForHangHandlerEx", "none",
           "there is one");
    seen = mux_watch(r, 0);
    from = r->main.completed_count;
    mux_reset_begins(r, 0);
    mux_frame(r, &k, false, 1, 1);
    rig_send_only(r, rig_nbl(r, k.bytes, k.len, NULL, 0));
    about(r, "a send while the member resets");
    expect_equal(r, "NBLs at that member", seen[0].sends, 0);
    mux_reset_ends(r, 0, NDIS_STATUS_SUCCESS);
    rig_wait(r, &r->main.completed_count, from + 1, 2);
    about(r, "a send while the member resets, after the reset");
    expect_equal(r, "completions with success", completed_as(r, from, NDIS_STATUS_SUCCESS), 1);
    expect_equal(r, "frames on the wires", frames_on(r, 0) + frames_on(r, 1), 1);
    from = r->main.completed_count;
    rig_stall(r); /* the card has it, but cannot say so: the reset throws it back */
    rig_send_only(r, rig_nbl(r, k.bytes, k.len, NULL, 0));
    ndis_adapter_reset(r->card[0].adapter);
    rig_unstall(r);
    rig_wait(r, &r->main.completed_count, from + 1, 2);
    about(r, "a send that the reset throws back");
    expect_equal(r, "completions", r->main.completed_count - from, 1);
    expect_equal(r, "of these with success", completed_as(r, from, NDIS_STATUS_SUCCESS), 1);
}
