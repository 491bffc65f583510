/* SPDX-License-Identifier: MIT */
/* The PCI bus: resources, config space, registers, DMA map, interrupts, removal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/device.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/processor.h"

#include <pthread.h>
#include <sched.h>

enum { BAR = 4, BAR_BYTES = 16384, VECTORS = 3, MSIX_AT = 0x40 };

/* A function with one BAR of plain storage, and an MSI-X capability. */
struct fake {
    struct pci_function fn;
    struct pci_bus *bus;
    uint8_t config[PCI_CONFIG_BYTES];
    uint8_t bar[BAR_BYTES];
    int accesses;
};

static struct fake fake;
static struct nt_device *device;
static struct finding last;

static uint32_t config_read(struct pci_function *fn, uint32_t offset, uint32_t size)
{
    uint32_t v = 0;

    (void)fn;
    assert_true(offset + size <= PCI_CONFIG_BYTES && offset % size == 0);
    memcpy(&v, fake.config + offset, size);
    return v;
}

static void config_write(struct pci_function *fn, uint32_t offset, uint32_t size, uint32_t value)
{
    (void)fn;
    assert_true(offset + size <= PCI_CONFIG_BYTES && offset % size == 0);
    memcpy(fake.config + offset, &value, size);
}

static uint64_t bar_read(struct pci_function *fn, uint32_t bar, uint64_t offset, uint32_t size)
{
    uint64_t v = 0;

    (void)fn;
    assert_true(bar == BAR && offset + size <= BAR_BYTES && offset % size == 0);
    fake.accesses++;
    memcpy(&v, fake.bar + offset, size);
    return v;
}

static void bar_write(struct pci_function *fn, uint32_t bar, uint64_t offset, uint32_t size,
                      uint64_t value)
{
    (void)fn;
    assert_true(bar == BAR && offset + size <= BAR_BYTES && offset % size == 0);
    fake.accesses++;
    memcpy(fake.bar + offset, &value, size);
}

static void plugged(struct pci_function *fn, struct pci_bus *bus)
{
    (void)fn;
    fake.bus = bus;
}

static const struct pci_function_ops ops = {config_read, config_write, bar_read, bar_write,
                                            plugged};

static void keep(void *arg, const struct finding *f)
{
    (void)arg;
    last = *f;
}

static int plug(uint32_t vectors)
{
    struct why why = {{0}};

    memset(&fake, 0, sizeof fake);
    fake.fn = (struct pci_function){.ops = &ops, .bar_bytes = {[BAR] = BAR_BYTES}};
    fake.fn.msix_vectors = vectors;
    fake.config[0x06] = 0x10;
    fake.config[0x34] = MSIX_AT;
    fake.config[MSIX_AT] = 0x11;
    fake.config[MSIX_AT + 1] = MSIX_AT; /* a list that loops */
    finding_set_sink(keep, NULL);
    finding_reset();
    if (nt_start(2, &why) != 0)
        return -1;
    return nt_device_new(&fake.fn, &device, &why);
}

static int setup(void **state)
{
    (void)state;
    return plug(VECTORS);
}

static int setup_line(void **state)
{
    (void)state;
    return plug(0);
}

static int teardown(void **state)
{
    (void)state;
    nt_device_free(device);
    assert_null(fake.bus);
    nt_stop();
    return 0;
}

static const CM_PARTIAL_RESOURCE_DESCRIPTOR *resource(ULONG i)
{
    const CM_PARTIAL_RESOURCE_DESCRIPTOR *first =
        nt_device_resources(device)->List[0].PartialResourceList.PartialDescriptors;

    return first + i; /* the array has Count members, not the 1 that it is declared with */
}

static void test_resources_match_config_space(void **state)
{
    const CM_RESOURCE_LIST *list = nt_device_resources(device);
    uint64_t address;

    (void)state;
    assert_int_equal(list->Count, 1);
    assert_int_equal(list->List[0].PartialResourceList.Count, 1 + VECTORS);
    assert_int_equal(resource(0)->Type, CmResourceTypeMemory);
    assert_int_equal(resource(0)->u.Memory.Length, BAR_BYTES);
    memcpy(&address, fake.config + 0x10 + 4 * BAR, sizeof address);
    assert_true(address == (uint64_t)resource(0)->u.Memory.Start.QuadPart);
    assert_true(address % BAR_BYTES == 0);
    assert_int_equal(resource(3)->Type, CmResourceTypeInterrupt);
    assert_true(resource(3)->Flags & CM_RESOURCE_INTERRUPT_MESSAGE);
    assert_int_equal(fake.config[0x04] & 6, 6);
    assert_int_equal(fake.config[MSIX_AT + 3] & 0x80, 0x80);
    assert_int_equal(nt_device_pdo(device)->Type, 3);
}

