/* SPDX-License-Identifier: MIT */
/* The life of an adapter: initialize, restart, pause, reset, removal, halt. */
#include "vionet.h"

enum { PAUSE_TRIES = 500 };

/* ---- Teardown: halt, and an initialize that failed ------------------------------------ */

/* Accepts an adapter built up to any point. The device goes quiet before its memory is taken away.
 */
static void adapter_free(struct vionet_adapter *a)
{
    if (a->device.common.base && !vionet_removed(a))
        vionet_pci_reset(a);
    if (a->interrupt)
        NdisMDeregisterInterruptEx(a->interrupt);
    vionet_tx_fini(a);
    vionet_rx_fini(a);
    vionet_ctrl_fini(a);
    if (a->dma)
        NdisMDeregisterScatterGatherDma(a->dma);
    vionet_pci_unmap(a);
    NdisFreeSpinLock(&a->offload.lock);
    NdisFreeMemory(a, 0, 0);
}

/* ---- Initialize ----------------------------------------------------------------------------- */

static NDIS_STATUS register_dma(struct vionet_adapter *a)
{
    NDIS_SG_DMA_DESCRIPTION d;
    NDIS_STATUS status;

    NdisZeroMemory(&d, sizeof d);
    d.Header.Type = NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION;
    d.Header.Revision = NDIS_SG_DMA_DESCRIPTION_REVISION_1;
    d.Header.Size = NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1;
    d.Flags = NDIS_SG_DMA_64_BIT_ADDRESS;
    d.MaximumPhysicalMapping = 0x11000; /* one large send with its headers */
    d.ProcessSGListHandler = VionetProcessSGList;
    status = NdisMRegisterScatterGatherDma(a->handle, &d, &a->dma);
    if (status != NDIS_STATUS_SUCCESS)
        a->dma = NULL;
    a->sg_bytes = d.ScatterGatherListSize;
    return status;
}

