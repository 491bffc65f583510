/* SPDX-License-Identifier: MIT */
/* What activation can fail to do, and what NDIS can get wrong about it. */
#include "oid.h"

enum {
    ON = NDIS_OFFLOAD_SET_ON,
    OFF = NDIS_OFFLOAD_SET_OFF,
    KEEP = NDIS_OFFLOAD_SET_NO_CHANGE,
    TCP_GOOD = 0x08,
    UDP_BITS = 0x12,
    ALL_BITS = 0x3f
};
#define RECEIVES(fn)  FROM_DRIVER("NdisMIndicateReceiveNetBufferLists", fn)
#define INDICATES(fn) FROM_DRIVER("NdisMIndicateStatusEx", fn)

static _Atomic(bool) in_set, set_once, was_off;

/* Notes activations: a first one, one that follows a switching off. */
static NDIS_STATUS NTAPI note_sets(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status;

    in_set = sets_encapsulation(q);
    status = driver.OidRequestHandler(context, q);
    in_set = false;
    if (sets_encapsulation(q) && status == NDIS_STATUS_SUCCESS) {
        set_once = true;
        was_off |= encapsulation_of(q).IPv4.Enabled == OFF;
    }
    return status;
}

/* ---- Indications ---------------------------------------------------------------------------- */

static VOID NTAPI silent_in_set(NDIS_HANDLE handle, PNDIS_STATUS_INDICATION s)
{
    if (!in_set)
        NdisMIndicateStatusEx(handle, s);
}
FAULT("ENC-14", set_is_silent, "no configuration is indicated after the set",
      .imports = INDICATES(silent_in_set), .maybe = "ENC-23,CFG,GEN,SEC", .oid = note_sets);

static VOID NTAPI empty_in_set(NDIS_HANDLE handle, PNDIS_STATUS_INDICATION s)
{
    NDIS_OFFLOAD *o = s->StatusBuffer;

    if (in_set)
        memset(&o->LsoV2.IPv6, 0, sizeof o->LsoV2.IPv6);
    NdisMIndicateStatusEx(handle, s);
}
FAULT("ENC-14", indicates_less, "the configuration indicated after the set is not the current one",
      .imports = INDICATES(empty_in_set),
      .maybe = "ENC-15,ENC-16,CFG,GEN,SEC,CAP,PAR,KEY,LSO1,LSO2,INIT", .oid = note_sets);

/* ---- Receive -------------------------------------------------------------------------------- */

static VOID NTAPI udp_unjudged(NDIS_HANDLE handle, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                               ULONG count, ULONG flags)
{
    change_slots(first, UDP_BITS, 0);
    NdisMIndicateReceiveNetBufferLists(handle, first, port, count, flags);
}
FAULT("ENC-15", picks_tcp, "only TCP is judged after activation", .imports = RECEIVES(udp_unjudged),
      .maybe = "ENC-5,ENC-12,ENC-16,ENC-22,RXC,PAR,KEY,CFG,SEC,GEN");

static NDIS_STATUS NTAPI never_off(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    if (!sets_encapsulation(q))
        return driver.OidRequestHandler(context, q);
    e = encapsulation_of(q);
    if (e.IPv4.Enabled == OFF)
        e.IPv4.Enabled = KEEP;
    return give_encapsulation(context, q, e);
}
FAULT("ENC-16", off_is_unread, "SET_OFF is not read", .maybe = "ENC-5,ENC-7,ENC-15,RXC",
      .oid = never_off);

static VOID NTAPI udp_forgotten(NDIS_HANDLE handle, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                                ULONG count, ULONG flags)
{
    if (was_off)
        change_slots(first, 0x24, 0);
    NdisMIndicateReceiveNetBufferLists(handle, first, port, count, flags);
}
FAULT("ENC-16", off_forgets, "after SET_OFF and SET_ON IPv4 headers are not judged any more",
      .imports = RECEIVES(udp_forgotten), .maybe = "ENC-5,ENC-15,RXC", .oid = note_sets);

