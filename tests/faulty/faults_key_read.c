/* SPDX-License-Identifier: MIT */
/* What can go wrong between the registry and the driver. */
#include "fault.h"

#include "conform/keyword.h"

#include <strings.h>

#define ELSEWHERE "INIT,CAP,PAR,CFG,ENC"

static bool is_offload(const char *name)
{
    for (enum feature f = 0; f < FEATURES; f++) {
        if (strcasecmp(name, feature_keyword(f)) == 0)
            return true;
    }
    return false;
}

/* ---- Text and numbers ----------------------------------------------------------------------- */

static bool text_only(const char *name, bool there, ULONG *value)
{
    enum reg_type type = REG_T_NONE;

    (void)value;
    reg_get(fault_key(), name, &type, NULL, 0);
    return there && type != REG_T_DWORD;
}
FAULT("KEY-19", key_text_only, "the driver takes no number for a keyword", .keyword = text_only);

static bool number_only(const char *name, bool there, ULONG *value)
{
    enum reg_type type = REG_T_NONE;

    (void)value;
    reg_get(fault_key(), name, &type, NULL, 0);
    return there && (type == REG_T_DWORD || strcasecmp(name, fault->arg) != 0);
}
FAULT("KEY-19", key_number_only, "the driver takes no text for *UDPChecksumOffloadIPv6",
      .keyword = number_only, .arg = "*UDPChecksumOffloadIPv6", .also = "KEY-5",
      .maybe = ELSEWHERE);

static void store_number(struct reg_key *key)
{
    reg_set_dword(key, "*LsoV2IPv6", 1);
}
FAULT("KEY-19", key_stored_as_number, "a menu's value is stored as a number",
      .installed = store_number);

/* ---- Absent, senseless ---------------------------------------------------------------------- */

static bool absent_is_0(const char *name, bool there, ULONG *value)
{
    bool absent = reg_get(fault_key(), name, NULL, NULL, 0) < 0;

    if (absent && strcasecmp(name, fault->arg) == 0)
        *value = 0;
    return there || (absent && strcasecmp(name, fault->arg) == 0);
}
FAULT("KEY-20", key_absent_is_0, "an absent *LsoV2IPv4 is taken for off", .keyword = absent_is_0,
      .arg = "*LsoV2IPv4", .maybe = ELSEWHERE);

static NDIS_STATUS NTAPI NeedsKeyword(NDIS_HANDLE MiniportAdapterHandle,
                                      NDIS_HANDLE MiniportDriverContext,
                                      PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    if (fault_keyword("*PriorityVLANTag") < 0)
        return NDIS_STATUS_FAILURE;
    return driver.InitializeHandlerEx(MiniportAdapterHandle, MiniportDriverContext,
                                      MiniportInitParameters);
}

static void needs_keyword(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = NeedsKeyword;
}
FAULT("KEY-20", key_absent_fails, "the driver does not start without *PriorityVLANTag",
      .handlers = needs_keyword, .maybe = ELSEWHERE);

static bool host_finds_all(const char *name, bool there, ULONG *value)
{
    (void)name;
    if (!there)
        *value = 0;
    return true;
}
FAULT("KEY-20", key_ndis_finds_all, "NDIS finds a value for a keyword that is not there",
      .host_keyword = host_finds_all);

static bool low_bits(const char *name, bool there, ULONG *value)
{
    if (is_offload(name))
        *value &= strstr(name, "Lso") ? 1u : 3u;
    return there;
}
FAULT("KEY-21", key_low_bits, "of a value out of range the low bits are taken", .keyword = low_bits,
      .maybe = ELSEWHERE);

static bool group_low_bits(const char *name, bool there, ULONG *value)
{
    if (strstr(name, "TCPUDP"))
        *value &= 3;
    return there;
}
FAULT("KEY-21", key_group_low_bits, "of a grouped value out of range the low bits are taken",
      .keyword = group_low_bits);

static NDIS_STATUS NTAPI NeedsSense(NDIS_HANDLE MiniportAdapterHandle,
                                    NDIS_HANDLE MiniportDriverContext,
                                    PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    if (fault_keyword("*ReceiveBuffers") > 1000)
        return NDIS_STATUS_FAILURE;
    return driver.InitializeHandlerEx(MiniportAdapterHandle, MiniportDriverContext,
                                      MiniportInitParameters);
}

static void needs_sense(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = NeedsSense;
}
FAULT("KEY-21", key_senseless_fails, "the driver does not start with too large a value",
      .handlers = needs_sense, .maybe = ELSEWHERE);

/* ---- Not shown, edited ---------------------------------------------------------------------- */

static bool shown_only(const char *name, bool there, ULONG *value)
{
    char path[120];

    (void)value;
    snprintf(path, sizeof path, "Ndi\\params\\%s", name);
    return there && (strcasecmp(name, fault->arg) != 0 || reg_key_sub(fault_key(), path, false));
}
FAULT("KEY-22", key_shown_only, "a keyword without a property page is not looked at",
      .keyword = shown_only, .arg = "*UDPChecksumOffloadIPv6");

/* Off and on again from the registry with every set. */
static NDIS_STATUS NTAPI ReadsAgain(NDIS_HANDLE MiniportAdapterContext,
                                    PNDIS_OID_REQUEST OidRequest)
{
    NDIS_OFFLOAD_PARAMETERS *o = OidRequest->DATA.SET_INFORMATION.InformationBuffer;

    if (OidRequest->RequestType == NdisRequestSetInformation &&
        OidRequest->DATA.SET_INFORMATION.Oid == OID_TCP_OFFLOAD_PARAMETERS &&
        OidRequest->DATA.SET_INFORMATION.InformationBufferLength >=
            NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1 &&
        o->LsoV2IPv6 == NDIS_OFFLOAD_PARAMETERS_NO_CHANGE && fault_keyword("*LsoV2IPv6") == 0)
        o->LsoV2IPv6 = NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED;
    return driver.OidRequestHandler(MiniportAdapterContext, OidRequest);
}

static void reads_again(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = ReadsAgain;
}
FAULT("KEY-23", key_reads_again, "a set makes the driver read its keywords again",
      .handlers = reads_again, .maybe = "PAR,CFG");
