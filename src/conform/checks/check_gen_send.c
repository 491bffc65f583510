/* SPDX-License-Identifier: MIT */
/* Sends: each comes back once, as it was, with the status that fits; they leave in order. */
#include "conform/gen.h"

enum { MANY = 1000, LONGEST_QUEUE = 256 /* NIC_DEFAULT_QUEUE_SIZE */ };

static void expect_all(struct rig *r, unsigned from, unsigned count, NDIS_STATUS want)
{
    for (unsigned i = from; i < from + count; i++) {
        if (!expect_code(r, "NBL status", r->main.completed[i % RIG_RECORDS].status, want))
            break;
    }
}

/* Exactly the numbers first, first + 1, ... */
static void expect_in_order(struct rig *r, unsigned row, uint32_t first, unsigned count)
{
    static uint32_t numbers[4096];
    unsigned n = gen_left(r, row, numbers, ARRAY_LEN(numbers));

    if (!rig_has_wire(r))
        return;
    expect_equal(r, "frames that left", n, count);
    for (unsigned i = 0; i < MIN_OF(n, count); i++) {
        if (!expect_equal(r, "number of the frame", numbers[i], first + i))
            break;
    }
}

CHECK("GEN-11", each_send_completes_once)
{
    static bool seen[RIG_RECORDS];
    NET_BUFFER_LIST *sent[60] = {NULL};
    unsigned n = 0;

    rig_open(r, NULL);
    for (NET_BUFFER_LIST *nbl = gen_chain(r, 11, 0, 30, 200), *next; nbl; nbl = next) {
        next = nbl->Next;
        sent[n++] = nbl;
    }
    rig_send_only(r, sent[0]);
    for (; n < ARRAY_LEN(sent); n++) {
        sent[n] = gen_nbl(r, 11, n, 200);
        rig_send_only(r, sent[n]);
    }
    about(r, "30 NBLs in one call, 30 in calls of their own");
    if (!expect(r, rig_wait(r, &r->main.completed_count, n, GEN_SECONDS), "completions", "60", "%u",
                r->main.completed_count))
        gen_hurry(r, 0.02); /* the end need not wait for it, too */
    gen_quiet(r, 0.01);
    expect_equal(r, "completions", r->main.completed_count, n);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned c = 0; c < MIN_OF(r->main.completed_count, (unsigned)RIG_RECORDS); c++) {
            if (r->main.completed[c].nbl != sent[i] || seen[c])
                continue;
            seen[c] = true;
            break;
        }
    }
    for (unsigned c = 0; c < n; c++)
        expect(r, seen[c], "completion", "of an NBL that was sent", "number %u is not", c);
}

/* Whatever its length, the bytes begin as a packet of the row. */
static NET_BUFFER_LIST *too_long(struct rig *r, unsigned row, uint32_t number)
{
    struct ndis_adapter_info info;

    ndis_adapter_info(r->adapter, &info);
    return gen_nbl(r, row, number, info.mtu + 1 - 28);
}

static bool is_fit(NDIS_STATUS s)
{
    static const NDIS_STATUS fit[] = {NDIS_STATUS_FAILURE,        NDIS_STATUS_INVALID_LENGTH,
                                      NDIS_STATUS_RESOURCES,      NDIS_STATUS_PAUSED,
                                      NDIS_STATUS_SEND_ABORTED,   NDIS_STATUS_RESET_IN_PROGRESS,
                                      NDIS_STATUS_REQUEST_ABORTED};

    for (unsigned i = 0; i < ARRAY_LEN(fit); i++) {
        if (s == fit[i])
            return true;
    }
    return false;
}

/* Each status is right, and a failure stays with its NBL. What the runtime mends before the
 * protocol sees it (NDIS_STATUS_PENDING) it reports itself. */
CHECK("GEN-12", each_send_has_its_own_status)
{
    NET_BUFFER_LIST *good, *bad;

    rig_open(r, NULL);
    good = gen_chain(r, 12, 0, 2, 100);
    bad = too_long(r, 12, 9);
    bad->Next = good->Next;
    good->Next = bad;
    about(r, "three NBLs, the second longer than the MTU allows");
    if (!rig_send(r, good, 3))
        return;
    for (unsigned i = 0; i < 3; i++) {
        const struct rig_completed *c = &r->main.completed[i];

        if (c->nbl == bad)
            expect(r, c->status == NDIS_STATUS_SUCCESS || is_fit(c->status),
                   "status of the long one", "success, or a failure that fits a send", "%s",
                   status_name(c->status));
        else
            expect_code(r, "status of the others", c->status, NDIS_STATUS_SUCCESS);
    }
}

/* ---- What a driver leaves alone ------------------------------------------------------------- */

