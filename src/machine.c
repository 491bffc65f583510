/* SPDX-License-Identifier: MIT */
/*
 * One simulated Windows box: what is plugged and loaded. This file and admin.c alone know all
 * rooms; here they are wired together.
 *
 *   TAP --watch--> tcpip --NDIS--> driver --rings--> nic --wire port        (tx, all on the
 * adapter's loop) wire port --watch--> nic --interrupt--> driver --NDIS--> tcpip --> TAP  (rx,
 * likewise)
 */
#include "machine.h"

#include "nt/device.h"
#include "nt/finding.h"
#include "nt/image.h"
#include "nt/inf.h"
#include "nt/processor.h"
#include "nt/registry.h"
#include "port/port.h"
#include "tcpip/tcpip.h"

#include <fcntl.h>
#include <sched.h>

#define SERVICES_KEY "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services"

enum { TEAM_START_SECONDS = 10 };

int machine_fail(struct longshore_error *error, const struct why *why, int err)
{
    snprintf(error->text, sizeof error->text, "%s", why->text[0] ? why->text : strerror(-err));
    return err;
}

/* ---- Machine -------------------------------------------------------------------------- */

static void pass_finding(void *arg, const struct finding *f)
{
    struct longshore *ls = arg;
    struct longshore_finding out = {f->rule, f->subject, f->text};

    ls->config.finding(ls->config.arg, &out);
}

static int machine_start(struct longshore *ls, struct why *why)
{
    int r;

    r = machine_registry_begin(ls, why);
    if (r < 0)
        return r;
    r = nt_fault_install(why);
    if (r < 0)
        return r;
    r = nt_start(MAX_OF(ls->config.processors, 1u), why);
    if (r < 0)
        return r;
    ls->nt_started = true;
    r = ndis_start(why);
    ls->ndis_started = r == 0;
    return r;
}

int longshore_new(const struct longshore_config *config, struct longshore **out,
                  struct longshore_error *error)
{
    struct longshore *ls = calloc(1, sizeof *ls);
    struct why why = {0};
    int r;

    if (!ls)
        return machine_fail(error, &why, -ENOMEM);
    ls->config = *config;
    list_init(&ls->adapters);
    pthread_mutex_init(&ls->store_lock, NULL);
    pthread_mutex_init(&ls->adapters_lock, NULL);
    ls->findings_before = finding_count();
    if (config->finding)
        finding_set_sink(pass_finding, ls);
    machine_indications_begin(ls);
    r = machine_start(ls, &why);
    if (r < 0) {
        longshore_free(ls);
        return machine_fail(error, &why, r);
    }
    *out = ls;
    return 0;
}

void longshore_free(struct longshore *ls)
{
    if (!ls)
        return;
    while (!list_empty(&ls->adapters))
        longshore_adapter_free(list_entry(ls->adapters.next, struct longshore_adapter, link));
    if (ls->ndis_started)
        ndis_stop();
    if (ls->nt_started)
        nt_stop();
    machine_registry_end(ls);
    machine_indications_end(ls);
    finding_set_sink(NULL, NULL);
    pthread_mutex_destroy(&ls->adapters_lock);
    pthread_mutex_destroy(&ls->store_lock);
    free(ls);
}

uint64_t longshore_findings(const struct longshore *ls)
{
    return finding_count() - ls->findings_before;
}

/* ---- Adapter: the parts --------------------------------------------------------------- */

/* Opens a port inside a network namespace; the calling thread is back in its own afterwards. */
static int open_port_in(int netns, const char *spec, struct port **out, struct why *why)
{
    cleanup_close int home = -1;
    int r;

    if (netns < 0)
        return port_open(spec, out, why);
    home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0 || setns(netns, CLONE_NEWNET) < 0)
        return why_set(why, -errno, "%s: cannot enter its network namespace: %s", spec,
                       strerror(errno));
    r = port_open(spec, out, why);
    if (setns(home, CLONE_NEWNET) < 0)
        return why_set(why, -errno, "%s: cannot leave its network namespace", spec);
    return r;
}

static int open_tap(struct longshore_adapter *a, const struct longshore_adapter_config *c,
                    struct why *why)
{
    char spec[128];

