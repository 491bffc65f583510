/* SPDX-License-Identifier: MIT */
/*
 * For tests of rules on the whole path: every test runs for both builds of vionet; what NDIS sees
 * of the driver is logged in order; frames with a number in them; a processor that stands still, so
 * that sends stay with the driver.
 */
#pragma once

#include "test_path_rig.h"

#include "test_path_stall.h"

#include "ndis/private.h"

#include <virtio/net.h>
#include <virtio/pci.h>
#include <virtio/ring.h>

#include <unistd.h>

enum { WATCH_EVENTS = 8192 };

enum watch_kind {
    WATCH_STATE,
    WATCH_STATUS,
    WATCH_OID,
    WATCH_ATTRIBUTES,
    WATCH_SEND,
    WATCH_SEND_COMPLETE,
    WATCH_RECEIVE
};

struct watch_event {
    enum watch_kind kind;
    enum ndis_adapter_state from, to; /* STATE */
    uint32_t code;      /* STATUS: code; OID: oid; ATTRIBUTES: type of the block; RECEIVE: flags */
    NDIS_STATUS status; /* OID, ATTRIBUTES */
    bool reached;
    uint8_t irql;
    NDIS_OBJECT_HEADER header; /* ATTRIBUTES */
};

static struct watch {
    pthread_mutex_t mutex;
    unsigned count;
    struct watch_event event[WATCH_EVENTS];
    NDIS_OFFLOAD now, hardware; /* of the offload attributes */
    bool connection;            /* those attributes name connection offload */
    NDIS_OID oids[128];
    unsigned oid_count;
    void (*on_state)(enum ndis_adapter_state to);
} watch = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static inline void watch_add(struct watch_event e)
{
    e.irql = nt_thread_self()->irql;
    pthread_mutex_lock(&watch.mutex);
    if (watch.count < WATCH_EVENTS)
        watch.event[watch.count++] = e;
    pthread_mutex_unlock(&watch.mutex);
}

static void watch_state(void *arg, struct ndis_adapter *a, enum ndis_adapter_state from,
                        enum ndis_adapter_state to)
{
    (void)arg;
    (void)a;
    watch_add((struct watch_event){.kind = WATCH_STATE, .from = from, .to = to});
    if (watch.on_state)
        watch.on_state(to);
}

static void watch_status(void *arg, struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    (void)arg;
    (void)a;
    watch_add((struct watch_event){.kind = WATCH_STATUS, .code = (uint32_t)s->StatusCode});
}

static void watch_oid(void *arg, struct ndis_adapter *a, const NDIS_OID_REQUEST *r,
                      NDIS_STATUS status, bool reached)
{
    (void)arg;
    (void)a;
    watch_add((struct watch_event){.kind = WATCH_OID,
                                   .code = r->DATA.SET_INFORMATION.Oid,
                                   .status = status,
                                   .reached = reached});
}

