/* SPDX-License-Identifier: MIT */
/*
 * BAR mappings. One window of reserved address space is cut into equal places, a mapping each:
 * which mapping an address belongs to is a shift. Nothing in the window is accessible: plain loads
 * and stores fault and end here by way of fault.c.
 */
#include "nt/bus.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/processor.h"

#include <pthread.h>
#include <sys/mman.h>

enum { PLACES = 256, PLACE_SHIFT = 26, PAGE_MASK = 4095 };

struct mapping {
    struct nt_device *device; /* atomic: NULL is a free place; the rest is written before */
    uintptr_t va;
    uint64_t bytes;
    uint64_t offset;
    uint32_t bar;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uintptr_t window; /* atomic */
static struct mapping places[PLACES];
static unsigned cursor;

static bool reserve(void)
{
    void *at;

    if (window)
        return true;
    at = mmap(NULL, (size_t)PLACES << PLACE_SHIFT, PROT_NONE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return false;
    __atomic_store_n(&window, (uintptr_t)at, __ATOMIC_RELEASE);
    return true;
}

/* The place that has been free for longest is likely to come last: stale addresses stay
 * recognisable for a while. */
static struct mapping *find_place(void)
{
    for (unsigned n = 0; n < PLACES; n++) {
        struct mapping *m = &places[cursor++ % PLACES];

        if (!m->device)
            return m;
    }
    return NULL;
}

void *nt_mmio_map(PHYSICAL_ADDRESS pa, size_t bytes)
{
    uint64_t offset;
    uint32_t bar;
    struct nt_device *d = nt_device_at((uint64_t)pa.QuadPart, bytes, &bar, &offset);
    struct mapping *m = NULL;
    uintptr_t va = 0;

    if (!d || bytes == 0 || (offset & PAGE_MASK) + bytes > (size_t)1 << PLACE_SHIFT)
        return NULL;
    pthread_mutex_lock(&lock);
    if (reserve())
        m = find_place();
    if (m) {
        va = window + ((uintptr_t)(m - places) << PLACE_SHIFT) + (offset & PAGE_MASK);
        m->va = va;
        m->bytes = bytes;
        m->offset = offset;
        m->bar = bar;
        __atomic_store_n(&m->device, d, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&lock);
    return (void *)va;
}

/* The place that va lies in, mapped or not; NULL outside the window. */
static struct mapping *place_of(uintptr_t va)
{
    uintptr_t base = __atomic_load_n(&window, __ATOMIC_ACQUIRE);
    uintptr_t at = va - base;

    if (base == 0 || at >= (uintptr_t)PLACES << PLACE_SHIFT)
        return NULL;
    return &places[at >> PLACE_SHIFT];
}

bool nt_mmio_unmap(void *va, size_t bytes)
{
    struct mapping *m = place_of((uintptr_t)va);
    bool mapped;

    pthread_mutex_lock(&lock);
    mapped = m && m->device && m->va == (uintptr_t)va && m->bytes == bytes;
    if (mapped)
        __atomic_store_n(&m->device, NULL, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
    return mapped;
}

void nt_mmio_forget(const struct nt_device *d)
{
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < PLACES; i++)
        if (places[i].device == d)
            __atomic_store_n(&places[i].device, NULL, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
}

bool nt_mmio_access(uintptr_t va, uint32_t size, bool write, uint64_t *value)
{
    const struct mapping *m = place_of(va);
    struct nt_device *d = m ? __atomic_load_n(&m->device, __ATOMIC_ACQUIRE) : NULL;
    uint64_t at;

    if (!d || va - m->va >= m->bytes || size > m->bytes - (va - m->va))
        return false;
    at = m->offset + (va - m->va);
    if (at % size != 0) {
        finding_report("NT-MMIO", "%s %u bytes at BAR %u offset %#llx, which is not aligned",
                       write ? "writes" : "reads", size, m->bar, (unsigned long long)at);
        if (!write)
            *value = UINT64_MAX;
    } else if (nt_device_gone(d)) {
        if (!write)
            *value = UINT64_MAX;
    } else if (write) {
        d->fn->ops->bar_write(d->fn, m->bar, at, size, *value);
    } else {
        *value = d->fn->ops->bar_read(d->fn, m->bar, at, size);
    }
    return true;
}

/* A register of ours, or plain memory, which drivers may hand to the same macros. */
static bool is_register(const volatile void *va, uint32_t size, bool write, uint64_t *value)
{
    if (!place_of((uintptr_t)va))
        return false;
    if (!nt_mmio_access((uintptr_t)va, size, write, value)) {
        finding_report("NT-MMIO", "%s %u bytes at %p, where no register is mapped",
                       write ? "writes" : "reads", size, (const void *)va);
        *value = UINT64_MAX;
    }
    return true;
}

#define REGISTER(NAME, T)                                                                          \
    T NTAPI READ_REGISTER_##NAME(const volatile T *Register)                                       \
    {                                                                                              \
        uint64_t value = 0;                                                                        \
                                                                                                   \
        if (is_register(Register, sizeof(T), false, &value))                                       \
            return (T)value;                                                                       \
        return __atomic_load_n(Register, __ATOMIC_ACQUIRE);                                        \
    }                                                                                              \
    NT_EXPORT(READ_REGISTER_##NAME);                                                               \
    VOID NTAPI WRITE_REGISTER_##NAME(volatile T *Register, T Value)                                \
    {                                                                                              \
        uint64_t value = Value;                                                                    \
                                                                                                   \
        if (!is_register(Register, sizeof(T), true, &value))                                       \
            __atomic_store_n(Register, Value, __ATOMIC_SEQ_CST);                                   \
    }                                                                                              \
    NT_EXPORT(WRITE_REGISTER_##NAME);                                                              \
    VOID NTAPI READ_REGISTER_BUFFER_##NAME(const volatile T *Register, T *Buffer, ULONG Count)     \
    {                                                                                              \
        for (ULONG i = 0; i < Count; i++)                                                          \
            Buffer[i] = READ_REGISTER_##NAME(Register + i);                                        \
    }                                                                                              \
    NT_EXPORT(READ_REGISTER_BUFFER_##NAME);                                                        \
    VOID NTAPI WRITE_REGISTER_BUFFER_##NAME(volatile T *Register, const T *Buffer, ULONG Count)    \
    {                                                                                              \
        for (ULONG i = 0; i < Count; i++)                                                          \
            WRITE_REGISTER_##NAME(Register + i, Buffer[i]);                                        \
    }                                                                                              \
    NT_EXPORT(WRITE_REGISTER_BUFFER_##NAME)

REGISTER(UCHAR, UCHAR);
REGISTER(USHORT, USHORT);
REGISTER(ULONG, ULONG);
REGISTER(ULONG64, ULONG64);

/* No device here has I/O ports, so none was ever assigned: reads see the empty bus. */
static void port_finding(const volatile void *port, const char *verb)
{
    finding_report("NT-PORT", "%s I/O port %#llx, which is no resource of a device", verb,
                   (unsigned long long)(uintptr_t)port);
}

#define PORT(NAME, T)                                                                              \
    T NTAPI READ_PORT_##NAME(T *Port)                                                              \
    {                                                                                              \
        port_finding(Port, "reads");                                                               \
        return (T)UINT64_MAX;                                                                      \
    }                                                                                              \
    NT_EXPORT(READ_PORT_##NAME);                                                                   \
    VOID NTAPI WRITE_PORT_##NAME(T *Port, T Value)                                                 \
    {                                                                                              \
        (void)Value;                                                                               \
        port_finding(Port, "writes");                                                              \
    }                                                                                              \
    NT_EXPORT(WRITE_PORT_##NAME);                                                                  \
    VOID NTAPI READ_PORT_BUFFER_##NAME(T *Port, T *Buffer, ULONG Count)                            \
    {                                                                                              \
        for (ULONG i = 0; i < Count; i++)                                                          \
            Buffer[i] = READ_PORT_##NAME(Port);                                                    \
    }                                                                                              \
    NT_EXPORT(READ_PORT_BUFFER_##NAME);                                                            \
    VOID NTAPI WRITE_PORT_BUFFER_##NAME(T *Port, const T *Buffer, ULONG Count)                     \
    {                                                                                              \
        for (ULONG i = 0; i < Count; i++)                                                          \
            WRITE_PORT_##NAME(Port, Buffer[i]);                                                    \
    }                                                                                              \
    NT_EXPORT(WRITE_PORT_BUFFER_##NAME)

PORT(UCHAR, UCHAR);
PORT(USHORT, USHORT);
PORT(ULONG, ULONG);
