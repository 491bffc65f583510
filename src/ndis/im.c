/* SPDX-License-Identifier: MIT */
/*
 * Instances of intermediate drivers: the virtual miniports that such a driver asks NDIS to start
 * when it is bound below. An instance is the adapter of that name, if the machine has plugged one,
 * else a new one. It starts on NDIS's own thread, as the request comes from inside a bind handler.
 */
#include "ndis/private.h"

#include "nt/export.h"

static bool instance_name(const NDIS_STRING *s, char *to, size_t room)
{
    size_t units = s ? s->Length / sizeof(WCHAR) : 0, n = 0;

    for (size_t i = 0; i < units && n + 1 < room; i++) {
        uint16_t c = (uint16_t)s->Buffer[i];

        if (c == 0 || c > 0x7e)
            return false; /* device names are ASCII */
        to[n++] = (char)c;
    }
    to[n] = 0;
    return n > 0 && n == units;
}

/* "\Device\team0" names what "team0" does. */
static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '\\');

    return slash ? slash + 1 : name;
}

static struct ndis_adapter *find_instance(struct ndis_driver *d, const char *name)
{
    struct list *pos;

    list_for_each(pos, &d->adapters)
    {
        struct ndis_adapter *a = list_entry(pos, struct ndis_adapter, driver_link);

        if (!strcasecmp(a->ndis_name, name) || !strcasecmp(a->name, last_part(name)))
            return a;
    }
    return NULL;
}

static void start_instance(struct ndis_adapter *a)
{
    NDIS_STATUS status = ndis_adapter_initialize(a);

    if (status == NDIS_STATUS_SUCCESS)
        status = ndis_adapter_restart(a);
    if (status != NDIS_STATUS_SUCCESS)
        log_warn("ndis: %s: the instance did not start: 0x%08x", a->name, (unsigned)status);
}

static struct ndis_adapter *make_instance(struct ndis_driver *d, const char *name)
{
    struct ndis_adapter_config config = {.driver = d->nt, .name = last_part(name)};
    struct ndis_adapter *a = NULL;
    struct why why = {""};

    if (ndis_adapter_new(&config, &a, &why))
        log_error("ndis: %s", why.text);
    return a;
}

NDIS_STATUS NTAPI NdisIMInitializeDeviceInstanceEx(NDIS_HANDLE DriverHandle,
                                                   PNDIS_STRING DriverInstance,
                                                   NDIS_HANDLE DeviceContext)
{
    struct ndis_driver *d = ndis_handle_get(DriverHandle, NDIS_H_MINIPORT_DRIVER, __func__);
    struct ndis_adapter *a;
    char name[128];

    if (!d || !NT_PASSIVE_ONLY() || !instance_name(DriverInstance, name, sizeof(name)))
        return NDIS_STATUS_FAILURE;
    if (!d->intermediate) {
        finding_report("MUX-1", "%s by a driver that is not registered as intermediate", __func__);
        return NDIS_STATUS_FAILURE;
    }
    if (!nt_may_allocate())
        return NDIS_STATUS_RESOURCES;
    a = find_instance(d, name);
    if (!a)
        a = make_instance(d, name);
    if (!a)
        return NDIS_STATUS_RESOURCES;
    if (a->im_requested || ndis_adapter_state(a) != NDIS_ADAPTER_HALTED)
        return NDIS_STATUS_NOT_ACCEPTED;
    a->im_instance = DeviceContext;
    a->im_requested = true;
    if (!ndis_runtime_task(a, start_instance))
        return NDIS_STATUS_SUCCESS;
    a->im_requested = false;
    return NDIS_STATUS_RESOURCES;
}
NT_EXPORT(NdisIMInitializeDeviceInstanceEx);

NDIS_STATUS NTAPI NdisIMDeInitializeDeviceInstance(NDIS_HANDLE NdisMiniportHandle)
{
    struct ndis_adapter *a = ndis_handle_get(NdisMiniportHandle, NDIS_H_ADAPTER, __func__);
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    if (!a || !NT_PASSIVE_ONLY() || !a->driver->intermediate)
        return NDIS_STATUS_FAILURE;
    ndis_runtime_cancel(a);
    if (ndis_adapter_state(a) != NDIS_ADAPTER_HALTED)
        status = ndis_adapter_halt_for(a, NdisHaltDeviceInstanceDeInitialized, false);
    a->im_requested = false;
    return status == NDIS_STATUS_SUCCESS ? status : NDIS_STATUS_FAILURE;
}
NT_EXPORT(NdisIMDeInitializeDeviceInstance);

NDIS_STATUS NTAPI NdisIMCancelInitializeDeviceInstance(NDIS_HANDLE DriverHandle,
                                                       PNDIS_STRING DeviceInstance)
{
    struct ndis_driver *d = ndis_handle_get(DriverHandle, NDIS_H_MINIPORT_DRIVER, __func__);
    struct ndis_adapter *a;
    char name[128];

    if (!d || !NT_PASSIVE_ONLY() || !instance_name(DeviceInstance, name, sizeof(name)))
        return NDIS_STATUS_FAILURE;
    a = find_instance(d, name);
    if (!a || !a->im_requested)
        return NDIS_STATUS_FAILURE;
    ndis_runtime_cancel(a);
    if (ndis_adapter_state(a) != NDIS_ADAPTER_HALTED)
        return NDIS_STATUS_FAILURE; /* too late: it is started */
    a->im_requested = false;
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisIMCancelInitializeDeviceInstance);

/* Instance context of the virtual miniport that a protocol above is bound to. */
NDIS_HANDLE NTAPI NdisIMGetBindingContext(NDIS_HANDLE NdisBindingHandle)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);

    return b && b->adapter ? b->adapter->im_instance : NULL;
}
NT_EXPORT(NdisIMGetBindingContext);

/* Tells NDIS that the two halves belong together: the lower one is not bound to what the upper one
 * makes. */
VOID NTAPI NdisIMAssociateMiniport(NDIS_HANDLE DriverHandle, NDIS_HANDLE ProtocolHandle)
{
    struct ndis_driver *d = ndis_handle_get(DriverHandle, NDIS_H_MINIPORT_DRIVER, __func__);
    struct ndis_protocol *p = ndis_handle_get(ProtocolHandle, NDIS_H_PROTOCOL, __func__);

    if (d && p && d->intermediate)
        d->associated = p;
    else if (d && !d->intermediate)
        finding_report("MUX-1", "%s by a driver that is not registered as intermediate", __func__);
}
NT_EXPORT(NdisIMAssociateMiniport);
