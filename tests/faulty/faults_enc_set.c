/* SPDX-License-Identifier: MIT */
/* What can be wrong about the set of OID_OFFLOAD_ENCAPSULATION. */
#include "oid.h"

enum { ON = NDIS_OFFLOAD_SET_ON, OFF = NDIS_OFFLOAD_SET_OFF, KEEP = NDIS_OFFLOAD_SET_NO_CHANGE };

static NDIS_STATUS NTAPI always_handled(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    return sets_encapsulation(q) && status == NDIS_STATUS_NOT_SUPPORTED ? say_done(q) : status;
}
FAULT("ENC-1", activates_nothing, "an adapter without offload accepts the set",
      .oid = always_handled);

static NDIS_STATUS NTAPI not_handled(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    return sets(q, OID_OFFLOAD_ENCAPSULATION) ? NDIS_STATUS_NOT_SUPPORTED
                                              : driver.OidRequestHandler(context, q);
}
FAULT("ENC-1", activation_unknown, "the set is not handled at all",
      .maybe = "ENC,PAR,RXC,CFG,KEY,GEN,TXC,INIT,SEC,CAP,LSO1,LSO2,CON", .oid = not_handled);

static NDIS_STATUS NTAPI reads_header_only(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    if (sets_encapsulation(q) && status == NDIS_STATUS_SUCCESS)
        q->DATA.SET_INFORMATION.BytesRead = 4;
    return status;
}
FAULT("ENC-2", bytes_read, "BytesRead of a good set is 4", .maybe = "GEN",
      .oid = reads_header_only);

static NDIS_STATUS NTAPI no_revision(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    if (sets_encapsulation(q))
        q->SupportedRevision = 0;
    return status;
}
FAULT("ENC-2", supported_revision, "SupportedRevision is not filled in", .maybe = "GEN",
      .oid = no_revision);

static NDIS_STATUS NTAPI revision_2(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION *e = q->DATA.SET_INFORMATION.InformationBuffer;

    if (of_tcpip(binding) && sets_encapsulation(q))
        e->Header.Revision = 2;
    return host_oid_request(binding, q);
}
FAULT("ENC-2", sender_revision, "the sender writes revision 2", .oid_request = revision_2);

static bool is_short(const NDIS_OID_REQUEST *q)
{
    return sets(q, OID_OFFLOAD_ENCAPSULATION) &&
           q->DATA.SET_INFORMATION.InformationBufferLength < 28;
}

static NDIS_STATUS NTAPI short_is_bad_data(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    return is_short(q) ? NDIS_STATUS_INVALID_DATA : driver.OidRequestHandler(context, q);
}
FAULT("ENC-3", short_wrong_code, "a short buffer fails with NDIS_STATUS_INVALID_DATA",
      .maybe = "SEC,GEN", .oid = short_is_bad_data);

static NDIS_STATUS NTAPI short_needs_header(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    if (is_short(q))
        q->DATA.SET_INFORMATION.BytesNeeded = 4;
    return status;
}
FAULT("ENC-3", short_bytes_needed, "BytesNeeded is that of the header", .maybe = "SEC,GEN",
      .oid = short_needs_header);

static NDIS_STATUS NTAPI short_is_filled_up(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION e = rig_encapsulation(ON, ON);

    if (!is_short(q))
        return driver.OidRequestHandler(context, q);
    give_encapsulation(context, q, e);
    q->DATA.SET_INFORMATION.BytesNeeded = 28;
    return NDIS_STATUS_INVALID_LENGTH;
}
FAULT("ENC-3", short_applied, "a short buffer fails, and yet is acted on", .maybe = "SEC,GEN,RXC-1",
      .oid = short_is_filled_up);

static NDIS_STATUS NTAPI mends_header(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    if (!sets_encapsulation(q))
        return driver.OidRequestHandler(context, q);
    e = encapsulation_of(q);
    e.Header = rig_encapsulation(ON, ON).Header;
    return give_encapsulation(context, q, e);
}
FAULT("ENC-4", header_unread, "the header is not looked at", .maybe = "SEC", .oid = mends_header);

static NDIS_STATUS NTAPI six_follows_four(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    if (!sets_encapsulation(q))
        return driver.OidRequestHandler(context, q);
    e = encapsulation_of(q);
    if (e.IPv4.Enabled && e.IPv4.Enabled <= OFF && e.IPv6.Enabled <= OFF)
        memcpy(&e.IPv6, &e.IPv4, sizeof e.IPv6);
    return give_encapsulation(context, q, e);
}
FAULT("ENC-5", one_switch, "IPv6 is switched with IPv4", .maybe = "ENC-16,ENC-17,RXC,SEC",
      .oid = six_follows_four);

