/* SPDX-License-Identifier: MIT */
/* Rtl*: strings, numbers, time, bitmaps; the kernel's printf; the C functions that images import.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "nt/export.h"
#include "nt/finding.h"

#include <wdk/ntddk.h>

static UNICODE_STRING us(const WCHAR *text)
{
    UNICODE_STRING s;

    RtlInitUnicodeString(&s, text);
    return s;
}

static void test_counted_strings_copy_append_and_compare(void **state)
{
    WCHAR buffer[8];
    UNICODE_STRING to, abc = us(L"aBc"), upper = us(L"ABC"), longer = us(L"abcdefghij");

    (void)state;
    RtlInitEmptyUnicodeString(&to, buffer, sizeof buffer);
    RtlCopyUnicodeString(&to, &abc);
    assert_int_equal(to.Length, 6);
    assert_int_equal(buffer[3], 0);
    assert_int_equal(RtlAppendUnicodeToString(&to, L"de"), STATUS_SUCCESS);
    assert_memory_equal(buffer, L"aBcde", 12);
    assert_int_equal(RtlAppendUnicodeStringToString(&to, &abc), STATUS_SUCCESS);
    assert_int_equal(to.Length, 16);
    assert_int_equal(RtlAppendUnicodeToString(&to, L"x"), STATUS_BUFFER_TOO_SMALL);
    RtlCopyUnicodeString(&to, &longer);
    assert_int_equal(to.Length, 16);
    assert_true(RtlEqualUnicodeString(&abc, &upper, TRUE));
    assert_false(RtlEqualUnicodeString(&abc, &upper, FALSE));
    assert_true(RtlCompareUnicodeString(&abc, &longer, TRUE) < 0);
    assert_true(RtlPrefixUnicodeString(&upper, &longer, TRUE));
    assert_false(RtlPrefixUnicodeString(&longer, &upper, TRUE));
    RtlInitUnicodeString(&to, NULL);
    assert_int_equal(to.Length + to.MaximumLength, 0);
}

static void test_ansi_and_unicode_convert_with_and_without_allocation(void **state)
{
    ANSI_STRING ansi;
    UNICODE_STRING wide = {0, 0, NULL}, upper = {0, 0, NULL};
    CHAR room[3];
    ANSI_STRING small = {0, sizeof room, room};

    (void)state;
    RtlInitAnsiString(&ansi, "caf\xe9");
    assert_int_equal(RtlxAnsiStringToUnicodeSize(&ansi), 10);
    assert_int_equal(RtlAnsiStringToUnicodeString(&wide, &ansi, TRUE), STATUS_SUCCESS);
    assert_memory_equal(wide.Buffer, L"caf\u00e9", 10);
    assert_int_equal(RtlUpcaseUnicodeString(&upper, &wide, TRUE), STATUS_SUCCESS);
    assert_memory_equal(upper.Buffer, L"CAF\u00c9", 8);
    assert_int_equal(RtlUnicodeStringToAnsiString(&small, &wide, FALSE), STATUS_BUFFER_OVERFLOW);
    RtlFreeUnicodeString(&wide);
    RtlFreeUnicodeString(&upper);
    assert_null(wide.Buffer);
}

static void test_numbers_to_and_from_text(void **state)
{
    static const struct {
        const WCHAR *text;
        ULONG base, value;
    } cases[] = {{L"42", 0, 42},   {L"0x2A", 0, 42}, {L" -1", 10, 0xffffffff}, {L"101b", 2, 5},
                 {L"0o17", 0, 15}, {L"zz", 10, 0},   {L"FF", 16, 255},         {L"", 0, 0}};
    WCHAR buffer[12];
    UNICODE_STRING s;
    ULONG value;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        s = us(cases[n].text);
        assert_int_equal(RtlUnicodeStringToInteger(&s, cases[n].base, &value), STATUS_SUCCESS);
        assert_int_equal(value, cases[n].value);
    }
    assert_int_equal(RtlUnicodeStringToInteger(&s, 7, &value), STATUS_INVALID_PARAMETER);
    RtlInitEmptyUnicodeString(&s, buffer, sizeof buffer);
    assert_int_equal(RtlIntegerToUnicodeString(0xbeef, 16, &s), STATUS_SUCCESS);
    assert_memory_equal(buffer, L"BEEF", 10);
    assert_int_equal(RtlInt64ToUnicodeString(UINT64_MAX, 10, &s), STATUS_BUFFER_OVERFLOW);
}

static void test_guids_go_both_ways(void **state)
{
    static const GUID guid = {0x12345678, 0x9abc, 0xdef0, {1, 2, 3, 4, 5, 6, 7, 0xff}};
    UNICODE_STRING s;
    GUID back;

    (void)state;
    assert_int_equal(RtlStringFromGUID(&guid, &s), STATUS_SUCCESS);
    assert_memory_equal(s.Buffer, L"{12345678-9ABC-DEF0-0102-0304050607FF}", 78);
    assert_int_equal(RtlGUIDFromString(&s, &back), STATUS_SUCCESS);
    assert_memory_equal(&back, &guid, sizeof guid);
    s.Buffer[5] = 'g';
    assert_int_equal(RtlGUIDFromString(&s, &back), STATUS_INVALID_PARAMETER);
    RtlFreeUnicodeString(&s);
}

static void test_time_fields_of_known_days(void **state)
{
    static const struct {
        TIME_FIELDS fields;
        LONGLONG seconds; /* since 1601 */
    } cases[] = {
        {{1601, 1, 1, 0, 0, 0, 0, 1}, 0},
        {{1970, 1, 1, 0, 0, 0, 0, 4}, 11644473600},
        {{2000, 2, 29, 12, 34, 56, 789, 2}, 11644473600 + 951827696},
        {{2100, 12, 31, 23, 59, 59, 0, 5}, 11644473600 + 4133980799},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        TIME_FIELDS f = cases[n].fields, back;
        LARGE_INTEGER t;

        assert_true(RtlTimeFieldsToTime(&f, &t));
        assert_int_equal(t.QuadPart / 10000000, cases[n].seconds);
        RtlTimeToTimeFields(&t, &back);
        assert_memory_equal(&back, &f, sizeof f);
    }
    assert_false(
        RtlTimeFieldsToTime(&(TIME_FIELDS){2001, 2, 29, 0, 0, 0, 0, 0}, &(LARGE_INTEGER){0}));
}

