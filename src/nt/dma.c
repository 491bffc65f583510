/* SPDX-License-Identifier: MIT */
/*
 * The DMA map. A device address is generation << 44 | slot << 28 | offset, where offset begins at
 * the buffer's offset in its page. Slots count from 1, so that no address is 0. A freed slot goes
 * to the end of a queue and comes back with the next generation: an address whose mapping is gone
 * does not reach the next one. Translation takes no lock.
 */
#include "nt/bus.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/spin.h"

#include <sys/mman.h>

enum { OFFSET_BITS = 28, SLOT_BITS = 16, GENERATION_SHIFT = OFFSET_BITS + SLOT_BITS };
enum { SLOTS_MAX = 1 << SLOT_BITS, PAGE_MASK = 4095 };
/* Few mappings at a time stay within few slots: a fresh one is taken only while this many are not
 * waiting in the queue. */
enum { REUSE_FROM = 256 };
enum { LIVE = 1, WRITABLE = 2, FLAG_BITS = 8 };

struct nt_dma_slot {
    uintptr_t va;   /* atomic, as the device looks without a lock */
    uint64_t bytes; /* atomic */
    uint32_t state; /* atomic: generation (8 bits) << FLAG_BITS | flags */
    uint32_t next;  /* in the queue of free ones */
};