static void watch_attributes(void *arg, struct ndis_adapter *a, const void *block,
                             NDIS_STATUS status)
{
    NDIS_OBJECT_HEADER h;

    (void)arg;
    (void)a;
    memcpy(&h, block, sizeof h);
    if (h.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES) {
        const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o = block;

        memcpy(&watch.now, o->DefaultOffloadConfiguration, NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
        memcpy(&watch.hardware, o->HardwareOffloadCapabilities,
               NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1);
        watch.connection = o->DefaultTcpConnectionOffloadConfiguration ||
                           o->TcpConnectionOffloadHardwareCapabilities;
    }
    if (h.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES) {
        const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g = block;

        watch.oid_count = MIN_OF(g->SupportedOidListLength / (unsigned)sizeof(NDIS_OID), 128u);
        memcpy(watch.oids, g->SupportedOidList, watch.oid_count * sizeof(NDIS_OID));
    }
    watch_add((struct watch_event){
        .kind = WATCH_ATTRIBUTES, .code = h.Type, .status = status, .header = h});
}

static void watch_send(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first)
{
    (void)arg;
    (void)a;
    (void)first;
    watch_add((struct watch_event){.kind = WATCH_SEND});
}

static void watch_send_complete(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first)
{
    (void)arg;
    (void)a;
    (void)first;
    watch_add((struct watch_event){.kind = WATCH_SEND_COMPLETE});
}

static void watch_receive(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first, ULONG flags)
{
    (void)arg;
    (void)a;
    (void)first;
    watch_add((struct watch_event){.kind = WATCH_RECEIVE, .code = flags});
}

static const struct ndis_observer watch_observer = {
    .state = watch_state,
    .status = watch_status,
    .oid = watch_oid,
    .attributes = watch_attributes,
    .send = watch_send,
    .send_complete = watch_send_complete,
    .receive = watch_receive,
};

/* Index of the first such event from `at` on, or -1. */
static inline int watch_find(unsigned at, enum watch_kind kind, uint32_t code)
{
    for (unsigned i = at; i < watch.count; i++) {
        if (watch.event[i].kind == kind &&
            (kind == WATCH_SEND || kind == WATCH_SEND_COMPLETE || watch.event[i].code == code))
            return (int)i;
    }
    return -1;
}

static inline int watch_find_state(unsigned at, enum ndis_adapter_state to)
{
    for (unsigned i = at; i < watch.count; i++) {
        if (watch.event[i].kind == WATCH_STATE && watch.event[i].to == to)
            return (int)i;
    }
    return -1;
}

/* ---- Both builds ---------------------------------------------------------------------------- */

static struct path the_path;
static bool path_is_open, path_is_lost;

#define PATH_BOTH(f)                                                                               \
    {#f " (.so)", f, NULL, path_left, (void *)&path_builds[1]},                                    \
    {                                                                                              \
#f " (.sys)", f, NULL, path_left, (void *)&path_builds[0]                                  \
    }
static const bool path_builds[2] = {false, true};

/* PATH_TEST: a pattern of test names, to run some alone. */
#define path_run(tests)                                                                            \
    (cmocka_set_test_filter(getenv("PATH_TEST")), cmocka_run_group_tests(tests, NULL, NULL))

static inline bool path_linked(void **state)
{
    return *(const bool *)*state;
}

/* There is one machine per process, and a test that failed has left it running: what follows would
 * fail for that alone, and is skipped. */
static int path_left(void **state)
{
    (void)state;
    if (path_is_open && !path_is_lost)
        print_error("the test left its path open, so the rest is skipped; last finding: %s\n",
                    the_path.last_finding[0] ? the_path.last_finding : "none");
    path_is_lost = path_is_open;
    return 0;
}

static inline struct path *watch_prepare(void **state, struct path_config config)
{
    if (path_is_lost)
        skip();
    pthread_mutex_lock(&watch.mutex);
    watch.count = watch.oid_count = 0;
    watch.on_state = NULL;
    memset(&watch.now, 0, sizeof watch.now);
    memset(&watch.hardware, 0, sizeof watch.hardware);
    pthread_mutex_unlock(&watch.mutex);
    config.linked = path_linked(state);
    config.observer = &watch_observer;
    path_is_open = true;
    path_prepare(&the_path, &config);
    return &the_path;
}

static inline struct path *watch_open(void **state, struct path_config config)
{
    struct path *p = watch_prepare(state, config);

    path_start(p);
    return p;
}

static inline uint64_t watch_close_with_findings(struct path *p)
{
    uint64_t findings = path_close(p);

    path_is_open = false;
    return findings;
}

static inline void watch_close(struct path *p)
{
    uint64_t findings = watch_close_with_findings(p);

    if (findings)
        fail_msg("%llu findings, the last: %s", (unsigned long long)findings, p->last_finding);
}

/* ---- Frames --------------------------------------------------------------------------------- */

static const uint8_t card_mac[6] = {0x02, 0, 0, 0, 0, 1}, peer_mac[6] = {0x02, 0, 0, 0, 0, 2};

/* UDP over IPv4 with a number as payload's start; `payload` bytes (at least 4) of payload. */
static inline uint32_t numbered(uint8_t *out, size_t size, bool to_card, uint32_t number,
                                uint32_t payload)
{
    uint8_t bytes[9000] = {0};
    struct frame_recipe r = {.ip_version = 4,
                             .l4_proto = 17,
                             .src_ip = {10, 0, 0, 1},
                             .dst_ip = {10, 0, 0, 2},
                             .src_port = 1,
                             .dst_port = 2,
                             .ttl = 64,
                             .payload = bytes,
                             .payload_len = payload};

    memcpy(r.dst_mac, to_card ? card_mac : peer_mac, 6);
    memcpy(r.src_mac, to_card ? peer_mac : card_mac, 6);
    for (uint32_t i = 4; i < payload; i++)
        bytes[i] = (uint8_t)(number + i);
    memcpy(bytes, &number, 4);
    return (uint32_t)frame_build(&r, out, size);
}

static inline uint32_t number_of(const uint8_t *frame)
{
    uint32_t n;

    memcpy(&n, frame + 42, 4);
    return n;
}

static inline NET_BUFFER_LIST *numbered_nbl(struct path *p, uint32_t number, uint32_t payload)
{
    uint8_t frame[9100];
    uint32_t len = numbered(frame, sizeof frame, false, number, payload);

    assert_true(len > 0);
    return path_nbl(p, frame, len, NULL, 0);
}

/* A chain of n NBLs, numbered from `first` on. */
static inline NET_BUFFER_LIST *numbered_chain(struct path *p, uint32_t first, unsigned n,
                                              uint32_t payload)
{
    NET_BUFFER_LIST *head = NULL, **tail = &head;

    for (unsigned i = 0; i < n; i++) {
        *tail = numbered_nbl(p, first + i, payload);
        tail = &(*tail)->Next;
    }
    return head;
}

static inline void arrive(struct path *p, uint32_t number, uint32_t payload)
{
    uint8_t frame[9100];
    uint32_t len = numbered(frame, sizeof frame, true, number, payload);

    path_wire_write(p, frame, len);
}

/* One frame each way. */
static inline void assert_traffic(struct path *p)
{
    unsigned received = p->received_count, completed = p->completed_count;
    uint8_t frame[2048];

    path_send(p, numbered_nbl(p, 0xabcd, 100), 1);
    assert_int_equal(p->completed[completed % PATH_RECORDS].status, NDIS_STATUS_SUCCESS);
    assert_int_equal(path_wire_read(p, frame, sizeof frame, 2), 142);
    assert_int_equal(number_of(frame), 0xabcd);
    arrive(p, 0x1234, 100);
    assert_true(path_wait(p, &p->received_count, received + 1, 2));
    assert_int_equal(p->received[received % PATH_RECORDS].len, 142);
    assert_int_equal(number_of(p->received[received % PATH_RECORDS].data), 0x1234);
}
