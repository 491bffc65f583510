/* SPDX-License-Identifier: MIT */
/* UTF-8 and UTF-16, and case. Ranges and offsets: Unicode, "UnicodeData.txt" simple case mappings.
 */
#include "nt/utf.h"

enum { REPLACEMENT = 0xfffd };

uint32_t utf8_next(const unsigned char **at, const unsigned char *end)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = *at;
    unsigned length = p[0] < 0x80   ? 1
                      : p[0] < 0xc2 ? 0
                      : p[0] < 0xe0 ? 2
                      : p[0] < 0xf0 ? 3
                      : p[0] < 0xf5 ? 4
                                    : 0;
    uint32_t c;

    *at = p + 1;
    if (length == 1)
        return p[0];
    if (length == 0 || (size_t)(end - p) < length)
        return REPLACEMENT;
    c = p[0] & (0xffu >> (length + 1));
    for (unsigned i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return REPLACEMENT;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if (c < least[length] || c > 0x10ffff)
        return REPLACEMENT;
    *at = p + length;
    return c;
}

bool utf8_valid(const void *text, size_t bytes)
{
    const unsigned char *p = text, *end = p + bytes;

    while (p < end) {
        const unsigned char *before = p;

        if (utf8_next(&p, end) == REPLACEMENT && p == before + 1)
            return false;
    }
    return true;
}

size_t utf16_from_utf8(uint16_t *out, size_t room, const char *text, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + bytes;
    size_t n = 0;

    while (p < end) {
        uint32_t c = utf8_next(&p, end);

        if (c < 0x10000) {
            if (n < room)
                out[n] = (uint16_t)c;
            n++;
            continue;
        }
        if (n + 1 < room) {
            out[n] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
            out[n + 1] = (uint16_t)(0xdc00 + ((c - 0x10000) & 0x3ff));
        } else {
            room = MIN_OF(room, n);
        }
        n += 2;
    }
    return n;
}

static unsigned encode(unsigned char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (unsigned char)(0xc0 | c >> 6);
        out[1] = (unsigned char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (unsigned char)(0xe0 | c >> 12);
        out[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (unsigned char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (unsigned char)(0xf0 | c >> 18);
    out[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (unsigned char)(0x80 | (c & 0x3f));
    return 4;
}

size_t utf8_from_utf16(char *out, size_t room, const uint16_t *text, size_t units)
{
    size_t n = 0;

    for (size_t i = 0; i < units; i++) {
        uint32_t c = text[i];
        unsigned char bytes[4];
        unsigned length;

        if ((c & 0xfc00) == 0xd800 && i + 1 < units && (text[i + 1] & 0xfc00) == 0xdc00)
            c = 0x10000 + ((c & 0x3ff) << 10) + (text[++i] & 0x3ffu);
        length = encode(bytes, c);
        if (n + length <= room)
            memcpy(out + n, bytes, length);
        else
            room = MIN_OF(room, n);
        n += length;
    }
    return n;
}

/* Lower case [first, last] is `distance` above upper case; alternating: upper case is the even (or
 * odd) one of a pair. */
struct case_range {
    uint16_t first, last, distance;
    uint8_t alternating; /* 1: upper case is even; 2: odd */
};

static const struct case_range ranges[] = {
    {'a', 'z', 32, 0},       {0x00e0, 0x00f6, 32, 0}, {0x00f8, 0x00fe, 32, 0},
    {0x0101, 0x012f, 1, 1},  {0x0133, 0x0137, 1, 1},  {0x013a, 0x0148, 1, 2},
    {0x014b, 0x0177, 1, 1},  {0x017a, 0x017e, 1, 2},  {0x03b1, 0x03c1, 32, 0},
    {0x03c3, 0x03cb, 32, 0}, {0x0430, 0x044f, 32, 0}, {0x0450, 0x045f, 80, 0},
    {0x0461, 0x0481, 1, 1},  {0x048b, 0x04bf, 1, 1},  {0x04d1, 0x052f, 1, 1},
    {0x0561, 0x0586, 48, 0}, {0x1e01, 0x1e95, 1, 1},  {0x1ea1, 0x1eff, 1, 1},
    {0xff41, 0xff5a, 32, 0},
};

uint16_t utf16_upcase(uint16_t c)
{
    if (c < 'a' || c == 0x00ff)
        return c == 0x00ff ? 0x0178 : c;
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        const struct case_range *r = &ranges[i];

        if (c < r->first || c > r->last)
            continue;
        if (r->alternating && (c & 1) != (r->alternating == 1))
            return c;
        return (uint16_t)(c - r->distance);
    }
    return c;
}

uint16_t utf16_downcase(uint16_t c)
{
    if (c == 0x0178)
        return 0x00ff;
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        const struct case_range *r = &ranges[i];
        uint32_t lower = (uint32_t)c + r->distance;

        if (lower < r->first || lower > r->last)
            continue;
        if (r->alternating && (lower & 1) != (r->alternating == 1))
            continue;
        return (uint16_t)lower;
    }
    return c;
}

static uint32_t next_upcase(const unsigned char **at, const unsigned char *end)
{
    uint32_t c;

    if (*at == end)
        return 0;
    c = utf8_next(at, end);
    return c < 0x10000 ? utf16_upcase((uint16_t)c) : c;
}

int utf8_compare_nocase(const char *a, const char *b)
{
    const unsigned char *x = (const unsigned char *)a, *x_end = x + strlen(a);
    const unsigned char *y = (const unsigned char *)b, *y_end = y + strlen(b);
    uint32_t c, d;

    do {
        c = next_upcase(&x, x_end);
        d = next_upcase(&y, y_end);
    } while (c == d && c != 0);
    return c < d ? -1 : c > d;
}
