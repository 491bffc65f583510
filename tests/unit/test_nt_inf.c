/* SPDX-License-Identifier: MIT */
/* INF files: syntax, choice of model and section, what is put into the registry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/inf.h"

#define VERSION "[Version]\nSignature=\"$Windows NT$\"\nClass=Net\n"

static const char whole[] =
    "; a comment\r\n"
    "[version]\r\nSignature = \"$Windows NT$\"\r\nClass=Net\r\n"
    "[Manufacturer]\r\n%Mfg% = Models, NTx86, NTamd64, NTamd64.10.0...99999\r\n"
    "[Models.NTx86]\r\n%Dev% = Wrong, PCI\\VEN_1AF4&DEV_1041\r\n"
    "[Models.NTamd64]\r\n"
    "%Other% = Other, PCI\\VEN_FFFF&DEV_0001\r\n"
    "%Dev% = Install, PCI\\VEN_1AF4&DEV_1041 ; \"not quoted\"\r\n"
    "[Install]\r\nAddReg = wrong.reg\r\n"
    "[Install.ntamd64]\r\nCharacteristics = 0x84\r\nAddReg = a.reg, \\\r\n  b.reg\r\n"
    "[Install.ntamd64.Services]\r\nAddService = first,,x.svc\r\n"
    "AddService = vionet, 2, vionet.svc, log\r\n"
    "[vionet.svc]\r\nServiceType=1\r\nServiceBinary = %12%\\vionet.sys\r\n"
    "[a.reg]\r\n"
    "HKR, Ndi, Service, 0, \"vionet\"\r\n"
    "HKR, Ndi\\params\\*LsoV2IPv4, ParamDesc, , \"Large; \"\"send\"\" %Dev%\"\r\n"
    "HKR, Ndi\\params\\*LsoV2IPv4, default, 0, \"1\"\r\n"
    "HKR, Ndi\\params\\*LsoV2IPv4\\enum, 0, 0, %Off%\r\n"
    "HKR, Ndi\\params\\Mtu, default, 0, \"1500\"\r\n"
    "HKR, Ndi\\params\\Set, default, 0, \"2\"\r\n"
    "[b.reg]\r\n"
    "HKR,, *IfType, 0x00010001, 6\r\n"
    "HKR,, Bytes, 1, 01,02,ff\r\n"
    "HKR,, Multi, 0x10000, one, two\r\n"
    "HKR,, Multi, 0x10008, two, three\r\n"
    "HKR,, Keep, 2, \"new\"\r\n"
    "HKR,, Gone, 4\r\n"
    "HKR,, Path, 0x20000, \"%%SystemRoot%%\\x\"\r\n"
    "[A.REG]\r\nHKR,, Late, 0, \"merged\"\r\n"
    "[Strings]\r\nMfg=\"Longshore\"\r\nDev = \"Longshore Adapter\"\r\nOther=x\r\nOff = \"Off\"\r\n";

static struct inf *load(const char *text)
{
    struct inf *inf = NULL;
    struct why why = {.text = ""};

    if (inf_load_text(text, strlen(text), "t.inf", &inf, &why) != 0)
        fail_msg("%s", why.text);
    return inf;
}

static void test_the_model_of_this_platform_is_found(void **state)
{
    struct inf *inf = load(whole);
    struct inf_model m;
    struct why why = {.text = ""};

    (void)state;
    assert_int_equal(inf_find_model(inf, "PCI\\VEN_1AF4&DEV_1041", &m, &why), 0);
    assert_string_equal(m.description, "Longshore Adapter");
    assert_string_equal(m.install, "Install.ntamd64");
    assert_string_equal(m.service, "vionet");
    assert_string_equal(m.binary, "vionet.sys");
    assert_string_equal(m.hardware_id, "PCI\\VEN_1AF4&DEV_1041");
    assert_int_equal(m.characteristics, 0x84);
    assert_int_equal(inf_find_model(inf, "pci\\ven_1af4&dev_1041&SUBSYS_00000000&REV_01", &m, &why),
                     0);
    assert_int_equal(inf_find_model(inf, "PCI\\VEN_1AF4&DEV_10410", &m, &why), -ENOENT);
    assert_non_null(strstr(why.text, "t.inf: no model for PCI\\VEN_1AF4&DEV_10410"));
    inf_free(inf);
}

static void test_without_an_id_the_first_model_counts(void **state)
{
    struct inf *inf = load(VERSION "[Manufacturer]\nx=M\n[M]\n\"A\"=I,id0\n\"B\"=I,id1\n[I]\n");
    struct inf_model m;
    struct why why = {.text = ""};

    (void)state;
    assert_int_equal(inf_find_model(inf, NULL, &m, &why), 0);
    assert_string_equal(m.description, "A");
    assert_null(m.service);
    assert_null(m.binary);
    inf_free(inf);
}

static void check_text(struct reg_key *k, const char *name, const char *wanted)
{
    char text[128] = "";

    if (reg_get(k, name, NULL, text, sizeof text) < 0)
        fail_msg("%s is not there", name);
    assert_string_equal(text, wanted);
}

static void test_values_and_keyword_defaults_are_applied(void **state)
{
    struct inf *inf = load(whole);
    struct registry *r = registry_new();
    struct reg_key *k = registry_open(r, "HKLM\\Class\\0000", true);
    struct inf_model m;
    struct why why = {.text = ""};
    enum reg_type type;
    uint8_t buf[32] = {0};

    (void)state;
    reg_set_sz(k, "Keep", "old");
    reg_set_sz(k, "Gone", "x");
    reg_set_sz(k, "Set", "9");
    assert_int_equal(inf_find_model(inf, NULL, &m, &why), -EINVAL); /* Other's section is missing */
    memset(&why, 0, sizeof why);
    assert_int_equal(inf_find_model(inf, "PCI\\VEN_1AF4&DEV_1041", &m, &why), 0);
    if (inf_apply(inf, &m, k, &why) != 0)
        fail_msg("%s", why.text);
    check_text(reg_key_sub(k, "Ndi", false), "Service", "vionet");
    check_text(reg_key_sub(k, "Ndi\\Params\\*LsoV2IPv4", false), "ParamDesc",
               "Large; \"send\" Longshore Adapter");
    check_text(reg_key_sub(k, "Ndi\\Params\\*LsoV2IPv4\\Enum", false), "0", "Off");
    check_text(k, "*LsoV2IPv4", "1");
    check_text(k, "Mtu", "1500");
    check_text(k, "Set", "9");
    check_text(k, "Keep", "old");
    check_text(k, "Late", "merged");
    check_text(k, "Path", "%SystemRoot%\\x");
    assert_int_equal(reg_get(k, "Gone", NULL, NULL, 0), -ENOENT);
    assert_int_equal(reg_get(k, "*IfType", &type, buf, sizeof buf), 4);
    assert_int_equal(type, REG_T_DWORD);
    assert_int_equal(buf[0], 6);
    assert_int_equal(reg_get(k, "Bytes", &type, buf, sizeof buf), 3);
    assert_memory_equal(buf, "\x01\x02\xff", 3);
    assert_int_equal(reg_get(k, "Multi", &type, buf, sizeof buf), 15);
    assert_memory_equal(buf, "one\0two\0three\0", 15);
    inf_free(inf);
    registry_free(r);
}

