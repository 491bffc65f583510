/* SPDX-License-Identifier: MIT */
/* *PriorityVLANTag and VlanId. */
#include "conform/keyword.h"
#include "conform/packet.h"

enum {
    PRIORITY = NDIS_MAC_OPTION_8021P_PRIORITY,
    VLAN = NDIS_MAC_OPTION_8021Q_VLAN,
    TAG = 4,
    ADDRESSES = 12,
};

static const char *const digits[] = {"0", "1", "2", "3"}, tag_word[] = "*PriorityVLANTag";
static const unsigned tcis[] = {0x6abc, 0xe000, 0x0001, 0x4ffe};

/* Tags are made and taken off by whoever drives the card, which has that keyword. */
static void need_keyword(struct rig *r)
{
    if (r->card_count && !watch_read_keyword(tag_word))
        skip(r, "the driver does not read %s: tags are its members' matter", tag_word);
}

/* What the keyword leaves of a tag. */
static unsigned allowed(unsigned value, unsigned tci)
{
    return (value & 1 ? tci & 0xe000 : 0) | (value & 2 ? tci & 0xfff : 0);
}

/* The frame with a tag behind the addresses; returns its length. */
static uint32_t add_tag(const struct packet *k, unsigned tci, uint8_t *out)
{
    memcpy(out, k->bytes, ADDRESSES);
    naive_put(out + ADDRESSES, 2, 0x8100);
    naive_put(out + ADDRESSES + 2, 2, tci);
    memcpy(out + ADDRESSES + TAG, k->bytes + ADDRESSES, k->len - ADDRESSES);
    return k->len + TAG;
}

static void open_with(struct rig *r, const char *word, const char *value)
{
    rig_halt(r);
    keyword_set(r, word, value);
    rig_start(r);
}

static void need_tags(struct rig *r)
{
    need_keyword(r);
    need(r, (watch_attributes()->general.MacOptions & (PRIORITY | VLAN)) == (PRIORITY | VLAN),
         "802.1Q priority and VLAN");
}

CHECK("KEY-15", tag_options)
{
    char text[16];
    ULONG options, all;

    rig_open(r, NULL);
    need_keyword(r);
    all = watch_attributes()->general.MacOptions & (PRIORITY | VLAN);
    about(r, "%s in the .inf", tag_word);
    /* A driver without the keyword may have fixed options. */
    need(r, keyword_inf_default(r, tag_word, text, sizeof text), "%s in the .inf", tag_word);
    expect(r, strcmp(text, "3") == 0, "Default", "\"3\"", "\"%s\"", text);
    open_with(r, tag_word, "3");
    all |= watch_attributes()->general.MacOptions & (PRIORITY | VLAN);
    need(r, all != 0, "802.1Q priority or VLAN");
    for (unsigned v = 0; v < 4; v++) {
        ULONG want = (v & 1 ? PRIORITY : 0) | (v & 2 ? VLAN : 0);

        open_with(r, tag_word, digits[v]);
        about(r, "%s = %s", tag_word, digits[v]);
        expect_equal(r, "MacOptions registered (0x40 priority, 0x80 VLAN)",
                     watch_attributes()->general.MacOptions & (PRIORITY | VLAN), want & all);
        options = 0;
        if (rig_query(r, OID_GEN_MAC_OPTIONS, &options, sizeof options, NULL) ==
            NDIS_STATUS_SUCCESS)
            expect_equal(r, "OID_GEN_MAC_OPTIONS", options & (PRIORITY | VLAN), want & all);
    }
}

/* ---- On the wire ---------------------------------------------------------------------------- */

static void send_tagged(struct rig *r, unsigned value, unsigned tci)
{
    static struct packet k;
    struct frame_recipe recipe = packet_recipe(r, 4, 6, 100);
    struct ask a = {.tag = ask_tag(tci >> 13, tci)};
    unsigned want = allowed(value, tci);
    struct rig_seen seen;
    struct fields f;

    packet_build(&k, &recipe);
    about(r, "%s = %u, tag 0x%04x in its slot", tag_word, value, tci);
    packet_send(r, &k, &a);
    if (rig_wire_drain(r, &seen, 1) != 1 || !fields_read(&seen, &f))
        return; /* that it leaves is no matter of the keyword */
    about_bytes(r, seen.bytes, seen.len, ADDRESSES, TAG);
    if (want || value == 0)
        expect_equal(r, "frame is tagged", f.tagged, want != 0);
    expect_equal(r, "tag control information", f.tci & 0xefff, want);
}

CHECK("KEY-16", tag_on_the_wire)
{
    rig_open(r, NULL);
    need_tags(r);
    for (unsigned v = 0; v < 4; v++) {
        open_with(r, tag_word, digits[v]);
        for (unsigned i = 0; i < ARRAY_LEN(tcis); i++)
            send_tagged(r, v, tcis[i]);
    }
}

