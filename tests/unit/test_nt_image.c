/* SPDX-License-Identifier: MIT */
/* Images load, bind and are refused with a reason. */
#include "test_nt_sys.h"

#include "../data/sys/probe.h"

typedef NTSTATUS(NTAPI *probe_entry)(struct probe *p, PVOID unused);

static struct nt_image *load(enum sys_shape shape, struct probe *p)
{
    struct why why = {.text = ""};
    struct nt_image *i = NULL;

    assert_int_equal(nt_fault_install(&why), 0);
    nt_thread_attach();
    sys_expect_findings();
    if (nt_image_load(sys_build("probe", shape), &i, &why) != 0)
        fail_msg("%s", why.text);
    memset(p, 0, sizeof *p);
    assert_int_equal(((probe_entry)nt_image_entry(i))(p, NULL), STATUS_SUCCESS);
    return i;
}

static void loads_and_runs(enum sys_shape shape)
{
    struct probe p;
    struct nt_image *i = load(shape, &p);

    assert_int_equal(p.relocated_ok, 1);
    assert_ptr_equal(nt_image_at((uintptr_t)p.data), i);
    assert_ptr_equal(nt_image_at((uintptr_t)p.code), i);
    assert_ptr_not_equal(nt_image_at((uintptr_t)&p), i);
    assert_int_equal(p.run(PROBE_LOAD32, p.data, 0), 7);
    nt_image_free(i);
    assert_null(nt_image_at((uintptr_t)p.data));
}

static void test_mingw_image_loads_relocated_and_runs(void **state)
{
    (void)state;
    loads_and_runs(SYS_MINGW);
}

static void test_vendor_shaped_image_loads_relocated_and_runs(void **state)
{
    (void)state;
    loads_and_runs(SYS_VENDOR);
}

static void test_missing_import_is_counted_reported_once_and_returns_zero(void **state)
{
    struct probe p;
    struct nt_image *i = load(SYS_MINGW, &p);
    const struct nt_import *missing = NULL;
    bool found = false;

    (void)state;
    for (unsigned n = 0; n < nt_image_import_count(i); n++) {
        const struct nt_import *import = nt_image_import(i, n);

        if (strcmp(import->name, "LongshoreTestMissingFunction") == 0)
            missing = import;
        found |= strcmp(import->name, "DbgPrint") == 0 && import->state == NT_IMPORT_FOUND;
    }
    assert_true(found);
    assert_non_null(missing);
    assert_string_equal(missing->module, "nowhere.sys");
    assert_int_equal(missing->state, NT_IMPORT_MISSING);
    for (int n = 0; n < 3; n++)
        assert_int_equal(p.call_missing(), 0);
    assert_int_equal(missing->calls, 3);
    assert_int_equal(finding_count(), 1);
    assert_string_equal(sys_finding.rule, "NT-IMPORT");
    assert_non_null(strstr(sys_finding.text, "nowhere.sys!LongshoreTestMissingFunction"));
    assert_null(nt_image_import(i, nt_image_import_count(i)));
    nt_image_free(i);
}

static void test_default_security_cookie_is_replaced(void **state)
{
    struct probe p;
    struct nt_image *i = load(SYS_VENDOR, &p);
    uint64_t cookie = p.cookie();

    (void)state;
    assert_int_not_equal(cookie, 0x00002b992ddfa232ull);
    assert_int_not_equal(cookie, 0);
    assert_int_equal(cookie >> 48, 0);
    nt_image_free(i);
}

static void test_exception_table_names_functions(void **state)
{
    struct probe p;
    struct nt_image *i = load(SYS_MINGW, &p);
    uint32_t rva = (uint32_t)((uintptr_t)nt_image_entry(i) - nt_image_base(i));
    const struct nt_function_range *f = nt_image_function(i, rva);

    (void)state;
    assert_non_null(f);
    assert_true(f->begin <= rva && rva < f->end);
    assert_null(nt_image_function(i, 0));
    assert_null(nt_image_function(i, 0xffffffff));
    nt_image_free(i);
}

