/* SPDX-License-Identifier: MIT */
/* Keywords of features that vionet lacks, of NDIS's own, and of sizes. */
#include "fault.h"

#include <strings.h>

/* ---- IPsec, connection ---------------------------------------------------------------------- */

static NDIS_STATUS NTAPI FearsIpsec(NDIS_HANDLE MiniportAdapterHandle,
                                    NDIS_HANDLE MiniportDriverContext,
                                    PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    if (fault_keyword("*IPsecOffloadV1IPv4") > 0)
        return NDIS_STATUS_FAILURE;
    return driver.InitializeHandlerEx(MiniportAdapterHandle, MiniportDriverContext,
                                      MiniportInitParameters);
}

static void fears_ipsec(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = FearsIpsec;
}
FAULT("KEY-13", key_ipsec_fails, "the driver does not start with *IPsecOffloadV1IPv4 on",
      .handlers = fears_ipsec);

static bool ipsec_drags(const char *name, bool there, ULONG *value)
{
    if (fault_keyword("*IPsecOffloadV2") == 2 && strcasecmp(name, "*LsoV2IPv4") == 0)
        *value = 0;
    return there;
}
FAULT("KEY-13", key_ipsec_drags, "*IPsecOffloadV2 of a driver without IPsec switches large sends",
      .keyword = ipsec_drags);

/* Connection offload that its keywords do not switch. */
static NDIS_STATUS NTAPI OffersConnections(NDIS_HANDLE NdisMiniportHandle,
                                           PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes)
{
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o = (void *)MiniportAttributes;
    NDIS_TCP_CONNECTION_OFFLOAD able, now;

    memset(&able, 0, sizeof able);
    able.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    able.Header.Revision = NDIS_TCP_CONNECTION_OFFLOAD_REVISION_1;
    able.Header.Size = NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1;
    able.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
    able.SupportIPv4 = able.SupportIPv6 = NDIS_OFFLOAD_SUPPORTED;
    able.TcpConnectionOffloadCapacity = 64;
    now = able;
    now.SupportIPv4 = fault_keyword("*TCPConnectionOffloadIPv4") != 0;
    if (o->Header.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES) {
        o->TcpConnectionOffloadHardwareCapabilities = &able;
        o->DefaultTcpConnectionOffloadConfiguration = &now;
    }
    return NdisMSetMiniportAttributes(NdisMiniportHandle, MiniportAttributes);
}
FAULT("KEY-14", key_connection_ignored, "*TCPConnectionOffloadIPv6 is not obeyed",
      .imports = {{"NdisMSetMiniportAttributes", OffersConnections}}, .maybe = "INIT,CON,CFG,CAP");

/* ---- NDIS's own, later versions ------------------------------------------------------------- */

static void give_type(void)
{
    if (fault_keyword("*MediaType") < 0)
        reg_set_sz(fault_key(), "*MediaType", "0");
}
FAULT("KEY-29", key_type_not_needed, "NDIS starts an adapter that has no *MediaType",
      .before_initialize = give_type, .maybe = "INIT");

static NDIS_STATUS NTAPI OpensConfiguration(PNDIS_CONFIGURATION_OBJECT ConfigObject,
                                            PNDIS_HANDLE ConfigurationHandle)
{
    static const WCHAR name[] = L"*RscIPv4";
    NDIS_STRING s = {sizeof name - 2, sizeof name, (WCHAR *)(uintptr_t)name};
    NDIS_STATUS status = NdisOpenConfigurationEx(ConfigObject, ConfigurationHandle), unused;
    PNDIS_CONFIGURATION_PARAMETER p;

    if (status == NDIS_STATUS_SUCCESS)
        NdisReadConfiguration(&unused, &p, *ConfigurationHandle, &s, NdisParameterInteger);
    return status;
}
FAULT("KEY-31", key_rsc_read, "a driver for NDIS 6.0 reads *RscIPv4",
      .imports = {{"NdisOpenConfigurationEx", OpensConfiguration}});

/* ---- Sizes ---------------------------------------------------------------------------------- */

static bool no_jumbo(const char *name, bool there, ULONG *value)
{
    (void)value;
    return there && strcasecmp(name, "*JumboPacket") != 0;
}
FAULT("KEY-27", key_jumbo_ignored, "the driver does not obey *JumboPacket", .keyword = no_jumbo);

static bool jumbo_without_header(const char *name, bool there, ULONG *value)
{
    if (there && strcasecmp(name, "*JumboPacket") == 0)
        *value += 14;
    return there;
}
FAULT("KEY-27", key_jumbo_header, "*JumboPacket is taken to be without the Ethernet header",
      .keyword = jumbo_without_header);

static bool few(void)
{
    return fault_keyword("*TransmitBuffers") == 0;
}

static VOID NTAPI FailsSends(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferLists,
                             ULONG SendCompleteFlags)
{
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl && few(); nbl = nbl->Next)
        nbl->Status = NDIS_STATUS_RESOURCES;
    NdisMSendNetBufferListsComplete(MiniportAdapterHandle, NetBufferLists, SendCompleteFlags);
}
FAULT("KEY-28", key_no_buffers_fails, "sends fail with *TransmitBuffers = 0",
      .imports = {{"NdisMSendNetBufferListsComplete", FailsSends}});

static bool loses_some(uint8_t *frame, uint32_t *len)
{
    struct fields *f = frame_fields(frame, *len);

    return !(fault_keyword("*TransmitBuffers") == 2 && f && f->proto == 6 && frame_number() == 8);
}
FAULT("KEY-28", key_few_buffers_lose, "a segment is lost with two transmit buffers",
      .wire_out = loses_some);

static void spoils(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    (void)nbl;
    if (fault_keyword("*ReceiveBuffers") == 1 && len > 100)
        frame[len - 1] ^= 1;
}
FAULT("KEY-28", key_few_buffers_spoil, "frames are spoilt with one receive buffer",
      .indicate = spoils);
