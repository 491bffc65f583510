/* SPDX-License-Identifier: MIT */
/*
 * Large sends by table: IP options x TCP options x extension headers x tags x SNAP x MSS x length x
 * MDLs, through the frame segmenter and through the whole path with both builds, against the frames
 * that tests/e2e/lso_table.py makes of them. LONGSHORE_SEED repeats a run.
 */
#include "test_rig.h"

#include <sys/wait.h>
#include <unistd.h>

enum { IN_BUFFER = 1, IN_SLOT = 2, WITH_SNAP = 4, SPLITS = 64, EMPTY = 0xffff, TAG_BYTES = 4 };

struct row {
    uint8_t version, lso, flags, split_count;
    uint16_t tci, l4, header, mss;
    uint32_t len;
    uint16_t frame_count, link;
} __attribute__((packed));

static struct table {
    uint8_t *bytes;
    size_t size;
    uint32_t count;
    unsigned seed;
} table;

/* One case, pointing into the table. */
struct entry {
    struct row row;
    unsigned number;
    const uint8_t *template, *frames;
    uint32_t splits[SPLITS];
};

static uint32_t get_le(const uint8_t *p, size_t bytes)
{
    uint32_t v = 0;

    while (bytes-- > 0)
        v = v << 8 | p[bytes];
    return v;
}

/* The entry at p; returns where the next one is. */
static const uint8_t *entry_read(const uint8_t *p, unsigned number, struct entry *e)
{
    memcpy(&e->row, p, sizeof e->row);
    p += sizeof e->row;
    e->number = number;
    assert_true(e->row.split_count < SPLITS);
    for (unsigned i = 0; i < e->row.split_count; i++, p += 2) {
        uint32_t n = get_le(p, 2);

        e->splits[i] = n == EMPTY ? UINT32_MAX : n;
    }
    e->splits[e->row.split_count] = 0;
    e->template = p;
    p += e->row.len;
    e->frames = p;
    for (unsigned i = 0; i < e->row.frame_count; i++)
        p += 2 + get_le(p, 2);
    assert_true(p <= table.bytes + table.size);
    return p;
}

static const uint8_t *frame_at(const uint8_t *p, uint32_t *len)
{
    *len = get_le(p, 2);
    return p + 2;
}

/* Where the frame differs from the table's, or is no longer than it; -1: nowhere. A short one may
 * be padded with zeros. */
static int difference(const uint8_t *got, uint32_t got_len, const uint8_t *want, uint32_t want_len)
{
    uint32_t padded = want_len < SHORTEST && got_len == SHORTEST ? SHORTEST : want_len;

    if (got_len != padded)
        return (int)MIN_OF(got_len, padded);
    for (uint32_t i = 0; i < got_len; i++) {
        if (got[i] != (i < want_len ? want[i] : 0))
            return (int)i;
    }
    return -1;
}

static const char *entry_name(const struct entry *e)
{
    static char text[160];

    snprintf(text, sizeof text,
             "seed %u case %u (IPv%u, version %u, tag %u, headers %u, MSS %u, %u bytes)",
             table.seed, e->number, e->row.version, e->row.lso, e->row.flags, e->row.header,
             e->row.mss, e->row.len);
    return text;
}

/* ---- The segmenter -------------------------------------------------------------------------- */

/* The frame as a card gets it: a tag from its slot is in the bytes by then. */
static uint32_t card_bytes(const struct entry *e, uint8_t *out)
{
    if (!(e->row.flags & IN_SLOT)) {
        memcpy(out, e->template, e->row.len);
        return e->row.len;
    }
    memcpy(out, e->template, 12);
    naive_put(out + 12, 2, 0x8100);
    naive_put(out + 14, 2, e->row.tci);
    memcpy(out + 16, e->template + 12, e->row.len - 12);
    return e->row.len + TAG_BYTES;
}

static uint32_t card_spans(const struct entry *e, uint8_t *bytes, uint32_t len,
                           struct frame_span *spans)
{
    uint32_t at = 0, n = 0;

