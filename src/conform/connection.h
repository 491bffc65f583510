/* SPDX-License-Identifier: MIT */
/* Connection offload as checks ask for it. */
#pragma once

#include "conform/probe.h"
#include "conform/watch.h"

/* The driver hands in a report of its ability to offload connections. */
static inline bool connection_offered(void)
{
    const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o = &watch_attributes()->offload;

    return watch_attributes()->offload_set && (o->DefaultTcpConnectionOffloadConfiguration ||
                                               o->TcpConnectionOffloadHardwareCapabilities);
}

/* set4, set6: NDIS_OFFLOAD_SET_...; revision 1. */
static inline NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS connection_wish(ULONG set4, ULONG set6)
{
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS p;

    memset(&p, 0, sizeof p);
    p.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT,
                                    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS_REVISION_1,
                                    NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_PARAMETERS_REVISION_1};
    p.Encapsulation = rig_encapsulation(set4, set6);
    p.TicksPerSecond = 1000;
    p.TcpAckFrequency = 2;
    p.TcpMaximumRetransmissions = 5;
    return p;
}

static inline NDIS_STATUS connection_set(struct rig_protocol *p, ULONG set4, ULONG set6)
{
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS wish = connection_wish(set4, set6);

    return protocol_set(p, OID_TCP_CONNECTION_OFFLOAD_PARAMETERS, &wish, wish.Header.Size);
}

/* The porting summary's way. */
static inline NDIS_STATUS connection_set_summary(struct rig_protocol *p, bool ipv4, bool ipv6)
{
    NDIS_TCP_CONNECTION_OFFLOAD c =
        probe_connection_view(NDIS_ENCAPSULATION_IEEE_802_3, ipv4, ipv6);

    return protocol_set(p, OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES, &c, c.Header.Size);
}

/* What NDIS answers; all zero when it answers nothing. */
static inline NDIS_TCP_CONNECTION_OFFLOAD connection_now(struct rig_protocol *p)
{
    NDIS_TCP_CONNECTION_OFFLOAD c;

    if (protocol_query(p, OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG, &c, sizeof c, NULL) !=
        NDIS_STATUS_SUCCESS)
        memset(&c, 0, sizeof c);
    return c;
}
