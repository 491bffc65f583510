/* SPDX-License-Identifier: MIT */
/* What a configuration can fail to do, and what NDIS and the overlying protocol make of it. */
#include "oid.h"

/* Rows that look at the configuration or at work that it switches. */
#define RELATED       "PAR,KEY,CFG,GEN,RXC,TXC,LSO1,LSO2,CAP,INIT,SEC,ENC"
#define INDICATES(fn) FROM_DRIVER("NdisMIndicateStatusEx", fn)
#define RECEIVES(fn)  FROM_DRIVER("NdisMIndicateReceiveNetBufferLists", fn)

/* ---- Fields --------------------------------------------------------------------------------- */

static NDIS_STATUS NTAPI swapped(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    if (p.UDPIPv4Checksum == 2 || p.UDPIPv4Checksum == 3)
        p.UDPIPv4Checksum ^= 1;
    return give_parameters(context, q, p);
}
FAULT("PAR-9", directions_swapped, "2 and 3 are exchanged for UDP over IPv4",
      .maybe = "PAR-13,PAR-16,PAR-17,PAR-18,KEY,CFG,RXC,TXC", .oid = swapped);

static NDIS_STATUS NTAPI drags_udp(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    if (p.TCPIPv4Checksum && p.TCPIPv4Checksum <= 4 && !p.UDPIPv4Checksum)
        p.UDPIPv4Checksum = p.TCPIPv4Checksum;
    return give_parameters(context, q, p);
}
FAULT("PAR-9", tcp_drags_udp, "UDP follows TCP", .also = "PAR-16", .maybe = RELATED,
      .oid = drags_udp);

static NDIS_STATUS NTAPI drags_six(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    if (p.TCPIPv6Checksum && p.TCPIPv6Checksum <= 4 && !p.TCPIPv4Checksum)
        p.TCPIPv4Checksum = p.TCPIPv6Checksum;
    return give_parameters(context, q, p);
}
FAULT("PAR-10", ip6_drags_ip4, "IPv4 follows IPv6", .also = "PAR-16", .maybe = RELATED,
      .oid = drags_six);

static NDIS_STATUS NTAPI one_large_switch(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    if (p.LsoV1 && p.LsoV1 <= 2 && !p.LsoV2IPv4)
        p.LsoV2IPv4 = p.LsoV1;
    return give_parameters(context, q, p);
}
FAULT("PAR-11", one_large_switch, "both versions of large send hang on one switch",
      .also = "PAR-16", .maybe = RELATED, .oid = one_large_switch);

static NDIS_STATUS NTAPI not_after_start(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    return sets_parameters(q) && parameters_of(q).UDPIPv6Checksum > 1 &&
                   !setting_of(&watch_attributes()->now, SETTING_UDP6)
               ? NDIS_STATUS_INVALID_DATA
               : driver.OidRequestHandler(context, q);
}
FAULT("PAR-14", not_after_start, "what a keyword switched off cannot be switched on",
      .maybe = "ENC-19,PAR-7,PAR-13,PAR-18,KEY,CFG", .oid = not_after_start);

/* ---- Indications ---------------------------------------------------------------------------- */

static _Atomic(bool) in_set;
static NDIS_OFFLOAD_PARAMETERS last; /* each field as last set; 0: never */

static NDIS_STATUS NTAPI note_sets(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;
    NDIS_STATUS status;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    in_set = true;
    status = driver.OidRequestHandler(context, q);
    in_set = false;
    p = parameters_of(q);
    for (unsigned i = 4; i < 15 && status == NDIS_STATUS_SUCCESS; i++) {
        if (((UCHAR *)&p)[i])
            ((UCHAR *)&last)[i] = ((UCHAR *)&p)[i];
    }
    return status;
}

static VOID NTAPI silent_in_set(NDIS_HANDLE handle, PNDIS_STATUS_INDICATION s)
{
    if (!in_set)
        NdisMIndicateStatusEx(handle, s);
}
FAULT("PAR-15", set_is_silent, "no configuration is indicated after the set",
      .imports = INDICATES(silent_in_set), .maybe = RELATED, .oid = note_sets);

