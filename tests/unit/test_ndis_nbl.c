/* SPDX-License-Identifier: MIT */
/* NBL and NB pools, context space, data offsets, copies, clones and fragments: ndis/nbl*.c. */
#include "test_ndis_data.h"
#include "ndis/nbl_slab.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static NDIS_HANDLE pool_new(BOOLEAN with_nb, USHORT context, ULONG data)
{
    NET_BUFFER_LIST_POOL_PARAMETERS p = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1},
        .fAllocateNetBuffer = with_nb,
        .ContextSize = context,
        .DataSize = data,
        .PoolTag = 0x74736554,
    };
    NDIS_HANDLE pool = NdisAllocateNetBufferListPool(NULL, &p);

    assert_non_null(pool);
    return pool;
}

static NDIS_HANDLE nb_pool_new(ULONG data)
{
    NET_BUFFER_POOL_PARAMETERS p = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER_POOL_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1},
        .DataSize = data,
        .PoolTag = 0x74736554,
    };
    NDIS_HANDLE pool = NdisAllocateNetBufferPool(NULL, &p);

    assert_non_null(pool);
    return pool;
}

/* A chain of MDLs over the bytes 0, 1, 2, ... of buffer, cut as sizes say. */
static MDL *chain_over(uint8_t *buffer, const unsigned *sizes, unsigned count)
{
    MDL *first = NULL, **tail = &first;

    for (unsigned i = 0; i < count; i++) {
        *tail = NdisAllocateMdl(NULL, buffer, sizes[i]);
        assert_non_null(*tail);
        for (unsigned j = 0; j < sizes[i]; j++)
            buffer[j] = (uint8_t)(i ? buffer[(int)j - 1] + 1 : (int)j);
        buffer += sizes[i];
        tail = &(*tail)->Next;
    }
    return first;
}

static void chain_free(MDL *m)
{
    while (m) {
        MDL *next = m->Next;

        NdisFreeMdl(m);
        m = next;
    }
}

static void assert_data(NET_BUFFER *nb, unsigned first, unsigned count)
{
    uint8_t storage[4096], *at;

    assert_int_equal(nb->DataLength, count);
    at = NdisGetDataBuffer(nb, count, storage, 1, 0);
    assert_non_null(at);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(at[i], (uint8_t)(first + i));
}

static void test_allocate_free_allocate_is_clean(void **state)
{
    NDIS_HANDLE pool = pool_new(TRUE, 0, 0);
    NET_BUFFER_LIST *nbl = NdisAllocateNetBufferList(pool, 0, 0), *again;

    (void)state;
    for (unsigned i = 0; i < MaxNetBufferListInfo; i++)
        nbl->NetBufferListInfo[i] = (PVOID)0x1234;
    nbl->FirstNetBuffer->DataLength = 7;
    nbl->FirstNetBuffer->MiniportReserved[2] = (PVOID)1;
    nbl->ProtocolReserved[0] = (PVOID)1;
    NdisFreeNetBufferList(nbl);
    again = NdisAllocateNetBufferList(pool, 0, 0);
    assert_ptr_equal(again, nbl);
    for (unsigned i = 0; i < MaxNetBufferListInfo; i++)
        assert_null(again->NetBufferListInfo[i]);
    assert_int_equal(again->FirstNetBuffer->DataLength, 0);
    assert_null(again->FirstNetBuffer->MiniportReserved[2]);
    assert_null(again->ProtocolReserved[0]);
    assert_ptr_equal(NdisGetPoolFromNetBufferList(again), pool);
    NdisFreeNetBufferList(again);
    NdisFreeNetBufferListPool(pool);
    assert_no_findings();
}

