/* SPDX-License-Identifier: MIT */
/*
 * The state machine of "Miniport Adapter States and Operations" and the calls into the miniport
 * that drive it. Each operation runs on its caller's thread under a->operation; a handler that
 * returns NDIS_STATUS_PENDING is waited for.
 */
#include "ndis/private.h"

#include "nt/export.h"

/* The verifier's limits (GEN-31); initialize has none. */
enum { PAUSE_SECONDS = 10, RESTART_SECONDS = 10, RESET_SECONDS = 10 };

static void wait_begin(struct ndis_adapter *a, struct ndis_wait *w)
{
    pthread_mutex_lock(&w->mutex);
    w->done = false;
    w->status = NDIS_STATUS_PENDING;
    pthread_mutex_unlock(&w->mutex);
    pthread_spin_lock(&a->lock);
    a->state_wait = w;
    pthread_spin_unlock(&a->lock);
}

static void wait_end(struct ndis_adapter *a, struct ndis_wait *w)
{
    pthread_spin_lock(&a->lock);
    if (a->state_wait == w)
        a->state_wait = NULL;
    pthread_spin_unlock(&a->lock);
}

/* Outcome of a handler that returned `returned`. *timed_out: it never completed. */
static NDIS_STATUS wait_outcome(struct ndis_adapter *a, struct ndis_wait *w, NDIS_STATUS returned,
                                double seconds)
{
    NDIS_STATUS status = returned;

    if (returned == NDIS_STATUS_PENDING && !ndis_wait_for(w, seconds, &status))
        status = NDIS_STATUS_PENDING;
    wait_end(a, w);
    return status;
}

/* Ndis...Complete: `w` is the wait it answers. */
static void complete(NDIS_HANDLE h, size_t wait_offset, NDIS_STATUS status, const char *rule,
                     const char *what)
{
    struct ndis_adapter *a = ndis_adapter_get(h, what);
    struct ndis_wait *w;
    bool expected;

    if (!a)
        return;
    nt_check_irql_max(2, what);
    ndis_verify_lock_free(a, what);
    w = (struct ndis_wait *)(void *)((char *)a + wait_offset);
    pthread_spin_lock(&a->lock);
    expected = wait_offset == offsetof(struct ndis_adapter, reset_wait) ? atomic_load(&a->resetting)
                                                                        : a->state_wait == w;
    pthread_spin_unlock(&a->lock);
    if (status == NDIS_STATUS_PENDING) {
        ndis_adapter_finding(a, rule, "%s with NDIS_STATUS_PENDING", what);
        status = NDIS_STATUS_FAILURE;
    }
    if (!expected || !ndis_wait_signal(w, status))
        ndis_adapter_finding(
            a, rule, "%s though nothing of the kind is pending (a second completion?)", what);
}

VOID NTAPI NdisMPauseComplete(NDIS_HANDLE MiniportAdapterHandle)
{
    complete(MiniportAdapterHandle, offsetof(struct ndis_adapter, pause_wait), NDIS_STATUS_SUCCESS,
             "GEN-3", __func__);
}
NT_EXPORT(NdisMPauseComplete);

VOID NTAPI NdisMRestartComplete(NDIS_HANDLE NdisMiniportHandle, NDIS_STATUS Status)
{
    complete(NdisMiniportHandle, offsetof(struct ndis_adapter, restart_wait), Status, "GEN-6",
             __func__);
}
NT_EXPORT(NdisMRestartComplete);

VOID NTAPI NdisMResetComplete(NDIS_HANDLE MiniportAdapterHandle, NDIS_STATUS Status,
                              BOOLEAN AddressingReset)
{
    struct ndis_adapter *a = ndis_handle_get(MiniportAdapterHandle, NDIS_H_ADAPTER, __func__);

    if (!a)
        return;
    if (atomic_load(&a->resetting))
        a->addressing_reset = AddressingReset != 0;
    complete(MiniportAdapterHandle, offsetof(struct ndis_adapter, reset_wait), Status, "GEN-32",
             __func__);
}
NT_EXPORT(NdisMResetComplete);

/* Free entries of a lookaside list are the driver's, though an adapter took them from the pool,
 * with what the list's own Allocate put into them. Lists that an adapter made itself do not count:
 * they must be gone with it, and where they were may be gone. */
static bool note_lookaside(void *arg, const struct nt_ledger_entry *e)
{
    struct ndis_adapter *a = arg;

    if (a->lookaside_count < ARRAY_LEN(a->lookaside))
        a->lookaside[a->lookaside_count++] = e->object;
    return true;
}

