/* SPDX-License-Identifier: MIT */
/*
 * drivers/vionet/tx.c against a device and an NDIS that misbehave within their rights: lists mapped
 * late and in any order, lists of many elements, mapping that fails, a slow device, cancelling,
 * closing and resets in between.
 */
#define NdisMAllocateNetBufferSGList      rig_sg
#define NdisMFreeNetBufferSGList          rig_sg_free
#define NdisMSendNetBufferListsComplete   rig_complete
#define NdisMAllocateSharedMemory         rig_shared
#define NdisMFreeSharedMemory             rig_shared_free
#define NdisAllocateMemoryWithTagPriority rig_memory
#define NdisFreeMemory                    rig_memory_free
#define NdisMSleep                        rig_sleep
#define NdisAllocateSpinLock              rig_lock_new
#define NdisFreeSpinLock                  rig_lock_free
#define KeAcquireSpinLockAtDpcLevel       rig_lock_dpc
#define KeReleaseSpinLockFromDpcLevel     rig_unlock_dpc
#define KfRaiseIrql                       rig_raise
#define KeLowerIrql                       rig_lower
#define WRITE_REGISTER_USHORT             rig_write16

#include "test_vionet_rig.h"

#include "../../drivers/vionet/tx.c"
#include "../../drivers/vionet/tx_memory.c"
#include "../../drivers/vionet/virtq.c"

enum { RING = 32, NBLS = 400, NBS = 3, ELEMENTS = 60, ID_AT = 200, FRAME = 300 };

static struct vionet_adapter a;
static uint16_t doorbell;

/* ---- NDIS ----------------------------------------------------------------------------------- */

static struct {
    unsigned held, defer_percent, fail_percent, many_percent, mapped, pauses;
    struct { /* lists that NDIS has yet to deliver */
        SCATTER_GATHER_LIST *list;
        void *context;
    } late[256];
    unsigned late_count;
} world;

static unsigned dice(unsigned n)
{
    return (unsigned)rand() % n;
}

static bool chance(unsigned percent)
{
    return dice(100) < percent;
}

static void lock_taken(void)
{
    assert_int_equal(world.held, 0);
    world.held++;
}

static void lock_given(void)
{
    assert_int_equal(world.held, 1);
    world.held--;
}

VOID NTAPI KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    (void)SpinLock;
    lock_taken();
}

VOID NTAPI KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    (void)SpinLock;
    lock_given();
}

VOID NTAPI NdisAllocateSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    (void)SpinLock;
}

VOID NTAPI NdisFreeSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    (void)SpinLock;
}

KIRQL NTAPI KfRaiseIrql(KIRQL NewIrql)
{
    (void)NewIrql;
    return 0;
}

VOID NTAPI KeLowerIrql(KIRQL NewIrql)
{
    (void)NewIrql;
}

VOID NTAPI NdisMSleep(ULONG MicrosecondsToSleep)
{
    (void)MicrosecondsToSleep;
    fail_msg("nobody else drains");
}

PVOID NTAPI NdisAllocateMemoryWithTagPriority(NDIS_HANDLE NdisHandle, UINT Length, ULONG Tag,
                                              EX_POOL_PRIORITY Priority)
{
    (void)NdisHandle, (void)Tag, (void)Priority;
    return malloc(Length);
}

VOID NTAPI NdisFreeMemory(PVOID VirtualAddress, UINT Length, UINT MemoryFlags)
{
    (void)Length, (void)MemoryFlags;
    free(VirtualAddress);
}

VOID NTAPI NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
                                     BOOLEAN Cached, PVOID *VirtualAddress,
                                     PNDIS_PHYSICAL_ADDRESS PhysicalAddress)
{
    (void)MiniportAdapterHandle, (void)Cached;
    *VirtualAddress = aligned_alloc(4096, (Length + 4095u) & ~4095u);
    PhysicalAddress->QuadPart = (LONGLONG)(uintptr_t)*VirtualAddress;
}

VOID NTAPI NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length, BOOLEAN Cached,
                                 PVOID VirtualAddress, NDIS_PHYSICAL_ADDRESS PhysicalAddress)
{
    (void)MiniportAdapterHandle, (void)Length, (void)Cached, (void)PhysicalAddress;
    free(VirtualAddress);
}

