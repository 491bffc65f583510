/* SPDX-License-Identifier: MIT */
/*
 * The driver's pure parts (headers.c, translate.c, offload.c) compiled into the test, with what
 * they call of NDIS replaced: locks do nothing, indications are kept. And a send: a frame in an NBL
 * of chosen pieces, translated, and put together again as the device would see it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NdisMIndicateStatusEx        rig_indicate
#define MmMapLockedPagesSpecifyCache rig_map
#define KeAcquireSpinLockRaiseToDpc  rig_lock
#define KeReleaseSpinLock            rig_unlock

#include "../../drivers/vionet/vionet.h"

#include "../../drivers/vionet/headers.c"
#define get16     translate_get16
#define IP4_BYTES TRANSLATE_IP4_BYTES
#define IP6_BYTES TRANSLATE_IP6_BYTES
#include "../../drivers/vionet/translate.c"
#undef get16
#undef IP4_BYTES
#undef IP6_BYTES
#include "../../drivers/vionet/offload.c"

#include "frame/frame.h"

enum { RIG_PIECES = 300, RIG_FRAME_BYTES = 70000 };

static NDIS_OFFLOAD rig_indicated; /* the last one */
static NDIS_STATUS_INDICATION rig_indication;
static unsigned rig_indications;

VOID NTAPI NdisMIndicateStatusEx(NDIS_HANDLE MiniportAdapterHandle,
                                 PNDIS_STATUS_INDICATION StatusIndication)
{
    (void)MiniportAdapterHandle;
    rig_indication = *StatusIndication;
    memset(&rig_indicated, 0, sizeof rig_indicated);
    memcpy(&rig_indicated, StatusIndication->StatusBuffer, StatusIndication->StatusBufferSize);
    rig_indications++;
}

PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                                         MEMORY_CACHING_TYPE CacheType, PVOID RequestedAddress,
                                         ULONG BugCheckOnFailure, ULONG Priority)
{
    (void)MemoryDescriptorList, (void)AccessMode, (void)CacheType, (void)RequestedAddress;
    (void)BugCheckOnFailure, (void)Priority;
    return NULL;
}

KIRQL NTAPI KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    (void)SpinLock;
    return 0;
}

VOID NTAPI KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    (void)SpinLock, (void)NewIrql;
}

#define RIG_ALL                                                                                    \
    (VIRTIO_FEATURE(VIRTIO_NET_F_CSUM) | VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM) |                 \
     VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO6) |             \
     VIRTIO_FEATURE(VIRTIO_NET_F_HOST_ECN))

static inline void rig_adapter(struct vionet_adapter *a, uint64_t features)
{
    memset(a, 0, sizeof *a);
    a->handle = a;
    a->mtu = 1500;
    a->tagging = VIONET_TAG_PRIORITY | VIONET_TAG_VLAN;
    a->device.features = features;
    rig_indications = 0;
    vionet_offload_init(a);
}

struct rig_send {
    NET_BUFFER_LIST nbl;
    NET_BUFFER nb;
    MDL mdls[RIG_PIECES];
    uint8_t *copy; /* the frame, in one exact allocation per piece: a read outside is seen */
    uint8_t *pieces[RIG_PIECES];
    unsigned count;
    struct vionet_tx_request request;
    _Alignas(64) uint8_t head[VIONET_HEAD_BYTES];
};

/* front bytes of the first MDL lie before the data. A cut of 0 is an empty MDL. */
static inline void rig_wrap(struct rig_send *s, const uint8_t *frame, size_t bytes,
                            const size_t *cuts, unsigned cut_count, size_t front)
{
    size_t at = 0;

    memset(s, 0, sizeof *s);
    for (unsigned i = 0; i <= cut_count; i++) {
        size_t n = i < cut_count && cuts[i] < bytes - at ? cuts[i] : bytes - at;
        size_t before = i == 0 ? front : 0;
        MDL *m = &s->mdls[i];

        if (i < cut_count && n > bytes - at)
            n = bytes - at;
        s->pieces[i] = malloc(before + n + (before + n == 0));
        if (n)
            memcpy(s->pieces[i] + before, frame + at, n);
        m->MdlFlags = MDL_SOURCE_IS_NONPAGED_POOL;
        m->MappedSystemVa = s->pieces[i];
        m->ByteCount = (ULONG)(before + n);
        if (i > 0)
            s->mdls[i - 1].Next = m;
        at += n;
        s->count++;
    }
    s->nb.MdlChain = s->nb.CurrentMdl = &s->mdls[0];
    s->nb.DataOffset = s->nb.CurrentMdlOffset = (ULONG)front;
    s->nb.DataLength = (ULONG)bytes;
    s->nbl.FirstNetBuffer = &s->nb;
    s->request.nbl = &s->nbl;
    s->request.nb = &s->nb;
    s->request.head = s->head;
    memset(s->head, 0xee, sizeof s->head);
}

static inline void rig_drop(struct rig_send *s)
{
    for (unsigned i = 0; i < s->count; i++)
        free(s->pieces[i]);
    s->count = 0;
}

/* What the device reads: the header apart, then the frame. Returns the frame's bytes. */
static inline size_t rig_emitted(const struct rig_send *s, struct virtio_net_hdr *h, uint8_t *out)
{
    const struct vionet_tx_request *t = &s->request;
    size_t head = t->head_bytes - sizeof *h, rest = s->nb.DataLength - t->skip;

    assert_true(t->head_bytes >= sizeof *h && t->head_bytes <= VIONET_HEAD_BYTES);
    assert_true(t->skip <= s->nb.DataLength);
    memcpy(h, t->head, sizeof *h);
    memcpy(out, t->head + sizeof *h, head);
    assert_true(vionet_frame_copy(&s->nb, t->skip, out + head, (ULONG)rest));
    return head + rest;
}

/* As an ordinary device does it (§5.1.6.2): sums from csum_start to the end. */
static inline void rig_finish(const struct virtio_net_hdr *h, uint8_t *frame, size_t bytes)
{
    uint16_t sum;

    if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
        return;
    assert_true((size_t)h->csum_start + h->csum_offset + 2u <= bytes);
    sum = (uint16_t)~frame_fold(frame_sum(frame + h->csum_start, bytes - h->csum_start, 0));
    frame[h->csum_start + h->csum_offset] = (uint8_t)(sum >> 8);
    frame[h->csum_start + h->csum_offset + 1] = (uint8_t)sum;
}

static inline void rig_verify(const uint8_t *frame, size_t bytes, enum frame_verdict ip,
                              enum frame_verdict transport)
{
    struct frame_span span = {(uint8_t *)(uintptr_t)frame, (uint32_t)bytes};
    struct frame f = {.spans = &span, .span_count = 1, .len = (uint32_t)bytes};
    struct frame_layers l;

    frame_parse(frame, bytes < FRAME_MAX_HEADERS ? bytes : FRAME_MAX_HEADERS, bytes, FRAME_STRICT,
                &l);
    assert_int_equal(frame_check_ip(&f, &l), ip);
    assert_int_equal(frame_check_transport(&f, &l), transport);
}
