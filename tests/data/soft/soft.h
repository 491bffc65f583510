/* SPDX-License-Identifier: MIT */
/* The software miniport of the tests: its adapter, and the one thing that a build may do wrong. */
#pragma once

#define NDIS60_MINIPORT 1
#include <ndis.h>

/* Where a faulty build errs, and how. The ordinary build does not. SOFT_MISSING
 * calls a function that nobody provides. */
enum {
    SOFT_AT_NOWHERE,
    SOFT_AT_ENTRY,
    SOFT_AT_INITIALIZE,
    SOFT_AT_OID,
    SOFT_AT_SEND,
    SOFT_AT_HALT
};
enum {
    SOFT_DOES_NOTHING,
    SOFT_DOES_HANG,
    SOFT_DOES_CRASH,
    SOFT_DOES_FAIL /* the call fails; a send is never completed, halt leaves the memory */
};
#ifndef SOFT_AT
#define SOFT_AT SOFT_AT_NOWHERE
#endif
#ifndef SOFT_DOES
#define SOFT_DOES SOFT_DOES_NOTHING
#endif

/* Lists checksum offload and large sends, accepts what is set of them, and does nothing with it. */
#ifndef SOFT_CLAIMS
#define SOFT_CLAIMS 0
#endif

enum { SOFT_MTU = 1500, SOFT_HEADER = 14, SOFT_MULTICAST_MAX = 32, SOFT_TAG = 0x74666f53 };
enum { SOFT_SPEED_MBIT = 1000 };

#define SOFT_FILTERS                                                                               \
    (NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_MULTICAST | NDIS_PACKET_TYPE_ALL_MULTICAST |     \
     NDIS_PACKET_TYPE_BROADCAST | NDIS_PACKET_TYPE_PROMISCUOUS)
#define SOFT_STATISTICS                                                                            \
    (NDIS_STATISTICS_XMIT_OK_SUPPORTED | NDIS_STATISTICS_RCV_OK_SUPPORTED |                        \
     NDIS_STATISTICS_XMIT_ERROR_SUPPORTED | NDIS_STATISTICS_RCV_ERROR_SUPPORTED |                  \
     NDIS_STATISTICS_RCV_NO_BUFFER_SUPPORTED)
#define SOFT_MAC_OPTIONS                                                                           \
    (NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA | NDIS_MAC_OPTION_TRANSFERS_NOT_PEND |                    \
     NDIS_MAC_OPTION_NO_LOOPBACK)

struct soft_adapter {
    NDIS_HANDLE handle;
    LONG running, removed; /* interlocked */
    ULONG filter, lookahead, multicast_count;
    UCHAR multicast[SOFT_MULTICAST_MAX][6];
    NDIS_SPIN_LOCK lock; /* the counters */
    ULONG64 frames, bytes;
};

extern const UCHAR soft_mac[6];
extern const NDIS_OID soft_oids[];
extern const ULONG soft_oids_bytes;

static inline BOOLEAN soft_is(LONG *flag)
{
    return InterlockedCompareExchange(flag, TRUE, TRUE) != FALSE;
}

/* TRUE: fail here. Does not return where the build hangs or crashes. */
BOOLEAN soft_errs(int at);

MINIPORT_OID_REQUEST SoftOidRequest;
MINIPORT_CANCEL_OID_REQUEST SoftCancelOidRequest;
