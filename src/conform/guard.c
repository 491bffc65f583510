/* SPDX-License-Identifier: MIT */
/* One stretch of memory before a page that is not there. */
#include "conform/guard.h"

#include <sys/mman.h>

static uint8_t *border;

static void make(struct rig *r)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (RIG_FRAME + page - 1) / page * page;
    uint8_t *start =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (start == MAP_FAILED || mprotect(start + room, page, PROT_NONE) < 0)
        cannot(r, "no memory with a border");
    border = start + room;
}

uint8_t *guard_copy(struct rig *r, const void *bytes, uint32_t len)
{
    invariant(len <= RIG_FRAME);
    if (!border)
        make(r);
    memcpy(border - len, bytes, len);
    return border - len;
}

struct outcome guard_send(struct rig *r, const void *frame, uint32_t len, const struct ask *how)
{
    struct outcome o = {0};
    uint8_t *data = guard_copy(r, frame, len);
    MDL *mdl = NdisAllocateMdl(r->main.protocol, data, len);
    NET_BUFFER_LIST *nbl;
    unsigned at = r->main.completed_count;
    struct rig_completed *c = &r->main.completed[at % RIG_RECORDS];

    invariant(mdl);
    nbl = NdisAllocateNetBufferAndNetBufferList(r->nbl_pool, 0, 0, mdl, 0, len);
    invariant(nbl);
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = how ? how->checksum : NULL;
    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = how ? how->lso : NULL;
    nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] = how ? how->tag : NULL;
    o.back = rig_send(r, nbl, 1);
    if (!o.back)
        return o; /* it is still somebody's */
    o = (struct outcome){true, c->status, c->lso, c->checksum, memcmp(data, frame, len) == 0};
    c->nbl = NULL;
    NdisFreeMdl(mdl);
    NdisFreeNetBufferList(nbl);
    return o;
}