struct shape {
    NET_BUFFER_LIST *next;
    NET_BUFFER first, second;
    NET_BUFFER *second_at;
    MDL *mdl[16];
    ULONG bytes[16];
    unsigned mdls;
};

static struct shape shape_of(const NET_BUFFER_LIST *nbl)
{
    struct shape s;
    const NET_BUFFER *nb = nbl->FirstNetBuffer;

    memset(&s, 0, sizeof s);
    s.first = *nb;
    s.second_at = nb->Next;
    if (nb->Next)
        s.second = *nb->Next;
    for (MDL *m = nb->MdlChain; m && s.mdls < ARRAY_LEN(s.mdl); m = m->Next) {
        s.mdl[s.mdls] = m;
        s.bytes[s.mdls++] = MmGetMdlByteCount(m);
    }
    return s;
}

static void expect_nb(struct rig *r, const NET_BUFFER *now, const NET_BUFFER *was)
{
    expect(r, now->Next == was->Next, "Next of the NB", "as it was", "changed");
    expect(r, now->MdlChain == was->MdlChain, "MdlChain", "as it was", "changed");
    expect(r, now->CurrentMdl == was->CurrentMdl, "CurrentMdl", "as it was", "changed");
    expect_equal(r, "CurrentMdlOffset", now->CurrentMdlOffset, was->CurrentMdlOffset);
    expect_equal(r, "DataOffset", now->DataOffset, was->DataOffset);
    expect_equal(r, "DataLength", now->DataLength, was->DataLength);
}

CHECK("GEN-14", sends_come_back_as_they_were)
{
    static const uint32_t splits[] = {7, 9, UINT32_MAX, 30, 1, 100, 0};

    rig_open(r, NULL);
    for (uint32_t front = 0; front < 40; front += 13) {
        const struct packet *k = gen_packet(r, 14, front, 300);
        NET_BUFFER_LIST *nbl = rig_nbl(r, k->bytes, k->len, splits, front);
        struct shape was, now;

        rig_add_nb(r, nbl, k->bytes, k->len);
        was = shape_of(nbl);
        about(r, "an NBL of two NBs, the data %u bytes into its MDLs", front);
        if (!rig_send(r, nbl, 1))
            return;
        now = shape_of(nbl);
        expect_nb(r, &now.first, &was.first);
        expect_nb(r, &now.second, &was.second);
        expect_equal(r, "MDLs", now.mdls, was.mdls);
        expect(r, memcmp(now.mdl, was.mdl, sizeof was.mdl) == 0, "MDL chain", "as it was",
               "changed");
        expect(r, memcmp(now.bytes, was.bytes, sizeof was.bytes) == 0, "lengths of the MDLs",
               "as they were", "changed");
    }
}

/* ---- Order and number ----------------------------------------------------------------------- */

CHECK("GEN-15", sends_leave_in_order)
{
    uint32_t n = 0;

    rig_open(r, NULL);
    rig_need_wire(r);
    for (unsigned call = 0; call < 12; call++) {
        NET_BUFFER_LIST *chain = gen_chain(r, 15, n, 1, 200), *nbl = chain;

        for (unsigned i = 0; i <= call % 4; i++) {
            const struct packet *k;

            if (i > 0)
                nbl = nbl->Next = gen_nbl(r, 15, n, 200);
            n++;
            k = gen_packet(r, 15, n++, 200);
            rig_add_nb(r, nbl, k->bytes, k->len);
        }
        rig_send_only(r, chain);
    }
    about(r, "12 calls, each of up to four NBLs of two NBs");
    rig_wait(r, &r->main.completed_count, n / 2, GEN_SECONDS);
    expect_in_order(r, 15, 0, n);
}

CHECK("GEN-16", any_number_of_sends)
{
    rig_open(r, NULL);
    rig_stall(r);
    rig_send_only(r, gen_chain(r, 16, 0, MANY, 100));
    about(r, "1000 NBLs in one call, none reaped meanwhile");
    note(r, "%u came back during the call", r->main.completed_count);
    rig_unstall(r);
    if (!expect(r, rig_wait(r, &r->main.completed_count, MANY, GEN_SECONDS), "completions", "1000",
                "%u", r->main.completed_count))
        return;
    expect_all(r, 0, MANY, NDIS_STATUS_SUCCESS);
    rig_forget(r);
    expect_in_order(r, 16, 0, MANY);
}

CHECK("GEN-17", long_frames_fail_alone)
{
    struct ndis_adapter_info info;
    NET_BUFFER_LIST *first, *bad;

    rig_open(r, NULL);
    ndis_adapter_info(r->adapter, &info);
    first = gen_chain(r, 17, 0, 2, info.mtu - 28);
    bad = too_long(r, 17, 9);
    bad->Next = first->Next;
    first->Next = bad;
    about(r, "an NBL of MTU + 15 bytes between two of MTU + 14; the MTU is %u", info.mtu);
    if (!rig_send(r, first, 3))
        return;
    for (unsigned i = 0; i < 3; i++) {
        const struct rig_completed *c = &r->main.completed[i];

        expect_code(r, c->nbl == bad ? "the long one" : "the others", c->status,
                    c->nbl == bad ? NDIS_STATUS_INVALID_LENGTH : NDIS_STATUS_SUCCESS);
    }
    expect_in_order(r, 17, 0, 2);
}

