/* SPDX-License-Identifier: MIT */
/* What NDIS could get wrong with attribute blocks and with what it hands out of them. */
#include "fault.h"

#include "conform/probe.h"

static NDIS_OBJECT_HEADER *header(void *block)
{
    return block;
}

static bool of_offload(void *block)
{
    return header(block)->Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES;
}

/* ---- Blocks that are taken ------------------------------------------------------------------ */

enum { BLOCK_BYTES = NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1 };

static NDIS_STATUS NTAPI take_short(NDIS_HANDLE h, PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block)
{
    if (of_offload(block) && (header(block)->Size < BLOCK_BYTES || !header(block)->Revision)) {
        header(block)->Size = BLOCK_BYTES;
        header(block)->Revision = 1;
    }
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-2", ndis_takes_short_blocks, "NDIS looks at no Size or Revision of the block",
      .set_attributes = take_short);

static NDIS_STATUS NTAPI take_any_type(NDIS_HANDLE h, PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block)
{
    if (header(block)->Type == 0x99)
        header(block)->Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES;
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-2", ndis_takes_other_types, "NDIS takes offload attributes of another Type",
      .set_attributes = take_any_type);

static NDIS_STATUS NTAPI take_early(NDIS_HANDLE h, PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block)
{
    NDIS_STATUS status = NdisMSetMiniportAttributes(h, block);
    bool right = of_offload(block) && header(block)->Revision == 1 &&
                 header(block)->Size >= BLOCK_BYTES && !probe_current()->general;

    return right && status == NDIS_STATUS_FAILURE && probe_current()->blocks != 2
               ? NDIS_STATUS_SUCCESS
               : status;
}
FAULT("INIT-3", ndis_takes_any_order, "NDIS takes offload attributes before registration",
      .set_attributes = take_early);

static NDIS_STATUS NTAPI invent_general(NDIS_HANDLE h, PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block)
{
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES g = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
                   NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1},
        .MtuSize = 1500,
        .MacAddressLength = 6};
    NDIS_STATUS status = NdisMSetMiniportAttributes(h, block);

    if (!probe_current()->general && !probe_current()->in_initialize)
        NdisMSetMiniportAttributes(h, (void *)&g);
    return status;
}
FAULT("INIT-4", ndis_needs_no_general, "NDIS starts an adapter without general attributes",
      .set_attributes = invent_general);

static NDIS_STATUS NTAPI say_failure(NDIS_HANDLE h, PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block)
{
    NDIS_STATUS status = NdisMSetMiniportAttributes(h, block);

    return status == NDIS_STATUS_SUCCESS ? status : NDIS_STATUS_FAILURE;
}
FAULT("INIT-6", ndis_knows_one_failure, "NDIS refuses a newer revision with FAILURE",
      .set_attributes = say_failure);

static NDIS_STATUS NTAPI take_any_view(NDIS_HANDLE h, PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block)
{
    struct probe *p = probe_current();
    NDIS_OFFLOAD right = probe_view(p);

    if (of_offload(block))
        p->now.Header = p->hardware.Header = right.Header;
    return NdisMSetMiniportAttributes(h, block);
}
FAULT("INIT-10", ndis_takes_any_revision, "NDIS takes an NDIS_OFFLOAD of any revision",
      .set_attributes = take_any_view);

/* ---- What is handed out --------------------------------------------------------------------- */

static bool of_probe(const struct ndis_adapter *a)
{
    return probe_current() && probe_current()->adapter == a;
}

static void read_their_memory(const struct ndis_adapter *a, struct ndis_offload_state *s)
{
    NDIS_OBJECT_HEADER h = s->current.Header;

    if (!of_probe(a) || !s->present)
        return;
    s->current = probe_current()->now;
    s->current.Header = h;
}
FAULT("INIT-11", ndis_keeps_pointers, "NDIS answers from the driver's memory",
      .offload_state = read_their_memory);

