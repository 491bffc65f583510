/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: one MSI-X message for each of receive, transmit and configuration where the card has
 * three, fewer shared, or the line. The service routine only masks by event index and asks for the
 * DPC; the DPC does the work.
 */
#include "vionet.h"

enum { DPC_ROUNDS = 4 };

USHORT vionet_vector(const struct vionet_adapter *a, ULONG queue)
{
    if (a->messages == 0)
        return VIRTIO_MSI_NO_VECTOR;
    return (USHORT)(queue < a->messages ? queue : a->messages - 1);
}

/* ---- Link ----------------------------------------------------------------------------------- */

static void indicate_link(struct vionet_adapter *a)
{
    NDIS_STATUS_INDICATION s;
    NDIS_LINK_STATE link;

    NdisZeroMemory(&link, sizeof link);
    link.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    link.Header.Revision = NDIS_LINK_STATE_REVISION_1;
    link.Header.Size = NDIS_SIZEOF_LINK_STATE_REVISION_1;
    link.MediaConnectState =
        a->link_up ? MediaConnectStateConnected : MediaConnectStateDisconnected;
    link.MediaDuplexState = a->link_up ? MediaDuplexStateFull : MediaDuplexStateUnknown;
    link.XmitLinkSpeed = link.RcvLinkSpeed =
        a->link_up ? VIONET_LINK_SPEED_GBIT * 1000000000ull : NDIS_LINK_SPEED_UNKNOWN;
    link.PauseFunctions = NdisPauseFunctionsUnsupported;

    NdisZeroMemory(&s, sizeof s);
    s.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    s.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    s.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    s.SourceHandle = a->handle;
    s.StatusCode = NDIS_STATUS_LINK_STATE;
    s.StatusBuffer = &link;
    s.StatusBufferSize = sizeof link;
    NdisMIndicateStatusEx(a->handle, &s);
}

void vionet_link_refresh(struct vionet_adapter *a, BOOLEAN indicate)
{
    BOOLEAN up = TRUE;

    if (vionet_has(a, VIRTIO_NET_F_STATUS))
        up = (vionet_config_read16(a, FIELD_OFFSET(struct virtio_net_config, status)) &
              VIRTIO_NET_S_LINK_UP) != 0;
    if (up == a->link_up)
        return;
    a->link_up = up;
    if (indicate)
        indicate_link(a);
}

/* ---- DPC ------------------------------------------------------------------------------------ */

/* Until nothing is left, or its share is used up: then the DPC is asked for again, so that others
 * get their turn. */
static BOOLEAN serve(struct vionet_adapter *a)
{
    for (ULONG i = 0; i < DPC_ROUNDS; i++) {
        BOOLEAN more = vionet_rx_reap(a);

        vionet_tx_reap(a);
        if (!more)
            return FALSE;
    }
    return TRUE;
}

static VOID NTAPI VionetMessageInterruptDpc(NDIS_HANDLE MiniportInterruptContext, ULONG MessageId,
                                            PVOID MiniportDpcContext, PVOID NdisReserved1,
                                            PVOID NdisReserved2)
{
    struct vionet_adapter *a = MiniportInterruptContext;

    UNREFERENCED_PARAMETER(MiniportDpcContext);
    UNREFERENCED_PARAMETER(NdisReserved1);
    UNREFERENCED_PARAMETER(NdisReserved2);
    if (vionet_removed(a))
        return;
    if (MessageId == vionet_vector(a, VIONET_QUEUES))
        vionet_link_refresh(a, TRUE);
    if (serve(a))
        NdisMQueueDpc(a->interrupt, MessageId, 1u << KeGetCurrentProcessorNumber(), NULL);
}

static BOOLEAN NTAPI VionetMessageInterrupt(NDIS_HANDLE MiniportInterruptContext, ULONG MessageId,
                                            PBOOLEAN QueueDefaultInterruptDpc,
                                            PULONG TargetProcessors)
{
    UNREFERENCED_PARAMETER(MiniportInterruptContext);
    UNREFERENCED_PARAMETER(MessageId);
    *QueueDefaultInterruptDpc = TRUE;
    *TargetProcessors = 0;
    return TRUE;
}

