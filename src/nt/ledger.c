/* SPDX-License-Identifier: MIT */
/*
 * Owners, the table of what they hold, and failure injection. One table for all owners, in shards
 * by address, so that an object is found whoever gives it back. Shard locks are leaves: nothing is
 * called while one is held.
 */
#include "nt/ledger.h"
#include "nt/finding.h"
#include "nt/processor.h"

#include <pthread.h>

enum { SHARD_COUNT = 64, FIRST_BUCKETS = 64, NAME_BYTES = 48, SHOWN_MAX = 4 };

struct nt_owner {
    char name[NAME_BYTES];
    uint64_t held[NT_RES_COUNT];
    uint64_t asked;
    uint64_t fail_at;
};

struct node {
    struct node *next;
    struct nt_ledger_entry entry;
};

struct shard {
    pthread_mutex_t lock;
    struct node **buckets;
    size_t bucket_count; /* power of two, or 0 before first use */
    size_t used;
};

static struct shard shards[SHARD_COUNT] = {
    [0 ... SHARD_COUNT - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};

static const char *const resource_names[NT_RES_COUNT] = {
    [NT_RES_POOL_MEMORY] = "pool memory",
    [NT_RES_MDL] = "MDL",
    [NT_RES_NBL_POOL] = "NET_BUFFER_LIST pool",
    [NT_RES_NB_POOL] = "NET_BUFFER pool",
    [NT_RES_NBL] = "NET_BUFFER_LIST",
    [NT_RES_TIMER] = "timer",
    [NT_RES_WORK_ITEM] = "work item",
    [NT_RES_THREAD] = "system thread",
    [NT_RES_LOOKASIDE] = "lookaside list",
    [NT_RES_EVENT] = "event",
    [NT_RES_LOCK] = "lock",
    [NT_RES_HANDLE] = "handle",
    [NT_RES_SHARED_MEMORY] = "shared memory",
    [NT_RES_SG_LIST] = "scatter-gather list",
    [NT_RES_DMA_CHANNEL] = "DMA channel",
    [NT_RES_INTERRUPT] = "interrupt",
    [NT_RES_IO_SPACE] = "I/O space mapping",
    [NT_RES_DEVICE] = "device object",
    [NT_RES_BINDING] = "binding",
    [NT_RES_REGISTRATION] = "registration",
};

static uint64_t mix(const void *object, enum nt_resource kind)
{
    uint64_t x = (uint64_t)(uintptr_t)object + ((uint64_t)kind << 58);

    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio */
    return x ^ (x >> 29);
}

static struct shard *shard_of(uint64_t hash)
{
    return &shards[hash % SHARD_COUNT];
}

static struct node **bucket_of(const struct shard *s, uint64_t hash)
{
    return &s->buckets[(hash / SHARD_COUNT) & (s->bucket_count - 1)];
}

/* Growing may fail for want of memory: then the chains get longer. */
static bool shard_grow(struct shard *s)
{
    struct shard bigger = *s;

    bigger.bucket_count = s->bucket_count ? s->bucket_count * 2 : FIRST_BUCKETS;
    bigger.buckets = calloc(bigger.bucket_count, sizeof *bigger.buckets);
    if (!bigger.buckets)
        return s->bucket_count != 0;
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (struct node *n = s->buckets[i], *next; n; n = next) {
            struct node **to = bucket_of(&bigger, mix(n->entry.object, n->entry.kind));

            next = n->next;
            n->next = *to;
            *to = n;
        }
    }
    free(s->buckets);
    s->buckets = bigger.buckets;
    s->bucket_count = bigger.bucket_count;
    return true;
}

static struct node *shard_unlink(struct shard *s, uint64_t hash, enum nt_resource kind,
                                 const void *object)
{
    if (s->bucket_count == 0)
        return NULL;
    for (struct node **at = bucket_of(s, hash); *at; at = &(*at)->next) {
        struct node *n = *at;

        if (n->entry.object == object && n->entry.kind == kind) {
            *at = n->next;
            s->used--;
            return n;
        }
    }
    return NULL;
}

static void owner_adjust(struct nt_owner *o, enum nt_resource kind, bool more)
{
    if (o)
        __atomic_fetch_add(&o->held[kind], more ? 1 : UINT64_MAX, __ATOMIC_RELAXED);
}

