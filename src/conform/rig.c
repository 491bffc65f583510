/* SPDX-License-Identifier: MIT */
/* The rig's life: driver, card and adapter come up, and go down with a look at what is left. */
#include "conform/rig_int.h"
#include "conform/stack.h"

#include "conform/probe.h"
#include "nt/finding.h"
#include "nt/image.h"

#include <time.h>

static pthread_mutex_t broken_mutex = PTHREAD_MUTEX_INITIALIZER;

double rig_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Numerical Recipes' xorshift (public domain constants 21, 35, 4). */
uint32_t rig_random(struct rig *r)
{
    r->random ^= r->random << 21;
    r->random ^= r->random >> 35;
    r->random ^= r->random << 4;
    return (uint32_t)(r->random >> 16);
}

static void count_broken(struct rig *r, const char *rule)
{
    pthread_mutex_lock(&broken_mutex);
    for (size_t i = 0; i < ARRAY_LEN(r->broken); i++) {
        if (r->broken[i].count && strcmp(r->broken[i].rule, rule) != 0)
            continue;
        snprintf(r->broken[i].rule, sizeof r->broken[i].rule, "%s", rule);
        r->broken[i].count++;
        break;
    }
    pthread_mutex_unlock(&broken_mutex);
}

unsigned rig_broken(struct rig *r, const char *rule)
{
    unsigned n = 0;

    pthread_mutex_lock(&broken_mutex);
    for (size_t i = 0; i < ARRAY_LEN(r->broken); i++)
        n += strcmp(r->broken[i].rule, rule) == 0 ? r->broken[i].count : 0;
    pthread_mutex_unlock(&broken_mutex);
    return n;
}

/* The test protocol does not wait at a pause for long for sends that a driver keeps. The driver has
 * findings for it, the protocol shall not have one beside them. */
static bool is_own_fault(struct rig *r, const struct finding *f)
{
    return strcmp(f->rule, "GEN-45") == 0 && r->main.sends_out > 0;
}

/* A rule that the runtime saw broken, on whatever thread. */
void rig_rule_broken(void *arg, const struct finding *f)
{
    struct rig *r = arg;
    struct evidence e = {.kind = EVIDENCE_FINDING};

    if (r->excused && strcmp(f->rule, r->excused) == 0) {
        r->excused_count++;
        return;
    }
    if (is_own_fault(r, f))
        return;
    count_broken(r, f->rule);
    snprintf(e.id, sizeof e.id, "%s", f->rule);
    snprintf(e.about, sizeof e.about, "%s", f->subject);
    snprintf(e.text, sizeof e.text, "%s", f->text);
    evidence_write(r, &e);
}

static void wire_ready(void *arg)
{
    struct rig *r = arg;

    nic_wire_ready(r->nic);
}

static void make_key(struct rig *r, const struct inf_model *model)
{
    struct why why = {0};

    r->key = registry_open(r->registry, RIG_CLASS_KEY, true);
    if (!r->key || inf_apply(r->inf, model, r->key, &why) < 0)
        cannot(r, "%s", why.text);
}

static void set_keywords(struct rig *r)
{
    const char *const *k = r->config.keywords;

    for (; k && *k; k += 2) {
        if (k[1])
            reg_set_sz(r->key, k[0], k[1]);
        else
            reg_delete(r->key, k[0]);
    }
}

void rig_withhold(struct rig *r, const char *features, struct nic_config *nic)
{
    struct why why = {0};
    uint64_t mask = 0;

    if (features && nic_features_parse(features, &mask, &why) < 0)
        cannot(r, "%s", why.text);
    nic->features_withheld |= mask;
}

static void plug_card(struct rig *r)
{
    struct nic_config nic = {.mtu = r->config.mtu,
                             .queue_size = r->config.queue_size,
                             .link_down = r->config.link_down,
                             .line_only = r->config.line_only};
    struct why why = {0};

    memcpy(nic.mac, r->mac, 6);
    rig_withhold(r, r->suite->withhold, &nic);
    rig_withhold(r, r->config.withhold, &nic);
    if (port_open("cable", &r->wire, &why) < 0)
        cannot(r, "%s", why.text);
    r->far = port_cable_peer(r->wire);
    if (r->suite->capture &&
        port_capture_open(suite_capture_path(r->suite, r->check), &r->capture, &why) < 0)
        cannot(r, "%s", why.text);
    port_set_capture(r->far, r->capture);
    if (nic_new(&nic, r->wire, &r->nic, &why) < 0 ||
        nt_device_new(nic_pci(r->nic), &r->device, &why) < 0)
        cannot(r, "%s", why.text);
    if (nt_watch_add(0, port_fd(r->wire), wire_ready, r, &r->wire_watch) < 0)
        cannot(r, "cannot watch the wire");
}

