/* SPDX-License-Identifier: MIT */
/* Configuration: an adapter's or driver's registry keys. PASSIVE_LEVEL throughout. */
#pragma once

#include "types.h"

typedef struct _NDIS_CONFIGURATION_OBJECT {
    NDIS_OBJECT_HEADER Header;
    NDIS_HANDLE NdisHandle;
    ULONG Flags;
} NDIS_CONFIGURATION_OBJECT, *PNDIS_CONFIGURATION_OBJECT;

#define NDIS_CONFIGURATION_OBJECT_REVISION_1 1
#define NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1 \
    RTL_SIZEOF_THROUGH_FIELD(NDIS_CONFIGURATION_OBJECT, Flags)

#define NDIS_CONFIG_FLAG_FILTER_INSTANCE_CONFIGURATION 0x00000001

typedef struct _BINARY_DATA {
    USHORT Length;
    PVOID Buffer;
} BINARY_DATA;

typedef struct _NDIS_CONFIGURATION_PARAMETER {
    NDIS_PARAMETER_TYPE ParameterType;
    union {
        ULONG IntegerData;
        NDIS_STRING StringData;
        BINARY_DATA BinaryData;
    } ParameterData;
} NDIS_CONFIGURATION_PARAMETER, *PNDIS_CONFIGURATION_PARAMETER;

NDISAPI NDIS_STATUS NTAPI NdisOpenConfigurationEx(
    PNDIS_CONFIGURATION_OBJECT ConfigObject, PNDIS_HANDLE ConfigurationHandle);
NDISAPI VOID NTAPI NdisCloseConfiguration(NDIS_HANDLE ConfigurationHandle);
/* The value lives until the handle is closed. */
NDISAPI VOID NTAPI NdisReadConfiguration(PNDIS_STATUS Status,
    PNDIS_CONFIGURATION_PARAMETER *ParameterValue, NDIS_HANDLE ConfigurationHandle,
    PNDIS_STRING Keyword, NDIS_PARAMETER_TYPE ParameterType);
NDISAPI VOID NTAPI NdisWriteConfiguration(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle,
    PNDIS_STRING Keyword, PNDIS_CONFIGURATION_PARAMETER ParameterValue);
NDISAPI VOID NTAPI NdisOpenConfigurationKeyByName(PNDIS_STATUS Status,
    NDIS_HANDLE ConfigurationHandle, PNDIS_STRING SubKeyName, PNDIS_HANDLE SubKeyHandle);
NDISAPI VOID NTAPI NdisOpenConfigurationKeyByIndex(PNDIS_STATUS Status,
    NDIS_HANDLE ConfigurationHandle, ULONG Index, PNDIS_STRING KeyName, PNDIS_HANDLE KeyHandle);
NDISAPI VOID NTAPI NdisReadNetworkAddress(PNDIS_STATUS Status, PVOID *NetworkAddress,
    PUINT NetworkAddressLength, NDIS_HANDLE ConfigurationHandle);