/* Set-up of a device that was just reset and whose rings are clear, up to DRIVER_OK. */
NDIS_STATUS vionet_device_start(struct vionet_adapter *a)
{
    NDIS_STATUS status;

    if (a->messages && !vionet_pci_config_vector(a, vionet_vector(a, VIONET_QUEUES)))
        return NDIS_STATUS_RESOURCES;
    status = vionet_pci_queue(a, &a->rx.queue, vionet_vector(a, VIONET_RXQ));
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_pci_queue(a, &a->tx.queue, vionet_vector(a, VIONET_TXQ));
    if (status == NDIS_STATUS_SUCCESS && a->ctrl_memory)
        status = vionet_pci_queue(a, &a->ctrl, VIRTIO_MSI_NO_VECTOR);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (a->ctrl_memory)
        vionet_virtq_interrupt_off(&a->ctrl); /* commands are polled */
    vionet_pci_status_add(a, VIRTIO_STATUS_DRIVER_OK);
    vionet_rx_fill(a);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS build_device(struct vionet_adapter *a, PNDIS_MINIPORT_INIT_PARAMETERS p)
{
    NDIS_STATUS status = vionet_pci_map(a, p->AllocatedResources);

    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_pci_negotiate(a);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!vionet_has(a, VIRTIO_NET_F_MAC))
        return NDIS_STATUS_NOT_SUPPORTED;
    vionet_read_mac(a, a->permanent_mac);
    NdisMoveMemory(a->mac, a->permanent_mac, 6);
    a->mtu = 1500;
    if (vionet_has(a, VIRTIO_NET_F_MTU))
        a->mtu = vionet_config_read16(a, FIELD_OFFSET(struct virtio_net_config, mtu));
    if (a->mtu < 68 || a->mtu > VIONET_MAX_MTU)
        return NDIS_STATUS_DEVICE_FAILED;
    vionet_link_refresh(a, FALSE);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS build_queues(struct vionet_adapter *a)
{
    NDIS_STATUS status = register_dma(a);

    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_tx_init(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_rx_init(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_ctrl_init(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_interrupt_register(a);
    return status;
}

static NDIS_STATUS set_registration(struct vionet_adapter *a)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES r;

    NdisZeroMemory(&r, sizeof r);
    r.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    r.Header.Revision = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    r.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    r.MiniportAdapterContext = a;
    r.AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE |
                       NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER |
                       NDIS_MINIPORT_ATTRIBUTES_SURPRISE_REMOVE_OK;
    r.InterfaceType = NdisInterfacePci;
    return NdisMSetMiniportAttributes(a->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&r);
}

static NDIS_STATUS adapter_build(struct vionet_adapter *a, PNDIS_MINIPORT_INIT_PARAMETERS p)
{
    NDIS_STATUS status = set_registration(a);

    if (status == NDIS_STATUS_SUCCESS)
        status = build_device(a, p);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    vionet_offload_init(a);
    vionet_read_configuration(a);
    status = build_queues(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_set_attributes(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_device_start(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_ctrl_mac(a); /* the registry may name another than the card's own */
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_ctrl_filter(a);
    return status;
}

NDIS_STATUS NTAPI VionetInitializeEx(NDIS_HANDLE NdisMiniportHandle,
                                     NDIS_HANDLE MiniportDriverContext,
                                     PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    struct vionet_adapter *a;
    NDIS_STATUS status;

    UNREFERENCED_PARAMETER(MiniportDriverContext);
    a = NdisAllocateMemoryWithTagPriority(NdisMiniportHandle, sizeof *a, VIONET_TAG,
                                          NormalPoolPriority);
    if (!a)
        return NDIS_STATUS_RESOURCES;
    NdisZeroMemory(a, sizeof *a);
    a->handle = NdisMiniportHandle;
    a->power = NdisDeviceStateD0;
    NdisAllocateSpinLock(&a->offload.lock);
    status = adapter_build(a, MiniportInitParameters);
    if (status != NDIS_STATUS_SUCCESS) {
        NdisWriteErrorLogEntry(NdisMiniportHandle,
                               status == NDIS_STATUS_RESOURCES ? NDIS_ERROR_CODE_OUT_OF_RESOURCES
                                                               : NDIS_ERROR_CODE_HARDWARE_FAILURE,
                               1, status);
        adapter_free(a);
        /* What MiniportInitializeEx may return is a short list. */
        return status == NDIS_STATUS_RESOURCES ? status : NDIS_STATUS_FAILURE;
    }
    return NDIS_STATUS_SUCCESS;
}

VOID NTAPI VionetHaltEx(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    struct vionet_adapter *a = MiniportAdapterContext;

    if (HaltAction == NdisHaltDeviceSurpriseRemoved)
        InterlockedExchange(&a->removed, TRUE);
    adapter_free(a);
}

/* ---- Starting the device over --------------------------------------------------------- */

/* Everything the device has comes back; sends in flight end with status. */
void vionet_device_stop(struct vionet_adapter *a, NDIS_STATUS status)
{
    if (!vionet_removed(a))
        vionet_pci_reset(a);
    vionet_tx_abort(a, status);
    vionet_rx_stop(a);
    if (a->ctrl_memory)
        vionet_virtq_clear(&a->ctrl);
}

/* PASSIVE_LEVEL, gates closed. */
static NDIS_STATUS start_over(struct vionet_adapter *a, NDIS_STATUS sends)
{
    NDIS_STATUS status;

    vionet_device_stop(a, sends);
    status = vionet_pci_negotiate(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_device_start(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_ctrl_mac(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = vionet_ctrl_filter(a);
    return status;
}

/* ---- Pause and restart ---------------------------------------------------------------- */

static BOOLEAN idle(struct vionet_adapter *a)
{
    LONG outstanding, lent;

    NdisAcquireSpinLock(&a->tx.lock);
    outstanding = a->tx.outstanding;
    NdisReleaseSpinLock(&a->tx.lock);
    NdisAcquireSpinLock(&a->rx.lock);
    lent = a->rx.lent;
    NdisReleaseSpinLock(&a->rx.lock);
    return outstanding == 0 && lent == 0;
}

void vionet_pause_progress(struct vionet_adapter *a)
{
    if (InterlockedCompareExchange(&a->pausing, 1, 1) == 0 || !idle(a))
        return;
    /* Whoever resets the flag completes the pause. */
    if (InterlockedExchange(&a->pausing, 0))
        NdisMPauseComplete(a->handle);
}

NDIS_STATUS NTAPI VionetPause(NDIS_HANDLE MiniportAdapterContext,
                              PNDIS_MINIPORT_PAUSE_PARAMETERS MiniportPauseParameters)
{
    struct vionet_adapter *a = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(MiniportPauseParameters);
    a->running = FALSE;
    vionet_rx_open(a, FALSE);
    vionet_tx_close(a, NDIS_STATUS_PAUSED);
    /* A device that does not give sends back would hold up the pause for ever: nobody checks for
     * hang meanwhile. */
    for (ULONG i = 0; i < PAUSE_TRIES && InterlockedExchangeAdd(&a->tx.outstanding, 0) > 0; i++)
        NdisMSleep(1000);
    if (InterlockedExchangeAdd(&a->tx.outstanding, 0) > 0 && !vionet_removed(a))
        start_over(a, NDIS_STATUS_PAUSED);
    InterlockedExchange(&a->pausing, 1);
    if (!idle(a))
        return NDIS_STATUS_PENDING;
    return InterlockedExchange(&a->pausing, 0) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_PENDING;
}

NDIS_STATUS NTAPI VionetRestart(NDIS_HANDLE MiniportAdapterContext,
                                PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    struct vionet_adapter *a = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(MiniportRestartParameters);
    if (vionet_removed(a))
        return NDIS_STATUS_FAILURE;
    a->running = TRUE;
    vionet_tx_open(a);
    vionet_rx_open(a, TRUE);
    return NDIS_STATUS_SUCCESS;
}

/* ---- Reset ---------------------------------------------------------------------------------- */

BOOLEAN NTAPI VionetCheckForHangEx(NDIS_HANDLE MiniportAdapterContext)
{
    struct vionet_adapter *a = MiniportAdapterContext;
    BOOLEAN hung;

    if (vionet_removed(a) || a->power != NdisDeviceStateD0)
        return FALSE;
    NdisAcquireSpinLock(&a->tx.lock);
    if (a->tx.queue.free_count == a->tx.queue.size || a->tx.used_seen != a->tx.queue.used_next)
        a->tx.stuck_checks = 0;
    else
        a->tx.stuck_checks++;
    a->tx.used_seen = a->tx.queue.used_next;
    hung = a->tx.queue.broken || a->tx.stuck_checks >= VIONET_HANG_CHECKS ||
           (a->running && !a->tx.open); /* the last reset failed */
    NdisReleaseSpinLock(&a->tx.lock);
    return hung || a->rx.queue.broken || (a->ctrl_memory && a->ctrl.broken) ||
           (vionet_pci_status(a) & VIRTIO_STATUS_NEEDS_RESET) != 0;
}

NDIS_STATUS NTAPI VionetResetEx(NDIS_HANDLE MiniportAdapterContext, PBOOLEAN AddressingReset)
{
    struct vionet_adapter *a = MiniportAdapterContext;

    *AddressingReset = FALSE; /* filters and offloads are restored here */
    vionet_rx_open(a, FALSE);
    vionet_tx_close(a, NDIS_STATUS_RESET_IN_PROGRESS);
    if (start_over(a, NDIS_STATUS_RESET_IN_PROGRESS) != NDIS_STATUS_SUCCESS)
        return NDIS_STATUS_HARD_ERRORS;
    vionet_link_refresh(a, TRUE);
    if (a->running) {
        vionet_tx_open(a);
        vionet_rx_open(a, TRUE);
    }
    return NDIS_STATUS_SUCCESS;
}

/* ---- Removal and shutdown ------------------------------------------------------------- */

VOID NTAPI VionetDevicePnPEventNotify(NDIS_HANDLE MiniportAdapterContext,
                                      PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)
{
    struct vionet_adapter *a = MiniportAdapterContext;

    if (NetDevicePnPEvent->DevicePnPEvent != NdisDevicePnPEventSurpriseRemoved)
        return;
    /* The card is gone: nothing it had will be used or signalled any more. */
    InterlockedExchange(&a->removed, TRUE);
    vionet_rx_open(a, FALSE);
    vionet_tx_close(a, NDIS_STATUS_FAILURE);
    vionet_device_stop(a, NDIS_STATUS_FAILURE);
}

/* Possibly at high IRQL after a bug check: one register write, no NDIS call. */
VOID NTAPI VionetShutdownEx(NDIS_HANDLE MiniportAdapterContext, NDIS_SHUTDOWN_ACTION ShutdownAction)
{
    struct vionet_adapter *a = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(ShutdownAction);
    if (a->device.common.base && !vionet_removed(a))
        WRITE_REGISTER_UCHAR(
            a->device.common.base + FIELD_OFFSET(struct virtio_pci_common_cfg, device_status), 0);
}
