/* SPDX-License-Identifier: MIT */
/* The members of an intermediate driver: cards of ours with their miniports, which come and go. */
#include "conform/rig_int.h"

enum { START_SECONDS = 10 };

/* ---- One card ------------------------------------------------------------------------------- */

static void card_ready(void *arg)
{
    struct rig_card *c = arg;

    nic_wire_ready(c->nic);
}

/* The driver that an earlier card has already, or one more. */
static int load_driver(struct rig_card *c, const struct card_plan *plan, const char *service,
                       struct why *why)
{
    const struct suite_member *m = plan->suite->member;

    for (unsigned i = 0; i < plan->index && !c->driver; i++) {
        if (strcmp(m[i].inf, m[plan->index].inf) == 0)
            c->driver = plan->earlier[i].driver;
    }
    c->shared = c->driver != NULL;
    return c->shared ? 0 : nt_driver_load(m[plan->index].image, service, &c->driver, why);
}

static int make_card(struct rig_card *c, const struct card_plan *plan, struct why *why)
{
    struct nic_config nic = plan->nic;
    int err;

    memcpy(nic.mac, (uint8_t[6]){2, 0, 0, 0, (uint8_t)plan->index, 1}, sizeof nic.mac);
    if ((err = port_open("cable", &c->wire, why)) < 0 ||
        (err = nic_new(&nic, c->wire, &c->nic, why)) < 0)
        return err;
    c->far = port_cable_peer(c->wire);
    err = nt_device_new(nic_pci(c->nic), &c->device, why);
    if (err < 0)
        return err;
    err = nt_watch_add(0, port_fd(c->wire), card_ready, c, &c->watch);
    return err < 0 ? why_set(why, err, "cannot watch the wire") : 0;
}

int card_plug(struct rig_card *c, const struct card_plan *plan, struct why *why)
{
    struct ndis_adapter_config adapter = {0};
    struct inf_model model;
    NDIS_STATUS status;
    char key[200];
    int err = suite_find_member(plan->suite, plan->index, &c->inf, &model, why);

    if (err < 0 || (err = load_driver(c, plan, model.service, why)) < 0 ||
        (err = make_card(c, plan, why)) < 0)
        return err;
    snprintf(c->name, sizeof c->name, "member%u", plan->index);
    snprintf(key, sizeof key, REGISTRY_NETWORK_CLASS "\\%04u", plan->index + 1);
    adapter = (struct ndis_adapter_config){c->driver, c->device,
                                           registry_open(plan->registry, key, true), c->name};
    if ((err = inf_apply(c->inf, &model, adapter.key, why)) < 0 ||
        (err = ndis_adapter_new(&adapter, &c->adapter, why)) < 0)
        return err;
    status = ndis_adapter_initialize(c->adapter);
    if (status == NDIS_STATUS_SUCCESS)
        status = ndis_adapter_restart(c->adapter);
    return status == NDIS_STATUS_SUCCESS
               ? 0
               : why_set(why, -EIO, "%s: the member does not start: %s",
                         plan->suite->member[plan->index].image, status_name(status));
}

int card_name_device(struct registry *registry, const char *service, const struct ndis_adapter *a)
{
    char path[200];

    snprintf(path, sizeof path,
             "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\%s\\Parameters", service);
    return reg_set_sz(registry_open(registry, path, true), "UpperBindings", ndis_adapter_device(a));
}

/* ---- All of them ---------------------------------------------------------------------------- */

static void plug(struct rig *r, unsigned i)
{
    struct card_plan plan = {
        .suite = r->suite,
        .registry = r->registry,
        .earlier = r->card,
        .index = i,
        .nic = {.mtu = r->config.mtu,
                .queue_size = r->config.queue_size,
                .line_only = r->config.line_only,
                .link_down = r->config.link_down || r->config.member_link_down[i]}};
    struct why why = {0};

    rig_withhold(r, r->suite->withhold, &plan.nic);
    rig_withhold(r, r->config.withhold, &plan.nic);
    rig_withhold(r, r->config.member_withhold[i], &plan.nic);
    r->card_count = i + 1;
    if (card_plug(&r->card[i], &plan, &why) < 0)
        cannot(r, "%s", why.text);
}

