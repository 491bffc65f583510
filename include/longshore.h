/* SPDX-License-Identifier: MIT */
/*
 * Longshore: NDIS 6 miniport drivers in a Linux process. The one public interface of the library.
 *
 * A machine is one simulated Windows box; there is at most one in a process. An adapter is a
 * miniport driver (from its .inf) on a simulated virtio network card: frames of the Linux stack
 * enter by a TAP, pass protocol, NDIS, driver and card, and leave on a wire.
 *
 * Calls block until what they ask for is done, and are made by ordinary threads, one at a time for
 * one adapter. Functions that can fail return 0 or a negative errno and write one line of
 * explanation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LONGSHORE_VERSION "0.1.0"

struct longshore;
struct longshore_adapter;

struct longshore_error {
    char text[512];
};

/* A rule that a driver broke. May come on any thread, one at a time; must not call back. */
struct longshore_finding {
    const char *rule;    /* requirement id, or NT-… */
    const char *subject; /* driver or adapter */
    const char *text;
};
typedef void (*longshore_finding_fn)(void *arg, const struct longshore_finding *f);

/* What a driver told the layers above about an adapter: its link, or offload that changed. Comes
 * while the driver waits, on any thread; must not call back. */
struct longshore_indication {
    const char *adapter; /* its name */
    const char *what;    /* "link", "hardware", "current", "encapsulation" */
    const char *text;    /* "up"; "LsoV2IPv4 on -> -, ..."; "no change" */
};
typedef void (*longshore_indication_fn)(void *arg, const struct longshore_indication *i);

struct longshore_config {
    unsigned processors;          /* event loops; 0 means 1 */
    const char *registry;         /* .reg file, read at start and written when NDIS changes it;
                                     NULL: an empty registry */
    longshore_finding_fn finding; /* NULL: findings go to stderr */
    longshore_indication_fn indication; /* NULL: nobody is told */
    void *arg;
};

int longshore_new(const struct longshore_config *config, struct longshore **out,
                  struct longshore_error *error);
/* Stops and frees every adapter first. */
void longshore_free(struct longshore *ls);
uint64_t longshore_findings(const struct longshore *ls);

enum longshore_build { LONGSHORE_SYS, LONGSHORE_LINKED };

/*
 * With a wire and a TAP: a card between them. A team is made of several: the team itself is an
 * adapter with a TAP and without a wire, its driver an intermediate one; each member is an adapter
 * with a wire and member_of. The team runs from its first member to its last; members come and go
 * at any time. One team in a machine.
 */
struct longshore_adapter_config {
    const char *inf;            /* the driver's .inf; its binary stands beside it */
    enum longshore_build build; /* the .sys that the .inf names, or the .so of the same name */
    const char *name;           /* NULL: the .inf's description */
    struct longshore_adapter *member_of; /* NULL: stands alone, or is a team */
    const char *const *keywords; /* pairs of registry value and string; NULL ends. Or NULL */
    const char *tap;             /* name of the TAP, made when absent; not of a member */
    bool tap_napi;               /* let the kernel merge what arrives (IFF_NAPI) */
    const char *wire;            /* KIND:NAME; see longshore(1); NULL: a team */
    int tap_netns,
        wire_netns; /* network namespaces to open TAP and wire in; negative: the current one */
    const char
        *withhold; /* features that the card does not offer, by name, comma separated; NULL: none */
    const char *capture; /* pcapng file of what crosses the wire; NULL: none */
    uint8_t mac[6];      /* all zero: one made from the name */
    uint16_t mtu;        /* 0: 1500 */
};

/* Loads the driver, plugs the card, initializes, restarts and binds. On return frames flow: through
 * a team, once it has a member. */
int longshore_adapter_new(struct longshore *ls, const struct longshore_adapter_config *config,
                          struct longshore_adapter **out, struct longshore_error *error);
/* Unbinds, pauses, halts, unloads. Returns what the driver failed to give back (each kind is also a
 * finding). */
uint64_t longshore_adapter_free(struct longshore_adapter *a);

const char *longshore_adapter_name(const struct longshore_adapter *a);
const uint8_t *longshore_adapter_mac(const struct longshore_adapter *a);

/* The members of a team, in the order in which they were added; NULL past the end. */
struct longshore_adapter *longshore_adapter_member(const struct longshore_adapter *team,
                                                   unsigned index);

struct longshore_adapter_status {
    const char *state; /* NDIS's: "Running", "Paused", "Halted"... */
    bool link_up;      /* as the driver last said */
    bool team;
};
void longshore_adapter_status(const struct longshore_adapter *a,
                              struct longshore_adapter_status *out);

