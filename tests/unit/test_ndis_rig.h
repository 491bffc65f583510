/* SPDX-License-Identifier: MIT */
/* A machine with one driver that lives in the test: a miniport whose handlers do what `mp` says and
 * count what they see. */
#pragma once

#include "ndis/adapter.h"
#include "nt/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { RIG_OIDS_MAX = 64 };

struct rig_miniport {
    UCHAR minor; /* NDIS 6.minor; 0 is NDIS 6.0 */
    bool intermediate, no_registration, no_general, offload, connection, leak, two_orders;
    NDIS_STATUS init, restart, pause, reset, oid; /* what the handlers return */
    bool restart_completes, pause_completes, reset_completes,
        oid_completes; /* call Ndis...Complete before returning */
    BOOLEAN addressing_reset;
    _Atomic(BOOLEAN) hang;
    NDIS_OFFLOAD now, hardware;
    NDIS_TCP_CONNECTION_OFFLOAD connection_offload;
    NDIS_TCP_CONNECTION_OFFLOAD *connection_now; /* NULL: the same as connection_offload */
    NDIS_STATUS attributes_status[8];            /* of each NdisMSetMiniportAttributes */
    unsigned attributes;
    void (*in_init)(NDIS_HANDLE adapter);
    NDIS_STATUS (*in_oid)(NDIS_OID_REQUEST *r); /* decides instead of `oid` */
    unsigned inits, halts, pauses, restarts, oids, cancels, events, shutdowns, unloads;
    _Atomic(unsigned) resets, hangs;
    NDIS_HALT_ACTION halt_action;
    _Atomic(int) inside; /* threads in MiniportOidRequest */
    _Atomic(int) inside_most;
    uint8_t oid_irql;
    NDIS_OID seen[RIG_OIDS_MAX];
    ULONG seen_value[RIG_OIDS_MAX]; /* first four bytes of a set */
    NDIS_OID_REQUEST *pending;
    NDIS_HANDLE handle, driver;
};

static struct rig_miniport mp;

static struct rig {
    struct nt_driver *driver;
    struct ndis_adapter *adapter;
    struct registry *registry;
    struct reg_key *key;
    char rules[64][16];
    _Atomic(unsigned) findings; /* on any thread, one at a time */
    unsigned states[16], state_count;
    NDIS_STATUS codes[32];
    unsigned status_count;
    _Atomic(bool) last_reached;
    unsigned offload_queries; /* of the two views, by anybody */
} rig;

static NDIS_OID rig_supported[] = {OID_GEN_CURRENT_PACKET_FILTER, OID_OFFLOAD_ENCAPSULATION,
                                   OID_TCP_OFFLOAD_PARAMETERS};

static inline void rig_offload(NDIS_OFFLOAD *o)
{
    static const USHORT sizes[] = {NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1,
                                   NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_2,
                                   NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3};
    unsigned revision = mp.minor == 0 ? 1 : mp.minor < 30 ? 2 : 3;

    memset(o, 0, sizeof(*o));
    o->Header.Type = NDIS_OBJECT_TYPE_OFFLOAD;
    o->Header.Revision = (UCHAR)revision;
    o->Header.Size = sizes[revision - 1];
    o->Checksum.IPv4Transmit.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
    o->Checksum.IPv4Transmit.TcpChecksum = NDIS_OFFLOAD_SUPPORTED;
    o->LsoV2.IPv4.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
    o->LsoV2.IPv4.MaxOffLoadSize = 64000;
    o->LsoV2.IPv4.MinSegmentCount = 2;
}

static inline NDIS_STATUS rig_attribute(void *block)
{
    NDIS_STATUS s = NdisMSetMiniportAttributes(mp.handle, block);

    if (mp.attributes < 8)
        mp.attributes_status[mp.attributes++] = s;
    return s;
}

static inline NDIS_STATUS rig_set_registration(void)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES r = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
                   NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1},
        .MiniportAdapterContext = &mp,
        .AttributeFlags =
            NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE | NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER,
        .InterfaceType = NdisInterfacePci,
    };

    return rig_attribute(&r);
}

