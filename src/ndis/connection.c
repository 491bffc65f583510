/* SPDX-License-Identifier: MIT */
/* Which protocols are wanted on which adapters, and what becomes of their bindings as the adapter
 * starts, pauses and goes. */
#include "ndis/binding.h"

#include "nt/export.h"
#include "nt/processor.h"

#include <strings.h>

enum { SNAPSHOT = 64 };

struct connection {
    struct connection *next;
    struct ndis_adapter *adapter;
    struct ndis_protocol *protocol;
    struct ndis_binding *binding; /* NULL: not bound now */
};

static pthread_mutex_t connections_lock = PTHREAD_MUTEX_INITIALIZER;
static struct connection *connections;

/* A binding pointer found here stays valid while the adapter's operation lock is held. */
static unsigned bindings_of(struct ndis_adapter *a, struct ndis_binding **out)
{
    unsigned n = 0;

    pthread_mutex_lock(&connections_lock);
    for (struct connection *c = connections; c && n < SNAPSHOT; c = c->next)
        if (c->adapter == a && c->binding)
            out[n++] = c->binding;
    pthread_mutex_unlock(&connections_lock);
    return n;
}

static struct connection *connection_find(struct ndis_adapter *a, const char *protocol)
{
    struct connection *c;

    pthread_mutex_lock(&connections_lock);
    for (c = connections; c; c = c->next)
        if (c->adapter == a && strcasecmp(c->protocol->name, protocol) == 0)
            break;
    pthread_mutex_unlock(&connections_lock);
    return c;
}

static struct connection *connection_new(struct ndis_adapter *a, struct ndis_protocol *p)
{
    struct connection *c = calloc(1, sizeof(*c));
    struct connection **end;

    if (!c)
        return NULL;
    c->adapter = a;
    c->protocol = p;
    pthread_mutex_lock(&connections_lock);
    for (end = &connections; *end; end = &(*end)->next)
        ;
    *end = c;
    pthread_mutex_unlock(&connections_lock);
    return c;
}

static void connection_free(struct connection *c)
{
    pthread_mutex_lock(&connections_lock);
    for (struct connection **at = &connections; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    pthread_mutex_unlock(&connections_lock);
    free(c);
}

static void connection_set(struct connection *c, struct ndis_binding *b)
{
    pthread_mutex_lock(&connections_lock);
    c->binding = b;
    pthread_mutex_unlock(&connections_lock);
}

static NDIS_STATUS bind(struct connection *c)
{
    struct ndis_binding *b = NULL;
    NDIS_STATUS status = ndis_binding_bind(c->adapter, c->protocol, &b);

    connection_set(c, b);
    return status;
}

static void unbind(struct connection *c)
{
    if (!c->binding)
        return;
    ndis_binding_unbind(c->binding);
    connection_set(c, NULL);
}

/* What the adapter and the machine ask for. */
void ndis_bindings_start(struct ndis_adapter *a)
{
    struct connection *todo[SNAPSHOT];
    unsigned n = 0;

    pthread_mutex_lock(&connections_lock);
    for (struct connection *c = connections; c && n < SNAPSHOT; c = c->next)
        if (c->adapter == a)
            todo[n++] = c;
    pthread_mutex_unlock(&connections_lock);
    for (unsigned i = 0; i < n; i++) {
        if (todo[i]->binding)
            ndis_binding_restart(todo[i]->binding);
        else if (bind(todo[i]) != NDIS_STATUS_SUCCESS)
            log_warn("ndis: %s does not bind to %s", todo[i]->protocol->name, a->name);
    }
}

void ndis_bindings_pause(struct ndis_adapter *a)
{
    struct ndis_binding *b[SNAPSHOT];
    unsigned n = bindings_of(a, b);

    while (n--)
        ndis_binding_pause(b[n]);
}

void ndis_bindings_unbind(struct ndis_adapter *a)
{
    struct connection *todo[SNAPSHOT];
    unsigned n = 0;

    pthread_mutex_lock(&connections_lock);
    for (struct connection *c = connections; c && n < SNAPSHOT; c = c->next)
        if (c->adapter == a && c->binding)
            todo[n++] = c;
    pthread_mutex_unlock(&connections_lock);
    while (n--)
        unbind(todo[n]);
}

int ndis_binding_connect(struct ndis_adapter *a, const char *protocol, struct why *why)
{
    struct ndis_protocol *p = ndis_protocol_find(protocol);
    struct connection *c;
    NDIS_STATUS status;

    if (!p)
        return why_set(why, -ENOENT, "%s: no protocol of that name has registered", protocol);
    if (connection_find(a, protocol))
        return why_set(why, -EEXIST, "%s: connected to %s already", protocol, a->name);
    if (a->driver->associated == p)
        return why_set(why, -ELOOP, "%s: %s is its own virtual adapter", protocol, a->name);
    c = connection_new(a, p);
    if (!c)
        return why_set(why, -ENOMEM, "%s: no memory to connect it to %s", protocol, a->name);
    if (ndis_adapter_state(a) != NDIS_ADAPTER_RUNNING)
        return 0;
    status = bind(c);
    if (status == NDIS_STATUS_SUCCESS)
        return 0;
    connection_free(c);
    return why_set(why, -ECANCELED, "%s: binding to %s failed with status 0x%08x", protocol,
                   a->name, (unsigned)status);
}

void ndis_binding_disconnect(struct ndis_adapter *a, const char *protocol)
{
    struct connection *c = connection_find(a, protocol);

    if (!c)
        return;
    unbind(c);
    connection_free(c);
}

void ndis_bindings_of_protocol_end(struct ndis_protocol *p)
{
    struct ndis_adapter *a;

    do {
        a = NULL;
        pthread_mutex_lock(&connections_lock);
        for (struct connection *c = connections; c && !a; c = c->next)
            if (c->protocol == p)
                a = c->adapter;
        pthread_mutex_unlock(&connections_lock);
        if (a)
            ndis_adapter_disconnect(a, p->name);
    } while (a);
}

void ndis_bindings_fini(struct ndis_adapter *a)
{
    struct connection **at = &connections;

    pthread_mutex_lock(&connections_lock);
    while (*at) {
        struct connection *c = *at;

        if (c->adapter != a) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        free(c);
    }
    pthread_mutex_unlock(&connections_lock);
    ndis_bindings_forget(a);
}

/* A protocol's own wish to leave: carried out on a worker. */
static void unbind_later(void *arg)
{
    struct ndis_binding *b = arg;
    struct ndis_adapter *a = b->adapter;
    struct connection *c;

    pthread_mutex_lock(&a->operation);
    c = connection_find(a, b->protocol->name);
    if (c && c->binding == b) {
        unbind(c);
        connection_free(c);
    }
    pthread_mutex_unlock(&a->operation);
}

NDIS_STATUS NTAPI NdisUnbindAdapter(NDIS_HANDLE NdisBindingHandle)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);

    NT_PASSIVE_ONLY();
    if (!b)
        return NDIS_STATUS_FAILURE;
    return nt_work_queue(unbind_later, b) == 0 ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}
NT_EXPORT(NdisUnbindAdapter);
