/* SPDX-License-Identifier: MIT */
/* NdisOpenConfigurationEx and what reads and writes through it: src/ndis/config.c. */
#include "test_ndis_rig.h"

static NDIS_HANDLE open_of(NDIS_HANDLE object)
{
    NDIS_CONFIGURATION_OBJECT c = {
        .Header = {NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT, NDIS_CONFIGURATION_OBJECT_REVISION_1,
                   NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1},
        .NdisHandle = object,
    };
    NDIS_HANDLE h = NULL;

    assert_int_equal(NdisOpenConfigurationEx(&c, &h), NDIS_STATUS_SUCCESS);
    return h;
}

static NDIS_STRING str(const WCHAR *text)
{
    size_t n = 0;

    while (text[n])
        n++;
    return (NDIS_STRING){(USHORT)(2 * n), (USHORT)(2 * n + 2), (PWSTR)(uintptr_t)text};
}

static NDIS_CONFIGURATION_PARAMETER *get(NDIS_HANDLE h, const WCHAR *name, NDIS_PARAMETER_TYPE type,
                                         NDIS_STATUS *s)
{
    NDIS_STRING keyword = str(name);
    NDIS_CONFIGURATION_PARAMETER *p = NULL;

    NdisReadConfiguration(s, &p, h, &keyword, type);
    return p;
}

static ULONG number(NDIS_HANDLE h, const WCHAR *name, NDIS_PARAMETER_TYPE type)
{
    NDIS_STATUS s;
    NDIS_CONFIGURATION_PARAMETER *p = get(h, name, type, &s);

    assert_int_equal(s, NDIS_STATUS_SUCCESS);
    assert_int_equal(p->ParameterType, NdisParameterInteger);
    return p->ParameterData.IntegerData;
}

static void test_numbers_come_from_text_and_dwords(void **state)
{
    NDIS_HANDLE h;

    (void)state;
    rig_up(NULL);
    reg_set_sz(rig.key, "decimal", " 42");
    reg_set_sz(rig.key, "hex", "1f");
    reg_set_sz(rig.key, "prefixed", "0x1F");
    reg_set_sz(rig.key, "minus", "-1");
    reg_set_dword(rig.key, "dword", 7);
    h = open_of(rig.adapter);
    assert_int_equal(number(h, L"decimal", NdisParameterInteger), 42);
    assert_int_equal(number(h, L"DECIMAL", NdisParameterInteger), 42);
    assert_int_equal(number(h, L"hex", NdisParameterHexInteger), 0x1f);
    assert_int_equal(number(h, L"prefixed", NdisParameterHexInteger), 0x1f);
    assert_int_equal(number(h, L"minus", NdisParameterInteger), 0xffffffff);
    assert_int_equal(number(h, L"dword", NdisParameterInteger), 7);
    assert_int_equal(number(h, L"dword", NdisParameterHexInteger), 7);
    assert_int_equal(number(h, L"NdisVersion", NdisParameterInteger), 0x6001e);
    NdisCloseConfiguration(h);
    assert_int_equal(rig_down(), 0);
}

static void test_absent_and_senseless_values_fail(void **state)
{
    NDIS_STATUS s;
    NDIS_HANDLE h;

    (void)state;
    rig_up(NULL);
    reg_set_sz(rig.key, "word", "yes");
    h = open_of(rig.adapter);
    assert_null(get(h, L"absent", NdisParameterInteger, &s));
    assert_int_equal(s, NDIS_STATUS_FAILURE);
    assert_null(get(h, L"word", NdisParameterInteger, &s));
    assert_int_equal(s, NDIS_STATUS_FAILURE);
    NdisCloseConfiguration(h);
    rig_down();
}

static void test_strings_are_unicode_and_live_until_close(void **state)
{
    const WCHAR expected[] = L"gr\u00fcn";
    NDIS_CONFIGURATION_PARAMETER *p;
    NDIS_STATUS s;
    NDIS_HANDLE h;

    (void)state;
    rig_up(NULL);
    reg_set_sz(rig.key, "text", "gr\xc3\xbcn");
    reg_set_dword(rig.key, "dword", 1234);
    h = open_of(rig.adapter);
    p = get(h, L"text", NdisParameterString, &s);
    assert_int_equal(s, NDIS_STATUS_SUCCESS);
    assert_int_equal(p->ParameterType, NdisParameterString);
    get(h, L"dword", NdisParameterString, &s);
    assert_int_equal(p->ParameterData.StringData.Length, 8);
    assert_memory_equal(p->ParameterData.StringData.Buffer, expected, 10);
    NdisCloseConfiguration(h);
    rig_down();
}

