/* SPDX-License-Identifier: MIT */
/*
 * OID_TCP_OFFLOAD_PARAMETERS and the standardized keywords: before the set goes down, NDIS stores
 * each setting in the adapter's key: keyword = field - 1, field 0 leaves it (PAR-17). A set that
 * then fails changes nothing, so what stood there is put back (PAR-7).
 */
#include "ndis/private.h"

#include <stddef.h>

static const struct keyword {
    const char *name;
    size_t field;
    UCHAR most;
} keywords[] = {
    {"*IPChecksumOffloadIPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum), 4},
    {"*TCPChecksumOffloadIPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum), 4},
    {"*UDPChecksumOffloadIPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum), 4},
    {"*TCPChecksumOffloadIPv6", offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv6Checksum), 4},
    {"*UDPChecksumOffloadIPv6", offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum), 4},
    {"*LsoV1IPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1), 2},
    {"*LsoV2IPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4), 2},
    {"*LsoV2IPv6", offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6), 2},
    {"*IPsecOffloadV1IPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, IPsecV1), 4},
    {"*TCPConnectionOffloadIPv4", offsetof(NDIS_OFFLOAD_PARAMETERS, TcpConnectionIPv4), 2},
    {"*TCPConnectionOffloadIPv6", offsetof(NDIS_OFFLOAD_PARAMETERS, TcpConnectionIPv6), 2},
};

struct ndis_keywords {
    struct {
        int bytes; /* < 0: there was none */
        bool written;
        enum reg_type type;
        char value[64];
    } old[ARRAY_LEN(keywords)];
};

static void (*changed)(void *arg);
static void *changed_arg;

/* Sets whose keywords are written and which the miniport has not answered yet. Their keywords are
 * written and put back under the lock, all at once for whoever holds it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned under_way;

bool ndis_keywords_hold(void)
{
    pthread_mutex_lock(&lock);
    if (under_way == 0)
        return true;
    pthread_mutex_unlock(&lock);
    return false;
}

void ndis_keywords_release(void)
{
    pthread_mutex_unlock(&lock);
}

static UCHAR field_of(const NDIS_OFFLOAD_PARAMETERS *p, size_t i)
{
    return ((const UCHAR *)p)[keywords[i].field];
}

/* Contents that mean something. What does not is the miniport's to refuse (PAR-4, PAR-6), and no
 * keyword is touched for it. */
static bool understood(const NDIS_OFFLOAD_PARAMETERS *p, ULONG bytes)
{
    if (!p || bytes < NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1 ||
        p->Header.Type != NDIS_OBJECT_TYPE_DEFAULT ||
        p->Header.Revision < NDIS_OFFLOAD_PARAMETERS_REVISION_1 ||
        p->Header.Size < NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1 || p->Header.Size > bytes)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (field_of(p, i) > keywords[i].most)
            return false;
    return true;
}

static int store(struct ndis_adapter *a, const NDIS_OFFLOAD_PARAMETERS *p, struct ndis_keywords *k)
{
    int err = 0;

    for (size_t i = 0; i < ARRAY_LEN(keywords) && !err; i++) {
        char text[2] = {(char)('0' + field_of(p, i) - 1), 0};

        if (!field_of(p, i))
            continue;
        k->old[i].bytes = reg_get(a->key, keywords[i].name, &k->old[i].type, k->old[i].value,
                                  sizeof(k->old[i].value));
        err = reg_set_sz(a->key, keywords[i].name, text);
        k->old[i].written = !err;
    }
    return err;
}

NDIS_STATUS ndis_keywords_apply(struct ndis_adapter *a, const NDIS_OID_REQUEST *r,
                                struct ndis_keywords **before)
{
    const NDIS_OFFLOAD_PARAMETERS *p = r->DATA.SET_INFORMATION.InformationBuffer;
    struct ndis_keywords *k;
    int err;

    *before = NULL;
    if (!understood(p, r->DATA.SET_INFORMATION.InformationBufferLength))
        return NDIS_STATUS_SUCCESS;
    if (p->Flags & ~(ULONG)NDIS_OFFLOAD_PARAMETERS_SKIP_REGISTRY_UPDATE)
        return NDIS_STATUS_INVALID_PARAMETER; /* D-16 */
    if ((p->Flags & NDIS_OFFLOAD_PARAMETERS_SKIP_REGISTRY_UPDATE) || !a->key)
        return NDIS_STATUS_SUCCESS;
    k = calloc(1, sizeof(*k));
    if (!k)
        return NDIS_STATUS_RESOURCES;
    pthread_mutex_lock(&lock);
    under_way++;
    err = store(a, p, k);
    pthread_mutex_unlock(&lock);
    if (err) {
        ndis_keywords_done(a, k, false);
        return NDIS_STATUS_RESOURCES;
    }
    *before = k;
    return NDIS_STATUS_SUCCESS;
}

void ndis_set_keywords_changed(void (*fn)(void *arg), void *arg)
{
    changed = fn;
    changed_arg = arg;
}

static void tell(struct ndis_adapter *a)
{
    (void)a;
    if (changed)
        changed(changed_arg);
}

static void put_back(struct ndis_adapter *a, const struct ndis_keywords *before)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        if (!before->old[i].written)
            continue;
        if (before->old[i].bytes < 0)
            reg_delete(a->key, keywords[i].name);
        else
            reg_set(a->key, keywords[i].name, before->old[i].type, before->old[i].value,
                    MIN_OF((size_t)before->old[i].bytes, sizeof(before->old[i].value)));
    }
}

void ndis_keywords_done(struct ndis_adapter *a, struct ndis_keywords *before, bool keep)
{
    bool any = false;

    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        any |= before->old[i].written;
    pthread_mutex_lock(&lock);
    if (!keep)
        put_back(a, before);
    under_way--;
    pthread_mutex_unlock(&lock);
    free(before);
    /* This may be DISPATCH_LEVEL, and a file takes its time. */
    if (any && changed && ndis_runtime_task(a, tell))
        log_error("ndis: %s: no memory to report changed keywords", a->name);
}