    for (unsigned i = 0; i < e->row.split_count && at < len; i++) {
        uint32_t here = e->splits[i] == UINT32_MAX ? 0 : MIN_OF(e->splits[i], len - at);

        spans[n++] = (struct frame_span){bytes + at, here};
        at += here;
    }
    if (at < len)
        spans[n++] = (struct frame_span){bytes + at, len - at};
    return n;
}

static void same(const struct entry *e, unsigned frame, const uint8_t *got, uint32_t got_len,
                 const uint8_t *want, uint32_t want_len)
{
    int at = difference(got, got_len, want, want_len);

    if (at >= 0)
        fail_msg("%s: frame %u differs at byte %d", entry_name(e), frame, at);
}

static void segment(const struct entry *e)
{
    static uint8_t bytes[RIG_FRAME], got[RIG_FRAME];
    struct frame_span spans[SPLITS + 1];
    struct frame f = {.spans = spans, .len = card_bytes(e, bytes)};
    struct frame_segmenter by_span, by_copy;
    const uint8_t *p = e->frames, *want;
    /* Version 1 counts on in 16 bits (LSO1-20). */
    enum frame_id_mode ids = e->row.lso == 1 ? FRAME_ID_16BIT : FRAME_ID_15BIT;
    uint32_t len, want_len;

    f.span_count = card_spans(e, bytes, f.len, spans);
    f.offload.gso = e->row.version == 4 ? FRAME_GSO_TCP4 : FRAME_GSO_TCP6;
    f.offload.mss = e->row.mss;
    if (frame_segment_begin(&by_span, &f, ids) != FRAME_SEGMENT_OK ||
        frame_segment_begin(&by_copy, &f, ids) != FRAME_SEGMENT_OK ||
        by_span.segment_count != e->row.frame_count)
        fail_msg("%s cannot be cut", entry_name(e));
    for (unsigned i = 0; i < e->row.frame_count; i++, p = want + want_len) {
        struct frame_span out[SPLITS + 2];
        uint8_t header[FRAME_MAX_HEADERS];
        int n = frame_segment_next(&by_span, header, out, COUNT(out), &len);
        struct frame piece = {.spans = out, .span_count = (uint32_t)n, .len = len};

        want = frame_at(p, &want_len);
        assert_true(n > 0);
        assert_int_equal(frame_pull(&piece, 0, got, sizeof got), len);
        same(e, i, got, len, want, want_len);
        len = frame_segment_next_copy(&by_copy, got);
        same(e, i, got, len, want, want_len);
    }
    assert_int_equal(frame_segment_next_copy(&by_copy, got), 0);
}

/* LSO1-2 to LSO1-20, LSO1-25, LSO1-34, LSO1-35, LSO2-4 to LSO2-14 */
static void test_table_segmenter(void **state)
{
    const uint8_t *p = table.bytes + 8;
    struct entry e;

    UNUSED_STATE;
    assert_true(table.count >= 10000);
    for (unsigned i = 0; i < table.count; i++) {
        p = entry_read(p, i, &e);
        segment(&e);
    }
}

/* ---- The path ------------------------------------------------------------------------------- */

static ULONG encapsulation(const struct rig *r, const struct entry *e)
{
    const NDIS_OFFLOAD *o = &r->main.bind_offload;

    if (e->row.lso == 1)
        return o->LsoV1.IPv4.Encapsulation;
    return e->row.version == 4 ? o->LsoV2.IPv4.Encapsulation : o->LsoV2.IPv6.Encapsulation;
}

/* What is reported is done; headers beyond the limit are refused; the rest may be either. */
enum duty { MUST, MAY, MUST_NOT };

static enum duty duty_of(const struct rig *r, const struct entry *e)
{
    ULONG have = encapsulation(r, e), wanted = NDIS_ENCAPSULATION_IEEE_802_3;

    if (e->row.header > NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH)
        return MUST_NOT;
    if (e->row.flags & IN_BUFFER)
        wanted |= NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q;
    if (e->row.flags & IN_SLOT)
        wanted |= NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB;
    if (e->row.flags & WITH_SNAP)
        wanted |= NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;
    return (have & wanted) == wanted ? MUST : MAY;
}

