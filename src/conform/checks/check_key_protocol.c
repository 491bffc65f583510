/* SPDX-License-Identifier: MIT */
/* Registry values that the overlying protocol obeys. */
#include "conform/keyword.h"
#include "conform/stack.h"

static const unsigned versions[] = {4, 6};

/* What the stack makes of one frame of Linux's: a checksum left to it, or a large send. */
static struct stack_sent *hand_down(struct rig *r, unsigned version, bool large)
{
    static struct packet k;
    struct frame_recipe recipe = packet_recipe(r, version, 6, large ? 4000 : 301);

    packet_build(&k, &recipe);
    return stack_send(r, &k, large ? STACK_LARGE : STACK_CHECKSUM, 1400);
}

static bool asks(const struct stack_sent *sent)
{
    for (unsigned i = 0; i < sent->count; i++) {
        if (sent->nbl[i].checksum || sent->nbl[i].lso)
            return true;
    }
    return false;
}

enum { HANDED = 4 };

/* Whether offload is asked for, for a frame and a large send of each family. */
static void handed_down(struct rig *r, bool asked[HANDED])
{
    for (unsigned i = 0; i < HANDED; i++)
        asked[i] = asks(hand_down(r, versions[i % 2], i >= 2));
}

/* wanted NULL: nothing. */
static void expect_requests(struct rig *r, const bool *wanted, const char *when)
{
    bool asked[HANDED];

    handed_down(r, asked);
    for (unsigned i = 0; i < HANDED; i++) {
        bool want = wanted && wanted[i];

        about(r, "a %s of TCP over IPv%u", i >= 2 ? "large send" : "frame", versions[i % 2]);
        expect(r, asked[i] == want, when, want ? "offload is asked for" : "no offload is asked for",
               asked[i] ? "it is" : "it is not");
    }
}

static void need_transmit(struct rig *r)
{
    NDIS_OFFLOAD now = rig_offload(r).current;

    need(r, rig_has_wire(r), "a network card below the driver");
    need(r,
         now.Checksum.IPv4Transmit.TcpChecksum == 1 && now.Checksum.IPv6Transmit.TcpChecksum == 1,
         "TCP checksum on transmit, of both families");
}

CHECK("KEY-24", disable_task_offload)
{
    struct ndis_offload_state before, after;
    bool absent[HANDED];

    rig_open(r, &(struct rig_config){.no_bind = true});
    need_transmit(r);
    stack_bind(r);
    handed_down(r, absent);
    stack_unbind(r);
    before = rig_offload(r);
    stack_disable_offload(r, 1);
    stack_bind(r);
    expect_requests(r, NULL, "DisableTaskOffload = 1");
    about(r, "DisableTaskOffload = 1");
    expect(r, !stack_activation(r), "OID_OFFLOAD_ENCAPSULATION", "not set", "set");
    expect_equal(r, "what Linux may leave to the adapter", stack_flags(r), 0);
    after = rig_offload(r);
    for (enum feature f = 0; f < FEATURES; f++)
        expect_equal(r, feature_keyword(f), feature_listed(&after.current, f),
                     feature_listed(&before.current, f));
    stack_unbind(r);
    stack_disable_offload(r, 0);
    stack_bind(r);
    expect_requests(r, absent, "DisableTaskOffload = 0");
    stack_unbind(r);
    reg_set_sz(registry_open(r->registry, STACK_PARAMETERS, true), "DisableTaskOffload", "1");
    stack_bind(r);
    expect_requests(r, absent, "DisableTaskOffload a text");
}

CHECK("KEY-25", enabled_offload_of_ipsec)
{
    static const char key[] = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Ipsec";

    bool absent[HANDED];

    rig_open(r, &(struct rig_config){.no_bind = true});
    need_transmit(r);
    stack_bind(r);
    handed_down(r, absent);
    stack_unbind(r);
    reg_set_dword(registry_open(r->registry, key, true), "EnabledOffload", 0);
    stack_bind(r);
    expect_requests(r, absent, "EnabledOffload = 0 of the Ipsec service");
}
