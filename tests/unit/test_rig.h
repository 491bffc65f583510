/* SPDX-License-Identifier: MIT */
/*
 * Tests on the rig of the conformance suite (conform/rig.h) that are more than a check: many cases,
 * loads, cards of every shape, what is vionet's own. Each runs as a check does, in a process of its
 * own, for each build of vionet, and where that is asked for on a plain virtio card, too. What it
 * claims (conform/check.h) and what the runtime finds fails it. Under a sanitizer the process is
 * looked through for leaks when the rig is down.
 *
 *   RIG_TEST("GEN-32", reset_under_load)
 *   {
 *       rig_open(r, NULL);
 *       ...
 *   }
 *
 *   int main(void)
 *   {
 *       const struct rig_test *const tests[] = {&reset_under_load};
 *
 *       return rig_tests(tests, COUNT(tests), RIG_OUR_CARD);
 *   }
 */
#pragma once

#include "conform/large.h" /* before cmocka's macro skip */
#include "conform/report.h"
#include "conform/suite.h"

#include "test_frame_naive.h"

#include <signal.h>

/* A plain virtio card is one without these (virtio/longshore.h). */
#define PLAIN "ls_ipcsum,ls_id15,ls_snap,ls_verdicts"

enum rig_cards { RIG_OUR_CARD = 1, RIG_BOTH_CARDS = 2 };
enum { RIG_TEST_SECONDS = 110, RIG_TEST_TOLD = 5 };

struct rig_test {
    struct check check;
    const char *name;
};

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static inline void rig_test_end(struct rig *r)
{
    rig_close(r);
    if (__lsan_do_recoverable_leak_check)
        expect(r, __lsan_do_recoverable_leak_check() == 0, "memory of the process", "all freed",
               "leaks");
}

