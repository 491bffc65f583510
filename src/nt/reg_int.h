/* SPDX-License-Identifier: MIT */
/* What the text form (regtext.c) and the driver calls (zw_key.c) need of the tree, besides
 * registry.h. */
#pragma once

#include "nt/registry.h"

enum {
    REG_NAME_MAX = 255,
    REG_VALUE_NAME_MAX = 16383,
    REG_DATA_MAX = 1 << 20,
    REG_DEPTH_MAX = 512
};

/* Locks for a reader that walks several keys. Not recursive: inside, only the calls named *_locked.
 */
void registry_lock(struct registry *r);
void registry_unlock(struct registry *r);

struct reg_value {
    char *name;
    void *bytes;
    uint32_t size;
    enum reg_type type;
};

struct reg_key {
    struct registry *registry;
    struct reg_key *parent;
    char *name;
    struct reg_key **children;
    struct reg_value **values;
    unsigned child_count, value_count;
    bool deleted;
    struct reg_key *next_deleted;
};

struct reg_key *registry_root(struct registry *r);
