/* SPDX-License-Identifier: MIT */
/* The adapter state machine and registration: src/ndis/{state,adapter,driver,runtime,im,pnp}.c. */
#include "test_ndis_rig.h"

static void test_life_goes_through_the_documented_states(void **state)
{
    static const unsigned expected[] = {NDIS_ADAPTER_INITIALIZING, NDIS_ADAPTER_PAUSED,
                                        NDIS_ADAPTER_RESTARTING,   NDIS_ADAPTER_RUNNING,
                                        NDIS_ADAPTER_PAUSING,      NDIS_ADAPTER_PAUSED,
                                        NDIS_ADAPTER_HALTED};

    (void)state;
    rig_up(NULL);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_restart(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_halt(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(rig.state_count, ARRAY_LEN(expected));
    for (unsigned i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(rig.states[i], expected[i]);
    assert_int_equal(mp.halts, 1);
    assert_int_equal(mp.halt_action, NdisHaltDeviceDisabled);
    assert_int_equal(rig.findings, 0);
    assert_int_equal(rig_down(), 0);
    assert_int_equal(mp.unloads, 1);
}

static void test_operations_in_wrong_states_are_refused(void **state)
{
    (void)state;
    rig_up(NULL);
    assert_int_equal(ndis_adapter_restart(rig.adapter), NDIS_STATUS_INVALID_STATE);
    assert_int_equal(ndis_adapter_pause(rig.adapter), NDIS_STATUS_INVALID_STATE);
    assert_int_equal(ndis_adapter_halt(rig.adapter), NDIS_STATUS_INVALID_STATE);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_INVALID_STATE);
    assert_int_equal(ndis_adapter_pause(rig.adapter), NDIS_STATUS_INVALID_STATE);
    assert_int_equal(ndis_adapter_reset(rig.adapter), NDIS_STATUS_INVALID_STATE);
    assert_int_equal(mp.inits, 1);
    rig_down();
}

static void test_pending_handlers_are_waited_for(void **state)
{
    (void)state;
    mp.restart = mp.pause = NDIS_STATUS_PENDING;
    mp.restart_completes = mp.pause_completes = true;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    assert_int_equal(ndis_adapter_restart(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_pause(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(rig.findings, 0);
    rig_down();
}

static void test_pause_that_never_completes_is_a_finding(void **state)
{
    (void)state;
    mp.pause = NDIS_STATUS_PENDING;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    ndis_adapter_restart(rig.adapter);
    assert_int_equal(ndis_adapter_pause(rig.adapter), NDIS_STATUS_FAILURE);
    assert_int_equal(rig_found("GEN-3"), 1);
    assert_int_equal(ndis_adapter_state(rig.adapter), NDIS_ADAPTER_PAUSED);
    rig_down();
}

static void test_completions_nobody_waits_for_are_findings(void **state)
{
    (void)state;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    NdisMPauseComplete(mp.handle);
    NdisMRestartComplete(mp.handle, NDIS_STATUS_SUCCESS);
    NdisMResetComplete(mp.handle, NDIS_STATUS_SUCCESS, FALSE);
    assert_int_equal(rig_found("GEN-3"), 1);
    assert_int_equal(rig_found("GEN-6"), 1);
    assert_int_equal(rig_found("GEN-32"), 1);
    rig_down();
}

static void test_failed_restart_leaves_the_adapter_paused_for_another_try(void **state)
{
    (void)state;
    mp.restart = NDIS_STATUS_RESOURCES;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    assert_int_equal(ndis_adapter_restart(rig.adapter), NDIS_STATUS_RESOURCES);
    assert_int_equal(ndis_adapter_state(rig.adapter), NDIS_ADAPTER_PAUSED);
    mp.restart = NDIS_STATUS_SUCCESS;
    assert_int_equal(ndis_adapter_restart(rig.adapter), NDIS_STATUS_SUCCESS);
    rig_down();
}

static void test_failed_start_returns_to_halted_without_halt(void **state)
{
    (void)state;
    mp.init = NDIS_STATUS_RESOURCES;
    mp.leak = true;
    rig_up(NULL);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_RESOURCES);
    assert_int_equal(ndis_adapter_state(rig.adapter), NDIS_ADAPTER_HALTED);
    assert_int_equal(mp.halts, 0);
    assert_int_equal(rig_found("INIT-21"), 1); /* the leak */
    nt_ledger_take(NT_RES_TIMER, &mp, NULL);
    rig_down();
}

static void test_pending_from_initialize_is_a_finding(void **state)
{
    (void)state;
    mp.init = NDIS_STATUS_PENDING;
    rig_up(NULL);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_FAILURE);
    assert_int_equal(rig_found("INIT-21"), 1);
    rig_down();
}

static void test_what_is_left_after_halt_is_a_finding(void **state)
{
    (void)state;
    mp.leak = true;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    ndis_adapter_halt(rig.adapter);
    assert_int_equal(rig_found("GEN-9"), 1);
    nt_ledger_take(NT_RES_TIMER, &mp, NULL);
    NdisMPauseComplete(mp.handle); /* a call for a halted adapter */
    assert_int_equal(rig_found("GEN-9"), 2);
    rig_down();
}

static NPAGED_LOOKASIDE_LIST lookaside;

/* An entry goes back to the driver's list, as at a send; a block of memory does not. */
static void use_lookaside(NDIS_HANDLE h)
{
    PVOID entry = ExAllocateFromNPagedLookasideList(&lookaside);

    assert_non_null(entry);
    ExFreeToNPagedLookasideList(&lookaside, entry);
    if (mp.leak)
        NdisAllocateMemoryWithTagPriority(h, 32, 1, NormalPoolPriority);
}

static unsigned left_with_lookaside(bool leak)
{
    struct nt_owner *previous;
    unsigned found;

    memset(&mp, 0, sizeof mp);
    mp.in_init = use_lookaside;
    mp.leak = leak;
    rig_up(NULL);
    previous = nt_owner_enter(nt_driver_owner(rig.driver));
    ExInitializeNPagedLookasideList(&lookaside, NULL, NULL, 0, 64, 1, 0);
    nt_owner_leave(previous);
    ndis_adapter_initialize(rig.adapter);
    ndis_adapter_halt(rig.adapter);
    found = rig_found("GEN-9");
    nt_ledger_take(NT_RES_TIMER, &mp, NULL);
    previous = nt_owner_enter(nt_driver_owner(rig.driver));
    ExDeleteNPagedLookasideList(&lookaside);
    nt_owner_leave(previous);
    rig_down();
    return found;
}

static void test_free_entries_of_a_lookaside_list_are_not_left_behind(void **state)
{
    (void)state;
    assert_int_equal(left_with_lookaside(false), 0);
    assert_int_equal(left_with_lookaside(true), 1);
}

static void test_reset_is_framed_by_indications_and_restores_the_filter(void **state)
{
    ULONG filter = 5, bytes = sizeof(filter);

    (void)state;
    mp.reset = NDIS_STATUS_PENDING;
    mp.reset_completes = true;
    mp.addressing_reset = TRUE;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    ndis_adapter_restart(rig.adapter);
    ndis_adapter_request(rig.adapter, NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER,
                         &filter, &bytes);
    mp.oids = 0;
    assert_int_equal(ndis_adapter_reset(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(rig.status_count, 2);
    assert_int_equal(rig.codes[0], NDIS_STATUS_RESET_START);
    assert_int_equal(rig.codes[1], NDIS_STATUS_RESET_END);
    assert_int_equal(mp.seen[0], OID_GEN_CURRENT_PACKET_FILTER);
    assert_int_equal(mp.seen_value[0], 5);
    rig_down();
}

static void test_check_for_hang_leads_to_reset(void **state)
{
    (void)state;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    ndis_adapter_restart(rig.adapter);
    mp.hang = TRUE;
    for (int i = 0; i < 2000 && !mp.resets; i++)
        usleep(1000);
    assert_true(mp.hangs > 0);
    assert_int_equal(mp.resets, 1);
    rig_down();
}

static void test_surprise_removal_notifies_then_halts(void **state)
{
    ULONG value = 0, bytes = sizeof(value);

    (void)state;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    ndis_adapter_restart(rig.adapter);
    assert_int_equal(ndis_adapter_surprise_remove(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(mp.events, 1);
    assert_int_equal(mp.pauses, 1);
    assert_int_equal(mp.halt_action, NdisHaltDeviceSurpriseRemoved);
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestQueryInformation, OID_GEN_XMIT_OK,
                                          &value, &bytes),
                     NDIS_STATUS_NOT_ACCEPTED);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_INVALID_STATE);
    rig_down();
}

static void *halts(void *arg)
{
    (void)arg;
    ndis_adapter_halt(rig.adapter);
    return NULL;
}

static void *pauses(void *arg)
{
    (void)arg;
    ndis_adapter_pause(rig.adapter);
    return NULL;
}

static void test_GEN_7_nothing_begins_while_pausing(void **state)
{
    pthread_t pausing, halting;

    (void)state;
    mp.pause = NDIS_STATUS_PENDING;
    rig_up(NULL);
    ndis_set_time_factor(1);
    ndis_adapter_initialize(rig.adapter);
    ndis_adapter_restart(rig.adapter);
    pthread_create(&pausing, NULL, pauses, NULL);
    assert_true(ndis_adapter_wait(rig.adapter, NDIS_ADAPTER_PAUSING, 2000));
    pthread_create(&halting, NULL, halts, NULL);
    usleep(50000); /* time enough to do wrong */
    assert_int_equal(ndis_adapter_state(rig.adapter), NDIS_ADAPTER_PAUSING);
    assert_int_equal(mp.halts + mp.restarts + mp.inits, 2); /* those before */
    NdisMPauseComplete(mp.handle);
    pthread_join(pausing, NULL);
    pthread_join(halting, NULL);
    assert_int_equal(mp.halts, 1);
    assert_int_equal(rig.findings, 0);
    rig_down();
    ndis_set_time_factor(0.02);
}

/* GEN-36 */
static void test_shutdown_is_final(void **state)
{
    (void)state;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    ndis_adapter_restart(rig.adapter);
    ndis_adapter_shutdown(rig.adapter);
    ndis_adapter_shutdown(rig.adapter);
    assert_int_equal(mp.shutdowns, 1);
    assert_int_equal(ndis_adapter_halt(rig.adapter), NDIS_STATUS_INVALID_STATE);
    assert_int_equal(mp.halts, 0);
    rig_down();
}

static void test_missing_type_keyword_keeps_initialize_from_being_called(void **state)
{
    (void)state;
    rig_up(NULL);
    reg_delete(rig.key, "*MediaType");
    assert_int_equal(ndis_adapter_initialize(rig.adapter), NDIS_STATUS_FAILURE);
    assert_int_equal(mp.inits, 0);
    rig_down();
}

static NDIS_STATUS register_status;
static void (*register_edit)(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c);

static NTSTATUS NTAPI registering_entry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS c = rig_characteristics();
    NDIS_HANDLE h;

    register_edit(&c);
    register_status = NdisMRegisterMiniportDriver(object, path, NULL, &c, &h);
    if (register_status == NDIS_STATUS_SUCCESS)
        NdisMDeregisterMiniportDriver(h);
    return STATUS_UNSUCCESSFUL;
}

static NDIS_STATUS registering(void (*edit)(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *))
{
    struct nt_driver *d;
    struct why why = {""};

    register_edit = edit;
    assert_true(nt_driver_load_entry(registering_entry, "other", &d, &why) < 0);
    return register_status;
}

static void edit_nothing(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    (void)c;
}

static void edit_version(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->MajorNdisVersion = 5;
}

static void edit_minor(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->MinorNdisVersion = 7;
}

static void edit_size(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->Header.Size--;
}

static void edit_old_revision(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->MinorNdisVersion = 20; /* revision 1 is NDIS 6.0's */
}

static void edit_handler(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->PauseHandler = NULL;
}

static void test_registration_is_validated(void **state)
{
    (void)state;
    rig_up(NULL);
    assert_int_equal(registering(edit_nothing), NDIS_STATUS_SUCCESS);
    assert_int_equal(registering(edit_version), NDIS_STATUS_BAD_VERSION);
    assert_int_equal(registering(edit_minor), NDIS_STATUS_BAD_VERSION);
    assert_int_equal(registering(edit_size), NDIS_STATUS_BAD_CHARACTERISTICS);
    assert_int_equal(registering(edit_old_revision), NDIS_STATUS_BAD_CHARACTERISTICS);
    assert_int_equal(registering(edit_handler), NDIS_STATUS_BAD_CHARACTERISTICS);
    assert_int_equal(rig_found("NT-REGISTER"), 3);
    rig_down();
}

static void test_wrong_handles_are_findings(void **state)
{
    int something = 0;

    (void)state;
    rig_up(NULL);
    NdisMPauseComplete(NULL);
    NdisMPauseComplete(&something);
    NdisMPauseComplete((NDIS_HANDLE)0x1234567);
    NdisMPauseComplete(mp.driver);
    NdisMDeregisterMiniportDriver(rig.adapter);
    assert_int_equal(rig_found("NT-HANDLE"), 5);
    rig_down();
}

static void test_intermediate_instance_starts_when_asked_for_and_stops(void **state)
{
    WCHAR text[] = L"\\Device\\nic0";
    NDIS_STRING name = {sizeof(text) - 2, sizeof(text), text};
    int context = 0;

    (void)state;
    mp.intermediate = true;
    rig_up(NULL);
    assert_int_equal(ndis_adapter_initialize(rig.adapter),
                     NDIS_STATUS_INVALID_STATE); /* not asked for yet */
    assert_int_equal(NdisIMInitializeDeviceInstanceEx(mp.driver, &name, &context),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisIMInitializeDeviceInstanceEx(mp.driver, &name, &context),
                     NDIS_STATUS_NOT_ACCEPTED);
    assert_true(ndis_adapter_wait(rig.adapter, NDIS_ADAPTER_RUNNING, 200));
    assert_int_equal(NdisIMCancelInitializeDeviceInstance(mp.driver, &name), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisIMDeInitializeDeviceInstance(rig.adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(mp.halt_action, NdisHaltDeviceInstanceDeInitialized);
    rig_down();
}

static void test_intermediate_instance_nobody_plugged_is_made(void **state)
{
    WCHAR text[] = L"\\Device\\team7";
    NDIS_STRING name = {sizeof(text) - 2, sizeof(text), text};
    struct ndis_adapter *a;

    (void)state;
    mp.intermediate = true;
    rig_up(NULL);
    assert_int_equal(NdisIMInitializeDeviceInstanceEx(mp.driver, &name, NULL), NDIS_STATUS_SUCCESS);
    a = ndis_adapter_find("team7");
    assert_non_null(a);
    assert_true(ndis_adapter_wait(a, NDIS_ADAPTER_RUNNING, 200));
    ndis_adapter_halt(a);
    ndis_adapter_free(a);
    rig_down();
}

static void test_removal_by_the_driver_halts_as_failed(void **state)
{
    (void)state;
    rig_up(NULL);
    ndis_adapter_initialize(rig.adapter);
    ndis_adapter_restart(rig.adapter);
    assert_int_equal(NdisMRemoveMiniport(mp.handle), NDIS_STATUS_SUCCESS);
    assert_true(ndis_adapter_wait(rig.adapter, NDIS_ADAPTER_HALTED, 200));
    assert_int_equal(mp.halt_action, NdisHaltDeviceFailed);
    rig_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_life_goes_through_the_documented_states),
        RIG_TEST(test_operations_in_wrong_states_are_refused),
        RIG_TEST(test_pending_handlers_are_waited_for),
        RIG_TEST(test_pause_that_never_completes_is_a_finding),
        RIG_TEST(test_completions_nobody_waits_for_are_findings),
        RIG_TEST(test_failed_restart_leaves_the_adapter_paused_for_another_try),
        RIG_TEST(test_failed_start_returns_to_halted_without_halt),
        RIG_TEST(test_pending_from_initialize_is_a_finding),
        RIG_TEST(test_what_is_left_after_halt_is_a_finding),
        RIG_TEST(test_free_entries_of_a_lookaside_list_are_not_left_behind),
        RIG_TEST(test_reset_is_framed_by_indications_and_restores_the_filter),
        RIG_TEST(test_check_for_hang_leads_to_reset),
        RIG_TEST(test_surprise_removal_notifies_then_halts),
        RIG_TEST(test_GEN_7_nothing_begins_while_pausing),
        RIG_TEST(test_shutdown_is_final),
        RIG_TEST(test_missing_type_keyword_keeps_initialize_from_being_called),
        RIG_TEST(test_registration_is_validated),
        RIG_TEST(test_wrong_handles_are_findings),
        RIG_TEST(test_intermediate_instance_starts_when_asked_for_and_stops),
        RIG_TEST(test_intermediate_instance_nobody_plugged_is_made),
        RIG_TEST(test_removal_by_the_driver_halts_as_failed),
    };

    return RIG_MAIN(tests);
}