/*
 * State operations on a live adapter. -EIO: its state does not allow it, or the driver failed.
 * link: the cable is plugged in or pulled out, at both ends (of a TAP: its carrier).
 * surprise_remove: the card is pulled out of the running machine; after that the adapter can only
 * be freed. A team has neither: -EOPNOTSUPP.
 */
int longshore_adapter_pause(struct longshore_adapter *a);
int longshore_adapter_restart(struct longshore_adapter *a);
int longshore_adapter_reset(struct longshore_adapter *a);
int longshore_adapter_link(struct longshore_adapter *a, bool up);
int longshore_adapter_surprise_remove(struct longshore_adapter *a);

/*
 * Sets offloads through OID_TCP_OFFLOAD_PARAMETERS, as an administrator does, all in one request:
 * either all hold afterwards, or nothing has changed. keyword: standardized keyword in any case,
 * with or without the asterisk ("LsoV2IPv4"). value: "on", "off", for checksums also "tx", "rx",
 * or the keyword's number in the registry. -EINVAL names what is possible; -EIO: the adapter
 * refused. 0 with a text in error: it is set, but could not be stored in the registry file.
 */
struct longshore_setting {
    const char *keyword, *value;
};
int longshore_adapter_set_all(struct longshore_adapter *a, const struct longshore_setting *settings,
                              unsigned count, struct longshore_error *error);
int longshore_adapter_set(struct longshore_adapter *a, const char *keyword, const char *value,
                          struct longshore_error *error);

/* A member of the offload structures: what the hardware can do, and what is switched on.
 * Feature members are 0 or 1; Encapsulation members are LONGSHORE_ENCAPSULATION_... */
struct longshore_member {
    const char *part;   /* "Checksum.IPv4Transmit"; members of one part stand together */
    const char *member; /* "TcpChecksum" */
    uint32_t hardware, current;
};
enum {
    LONGSHORE_ENCAPSULATION_NULL = 0x1,
    LONGSHORE_ENCAPSULATION_802_3 = 0x2,
    LONGSHORE_ENCAPSULATION_802_3_TAG = 0x4,     /* the tag stands in the frame */
    LONGSHORE_ENCAPSULATION_802_3_TAG_OOB = 0x8, /* the tag travels beside it */
    LONGSHORE_ENCAPSULATION_LLC_SNAP = 0x10,
    LONGSHORE_MEMBERS = 80
};
/* Fills members (LONGSHORE_MEMBERS of them); returns how many, 0 for an adapter without task
 * offload. */
unsigned longshore_adapter_members(const struct longshore_adapter *a,
                                   struct longshore_member *members);

/* The documented WMI GUIDs. kind: "query", "set" or "event". page_name may be NULL. */
struct longshore_wmi {
    char guid[40];
    const char *name, *page_name, *kind;
};
/* False past the end. */
bool longshore_wmi_at(unsigned index, struct longshore_wmi *out);
/* By GUID (with or without braces) or by either name, in any case. */
bool longshore_wmi_find(const char *text, struct longshore_wmi *out);
/* A query calls fn for each member of the answer; an event says how often it "Fired". -EINVAL:
 * no such GUID, or one to be set; -EIO: NDIS refused. */
typedef void (*longshore_member_fn)(void *arg, const char *part, const char *member,
                                    uint32_t value);
int longshore_adapter_wmi_query(struct longshore_adapter *a, const char *guid,
                                longshore_member_fn fn, void *arg, struct longshore_error *error);
/* keyword: member of NDIS_OFFLOAD_PARAMETERS; value: its number. As longshore_adapter_set_all, but
 * only names and ranges of numbers are checked here: the rest is left to the adapter. */
int longshore_adapter_wmi_set(struct longshore_adapter *a, const char *guid,
                              const struct longshore_setting *settings, unsigned count,
                              struct longshore_error *error);

/* The offloads of an adapter, a row each. hardware and current: "-", "on", "tx", "rx", "tx rx",
 * with sizes for large sends. */
struct longshore_offload {
    const char *keyword;
    char hardware[40], current[40];
};
enum { LONGSHORE_OFFLOADS = 8 };
/* Fills rows (LONGSHORE_OFFLOADS of them); returns how many. */
unsigned longshore_adapter_offloads(const struct longshore_adapter *a,
                                    struct longshore_offload *rows);

/* Every counter of the path. room: "tcpip", "ndis", "nic", "tap", "wire". */
typedef void (*longshore_counter_fn)(void *arg, const char *room, const char *name, uint64_t value);
void longshore_adapter_counters(const struct longshore_adapter *a, longshore_counter_fn fn,
                                void *arg);
/* One of them; 0 for a name that does not exist. */
uint64_t longshore_adapter_counter(const struct longshore_adapter *a, const char *room,
                                   const char *name);

/* Names that `withhold` takes, comma separated. */
const char *longshore_nic_features(void);

#ifdef __cplusplus
}
#endif