static NDIS_STATUS NTAPI none_is_off(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    if (!sets_encapsulation(q))
        return driver.OidRequestHandler(context, q);
    e = encapsulation_of(q);
    if (e.IPv4.Enabled == KEEP && e.IPv6.Enabled <= OFF)
        e.IPv4.Enabled = OFF;
    return give_encapsulation(context, q, e);
}
FAULT("ENC-5", keep_is_off, "NO_CHANGE switches off", .maybe = "ENC-6,ENC-16,RXC,SEC",
      .oid = none_is_off);

static NDIS_STATUS NTAPI more_is_on(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    if (!sets_encapsulation(q))
        return driver.OidRequestHandler(context, q);
    e = encapsulation_of(q);
    if (e.IPv4.Enabled > OFF)
        e.IPv4.Enabled = KEEP;
    return give_encapsulation(context, q, e);
}
FAULT("ENC-6", fourth_value, "other values of Enabled leave the family as it is",
      .maybe = "SEC,ENC-20,RXC-1", .oid = more_is_on);

static NDIS_STATUS NTAPI half_applied(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    if (!sets_encapsulation(q))
        return driver.OidRequestHandler(context, q);
    e = encapsulation_of(q);
    if (e.IPv4.Enabled <= OFF && e.IPv6.Enabled > OFF) {
        e.IPv6.Enabled = KEEP;
        give_encapsulation(context, q, e);
        return NDIS_STATUS_INVALID_DATA;
    }
    return driver.OidRequestHandler(context, q);
}
FAULT("ENC-6", half_applied, "IPv4 is switched before IPv6 is found bad", .maybe = "SEC",
      .oid = half_applied);

static NDIS_STATUS NTAPI minds_leftovers(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    if (sets_encapsulation(q)) {
        e = encapsulation_of(q);
        if (e.IPv4.Enabled != ON && e.IPv4.EncapsulationType > 2)
            return NDIS_STATUS_INVALID_PARAMETER;
    }
    return driver.OidRequestHandler(context, q);
}
FAULT("ENC-7", minds_leftovers, "a type that is not asked for is judged", .maybe = "ENC-6,SEC",
      .oid = minds_leftovers);

static NDIS_STATUS NTAPI leaves_rest(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION *e = q->DATA.SET_INFORMATION.InformationBuffer;

    if (of_tcpip(binding) && sets_encapsulation(q))
        e->IPv6.Enabled = KEEP;
    return host_oid_request(binding, q);
}
FAULT("ENC-7", sender_leftovers, "the sender leaves type and size in a family that it does not set",
      .oid_request = leaves_rest);

static bool lso_off;

static NDIS_STATUS NTAPI wants_large_send(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    if (sets_parameters(q) && parameters_of(q).LsoV2IPv4)
        lso_off = parameters_of(q).LsoV2IPv4 == 1;
    if (sets_encapsulation(q) && lso_off)
        return NDIS_STATUS_INVALID_PARAMETER;
    return driver.OidRequestHandler(context, q);
}
FAULT("ENC-8", wants_large_send, "the set fails when large send is off, whatever else is on",
      .maybe = "PAR,KEY", .oid = wants_large_send);

static NDIS_STATUS NTAPI takes_any_type(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    if (!sets_encapsulation(q))
        return driver.OidRequestHandler(context, q);
    e = encapsulation_of(q);
    if (e.IPv4.Enabled == ON && e.IPv4.EncapsulationType == NDIS_ENCAPSULATION_NULL)
        return NDIS_STATUS_NOT_SUPPORTED;
    return driver.OidRequestHandler(context, q);
}
FAULT("ENC-9", unlisted_wrong_code, "an encapsulation that nothing lists is NOT_SUPPORTED",
      .maybe = "SEC", .oid = takes_any_type);

static NDIS_STATUS NTAPI refusal_switches_off(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    if (sets_encapsulation(q) && status == NDIS_STATUS_INVALID_PARAMETER)
        give_encapsulation(context, q, rig_encapsulation(OFF, OFF));
    return status;
}
FAULT("ENC-9", refusal_switches_off, "a refused encapsulation ends the one in force",
      .maybe = "SEC,ENC-12,ENC-13", .oid = refusal_switches_off);