/* The line: reading the status byte also quiets the card (§4.1.4.5). */
static BOOLEAN NTAPI VionetInterrupt(NDIS_HANDLE MiniportInterruptContext,
                                     PBOOLEAN QueueDefaultInterruptDpc, PULONG TargetProcessors)
{
    struct vionet_adapter *a = MiniportInterruptContext;
    UCHAR isr = a->device.isr.base ? READ_REGISTER_UCHAR(a->device.isr.base) : 0;

    *QueueDefaultInterruptDpc = FALSE;
    *TargetProcessors = 0;
    if (isr == 0 || isr == 0xff)
        return FALSE;
    InterlockedOr(&a->line_causes, isr);
    *QueueDefaultInterruptDpc = TRUE;
    return TRUE;
}

static VOID NTAPI VionetInterruptDpc(NDIS_HANDLE MiniportInterruptContext, PVOID MiniportDpcContext,
                                     PVOID NdisReserved1, PVOID NdisReserved2)
{
    struct vionet_adapter *a = MiniportInterruptContext;

    UNREFERENCED_PARAMETER(MiniportDpcContext);
    UNREFERENCED_PARAMETER(NdisReserved1);
    UNREFERENCED_PARAMETER(NdisReserved2);
    if (vionet_removed(a))
        return;
    if (InterlockedExchange(&a->line_causes, 0) & VIRTIO_PCI_ISR_CONFIG)
        vionet_link_refresh(a, TRUE);
    if (serve(a))
        NdisMQueueDpc(a->interrupt, 0, 1u << KeGetCurrentProcessorNumber(), NULL);
}

/* NDIS asks for these around moving an interrupt; the card itself has no mask beside the ring
 * flags. */
static VOID NTAPI VionetDisableInterrupt(NDIS_HANDLE MiniportInterruptContext)
{
    UNREFERENCED_PARAMETER(MiniportInterruptContext);
}

static VOID NTAPI VionetEnableInterrupt(NDIS_HANDLE MiniportInterruptContext)
{
    UNREFERENCED_PARAMETER(MiniportInterruptContext);
}

static VOID NTAPI VionetDisableMessage(NDIS_HANDLE MiniportInterruptContext, ULONG MessageId)
{
    UNREFERENCED_PARAMETER(MiniportInterruptContext);
    UNREFERENCED_PARAMETER(MessageId);
}

static VOID NTAPI VionetEnableMessage(NDIS_HANDLE MiniportInterruptContext, ULONG MessageId)
{
    UNREFERENCED_PARAMETER(MiniportInterruptContext);
    UNREFERENCED_PARAMETER(MessageId);
}

NDIS_STATUS vionet_interrupt_register(struct vionet_adapter *a)
{
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS *c = &a->interrupt_chars;
    NDIS_STATUS status;

    NdisZeroMemory(c, sizeof *c);
    c->Header.Type = NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT;
    c->Header.Revision = NDIS_MINIPORT_INTERRUPT_REVISION_1;
    c->Header.Size = NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1;
    c->InterruptHandler = VionetInterrupt;
    c->InterruptDpcHandler = VionetInterruptDpc;
    c->DisableInterruptHandler = VionetDisableInterrupt;
    c->EnableInterruptHandler = VionetEnableInterrupt;
    c->MsiSupported = TRUE;
    c->MessageInterruptHandler = VionetMessageInterrupt;
    c->MessageInterruptDpcHandler = VionetMessageInterruptDpc;
    c->DisableMessageInterruptHandler = VionetDisableMessage;
    c->EnableMessageInterruptHandler = VionetEnableMessage;
    status = NdisMRegisterInterruptEx(a->handle, a, c, &a->interrupt);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    a->messages = 0;
    if (c->InterruptType == NDIS_CONNECT_MESSAGE_BASED && c->MessageInfoTable)
        a->messages = c->MessageInfoTable->MessageCount;
    return NDIS_STATUS_SUCCESS;
}