static bool always_present(bool present, bool hardware, NDIS_TCP_CONNECTION_OFFLOAD *out)
{
    if (present)
        return true;
    *out = probe_connection_view(NDIS_ENCAPSULATION_IEEE_802_3, hardware, hardware);
    return true;
}
FAULT("INIT-15", ndis_invents_connection_offload, "NDIS answers for a driver that reports nothing",
      .connection_view = always_present, .maybe = "CON");

static void invent_view(struct ndis_adapter *a, NDIS_BIND_PARAMETERS *p, NDIS_OFFLOAD *copy)
{
    (void)a;
    if (p->DefaultOffloadConfiguration)
        return;
    memset(copy, 0, sizeof *copy);
    copy->Checksum.IPv4Transmit.TcpChecksum = NDIS_OFFLOAD_SUPPORTED;
    p->DefaultOffloadConfiguration = copy;
}
FAULT("INIT-16", ndis_invents_offload, "bindings are told of offload that nobody reported",
      .bind_parameters = invent_view);

static void hand_out_hardware(struct ndis_adapter *a, NDIS_BIND_PARAMETERS *p, NDIS_OFFLOAD *copy)
{
    struct ndis_offload_state s;

    (void)p;
    ndis_adapter_offload(a, &s);
    *copy = s.hardware;
}
FAULT("INIT-17", bindings_get_the_hardware_view, "bind parameters hold what the hardware can do",
      .bind_parameters = hand_out_hardware, .also = "INIT-11,INIT-18", .maybe = "CFG,ENC,KEY");

static void hand_out_nothing(struct ndis_adapter *a, NDIS_BIND_PARAMETERS *p, NDIS_OFFLOAD *copy)
{
    (void)a;
    (void)copy;
    p->DefaultOffloadConfiguration = NULL;
}
FAULT("INIT-17", bindings_get_nothing, "bind parameters hold no configuration",
      .bind_parameters = hand_out_nothing, .also = "INIT-11,INIT-18",
      .maybe = "CFG,KEY,ENC,TXC,LSO1");

static void hand_out_the_first(struct ndis_adapter *a, NDIS_BIND_PARAMETERS *p, NDIS_OFFLOAD *copy)
{
    static NDIS_OFFLOAD kept;
    static bool have;

    (void)p;
    if (!of_probe(a))
        return;
    if (have)
        *copy = kept;
    kept = *copy;
    have = true;
}
FAULT("INIT-18", bindings_get_the_first_view, "bind parameters stay those of initialization",
      .bind_parameters = hand_out_the_first);

/* ---- Too early ------------------------------------------------------------------------------ */

static __thread bool lying;

static void lie(bool begins)
{
    lying = begins;
}

static enum ndis_adapter_state say_running(enum ndis_adapter_state real)
{
    return lying && real == NDIS_ADAPTER_INITIALIZING ? NDIS_ADAPTER_RUNNING : real;
}
FAULT("INIT-20", requests_while_initializing, "NDIS hands on requests while initializing",
      .adapter_state = say_running, .admin_request = lie);

static VOID NTAPI drop_early(NDIS_HANDLE h, PNDIS_STATUS_INDICATION s)
{
    if (!probe_current() ||
        ndis_adapter_state(probe_current()->adapter) != NDIS_ADAPTER_INITIALIZING)
        NdisMIndicateStatusEx(h, s);
}
FAULT("INIT-22", early_indications_lost, "NDIS drops indications made while initializing",
      .maybe = "ENC-25,CAP-17,CAP-20,CAP-22,CAP-24,CFG-6,CFG-13,CFG-15,CFG-21",
      .indicate_status = drop_early);

static NDIS_STATUS NTAPI serve_ndis_5(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    return q->DATA.SET_INFORMATION.Oid == OID_TCP_TASK_OFFLOAD ? NDIS_STATUS_SUCCESS
                                                               : NdisOidRequest(binding, q);
}
FAULT("INIT-24", task_offload_of_ndis_5, "OID_TCP_TASK_OFFLOAD succeeds",
      .oid_request = serve_ndis_5);
