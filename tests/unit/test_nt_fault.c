/* SPDX-License-Identifier: MIT */
/* Every instruction form that reaches a device, the kernel's own instructions, and faults, run
 * inside real images. */
#include "test_nt_sys.h"

#include "../data/sys/probe.h"
#include "nt/device.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

typedef NTSTATUS(NTAPI *probe_entry)(struct probe *p, PVOID unused);

enum { REGISTERS = 64 };

/* A function whose BAR 0 is memory that counts accesses. */
struct memory_device {
    struct pci_function fn;
    uint8_t config[PCI_CONFIG_BYTES];
    uint8_t memory[REGISTERS];
    unsigned reads, writes, last_size;
};

static struct memory_device device;
static struct nt_device *plugged;
static struct nt_image *image;
static struct probe probe;
static uint8_t *bar;

static uint32_t config_read(struct pci_function *fn, uint32_t offset, uint32_t size)
{
    uint32_t value = 0;

    memcpy(&value, ((struct memory_device *)fn)->config + offset, size);
    return value;
}

static void config_write(struct pci_function *fn, uint32_t offset, uint32_t size, uint32_t value)
{
    memcpy(((struct memory_device *)fn)->config + offset, &value, size);
}

static uint64_t bar_read(struct pci_function *fn, uint32_t n, uint64_t offset, uint32_t size)
{
    struct memory_device *d = (struct memory_device *)fn;
    uint64_t value = 0;

    (void)n;
    d->reads++;
    d->last_size = size;
    memcpy(&value, d->memory + offset % REGISTERS, size);
    return value;
}

static void bar_write(struct pci_function *fn, uint32_t n, uint64_t offset, uint32_t size,
                      uint64_t value)
{
    struct memory_device *d = (struct memory_device *)fn;

    (void)n;
    d->writes++;
    d->last_size = size;
    memcpy(d->memory + offset % REGISTERS, &value, size);
}

static void on_plugged(struct pci_function *fn, struct pci_bus *bus)
{
    (void)fn, (void)bus;
}

static const struct pci_function_ops ops = {config_read, config_write, bar_read, bar_write,
                                            on_plugged};