struct lookaside_sum {
    const struct ndis_adapter *adapter;
    uint64_t entries;
};

static bool add_lookaside(void *arg, const struct nt_ledger_entry *e)
{
    struct lookaside_sum *sum = arg;

    for (unsigned i = 0; i < sum->adapter->lookaside_count; i++) {
        if (sum->adapter->lookaside[i] == e->object)
            sum->entries += ExQueryDepthSList((SLIST_HEADER *)(uintptr_t)e->object);
    }
    return true;
}

static uint64_t lookaside_entries(struct ndis_adapter *a)
{
    struct lookaside_sum sum = {.adapter = a};

    nt_ledger_each(a->driver->owner, NT_RES_LOOKASIDE, add_lookaside, &sum);
    return sum.entries;
}

/* How many more of a kind the driver holds than before the adapter was there. */
static uint64_t ledger_left(struct ndis_adapter *a, enum nt_resource kind, uint64_t cached)
{
    uint64_t now = nt_ledger_count(a->driver->owner, kind), before = a->ledger_before[kind];

    if (kind == NT_RES_POOL_MEMORY || kind == NT_RES_MDL)
        before += cached;
    return now > before ? now - before : 0;
}

static void ledger_snapshot(struct ndis_adapter *a)
{
    struct list *pos;

    a->ledger_alone = !a->driver->intermediate;
    list_for_each(pos, &a->driver->adapters)
    {
        struct ndis_adapter *other = list_entry(pos, struct ndis_adapter, driver_link);

        if (other != a && ndis_adapter_state(other) != NDIS_ADAPTER_HALTED)
            a->ledger_alone = other->ledger_alone = false;
    }
    for (unsigned kind = 0; kind < NT_RES_COUNT; kind++)
        a->ledger_before[kind] = nt_ledger_count(a->driver->owner, (enum nt_resource)kind);
    a->lookaside_count = 0;
    nt_ledger_each(a->driver->owner, NT_RES_LOOKASIDE, note_lookaside, a);
    a->lookaside_before = lookaside_entries(a);
}

/* After halt or a failed start: what the driver still holds. Exact for interrupts, DMA channels and
 * shared memory, which name their adapter; the rest is counted by driver and so judged only while
 * this was its one adapter, and the driver has no lower edge that comes and goes on its own. */
static void ledger_compare(struct ndis_adapter *a, const char *rule)
{
    unsigned left = ndis_interrupt_abandon(a) + ndis_dma_abandon(a);
    uint64_t entries = lookaside_entries(a);
    uint64_t cached = entries - MIN_OF(entries, a->lookaside_before);
    char text[200] = "";
    size_t used = 0;

    if (left)
        ndis_adapter_finding(a, rule,
                             "%u interrupts, DMA channels or shared memory blocks are left", left);
    for (unsigned kind = 0; kind < NT_RES_COUNT && a->ledger_alone; kind++) {
        uint64_t n = ledger_left(a, (enum nt_resource)kind, cached);

        if (n && used < sizeof(text) - 60)
            used +=
                (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu %s", used ? ", " : "",
                                 (unsigned long long)n, nt_resource_name((enum nt_resource)kind));
    }
    if (used)
        ndis_adapter_finding(a, rule, "left after the adapter was halted: %s", text);
}

/* The class installer's words that NDIS needs before it starts anything (KEY-29). An adapter
 * without a key of its own is not asked. */
static bool has_type_keywords(struct ndis_adapter *a)
{
    static const char *const names[] = {"*IfType", "*MediaType", "*PhysicalMediaType"};

    for (size_t i = 0; a->key && i < ARRAY_LEN(names); i++)
        if (reg_get(a->key, names[i], NULL, NULL, 0) < 0) {
            log_error("ndis: adapter %s is not started: its key has no %s (KEY-29)", a->name,
                      names[i]);
            return false;
        }
    return true;
}

static NDIS_STATUS add_device(struct ndis_adapter *a)
{
    struct ndis_call call;
    NDIS_STATUS status;

    if (!a->driver->pnp.MiniportAddDeviceHandler || a->add_device_context)
        return NDIS_STATUS_SUCCESS;
    a->adding = true;
    call = ndis_call_begin(a->driver->owner);
    status = a->driver->pnp.MiniportAddDeviceHandler(a, a->driver->context);
    ndis_call_end(&call, "MiniportAddDevice");
    a->adding = false;
    return status;
}

