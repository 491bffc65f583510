/* SPDX-License-Identifier: MIT */
/*
 * vionet, in the real NDIS runtime, with a hostile card below and a protocol above. The input says
 * what the card is like (vionet_card.h), then what card, protocol and administrator do, step by
 * step.
 *
 * Whatever the card does: no finding against the driver but those the card forces by reaching for
 * memory that was never meant for it, each send completed once, halt ends with nothing left. Memory
 * shared with the card is poisoned beyond its end; sleeping costs no time.
 */
#include "nt/driver.h"
#include "nt/finding.h"
#include "nt/processor.h"
#include "nt/registry.h"
#include "vionet_input.h"

#include <sanitizer/asan_interface.h>
#include <sched.h>

enum { STEPS_MAX = 48, PAGE = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
DRIVER_INITIALIZE DriverEntry;
MINIPORT_CHECK_FOR_HANG VionetCheckForHangEx;
MINIPORT_PAUSE VionetPause;
MINIPORT_RESTART VionetRestart;

static struct nt_driver *driver;
static struct reg_key *key;
static NDIS_HANDLE miniport;
static uint64_t ledger;

/* ---- Around the driver (linked with --wrap) -------------------------------------------------- */

VOID NTAPI __wrap_NdisMSleep(ULONG MicrosecondsToSleep);
VOID NTAPI __wrap_NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
                                            BOOLEAN Cached, PVOID *VirtualAddress,
                                            PNDIS_PHYSICAL_ADDRESS PhysicalAddress);
VOID NTAPI __real_NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
                                            BOOLEAN Cached, PVOID *VirtualAddress,
                                            PNDIS_PHYSICAL_ADDRESS PhysicalAddress);
VOID NTAPI __wrap_NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
                                        BOOLEAN Cached, PVOID VirtualAddress,
                                        NDIS_PHYSICAL_ADDRESS PhysicalAddress);
VOID NTAPI __real_NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
                                        BOOLEAN Cached, PVOID VirtualAddress,
                                        NDIS_PHYSICAL_ADDRESS PhysicalAddress);

VOID NTAPI __wrap_NdisMSleep(ULONG MicrosecondsToSleep)
{
    (void)MicrosecondsToSleep;
    sched_yield();
}

VOID NTAPI __wrap_NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
                                            BOOLEAN Cached, PVOID *VirtualAddress,
                                            PNDIS_PHYSICAL_ADDRESS PhysicalAddress)
{
    __real_NdisMAllocateSharedMemory(MiniportAdapterHandle, Length, Cached, VirtualAddress,
                                     PhysicalAddress);
    if (*VirtualAddress)
        ASAN_POISON_MEMORY_REGION((char *)*VirtualAddress + Length,
                                  ALIGN_UP(Length, (ULONG)PAGE) - Length);
}

VOID NTAPI __wrap_NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
                                        BOOLEAN Cached, PVOID VirtualAddress,
                                        NDIS_PHYSICAL_ADDRESS PhysicalAddress)
{
    ASAN_UNPOISON_MEMORY_REGION((char *)VirtualAddress + Length,
                                ALIGN_UP(Length, (ULONG)PAGE) - Length);
    __real_NdisMFreeSharedMemory(MiniportAdapterHandle, Length, Cached, VirtualAddress,
                                 PhysicalAddress);
}

static void on_attributes(void *arg, struct ndis_adapter *a, const void *block, NDIS_STATUS status)
{
    const NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES *r = block;

    (void)arg, (void)a, (void)status;
    if (r->Header.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES)
        miniport = r->MiniportAdapterContext;
}

/* A card that reaches where it may not, or holds up an interrupt that it does not own up to, is no
 * fault of the driver's. */
static void on_finding(void *arg, const struct finding *f)
{
    (void)arg;
    if ((strcmp(f->rule, "NT-DMA") == 0 && card_lies) || strcmp(f->rule, "NT-INTERRUPT") == 0)
        return;
    fprintf(stderr, "finding %s %s: %s\n", f->rule, f->subject, f->text);
    broken("a finding");
}

static void set_up(void)
{
    static const struct ndis_observer observer = {.attributes = on_attributes};
    struct registry *registry = registry_new();
    struct why why = {""};

    finding_set_sink(on_finding, NULL);
    registry_set_system(registry);
    if (nt_start(1, &why) < 0 || ndis_start(&why) < 0)
        broken(why.text);
    key = registry_open(registry,
                        "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\"
                        "{4D36E972-E325-11CE-BFC1-08002BE10318}\\0000",
                        true);
    reg_set_sz(key, "*IfType", "6");
    reg_set_sz(key, "*MediaType", "0");
    reg_set_sz(key, "*PhysicalMediaType", "14");
    ndis_set_observer(&observer);
    log_set_level(LOG_ERROR);
    if (nt_driver_load_entry(DriverEntry, "vionet", &driver, &why) < 0)
        broken(why.text);
    ledger = nt_ledger_total(nt_driver_owner(driver));
    protocol_register();
}

