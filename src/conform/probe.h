/* SPDX-License-Identifier: MIT */
/*
 * A miniport of the suite's own, for rows that say what NDIS does: it does as it is told, right or
 * wrong, and NDIS is watched. No hardware; sends are completed at once. It stands beside the driver
 * under test (loaded, perhaps running) in the same machine, with a protocol of its own.
 *
 *   struct probe *p = probe_prepare(r);       everything as it should be
 *   p->general = false;                       but without general attributes
 *   status = probe_initialize(p);             MiniportInitializeEx has run
 *   probe_bind(p);                            restarted, and the protocol bound
 *   status = protocol_set(&p->protocol, oid, &buffer, sizeof buffer);
 *   probe_down(p);                            and it can be prepared again
 *
 * What the runtime finds wrong with the probe is counted, not reported: that is as intended. The
 * probe offers task offload, and connection offload when `connection` is set.
 */
#pragma once

#include "conform/rig.h"

enum { PROBE_OIDS = 64, PROBE_BLOCKS = 8 };

struct probe {
    struct rig *rig;
    /* To be changed between prepare and initialize. */
    UCHAR minor;                                     /* NDIS 6.minor */
    bool registration, general, offload, connection; /* blocks and parts that it sets */
    NDIS_OFFLOAD now, hardware;
    NDIS_TCP_CONNECTION_OFFLOAD connection_now, connection_hardware;
    void (*in_initialize)(struct probe *p); /* after the blocks */
    NDIS_STATUS initialize_status;
    NDIS_STATUS refuse; /* what the connection sets end in; 0: they are accepted */
    /* What happened. */
    NDIS_STATUS block_status[PROBE_BLOCKS]; /* of each NdisMSetMiniportAttributes */
    unsigned blocks, halts, findings;
    NDIS_OID seen[PROBE_OIDS]; /* requests that it got */
    unsigned oids;
    bool ipv4, ipv6;                          /* connection offload is on */
    unsigned enables;                         /* how often it was switched */
    NDIS_OFFLOAD_ENCAPSULATION encapsulation; /* last accepted */
    struct rig_protocol protocol;
    /* Its own. */
    NDIS_HANDLE handle, driver_handle;
    struct nt_driver *driver;
    struct reg_key *key;
    struct ndis_adapter *adapter;
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS characteristics;
};

/* Brings the rig up to a prepared one if it is not. One at a time. */
struct probe *probe_prepare(struct rig *r);
/* Loads the driver and initializes its adapter; the outcome is NDIS's. */
NDIS_STATUS probe_initialize(struct probe *p);
/* Restarts it and binds the protocol; whether there is a binding then. */
bool probe_bind(struct probe *p);
void probe_down(struct probe *p);
/* The one that is up, for faulty twins; NULL. */
struct probe *probe_current(void);
/* Ends what a check left up. */
void probe_close(void);

/* From MiniportInitializeEx: NdisMSetMiniportAttributes, its status kept. */
NDIS_STATUS probe_set(struct probe *p, void *block);
NDIS_STATUS probe_set_registration(struct probe *p);
NDIS_STATUS probe_set_general(struct probe *p);
NDIS_STATUS probe_set_offload(struct probe *p);
void probe_indicate(struct probe *p, NDIS_STATUS code, void *buffer, ULONG bytes);
/* A view with a few things on, for the version that the probe registers with. */
NDIS_OFFLOAD probe_view(const struct probe *p);
NDIS_TCP_CONNECTION_OFFLOAD probe_connection_view(ULONG encapsulation, bool ipv4, bool ipv6);
/* How often it got that request. */
unsigned probe_got(const struct probe *p, NDIS_OID oid);
/* How often its protocol was told that. */
unsigned probe_told(const struct probe *p, NDIS_STATUS code);