int nt_dma_init(struct nt_device *d)
{
    void *slots = mmap(NULL, SLOTS_MAX * sizeof(struct nt_dma_slot), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (slots == MAP_FAILED)
        return -errno;
    d->slots = slots;
    return 0;
}

void nt_dma_fini(struct nt_device *d)
{
    if (d->slots)
        munmap(d->slots, SLOTS_MAX * sizeof(struct nt_dma_slot));
    d->slots = NULL;
}

/* Slot number, 0 when all are taken. */
static uint32_t slot_take(struct nt_device *d)
{
    uint32_t s = d->free_head;

    if (d->free_count < REUSE_FROM && d->slots_used < SLOTS_MAX - 1) {
        s = d->slots_used + 1;
        __atomic_store_n(&d->slots_used, s, __ATOMIC_RELEASE);
        return s;
    }
    if (s == 0)
        return 0;
    d->free_head = d->slots[s].next;
    if (d->free_head == 0)
        d->free_tail = 0;
    d->free_count--;
    return s;
}

static void slot_give(struct nt_device *d, uint32_t s)
{
    d->slots[s].next = 0;
    if (d->free_tail)
        d->slots[d->free_tail].next = s;
    else
        d->free_head = s;
    d->free_tail = s;
    d->free_count++;
}

static void note_driver(struct nt_device *d)
{
    struct nt_owner *o = nt_owner_current();

    if (o == d->driver_seen && d->driver[0] != '\0')
        return;
    d->driver_seen = o;
    snprintf(d->driver, sizeof d->driver, "%s", nt_owner_name(o));
}

static uint64_t address_of(uint32_t s, uint32_t state, uintptr_t va)
{
    return (uint64_t)(state >> FLAG_BITS) << GENERATION_SHIFT | (uint64_t)s << OFFSET_BITS |
           (va & PAGE_MASK);
}

uint64_t nt_dma_map(struct nt_device *d, void *va, size_t bytes, bool device_writes)
{
    uintptr_t at = (uintptr_t)va;
    uint64_t address = 0;
    uint32_t s;

    if (bytes == 0 || bytes > ((size_t)1 << OFFSET_BITS) - (at & PAGE_MASK))
        return 0;
    nt_spin_lock(&d->dma_lock);
    note_driver(d);
    s = slot_take(d);
    if (s) {
        struct nt_dma_slot *slot = &d->slots[s];
        uint32_t generation = ((slot->state >> FLAG_BITS) + 1) & 0xff;
        uint32_t state = generation << FLAG_BITS | LIVE | (device_writes ? WRITABLE : 0);

        __atomic_store_n(&slot->va, at, __ATOMIC_RELAXED);
        __atomic_store_n(&slot->bytes, bytes, __ATOMIC_RELAXED);
        __atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
        __atomic_store_n(&d->mapped, d->mapped + 1, __ATOMIC_RELAXED);
        address = address_of(s, state, at);
    }
    nt_spin_unlock(&d->dma_lock);
    return address;
}

/* An address taken apart; slot is NULL when the number was never used. */
struct place {
    struct nt_dma_slot *slot;
    uintptr_t va;
    uint64_t bytes,
        offset; /* of the mapping; of the address, from the start of the mapping's first page */
    uint32_t state;
    bool same_generation;
};

static struct place place_of(const struct nt_device *d, uint64_t address)
{
    uint32_t s = (uint32_t)(address >> OFFSET_BITS) & (SLOTS_MAX - 1);
    struct place p = {.offset = address & ((1u << OFFSET_BITS) - 1)};

    if (s == 0 || s > __atomic_load_n(&d->slots_used, __ATOMIC_ACQUIRE))
        return p;
    p.slot = &d->slots[s];
    p.state = __atomic_load_n(&p.slot->state, __ATOMIC_ACQUIRE);
    p.va = __atomic_load_n(&p.slot->va, __ATOMIC_RELAXED);
    p.bytes = __atomic_load_n(&p.slot->bytes, __ATOMIC_RELAXED);
    p.same_generation = address >> GENERATION_SHIFT == p.state >> FLAG_BITS;
    return p;
}

static bool live(const struct place *p)
{
    return p->slot && p->same_generation && (p->state & LIVE);
}

void nt_dma_unmap(struct nt_device *d, uint64_t address)
{
    struct place p;
    bool mapped;

    nt_spin_lock(&d->dma_lock);
    p = place_of(d, address);
    mapped = live(&p) && p.offset == (p.va & PAGE_MASK);
    if (mapped) {
        __atomic_store_n(&p.slot->state, p.state & ~(uint32_t)(LIVE | WRITABLE), __ATOMIC_RELEASE);
        __atomic_store_n(&d->mapped, d->mapped - 1, __ATOMIC_RELAXED);
        slot_give(d, (uint32_t)(p.slot - d->slots));
    }
    nt_spin_unlock(&d->dma_lock);
    if (!mapped)
        finding_report("NT-DMA", "unmaps device address %#llx, which is not mapped",
                       (unsigned long long)address);
}

uint64_t nt_dma_mapped(const struct nt_device *d)
{
    return __atomic_load_n(&d->mapped, __ATOMIC_RELAXED);
}

static void report(struct nt_device *d, const struct place *p, uint64_t addr, uint64_t len,
                   enum pci_dma_dir dir)
{
    unsigned long long at = addr, count = len, bytes = p->bytes;
    const char *verb = dir == PCI_DMA_WRITE ? "write" : "read";
    uint64_t first = p->va & PAGE_MASK;
    char driver[sizeof d->driver];

    nt_spin_lock(&d->dma_lock);
    memcpy(driver, d->driver, sizeof driver);
    nt_spin_unlock(&d->dma_lock);
    if (!p->slot)
        finding_report_for(driver, "NT-DMA",
                           "device would %s %llu bytes at %#llx: no mapping ever had this address",
                           verb, count, at);
    else if (!live(p))
        finding_report_for(
            driver, "NT-DMA",
            "device would %s %llu bytes at %#llx: the mapping there (%llu bytes) is gone", verb,
            count, at, bytes);
    else if (dir == PCI_DMA_WRITE && !(p->state & WRITABLE) && p->offset >= first &&
             p->offset - first <= p->bytes && len <= p->bytes - (p->offset - first))
        finding_report_for(driver, "NT-DMA",
                           "device would write %llu bytes at %#llx, in a mapping of %llu bytes "
                           "that it may only read",
                           count, at, bytes);
    else
        finding_report_for(driver, "NT-DMA",
                           "device would %s %llu bytes at %#llx: outside the mapping of %llu bytes "
                           "at %#llx, which ends at %#llx",
                           verb, count, at, bytes, (unsigned long long)(addr - p->offset + first),
                           (unsigned long long)(addr - p->offset + first + p->bytes));
}

void *nt_dma_reach(struct pci_bus *bus, uint64_t addr, uint64_t len, enum pci_dma_dir dir)
{
    struct nt_device *d = CONTAINER_OF(bus, struct nt_device, bus);
    struct place p;
    uint64_t first, at;

    if (unlikely(nt_device_gone(d)))
        return NULL;
    p = place_of(d, addr);
    first = p.va & PAGE_MASK;
    at = p.offset - first;
    if (likely(live(&p) && p.offset >= first && at <= p.bytes && len <= p.bytes - at &&
               (dir == PCI_DMA_READ || (p.state & WRITABLE))))
        return (void *)(p.va + at);
    report(d, &p, addr, len, dir);
    return NULL;
}
