/* SPDX-License-Identifier: MIT */
/*
 * A hostile driver, and a hostile wire: the input is a list of register accesses, writes to the
 * memory that the card can reach, chains, doorbells and frames. The memory is exactly as large as
 * the bus says, so that the address sanitizer sees each step outside it.
 */
#include <virtio/net.h>
#include <virtio/pci.h>
#include <virtio/ring.h>

#include "base/base.h"
#include "nic/nic.h"
#include "port/port.h"

enum { MEM_AT = 0x10000, MEM_BYTES = 0x20000, RING_BYTES = 0x4000, QUEUE_SIZE = 16 };

struct input {
    const uint8_t *data;
    size_t left;
};

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes && in->left; i++, in->left--)
        v |= (uint64_t)*in->data++ << (8 * i);
    return v;
}

/* ---- Bus and wire --------------------------------------------------------------------------- */

static uint8_t *memory;

static void *dma(struct pci_bus *bus, uint64_t addr, uint64_t len, enum pci_dma_dir dir)
{
    (void)bus;
    (void)dir;
    if (addr < MEM_AT || len > MEM_BYTES || addr - MEM_AT > MEM_BYTES - len)
        return NULL;
    return memory + (addr - MEM_AT);
}

static void msix(struct pci_bus *bus, uint32_t vector)
{
    (void)bus;
    invariant(vector < NIC_DEFAULT_VECTORS);
}

static void line(struct pci_bus *bus, bool asserted)
{
    (void)bus;
    (void)asserted;
}

static const struct pci_bus_ops bus_ops = {dma, msix, line};
static struct pci_bus bus = {&bus_ops};
static struct port *wire, *far;

static void drain(struct port *p)
{
    static uint8_t junk[PORT_MAX_FRAME];
    struct frame_span span = {junk, sizeof junk};
    struct port_buffer buf = {.spans = &span, .span_count = 1};

    while (port_rx(p, &buf, 1) > 0)
        invariant(p != far || (buf.len >= FRAME_MIN_LEN && buf.len <= NIC_DEFAULT_MTU + 14 + 8));
}

/* ---- Driver --------------------------------------------------------------------------------- */

struct fuzz {
    struct input in;
    struct nic *nic;
    struct pci_function *fn;
    uint16_t avail_idx[3], next_desc[3];
};

static void set(struct fuzz *f, uint32_t offset, uint32_t size, uint32_t value)
{
    f->fn->ops->bar_write(f->fn, 0, offset, size, value);
}

#define SET(f, field, value)                                                                       \
    set(f, (uint32_t)offsetof(struct virtio_pci_common_cfg, field),                                \
        sizeof(((struct virtio_pci_common_cfg *)0)->field), value)

static struct virtio_desc *desc_of(unsigned queue)
{
    return (struct virtio_desc *)(void *)(memory + queue * RING_BYTES);
}

static struct virtio_avail *avail_of(unsigned queue)
{
    return (struct virtio_avail *)(void *)(memory + queue * RING_BYTES + 0x1000);
}

/* The whole way to DRIVER_OK, so that a short input gets deep. */
static void set_up(struct fuzz *f)
{
    uint64_t left_out = take(&f->in, 5);
    uint64_t features = (nic_offered(f->nic) & ~(left_out | (left_out & 15) << NIC_VENDOR_BIT)) |
                        VIRTIO_FEATURE(VIRTIO_F_VERSION_1) |
                        VIRTIO_FEATURE(VIRTIO_F_ACCESS_PLATFORM);

    features &= ~nic_features_orphans(features);
    SET(f, device_status, 0);
    SET(f, device_status, 3);
    set(f, 0x1804, 4, (uint32_t)((features & NIC_VENDOR_MASK) >> NIC_VENDOR_BIT));
    features &= ~NIC_VENDOR_MASK;
    for (unsigned i = 0; i < 2; i++) {
        SET(f, driver_feature_select, i);
        SET(f, driver_feature, (uint32_t)(features >> (32 * i)));
    }
    SET(f, device_status, 0xb);
    for (unsigned i = 0; i < 3; i++) {
        memset(memory + i * RING_BYTES, 0, RING_BYTES);
        SET(f, queue_select, i);
        SET(f, queue_size, QUEUE_SIZE);
        SET(f, queue_msix_vector, i);
        SET(f, queue_desc_lo, MEM_AT + i * RING_BYTES);
        SET(f, queue_driver_lo, MEM_AT + i * RING_BYTES + 0x1000);
        SET(f, queue_device_lo, MEM_AT + i * RING_BYTES + 0x2000);
        SET(f, queue_enable, 1);
        f->avail_idx[i] = f->next_desc[i] = 0;
    }
    SET(f, device_status, 0xf);
}