static void test_config_space_has_bounds(void **state)
{
    uint8_t buf[300];

    (void)state;
    assert_int_equal(nt_device_config(device, false, 0, buf, 300), 256);
    assert_memory_equal(buf, fake.config, 256);
    assert_int_equal(nt_device_config(device, false, 253, buf, 8), 3);
    assert_int_equal(nt_device_config(device, false, 256, buf, 1), 0);
    assert_int_equal(nt_device_config(device, false, UINT32_MAX, buf, 8), 0);
    memset(buf, 0xa5, sizeof buf);
    assert_int_equal(nt_device_config(device, true, 0x91, buf, 7), 7);
    assert_int_equal(fake.config[0x90], 0);
    assert_int_equal(fake.config[0x91], 0xa5);
    assert_int_equal(fake.config[0x97], 0xa5);
    assert_int_equal(fake.config[0x98], 0);
    assert_int_equal(HalGetBusData(PCIConfiguration, 0, 0, buf, 4), 4);
    assert_memory_equal(buf, fake.config, 4);
    assert_int_equal(HalGetBusData(PCIConfiguration, 0, 1, buf, 64), 2);
    assert_int_equal(buf[0] & buf[1], 0xff);
    assert_int_equal(HalGetBusData(PCIConfiguration, 1, 0, buf, 64), 0);
    buf[0] = 0x5a;
    assert_int_equal(HalSetBusDataByOffset(PCIConfiguration, 0, 0, buf, 0xa0, 1), 1);
    assert_int_equal(fake.config[0xa0], 0x5a);
}

static void test_bad_bars_are_refused(void **state)
{
    struct pci_function bad = {.ops = &ops, .bar_bytes = {5000}};
    struct nt_device *d;
    struct why why = {{0}};

    (void)state;
    assert_int_equal(nt_device_new(&bad, &d, &why), -EINVAL);
    bad.bar_bytes[0] = bad.bar_bytes[1] = 4096;
    assert_int_equal(nt_device_new(&bad, &d, &why), -EINVAL);
}

static PHYSICAL_ADDRESS bar_at(uint64_t offset)
{
    PHYSICAL_ADDRESS pa = resource(0)->u.Memory.Start;

    pa.QuadPart += (LONGLONG)offset;
    return pa;
}

static void test_registers_reach_the_function(void **state)
{
    UCHAR *va = nt_mmio_map(bar_at(0), BAR_BYTES);
    UCHAR *part = nt_mmio_map(bar_at(4100), 8);
    ULONG burst[2] = {1, 2};
    uint64_t v = 0;

    (void)state;
    assert_non_null(va);
    WRITE_REGISTER_ULONG((ULONG *)(void *)(va + 8), 0x11223344);
    assert_int_equal(READ_REGISTER_USHORT((USHORT *)(void *)(va + 10)), 0x1122);
    WRITE_REGISTER_UCHAR(va + 8, 0xee);
    assert_true(READ_REGISTER_ULONG64((ULONG64 *)(void *)(va + 8)) == 0x112233ee);
    WRITE_REGISTER_BUFFER_ULONG((ULONG *)(void *)part, burst, 2);
    assert_int_equal(fake.bar[4100], 1);
    assert_int_equal(fake.bar[4104], 2);
    assert_int_equal(finding_count(), 0);
    assert_false(nt_mmio_access((uintptr_t)part + 8, 4, false, &v)); /* past a partial mapping */
    assert_false(nt_mmio_access((uintptr_t)va + BAR_BYTES - 2, 4, false, &v));
    assert_false(nt_mmio_access((uintptr_t)&v, 4, false, &v));
    assert_true(nt_mmio_access((uintptr_t)va + 2, 4, false, &v));
    assert_string_equal(last.rule, "NT-MMIO"); /* not aligned */
    assert_false(nt_mmio_unmap(va, 4096));
    assert_true(nt_mmio_unmap(va, BAR_BYTES));
    assert_false(nt_mmio_unmap(va, BAR_BYTES));
    assert_int_equal(READ_REGISTER_UCHAR(va), 0xff);
    assert_int_equal(finding_count(), 2);
    assert_true(nt_mmio_unmap(part, 8));
    ULONG plain = 7;
    assert_int_equal(READ_REGISTER_ULONG(&plain), 7);
    WRITE_REGISTER_ULONG(&plain, 8);
    assert_int_equal(plain, 8);
    assert_int_equal(READ_PORT_UCHAR((UCHAR *)0x60), 0xff);
    assert_string_equal(last.rule, "NT-PORT");
}