static NDIS_STATUS call_initialize(struct ndis_adapter *a)
{
    const CM_RESOURCE_LIST *resources = a->device ? nt_device_resources(a->device) : NULL;
    NDIS_MINIPORT_INIT_PARAMETERS p = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_INIT_PARAMETERS,
                   NDIS_MINIPORT_INIT_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_INIT_PARAMETERS_REVISION_1},
        .AllocatedResources =
            resources && resources->Count
                ? (PNDIS_RESOURCE_LIST)(uintptr_t)&resources->List[0].PartialResourceList
                : NULL,
        .IMDeviceInstanceContext = a->im_instance,
        .MiniportAddDeviceContext = a->add_device_context,
        .IfIndex = a->index,
    };
    struct ndis_call call;
    NDIS_STATUS status;

    p.NetLuid.Info.IfType = IF_TYPE_ETHERNET_CSMACD;
    p.NetLuid.Info.NetLuidIndex = a->index & 0xffffff;
    call = ndis_call_begin(a->driver->owner);
    status = a->driver->chars.InitializeHandlerEx(a, a->driver->context, &p);
    ndis_call_end(&call, "MiniportInitializeEx");
    return status;
}

static void call_halt(struct ndis_adapter *a, NDIS_HALT_ACTION why)
{
    struct ndis_call call = ndis_call_begin(a->driver->owner);

    a->driver->chars.HaltHandlerEx(a->context, why);
    ndis_call_end(&call, "MiniportHaltEx");
}

static NDIS_STATUS initialize_outcome(struct ndis_adapter *a, NDIS_STATUS status)
{
    if (status == NDIS_STATUS_SUCCESS && a->registration_set && a->general_set)
        return status;
    if (status == NDIS_STATUS_SUCCESS) {
        ndis_adapter_finding(a, "INIT-4", "MiniportInitializeEx succeeded without %s attributes",
                             a->registration_set ? "general" : "registration");
        if (a->registration_set)
            call_halt(a, NdisHaltDeviceInitializationFailed);
        return NDIS_STATUS_FAILURE;
    }
    if (status != NDIS_STATUS_NOT_ACCEPTED && !NT_ERROR(status)) {
        ndis_adapter_finding(a, "INIT-21", "MiniportInitializeEx returned 0x%08x",
                             (unsigned)status);
        return NDIS_STATUS_FAILURE;
    }
    return status;
}

static NDIS_STATUS initialize_locked(struct ndis_adapter *a)
{
    bool intermediate = a->driver->intermediate;
    NDIS_STATUS status;

    if (ndis_adapter_state(a) != NDIS_ADAPTER_HALTED || atomic_load(&a->removed) ||
        a->driver->deregistered || (intermediate && !a->im_requested))
        return NDIS_STATUS_INVALID_STATE;
    if (!has_type_keywords(a))
        return NDIS_STATUS_FAILURE;
    ndis_attributes_reset(a);
    ledger_snapshot(a);
    status = add_device(a);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    ndis_adapter_set_state(a, NDIS_ADAPTER_INITIALIZING);
    status = initialize_outcome(a, call_initialize(a));
    if (status == NDIS_STATUS_SUCCESS) {
        a->hang_due_ns = nt_now_ns();
        ndis_adapter_set_state(a, NDIS_ADAPTER_PAUSED);
        return status;
    }
    ndis_dma_drain(a);
    ndis_adapter_set_state(a, NDIS_ADAPTER_HALTED);
    ledger_compare(a, "INIT-21");
    return status;
}

static NDIS_STATUS restart_locked(struct ndis_adapter *a)
{
    NDIS_MINIPORT_RESTART_PARAMETERS p = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_MINIPORT_RESTART_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_RESTART_PARAMETERS_REVISION_1},
    };
    struct ndis_call call;
    NDIS_STATUS status;

    if (ndis_adapter_state(a) != NDIS_ADAPTER_PAUSED || atomic_load(&a->removed))
        return NDIS_STATUS_INVALID_STATE;
    wait_begin(a, &a->restart_wait);
    ndis_adapter_set_state(a, NDIS_ADAPTER_RESTARTING);
    call = ndis_call_begin(a->driver->owner);
    status = a->driver->chars.RestartHandler(a->context, &p);
    ndis_call_end(&call, "MiniportRestart");
    status = wait_outcome(a, &a->restart_wait, status, RESTART_SECONDS);
    if (status == NDIS_STATUS_PENDING) {
        ndis_adapter_finding(a, "GEN-6",
                             "MiniportRestart is pending since %d s and was not completed",
                             RESTART_SECONDS);
        status = NDIS_STATUS_FAILURE;
    } else if (status != NDIS_STATUS_SUCCESS && !NT_ERROR(status)) {
        ndis_adapter_finding(a, "GEN-6", "MiniportRestart ended with 0x%08x", (unsigned)status);
        status = NDIS_STATUS_FAILURE;
    }
    if (status != NDIS_STATUS_SUCCESS) {
        ndis_adapter_set_state(a, NDIS_ADAPTER_PAUSED);
        return status;
    }
    ndis_adapter_set_state(a, NDIS_ADAPTER_RUNNING);
    ndis_bindings_start(a);
    return status;
}