static void test_pool_layouts(void **state)
{
    static const ULONG data[] = {0, 1, 64, 1514, 4096, 9014, 70000};

    (void)state;
    for (unsigned d = 0; d < ARRAY_LEN(data); d++) {
        for (USHORT context = 0; context <= 64; context = (USHORT)(context + 32)) {
            NDIS_HANDLE pool = pool_new(TRUE, context, data[d]);
            NET_BUFFER_LIST *nbl[70];

            for (unsigned i = 0; i < 70; i++) {
                nbl[i] = NdisAllocateNetBufferList(pool, context, 0);
                assert_non_null(nbl[i]);
                assert_int_equal((uintptr_t)nbl[i] % 16, 0);
                assert_non_null(nbl[i]->FirstNetBuffer);
                if (context) {
                    assert_int_equal(NET_BUFFER_LIST_CONTEXT_DATA_SIZE(nbl[i]), context);
                    memset(NET_BUFFER_LIST_CONTEXT_DATA_START(nbl[i]), 0xcc, context);
                }
                if (data[d]) {
                    uint8_t *at;

                    assert_int_equal(
                        NdisRetreatNetBufferDataStart(nbl[i]->FirstNetBuffer, data[d], 0, NULL),
                        NDIS_STATUS_SUCCESS);
                    assert_null(nbl[i]->FirstNetBuffer->MdlChain->Next);
                    at = NdisGetDataBuffer(nbl[i]->FirstNetBuffer, data[d], NULL, 1, 0);
                    assert_non_null(at);
                    memset(at, 0xdd, data[d]);
                }
            }
            for (unsigned i = 0; i < 70; i++)
                NdisFreeNetBufferList(nbl[i]);
            NdisFreeNetBufferListPool(pool);
        }
    }
    assert_no_findings();
}

static void test_double_free_and_foreign_free_are_findings(void **state)
{
    NDIS_HANDLE pool = pool_new(TRUE, 0, 0);
    NET_BUFFER_LIST *nbl = NdisAllocateNetBufferList(pool, 0, 0), stack;
    NET_BUFFER *nb = nbl->FirstNetBuffer;

    (void)state;
    NdisFreeNetBuffer(nb); /* belongs to the NBL */
    NdisFreeNetBufferList(nbl);
    NdisFreeNetBufferList(nbl);
    NdisFreeNetBufferList(&stack);
    NdisFreeNetBufferList(NULL);
    NdisFreeNetBuffer((NET_BUFFER *)&stack);
    assert_findings("NT-NBL", 5);
    NdisFreeNetBufferListPool(pool);
}

static void test_write_after_free_is_a_finding(void **state)
{
    NDIS_HANDLE pool = pool_new(TRUE, 0, 0);
    NET_BUFFER_LIST *nbl = NdisAllocateNetBufferList(pool, 0, 0);

    (void)state;
#if !SANITIZED /* which catches the writer itself */
    NdisFreeNetBufferList(nbl);
    nbl->MiniportReserved[0] = NULL;
    assert_ptr_equal(NdisAllocateNetBufferList(pool, 0, 0), nbl);
    assert_findings("GEN-13", 1);
#endif
    NdisFreeNetBufferList(nbl);
    NdisFreeNetBufferListPool(pool);
}

static void test_pool_freed_with_nbls_out_is_a_finding(void **state)
{
    NDIS_HANDLE pool = pool_new(TRUE, 0, 0);
    NET_BUFFER_LIST *nbl = NdisAllocateNetBufferList(pool, 0, 0);

    (void)state;
    NdisFreeNetBufferListPool(pool);
    assert_findings("GEN-10", 1);
    NdisFreeNetBufferList(nbl); /* late, and harmless */
    assert_findings("GEN-10", 1);
    NdisFreeNetBufferListPool(pool);
    assert_int_equal(findings_of("NT-HANDLE"), 1);
}

static void test_parameters_are_checked(void **state)
{
    NET_BUFFER_LIST_POOL_PARAMETERS p = {.Header = {0}};
    NDIS_HANDLE plain = pool_new(FALSE, 0, 0);

    (void)state;
    assert_null(NdisAllocateNetBufferListPool(NULL, &p));
    assert_null(NdisAllocateNetBufferListPool(NULL, NULL));
    assert_null(NdisAllocateNetBufferAndNetBufferList(plain, 0, 0, NULL, 0, 0));
    assert_null(NdisAllocateNetBufferList(plain, 3, 0));
    assert_int_equal(findings_of("NT-HEADER"), 1);
    assert_int_equal(findings_of("NT-NBL"), 2);
    NdisFreeNetBufferListPool(plain);
}