/* Elements of equal length over one MDL; the last takes the rest. */
NDIS_STATUS NTAPI NdisMAllocateNetBufferSGList(NDIS_HANDLE NdisMiniportDmaHandle,
                                               PNET_BUFFER NetBuffer, PVOID Context, ULONG Flags,
                                               PVOID ScatterGatherListBuffer,
                                               ULONG ScatterGatherListBufferSize)
{
    ULONG n = chance(world.many_percent) ? ELEMENTS : 1 + dice(4), at = 0;
    ULONG bytes = NetBuffer->CurrentMdlOffset + NetBuffer->DataLength;
    uint8_t *va = NetBuffer->CurrentMdl->MappedSystemVa;
    SCATTER_GATHER_LIST *list;

    (void)NdisMiniportDmaHandle, (void)ScatterGatherListBuffer, (void)ScatterGatherListBufferSize;
    assert_int_equal(world.held, 0);
    assert_int_equal(Flags, NDIS_SG_LIST_WRITE_TO_DEVICE);
    if (chance(world.fail_percent))
        return NDIS_STATUS_RESOURCES;
    list = malloc(sizeof *list + n * sizeof list->Elements[0]);
    list->NumberOfElements = n;
    for (ULONG i = 0; i < n; i++) {
        ULONG length = i + 1 < n ? bytes / n : bytes - at;

        list->Elements[i].Address.QuadPart = (LONGLONG)(uintptr_t)(va + at);
        list->Elements[i].Length = length;
        at += length;
    }
    world.mapped++;
    if (chance(world.defer_percent)) {
        assert_true(world.late_count < 256);
        world.late[world.late_count].list = list;
        world.late[world.late_count++].context = Context;
    } else {
        VionetProcessSGList(NULL, NULL, list, Context);
    }
    return NDIS_STATUS_SUCCESS;
}

VOID NTAPI NdisMFreeNetBufferSGList(NDIS_HANDLE NdisMiniportDmaHandle, PSCATTER_GATHER_LIST pSGL,
                                    PNET_BUFFER NetBuffer)
{
    (void)NdisMiniportDmaHandle, (void)NetBuffer;
    assert_int_equal(world.held, 0);
    world.mapped--;
    free(pSGL);
}

static void deliver_late(void)
{
    unsigned i = dice(world.late_count);
    void *context = world.late[i].context;
    SCATTER_GATHER_LIST *list = world.late[i].list;

    world.late[i] = world.late[--world.late_count];
    VionetProcessSGList(NULL, NULL, list, context);
}

void vionet_pause_progress(struct vionet_adapter *adapter)
{
    assert_int_equal(world.held, 0);
    assert_int_equal(adapter->tx.outstanding, 0);
    world.pauses++;
}

USHORT vionet_pci_queue_size(struct vionet_adapter *adapter, USHORT index)
{
    (void)adapter, (void)index;
    return RING;
}

/* ---- Protocol ------------------------------------------------------------------------------- */

static struct packet {
    NET_BUFFER_LIST nbl;
    NET_BUFFER nb[NBS];
    MDL mdl[NBS];
    uint8_t bytes[NBS][FRAME];
    unsigned count, emitted, completions;
    bool sent, bad; /* bad: one NET_BUFFER has an impossible length */
} packets[NBLS];
static unsigned sent, next_emitted, completed;

/* The frame's number in sending order stands at ID_AT. */
static NET_BUFFER_LIST *packet_make(struct packet *p, unsigned number)
{
    memset(p, 0, sizeof *p);
    p->count = 1 + dice(NBS);
    p->sent = true;
    for (unsigned i = 0; i < p->count; i++) {
        ULONG front = dice(5), id = number * NBS + i;

        memset(p->bytes[i], 0x40, FRAME);
        memcpy(p->bytes[i] + front + ID_AT, &id, sizeof id);
        p->mdl[i].MdlFlags = MDL_SOURCE_IS_NONPAGED_POOL;
        p->mdl[i].MappedSystemVa = p->bytes[i];
        p->mdl[i].ByteCount = FRAME;
        p->nb[i].CurrentMdl = p->nb[i].MdlChain = &p->mdl[i];
        p->nb[i].CurrentMdlOffset = p->nb[i].DataOffset = front;
        p->nb[i].DataLength = FRAME - 10;
        if (i + 1 < p->count)
            p->nb[i].Next = &p->nb[i + 1];
        if (chance(3)) {
            p->nb[i].DataLength = 13;
            p->bad = true;
        }
    }
    p->nbl.FirstNetBuffer = &p->nb[0];
    p->nbl.NetBufferListInfo[NetBufferListCancelId] = (PVOID)(ULONG_PTR)(1 + dice(5));
    if (dice(2))
        p->nbl.NetBufferListInfo[Ieee8021QNetBufferListInfo] = (PVOID)(ULONG_PTR)(5 << 4);
    return &p->nbl;
}