static NDIS_STATUS pause_locked(struct ndis_adapter *a)
{
    NDIS_MINIPORT_PAUSE_PARAMETERS p = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_MINIPORT_PAUSE_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_PAUSE_PARAMETERS_REVISION_1},
        .PauseReason = NDIS_PAUSE_NDIS_INTERNAL,
    };
    struct ndis_call call;
    NDIS_STATUS status;

    if (ndis_adapter_state(a) != NDIS_ADAPTER_RUNNING)
        return NDIS_STATUS_INVALID_STATE;
    if (!atomic_load(&ndis_racing))
        ndis_bindings_pause(a);
    wait_begin(a, &a->pause_wait);
    ndis_adapter_set_state(a, NDIS_ADAPTER_PAUSING);
    call = ndis_call_begin(a->driver->owner);
    status = a->driver->chars.PauseHandler(a->context, &p);
    ndis_call_end(&call, "MiniportPause");
    if (status != NDIS_STATUS_SUCCESS && status != NDIS_STATUS_PENDING)
        ndis_adapter_finding(a, "GEN-3", "MiniportPause returned 0x%08x; it cannot fail",
                             (unsigned)status);
    status = wait_outcome(a, &a->pause_wait, status, PAUSE_SECONDS);
    if (status == NDIS_STATUS_PENDING)
        ndis_adapter_finding(
            a, "GEN-3", "MiniportPause is pending since %d s and was not completed", PAUSE_SECONDS);
    ndis_tx_drain(a);
    ndis_adapter_set_state(a, NDIS_ADAPTER_PAUSED);
    return status == NDIS_STATUS_PENDING ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
}

static void indicate_reset(struct ndis_adapter *a, NDIS_STATUS code, NDIS_STATUS outcome)
{
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, NDIS_STATUS_INDICATION_REVISION_1,
                   NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .SourceHandle = a,
        .StatusCode = code,
    };

    if (code == NDIS_STATUS_RESET_END) {
        s.StatusBuffer = &outcome;
        s.StatusBufferSize = sizeof(outcome);
    }
    if (ndis_observer_ && ndis_observer_->status)
        ndis_observer_->status(ndis_observer_->arg, a, &s);
    ndis_bindings_status(a, &s);
}

/* Sends begun before the reset reach the miniport before it; later ones do not (GEN-32). Bounded,
 * as a miniport's send handler may be what hangs. */
static void senders_leave(struct ndis_adapter *a)
{
    uint64_t until = nt_now_ns() + 100000000;

    while (atomic_load(&a->tx_calls) > 0 && nt_now_ns() < until)
        usleep(100);
}

NDIS_STATUS ndis_adapter_reset_locked(struct ndis_adapter *a)
{
    struct ndis_call call;
    BOOLEAN addressing = FALSE;
    NDIS_STATUS status;

    if (ndis_adapter_state(a) != NDIS_ADAPTER_RUNNING || atomic_load(&a->removed))
        return NDIS_STATUS_INVALID_STATE;
    if (!a->driver->chars.ResetHandlerEx)
        return NDIS_STATUS_NOT_SUPPORTED;
    indicate_reset(a, NDIS_STATUS_RESET_START, NDIS_STATUS_SUCCESS);
    pthread_mutex_lock(&a->reset_wait.mutex);
    a->reset_wait.done = false;
    pthread_mutex_unlock(&a->reset_wait.mutex);
    a->addressing_reset = false;
    atomic_store(&a->resetting, true);
    senders_leave(a);
    call = ndis_call_begin(a->driver->owner);
    status = a->driver->chars.ResetHandlerEx(a->context, &addressing);
    ndis_call_end(&call, "MiniportResetEx");
    if (status != NDIS_STATUS_PENDING)
        a->addressing_reset = addressing != 0;
    else if (!ndis_wait_for(&a->reset_wait, RESET_SECONDS, &status)) {
        ndis_adapter_finding(a, "GEN-32",
                             "MiniportResetEx is pending since %d s and was not completed",
                             RESET_SECONDS);
        status = NDIS_STATUS_FAILURE;
    }
    atomic_store(&a->resetting, false);
    if (status == NDIS_STATUS_SUCCESS || status == NDIS_STATUS_SOFT_ERRORS) {
        if (a->addressing_reset)
            ndis_oid_restore(a);
    }
    indicate_reset(a, NDIS_STATUS_RESET_END, status);
    ndis_oid_pump(a);
    return status;
}

