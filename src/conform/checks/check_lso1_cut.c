/* SPDX-License-Identifier: MIT */
/* Where a large send is cut: lengths, number of frames, sequence numbers, data. */
#include "conform/large_stack.h"

/* Just past a frame's end, just before, at it: of several frames. */
static uint32_t odd_size(unsigned i, uint32_t mss)
{
    const uint32_t sizes[] = {mss + 1,     2 * mss - 1, 2 * mss,       2 * mss + 1,
                              3 * mss + 7, 5 * mss - 2, 4 * mss + 100, 6 * mss};

    return sizes[i % ARRAY_LEN(sizes)];
}

CHECK("LSO1-1", only_a_slot_makes_a_large_send)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 1400);
        const struct cut *c = large_try(r, kind, &recipe, 500);
        struct packet *k;

        if (!c)
            continue;
        expect(r, c->count > 1, "frames with a large send's slot", "more than one", "%u", c->count);
        recipe.large_send = false;
        k = large_template(kind, &recipe);
        packet_build(k, &recipe); /* finished: nothing to ask for */
        c = large_any_way(r, k, kind, &(struct ask){0});
        about(r, "the same packet after a %s, its slot 0", large_name(kind));
        expect_equal(r, "frames without the slot", c->count, 1);
    }
}

static uint32_t plain[LARGE_FRAMES]; /* TCP data of the frames, without options */

static struct cut_field as_without_options(const struct cut *c, unsigned i)
{
    return (struct cut_field){.name = "TCP data of the frame, as without options",
                              .wrong = SEGMENT_WRONG_PAYLOAD,
                              .at = c->field[i].l4 + 12,
                              .bytes = 1,
                              .got = cut_payload(c, i),
                              .want = plain[i]};
}

static struct cut_field at_most_mss(const struct cut *c, unsigned i)
{
    uint32_t n = cut_payload(c, i);

    return (struct cut_field){.name = "TCP data of the frame, at most MSS",
                              .wrong = SEGMENT_WRONG_PAYLOAD,
                              .at = c->field[i].l3,
                              .bytes = 20,
                              .got = n,
                              .want = MIN_OF(n, c->mss)};
}

static void try_options(struct rig *r, enum large_kind kind, uint32_t mss)
{
    struct frame_recipe recipe = large_recipe(r, kind, 5 * mss + 400);
    const struct cut *c = large_try(r, kind, &recipe, mss);

    cut_fields(r, c, at_most_mss);
    for (unsigned i = 0; i < LARGE_FRAMES; i++)
        plain[i] = c && i < c->count ? cut_payload(c, i) : 0;
    for (unsigned i = 0; i < 2 && c && large_tcp_options(r, kind); i++) {
        recipe.tcp_options = i ? tcp_options_40 : tcp_options_12;
        recipe.tcp_options_len = i ? sizeof tcp_options_40 : sizeof tcp_options_12;
        cut_fields(r, large_try(r, kind, &recipe, mss), as_without_options);
    }
}

static void mss_as_linux_has_it(struct rig *r, const struct large_asked *a)
{
    expect_equal(r, "MSS in the slot", a->slot.LsoV2Transmit.MSS, a->mss);
}

CHECK("LSO1-2", options_do_not_count_against_the_mss)
{
    static const uint32_t segments[] = {1000, 536, 1337};

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        for (unsigned i = 0; i < ARRAY_LEN(segments); i++)
            try_options(r, kind, segments[i]);
    }
    large_protocol(r, mss_as_linux_has_it);
}

static struct cut_field length(const struct cut *c, unsigned i)
{
    uint32_t done = i * c->mss;

    return (struct cut_field){.name = "bytes of TCP data in the frame",
                              .wrong = SEGMENT_WRONG_PAYLOAD,
                              .at = c->field[i].l3 + (c->field[i].version == 4 ? 2 : 4),
                              .bytes = 2,
                              .got = cut_payload(c, i),
                              .want = done >= c->payload ? 0 : MIN_OF(c->mss, c->payload - done)};
}

static struct cut_field not_empty(const struct cut *c, unsigned i)
{
    return (struct cut_field){.name = "the frame has TCP data",
                              .wrong = SEGMENT_WRONG_PAYLOAD,
                              .at = c->field[i].l3,
                              .bytes = 20,
                              .got = cut_payload(c, i) > 0,
                              .want = 1};
}

CHECK("LSO1-3", all_frames_but_the_last_are_full)
{
    static const uint32_t segments[] = {1000, 536, 101, 1420};

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        for (unsigned i = 0; i < 2 * ARRAY_LEN(segments); i++) {
            uint32_t mss = segments[i / 2], n = odd_size(i + kind, mss);
            struct frame_recipe recipe = large_recipe(r, kind, n);
            const struct cut *c = large_try(r, kind, &recipe, mss);

            cut_fields(r, c, length);
            cut_fields(r, c, not_empty);
        }
    }
}

CHECK("LSO1-4", joined_frames_are_the_original)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        for (unsigned i = 0; i < 8; i++) {
            uint32_t mss = 700 + i * 97;
            struct frame_recipe recipe = large_recipe(r, kind, odd_size(i, mss));

            cut_joined(r, large_try(r, kind, &recipe, mss));
        }
    }
}

static void not_too_few(struct rig *r, const struct large_asked *a)
{
    uint32_t frames = (a->nbl->len - a->from->payload + a->mss - 1) / a->mss;

    expect(r, frames >= a->min, "frames that are asked for", "at least MinSegmentCount", "%u of %u",
           frames, a->min);
}

CHECK("LSO1-5", as_many_frames_as_the_data_takes)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        uint32_t least = large_min_segments(r, kind);
        const uint32_t frames[] = {least < 2 ? 2 : least, 12, 40};

        for (unsigned i = 0; i < 3 * ARRAY_LEN(frames); i++) {
            const uint32_t more[] = {0, 1, 499};
            struct frame_recipe recipe =
                large_recipe(r, kind, (frames[i / 3] - 1) * 500 + (i % 3 ? more[i % 3] : 500));
            const struct cut *c = large_try(r, kind, &recipe, 500);

            if (c)
                expect_equal(r, "frames on the wire", c->count, frames[i / 3]);
        }
    }
    large_protocol(r, not_too_few);
}

static struct cut_field sequence(const struct cut *c, unsigned i)
{
    const struct packet *k = c->template;

    return (struct cut_field){.name = "sequence number",
                              .wrong = SEGMENT_WRONG_SEQ,
                              .at = c->field[i].l4 + 4,
                              .bytes = 4,
                              .got = c->field[i].seq,
                              .want = (uint32_t)(naive_get(k->bytes + k->l4 + 4, 4) + i * c->mss)};
}

static void number_of_first_byte(struct rig *r, const struct large_asked *a)
{
    expect_equal(r, "sequence number of the template", a->f.seq,
                 naive_get(a->from->bytes + a->from->l4 + 4, 4));
}

CHECK("LSO1-6", sequence_numbers_count_and_wrap)
{
    static const uint32_t first[] = {0x89abcdef, 0, 0xffffffff, 0xfffffc18, 0xfffff000, 0x7ffffff0};

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        for (unsigned i = 0; i < ARRAY_LEN(first); i++) {
            struct frame_recipe recipe = large_recipe(r, kind, 5000);

            recipe.seq = first[i];
            cut_fields(r, large_try(r, kind, &recipe, 1000), sequence);
        }
    }
    large_protocol(r, number_of_first_byte);
}