static inline NDIS_STATUS rig_set_general(void)
{
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES g = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
                   NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1},
        .MediaType = NdisMedium802_3,
        .PhysicalMediumType = NdisPhysicalMedium802_3,
        .MtuSize = 1500,
        .MaxXmitLinkSpeed = 1000000000,
        .XmitLinkSpeed = 1000000000,
        .MediaConnectState = MediaConnectStateConnected,
        .LookaheadSize = 1500,
        .MacOptions = NDIS_MAC_OPTION_NO_LOOPBACK,
        .MaxMulticastListSize = 32,
        .MacAddressLength = 6,
        .PermanentMacAddress = {2, 0, 0, 0, 0, 1},
        .CurrentMacAddress = {2, 0, 0, 0, 0, 2},
        .SupportedOidList = rig_supported,
        .SupportedOidListLength = sizeof(rig_supported),
    };

    return rig_attribute(&g);
}

static inline NDIS_STATUS rig_set_offload(void)
{
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES o = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
                   NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1},
        .DefaultOffloadConfiguration = &mp.now,
        .HardwareOffloadCapabilities = &mp.hardware,
    };

    if (mp.connection) {
        o.DefaultTcpConnectionOffloadConfiguration =
            mp.connection_now ? mp.connection_now : &mp.connection_offload;
        o.TcpConnectionOffloadHardwareCapabilities = &mp.connection_offload;
    }
    return rig_attribute(&o);
}

static NDIS_STATUS NTAPI rig_initialize(NDIS_HANDLE h, NDIS_HANDLE driver_context,
                                        PNDIS_MINIPORT_INIT_PARAMETERS p)
{
    (void)driver_context;
    (void)p;
    mp.inits++;
    mp.handle = h;
    if (!mp.no_registration)
        rig_set_registration();
    if (!mp.no_general)
        rig_set_general();
    if (mp.offload)
        rig_set_offload();
    if (mp.in_init)
        mp.in_init(h);
    if (mp.leak)
        nt_ledger_add(NT_RES_TIMER, &mp, 8, 0);
    return mp.init;
}

static VOID NTAPI rig_halt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    (void)context;
    mp.halts++;
    mp.halt_action = action;
}

static NDIS_STATUS NTAPI rig_pause(NDIS_HANDLE context, PNDIS_MINIPORT_PAUSE_PARAMETERS p)
{
    (void)context;
    (void)p;
    mp.pauses++;
    if (mp.pause_completes)
        NdisMPauseComplete(mp.handle);
    return mp.pause;
}

static NDIS_STATUS NTAPI rig_restart(NDIS_HANDLE context, PNDIS_MINIPORT_RESTART_PARAMETERS p)
{
    (void)context;
    (void)p;
    mp.restarts++;
    if (mp.restart_completes)
        NdisMRestartComplete(mp.handle, NDIS_STATUS_SUCCESS);
    return mp.restart;
}

static NDIS_STATUS NTAPI rig_reset(NDIS_HANDLE context, PBOOLEAN addressing)
{
    (void)context;
    mp.resets++;
    *addressing = mp.addressing_reset;
    if (mp.reset_completes)
        NdisMResetComplete(mp.handle, NDIS_STATUS_SUCCESS, mp.addressing_reset);
    return mp.reset;
}

static inline void rig_fill_result(NDIS_OID_REQUEST *r)
{
    if (r->RequestType == NdisRequestSetInformation)
        r->DATA.SET_INFORMATION.BytesRead = r->DATA.SET_INFORMATION.InformationBufferLength;
    else
        r->DATA.QUERY_INFORMATION.BytesWritten = r->DATA.QUERY_INFORMATION.InformationBufferLength;
}