NDIS_STATUS ndis_adapter_halt_locked(struct ndis_adapter *a, NDIS_HALT_ACTION why)
{
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    if (ndis_adapter_state(a) == NDIS_ADAPTER_RUNNING)
        status = pause_locked(a);
    if (ndis_adapter_state(a) != NDIS_ADAPTER_PAUSED)
        return NDIS_STATUS_INVALID_STATE;
    ndis_bindings_unbind(a);
    ndis_oid_drain(a);
    call_halt(a, why);
    ndis_dma_drain(a);
    ndis_adapter_set_state(a, NDIS_ADAPTER_HALTED);
    ledger_compare(a, "GEN-9");
    return status;
}

static NDIS_STATUS locked(struct ndis_adapter *a, NDIS_STATUS (*fn)(struct ndis_adapter *a))
{
    NDIS_STATUS status;

    pthread_mutex_lock(&a->operation);
    status = fn(a);
    pthread_mutex_unlock(&a->operation);
    return status;
}

NDIS_STATUS ndis_adapter_initialize(struct ndis_adapter *a)
{
    return locked(a, initialize_locked);
}

NDIS_STATUS ndis_adapter_restart(struct ndis_adapter *a)
{
    return locked(a, restart_locked);
}

NDIS_STATUS ndis_adapter_pause(struct ndis_adapter *a)
{
    return locked(a, pause_locked);
}

NDIS_STATUS ndis_adapter_reset(struct ndis_adapter *a)
{
    return locked(a, ndis_adapter_reset_locked);
}

NDIS_STATUS ndis_adapter_halt_for(struct ndis_adapter *a, NDIS_HALT_ACTION why, bool removed)
{
    NDIS_STATUS status;

    if (removed)
        atomic_store(&a->removed, true);
    pthread_mutex_lock(&a->operation);
    status = ndis_adapter_halt_locked(a, why);
    pthread_mutex_unlock(&a->operation);
    return status;
}

NDIS_STATUS ndis_adapter_halt(struct ndis_adapter *a)
{
    return ndis_adapter_halt_for(a, NdisHaltDeviceDisabled, false);
}

NDIS_STATUS ndis_adapter_surprise_remove(struct ndis_adapter *a)
{
    NET_DEVICE_PNP_EVENT e = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NET_DEVICE_PNP_EVENT_REVISION_1,
                   NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1},
        .DevicePnPEvent = NdisDevicePnPEventSurpriseRemoved,
    };
    NDIS_STATUS status;
    struct ndis_call call;

    pthread_mutex_lock(&a->operation);
    if (atomic_exchange(&a->removed, true) || ndis_adapter_state(a) == NDIS_ADAPTER_HALTED ||
        ndis_adapter_state(a) == NDIS_ADAPTER_SHUTDOWN) {
        pthread_mutex_unlock(&a->operation);
        return NDIS_STATUS_INVALID_STATE;
    }
    if (a->device)
        nt_device_remove(a->device);
    call = ndis_call_begin(a->driver->owner);
    a->driver->chars.DevicePnPEventNotifyHandler(a->context, &e);
    ndis_call_end(&call, "MiniportDevicePnPEventNotify");
    ndis_oid_abort_all(a);
    status = ndis_adapter_halt_locked(a, NdisHaltDeviceSurpriseRemoved);
    pthread_mutex_unlock(&a->operation);
    return status;
}

void ndis_adapter_shutdown(struct ndis_adapter *a)
{
    enum ndis_adapter_state state;
    struct ndis_call call;

    pthread_mutex_lock(&a->operation);
    state = ndis_adapter_state(a);
    if (state != NDIS_ADAPTER_HALTED && state != NDIS_ADAPTER_SHUTDOWN) {
        ndis_adapter_set_state(a, NDIS_ADAPTER_SHUTDOWN);
        call = ndis_call_begin(a->driver->owner);
        a->driver->chars.ShutdownHandlerEx(a->context, NdisShutdownPowerOff);
        ndis_call_end(&call, "MiniportShutdownEx");
        ndis_oid_abort_all(a);
        ndis_interrupt_abandon(a);
    }
    pthread_mutex_unlock(&a->operation);
}
