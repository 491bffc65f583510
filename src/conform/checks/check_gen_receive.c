/* SPDX-License-Identifier: MIT */
/* Receives: who owns an NBL and for how long, its shape, and the filter that lets it in. */
#include "conform/stack.h"
#include "conform/gen.h"
#include "conform/watch.h"

enum { LENT = 20, LATER = 600 /* more than buffers */, LOW_TRIES = 900 };

/* One after another, so that each is indicated by itself. False: one did not come. */
static bool arrive_one_by_one(struct rig *r, unsigned row, uint32_t first, unsigned count)
{
    for (uint32_t i = first; i < first + count; i++) {
        unsigned before = r->main.received_count;

        gen_arrive(r, row, i, 100);
        if (!rig_wait(r, &r->main.received_count, before + 1, GEN_SECONDS)) {
            expect(r, false, "frame", "indicated", "number %u is not", i);
            return false;
        }
    }
    return true;
}

static const uint8_t *start_of(const NET_BUFFER_LIST *nbl)
{
    const NET_BUFFER *nb = nbl->FirstNetBuffer;

    return (const uint8_t *)MmGetSystemAddressForMdlSafe(nb->CurrentMdl, NormalPagePriority) +
           nb->CurrentMdlOffset;
}

CHECK("GEN-20", lent_frames_stay_as_they_are)
{
    static NET_BUFFER was[LENT];
    unsigned n = 0, held;
    NET_BUFFER_LIST *nbl;

    rig_open(r, NULL);
    r->main.hold_receives = true;
    if (!arrive_one_by_one(r, 20, 0, LENT))
        return;
    held = r->main.held_count;
    need(r, held > 0, "receive indications that lend NBLs");
    for (nbl = r->main.held; nbl; nbl = nbl->Next)
        was[n++] = *nbl->FirstNetBuffer;
    r->main.hold_receives = false;
    for (unsigned i = LENT; i < LENT + LATER; i++) {
        gen_arrive(r, 20, i, 300);
        if (i % 50 == 0)
            rig_wait(r, &r->main.received_count, i + 1, GEN_SECONDS);
    }
    rig_wait(r, &r->main.received_count, LENT + LATER, GEN_SECONDS);
    n = 0;
    for (nbl = r->main.held; nbl; nbl = nbl->Next, n++) {
        const NET_BUFFER *nb = nbl->FirstNetBuffer;

        about(r, "lent NBL %u of %u, after %u more frames", n + 1, held, LATER);
        if (!expect(r, memcmp(nb, &was[n], offsetof(NET_BUFFER, NdisPoolHandle)) == 0, "NET_BUFFER",
                    "as it was indicated", "changed") ||
            nb->DataLength > MmGetMdlByteCount(nb->CurrentMdl) - nb->CurrentMdlOffset)
            continue;
        expect_bytes(r, "data", start_of(nbl), r->main.received[n].data, r->main.received[n].len);
    }
    expect_equal(r, "lent NBLs", n, held);
    rig_return_held(r);
}

/* NBLs that the driver's return handler got until now. */
static unsigned returned(void)
{
    const struct trace_entry *e;
    unsigned n = 0;

    for (unsigned at = 0; (e = trace_find(at, TRACE_RETURN)) != NULL; at = trace_index(e) + 1)
        n += e->nbls;
    return n;
}

static unsigned shown_only(const struct rig *r)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->main.received_count && i < RIG_RECORDS; i++)
        n += (r->main.received[i].flags & NDIS_RECEIVE_FLAGS_RESOURCES) != 0;
    return n;
}

/* Frames arrive and are kept until the driver has few buffers left; and the overlying protocol is
 * shown frames that another one owns. */
CHECK("GEN-21", shown_frames_are_not_returned)
{
    unsigned shown = 0, held;
    unsigned i;

    rig_prepare(r, &(struct rig_config){.no_bind = true});
    trace_begin(r);
    rig_start(r);
    stack_bind(r);
    rig_bind(r);
    about(r, "frames that two protocols get");
    r->main.hold_receives = true;
    for (i = 0; i < LOW_TRIES && shown < 5; i++) {
        if (!arrive_one_by_one(r, 21, i, 1))
            return;
        shown = shown_only(r);
    }
    held = r->main.held_count;
    note(r, "%u frames lent, %u shown with NDIS_RECEIVE_FLAGS_RESOURCES", held, shown);
    expect_equal(r, "NBLs lent or shown", held + shown, i);
    expect_equal(r, "NBLs that the return handler got", returned(), 0);
    rig_return_held(r);
    expect_equal(r, "NBLs that the return handler got, once the lent ones were returned",
                 returned(), held);
    stack_unbind(r);
}

