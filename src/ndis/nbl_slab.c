/* SPDX-License-Identifier: MIT */
/* One reserved address range, cut into slabs of equal blocks; pools with a free list per processor.
 * Theory in nbl.h. */
#include "ndis/nbl_slab.h"

#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISON_WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_WITH_ASAN 1
#endif
#endif

#ifdef POISON_WITH_ASAN
#include <sanitizer/asan_interface.h>
#define block_poison(p, n)   __asan_poison_memory_region((p), (n))
#define block_unpoison(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define block_poison(p, n)   ((void)(p), (void)(n))
#define block_unpoison(p, n) ((void)(p), (void)(n))
#endif

enum { CHUNK_SHIFT = 16, CHUNK_BYTES = 1 << CHUNK_SHIFT, CHUNK_COUNT = 1 << 17 };

struct ndis_slab { /* at the start of its first chunk */
    struct ndis_slab *next;
    struct ndis_pool *pool;
    uint32_t kind, stride, nb_at, first, count, chunks;
};

static struct {
    pthread_mutex_t lock;
    char *_Atomic base;
    uint32_t used;                          /* chunks ever handed out */
    struct ndis_slab *retired;              /* for reuse, by exact size */
    _Atomic(uint32_t) slab_of[CHUNK_COUNT]; /* first chunk of the slab + 1, or 0 */
} arena = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A retired slab's memory is given back but for its first page, which holds the link. */
static struct ndis_slab *arena_reuse(uint32_t chunks)
{
    for (struct ndis_slab **at = &arena.retired; *at; at = &(*at)->next) {
        struct ndis_slab *slab = *at;

        if (slab->chunks == chunks) {
            *at = slab->next;
            return slab;
        }
    }
    return NULL;
}

static struct ndis_slab *arena_extend(uint32_t chunks)
{
    char *base = atomic_load_explicit(&arena.base, memory_order_relaxed);
    char *at;

    if (!base) {
        base = mmap(NULL, (size_t)CHUNK_COUNT << CHUNK_SHIFT, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED)
            return NULL;
        atomic_store_explicit(&arena.base, base, memory_order_release);
    }
    if (chunks > CHUNK_COUNT - arena.used)
        return NULL;
    at = base + ((size_t)arena.used << CHUNK_SHIFT);
    if (mprotect(at, (size_t)chunks << CHUNK_SHIFT, PROT_READ | PROT_WRITE) != 0)
        return NULL;
    arena.used += chunks;
    return (struct ndis_slab *)(void *)at;
}

static struct ndis_slab *slab_new(struct ndis_pool *pool)
{
    uint32_t first = ALIGN_UP((uint32_t)sizeof(struct ndis_slab), 64u);
    uint32_t blocks = MAX_OF(16u, (CHUNK_BYTES - first) / pool->stride);
    uint32_t chunks = (first + blocks * pool->stride + CHUNK_BYTES - 1) >> CHUNK_SHIFT;
    struct ndis_slab *slab;
    uint32_t at;

    pthread_mutex_lock(&arena.lock);
    slab = arena_reuse(chunks);
    if (!slab)
        slab = arena_extend(chunks);
    if (slab) {
        *slab = (struct ndis_slab){.pool = pool,
                                   .kind = pool->kind,
                                   .stride = pool->stride,
                                   .nb_at = pool->nb_at,
                                   .first = first,
                                   .chunks = chunks};
        slab->count = ((chunks << CHUNK_SHIFT) - first) / pool->stride;
        at = (uint32_t)(((char *)slab - arena.base) >> CHUNK_SHIFT);
        for (uint32_t i = 0; i < chunks; i++)
            atomic_store_explicit(&arena.slab_of[at + i], at + 1, memory_order_release);
    }
    pthread_mutex_unlock(&arena.lock);
    return slab;
}

