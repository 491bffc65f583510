/* SPDX-License-Identifier: MIT */
/*
 * A team for tests: the test protocol of test_path_rig.h above, NDIS, the team driver, and below it
 * up to four vionet cards, each with a cable whose far end the test holds. Both drivers are of one
 * build. One team at a time in a process; every test runs for both builds.
 */
#pragma once

#include "test_path_rig.h"

#include "test_frame_naive.h"

#include "ndis/private.h"

enum { TEAM_CARDS = 4, TEAM_FRAME = 74 };

#define TEAM_NO_OFFLOAD "csum,guest_csum" /* all others need one of these */

struct team_card { /* one NIC with its miniport */
    struct port *wire, *far;
    struct nic *nic;
    struct nt_device *device;
    struct nt_watch *watch;
    struct reg_key *key;
    struct ndis_adapter *adapter;
    char name[16];
    bool member;   /* connected to the team's protocol */
    unsigned slot; /* of a member: the lowest that was free; the lowest usable one is preferred */
    unsigned announced; /* announcements seen on its wire */
};

struct team_rig_config {
    bool linked, hash;
    unsigned cards;                   /* present at start; 0: two */
    const char *withhold[TEAM_CARDS]; /* features of each card */
    uint16_t mtu[TEAM_CARDS];
    bool link_down[TEAM_CARDS];
    const char *const *keywords; /* of the team: pairs name, value; NULL ends */
    bool no_activate, no_filter;
    const struct ndis_observer *observer;
};

static struct team_rig {
    struct team_rig_config config;
    struct path p; /* the protocol's side: p.adapter is the team's */
    struct nt_driver *team_driver, *vionet_driver;
    struct inf *team_inf, *vionet_inf;
    struct reg_key *key;
    struct ndis_adapter *team;
    struct team_card card[TEAM_CARDS];
} rig;

static bool team_linked, team_is_open; /* the build under test; a test that failed left it open */

/* ---- Waiting -------------------------------------------------------------------------------- */

#define team_until(condition)                                                                      \
    do {                                                                                           \
        double until_ = path_now() + 10;                                                           \
        while (!(condition) && path_now() < until_)                                                \
            usleep(500);                                                                           \
        assert_true(condition);                                                                    \
    } while (0)

/* ---- Parts ---------------------------------------------------------------------------------- */

static inline struct reg_key *team_key(unsigned number, struct inf *inf,
                                       const char *const *keywords)
{
    struct inf_model model;
    struct why why = {0};
    struct reg_key *key;
    char path[200];

    snprintf(path, sizeof path,
             "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4D36E972-"
             "E325-11CE-BFC1-08002BE10318}\\%04u",
             number);
    key = registry_open(rig.p.registry, path, true);
    if (inf_find_model(inf, NULL, &model, &why) < 0 || inf_apply(inf, &model, key, &why) < 0)
        fail_msg("%s", why.text);
    for (unsigned i = 0; keywords && keywords[i]; i += 2)
        reg_set_sz(key, keywords[i], keywords[i + 1]);
    return key;
}

static inline struct inf *team_inf(const char *driver)
{
    struct why why = {0};
    struct inf *inf = NULL;
    char name[4096];

    snprintf(name, sizeof name, "%s/drivers/%s/%s.inf", path_build(), driver, driver);
    if (inf_load(name, &inf, &why) < 0)
        fail_msg("%s", why.text);
    return inf;
}

static inline struct nt_driver *team_load(const char *driver)
{
    struct nt_driver *d = NULL;
    struct why why = {0};
    char image[4096];

    snprintf(image, sizeof image, "%s/drivers/%s/%s.%s", path_build(), driver, driver,
             rig.config.linked ? "so" : "sys");
    if (nt_driver_load(image, driver, &d, &why) < 0)
        fail_msg("%s", why.text);
    return d;
}

static void team_card_ready(void *arg)
{
    struct team_card *c = arg;

    nic_wire_ready(c->nic);
}

