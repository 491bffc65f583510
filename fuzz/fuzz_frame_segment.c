/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a large send: a refusal, or segments that join to the payload, verify, and are the
 * same by both ways of cutting. Input: 8 bytes of choices (version, id mode, MSS, length of payload
 * to append, two cuts), then the start of the frame.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "frame/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_LEN = 8192, MAX_SPANS = 64 };

static void require(bool x)
{
    if (!x)
        abort();
}

/* One segment: strictly parsable, right checksums, the expected piece of payload. */
static void check_segment(const uint8_t *segment, uint32_t len, const struct frame_segmenter *s,
                          const uint8_t *payload)
{
    struct frame_span span = {(uint8_t *)(uintptr_t)segment, len};
    struct frame f = {.spans = &span, .span_count = 1, .len = len};
    struct frame_layers l;
    frame_parse(segment, len, len, FRAME_STRICT, &l);
    require(l.l4_proto == 6 && l.payload_offset == s->header_len && l.ip_end == len);
    require(frame_check_transport(&f, &l) == FRAME_GOOD);
    require(l.ip_version == 6 || frame_check_ip(&f, &l) == FRAME_GOOD);
    require(len - s->header_len <= s->mss);
    require(memcmp(segment + s->header_len, payload, len - s->header_len) == 0);
}

static void cut_both_ways(const struct frame *f, enum frame_id_mode mode, const uint8_t *bytes)
{
    static uint8_t copied[FRAME_MAX_HEADERS + 65536], joined[FRAME_MAX_HEADERS + 65536];
    struct frame_segmenter a, b;
    if (frame_segment_begin(&a, f, mode) != FRAME_SEGMENT_OK)
        return;
    require(frame_segment_begin(&b, f, mode) == FRAME_SEGMENT_OK);
    uint32_t count = 0, at = a.header_len;
    for (uint32_t len; (len = frame_segment_next_copy(&b, copied)) != 0; count++) {
        uint8_t header[FRAME_MAX_HEADERS];
        struct frame_span out[MAX_SPANS];
        uint32_t same = 0;
        int n = frame_segment_next(&a, header, out, MAX_SPANS, &same);
        require(n >= 1 && same == len);
        struct frame got = {.spans = out, .span_count = (uint32_t)n, .len = same};
        require(frame_pull(&got, 0, joined, sizeof(joined)) == len);
        require(memcmp(joined, copied, len) == 0);
        check_segment(copied, len, &b, bytes + at);
        at += len - a.header_len;
    }
    require(count == a.segment_count && at == f->len);
    require(frame_segment_next(&a, joined, NULL, 0, &count) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 8 || size > MAX_LEN)
        return 0;
    uint32_t given = (uint32_t)(size - 8), extra = data[4] * 8u, len = given + extra;
    uint8_t *bytes = malloc(len ? len : 1);
    memcpy(bytes, data + 8, given);
    for (uint32_t i = 0; i < extra; i++)
        bytes[given + i] = (uint8_t)(i * 37 + data[5]);

    uint32_t a = len * data[6] / 256u, b = a + (len - a) * data[7] / 256u;
    struct frame_span spans[] = {{bytes, a}, {NULL, 0}, {bytes + a, b - a}, {bytes + b, len - b}};
    struct frame f = {.spans = spans, .span_count = 4, .len = len};
    f.offload.gso = data[0] & 1 ? FRAME_GSO_TCP6 : FRAME_GSO_TCP4;
    f.offload.mss = (uint16_t)(data[2] << 8 | data[3]);
    cut_both_ways(&f, data[0] & 2 ? FRAME_ID_16BIT : FRAME_ID_15BIT, bytes);
    free(bytes);
    return 0;
}
