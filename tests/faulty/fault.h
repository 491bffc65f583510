/* SPDX-License-Identifier: MIT */
/*
 * Faulty twins: vionet.sys with one thing wrong. A fault stands between the driver and NDIS (it
 * replaces handlers that the driver registers and functions that it imports), on the wire (it
 * changes frames that leave), or in the host (functions of NDIS or of the test protocol's edge,
 * wrapped by the linker). For each check there is at least one fault that breaks what the check's
 * row says, and the suite must name that row and no unrelated one.
 *
 *   FAULT("LSO1-8", fin_everywhere, "FIN stays set in every segment", .wire_out = set_fin);
 *
 * Faults of group MUX, and those that say so, are team.sys's: that is the driver under test then,
 * over vionet.sys.
 *
 * A variant is vionet.sys with something added and nothing wrong: the suite must find nothing, and
 * the rows that it says hold must be seen to.
 */
#pragma once

#include "conform/packet.h"
#include "conform/suite.h"
#include "tcpip/tcpip_int.h"

struct ndis_binding;
struct ndis_keywords;

/* Where an NDIS_OFFLOAD that the driver reports stands. */
enum fault_view { FAULT_HARDWARE, FAULT_DEFAULT, FAULT_INDICATED_HARDWARE, FAULT_INDICATED };

struct fault_import {
    const char *name; /* what the driver imports */
    void *function;   /* what it gets; may call the real one by its name */
};

struct fault_segment;
/* MEND: it goes with checksums made right. */
enum segment_fate { SEGMENT_GOES, SEGMENT_MEND, SEGMENT_LOST };

