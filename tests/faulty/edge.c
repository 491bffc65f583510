/* SPDX-License-Identifier: MIT */
/* Where faults come in: imports and handlers of the driver, frames that leave, host functions. */
#include "edge.h"

#include "ndis/adapter.h"
#include "nt/export.h"
#include "port/port.h"

const struct fault *fault;
NDIS_MINIPORT_DRIVER_CHARACTERISTICS driver;
NDIS_PROTOCOL_DRIVER_CHARACTERISTICS protocol;
NDIS_HANDLE driver_adapter;

static struct port *wire;      /* the card's end; the first one's, of a team */
static const char *under_test; /* the image whose imports are changed */
static bool loading_other;     /* now: a member's driver */
static uint64_t withheld;
static unsigned number;

nt_function __real_nt_export_find(const char *name);
nt_function __wrap_nt_export_find(const char *name);
int __real_nt_driver_load(const char *path, const char *service, struct nt_driver **out,
                          struct why *why);
int __wrap_nt_driver_load(const char *path, const char *service, struct nt_driver **out,
                          struct why *why);
int __real_nic_new(const struct nic_config *config, struct port *w, struct nic **out,
                   struct why *why);
int __wrap_nic_new(const struct nic_config *config, struct port *w, struct nic **out,
                   struct why *why);
unsigned __real_port_tx(struct port *p, const struct frame *frames, unsigned n);
unsigned __wrap_port_tx(struct port *p, const struct frame *frames, unsigned n);
NDIS_STATUS NTAPI __real_NdisOidRequest(NDIS_HANDLE binding, PNDIS_OID_REQUEST q);
NDIS_STATUS NTAPI __wrap_NdisOidRequest(NDIS_HANDLE binding, PNDIS_OID_REQUEST q);
enum tcpip_request __real_tcpip_request_write(struct tcpip *t, const struct tcpip_offers *offers,
                                              struct tcpip_slot *s, const struct frame *f);
enum tcpip_request __wrap_tcpip_request_write(struct tcpip *t, const struct tcpip_offers *offers,
                                              struct tcpip_slot *s, const struct frame *f);
NDIS_STATUS NTAPI __real_NdisRegisterProtocolDriver(NDIS_HANDLE context,
                                                    PNDIS_PROTOCOL_DRIVER_CHARACTERISTICS c,
                                                    PNDIS_HANDLE out);
NDIS_STATUS NTAPI __wrap_NdisRegisterProtocolDriver(NDIS_HANDLE context,
                                                    PNDIS_PROTOCOL_DRIVER_CHARACTERISTICS c,
                                                    PNDIS_HANDLE out);

/* ---- Sends that a fault looks at ------------------------------------------------------------ */

/* For each frame that is to leave, in order: whether the fault applies to it. */
static struct {
    uint32_t frames; /* of one NBL; UINT32_MAX: cut by the driver or card, until the next */
    bool chosen;
} chosen[4096];
static unsigned chosen_in, chosen_out;

static void copy_first(const NET_BUFFER *nb, uint8_t *dst, uint32_t *len)
{
    ULONG left = MIN_OF(nb->DataLength, (ULONG)FAULT_FRAME), offset = nb->CurrentMdlOffset;

    *len = left;
    for (MDL *mdl = nb->CurrentMdl; mdl && left; mdl = mdl->Next) {
        ULONG n = MIN_OF(MmGetMdlByteCount(mdl) - offset, left);

        memcpy(dst, (uint8_t *)MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) + offset, n);
        dst += n;
        left -= n;
        offset = 0;
    }
}

static uint32_t frames_of(const NET_BUFFER_LIST *nbl)
{
    uint32_t n = 0;

    if (nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo])
        return UINT32_MAX;
    for (const NET_BUFFER *nb = nbl->FirstNetBuffer; nb; nb = nb->Next)
        n++;
    return n;
}

static VOID NTAPI SendNetBufferLists(NDIS_HANDLE MiniportAdapterContext,
                                     PNET_BUFFER_LIST NetBufferList, NDIS_PORT_NUMBER PortNumber,
                                     ULONG SendFlags)
{
    static uint8_t bytes[FAULT_FRAME];
    uint32_t len;

    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next) {
        unsigned at = chosen_in++ % ARRAY_LEN(chosen);

        copy_first(nbl->FirstNetBuffer, bytes, &len);
        chosen[at].frames = frames_of(nbl);
        chosen[at].chosen = fault->when(nbl, frame_fields(bytes, len));
    }
    driver.SendNetBufferListsHandler(MiniportAdapterContext, NetBufferList, PortNumber, SendFlags);
}