static void slab_free(struct ndis_slab *slab)
{
    uint32_t chunks = slab->chunks;
    size_t bytes = (size_t)chunks << CHUNK_SHIFT;
    uint32_t at;

    block_unpoison(slab, bytes);
    pthread_mutex_lock(&arena.lock);
    at = (uint32_t)(((char *)slab - arena.base) >> CHUNK_SHIFT);
    for (uint32_t i = 0; i < chunks; i++)
        atomic_store_explicit(&arena.slab_of[at + i], 0, memory_order_release);
    madvise(slab, bytes, MADV_DONTNEED);
    slab->chunks = chunks;
    slab->next = arena.retired;
    arena.retired = slab;
    pthread_mutex_unlock(&arena.lock);
}

static const struct ndis_slab *slab_holding(const void *p)
{
    const char *base = atomic_load_explicit(&arena.base, memory_order_acquire);
    uintptr_t offset = (uintptr_t)p - (uintptr_t)base;
    uint32_t entry;

    if (!base || offset >> CHUNK_SHIFT >= CHUNK_COUNT)
        return NULL;
    entry = atomic_load_explicit(&arena.slab_of[offset >> CHUNK_SHIFT], memory_order_acquire);
    return entry ? (const void *)(base + ((size_t)(entry - 1) << CHUNK_SHIFT)) : NULL;
}

static struct ndis_block *slab_block(const struct ndis_slab *slab, const void *p, uint32_t at)
{
    uint32_t offset = (uint32_t)((const char *)p - (const char *)slab);

    if (offset < slab->first + at)
        return NULL;
    offset -= slab->first;
    if (offset % slab->stride != at || offset / slab->stride >= slab->count)
        return NULL;
    return (void *)((char *)(uintptr_t)p - at);
}

struct ndis_block *ndis_block_find(const void *p, enum ndis_block_kind kind, uint32_t at)
{
    const struct ndis_slab *slab = slab_holding(p);

    return slab && slab->kind == kind ? slab_block(slab, p, at) : NULL;
}

struct ndis_block *ndis_block_find_nb_in_nbl(const void *p)
{
    const struct ndis_slab *slab = slab_holding(p);

    return slab && slab->kind == NDIS_BLOCK_NBL && slab->nb_at ? slab_block(slab, p, slab->nb_at)
                                                               : NULL;
}

void ndis_block_each(enum ndis_block_kind kind, void (*fn)(struct ndis_block *b, void *arg),
                     void *arg)
{
    pthread_mutex_lock(&arena.lock);
    for (uint32_t at = 0; at < arena.used; at++) {
        struct ndis_slab *slab = (void *)(arena.base + ((size_t)at << CHUNK_SHIFT));

        if (atomic_load(&arena.slab_of[at]) != at + 1 || slab->kind != kind)
            continue;
        for (uint32_t i = 0; i < slab->count; i++)
            fn((void *)((char *)slab + slab->first + (size_t)i * slab->stride), arg);
    }
    pthread_mutex_unlock(&arena.lock);
}

struct ndis_pool *ndis_pool_new(void)
{
    struct ndis_pool *pool = aligned_alloc(64, sizeof *pool);