static void post(struct fuzz *f)
{
    unsigned queue = (unsigned)take(&f->in, 1) % 3, n = 1 + (unsigned)take(&f->in, 1) % 6;
    struct virtio_avail *avail = avail_of(queue);
    uint16_t head = f->next_desc[queue];

    for (unsigned i = 0; i < n; i++) {
        uint64_t where = take(&f->in, 3);
        uint16_t at = f->next_desc[queue], next = (uint16_t)((at + 1) % QUEUE_SIZE);
        uint8_t flags = (uint8_t)take(&f->in, 1);

        /* Mostly sound: the links, and an address in memory; flags are the input's. */
        desc_of(queue)[at] = (struct virtio_desc){
            .addr = MEM_AT + where % (MEM_BYTES + 64),
            .len = (uint32_t)take(&f->in, 2) % 4096,
            .flags = (uint16_t)((flags & 6) | (i + 1 < n ? VIRTIO_DESC_F_NEXT : 0)),
            .next = flags & 0x80 ? (uint16_t)take(&f->in, 2) : next,
        };
        f->next_desc[queue] = next;
    }
    avail->ring[f->avail_idx[queue]++ % QUEUE_SIZE] = head;
    avail->idx = f->avail_idx[queue];
}

static void frame_in(struct fuzz *f)
{
    static uint8_t bytes[4096];
    uint32_t len = 14 + (uint32_t)take(&f->in, 2) % 2000;
    uint32_t given = (uint32_t)take(&f->in, 1) % 96;
    struct frame_span span = {bytes, len};
    struct frame frame = {.spans = &span, .span_count = 1, .len = len};

    for (uint32_t i = 0; i < MIN_OF(given, len); i++)
        bytes[i] = (uint8_t)take(&f->in, 1);
    port_tx(far, &frame, 1);
}

static void memory_write(struct fuzz *f)
{
    size_t at = (size_t)take(&f->in, 3) % MEM_BYTES;
    size_t n = (size_t)take(&f->in, 1) % 64;

    for (size_t i = 0; i < n && at + i < MEM_BYTES; i++)
        memory[at + i] = (uint8_t)take(&f->in, 1);
}

static void access_bar(struct fuzz *f, bool write)
{
    uint32_t bar = (uint32_t)take(&f->in, 1) % 4 == 3 ? 2 : 0, size = 1u << take(&f->in, 1) % 4;
    uint64_t offset = take(&f->in, 2) % f->fn->bar_bytes[bar] / size * size;

    if (write)
        f->fn->ops->bar_write(f->fn, bar, offset, size, take(&f->in, size));
    else
        f->fn->ops->bar_read(f->fn, bar, offset, size);
}

static void access_config(struct fuzz *f, bool write)
{
    uint32_t size = 1u << take(&f->in, 1) % 3;
    uint32_t offset = (uint32_t)take(&f->in, 1) / size * size;

    if (write)
        f->fn->ops->config_write(f->fn, offset, size, (uint32_t)take(&f->in, size));
    else
        f->fn->ops->config_read(f->fn, offset, size);
}

static void step(struct fuzz *f)
{
    unsigned queue;

    switch (take(&f->in, 1) % 12) {
    case 0:
        access_config(f, true);
        break;
    case 1:
        access_config(f, false);
        break;
    case 2:
        access_bar(f, true);
        break;
    case 3:
        access_bar(f, false);
        break;
    case 4:
        memory_write(f);
        break;
    case 5:
        queue = (unsigned)take(&f->in, 1) % 4;
        set(f, 0x3000 + 4 * queue, 2, queue);
        break;
    case 6:
        frame_in(f);
        break;
    case 7:
        nic_wire_ready(f->nic);
        break;
    case 8:
        nic_set_link(f->nic, take(&f->in, 1) & 1);
        break;
    case 9:
    case 10:
        post(f);
        break;
    default:
        set_up(f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nic_config config = {.mac = {2, 0, 0, 0, 0, 1}, .queue_size = 64};
    struct fuzz f = {.in = {data, size}};
    struct why why = {0};

    if (!wire) {
        invariant(port_open("cable", &wire, &why) == 0);
        far = port_cable_peer(wire);
        memory = aligned_alloc(4096, MEM_BYTES);
        invariant(memory);
    }
    memset(memory, 0, MEM_BYTES);
    invariant(nic_new(&config, wire, &f.nic, &why) == 0);
    f.fn = nic_pci(f.nic);
    f.fn->ops->plugged(f.fn, &bus);
    while (f.in.left)
        step(&f);
    f.fn->ops->plugged(f.fn, NULL);
    nic_free(f.nic);
    drain(far);
    drain(wire);
    return 0;
}
