/* SPDX-License-Identifier: MIT */
/* What can be wrong with receive checksum results: which they are, and when there are any. */
#include "slot.h"

/* Rows of other groups that look whether there are results, to see what is on. */
#define ELSEWHERE "ENC,PAR,CFG,CAP,GEN,SEC"

/* ---- Right and wrong frames ----------------------------------------------------------------- */

#define SILENT(kind_name, version_, proto_, bit)                                                   \
    static void silent_##kind_name(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)             \
    {                                                                                              \
        struct fields *f = frame_fields(frame, len);                                               \
                                                                                                   \
        if (f && f->version == (version_) && (!(proto_) || f->proto == (proto_)))                  \
            slot_put(nbl, slot_get(nbl) & ~(unsigned)(bit));                                       \
    }                                                                                              \
    FAULT("RXC-2", rxc_silent_##kind_name, "no result for right " #kind_name,                      \
          .indicate = silent_##kind_name, .maybe = ELSEWHERE)

SILENT(tcp4, 4, 6, SLOT_TCP_OK);
SILENT(udp4, 4, 17, SLOT_UDP_OK);
SILENT(tcp6, 6, 6, SLOT_TCP_OK);
SILENT(udp6, 6, 17, SLOT_UDP_OK);
SILENT(ip4, 4, 0, SLOT_IP_OK);

static void fails_zero(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->proto == 6 && f->checksum == 0 && slot_get(nbl) & SLOT_TCP_OK)
        slot_put(nbl, slot_get(nbl) & ~(unsigned)SLOT_TCP_OK);
}
FAULT("RXC-2", rxc_zero_sum, "no result for TCP whose right checksum is 0", .indicate = fails_zero);

static void believes(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);
    unsigned slot = slot_get(nbl);

    /* Options are RXC-14's. */
    if (f && slot & (SLOT_TCP_BAD | SLOT_UDP_BAD) &&
        f->ip_header_len == (f->version == 4 ? 20 : 40) &&
        (f->proto != 6 || f->tcp_header_len == 20))
        slot_put(nbl, (slot & ~(unsigned)(SLOT_TCP_BAD | SLOT_UDP_BAD)) |
                          (f->proto == 6 ? SLOT_TCP_OK : SLOT_UDP_OK));
}
FAULT("RXC-3", rxc_believes_all, "a wrong transport checksum is marked as succeeded",
      .indicate = believes, .maybe = "SEC,CAP");

static void believes_header(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    unsigned slot = slot_get(nbl);

    (void)frame;
    (void)len;
    if (slot & SLOT_IP_BAD)
        slot_put(nbl, (slot & ~(unsigned)SLOT_IP_BAD) | SLOT_IP_OK);
}
FAULT("RXC-3", rxc_believes_header, "a wrong IPv4 header checksum is marked as succeeded",
      .indicate = believes_header, .maybe = "SEC,CAP,RXC-13");

/* Whole packets of which only the sum is wrong. */
static bool drops_wrong(uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (!f || f->l3 + f->ip_total != len || f->ip_fragment || f->checksum == 0 ||
        (f->proto == 17 && naive_get(frame + f->l4 + 4, 2) != len - f->l4))
        return true;
    return f->transport_good;
}
FAULT("RXC-3", rxc_drops_wrong, "frames with a wrong checksum are not indicated",
      .wire_in = drops_wrong, .maybe = "SEC,GEN,RXC-22,INIT-14,CFG,CAP");

static void marks_both(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    unsigned slot = slot_get(nbl);

    (void)frame;
    (void)len;
    if (slot & SLOT_UDP_OK && !(slot & SLOT_BAD))
        slot_put(nbl, slot | SLOT_UDP_BAD);
}
FAULT("RXC-4", rxc_marks_both, "UDP is marked as succeeded and failed", .indicate = marks_both,
      .maybe = ELSEWHERE ",RXC-22");

static void claims_unchecked(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    static uint64_t mask;
    struct fields *f = frame_fields(frame, len);
    struct why why = {0};

    if (!mask)
        nic_features_parse("guest_csum", &mask, &why);
    if (f && fault_withheld() & mask && f->transport_good)
        slot_put(nbl, f->proto == 6 ? SLOT_TCP_OK : SLOT_UDP_OK);
}
FAULT("RXC-5", rxc_claims_unchecked, "succeeded is said of frames that the card did not check",
      .indicate = claims_unchecked, .maybe = "RXC-1,SEC,CAP");

static void one_verdict(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    unsigned slot = slot_get(nbl);

    (void)frame;
    (void)len;
    if (slot & SLOT_IP_BAD)
        slot_put(nbl, SLOT_IP_BAD | (slot & (SLOT_UDP_OK | SLOT_UDP_BAD) ? SLOT_UDP_BAD
                                     : slot & SLOT_TRANSPORT             ? SLOT_TCP_BAD
                                                                         : 0));
}
FAULT("RXC-6", rxc_header_fails_all, "a wrong IPv4 header makes the transport fail",
      .indicate = one_verdict);

static void payload_fails_header(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);
    unsigned slot = slot_get(nbl);

    if (f && f->ip_good && slot & (SLOT_TCP_BAD | SLOT_UDP_BAD) && slot & SLOT_IP_OK)
        slot_put(nbl, (slot & ~(unsigned)SLOT_IP_OK) | SLOT_IP_BAD);
}
FAULT("RXC-6", rxc_payload_fails_header, "a wrong payload makes the IPv4 header fail",
      .indicate = payload_fails_header);

