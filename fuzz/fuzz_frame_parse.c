/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a received frame: parse, judge and finish must stay inside them, and every offset
 * must lie where it claims. Input: 6 bytes of choices (mode, split, csum_start, csum_offset), then
 * the frame.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "frame/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool x)
{
    if (!x)
        abort();
}

static void check_layers(const struct frame_layers *l, size_t have, size_t frame_len)
{
    require(l->l2_len <= have && l->payload_offset <= have && l->ip_end <= frame_len);
    require(!l->l3_offset == !l->ip_version);
    require(!l->l3_offset || l->l3_offset == l->l2_len);
    require(!l->l4_offset || (l->l3_offset + 20 <= l->l4_offset && l->l4_offset < l->ip_end));
    require(!l->payload_offset || (l->l4_offset && l->payload_offset <= l->ip_end));
    require(l->l4_offset || !l->l4_proto);
}

/* Finishing a frame and judging it again must agree where the layers say TCP or UDP. */
static void finish_and_judge(const struct frame *f, const struct frame_layers *l, uint8_t *head,
                             size_t head_len)
{
    if (!frame_finish_checksums(f, l, head, head_len))
        return;
    struct frame_span spans[] = {{head, (uint32_t)head_len},
                                 {f->spans[0].data + head_len, f->len - (uint32_t)head_len}};
    struct frame done = {.spans = spans, .span_count = 2, .len = f->len};
    struct frame_layers again;
    frame_parse(head, head_len, f->len, FRAME_STRICT, &again);
    bool alone = !(f->offload.flags & FRAME_CSUM_NEEDED);
    if (alone && l->ip_end && memcmp(l, &again, sizeof(again)) == 0)
        require(frame_check_ip(&done, &again) == FRAME_GOOD);
    frame_check_transport(&done, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 6)
        return 0;
    const uint8_t *choice = data;
    uint32_t len = (uint32_t)(size - 6);
    uint8_t *bytes = malloc(len ? len : 1);
    memcpy(bytes, data + 6, len);

    size_t head_len = choice[0] & 4 ? len : len * choice[1] / 256u;
    uint8_t *head = malloc(head_len ? head_len : 1); /* exactly: a sanitizer sees the byte behind */
    uint32_t cut = len * choice[5] / 256u;
    struct frame_span spans[] = {{bytes, cut}, {bytes + cut, len - cut}}, one = {bytes, len};
    struct frame f = {.spans = spans, .span_count = 2, .len = len};
    memcpy(head, bytes, head_len);

    struct frame_layers l;
    frame_parse(head, head_len, len, choice[0] & 1 ? FRAME_LARGE_TEMPLATE : FRAME_STRICT, &l);
    check_layers(&l, head_len, len);
    frame_check_ip(&f, &l);
    frame_check_transport(&f, &l);

    struct frame whole = {.spans = &one, .span_count = 1, .len = len};
    whole.offload.flags = (uint16_t)((choice[0] & 8 ? FRAME_CSUM_NEEDED : 0) |
                                     (choice[0] & 16 ? FRAME_IPCSUM_NEEDED : 0));
    whole.offload.csum_start = choice[0] & 32 ? l.l4_offset : (uint16_t)(choice[2] * 5);
    whole.offload.csum_offset = (uint16_t)(choice[3] | (choice[4] & 0x80) << 8);
    if (!(choice[0] & 1) && whole.offload.flags)
        finish_and_judge(&whole, &l, head, head_len);

    free(bytes);
    free(head);
    return 0;
}