/* Whether the frame that leaves now is one of those. Large sends end where a mark, or another send
 * with a known number of frames, begins; checks send one at a time. */
static bool is_chosen(void)
{
    unsigned at = chosen_out % ARRAY_LEN(chosen);

    if (!fault->when)
        return true;
    if (chosen_out == chosen_in)
        return false;
    if (chosen[at].frames == UINT32_MAX) {
        if (chosen_out + 1 == chosen_in)
            return chosen[at].chosen;
        at = ++chosen_out % ARRAY_LEN(chosen);
    }
    if (--chosen[at].frames == 0)
        chosen_out++;
    return chosen[at].chosen;
}

/* ---- The driver's edge ---------------------------------------------------------------------- */

static NDIS_STATUS NTAPI InitializeEx(NDIS_HANDLE MiniportAdapterHandle,
                                      NDIS_HANDLE MiniportDriverContext,
                                      PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    driver_adapter = MiniportAdapterHandle;
    return driver.InitializeHandlerEx(MiniportAdapterHandle, MiniportDriverContext,
                                      MiniportInitParameters);
}

static NDIS_STATUS NTAPI RegisterMiniportDriver(
    PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath, NDIS_HANDLE MiniportDriverContext,
    PNDIS_MINIPORT_DRIVER_CHARACTERISTICS MiniportDriverCharacteristics,
    PNDIS_HANDLE NdisMiniportDriverHandle)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS c;

    memset(&c, 0, sizeof c);
    memcpy(&c, MiniportDriverCharacteristics,
           MIN_OF(sizeof c, (size_t)MiniportDriverCharacteristics->Header.Size));
    driver = c;
    c.InitializeHandlerEx = InitializeEx;
    if (fault->oid)
        c.OidRequestHandler = fault->oid;
    if (fault->when)
        c.SendNetBufferListsHandler = SendNetBufferLists;
    if (fault->handlers)
        fault->handlers(&c);
    return NdisMRegisterMiniportDriver(DriverObject, RegistryPath, MiniportDriverContext, &c,
                                       NdisMiniportDriverHandle);
}

static VOID NTAPI IndicateReceive(NDIS_HANDLE MiniportAdapterHandle,
                                  PNET_BUFFER_LIST NetBufferLists, NDIS_PORT_NUMBER PortNumber,
                                  ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)
{
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = nbl->Next) {
        const NET_BUFFER *nb = nbl->FirstNetBuffer;
        uint8_t *at = MmGetSystemAddressForMdlSafe(nb->CurrentMdl, NormalPagePriority);

        fault->indicate(
            nbl, at + nb->CurrentMdlOffset,
            MIN_OF(MmGetMdlByteCount(nb->CurrentMdl) - nb->CurrentMdlOffset, nb->DataLength));
    }
    NdisMIndicateReceiveNetBufferLists(MiniportAdapterHandle, NetBufferLists, PortNumber,
                                       NumberOfNetBufferLists, ReceiveFlags);
}

void edge_under_test(const char *image)
{
    under_test = image;
}

int __wrap_nt_driver_load(const char *path, const char *service, struct nt_driver **out,
                          struct why *why)
{
    int r;

    loading_other = strcmp(path, under_test) != 0;
    r = __real_nt_driver_load(path, service, out, why);
    loading_other = false;
    return r;
}

nt_function __wrap_nt_export_find(const char *name)
{
    if (loading_other)
        return __real_nt_export_find(name);
    for (size_t i = 0; fault && i < ARRAY_LEN(fault->imports); i++) {
        if (fault->imports[i].name && strcmp(fault->imports[i].name, name) == 0)
            return (nt_function)fault->imports[i].function;
    }
    if (fault && fault->offload && edge_config_import(name))
        return (nt_function)edge_config_import(name);
    if (fault && strcmp(name, "NdisMRegisterMiniportDriver") == 0)
        return (nt_function)RegisterMiniportDriver;
    if (fault && fault->keyword && strcmp(name, "NdisReadConfiguration") == 0)
        return (nt_function)edge_read_configuration;
    if (fault && fault->indicate && strcmp(name, "NdisMIndicateReceiveNetBufferLists") == 0)
        return (nt_function)IndicateReceive;
    return __real_nt_export_find(name);
}

/* ---- The wire ------------------------------------------------------------------------------- */

int __wrap_nic_new(const struct nic_config *config, struct port *w, struct nic **out,
                   struct why *why)
{
    if (config->mac[4] == 0) { /* not another member's */
        wire = w;
        withheld = config->features_withheld;
    }
    return __real_nic_new(config, w, out, why);
}

static bool is_mark(const uint8_t *frame, uint32_t len)
{
    return len >= 22 && memcmp(frame + 12, "\x88\xb5mark", 6) == 0;
}

