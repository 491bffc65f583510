/* SPDX-License-Identifier: MIT */
/* Which adapter, which packets. */
#include "aim.h"

#include "conform/gen.h"
#include "ndis/binding.h"

static NDIS_HANDLE adapter;

static NDIS_STATUS NTAPI InitializeEx(NDIS_HANDLE NdisMiniportHandle,
                                      NDIS_HANDLE MiniportDriverContext,
                                      PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    adapter = NdisMiniportHandle;
    return driver.InitializeHandlerEx(NdisMiniportHandle, MiniportDriverContext,
                                      MiniportInitParameters);
}

void aim_at_adapter(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = InitializeEx;
}

NDIS_HANDLE aim_adapter(void)
{
    return adapter;
}

static void copy_start(const NET_BUFFER *nb, uint8_t *dst, ULONG left)
{
    ULONG offset = nb->CurrentMdlOffset;

    for (MDL *mdl = nb->CurrentMdl; mdl && left; mdl = mdl->Next) {
        ULONG n = MIN_OF(MmGetMdlByteCount(mdl) - offset, left);

        memcpy(dst, (uint8_t *)MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) + offset, n);
        dst += n;
        left -= n;
        offset = 0;
    }
}

unsigned aim_row(const NET_BUFFER_LIST *nbl)
{
    const NET_BUFFER *nb = nbl->FirstNetBuffer;
    uint8_t bytes[64];
    uint32_t port;

    if (!nb || nb->DataLength < sizeof bytes)
        return 0;
    copy_start(nb, bytes, sizeof bytes);
    port = naive_get(bytes + 36, 2);
    return naive_get(bytes + 12, 2) == 0x0800 && bytes[23] == 17 && port > GEN_PORT &&
                   port < GEN_PORT + 100
               ? port - GEN_PORT
               : 0;
}

void aim_complete(NET_BUFFER_LIST *first, NDIS_STATUS status)
{
    struct ndis_binding *b = first->SourceHandle;

    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next)
        nbl->Status = status;
    NdisMSendNetBufferListsComplete(b->adapter, first, 0);
}
