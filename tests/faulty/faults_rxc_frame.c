/* SPDX-License-Identifier: MIT */
/* What can be wrong with receive checksum results of frames that are not plain, and with the
 * frames. */
#include "slot.h"

static unsigned good(const struct fields *f)
{
    return f->proto == 6 ? SLOT_TCP_OK : SLOT_UDP_OK;
}

static void first_fragment(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->version == 4 && f->ip_fragment == 0x2000)
        slot_put(nbl, slot_get(nbl) | good(f));
}
FAULT("RXC-10", rxc_first_fragment, "a first fragment is marked as succeeded",
      .indicate = first_fragment, .maybe = "SEC");

static void later_fragment(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->version == 4 && f->ip_fragment & 0x1fff && f->proto == 17)
        slot_put(nbl, slot_get(nbl) | SLOT_UDP_BAD);
}
FAULT("RXC-10", rxc_later_fragment, "a later fragment is marked as failed",
      .indicate = later_fragment, .maybe = "SEC");

static void fragment6(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    if (len > 60 && frame[12] == 0x86 && frame[14] >> 4 == 6 && frame[20] == 44)
        slot_put(nbl, SLOT_TCP_OK);
}
FAULT("RXC-10", rxc_fragment6, "an IPv6 fragment is marked as succeeded", .indicate = fragment6,
      .maybe = "SEC,RXC-13");

static bool udp_without(const struct fields *f, unsigned version)
{
    return f && f->version == version && f->proto == 17 && f->checksum == 0 && !f->ip_fragment;
}

static void fails_without(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    if (udp_without(frame_fields(frame, len), 4))
        slot_put(nbl, slot_get(nbl) | SLOT_UDP_BAD);
}
FAULT("RXC-11", rxc_udp4_without, "UDP over IPv4 without checksum is marked as failed",
      .indicate = fails_without, .maybe = "RXC-22,SEC");

static void passes_without(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    if (udp_without(frame_fields(frame, len), 6))
        slot_put(nbl, slot_get(nbl) | SLOT_UDP_OK);
}
FAULT("RXC-12", rxc_udp6_without, "UDP over IPv6 without checksum is marked as succeeded",
      .indicate = passes_without, .maybe = "RXC-22,SEC");

/* ---- What cannot be judged ------------------------------------------------------------------ */

static void judges_others(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    if (len > 60 && frame[12] == 0x08 && frame[13] == 0x06)
        slot_put(nbl, SLOT_TCP_OK);
}
FAULT("RXC-13", rxc_judges_others, "a frame that is no IP has a result", .indicate = judges_others,
      .maybe = "SEC");

static void judges_cut(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && !f->tagged && !f->ip_fragment && f->l3 + f->ip_total > len)
        slot_put(nbl, slot_get(nbl) | (f->proto == 6 ? SLOT_TCP_BAD : SLOT_UDP_BAD));
}
FAULT("RXC-13", rxc_judges_cut, "a datagram longer than its frame is marked as failed",
      .indicate = judges_cut, .maybe = "SEC");

/* (15 + 1) * 8 bytes are -128 in a signed one. */
static void steps_back(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    if (len > 62 && len < 54 + 128 && naive_get(frame + 12, 2) == 0x86dd && frame[20] == 60 &&
        frame[55] == 15)
        slot_put(nbl, SLOT_TCP_BAD);
}
FAULT("RXC-13", rxc_steps_back, "an extension header of 128 bytes is taken to end before it begins",
      .indicate = steps_back, .maybe = "SEC");

static bool drops_version(uint8_t *frame, uint32_t len)
{
    return !(len > 34 && frame[12] == 0x08 && frame[13] == 0 && frame[14] >> 4 == 5);
}
FAULT("RXC-13", rxc_drops_version, "a frame with a bad IP version is not indicated",
      .wire_in = drops_version, .maybe = "SEC,GEN");

static void crashes(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    (void)nbl;
    if (len > 34 && frame[12] == 0x08 && frame[13] == 0 && frame[14] == 0x40)
        abort();
}
FAULT("RXC-13", rxc_crashes, "an IPv4 header of no length is the end of the driver",
      .indicate = crashes, .maybe = "SEC,GEN");

/* ---- Options, padding, tags ----------------------------------------------------------------- */

static bool has_ip_options(const struct fields *f, unsigned version)
{
    return f && f->version == version && f->ip_header_len > (version == 4 ? 20u : 40u);
}

static void silent_options(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    if (has_ip_options(frame_fields(frame, len), 4))
        slot_put(nbl, 0);
}
FAULT("RXC-14", rxc_silent_options, "no result with IPv4 options, which are reported",
      .indicate = silent_options, .maybe = "CAP");

