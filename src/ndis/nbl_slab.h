/* SPDX-License-Identifier: MIT */
/* Blocks, slabs and pools: the memory under nbl.c, private to it, nbl_slab.c and nbl_clone.c.
 * Theory in nbl.h. */
#pragma once

#include "ndis/nbl.h"
#include "nt/processor.h"

enum {
    NDIS_NBL_AT = sizeof(struct ndis_nbl_side),
    NDIS_NB_AT = sizeof(struct ndis_nb_side)
}; /* in blocks */
enum { NDIS_CONTEXT_MAX = 0xfff0 };
enum { NDIS_POOL_BATCH = 64, NDIS_POOL_SHARED_CPU = NT_MAX_PROCESSORS - 1 };

struct ndis_pool_local {               /* of one processor */
    struct ndis_block *active, *spare; /* spare is NULL or a full batch */
    uint32_t active_count;
    counter taken, given;
} __attribute__((aligned(64)));

struct ndis_pool {
    struct ndis_handle handle;
    enum ndis_block_kind kind;
    uint32_t stride, side_bytes;
    uint32_t nb_at, mdl_at, context_at, data_at; /* offsets in a block; 0 when it has none */
    uint32_t context_bytes, data_bytes;
    uint32_t tag;
    uint8_t protocol_id;
    bool is_own; /* NDIS's: not in the ledger, never freed */
    void (*prepare)(struct ndis_pool *pool,
                    struct ndis_block *block); /* once per block, when its slab is made */
    pthread_mutex_t lock;                      /* guards slabs and depot */
    struct ndis_slab *slabs;
    struct ndis_block *depot;
    struct ndis_pool_local local[NT_MAX_PROCESSORS];
};

/* All offsets, kind and prepare filled in by the caller. */
struct ndis_pool *ndis_pool_new(void);
/* Gives the slabs back when nothing is out, else keeps them for ever; returns how many blocks were
 * out. */
uint64_t ndis_pool_free(struct ndis_pool *pool);
uint64_t ndis_pool_out(const struct ndis_pool *pool);

/* NULL when out of memory. A taken block is FREE still; the caller makes it DRIVER. */
struct ndis_block *ndis_block_take(struct ndis_pool *pool);
void ndis_block_give(struct ndis_block *block);

/* The block that holds p at `at` bytes from its start.. */
struct ndis_block *ndis_block_find(const void *p, enum ndis_block_kind kind, uint32_t at);
struct ndis_block *ndis_block_find_nb_in_nbl(const void *p);

/* Calls fn for every block of that kind, with the arena locked: it must not take or give blocks. */
void ndis_block_each(enum ndis_block_kind kind, void (*fn)(struct ndis_block *b, void *arg),
                     void *arg);

static inline void *ndis_block_at(const struct ndis_block *b, uint32_t at)
{
    return (char *)(uintptr_t)b + at;
}

/* nbl_context.c. init: false when there is no memory. */
bool ndis_context_init(NET_BUFFER_LIST *nbl, struct ndis_block *b, uint32_t size,
                       uint32_t backfill);
void ndis_context_fini(NET_BUFFER_LIST *nbl, const struct ndis_block *b);
bool ndis_context_sizes_ok(USHORT size, USHORT backfill, uint32_t unit, const char *call);
