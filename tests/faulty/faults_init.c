/* SPDX-License-Identifier: MIT */
/* What can go wrong between a driver and NDIS while it initializes. */
#include "fault.h"

#define ATTRIBUTES(fn) .imports = {{"NdisMSetMiniportAttributes", (void *)(fn)}}

typedef NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES offload_block;

static bool is(const void *block, unsigned type)
{
    return ((const NDIS_OBJECT_HEADER *)block)->Type == type;
}

static bool is_offload(const void *block)
{
    return is(block, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES);
}

/* The block with views of our own, to be changed. */
static struct {
    offload_block block;
    NDIS_OFFLOAD now, hardware;
    uint8_t behind[64]; /* what a header may say is still there */
} own;

static void *copy_offload(const void *block)
{
    own.block = *(const offload_block *)block;
    memcpy(&own.now, own.block.DefaultOffloadConfiguration, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    memcpy(&own.hardware, own.block.HardwareOffloadCapabilities,
           NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
    own.block.DefaultOffloadConfiguration = &own.now;
    own.block.HardwareOffloadCapabilities = &own.hardware;
    return &own.block;
}

/* ---- INIT-1: when --------------------------------------------------------------------------- */

static NDIS_STATUS NTAPI set_no_offload(NDIS_HANDLE h, void *block)
{
    return is_offload(block) ? NDIS_STATUS_SUCCESS : NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-1", offload_attributes_never, "the offload attributes are never set",
      ATTRIBUTES(set_no_offload), .maybe = "ENC,PAR,CAP,CFG,KEY,TXC,RXC,LSO1,LSO2,SEC-1");

static NDIS_HANDLE late_handle;

static NDIS_STATUS NTAPI keep_offload(NDIS_HANDLE h, void *block)
{
    late_handle = h;
    if (!is_offload(block))
        return NdisMSetMiniportAttributes(h, block);
    copy_offload(block);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS NTAPI restart_with_offload(NDIS_HANDLE context,
                                              PNDIS_MINIPORT_RESTART_PARAMETERS p)
{
    NdisMSetMiniportAttributes(late_handle, (void *)&own.block);
    return driver.RestartHandler(context, p);
}

static void late(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->RestartHandler = restart_with_offload;
}
FAULT("INIT-1", offload_attributes_late, "the offload attributes are set in MiniportRestart",
      ATTRIBUTES(keep_offload), .handlers = late,
      .maybe = "ENC,PAR,CAP,CFG,KEY,TXC,RXC,LSO1,LSO2,SEC-1");

/* ---- INIT-2, INIT-9: headers ---------------------------------------------------------- */

static NDIS_STATUS NTAPI set_long_block(NDIS_HANDLE h, void *block)
{
    if (is_offload(block)) {
        block = copy_offload(block);
        own.block.Header.Size += 8;
    }
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-2", offload_block_too_long, "the offload attributes say Size 48",
      ATTRIBUTES(set_long_block));

static NDIS_STATUS NTAPI set_short_block_first(NDIS_HANDLE h, void *block)
{
    if (is_offload(block)) {
        block = copy_offload(block);
        own.block.Header.Size = 32;
        NdisMSetMiniportAttributes(h, block);
        own.block.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1;
    }
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-2", offload_block_short_first, "offload attributes with Size 32 are tried first",
      ATTRIBUTES(set_short_block_first), .maybe = "INIT-6");

static NDIS_STATUS NTAPI set_long_views(NDIS_HANDLE h, void *block)
{
    if (is_offload(block)) {
        block = copy_offload(block);
        own.now.Header.Size = own.hardware.Header.Size = 120;
    }
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-9", views_too_long, "NDIS_OFFLOAD of revision 1 says Size 120",
      ATTRIBUTES(set_long_views), .maybe = "CFG");

/* ---- INIT-3, INIT-5: how -------------------------------------------------------------------- */

static NDIS_STATUS NTAPI set_offload_first(NDIS_HANDLE h, void *block)
{
    offload_block early = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES, 1, sizeof early}};

    if (is(block, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES))
        NdisMSetMiniportAttributes(h, (void *)&early);
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-3", offload_before_registration, "offload attributes are tried before registration",
      ATTRIBUTES(set_offload_first), .also = "INIT-6");

static NDIS_STATUS NTAPI set_at_dispatch(NDIS_HANDLE h, void *block)
{
    KIRQL before;

    KeRaiseIrql(DISPATCH_LEVEL, &before);
    NdisMSetMiniportAttributes(h, block);
    KeLowerIrql(before);
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-5", attributes_at_dispatch, "NdisMSetMiniportAttributes at DISPATCH_LEVEL",
      ATTRIBUTES(set_at_dispatch));

static VOID NTAPI read_at_dispatch(PNDIS_STATUS status, PNDIS_CONFIGURATION_PARAMETER *value,
                                   NDIS_HANDLE h, PNDIS_STRING keyword, NDIS_PARAMETER_TYPE type)
{
    KIRQL before;

    KeRaiseIrql(DISPATCH_LEVEL, &before);
    NdisReadConfiguration(status, value, h, keyword, type);
    KeLowerIrql(before);
    NdisReadConfiguration(status, value, h, keyword, type);
}
FAULT("INIT-5", keywords_at_dispatch, "NdisReadConfiguration at DISPATCH_LEVEL",
      .imports = {{"NdisReadConfiguration", (void *)read_at_dispatch}});

/* ---- INIT-6, INIT-21, SEC-10: failing ------------------------------------------------- */

static NDIS_STATUS NTAPI set_and_ignore(NDIS_HANDLE h, void *block)
{
    NDIS_STATUS status = NdisMSetMiniportAttributes(h, block);

    return is_offload(block) ? NDIS_STATUS_SUCCESS : status;
}
FAULT("INIT-6", refused_block_ignored, "refused offload attributes do not fail the start",
      ATTRIBUTES(set_and_ignore));

static NDIS_STATUS NTAPI start_oddly(NDIS_HANDLE h, NDIS_HANDLE context,
                                     PNDIS_MINIPORT_INIT_PARAMETERS p)
{
    NDIS_STATUS status = driver.InitializeHandlerEx(h, context, p);

    return status == NDIS_STATUS_SUCCESS ? status : NDIS_STATUS_PENDING;
}

static void oddly(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = start_oddly;
}
FAULT("INIT-21", start_fails_with_pending, "a failed MiniportInitializeEx returns PENDING",
      .handlers = oddly);

static NDIS_STATUS NTAPI start_leaking(NDIS_HANDLE h, NDIS_HANDLE context,
                                       PNDIS_MINIPORT_INIT_PARAMETERS p)
{
    NDIS_STATUS status = driver.InitializeHandlerEx(h, context, p);

    if (status != NDIS_STATUS_SUCCESS)
        NdisAllocateMemoryWithTagPriority(h, 100, 0x6b61656c, NormalPoolPriority);
    return status;
}

static void leaking(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = start_leaking;
}
FAULT("INIT-21", start_leaks_when_it_fails, "a failed MiniportInitializeEx keeps memory",
      .handlers = leaking, .also = "INIT-6,SEC-10", .maybe = "GEN-9,GEN-10");

static PVOID NTAPI allocate_unchecked(NDIS_HANDLE h, UINT length, ULONG tag,
                                      EX_POOL_PRIORITY priority)
{
    PVOID p = NdisAllocateMemoryWithTagPriority(h, length, tag, priority);

    return p ? p : (PVOID)(ULONG_PTR)0x10;
}
FAULT("SEC-10", allocation_unchecked, "the result of an allocation is not looked at",
      .imports = {{"NdisAllocateMemoryWithTagPriority", (void *)allocate_unchecked}},
      .also = "INIT-21", .maybe = "INIT-6,NT-FAULT");

/* ---- INIT-7, 8, 12, 13: the views ----------------------------------------------------- */

static NDIS_STATUS NTAPI set_one_view(NDIS_HANDLE h, void *block)
{
    if (is_offload(block)) {
        block = copy_offload(block);
        own.hardware = own.now;
    }
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-7", hardware_view_is_what_is_on, "the hardware view follows the keywords",
      ATTRIBUTES(set_one_view), .also = "INIT-13", .maybe = "CAP,CFG,KEY,PAR,ENC");

static NDIS_STATUS NTAPI set_more_than_there_is(NDIS_HANDLE h, void *block)
{
    if (is_offload(block)) {
        block = copy_offload(block);
        if (own.now.LsoV2.IPv6.Encapsulation)
            own.now.LsoV2.IPv6.MinSegmentCount = own.hardware.LsoV2.IPv6.MinSegmentCount - 1;
    }
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-8", more_is_on_than_there_is, "MinSegmentCount is smaller than the hardware's",
      ATTRIBUTES(set_more_than_there_is), .maybe = "CAP,ENC,CFG");

static VOID NTAPI read_absent_as_off(PNDIS_STATUS status, PNDIS_CONFIGURATION_PARAMETER *value,
                                     NDIS_HANDLE h, PNDIS_STRING keyword, NDIS_PARAMETER_TYPE type)
{
    static const WCHAR name[] = L"*UDPChecksumOffloadIPv6";
    static NDIS_CONFIGURATION_PARAMETER off = {.ParameterType = NdisParameterInteger};

    NdisReadConfiguration(status, value, h, keyword, type);
    if (*status != NDIS_STATUS_SUCCESS && keyword->Length == sizeof name - sizeof *name &&
        memcmp(keyword->Buffer, name, keyword->Length) == 0) {
        *status = NDIS_STATUS_SUCCESS;
        *value = &off;
    }
}
FAULT("INIT-12", absent_keyword_is_off, "*UDPChecksumOffloadIPv6 is taken as 0 when it is absent",
      .imports = {{"NdisReadConfiguration", (void *)read_absent_as_off}}, .maybe = "KEY");

static NDIS_STATUS NTAPI set_one_always_on(NDIS_HANDLE h, void *block)
{
    if (is_offload(block)) {
        block = copy_offload(block);
        if (own.now.Checksum.IPv6Transmit.TcpChecksum == NDIS_OFFLOAD_SUPPORTED)
            own.now.Checksum.IPv6Transmit.UdpChecksum =
                own.hardware.Checksum.IPv6Transmit.UdpChecksum;
    }
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-13", keyword_without_effect, "UDP over IPv6 is reported as on whatever its keyword",
      ATTRIBUTES(set_one_always_on), .maybe = "KEY");

/* ---- INIT-14: before activation ------------------------------------------------------------- */

static bool activated;

static NDIS_STATUS NTAPI note_activation(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    activated |= q->RequestType == NdisRequestSetInformation &&
                 q->DATA.SET_INFORMATION.Oid == OID_OFFLOAD_ENCAPSULATION;
    return driver.OidRequestHandler(context, q);
}

static void watch_activation(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = note_activation;
}

static VOID NTAPI indicate_marked(NDIS_HANDLE h, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                                  ULONG count, ULONG flags)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO good = {.Value = NULL};

    good.Receive.TcpChecksumSucceeded = 1;
    for (NET_BUFFER_LIST *nbl = first; nbl && !activated; nbl = nbl->Next)
        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = good.Value;
    NdisMIndicateReceiveNetBufferLists(h, first, port, count, flags);
}
FAULT("INIT-14", verdicts_from_the_start, "frames are marked as good before activation",
      .imports = {{"NdisMIndicateReceiveNetBufferLists", (void *)indicate_marked}},
      .handlers = watch_activation, .maybe = "ENC,PAR,RXC,SEC-3");

/* ---- INIT-23: the list ---------------------------------------------------------------------- */

static NDIS_STATUS NTAPI set_short_list(NDIS_HANDLE h, void *block)
{
    static NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES g;
    static NDIS_OID list[256];
    ULONG n = 0;

    if (!is(block, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES))
        return NdisMSetMiniportAttributes(h, block);
    memset(&g, 0, sizeof g);
    memcpy(&g, block, ((NDIS_OBJECT_HEADER *)block)->Size);
    for (ULONG i = 0; i < g.SupportedOidListLength / sizeof *list && n < 256; i++) {
        if (g.SupportedOidList[i] != OID_TCP_OFFLOAD_PARAMETERS)
            list[n++] = g.SupportedOidList[i];
    }
    g.SupportedOidList = list;
    g.SupportedOidListLength = n * (ULONG)sizeof *list;
    return NdisMSetMiniportAttributes(h, (void *)&g);
}
FAULT("INIT-23", parameters_not_listed, "the supported list lacks OID_TCP_OFFLOAD_PARAMETERS",
      ATTRIBUTES(set_short_list), .maybe = "PAR");