static void packets_send(unsigned n)
{
    NET_BUFFER_LIST *first = NULL, **tail = &first;

    for (; n && sent < NBLS; n--, sent++) {
        *tail = packet_make(&packets[sent], sent);
        tail = &(*tail)->Next;
    }
    if (first)
        VionetSendNetBufferLists(&a, first, 0, 0);
}

VOID NTAPI NdisMSendNetBufferListsComplete(NDIS_HANDLE MiniportAdapterHandle,
                                           PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)
{
    (void)MiniportAdapterHandle;
    assert_int_equal(world.held, 0);
    assert_int_equal(SendCompleteFlags, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    for (NET_BUFFER_LIST *nbl = NetBufferList, *next; nbl; nbl = next) {
        struct packet *p = (struct packet *)(void *)nbl;

        next = nbl->Next;
        assert_true(p->sent);
        assert_int_equal(++p->completions, 1);
        if (nbl->Status == NDIS_STATUS_SUCCESS) {
            assert_int_equal(p->emitted, p->count);
            assert_false(p->bad);
        }
        completed++;
        memset(p->bytes, 0xdd, sizeof p->bytes); /* the protocol's again */
    }
    if (chance(10))
        packets_send(1); /* from within */
}

/* ---- Device --------------------------------------------------------------------------------- */

static uint16_t device_seen;
static bool device_interrupts;

VOID NTAPI WRITE_REGISTER_USHORT(volatile USHORT *Register, USHORT Value)
{
    assert_int_equal(world.held, 0);
    *Register = Value;
}

static size_t gather(const struct virtio_desc *d, const struct virtio_desc *table, uint8_t *out)
{
    size_t n = 0;

    for (;; d = &table[d->next]) {
        assert_false(d->flags & VIRTIO_DESC_F_WRITE);
        memcpy(out + n, (const void *)(uintptr_t)d->addr, d->len);
        n += d->len;
        if (!(d->flags & VIRTIO_DESC_F_NEXT))
            return n;
    }
}

static void device_emit(uint16_t head)
{
    const struct vionet_virtq *q = &a.tx.queue;
    const struct virtio_desc *d = &q->desc[head];
    uint8_t out[FRAME + 100];
    unsigned id;
    size_t n;

    n = d->flags & VIRTIO_DESC_F_INDIRECT
            ? gather((const void *)(uintptr_t)d->addr, (const void *)(uintptr_t)d->addr, out)
            : gather(d, q->desc, out);
    assert_true(n == sizeof(struct virtio_net_hdr) + FRAME - 10 ||
                n == sizeof(struct virtio_net_hdr) + FRAME - 6);
    memcpy(&id, out + n - (FRAME - 10) + ID_AT, sizeof id);
    assert_true(id / NBS < sent && id >= next_emitted); /* GEN-15 */
    next_emitted = id + 1;
    packets[id / NBS].emitted++;
}

/* Sends up to n frames; marks them used. */
static unsigned device_run(unsigned n)
{
    struct vionet_virtq *q = &a.tx.queue;
    unsigned done = 0;

    for (; done < n && device_seen != q->avail->idx; done++, device_seen++) {
        uint16_t head = q->avail->ring[device_seen % RING];

        device_emit(head);
        q->used->ring[q->used->idx % RING].id = head;
        if (q->event_idx ? q->avail->ring[RING] == q->used->idx : q->avail->flags == 0)
            device_interrupts = true;
        q->used->idx++;
    }
    return done;
}

static void rig_start(uint64_t features)
{
    memset(&a, 0, sizeof a);
    a.handle = &a;
    a.mtu = 1500;
    a.tx_buffers = VIONET_QUEUE_MAX;
    a.sg_bytes = 2000;
    a.device.features = features;
    memset(&world, 0, sizeof world);
    memset(packets, 0, sizeof packets);
    sent = next_emitted = completed = device_seen = 0;
    device_interrupts = false;
    assert_int_equal(vionet_tx_init(&a), NDIS_STATUS_SUCCESS);
    a.tx.queue.doorbell = (PUCHAR)&doorbell;
    vionet_tx_open(&a);
}

/* Everything comes to an end when device and NDIS do their part, with no reap but for interrupts.
 */
static void rig_finish_all(void)
{
    while (completed < sent || world.late_count) {
        bool moved = device_run(RING) > 0;
        unsigned before = completed;

        if (world.late_count) {
            deliver_late();
            moved = true;
        }
        if (device_interrupts) {
            device_interrupts = false;
            vionet_tx_reap(&a);
        }
        assert_true(moved || completed > before);
    }
    assert_int_equal(a.tx.outstanding, 0);
    assert_int_equal(world.mapped, 0);
    assert_int_equal(a.tx.free_count, a.tx.request_count);
    assert_int_equal(a.tx.queue.free_count, a.tx.queue.size);
    assert_null(a.tx.line);
    assert_null(a.tx.waiting);
    assert_false(a.tx.draining);
    for (unsigned i = 0; i < sent; i++)
        assert_int_equal(packets[i].completions, 1);
}

static uint64_t frames_counted(void)
{
    const struct vionet_statistics *s = &a.statistics;

    return s->tx.frames[0] + s->tx.frames[1] + s->tx.frames[2];
}

/* ---- Tests ---------------------------------------------------------------------------------- */

/* GEN-11, GEN-12, GEN-15, GEN-16: far more than the ring holds, in one call. */
static void test_more_than_the_ring_holds(void **state)
{
    (void)state;
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        unsigned good = 0;

        rig_start(indirect ? VIRTIO_FEATURE(VIRTIO_F_INDIRECT_DESC) : 0);
        packets_send(NBLS);
        rig_finish_all();
        for (unsigned i = 0; i < sent; i++) {
            assert_int_equal(packets[i].nbl.Status,
                             packets[i].bad ? NDIS_STATUS_INVALID_LENGTH : NDIS_STATUS_SUCCESS);
            good += packets[i].emitted;
        }
        assert_int_equal(frames_counted(), good);
        vionet_tx_fini(&a);
    }
}

