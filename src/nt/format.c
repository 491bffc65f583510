/* SPDX-License-Identifier: MIT */
/* The kernel's printf ("Format specification syntax: printf and wprintf functions", and DbgPrint's
 * page). */
#include "nt/format.h"
#include "base/base.h"

enum size { SIZE_NONE, SIZE_H, SIZE_HH, SIZE_L, SIZE_W, SIZE_64 };

struct printer {
    struct nt_format to;
    size_t count;
    const void *format;
    size_t at;
};

struct spec {
    bool left, plus, space, alternate, zero;
    int width, precision; /* precision < 0: none */
    enum size size;
    WCHAR conversion;
};

static WCHAR next(struct printer *p)
{
    WCHAR c = p->to.wide ? ((const WCHAR *)p->format)[p->at] : ((const UCHAR *)p->format)[p->at];

    if (c)
        p->at++;
    return c;
}

static WCHAR peek(const struct printer *p)
{
    return p->to.wide ? ((const WCHAR *)p->format)[p->at] : ((const UCHAR *)p->format)[p->at];
}

static void put(struct printer *p, WCHAR c)
{
    if (p->count < p->to.room) {
        if (p->to.wide)
            ((WCHAR *)p->to.out)[p->count] = c;
        else
            ((UCHAR *)p->to.out)[p->count] = c < 256 ? (UCHAR)c : '?';
    }
    p->count++;
}

static void pad(struct printer *p, int count, WCHAR c)
{
    while (count-- > 0)
        put(p, c);
}

static int read_number(struct printer *p, __builtin_ms_va_list *ap)
{
    int value = 0;

    if (peek(p) == '*') {
        next(p);
        return __builtin_va_arg(*ap, int);
    }
    while (peek(p) >= '0' && peek(p) <= '9') {
        value = value * 10 + (next(p) - '0');
        value = MIN_OF(value, 99999);
    }
    return value;
}

static void read_flags(struct printer *p, struct spec *s)
{
    for (;; next(p)) {
        switch (peek(p)) {
        case '-':
            s->left = true;
            break;
        case '+':
            s->plus = true;
            break;
        case ' ':
            s->space = true;
            break;
        case '#':
            s->alternate = true;
            break;
        case '0':
            s->zero = true;
            break;
        default:
            return;
        }
    }
}

static void read_size(struct printer *p, struct spec *s)
{
    WCHAR c = peek(p);

    s->size = SIZE_NONE;
    if (c == 'I') {
        next(p);
        if (peek(p) == '3') {
            next(p), next(p);
            return;
        }
        if (peek(p) == '6')
            next(p), next(p);
        s->size = SIZE_64; /* I alone is the size of a pointer */
    } else if (c == 'h' || c == 'l') {
        next(p);
        s->size = c == 'h' ? SIZE_H : SIZE_L;
        if (peek(p) == c) {
            next(p);
            s->size = c == 'h' ? SIZE_HH : SIZE_64;
        }
    } else if (c == 'w') {
        next(p);
        s->size = SIZE_W;
    } else if (c == 'z' || c == 'j' || c == 't') {
        next(p);
        s->size = SIZE_64;
    } else if (c == 'L') {
        next(p);
    }
}

static void put_number(struct printer *p, const struct spec *s, uint64_t value, bool negative)
{
    unsigned base = s->conversion == 'o'                                  ? 8
                    : (s->conversion | 32) == 'x' || s->conversion == 'p' ? 16
                                                                          : 10;
    const char *set = s->conversion == 'x' ? "0123456789abcdef" : "0123456789ABCDEF";
    bool hex_prefix = s->alternate && base == 16 && value != 0;
    WCHAR sign = negative ? '-' : s->plus ? '+' : s->space ? ' ' : 0;
    char digits[24];
    int n = 0, zeros, fill;

    if (base != 10 || (s->conversion != 'd' && s->conversion != 'i'))
        sign = 0;
    while (value != 0) {
        digits[n++] = set[value % base];
        value /= base;
    }
    zeros = MAX_OF((s->precision < 0 ? 1 : s->precision) - n, 0);
    if (s->alternate && base == 8 && zeros == 0)
        zeros = 1;
    fill = s->width - n - zeros - (sign != 0) - (hex_prefix ? 2 : 0);
    if (s->zero && !s->left && s->precision < 0 && fill > 0) {
        zeros += fill;
        fill = 0;
    }
    if (!s->left)
        pad(p, fill, ' ');
    if (sign)
        put(p, sign);
    if (hex_prefix) {
        put(p, '0');
        put(p, s->conversion);
    }
    pad(p, zeros, '0');
    while (n > 0)
        put(p, (WCHAR)digits[--n]);
    if (s->left)
        pad(p, fill, ' ');
}