#define RIG_TEST(id_text, fn)                                                                      \
    static void fn##_body(struct rig *r);                                                          \
    static void fn##_run(struct rig *r)                                                            \
    {                                                                                              \
        fn##_body(r);                                                                              \
        rig_test_end(r);                                                                           \
    }                                                                                              \
    static const struct rig_test fn = {{id_text, fn##_run, NULL}, #fn};                            \
    static void fn##_body(struct rig *r)

/* ---- Running -------------------------------------------------------------------------------- */

struct rig_run {
    const struct rig_test *test;
    bool linked, plain;
    char name[120];
};

static inline void rig_test_tell(const struct suite_row *row)
{
    unsigned told = 0;

    for (const struct suite_evidence *v = row->evidence; v && told < RIG_TEST_TOLD; v = v->next) {
        if (v->e.kind == EVIDENCE_NOTE)
            continue;
        fprintf(stderr, "%s\n", v->e.id);
        report_evidence(stderr, v, row->q, 4);
        told++;
    }
}

/* cmocka's handlers of signals are for asserts in its own process. */
static inline void rig_test_signals(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

    for (size_t i = 0; i < COUNT(signals); i++)
        signal(signals[i], SIG_DFL);
}

static inline void rig_test_one(void **state)
{
    const struct rig_run *run = *state;
    const char *build = getenv("LONGSHORE_BUILD");
    struct suite_config config = {.time_factor = 1, .strict = true, .limit = RIG_TEST_SECONDS};
    struct suite_result *s = NULL;
    struct why why = {0};
    char inf[4096];
    unsigned bad;

    snprintf(inf, sizeof inf, "%s/drivers/vionet/vionet.inf", build ? build : "build");
    config.inf = inf;
    config.withhold = run->plain ? PLAIN : NULL;
    rig_test_signals();
    if (suite_find_image(&config, run->linked, &why) < 0 ||
        suite_try(&config, &run->test->check, &s, &why) < 0)
        fail_msg("%s", why.text);
    for (unsigned i = 0; i < s->row_count; i++)
        rig_test_tell(&s->rows[i]);
    for (const struct suite_evidence *v = s->other; v; v = v->next)
        fprintf(stderr, "%s %s: %s\n", v->e.id, v->e.about, v->e.text);
    bad = suite_findings(s) + s->verdicts[VERDICT_ERROR] + s->verdicts[VERDICT_SKIP];
    suite_free(s);
    assert_int_equal(bad, 0);
}

/* RIG_TEST in the environment: a pattern of names, to run some alone. */
static inline int rig_tests(const struct rig_test *const *tests, unsigned count,
                            enum rig_cards cards)
{
    static struct rig_run runs[100];
    struct CMUnitTest each[COUNT(runs)] = {{0}};
    unsigned n = 0;

    invariant(count * 2 * cards <= COUNT(runs));
    for (unsigned i = 0; i < count * 2 * cards; i++, n++) {
        struct rig_run *run = &runs[n];

        *run = (struct rig_run){tests[i / (2 * cards)], i % 2 == 0, i / 2 % cards == 1, ""};
        snprintf(run->name, sizeof run->name, "%s, vionet.%s%s", run->test->name,
                 run->linked ? "so" : "sys", run->plain ? ", plain virtio" : "");
        each[n] = (struct CMUnitTest){run->name, rig_test_one, NULL, NULL, run};
    }
    cmocka_set_test_filter(getenv("RIG_TEST"));
    return _cmocka_run_group_tests("rig", each, n, NULL, NULL);
}

/* ---- The wire ------------------------------------------------------------------------------- */

/* The next frame is this one, zeros added up to the shortest length there is (TXC-20). */
static inline bool expect_wire(struct rig *r, const void *want, uint32_t len)
{
    static const uint8_t zeros[SHORTEST];
    static uint8_t got[RIG_FRAME];
    uint32_t n = rig_wire_read(r, got, sizeof got, 2);

    return expect_equal(r, "length of the next frame", n, MAX_OF(len, (uint32_t)SHORTEST)) &&
           expect_bytes(r, "the next frame", got, want, len) &&
           (len >= SHORTEST || expect_bytes(r, "its padding", got + len, zeros, SHORTEST - len));
}

/* The same with that tag behind the addresses; 0: none. */
static inline bool expect_wire_tagged(struct rig *r, const uint8_t *want, uint32_t len,
                                      unsigned tci)
{
    static uint8_t tagged[RIG_FRAME];

    if (!tci)
        return expect_wire(r, want, len);
    memcpy(tagged, want, 12);
    naive_put(tagged + 12, 4, 0x81000000u | tci);
    memcpy(tagged + 16, want + 12, len - 12);
    return expect_wire(r, tagged, len + 4);
}

/* Nothing is on its way. */
static inline bool expect_silence(struct rig *r)
{
    struct rig_seen seen = {0};
    unsigned n = rig_wire_drain(r, &seen, 1);

    rig_forget(r);
    free(seen.bytes);
    return expect_equal(r, "frames that left", n, 0);
}

static inline bool expect_nothing_more(struct rig *r)
{
    static uint8_t junk[RIG_FRAME];

    return expect_equal(r, "bytes of one more frame", rig_wire_read(r, junk, sizeof junk, 0), 0);
}

/* ---- Sends ---------------------------------------------------------------------------------- */

/* Sent, back, and as it was (TXC-16). */
static inline struct outcome send_one(struct rig *r, const struct packet *k, const struct ask *how)
{
    struct outcome o = packet_send(r, k, how);

    expect(r, o.back && o.untouched, "the NBL", "back, and as it was", "%s",
           o.back ? "changed" : "not back");
    rig_forget(r);
    return o;
}

static inline void expect_failed(struct rig *r, const struct packet *k, const struct ask *how)
{
    expect_status(r, "NBL status", send_one(r, k, how).status, FAIL_SEND);
    expect_silence(r);
}

/* Sends with these checksums asked for; they leave right, the whole frame. */
static inline bool expect_checksummed(struct rig *r, const struct packet *k, unsigned what,
                                      const struct ask *how)
{
    static struct packet want;
    struct ask a = how ? *how : (struct ask){0};

    a.checksum = ask_checksum(k, what);
    memcpy(&want, k, offsetof(struct packet, bytes) + k->len);
    packet_finish(&want, what);
    return expect_code(r, "NBL status", send_one(r, k, &a).status, NDIS_STATUS_SUCCESS) &&
           expect_wire(r, want.bytes, want.len);
}

/* ---- Large sends ---------------------------------------------------------------------------- */

/* LsoV2TransmitComplete: Type 1, Reserved 0 (bit 30 alone); LsoV1TransmitComplete: the bytes. */
static inline uintptr_t large_slot(const struct packet *k, enum large_kind kind, bool sent)
{
    if (kind != LARGE_V1)
        return (uintptr_t)1 << 30;
    return sent ? k->len - k->payload : 0;
}

/* The frames of one large send, in order, each as the rules want it, byte for byte. */
static inline bool expect_segments(struct rig *r, const struct packet *k, enum large_kind kind,
                                   uint32_t mss, unsigned tci)
{
    static uint8_t want[RIG_FRAME];
    const struct shape sh = {k->l3, k->l4, k->payload, k->version, k->snap};
    /* Version 1 may number beyond 15 bits. */
    unsigned bits = kind == LARGE_V1 && k->bytes[k->l3 + 4] & 0x80 ? 16 : 15;
    size_t count = naive_count(k->len - k->payload, mss);

    for (size_t i = 0; i < count; i++) {
        uint32_t len = (uint32_t)naive_segment(k->bytes, k->len, &sh, mss, bits, i, want);

        if (!expect_wire_tagged(r, want, len, tci))
            return false;
    }
    return true;
}

static inline bool expect_large(struct rig *r, const struct packet *k, enum large_kind kind,
                                uint32_t mss, const struct ask *how)
{
    struct ask a = how ? *how : (struct ask){0};
    struct outcome o;

    a.lso = large_ask(k, kind, mss);
    o = send_one(r, k, &a);
    return expect_code(r, "NBL status", o.status, NDIS_STATUS_SUCCESS) &&
           expect_equal(r, "large send slot", o.lso, large_slot(k, kind, true)) &&
           expect_segments(r, k, kind, mss, 0) && expect_nothing_more(r);
}

/* Failed without a frame, its slot as that of any completed one (LSO2-17, LSO1-31). */
static inline void expect_refused(struct rig *r, const struct packet *k, enum large_kind kind,
                                  uint32_t mss)
{
    struct outcome o = send_one(r, k, &(struct ask){.lso = large_ask(k, kind, mss)});

    expect_status(r, "NBL status", o.status, FAIL_SEND);
    expect_equal(r, "large send slot", o.lso, large_slot(k, kind, false));
    expect_silence(r);
}