static void test_only_bars_can_be_mapped(void **state)
{
    PHYSICAL_ADDRESS nowhere = {.QuadPart = 0x1000};

    (void)state;
    assert_null(nt_mmio_map(nowhere, 16));
    assert_null(nt_mmio_map(bar_at(0), BAR_BYTES + 1));
    assert_null(nt_mmio_map(bar_at(BAR_BYTES - 8), 16));
    assert_null(nt_mmio_map(bar_at(0), 0));
    for (int i = 0; i < 600; i++) {
        void *va = nt_mmio_map(bar_at(16), 16);

        assert_non_null(va);
        assert_int_equal((uintptr_t)va % 4096, 16);
        assert_true(nt_mmio_unmap(va, 16));
    }
}

static void *reach(uint64_t addr, uint64_t len, enum pci_dma_dir dir)
{
    return fake.bus->ops->dma(fake.bus, addr, len, dir);
}

static void test_dma_has_exact_bounds(void **state)
{
    struct nt_owner *o = nt_owner_new("vionet"), *previous = nt_owner_enter(o);
    char *buf = malloc(100);
    uint64_t a = nt_dma_map(device, buf, 100, true);

    (void)state;
    nt_owner_leave(previous);
    assert_true(a != 0);
    assert_int_equal(a % 4096, (uintptr_t)buf % 4096);
    assert_ptr_equal(reach(a, 100, PCI_DMA_WRITE), buf);
    assert_ptr_equal(reach(a + 40, 60, PCI_DMA_READ), buf + 40);
    assert_ptr_equal(reach(a + 100, 0, PCI_DMA_READ), buf + 100);
    assert_int_equal(finding_count(), 0);
    assert_null(reach(a, 101, PCI_DMA_READ));
    assert_string_equal(last.rule, "NT-DMA");
    assert_string_equal(last.subject, "vionet");
    assert_non_null(strstr(last.text, "outside the mapping of 100 bytes"));
    assert_null(reach(a - 1, 1, PCI_DMA_READ));
    assert_null(reach(a + 99, 2, PCI_DMA_WRITE));
    assert_null(reach(a + 10, UINT64_MAX - 5, PCI_DMA_READ));
    assert_null(reach(0, 1, PCI_DMA_READ));
    assert_null(reach((uint64_t)(uintptr_t)buf, 1, PCI_DMA_READ));
    assert_null(reach(UINT64_MAX, 1, PCI_DMA_READ));
    assert_int_equal(finding_count(), 7);
    nt_dma_unmap(device, a);
    assert_null(reach(a, 1, PCI_DMA_READ));
    assert_non_null(strstr(last.text, "is gone"));
    nt_dma_unmap(device, a);
    assert_non_null(strstr(last.text, "not mapped"));
    assert_int_equal(nt_dma_mapped(device), 0);
    free(buf);
    nt_owner_free(o);
}

static void test_dma_direction(void **state)
{
    char buf[64] = {0};
    uint64_t a = nt_dma_map(device, buf, sizeof buf, false);

    (void)state;
    assert_ptr_equal(reach(a, 64, PCI_DMA_READ), buf);
    assert_null(reach(a, 64, PCI_DMA_WRITE));
    assert_non_null(strstr(last.text, "only read"));
    nt_dma_unmap(device, a);
}

static void test_dma_addresses_are_not_soon_reused(void **state)
{
    char buf[8] = {0};
    uint64_t first = nt_dma_map(device, buf, 8, true);

    (void)state;
    nt_dma_unmap(device, first);
    for (int i = 0; i < 5000; i++) {
        uint64_t a = nt_dma_map(device, buf, 8, true);

        assert_true(a != 0 && a != first && a >> 52 == 0);
        nt_dma_unmap(device, a);
    }
    assert_int_equal(finding_count(), 0);
    assert_true(nt_dma_map(device, buf, 0, true) == 0);
    assert_true(nt_dma_map(device, buf, 1u << 28, true) == 0);
}

static void test_dma_slots_run_out_and_come_back(void **state)
{
    static uint64_t all[65535];
    char buf[8] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i] = nt_dma_map(device, buf, 8, true);
        assert_true(all[i] != 0);
    }
    assert_true(nt_dma_map(device, buf, 8, true) == 0);
    assert_int_equal(nt_dma_mapped(device), 65535);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        nt_dma_unmap(device, all[i]);
    assert_int_equal(nt_dma_mapped(device), 0);
    all[0] = nt_dma_map(device, buf, 8, true);
    assert_ptr_equal(reach(all[0], 8, PCI_DMA_WRITE), buf);
}