struct fault {
    const char *id; /* the row that it breaks; NULL: a variant */
    const char *name, *what;
    const char *also;  /* rows that cannot hold with it either, comma separated; NULL: none */
    const char *maybe; /* rows that may be named as well (depends on timing) */
    const char *holds; /* of a variant: ids of rows that must pass with it */
    unsigned mode;     /* for what several faults share: which of them it is */
    struct fault_import imports[4];
    /* Changes what the driver registers; `driver` has what was there. */
    void (*handlers)(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c);
    /* Changes each NDIS_OFFLOAD that the driver reports (edge_config.c, as those up to strict). */
    void (*offload)(NDIS_OFFLOAD *o, enum fault_view view);
    /* The adapter has come to that state. */
    void (*state)(struct ndis_adapter *a, enum ndis_adapter_state to);
    /* The administrator's GUIDs; may call host_wmi_... */
    NDIS_STATUS (*wmi_query)(struct ndis_adapter *a, const GUID *guid, void *buffer, ULONG *bytes);
    NDIS_STATUS(*wmi_set)
    (struct ndis_adapter *a, const GUID *guid, const void *buffer, ULONG bytes);
    void (*wmi_event)(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s);
    bool team;   /* it is team.sys's, although of another group */
    bool strict; /* the row is advice: the suite runs strict, where a warning counts */
    /* A frame on its way from the card to the wire; room for FAULT_FRAME bytes. False: it is lost.
     */
    bool (*wire_out)(uint8_t *frame, uint32_t *len);
    /* Only for frames of sends for which this holds (fields of its first NET_BUFFER's bytes; NULL
     * when they are no TCP or UDP packet). May change the NBL's out-of-band values. */
    bool (*when)(NET_BUFFER_LIST *nbl, const struct fields *f);
    /* Host functions, wrapped: see edge.c for what can be replaced. */
    NDIS_STATUS(NTAPI *oid_request)(NDIS_HANDLE binding, PNDIS_OID_REQUEST q);
    /* What src/tcpip asks of the adapter for a frame of Linux's; may call tcpip_ask. */
    enum tcpip_request (*ask)(struct tcpip *t, const struct tcpip_offers *offers,
                              struct tcpip_slot *s, const struct frame *f);
    /* More functions of the host, by name: those of hosts.c, where the real ones are called
     * __real_NAME. */
    struct fault_import hosts[3];
    /* Changes the handlers that src/tcpip registers; `protocol` has what was there. */
    void (*protocol_handlers)(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c);
    /* NdisMSetMiniportAttributes and NdisMIndicateStatusEx as the suite's own miniport calls them;
     * the driver under test imports the real ones. */
    NDIS_STATUS(NTAPI *set_attributes)(NDIS_HANDLE h, PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block);
    VOID(NTAPI *indicate_status)(NDIS_HANDLE h, PNDIS_STATUS_INDICATION s);
    /* After the real ones: they may change what NDIS hands out. */
    void (*offload_state)(const struct ndis_adapter *a, struct ndis_offload_state *s);
    void (*bind_parameters)(struct ndis_adapter *a, NDIS_BIND_PARAMETERS *p, NDIS_OFFLOAD *copy);
    bool (*connection_view)(bool present, bool hardware, NDIS_TCP_CONNECTION_OFFLOAD *out);
    enum ndis_adapter_state (*adapter_state)(enum ndis_adapter_state real);
    /* Around a request of the administrator's: with true before, with false after. */
    void (*admin_request)(bool begins);
    /* In the place of the driver's OidRequestHandler; may call driver.OidRequestHandler. */
    NDIS_STATUS(NTAPI *oid)(NDIS_HANDLE context, PNDIS_OID_REQUEST q);
    /* NDIS's steps of a request (ndis/private.h); may call the real ones below. */
    bool (*answer)(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                   NDIS_STATUS *status);
    NDIS_STATUS(*keywords_apply)
    (struct ndis_adapter *a, const NDIS_OID_REQUEST *q, struct ndis_keywords **before);
    void (*keywords_done)(struct ndis_adapter *a, struct ndis_keywords *before, bool keep);
    void (*oid_restore)(struct ndis_adapter *a);
    /* Who hears of a status indication. */
    void (*bindings_status)(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s);
    /* Large sends, see below (cut.c). */
    enum segment_fate (*segment)(struct fault_segment *s);
    bool (*extra)(struct fault_segment *s);
    void (*cut)(struct frame *f, enum frame_id_mode *mode);
    NET_BUFFER_LIST *(*send)(NET_BUFFER_LIST *chain);
    /* An NBL that the driver indicates, before NDIS sees it; its headers at least lie in frame. */
    void (*indicate)(NET_BUFFER_LIST *nbl, uint8_t *frame, uint32_t len);
    /* A frame on its way from the check to the card. False: it is lost. */
    bool (*wire_in)(uint8_t *frame, uint32_t len);
    /* The driver reads a keyword as a number, and would get *value if it is `there`. Whether it
     * gets one. */
    bool (*keyword)(const char *name, bool there, ULONG *value);
    /* The same for a protocol that asks NDIS on its own behalf. */
    bool (*host_keyword)(const char *name, bool there, ULONG *value);
    /* The adapter's key, when the .inf was applied and the check's own keywords are not there. */
    void (*installed)(struct reg_key *key);
    /* Right before NDIS initializes an adapter. */
    void (*before_initialize)(void);
    const char *arg; /* for the functions above, where one serves several faults */
};

/* The real ones. */
NDIS_STATUS host_wmi_query(struct ndis_adapter *a, const GUID *guid, void *buffer, ULONG *bytes);
NDIS_STATUS host_wmi_set(struct ndis_adapter *a, const GUID *guid, const void *buffer, ULONG bytes);
void host_wmi_event(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s);
/* For edge.c: what the driver imports in place of that function, for fault->offload; or NULL. */
void *edge_config_import(const char *name);

#define FAULT(id_text, fault_name, what_text, ...)                                                 \
    __attribute__((section("faults"), used,                                                        \
                   aligned(8))) static const struct fault fault_##fault_name = {                   \
        .id = (id_text), .name = #fault_name, .what = (what_text), __VA_ARGS__}