static void header_of_ip6(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->version == 6 && f->ip_header_len == 40 && slot_get(nbl) & SLOT_UDP_OK)
        slot_put(nbl, slot_get(nbl) | SLOT_IP_OK);
}
FAULT("RXC-7", rxc_header_of_ip6, "an IPv6 frame has an IP header result",
      .indicate = header_of_ip6, .maybe = "SEC");

/* What the last right TCP frame over IPv4 was told. */
static bool tcp4_speaks(NET_BUFFER_LIST *nbl, const struct fields *f, bool before)
{
    return f->version == 4 && f->proto == 6 && f->transport_good && !f->ip_fragment
               ? (slot_get(nbl) & SLOT_TRANSPORT) != 0
               : before;
}

static void ip6_follows_ip4(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    static bool speaks = true;
    struct fields *f = frame_fields(frame, len);

    if (f)
        speaks = tcp4_speaks(nbl, f, speaks);
    if (f && f->version == 6 && !speaks)
        slot_put(nbl, 0);
}
FAULT("RXC-7", rxc_ip6_follows_ip4, "results of IPv6 follow the setting of IPv4",
      .indicate = ip6_follows_ip4, .maybe = ELSEWHERE);

static void udp_follows_tcp(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    static bool speaks;
    struct fields *f = frame_fields(frame, len);

    if (!f || !f->transport_good || f->ip_fragment || f->tagged)
        return;
    speaks = tcp4_speaks(nbl, f, speaks);
    if (speaks && f->version == 4 && f->proto == 17 && f->checksum &&
        naive_get(frame + f->l4 + 4, 2) == f->end - f->l4)
        slot_put(nbl, slot_get(nbl) | SLOT_UDP_OK);
}
FAULT("RXC-8", rxc_udp_follows_tcp, "UDP over IPv4 has a result as long as TCP has one",
      .indicate = udp_follows_tcp, .maybe = "PAR,CFG,ENC,RXC-14");

static void header_always(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->version == 4 && f->ip_good && slot_get(nbl) & (SLOT_TCP_OK | SLOT_UDP_OK))
        slot_put(nbl, slot_get(nbl) | SLOT_IP_OK);
}
FAULT("RXC-8", rxc_header_always, "the IPv4 header has a result although that is off",
      .indicate = header_always, .maybe = "PAR,CFG");

/* ---- When ----------------------------------------------------------------------------------- */

static bool activated, encapsulation_off, parameters_off;

static void look_at_set(const NDIS_OID_REQUEST *q)
{
    const NDIS_OFFLOAD_ENCAPSULATION *e = q->DATA.SET_INFORMATION.InformationBuffer;
    const NDIS_OFFLOAD_PARAMETERS *o = q->DATA.SET_INFORMATION.InformationBuffer;

    if (q->RequestType != NdisRequestSetInformation)
        return;
    if (q->DATA.SET_INFORMATION.Oid == OID_OFFLOAD_ENCAPSULATION) {
        activated = true;
        encapsulation_off = e->IPv4.Enabled == NDIS_OFFLOAD_SET_OFF;
    }
    if (q->DATA.SET_INFORMATION.Oid == OID_TCP_OFFLOAD_PARAMETERS)
        parameters_off = o->TCPIPv4Checksum == NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED &&
                         o->UDPIPv4Checksum == NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED &&
                         o->UDPIPv6Checksum == NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED;
}

static NDIS_STATUS NTAPI LooksAtSets(NDIS_HANDLE MiniportAdapterContext,
                                     PNDIS_OID_REQUEST OidRequest)
{
    NDIS_STATUS status = driver.OidRequestHandler(MiniportAdapterContext, OidRequest);

    if (status == NDIS_STATUS_SUCCESS)
        look_at_set(OidRequest);
    return status;
}

static NDIS_STATUS NTAPI Initialize(NDIS_HANDLE MiniportAdapterHandle,
                                    NDIS_HANDLE MiniportDriverContext,
                                    PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    activated = encapsulation_off = parameters_off = false;
    return driver.InitializeHandlerEx(MiniportAdapterHandle, MiniportDriverContext,
                                      MiniportInitParameters);
}

static void look_at_sets(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = LooksAtSets;
    c->InitializeHandlerEx = Initialize;
}

static void judge(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);

    if (f && f->transport_good && !f->tagged && !f->ip_fragment && f->checksum)
        slot_put(nbl, f->proto == 6 ? SLOT_TCP_OK : SLOT_UDP_OK);
}

static void too_early(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    if (!activated)
        judge(nbl, frame, len);
}
FAULT("RXC-1", rxc_too_early, "results before OID_OFFLOAD_ENCAPSULATION", .indicate = too_early,
      .handlers = look_at_sets, .maybe = "ENC,INIT-14,PAR-20");

static void after_off(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    if (encapsulation_off)
        judge(nbl, frame, len);
}
FAULT("RXC-9", rxc_after_off, "results go on after encapsulation was set off",
      .indicate = after_off, .handlers = look_at_sets, .maybe = "ENC,RXC-1");

static void after_parameters(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len)
{
    if (parameters_off)
        judge(nbl, frame, len);
}
FAULT("RXC-9", rxc_after_parameters, "results go on after all parameters were set off",
      .indicate = after_parameters, .handlers = look_at_sets, .maybe = "PAR,CFG,CAP");
