/* SPDX-License-Identifier: MIT */
/* Packets, traffic and threads of the checks of the general rules. */
#include "conform/gen.h"

#include "conform/suite.h"

enum { NUMBER_AT = 14 + 20 + 8, PORT_AT = 14 + 20 + 2, END_SECONDS = 12 };

/* ---- Packets -------------------------------------------------------------------------------- */

static const struct packet *build(struct frame_recipe *recipe, unsigned row, uint32_t number)
{
    static struct packet k;

    recipe->dst_port = (uint16_t)(GEN_PORT + row);
    packet_build(&k, recipe);
    naive_put(k.bytes + NUMBER_AT, 4, number);
    packet_finish(&k, ASK_UDP);
    return &k;
}

const struct packet *gen_packet(struct rig *r, unsigned row, uint32_t number, uint32_t payload)
{
    struct frame_recipe recipe = packet_recipe(r, 4, 17, payload);

    return build(&recipe, row, number);
}

const struct packet *gen_packet_in(struct rig *r, unsigned row, uint32_t number, uint32_t payload)
{
    struct frame_recipe recipe = packet_recipe_in(r, 4, 17, payload);

    return build(&recipe, row, number);
}

NET_BUFFER_LIST *gen_nbl(struct rig *r, unsigned row, uint32_t number, uint32_t payload)
{
    const struct packet *k = gen_packet(r, row, number, payload);

    return rig_nbl(r, k->bytes, k->len, NULL, 0);
}

NET_BUFFER_LIST *gen_chain(struct rig *r, unsigned row, uint32_t first, unsigned count,
                           uint32_t payload)
{
    NET_BUFFER_LIST *chain = NULL, **tail = &chain;

    for (unsigned i = 0; i < count; i++) {
        *tail = gen_nbl(r, row, first + i, payload);
        tail = &(*tail)->Next;
    }
    return chain;
}

uint32_t gen_number(const uint8_t *bytes, uint32_t len, unsigned row)
{
    bool ours = len >= NUMBER_AT + 4 && naive_get(bytes + 12, 2) == 0x0800 && bytes[23] == 17 &&
                naive_get(bytes + PORT_AT, 2) == GEN_PORT + row;

    return ours ? naive_get(bytes + NUMBER_AT, 4) : UINT32_MAX;
}

unsigned gen_left(struct rig *r, unsigned row, uint32_t *out, unsigned max)
{
    static struct rig_seen seen[4096];
    unsigned n = 0, count = rig_has_wire(r) ? rig_wire_drain(r, seen, ARRAY_LEN(seen)) : 0;

    for (unsigned i = 0; i < count && n < max; i++) {
        out[n] = gen_number(seen[i].bytes, seen[i].len, row);
        n += out[n] != UINT32_MAX;
    }
    while (count)
        free(seen[--count].bytes);
    return n;
}

/* ---- Traffic -------------------------------------------------------------------------------- */

void gen_arrive(struct rig *r, unsigned row, uint32_t number, uint32_t payload)
{
    const struct packet *k = gen_packet_in(r, row, number, payload);

    rig_wire_write(r, k->bytes, k->len);
}

bool gen_traffic(struct rig *r, unsigned row)
{
    unsigned at = r->main.completed_count;
    const struct rig_received *in;
    uint32_t numbers[4];
    bool good;

    if (!rig_send(r, gen_nbl(r, row, 0xabcd, 100), 1))
        return false;
    good = expect_code(r, "status of a send", r->main.completed[at % RIG_RECORDS].status,
                       NDIS_STATUS_SUCCESS);
    if (!rig_has_wire(r))
        return good;
    good = expect_equal(r, "frames that left", gen_left(r, row, numbers, 4), 1) && good;
    in = rig_arrive(r, gen_packet_in(r, row, 0xdcba, 100)->bytes, 142);
    return expect(r, in && gen_number(in->data, in->len, row) == 0xdcba, "frame that arrived",
                  "indicated", "%s", in ? "another one was" : "not indicated") &&
           good;
}

/* ---- Threads -------------------------------------------------------------------------------- */

static void *task_main(void *arg)
{
    struct gen_task *t = arg;

    t->status = t->fn(t->rig->adapter);
    pthread_mutex_lock(&t->rig->mutex);
    t->done = 1;
    pthread_cond_broadcast(&t->rig->changed);
    pthread_mutex_unlock(&t->rig->mutex);
    return NULL;
}

void gen_begin(struct rig *r, struct gen_task *t, NDIS_STATUS (*fn)(struct ndis_adapter *a))
{
    t->fn = fn;
    t->rig = r;
    t->done = 0;
    if (pthread_create(&t->thread, NULL, task_main, t) != 0)
        cannot(r, "no thread");
}

bool gen_end(struct rig *r, struct gen_task *t)
{
    if (!expect(r, rig_wait(r, &t->done, 1, END_SECONDS), "operation", "ends", "it does not"))
        return false;
    pthread_join(t->thread, NULL);
    return true;
}

void gen_pausing(struct rig *r, unsigned n)
{
    rig_wait(r, trace_began(TRACE_PAUSE), n, GEN_SECONDS);
    rig_wait(r, trace_ended(TRACE_PAUSE), n, 1);
}

bool gen_state(struct rig *r, enum ndis_adapter_state state)
{
    return ndis_adapter_wait(r->adapter, state, GEN_SECONDS);
}

void gen_quiet(struct rig *r, double seconds)
{
    (void)r;
    usleep((useconds_t)(seconds * 1e6));
}

double gen_factor(const struct rig *r)
{
    return r->suite->time_factor;
}

void gen_hurry(const struct rig *r, double factor)
{
    ndis_set_time_factor(factor * gen_factor(r));
}
