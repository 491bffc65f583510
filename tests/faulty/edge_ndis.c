/* SPDX-License-Identifier: MIT */
/* Where faults come into NDIS: its own steps of a request and of an indication. */
#include "fault.h"

bool __real_ndis_answer(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                        NDIS_STATUS *status);
bool __wrap_ndis_answer(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                        NDIS_STATUS *status);
NDIS_STATUS __real_ndis_keywords_apply(struct ndis_adapter *a, const NDIS_OID_REQUEST *q,
                                       struct ndis_keywords **before);
NDIS_STATUS __wrap_ndis_keywords_apply(struct ndis_adapter *a, const NDIS_OID_REQUEST *q,
                                       struct ndis_keywords **before);
void __real_ndis_keywords_done(struct ndis_adapter *a, struct ndis_keywords *before, bool keep);
void __wrap_ndis_keywords_done(struct ndis_adapter *a, struct ndis_keywords *before, bool keep);
void __real_ndis_oid_restore(struct ndis_adapter *a);
void __wrap_ndis_oid_restore(struct ndis_adapter *a);
void __real_ndis_bindings_status(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s);
void __wrap_ndis_bindings_status(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s);

bool __wrap_ndis_answer(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                        NDIS_STATUS *status)
{
    if (fault && fault->answer)
        return fault->answer(a, from, q, status);
    return __real_ndis_answer(a, from, q, status);
}

bool host_answer(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                 NDIS_STATUS *status)
{
    return __real_ndis_answer(a, from, q, status);
}

NDIS_STATUS __wrap_ndis_keywords_apply(struct ndis_adapter *a, const NDIS_OID_REQUEST *q,
                                       struct ndis_keywords **before)
{
    if (fault && fault->keywords_apply)
        return fault->keywords_apply(a, q, before);
    return __real_ndis_keywords_apply(a, q, before);
}

NDIS_STATUS host_keywords_apply(struct ndis_adapter *a, const NDIS_OID_REQUEST *q,
                                struct ndis_keywords **before)
{
    return __real_ndis_keywords_apply(a, q, before);
}

void __wrap_ndis_keywords_done(struct ndis_adapter *a, struct ndis_keywords *before, bool keep)
{
    if (fault && fault->keywords_done)
        fault->keywords_done(a, before, keep);
    else
        __real_ndis_keywords_done(a, before, keep);
}

void host_keywords_done(struct ndis_adapter *a, struct ndis_keywords *before, bool keep)
{
    __real_ndis_keywords_done(a, before, keep);
}

void __wrap_ndis_oid_restore(struct ndis_adapter *a)
{
    if (fault && fault->oid_restore)
        fault->oid_restore(a);
    else
        __real_ndis_oid_restore(a);
}

void host_oid_restore(struct ndis_adapter *a)
{
    __real_ndis_oid_restore(a);
}

void __wrap_ndis_bindings_status(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    if (fault && fault->bindings_status)
        fault->bindings_status(a, s);
    else
        __real_ndis_bindings_status(a, s);
}

void host_bindings_status(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    __real_ndis_bindings_status(a, s);
}