static inline void card_plug(unsigned i)
{
    struct team_card *c = &rig.card[i];
    struct nic_config nic = {.mac = {0x02, 0, 0, 0, 0, (uint8_t)(i + 1)},
                             .mtu = rig.config.mtu[i],
                             .link_down = rig.config.link_down[i]};
    struct ndis_adapter_config adapter;
    struct why why = {0};

    snprintf(c->name, sizeof c->name, "card%u", i);
    if (rig.config.withhold[i] &&
        nic_features_parse(rig.config.withhold[i], &nic.features_withheld, &why) < 0)
        fail_msg("%s", why.text);
    if (port_open("cable", &c->wire, &why) < 0 || nic_new(&nic, c->wire, &c->nic, &why) < 0 ||
        nt_device_new(nic_pci(c->nic), &c->device, &why) < 0)
        fail_msg("%s", why.text);
    c->far = port_cable_peer(c->wire);
    c->key = team_key(i + 1, rig.vionet_inf, NULL);
    adapter = (struct ndis_adapter_config){rig.vionet_driver, c->device, c->key, c->name};
    if (ndis_adapter_new(&adapter, &c->adapter, &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(nt_watch_add(0, port_fd(c->wire), team_card_ready, c, &c->watch), 0);
    assert_int_equal(ndis_adapter_initialize(c->adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_restart(c->adapter), NDIS_STATUS_SUCCESS);
}

static inline void card_unplug(unsigned i)
{
    struct team_card *c = &rig.card[i];

    if (!c->adapter)
        return;
    ndis_adapter_disconnect(c->adapter, "team");
    ndis_adapter_halt(c->adapter);
    ndis_adapter_free(c->adapter);
    nt_watch_remove(c->watch);
    nt_device_free(c->device);
    nic_free(c->nic);
    port_free(c->far);
    port_free(c->wire);
    memset(c, 0, sizeof *c);
}

/* The card becomes a member, and no longer is one. */
static inline struct team_card *card_in_slot(unsigned slot)
{
    for (unsigned i = 0; i < TEAM_CARDS; i++) {
        if (rig.card[i].member && rig.card[i].slot == slot)
            return &rig.card[i];
    }
    return NULL;
}

static inline int card_join(unsigned i)
{
    struct why why = {0};
    int r = ndis_adapter_connect(rig.card[i].adapter, "team", &why);
    unsigned slot = 0;

    while (card_in_slot(slot))
        slot++;
    rig.card[i].slot = slot;
    rig.card[i].member = r == 0;
    return r;
}

static inline void card_leave(unsigned i)
{
    ndis_adapter_disconnect(rig.card[i].adapter, "team");
    rig.card[i].member = false;
}

static void loop_nothing(void *arg)
{
    (void)arg;
}

/* Returns when the card's miniport has told everybody. */
static inline void card_link(unsigned i, bool up)
{
    struct ndis_adapter_info info;

    nic_set_link(rig.card[i].nic, up);
    team_until((ndis_adapter_info(rig.card[i].adapter, &info), info.link_up == up));
    nt_loop_call(0, loop_nothing, NULL); /* the call that has told NDIS is over */
}

/* ---- In a member's name --------------------------------------------------------------------- */

static inline void card_status(unsigned card, NDIS_STATUS code, void *buffer, ULONG bytes)
{
    ndis_bindings_status(
        rig.card[card].adapter,
        &(NDIS_STATUS_INDICATION){.Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, 1,
                                             NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
                                  .SourceHandle = rig.card[card].adapter,
                                  .StatusCode = code,
                                  .StatusBuffer = buffer,
                                  .StatusBufferSize = bytes});
}

static inline void card_reset(unsigned card, NDIS_STATUS code, NDIS_STATUS outcome)
{
    card_status(card, code, &outcome, code == NDIS_STATUS_RESET_END ? sizeof outcome : 0);
}

/* As if its miniport said so; the card's link stays as it is. */
static inline void card_tell_link(unsigned card, bool up)
{
    NDIS_LINK_STATE l = {.Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_LINK_STATE_REVISION_1},
                         .MediaConnectState =
                             up ? MediaConnectStateConnected : MediaConnectStateDisconnected};

    card_status(card, NDIS_STATUS_LINK_STATE, &l, NDIS_SIZEOF_LINK_STATE_REVISION_1);
}

/* ---- The wires ------------------------------------------------------------------------------ */

/* Next frame on that card's wire, whatever it is; 0 when none comes within `seconds`. */
static inline uint32_t card_read_any(unsigned i, uint8_t *dst, uint32_t size, double seconds)
{
    struct frame_span span = {dst, size};
    struct port_buffer b = {.spans = &span, .span_count = 1};
    double until = path_now() + seconds;

    for (;;) {
        struct pollfd fd = {.fd = port_fd(rig.card[i].far), .events = POLLIN};

        b.len = 0;
        if (port_rx(rig.card[i].far, &b, 1) == 1)
            return b.len;
        if (path_now() >= until)
            return 0;
        poll(&fd, 1, 10);
    }
}

/* What the team broadcasts when another member comes into use: Ethernet, RARP request; own address
 * and IPv4 address of sender and of target; padding. */
static const uint8_t team_announcement[60] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 1,    0x80, 0x35, 0, 1, 8, 0, 6, 4, 0,
    3,    0x02, 0,    0,    0,    0,    1,    0, 0, 0, 0, 0x02, 0,    0,    0, 0, 1, 0, 0, 0, 0};

/* Next one that is no announcement; announcements are counted. */
static inline uint32_t card_read(unsigned i, uint8_t *dst, uint32_t size, double seconds)
{
    double until = path_now() + seconds;
    uint32_t len;

    for (;;) {
        double left = until - path_now();

        len = card_read_any(i, dst, size, left > 0 ? left : 0);
        if (len < 14 || dst[12] != 0x80 || dst[13] != 0x35)
            return len;
        assert_int_equal(len, sizeof team_announcement);
        assert_memory_equal(dst, team_announcement, sizeof team_announcement);
        rig.card[i].announced++;
    }
}

static inline void card_write(unsigned i, const void *frame, uint32_t len)
{
    struct frame_span span = {(uint8_t *)(uintptr_t)frame, len};
    struct frame f = {.spans = &span, .span_count = 1, .len = len};

    assert_int_equal(port_tx(rig.card[i].far, &f, 1), 1);
}

/* The card on whose wire this very frame comes out; it comes out once, and nowhere else. */
static inline unsigned team_wire_of(const void *frame, uint32_t len)
{
    static uint8_t got[PATH_FRAME];
    double until = path_now() + 5;
    unsigned found = TEAM_CARDS;

    while (found == TEAM_CARDS && path_now() < until) {
        for (unsigned i = 0; i < TEAM_CARDS; i++) {
            uint32_t n = rig.card[i].adapter ? card_read(i, got, sizeof got, 0.002) : 0;

            if (!n)
                continue;
            assert_int_equal(n, len);
            assert_memory_equal(got, frame, len);
            assert_int_equal(found, TEAM_CARDS);
            found = i;
        }
    }
    assert_int_not_equal(found, TEAM_CARDS);
    return found;
}

static inline void team_wires_silent(void)
{
    static uint8_t got[PATH_FRAME];

    for (unsigned i = 0; i < TEAM_CARDS; i++)
        assert_int_equal(rig.card[i].adapter ? card_read(i, got, sizeof got, 0.01) : 0, 0);
}

/* ---- Life ----------------------------------------------------------------------------------- */

/* What an installation's notify object writes. */
static inline void team_name_device(void)
{
    struct reg_key *parameters = registry_open(
        rig.p.registry, "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\team\\Parameters",
        true);

    assert_int_equal(reg_set_sz(parameters, "UpperBindings", ndis_adapter_device(rig.team)), 0);
}

static inline void team_plug(void)
{
    struct ndis_adapter_config adapter;
    struct why why = {0};

    rig.key = team_key(0, rig.team_inf, rig.config.keywords);
    if (rig.config.hash)
        reg_set_sz(rig.key, "TeamPolicy", "1");
    adapter = (struct ndis_adapter_config){rig.team_driver, NULL, rig.key, "team0"};
    if (ndis_adapter_new(&adapter, &rig.team, &why) < 0 ||
        ndis_adapter_connect(rig.team, "PATH", &why) < 0)
        fail_msg("%s", why.text);
    rig.p.adapter = rig.team;
    team_name_device();
}

static inline void team_open(struct team_rig_config config)
{
    struct why why = {0};

    memset(&rig, 0, sizeof rig);
    team_is_open = true;
    rig.config = config;
    rig.config.linked = team_linked;
    rig.p.config = (struct path_config){
        .linked = team_linked, .no_activate = config.no_activate, .no_filter = config.no_filter};
    rig.p.held_tail = &rig.p.held;
    pthread_mutex_init(&rig.p.mutex, NULL);
    pthread_cond_init(&rig.p.changed, NULL);
    finding_set_sink(path_finding, &rig.p);
    rig.p.findings_before = finding_count();
    rig.p.registry = registry_new();
    registry_set_system(rig.p.registry);
    if (path_fault_install(&why) < 0 || nt_start(1, &why) < 0 || ndis_start(&why) < 0)
        fail_msg("%s", why.text);
    ndis_set_observer(config.observer);
    path_register(&rig.p);
    rig.team_inf = team_inf("team");
    rig.vionet_inf = team_inf("vionet");
    rig.team_driver = team_load("team");
    rig.vionet_driver = team_load("vionet");
    team_plug();
    for (unsigned i = 0; i < (config.cards ? config.cards : 2); i++) {
        card_plug(i);
        assert_int_equal(card_join(i), 0);
    }
    assert_true(ndis_adapter_wait(rig.team, NDIS_ADAPTER_RUNNING, 10));
    team_until(atomic_load(&rig.p.running) && rig.p.binding);
}

static inline void team_free_records(void)
{
    for (unsigned i = 0; i < MIN_OF(rig.p.completed_count, (unsigned)PATH_RECORDS); i++) {
        if (rig.p.completed[i].nbl)
            path_free_nbl(&rig.p, rig.p.completed[i].nbl);
    }
    for (unsigned i = 0; i < PATH_RECORDS; i++)
        free(rig.p.received[i].data);
}

/* Takes everything down; nothing is left and no rule was broken. */
static inline void team_close(void)
{
    uint64_t left;

    team_is_open = false;
    path_return_held(&rig.p);
    ndis_adapter_disconnect(rig.team, "PATH");
    for (unsigned i = 0; i < TEAM_CARDS; i++)
        card_unplug(i);
    ndis_adapter_halt(rig.team);
    ndis_adapter_free(rig.team);
    team_free_records();
    assert_int_equal(rig.p.nbls_out, 0);
    NdisFreeNetBufferListPool(rig.p.nbl_pool);
    NdisFreeNetBufferPool(rig.p.nb_pool);
    NdisDeregisterProtocolDriver(rig.p.protocol);
    left = nt_driver_unload(rig.team_driver) + nt_driver_unload(rig.vionet_driver);
    inf_free(rig.team_inf);
    inf_free(rig.vionet_inf);
    ndis_set_observer(NULL);
    ndis_stop();
    nt_stop();
    registry_set_system(NULL);
    registry_free(rig.p.registry);
    finding_set_sink(NULL, NULL);
    assert_int_equal(finding_count() - rig.p.findings_before, 0);
    assert_int_equal(left, 0);
}

/* ---- What the protocol was told ------------------------------------------------------------- */

/* How many indications of that code the protocol has had. */
static inline unsigned team_told(NDIS_STATUS code)
{
    unsigned n = 0;

    pthread_mutex_lock(&rig.p.mutex);
    for (unsigned i = 0; i < MIN_OF(rig.p.status_count, (unsigned)PATH_RECORDS); i++)
        n += rig.p.status[i].code == code;
    pthread_mutex_unlock(&rig.p.mutex);
    return n;
}

/* The last one's buffer; false: there was none. */
static inline bool team_last_told(NDIS_STATUS code, void *buffer, size_t size)
{
    bool any = false;

    pthread_mutex_lock(&rig.p.mutex);
    for (unsigned i = 0; i < MIN_OF(rig.p.status_count, (unsigned)PATH_RECORDS); i++) {
        if (rig.p.status[i].code != code)
            continue;
        memcpy(buffer, rig.p.status[i].buffer, MIN_OF(size, sizeof rig.p.status[i].buffer));
        any = true;
    }
    pthread_mutex_unlock(&rig.p.mutex);
    return any;
}

static inline struct ndis_offload_state team_view(const struct ndis_adapter *a)
{
    struct ndis_offload_state s;

    ndis_adapter_offload(a, &s);
    return s;
}

static inline bool offers_lso4(const NDIS_OFFLOAD *o)
{
    return o->LsoV2.IPv4.Encapsulation != 0;
}

/* ---- Frames --------------------------------------------------------------------------------- */

/* From or to the team's address: a finished UDP frame of the flow that its source port names,
 * numbered. */
static inline void team_frame(uint8_t frame[TEAM_FRAME], bool inbound, unsigned flow,
                              uint32_t number)
{
    static const uint8_t team[6] = {0x02, 0, 0, 0, 0, 1}, peer[6] = {0x02, 0, 0, 0, 0, 0xfe};
    struct frame_recipe r = naive_recipe(4);
    uint8_t payload[32] = {0};

    memcpy(r.dst_mac, inbound ? team : peer, 6);
    memcpy(r.src_mac, inbound ? peer : team, 6);
    memcpy(payload + 28, &number, 4);
    r.l4_proto = 17;
    r.src_port = (uint16_t)(1000 + flow);
    r.payload = payload;
    r.payload_len = sizeof payload;
    assert_int_equal(frame_build(&r, frame, TEAM_FRAME), TEAM_FRAME);
}

static inline uint32_t team_number_of(const uint8_t *frame)
{
    uint32_t number;

    memcpy(&number, frame + TEAM_FRAME - 4, 4);
    return number;
}

/* Sends one frame of the flow and waits for its completion; its status. */
static inline NDIS_STATUS team_send(unsigned flow, uint32_t number)
{
    uint8_t frame[TEAM_FRAME];
    unsigned at = rig.p.completed_count;

    team_frame(frame, false, flow, number);
    path_send(&rig.p, path_nbl(&rig.p, frame, sizeof frame, NULL, 0), 1);
    return rig.p.completed[at % PATH_RECORDS].status;
}

/* Sends one and says on whose wire it came out. */
static inline unsigned team_send_wire(unsigned flow, uint32_t number)
{
    uint8_t frame[TEAM_FRAME];

    team_frame(frame, false, flow, number);
    assert_int_equal(team_send(flow, number), NDIS_STATUS_SUCCESS);
    return team_wire_of(frame, sizeof frame);
}

/* A frame arrives at that card; whether the protocol gets it. */
static inline bool team_arrives(unsigned card, const uint8_t *frame, uint32_t len)
{
    unsigned before = rig.p.received_count;

    card_write(card, frame, len);
    return path_wait(&rig.p, &rig.p.received_count, before + 1, 0.2);
}

static inline int team_test_end(void **state)
{
    UNUSED_STATE;
    if (team_is_open)
        team_close();
    return 0;
}

static inline int team_group(const char *what, const struct CMUnitTest *tests, size_t count)
{
    struct CMUnitTest each[40];
    char name[64];
    int failed = 0;

    invariant(count <= COUNT(each));
    memcpy(each, tests, count * sizeof *tests);
    for (size_t i = 0; i < count; i++)
        each[i].teardown_func = team_test_end;
    for (int linked = 0; linked < 2; linked++) {
        team_linked = linked;
        snprintf(name, sizeof name, "%s, %s", what, linked ? "linked" : ".sys");
        failed += _cmocka_run_group_tests(name, each, count, NULL, NULL);
    }
    return failed;
}