static unsigned send_changed(struct port *p, const struct frame *f)
{
    static uint8_t bytes[FAULT_FRAME];
    struct frame_span span = {bytes, (uint32_t)frame_pull(f, 0, bytes, sizeof bytes)};
    struct frame changed = {.spans = &span, .span_count = 1};

    bool applies = is_chosen();

    if (is_mark(bytes, span.len)) {
        number = 0;
    } else {
        bool goes = !applies || fault->wire_out(bytes, &span.len);

        number++;
        if (!goes)
            return 1;
    }
    changed.len = span.len;
    return __real_port_tx(p, &changed, 1);
}

static bool is_lost(const struct frame *f)
{
    static uint8_t bytes[FAULT_FRAME];
    uint32_t len = (uint32_t)frame_pull(f, 0, bytes, sizeof bytes);

    return !is_mark(bytes, len) && !fault->wire_in(bytes, len);
}

unsigned __wrap_port_tx(struct port *p, const struct frame *frames, unsigned n)
{
    unsigned gone = 0;

    if (fault && fault->wire_in && wire && p == port_cable_peer(wire) && n == 1 && is_lost(frames))
        return 1;

    if (!fault || !fault->wire_out || p != wire)
        return __real_port_tx(p, frames, n);
    for (unsigned i = 0; i < n; i++)
        gone += send_changed(p, &frames[i]);
    return gone;
}

uint64_t fault_withheld(void)
{
    return withheld;
}

unsigned frame_number(void)
{
    return number;
}

struct fields *frame_fields(uint8_t *frame, uint32_t len)
{
    static struct fields f;
    struct rig_seen seen = {frame, len};

    return fields_read(&seen, &f) ? &f : NULL;
}

void frame_mend(uint8_t *frame, uint32_t len)
{
    struct fields *f = frame_fields(frame, len);
    uint8_t *field, *ip;
    uint32_t sum;

    if (!f)
        return;
    ip = frame + f->l3;
    if (f->version == 4) {
        naive_put(ip + 10, 2, 0);
        naive_put(ip + 10, 2, 0xffff - naive_sum(ip, f->ip_header_len, 0, 0));
    }
    field = frame + f->l4 + (f->proto == 6 ? 16 : 6);
    naive_put(field, 2, 0);
    sum = naive_pseudo(ip, f->version, f->proto, f->end - f->l4);
    naive_put(field, 2, 0xffff - naive_sum(frame + f->l4, f->end - f->l4, 0, sum));
}

bool spoil_transport(uint8_t *frame, uint32_t *len)
{
    struct fields *f = frame_fields(frame, *len);

    if (f)
        frame[f->l4 + (f->proto == 6 ? 16 : 6)] ^= 0x5a;
    return true;
}

bool spoil_ip(uint8_t *frame, uint32_t *len)
{
    struct fields *f = frame_fields(frame, *len);

    if (f && f->version == 4)
        frame[f->l3 + 10] ^= 0x5a;
    return true;
}

/* ---- The host ------------------------------------------------------------------------------- */

NDIS_STATUS NTAPI __wrap_NdisOidRequest(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    static __thread bool inside; /* the fault calls it by its name */
    NDIS_STATUS status;

    if (inside || !fault || !fault->oid_request)
        return __real_NdisOidRequest(binding, q);
    inside = true;
    status = fault->oid_request(binding, q);
    inside = false;
    return status;
}

NDIS_STATUS NTAPI __real_NdisMSetMiniportAttributes(NDIS_HANDLE h,
                                                    PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block);
NDIS_STATUS NTAPI __wrap_NdisMSetMiniportAttributes(NDIS_HANDLE h,
                                                    PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block);
VOID NTAPI __real_NdisMIndicateStatusEx(NDIS_HANDLE h, PNDIS_STATUS_INDICATION s);
VOID NTAPI __wrap_NdisMIndicateStatusEx(NDIS_HANDLE h, PNDIS_STATUS_INDICATION s);
void __real_ndis_adapter_offload(const struct ndis_adapter *a, struct ndis_offload_state *s);
void __wrap_ndis_adapter_offload(const struct ndis_adapter *a, struct ndis_offload_state *s);
void __real_ndis_offload_bind_parameters(struct ndis_adapter *a, NDIS_BIND_PARAMETERS *p,
                                         NDIS_OFFLOAD *copy);
void __wrap_ndis_offload_bind_parameters(struct ndis_adapter *a, NDIS_BIND_PARAMETERS *p,
                                         NDIS_OFFLOAD *copy);
bool __real_ndis_connection_view(struct ndis_adapter *a, bool hardware,
                                 NDIS_TCP_CONNECTION_OFFLOAD *out);