/* A frame of ones of local experimental EtherType 0x88b6 (IEEE 802). */
static uint32_t ones(struct rig *r, uint8_t *frame, uint32_t len)
{
    memset(frame, 0xff, len);
    memcpy(frame, r->peer, 6);
    memcpy(frame + 6, r->mac, 6);
    frame[12] = 0x88;
    frame[13] = 0xb6;
    return len;
}

static const struct rig_seen *last_left(struct rig *r)
{
    static struct rig_seen seen[64];
    unsigned n = rig_wire_drain(r, seen, ARRAY_LEN(seen));

    return n ? &seen[n - 1] : NULL;
}

/* Long frames of ones go first, so that stale memory would show. */
CHECK("GEN-18", short_frames_are_padded_with_zeros)
{
    static const uint8_t zeros[60];
    uint8_t frame[300];

    rig_open(r, NULL);
    rig_need_wire(r);
    for (uint32_t len = 14; len <= 61; len++) {
        const struct rig_seen *s;

        for (unsigned i = 0; i < 4; i++)
            rig_send(r, rig_nbl(r, frame, ones(r, frame, sizeof frame), NULL, 0), 1);
        rig_send(r, rig_nbl(r, frame, ones(r, frame, len), NULL, 0), 1);
        s = last_left(r);
        about(r, "a frame of %u bytes", len);
        if (!expect(r, s != NULL, "frame", "leaves", "nothing left"))
            continue;
        about_bytes(r, s->bytes, s->len, MIN_OF(len, s->len), s->len - MIN_OF(len, s->len));
        if (!expect_equal(r, "length on the wire", s->len, MAX_OF(len, (uint32_t)SHORTEST)))
            continue;
        expect_bytes(r, "data", s->bytes, frame, len);
        if (len < SHORTEST)
            expect_bytes(r, "padding", s->bytes + len, zeros, SHORTEST - len);
        rig_forget(r);
    }
}

/* ---- Cancelling ----------------------------------------------------------------------------- */

static unsigned with_status(struct rig *r, unsigned from, unsigned to, NDIS_STATUS status)
{
    unsigned n = 0;

    for (unsigned i = from; i < to; i++)
        n += r->main.completed[i % RIG_RECORDS].status == status;
    return n;
}

/* More than any ring of the card takes, so that most wait in the driver. */
CHECK("GEN-19", cancel_takes_what_waits_and_matches)
{
    unsigned n = 0, before, after;
    NET_BUFFER_LIST *chain;

    rig_open(r, NULL);
    chain = gen_chain(r, 19, 0, MANY, 60);
    for (NET_BUFFER_LIST *nbl = chain; nbl; nbl = nbl->Next)
        NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(nbl, (void *)(uintptr_t)(0x100 + n++ % 3));
    rig_stall(r);
    rig_send_only(r, chain);
    before = r->main.completed_count;
    about(r, "an id that no NBL has");
    NdisCancelSendNetBufferLists(r->main.binding, (void *)0x777);
    expect_equal(r, "NBLs aborted",
                 with_status(r, before, r->main.completed_count, NDIS_STATUS_SEND_ABORTED), 0);
    about(r, "the id of each third NBL, %u of %u being with the driver", MANY - before, MANY);
    NdisCancelSendNetBufferLists(r->main.binding, (void *)0x101);
    after = r->main.completed_count;
    if (MANY - before > LONGEST_QUEUE)
        expect(r, after > before, "NBLs that come back at once", "those that wait and match",
               "none");
    rig_unstall(r);
    if (!rig_wait(r, &r->main.completed_count, MANY, GEN_SECONDS)) {
        expect_equal(r, "completions", r->main.completed_count, MANY);
        return;
    }
    for (unsigned i = 0; i < MANY; i++) {
        const struct rig_completed *c = &r->main.completed[i];
        uintptr_t id = (uintptr_t)NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(c->nbl);
        bool aborted = i >= before && i < after;

        if (!(aborted ? expect_equal(r, "id of an NBL that came back", id, 0x101) &&
                            expect_code(r, "its status", c->status, NDIS_STATUS_SEND_ABORTED)
                      : expect_code(r, "status of the others", c->status, NDIS_STATUS_SUCCESS)))
            break;
    }
    NdisCancelSendNetBufferLists(r->main.binding, (void *)0x100); /* too late for any */
}
