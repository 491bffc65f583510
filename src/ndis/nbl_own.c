/* SPDX-License-Identifier: MIT */
/* What a pointer to an NBL is worth, and who owns the NBL: the side words of nbl.h. */
#include "ndis/nbl_slab.h"

struct ndis_nbl_side *ndis_nbl_side_of(const NET_BUFFER_LIST *nbl)
{
    return (struct ndis_nbl_side *)ndis_block_find(nbl, NDIS_BLOCK_NBL, NDIS_NBL_AT);
}

struct ndis_block *ndis_nb_block_of(const NET_BUFFER *nb)
{
    return ndis_block_find(nb, NDIS_BLOCK_NB, NDIS_NB_AT);
}

bool ndis_nb_is_ours(const NET_BUFFER *nb)
{
    return ndis_nb_block_of(nb) || ndis_block_find_nb_in_nbl(nb);
}

struct ndis_block *ndis_mdl_block_of(const MDL *mdl)
{
    return ndis_block_find(mdl, NDIS_BLOCK_MDL, NDIS_NB_AT);
}

/* Ownership. */
static unsigned own_depth(uint32_t own) /* levels above DRIVER */
{
    return own ? (35u - (unsigned)__builtin_clz(own)) / 4 - 1 : 0;
}

enum ndis_own ndis_nbl_own(const struct ndis_nbl_side *s)
{
    return (enum ndis_own)(atomic_load_explicit(&s->block.own, memory_order_acquire) & 0xf);
}

struct ndis_hop *ndis_nbl_top(struct ndis_nbl_side *s)
{
    unsigned depth = own_depth(atomic_load_explicit(&s->block.own, memory_order_acquire));

    return depth ? &s->hop[depth - 1] : NULL;
}

const char *ndis_own_name(enum ndis_own own)
{
    static const char *const names[] = {"free in its pool", "with the driver that allocated it",
                                        "sent to a miniport and not completed",
                                        "lent to the layers above and not returned",
                                        "shown to the layers above with RESOURCES"};

    return (unsigned)own < ARRAY_LEN(names) ? names[own] : "corrupt";
}

bool ndis_nbl_push(struct ndis_nbl_side *s, enum ndis_own kind, const struct ndis_hop *hop)
{
    uint32_t own = atomic_load_explicit(&s->block.own, memory_order_acquire);
    unsigned depth = own_depth(own);

    if (own == NDIS_OWN_FREE || depth >= NDIS_HOPS)
        return false;
    s->hop[depth] = *hop;
    return atomic_compare_exchange_strong_explicit(&s->block.own, &own, own << 4 | kind,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

bool ndis_nbl_pop(struct ndis_nbl_side *s, enum ndis_own kind, const struct ndis_adapter *adapter,
                  const struct ndis_binding *binding, struct ndis_hop *out)
{
    uint32_t own = atomic_load_explicit(&s->block.own, memory_order_acquire);
    unsigned depth = own_depth(own);

    if ((own & 0xf) != (uint32_t)kind || depth == 0)
        return false;
    *out = s->hop[depth - 1];
    if (out->adapter != adapter || (binding && out->binding != binding))
        return false;
    return atomic_compare_exchange_strong_explicit(&s->block.own, &own, own >> 4,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

struct recovery {
    enum ndis_own kind;
    const struct ndis_adapter *adapter;
    const struct ndis_binding *binding;
    NET_BUFFER_LIST *first;
    uint32_t count;
};

static void recover_one(struct ndis_block *b, void *arg)
{
    struct ndis_nbl_side *s = (struct ndis_nbl_side *)b;
    struct recovery *r = arg;
    struct ndis_hop hop;

    if (!ndis_nbl_pop(s, r->kind, r->adapter, r->binding, &hop))
        return;
    ndis_side_nbl(s)->Next = r->first;
    r->first = ndis_side_nbl(s);
    r->count++;
}

NET_BUFFER_LIST *ndis_nbl_recover(enum ndis_own kind, const struct ndis_adapter *adapter,
                                  const struct ndis_binding *binding, uint32_t *count)
{
    struct recovery r = {.kind = kind, .adapter = adapter, .binding = binding};

    ndis_block_each(NDIS_BLOCK_NBL, recover_one, &r);
    *count = r.count;
    return r.first;
}

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}

uint64_t ndis_nbl_shape(const NET_BUFFER_LIST *nbl)
{
    enum { LIMIT = 4096 }; /* a chain made into a ring must not hang us */
    uint64_t h = 1;
    unsigned left = LIMIT;

    for (const NET_BUFFER *nb = nbl->FirstNetBuffer; nb && left; nb = nb->Next, left--) {
        h = mix(h, (uintptr_t)nb);
        h = mix(h, (uintptr_t)nb->CurrentMdl);
        h = mix(h, (uint64_t)nb->CurrentMdlOffset << 32 | nb->DataOffset);
        h = mix(h, nb->stDataLength);
        for (const MDL *m = nb->MdlChain; m && left; m = m->Next, left--) {
            h = mix(h, (uintptr_t)m);
            h = mix(h, (uintptr_t)m->StartVa);
            h = mix(h, (uint64_t)m->ByteOffset << 32 | m->ByteCount);
        }
    }
    return h;
}