/* max: counted strings have no terminator. */
static void put_text(struct printer *p, const struct spec *s, const void *text, bool wide,
                     size_t max)
{
    size_t n = 0;

    if (s->precision >= 0)
        max = MIN_OF(max, (size_t)s->precision);
    if (!text) {
        text = "(null)";
        wide = false;
        max = MIN_OF(max, (size_t)6);
    }
    while (n < max && (wide ? ((const WCHAR *)text)[n] != 0 : ((const char *)text)[n] != 0))
        n++;
    if (!s->left)
        pad(p, s->width - (int)n, s->zero ? '0' : ' ');
    for (size_t i = 0; i < n; i++)
        put(p, wide ? ((const WCHAR *)text)[i] : ((const UCHAR *)text)[i]);
    if (s->left)
        pad(p, s->width - (int)n, ' ');
}

/* A %s or %c is as wide as the format, %S and %C the other; a size says so itself. */
static bool is_wide(const struct printer *p, const struct spec *s)
{
    if (s->size == SIZE_H || s->size == SIZE_HH)
        return false;
    if (s->size == SIZE_L || s->size == SIZE_W)
        return true;
    return p->to.wide == (s->conversion == 's' || s->conversion == 'c');
}

static void put_counted(struct printer *p, const struct spec *s, const UNICODE_STRING *string)
{
    bool wide = s->size == SIZE_W || s->size == SIZE_L;

    if (!string || !string->Buffer)
        put_text(p, s, NULL, false, SIZE_MAX);
    else
        put_text(p, s, string->Buffer, wide, wide ? string->Length / 2u : string->Length);
}

static uint64_t take_integer(const struct spec *s, bool sign, __builtin_ms_va_list *ap)
{
    unsigned value;

    if (s->size == SIZE_64)
        return __builtin_va_arg(*ap, unsigned long long);
    value = __builtin_va_arg(*ap, unsigned);
    if (s->size == SIZE_H)
        return sign ? (uint64_t)(int64_t)(short)value : (unsigned short)value;
    if (s->size == SIZE_HH)
        return sign ? (uint64_t)(int64_t)(signed char)value : (unsigned char)value;
    return sign ? (uint64_t)(int64_t)(int)value : value;
}

static void convert(struct printer *p, struct spec *s, __builtin_ms_va_list *ap)
{
    WCHAR character[2] = {0, 0};
    uint64_t value;

    switch (s->conversion) {
    case 'd':
    case 'i':
        value = take_integer(s, true, ap);
        put_number(p, s, value >> 63 ? 0 - value : value, (value >> 63) != 0);
        break;
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        put_number(p, s, take_integer(s, false, ap), false);
        break;
    case 'p':
        s->precision = 16;
        put_number(p, s, __builtin_va_arg(*ap, unsigned long long), false);
        break;
    case 'c':
    case 'C':
        character[0] = (WCHAR) __builtin_va_arg(*ap, int);
        if (!is_wide(p, s))
            character[0] &= 0xff;
        s->precision = -1;
        if (!s->left)
            pad(p, s->width - 1, ' ');
        put(p, character[0]);
        if (s->left)
            pad(p, s->width - 1, ' ');
        break;
    case 's':
    case 'S':
        put_text(p, s, __builtin_va_arg(*ap, const void *), is_wide(p, s), SIZE_MAX);
        break;
    case 'Z':
        put_counted(p, s, __builtin_va_arg(*ap, const UNICODE_STRING *));
        break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
    case 'a':
    case 'A':
        (void)__builtin_va_arg(*ap, double);
        put(p, '?');
        break;
    case 'n':
        (void)__builtin_va_arg(*ap, void *);
        break;
    default:
        put(p, s->conversion);
        break;
    }
}

size_t nt_format(struct nt_format to, const void *format, __builtin_ms_va_list ap)
{
    struct printer p = {.to = to, .format = format};
    __builtin_ms_va_list args;

    __builtin_ms_va_copy(args, ap);
    for (WCHAR c = next(&p); c; c = next(&p)) {
        struct spec s = {.precision = -1};

        if (c != '%') {
            put(&p, c);
            continue;
        }
        read_flags(&p, &s);
        s.width = read_number(&p, &args);
        if (s.width < 0) {
            s.left = true;
            s.width = -MAX_OF(s.width, -99999);
        }
        s.width = MIN_OF(s.width, 99999);
        if (peek(&p) == '.') {
            next(&p);
            s.precision = read_number(&p, &args);
            s.precision = MIN_OF(s.precision, 99999);
        }
        read_size(&p, &s);
        s.conversion = next(&p);
        if (!s.conversion)
            break;
        convert(&p, &s, &args);
    }
    __builtin_ms_va_end(args);
    return p.count;
}