void rig_members_begin(struct rig *r)
{
    unsigned join = r->config.members ? r->config.members : r->suite->member_count;
    struct why why = {0};

    for (unsigned i = 0; i < r->suite->member_count; i++)
        plug(r, i);
    r->nic = r->card[0].nic;
    r->wire = r->card[0].wire;
    r->far = r->card[0].far;
    if (r->suite->capture &&
        port_capture_open(suite_capture_path(r->suite, r->check), &r->capture, &why) < 0)
        cannot(r, "%s", why.text);
    port_set_capture(r->far, r->capture);
    if (card_name_device(r->registry, r->service, r->adapter) < 0)
        cannot(r, "no memory");
    for (unsigned i = 0; i < join; i++)
        rig_join(r, i);
    if (!ndis_adapter_wait(r->adapter, NDIS_ADAPTER_RUNNING, START_SECONDS))
        cannot(r, "the virtual adapter did not start when its members had come: it is %s",
               ndis_adapter_state_name(ndis_adapter_state(r->adapter)));
    ndis_adapter_halt(r->adapter);
}

void rig_members_end(struct rig *r)
{
    for (unsigned i = 0; i < r->card_count; i++) {
        if (r->card[i].member)
            rig_leave(r, i);
    }
    for (unsigned i = 0; i < r->card_count; i++) {
        struct rig_card *c = &r->card[i];

        if (!c->adapter)
            continue;
        ndis_adapter_halt(c->adapter);
        ndis_adapter_free(c->adapter);
        nt_watch_remove(c->watch);
    }
}

void rig_members_unload(struct rig *r)
{
    for (unsigned i = 0; i < r->card_count; i++) {
        struct rig_card *c = &r->card[i];

        if (c->driver && !c->shared)
            nt_driver_unload(c->driver);
        if (c->device)
            nt_device_free(c->device);
        if (c->nic)
            nic_free(c->nic);
        port_free(c->far);
        port_free(c->wire);
        inf_free(c->inf);
    }
    if (r->card_count)
        r->nic = NULL, r->wire = r->far = NULL;
}

/* ---- For checks ----------------------------------------------------------------------------- */

void rig_need_members(struct rig *r, unsigned count)
{
    if (r->suite->member_count == 0)
        skip(r, "the driver under test stands on no members (--member): it is no intermediate "
                "driver");
    if (r->suite->member_count < count)
        skip(r, "there are %u members, this check wants %u", r->suite->member_count, count);
}

void rig_join(struct rig *r, unsigned card)
{
    struct why why = {0};

    if (ndis_adapter_connect(r->card[card].adapter, r->service, &why) < 0)
        cannot(r, "%s could not become a member: %s", r->card[card].name, why.text);
    r->card[card].member = true;
}

void rig_leave(struct rig *r, unsigned card)
{
    ndis_adapter_disconnect(r->card[card].adapter, r->service);
    r->card[card].member = false;
}

static void nothing(void *arg)
{
    (void)arg;
}

void rig_member_link(struct rig *r, unsigned card, bool up)
{
    double until = rig_now() + 5 * r->suite->time_factor;
    struct timespec step = {0, 500000};
    struct ndis_adapter_info info;

    nic_set_link(r->card[card].nic, up);
    do {
        nanosleep(&step, NULL);
        ndis_adapter_info(r->card[card].adapter, &info);
    } while (info.link_up != up && rig_now() < until);
    if (info.link_up != up)
        cannot(r, "%s does not tell that its link is %s", r->card[card].name, up ? "up" : "down");
    nt_loop_call(0, nothing, NULL); /* the call that has told NDIS is over */
}

NDIS_STATUS rig_reset(struct rig *r)
{
    return ndis_adapter_reset(r->card_count ? r->card[0].adapter : r->adapter);
}

uint32_t rig_member_read(struct rig *r, unsigned card, uint8_t *dst, uint32_t size, double seconds)
{
    return rig_far_read(r, r->card[card].far, &(struct frame_span){dst, size}, seconds);
}

void rig_member_write(struct rig *r, unsigned card, const void *frame, uint32_t len)
{
    struct frame_span span = {(uint8_t *)(uintptr_t)frame, len};
    struct frame f = {.spans = &span, .span_count = 1, .len = len};

    if (port_tx(r->card[card].far, &f, 1) != 1)
        cannot(r, "the cable took no frame of %u bytes", len);
}

struct ndis_offload_state rig_member_offload(const struct rig *r, unsigned card)
{
    struct ndis_offload_state s;

    memset(&s, 0, sizeof s);
    ndis_adapter_offload(r->card[card].adapter, &s);
    return s;
}
