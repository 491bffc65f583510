/* SPDX-License-Identifier: MIT */
/* Walks the spans of a frame: copy out, sum. */
#include "frame/frame.h"

#include <string.h>

#include "frame/wire.h"

size_t frame_pull(const struct frame *f, size_t offset, void *dst, size_t len)
{
    size_t done = 0;
    for (uint32_t i = 0; i < f->span_count && done < len; i++) {
        const struct frame_span *span = &f->spans[i];
        if (offset >= span->len) {
            offset -= span->len;
            continue;
        }
        size_t n = span->len - offset;
        if (n > len - done)
            n = len - done;
        memcpy((uint8_t *)dst + done, span->data + offset, n);
        done += n;
        offset = 0;
    }
    return done;
}

uint64_t frame_sum_spans(const struct frame *f, size_t offset, size_t len, uint64_t seed)
{
    size_t done = 0;
    for (uint32_t i = 0; i < f->span_count && done < len; i++) {
        const struct frame_span *span = &f->spans[i];
        if (offset >= span->len) {
            offset -= span->len;
            continue;
        }
        size_t n = span->len - offset;
        if (n > len - done)
            n = len - done;
        seed = frame_sum_at(span->data + offset, n, done, seed);
        done += n;
        offset = 0;
    }
    return seed;
}
