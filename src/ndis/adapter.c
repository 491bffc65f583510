/* SPDX-License-Identifier: MIT */
/* Adapters come and go; their names, states and handles. What moves them from state to state is in
 * state.c. */
#include "ndis/private.h"

static const char *const state_names[] = {
    [NDIS_ADAPTER_HALTED] = "halted",      [NDIS_ADAPTER_INITIALIZING] = "initializing",
    [NDIS_ADAPTER_PAUSED] = "paused",      [NDIS_ADAPTER_RESTARTING] = "restarting",
    [NDIS_ADAPTER_RUNNING] = "running",    [NDIS_ADAPTER_PAUSING] = "pausing",
    [NDIS_ADAPTER_SHUTDOWN] = "shut down",
};

enum ndis_adapter_state ndis_adapter_state(const struct ndis_adapter *a)
{
    return (enum ndis_adapter_state)atomic_load(&a->state);
}

const char *ndis_adapter_state_name(enum ndis_adapter_state s)
{
    return (unsigned)s < ARRAY_LEN(state_names) ? state_names[s] : "?";
}

const char *ndis_adapter_name(const struct ndis_adapter *a)
{
    return a->name;
}

const char *ndis_adapter_device(const struct ndis_adapter *a)
{
    return a->ndis_name;
}

uint32_t ndis_adapter_index(const struct ndis_adapter *a)
{
    return a->index;
}

void ndis_adapter_set_state(struct ndis_adapter *a, enum ndis_adapter_state to)
{
    enum ndis_adapter_state from = (enum ndis_adapter_state)atomic_exchange(&a->state, (int)to);
    const struct ndis_observer *o = ndis_observer_;

    if (o && o->state)
        o->state(o->arg, a, from, to);
}

struct ndis_adapter *ndis_adapter_get(NDIS_HANDLE h, const char *what)
{
    struct ndis_adapter *a = ndis_handle_get(h, NDIS_H_ADAPTER, what);

    if (!a || atomic_load(&a->state) != NDIS_ADAPTER_HALTED || a->adding)
        return a;
    ndis_adapter_finding(a, "GEN-9", "%s called for a halted adapter", what);
    return NULL;
}

/* A stable GUID out of the name (FNV-1a), in the text form of NDIS device names. */
static void make_ndis_name(struct ndis_adapter *a)
{
    uint64_t h = 0xcbf29ce484222325ull;

    for (const char *c = a->name; *c; c++)
        h = (h ^ (uint8_t)*c) * 0x100000001b3ull;
    snprintf(a->ndis_name, sizeof(a->ndis_name), "\\DEVICE\\{%08X-%04X-4%03X-8%03X-%012llX}",
             (unsigned)(h >> 32), (unsigned)(h >> 16) & 0xffffu, (unsigned)h & 0xfffu,
             (unsigned)(h >> 52), (unsigned long long)(h * 0x9e3779b97f4a7c15ull >> 16));
}

int ndis_adapter_new(const struct ndis_adapter_config *config, struct ndis_adapter **out,
                     struct why *why)
{
    struct ndis_driver *d = ndis_driver_of(config->driver, config->device == NULL);
    struct ndis_adapter *a;

    if (!d)
        return why_set(why, -EINVAL, "%s: its driver has not registered a miniport", config->name);
    if (strlen(config->name) >= sizeof(a->name))
        return why_set(why, -ENAMETOOLONG, "%s: the adapter's name is too long", config->name);
    if (ndis_adapter_find(config->name))
        return why_set(why, -EEXIST, "%s: there is an adapter of that name already", config->name);
    a = calloc(1, sizeof(*a));
    if (!a)
        return why_set(why, -ENOMEM, "%s: no memory for the adapter", config->name);
    a->driver = d;
    a->device = config->device;
    a->key = config->key;
    strcpy(a->name, config->name);
    make_ndis_name(a);
    atomic_init(&a->state, NDIS_ADAPTER_HALTED);
    pthread_mutex_init(&a->operation, NULL);
    pthread_mutex_init(&a->rescue, NULL);
    pthread_spin_init(&a->lock, PTHREAD_PROCESS_PRIVATE);
    ndis_wait_init(&a->pause_wait);
    ndis_wait_init(&a->restart_wait);
    ndis_wait_init(&a->reset_wait);
    list_init(&a->bindings);
    list_init(&a->requests);
    list_init(&a->direct);
    list_init(&a->interrupts);
    list_init(&a->dma_channels);
    list_init(&a->timers);
    list_init(&a->shared_memory);
    list_init(&a->all_link);
    list_push(&d->adapters, &a->driver_link);
    ndis_handle_register(&a->handle, NDIS_H_ADAPTER);
    ndis_runtime_link(a);
    *out = a;
    return 0;
}

static void remove_device(struct ndis_adapter *a)
{
    struct ndis_call call;

    if (!a->driver->pnp.MiniportRemoveDeviceHandler || !a->add_device_context ||
        a->driver->deregistered)
        return;
    call = ndis_call_begin(a->driver->owner);
    a->driver->pnp.MiniportRemoveDeviceHandler(a->add_device_context);
    ndis_call_end(&call, "MiniportRemoveDevice");
}

void ndis_adapter_free(struct ndis_adapter *a)
{
    if (!a)
        return;
    ndis_runtime_unlink(a);
    invariant(ndis_adapter_state(a) == NDIS_ADAPTER_HALTED ||
              ndis_adapter_state(a) == NDIS_ADAPTER_SHUTDOWN);
    ndis_bindings_unbind(a);
    ndis_bindings_fini(a);
    remove_device(a);
    ndis_interrupt_abandon(a);
    ndis_dma_abandon(a);
    ndis_ifstack_forget(a->index);
    ndis_handle_retire(&a->handle);
    ndis_attributes_reset(a);
    list_unlink(&a->driver_link);
    ndis_driver_release(a->driver);
    ndis_wait_fini(&a->pause_wait);
    ndis_wait_fini(&a->restart_wait);
    ndis_wait_fini(&a->reset_wait);
    pthread_spin_destroy(&a->lock);
    pthread_mutex_destroy(&a->operation);
    pthread_mutex_destroy(&a->rescue);
    free(a);
}

int ndis_adapter_connect(struct ndis_adapter *a, const char *protocol, struct why *why)
{
    int err;

    pthread_mutex_lock(&a->operation);
    err = ndis_binding_connect(a, protocol, why);
    pthread_mutex_unlock(&a->operation);
    return err;
}

void ndis_adapter_disconnect(struct ndis_adapter *a, const char *protocol)
{
    pthread_mutex_lock(&a->operation);
    ndis_binding_disconnect(a, protocol);
    pthread_mutex_unlock(&a->operation);
}

void ndis_adapter_info(const struct ndis_adapter *a, struct ndis_adapter_info *out)
{
    struct ndis_adapter *locking = (struct ndis_adapter *)(uintptr_t)a;

    memset(out, 0, sizeof(*out));
    pthread_spin_lock(&locking->lock);
    memcpy(out->mac, a->general.CurrentMacAddress, sizeof(out->mac));
    out->mtu = a->general.MtuSize;
    out->link_up = a->link.MediaConnectState == MediaConnectStateConnected;
    pthread_spin_unlock(&locking->lock);
    out->tx_nbls = atomic_load(&a->tx_nbls);
    out->tx_completed = atomic_load(&a->tx_completed);
    out->rx_nbls = atomic_load(&a->rx_nbls);
    out->rx_returned = atomic_load(&a->rx_returned);
}
