/* SPDX-License-Identifier: MIT */
/* Answers of NDIS, the administrator's GUIDs, and a protocol that asks too much. */
#include "fault.h"

#include "conform/view.h"
#include "conform/watch.h"

static const NDIS_STATUS current_code = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;
static const NDIS_STATUS hardware_code = NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES;

static bool is_query(const NDIS_OID_REQUEST *q, NDIS_OID oid)
{
    return q->RequestType == NdisRequestQueryInformation && q->DATA.QUERY_INFORMATION.Oid == oid;
}

static bool is_set(const NDIS_OID_REQUEST *q, NDIS_OID oid)
{
    return q->RequestType == NdisRequestSetInformation && q->DATA.SET_INFORMATION.Oid == oid;
}

static bool is_view_query(const NDIS_OID_REQUEST *q)
{
    return is_query(q, OID_TCP_OFFLOAD_CURRENT_CONFIG) ||
           is_query(q, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES);
}

/* ---- Queries -------------------------------------------------------------------------------- */

static struct ndis_adapter *asked;

static NDIS_STATUS NTAPI answer_in_the_miniport(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status = NDIS_STATUS_FAILURE;

    if (!is_view_query(q))
        return driver.OidRequestHandler(context, q);
    host_answer(asked, NULL, q, &status);
    return status;
}
static void install_answer(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = answer_in_the_miniport;
}

static bool pass_current(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                         NDIS_STATUS *status)
{
    asked = a;
    return !is_query(q, OID_TCP_OFFLOAD_CURRENT_CONFIG) && host_answer(a, from, q, status);
}
FAULT("CFG-1", current_query_passed_on, "the miniport is asked for the current configuration",
      .maybe = "INIT", .handlers = install_answer, .answer = pass_current);

static bool pass_hardware(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                          NDIS_STATUS *status)
{
    asked = a;
    return !is_query(q, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES) && host_answer(a, from, q, status);
}
FAULT("CFG-2", hardware_query_passed_on, "the miniport is asked for the hardware's abilities",
      .maybe = "INIT", .handlers = install_answer, .answer = pass_hardware);

static bool accept_set(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                       NDIS_STATUS *status)
{
    if (!is_set(q, OID_TCP_OFFLOAD_CURRENT_CONFIG))
        return host_answer(a, from, q, status);
    *status = NDIS_STATUS_SUCCESS;
    return true;
}
FAULT("CFG-3", configuration_set, "a set of the current configuration succeeds",
      .answer = accept_set);

static bool pass_set(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                     NDIS_STATUS *status)
{
    return !is_set(q, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES) && host_answer(a, from, q, status);
}
FAULT("CFG-3", set_passed_on, "a set of the hardware's abilities comes to the miniport",
      .answer = pass_set);

static bool wrong_length_status(struct ndis_adapter *a, struct ndis_binding *from,
                                NDIS_OID_REQUEST *q, NDIS_STATUS *status)
{
    bool answered = host_answer(a, from, q, status);

    if (is_view_query(q) && *status == NDIS_STATUS_BUFFER_TOO_SHORT)
        *status = NDIS_STATUS_INVALID_LENGTH;
    return answered;
}
FAULT("CFG-4", short_is_invalid_length, "a short buffer ends in INVALID_LENGTH",
      .answer = wrong_length_status);

static bool nothing_needed(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                           NDIS_STATUS *status)
{
    bool answered = host_answer(a, from, q, status);

    if (is_view_query(q) && *status == NDIS_STATUS_BUFFER_TOO_SHORT)
        q->DATA.QUERY_INFORMATION.BytesNeeded = 0;
    return answered;
}
FAULT("CFG-4", needs_nothing, "a short buffer ends without BytesNeeded", .answer = nothing_needed);

/* Of a query that was answered in full: the view. */
static NDIS_OFFLOAD *answered_view(NDIS_OID_REQUEST *q, NDIS_OID oid, NDIS_STATUS status)
{
    return is_query(q, oid) && status == NDIS_STATUS_SUCCESS
               ? q->DATA.QUERY_INFORMATION.InformationBuffer
               : NULL;
}

static bool blank_at_first(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                           NDIS_STATUS *status)
{
    bool answered = host_answer(a, from, q, status);
    NDIS_OFFLOAD *o = answered_view(q, OID_TCP_OFFLOAD_CURRENT_CONFIG, *status);

    if (o && from && watch_find(0, WATCH_STATUS, (uint32_t)current_code) < 0)
        memset(&o->LsoV1, 0, sizeof o->LsoV1);
    return answered;
}
FAULT("CFG-5", blank_before_indications, "LSOv1 is off in the answer until something is indicated",
      .maybe = "INIT,KEY", .answer = blank_at_first);

static bool stay_at_current(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                            NDIS_STATUS *status)
{
    bool answered = host_answer(a, from, q, status);
    NDIS_OFFLOAD *o = answered_view(q, OID_TCP_OFFLOAD_CURRENT_CONFIG, *status);

    if (o && from && view_default())
        memcpy(o, view_default(), view_default()->Header.Size);
    return answered;
}
FAULT("CFG-6", current_answer_stale, "the current answer stays what the attributes said",
      .maybe = "ENC,PAR,KEY", .answer = stay_at_current);

