/* SPDX-License-Identifier: MIT */
/*
 * NET_BUFFER_LISTs as NDIS itself sees them: where their memory comes from and who owns each one
 * now.
 *
 * Memory. All NBLs, NBs and the MDLs that NDIS makes on the data path are blocks of slabs inside
 * one reserved address range. Hence any pointer that a driver hands in is judged (ndis_nbl_side_of)
 * by arithmetic and one table, without following it: garbage is a finding, never a fault. A pool
 * keeps one free list per processor; only the thread that is that processor touches it
 * (nt/processor.h), so allocating and freeing take no lock. Lists that grow long or run dry
 * exchange batches with the pool's depot, under its lock; a slab is made when the depot is dry too.
 *
 * Ownership of an NBL is a stack, one nibble a level, as an intermediate driver passes the NBL on
 * that it was given:
 *
 *   FREE       0x0    in its pool; a few members hold NDIS_NBL_POISON, looked at when it is
 *                     allocated again (GEN-13)
 *   DRIVER     0x1    allocated, with whoever allocated it
 *   SENT       0x12   inside MiniportSendNetBufferLists of hop[0].adapter, until completed
 *   LENT       0x13   indicated; with the layers above hop[0].adapter until returned
 *   SHOWN      0x14   indicated with NDIS_RECEIVE_FLAGS_RESOURCES: until that call returns
 *   SENT SENT  0x122  the team's miniport half sent it on through its protocol half, and so on
 *
 * A transition is a compare-and-swap of the word, which also publishes the hop: whoever wins owns
 * the NBL, whoever loses gets a finding.
 */
#pragma once

#include "ndis/adapter.h"

enum ndis_block_kind { NDIS_BLOCK_NBL = 1, NDIS_BLOCK_NB, NDIS_BLOCK_MDL };

enum ndis_own {
    NDIS_OWN_FREE = 0,
    NDIS_OWN_DRIVER = 1,
    NDIS_OWN_SENT = 2,
    NDIS_OWN_LENT = 3,
    NDIS_OWN_SHOWN = 4,
};

enum { NDIS_HOPS = 4 }; /* adapters that one NBL may be inside at a time */

#define NDIS_NBL_POISON ((void *)0xfeeefeeefeeefeeeull)

struct ndis_hop {
    struct ndis_adapter *adapter;
    struct ndis_binding *binding;
    uint64_t shape; /* ndis_nbl_shape when handed over */
    uint64_t since_ns;
    /* rx.c, for the length of an indication; here and not once per NBL, as an intermediate driver
     * indicates the NBL on from inside one */
    uint64_t interested;         /* bindings whose filter takes it, a bit each */
    NET_BUFFER_LIST *walk_next;  /* the chain while parts of it are shown to bindings */
    NET_BUFFER_LIST *given_next; /* the chain as the miniport made it */
};

struct ndis_pool;

struct ndis_block { /* begins every block */
    struct ndis_pool *pool;
    struct ndis_block *next;  /* free list */
    struct ndis_block *batch; /* depot: next batch; valid in the first of a batch */
    _Atomic(uint32_t) own;
    uint32_t batch_count;
};

struct ndis_nbl_side { /* the block of an NBL, up to the NBL itself */
    struct ndis_block block;
    struct ndis_adapter *last; /* adapter that last completed or lent it, for evidence */
    struct ndis_hop hop[NDIS_HOPS];
} __attribute__((aligned(64)));

struct ndis_nb_side {
    struct ndis_block block;
} __attribute__((aligned(64)));

static inline NET_BUFFER_LIST *ndis_side_nbl(struct ndis_nbl_side *s)
{
    return (NET_BUFFER_LIST *)(void *)(s + 1);
}

/* The side of a pointer that claims to be an NBL (allocated or free), or NULL when it is none of
 * ours. Reads nothing through it. */
struct ndis_nbl_side *ndis_nbl_side_of(const NET_BUFFER_LIST *nbl);
/* The same for NET_BUFFERs out of NB pools and MDLs that NDIS made. */
struct ndis_block *ndis_nb_block_of(const NET_BUFFER *nb);
struct ndis_block *ndis_mdl_block_of(const MDL *mdl);
bool ndis_nb_is_ours(const NET_BUFFER *nb); /* also those that belong to an NBL */

/* Ownership. push: from whoever owns it now to `kind` at the new hop; false when no more hops fit
 * or it is free. pop: from `kind` at `adapter` (and `binding`, unless NULL) back; false when it is
 * not so owned. expected: in pop, returns what stood there. */
bool ndis_nbl_push(struct ndis_nbl_side *s, enum ndis_own kind, const struct ndis_hop *hop);
bool ndis_nbl_pop(struct ndis_nbl_side *s, enum ndis_own kind, const struct ndis_adapter *adapter,
                  const struct ndis_binding *binding, struct ndis_hop *out);
enum ndis_own ndis_nbl_own(const struct ndis_nbl_side *s);
/* Walks every NBL there is and pops those so owned, into a chain; for what a driver forgot. Takes
 * locks. */
NET_BUFFER_LIST *ndis_nbl_recover(enum ndis_own kind, const struct ndis_adapter *adapter,
                                  const struct ndis_binding *binding, uint32_t *count);
struct ndis_hop *ndis_nbl_top(struct ndis_nbl_side *s); /* the last hop, or NULL */
const char *ndis_own_name(enum ndis_own own);

/* A word that changes when the NB list, an MDL chain, a data offset or a length changes. */
uint64_t ndis_nbl_shape(const NET_BUFFER_LIST *nbl);

/* MDLs of NDIS's own: with `bytes` of storage behind it, or (bytes 0) bare, with room for `span`
 * bytes at any alignment. NULL when out of memory. Freed by ndis_mdl_free. Any level. */
MDL *ndis_mdl_new(size_t bytes);
MDL *ndis_mdl_bare(size_t span);
void ndis_mdl_free(MDL *mdl);

/* NDIS's own pools, for callers that give none: NBL with NB, and NBs. */
NDIS_HANDLE ndis_own_nbl_pool(void);
NDIS_HANDLE ndis_own_nb_pool(void);
