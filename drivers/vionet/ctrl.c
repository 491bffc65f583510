/* SPDX-License-Identifier: MIT */
/* Commands to the device over the control queue (virtio 1.2 §5.1.6.5). PASSIVE_LEVEL, one at a
 * time. */
#include "vionet.h"

enum {
    CTRL_BYTES = 1024,
    CTRL_DATA_AT = 8,
    CTRL_ACK_AT = CTRL_BYTES - 8,
    CTRL_TRIES = 2000,
    CTRL_SIZE = 8,
    CTRL_UNANSWERED = 0xaa
};

NDIS_STATUS vionet_ctrl_init(struct vionet_adapter *a)
{
    if (!vionet_has(a, VIRTIO_NET_F_CTRL_VQ))
        return NDIS_STATUS_SUCCESS;
    NdisMAllocateSharedMemory(a->handle, CTRL_BYTES, TRUE, (PVOID *)&a->ctrl_memory,
                              &a->ctrl_address);
    if (!a->ctrl_memory)
        return NDIS_STATUS_RESOURCES;
    return vionet_virtq_init(a, &a->ctrl, VIRTIO_NET_CTRLQ, CTRL_SIZE);
}

void vionet_ctrl_fini(struct vionet_adapter *a)
{
    vionet_virtq_fini(&a->ctrl);
    if (a->ctrl_memory)
        NdisMFreeSharedMemory(a->handle, CTRL_BYTES, TRUE, a->ctrl_memory, a->ctrl_address);
    a->ctrl_memory = NULL;
}

/* The command's data stands at CTRL_DATA_AT already. */
static NDIS_STATUS command(struct vionet_adapter *a, UCHAR class_, UCHAR code, ULONG data_bytes)
{
    ULONG64 base = (ULONG64)a->ctrl_address.QuadPart;
    struct vionet_piece pieces[3] = {{base, sizeof(struct virtio_net_ctrl_hdr)},
                                     {base + CTRL_DATA_AT, data_bytes},
                                     {base + CTRL_ACK_AT, 1}};
    ULONG bytes;

    if (a->ctrl.broken || vionet_removed(a))
        return NDIS_STATUS_HARD_ERRORS;
    a->ctrl_memory[0] = class_;
    a->ctrl_memory[1] = code;
    a->ctrl_memory[CTRL_ACK_AT] = CTRL_UNANSWERED;
    if (!vionet_virtq_add(&a->ctrl, pieces, 2, 1, a->ctrl_memory))
        return NDIS_STATUS_HARD_ERRORS;
    vionet_virtq_kick(&a->ctrl);
    for (ULONG i = 0; i < CTRL_TRIES; i++) {
        if (vionet_virtq_get(&a->ctrl, &bytes))
            return a->ctrl_memory[CTRL_ACK_AT] == VIRTIO_NET_OK ? NDIS_STATUS_SUCCESS
                                                                : NDIS_STATUS_FAILURE;
        if (a->ctrl.broken || vionet_removed(a))
            break;
        NdisMSleep(500);
    }
    a->ctrl.broken = TRUE; /* its memory may still be written: only a reset makes it ours again */
    return NDIS_STATUS_HARD_ERRORS;
}

static NDIS_STATUS rx_mode(struct vionet_adapter *a, UCHAR code, BOOLEAN on)
{
    a->ctrl_memory[CTRL_DATA_AT] = on ? 1 : 0;
    return command(a, VIRTIO_NET_CTRL_RX, code, 1);
}

/* An empty unicast table (our own address always passes), then the multicast list. */
static NDIS_STATUS mac_table(struct vionet_adapter *a)
{
    PUCHAR p = a->ctrl_memory + CTRL_DATA_AT;
    ULONG zero = 0, n = a->multicast_count;

    NdisMoveMemory(p, &zero, sizeof zero);
    NdisMoveMemory(p + 4, &n, sizeof n);
    NdisMoveMemory(p + 8, a->multicast, n * 6);
    return command(a, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, 8 + n * 6);
}

NDIS_STATUS vionet_ctrl_filter(struct vionet_adapter *a)
{
    ULONG f = a->packet_filter;
    NDIS_STATUS status;

    if (!a->ctrl_memory || !vionet_has(a, VIRTIO_NET_F_CTRL_RX))
        return NDIS_STATUS_SUCCESS;
    status = rx_mode(a, VIRTIO_NET_CTRL_RX_PROMISC, (f & NDIS_PACKET_TYPE_PROMISCUOUS) != 0);
    if (status == NDIS_STATUS_SUCCESS)
        status = rx_mode(a, VIRTIO_NET_CTRL_RX_ALLMULTI, (f & NDIS_PACKET_TYPE_ALL_MULTICAST) != 0);
    if (status == NDIS_STATUS_SUCCESS)
        status = mac_table(a);
    return status;
}

NDIS_STATUS vionet_ctrl_mac(struct vionet_adapter *a)
{
    if (!a->ctrl_memory || !vionet_has(a, VIRTIO_NET_F_CTRL_MAC_ADDR))
        return NDIS_STATUS_SUCCESS;
    NdisMoveMemory(a->ctrl_memory + CTRL_DATA_AT, a->mac, 6);
    return command(a, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 6);
}