/* The runtime watches that none is returned twice, and waits for those that are not. */
CHECK("GEN-22", lent_frames_come_back_once)
{
    struct ndis_adapter_info info;
    const struct stack_frame *up;
    struct gen_task pause;

    rig_prepare(r, NULL);
    trace_begin(r);
    rig_start(r);
    rig_need_wire(r);
    about(r, "30 frames for two protocols");
    rig_bind_other(r);
    protocol_set(&r->other, OID_GEN_CURRENT_PACKET_FILTER, &(ULONG){NDIS_PACKET_TYPE_DIRECTED},
                 sizeof(ULONG));
    if (!arrive_one_by_one(r, 22, 0, 30))
        return;
    rig_wait(r, &r->other.received_count, 30, GEN_SECONDS);
    expect_equal(r, "frames at the other protocol", r->other.received_count, 30);
    ndis_adapter_disconnect(r->adapter, r->other.name);
    about(r, "frames that a protocol keeps while it is paused");
    r->main.hold_receives = true;
    if (!arrive_one_by_one(r, 22, 30, 5))
        return;
    gen_begin(r, &pause, ndis_adapter_pause);
    gen_quiet(r, 0.02);
    if (r->main.held_count)
        expect_equal(r, "pause ended before they came back", pause.done, 0);
    rig_return_held(r);
    r->main.hold_receives = false;
    if (!gen_end(r, &pause) || ndis_adapter_restart(r->adapter) != NDIS_STATUS_SUCCESS)
        return;
    about(r, "a frame for the overlying protocol");
    ndis_adapter_disconnect(r->adapter, r->main.name);
    stack_bind(r);
    up = stack_arrive(r, gen_packet_in(r, 22, 1, 100)->bytes, 142, GEN_SECONDS);
    expect(r, up != NULL, "frame", "reaches Linux", "it does not");
    stack_unbind(r);
    about(r, "in the end");
    ndis_adapter_info(r->adapter, &info);
    expect_equal(r, "NBLs that came back", info.rx_returned, info.rx_nbls);
}

/* The runtime looks at each indication as it is made; what two NBs or a wrong count would do to the
 * protocol is mended there. */
CHECK("GEN-23", indications_have_their_shape)
{
    rig_open(r, NULL);
    rig_need_wire(r);
    rig_stall(r);
    for (uint32_t i = 0; i < 40; i++)
        gen_arrive(r, 23, i, 100 + i * 30);
    rig_unstall(r);
    rig_wait(r, &r->main.received_count, 40, GEN_SECONDS);
    about(r, "40 frames at once");
    expect_equal(r, "frames indicated", r->main.received_count, 40);
    for (unsigned i = 0; i < MIN_OF(r->main.received_count, 40u); i++) {
        const struct rig_received *d = &r->main.received[i];

        expect_equal(r, "NET_BUFFERs of an NBL", d->net_buffers, 1);
        expect_equal(r, "bytes of the frame", d->len, 42 + 100 + i * 30);
    }
}

/* ---- The packet filter ---------------------------------------------------------------------- */

static void send_three(struct rig *r, uint32_t first)
{
    for (uint32_t i = 0; i < 3; i++)
        gen_arrive(r, 30, first + i, 100);
}

/* Three frames for the adapter: how many the driver indicates, whoever wants them. */
static unsigned indicated_meanwhile(struct rig *r)
{
    unsigned at = watch_count(), n = 0;

    send_three(r, 0);
    gen_quiet(r, 0.03);
    for (int i = (int)at; (i = watch_find((unsigned)i, WATCH_RECEIVE, 0)) >= 0; i++)
        n += watch_at((unsigned)i)->nbls;
    return n;
}

/* The same for three numbered ones that somebody wants; earlier ones may come now, too. */
static bool third_arrives(struct rig *r, uint32_t first)
{
    unsigned at = r->main.received_count;

    send_three(r, first);
    for (; rig_wait(r, &r->main.received_count, at + 1, GEN_SECONDS); at++) {
        const struct rig_received *d = &r->main.received[at % RIG_RECORDS];

        if (gen_number(d->data, d->len, 30) == first + 2)
            return true;
    }
    return false;
}

CHECK("GEN-30", no_frames_without_a_filter)
{
    rig_open(r, &(struct rig_config){.no_filter = true});
    rig_need_wire(r);
    for (unsigned round = 0; round < 3; round++) {
        about(r, round ? "the filter is 0 again" : "no protocol has set a filter");
        expect_equal(r, "frames indicated", indicated_meanwhile(r), 0);
        about(r, "the filter is NDIS_PACKET_TYPE_DIRECTED");
        expect_code(r, "set", rig_set_filter(r, NDIS_PACKET_TYPE_DIRECTED), NDIS_STATUS_SUCCESS);
        expect(r, third_arrives(r, 10 * round + 10), "frames", "indicated", "the third is not");
        expect_code(r, "set to 0", rig_set_filter(r, 0), NDIS_STATUS_SUCCESS);
    }
}