static VOID NTAPI leaves_encapsulation(NDIS_HANDLE handle, PNDIS_STATUS_INDICATION s)
{
    NDIS_OFFLOAD *o = s->StatusBuffer;

    if (s->StatusCode == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG &&
        !o->Checksum.IPv6Transmit.Encapsulation)
        o->Checksum.IPv6Transmit.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
    NdisMIndicateStatusEx(handle, s);
}
FAULT("PAR-16", encapsulation_stays, "Encapsulation stays when all under it is off",
      .imports = INDICATES(leaves_encapsulation), .maybe = "CAP,CFG,KEY,PAR-18,INIT,ENC-19");

static VOID NTAPI leaves_options(NDIS_HANDLE handle, PNDIS_STATUS_INDICATION s)
{
    NDIS_OFFLOAD *o = s->StatusBuffer;

    if (s->StatusCode == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG)
        o->Checksum.IPv4Transmit.TcpOptionsSupported = NDIS_OFFLOAD_SUPPORTED;
    NdisMIndicateStatusEx(handle, s);
}
FAULT("PAR-16", options_stay, "TcpOptionsSupported stays when TcpChecksum is off",
      .imports = INDICATES(leaves_options), .maybe = "CAP,CFG,KEY,PAR-18,INIT,GEN");

/* ---- Traffic -------------------------------------------------------------------------------- */

static _Atomic(bool) activated;

static NDIS_STATUS NTAPI note_activation(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    activated |= sets_encapsulation(q);
    return note_sets(context, q);
}

static VOID NTAPI judges_when_set(NDIS_HANDLE handle, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                                  ULONG count, ULONG flags)
{
    const uint8_t *p = (const uint8_t *)MmGetSystemAddressForMdlSafe(
                           first->FirstNetBuffer->CurrentMdl, NormalPagePriority) +
                       first->FirstNetBuffer->CurrentMdlOffset;

    if (!activated && last.UDPIPv4Checksum == 4 && p[12] == 8 && p[13] == 0 && p[23] == 17)
        change_slots(first, 0, 0x10);
    NdisMIndicateReceiveNetBufferLists(handle, first, port, count, flags);
}
FAULT("PAR-20", set_activates, "switching receive on activates it",
      .imports = RECEIVES(judges_when_set), .also = "RXC-1", .maybe = "RXC,CFG,KEY",
      .oid = note_activation);

/* Sends meet what was set in a way of the fault's. */
enum { WANTS_UDP4 = 1, WANTS_LSO2_4 = 2 };
static unsigned wants(const NET_BUFFER_LIST *nbl)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO c;
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO l;

    c.Value = nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo];
    l.Value = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo];
    return (c.Transmit.IsIPv4 && c.Transmit.UdpChecksum ? WANTS_UDP4 : 0) |
           (l.Value && l.LsoV2Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE &&
                    l.LsoV2Transmit.IPVersion == NDIS_TCP_LARGE_SEND_OFFLOAD_IPv4
                ? WANTS_LSO2_4
                : 0);
}

static void forget_udp(PNET_BUFFER_LIST first, UCHAR set_to)
{
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next) {
        if (last.UDPIPv4Checksum == set_to && wants(nbl) & WANTS_UDP4)
            nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = NULL;
    }
}

static VOID NTAPI on_needs_reset(NDIS_HANDLE context, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                                 ULONG flags)
{
    forget_udp(first, 4);
    driver.SendNetBufferListsHandler(context, first, port, flags);
}
static void on_needs_reset_handlers(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = on_needs_reset;
}
FAULT("PAR-21", on_needs_reset, "a checksum that is switched on is not computed before a reset",
      .maybe = "PAR-9,PAR-14,PAR-25,ENC-16,KEY,CFG,TXC", .handlers = on_needs_reset_handlers,
      .oid = note_sets);

