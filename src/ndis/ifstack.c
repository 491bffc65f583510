/* SPDX-License-Identifier: MIT */
/* The interface stack table (ifStackTable, RFC 2863): which interface stands on which. Pages:
 * NdisIfAddIfStackEntry, NdisIfDeleteIfStackEntry. */
#include "ndis/private.h"

#include "nt/export.h"

enum { ENTRIES = 256 };

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry {
    uint32_t higher, lower;
} table[ENTRIES];
static unsigned used;

static struct entry *entry_find(uint32_t higher, uint32_t lower)
{
    for (unsigned i = 0; i < used; i++)
        if (table[i].higher == higher && table[i].lower == lower)
            return &table[i];
    return NULL;
}

NDIS_STATUS NTAPI NdisIfAddIfStackEntry(NET_IFINDEX HigherLayerIfIndex,
                                        NET_IFINDEX LowerLayerIfIndex)
{
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    if (!NT_DISPATCH_MAX() || !nt_may_allocate())
        return NDIS_STATUS_RESOURCES;
    if (!ndis_index_known(HigherLayerIfIndex) || !ndis_index_known(LowerLayerIfIndex))
        return NDIS_STATUS_INTERFACE_NOT_FOUND;
    pthread_mutex_lock(&table_lock);
    if (used == ENTRIES)
        status = NDIS_STATUS_RESOURCES;
    else if (!entry_find(HigherLayerIfIndex, LowerLayerIfIndex))
        table[used++] = (struct entry){HigherLayerIfIndex, LowerLayerIfIndex};
    pthread_mutex_unlock(&table_lock);
    return status;
}
NT_EXPORT(NdisIfAddIfStackEntry);

NDIS_STATUS NTAPI NdisIfDeleteIfStackEntry(NET_IFINDEX HigherLayerIfIndex,
                                           NET_IFINDEX LowerLayerIfIndex)
{
    struct entry *e;

    NT_DISPATCH_MAX();
    pthread_mutex_lock(&table_lock);
    e = entry_find(HigherLayerIfIndex, LowerLayerIfIndex);
    if (e)
        *e = table[--used];
    pthread_mutex_unlock(&table_lock);
    return e ? NDIS_STATUS_SUCCESS : NDIS_STATUS_INTERFACE_NOT_FOUND;
}
NT_EXPORT(NdisIfDeleteIfStackEntry);

void ndis_ifstack_forget(uint32_t index)
{
    pthread_mutex_lock(&table_lock);
    for (unsigned i = used; i-- > 0;)
        if (table[i].higher == index || table[i].lower == index)
            table[i] = table[--used];
    pthread_mutex_unlock(&table_lock);
}

uint32_t ndis_ifstack_below(uint32_t higher, unsigned n)
{
    uint32_t lower = 0;

    pthread_mutex_lock(&table_lock);
    for (unsigned i = 0; i < used && !lower; i++)
        if (table[i].higher == higher && n-- == 0)
            lower = table[i].lower;
    pthread_mutex_unlock(&table_lock);
    return lower;
}