static bool expect_frames(struct rig *r, const struct entry *e)
{
    static uint8_t got[RIG_FRAME];
    const uint8_t *p = e->frames, *want;
    uint32_t want_len, n;
    int at;

    for (unsigned i = 0; i < e->row.frame_count; i++, p = want + want_len) {
        want = frame_at(p, &want_len);
        n = rig_wire_read(r, got, sizeof got, 2);
        at = difference(got, n, want, want_len);
        about_bytes(r, got, n, at < 0 ? 0 : (uint32_t)at, 1);
        if (!expect(r, at < 0, "a frame", "the table's", "frame %u of %u bytes differs at byte %d",
                    i, n, at))
            return false;
    }
    return true;
}

/* False: it went wrong. */
static bool send_entry(struct rig *r, const struct entry *e, unsigned *sent)
{
    static struct packet k;
    enum duty duty = duty_of(r, e);
    struct ask a = {.splits = e->row.split_count ? e->splits : NULL, .back = e->number % 3};
    struct outcome o;
    bool went;

    a.lso = e->row.lso == 1 ? ask_lso1(e->row.mss, e->row.l4)
                            : ask_lso2(e->row.version, e->row.mss, e->row.l4);
    if (e->row.flags & IN_SLOT)
        a.tag = ask_tag(e->row.tci >> 13, e->row.tci & 0xfffu);
    k.len = e->row.len;
    k.payload = e->row.header;
    memcpy(k.bytes, e->template, k.len);
    about(r, "%s", entry_name(e));
    o = send_one(r, &k, &a);
    went = o.status == NDIS_STATUS_SUCCESS;
    *sent += went;
    return expect(r, duty == MAY || went == (duty == MUST), "NBL status",
                  duty == MUST ? "success" : "a failure", "%s", status_name(o.status)) &&
           expect_equal(r, "large send slot", o.lso,
                        large_slot(&k, e->row.lso == 1 ? LARGE_V1 : LARGE_V2_IP4, went)) &&
           (!went || expect_frames(r, e)) && expect_nothing_more(r);
}

/* The same rows, and LSO1-24, LSO1-27, LSO1-30, LSO1-31, LSO2-16, LSO2-17, LSO2-21, CAP-10, CAP-11
 */
RIG_TEST("LSO2-1", table_through_the_path)
{
    const uint8_t *p = table.bytes + 8;
    unsigned sent = 0, must = 0;
    struct entry e;

    rig_open(r, NULL);
    for (unsigned i = 0; i < table.count; i++) {
        p = entry_read(p, i, &e);
        if (!send_entry(r, &e, &sent))
            return;
        must += duty_of(r, &e) == MUST;
    }
    about(r, "%u cases, %u of them reported", table.count, must);
    expect_between(r, "cases that were cut", sent, must, table.count);
}

/* 0, or what the program is to return. */
static int table_read(void)
{
    const char *source = getenv("LONGSHORE_SOURCE"), *seed = getenv("LONGSHORE_SEED");
    char command[4200];
    FILE *from;
    int status;

    table.seed = seed ? (unsigned)strtoul(seed, NULL, 0)
                      : (unsigned)time(NULL) * 1000 + (unsigned)getpid() % 1000;
    print_message("LONGSHORE_SEED=%u\n", table.seed);
    snprintf(command, sizeof command, "python3 '%s/tests/e2e/lso_table.py' %u",
             source ? source : ".", table.seed);
    from = popen(command, "r");
    table.bytes = malloc(80u << 20);
    if (!from || !table.bytes)
        return 1;
    table.size = fread(table.bytes, 1, 80u << 20, from);
    status = pclose(from);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        print_message("skipped: there is no python3\n");
        return 77;
    }
    if (status != 0 || table.size < 8 || get_le(table.bytes, 4) != 0x544f534c)
        return 1;
    table.count = get_le(table.bytes + 4, 4);
    return 0;
}

int main(void)
{
    const struct CMUnitTest cut[] = {cmocka_unit_test(test_table_segmenter)};
    const struct rig_test *const sends[] = {&table_through_the_path};
    int failed;

    if ((failed = table_read()) != 0)
        return failed;
    failed =
        cmocka_run_group_tests(cut, NULL, NULL) + rig_tests(sends, COUNT(sends), RIG_BOTH_CARDS);
    free(table.bytes);
    return failed;
}
