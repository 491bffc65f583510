/* SPDX-License-Identifier: MIT */
/* Bytes into, out of and between span lists. */
#include "port/ops.h"

unsigned port_spans_iov(const struct frame_span *spans, uint32_t count, struct iovec *iov,
                        unsigned max, size_t *bytes)
{
    unsigned used = 0;

    *bytes = 0;
    for (uint32_t i = 0; i < count && used < max; i++) {
        if (spans[i].len == 0)
            continue;
        iov[used++] = (struct iovec){.iov_base = spans[i].data, .iov_len = spans[i].len};
        *bytes += spans[i].len;
    }
    return used;
}

size_t port_spans_capacity(const struct frame_span *spans, uint32_t count)
{
    size_t total = 0;

    for (uint32_t i = 0; i < count; i++)
        total += spans[i].len;
    return total;
}

bool port_spans_put(const struct frame_span *spans, uint32_t count, const uint8_t *src, size_t len)
{
    if (len > port_spans_capacity(spans, count))
        return false;
    for (uint32_t i = 0; len > 0; i++) {
        size_t piece = MIN_OF(len, spans[i].len);

        memcpy(spans[i].data, src, piece);
        src += piece;
        len -= piece;
    }
    return true;
}

bool port_spans_move(const struct frame_span *to, uint32_t to_count, const struct frame_span *from,
                     size_t len)
{
    size_t at = 0, from_at = 0;

    if (len > port_spans_capacity(to, to_count))
        return false;
    while (len > 0) {
        size_t piece = MIN_OF((size_t)to->len - at, (size_t)from->len - from_at);

        piece = MIN_OF(piece, len);
        memcpy(to->data + at, from->data + from_at, piece);
        len -= piece;
        at += piece;
        from_at += piece;
        if (at == to->len) {
            to++;
            at = 0;
        }
        if (from_at == from->len) {
            from++;
            from_at = 0;
        }
    }
    return true;
}

/* The same over a list of pieces: each byte goes out through a queue of four, so that it lands four
 * places later. */
static void shift4(const struct frame_span *spans, size_t skip, size_t todo, const uint8_t bytes[4])
{
    uint8_t queue[4];
    size_t turn = 0;

    memcpy(queue, bytes, sizeof queue);
    for (; todo > 0; spans++) {
        for (uint32_t i = 0; i < spans->len && todo > 0; i++) {
            uint8_t in = spans->data[i];

            if (skip > 0) {
                skip--;
                continue;
            }
            spans->data[i] = queue[turn];
            queue[turn] = in;
            turn = (turn + 1) % sizeof queue;
            todo--;
        }
    }
}

bool port_spans_insert4(const struct frame_span *spans, uint32_t count, size_t len, size_t offset,
                        const uint8_t bytes[4])
{
    if (offset > len || len + 4 > port_spans_capacity(spans, count))
        return false;
    if (len + 4 <= spans[0].len) {
        memmove(spans[0].data + offset + 4, spans[0].data + offset, len - offset);
        memcpy(spans[0].data + offset, bytes, 4);
    } else {
        shift4(spans, offset, len - offset + 4, bytes);
    }
    return true;
}