static void test_bitmaps_find_and_refuse_ranges_outside(void **state)
{
    ULONG words[3];
    RTL_BITMAP b;

    (void)state;
    RtlInitializeBitMap(&b, words, 70);
    RtlClearAllBits(&b);
    RtlSetBits(&b, 0, 30);
    RtlSetBits(&b, 40, 20);
    assert_int_equal(RtlNumberOfSetBits(&b), 50);
    assert_int_equal(RtlFindClearBits(&b, 10, 0), 30);
    assert_int_equal(RtlFindClearBits(&b, 11, 0), MAXULONG);
    assert_int_equal(RtlFindClearBits(&b, 10, 50), 60);
    assert_int_equal(RtlFindClearBitsAndSet(&b, 5, 65), 65);
    assert_int_equal(RtlFindClearBits(&b, 10, 65), 30);
    assert_true(RtlTestBit(&b, 69));
    log_set_level(LOG_ERROR);
    finding_reset();
    RtlSetBits(&b, 69, 2);
    assert_false(RtlTestBit(&b, 70));
    assert_int_equal(finding_count(), 2);
}

typedef int(NTAPI *snprintf_fn)(char *out, size_t room, const char *format, ...);
typedef int(NTAPI *snwprintf_fn)(WCHAR *out, size_t room, const WCHAR *format, ...);

