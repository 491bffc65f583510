/* SPDX-License-Identifier: MIT */
/* The rig's sends: NBLs over private copies, MDLs cut where a check wants them. */
#include "conform/rig_int.h"

#include "nt/finding.h"

void rig_pools_new(struct rig *r)
{
    NET_BUFFER_LIST_POOL_PARAMETERS nbls;
    NET_BUFFER_POOL_PARAMETERS nbs;

    memset(&nbls, 0, sizeof nbls);
    nbls.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    nbls.Header.Revision = NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    nbls.Header.Size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    nbls.fAllocateNetBuffer = TRUE;
    nbls.PoolTag = RIG_TAG;
    r->nbl_pool = NdisAllocateNetBufferListPool(r->main.protocol, &nbls);
    memset(&nbs, 0, sizeof nbs);
    nbs.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    nbs.Header.Revision = NET_BUFFER_POOL_PARAMETERS_REVISION_1;
    nbs.Header.Size = NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1;
    nbs.PoolTag = RIG_TAG;
    r->nb_pool = NdisAllocateNetBufferPool(r->main.protocol, &nbs);
    if (!r->nbl_pool || !r->nb_pool)
        cannot(r, "no memory for pools");
}

void rig_pools_free(struct rig *r)
{
    NdisFreeNetBufferPool(r->nb_pool);
    NdisFreeNetBufferListPool(r->nbl_pool);
}

static void free_mdls(MDL *mdl)
{
    while (mdl) {
        MDL *next = mdl->Next;

        NdisFreeMdl(mdl);
        mdl = next;
    }
}

static uint8_t *make_data(struct rig *r, const void *frame, uint32_t len, const uint32_t *splits,
                          uint32_t front, MDL **first)
{
    uint8_t *data = malloc((size_t)front + len + 1);
    uint32_t at = 0, total = front + len;
    MDL **tail = first;

    invariant(data);
    *first = NULL;
    memset(data, 0xee, front);
    memcpy(data + front, frame, len);
    while (at < total || !*first) {
        uint32_t n = total - at;

        if (splits && *splits) {
            n = *splits == UINT32_MAX ? 0 : MIN_OF(*splits, n);
            splits++;
        }
        *tail = NdisAllocateMdl(r->main.protocol, data + at, n);
        invariant(*tail);
        tail = &(*tail)->Next;
        at += n;
    }
    return data;
}

NET_BUFFER_LIST *rig_nbl(struct rig *r, const void *frame, uint32_t len, const uint32_t *splits,
                         uint32_t front)
{
    MDL *first;
    uint8_t *data = make_data(r, frame, len, splits, front, &first);
    NET_BUFFER_LIST *nbl =
        NdisAllocateNetBufferAndNetBufferList(r->nbl_pool, 0, 0, first, front, len);

    invariant(nbl);
    nbl->ProtocolReserved[0] = data;
    r->nbls_out++;
    return nbl;
}

NET_BUFFER *rig_add_nb(struct rig *r, NET_BUFFER_LIST *nbl, const void *frame, uint32_t len)
{
    MDL *first;
    uint8_t *data = make_data(r, frame, len, NULL, 0, &first);
    NET_BUFFER *nb = NdisAllocateNetBuffer(r->nb_pool, first, 0, len), *last = nbl->FirstNetBuffer;

    invariant(nb);
    nb->ProtocolReserved[0] = data;
    while (last->Next)
        last = last->Next;
    last->Next = nb;
    return nb;
}

const uint8_t *rig_nbl_bytes(const NET_BUFFER_LIST *nbl)
{
    return nbl->ProtocolReserved[0];
}

void rig_free_nbl(struct rig *r, NET_BUFFER_LIST *nbl)
{
    void *data = nbl->ProtocolReserved[0];
    NET_BUFFER *nb;

    while ((nb = nbl->FirstNetBuffer->Next) != NULL) {
        nbl->FirstNetBuffer->Next = nb->Next;
        free_mdls(nb->MdlChain);
        free(nb->ProtocolReserved[0]);
        NdisFreeNetBuffer(nb);
    }
    free_mdls(nbl->FirstNetBuffer->MdlChain);
    NdisFreeNetBufferList(nbl);
    free(data);
    r->nbls_out--;
}

void protocol_send(struct rig_protocol *p, NET_BUFFER_LIST *chain, ULONG flags)
{
    for (const NET_BUFFER_LIST *nbl = chain; nbl; nbl = nbl->Next)
        p->sends_out++;
    NdisSendNetBufferLists(p->binding, chain, NDIS_DEFAULT_PORT_NUMBER, flags);
}

void rig_send_only(struct rig *r, NET_BUFFER_LIST *chain)
{
    protocol_send(&r->main, chain, 0);
}

bool rig_send(struct rig *r, NET_BUFFER_LIST *chain, unsigned count)
{
    unsigned want = r->main.completed_count + count;

    rig_send_only(r, chain);
    if (rig_wait(r, &r->main.completed_count, want, RIG_SEND_SECONDS))
        return true;
    finding_report("GEN-11", "%u of %u sends did not come back within %g s",
                   want - r->main.completed_count, count, RIG_SEND_SECONDS * r->suite->time_factor);
    return false;
}

void rig_forget(struct rig *r)
{
    for (unsigned i = 0; i < MIN_OF(r->main.completed_count, (unsigned)RIG_RECORDS); i++) {
        if (r->main.completed[i].nbl)
            rig_free_nbl(r, r->main.completed[i].nbl);
    }
    r->main.completed_count = r->main.status_count = 0;
    protocol_forget_received(&r->main);
}
