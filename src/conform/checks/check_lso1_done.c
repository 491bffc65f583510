/* SPDX-License-Identifier: MIT */
/* Completion of large sends of version 1, and when a buffer is done with. */
#include "conform/large.h"

static NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO slot_of(const struct outcome *o)
{
    return (NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO){.Value = (void *)o->lso};
}

CHECK("LSO1-30", version_1_completes_with_the_bytes_sent)
{
    static const uint32_t sizes[] = {1001, 2000, 3600, 20000, 60000};

    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V1), "large send version 1");
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct frame_recipe recipe =
            large_recipe(r, LARGE_V1, MIN_OF(sizes[i], large_max(r, LARGE_V1)));
        const struct cut *c = large_try(r, LARGE_V1, &recipe, 1000);

        if (!c)
            continue;
        expect_equal(r, "LsoV1TransmitComplete.TcpPayload",
                     slot_of(&c->outcome).LsoV1TransmitComplete.TcpPayload, recipe.payload_len);
        expect_equal(r, "LsoV1TransmitComplete.Type",
                     slot_of(&c->outcome).LsoV1TransmitComplete.Type,
                     NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE);
    }
}

/* What cannot be sent, by a request that contradicts itself or after V1 was switched off. */
CHECK("LSO1-31", version_1_that_fails_reports_nothing_sent)
{
    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V1), "large send version 1");
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V1, 3600);
        struct packet *k = large_template(LARGE_V1, &recipe);
        const uint32_t offset[] = {k->l4 + 4, 1000, k->l4, k->l4};
        struct ask how = {.lso = ask_lso1(i == 2 ? 0 : 1000, offset[i])};
        const struct cut *c;

        if (i == 3)
            rig_parameter(r, offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1),
                          NDIS_OFFLOAD_PARAMETERS_LSOV1_DISABLED);
        c = large_any_way(r, k, LARGE_V1, &how);
        if (c->count > 0)
            continue; /* it was sent: LSO1-36 and LSO1-39 have their say */
        expect(r, c->outcome.status != NDIS_STATUS_SUCCESS, "NBL status of what was not sent",
               "a failure", "%s", status_name(c->outcome.status));
        expect_equal(r, "LsoV1TransmitComplete.TcpPayload",
                     slot_of(&c->outcome).LsoV1TransmitComplete.TcpPayload, 0);
    }
    need(r, r->comparisons > 0, "a large send of version 1 that fails");
}

/* ---- Done with once, and not before --------------------------------------------------------- */

/* As soon as the NBL is back its bytes are somebody else's: the rig overwrites them. A driver that
 * is done before the card is must have taken a copy. */
static void send_and_overwrite(struct rig *r, const struct packet *k, enum large_kind kind,
                               struct cut *c)
{
    NET_BUFFER_LIST *nbl = rig_nbl(r, k->bytes, k->len, NULL, 0);
    unsigned before = r->main.completed_count;

    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = large_ask(k, kind, 1000);
    r->overwrite = true;
    rig_send(r, nbl, 1);
    c->count = rig_wire_drain(r, c->seen, LARGE_FRAMES);
    r->overwrite = false;
    for (unsigned i = 0; i < c->count; i++)
        fields_read(&c->seen[i], &c->field[i]);
    c->template = k;
    c->kind = kind;
    c->mss = 1000;
    c->payload = k->len - k->payload;
    /* The mark that ends the drain came back, too. */
    about(r, "%s, %u bytes of TCP data, MSS 1000", large_name(kind), c->payload);
    expect_equal(r, "completions of the NBL", r->main.completed_count - before - 1, 1);
}

CHECK("LSO1-32", completed_once_and_not_before_the_last_frame)
{
    static struct cut c;

    rig_open(r, NULL);
    need(r, rig_has_wire(r), "a network card below the driver");
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 20000);
        uint32_t at = 0;

        send_and_overwrite(r, large_template(kind, &recipe), kind, &c);
        for (unsigned i = 0; i < c.count; i++) {
            const struct fields *f = &c.field[i];
            uint32_t n = cut_payload(&c, i);
            bool overwritten = n > 1 && f->bytes[f->payload] == 0xcc &&
                               memcmp(f->bytes + f->payload, f->bytes + f->payload + 1, n - 1) == 0;

            if (overwritten)
                cut_wrong(r, &c, i, SEGMENT_WRONG_PAYLOAD);
            if (!expect(r, !overwritten, "TCP data of the frame", "the bytes that were handed down",
                        "0xcc, which the buffer held after completion"))
                break;
            at += n;
        }
        expect(r, at > 0, "frames of a large send", "at least one", "none");
    }
}
