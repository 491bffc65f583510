/* SPDX-License-Identifier: MIT */
/* The frame that tells switches at which port the team's address is now: a RARP request (RFC 903)
 * that asks for nothing, as hypervisors send one at a failover (vSphere API, HostNicTeamingPolicy:
 * notifySwitches). */
#include "team.h"

enum {
    FRAME = 60, /* the least that Ethernet carries, less its checksum */
    SENDER_AT = TEAM_ETH_HEADER + 8,
    TARGET_AT = SENDER_AT + 10,
};

/* Broadcast; it says of the team's address only that it exists: both IP addresses are 0. */
static void fill(UCHAR *frame, const UCHAR mac[6])
{
    /* Ethertype RARP; Ethernet, IPv4, lengths of their addresses, request reverse */
    static const UCHAR fixed[] = {0x80, 0x35, 0, 1, 0x08, 0x00, 6, 4, 0, 3};

    NdisZeroMemory(frame, FRAME);
    NdisFillMemory(frame, 6, 0xff);
    NdisMoveMemory(frame + 6, mac, 6);
    NdisMoveMemory(frame + 12, fixed, sizeof fixed);
    NdisMoveMemory(frame + SENDER_AT, mac, 6);
    NdisMoveMemory(frame + TARGET_AT, mac, 6);
}

BOOLEAN team_announce_make(struct team_member *m, const NDIS_BIND_PARAMETERS *p)
{
    NET_BUFFER_LIST_POOL_PARAMETERS q;

    NdisZeroMemory(&q, sizeof q);
    q.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    q.Header.Revision = NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    q.Header.Size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    q.fAllocateNetBuffer = TRUE;
    q.PoolTag = TEAM_TAG;
    q.DataSize = p->DataBackFillSize + FRAME;
    m->announce_pool = NdisAllocateNetBufferListPool(team_protocol, &q);
    if (m->announce_pool)
        m->announcement =
            NdisAllocateNetBufferList(m->announce_pool, 0, (USHORT)p->ContextBackFillSize);
    if (m->announcement && NdisRetreatNetBufferDataStart(NET_BUFFER_LIST_FIRST_NB(m->announcement),
                                                         FRAME, 0, NULL) == NDIS_STATUS_SUCCESS)
        return TRUE;
    team_announce_free(m);
    return FALSE;
}

void team_announce_free(struct team_member *m)
{
    if (m->announcement)
        NdisFreeNetBufferList(m->announcement);
    if (m->announce_pool)
        NdisFreeNetBufferListPool(m->announce_pool);
    m->announcement = NULL;
    m->announce_pool = NULL;
}

/* The member through which the team is to be announced now; NULL: none. */
static struct team_member *due(struct team *t)
{
    struct team_member *m;

    if (t->policy != TEAM_ACTIVE_STANDBY || !t->use || t->known_at == t->use || !t->open ||
        t->asleep)
        return NULL;
    m = &t->member[t->order[0]];
    return team_usable(m) && !m->resetting && !m->announcing ? m : NULL;
}

void team_announce(struct team *t)
{
    struct team_member *m = due(t);
    NET_BUFFER_LIST *nbl;

    if (!m)
        return;
    t->known_at = t->use;
    m->announcing = TRUE;
    m->sends++;
    nbl = m->announcement;
    fill(NdisGetDataBuffer(NET_BUFFER_LIST_FIRST_NB(nbl), FRAME, NULL, 1, 0), t->mac);
    NdisZeroMemory(nbl->NetBufferListInfo, sizeof nbl->NetBufferListInfo);
    NET_BUFFER_LIST_NEXT_NBL(nbl) = NULL;
    nbl->SourceHandle = m->binding;
    NdisReleaseSpinLock(&t->lock);
    NdisSendNetBufferLists(m->binding, nbl, NDIS_DEFAULT_PORT_NUMBER, 0);
    NdisAcquireSpinLock(&t->lock);
}

BOOLEAN team_announced(struct team_member *m, BOOLEAN thrown_back)
{
    BOOLEAN sent = NET_BUFFER_LIST_STATUS(m->announcement) == NDIS_STATUS_SUCCESS;
    struct team *t = m->team;

    m->announcing = FALSE;
    m->sends--;
    if (!sent && t->known_at == TEAM_BIT(m))
        t->known_at = TEAM_ELSEWHERE;
    return (sent || thrown_back) && t->known_at != t->use;
}
