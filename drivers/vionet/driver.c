/* SPDX-License-Identifier: MIT */
/* Entry and unload: registers the handlers. */
#include "vionet.h"

NDIS_HANDLE vionet_driver;

static VOID NTAPI VionetUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    NdisMDeregisterMiniportDriver(vionet_driver);
    vionet_driver = NULL;
}

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS c;

    NdisZeroMemory(&c, sizeof c);
    c.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS;
    c.Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1;
    c.Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1;
    c.MajorNdisVersion = NDIS_MINIPORT_MAJOR_VERSION;
    c.MinorNdisVersion = NDIS_MINIPORT_MINOR_VERSION;
    c.MajorDriverVersion = VIONET_MAJOR_VERSION;
    c.MinorDriverVersion = VIONET_MINOR_VERSION;
    c.InitializeHandlerEx = VionetInitializeEx;
    c.HaltHandlerEx = VionetHaltEx;
    c.UnloadHandler = VionetUnload;
    c.PauseHandler = VionetPause;
    c.RestartHandler = VionetRestart;
    c.OidRequestHandler = VionetOidRequest;
    c.CancelOidRequestHandler = VionetCancelOidRequest;
    c.SendNetBufferListsHandler = VionetSendNetBufferLists;
    c.CancelSendHandler = VionetCancelSend;
    c.ReturnNetBufferListsHandler = VionetReturnNetBufferLists;
    c.CheckForHangHandlerEx = VionetCheckForHangEx;
    c.ResetHandlerEx = VionetResetEx;
    c.DevicePnPEventNotifyHandler = VionetDevicePnPEventNotify;
    c.ShutdownHandlerEx = VionetShutdownEx;
    return NdisMRegisterMiniportDriver(DriverObject, RegistryPath, NULL, &c, &vionet_driver);
}