/* D-13: a driver that lists tags in the data and not in the slot leaves them there. */
static bool leaves_tags(const struct rig *r)
{
    ULONG e = rig_offload(r).hardware.Checksum.IPv4Receive.Encapsulation;

    return (e & NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q) &&
           !(e & NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB);
}

static void receive_tagged(struct rig *r, unsigned value, unsigned tci)
{
    static struct packet k;
    static uint8_t frame[2000];
    struct frame_recipe recipe = packet_recipe_in(r, 4, 6, 100);
    const struct rig_received *got;
    uint32_t len;

    packet_build(&k, &recipe);
    len = add_tag(&k, tci, frame);
    about(r, "%s = %u, a frame with tag 0x%04x arrives", tag_word, value, tci);
    got = rig_arrive(r, frame, len);
    if (!got)
        return;
    about_bytes(r, got->data, got->len, ADDRESSES, TAG);
    if (leaves_tags(r) && got->len == len) {
        expect_equal(r, "Ieee8021QNetBufferListInfo", got->oob[Ieee8021QNetBufferListInfo], 0);
        return;
    }
    expect_equal(r, "length without the tag", got->len, k.len);
    expect_equal(r, "EtherType", naive_get(got->data + ADDRESSES, 2), 0x0800);
    expect_equal(r, "Ieee8021QNetBufferListInfo", got->oob[Ieee8021QNetBufferListInfo],
                 (uintptr_t)ask_tag(allowed(value, tci) >> 13, allowed(value, tci)));
}

CHECK("KEY-17", tag_is_removed)
{
    rig_open(r, NULL);
    need_tags(r);
    need(r, rig_has_wire(r), "a network card below the driver");
    for (unsigned v = 0; v < 4; v++) {
        open_with(r, tag_word, digits[v]);
        for (unsigned i = 0; i < ARRAY_LEN(tcis); i++)
            receive_tagged(r, v, tcis[i]);
    }
}

/* ---- VlanId --------------------------------------------------------------------------------- */

/* Frames of another VLAN, of this one, and of none; the last is a broadcast of this one, behind
 * which no other is on its way. tci -1: without a tag. */
static unsigned heard(struct rig *r, int tci, unsigned vlan)
{
    static struct packet k;
    static uint8_t frame[2000];
    struct frame_recipe recipe = packet_recipe_in(r, 4, 17, 64);
    unsigned before = r->main.received_count;
    uint32_t len;

    packet_build(&k, &recipe);
    len = tci < 0 ? k.len : add_tag(&k, (unsigned)tci, frame);
    rig_wire_write(r, tci < 0 ? k.bytes : frame, len);
    recipe.src_port = 7777;
    memset(recipe.dst_mac, 0xff, 6);
    packet_build(&k, &recipe);
    len = add_tag(&k, vlan, frame);
    if (vlan)
        rig_wire_write(r, frame, len);
    else
        rig_wire_write(r, k.bytes, k.len);
    for (unsigned have = before; rig_wait(r, &r->main.received_count, have + 1, 2); have++) {
        const struct rig_received *got = &r->main.received[have % RIG_RECORDS];

        if (got->len >= 38 && memcmp(got->data, "\xff\xff\xff\xff\xff\xff", 6) == 0)
            return have - before;
    }
    return UINT32_MAX;
}

static void member(struct rig *r, unsigned vlan)
{
    const int others[] = {(int)vlan ^ 1, 0x6000, -1};
    ULONG id = 12345;

    expect_code(r, "query of OID_GEN_VLAN_ID", rig_query(r, OID_GEN_VLAN_ID, &id, sizeof id, NULL),
                NDIS_STATUS_SUCCESS);
    expect_equal(r, "OID_GEN_VLAN_ID", id, vlan);
    if (!rig_has_wire(r))
        return;
    expect_equal(r, "frames of its VLAN that are indicated", heard(r, (int)vlan, vlan), 1);
    for (unsigned i = 0; vlan && i < 2; i++)
        expect_equal(r, "frames of another VLAN that are indicated", heard(r, others[i], vlan), 0);
}

CHECK("KEY-18", vlan_id)
{
    ULONG id;

    keyword_prepare(r);
    keyword_set(r, "VlanId", "1234");
    r->config.no_bind = false;
    rig_start(r);
    need(r, watch_lists_oid(OID_GEN_VLAN_ID), "OID_GEN_VLAN_ID");
    about(r, "VlanId = 1234");
    member(r, 1234);
    id = 6;
    about(r, "set of OID_GEN_VLAN_ID to 6");
    expect_code(r, "status", rig_set(r, OID_GEN_VLAN_ID, &id, sizeof id), NDIS_STATUS_SUCCESS);
    member(r, 6);
    id = 0;
    about(r, "set of OID_GEN_VLAN_ID to 0");
    expect_code(r, "status", rig_set(r, OID_GEN_VLAN_ID, &id, sizeof id), NDIS_STATUS_SUCCESS);
    member(r, 0);
}