static NDIS_STATUS NTAPI rig_oid(NDIS_HANDLE context, PNDIS_OID_REQUEST r)
{
    int inside = atomic_fetch_add(&mp.inside, 1) + 1;
    NDIS_STATUS status = mp.oid;

    (void)context;
    if (inside > atomic_load(&mp.inside_most))
        atomic_store(&mp.inside_most, inside);
    mp.oid_irql = nt_thread_self()->irql;
    if (mp.oids < RIG_OIDS_MAX) {
        mp.seen[mp.oids] = r->DATA.SET_INFORMATION.Oid;
        if (r->DATA.SET_INFORMATION.InformationBufferLength >= 4)
            memcpy(&mp.seen_value[mp.oids], r->DATA.SET_INFORMATION.InformationBuffer, 4);
    }
    mp.oids++;
    if (mp.in_oid)
        status = mp.in_oid(r);
    else if (status == NDIS_STATUS_SUCCESS || status == NDIS_STATUS_PENDING)
        rig_fill_result(r);
    if (status == NDIS_STATUS_PENDING)
        mp.pending = r;
    atomic_fetch_sub(&mp.inside, 1);
    if (mp.oid_completes)
        NdisMOidRequestComplete(mp.handle, r, NDIS_STATUS_SUCCESS);
    return status;
}

static VOID NTAPI rig_send(NDIS_HANDLE context, PNET_BUFFER_LIST nbl, NDIS_PORT_NUMBER port,
                           ULONG flags)
{
    (void)context;
    (void)port;
    (void)flags;
    NdisMSendNetBufferListsComplete(mp.handle, nbl, 0);
}

static VOID NTAPI rig_return(NDIS_HANDLE context, PNET_BUFFER_LIST nbl, ULONG flags)
{
    (void)context;
    (void)nbl;
    (void)flags;
}

static VOID NTAPI rig_cancel(NDIS_HANDLE context, PVOID id)
{
    (void)context;
    (void)id;
    mp.cancels++;
}

static BOOLEAN NTAPI rig_hang(NDIS_HANDLE context)
{
    (void)context;
    mp.hangs++;
    return atomic_exchange(&mp.hang, FALSE);
}

static VOID NTAPI rig_event(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT e)
{
    (void)context;
    if (e->DevicePnPEvent == NdisDevicePnPEventSurpriseRemoved)
        mp.events++;
}

static VOID NTAPI rig_shutdown(NDIS_HANDLE context, NDIS_SHUTDOWN_ACTION action)
{
    (void)context;
    (void)action;
    mp.shutdowns++;
}

static VOID NTAPI rig_unload(PDRIVER_OBJECT o)
{
    (void)o;
    mp.unloads++;
    NdisMDeregisterMiniportDriver(mp.driver);
}

static inline NDIS_MINIPORT_DRIVER_CHARACTERISTICS rig_characteristics(void)
{
    bool direct = mp.minor >= 1;

    return (NDIS_MINIPORT_DRIVER_CHARACTERISTICS){
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS, direct ? 2 : 1,
                   direct ? NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2
                          : NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1},
        .MajorNdisVersion = 6,
        .MinorNdisVersion = mp.minor,
        .Flags = mp.intermediate ? NDIS_INTERMEDIATE_DRIVER : 0,
        .InitializeHandlerEx = rig_initialize,
        .HaltHandlerEx = rig_halt,
        .UnloadHandler = rig_unload,
        .PauseHandler = rig_pause,
        .RestartHandler = rig_restart,
        .OidRequestHandler = rig_oid,
        .SendNetBufferListsHandler = rig_send,
        .ReturnNetBufferListsHandler = rig_return,
        .CancelSendHandler = rig_cancel,
        .CheckForHangHandlerEx = rig_hang,
        .ResetHandlerEx = rig_reset,
        .DevicePnPEventNotifyHandler = rig_event,
        .ShutdownHandlerEx = rig_shutdown,
        .CancelOidRequestHandler = rig_cancel,
        .DirectOidRequestHandler = direct ? rig_oid : NULL,
        .CancelDirectOidRequestHandler = direct ? rig_cancel : NULL,
    };
}

