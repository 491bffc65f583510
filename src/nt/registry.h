/* SPDX-License-Identifier: MIT */
/*
 * The machine's registry: a tree of keys with typed values; text form is Windows' .reg (version 5).
 * Names compare without case; UTF-8 in memory, UTF-16 towards drivers. All calls are thread safe; a
 * key pointer stays valid until registry_free.
 */
#pragma once

#include "base/base.h"

struct registry;
struct reg_key;

enum reg_type {
    REG_T_NONE = 0,
    REG_T_SZ = 1,
    REG_T_EXPAND_SZ = 2,
    REG_T_BINARY = 3,
    REG_T_DWORD = 4,
    REG_T_MULTI_SZ = 7,
    REG_T_QWORD = 11
};

/* Where network adapters have their ("software") keys: \0000, \0001, ... below it. */
#define REGISTRY_NETWORK_CLASS                                                                     \
    "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\"                              \
    "{4D36E972-E325-11CE-BFC1-08002BE10318}"

struct registry *registry_new(void);
void registry_free(struct registry *r);

/* Text in and out. load merges; a bad line gives -EINVAL and "FILE:LINE: what" in why, with nothing
 * applied. save writes a new file and renames it over the old one. Files may be UTF-8 or UTF-16LE
 * with a byte order mark. */
int registry_load(struct registry *r, const char *path, struct why *why);
int registry_load_text(struct registry *r, const void *text, size_t bytes, const char *name,
                       struct why *why);
int registry_save(struct registry *r, const char *path, struct why *why);

/* Path with backslashes, from the root: "HKEY_LOCAL_MACHINE\\SYSTEM\\..."; "\\Registry\\Machine\\"
 * is the same place. NULL when absent and not to be created, or no memory. */
struct reg_key *registry_open(struct registry *r, const char *path, bool create);
struct reg_key *reg_key_sub(struct reg_key *k, const char *relative, bool create);
const char *reg_key_name(const struct reg_key *k);
struct reg_key *reg_key_child(struct reg_key *k,
                              unsigned index); /* in order of creation; NULL past the end */

/* A copy of the value's bytes (SZ: UTF-8 with NUL). Returns its size, or -ENOENT; writes at most
 * `size`. */
int reg_get(struct reg_key *k, const char *name, enum reg_type *type, void *buf, size_t size);
int reg_set(struct reg_key *k, const char *name, enum reg_type type, const void *bytes,
            size_t size);
int reg_set_sz(struct reg_key *k, const char *name, const char *text);
int reg_set_dword(struct reg_key *k, const char *name, uint32_t v);
int reg_delete(struct reg_key *k, const char *name);
/* name of the index-th value, in order of creation; NULL past the end. Valid until that value is
 * deleted. */
const char *reg_value_name(struct reg_key *k, unsigned index);

/* Grows with every value that is set to something else or deleted. */
uint64_t registry_changes(struct registry *r);

/* Deletes an empty key: 0, -ENOTEMPTY, -ENOENT when it is deleted already, -EPERM for a root. The
 * pointer stays valid, and every call on it fails as on an absent key. reg_key_path:
 * "HKEY_LOCAL_MACHINE\\..." into buf, cut to size; returns its full length. */
int reg_key_delete(struct reg_key *k);
bool reg_key_deleted(const struct reg_key *k);
size_t reg_key_path(const struct reg_key *k, char *buf, size_t size);

/* The one registry that drivers see (Zw*Key, NdisOpenConfigurationEx). */
void registry_set_system(struct registry *r);
struct registry *registry_system(void);