    snprintf(spec, sizeof spec, "tap:%s,offload%s", c->tap, c->tap_napi ? ",napi" : "");
    return open_port_in(c->tap_netns, spec, &a->tap, why);
}

static int open_wire(struct longshore_adapter *a, const struct longshore_adapter_config *c,
                     struct why *why)
{
    int r = open_port_in(c->wire_netns, c->wire, &a->wire, why);

    if (r < 0 || !c->capture)
        return r;
    r = port_capture_open(c->capture, &a->capture, why);
    if (r == 0)
        port_set_capture(a->wire, a->capture);
    return r;
}

/* A locally administered address out of the adapter's name, so that runs repeat. */
static void make_mac(struct longshore_adapter *a, const uint8_t mac[6])
{
    static const uint8_t none[6];
    uint64_t h = 0xcbf29ce484222325u;

    if (memcmp(mac, none, 6) != 0) {
        memcpy(a->mac, mac, 6);
        return;
    }
    for (const char *p = a->name; *p; p++)
        h = (h ^ (uint8_t)*p) * 0x100000001b3u;
    a->mac[0] = 0x02;
    for (unsigned i = 1; i < 6; i++)
        a->mac[i] = (uint8_t)(h >> (8 * i));
}

/* Withholding one feature takes those along that require it: said, not done in silence. */
static void report_withheld(const struct longshore_adapter *a)
{
    uint64_t mask = nic_withheld_with(a->nic);

    for (unsigned bit = 0; bit < 64; bit++) {
        if (mask & (1ull << bit))
            log_warn("%s: the card does not offer %s either, which requires a withheld feature",
                     a->name, nic_feature_name(bit));
    }
}

static int plug_nic(struct longshore_adapter *a, const struct longshore_adapter_config *c,
                    struct why *why)
{
    struct nic_config config = {.mtu = c->mtu};
    int r = 0;

    memcpy(config.mac, a->mac, 6);
    if (c->withhold)
        r = nic_features_parse(c->withhold, &config.features_withheld, why);
    if (r == 0)
        r = nic_new(&config, a->wire, &a->nic, why);
    if (r == 0)
        report_withheld(a);
    if (r == 0)
        r = nt_device_new(nic_pci(a->nic), &a->device, why);
    return r;
}