static void test_context_space(void **state)
{
    NDIS_HANDLE pool = pool_new(TRUE, 32, 0);
    NET_BUFFER_LIST *nbl = NdisAllocateNetBufferList(pool, 16, 0);
    NET_BUFFER_LIST_CONTEXT *inner = nbl->Context;

    (void)state;
    assert_int_equal(inner->Offset, 16);
    assert_int_equal(NdisAllocateNetBufferListContext(nbl, 16, 0, 1), NDIS_STATUS_SUCCESS);
    assert_ptr_equal(nbl->Context, inner);
    assert_int_equal(inner->Offset, 0);
    assert_int_equal(NdisAllocateNetBufferListContext(nbl, 48, 16, 1), NDIS_STATUS_SUCCESS);
    assert_ptr_not_equal(nbl->Context, inner);
    memset(NET_BUFFER_LIST_CONTEXT_DATA_START(nbl), 1, 48);
    assert_int_equal(NdisAllocateNetBufferListContext(nbl, 16, 0, 1), NDIS_STATUS_SUCCESS);
    NdisFreeNetBufferListContext(nbl, 16);
    NdisFreeNetBufferListContext(nbl, 48);
    assert_ptr_equal(nbl->Context, inner);
    NdisFreeNetBufferListContext(nbl, 16);
    assert_int_equal(inner->Offset, 16);
    NdisFreeNetBufferListContext(nbl, 64);
    assert_findings("NT-NBL", 1);
    NdisFreeNetBufferList(nbl);
    nbl = NdisAllocateNetBufferList(pool, 64, 32); /* more than the pool has ready */
    assert_int_equal(nbl->Context->Offset, 32);
    memset(NET_BUFFER_LIST_CONTEXT_DATA_START(nbl), 1, 64);
    NdisFreeNetBufferList(nbl);
    NdisFreeNetBufferListPool(pool);
    assert_findings("NT-NBL", 1);
}

static void test_advance_and_retreat_cross_mdls(void **state)
{
    static const unsigned sizes[] = {10, 1, 20, 5};
    uint8_t buffer[64];
    MDL *mdls = chain_over(buffer, sizes, 4);
    NDIS_HANDLE pool = nb_pool_new(0);
    NET_BUFFER *nb = NdisAllocateNetBuffer(pool, mdls, 4, 32);

    (void)state;
    assert_data(nb, 4, 32);
    for (unsigned delta = 0; delta <= 32; delta++) {
        NdisAdvanceNetBufferDataStart(nb, delta, FALSE, NULL);
        if (delta < 32)
            assert_data(nb, 4 + delta, 32 - delta);
        assert_true(nb->CurrentMdlOffset <= nb->CurrentMdl->ByteCount);
        assert_int_equal(NdisRetreatNetBufferDataStart(nb, delta, 0, NULL), NDIS_STATUS_SUCCESS);
        assert_data(nb, 4, 32);
    }
    NdisAdvanceNetBufferDataStart(nb, 33, FALSE, NULL);
    assert_findings("NT-NBL", 1);
    NdisFreeNetBuffer(nb);
    NdisFreeNetBufferPool(pool);
    chain_free(mdls);
}