static bool stay_at_hardware(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                             NDIS_STATUS *status)
{
    bool answered = host_answer(a, from, q, status);
    NDIS_OFFLOAD *o = answered_view(q, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, *status);

    if (o && from && view_hardware())
        memcpy(o, view_hardware(), view_hardware()->Header.Size);
    return answered;
}
FAULT("CFG-6", hardware_answer_stale, "the hardware's answer stays what the attributes said",
      .answer = stay_at_hardware);

static bool two_told;

static void hear_two(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    const NDIS_OFFLOAD *o = s->StatusBuffer;

    if (s->StatusCode == current_code)
        two_told = o->Checksum.IPv4Transmit.TcpOptionsSupported == NDIS_OFFLOAD_SET_OFF;
    host_bindings_status(a, s);
}

static bool answer_two(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                       NDIS_STATUS *status)
{
    bool answered = host_answer(a, from, q, status);
    NDIS_OFFLOAD *o = answered_view(q, OID_TCP_OFFLOAD_CURRENT_CONFIG, *status);

    if (o && two_told)
        o->Checksum.IPv4Transmit.TcpOptionsSupported = NDIS_OFFLOAD_SET_OFF;
    return answered;
}
FAULT("CAP-17", two_answered, "NDIS answers with a feature that reads 2",
      .bindings_status = hear_two, .answer = answer_two);

static void one_more_kind(NDIS_OFFLOAD *o, enum fault_view view)
{
    if (view == FAULT_INDICATED && o->Checksum.IPv6Transmit.Encapsulation)
        o->Checksum.IPv6Transmit.Encapsulation |= NDIS_ENCAPSULATION_NULL;
}
FAULT("CFG-7", on_beyond_the_hardware, "an encapsulation is on that the hardware does not list",
      .maybe = "ENC,PAR", .offload = one_more_kind);

/* ---- The administrator ---------------------------------------------------------------------- */

static NDIS_STATUS query_other(struct ndis_adapter *a, const GUID *guid, void *buffer, ULONG *bytes)
{
    const GUID *current = &GUID_NDIS_TCP_OFFLOAD_CURRENT_CONFIG;

    return host_wmi_query(a,
                          memcmp(guid, current, sizeof *guid) == 0
                              ? &GUID_NDIS_TCP_OFFLOAD_HARDWARE_CAPABILITIES
                              : guid,
                          buffer, bytes);
}
FAULT("CFG-21", guid_of_the_hardware, "the current GUID is answered with the hardware's abilities",
      .wmi_query = query_other);

static void event_lost(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    if (s->StatusCode != hardware_code)
        host_wmi_event(a, s);
}
FAULT("CFG-21", event_lost, "the event GUID of the hardware's abilities does not fire",
      .wmi_event = event_lost);

static NDIS_STATUS set_without_lso1(struct ndis_adapter *a, const GUID *guid, const void *buffer,
                                    ULONG bytes)
{
    uint8_t copy[256];
    const size_t at = sizeof(NDIS_WMI_SET_HEADER) + offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1);

    if (bytes > sizeof copy || bytes <= at)
        return host_wmi_set(a, guid, buffer, bytes);
    memcpy(copy, buffer, bytes);
    copy[at] = NDIS_OFFLOAD_PARAMETERS_NO_CHANGE;
    return host_wmi_set(a, guid, copy, bytes);
}
FAULT("CFG-22", guid_sets_less, "the set GUID does not carry LSOv1 over", .maybe = "PAR-29",
      .wmi_set = set_without_lso1);

static NDIS_STATUS query_packed(struct ndis_adapter *a, const GUID *guid, void *buffer,
                                ULONG *bytes)
{
    NDIS_STATUS status = host_wmi_query(a, guid, buffer, bytes);
    NDIS_WMI_OFFLOAD *o = buffer;

    if (status == NDIS_STATUS_SUCCESS)
        o->LsoV1.IPv4.TcpOptions |= o->LsoV1.IPv4.IpOptions << 2;
    return status;
}
FAULT("CFG-23", bits_not_flattened, "two features share a ULONG in the WMI answer",
      .wmi_query = query_packed);

/* ---- The protocol --------------------------------------------------------------------------- */

static NDIS_STATUS NTAPI ask_before_activating(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    static NDIS_OFFLOAD answer;
    static NDIS_OID_REQUEST more;

    if (is_set(q, OID_OFFLOAD_ENCAPSULATION)) {
        more = rig_request(NdisRequestQueryInformation, OID_TCP_OFFLOAD_CURRENT_CONFIG, &answer,
                           sizeof answer);
        host_oid_request(binding, &more); /* NDIS answers at once */
    }
    return host_oid_request(binding, q);
}
FAULT("CFG-16", protocol_polls, "the protocol queries the configuration before it activates",
      .strict = true, .oid_request = ask_before_activating);