static void fails_extensions(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (has_ip_options(f, 6) && slot_get(nbl) & SLOT_OK)
        slot_put(nbl, f->proto == 6 ? SLOT_TCP_BAD : SLOT_UDP_BAD);
}
FAULT("RXC-14", rxc_fails_extensions, "right frames with IPv6 extension headers fail",
      .indicate = fails_extensions, .maybe = "CAP");

static void passes_tcp_options(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->tcp_header_len > 20 && slot_get(nbl) & SLOT_TCP_BAD)
        slot_put(nbl, (slot_get(nbl) & ~(unsigned)SLOT_TCP_BAD) | SLOT_TCP_OK);
}
FAULT("RXC-14", rxc_passes_tcp_options, "wrong frames with TCP options are marked as succeeded",
      .indicate = passes_tcp_options, .maybe = "CAP,SEC");

static void sums_padding(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->end < len && frame[len - 1] && slot_get(nbl) & (SLOT_TCP_OK | SLOT_UDP_OK))
        slot_put(nbl, f->proto == 6 ? SLOT_TCP_BAD : SLOT_UDP_BAD);
}
FAULT("RXC-15", rxc_sums_padding, "padding is summed", .indicate = sums_padding, .maybe = "RXC-22");

static void judges_tagged(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo])
        slot_put(nbl, good(f));
}
FAULT("RXC-20", rxc_judges_tagged, "tagged frames have a result that is not reported",
      .indicate = judges_tagged, .maybe = "CAP");

static void tag_in_both(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    enum { ADDRESSES = 12, TAG = 4 };
    NET_BUFFER *nb = nbl->FirstNetBuffer;

    (void)len;
    if (!nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] || nb->DataOffset < TAG)
        return;
    memmove(frame - TAG, frame, ADDRESSES);
    memcpy(frame - TAG + ADDRESSES, "\x81\x00\x6a\xbc", TAG);
    nb->DataOffset -= TAG;
    nb->CurrentMdlOffset -= TAG;
    nb->DataLength += TAG;
}
FAULT("RXC-20", rxc_tag_in_both, "the tag is in its slot and in the data", .indicate = tag_in_both,
      .also = "KEY-17", .maybe = "CAP,TXC");

static void silent_snap(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->snap)
        slot_put(nbl, 0);
}
FAULT("RXC-21", rxc_silent_snap, "no result behind LLC/SNAP, which is reported",
      .indicate = silent_snap, .maybe = "CAP");

/* ---- The bytes ------------------------------------------------------------------------------ */

static void clears_checksum(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->proto == 6 && slot_get(nbl) & SLOT_TCP_OK)
        memset(frame + f->l4 + 16, 0, 2);
}
FAULT("RXC-16", rxc_clears_checksum, "a checksum that was right is cleared",
      .indicate = clears_checksum, .maybe = "GEN,SEC,KEY-28,RXC-22");

static void mends_checksum(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    if (slot_get(nbl) & SLOT_UDP_BAD)
        frame_mend(frame, len);
}
FAULT("RXC-16", rxc_mends_checksum, "a checksum that was wrong is put right",
      .indicate = mends_checksum, .maybe = "GEN,SEC,RXC-22");

static void cuts_padding(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->end < len)
        nbl->FirstNetBuffer->DataLength = f->end;
}
FAULT("RXC-16", rxc_cuts_padding, "padding is cut off", .indicate = cuts_padding,
      .maybe = "GEN,SEC");

/* ---- Other bits, old ones ------------------------------------------------------------------- */

static void sets_loopback(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    (void)len;
    if (frame[12] == 0x86)
        slot_put(nbl, slot_get(nbl) | SLOT_LOOPBACK);
}
FAULT("RXC-17", rxc_sets_loopback, "received frames are marked as looped back",
      .indicate = sets_loopback, .maybe = "INIT-14,SEC");

static void says_coalesced(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    (void)frame;
    (void)len;
    if (slot_get(nbl) & SLOT_TCP_OK)
        slot_put(nbl, slot_get(nbl) | SLOT_TCP_INVALID);
}
FAULT("RXC-18", rxc_says_coalesced, "the checksum field is said to be invalid",
      .indicate = says_coalesced);

/* Only where the check of RXC-19 looks: other frames without a result are other rows'. */
static void keeps_result(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    static struct {
        const NET_BUFFER_LIST *nbl;
        unsigned slot;
    } last[1024];
    size_t at = 0;

    (void)len;
    while (at < ARRAY_LEN(last) - 1 && last[at].nbl && last[at].nbl != nbl)
        at++;
    last[at].nbl = nbl;
    if (frame[12] == 0x88 && frame[13] == 0xb6)
        slot_put(nbl, last[at].slot);
    last[at].slot = slot_get(nbl);
}
FAULT("RXC-19", rxc_keeps_result, "an NBL keeps the result of the frame before",
      .indicate = keeps_result);