static void test_bad_files_are_refused_with_file_and_line(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "t.inf:1: no [Version]"},
        {"x=1\n", "t.inf:1: a line stands before"},
        {"[Version\n", "t.inf:1: ] is missing"},
        {VERSION "[A]\nx=\"open\n", "t.inf:5: a quote is not closed"},
    };
    struct inf *inf = NULL;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        struct why why = {.text = ""};

        assert_int_equal(inf_load_text(cases[n].text, strlen(cases[n].text), "t.inf", &inf, &why),
                         -EINVAL);
        if (strncmp(why.text, cases[n].why, strlen(cases[n].why)) != 0)
            fail_msg("%zu: %s", n, why.text);
    }
}

static void test_bad_registry_lines_are_named(void **state)
{
    static const char *const lines[] = {"HKX,,a,0,1", "HKR,,a,zz,1", "HKR,,a,0x10001,many",
                                        "HKR,,a,1,100"};

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(lines); n++) {
        char text[256];
        struct inf *inf;
        struct registry *r = registry_new();
        struct inf_model m;
        struct why why = {.text = ""};

        snprintf(text, sizeof text, "%s[Manufacturer]\nx=M\n[M]\nA=I,id\n[I]\nAddReg=R\n[R]\n%s\n",
                 VERSION, lines[n]);
        inf = load(text);
        assert_int_equal(inf_find_model(inf, NULL, &m, &why), 0);
        assert_int_equal(inf_apply(inf, &m, registry_open(r, "HKLM\\x", true), &why), -EINVAL);
        assert_memory_equal(why.text, "t.inf:11: ", 10);
        inf_free(inf);
        registry_free(r);
    }
}

static void test_utf16_and_latin1_are_read(void **state)
{
    static const char text[] = VERSION "[Manufacturer]\nx=M\n[M]\n\"A\xe9\"=I,id\n[I]\n";
    uint8_t wide[2 * sizeof text] = {0xff, 0xfe};
    struct inf *inf = load(text);
    struct inf_model m;
    struct why why = {.text = ""};

    (void)state;
    assert_int_equal(inf_find_model(inf, "id", &m, &why), 0);
    assert_string_equal(m.description, "A\xc3\xa9");
    inf_free(inf);
    for (size_t n = 0; n < sizeof text - 1; n++)
        wide[2 + 2 * n] = (uint8_t)text[n];
    assert_int_equal(inf_load_text((char *)wide, sizeof text * 2, "t.inf", &inf, &why), 0);
    assert_int_equal(inf_find_model(inf, "id", &m, &why), 0);
    assert_string_equal(m.description, "A\xc3\xa9");
    inf_free(inf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_model_of_this_platform_is_found),
        cmocka_unit_test(test_without_an_id_the_first_model_counts),
        cmocka_unit_test(test_values_and_keyword_defaults_are_applied),
        cmocka_unit_test(test_bad_files_are_refused_with_file_and_line),
        cmocka_unit_test(test_bad_registry_lines_are_named),
        cmocka_unit_test(test_utf16_and_latin1_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
