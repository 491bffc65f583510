/* SPDX-License-Identifier: MIT */
/* What a check says, and the records that carry it to the suite. */
#include "conform/rig_int.h"

static struct {
    NDIS_STATUS value;
    const char *name;
} const names[] = {
    {NDIS_STATUS_SUCCESS, "NDIS_STATUS_SUCCESS"},
    {NDIS_STATUS_PENDING, "NDIS_STATUS_PENDING"},
    {NDIS_STATUS_NOT_ACCEPTED, "NDIS_STATUS_NOT_ACCEPTED"},
    {NDIS_STATUS_INDICATION_REQUIRED, "NDIS_STATUS_INDICATION_REQUIRED"},
    {NDIS_STATUS_FAILURE, "NDIS_STATUS_FAILURE"},
    {NDIS_STATUS_INVALID_PARAMETER, "NDIS_STATUS_INVALID_PARAMETER"},
    {NDIS_STATUS_RESOURCES, "NDIS_STATUS_RESOURCES"},
    {NDIS_STATUS_NOT_SUPPORTED, "NDIS_STATUS_NOT_SUPPORTED"},
    {NDIS_STATUS_INVALID_STATE, "NDIS_STATUS_INVALID_STATE"},
    {NDIS_STATUS_BAD_VERSION, "NDIS_STATUS_BAD_VERSION"},
    {NDIS_STATUS_REQUEST_ABORTED, "NDIS_STATUS_REQUEST_ABORTED"},
    {NDIS_STATUS_RESET_IN_PROGRESS, "NDIS_STATUS_RESET_IN_PROGRESS"},
    {NDIS_STATUS_INVALID_LENGTH, "NDIS_STATUS_INVALID_LENGTH"},
    {NDIS_STATUS_INVALID_DATA, "NDIS_STATUS_INVALID_DATA"},
    {NDIS_STATUS_BUFFER_TOO_SHORT, "NDIS_STATUS_BUFFER_TOO_SHORT"},
    {NDIS_STATUS_INVALID_OID, "NDIS_STATUS_INVALID_OID"},
    {NDIS_STATUS_SEND_ABORTED, "NDIS_STATUS_SEND_ABORTED"},
    {NDIS_STATUS_MEDIA_DISCONNECTED, "NDIS_STATUS_MEDIA_DISCONNECTED"},
    {NDIS_STATUS_PAUSED, "NDIS_STATUS_PAUSED"},
};

/* A few in rotation, so that two can stand in one message. */
const char *status_name(NDIS_STATUS s)
{
    static char text[4][16];
    static unsigned at;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].value == s)
            return names[i].name;
    }
    at = (at + 1) % ARRAY_LEN(text);
    snprintf(text[at], sizeof text[at], "0x%08x", (unsigned)s);
    return text[at];
}

/* ---- What it is about ----------------------------------------------------------------------- */

void about(struct rig *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(r->said.about, sizeof r->said.about, fmt, ap);
    va_end(ap);
}

/* A window of the bytes that has the mark in it. */
void about_bytes(struct rig *r, const void *bytes, uint32_t len, uint32_t mark, uint32_t mark_len)
{
    struct evidence *e = &r->said;
    uint32_t from = 0;

    if (len > EVIDENCE_BYTES && mark + mark_len > EVIDENCE_BYTES)
        from = MIN_OF((mark - MIN_OF(mark, 64u)) & ~15u, (len - EVIDENCE_BYTES + 15) & ~15u);
    e->bytes_total = len;
    e->bytes_from = from;
    e->bytes_len = (uint16_t)MIN_OF(len - MIN_OF(len, from), (uint32_t)EVIDENCE_BYTES);
    e->mark_at = (uint16_t)(mark >= from ? mark - from : 0);
    e->mark_len = (uint16_t)MIN_OF(mark_len, (uint32_t)EVIDENCE_BYTES);
    if (e->bytes_len)
        memcpy(e->bytes, (const uint8_t *)bytes + from, e->bytes_len);
}

void about_segments(struct rig *r, const struct evidence_segment *s, unsigned count)
{
    r->said.segment_count = (uint16_t)MIN_OF(count, (unsigned)EVIDENCE_SEGMENTS);
    if (count)
        memcpy(r->said.segments, s, r->said.segment_count * sizeof *s);
}

/* ---- Records -------------------------------------------------------------------------------- */

static void say(struct rig *r, enum evidence_kind kind, const char *fmt, va_list ap)
{
    struct evidence e = r->said;

    e.kind = kind;
    if (!*e.id)
        snprintf(e.id, sizeof e.id, "%s", r->check->id);
    e.field[0] = e.expected[0] = e.got[0] = '\0';
    vsnprintf(e.text, sizeof e.text, fmt, ap);
    evidence_write(r, &e);
}

static void say_compared(struct rig *r, enum evidence_kind kind, const char *field,
                         const char *want, const char *got)
{
    struct evidence e = r->said;

    e.kind = kind;
    if (!*e.id)
        snprintf(e.id, sizeof e.id, "%s", r->check->id);
    snprintf(e.field, sizeof e.field, "%s", field);
    snprintf(e.expected, sizeof e.expected, "%s", want);
    snprintf(e.got, sizeof e.got, "%s", got);
    e.text[0] = '\0';
    evidence_write(r, &e);
}

void note(struct rig *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(r, EVIDENCE_NOTE, fmt, ap);
    va_end(ap);
}

__attribute__((noreturn)) static void skip_end(struct rig *r, const char *reason)
{
    struct evidence e = {.kind = EVIDENCE_SKIP};

    snprintf(e.id, sizeof e.id, "%s", r->check->id);
    snprintf(e.text, sizeof e.text, "%s", reason);
    evidence_write(r, &e);
    suite_child_end(r);
}