void rig_prepare(struct rig *r, const struct rig_config *config)
{
    static const uint8_t mac[6] = {0x02, 0, 0, 0, 0, 1}, peer[6] = {0x02, 0, 0, 0, 0, 2};
    struct ndis_adapter_config adapter;
    struct inf_model model;
    struct why why = {0};
    bool card;

    invariant(!r->prepared);
    if (config)
        r->config = *config;
    memcpy(r->mac, mac, 6);
    memcpy(r->peer, peer, 6);
    finding_set_sink(rig_rule_broken, r);
    r->registry = registry_new();
    if (!r->registry)
        cannot(r, "no memory");
    registry_set_system(r->registry);
    if (nt_fault_install(&why) < 0 || nt_start(1, &why) < 0 || ndis_start(&why) < 0)
        cannot(r, "%s", why.text);
    ndis_set_time_factor(r->suite->time_factor);
    ndis_set_strict(r->suite->strict);
    watch_begin();
    if (suite_find_model(r->suite, &r->inf, &model, &card, &why) < 0)
        cannot(r, "%s", why.text);
    make_key(r, &model);
    if (nt_driver_load(r->suite->image, model.service, &r->driver, &why) < 0)
        cannot(r, "%s", why.text);
    snprintf(r->service, sizeof r->service, "%s", model.service);
    if (card)
        plug_card(r);
    else if (r->suite->member_count == 0 &&
             (r->config.withhold || r->config.mtu || r->config.link_down))
        skip(r, "the driver drives no card of ours, which this check would change");
    adapter = (struct ndis_adapter_config){r->driver, r->device, r->key, model.description};
    if (ndis_adapter_new(&adapter, &r->adapter, &why) < 0)
        cannot(r, "%s", why.text);
    protocol_register(r, &r->main, "CHECK", false);
    rig_pools_new(r);
    r->prepared = true;
    if (r->suite->member_count) {
        rig_members_begin(r);
        watch_not(NULL);
        for (unsigned i = 0; i < r->card_count; i++)
            watch_not(r->card[i].adapter);
        watch_begin();
    }
    set_keywords(r);
}

static void bring_up(struct rig *r)
{
    NDIS_STATUS status = ndis_adapter_initialize(r->adapter);
    struct ndis_adapter_info info;

    if (status == NDIS_STATUS_SUCCESS)
        status = ndis_adapter_restart(r->adapter);
    if (!expect_code(r, "MiniportInitializeEx and MiniportRestart", status, NDIS_STATUS_SUCCESS))
        suite_child_end(r);
    ndis_adapter_info(r->adapter, &info);
    memcpy(r->mac, info.mac, 6);
    r->comparisons--; /* that it starts is nothing that the check has found out */
}

void rig_start(struct rig *r)
{
    bring_up(r);
    if (!r->config.no_bind)
        rig_bind(r);
}

void rig_bind(struct rig *r)
{
    struct why why = {0};

    if (ndis_adapter_connect(r->adapter, r->main.name, &why) < 0 || !r->main.binding ||
        !atomic_load(&r->main.running))
        cannot(r, "the test protocol could not be bound: %s", why.text);
}

void rig_bind_other(struct rig *r)
{
    struct why why = {0};

    protocol_register(r, &r->other, "OTHER", true);
    if (ndis_adapter_connect(r->adapter, r->other.name, &why) < 0 || !r->other.binding)
        cannot(r, "a second protocol could not be bound: %s", why.text);
}

void rig_open(struct rig *r, const struct rig_config *config)
{
    rig_prepare(r, config);
    rig_start(r);
}

void rig_halt(struct rig *r)
{
    rig_return_held(r);
    stack_unbind(r);
    if (r->other.protocol)
        ndis_adapter_disconnect(r->adapter, r->other.name);
    ndis_adapter_disconnect(r->adapter, r->main.name);
    ndis_adapter_halt(r->adapter);
}

void rig_again(struct rig *r)
{
    rig_halt(r);
    rig_start(r);
}

