/* SPDX-License-Identifier: MIT */
/* The data path's own checks on miniports and protocols. A rule that an adapter breaks at every
 * frame is reported sixteen times, then at each power of two. All functions: any level up to
 * DISPATCH, no lock unless said. */
#pragma once

#include "ndis/nbl.h"

enum ndis_verify_rule {
    NDIS_V_OWNERSHIP,
    NDIS_V_STATUS,
    NDIS_V_SHAPE,
    NDIS_V_SOURCE,
    NDIS_V_LEVEL,
    NDIS_V_LOCK,
    NDIS_V_LATE,
    NDIS_V_STATE,
    NDIS_V_FILTER,
    NDIS_V_COUNT,
    NDIS_V_FRAME,
    NDIS_V_CHECKSUM,
    NDIS_V_LSO,
    NDIS_V_COUNT_OF_RULES
};

/* Whether this breach is to be told. */
bool ndis_verify_tell(struct ndis_adapter *a, enum ndis_verify_rule rule);

/* A finding against a binding's protocol driver. */
__attribute__((format(printf, 3, 4))) void
ndis_binding_finding(struct ndis_binding *b, const char *rule, const char *fmt, ...);

/* GEN-39: `flags` with `bit` saying the truth about the caller's level; a finding when it lied. */
ULONG ndis_verify_level(struct ndis_adapter *a, const char *call, ULONG flags, ULONG bit);

/* GEN-12, 14, 24, 31 for an NBL just popped from SENT. Mends Status and SourceHandle so that the
 * protocol gets what it may expect. */
void ndis_verify_completed(struct ndis_adapter *a, NET_BUFFER_LIST *nbl, const struct ndis_hop *hop,
                           uint64_t now_ns);
/* LSO2-15, GEN-24 for an NBL about to be sent. */
void ndis_verify_sent(struct ndis_binding *b, NET_BUFFER_LIST *nbl);
/* GEN-23, RXC-1, RXC-17 for an NBL about to be indicated. False: there is no frame in it that could
 * be shown to anybody. Takes a->lock when an unexpected verdict stands in it. */
bool ndis_verify_indicated(struct ndis_adapter *a, NET_BUFFER_LIST *nbl);
/* GEN-5, GEN-30 for an indication as a whole. */
void ndis_verify_may_indicate(struct ndis_adapter *a);
/* GEN-20 for an NBL just popped from LENT or SHOWN. */
void ndis_verify_returned(struct ndis_adapter *a, NET_BUFFER_LIST *nbl, const struct ndis_hop *hop);
/* After a set of the packet filter or of the offload configuration has ended. */
void ndis_verify_request_done(struct ndis_adapter *a, const NDIS_OID_REQUEST *r);