static VOID NTAPI judged_early(NDIS_HANDLE handle, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                               ULONG count, ULONG flags)
{
    const uint8_t *p = (const uint8_t *)MmGetSystemAddressForMdlSafe(
                           first->FirstNetBuffer->CurrentMdl, NormalPagePriority) +
                       first->FirstNetBuffer->CurrentMdlOffset;

    if (!set_once && first->FirstNetBuffer->DataLength > 40 && p[12] == 8 && p[13] == 0 &&
        p[23] == 6)
        change_slots(first, 0, TCP_GOOD);
    NdisMIndicateReceiveNetBufferLists(handle, first, port, count, flags);
}
FAULT("ENC-17", judges_early, "TCP is judged before any set", .imports = RECEIVES(judged_early),
      .also = "RXC-1", .maybe = "PAR-20,RXC,INIT,ENC", .oid = note_sets);

/* ---- Reset ---------------------------------------------------------------------------------- */

static NDIS_STATUS NTAPI reset_forgets(NDIS_HANDLE context, PBOOLEAN AddressingReset)
{
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(OFF, OFF);
    NDIS_OID_REQUEST q = rig_request(NdisRequestSetInformation, OID_OFFLOAD_ENCAPSULATION, &e, 28);
    NDIS_STATUS status = driver.ResetHandlerEx(context, AddressingReset);

    driver.OidRequestHandler(context, &q);
    return status;
}

static void forgetful(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->ResetHandlerEx = reset_forgets;
}
FAULT("ENC-22", reset_forgets, "a reset without AddressingReset loses the activation",
      .maybe = "CFG-12,GEN,RXC", .handlers = forgetful);

static NDIS_STATUS NTAPI reset_asks(NDIS_HANDLE context, PBOOLEAN AddressingReset)
{
    NDIS_STATUS status = reset_forgets(context, AddressingReset);

    *AddressingReset = TRUE;
    return status;
}

static void asking(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->ResetHandlerEx = reset_asks;
}

static void restores_nothing(struct ndis_adapter *a)
{
    (void)a;
}
FAULT("ENC-22", ndis_restores_nothing, "NDIS does not set again what a reset lost",
      .maybe = "CFG-12,GEN,RXC", .handlers = asking, .oid_restore = restores_nothing);

/* ---- NDIS's record -------------------------------------------------------------------------- */

static bool queries_encapsulation(const NDIS_OID_REQUEST *q)
{
    return q->RequestType == NdisRequestQueryInformation &&
           q->DATA.QUERY_INFORMATION.Oid == OID_OFFLOAD_ENCAPSULATION &&
           q->DATA.QUERY_INFORMATION.InformationBufferLength >= 28;
}

static bool answer_with(NDIS_OID_REQUEST *q, const NDIS_OFFLOAD_ENCAPSULATION *e,
                        NDIS_STATUS *status)
{
    memcpy(q->DATA.QUERY_INFORMATION.InformationBuffer, e, 28);
    q->DATA.QUERY_INFORMATION.BytesWritten = 28;
    *status = NDIS_STATUS_SUCCESS;
    return true;
}

static bool not_answered(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                         NDIS_STATUS *status)
{
    return queries_encapsulation(q) ? false : host_answer(a, from, q, status);
}
FAULT("ENC-20", ndis_passes_query, "NDIS leaves the query to the miniport",
      .maybe = "ENC-21,ENC-22,ENC-23,ENC-25,CFG,GEN", .answer = not_answered);

static NDIS_OFFLOAD_ENCAPSULATION last_asked;
static bool asked_any;

static NDIS_STATUS NTAPI remember_asked(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    if (sets_encapsulation(q)) {
        last_asked = encapsulation_of(q);
        asked_any = true;
    }
    return host_oid_request(binding, q);
}

static bool answers_asked(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                          NDIS_STATUS *status)
{
    bool known = host_answer(a, from, q, status);

    return queries_encapsulation(q) && *status == NDIS_STATUS_SUCCESS && asked_any
               ? answer_with(q, &last_asked, status)
               : known;
}
FAULT("ENC-20", ndis_records_failures, "NDIS records sets that failed", .also = "ENC-25",
      .answer = answers_asked, .oid_request = remember_asked);

static bool always_an_answer(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                             NDIS_STATUS *status)
{
    NDIS_OFFLOAD_ENCAPSULATION none = rig_encapsulation(OFF, OFF);
    bool known = host_answer(a, from, q, status);

    return queries_encapsulation(q) && *status == NDIS_STATUS_INVALID_STATE
               ? answer_with(q, &none, status)
               : known;
}
FAULT("ENC-21", ndis_makes_it_up, "NDIS answers before any set", .maybe = "CFG",
      .answer = always_an_answer);

