/* SPDX-License-Identifier: MIT */
/* What can be wrong about the set of OID_TCP_OFFLOAD_PARAMETERS. */
#include "oid.h"

#define OTHERS "SEC,GEN,CFG"

static bool is_short(const NDIS_OID_REQUEST *q)
{
    return sets(q, OID_TCP_OFFLOAD_PARAMETERS) &&
           q->DATA.SET_INFORMATION.InformationBufferLength < 20;
}

static NDIS_STATUS NTAPI always_handled(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    return sets_parameters(q) && status == NDIS_STATUS_NOT_SUPPORTED ? say_done(q) : status;
}
FAULT("PAR-1", configures_nothing, "an adapter without offload accepts the set",
      .oid = always_handled);

static NDIS_STATUS NTAPI not_handled(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    return sets(q, OID_TCP_OFFLOAD_PARAMETERS) ? NDIS_STATUS_NOT_SUPPORTED
                                               : driver.OidRequestHandler(context, q);
}
FAULT("PAR-1", configuration_unknown, "the set is not handled at all",
      .maybe = "ENC,PAR,RXC,CFG,KEY,GEN,TXC,INIT,SEC,CAP,LSO1,LSO2,CON", .oid = not_handled);

static bool answers_query(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                          NDIS_STATUS *status)
{
    bool known = host_answer(a, from, q, status);

    if (q->RequestType == NdisRequestQueryInformation &&
        q->DATA.QUERY_INFORMATION.Oid == OID_TCP_OFFLOAD_PARAMETERS) {
        q->DATA.QUERY_INFORMATION.BytesWritten = 20;
        *status = NDIS_STATUS_SUCCESS;
    }
    return known;
}
FAULT("PAR-2", ndis_answers_query, "NDIS answers a query", .maybe = "CFG", .answer = answers_query);

static NDIS_STATUS NTAPI any_type(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    p.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    return give_parameters(context, q, p);
}
FAULT("PAR-3", type_unread, "the type is not looked at", .maybe = OTHERS, .oid = any_type);

static NDIS_STATUS NTAPI short_is_bad_data(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    return is_short(q) ? NDIS_STATUS_INVALID_DATA : driver.OidRequestHandler(context, q);
}
FAULT("PAR-4", short_wrong_code, "a short buffer fails with NDIS_STATUS_INVALID_DATA",
      .maybe = OTHERS, .oid = short_is_bad_data);

static NDIS_STATUS NTAPI short_needs_header(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    if (is_short(q))
        q->DATA.SET_INFORMATION.BytesNeeded = 4;
    return status;
}
FAULT("PAR-4", short_bytes_needed, "BytesNeeded is that of the header", .maybe = OTHERS,
      .oid = short_needs_header);

static NDIS_STATUS NTAPI short_is_told(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    if (is_short(q))
        indicate_needlessly();
    return driver.OidRequestHandler(context, q);
}
FAULT("PAR-4", short_indicated, "a short buffer makes the driver indicate", .maybe = OTHERS,
      .oid = short_is_told);

static NDIS_STATUS NTAPI only_revision_1(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    return sets_parameters(q) && parameters_of(q).Header.Revision > 1
               ? NDIS_STATUS_INVALID_DATA
               : driver.OidRequestHandler(context, q);
}
FAULT("PAR-5", one_revision, "later revisions are refused", .maybe = OTHERS,
      .oid = only_revision_1);

static NDIS_STATUS NTAPI echoes_revision(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    if (sets_parameters(q))
        q->SupportedRevision = parameters_of(q).Header.Revision;
    return status;
}
FAULT("PAR-5", echoes_revision, "SupportedRevision is the sender's", .maybe = OTHERS,
      .oid = echoes_revision);

static NDIS_STATUS NTAPI five_is_nothing(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    p.IPv4Checksum = p.IPv4Checksum == 5 ? 0 : p.IPv4Checksum;
    return give_parameters(context, q, p);
}
FAULT("PAR-6", five_is_nothing, "checksum value 5 is taken for no change", .maybe = OTHERS,
      .oid = five_is_nothing);

static NDIS_STATUS NTAPI fails_anyhow(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    return sets_parameters(q) && parameters_of(q).LsoV2IPv6 > 2 ? NDIS_STATUS_FAILURE : status;
}
FAULT("PAR-6", wrong_code, "a bad large send value fails with NDIS_STATUS_FAILURE", .maybe = OTHERS,
      .oid = fails_anyhow);