void nt_ledger_enter(const struct nt_ledger_entry *e)
{
    uint64_t hash = mix(e->object, e->kind);
    struct shard *s = shard_of(hash);
    struct node *n = malloc(sizeof *n);
    struct node *stale;

    invariant(n);
    n->entry = *e;
    n->entry.owner = nt_owner_current();
    owner_adjust(n->entry.owner, e->kind, true);
    pthread_mutex_lock(&s->lock);
    /* Entered twice means that it went away without us: the address is new. */
    stale = shard_unlink(s, hash, e->kind, e->object);
    if (s->used >= s->bucket_count)
        invariant(shard_grow(s));
    n->next = *bucket_of(s, hash);
    *bucket_of(s, hash) = n;
    s->used++;
    pthread_mutex_unlock(&s->lock);
    if (stale) {
        owner_adjust(stale->entry.owner, stale->entry.kind, false);
        free(stale);
    }
}

void nt_ledger_add(enum nt_resource kind, const void *object, size_t bytes, uint32_t tag)
{
    const struct nt_ledger_entry e = {.object = object, .bytes = bytes, .tag = tag, .kind = kind};

    nt_ledger_enter(&e);
}

bool nt_ledger_take(enum nt_resource kind, const void *object, struct nt_ledger_entry *was)
{
    uint64_t hash = mix(object, kind);
    struct shard *s = shard_of(hash);
    struct node *n;

    pthread_mutex_lock(&s->lock);
    n = shard_unlink(s, hash, kind, object);
    pthread_mutex_unlock(&s->lock);
    if (!n)
        return false;
    owner_adjust(n->entry.owner, kind, false);
    if (was)
        *was = n->entry;
    free(n);
    return true;
}

bool nt_ledger_remove(enum nt_resource kind, const void *object)
{
    if (nt_ledger_take(kind, object, NULL) || !nt_owner_current())
        return true;
    finding_report("NT-LEDGER",
                   "gives back %s %p, which it does not hold: never taken, or given back before",
                   nt_resource_name(kind), object);
    return false;
}

static uint64_t next_fail_at; /* atomic */

void nt_fail_next_owner_at(uint64_t n)
{
    __atomic_store_n(&next_fail_at, n, __ATOMIC_RELAXED);
}

struct nt_owner *nt_owner_new(const char *name)
{
    struct nt_owner *o = calloc(1, sizeof *o);

    if (!o)
        return NULL;
    snprintf(o->name, sizeof o->name, "%s", name);
    o->fail_at = __atomic_exchange_n(&next_fail_at, 0, __ATOMIC_RELAXED);
    return o;
}

/* Unlinks one entry of the owner, any kind; NULL when there is none in the shard. */
static struct node *shard_take_any(struct shard *s, const struct nt_owner *o)
{
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (struct node **at = &s->buckets[i]; *at; at = &(*at)->next) {
            struct node *n = *at;

            if (n->entry.owner != o)
                continue;
            *at = n->next;
            s->used--;
            return n;
        }
    }
    return NULL;
}

void nt_owner_free(struct nt_owner *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        struct node *n;

        do {
            pthread_mutex_lock(&shards[i].lock);
            n = shard_take_any(&shards[i], o);
            pthread_mutex_unlock(&shards[i].lock);
            if (n && n->entry.reclaim)
                n->entry.reclaim((void *)(uintptr_t)n->entry.object);
            free(n);
        } while (n);
    }
    free(o);
}

const char *nt_owner_name(const struct nt_owner *o)
{
    return o ? o->name : "longshore";
}

struct nt_owner *nt_owner_enter(struct nt_owner *o)
{
    struct nt_thread *t = nt_thread_self();
    struct nt_owner *previous = t->owner;

    t->owner = o;
    return previous;
}

void nt_owner_leave(struct nt_owner *previous)
{
    nt_thread_self()->owner = previous;
}

struct nt_owner *nt_owner_current(void)
{
    return nt_thread_current_ ? nt_thread_current_->owner : NULL;
}

uint64_t nt_ledger_count(const struct nt_owner *o, enum nt_resource kind)
{
    return o ? __atomic_load_n(&o->held[kind], __ATOMIC_RELAXED) : 0;
}