static bool answers_each_its_own(struct ndis_adapter *a, struct ndis_binding *from,
                                 NDIS_OID_REQUEST *q, NDIS_STATUS *status)
{
    NDIS_OFFLOAD_ENCAPSULATION first = rig_encapsulation(ON, ON);
    bool known = host_answer(a, from, q, status);

    return queries_encapsulation(q) && from && strcmp(from->protocol->name, "CHECK") == 0 &&
                   asked_any
               ? answer_with(q, &first, status)
               : known;
}

static NDIS_STATUS NTAPI note_other(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    asked_any |= sets_encapsulation(q) &&
                 strcmp(((struct ndis_binding *)binding)->protocol->name, "OTHER") == 0;
    return host_oid_request(binding, q);
}
FAULT("ENC-23", ndis_record_of_each, "NDIS keeps a record for each binding",
      .answer = answers_each_its_own, .oid_request = note_other);

static void tells_one(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    NDIS_STATUS_INDICATION one = *s;

    if (asked_any && s->StatusCode == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG)
        one.DestinationHandle = a->open_bindings->binding[a->open_bindings->count - 1];
    host_bindings_status(a, &one);
}
FAULT("ENC-23", ndis_tells_one, "NDIS tells one binding of the configuration",
      .maybe = "PAR-27,ENC-14", .oid_request = note_other, .bindings_status = tells_one);

static void keeps_change(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    if (s->StatusCode != NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE)
        host_bindings_status(a, s);
}
FAULT("ENC-25", ndis_keeps_change, "NDIS does not pass the change on", .maybe = "CFG,GEN",
      .bindings_status = keeps_change);

/* ---- The overlying protocol ----------------------------------------------------------------- */

/* Activates at bind on its own account. */
static NDIS_STATUS bind_and_activate(NDIS_HANDLE context, NDIS_HANDLE bind_context,
                                     PNDIS_BIND_PARAMETERS p, bool when_disabled)
{
    static NDIS_OFFLOAD_ENCAPSULATION e;
    static NDIS_OID_REQUEST q;
    NDIS_STATUS status = protocol.BindAdapterHandlerEx(context, bind_context, p);
    struct tcpip *t = context;

    e = rig_encapsulation(ON, ON);
    q = rig_request(NdisRequestSetInformation, OID_OFFLOAD_ENCAPSULATION, &e, 28);
    if (status == NDIS_STATUS_SUCCESS && tcpip_offload_disabled() == when_disabled &&
        tcpip_config_lists_ethernet(&t->current) == when_disabled)
        NdisOidRequest(t->binding, &q);
    return status;
}

static NDIS_STATUS NTAPI bind_blindly(NDIS_HANDLE context, NDIS_HANDLE bind_context,
                                      PNDIS_BIND_PARAMETERS p)
{
    return bind_and_activate(context, bind_context, p, false);
}

static void blind(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->BindAdapterHandlerEx = bind_blindly;
}
FAULT("ENC-19", activates_blindly, "the set is made although nothing is listed",
      .protocol_handlers = blind);

static enum tcpip_request ask_anything(struct tcpip *t, const struct tcpip_offers *offers,
                                       struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers more = *offers;

    if (t->encapsulated)
        more.udp6 = more.tcp6 = true;
    return tcpip_ask(t, &more, s, f);
}
FAULT("ENC-19", asks_unlisted, "checksums are asked for that are not listed",
      .maybe = "PAR-25,PAR-28,TXC,CAP-24", .ask = ask_anything);

static NDIS_STATUS NTAPI bind_anyway(NDIS_HANDLE context, NDIS_HANDLE bind_context,
                                     PNDIS_BIND_PARAMETERS p)
{
    return bind_and_activate(context, bind_context, p, true);
}

static void anyway(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->BindAdapterHandlerEx = bind_anyway;
}
FAULT("ENC-24", activates_although_disabled, "DisableTaskOffload is not read", .maybe = "KEY-24",
      .protocol_handlers = anyway);
