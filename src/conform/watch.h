/* SPDX-License-Identifier: MIT */
/*
 * What NDIS saw of the driver, in order: state moves, status indications, requests (and whether the
 * driver got them), attribute blocks, sends, completions, indications, each with the level it came
 * at. Recorded on whatever thread; read once what was waited for has happened.
 */
#pragma once

#include "ndis/runtime.h"

enum { WATCH_EVENTS = 16384 };

enum watch_kind {
    WATCH_STATE,
    WATCH_STATUS,
    WATCH_OID,
    WATCH_ATTRIBUTES,
    WATCH_SEND,
    WATCH_SEND_COMPLETE,
    WATCH_RECEIVE
};

struct watch_event {
    enum watch_kind kind;
    uint8_t irql;
    enum ndis_adapter_state state; /* the adapter's at that time; STATE: the new one */
    enum ndis_adapter_state from;  /* STATE */
    uint32_t code;      /* STATUS: its code; OID; ATTRIBUTES: type of the block; RECEIVE: flags */
    NDIS_STATUS status; /* OID, ATTRIBUTES */
    NDIS_REQUEST_TYPE request;         /* OID */
    bool reached;                      /* OID: the driver got it */
    NDIS_OBJECT_HEADER header;         /* ATTRIBUTES */
    NDIS_STATUS_INDICATION indication; /* STATUS */
    unsigned nbls;                     /* SEND, SEND_COMPLETE, RECEIVE */
};

/* What stood in the attribute blocks that NDIS accepted. */
struct watch_attributes {
    bool general_set, offload_set;
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES general; /* its pointers are dead */
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES registration;
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES offload; /* pointers only say NULL or not */
    NDIS_OFFLOAD now, hardware;
    NDIS_TCP_CONNECTION_OFFLOAD connection_now, connection_hardware;
    NDIS_OID oids[256];
    unsigned oid_count;
};

void watch_begin(void); /* forgets everything; from now on things are recorded */
/* That adapter, a member of the one under test, is not. At most WATCH_NOT; NULL: all are again. */
enum { WATCH_NOT = 8 };
void watch_not(const struct ndis_adapter *a);
/* Who is shown what the adapters of watch_not do (every member is looked at); NULL: nobody. */
void watch_members(const struct ndis_observer *shown);
/* Who is shown sends, completions, requests and statuses as well (other members are not looked at);
 * NULL: nobody. */
void watch_also(const struct ndis_observer *also);
unsigned watch_count(void);
const struct watch_event *watch_at(unsigned index); /* NULL past the end */
/* Index of the first such event from `at` on, or -1. code is not looked at for sends. */
int watch_find(unsigned at, enum watch_kind kind, uint32_t code);
int watch_find_state(unsigned at, enum ndis_adapter_state to);
const struct watch_attributes *watch_attributes(void);
/* Somebody asked for that value of the configuration, and whether it was there or not. */
bool watch_read_keyword(const char *name);
/* The driver names the OID as one that it handles. */
bool watch_lists_oid(NDIS_OID oid);