static VOID NTAPI off_goes_wrong(NDIS_HANDLE context, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                                 ULONG flags)
{
    forget_udp(first, 1);
    driver.SendNetBufferListsHandler(context, first, port, flags);
}
static void off_goes_wrong_handlers(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = off_goes_wrong;
}
FAULT("PAR-25", off_goes_wrong, "a send that asks for a checksum that is off leaves without one",
      .maybe = "TXC,GEN", .handlers = off_goes_wrong_handlers, .oid = note_sets);

/* Switching LSOv2 IPv4 off is said, not done. */
static NDIS_STATUS NTAPI only_says_off(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    if (p.LsoV2IPv4 && p.LsoV2IPv4 <= 2)
        last.LsoV2IPv4 = p.LsoV2IPv4;
    p.LsoV2IPv4 = p.LsoV2IPv4 == 1 ? 0 : p.LsoV2IPv4;
    return give_parameters(context, q, p);
}

static VOID NTAPI says_off(NDIS_HANDLE handle, PNDIS_STATUS_INDICATION s)
{
    NDIS_OFFLOAD *o = s->StatusBuffer;

    if (s->StatusCode == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG && last.LsoV2IPv4 == 1)
        memset(&o->LsoV2.IPv4, 0, sizeof o->LsoV2.IPv4);
    NdisMIndicateStatusEx(handle, s);
}
FAULT("PAR-22", only_says_off, "large sends leave after they were switched off",
      .imports = INDICATES(says_off), .maybe = "GEN,SEC,LSO1,LSO2,KEY,CFG", .oid = only_says_off);

static VOID NTAPI loses_large(NDIS_HANDLE context, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                              ULONG flags)
{
    if (last.LsoV2IPv4 == 1 && !first->Next && wants(first) & WANTS_LSO2_4) {
        first->Status = NDIS_STATUS_SUCCESS;
        NdisMSendNetBufferListsComplete(driver_adapter, first, 0);
        return;
    }
    driver.SendNetBufferListsHandler(context, first, port, flags);
}
static void loses_large_handlers(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = loses_large;
}
FAULT("PAR-23", loses_large, "a large send that is switched off is lost, and reported as sent",
      .maybe = "LSO1,LSO2,GEN", .handlers = loses_large_handlers, .oid = note_sets);

static bool unsummed(uint8_t *frame, uint32_t *len)
{
    struct fields *f = frame_fields(frame, *len);

    if (f && f->version == 4 && f->proto == 6 && last.TCPIPv4Checksum &&
        !((last.TCPIPv4Checksum - 1) & 1) && *len > 900)
        frame[f->l4 + 16] ^= 0x40;
    return true;
}
FAULT("PAR-24", segments_unsummed, "segments have no checksum when transmit checksum is off",
      .maybe = "LSO1,LSO2,TXC,CAP,KEY", .wire_out = unsummed, .oid = note_sets);

/* ---- NDIS ----------------------------------------------------------------------------------- */

static NDIS_STATUS writes_nothing(struct ndis_adapter *a, const NDIS_OID_REQUEST *q,
                                  struct ndis_keywords **before)
{
    (void)a, (void)q;
    *before = NULL;
    return NDIS_STATUS_SUCCESS;
}
FAULT("PAR-17", ndis_writes_nothing, "NDIS does not write keywords", .also = "PAR-18",
      .maybe = "PAR-6,PAR-12,PAR-19,PAR-26,KEY,CFG", .keywords_apply = writes_nothing);

static NDIS_STATUS writes_more(struct ndis_adapter *a, const NDIS_OID_REQUEST *q,
                               struct ndis_keywords **before)
{
    NDIS_STATUS status = host_keywords_apply(a, q, before);

    if (*before && parameters_of(q).UDPIPv4Checksum && !parameters_of(q).UDPIPv6Checksum)
        reg_set_sz(a->key, setting_info[SETTING_UDP6].keyword, "0");
    return status;
}
FAULT("PAR-17", ndis_writes_more, "NDIS writes a keyword whose field is 0",
      .maybe = "PAR-7,PAR-13,PAR-18,KEY,CFG", .keywords_apply = writes_more);