/* An adapter in an odd state (halted by the check, removed) goes down the same way. */
void rig_close(struct rig *r)
{
    if (!r->prepared)
        return;
    r->prepared = false;
    probe_close();
    if (ndis_adapter_state(r->adapter) == NDIS_ADAPTER_SHUTDOWN) { /* the power is off */
        finding_set_sink(NULL, NULL);
        return;
    }
    rig_halt(r);
    rig_members_end(r);
    ndis_adapter_free(r->adapter);
    r->adapter = NULL; /* the driver is yet to unload */
    if (r->wire_watch)
        nt_watch_remove(r->wire_watch);
    rig_forget(r);
    rig_pools_free(r);
    protocol_deregister(&r->other);
    protocol_deregister(&r->main);
    nt_driver_unload(r->driver); /* what is left there is a finding of its own */
    rig_members_unload(r);
    if (r->device)
        nt_device_free(r->device);
    if (r->nic)
        nic_free(r->nic);
    port_free(r->far);
    port_free(r->wire);
    port_capture_free(r->capture);
    inf_free(r->inf);
    ndis_stop();
    nt_stop();
    registry_set_system(NULL);
    registry_free(r->registry);
    finding_set_sink(NULL, NULL);
}

void rig_prepare_again(struct rig *r, const struct rig_config *config)
{
    rig_close(r);
    r->config = (struct rig_config){0};
    r->device = NULL;
    r->nic = NULL;
    r->wire = r->far = NULL;
    r->capture = NULL;
    r->wire_watch = NULL;
    memset(r->card, 0, sizeof r->card);
    r->card_count = 0;
    memset(&r->main, 0, sizeof r->main);
    memset(&r->other, 0, sizeof r->other);
    rig_prepare(r, config);
}

void rig_reopen(struct rig *r, const struct rig_config *config)
{
    rig_prepare_again(r, config);
    rig_start(r);
}

unsigned rig_excuse(struct rig *r, const char *rule)
{
    unsigned n = atomic_exchange(&r->excused_count, 0);

    r->excused = rule;
    return n;
}

bool rig_has_wire(const struct rig *r)
{
    return r->nic != NULL;
}

struct ndis_offload_state rig_offload(const struct rig *r)
{
    struct ndis_offload_state s;

    memset(&s, 0, sizeof s);
    ndis_adapter_offload(r->adapter, &s);
    return s;
}

bool rig_card_offers(const struct rig *r, unsigned feature)
{
    return !r->nic || (nic_offered(r->nic) & 1ull << feature);
}

bool rig_offers(const struct rig *r)
{
    static const NDIS_OFFLOAD nothing;
    struct ndis_offload_state s = rig_offload(r);
    size_t from = offsetof(NDIS_OFFLOAD, Checksum), to = offsetof(NDIS_OFFLOAD, Flags);

    return memcmp((char *)&s.hardware + from, (const char *)&nothing + from, to - from) != 0;
}

/* ---- Waiting -------------------------------------------------------------------------------- */

bool rig_wait(struct rig *r, const _Atomic(unsigned) *count, unsigned want, double seconds)
{
    struct timespec until;
    double factored = seconds * r->suite->time_factor;
    bool ok;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)factored;
    until.tv_nsec += (long)((factored - (double)(time_t)factored) * 1e9);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&r->mutex);
    while (*count < want && pthread_cond_timedwait(&r->changed, &r->mutex, &until) == 0)
        ;
    ok = *count >= want;
    pthread_mutex_unlock(&r->mutex);
    return ok;
}

unsigned rig_indications(const struct rig *r, NDIS_STATUS code, unsigned from)
{
    unsigned n = 0;

    for (unsigned i = from; i < r->main.status_count; i++)
        n += r->main.status[i % RIG_RECORDS].code == code;
    return n;
}

const struct rig_status *rig_indicated(struct rig *r, NDIS_STATUS code, unsigned from,
                                       double seconds)
{
    double until = rig_now() + seconds * r->suite->time_factor;
    unsigned have;

    do {
        have = r->main.status_count;
        for (unsigned i = have; i > from; i--) {
            if (r->main.status[(i - 1) % RIG_RECORDS].code == code)
                return &r->main.status[(i - 1) % RIG_RECORDS];
        }
    } while (rig_wait(r, &r->main.status_count, have + 1, until - rig_now()) && rig_now() < until);
    return NULL;
}