uint64_t nt_ledger_total(const struct nt_owner *o)
{
    uint64_t total = 0;

    for (int k = 0; k < NT_RES_COUNT; k++)
        total += nt_ledger_count(o, (enum nt_resource)k);
    return total;
}

/* False: fn has had enough. */
static bool shard_each(struct shard *s, const struct nt_ledger_entry *want,
                       bool (*fn)(void *arg, const struct nt_ledger_entry *e), void *arg)
{
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (const struct node *n = s->buckets[i]; n; n = n->next) {
            if (n->entry.owner == want->owner && n->entry.kind == want->kind && !fn(arg, &n->entry))
                return false;
        }
    }
    return true;
}

void nt_ledger_each(const struct nt_owner *o, enum nt_resource kind,
                    bool (*fn)(void *arg, const struct nt_ledger_entry *e), void *arg)
{
    const struct nt_ledger_entry want = {.owner = (struct nt_owner *)(uintptr_t)o, .kind = kind};
    bool more = true;

    for (size_t i = 0; i < SHARD_COUNT && more; i++) {
        pthread_mutex_lock(&shards[i].lock);
        more = shard_each(&shards[i], &want, fn, arg);
        pthread_mutex_unlock(&shards[i].lock);
    }
}

const char *nt_resource_name(enum nt_resource kind)
{
    return (unsigned)kind < NT_RES_COUNT ? resource_names[kind] : "unknown resource";
}

struct shown {
    char text[160];
    size_t used;
    unsigned count;
};

static void show_entry(struct shown *out, const struct nt_ledger_entry *e)
{
    char tag[5] = "----";
    int n;

    if (out->count == SHOWN_MAX)
        return;
    for (unsigned i = 0; i < 4 && e->tag != 0; i++) {
        unsigned char c = (unsigned char)(e->tag >> (8 * i));

        tag[i] = (char)(c >= 0x20 && c < 0x7f ? c : '.');
    }
    n = snprintf(out->text + out->used, sizeof out->text - out->used, "%s'%s' %zu bytes at %p",
                 out->count ? ", " : "", tag, e->bytes, e->object);
    if (n > 0)
        out->used = MIN_OF(out->used + (size_t)n, sizeof out->text - 1);
    out->count++;
}

static void show_kind(struct shown *out, const struct nt_owner *o, enum nt_resource kind)
{
    for (size_t i = 0; i < SHARD_COUNT && out->count < SHOWN_MAX; i++) {
        pthread_mutex_lock(&shards[i].lock);
        for (size_t b = 0; b < shards[i].bucket_count; b++)
            for (const struct node *n = shards[i].buckets[b]; n; n = n->next)
                if (n->entry.owner == o && n->entry.kind == kind)
                    show_entry(out, &n->entry);
        pthread_mutex_unlock(&shards[i].lock);
    }
}

uint64_t nt_ledger_report(const struct nt_owner *o, const char *rule)
{
    for (int k = 0; k < NT_RES_COUNT; k++) {
        enum nt_resource kind = (enum nt_resource)k;
        uint64_t held = nt_ledger_count(o, kind);
        struct shown shown = {.used = 0};

        if (held == 0)
            continue;
        show_kind(&shown, o, kind);
        finding_report_for(nt_owner_name(o), rule, "%llu x %s not given back: %s%s",
                           (unsigned long long)held, nt_resource_name(kind), shown.text,
                           held > shown.count ? ", ..." : "");
    }
    return nt_ledger_total(o);
}

bool nt_may_allocate(void)
{
    struct nt_owner *o = nt_owner_current();
    uint64_t nth;

    if (!o)
        return true;
    nth = __atomic_add_fetch(&o->asked, 1, __ATOMIC_RELAXED);
    return nth != __atomic_load_n(&o->fail_at, __ATOMIC_RELAXED);
}

void nt_fail_at(struct nt_owner *o, uint64_t n)
{
    __atomic_store_n(&o->asked, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&o->fail_at, n, __ATOMIC_RELAXED);
}

uint64_t nt_allocations_asked(const struct nt_owner *o)
{
    return __atomic_load_n(&o->asked, __ATOMIC_RELAXED);
}
