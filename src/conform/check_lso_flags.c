/* SPDX-License-Identifier: MIT */
/* TCP flags of the frames of a large send. */
#include "conform/large.h"

static const struct cut *flags_cut(struct rig *r, enum large_kind kind, uint8_t flags)
{
    static struct packet k;
    static struct cut c;
    struct frame_recipe recipe = large_recipe(r, kind, 3001);

    recipe.tcp_flags = (uint8_t)(TCP_ACK | flags);
    large_build(&k, kind, &recipe);
    return large_cut(r, &k, kind, 1000, NULL, &c) ? &c : NULL;
}

/* The flag is set in the frames that `allowed` says, and only there. */
static void expect_flag(struct rig *r, const struct cut *c, uint8_t flag, bool first, bool last)
{
    static char want[64];

    for (unsigned i = 0; c && i < c->count; i++) {
        bool should = (first && i == 0) || (last && i + 1 == c->count);

        if (((c->field[i].flags & flag) != 0) != should)
            cut_wrong(r, c, i, SEGMENT_WRONG_FLAGS);
        snprintf(want, sizeof want, "flag 0x%02x %s", flag, should ? "set" : "clear");
        expect(r, ((c->field[i].flags & flag) != 0) == should, "TCP flags", want, "0x%02x",
               c->field[i].flags);
    }
}

CHECK("LSO1-8", fin_only_in_the_last)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    expect_flag(r, flags_cut(r, kind, TCP_FIN), TCP_FIN, false, true);
}

CHECK("LSO1-9", psh_only_in_the_last)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    expect_flag(r, flags_cut(r, kind, TCP_PSH), TCP_PSH, false, true);
}