static void test_printf_as_the_kernel_has_it(void **state)
{
    snprintf_fn print = (snprintf_fn)nt_export_find("_snprintf");
    char out[128];
    UNICODE_STRING wide = us(L"counted!");
    ANSI_STRING ansi = {3, 3, (PCHAR)(uintptr_t) "abcdef"};

    (void)state;
    wide.Length = 14;
#define CHECK(expected, ...)                                                                       \
    do {                                                                                           \
        assert_int_equal(print(out, sizeof out, __VA_ARGS__), (int)strlen(expected));              \
        assert_string_equal(out, expected);                                                        \
    } while (0)
    CHECK("7 -7 +7 0007", "%d %i %+d %04d", 7, -7, 7, 7);
    CHECK("ff FF 0xff 377 00ff", "%x %X %#x %o %.4x", 255, 255, 255, 255, 255);
    CHECK("4294967295 18446744073709551615", "%u %I64u", 0xffffffffu, ~0ull);
    CHECK("-1 -1 65535", "%ld %I64d %hu", -1, -1ll, 0x1ffffu);
    CHECK("00000000DEADBEEF", "%p", (void *)(uintptr_t)0xdeadbeef);
    CHECK("[   ab][ab   ][ab]", "[%5s][%-5s][%.2s]", "ab", "ab", "abc");
    CHECK("wide wide wide x", "%S %ws %ls %c", L"wide", L"wide", L"wide", 'x');
    CHECK("counted abc", "%wZ %Z", &wide, &ansi);
    CHECK("(null) 100% ? end", "%s 100%% %f %s", NULL, 1.5, "end");
    CHECK("   5|5   |", "%*d|%*d|", 4, 5, -4, 5);
#undef CHECK
    assert_int_equal(print(out, 3, "abc"), 3);
    assert_int_equal(print(out, 3, "abcd"), -1);
}

static void test_wide_printf_takes_wide_strings(void **state)
{
    snwprintf_fn print = (snwprintf_fn)nt_export_find("_snwprintf");
    snwprintf_fn safe = (snwprintf_fn)nt_export_find("swprintf_s");
    WCHAR out[32];

    (void)state;
    assert_int_equal(print(out, 32, L"%s %S %hs %d", L"w", "n", "h", 9), 7);
    assert_memory_equal(out, L"w n h 9", 16);
    assert_int_equal(safe(out, 4, L"%s", L"long"), -1);
    assert_int_equal(out[0], 0);
    assert_int_equal(DbgPrint("%s %d\n", "debug", 1), STATUS_SUCCESS);
}

static void test_c_functions_are_exported(void **state)
{
    static const char *const names[] = {"memcpy",
                                        "memmove",
                                        "memset",
                                        "memcmp",
                                        "strlen",
                                        "strcmp",
                                        "_stricmp",
                                        "wcslen",
                                        "wcscmp",
                                        "_wcsicmp",
                                        "wcscpy_s",
                                        "wcsncpy",
                                        "wcschr",
                                        "wcsstr",
                                        "towupper",
                                        "__chkstk",
                                        "__C_specific_handler",
                                        "RtlCopyMemory",
                                        "MmGetSystemRoutineAddress",
                                        "IofCompleteRequest"};
    int(NTAPI * icmp)(const WCHAR *, const WCHAR *);
    UNICODE_STRING name = us(L"KeBugCheckEx");

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(names); n++)
        if (!nt_export_find(names[n]))
            fail_msg("%s", names[n]);
    icmp = (int(NTAPI *)(const WCHAR *, const WCHAR *))nt_export_find("_wcsicmp");
    assert_int_equal(icmp(L"\u0416aB", L"\u0436Ab"), 0);
    assert_true(icmp(L"a", L"b") < 0);
    assert_ptr_equal(MmGetSystemRoutineAddress(&name), (PVOID)(uintptr_t)KeBugCheckEx);
    name = us(L"NoSuchRoutine");
    assert_null(MmGetSystemRoutineAddress(&name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counted_strings_copy_append_and_compare),
        cmocka_unit_test(test_ansi_and_unicode_convert_with_and_without_allocation),
        cmocka_unit_test(test_numbers_to_and_from_text),
        cmocka_unit_test(test_guids_go_both_ways),
        cmocka_unit_test(test_time_fields_of_known_days),
        cmocka_unit_test(test_bitmaps_find_and_refuse_ranges_outside),
        cmocka_unit_test(test_printf_as_the_kernel_has_it),
        cmocka_unit_test(test_wide_printf_takes_wide_strings),
        cmocka_unit_test(test_c_functions_are_exported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