    if (!pool)
        return NULL;
    memset(pool, 0, sizeof *pool);
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

uint64_t ndis_pool_out(const struct ndis_pool *pool)
{
    uint64_t out = 0;

    for (unsigned cpu = 0; cpu < NT_MAX_PROCESSORS; cpu++)
        out += counter_read(&pool->local[cpu].taken) - counter_read(&pool->local[cpu].given);
    return out;
}

uint64_t ndis_pool_free(struct ndis_pool *pool)
{
    static struct ndis_pool *_Atomic kept[16]; /* so that leak checkers see them as reachable */
    static _Atomic(uint32_t) kept_count;
    uint64_t out = ndis_pool_out(pool);

    if (out) {
        atomic_store(&kept[atomic_fetch_add(&kept_count, 1) % ARRAY_LEN(kept)], pool);
        return out;
    }
    while (pool->slabs) {
        struct ndis_slab *slab = pool->slabs;

        pool->slabs = slab->next;
        slab_free(slab);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    return 0;
}

/* Called with pool->lock: cuts a new slab into batches for the depot. */
static bool depot_grow(struct ndis_pool *pool)
{
    struct ndis_slab *slab = slab_new(pool);
    struct ndis_block *batch = NULL;

    if (!slab)
        return false;
    slab->next = pool->slabs;
    pool->slabs = slab;
    for (uint32_t i = 0; i < slab->count; i++) {
        struct ndis_block *b = (void *)((char *)slab + slab->first + (size_t)i * slab->stride);
        uint32_t have = batch ? batch->batch_count : 0;

        b->pool = pool;
        b->next = batch;
        b->batch_count = have + 1;
        if (pool->prepare)
            pool->prepare(pool, b);
        block_poison(ndis_block_at(b, pool->side_bytes), pool->stride - pool->side_bytes);
        batch = b;
        if (have + 1 == NDIS_POOL_BATCH || i + 1 == slab->count) {
            batch->batch = pool->depot;
            pool->depot = batch;
            batch = NULL;
        }
    }
    return true;
}

static bool local_refill(struct ndis_pool *pool, struct ndis_pool_local *l, bool locked)
{
    if (l->spare) {
        l->active = l->spare;
        l->spare = NULL;
        l->active_count = NDIS_POOL_BATCH;
        return true;
    }
    if (!locked)
        pthread_mutex_lock(&pool->lock);
    if (pool->depot || depot_grow(pool)) {
        l->active = pool->depot;
        l->active_count = l->active->batch_count;
        pool->depot = l->active->batch;
    }
    if (!locked)
        pthread_mutex_unlock(&pool->lock);
    return l->active != NULL;
}

static void local_spill(struct ndis_pool *pool, struct ndis_pool_local *l, bool locked)
{
    struct ndis_block *full = l->spare;

    l->spare = l->active;
    l->active = NULL;
    l->active_count = 0;
    if (!full)
        return;
    if (!locked)
        pthread_mutex_lock(&pool->lock);
    full->batch_count = NDIS_POOL_BATCH;
    full->batch = pool->depot;
    pool->depot = full;
    if (!locked)
        pthread_mutex_unlock(&pool->lock);
}

struct ndis_block *ndis_block_take(struct ndis_pool *pool)
{
    unsigned cpu = nt_thread_self()->cpu;
    bool shared = cpu >= NDIS_POOL_SHARED_CPU; /* threads beyond the 63rd share the last number */
    struct ndis_pool_local *l = &pool->local[shared ? NDIS_POOL_SHARED_CPU : cpu];
    struct ndis_block *b = NULL;

    if (unlikely(shared))
        pthread_mutex_lock(&pool->lock);
    if (likely(l->active != NULL) || local_refill(pool, l, shared)) {
        b = l->active;
        l->active = b->next;
        l->active_count--;
        counter_add(&l->taken, 1);
    }
    if (unlikely(shared))
        pthread_mutex_unlock(&pool->lock);
    if (b)
        block_unpoison(ndis_block_at(b, pool->side_bytes), pool->stride - pool->side_bytes);
    return b;
}

void ndis_block_give(struct ndis_block *b)
{
    struct ndis_pool *pool = b->pool;
    unsigned cpu = nt_thread_self()->cpu;
    bool shared = cpu >= NDIS_POOL_SHARED_CPU;
    struct ndis_pool_local *l = &pool->local[shared ? NDIS_POOL_SHARED_CPU : cpu];

    block_poison(ndis_block_at(b, pool->side_bytes), pool->stride - pool->side_bytes);
    if (unlikely(shared))
        pthread_mutex_lock(&pool->lock);
    if (unlikely(l->active_count == NDIS_POOL_BATCH))
        local_spill(pool, l, shared);
    b->next = l->active;
    l->active = b;
    l->active_count++;
    counter_add(&l->given, 1);
    if (unlikely(shared))
        pthread_mutex_unlock(&pool->lock);
}