static void try_write(void *arg)
{
    *(volatile char *)arg = 1;
}

static void test_code_is_not_writable_and_data_is(void **state)
{
    struct probe p;
    struct nt_image *i = load(SYS_MINGW, &p);

    (void)state;
    assert_true(nt_fault_protect(try_write, p.data));
    assert_false(nt_fault_protect(try_write, p.code));
    assert_string_equal(sys_finding.rule, "NT-FAULT");
    nt_image_free(i);
}

/* Loads what must be refused; returns the reason. */
static const char *refused(const uint8_t *bytes, size_t size)
{
    static struct why why;
    struct nt_image *i = NULL;

    memset(&why, 0, sizeof why);
    assert_int_equal(nt_image_load_bytes(bytes, size, "bad.sys", &i, &why), -ENOEXEC);
    assert_memory_equal(why.text, "bad.sys: ", 9);
    assert_null(strchr(why.text, '\n'));
    return why.text;
}

#define assert_refused(bytes, size, what) assert_non_null(strstr(refused(bytes, size), what))

static void test_a_truncated_image_is_refused_at_every_length(void **state)
{
    size_t size, last = 0;
    uint8_t *bytes = sys_read(sys_build("probe", SYS_VENDOR), &size);
    struct why why;

    (void)state;
    for (size_t n = 0; n < size; n++) {
        uint8_t *exact = malloc(n + 1); /* so that a sanitizer sees a byte too far */
        struct nt_image *i = NULL;

        memcpy(exact, bytes, n);
        memset(&why, 0, sizeof why);
        if (nt_image_load_bytes(exact, n, "bad.sys", &i, &why) == 0) {
            nt_image_free(i); /* only padding is missing */
        } else {
            assert_memory_equal(why.text, "bad.sys: ", 9);
            last = n;
        }
        free(exact);
    }
    assert_true(last > size / 2);
    assert_refused(bytes, 0, "MZ");
    assert_refused(bytes, 40, "DOS header");
    free(bytes);
}

static size_t pe_at(const uint8_t *bytes)
{
    uint32_t at;

    memcpy(&at, bytes + 0x3c, 4);
    return at;
}

static void test_each_wrong_header_has_its_own_reason(void **state)
{
    static const struct {
        int offset, size; /* from the PE signature */
        uint32_t value;
        const char *why;
    } cases[] = {
        {0, 2, 0x454e, "no PE signature"},
        {4, 2, 0x14c, "32-bit x86"},
        {4, 2, 0xaa64, "ARM64"},
        {6, 2, 0, "sections"},
        {22, 2, 0, "not an executable image"},
        {24, 2, 0x10b, "PE32, not PE32+"},
        {24 + 16, 4, 0, "no entry point"},
        {24 + 16, 4, 0x00ffff00, "entry point 0xffff00 is outside"},
        {24 + 32, 4, 512, "section alignment"},
        {24 + 56, 4, 0xffffffff, "image size"},
        {24 + 60, 4, 0x00ffffff, "truncated: the headers"},
        {24 + 68, 2, 3, "subsystem 3 is not native"},
        {24 + 108, 4, 1000, "data directories"},
        {24 + 112 + 8 * 1, 4, 0x7ffffff0, "import table lies outside"},
        {24 + 112 + 8 * 5, 4, 0x7ffffff0, "relocation table lies outside"},
        {24 + 112 + 8 * 10, 4, 0x7ffffff0, "load configuration lies outside"},
    };
    size_t size;
    uint8_t *good = sys_read(sys_build("probe", SYS_VENDOR), &size);

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        uint8_t *bytes = malloc(size);

        memcpy(bytes, good, size);
        memcpy(bytes + pe_at(bytes) + cases[n].offset, &cases[n].value, (size_t)cases[n].size);
        assert_refused(bytes, size, cases[n].why);
        free(bytes);
    }
    free(good);
}