#define VARIANT(variant_name, what_text, holds_text, ...)                                          \
    __attribute__((section("faults"), used,                                                        \
                   aligned(8))) static const struct fault fault_##variant_name = {                 \
        .name = #variant_name, .what = (what_text), .holds = (holds_text), __VA_ARGS__}

enum { FAULT_FRAME = RIG_FRAME };

extern const struct fault *fault;                     /* the one in force; NULL: none */
extern NDIS_MINIPORT_DRIVER_CHARACTERISTICS driver;   /* the driver's own handlers */
extern NDIS_PROTOCOL_DRIVER_CHARACTERISTICS protocol; /* src/tcpip's */

extern NDIS_HANDLE driver_adapter; /* what NDIS gave it for its adapter */

/* The real ones. */
bool host_answer(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *q,
                 NDIS_STATUS *status);
NDIS_STATUS host_keywords_apply(struct ndis_adapter *a, const NDIS_OID_REQUEST *q,
                                struct ndis_keywords **before);
void host_keywords_done(struct ndis_adapter *a, struct ndis_keywords *before, bool keep);
void host_oid_restore(struct ndis_adapter *a);
void host_bindings_status(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s);
NDIS_STATUS NTAPI host_oid_request(NDIS_HANDLE binding, PNDIS_OID_REQUEST q);
enum tcpip_request tcpip_ask(struct tcpip *t, const struct tcpip_offers *offers,
                             struct tcpip_slot *s, const struct frame *f);

/* What stands in the adapter's key as a number; -1: nothing, or no number. */
long fault_keyword(const char *name);
struct reg_key *fault_key(void);
/* Features that the check withheld from the card. */
uint64_t fault_withheld(void);

/* For wire_out: reads the frame; NULL when it is no TCP or UDP packet. Checksums are to be mended
 * with frame_mend after a change, so that only the change is wrong. */
struct fields *frame_fields(uint8_t *frame, uint32_t len);
void frame_mend(uint8_t *frame, uint32_t len);
/* Number of the frame since the last mark: 0 first. */
unsigned frame_number(void);
/* wire_out: the TCP or UDP checksum, or the IPv4 header checksum, comes out wrong. */
bool spoil_transport(uint8_t *frame, uint32_t *len);
bool spoil_ip(uint8_t *frame, uint32_t *len);

/* ---- Large sends (cut.c) -------------------------------------------------------------------- */

/* What the protocol handed down, as it was then: the latest large send of that packet. */
struct fault_sent {
    const NET_BUFFER_LIST *nbl;
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO slot;
    uint32_t l4, bytes;    /* by the slot; of the frame */
    unsigned mdls, chain;  /* chain: NBLs handed down together */
    bool checksum, tagged; /* those slots are not 0 */
    bool odd;              /* an MDL but the last one has an odd length */
    uint32_t head_len;
    uint8_t head[192];
};
/* By its NBL, NULL when that was none; by ports and sequence number, zeroes when there is none. */
const struct fault_sent *sent_nbl(const NET_BUFFER_LIST *nbl);
const struct fault_sent *sent_packet(const uint8_t *tcp);
/* Its headers, read as far as they go (a template's length may be 0). NULL: no TCP or UDP. */
struct fields *sent_fields(const struct fault_sent *s);

/*
 * A frame that the card has cut off a large send; fault->segment may change it. fault->extra is
 * asked once after the last one for a frame more: bytes hold the template's headers then, len
 * theirs; true: it goes, checksums made right. fault->cut comes before either and may change what
 * the card takes for MSS. fault->send changes a chain on its way into NDIS.
 */
struct fault_segment {
    uint8_t *bytes;
    uint32_t len;
    unsigned index, count;
    uint32_t mss;
    struct fields *f;
    const struct fault_sent *sent; /* never NULL; zeroes when it is not known */
    bool v1;
};