/* The first fields are applied before the last ones are read. */
static NDIS_STATUS NTAPI half_applied(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p, first;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    first = p = parameters_of(q);
    if (p.LsoV2IPv4 > 2) {
        first.LsoV2IPv4 = first.LsoV2IPv6 = first.TcpConnectionIPv4 = first.TcpConnectionIPv6 = 0;
        give_parameters(context, q, first);
    }
    return give_parameters(context, q, p);
}
FAULT("PAR-7", half_applied, "fields before the bad one are applied", .maybe = OTHERS ",PAR-6",
      .oid = half_applied);

static NDIS_STATUS NTAPI failure_is_told(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    if (sets_parameters(q) && status == NDIS_STATUS_INVALID_DATA)
        indicate_needlessly();
    return status;
}
FAULT("PAR-7", failure_indicated, "a configuration is indicated after a failure", .maybe = OTHERS,
      .oid = failure_is_told);

static void keeps_keywords(struct ndis_adapter *a, struct ndis_keywords *before, bool keep)
{
    (void)keep;
    host_keywords_done(a, before, true);
}
FAULT("PAR-13", ndis_keeps_keywords, "NDIS does not put keywords back after a failure",
      .maybe = OTHERS ",PAR-7,KEY", .keywords_done = keeps_keywords);

static bool all_zero(const NDIS_OFFLOAD_PARAMETERS *p)
{
    const UCHAR *b = (const UCHAR *)p;

    for (unsigned i = 4; i < 15; i++) {
        if (b[i])
            return false;
    }
    return true;
}

static NDIS_STATUS NTAPI zero_is_off(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    if (all_zero(&p))
        p.UDPIPv6Checksum = 1;
    return give_parameters(context, q, p);
}
FAULT("PAR-8", zero_is_off, "no change switches off", .maybe = OTHERS ",PAR-28,ENC-24,KEY-23",
      .oid = zero_is_off);

static NDIS_STATUS NTAPI zero_fails(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (sets_parameters(q)) {
        p = parameters_of(q);
        if (all_zero(&p))
            return NDIS_STATUS_INVALID_PARAMETER;
    }
    return driver.OidRequestHandler(context, q);
}
FAULT("PAR-8", zero_fails, "a set that changes nothing fails",
      .maybe = OTHERS ",PAR-1,PAR-3,PAR-5,PAR-12,PAR-26,PAR-27", .oid = zero_fails);

static NDIS_STATUS NTAPI ipsec_taken(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    p.IPsecV1 = p.IPsecV1 <= 4 ? 0 : p.IPsecV1;
    return give_parameters(context, q, p);
}
FAULT("PAR-12", ipsec_taken, "IPsec is switched on where there is none", .maybe = OTHERS ",IPS",
      .oid = ipsec_taken);

static NDIS_STATUS NTAPI ipsec_off_fails(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    return sets_parameters(q) && parameters_of(q).IPsecV1 == 1
               ? NDIS_STATUS_NOT_SUPPORTED
               : driver.OidRequestHandler(context, q);
}
FAULT("PAR-12", ipsec_off_fails, "switching off IPsec fails where there is none",
      .maybe = OTHERS ",IPS", .oid = ipsec_off_fails);

/* What the hardware lacks is left out. */
static NDIS_STATUS NTAPI absent_ignored(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    for (enum setting s = 0; s < SETTINGS; s++) {
        UCHAR *field = (UCHAR *)&p + setting_info[s].field;
        unsigned able = setting_of(&watch_attributes()->hardware, s);

        if (*field && *field <= 4 && (*field <= 2 || !setting_info[s].large))
            *field = (UCHAR)(1 + (able & (*field - 1u)));
    }
    return give_parameters(context, q, p);
}
FAULT("PAR-13", absent_ignored, "what the hardware lacks is left out of an accepted set",
      .maybe = OTHERS, .oid = absent_ignored);

static NDIS_STATUS NTAPI absent_off_fails(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    return sets_parameters(q) && parameters_of(q).LsoV2IPv6 == 1 &&
                   !watch_attributes()->hardware.LsoV2.IPv6.Encapsulation
               ? NDIS_STATUS_INVALID_DATA
               : driver.OidRequestHandler(context, q);
}
FAULT("PAR-13", absent_off_fails, "switching off what the hardware lacks fails", .maybe = OTHERS,
      .oid = absent_off_fails);

static NDIS_STATUS NTAPI connection_taken(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_PARAMETERS p;

    if (!sets_parameters(q))
        return driver.OidRequestHandler(context, q);
    p = parameters_of(q);
    p.TcpConnectionIPv6 = 0;
    return give_parameters(context, q, p);
}
FAULT("PAR-26", connection_taken, "connection offload is switched on where there is none",
      .maybe = OTHERS ",CON", .oid = connection_taken);