static void test_section_outside_the_file_is_refused(void **state)
{
    size_t size, section;
    uint8_t *bytes = sys_read(sys_build("probe", SYS_VENDOR), &size);
    uint16_t optional;
    uint32_t far = 0x00fffff0;

    (void)state;
    memcpy(&optional, bytes + pe_at(bytes) + 20, 2);
    section = pe_at(bytes) + 24 + optional;
    memcpy(bytes + section + 20, &far, 4);
    assert_refused(bytes, size, "section .text");
    free(bytes);
}

static void test_import_by_ordinal_is_refused_by_number(void **state)
{
    size_t size, at;
    uint8_t *bytes = sys_read(sys_build("probe", SYS_VENDOR), &size);
    static const char hint_name[] = "LongshoreTestMissingFunction";
    uint64_t ordinal = 1ull << 63 | 77;
    unsigned changed = 0;

    (void)state;
    /* In the file, each thunk is the RVA of the hint before a name; sections lie so that low bits
     * of RVA and offset agree. */
    for (at = 0; memcmp(bytes + at, hint_name, sizeof hint_name) != 0; at++)
        assert_true(at + sizeof hint_name < size);
    for (size_t n = 0; n + 8 <= size; n += 8) {
        uint64_t thunk;

        memcpy(&thunk, bytes + n, 8);
        if (thunk < 0x10000 && thunk != 0 && (thunk & 0x1ff) == ((at - 2) & 0x1ff)) {
            memcpy(bytes + n, &ordinal, 8);
            changed++;
        }
    }
    assert_true(changed > 0);
    assert_refused(bytes, size, "number 77 of nowhere.sys by ordinal");
    free(bytes);
}

/* A cheap generator: the same bytes every time. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void mutate(enum sys_shape shape, uint32_t seed)
{
    size_t size, header;
    uint8_t *good = sys_read(sys_build("probe", shape), &size);
    uint8_t *bytes = malloc(size);

    header = size < 1024 ? size : 1024;
    for (int round = 0; round < 3000; round++) {
        struct why why = {.text = ""};
        struct nt_image *i = NULL;

        memcpy(bytes, good, size);
        for (unsigned n = next_random(&seed) % 4 + 1; n > 0; n--) {
            size_t range = next_random(&seed) % 2 ? header : size;

            bytes[next_random(&seed) % range] = (uint8_t)next_random(&seed);
        }
        if (nt_image_load_bytes(bytes, size, "bad.sys", &i, &why) == 0)
            nt_image_free(i);
        else
            assert_true(why.text[0] != '\0');
    }
    free(bytes);
    free(good);
}

static void test_mutated_images_load_or_are_refused(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    mutate(SYS_MINGW, 1);
    mutate(SYS_VENDOR, 2);
    log_set_level(LOG_WARN);
}

static void test_files_that_cannot_be_read_have_an_errno(void **state)
{
    struct nt_image *i = NULL;
    struct why why = {.text = ""};

    (void)state;
    assert_int_equal(nt_image_load("/nonexistent/x.sys", &i, &why), -ENOENT);
    assert_non_null(strstr(why.text, "/nonexistent/x.sys"));
    memset(&why, 0, sizeof why);
    assert_int_equal(nt_image_load("/", &i, &why), -ENOEXEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mingw_image_loads_relocated_and_runs),
        cmocka_unit_test(test_vendor_shaped_image_loads_relocated_and_runs),
        cmocka_unit_test(test_missing_import_is_counted_reported_once_and_returns_zero),
        cmocka_unit_test(test_default_security_cookie_is_replaced),
        cmocka_unit_test(test_exception_table_names_functions),
        cmocka_unit_test(test_code_is_not_writable_and_data_is),
        cmocka_unit_test(test_a_truncated_image_is_refused_at_every_length),
        cmocka_unit_test(test_each_wrong_header_has_its_own_reason),
        cmocka_unit_test(test_section_outside_the_file_is_refused),
        cmocka_unit_test(test_import_by_ordinal_is_refused_by_number),
        cmocka_unit_test(test_mutated_images_load_or_are_refused),
        cmocka_unit_test(test_files_that_cannot_be_read_have_an_errno),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    sys_cleanup();
    return failed;
}