/* ---- Protocol and administrator -------------------------------------------------------------- */

static void nothing(void *arg)
{
    (void)arg;
}

/* What interrupts have been raised are served, and their DPCs have run. */
static void settle(void)
{
    nt_loop_call(0, nothing, NULL);
    nt_loop_call(0, nothing, NULL);
}

static void send(struct fuzz *f, NET_BUFFER_LIST *(*make)(struct fuzz *f))
{
    unsigned n = 1 + (unsigned)take(f, 1) % 8;
    NET_BUFFER_LIST *first = NULL;

    if (!protocol.running)
        return;
    for (unsigned i = 0; i < n; i++) {
        NET_BUFFER_LIST *nbl = make(f);

        nbl->Next = first;
        first = nbl;
    }
    protocol.sent += n;
    NdisSendNetBufferLists(protocol.binding, first, NDIS_DEFAULT_PORT_NUMBER, 0);
}

static void request(struct fuzz *f)
{
    static const NDIS_OID oids[] = {OID_GEN_STATISTICS, OID_GEN_XMIT_OK, OID_GEN_LINK_STATE,
                                    OID_802_3_MULTICAST_LIST, OID_GEN_CURRENT_LOOKAHEAD};
    unsigned what = (unsigned)take(f, 1);
    ULONG value = (ULONG)take(f, 1);
    NDIS_OFFLOAD_PARAMETERS o;
    uint8_t buffer[512] = {1};

    if (!protocol.binding)
        return;
    switch (what % 5) {
    case 0:
        protocol_request(NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER, &value,
                         sizeof value);
        break;
    case 1:
        protocol_request(NdisRequestSetInformation, OID_802_3_MULTICAST_LIST, buffer, value);
        break;
    case 2:
        protocol_encapsulation(value & 1);
        break;
    case 3:
        memset(&o, 0, sizeof o);
        o.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
        o.Header.Revision = NDIS_OFFLOAD_PARAMETERS_REVISION_1;
        o.Header.Size = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1;
        o.TCPIPv4Checksum = o.UDPIPv6Checksum = (UCHAR)(value % 6);
        o.LsoV2IPv4 = o.LsoV2IPv6 = (UCHAR)(value / 8 % 4);
        protocol_request(NdisRequestSetInformation, OID_TCP_OFFLOAD_PARAMETERS, &o,
                         NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
        break;
    default:
        protocol_request(NdisRequestQueryInformation, oids[value % ARRAY_LEN(oids)], buffer,
                         sizeof buffer);
    }
}

static void begin(struct fuzz *f)
{
    if (ndis_adapter_initialize(f->adapter) == NDIS_STATUS_SUCCESS)
        ndis_adapter_restart(f->adapter);
}

/* A protocol waits for its sends before it pauses, and a card that keeps them is reset by then. No
 * reset, not even one that fails, leaves a send behind. */
static void quiesce(struct fuzz *f)
{
    settle();
    if (protocol.sent == protocol.completed)
        return;
    ndis_adapter_reset(f->adapter);
    settle();
    MUST(protocol.sent == protocol.completed);
}

/* MiniportPause with sends that the card keeps, which NDIS calls when its patience has ended. */
static void pause_busy(struct fuzz *f)
{
    protocol.hold = false;
    protocol_return_held();
    settle();
    if (ndis_adapter_state(f->adapter) != NDIS_ADAPTER_RUNNING)
        return;
    if (VionetPause(miniport, NULL) == NDIS_STATUS_SUCCESS)
        MUST(protocol.sent == protocol.completed);
    VionetRestart(miniport, NULL);
}

static void administer(struct fuzz *f)
{
    ULONG state, bytes = sizeof state;

    switch (take(f, 1) % 7) {
    case 0:
        ndis_adapter_reset(f->adapter);
        break;
    case 1:
        quiesce(f);
        ndis_adapter_pause(f->adapter);
        break;
    case 2:
        ndis_adapter_restart(f->adapter);
        break;
    case 3:
        quiesce(f);
        ndis_adapter_halt(f->adapter);
        begin(f);
        break;
    case 4:
        if (ndis_adapter_state(f->adapter) == NDIS_ADAPTER_RUNNING &&
            VionetCheckForHangEx(miniport))
            ndis_adapter_reset(f->adapter);
        break;
    case 5:
        pause_busy(f);
        break;
    default:
        if (ndis_adapter_state(f->adapter) != NDIS_ADAPTER_PAUSED)
            return;
        for (unsigned i = 0; i < 2; i++) {
            state = i ? NdisDeviceStateD0 : NdisDeviceStateD3;
            ndis_adapter_request(f->adapter, NdisRequestSetInformation, OID_PNP_SET_POWER, &state,
                                 &bytes);
        }
    }
}

/* ---- Card; its lock held --------------------------------------------------------------------- */

/* A frame from the wire into the next buffers, the header as the input wants it. */
static void arrive(struct fuzz *f)
{
    unsigned buffers = 1 + (unsigned)take(f, 1) % 4, kind = (unsigned)take(f, 1);
    uint32_t bytes = 14 + (uint32_t)take(f, 2) % 2500, done = 0;
    struct virtio_net_hdr h = {.num_buffers = (le16)buffers};
    struct virtio_desc piece[CARD_PIECES];
    struct card_ring r;
    uint16_t head;

    make_frame(f, kind & 0xf, bytes);
    if (kind & 0x10) {
        h.flags = (uint8_t)take(f, 1);
        h.csum_start = (le16)take(f, 2);
        h.csum_offset = (le16)take(f, 1);
    }
    if (kind & 0x20)
        h.num_buffers = (le16)take(f, 1);
    for (unsigned i = 0; i < buffers && card_ring(VIRTIO_NET_RXQ, &r) && card_take(&r, &head);
         i++) {
        uint32_t before = i ? 0 : sizeof h, room, n;
        uint8_t *p;

        if (!card_chain(&r, head, piece))
            break;
        room = piece[0].len;
        n = room > before ? MIN_OF(room - before, (bytes + buffers - 1) / buffers) : 0;
        n = MIN_OF(n, bytes - done);
        MUST(card.tainted || (piece[0].flags & VIRTIO_DESC_F_WRITE));
        p = card_reach(piece[0].addr, before + n, PCI_DMA_WRITE);
        if (!p)
            break;
        memcpy(p, &h, before);
        memcpy(p + before, frame + done, n);
        done += n;
        card_put(&r, head, kind & 0x40 ? (uint32_t)take(f, 2) : before + n);
    }
    card_raise(card.queues[VIRTIO_NET_RXQ].regs.queue_msix_vector);
}

/* Used entries that are not what the ring asks for. */
static void lie(struct fuzz *f)
{
    static const uint32_t lengths[] = {0, 1, 12, 13, 26, 2048, 2049, 65536, UINT32_MAX};
    unsigned queue = (unsigned)take(f, 1), how = (unsigned)take(f, 1);
    uint32_t id = (uint32_t)take(f, 1), len = lengths[take(f, 1) % ARRAY_LEN(lengths)];
    struct card_ring r;

    if (!card_ring(queue, &r))
        return;
    card.tainted = true;
    if (how & 1)
        id = id << 8 | 0x80000000;
    if (how & 2)
        r.q->used = (uint16_t)(r.q->used + take(f, 2));
    if (how & 4)
        r.q->used = (uint16_t)(r.q->used - 1);
    if (how & 8)
        card_put(&r, id, len);
    card_put(&r, id, len);
    card_raise(r.q->regs.queue_msix_vector);
}

/* Any bytes anywhere in a ring, or in a buffer that the card was given. */
static void scribble(struct fuzz *f)
{
    unsigned queue = (unsigned)take(f, 1), where = (unsigned)take(f, 1) % 4;
    uint32_t at = (uint32_t)take(f, 2), n = (uint32_t)take(f, 1) % 32, bytes;
    struct card_ring r;
    uint8_t *p;

    if (!card_ring(queue, &r))
        return;
    card.tainted = true;
    p = where == 0 ? (uint8_t *)r.desc : where == 1 ? (uint8_t *)r.avail : (uint8_t *)r.used;
    bytes = (uint32_t)(where == 0   ? VIRTIO_DESC_BYTES(r.size)
                       : where == 1 ? VIRTIO_AVAIL_BYTES(r.size)
                                    : VIRTIO_USED_BYTES(r.size));
    if (where == 3) {
        bytes = r.desc[at % r.size].len;
        p = bytes ? card_reach(r.desc[at % r.size].addr, bytes, PCI_DMA_WRITE) : NULL;
        at = (uint32_t)take(f, 2);
    }
    for (uint32_t i = 0; p && i < n; i++)
        p[(at + i) % bytes] = (uint8_t)take(f, 1);
}

static void disturb(struct fuzz *f)
{
    unsigned what = (unsigned)take(f, 1);

    switch (what % 6) {
    case 0:
        card.common.device_status |= VIRTIO_STATUS_NEEDS_RESET;
        break;
    case 1:
        card.net[take(f, 1) % 16] = (uint8_t)take(f, 1);
        break;
    case 2:
        card.mode = (unsigned)take(f, 2);
        break;
    case 3:
        card.isr = (uint8_t)take(f, 1);
        card.bus->ops->line(card.bus, (what & 8) != 0);
        break;
    case 4:
        card.features ^= (uint64_t)1 << take(f, 1) % 40;
        break;
    default:
        card.queues[what / 8 % 3].offered = (uint16_t)take(f, 2);
    }
    card.common.config_generation++;
    card_raise(what >> 6);
    card_raise(card.common.config_msix_vector);
}

/* ---- One input ------------------------------------------------------------------------------- */

static void by_card(struct fuzz *f, void (*fn)(struct fuzz *f))
{
    pthread_mutex_lock(&card.lock);
    fn(f);
    pthread_mutex_unlock(&card.lock);
    settle();
}

static void finish_some(struct fuzz *f)
{
    card_finish_tx((unsigned)take(f, 1));
}

static void step(struct fuzz *f)
{
    switch (take(f, 1) % 13) {
    case 0:
    case 1:
        send(f, ordinary);
        break;
    case 2:
        send(f, large);
        break;
    case 3:
        request(f);
        break;
    case 4:
        administer(f);
        break;
    case 5:
        by_card(f, finish_some);
        break;
    case 6:
        by_card(f, arrive);
        break;
    case 7:
        by_card(f, lie);
        break;
    case 8:
        by_card(f, scribble);
        break;
    case 9:
        by_card(f, disturb);
        break;
    case 10:
        protocol.hold = !protocol.hold && protocol.running;
        protocol_return_held();
        break;
    case 11:
        if (take(f, 1) > 0xf0) {
            f->left = 0;
            protocol.hold = false;
            protocol_return_held();
            ndis_adapter_surprise_remove(f->adapter);
        }
        break;
    default:
        if (protocol.binding)
            NdisCancelSendNetBufferLists(protocol.binding, (PVOID)(uintptr_t)(take(f, 1) & 1));
    }
}

/* Zeros make a sound card. */
static void make_card(struct fuzz *f)
{
    unsigned misc, mtu;

    misc = (unsigned)take(f, 1);
    card_new(misc & 1 ? 0 : 3 - (misc >> 1) % 3, misc & 8 ? (uint32_t)take(f, 1) : 4);
    for (unsigned i = 0; i < CARD_QUEUES; i++) {
        unsigned v = (unsigned)take(f, 1);

        card.queues[i].offered = (uint16_t)(v & 0x80 ? (v & 0x7f) * 3 : 1u << (v + 6) % 10);
        card.queues[i].notify_off = (uint16_t)(misc & 8 ? take(f, 1) : i);
    }
    card.features = ~(take(f, 4) | (misc & 0x10 ? (uint64_t)1 << 32 : 0));
    mtu = (unsigned)take(f, 2);
    mtu = mtu ? mtu : 1500;
    memcpy(card.net + offsetof(struct virtio_net_config, mtu), &mtu, 2);
    card_reset();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = {.data = data, .left = size};
    struct ndis_adapter_config config;
    struct why why = {""};

    if (!driver)
        set_up();
    make_card(&f);
    card.mode = (unsigned)take(&f, 2);
    MUST(nt_device_new(&card.fn, &f.device, &why) == 0);
    for (unsigned n = (unsigned)take(&f, 1) % 4; n; n--) {
        size_t at = take(&f, 1);

        card.config[at] = (uint8_t)take(&f, 1);
    }
    protocol.sent = protocol.completed = 0;
    config = (struct ndis_adapter_config){driver, f.device, key, "fuzzed"};
    MUST(ndis_adapter_new(&config, &f.adapter, &why) == 0);
    ndis_adapter_connect(f.adapter, "FUZZ", &why);
    begin(&f);
    for (unsigned i = 0; i < STEPS_MAX && f.left; i++)
        step(&f);
    protocol.hold = false;
    protocol_return_held();
    quiesce(&f);
    ndis_adapter_disconnect(f.adapter, "FUZZ");
    ndis_adapter_halt(f.adapter);
    MUST(ndis_adapter_state(f.adapter) == NDIS_ADAPTER_HALTED);
    MUST(protocol.sent == protocol.completed);
    ndis_adapter_free(f.adapter);
    MUST(nt_ledger_total(nt_driver_owner(driver)) == ledger);
    nt_device_free(f.device);
    return 0;
}
