/* SPDX-License-Identifier: MIT */
/* The observer that records, and finding things in the record. */
#include "conform/watch.h"

#include "nt/processor.h"

#include <pthread.h>
#include <strings.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct watch_event *events;
static unsigned count;
static struct watch_attributes attributes;
static struct {
    char text[64];
} read_names[256]; /* values of the configuration that were asked for */
static unsigned read_name_count;
static const struct ndis_observer *_Atomic also_shown, *_Atomic members_shown;
static const struct ndis_adapter *others[WATCH_NOT];

static bool is_other(const struct ndis_adapter *a)
{
    for (unsigned i = 0; i < WATCH_NOT && others[i]; i++) {
        if (others[i] == a)
            return true;
    }
    return false;
}

/* What a member does: for whoever asked to be shown it. */
#define OTHERS(member, a, ...)                                                                     \
    do {                                                                                           \
        const struct ndis_observer *shown_ = members_shown;                                        \
        if (is_other(a)) {                                                                         \
            if (shown_ && shown_->member)                                                          \
                shown_->member(shown_->arg, a, __VA_ARGS__);                                       \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static void add(const struct ndis_adapter *a, struct watch_event e)
{
    e.irql = nt_thread_self()->irql;
    if (e.kind != WATCH_STATE)
        e.state = ndis_adapter_state(a);
    pthread_mutex_lock(&mutex);
    if (count < WATCH_EVENTS)
        events[count++] = e;
    pthread_mutex_unlock(&mutex);
}

static unsigned chain_length(const NET_BUFFER_LIST *nbl)
{
    unsigned n = 0;

    for (; nbl; nbl = nbl->Next)
        n++;
    return n;
}

static void on_state(void *arg, struct ndis_adapter *a, enum ndis_adapter_state from,
                     enum ndis_adapter_state to)
{
    const struct ndis_observer *also = also_shown;

    (void)arg;
    OTHERS(state, a, from, to);
    add(a, (struct watch_event){.kind = WATCH_STATE, .from = from, .state = to});
    if (also && also->state)
        also->state(also->arg, a, from, to);
}

static void on_status(void *arg, struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    const struct ndis_observer *also = also_shown;

    (void)arg;
    OTHERS(status, a, s);
    add(a, (struct watch_event){
               .kind = WATCH_STATUS, .code = (uint32_t)s->StatusCode, .indication = *s});
    if (also && also->status)
        also->status(also->arg, a, s);
}

static void on_oid(void *arg, struct ndis_adapter *a, const NDIS_OID_REQUEST *r, NDIS_STATUS status,
                   bool reached)
{
    const struct ndis_observer *also = also_shown;

    (void)arg;
    OTHERS(oid, a, r, status, reached);
    add(a, (struct watch_event){.kind = WATCH_OID,
                                .code = r->DATA.SET_INFORMATION.Oid,
                                .request = r->RequestType,
                                .status = status,
                                .reached = reached});
    if (also && also->oid)
        also->oid(also->arg, a, r, status, reached);
}

/* At most as much as the driver says there is. */
static void copy_block(void *to, size_t room, const void *from, size_t bytes)
{
    memset(to, 0, room);
    memcpy(to, from, MIN_OF(room, bytes));
}

static void keep_offload(const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o)
{
    copy_block(&attributes.offload, sizeof attributes.offload, o, o->Header.Size);
    attributes.offload_set = true;
    if (o->DefaultOffloadConfiguration)
        copy_block(&attributes.now, sizeof attributes.now, o->DefaultOffloadConfiguration,
                   o->DefaultOffloadConfiguration->Header.Size);
    if (o->HardwareOffloadCapabilities)
        copy_block(&attributes.hardware, sizeof attributes.hardware, o->HardwareOffloadCapabilities,
                   o->HardwareOffloadCapabilities->Header.Size);
    if (o->DefaultTcpConnectionOffloadConfiguration)
        attributes.connection_now = *o->DefaultTcpConnectionOffloadConfiguration;
    if (o->TcpConnectionOffloadHardwareCapabilities)
        attributes.connection_hardware = *o->TcpConnectionOffloadHardwareCapabilities;
}

static void keep_general(const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g)
{
    copy_block(&attributes.general, sizeof attributes.general, g, g->Header.Size);
    attributes.general_set = true;
    attributes.oid_count =
        g->SupportedOidList ? (unsigned)(g->SupportedOidListLength / sizeof(NDIS_OID)) : 0;
    attributes.oid_count = MIN_OF(attributes.oid_count, (unsigned)ARRAY_LEN(attributes.oids));
    if (attributes.oid_count)
        memcpy(attributes.oids, g->SupportedOidList, attributes.oid_count * sizeof(NDIS_OID));
}

static void on_attributes(void *arg, struct ndis_adapter *a, const void *block, NDIS_STATUS status)
{
    NDIS_OBJECT_HEADER h;

    (void)arg;
    OTHERS(attributes, a, block, status);
    memcpy(&h, block, sizeof h);
    add(a, (struct watch_event){
               .kind = WATCH_ATTRIBUTES, .code = h.Type, .status = status, .header = h});
    if (status != NDIS_STATUS_SUCCESS)
        return;
    if (h.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES)
        keep_offload(block);
    if (h.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES)
        keep_general(block);
    if (h.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES)
        copy_block(&attributes.registration, sizeof attributes.registration, block, h.Size);
}

static void on_send(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first)
{
    const struct ndis_observer *also = also_shown;

    (void)arg;
    OTHERS(send, a, first);
    add(a, (struct watch_event){.kind = WATCH_SEND, .nbls = chain_length(first)});
    if (also && also->send)
        also->send(also->arg, a, first);
}

static void on_send_complete(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first)
{
    const struct ndis_observer *also = also_shown;

    (void)arg;
    OTHERS(send_complete, a, first);
    add(a, (struct watch_event){.kind = WATCH_SEND_COMPLETE, .nbls = chain_length(first)});
    if (also && also->send_complete)
        also->send_complete(also->arg, a, first);
}

static void on_receive(void *arg, struct ndis_adapter *a, NET_BUFFER_LIST *first, ULONG flags)
{
    const struct ndis_observer *also = also_shown;

    (void)arg;
    OTHERS(receive, a, first, flags);
    add(a, (struct watch_event){.kind = WATCH_RECEIVE, .code = flags, .nbls = chain_length(first)});
    if (also && also->receive)
        also->receive(also->arg, a, first, flags);
}

static bool knows_name(const char *name)
{
    for (unsigned i = 0; i < read_name_count; i++) {
        if (strcasecmp(read_names[i].text, name) == 0)
            return true;
    }
    return false;
}

static void on_keyword(void *arg, const char *name, NDIS_STATUS status)
{
    (void)arg;
    (void)status;
    pthread_mutex_lock(&mutex);
    if (!knows_name(name) && read_name_count < ARRAY_LEN(read_names))
        snprintf(read_names[read_name_count++].text, sizeof read_names[0].text, "%s", name);
    pthread_mutex_unlock(&mutex);
}

static const struct ndis_observer observer = {
    .state = on_state,
    .status = on_status,
    .oid = on_oid,
    .attributes = on_attributes,
    .send = on_send,
    .send_complete = on_send_complete,
    .receive = on_receive,
    .keyword = on_keyword,
};

void watch_begin(void)
{
    if (!events)
        events = calloc(WATCH_EVENTS, sizeof *events);
    invariant(events);
    count = read_name_count = 0;
    memset(&attributes, 0, sizeof attributes);
    ndis_set_observer(&observer);
}

void watch_not(const struct ndis_adapter *a)
{
    unsigned i = 0;

    if (!a) {
        memset(others, 0, sizeof others);
        return;
    }
    while (i < WATCH_NOT && others[i])
        i++;
    invariant(i < WATCH_NOT);
    others[i] = a;
}

void watch_members(const struct ndis_observer *shown)
{
    members_shown = shown;
}

void watch_also(const struct ndis_observer *also)
{
    also_shown = also;
}

unsigned watch_count(void)
{
    unsigned n;

    pthread_mutex_lock(&mutex);
    n = count;
    pthread_mutex_unlock(&mutex);
    return n;
}

const struct watch_event *watch_at(unsigned index)
{
    return index < watch_count() ? &events[index] : NULL;
}

int watch_find(unsigned at, enum watch_kind kind, uint32_t code)
{
    bool any = kind == WATCH_SEND || kind == WATCH_SEND_COMPLETE || kind == WATCH_RECEIVE;

    for (unsigned i = at, n = watch_count(); i < n; i++) {
        if (events[i].kind == kind && (any || events[i].code == code))
            return (int)i;
    }
    return -1;
}

int watch_find_state(unsigned at, enum ndis_adapter_state to)
{
    for (unsigned i = at, n = watch_count(); i < n; i++) {
        if (events[i].kind == WATCH_STATE && events[i].state == to)
            return (int)i;
    }
    return -1;
}

const struct watch_attributes *watch_attributes(void)
{
    return &attributes;
}

bool watch_read_keyword(const char *name)
{
    bool known;

    pthread_mutex_lock(&mutex);
    known = knows_name(name);
    pthread_mutex_unlock(&mutex);
    return known;
}

bool watch_lists_oid(NDIS_OID oid)
{
    for (unsigned i = 0; i < attributes.oid_count; i++) {
        if (attributes.oids[i] == oid)
            return true;
    }
    return false;
}
