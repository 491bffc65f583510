/* SPDX-License-Identifier: MIT */
/* What a driver can make of *PriorityVLANTag and VlanId. */
#include "fault.h"

#include <strings.h>

enum { ADDRESSES = 12, TAG = 4 };

static long tagging(void)
{
    return fault_keyword("*PriorityVLANTag");
}

/* ---- *PriorityVLANTag ----------------------------------------------------------------------- */

static bool swapped(const char *name, bool there, ULONG *value)
{
    if (strcasecmp(name, "*PriorityVLANTag") == 0 && (*value == 1 || *value == 2))
        *value = 3 - *value;
    return there;
}
FAULT("KEY-15", key_tag_swapped, "1 of *PriorityVLANTag is taken for VLAN, 2 for priority",
      .keyword = swapped, .also = "KEY-16,KEY-17");

static NDIS_STATUS NTAPI AllOptions(NDIS_HANDLE NdisMiniportHandle,
                                    PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes)
{
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g = &MiniportAttributes->GeneralAttributes;

    if (g->Header.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES)
        g->MacOptions |= NDIS_MAC_OPTION_8021P_PRIORITY | NDIS_MAC_OPTION_8021Q_VLAN;
    return NdisMSetMiniportAttributes(NdisMiniportHandle, MiniportAttributes);
}
FAULT("KEY-15", key_tag_options, "MacOptions list both, whatever *PriorityVLANTag says",
      .imports = {{"NdisMSetMiniportAttributes", AllOptions}});

static void tag_default(struct reg_key *key)
{
    struct reg_key *params = reg_key_sub(key, "Ndi\\params\\*PriorityVLANTag", false);

    if (params)
        reg_set_sz(params, "Default", "1");
}
FAULT("KEY-15", key_tag_default, "the .inf has *PriorityVLANTag on priority only",
      .installed = tag_default);

static bool keep_vlan(uint8_t *frame, uint32_t *len)
{
    (void)len;
    if (tagging() == 1 && frame[ADDRESSES] == 0x81)
        frame[ADDRESSES + 3] |= 0xbc;
    return true;
}
FAULT("KEY-16", key_tag_keeps_vlan, "the VLAN goes on the wire although only priority is on",
      .wire_out = keep_vlan);

static bool tag_anyway(uint8_t *frame, uint32_t *len)
{
    struct fields *f = frame_fields(frame, *len);

    if (tagging() != 0 || !f || f->tagged)
        return true;
    memmove(frame + ADDRESSES + TAG, frame + ADDRESSES, *len - ADDRESSES);
    memset(frame + ADDRESSES, 0, TAG);
    frame[ADDRESSES] = 0x81;
    *len += TAG;
    return true;
}
FAULT("KEY-16", key_tag_anyway, "frames have an empty tag although both parts are off",
      .wire_out = tag_anyway);

static bool no_tag(uint8_t *frame, uint32_t *len)
{
    if (tagging() != 2 || frame[ADDRESSES] != 0x81)
        return true;
    *len -= TAG;
    memmove(frame + ADDRESSES, frame + ADDRESSES + TAG, *len - ADDRESSES);
    return true;
}
FAULT("KEY-16", key_tag_lost, "the VLAN does not go on the wire although it is on",
      .wire_out = no_tag);

/* A tag that was in the frame: its slot has what was allowed of it, so it is told by the room in
 * front, where vionet's frames without a tag begin. */
static void leave_tag(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    NET_BUFFER *nb = nbl->FirstNetBuffer;

    (void)len;
    if (tagging() != 0 || nb->DataOffset < TAG)
        return;
    memmove(frame - TAG, frame, ADDRESSES);
    memcpy(frame - TAG + ADDRESSES, "\x81\x00\x00\x01", TAG);
    nb->DataOffset -= TAG;
    nb->CurrentMdlOffset -= TAG;
    nb->DataLength += TAG;
}
FAULT("KEY-17", key_tag_left, "the tag stays in the frame when both parts are off",
      .indicate = leave_tag);

static void show_vlan(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    NDIS_NET_BUFFER_LIST_8021Q_INFO q = {.Value =
                                             nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo]};

    (void)frame;
    (void)len;
    if (tagging() == 1 && q.Value) {
        q.TagHeader.VlanId = 77;
        nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] = q.Value;
    }
}
FAULT("KEY-17", key_tag_shown, "the slot has the VLAN although only priority is on",
      .indicate = show_vlan);

/* ---- VlanId --------------------------------------------------------------------------------- */

static bool no_vlan(const char *name, bool there, ULONG *value)
{
    (void)value;
    return there && strcasecmp(name, "VlanId") != 0;
}
FAULT("KEY-18", key_vlan_ignored, "the driver does not obey VlanId", .keyword = no_vlan);

static bool is_set_of_vlan(const NDIS_OID_REQUEST *q)
{
    return q->RequestType == NdisRequestSetInformation &&
           q->DATA.SET_INFORMATION.Oid == OID_GEN_VLAN_ID;
}

static NDIS_STATUS NTAPI ForgetsVlan(NDIS_HANDLE MiniportAdapterContext,
                                     PNDIS_OID_REQUEST OidRequest)
{
    if (!is_set_of_vlan(OidRequest) ||
        *(ULONG *)OidRequest->DATA.SET_INFORMATION.InformationBuffer == 0)
        return driver.OidRequestHandler(MiniportAdapterContext, OidRequest);
    OidRequest->DATA.SET_INFORMATION.BytesRead = sizeof(ULONG);
    return NDIS_STATUS_SUCCESS;
}

static void forgets_vlan(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = ForgetsVlan;
}
FAULT("KEY-18", key_vlan_set_forgotten, "a set of OID_GEN_VLAN_ID changes nothing",
      .handlers = forgets_vlan);

/* Filters by VLAN, but answers 0. */
static NDIS_STATUS NTAPI DeniesVlan(NDIS_HANDLE MiniportAdapterContext,
                                    PNDIS_OID_REQUEST OidRequest)
{
    NDIS_STATUS status = driver.OidRequestHandler(MiniportAdapterContext, OidRequest);

    if (OidRequest->RequestType == NdisRequestQueryInformation &&
        OidRequest->DATA.QUERY_INFORMATION.Oid == OID_GEN_VLAN_ID && status == NDIS_STATUS_SUCCESS)
        memset(OidRequest->DATA.QUERY_INFORMATION.InformationBuffer, 0, sizeof(ULONG));
    return status;
}

static void denies_vlan(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = DeniesVlan;
}
FAULT("KEY-18", key_vlan_denied, "OID_GEN_VLAN_ID answers 0 for a member of a VLAN",
      .handlers = denies_vlan);