/* The line waits for the list that comes late. */
static void test_late_lists_keep_the_order(void **state)
{
    (void)state;
    rig_start(VIRTIO_FEATURE(VIRTIO_F_INDIRECT_DESC) | VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX));
    world.defer_percent = 40;
    packets_send(NBLS);
    rig_finish_all();
    vionet_tx_fini(&a);
}

/* More elements than fit are copied; two copies at a time, the rest waits. */
static void test_many_elements_are_copied(void **state)
{
    (void)state;
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        rig_start(indirect ? VIRTIO_FEATURE(VIRTIO_F_INDIRECT_DESC) : 0);
        world.many_percent = 50;
        packets_send(NBLS);
        rig_finish_all();
        for (unsigned i = 0; i < sent; i++)
            assert_true(packets[i].bad || packets[i].nbl.Status == NDIS_STATUS_SUCCESS);
        vionet_tx_fini(&a);
    }
}

/* GEN-12: a list that cannot be had fails its NBL only. */
static void test_failed_mapping_fails_one(void **state)
{
    unsigned failures = 0;

    (void)state;
    rig_start(VIRTIO_FEATURE(VIRTIO_F_INDIRECT_DESC));
    world.fail_percent = 10;
    packets_send(NBLS);
    rig_finish_all();
    for (unsigned i = 0; i < sent; i++)
        failures += packets[i].nbl.Status == NDIS_STATUS_RESOURCES;
    assert_in_range(failures, 1, sent / 2);
    vionet_tx_fini(&a);
}

