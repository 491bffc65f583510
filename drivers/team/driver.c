/* SPDX-License-Identifier: MIT */
/* Entry and unload: both edges are registered and tied together. */
#include "team.h"

struct team team_instance;
NDIS_HANDLE team_miniport, team_protocol;

/* The protocol goes first: that unbinds every member, and the last one takes the virtual adapter
 * with it. */
static VOID NTAPI TeamUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    if (team_protocol)
        NdisDeregisterProtocolDriver(team_protocol);
    team_protocol = NULL;
    NdisMDeregisterMiniportDriver(team_miniport);
    team_miniport = NULL;
    NdisFreeSpinLock(&team_instance.lock);
}

static NDIS_STATUS register_miniport(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS c;

    NdisZeroMemory(&c, sizeof c);
    c.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS;
    c.Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1;
    c.Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1;
    c.MajorNdisVersion = NDIS_MINIPORT_MAJOR_VERSION;
    c.MinorNdisVersion = NDIS_MINIPORT_MINOR_VERSION;
    c.MajorDriverVersion = TEAM_MAJOR_VERSION;
    c.MinorDriverVersion = TEAM_MINOR_VERSION;
    c.Flags = NDIS_INTERMEDIATE_DRIVER;
    c.InitializeHandlerEx = TeamInitializeEx;
    c.HaltHandlerEx = TeamHaltEx;
    c.UnloadHandler = TeamUnload;
    c.PauseHandler = TeamPause;
    c.RestartHandler = TeamRestart;
    c.OidRequestHandler = TeamOidRequest;
    c.CancelOidRequestHandler = TeamCancelOidRequest;
    c.SendNetBufferListsHandler = TeamSendNetBufferLists;
    c.CancelSendHandler = TeamCancelSend;
    c.ReturnNetBufferListsHandler = TeamReturnNetBufferLists;
    c.DevicePnPEventNotifyHandler = TeamDevicePnPEventNotify;
    c.ShutdownHandlerEx = TeamShutdownEx;
    return NdisMRegisterMiniportDriver(driver, path, NULL, &c, &team_miniport);
}

/* A protocol's name is that of its service: the last part of the registry path. */
static NDIS_STRING service_name(const UNICODE_STRING *path)
{
    USHORT at = (USHORT)(path->Length / sizeof(WCHAR));
    NDIS_STRING s = *path;

    while (at > 0 && path->Buffer[at - 1] != '\\')
        at--;
    s.Buffer += at;
    s.Length = (USHORT)(s.Length - at * sizeof(WCHAR));
    s.MaximumLength = s.Length;
    return s;
}

static NDIS_STATUS register_protocol(PUNICODE_STRING path)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS c;

    NdisZeroMemory(&c, sizeof c);
    c.Header.Type = NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS;
    c.Header.Revision = NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1;
    c.Header.Size = NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1;
    c.MajorNdisVersion = 6;
    c.MinorNdisVersion = 0;
    c.MajorDriverVersion = TEAM_MAJOR_VERSION;
    c.MinorDriverVersion = TEAM_MINOR_VERSION;
    c.Name = service_name(path);
    c.BindAdapterHandlerEx = TeamBindAdapterEx;
    c.UnbindAdapterHandlerEx = TeamUnbindAdapterEx;
    c.OpenAdapterCompleteHandlerEx = TeamOpenAdapterCompleteEx;
    c.CloseAdapterCompleteHandlerEx = TeamCloseAdapterCompleteEx;
    c.NetPnPEventHandler = TeamNetPnPEvent;
    c.OidRequestCompleteHandler = TeamOidRequestComplete;
    c.StatusHandlerEx = TeamStatusEx;
    c.ReceiveNetBufferListsHandler = TeamReceiveNetBufferLists;
    c.SendNetBufferListsCompleteHandler = TeamSendNetBufferListsComplete;
    return NdisRegisterProtocolDriver(&team_instance, &c, &team_protocol);
}

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    struct team *t = &team_instance;
    NDIS_STATUS status;

    NdisZeroMemory(t, sizeof *t);
    NdisAllocateSpinLock(&t->lock);
    t->held.end = &t->held.first;
    status = register_miniport(DriverObject, RegistryPath);
    if (status != NDIS_STATUS_SUCCESS) {
        NdisFreeSpinLock(&t->lock);
        return status;
    }
    status = register_protocol(RegistryPath);
    if (status != NDIS_STATUS_SUCCESS) {
        TeamUnload(DriverObject);
        return status;
    }
    NdisIMAssociateMiniport(team_miniport, team_protocol);
    return status;
}