static NDIS_STATUS NTAPI both_or_none(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION e;

    if (sets_encapsulation(q)) {
        e = encapsulation_of(q);
        if (e.IPv4.Enabled == ON && e.IPv6.Enabled == OFF)
            return NDIS_STATUS_INVALID_PARAMETER;
    }
    return driver.OidRequestHandler(context, q);
}
FAULT("ENC-10", both_or_none, "a set of 14 bytes for IPv4 alone is refused", .also = "ENC-5",
      .maybe = "ENC,RXC", .oid = both_or_none);

static VOID NTAPI tagged_unfinished(NDIS_HANDLE context, PNET_BUFFER_LIST first,
                                    NDIS_PORT_NUMBER port, ULONG flags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next) {
        if (nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo])
            nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = NULL;
    }
    driver.SendNetBufferListsHandler(context, first, port, flags);
}
static void tagged_sends(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = tagged_unfinished;
}
FAULT("ENC-11", tagged_unfinished, "a frame with its tag out of band gets no checksum",
      .maybe = "CAP-11,TXC,GEN,KEY,LSO1,LSO2", .handlers = tagged_sends);

static NDIS_STATUS NTAPI two_types(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION *e = q->DATA.SET_INFORMATION.InformationBuffer;

    if (of_tcpip(binding) && sets_encapsulation(q))
        e->IPv6.EncapsulationType |= NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q;
    return host_oid_request(binding, q);
}
FAULT("ENC-11", sender_two_types, "the sender ORs types", .maybe = "ENC-19,PAR-28,LSO1-28,LSO1-33",
      .oid_request = two_types);

static NDIS_STATUS NTAPI size_18(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    NDIS_OFFLOAD_ENCAPSULATION *e = q->DATA.SET_INFORMATION.InformationBuffer;

    if (of_tcpip(binding) && sets_encapsulation(q))
        e->IPv4.HeaderSize = e->IPv6.HeaderSize = 18;
    return host_oid_request(binding, q);
}
FAULT("ENC-12", sender_size, "the sender of plain frames says that they have a tag",
      .oid_request = size_18);

static ULONG header_size = 14;

static NDIS_STATUS NTAPI remembers_size(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    if (sets_encapsulation(q) && status == NDIS_STATUS_SUCCESS &&
        encapsulation_of(q).IPv4.Enabled == ON)
        header_size = encapsulation_of(q).IPv4.HeaderSize;
    return status;
}

static VOID NTAPI indicate_misparsed(NDIS_HANDLE handle, PNET_BUFFER_LIST first,
                                     NDIS_PORT_NUMBER port, ULONG count, ULONG flags)
{
    if (header_size != 14)
        change_slots(first, 0x3f, 0x03);
    NdisMIndicateReceiveNetBufferLists(handle, first, port, count, flags);
}
FAULT("ENC-12", parses_at_header_size, "headers are looked for behind HeaderSize bytes",
      .imports = FROM_DRIVER("NdisMIndicateReceiveNetBufferLists", indicate_misparsed),
      .maybe = "SEC", .oid = remembers_size);

static NDIS_STATUS NTAPI odd_sizes_fail(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    if (sets_encapsulation(q) && encapsulation_of(q).IPv4.Enabled == ON &&
        (encapsulation_of(q).IPv4.HeaderSize & 1))
        return NDIS_STATUS_FAILURE;
    return driver.OidRequestHandler(context, q);
}
FAULT("ENC-12", odd_size_wrong_code, "odd header sizes fail with NDIS_STATUS_FAILURE",
      .maybe = "SEC", .oid = odd_sizes_fail);

static NDIS_STATUS NTAPI snap_refused(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    if (sets_encapsulation(q) &&
        encapsulation_of(q).IPv4.EncapsulationType == NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED)
        return NDIS_STATUS_INVALID_PARAMETER;
    return driver.OidRequestHandler(context, q);
}
FAULT("ENC-13", snap_refused, "LLC/SNAP is listed and refused", .maybe = "TXC,RXC,LSO1,LSO2,CAP",
      .oid = snap_refused);

static NDIS_STATUS NTAPI snap_taken(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = driver.OidRequestHandler(context, q);

    if (sets_encapsulation(q) && status == NDIS_STATUS_INVALID_PARAMETER &&
        encapsulation_of(q).IPv4.EncapsulationType == NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED)
        return say_done(q);
    return status;
}
FAULT("ENC-13", snap_taken, "LLC/SNAP is not listed and accepted", .maybe = "SEC",
      .oid = snap_taken);