static int setup(void **state)
{
    struct why why = {.text = ""};
    PHYSICAL_ADDRESS pa;

    (void)state;
    if (nt_fault_install(&why) != 0)
        fail_msg("%s", why.text);
    nt_thread_attach();
    sys_expect_findings();
    memset(&device, 0, sizeof device);
    device.fn.ops = &ops;
    device.fn.bar_bytes[0] = 4096;
    assert_int_equal(nt_device_new(&device.fn, &plugged, &why), 0);
    pa = nt_device_resources(plugged)
             ->List[0]
             .PartialResourceList.PartialDescriptors[0]
             .u.Memory.Start;
    bar = nt_mmio_map(pa, 4096);
    assert_non_null(bar);
    assert_int_equal(nt_image_load(sys_build("probe", SYS_MINGW), &image, &why), 0);
    assert_int_equal(((probe_entry)nt_image_entry(image))(&probe, NULL), STATUS_SUCCESS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nt_image_free(image);
    nt_mmio_unmap(bar, 4096);
    nt_device_free(plugged);
    return 0;
}

/* cmocka puts its own handlers in place before each test. */
static void begin(void **state)
{
    struct why why = {.text = ""};

    (void)state;
    assert_int_equal(nt_fault_install(&why), 0);
}

static void set(unsigned offset, uint64_t value)
{
    memcpy(device.memory + offset, &value, sizeof value);
}

static uint64_t get(unsigned offset, unsigned bytes)
{
    uint64_t value = 0;

    memcpy(&value, device.memory + offset, bytes);
    return value;
}

static void test_loads_of_every_size_and_extension(void **state)
{
    begin(state);
    set(8, 0x8877665544332211);
    assert_int_equal(probe.run(PROBE_LOAD8, bar + 8, 0xaabbccddeeff0000), 0xaabbccddeeff0011);
    assert_int_equal(device.last_size, 1);
    assert_int_equal(probe.run(PROBE_LOAD16, bar + 8, 0xaabbccddeeff0000), 0xaabbccddeeff2211);
    assert_int_equal(probe.run(PROBE_LOAD32, bar + 8, UINT64_MAX), 0x44332211);
    assert_int_equal(probe.run(PROBE_LOAD64, bar + 8, 0), 0x8877665544332211);
    assert_int_equal(device.last_size, 8);
    assert_int_equal(probe.run(PROBE_LOAD_ZX8, bar + 15, 0), 0x88);
    assert_int_equal(probe.run(PROBE_LOAD_SX16, bar + 14, 0), 0xffffffffffff8877);
    assert_int_equal(probe.run(PROBE_LOAD_SX32, bar + 12, 0), 0xffffffff88776655);
    assert_int_equal(probe.run(PROBE_LOAD_HIGH8, bar + 8, 0xcc0000dd), 0xcc0011dd);
    assert_int_equal(device.reads, 8);
    assert_int_equal(device.writes, 0);
}

static void test_stores_of_every_size(void **state)
{
    begin(state);
    probe.run(PROBE_STORE8, bar, 0x1122334455667788);
    assert_int_equal(get(0, 8), 0x88);
    assert_int_equal(device.last_size, 1);
    probe.run(PROBE_STORE16, bar, 0x1122334455667788);
    assert_int_equal(get(0, 8), 0x7788);
    probe.run(PROBE_STORE32, bar, 0x1122334455667788);
    assert_int_equal(get(0, 8), 0x55667788);
    probe.run(PROBE_STORE64, bar, 0x1122334455667788);
    assert_int_equal(get(0, 8), 0x1122334455667788);
    probe.run(PROBE_STORE_IMM32, bar + 4, 0);
    assert_int_equal(get(4, 4), 0x12345678);
    probe.run(PROBE_STORE_INDEXED, bar, 0xcafe);
    assert_int_equal(get(16, 4), 0xcafe);
    assert_int_equal(device.writes, 6);
    assert_int_equal(device.reads, 0);
}

static void test_read_modify_writes(void **state)
{
    begin(state);
    set(0, 0x0f);
    probe.run(PROBE_OR32, bar, 0xf0);
    assert_int_equal(get(0, 4), 0xff);
    set(0, 0xffff);
    probe.run(PROBE_AND16_IMM, bar, 0);
    assert_int_equal(get(0, 4), 0xf0);
    assert_int_equal(probe.run(PROBE_ADD_TO_REG, bar, 0xffffffff), 0xef);
    probe.run(PROBE_LOCK_ADD64, bar, 0x100000000);
    assert_int_equal(get(0, 8), 0x1000000f0);
    set(0, 0xff);
    probe.run(PROBE_INC8, bar, 0);
    assert_int_equal(get(0, 4), 0);
    probe.run(PROBE_NOT32, bar, 0);
    assert_int_equal(get(0, 4), 0xffffffff);
    probe.run(PROBE_NEG32, bar, 0);
    assert_int_equal(get(0, 4), 1);
    assert_int_equal(probe.run(PROBE_XCHG32, bar, 5), 1);
    assert_int_equal(probe.run(PROBE_LOCK_XADD32, bar, 3), 5);
    assert_int_equal(get(0, 4), 8);
    assert_int_equal(probe.run(PROBE_LOCK_CMPXCHG32_HIT, bar, 8ull << 32 | 9), 1ull << 32 | 8);
    assert_int_equal(get(0, 4), 9);
    assert_int_equal(probe.run(PROBE_LOCK_CMPXCHG32_MISS, bar, 8ull << 32 | 10), 9);
    assert_int_equal(get(0, 4), 9);
    assert_int_equal(probe.run(PROBE_BTS32, bar + 4, 0), 0);
    assert_int_equal(get(4, 4), 8);
    assert_int_equal(probe.run(PROBE_BTS32, bar + 4, 0), 1);
}

static void test_flags_are_those_of_the_processor(void **state)
{
    static const uint32_t values[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff};
    static uint32_t memory[2];

    begin(state);
    for (size_t a = 0; a < sizeof values / sizeof values[0]; a++) {
        for (size_t b = 0; b < sizeof values / sizeof values[0]; b++) {
            memory[0] = values[a];
            set(0, values[a]);
            assert_int_equal(probe.run(PROBE_CMP32, bar, values[b]),
                             probe.run(PROBE_CMP32, memory, values[b]));
            assert_int_equal(probe.run(PROBE_TEST32, bar, values[b]),
                             probe.run(PROBE_TEST32, memory, values[b]));
        }
    }
}

static void test_string_instructions_between_memory_and_device(void **state)
{
    static uint32_t source[4] = {1, 2, 3, 4};
    uint8_t back[16] = {0};

    begin(state);
    probe.run(PROBE_MOVS_TO, bar, (uintptr_t)source);
    assert_memory_equal(device.memory, source, sizeof source);
    assert_int_equal(device.writes, 4);
    probe.run(PROBE_MOVS_FROM, bar + 4, (uintptr_t)back);
    assert_memory_equal(back, (uint8_t *)source + 4, 8);
    assert_int_equal(back[8], 0);
    probe.run(PROBE_STOS, bar + 16, 0xa5a5a5a5);
    for (unsigned n = 16; n < 32; n++)
        assert_int_equal(device.memory[n], 0xa5);
    assert_int_equal(device.memory[32], 0);
}

static void test_vector_moves(void **state)
{
    uint8_t pattern[32], back[32] = {0};

    begin(state);
    for (unsigned n = 0; n < 32; n++)
        pattern[n] = (uint8_t)(n * 7 + 1);
    probe.run(PROBE_SSE_STORE16, bar, (uintptr_t)pattern);
    assert_memory_equal(device.memory, pattern, 16);
    assert_int_equal(device.writes, 2);
    probe.run(PROBE_SSE_LOAD16, bar, (uintptr_t)back);
    assert_memory_equal(back, pattern, 16);
    probe.run(PROBE_SSE_STORE8, bar + 32, (uintptr_t)(pattern + 8));
    assert_memory_equal(device.memory + 32, pattern + 8, 8);
    if (!__builtin_cpu_supports("avx"))
        return;
    memset(device.memory, 0, sizeof device.memory);
    probe.run(PROBE_AVX_STORE32, bar + 4, (uintptr_t)pattern);
    assert_memory_equal(device.memory + 4, pattern, 32);
    assert_int_equal(device.last_size, 4);
    memset(back, 0, sizeof back);
    probe.run(PROBE_AVX_LOAD32, bar + 4, (uintptr_t)back);
    assert_memory_equal(back, pattern, 32);
}

/* The host's own code may touch a BAR as well: its memcpy uses whatever the processor has. */
static void test_memory_functions_of_the_runtime_reach_the_device(void **state)
{
    uint8_t pattern[REGISTERS], back[REGISTERS];

    begin(state);
    for (unsigned bytes = 8; bytes <= REGISTERS; bytes += 8) {
        for (unsigned n = 0; n < bytes; n++)
            pattern[n] = (uint8_t)(n + bytes);
        memset(device.memory, 0, sizeof device.memory);
        for (unsigned n = 0; n < bytes; n += 8)
            ((volatile uint64_t *)bar)[n / 8] = *(uint64_t *)(void *)(pattern + n);
        assert_memory_equal(device.memory, pattern, bytes);
        memset(back, 0, sizeof back);
        for (unsigned n = 0; n < bytes; n++)
            back[n] = ((volatile uint8_t *)bar)[n];
        assert_memory_equal(back, pattern, bytes);
    }
}

static void test_a_removed_device_reads_all_ones(void **state)
{
    begin(state);
    nt_device_remove(plugged);
    assert_int_equal(probe.run(PROBE_LOAD32, bar, 0), 0xffffffff);
    assert_int_equal(probe.run(PROBE_LOAD16, bar, 0), 0xffff);
    probe.run(PROBE_STORE32, bar, 1);
    assert_int_equal(device.writes, 0);
}

static void test_cr8_is_the_irql(void **state)
{
    begin(state);
    assert_int_equal(probe.run(PROBE_READ_CR8, NULL, 0), 0);
    probe.run(PROBE_WRITE_CR8, NULL, DISPATCH_LEVEL);
    assert_int_equal(nt_thread_self()->irql, DISPATCH_LEVEL);
    assert_int_equal(probe.run(PROBE_READ_CR8, NULL, 0), DISPATCH_LEVEL);
    probe.run(PROBE_WRITE_CR8, NULL, PASSIVE_LEVEL);
    assert_int_equal(nt_thread_self()->irql, PASSIVE_LEVEL);
    assert_int_equal(finding_count(), 0);
}

static void test_gs_finds_processor_and_thread(void **state)
{
    begin(state);
    assert_int_equal(probe.run(PROBE_PROCESSOR_NUMBER, NULL, 0), nt_thread_self()->cpu);
    assert_int_equal(probe.run(PROBE_CURRENT_THREAD, NULL, 0),
                     (uintptr_t)nt_thread_self()->kthread);
}

static void test_shared_user_data_tells_the_time(void **state)
{
    PVOID interrupt_time = (PVOID)0xfffff78000000008, system_time = (PVOID)0xfffff78000000014;
    PVOID tick_count = (PVOID)0xfffff78000000320, major = (PVOID)0xfffff7800000026c;
    uint64_t before = nt_now_ns() / 100, system_before = nt_system_time(), now;

    begin(state);
    now = probe.run(PROBE_LOAD64, interrupt_time, 0);
    assert_true(now >= before && now <= nt_now_ns() / 100);
    now = probe.run(PROBE_LOAD64, system_time, 0);
    assert_true(now >= system_before && now <= nt_system_time());
    assert_true(probe.run(PROBE_LOAD64, tick_count, 0) >= before / 156250);
    assert_int_equal(probe.run(PROBE_LOAD32, major, 0), 10);
    assert_int_equal(finding_count(), 0);
}

static void test_processor_instructions_are_reported_once_and_harmless(void **state)
{
    begin(state);
    assert_true(probe.run(PROBE_CLI_STI, NULL, 0) & 0x200);
    assert_int_equal(finding_count(), 0);
    for (int n = 0; n < 3; n++)
        assert_int_equal(probe.run(PROBE_RDMSR, NULL, 0x10), 0);
    assert_int_equal(finding_count(), 1);
    assert_string_equal(sys_finding.rule, "NT-PRIV");
    assert_non_null(strstr(sys_finding.text, "rdmsr"));
    assert_int_equal(probe.run(PROBE_IN8, NULL, 0x60), 0xff);
    assert_non_null(strstr(sys_finding.text, "in al, dx"));
    probe.run(PROBE_INT3, NULL, 0);
    assert_string_equal(sys_finding.rule, "NT-BREAKPOINT");
    probe.run(PROBE_INT2C, NULL, 0);
    assert_string_equal(sys_finding.rule, "NT-ASSERT");
}

struct call {
    enum probe_op op;
    void *address;
    uint64_t value;
};

static void do_call(void *arg)
{
    struct call *c = arg;

    probe.run(c->op, c->address, c->value);
}

static void test_faults_are_found_named_and_survived(void **state)
{
    static const struct {
        struct call call;
        const char *rule, *text;
    } cases[] = {
        {{PROBE_LOAD32, (void *)8, 0}, "NT-FAULT", "reads from 0x8, where nothing is"},
        {{PROBE_STORE32, (void *)8, 0}, "NT-FAULT", "writes to 0x8, where nothing is"},
        {{PROBE_LOAD32, (void *)0x1234567812345678, 0}, "NT-FAULT", "not canonical"},
        {{PROBE_STORE32, (void *)0xfffff78000000008, 0},
         "NT-FAULT",
         "writes to 0xfffff78000000008"},
        {{PROBE_UD2, NULL, 0}, "NT-FAULT", "ud2"},
        {{PROBE_DIVIDE, NULL, 0}, "NT-FAULT", "division by zero"},
        {{PROBE_WRITE_CR8, NULL, 99}, "NT-FAULT", "cr8"},
        {{PROBE_FASTFAIL, NULL, 3}, "NT-FASTFAIL", "corrupt LIST_ENTRY"},
        {{PROBE_JUMP, (void *)16, 0}, "NT-FAULT", "called from probe.sys+0x"},
        {{PROBE_HANG_DEPTH, NULL, 0}, "NT-FAULT", "probe.sys+0x"},
    };

    begin(state);
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct call c = cases[n].call;

        finding_reset();
        nt_thread_self()->irql = 0;
        assert_false(nt_fault_protect(do_call, &c));
        assert_int_equal(finding_count(), 1);
        assert_string_equal(sys_finding.rule, cases[n].rule);
        if (!strstr(sys_finding.text, cases[n].text) || !strstr(sys_finding.text, "probe.sys+0x"))
            fail_msg("%zu: %s", n, sys_finding.text);
    }
    /* And the thread is as good as before. */
    assert_int_equal(probe.run(PROBE_LOAD32, probe.data, 0), 7);
}

