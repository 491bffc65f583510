/* SPDX-License-Identifier: MIT */
/* Device side of the split ring: hostile rings one by one, event index arithmetic, index wrap. */
#include "test_nic_rig.h"

#include "nic/virtq.h"

enum { SIZE = 8, DESC = RIG_MEM_AT, AVAIL = RIG_MEM_AT + 0x8000, USED = RIG_MEM_AT + 0xa000 };
enum { DATA = RIG_BUFFERS_AT, N = VIRTIO_DESC_F_NEXT, W = VIRTIO_DESC_F_WRITE };
enum { I = VIRTIO_DESC_F_INDIRECT, TABLE = RIG_MEM_AT + 0x20000 };

struct bench {
    struct rig rig; /* only its memory and bus */
    struct virtq q;
    struct rig_ring *ring;
};

static struct bench *bench_new(bool event_idx, bool indirect)
{
    struct bench *b = calloc(1, sizeof *b);
    struct virtq_setup setup = {
        .desc = DESC,
        .avail = AVAIL,
        .used = USED,
        .size = SIZE,
        .event_idx = event_idx,
        .indirect = indirect,
    };

    assert_non_null(b);
    b->rig.bus.ops = &rig_bus_ops;
    b->rig.mem = aligned_alloc(4096, RIG_MEM_BYTES);
    assert_non_null(b->rig.mem);
    memset(b->rig.mem, 0, RIG_MEM_BYTES);
    rig_ring_init(&b->rig, 0, SIZE);
    b->ring = &b->rig.rings[0];
    setup.bus = &b->rig.bus;
    assert_int_equal(virtq_start(&b->q, &setup), VIRTQ_OK);
    return b;
}

static void bench_free(struct bench *b)
{
    free(b->rig.mem);
    free(b);
}

static bool map(struct bench *b, uint16_t head, struct virtq_chain *chain)
{
    static struct frame_span spans[NIC_MAX_QUEUE_SIZE];

    return virtq_map(&b->q, head, spans, ARRAY_LEN(spans), chain);
}