/* "DIR/vionet.inf" and "vionet.sys" -> "DIR/vionet.sys" or, linked, "DIR/vionet.so". */
static int image_path(const char *inf, const char *binary, enum longshore_build build, char *path,
                      size_t size)
{
    const char *slash = strrchr(inf, '/'), *dot = strrchr(binary, '.');
    int dir = slash ? (int)(slash - inf) + 1 : 0;
    int stem = dot ? (int)(dot - binary) : (int)strlen(binary);
    int n;

    if (build == LONGSHORE_LINKED)
        n = snprintf(path, size, "%s%.*s%.*s.so", dir ? "" : "./", dir, inf, stem, binary);
    else
        n = snprintf(path, size, "%.*s%s", dir, inf, binary);
    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* The load report: what the driver imports and nobody provides. Calling one is a finding. */
static void report_imports(const struct longshore_adapter *a, const char *path)
{
    for (unsigned i = 0; i < nt_driver_import_count(a->driver); i++) {
        const struct nt_import *import = nt_driver_import(a->driver, i);

        if (import->state == NT_IMPORT_MISSING)
            log_warn("%s: nobody provides %s!%s", path, import->module, import->name);
    }
}

static int load_driver(struct longshore_adapter *a, const struct longshore_adapter_config *c,
                       struct inf_model *model, struct why *why)
{
    char path[4096];
    const char *hardware = c->wire ? NIC_HARDWARE_ID : NULL; /* a team is the only model it has */
    int r = inf_load(c->inf, &a->inf, why);

    if (r == 0)
        r = inf_find_model(a->inf, hardware, model, why);
    if (r < 0)
        return r;
    if (!model->service || !model->binary)
        return why_set(why, -EINVAL, "%s: the model for %s installs no driver service", c->inf,
                       hardware ? hardware : "a team");
    r = image_path(c->inf, model->binary, c->build, path, sizeof path);
    if (r < 0)
        return why_set(why, r, "%s: path too long", c->inf);
    snprintf(a->name, sizeof a->name, "%s", c->name ? c->name : model->description);
    r = nt_driver_load(path, model->service, &a->driver, why);
    if (r == 0)
        report_imports(a, path);
    return r;
}

static int make_key(struct longshore_adapter *a, const struct inf_model *model,
                    struct reg_key **key, struct why *why)
{
    char path[160];

    snprintf(path, sizeof path, REGISTRY_NETWORK_CLASS "\\%04u", a->machine->adapter_count++);
    *key = registry_open(a->machine->registry, path, true);
    if (!*key || reg_set_sz(*key, "DriverDesc", a->name) < 0)
        return why_set(why, -ENOMEM, "%s: no memory for its registry key", a->name);
    return inf_apply(a->inf, model, *key, why);
}

static void want_frames(void *arg, bool wanted)
{
    struct longshore_adapter *a = arg;

    if (a->tap_watch)
        nt_watch_enable(a->tap_watch, wanted);
}

static int make_protocol(struct longshore_adapter *a, struct why *why)
{
    struct tcpip_config config = {
        .name = a->protocol, .tap = a->tap, .want_frames = want_frames, .arg = a};

    /* One TAP is one TCP/IP stack: each adapter has its own. */
    snprintf(a->protocol, sizeof a->protocol, "TCPIP%u", a->machine->adapter_count);
    return tcpip_new(&config, &a->tcpip, why);
}

/* ---- Adapter: start and stop ---------------------------------------------------------- */

static int plug_ndis(struct longshore_adapter *a, struct reg_key *key, struct why *why)
{
    struct ndis_adapter_config config = {a->driver, a->device, key, a->name};
    int r;

    pthread_mutex_lock(&a->machine->adapters_lock);
    r = ndis_adapter_new(&config, &a->ndis, why);
    pthread_mutex_unlock(&a->machine->adapters_lock);
    return r;
}

static int run_ndis(struct longshore_adapter *a, struct why *why)
{
    NDIS_STATUS status;

    status = ndis_adapter_initialize(a->ndis);
    if (status != NDIS_STATUS_SUCCESS)
        return why_set(why, -EIO, "%s: MiniportInitializeEx failed with 0x%08x", a->name,
                       (unsigned)status);
    status = ndis_adapter_restart(a->ndis);
    if (status != NDIS_STATUS_SUCCESS)
        return why_set(why, -EIO, "%s: MiniportRestart failed with 0x%08x", a->name,
                       (unsigned)status);
    return 0;
}

static void tap_ready(void *arg)
{
    struct longshore_adapter *a = arg;

    tcpip_poll(a->tcpip);
}

static void wire_ready(void *arg)
{
    struct longshore_adapter *a = arg;

    nic_wire_ready(a->nic);
}

static int watch_ports(struct longshore_adapter *a, struct why *why)
{
    int r = 0;

    if (a->wire)
        r = nt_watch_add(a->loop, port_fd(a->wire), wire_ready, a, &a->wire_watch);
    if (r == 0 && a->tap)
        r = nt_watch_add(a->loop, port_fd(a->tap), tap_ready, a, &a->tap_watch);
    return r < 0 ? why_set(why, r, "%s: cannot watch its ports", a->name) : 0;
}

/* The card and its miniport: what a wire needs. */
static int start_card(struct longshore_adapter *a, const struct longshore_adapter_config *c,
                      struct reg_key *key, struct why *why)
{
    int r = open_wire(a, c, why);

    if (r == 0)
        r = plug_nic(a, c, why);
    if (r == 0)
        r = plug_ndis(a, key, why);
    return r;
}

/* The virtual adapter of an intermediate driver waits for its first member; what an installation's
 * notify object would write tells the driver its name. */
static int start_team(struct longshore_adapter *a, const char *service, struct reg_key *key,
                      struct why *why)
{
    struct reg_key *parameters;
    char path[200];
    int r = plug_ndis(a, key, why);

    if (r < 0)
        return r;
    snprintf(path, sizeof path, SERVICES_KEY "\\%s\\Parameters", service);
    parameters = registry_open(a->machine->registry, path, true);
    if (!parameters || reg_set_sz(parameters, "UpperBindings", ndis_adapter_device(a->ndis)) < 0)
        return why_set(why, -ENOMEM, "%s: no memory for its registry key", a->name);
    snprintf(a->lower, sizeof a->lower, "%s", service);
    return 0;
}

/* The team runs from its first member on: that start is NDIS's, and waited for. */
static int join_team(struct longshore_adapter *a, struct why *why)
{
    struct longshore_adapter *team = a->team;
    int r = ndis_adapter_connect(a->ndis, team->lower, why);

    if (r < 0)
        return r;
    if (!ndis_adapter_wait(team->ndis, NDIS_ADAPTER_RUNNING, TEAM_START_SECONDS))
        return why_set(why, -EIO, "%s: does not start over %s", team->name, a->name);
    return 0;
}

static int start_stack(struct longshore_adapter *a, const struct longshore_adapter_config *c,
                       struct why *why)
{
    int r = open_tap(a, c, why);

    if (r == 0)
        r = make_protocol(a, why);
    if (r == 0)
        r = ndis_adapter_connect(a->ndis, a->protocol, why);
    return r;
}

static int set_keywords(struct reg_key *key, const char *const *keywords, struct why *why)
{
    for (unsigned i = 0; keywords && keywords[i]; i += 2) {
        if (reg_set_sz(key, keywords[i], keywords[i + 1]) < 0)
            return why_set(why, -ENOMEM, "%s: no memory", keywords[i]);
    }
    return 0;
}

static int adapter_start(struct longshore_adapter *a, const struct longshore_adapter_config *c,
                         struct why *why)
{
    struct inf_model model;
    struct reg_key *key;
    int r = load_driver(a, c, &model, why);

    if (r == 0) {
        make_mac(a, c->mac);
        r = make_key(a, &model, &key, why);
    }
    if (r == 0)
        r = set_keywords(key, c->keywords, why);
    if (r == 0)
        r = c->wire ? start_card(a, c, key, why) : start_team(a, model.service, key, why);
    if (r == 0 && c->wire)
        r = run_ndis(a, why);
    if (r == 0)
        r = c->member_of ? join_team(a, why) : start_stack(a, c, why);
    if (r == 0)
        r = watch_ports(a, why);
    return r;
}

int longshore_adapter_new(struct longshore *ls, const struct longshore_adapter_config *config,
                          struct longshore_adapter **out, struct longshore_error *error)
{
    struct longshore_adapter *a = calloc(1, sizeof *a);
    struct why why = {0};
    int r;

    if (!a)
        return machine_fail(error, &why, -ENOMEM);
    a->machine = ls;
    a->loop = ls->adapter_count % nt_loop_count();
    a->team = config->member_of;
    pthread_mutex_lock(&ls->adapters_lock);
    list_push(&ls->adapters, &a->link);
    pthread_mutex_unlock(&ls->adapters_lock);
    r = adapter_start(a, config, &why);
    if (r < 0) {
        longshore_adapter_free(a);
        return machine_fail(error, &why, r);
    }
    machine_registry_started(ls);
    *out = a;
    return 0;
}

/* From here on no indication finds it, and no member is its. */
static void adapter_unlink(struct longshore_adapter *a)
{
    struct list *pos;

    pthread_mutex_lock(&a->machine->adapters_lock);
    list_unlink(&a->link);
    list_for_each(pos, &a->machine->adapters)
    {
        struct longshore_adapter *other = list_entry(pos, struct longshore_adapter, link);

        if (other->team == a)
            other->team = NULL;
    }
    pthread_mutex_unlock(&a->machine->adapters_lock);
}

uint64_t longshore_adapter_free(struct longshore_adapter *a)
{
    uint64_t left = 0;

    if (!a)
        return 0;
    if (a->ndis) {
        ndis_adapter_disconnect(a->ndis, a->team ? a->team->lower : a->protocol);
        ndis_adapter_halt(a->ndis);
    }
    adapter_unlink(a);
    ndis_adapter_free(a->ndis);
    nt_watch_remove(a->tap_watch);
    nt_watch_remove(a->wire_watch);
    tcpip_free(a->tcpip);
    if (a->driver)
        left = nt_driver_unload(a->driver);
    nt_device_free(a->device);
    nic_free(a->nic);
    if (a->wire)
        port_set_capture(a->wire, NULL);
    port_capture_free(a->capture);
    port_free(a->wire);
    port_free(a->tap);
    inf_free(a->inf);
    free(a);
    return left;
}