static void test_written_values_are_read_back(void **state)
{
    WCHAR text[] = L"hello";
    NDIS_CONFIGURATION_PARAMETER w = {.ParameterType = NdisParameterInteger};
    NDIS_STRING name = str(L"number"), second = str(L"text");
    NDIS_STATUS s;
    NDIS_HANDLE h;
    enum reg_type type;
    char got[16];

    (void)state;
    rig_up(NULL);
    h = open_of(rig.adapter);
    w.ParameterData.IntegerData = 99;
    NdisWriteConfiguration(&s, h, &name, &w);
    assert_int_equal(s, NDIS_STATUS_SUCCESS);
    assert_int_equal(number(h, L"number", NdisParameterInteger), 99);
    w.ParameterType = NdisParameterString;
    w.ParameterData.StringData = str(text);
    NdisWriteConfiguration(&s, h, &second, &w);
    assert_int_equal(reg_get(rig.key, "text", &type, got, sizeof(got)), 6);
    assert_int_equal(type, REG_T_SZ);
    assert_string_equal(got, "hello");
    w.ParameterType = (NDIS_PARAMETER_TYPE)77;
    NdisWriteConfiguration(&s, h, &second, &w);
    assert_int_equal(s, NDIS_STATUS_NOT_SUPPORTED);
    NdisCloseConfiguration(h);
    rig_down();
}

static void test_subkeys_open_by_name_and_index(void **state)
{
    WCHAR buffer[16];
    NDIS_STRING name = str(L"Sub"), out = {0, sizeof(buffer), buffer};
    NDIS_HANDLE h, sub = NULL;
    NDIS_STATUS s;

    (void)state;
    rig_up(NULL);
    reg_set_dword(reg_key_sub(rig.key, "Sub", true), "x", 3);
    h = open_of(rig.adapter);
    NdisOpenConfigurationKeyByName(&s, h, &name, &sub);
    assert_int_equal(s, NDIS_STATUS_SUCCESS);
    assert_int_equal(number(sub, L"x", NdisParameterInteger), 3);
    NdisCloseConfiguration(sub);
    NdisOpenConfigurationKeyByIndex(&s, h, 0, &out, &sub);
    assert_int_equal(s, NDIS_STATUS_SUCCESS);
    assert_int_equal(out.Length, 6);
    NdisCloseConfiguration(sub);
    NdisOpenConfigurationKeyByIndex(&s, h, 1, &out, &sub);
    assert_int_equal(s, NDIS_STATUS_FAILURE);
    NdisCloseConfiguration(h);
    rig_down();
}

static void test_network_address_drops_hyphens(void **state)
{
    static const UCHAR expected[] = {2, 0x0a, 0xbc, 0, 0, 1};
    NDIS_STATUS s;
    NDIS_HANDLE h;
    PVOID address;
    UINT bytes;

    (void)state;
    rig_up(NULL);
    h = open_of(rig.adapter);
    NdisReadNetworkAddress(&s, &address, &bytes, h);
    assert_int_equal(s, NDIS_STATUS_FAILURE);
    reg_set_sz(rig.key, "NetworkAddress", "02-0A-bc-00-00-01");
    NdisReadNetworkAddress(&s, &address, &bytes, h);
    assert_int_equal(s, NDIS_STATUS_SUCCESS);
    assert_int_equal(bytes, 6);
    assert_memory_equal(address, expected, 6);
    NdisCloseConfiguration(h);
    rig_down();
}

static void test_reading_at_dispatch_level_is_a_violation(void **state)
{
    NDIS_STATUS s;
    NDIS_HANDLE h;

    (void)state;
    rig_up(NULL);
    h = open_of(rig.adapter);
    nt_thread_self()->irql = 2;
    get(h, L"*IfType", NdisParameterInteger, &s);
    nt_thread_self()->irql = 0;
    assert_int_equal(s, NDIS_STATUS_FAILURE);
    assert_int_equal(rig_found("INIT-5"), 1);
    NdisCloseConfiguration(h);
    NdisCloseConfiguration(h);
    assert_int_equal(rig_found("NT-HANDLE"), 1);
    rig_down();
}

static void leave_open(NDIS_HANDLE adapter)
{
    open_of(adapter);
}

static void test_open_handle_is_found_in_the_ledger(void **state)
{
    (void)state;
    mp.in_init = leave_open;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    ndis_adapter_halt(rig.adapter);
    assert_int_equal(rig_found("GEN-9"), 1);
    assert_int_equal(rig_down(), 1);
    assert_int_equal(rig_found("GEN-10"), 1);
}

static void test_drivers_read_their_service_parameters(void **state)
{
    NDIS_HANDLE h;

    (void)state;
    rig_up(NULL);
    reg_set_dword(
        registry_open(rig.registry,
                      "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\rig\\Parameters",
                      true),
        "depth", 5);
    h = open_of(mp.driver);
    assert_int_equal(number(h, L"depth", NdisParameterInteger), 5);
    NdisCloseConfiguration(h);
    rig_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_numbers_come_from_text_and_dwords),
        RIG_TEST(test_absent_and_senseless_values_fail),
        RIG_TEST(test_strings_are_unicode_and_live_until_close),
        RIG_TEST(test_written_values_are_read_back),
        RIG_TEST(test_subkeys_open_by_name_and_index),
        RIG_TEST(test_network_address_drops_hyphens),
        RIG_TEST(test_reading_at_dispatch_level_is_a_violation),
        RIG_TEST(test_open_handle_is_found_in_the_ledger),
        RIG_TEST(test_drivers_read_their_service_parameters),
    };

    return RIG_MAIN(tests);
}