static void *map_and_reach(void *arg)
{
    char buf[16] = {0};

    for (int i = 0; i < 3000; i++) {
        uint64_t a = nt_dma_map(device, buf, 16, true);

        if (reach(a, 16, PCI_DMA_WRITE) != buf)
            __atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
        nt_dma_unmap(device, a);
    }
    return NULL;
}

static void test_dma_from_several_threads(void **state)
{
    pthread_t t[3];
    int wrong = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, map_and_reach, &wrong);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(finding_count(), 0);
}

struct served {
    int count, irql, loop;
    uint32_t message;
    int deassert_at;
    struct nt_interrupt *interrupt;
    bool disconnect;
    bool claim;
};

static bool serve(void *context, uint32_t message)
{
    struct served *s = context;
    int n = __atomic_add_fetch(&s->count, 1, __ATOMIC_ACQ_REL);

    s->irql = KeGetCurrentIrql();
    s->loop = nt_thread_self()->loop;
    s->message = message;
    if (s->deassert_at && n >= s->deassert_at)
        fake.bus->ops->line(fake.bus, false);
    if (s->disconnect)
        nt_interrupt_disconnect(s->interrupt);
    return s->claim;
}

static bool becomes(const int *value, int wanted)
{
    for (int i = 0; i < 20000; i++) {
        if (__atomic_load_n(value, __ATOMIC_ACQUIRE) >= wanted)
            return true;
        usleep(100);
    }
    return false;
}