void need(struct rig *r, bool holds, const char *fmt, ...)
{
    char reason[300] = "not advertised: ";
    size_t at = strlen(reason);
    va_list ap;

    if (holds)
        return;
    va_start(ap, fmt);
    vsnprintf(reason + at, sizeof reason - at, fmt, ap);
    va_end(ap);
    skip_end(r, reason);
}

void skip(struct rig *r, const char *fmt, ...)
{
    char reason[300];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(reason, sizeof reason, fmt, ap);
    va_end(ap);
    skip_end(r, reason);
}

void cannot(struct rig *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(r, EVIDENCE_CANNOT, fmt, ap);
    va_end(ap);
    _exit(0); /* what is half made stays so: the process is all there is to free */
}

/* ---- Claims --------------------------------------------------------------------------------- */

void hush(struct rig *r, bool on)
{
    r->hushed = on;
}

static bool claim(struct rig *r, bool holds, enum evidence_kind kind, const char *field,
                  const char *want, const char *fmt, va_list ap)
{
    char got[240];

    if (r->hushed)
        return holds;
    r->comparisons++;
    if (holds)
        return true;
    vsnprintf(got, sizeof got, fmt, ap);
    say_compared(r, kind, field, want, got);
    return false;
}

bool expect(struct rig *r, bool holds, const char *field, const char *want, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    holds = claim(r, holds, EVIDENCE_FINDING, field, want, fmt, ap);
    va_end(ap);
    return holds;
}

bool advise(struct rig *r, bool holds, const char *field, const char *want, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    holds = claim(r, holds, EVIDENCE_WARNING, field, want, fmt, ap);
    va_end(ap);
    return holds;
}

bool expect_equal(struct rig *r, const char *field, uint64_t got, uint64_t want)
{
    char text[48];

    snprintf(text, sizeof text, want < 10 ? "%llu" : "%llu (0x%llx)", (unsigned long long)want,
             (unsigned long long)want);
    return expect(r, got == want, field, text, got < 10 ? "%llu" : "%llu (0x%llx)",
                  (unsigned long long)got, (unsigned long long)got);
}

bool expect_between(struct rig *r, const char *field, uint64_t got, uint64_t low, uint64_t high)
{
    char text[64];

    snprintf(text, sizeof text, "%llu to %llu", (unsigned long long)low, (unsigned long long)high);
    return expect(r, got >= low && got <= high, field, text, "%llu (0x%llx)",
                  (unsigned long long)got, (unsigned long long)got);
}

static void hex(char *out, size_t size, const uint8_t *p, uint32_t len)
{
    size_t at = 0;

    *out = '\0';
    for (uint32_t i = 0; i < len && at + 4 < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%02x", i ? " " : "", p[i]);
}

bool expect_bytes(struct rig *r, const char *field, const void *got, const void *want, uint32_t len)
{
    const uint8_t *g = got, *w = want;
    char place[80], have[64], need_text[64];
    uint32_t at = 0, n;
    struct evidence kept = r->said;
    bool ok;

    while (at < len && g[at] == w[at])
        at++;
    if (at == len)
        return expect(r, true, field, "", "%s", "");
    for (n = 1; at + n < len && n < 16 && g[at + n] != w[at + n];)
        n++;
    snprintf(place, sizeof place, "%s, byte %u", field, at);
    hex(have, sizeof have, g + at, n);
    hex(need_text, sizeof need_text, w + at, n);
    about_bytes(r, got, len, at, n);
    ok = expect(r, false, place, need_text, "%s", have);
    r->said = kept;
    return ok;
}

/* ---- Statuses ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    NDIS_STATUS members[9];
    unsigned count;
    bool preferred; /* the first is; the rest give a warning */
} sets[] = {
    [ACCEPT_SUCCESS] = {"NDIS_STATUS_SUCCESS", {NDIS_STATUS_SUCCESS}, 1, false},
    [FAIL_LEN] = {"NDIS_STATUS_INVALID_LENGTH",
                  {NDIS_STATUS_INVALID_LENGTH, NDIS_STATUS_BUFFER_TOO_SHORT},
                  2,
                  true},
    [FAIL_VAL] = {"NDIS_STATUS_INVALID_DATA",
                  {NDIS_STATUS_INVALID_DATA, NDIS_STATUS_INVALID_PARAMETER,
                   NDIS_STATUS_NOT_SUPPORTED},
                  3,
                  true},
    [FAIL_SEND] = {"a failure that fits a send",
                   {NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_LENGTH, NDIS_STATUS_RESOURCES,
                    NDIS_STATUS_PAUSED, NDIS_STATUS_SEND_ABORTED, NDIS_STATUS_RESET_IN_PROGRESS,
                    NDIS_STATUS_REQUEST_ABORTED},
                   7,
                   false},
    [FAIL_QUERY] = {"NDIS_STATUS_NOT_SUPPORTED",
                    {NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_INVALID_OID},
                    2,
                    true},
};

bool expect_status(struct rig *r, const char *field, NDIS_STATUS got, enum accept set)
{
    for (unsigned i = 0; i < sets[set].count; i++) {
        if (got != sets[set].members[i])
            continue;
        r->comparisons += !r->hushed;
        if (i > 0 && sets[set].preferred && !r->hushed)
            say_compared(r, EVIDENCE_WARNING, field, sets[set].name, status_name(got));
        return true;
    }
    return expect(r, false, field, sets[set].name, "%s", status_name(got));
}

bool expect_code(struct rig *r, const char *field, NDIS_STATUS got, NDIS_STATUS want)
{
    return expect(r, got == want, field, status_name(want), "%s", status_name(got));
}