static NDIS_STATUS skips_nothing(struct ndis_adapter *a, const NDIS_OID_REQUEST *q,
                                 struct ndis_keywords **before)
{
    NDIS_OFFLOAD_PARAMETERS p;
    NDIS_OID_REQUEST r = *q;

    if (!sets_parameters(q))
        return host_keywords_apply(a, q, before);
    p = parameters_of(q);
    p.Flags &= ~1u;
    r.DATA.SET_INFORMATION.InformationBuffer = &p;
    return host_keywords_apply(a, &r, before);
}
FAULT("PAR-19", ndis_skips_nothing, "NDIS writes keywords although it is told not to",
      .maybe = "KEY", .keywords_apply = skips_nothing);

static unsigned starts;

static VOID NTAPI reads_once(PNDIS_STATUS Status, PNDIS_CONFIGURATION_PARAMETER *value,
                             NDIS_HANDLE handle, PNDIS_STRING keyword, NDIS_PARAMETER_TYPE type)
{
    if (starts > 1)
        *Status = NDIS_STATUS_FAILURE;
    else
        NdisReadConfiguration(Status, value, handle, keyword, type);
}

static NDIS_STATUS NTAPI counts_starts(NDIS_HANDLE handle, NDIS_HANDLE context,
                                       PNDIS_MINIPORT_INIT_PARAMETERS p)
{
    starts++;
    return driver.InitializeHandlerEx(handle, context, p);
}
static void counted(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->InitializeHandlerEx = counts_starts;
}
FAULT("PAR-18", keywords_read_once, "keywords are read at the first start only",
      .imports = FROM_DRIVER("NdisReadConfiguration", reads_once), .maybe = "KEY,INIT,CFG,GEN",
      .handlers = counted);

static void tells_issuer(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    NDIS_STATUS_INDICATION one = *s;

    if (in_set && s->StatusCode == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG)
        one.DestinationHandle = a->open_bindings->binding[0];
    host_bindings_status(a, &one);
}
FAULT("PAR-27", ndis_tells_one, "NDIS tells one binding of the new configuration",
      .maybe = "PAR-15,PAR-25,PAR-28,CFG,ENC-19", .oid = note_sets,
      .bindings_status = tells_issuer);

static bool stale_answer(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                         NDIS_STATUS *status)
{
    bool known = host_answer(a, from, q, status);

    if (known && !from && q->RequestType == NdisRequestQueryInformation &&
        q->DATA.QUERY_INFORMATION.Oid == OID_TCP_OFFLOAD_CURRENT_CONFIG &&
        *status == NDIS_STATUS_SUCCESS)
        memcpy(q->DATA.QUERY_INFORMATION.InformationBuffer, &watch_attributes()->now,
               q->DATA.QUERY_INFORMATION.BytesWritten);
    return known;
}
FAULT("PAR-29", ndis_stale_answer, "the administrator is given the configuration of the start",
      .maybe = "INIT-22,CFG", .answer = stale_answer);

/* ---- The overlying protocol ----------------------------------------------------------------- */

/* Offers as they were at first, in part. */
static enum tcpip_request ask_stale_checksum(struct tcpip *t, const struct tcpip_offers *offers,
                                             struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers use = *offers;

    if (t->encapsulated)
        use.udp4 = tcpip_offers_of(&watch_attributes()->now).udp4;
    return tcpip_ask(t, &use, s, f);
}
FAULT("PAR-25", asks_when_off, "the protocol asks for a checksum that was switched off",
      .also = "PAR-28", .maybe = "ENC-19,TXC,CAP,KEY", .ask = ask_stale_checksum);

static enum tcpip_request ask_stale_large(struct tcpip *t, const struct tcpip_offers *offers,
                                          struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers first = tcpip_offers_of(&watch_attributes()->now);

    first.lso4 = offers->lso4;
    return tcpip_ask(t, t->encapsulated && f->offload.gso == FRAME_GSO_TCP6 ? &first : offers, s,
                     f);
}
FAULT("PAR-28", asks_large_when_off, "the protocol asks for a large send that was switched off",
      .maybe = "ENC-19,LSO1,LSO2,CAP,KEY", .ask = ask_stale_large);
