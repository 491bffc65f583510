/* SPDX-License-Identifier: MIT */
/* The machine's objects, shared by the two files that know all rooms: machine.c (what is plugged
 * and loaded) and admin.c (what an administrator sees and sets, and the registry file). */
#pragma once

#include "longshore.h"

#include "base/base.h"
#include "base/list.h"
#include "ndis/runtime.h"
#include "nic/nic.h"
#include "nt/driver.h"
#include "nt/registry.h"

#include <pthread.h>

struct longshore {
    struct longshore_config config;
    struct registry *registry;
    struct list adapters;
    pthread_mutex_t adapters_lock; /* indications look for theirs */
    unsigned adapter_count;        /* ever added: numbers the class keys */
    bool nt_started, ndis_started;
    uint64_t findings_before;
    /* admin.c: the registry file. */
    pthread_mutex_t store_lock;
    uint64_t stored, started; /* registry_changes when last written, and when last started */
};

struct longshore_adapter {
    struct longshore *machine;
    struct list link;
    char name[64], protocol[80];
    char lower[64]; /* of a team: the protocol that its members are bound to */
    uint8_t mac[6];
    struct inf *inf;
    struct nt_driver *driver;
    struct port *tap, *wire;
    struct port_capture *capture;
    struct nic *nic;
    struct nt_device *device;
    struct tcpip *tcpip;
    struct ndis_adapter *ndis;
    struct longshore_adapter *team;                    /* whose member it is, or NULL */
    struct longshore_offload told[LONGSHORE_OFFLOADS]; /* as last indicated: indication.c */
    struct nt_watch *tap_watch, *wire_watch;
    unsigned loop;
};

/* Fills error from why, or from err where nothing is said there; returns err. */
int machine_fail(struct longshore_error *error, const struct why *why, int err);

/* indication.c: tells config.indication what drivers tell the layers above. */
void machine_indications_begin(struct longshore *ls);
void machine_indications_end(struct longshore *ls);

/*
 * admin.c: the registry file. begin reads it and listens for keywords that NDIS changes; store
 * writes it when something has changed since it was last written (and no set is under way, the end
 * of which will call for it again); started marks what starting an
 * adapter left, which alone is no reason to write at the end.
 */
int machine_registry_begin(struct longshore *ls, struct why *why);
int machine_registry_store(struct longshore *ls, struct why *why);
void machine_registry_started(struct longshore *ls);
void machine_registry_end(struct longshore *ls);
