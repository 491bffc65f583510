/* SPDX-License-Identifier: MIT */
/* Drivers load as .sys and as .so, with the same behaviour, and unload; IRPs travel through their
 * devices. */
#include "test_nt_sys.h"

#include "nt/ledger.h"
#include "nt/registry.h"

#define SERVICE "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\"

static struct registry *registry;

static int setup(void **state)
{
    (void)state;
    registry = registry_new();
    registry_set_system(registry);
    sys_expect_findings();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    registry_free(registry);
    return 0;
}

static const char *build_so(const char *name, const char *extra)
{
    static char path[2 * PATH_MAX];

    sys_setup();
    snprintf(path, sizeof path, "%s/%s.so", sys_dir, name);
    assert_int_equal(
        sys_run("cc -std=c17 -O1 -fPIC -shared -fshort-wchar -Wno-multichar %s -I%s/include "
                "%s/tests/data/sys/%s.c -o %s",
                extra, sys_root, sys_root, name, path),
        0);
    return path;
}

static void set(const char *service, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s%s", SERVICE, service);
    assert_int_equal(reg_set_dword(registry_open(registry, path, true), name, 1), 0);
}

static struct nt_driver *load(const char *path, const char *service)
{
    struct nt_driver *d = NULL;
    struct why why = {.text = ""};

    if (nt_driver_load(path, service, &d, &why) != 0)
        fail_msg("%s", why.text);
    return d;
}

static void loads_and_unloads_clean(const char *path)
{
    struct nt_driver *d = load(path, "simple");
    DRIVER_OBJECT *o = nt_driver_object(d);
    UNICODE_STRING name;

    assert_ptr_equal(nt_driver_from_object(o), d);
    assert_non_null(o->DeviceObject);
    assert_ptr_equal(o->DeviceObject->DriverObject, o);
    RtlInitUnicodeString(&name, L"\\driver\\SIMPLE");
    assert_true(RtlEqualUnicodeString(&o->DriverName, &name, TRUE));
    assert_int_equal(nt_ledger_count(nt_driver_owner(d), NT_RES_POOL_MEMORY), 1);
    assert_int_equal(nt_ledger_count(nt_driver_owner(d), NT_RES_DEVICE), 1);
    assert_int_equal(nt_ledger_count(nt_driver_owner(d), NT_RES_HANDLE), 0);
    assert_true(
        reg_get(registry_open(registry, SERVICE "simple", false), "ImagePath", NULL, NULL, 0) > 0);
    assert_int_equal(nt_driver_unload(d), 0);
    assert_null(nt_driver_from_object(o));
    assert_int_equal(finding_count(), 0);
}

static void test_a_sys_driver_loads_and_unloads_clean(void **state)
{
    (void)state;
    loads_and_unloads_clean(sys_build("simple", SYS_MINGW));
}

static void test_a_vendor_shaped_sys_driver_loads_and_unloads_clean(void **state)
{
    (void)state;
    loads_and_unloads_clean(sys_build("simple", SYS_VENDOR));
}

static void test_a_so_driver_loads_and_unloads_clean(void **state)
{
    (void)state;
    loads_and_unloads_clean(build_so("simple", ""));
}

static void test_what_is_left_after_unload_is_a_finding(void **state)
{
    (void)state;
    set("simple", "Leak");
    assert_int_equal(nt_driver_unload(load(sys_build("simple", SYS_MINGW), "simple")), 1);
    assert_int_equal(finding_count(), 1);
    assert_string_equal(sys_finding.rule, "GEN-10");
    assert_non_null(strstr(sys_finding.text, "'Test' 100 bytes"));
}

static void test_a_failed_entry_gives_its_status(void **state)
{
    struct nt_driver *d = NULL;
    struct why why = {.text = ""};

    (void)state;
    set("simple", "Fail");
    assert_int_equal(nt_driver_load(sys_build("simple", SYS_MINGW), "simple", &d, &why),
                     -ECANCELED);
    assert_non_null(strstr(why.text, "0xc0000182"));
}

static void test_one_so_loaded_twice_has_two_sets_of_variables(void **state)
{
    const char *path = build_so("simple", "-DTWICE");
    struct nt_driver *a = load(path, "one");
    struct nt_driver *b = NULL;
    struct why why = {.text = ""};

    (void)state;
    /* The second finds the device's name taken: it ran, with its own state, and the first is
     * untouched. */
    assert_int_equal(nt_driver_load(path, "two", &b, &why), -ECANCELED);
    assert_non_null(strstr(why.text, "0xc0000035"));
    assert_int_equal(nt_driver_unload(a), 0);
    assert_int_equal(finding_count(), 0);
}

