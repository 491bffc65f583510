/* SPDX-License-Identifier: MIT */
/* The registry tree, its text form, and the driver's view of it (Zw*Key, Rtl*Registry*). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/registry.h"

#include <wdk/ntddk.h>

#include <stdio.h>

#define HEADER "Windows Registry Editor Version 5.00\n"
#define KEY    "HKEY_LOCAL_MACHINE\\Software\\Test"

static struct registry *load(const char *text)
{
    struct registry *r = registry_new();
    struct why why = {.text = ""};

    assert_non_null(r);
    if (registry_load_text(r, text, strlen(text), "t.reg", &why) != 0)
        fail_msg("%s", why.text);
    return r;
}

static void test_names_have_no_case_and_aliases_meet(void **state)
{
    struct registry *r = registry_new();
    struct reg_key *k = registry_open(r, "\\Registry\\Machine\\SYSTEM\\A\\b", true);

    (void)state;
    assert_non_null(k);
    assert_ptr_equal(registry_open(r, "HKEY_LOCAL_MACHINE\\system\\a\\B", false), k);
    assert_ptr_equal(registry_open(r, "hklm\\System\\A\\B\\", false), k);
    assert_null(registry_open(r, "HKLM\\System\\C", false));
    assert_int_equal(reg_set_sz(k, "Größe", "1"), 0);
    assert_int_equal(reg_get(k, "GRÖßE", NULL, NULL, 0), 2);
    registry_free(r);
}

static void test_values_keep_type_size_and_order(void **state)
{
    struct registry *r = registry_new();
    struct reg_key *k = registry_open(r, KEY, true);
    enum reg_type type;
    char buf[8] = "xxxxxxx";
    uint32_t number = 0;

    (void)state;
    assert_int_equal(reg_set_sz(k, "s", "hello"), 0);
    assert_int_equal(reg_set_dword(k, "d", 7), 0);
    assert_int_equal(reg_set(k, "m", REG_T_MULTI_SZ, "a\0b", 4), 0);
    assert_int_equal(reg_get(k, "s", &type, buf, 3), 6);
    assert_memory_equal(buf, "helx", 4);
    assert_int_equal(type, REG_T_SZ);
    assert_int_equal(reg_get(k, "D", &type, &number, sizeof number), 4);
    assert_int_equal(number, 7);
    assert_int_equal(reg_get(k, "m", &type, buf, sizeof buf), 5);
    assert_memory_equal(buf, "a\0b\0\0", 5);
    assert_string_equal(reg_value_name(k, 0), "s");
    assert_string_equal(reg_value_name(k, 2), "m");
    assert_null(reg_value_name(k, 3));
    assert_int_equal(reg_delete(k, "S"), 0);
    assert_int_equal(reg_delete(k, "S"), -ENOENT);
    assert_string_equal(reg_value_name(k, 0), "d");
    registry_free(r);
}

static void test_a_deleted_key_is_absent_and_its_pointer_harmless(void **state)
{
    struct registry *r = registry_new();
    struct reg_key *k = registry_open(r, KEY "\\sub", true);
    struct reg_key *parent = registry_open(r, KEY, false);

    (void)state;
    assert_int_equal(reg_key_delete(parent), -ENOTEMPTY);
    assert_int_equal(reg_key_delete(k), 0);
    assert_int_equal(reg_key_delete(k), -ENOENT);
    assert_null(registry_open(r, KEY "\\sub", false));
    assert_int_equal(reg_set_dword(k, "x", 1), -ENOENT);
    assert_null(reg_key_sub(k, "y", true));
    assert_int_equal(reg_key_delete(registry_open(r, "HKLM", false)), -EPERM);
    registry_free(r);
}

static void test_every_kind_of_line_is_read(void **state)
{
    struct registry *r = load("\xef\xbb\xbf" HEADER "\r\n; comment\r\n"
                              "[" KEY "]\r\n"
                              "@=\"default\"\r\n"
                              "\"a\\\\b\\\"c\"=\"x\\\\y\\\"z\"\r\n"
                              "\"d\" = dword:0000002A ; answer\r\n"
                              "\"b\"=hex:01,02,\\\r\n  03\r\n"
                              "\"e\"=hex(2):25,00,61,00,00,00\r\n"
                              "\"m\"=hex(7):61,00,00,00,62,00,00,00,00,00\r\n"
                              "\"q\"=hex(b):01,00,00,00,00,00,00,80\r\n"
                              "\"gone\"=\"1\"\r\n\"gone\"=-\r\n"
                              "[" KEY "\\sub\\deep]\r\n"
                              "[-" KEY "\\sub]\r\n");
    struct reg_key *k = registry_open(r, KEY, false);
    enum reg_type type;
    uint8_t buf[16];

    (void)state;
    assert_int_equal(reg_get(k, "", &type, buf, sizeof buf), 8);
    assert_string_equal((char *)buf, "default");
    assert_int_equal(reg_get(k, "a\\b\"c", &type, buf, sizeof buf), 6);
    assert_string_equal((char *)buf, "x\\y\"z");
    assert_int_equal(reg_get(k, "d", &type, buf, sizeof buf), 4);
    assert_int_equal(buf[0], 42);
    assert_int_equal(reg_get(k, "b", &type, buf, sizeof buf), 3);
    assert_memory_equal(buf, "\1\2\3", 3);
    assert_int_equal(reg_get(k, "e", &type, buf, sizeof buf), 3);
    assert_string_equal((char *)buf, "%a");
    assert_int_equal(type, REG_T_EXPAND_SZ);
    assert_int_equal(reg_get(k, "m", &type, buf, sizeof buf), 5);
    assert_memory_equal(buf, "a\0b\0\0", 5);
    assert_int_equal(reg_get(k, "q", &type, buf, sizeof buf), 8);
    assert_int_equal(type, REG_T_QWORD);
    assert_int_equal(reg_get(k, "gone", NULL, NULL, 0), -ENOENT);
    assert_null(registry_open(r, KEY "\\sub", false));
    registry_free(r);
}

static void test_a_bad_line_is_named_and_nothing_is_applied(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"[" KEY "]\n\"a\"=\"1\"\nnonsense\n", "t.reg:4: neither"},
        {"[" KEY "]\n\"a\"=\"1\"\n\"b\"=dword:xyz\n", "t.reg:4: dword:"},
        {"[" KEY "]\n\"a\"=\"1\"\n\"b\"=hex:1,2,zz\n", "t.reg:4: not a list"},
        {"[" KEY "]\n\"a\"=\"1\"\n\"b\"=\"open\n", "t.reg:4: the string has no closing quote"},
        {"[" KEY "]\n\"a\"=\"1\"\n[open\n", "t.reg:4: ] is missing"},
        {"[" KEY "]\n\"a\"=\"1\" x\n", "t.reg:3: something follows"},
        {"\"a\"=\"1\"\n", "t.reg:2: a value stands before"},
        {"[A\\\\B]\n", "t.reg:2: empty name"},
    };
    struct why why;
    char text[256];

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        struct registry *r = registry_new();

        snprintf(text, sizeof text, "%s%s", HEADER, cases[n].text);
        memset(&why, 0, sizeof why);
        assert_int_equal(registry_load_text(r, text, strlen(text), "t.reg", &why), -EINVAL);
        if (strncmp(why.text, cases[n].why, strlen(cases[n].why)) != 0)
            fail_msg("%zu: %s", n, why.text);
        assert_null(registry_open(r, KEY, false));
        registry_free(r);
    }
}

static void test_utf16_is_read(void **state)
{
    static const char text[] = HEADER "[" KEY "]\n\"a\"=\"b\"\n";
    uint8_t wide[2 * sizeof text] = {0xff, 0xfe};
    struct registry *r = registry_new();
    struct why why = {.text = ""};

    (void)state;
    for (size_t n = 0; n < sizeof text - 1; n++)
        wide[2 + 2 * n] = (uint8_t)text[n];
    assert_int_equal(registry_load_text(r, wide, sizeof text * 2, "t.reg", &why), 0);
    assert_int_equal(reg_get(registry_open(r, KEY, false), "a", NULL, NULL, 0), 2);
    registry_free(r);
}

static void test_what_is_saved_is_read_back(void **state)
{
    char path[] = "/tmp/longshore-reg-XXXXXX", all[64], back[64];
    struct registry *r = registry_new(), *again = registry_new();
    struct reg_key *k = registry_open(r, KEY "\\[odd]", true);
    struct why why = {.text = ""};
    static const char *const names[] = {"",      "plain", "a\"b\\c", "line",
                                        "multi", "bin",   "num",     "odd"};
    enum reg_type type, type_back;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t n = 0; n < sizeof all; n++)
        all[n] = (char)n;
    reg_set_sz(k, names[0], "");
    reg_set_sz(k, names[1], "Grüße \\ \"x\"");
    reg_set_sz(k, names[2], "v");
    reg_set_sz(k, names[3], "two\nlines");
    reg_set(k, names[4], REG_T_MULTI_SZ, "a\0b\0", 5);
    reg_set(k, names[5], REG_T_BINARY, all, sizeof all);
    reg_set_dword(k, names[6], 0xdeadbeef);
    reg_set(k, names[7], (enum reg_type)99, all, 3);
    assert_int_equal(registry_save(r, path, &why), 0);
    if (registry_load(again, path, &why) != 0)
        fail_msg("%s", why.text);
    k = registry_open(again, KEY "\\[odd]", false);
    assert_non_null(k);
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        int size =
            reg_get(registry_open(r, KEY "\\[odd]", false), names[n], &type, all, sizeof all);

        assert_int_equal(reg_get(k, names[n], &type_back, back, sizeof back), size);
        assert_int_equal(type, type_back);
        assert_memory_equal(all, back, (size_t)size);
    }
    unlink(path);
    memset(&why, 0, sizeof why);
    assert_int_equal(registry_save(r, "/nonexistent/x.reg", &why), -ENOENT);
    registry_free(r);
    registry_free(again);
}

static HANDLE open_key(const WCHAR *path, ACCESS_MASK access)
{
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE h = NULL;

    RtlInitUnicodeString(&name, path);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    assert_int_equal(ZwOpenKey(&h, access, &attributes), STATUS_SUCCESS);
    return h;
}

static void test_drivers_query_set_and_enumerate(void **state)
{
    struct registry *r = load(HEADER "[" KEY "\\one]\n[" KEY "\\two]\n[" KEY "]\n\"s\"=\"hi\"\n");
    struct {
        KEY_VALUE_PARTIAL_INFORMATION info;
        UCHAR more[32];
    } answer;
    KEY_BASIC_INFORMATION *basic;
    UCHAR buf[64];
    UNICODE_STRING name;
    ULONG needed = 0, number = 5;
    HANDLE h;

    (void)state;
    registry_set_system(r);
    h = open_key(L"\\Registry\\Machine\\SOFTWARE\\test", KEY_READ);
    RtlInitUnicodeString(&name, L"S");
    assert_int_equal(ZwQueryValueKey(h, &name, KeyValuePartialInformation, &answer, 4, &needed),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(needed, 12 + 6);
    assert_int_equal(ZwQueryValueKey(h, &name, KeyValuePartialInformation, &answer, 14, &needed),
                     STATUS_BUFFER_OVERFLOW);
    assert_int_equal(
        ZwQueryValueKey(h, &name, KeyValuePartialInformation, &answer, sizeof answer, &needed),
        STATUS_SUCCESS);
    assert_int_equal(answer.info.Type, REG_SZ);
    assert_int_equal(answer.info.DataLength, 6);
    assert_memory_equal(answer.info.Data, L"hi", 6);
    assert_int_equal(ZwSetValueKey(h, &name, 0, REG_DWORD, &number, 4), STATUS_ACCESS_DENIED);
    assert_int_equal(ZwEnumerateKey(h, 1, KeyBasicInformation, buf, sizeof buf, &needed),
                     STATUS_SUCCESS);
    basic = (KEY_BASIC_INFORMATION *)(void *)buf;
    assert_int_equal(basic->NameLength, 6);
    assert_memory_equal(basic->Name, L"two", 6);
    assert_int_equal(ZwEnumerateKey(h, 2, KeyBasicInformation, buf, sizeof buf, &needed),
                     STATUS_NO_MORE_ENTRIES);
    assert_int_equal(ZwClose(h), STATUS_SUCCESS);
    h = open_key(L"\\Registry\\Machine\\SOFTWARE\\test", KEY_ALL_ACCESS);
    assert_int_equal(ZwSetValueKey(h, &name, 0, REG_SZ, (PVOID)(uintptr_t)L"new", 8),
                     STATUS_SUCCESS);
    assert_int_equal(reg_get(registry_open(r, KEY, false), "s", NULL, buf, sizeof buf), 4);
    assert_string_equal((char *)buf, "new");
    assert_int_equal(ZwDeleteKey(h), STATUS_CANNOT_DELETE);
    assert_int_equal(ZwClose(h), STATUS_SUCCESS);
    finding_reset();
    log_set_level(LOG_ERROR);
    assert_int_equal(ZwClose(h), STATUS_INVALID_HANDLE);
    assert_int_equal(finding_count(), 1);
    registry_free(r);
    assert_null(registry_system());
}

static unsigned strings_seen;

static NTSTATUS NTAPI see_string(PWSTR name, ULONG type, PVOID data, ULONG size, PVOID context,
                                 PVOID entry)
{
    (void)name, (void)context, (void)entry;
    assert_int_equal(type, REG_SZ);
    assert_int_equal(size, 4);
    assert_int_equal(*(WCHAR *)data, L'a' + strings_seen);
    strings_seen++;
    return STATUS_SUCCESS;
}

static void test_query_by_table(void **state)
{
    struct registry *r =
        load(HEADER "[HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Services\\x]\n"
                    "\"d\"=dword:9\n\"s\"=\"text\"\n"
                    "\"m\"=hex(7):61,00,00,00,62,00,00,00,00,00\n");
    ULONG number = 0, fallback = 3, missing = 0;
    UNICODE_STRING text = {0, 0, NULL};
    RTL_QUERY_REGISTRY_TABLE table[] = {
        {.Flags = RTL_QUERY_REGISTRY_DIRECT,
         .Name = (PWSTR)(uintptr_t)L"d",
         .EntryContext = &number},
        {.Flags = RTL_QUERY_REGISTRY_DIRECT, .Name = (PWSTR)(uintptr_t)L"s", .EntryContext = &text},
        {.Flags = RTL_QUERY_REGISTRY_DIRECT,
         .Name = (PWSTR)(uintptr_t)L"none",
         .EntryContext = &missing,
         .DefaultType = REG_DWORD,
         .DefaultData = &fallback,
         .DefaultLength = 4},
        {.QueryRoutine = see_string, .Name = (PWSTR)(uintptr_t)L"m"},
        {.Flags = 0},
    };

    (void)state;
    registry_set_system(r);
    strings_seen = 0;
    assert_int_equal(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"x", table, NULL, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(number, 9);
    assert_int_equal(missing, 3);
    assert_int_equal(strings_seen, 2);
    assert_int_equal(text.Length, 8);
    assert_memory_equal(text.Buffer, L"text", 10);
    RtlFreeUnicodeString(&text);
    table[2].Flags |= RTL_QUERY_REGISTRY_REQUIRED;
    table[2].DefaultType = REG_NONE;
    text.Buffer = NULL;
    assert_int_equal(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, L"x", table, NULL, NULL),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    RtlFreeUnicodeString(&text);
    registry_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_have_no_case_and_aliases_meet),
        cmocka_unit_test(test_values_keep_type_size_and_order),
        cmocka_unit_test(test_a_deleted_key_is_absent_and_its_pointer_harmless),
        cmocka_unit_test(test_every_kind_of_line_is_read),
        cmocka_unit_test(test_a_bad_line_is_named_and_nothing_is_applied),
        cmocka_unit_test(test_utf16_is_read),
        cmocka_unit_test(test_what_is_saved_is_read_back),
        cmocka_unit_test(test_drivers_query_set_and_enumerate),
        cmocka_unit_test(test_query_by_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