static void test_hostile_chains_break_the_queue_by_cause(void **state)
{
    static const struct {
        enum virtq_fault fault;
        bool indirect;
        struct virtio_desc ring[SIZE];
        struct virtio_desc table[SIZE * 2];
    } cases[] = {
        {VIRTQ_CHAIN_LONG, false, {{DATA, 4, N, 0}}, {{0}}},                  /* loop of one */
        {VIRTQ_CHAIN_LONG, false, {{DATA, 4, N, 1}, {DATA, 4, N, 0}}, {{0}}}, /* loop of two */
        {VIRTQ_NEXT_RANGE, false, {{DATA, 4, N, SIZE}}, {{0}}},
        {VIRTQ_NEXT_RANGE, false, {{DATA, 4, N, 65535}}, {{0}}},
        {VIRTQ_EMPTY_BUFFER, false, {{DATA, 0, 0, 0}}, {{0}}},
        {VIRTQ_EMPTY_BUFFER, false, {{DATA, 4, N, 1}, {DATA, 0, W, 0}}, {{0}}},
        {VIRTQ_BUFFER_UNMAPPED, false, {{0, 4, 0, 0}}, {{0}}},
        {VIRTQ_BUFFER_UNMAPPED, false, {{DATA, 0xffffffff, 0, 0}}, {{0}}},
        {VIRTQ_BUFFER_UNMAPPED, false, {{0xffffffffffffffffull, 2, 0, 0}}, {{0}}},
        {VIRTQ_BUFFER_UNMAPPED, false, {{RIG_MEM_AT + RIG_MEM_BYTES - 1, 2, 0, 0}}, {{0}}},
        {VIRTQ_ORDER, false, {{DATA, 4, N | W, 1}, {DATA, 4, 0, 0}}, {{0}}},
        {VIRTQ_INDIRECT_OFF, false, {{TABLE, 16, I, 0}}, {{DATA, 4, 0, 0}}},
        {VIRTQ_INDIRECT_NEXT, true, {{TABLE, 16, I | N, 1}}, {{DATA, 4, 0, 0}}},
        {VIRTQ_INDIRECT_SIZE, true, {{TABLE, 0, I, 0}}, {{DATA, 4, 0, 0}}},
        {VIRTQ_INDIRECT_SIZE, true, {{TABLE, 15, I, 0}}, {{DATA, 4, 0, 0}}},
        {VIRTQ_INDIRECT_SIZE, true, {{0, 16, I, 0}}, {{0}}},
        {VIRTQ_INDIRECT_SIZE, true, {{TABLE, 0xfffffff0, I, 0}}, {{0}}},
        {VIRTQ_INDIRECT_SIZE, true, {{TABLE + 1, 16, I, 0}}, {{0}}},
        {VIRTQ_INDIRECT_NEST, true, {{TABLE, 16, I, 0}}, {{TABLE, 16, I, 0}}},
        {VIRTQ_NEXT_RANGE, true, {{TABLE, 32, I, 0}}, {{DATA, 4, N, 2}}},
        {VIRTQ_CHAIN_LONG, true, {{TABLE, 32, I, 0}}, {{DATA, 4, N, 1}, {DATA, 4, N, 0}}},
        {VIRTQ_CHAIN_LONG, /* more buffers in a table than the queue has entries */
         true,
         {{TABLE, 16 * (SIZE + 1), I, 0}},
         {{DATA, 1, N, 1},
          {DATA, 1, N, 2},
          {DATA, 1, N, 3},
          {DATA, 1, N, 4},
          {DATA, 1, N, 5},
          {DATA, 1, N, 6},
          {DATA, 1, N, 7},
          {DATA, 1, N, 8},
          {DATA, 1, 0, 0}}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *b = bench_new(false, cases[i].indirect);
        struct virtq_chain chain;
        uint16_t head;

        memcpy(b->ring->desc, cases[i].ring, sizeof cases[i].ring);
        memcpy(rig_at(&b->rig, TABLE), cases[i].table, sizeof cases[i].table);
        rig_avail(b->ring, 0);
        assert_true(virtq_take(&b->q, &head));
        assert_false(map(b, head, &chain));
        assert_int_equal(b->q.fault, cases[i].fault);
        rig_avail(b->ring, 1); /* nothing is taken from it any more */
        assert_false(virtq_take(&b->q, &head));
        assert_false(map(b, 0, &chain));
        assert_false(virtq_doorbell_on(&b->q));
        bench_free(b);
    }
}

static void test_hostile_available_rings_break_the_queue_by_cause(void **state)
{
    static const struct {
        enum virtq_fault fault;
        uint16_t idx;
        uint16_t ring[SIZE];
        unsigned taken; /* heads that come out first */
    } cases[] = {
        {VIRTQ_HEAD_RANGE, 1, {SIZE}, 0},   {VIRTQ_HEAD_RANGE, 2, {0, 65535}, 1},
        {VIRTQ_HEAD_BUSY, 3, {4, 5, 4}, 2}, {VIRTQ_OVERRUN, SIZE + 1, {0}, 0},
        {VIRTQ_OVERRUN, 65535, {0}, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *b = bench_new(false, false);
        uint16_t head;

        memcpy(b->ring->avail->ring, cases[i].ring, sizeof cases[i].ring);
        b->ring->avail->idx = cases[i].idx;
        for (unsigned n = 0; n < cases[i].taken; n++)
            assert_true(virtq_take(&b->q, &head));
        assert_false(virtq_take(&b->q, &head));
        assert_int_equal(b->q.fault, cases[i].fault);
        bench_free(b);
    }
}

static void test_available_index_that_goes_back_is_noticed(void **state)
{
    struct bench *b = bench_new(false, false);
    uint16_t head;

    (void)state;
    rig_avail(b->ring, 0);
    rig_avail(b->ring, 1);
    assert_true(virtq_take(&b->q, &head));
    assert_true(virtq_take(&b->q, &head));
    b->ring->avail->idx = 1;
    assert_false(virtq_take(&b->q, &head));
    assert_int_equal(b->q.fault, VIRTQ_OVERRUN);
    bench_free(b);
}

static void test_more_available_than_free_is_noticed(void **state)
{
    struct bench *b = bench_new(false, false);
    uint16_t head;

    (void)state;
    for (uint16_t i = 0; i < SIZE; i++)
        rig_avail(b->ring, i);
    for (uint16_t i = 0; i < SIZE; i++)
        assert_true(virtq_take(&b->q, &head));
    assert_false(virtq_take(&b->q, &head));
    assert_int_equal(b->q.fault, VIRTQ_OK);
    rig_avail(b->ring, 0); /* all are in the card's hands */
    assert_false(virtq_take(&b->q, &head));
    assert_int_equal(b->q.fault, VIRTQ_OVERRUN);
    bench_free(b);
}

static void test_good_chains_map_in_order(void **state)
{
    static const struct {
        struct virtio_desc ring[SIZE], table[SIZE];
        struct virtq_chain want;
    } cases[] = {
        {{{DATA, 4, 0, 0}}, {{0}}, {1, 0, 4, 0}},
        {{{DATA, 4, W, 0}}, {{0}}, {0, 1, 0, 4}},
        {{{DATA, 4, N, 7}, [7] = {DATA, 5, N | W, 3}, [3] = {DATA, 6, W, 9}}, {{0}}, {1, 2, 4, 11}},
        {{{TABLE, 32, I, 0}}, {{DATA, 1, N, 1}, {DATA, 2, W, 0}}, {1, 1, 1, 2}},
        /* the write flag of the descriptor that names the table means nothing */
        {{{TABLE, 32, I | W, 0}}, {{DATA, 1, N, 1}, {DATA, 2, W, 0}}, {1, 1, 1, 2}},
        /* §2.7.5.3.2: normal descriptors, then a table */
        {{{DATA, 9, N, 1}, {TABLE, 16, I, 0}}, {{DATA, 1, W, 0}}, {1, 1, 9, 1}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *b = bench_new(false, true);
        struct virtq_chain chain;
        uint16_t head;

        memcpy(b->ring->desc, cases[i].ring, sizeof cases[i].ring);
        memcpy(rig_at(&b->rig, TABLE), cases[i].table, sizeof cases[i].table);
        rig_avail(b->ring, 0);
        assert_true(virtq_take(&b->q, &head));
        assert_true(map(b, head, &chain));
        assert_memory_equal(&chain, &cases[i].want, sizeof chain);
        bench_free(b);
    }
}

static void test_indices_wrap_at_65535(void **state)
{
    struct bench *b = bench_new(true, false);
    struct virtio_used_elem e;
    uint16_t head;

    (void)state;
    for (unsigned i = 0; i < 3 * 65536; i++) {
        uint16_t want = (uint16_t)(i % SIZE);

        rig_avail(b->ring, want);
        assert_true(virtq_take(&b->q, &head));
        assert_int_equal(head, want);
        virtq_give(&b->q, head, i);
        assert_false(rig_used(b->ring, &e)); /* not before it is shown */
        virtq_show(&b->q);
        assert_true(rig_used(b->ring, &e));
        assert_int_equal(e.id, want);
        assert_int_equal(e.len, i);
    }
    assert_int_equal(b->q.fault, VIRTQ_OK);
    bench_free(b);
}

static void test_event_is_passed_exactly_when_the_index_steps_over_it(void **state)
{
    (void)state;
    /* Against the definition: some index in [before, now) is the event. */
    for (unsigned before = 65500; before < 65500 + 80; before++)
        for (unsigned step = 0; step < 20; step++)
            for (unsigned event = before - 5; event < before + 30; event++) {
                bool want = event >= before && event < before + step;

                assert_int_equal(
                    virtq_passed((uint16_t)event, (uint16_t)(before + step), (uint16_t)before),
                    want);
            }
}

/* Moves n chains through the ring. */
static void run(struct bench *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct virtio_used_elem e;
        uint16_t head;

        rig_avail(b->ring, (uint16_t)(b->ring->avail_idx % SIZE));
        assert_true(virtq_take(&b->q, &head));
        virtq_give(&b->q, head, 0);
        virtq_show(&b->q);
        assert_true(rig_used(b->ring, &e));
    }
}

static void test_event_index_suppresses_interrupts(void **state)
{
    struct bench *b = bench_new(true, false);
    le16 *used_event = &b->ring->avail->ring[SIZE];

    (void)state;
    assert_false(virtq_wants_interrupt(&b->q)); /* nothing happened */
    run(b, 1);
    assert_true(virtq_wants_interrupt(&b->q)); /* used_event 0: after the first */
    run(b, 3);
    assert_false(virtq_wants_interrupt(&b->q));
    *used_event = 6;
    run(b, 2); /* 6 used: index 6 not written yet */
    assert_false(virtq_wants_interrupt(&b->q));
    run(b, 1);
    assert_true(virtq_wants_interrupt(&b->q));
    assert_false(virtq_wants_interrupt(&b->q));
    b->ring->avail->flags = VIRTIO_AVAIL_F_NO_INTERRUPT; /* ignored with event index */
    *used_event = 7;
    run(b, 1);
    assert_true(virtq_wants_interrupt(&b->q));
    bench_free(b);
}

static void test_flag_suppresses_interrupts_without_event_index(void **state)
{
    struct bench *b = bench_new(false, false);

    (void)state;
    b->ring->avail->ring[SIZE] = 1000; /* used_event means nothing */
    run(b, 1);
    assert_true(virtq_wants_interrupt(&b->q));
    b->ring->avail->flags = VIRTIO_AVAIL_F_NO_INTERRUPT;
    run(b, 1);
    assert_false(virtq_wants_interrupt(&b->q));
    b->ring->avail->flags = 0;
    run(b, 1);
    assert_true(virtq_wants_interrupt(&b->q));
    bench_free(b);
}

static void test_doorbells_are_suppressed_while_draining(void **state)
{
    struct bench *b = bench_new(false, false);
    const le16 *avail_event = (const le16 *)(const void *)&b->ring->used->ring[SIZE];

    (void)state;
    virtq_doorbell_off(&b->q);
    assert_int_equal(b->ring->used->flags, VIRTIO_USED_F_NO_NOTIFY);
    rig_avail(b->ring, 0);
    assert_true(virtq_doorbell_on(&b->q)); /* came meanwhile */
    assert_int_equal(b->ring->used->flags, 0);
    bench_free(b);

    b = bench_new(true, false);
    avail_event = (const le16 *)(const void *)&b->ring->used->ring[SIZE];
    virtq_doorbell_off(&b->q);
    assert_int_equal(b->ring->used->flags, 0); /* §2.7.10.2: must be 0 with event index */
    run(b, 3);
    assert_false(virtq_doorbell_on(&b->q));
    assert_int_equal(*avail_event, 3);
    virtq_doorbell_never(&b->q);
    /* However many of its free entries the driver adds, it does not pass the event. */
    for (uint16_t add = 1; add <= SIZE; add++)
        assert_false(virtq_passed(*avail_event, (uint16_t)(3 + add), 3));
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_chains_break_the_queue_by_cause),
        cmocka_unit_test(test_hostile_available_rings_break_the_queue_by_cause),
        cmocka_unit_test(test_available_index_that_goes_back_is_noticed),
        cmocka_unit_test(test_more_available_than_free_is_noticed),
        cmocka_unit_test(test_good_chains_map_in_order),
        cmocka_unit_test(test_indices_wrap_at_65535),
        cmocka_unit_test(test_event_is_passed_exactly_when_the_index_steps_over_it),
        cmocka_unit_test(test_event_index_suppresses_interrupts),
        cmocka_unit_test(test_flag_suppresses_interrupts_without_event_index),
        cmocka_unit_test(test_doorbells_are_suppressed_while_draining),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