bool __wrap_ndis_connection_view(struct ndis_adapter *a, bool hardware,
                                 NDIS_TCP_CONNECTION_OFFLOAD *out);
enum ndis_adapter_state __real_ndis_adapter_state(const struct ndis_adapter *a);
enum ndis_adapter_state __wrap_ndis_adapter_state(const struct ndis_adapter *a);
NDIS_STATUS __real_ndis_adapter_request(struct ndis_adapter *a, NDIS_REQUEST_TYPE type,
                                        NDIS_OID oid, void *buffer, ULONG *bytes);
NDIS_STATUS __wrap_ndis_adapter_request(struct ndis_adapter *a, NDIS_REQUEST_TYPE type,
                                        NDIS_OID oid, void *buffer, ULONG *bytes);

NDIS_STATUS NTAPI __wrap_NdisMSetMiniportAttributes(NDIS_HANDLE h,
                                                    PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block)
{
    static __thread bool inside;
    NDIS_STATUS status;

    if (inside || !fault || !fault->set_attributes)
        return __real_NdisMSetMiniportAttributes(h, block);
    inside = true;
    status = fault->set_attributes(h, block);
    inside = false;
    return status;
}

VOID NTAPI __wrap_NdisMIndicateStatusEx(NDIS_HANDLE h, PNDIS_STATUS_INDICATION s)
{
    static __thread bool inside;

    if (inside || !fault || !fault->indicate_status) {
        __real_NdisMIndicateStatusEx(h, s);
        return;
    }
    inside = true;
    fault->indicate_status(h, s);
    inside = false;
}

void __wrap_ndis_adapter_offload(const struct ndis_adapter *a, struct ndis_offload_state *s)
{
    __real_ndis_adapter_offload(a, s);
    if (fault && fault->offload_state)
        fault->offload_state(a, s);
}

void __wrap_ndis_offload_bind_parameters(struct ndis_adapter *a, NDIS_BIND_PARAMETERS *p,
                                         NDIS_OFFLOAD *copy)
{
    __real_ndis_offload_bind_parameters(a, p, copy);
    if (fault && fault->bind_parameters)
        fault->bind_parameters(a, p, copy);
}

bool __wrap_ndis_connection_view(struct ndis_adapter *a, bool hardware,
                                 NDIS_TCP_CONNECTION_OFFLOAD *out)
{
    bool present = __real_ndis_connection_view(a, hardware, out);

    return fault && fault->connection_view ? fault->connection_view(present, hardware, out)
                                           : present;
}

enum ndis_adapter_state __wrap_ndis_adapter_state(const struct ndis_adapter *a)
{
    enum ndis_adapter_state state = __real_ndis_adapter_state(a);

    return fault && fault->adapter_state ? fault->adapter_state(state) : state;
}

NDIS_STATUS __wrap_ndis_adapter_request(struct ndis_adapter *a, NDIS_REQUEST_TYPE type,
                                        NDIS_OID oid, void *buffer, ULONG *bytes)
{
    NDIS_STATUS status;

    if (fault && fault->admin_request)
        fault->admin_request(true);
    status = __real_ndis_adapter_request(a, type, oid, buffer, bytes);
    if (fault && fault->admin_request)
        fault->admin_request(false);
    return status;
}

NDIS_STATUS NTAPI host_oid_request(NDIS_HANDLE binding, PNDIS_OID_REQUEST q)
{
    return __real_NdisOidRequest(binding, q);
}

enum tcpip_request __wrap_tcpip_request_write(struct tcpip *t, const struct tcpip_offers *offers,
                                              struct tcpip_slot *s, const struct frame *f)
{
    if (fault && fault->ask)
        return fault->ask(t, offers, s, f);
    return __real_tcpip_request_write(t, offers, s, f);
}

enum tcpip_request tcpip_ask(struct tcpip *t, const struct tcpip_offers *offers,
                             struct tcpip_slot *s, const struct frame *f)
{
    return __real_tcpip_request_write(t, offers, s, f);
}

/* TCPIP; the test protocols' names begin otherwise. */
NDIS_STATUS NTAPI __wrap_NdisRegisterProtocolDriver(NDIS_HANDLE context,
                                                    PNDIS_PROTOCOL_DRIVER_CHARACTERISTICS c,
                                                    PNDIS_HANDLE out)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS changed = *c;

    if (!fault || !fault->protocol_handlers || c->Name.Buffer[0] != 'T')
        return __real_NdisRegisterProtocolDriver(context, c, out);
    protocol = changed;
    fault->protocol_handlers(&changed);
    return __real_NdisRegisterProtocolDriver(context, &changed, out);
}
