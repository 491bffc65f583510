/* SPDX-License-Identifier: MIT */
/*
 * Random and mutated frames in both directions through the whole path (SEC-7): requests that make
 * no sense beside right ones, which must come out right all the same; frames from the wire whose
 * every verdict must be deserved. LONGSHORE_SEED repeats a run.
 */
#include "test_rig.h"

#include "conform/verdict.h"

enum {
    EACH_WAY = 50176, /* frames; twice that for each card and build */
    BATCH = 64,
    PAYLOAD_MAX = 1300,
    LARGE_MAX = 3000,
    LONGEST = 1522, /* MTU 1500, header, a tag in the buffer and one from the slot */
    MARK_TYPE = 0x88b5
};

static uint64_t seed, rng;
static struct {
    unsigned good, bad, unjudged, sent, refused, wire;
} tally;
static struct rig *rig;

static uint32_t below(uint32_t n)
{
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((rng >> 33) % n);
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

/* ---- Frames --------------------------------------------------------------------------------- */

static struct frame_recipe random_recipe(uint32_t payload_max)
{
    static uint8_t payload[LARGE_MAX];
    struct frame_recipe r = packet_recipe(rig, one_in(2) ? 4 : 6, one_in(2) ? 6 : 17, 0);

    r.vlan = one_in(4);
    r.vlan_tci = (uint16_t)below(0x10000);
    r.ip_id = (uint16_t)below(0x10000);
    r.seq = below(UINT32_MAX);
    r.tcp_flags = (uint8_t)below(256);
    if (one_in(3)) {
        r.ip_options = r.ip_version == 4 ? ip4_options_40 : ip6_extension_48;
        r.ip_options_len = r.ip_version == 4 ? 40 : 48;
    }
    if (r.l4_proto == 6 && one_in(2)) {
        r.tcp_options = tcp_options_40;
        r.tcp_options_len = one_in(2) ? 40 : 12;
    }
    r.payload_len = below(one_in(2) ? 64 : payload_max);
    r.snap = r.payload_len < 1000 && one_in(8); /* its length field ends at 1500 */
    for (uint32_t i = 0; i < r.payload_len; i += 1 + below(32))
        payload[i] = (uint8_t)below(256);
    r.payload = payload;
    return r;
}

/* One to four changes: mostly in the headers, where parsers look. */
static void mutate(struct packet *k)
{
    for (unsigned n = 1 + below(4); n > 0; n--) {
        uint32_t at = below(one_in(4) ? k->len : MIN_OF(k->len, k->payload));

        switch (below(5)) {
        case 0:
            k->bytes[at] = (uint8_t)below(256);
            break;
        case 1:
            k->bytes[at] ^= (uint8_t)(1u << below(8));
            break;
        case 2: /* shorter; never less than an Ethernet header, which is the sender's to keep */
            k->len = MAX_OF(at, (uint32_t)ETH_LEN);
            break;
        case 3:
            k->bytes[at] = one_in(2) ? 0 : 0xff;
            break;
        default: /* a length that lies */
            naive_put(k->bytes + k->l3 + (k->version == 4 ? 2 : 4), 2, below(0x10000));
            k->len = MAX_OF(k->len, k->l3 + 6);
        }
    }
}

static void random_bytes(struct packet *k)
{
    k->len = ETH_LEN + below(200);
    for (uint32_t i = 0; i < k->len; i++)
        k->bytes[i] = (uint8_t)below(256);
}

static uint32_t mark(uint8_t *out, bool to_card, uint32_t number)
{
    memset(out, 0, SHORTEST);
    memcpy(out, to_card ? rig->mac : rig->peer, 6);
    memcpy(out + 6, to_card ? rig->peer : rig->mac, 6);
    naive_put(out + 12, 2, MARK_TYPE);
    naive_put(out + 14, 4, number);
    return SHORTEST;
}

static bool is_mark(const uint8_t *bytes, uint32_t len, uint32_t number)
{
    return len == SHORTEST && naive_get(bytes + 12, 2) == MARK_TYPE &&
           naive_get(bytes + 14, 4) == number;
}

/* ---- What a received frame deserves --------------------------------------------------------- */

struct truth {
    bool ip_header, ip_right, transport, transport_right;
    uint8_t proto;
};

static struct truth transport_truth(const uint8_t *f, struct shape *sh, size_t end, uint8_t proto)
{
    struct truth t = {.proto = proto};
    size_t least = proto == 6 ? 20 : 8;
    const uint8_t *l4 = f + sh->l4;

    if ((proto != 6 && proto != 17) || end < sh->l4 + least)
        return t;
    if (proto == 6 && ((l4[12] >> 4) < 5 || sh->l4 + (l4[12] >> 4) * 4u > end))
        return t;
    if (proto == 17) { /* its own length counts, as long as the datagram has the bytes */
        size_t own = naive_get(l4 + 4, 2);

        if (own < 8 || own > end - sh->l4 || naive_get(l4 + 6, 2) == 0)
            return t;
        end = sh->l4 + own;
    }
    t.transport = true;
    t.transport_right = naive_class(naive_transport(f, sh, end, proto)) == 0;
    return t;
}

static struct truth truth_of_4(const uint8_t *f, uint32_t len, struct shape *sh)
{
    const uint8_t *ip = f + sh->l3;
    size_t header = sh->l3 + 20 <= len ? (ip[0] % 16u) * 4 : 0, total;
    struct truth t = {0};
    bool right;

    if (sh->l3 + 20 > len || ip[0] / 16 != 4 || header < 20 || sh->l3 + header > len)
        return t;
    total = naive_get(ip + 2, 2);
    right = naive_class(naive_ip_header(f, sh)) == 0;
    sh->version = 4;
    sh->l4 = sh->l3 + header;
    if (total >= header && sh->l3 + total <= len && (naive_get(ip + 6, 2) & 0x3fff) == 0)
        t = transport_truth(f, sh, sh->l3 + total, ip[9]);
    t.ip_header = true;
    t.ip_right = right;
    return t;
}

static struct truth truth_of_6(const uint8_t *f, uint32_t len, struct shape *sh)
{
    const uint8_t *ip = f + sh->l3;
    struct truth none = {0};
    size_t end;
    uint8_t next;

    if (sh->l3 + 40 > len || ip[0] / 16 != 6)
        return none;
    end = sh->l3 + 40 + naive_get(ip + 4, 2);
    if (end > len)
        return none;
    next = ip[6];
    sh->version = 6;
    sh->l4 = sh->l3 + 40;
    while (next == 0 || next == 43 || next == 60) {
        const uint8_t *h = f + sh->l4;
        size_t n = sh->l4 + 8 <= end ? 8u + h[1] * 8u : 0;

        if (n == 0 || sh->l4 + n > end || (next == 43 && h[3] != 0))
            return none;
        next = h[0];
        sh->l4 += n;
    }
    return transport_truth(f, sh, end, next);
}

/* By the bytes that the protocol got, whatever they were made from. */
static struct truth truth_of(const uint8_t *f, uint32_t len)
{
    struct shape sh = {.l3 = ETH_LEN};
    uint32_t type = naive_get(f + 12, 2);

    if (type == 0x8100 && len >= 18) {
        sh.l3 += 4;
        type = naive_get(f + 16, 2);
    }
    if (type <= 1500 && len >= sh.l3 + 8) {
        len = MIN_OF(len, (uint32_t)sh.l3 + type);
        type = len >= sh.l3 + 8 ? naive_get(f + sh.l3 + 6, 2) : 0;
        sh.l3 += 8;
    }
    if (type == 0x0800)
        return truth_of_4(f, len, &sh);
    return type == 0x86dd ? truth_of_6(f, len, &sh) : (struct truth){0};
}

/* Every bit of the slot is deserved, and nothing of an earlier frame is in any other (RXC-19). */
static bool judge(const struct rig_received *d)
{
    struct truth t = truth_of(d->data, d->len);
    uintptr_t v = d->oob[TcpIpChecksumNetBufferListInfo], allowed = 0;
    bool clean = true;

    if (t.ip_header)
        allowed |= t.ip_right ? SLOT_IP_OK : SLOT_IP_BAD;
    if (t.transport)
        allowed |= t.proto == 6 ? (t.transport_right ? SLOT_TCP_OK : SLOT_TCP_BAD)
                                : (t.transport_right ? SLOT_UDP_OK : SLOT_UDP_BAD);
    tally.good += (v & SLOT_OK) != 0;
    tally.bad += (v & SLOT_BAD) != 0;
    tally.unjudged += v == 0;
    for (unsigned i = 0; i < MaxNetBufferListInfo; i++) {
        if (i != TcpIpChecksumNetBufferListInfo && i != Ieee8021QNetBufferListInfo &&
            i != NetBufferListFrameType)
            clean &= d->oob[i] == 0;
    }
    about_bytes(rig, d->data, d->len, 0, 0);
    return expect_equal(rig, "verdict beyond what the frame deserves", v & ~allowed, 0) &&
           expect(rig, clean, "the other slots", "0", "something is left in one");
}

/* ---- From the wire -------------------------------------------------------------------------- */

struct arrival {
    uint8_t bytes[2048];
    uint32_t len;
    unsigned owed; /* bits that it must come with; and it must come */
    bool must;
};

static bool is_arrival(const struct rig_received *r, const struct arrival *a)
{
    bool tagged = a->len >= 18 && naive_get(a->bytes + 12, 2) == 0x8100;
    uint32_t moved = tagged ? 4 : 0;
    uintptr_t tag = 0;

    if (tagged) {
        unsigned tci = naive_get(a->bytes + 14, 2);
        NDIS_NET_BUFFER_LIST_8021Q_INFO q = {.Value = ask_tag(tci >> 13, tci)};

        q.TagHeader.CanonicalFormatId = (tci >> 12) & 1;
        tag = (uintptr_t)q.Value;
    }
    return r->len == a->len - moved && memcmp(r->data, a->bytes, 12) == 0 &&
           memcmp(r->data + 12, a->bytes + 12 + moved, a->len - 12 - moved) == 0 &&
           r->oob[Ieee8021QNetBufferListInfo] == tag;
}

static void arrival_make(struct arrival *a)
{
    static struct packet k;
    const NDIS_OFFLOAD *on = &rig->main.bind_offload;
    struct frame_recipe r = random_recipe(PAYLOAD_MAX);
    bool reported;

    memcpy(r.dst_mac, rig->mac, 6);
    memcpy(r.src_mac, rig->peer, 6);
    packet_build(&k, &r);
    a->must = one_in(4);
    reported =
        !r.snap && !r.vlan &&
        (r.ip_version == 6 || !r.ip_options_len || on->Checksum.IPv4Receive.IpOptionsSupported);
    a->owed =
        !a->must || !reported
            ? 0
            : (r.l4_proto == 6 ? SLOT_TCP_OK : SLOT_UDP_OK) |
                  (r.ip_version == 4 && on->Checksum.IPv4Receive.IpChecksum ? SLOT_IP_OK : 0u);
    if (!a->must && one_in(8))
        random_bytes(&k);
    else if (!a->must)
        mutate(&k);
    memcpy(a->bytes, k.bytes, k.len);
    a->len = k.len;
}

/* What came is some of what was sent, in order, whole, and all of what had to come. */
static bool arrivals_check(const struct arrival *a, unsigned count)
{
    unsigned at = 0;

    for (unsigned n = 0; n < rig->main.received_count; n++) {
        const struct rig_received *d = &rig->main.received[n];

        if (!judge(d))
            return false;
        while (at < count && !is_arrival(d, &a[at])) {
            about_bytes(rig, a[at].bytes, a[at].len, 0, 0);
            if (!expect(rig, !a[at].must, "a good frame", "indicated as it was", "lost or changed"))
                return false;
            at++;
        }
        if (!expect(rig, at < count, "a frame indicated", "one that arrived", "another") ||
            !expect_equal(rig, "verdict owed", d->oob[TcpIpChecksumNetBufferListInfo] & a[at].owed,
                          a[at].owed))
            return false;
        at++;
    }
    return expect_equal(rig, "frames accounted for", at, count);
}

static bool arrivals(uint32_t number)
{
    static struct arrival a[BATCH];
    double until = rig_now() + 20;
    bool all = false;

    rig_forget(rig);
    for (unsigned i = 0; i < BATCH - 1; i++)
        arrival_make(&a[i]);
    a[BATCH - 1] = (struct arrival){.must = true};
    a[BATCH - 1].len = mark(a[BATCH - 1].bytes, true, number);
    for (unsigned i = 0; i < BATCH; i++)
        rig_wire_write(rig, a[i].bytes, a[i].len);
    while (!all && rig_now() < until) {
        unsigned have = rig->main.received_count;
        const struct rig_received *last = have ? &rig->main.received[have - 1] : NULL;

        all = last && is_mark(last->data, last->len, number);
        if (!all)
            rig_wait(rig, &rig->main.received_count, have + 1, 1);
    }
    return expect(rig, all, "the last frame", "indicated", "not indicated") &&
           arrivals_check(a, BATCH);
}

/* ---- To the wire ---------------------------------------------------------------------------- */

struct departure {
    NET_BUFFER_LIST *nbl;
    struct packet *want; /* on the wire exactly so; NULL: as it may */
    bool completed;
};

static struct departure departures_[BATCH];
static struct packet wants[BATCH];
static unsigned departure_count;

static void random_splits(uint32_t *splits)
{
    unsigned n = below(6);

    for (unsigned i = 0; i < n; i++)
        splits[i] = one_in(8) ? UINT32_MAX : 1 + below(one_in(2) ? 20 : 700);
    splits[n] = 0;
}

/* A value that may be nonsense in any way. */
static void *random_slot(void *right)
{
    uint64_t v = (uint64_t)below(UINT32_MAX) << 1 | below(2);

    switch (below(4)) {
    case 0:
        return right;
    case 1:
        return (void *)((uintptr_t)right ^ (uintptr_t)1 << below(32));
    case 2:
        return NULL;
    default:
        return (void *)(uintptr_t)v;
    }
}

static struct ask random_ask(const struct packet *k)
{
    unsigned what = below(8);
    uint32_t mss = one_in(8) ? below(0x100000) : 200 + below(1300);
    struct ask a = {.front = below(3) * 7, .back = below(3) * 5};

    a.checksum = random_slot(ask_checksum(k, what));
    if (one_in(3))
        a.lso = random_slot(one_in(2) ? ask_lso2(k->version, mss, k->l4) : ask_lso1(mss, k->l4));
    if (one_in(4))
        a.tag = random_slot(ask_tag(below(8), below(4096)));
    return a;
}

static NET_BUFFER_LIST *departure_good(struct departure *d, struct packet *want)
{
    static struct packet k;
    struct frame_recipe r = random_recipe(PAYLOAD_MAX);
    uint32_t splits[8];
    unsigned what = ASK_IP | (r.l4_proto == 6 ? ASK_TCP : ASK_UDP);
    struct ask a = {.splits = splits, .front = below(3) * 9, .back = below(2) * 3};

    r.snap = false;
    random_splits(splits);
    packet_build(&k, &r);
    packet_unfinish(&k);
    memcpy(want, &k, offsetof(struct packet, bytes) + k.len);
    packet_finish(want, what);
    a.checksum = ask_checksum(&k, what);
    d->want = want;
    return packet_nbl(rig, &k, &a);
}

static NET_BUFFER_LIST *departure_odd(struct departure *d)
{
    static struct packet k;
    struct frame_recipe r = random_recipe(one_in(2) ? LARGE_MAX : PAYLOAD_MAX);
    uint32_t splits[8];
    NET_BUFFER_LIST *nbl;
    struct ask a;

    packet_build(&k, &r);
    packet_unfinish(&k);
    a = random_ask(&k);
    if (one_in(10))
        random_bytes(&k);
    else if (!one_in(4))
        mutate(&k);
    random_splits(splits);
    a.splits = splits;
    d->want = NULL;
    nbl = packet_nbl(rig, &k, &a);
    for (unsigned n = !a.lso && one_in(4) ? below(3) : 0; n > 0; n--)
        rig_add_nb(rig, nbl, k.bytes, k.len);
    return nbl;
}

/* NBLs in chains of up to eight; the last is the mark. */
static void departures_send(uint32_t number)
{
    static struct packet last;
    NET_BUFFER_LIST *head = NULL, **tail = &head;

    for (departure_count = 0; departure_count < BATCH; departure_count++) {
        struct departure *d = &departures_[departure_count];
        bool end = departure_count == BATCH - 1;

        d->completed = false;
        d->want = NULL;
        last.len = mark(last.bytes, false, number);
        if (end)
            d->nbl = packet_nbl(rig, &last, NULL);
        else
            d->nbl = one_in(4) ? departure_good(d, &wants[departure_count]) : departure_odd(d);
        *tail = d->nbl;
        tail = &d->nbl->Next;
        if (end || one_in(8)) {
            rig_send_only(rig, head);
            head = NULL;
            tail = &head;
        }
    }
}

/* Reads the wire up to the mark: no frame too long, and every good one there, right, in order. */
static bool departures_read(uint32_t number)
{
    static uint8_t got[RIG_FRAME];
    unsigned at = 0;
    uint32_t n;

    for (;;) {
        while (at < BATCH && !departures_[at].want)
            at++;
        n = rig_wire_read(rig, got, sizeof got, 20);
        about_bytes(rig, got, n, 0, 0);
        if (!expect_between(rig, "bytes of a frame on the wire", n, ETH_LEN, LONGEST))
            return false;
        tally.wire++;
        if (is_mark(got, n, number))
            break;
        if (at < BATCH) {
            const struct packet *w = departures_[at].want;

            if (n == MAX_OF(w->len, (uint32_t)SHORTEST) && memcmp(got, w->bytes, w->len) == 0)
                at++;
        }
    }
    if (at < BATCH)
        about_bytes(rig, departures_[at].want->bytes, departures_[at].want->len, 0, 0);
    return expect(rig, at == BATCH, "a good send", "on the wire as it should be", "it is not");
}

/* Each NBL once, with a status there is. */
static bool departures_check(void)
{
    bool ok = expect_equal(rig, "completions", rig->main.completed_count, BATCH);

    for (unsigned i = 0; ok && i < BATCH; i++) {
        const struct rig_completed *c = &rig->main.completed[i];
        unsigned n = 0;

        while (n < BATCH && departures_[n].nbl != c->nbl)
            n++;
        if (!expect(rig, n < BATCH && !departures_[n].completed, "a completion",
                    "of an NBL that is out", "another"))
            return false;
        departures_[n].completed = true;
        tally.sent += c->status == NDIS_STATUS_SUCCESS;
        tally.refused += c->status != NDIS_STATUS_SUCCESS;
        if (departures_[n].want || c->status == NDIS_STATUS_SUCCESS)
            ok = expect_code(rig, "status", c->status, NDIS_STATUS_SUCCESS);
        else
            ok = expect_status(rig, "status", c->status, FAIL_SEND);
    }
    return ok;
}

static bool departures(uint32_t number)
{
    rig_forget(rig);
    departures_send(number);
    return departures_read(number) &&
           expect(rig, rig_wait(rig, &rig->main.completed_count, BATCH, 20), "sends", "completed",
                  "some are not") &&
           departures_check();
}

/* ---- The run -------------------------------------------------------------------------------- */

/* Leaks, touched buffers and double completions are what closing the rig and NDIS look for. */
RIG_TEST("SEC-7", no_frame_does_harm_in_either_direction)
{
    bool good = true;

    rig = r;
    rng = seed;
    rig_open(r, NULL);
    for (uint32_t number = 0; good && number < EACH_WAY / BATCH; number++) {
        about(r, "seed %llu, batch %u of %u frames each way", (unsigned long long)seed, number,
              (unsigned)BATCH);
        good = departures(number) && arrivals(number);
    }
    about_bytes(r, NULL, 0, 0, 0);
    expect(r, tally.refused && tally.good && tally.unjudged && (tally.bad || r->suite->withhold),
           "what became of them", "some of each",
           "sends %u, refused %u, frames on the wire %u; received good %u, bad %u, unjudged %u",
           tally.sent, tally.refused, tally.wire, tally.good, tally.bad, tally.unjudged);
}

int main(void)
{
    const struct rig_test *const tests[] = {&no_frame_does_harm_in_either_direction};
    const char *given = getenv("LONGSHORE_SEED");

    seed = given ? strtoull(given, NULL, 0) : 20061122;
    printf("seed %llu, %u frames for each card and build (LONGSHORE_SEED)\n",
           (unsigned long long)seed, 2 * EACH_WAY);
    return rig_tests(tests, COUNT(tests), RIG_BOTH_CARDS);
}