static void test_an_undefined_symbol_of_a_so_is_named(void **state)
{
    struct nt_driver *d = NULL;
    struct why why = {.text = ""};

    (void)state;
    assert_int_equal(
        nt_driver_load(build_so("simple", "-DIoCreateDevice=IoNoSuchFunction"), "x", &d, &why),
        -ENOEXEC);
    assert_non_null(strstr(why.text, "IoNoSuchFunction"));
    memset(&why, 0, sizeof why);
    assert_int_equal(nt_driver_load(build_so("simple", "-DDriverEntry=Other"), "x", &d, &why),
                     -ENOEXEC);
    assert_non_null(strstr(why.text, "exports no DriverEntry"));
}

static void test_bad_paths_and_names_have_their_errno(void **state)
{
    struct nt_driver *d = NULL;
    struct why why = {.text = ""};

    (void)state;
    assert_int_equal(nt_driver_load("/nonexistent.sys", "x", &d, &why), -ENOENT);
    memset(&why, 0, sizeof why);
    assert_int_equal(nt_driver_load("/etc/passwd", "x", &d, &why), -ENOEXEC);
    assert_non_null(strstr(why.text, "/etc/passwd: not a Windows image"));
    memset(&why, 0, sizeof why);
    assert_int_equal(nt_driver_load("/etc/passwd", "a\\b", &d, &why), -EINVAL);
}

static DRIVER_OBJECT *entered;
static unsigned dispatched, completed;

static NTSTATUS NTAPI dispatch(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    dispatched++;
    assert_int_equal(IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.IoControlCode,
                     CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS));
    memcpy(irp->AssociatedIrp.SystemBuffer, "answer", 7);
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 7;
    IofCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI entry(DRIVER_OBJECT *o, PUNICODE_STRING path)
{
    PDEVICE_OBJECT device;

    (void)path;
    entered = o;
    assert_int_equal(IoCreateDevice(o, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device),
                     STATUS_SUCCESS);
    o->MajorFunction[IRP_MJ_DEVICE_CONTROL] = dispatch;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI keep(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device, (void)irp;
    assert_ptr_equal(context, &completed);
    completed++;
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void test_irps_are_dispatched_and_completed(void **state)
{
    struct nt_driver *d = NULL;
    struct why why = {.text = ""};
    KEVENT event;
    IO_STATUS_BLOCK status = {.Information = 0};
    char answer[16] = "";
    PIRP irp;

    (void)state;
    assert_int_equal(nt_driver_load_entry(entry, "inline", &d, &why), 0);
    assert_ptr_equal(entered, nt_driver_object(d));
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(
        CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS),
        entered->DeviceObject, (PVOID)(uintptr_t) "x", 2, answer, sizeof answer, FALSE, &event,
        &status);
    assert_int_equal(IofCallDriver(entered->DeviceObject, irp), STATUS_SUCCESS);
    assert_int_equal(dispatched, 1);
    assert_string_equal(answer, "answer");
    assert_int_equal(status.Information, 7);
    assert_int_not_equal(KeReadStateEvent(&event), 0);
    irp = IoAllocateIrp(1, FALSE);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_PNP;
    IoSetCompletionRoutine(irp, keep, &completed, TRUE, TRUE, TRUE);
    assert_int_equal(IofCallDriver(entered->DeviceObject, irp), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(completed, 1);
    assert_int_equal(irp->IoStatus.Status, STATUS_INVALID_DEVICE_REQUEST);
    IoFreeIrp(irp);
    assert_int_equal(nt_driver_unload(d), 1); /* its device */
}

#define WITH_REGISTRY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(test_a_sys_driver_loads_and_unloads_clean),
        WITH_REGISTRY(test_a_vendor_shaped_sys_driver_loads_and_unloads_clean),
        WITH_REGISTRY(test_a_so_driver_loads_and_unloads_clean),
        WITH_REGISTRY(test_what_is_left_after_unload_is_a_finding),
        WITH_REGISTRY(test_a_failed_entry_gives_its_status),
        WITH_REGISTRY(test_one_so_loaded_twice_has_two_sets_of_variables),
        WITH_REGISTRY(test_an_undefined_symbol_of_a_so_is_named),
        WITH_REGISTRY(test_bad_paths_and_names_have_their_errno),
        WITH_REGISTRY(test_irps_are_dispatched_and_completed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    sys_cleanup();
    return failed;
}