static NTSTATUS NTAPI rig_entry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS c = rig_characteristics();

    return NdisMRegisterMiniportDriver(object, path, NULL, &c, &mp.driver);
}

static void rig_sink(void *arg, const struct finding *f)
{
    (void)arg;
    if (rig.findings < 64) {
        memcpy(rig.rules[rig.findings], f->rule, 16);
        rig.findings++;
    }
}

static inline unsigned rig_found(const char *rule)
{
    unsigned n = 0;

    for (unsigned i = 0; i < rig.findings; i++)
        n += !strcmp(rig.rules[i], rule);
    return n;
}

static void rig_on_state(void *arg, struct ndis_adapter *a, enum ndis_adapter_state from,
                         enum ndis_adapter_state to)
{
    (void)arg;
    (void)a;
    (void)from;
    if (rig.state_count < 16)
        rig.states[rig.state_count++] = to;
}

static void rig_on_status(void *arg, struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    (void)arg;
    (void)a;
    if (rig.status_count < 32)
        rig.codes[rig.status_count++] = s->StatusCode;
}

static void rig_on_oid(void *arg, struct ndis_adapter *a, const NDIS_OID_REQUEST *r,
                       NDIS_STATUS status, bool reached)
{
    (void)arg;
    (void)a;
    (void)status;
    rig.last_reached = reached;
    if (r->RequestType == NdisRequestQueryInformation &&
        (r->DATA.QUERY_INFORMATION.Oid == OID_TCP_OFFLOAD_CURRENT_CONFIG ||
         r->DATA.QUERY_INFORMATION.Oid == OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES))
        rig.offload_queries++;
}

/* One setup per test: `mp` must hold what DriverEntry needs (minor, intermediate) before rig_up. */
static inline void rig_up(struct nt_device *device)
{
    static const struct ndis_observer observer = {
        .state = rig_on_state, .status = rig_on_status, .oid = rig_on_oid};
    struct why why = {""};
    struct ndis_adapter_config config = {.device = device, .name = "nic0"};

    memset(&rig, 0, sizeof(rig));
    finding_set_sink(rig_sink, NULL);
    assert_int_equal(ndis_start(&why), 0);
    ndis_set_observer(&observer);
    rig.registry = registry_new();
    registry_set_system(rig.registry);
    rig.key = registry_open(rig.registry, "HKEY_LOCAL_MACHINE\\SYSTEM\\nic0", true);
    assert_non_null(rig.key);
    reg_set_sz(rig.key, "*IfType", "6");
    reg_set_sz(rig.key, "*MediaType", "0");
    reg_set_sz(rig.key, "*PhysicalMediaType", "14");
    assert_int_equal(nt_driver_load_entry(rig_entry, "rig", &rig.driver, &why), 0);
    config.driver = rig.driver;
    config.key = rig.key;
    assert_int_equal(ndis_adapter_new(&config, &rig.adapter, &why), 0);
}

/* Everything down; returns what the driver left in the ledger. */
static inline uint64_t rig_down(void)
{
    uint64_t left;

    ndis_adapter_halt(rig.adapter);
    ndis_adapter_free(rig.adapter);
    left = nt_driver_unload(rig.driver);
    ndis_stop();
    ndis_set_observer(NULL);
    registry_set_system(NULL);
    registry_free(rig.registry);
    finding_set_sink(NULL, NULL);
    return left;
}

static int rig_group_setup(void **state)
{
    struct why why = {""};

    (void)state;
    ndis_set_time_factor(0.02);
    return nt_start(2, &why);
}

static int rig_group_teardown(void **state)
{
    (void)state;
    nt_stop();
    return 0;
}

static int rig_setup(void **state)
{
    (void)state;
    memset(&mp, 0, sizeof(mp));
    return 0;
}

#define RIG_TEST(fn)    cmocka_unit_test_setup(fn, rig_setup)
#define RIG_MAIN(tests) cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown)