static void raise_and_fault(void *arg)
{
    (void)arg;
    probe.run(PROBE_WRITE_CR8, NULL, DISPATCH_LEVEL);
    probe.run(PROBE_LOAD32, NULL, 0);
}

static void nested(void *arg)
{
    *(bool *)arg = !nt_fault_protect(raise_and_fault, NULL);
}

static void test_recovery_nests_and_restores_the_irql(void **state)
{
    bool inner = false;

    begin(state);
    assert_true(nt_fault_protect(nested, &inner));
    assert_true(inner);
    assert_int_equal(nt_thread_self()->irql, PASSIVE_LEVEL);
}

static int exit_of_child(void (*fn)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void fault_unprotected(void)
{
    probe.run(PROBE_LOAD32, NULL, 0);
}

static void bug_check(void)
{
    KeBugCheckEx(0xe2, 1, 2, 3, 4);
}

static void fault_of_ours(void)
{
    volatile uintptr_t nowhere = 8;

    signal(SIGSEGV, SIG_DFL);
    nt_fault_install(&(struct why){.text = ""});
    *(volatile int *)nowhere = 1;
}

static void test_an_unprotected_driver_fault_exits_70(void **state)
{
    begin(state);
    assert_int_equal(exit_of_child(fault_unprotected), 70);
    assert_int_equal(exit_of_child(bug_check), 70);
}

static void test_a_fault_of_other_code_goes_to_the_handler_before(void **state)
{
    begin(state);
    assert_int_equal(exit_of_child(fault_of_ours), -SIGSEGV);
}

static void test_bug_check_is_a_finding_and_recoverable(void **state)
{
    begin(state);
    assert_false(nt_fault_protect((void (*)(void *))(void (*)(void))bug_check, NULL));
    assert_string_equal(sys_finding.rule, "NT-BUGCHECK");
    assert_non_null(strstr(sys_finding.text, "0x000000E2"));
}

static void test_a_trapped_store_is_fast(void **state)
{
    enum { STORES = 100000 };
    uint64_t start = nt_now_ns(), each;

    begin(state);
    for (int n = 0; n < STORES; n++)
        probe.run(PROBE_STORE16, bar, (ULONG64)n);
    each = (nt_now_ns() - start) / STORES;
    print_message("a trapped 16-bit store takes %u ns\n", (unsigned)each);
    assert_int_equal(device.writes, STORES);
    assert_true(each < 100000);
}

static void *fault_on_thread(void *arg)
{
    struct call c = {PROBE_LOAD32, NULL, 0};

    nt_thread_attach();
    probe.run(PROBE_STORE32, bar + 4, 77);
    *(bool *)arg = !nt_fault_protect(do_call, &c);
    return NULL;
}

static void test_other_threads_have_their_own_stack_and_recovery(void **state)
{
    pthread_t threads[8];
    bool ok[8] = {false};

    begin(state);
    for (int n = 0; n < 8; n++)
        assert_int_equal(pthread_create(&threads[n], NULL, fault_on_thread, &ok[n]), 0);
    for (int n = 0; n < 8; n++) {
        pthread_join(threads[n], NULL);
        assert_true(ok[n]);
    }
    assert_int_equal(get(4, 4), 77);
}

#define WITH_RIG(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_loads_of_every_size_and_extension),
        WITH_RIG(test_stores_of_every_size),
        WITH_RIG(test_read_modify_writes),
        WITH_RIG(test_flags_are_those_of_the_processor),
        WITH_RIG(test_string_instructions_between_memory_and_device),
        WITH_RIG(test_vector_moves),
        WITH_RIG(test_memory_functions_of_the_runtime_reach_the_device),
        WITH_RIG(test_a_removed_device_reads_all_ones),
        WITH_RIG(test_cr8_is_the_irql),
        WITH_RIG(test_gs_finds_processor_and_thread),
        WITH_RIG(test_shared_user_data_tells_the_time),
        WITH_RIG(test_processor_instructions_are_reported_once_and_harmless),
        WITH_RIG(test_faults_are_found_named_and_survived),
        WITH_RIG(test_recovery_nests_and_restores_the_irql),
        WITH_RIG(test_an_unprotected_driver_fault_exits_70),
        WITH_RIG(test_a_fault_of_other_code_goes_to_the_handler_before),
        WITH_RIG(test_bug_check_is_a_finding_and_recoverable),
        WITH_RIG(test_a_trapped_store_is_fast),
        WITH_RIG(test_other_threads_have_their_own_stack_and_recovery),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    sys_cleanup();
    return failed;
}
