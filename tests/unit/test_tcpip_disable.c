/* SPDX-License-Identifier: MIT */
/* DisableTaskOffload (KEY-24): what the overlying protocol does with an adapter that offers much.
 */
#include "test_path_frames.h"

#include "port/ops.h"
#include "tcpip/tcpip_int.h"

static const char parameters[] =
    "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters";

static const char ipsec[] = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Ipsec";

/* A TAP that takes every setting and has no frames. */
static int no_rx(struct port *p, struct port_buffer *bufs, unsigned n)
{
    (void)p;
    (void)bufs;
    (void)n;
    return 0;
}

static unsigned no_tx(struct port *p, const struct frame *frames, unsigned n)
{
    (void)p;
    (void)frames;
    return n;
}

static int take_number(struct port *p, uint32_t v)
{
    (void)p;
    (void)v;
    return 0;
}

static int take_mac(struct port *p, const uint8_t mac[6])
{
    (void)p;
    (void)mac;
    return 0;
}

static int take_carrier(struct port *p, bool on)
{
    (void)p;
    (void)on;
    return 0;
}

static const struct port_ops stack_ops = {.rx = no_rx,
                                          .tx = no_tx,
                                          .set_stack_offload = take_number,
                                          .set_carrier = take_carrier,
                                          .set_mac = take_mac,
                                          .set_mtu = take_number};

static void want_frames(void *arg, bool wanted)
{
    (void)arg;
    (void)wanted;
}

static unsigned activations;

static void count_activations(void *arg, struct ndis_adapter *a, const NDIS_OID_REQUEST *r,
                              NDIS_STATUS status, bool reached)
{
    (void)arg;
    (void)a;
    (void)status;
    (void)reached;
    activations += r->DATA.SET_INFORMATION.Oid == OID_OFFLOAD_ENCAPSULATION;
}

static const struct ndis_observer observer = {.oid = count_activations};

static bool without_ipsec;

/* What the protocol asks the stack to leave to the adapter, with the value in the registry: -1
 * none, -2 text. */
static uint32_t stack_offload(int value)
{
    struct port stack = {.ops = &stack_ops, .fd = -1};
    struct tcpip_config config = {.name = "TCPIP", .tap = &stack, .want_frames = want_frames};
    struct ndis_offload_state before, after;
    struct why why = {0};
    struct tcpip *t;
    uint32_t flags;

    activations = 0;
    path_begin((struct path_config){.no_bind = true, .observer = &observer});
    if (without_ipsec)
        reg_set_dword(registry_open(path.registry, ipsec, true), "EnabledOffload", 0);
    if (value >= 0)
        reg_set_dword(registry_open(path.registry, parameters, true), "DisableTaskOffload",
                      (uint32_t)value);
    else if (value == -2)
        reg_set_sz(registry_open(path.registry, parameters, true), "DisableTaskOffload", "1");
    ndis_adapter_offload(path.adapter, &before);
    if (tcpip_new(&config, &t, &why) < 0)
        fail_msg("%s", why.text);
    if (ndis_adapter_connect(path.adapter, "TCPIP", &why) < 0)
        fail_msg("%s", why.text);
    assert_true(tcpip_is_running(t));
    flags = tcpip_stack_offload(t);
    ndis_adapter_offload(path.adapter, &after); /* the adapter's report is its own */
    assert_memory_equal(&before.current, &after.current, sizeof before.current);
    assert_memory_equal(&before.hardware, &after.hardware, sizeof before.hardware);
    ndis_adapter_disconnect(path.adapter, "TCPIP");
    tcpip_free(t);
    path_end();
    return flags;
}

static void test_KEY_24_disable_task_offload(void **state)
{
    UNUSED_STATE;
    assert_int_not_equal(stack_offload(-1), 0);
    assert_int_not_equal(stack_offload(0), 0);
    assert_int_equal(stack_offload(1), 0);
    assert_int_not_equal(stack_offload(-2), 0); /* text is not what the page names */
}

static void test_ENC_24_disabled_offload_is_never_activated(void **state)
{
    UNUSED_STATE;
    stack_offload(-1);
    assert_int_equal(activations, 1);
    stack_offload(1);
    assert_int_equal(activations, 0);
}

/* Checksums and large sends go on. */
static void test_KEY_25_enabled_offload_is_for_ipsec_alone(void **state)
{
    uint32_t flags;

    UNUSED_STATE;
    flags = stack_offload(-1);
    without_ipsec = true;
    assert_int_equal(stack_offload(-1), flags);
    without_ipsec = false;
}

int main(void)
{
    const struct CMUnitTest disable[] = {
        cmocka_unit_test(test_KEY_24_disable_task_offload),
        cmocka_unit_test(test_ENC_24_disabled_offload_is_never_activated),
        cmocka_unit_test(test_KEY_25_enabled_offload_is_for_ipsec_alone),
    };

    return path_run("DisableTaskOffload", disable, COUNT(disable), false);
}