static int served_count(struct served *s)
{
    usleep(3000);
    return __atomic_load_n(&s->count, __ATOMIC_ACQUIRE);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void post(uint32_t vector)
{
    fake.bus->ops->msix(fake.bus, vector);
}

static void test_message_reaches_its_routine(void **state)
{
    struct served s = {.claim = true};
    struct nt_interrupt *i, *second;

    (void)state;
    post(1); /* nobody is connected */
    assert_int_equal(nt_interrupt_connect(device, 1, 1, serve, &s, &i), 0);
    assert_int_equal(nt_interrupt_connect(device, 1, 0, serve, &s, &second), -EBUSY);
    assert_int_equal(nt_interrupt_connect(device, VECTORS, 0, serve, &s, &second), -EINVAL);
    post(1);
    assert_true(becomes(&s.count, 1));
    post(2);
    post(99);
    assert_int_equal(served_count(&s), 1);
    assert_int_equal(s.irql, nt_interrupt_irql(i));
    assert_int_equal(s.loop, 1);
    assert_int_equal(s.message, 1);
    nt_interrupt_disconnect(i);
    post(1);
    assert_int_equal(served_count(&s), 1);
    assert_int_equal(finding_count(), 0);
}

static void test_masked_message_stays_pending(void **state)
{
    struct served s = {.claim = true};
    struct nt_interrupt *i;

    (void)state;
    assert_int_equal(nt_interrupt_connect(device, 0, 0, serve, &s, &i), 0);
    nt_interrupt_mask(i, true);
    post(0);
    post(0);
    assert_int_equal(served_count(&s), 0);
    nt_interrupt_mask(i, false);
    assert_true(becomes(&s.count, 1));
    assert_int_equal(served_count(&s), 1);
    nt_interrupt_disconnect(i);
}

static void test_routine_may_disconnect_itself(void **state)
{
    struct served s = {.claim = true, .disconnect = true};

    (void)state;
    assert_int_equal(nt_interrupt_connect(device, 0, 0, serve, &s, &s.interrupt), 0);
    post(0);
    assert_true(becomes(&s.count, 1));
    nt_loop_call(0, nothing, NULL); /* the routine has returned */
    post(0);
    assert_int_equal(served_count(&s), 1);
}

struct both {
    struct nt_interrupt *i;
    long value; /* guarded by the interrupt's lock */
    int served;
};

static bool add_one(void *context)
{
    ((struct both *)context)->value++;
    return true;
}

static BOOLEAN NTAPI add_one_abi(PVOID context)
{
    return add_one(context);
}

static bool serve_add(void *context, uint32_t message)
{
    struct both *b = context;

    (void)message;
    b->value++;
    __atomic_fetch_add(&b->served, 1, __ATOMIC_ACQ_REL);
    return true;
}

static void test_synchronize_excludes_the_routine(void **state)
{
    struct both b = {.value = 0};

    (void)state;
    assert_int_equal(nt_interrupt_connect(device, 0, 0, serve_add, &b, &b.i), 0);
    for (int n = 0; n < 2000; n++) {
        post(0);
        assert_true(nt_interrupt_synchronize(b.i, add_one, &b));
    }
    assert_true(KeSynchronizeExecution((PKINTERRUPT)b.i, add_one_abi, &b));
    nt_interrupt_disconnect(b.i);
    assert_int_equal(b.value, 2001 + b.served);
    assert_int_equal(KeGetCurrentIrql(), 0);
}

static void test_line_is_served_until_deasserted(void **state)
{
    struct served s = {.claim = true, .deassert_at = 5};
    struct nt_interrupt *i;

    (void)state;
    assert_int_equal(resource(1)->Type, CmResourceTypeInterrupt);
    assert_int_equal(resource(1)->Flags, CM_RESOURCE_INTERRUPT_LEVEL_SENSITIVE);
    fake.bus->ops->line(fake.bus, true); /* before anyone listens */
    assert_int_equal(nt_interrupt_connect(device, -1, 0, serve, &s, &i), 0);
    assert_true(becomes(&s.count, 5));
    assert_int_equal(served_count(&s), 5);
    nt_interrupt_disconnect(i);
}

static void test_unclaimed_line_is_masked(void **state)
{
    struct served s = {.claim = false};
    struct nt_interrupt *i;

    (void)state;
    assert_int_equal(nt_interrupt_connect(device, -1, 0, serve, &s, &i), 0);
    fake.bus->ops->line(fake.bus, true);
    assert_true(becomes(&s.count, 1000));
    assert_int_equal(served_count(&s), 1000);
    nt_loop_call(0, nothing, NULL);
    assert_string_equal(last.rule, "NT-INTERRUPT");
    nt_interrupt_disconnect(i);
}

static void test_asserted_line_can_be_disconnected(void **state)
{
    struct served s = {.claim = true};
    struct nt_interrupt *i;
    int count;

    (void)state;
    fake.bus->ops->line(fake.bus, true);
    assert_int_equal(nt_interrupt_connect(device, -1, 0, serve, &s, &i), 0);
    assert_true(becomes(&s.count, 1));
    nt_interrupt_disconnect(i);
    count = __atomic_load_n(&s.count, __ATOMIC_ACQUIRE);
    assert_int_equal(served_count(&s), count);
}

static void test_removed_device_is_silent(void **state)
{
    struct served s = {.claim = true};
    struct pci_bus *bus;
    struct nt_interrupt *i;
    char buf[8] = {0};
    uint64_t a = nt_dma_map(device, buf, 8, true);
    UCHAR *va = nt_mmio_map(bar_at(0), BAR_BYTES);
    uint32_t id = 0;

    (void)state;
    assert_int_equal(nt_interrupt_connect(device, 0, 0, serve, &s, &i), 0);
    bus = fake.bus;
    nt_device_remove(device);
    assert_true(nt_device_removed(device));
    assert_null(fake.bus); /* unplugged, so that it forgets where the driver's memory was */
    fake.bus = bus;        /* one that calls nevertheless gets nowhere */
    fake.accesses = 0;
    assert_true(READ_REGISTER_ULONG64((ULONG64 *)(void *)va) == UINT64_MAX);
    WRITE_REGISTER_UCHAR(va, 1);
    assert_int_equal(fake.accesses, 0);
    assert_int_equal(nt_device_config(device, false, 0, &id, 4), 4);
    assert_true(id == UINT32_MAX);
    post(0);
    assert_int_equal(served_count(&s), 0);
    assert_null(reach(a, 8, PCI_DMA_READ));
    nt_dma_unmap(device, a);
    nt_interrupt_disconnect(i);
    assert_int_equal(finding_count(), 0);
    fake.bus = NULL;
}

#define T(fn)      cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define T_LINE(fn) cmocka_unit_test_setup_teardown(fn, setup_line, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_resources_match_config_space),
        T(test_config_space_has_bounds),
        T(test_bad_bars_are_refused),
        T(test_registers_reach_the_function),
        T(test_only_bars_can_be_mapped),
        T(test_dma_has_exact_bounds),
        T(test_dma_direction),
        T(test_dma_addresses_are_not_soon_reused),
        T(test_dma_slots_run_out_and_come_back),
        T(test_dma_from_several_threads),
        T(test_message_reaches_its_routine),
        T(test_masked_message_stays_pending),
        T(test_routine_may_disconnect_itself),
        T(test_synchronize_excludes_the_routine),
        T_LINE(test_line_is_served_until_deasserted),
        T_LINE(test_unclaimed_line_is_masked),
        T_LINE(test_asserted_line_can_be_disconnected),
        T(test_removed_device_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