static void test_retreat_without_room_adds_an_mdl(void **state)
{
    static const unsigned sizes[] = {30};
    uint8_t buffer[64];
    MDL *mdls = chain_over(buffer, sizes, 1);
    NDIS_HANDLE pool = nb_pool_new(0);
    NET_BUFFER *nb = NdisAllocateNetBuffer(pool, mdls, 4, 26);

    (void)state;
    assert_int_equal(NdisRetreatNetBufferDataStart(nb, 14, 50, NULL), NDIS_STATUS_SUCCESS);
    assert_ptr_not_equal(nb->MdlChain, mdls);
    assert_int_equal(nb->DataLength, 40);
    assert_int_equal(nb->DataOffset, 50);
    assert_int_equal(NdisRetreatNetBufferDataStart(nb, 20, 0, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(nb->DataOffset, 30); /* into the backfill */
    NdisAdvanceNetBufferDataStart(nb, 20, TRUE, NULL);
    NdisAdvanceNetBufferDataStart(nb, 14, TRUE, NULL);
    assert_ptr_equal(nb->MdlChain, mdls);
    assert_int_equal(nb->DataOffset, 4);
    assert_data(nb, 4, 26);
    assert_int_equal(NdisRetreatNetBufferDataStart(nb, 1 << 20, 0, NULL), NDIS_STATUS_RESOURCES);
    NdisFreeNetBuffer(nb);
    NdisFreeNetBufferPool(pool);
    chain_free(mdls);
    assert_no_findings();
}

static unsigned handler_frees;

static PMDL NTAPI AllocateMdl(PULONG size)
{
    uint8_t *memory = malloc(*size);

    return NdisAllocateMdl(NULL, memory, *size);
}

static VOID NTAPI FreeMdl(PMDL mdl)
{
    handler_frees++;
    free(MmGetMdlVirtualAddress(mdl));
    NdisFreeMdl(mdl);
}

static void test_retreat_uses_the_callers_handlers(void **state)
{
    static const unsigned sizes[] = {30};
    uint8_t buffer[64];
    MDL *mdls = chain_over(buffer, sizes, 1);
    NDIS_HANDLE pool = nb_pool_new(0);
    NET_BUFFER *nb = NdisAllocateNetBuffer(pool, mdls, 0, 30);

    (void)state;
    handler_frees = 0;
    assert_int_equal(NdisRetreatNetBufferDataStart(nb, 14, 0, AllocateMdl), NDIS_STATUS_SUCCESS);
    NdisAdvanceNetBufferDataStart(nb, 14, TRUE, NULL); /* not NDIS's to free */
    assert_int_equal(handler_frees, 0);
    assert_int_equal(nb->DataOffset, 14);
    NdisAdvanceNetBufferDataStart(nb, 0, TRUE, FreeMdl);
    assert_int_equal(handler_frees, 1);
    assert_ptr_equal(nb->MdlChain, mdls);
    assert_int_equal(nb->DataOffset, 0);
    NdisFreeNetBuffer(nb);
    NdisFreeNetBufferPool(pool);
    chain_free(mdls);
    assert_no_findings();
}

static void test_get_data_buffer(void **state)
{
    static const unsigned sizes[] = {10, 20};
    uint8_t buffer[64] __attribute__((aligned(16))), storage[32] __attribute__((aligned(16)));
    MDL *mdls = chain_over(buffer, sizes, 2);
    NDIS_HANDLE pool = nb_pool_new(0);
    NET_BUFFER *nb = NdisAllocateNetBuffer(pool, mdls, 1, 29);

    (void)state;
    assert_ptr_equal(NdisGetDataBuffer(nb, 9, storage, 1, 0), buffer + 1);
    assert_ptr_equal(NdisGetDataBuffer(nb, 10, storage, 1, 0), storage);
    assert_int_equal(storage[9], 10);
    assert_null(NdisGetDataBuffer(nb, 10, NULL, 1, 0));
    assert_null(NdisGetDataBuffer(nb, 30, storage, 1, 0));
    assert_ptr_equal(NdisGetDataBuffer(nb, 4, storage, 4, 0), storage); /* lies at 1 */
    assert_ptr_equal(NdisGetDataBuffer(nb, 4, storage, 4, 1), buffer + 1);
    NdisFreeNetBuffer(nb);
    NdisFreeNetBufferPool(pool);
    chain_free(mdls);
    assert_no_findings();
}

static void test_copy_between_net_buffers(void **state)
{
    static const unsigned from_sizes[] = {7, 13, 10}, to_sizes[] = {3, 1, 30, 16};
    uint8_t in[64], out[64];
    MDL *from_mdls = chain_over(in, from_sizes, 3), *to_mdls = chain_over(out, to_sizes, 4);
    NDIS_HANDLE pool = nb_pool_new(0);
    NET_BUFFER *from = NdisAllocateNetBuffer(pool, from_mdls, 2, 28);
    NET_BUFFER *to = NdisAllocateNetBuffer(pool, to_mdls, 1, 0);
    ULONG copied = 0;

    (void)state;
    memset(out, 0xee, sizeof(out));
    assert_int_equal(NdisCopyFromNetBufferToNetBuffer(to, 2, 20, from, 5, &copied),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(copied, 20);
    assert_memory_equal(out + 3, in + 7, 20);
    assert_int_equal(out[2], 0xee);
    assert_int_equal(out[23], 0xee);
    assert_int_equal(NdisCopyFromNetBufferToNetBuffer(to, 0, 100, from, 20, &copied),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(copied, 8); /* the source runs out */
    assert_int_equal(NdisCopyFromNetBufferToNetBuffer(to, 40, 28, from, 0, &copied),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(copied, 9); /* the destination runs out */
    NdisFreeNetBuffer(from);
    NdisFreeNetBuffer(to);
    NdisFreeNetBufferPool(pool);
    chain_free(from_mdls);
    chain_free(to_mdls);
    assert_no_findings();
}

/* Two NBs of 30 and 20 bytes in one NBL. */
static NET_BUFFER_LIST *two_nbs(NDIS_HANDLE nbls, NDIS_HANDLE nbs, MDL *first, MDL *second)
{
    NET_BUFFER_LIST *nbl = NdisAllocateNetBufferAndNetBufferList(nbls, 0, 0, first, 2, 28);

    nbl->FirstNetBuffer->Next = NdisAllocateNetBuffer(nbs, second, 0, 20);
    return nbl;
}

static void test_clones(void **state)
{
    static const unsigned sizes[] = {7, 13, 10};
    uint8_t one[64], two[64];
    MDL *first = chain_over(one, sizes, 3), *second = chain_over(two, sizes, 3);
    NDIS_HANDLE nbls = pool_new(TRUE, 16, 0), nbs = nb_pool_new(0);
    NET_BUFFER_LIST *nbl = two_nbs(nbls, nbs, first, second), *clone;

    (void)state;
    for (ULONG flags = 0; flags <= NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS; flags += 2) {
        clone = NdisAllocateCloneNetBufferList(nbl, flags ? nbls : NULL, flags ? nbs : NULL, flags);
        assert_non_null(clone);
        assert_null(clone->Context);
        assert_ptr_equal(clone->ParentNetBufferList, nbl);
        assert_data(clone->FirstNetBuffer, 2, 28);
        assert_data(clone->FirstNetBuffer->Next, 0, 20);
        assert_null(clone->FirstNetBuffer->Next->Next);
        NdisFreeCloneNetBufferList(clone, flags);
    }
    NdisFreeNetBuffer(nbl->FirstNetBuffer->Next);
    NdisFreeNetBufferList(nbl);
    NdisFreeNetBufferPool(nbs);
    NdisFreeNetBufferListPool(nbls);
    chain_free(first);
    chain_free(second);
    assert_no_findings();
}

static void test_fragments_and_reassembly(void **state)
{
    static const unsigned sizes[] = {7, 13, 10};
    uint8_t one[64], two[64];
    MDL *first = chain_over(one, sizes, 3), *second = chain_over(two, sizes, 3);
    NDIS_HANDLE nbls = pool_new(TRUE, 0, 0), nbs = nb_pool_new(0);
    NET_BUFFER_LIST *nbl = two_nbs(nbls, nbs, first, second), *pieces, *whole;
    static const unsigned starts[] = {3, 11, 19, 27, 1, 9, 17}, lengths[] = {8, 8, 8, 3, 8, 8, 3};
    unsigned i = 0;

    (void)state;
    pieces = NdisAllocateFragmentNetBufferList(nbl, nbls, nbs, 1, 8, 14, 6, 0);
    assert_non_null(pieces);
    for (NET_BUFFER *nb = pieces->FirstNetBuffer; nb; nb = nb->Next, i++) {
        assert_int_equal(nb->DataOffset, 6);
        NdisAdvanceNetBufferDataStart(nb, 14, FALSE, NULL);
        assert_data(nb, starts[i], lengths[i]);
        assert_int_equal(NdisRetreatNetBufferDataStart(nb, 14, 0, NULL), NDIS_STATUS_SUCCESS);
    }
    assert_int_equal(i, 7);
    whole = NdisAllocateReassembledNetBufferList(pieces, NULL, 14, 4, 0, 0);
    assert_non_null(whole);
    NdisAdvanceNetBufferDataStart(whole->FirstNetBuffer, 4, FALSE, NULL);
    assert_int_equal(whole->FirstNetBuffer->DataLength, 46);
    NdisRetreatNetBufferDataStart(whole->FirstNetBuffer, 4, 0, NULL);
    NdisFreeReassembledNetBufferList(whole, 4, 0);
    NdisFreeFragmentNetBufferList(pieces, 14, 0);
    NdisFreeNetBuffer(nbl->FirstNetBuffer->Next);
    NdisFreeNetBufferList(nbl);
    NdisFreeNetBufferPool(nbs);
    NdisFreeNetBufferListPool(nbls);
    chain_free(first);
    chain_free(second);
    assert_no_findings();
}

static void test_allocation_failures_leave_nothing(void **state)
{
    static const unsigned sizes[] = {7, 13, 10};
    uint8_t one[64], two[64];
    MDL *first = chain_over(one, sizes, 3), *second = chain_over(two, sizes, 3);
    NDIS_HANDLE nbls = pool_new(TRUE, 0, 0), nbs = nb_pool_new(0);
    NET_BUFFER_LIST *nbl = two_nbs(nbls, nbs, first, second), *derived = NULL;
    struct nt_owner *owner = nt_owner_new("failing"), *previous = nt_owner_enter(owner);
    unsigned n;

    (void)state;
    for (n = 1; !derived && n < 100; n++) {
        nt_fail_at(owner, n);
        derived = NdisAllocateFragmentNetBufferList(nbl, nbls, nbs, 0, 8, 14, 6, 0);
        if (!derived)
            assert_int_equal(ndis_pool_out(nbls) + ndis_pool_out(nbs), 2);
    }
    nt_fail_at(owner, 0);
    assert_in_range(n, 4, 99);
    NdisFreeFragmentNetBufferList(derived, 14, 0);
    nt_owner_leave(previous);
    nt_owner_free(owner);
    NdisFreeNetBuffer(nbl->FirstNetBuffer->Next);
    NdisFreeNetBufferList(nbl);
    NdisFreeNetBufferPool(nbs);
    NdisFreeNetBufferListPool(nbls);
    chain_free(first);
    chain_free(second);
    assert_no_findings();
}

static void test_out_of_band_copies(void **state)
{
    NDIS_HANDLE pool = pool_new(TRUE, 0, 0);
    NET_BUFFER_LIST *from = NdisAllocateNetBufferList(pool, 0, 0);
    NET_BUFFER_LIST *send = NdisAllocateNetBufferList(pool, 0, 0);
    NET_BUFFER_LIST *receive = NdisAllocateNetBufferList(pool, 0, 0);

    (void)state;
    for (uintptr_t i = 0; i < MaxNetBufferListInfo; i++)
        from->NetBufferListInfo[i] = (PVOID)(i + 1);
    NdisCopySendNetBufferListInfo(send, from);
    NdisCopyReceiveNetBufferListInfo(receive, from);
    assert_ptr_equal(send->NetBufferListInfo[TcpLargeSendNetBufferListInfo], (PVOID)3);
    assert_ptr_equal(send->NetBufferListInfo[NetBufferListCancelId], (PVOID)6);
    assert_null(send->NetBufferListInfo[NetBufferListHashValue]);
    assert_ptr_equal(receive->NetBufferListInfo[TcpIpChecksumNetBufferListInfo], (PVOID)1);
    assert_ptr_equal(receive->NetBufferListInfo[NetBufferListHashValue], (PVOID)9);
    assert_null(receive->NetBufferListInfo[NetBufferListCancelId]);
    NdisFreeNetBufferList(from), NdisFreeNetBufferList(send), NdisFreeNetBufferList(receive);
    NdisFreeNetBufferListPool(pool);
    assert_no_findings();
}

/* Allocated on one processor, freed on another, both at once. */
struct shuttle {
    NDIS_HANDLE pool;
    _Atomic(NET_BUFFER_LIST *) slot[64];
    _Atomic(bool) done;
};

static void *shuttle_free(void *arg)
{
    struct shuttle *s = arg;
    bool last = false;

    while (!last) {
        last = atomic_load(&s->done);
        for (unsigned i = 0; i < 64; i++) {
            NET_BUFFER_LIST *nbl = atomic_exchange(&s->slot[i], NULL);

            if (nbl)
                NdisFreeNetBufferList(nbl);
        }
    }
    return NULL;
}

static void test_blocks_travel_between_processors(void **state)
{
    struct shuttle s = {.pool = pool_new(TRUE, 16, 128)};
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, shuttle_free, &s);
    for (unsigned i = 0; i < 50000; i++) {
        NET_BUFFER_LIST *nbl = NdisAllocateNetBufferList(s.pool, 16, 0), *old;

        assert_non_null(nbl);
        old = atomic_exchange(&s.slot[i % 64], nbl);
        if (old)
            NdisFreeNetBufferList(old);
    }
    atomic_store(&s.done, true);
    pthread_join(thread, NULL);
    assert_int_equal(ndis_pool_out(s.pool), 0);
    NdisFreeNetBufferListPool(s.pool);
    assert_no_findings();
}

static int setup(void **state)
{
    (void)state;
    findings_reset();
    return 0;
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_allocate_free_allocate_is_clean),
        T(test_pool_layouts),
        T(test_double_free_and_foreign_free_are_findings),
        T(test_write_after_free_is_a_finding),
        T(test_pool_freed_with_nbls_out_is_a_finding),
        T(test_parameters_are_checked),
        T(test_context_space),
        T(test_advance_and_retreat_cross_mdls),
        T(test_retreat_without_room_adds_an_mdl),
        T(test_retreat_uses_the_callers_handlers),
        T(test_get_data_buffer),
        T(test_copy_between_net_buffers),
        T(test_clones),
        T(test_fragments_and_reassembly),
        T(test_allocation_failures_leave_nothing),
        T(test_out_of_band_copies),
        T(test_blocks_travel_between_processors),
    };
    struct why why = {""};
    int failed;

    if (nt_start(1, &why)) {
        print_error("%s\n", why.text);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    nt_stop();
    return failed;
}
