/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 in memory, UTF-16LE towards drivers and in files. Lone surrogates survive as three bytes
 * each (as in WTF-8), so that both ways lose nothing; a byte that belongs to no sequence becomes
 * U+FFFD.
 */
#pragma once

#include "base/base.h"

/* Both write at most `room` units, never half a character, without terminator, and return the units
 * needed. */
size_t utf16_from_utf8(uint16_t *out, size_t room, const char *text, size_t bytes);
size_t utf8_from_utf16(char *out, size_t room, const uint16_t *text, size_t units);

/* Next code point of [*at, end), which is not empty. */
uint32_t utf8_next(const unsigned char **at, const unsigned char *end);
bool utf8_valid(const void *text, size_t bytes);

/* Simple upper and lower case of one UTF-16 unit: Latin, Greek, Cyrillic, Armenian, full width. */
uint16_t utf16_upcase(uint16_t c);
uint16_t utf16_downcase(uint16_t c);

/* Order without case; 0 when equal. */
int utf8_compare_nocase(const char *a, const char *b);