/* GEN-19: those that wait, and no others. */
static void test_cancel_takes_what_waits(void **state)
{
    unsigned aborted = 0;

    (void)state;
    rig_start(VIRTIO_FEATURE(VIRTIO_F_INDIRECT_DESC));
    packets_send(NBLS);
    VionetCancelSend(&a, (PVOID)99);
    assert_true(completed < sent / 4);
    VionetCancelSend(&a, (PVOID)3);
    for (unsigned i = 0; i < sent; i++) {
        if (packets[i].nbl.Status == NDIS_STATUS_SEND_ABORTED) {
            assert_ptr_equal(packets[i].nbl.NetBufferListInfo[NetBufferListCancelId], (PVOID)3);
            assert_int_equal(packets[i].emitted, 0);
            aborted++;
        }
    }
    assert_in_range(aborted, 1, sent / 2);
    rig_finish_all();
    vionet_tx_fini(&a);
}

/* GEN-2, GEN-4: what the device has is finished, the rest comes back at once, later sends too. */
static void test_closed_gate(void **state)
{
    unsigned before;

    (void)state;
    rig_start(VIRTIO_FEATURE(VIRTIO_F_INDIRECT_DESC));
    packets_send(100);
    vionet_tx_close(&a, NDIS_STATUS_PAUSED);
    before = sent;
    packets_send(5);
    for (unsigned i = before; i < sent; i++)
        assert_int_equal(packets[i].nbl.Status, NDIS_STATUS_PAUSED);
    assert_true(a.tx.outstanding > 0);
    rig_finish_all();
    assert_true(world.pauses > 0);
    vionet_tx_fini(&a);
}

/* GEN-32: everything that the device had comes back, and the ring works again afterwards. */
static void test_abort_brings_all_back(void **state)
{
    (void)state;
    rig_start(VIRTIO_FEATURE(VIRTIO_F_INDIRECT_DESC) | VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX));
    packets_send(100);
    vionet_tx_close(&a, NDIS_STATUS_RESET_IN_PROGRESS);
    vionet_tx_abort(&a, NDIS_STATUS_RESET_IN_PROGRESS);
    device_seen = 0;
    assert_int_equal(completed, sent);
    assert_int_equal(a.tx.outstanding, 0);
    vionet_tx_open(&a);
    packets_send(100);
    rig_finish_all();
    vionet_tx_fini(&a);
}

static void reset(void)
{
    vionet_tx_close(&a, NDIS_STATUS_RESET_IN_PROGRESS);
    vionet_tx_abort(&a, NDIS_STATUS_RESET_IN_PROGRESS);
    device_seen = 0;
    vionet_tx_open(&a);
}

/* All of it in any order, from fixed seeds. */
static void test_any_order(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        srand(seed);
        rig_start((dice(2) ? VIRTIO_FEATURE(VIRTIO_F_INDIRECT_DESC) : 0) |
                  (dice(2) ? VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX) : 0));
        world.defer_percent = dice(2) * dice(60);
        world.fail_percent = dice(2) * dice(10);
        world.many_percent = dice(2) * dice(60);
        while (sent < NBLS) {
            switch (dice(12)) {
            case 0:
            case 1:
            case 2:
                packets_send(1 + dice(20));
                break;
            case 3:
            case 4:
            case 5:
                device_run(dice(20));
                break;
            case 6:
                vionet_tx_reap(&a);
                break;
            case 7:
                if (device_interrupts) {
                    device_interrupts = false;
                    vionet_tx_reap(&a);
                }
                break;
            case 8:
            case 9:
                if (world.late_count)
                    deliver_late();
                break;
            case 10:
                VionetCancelSend(&a, (PVOID)(ULONG_PTR)(1 + dice(5)));
                break;
            default:
                if (chance(20))
                    reset();
                else if (chance(20)) {
                    vionet_tx_close(&a, NDIS_STATUS_PAUSED);
                    packets_send(2);
                    vionet_tx_open(&a);
                }
            }
        }
        rig_finish_all();
        vionet_tx_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_than_the_ring_holds),
        cmocka_unit_test(test_late_lists_keep_the_order),
        cmocka_unit_test(test_many_elements_are_copied),
        cmocka_unit_test(test_failed_mapping_fails_one),
        cmocka_unit_test(test_cancel_takes_what_waits),
        cmocka_unit_test(test_closed_gate),
        cmocka_unit_test(test_abort_brings_all_back),
        cmocka_unit_test(test_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
