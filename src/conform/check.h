/* SPDX-License-Identifier: MIT */
/*
 * A check: one requirement of the catalogue, tried on a fresh adapter in a process of its own.
 *
 *   CHECK("LSO1-8", fin_only_in_the_last)
 *   {
 *       rig_open(r, NULL);
 *       need(r, rig_advertises(r, ...), "large send");      SKIP with the reason
 *       about(r, "LSOv2 IPv4, MSS %u", mss);                what the next findings are about
 *       expect_equal(r, "TCP flags", flags, FIN);           a finding when they differ
 *   }
 *
 * A check looks at the one thing that its row says, so that a fault elsewhere does not show here.
 * It never assumes a driver: what is not advertised is skipped. An `expect_` compares, counts, and
 * on a difference adds a finding under the check's own id; it returns whether it held, and the
 * check goes on unless nothing more can be learned. A check that compared nothing and skipped
 * nothing is an error. While it runs, the runtime's own rules are watched: what they find is
 * reported under their ids.
 *
 * All functions: on the check's own thread.
 */
#pragma once

#include "base/base.h"

#include <wdk/ndis.h>

struct rig;

struct check {
    const char *id;
    void (*run)(struct rig *r); /* NULL: a host cannot observe it */
    const char *why;            /* then: why not */
};

/* Beside each other in a linker section, like the exports of the kernel. */
#define CHECK_ENTRY_(id, fn, why)                                                                  \
    __attribute__((section("conform_checks"), used,                                                \
                   aligned(8))) static const struct check check_entry_##fn

/* One requirement; the body follows. */
#define CHECK(id_text, fn)                                                                         \
    static void fn(struct rig *r);                                                                 \
    CHECK_ENTRY_(id_text, fn, NULL) = {id_text, fn, NULL};                                         \
    static void fn(struct rig *r)

/* A row that a host cannot observe, and why; ends with a semicolon. name: any, unique in the file.
 */
#define CHECK_NOT_SEEN(id_text, name, reason)                                                      \
    CHECK_ENTRY_(id_text, name, reason) = {id_text, NULL, reason}

/* By id; NULL when the row has none. */
const struct check *check_find(const char *id);
const struct check *check_at(unsigned index); /* NULL past the end; in no order */

/* ---- What a check says ---------------------------------------------------------------------- */

/* The packet, OID or event that what follows is about. Stays until the next about(). */
__attribute__((format(printf, 2, 3))) void about(struct rig *r, const char *fmt, ...);
/* Bytes to show with the next findings (a private copy is kept), and the field in them; len 0: none
 * any more. */
void about_bytes(struct rig *r, const void *bytes, uint32_t len, uint32_t mark, uint32_t mark_len);

/* SKIP unless it holds: "not advertised: WHAT". Does not return then. */
__attribute__((format(printf, 3, 4))) void need(struct rig *r, bool holds, const char *fmt, ...);
/* SKIP for another reason, given whole. */
__attribute__((noreturn, format(printf, 2, 3))) void skip(struct rig *r, const char *fmt, ...);
/* The check cannot be made for a reason that is not the driver's: ERROR. */
__attribute__((noreturn, format(printf, 2, 3))) void cannot(struct rig *r, const char *fmt, ...);

bool expect_equal(struct rig *r, const char *field, uint64_t got, uint64_t want);
bool expect_between(struct rig *r, const char *field, uint64_t got, uint64_t low, uint64_t high);
/* The first difference is shown in a dump. */
bool expect_bytes(struct rig *r, const char *field, const void *got, const void *want,
                  uint32_t len);
/* Any other claim: `want` and the printf say what was wanted and what was seen. */
__attribute__((format(printf, 5, 6))) bool expect(struct rig *r, bool holds, const char *field,
                                                  const char *want, const char *fmt, ...);
/* The same, but only advice: a warning when it does not hold. */
__attribute__((format(printf, 5, 6))) bool advise(struct rig *r, bool holds, const char *field,
                                                  const char *want, const char *fmt, ...);
/* While on, nothing is counted or reported: for finding out whether something works at all, before
 * what the row says about it is judged. */
void hush(struct rig *r, bool on);
/* Something worth showing with a check that holds: how many frames, what was indicated. */
__attribute__((format(printf, 2, 3))) void note(struct rig *r, const char *fmt, ...);

/* Accept-sets of the catalogue. The first member is preferred, another gives a warning (in strict
 * mode, a finding). */
enum accept { ACCEPT_SUCCESS, FAIL_LEN, FAIL_VAL, FAIL_SEND, FAIL_QUERY };
bool expect_status(struct rig *r, const char *field, NDIS_STATUS got, enum accept set);
/* Exactly that one. */
bool expect_code(struct rig *r, const char *field, NDIS_STATUS got, NDIS_STATUS want);
/* "NDIS_STATUS_SUCCESS", or the number. */
const char *status_name(NDIS_STATUS s);

/* A frame of a large send as the report draws it. */
struct evidence_segment {
    uint32_t seq, payload;
    uint16_t ip_id;
    uint8_t flags;
    uint8_t wrong; /* SEGMENT_WRONG_...: drawn in red */
};
enum {
    SEGMENT_WRONG_SEQ = 1,
    SEGMENT_WRONG_PAYLOAD = 2,
    SEGMENT_WRONG_ID = 4,
    SEGMENT_WRONG_FLAGS = 8,
    SEGMENT_WRONG_CHECKSUM = 16,
    SEGMENT_WRONG_HEADER = 32, /* lengths, options, addresses, tags */
};
/* Goes with the findings and notes from here on; count 0: none any more. */
void about_segments(struct rig *r, const struct evidence_segment *s, unsigned count);
