/* SPDX-License-Identifier: MIT */
/*
 * The tree of keys and values. One lock per registry. Keys are never freed before the registry is:
 * a deleted one leaves the tree and waits on a list, as handles may still name it.
 */
#include "nt/reg_int.h"
#include "nt/utf.h"

#include <pthread.h>
#include <strings.h>

struct registry {
    pthread_mutex_t lock;
    struct reg_key root; /* its children are the hives: HKEY_LOCAL_MACHINE, ... */
    struct reg_key *deleted;
    uint64_t changes;
};

static struct registry *system_registry;

static const struct {
    const char *alias, *hive;
} aliases[] = {
    {"\\Registry\\Machine", "HKEY_LOCAL_MACHINE"},
    {"\\Registry\\User", "HKEY_USERS"},
    {"HKLM", "HKEY_LOCAL_MACHINE"},
    {"HKU", "HKEY_USERS"},
    {"HKCR", "HKEY_CLASSES_ROOT"},
    {"HKCU", "HKEY_CURRENT_USER"},
};

void registry_lock(struct registry *r)
{
    pthread_mutex_lock(&r->lock);
}

void registry_unlock(struct registry *r)
{
    pthread_mutex_unlock(&r->lock);
}

uint64_t registry_changes(struct registry *r)
{
    uint64_t n;

    registry_lock(r);
    n = r->changes;
    registry_unlock(r);
    return n;
}

struct reg_key *registry_root(struct registry *r)
{
    return &r->root;
}

struct registry *registry_new(void)
{
    struct registry *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    pthread_mutex_init(&r->lock, NULL);
    r->root.registry = r;
    r->root.name = (char *)"";
    return r;
}

static void value_free(struct reg_value *v)
{
    free(v->name);
    free(v->bytes);
    free(v);
}

static void key_clear(struct reg_key *k)
{
    for (unsigned i = 0; i < k->value_count; i++)
        value_free(k->values[i]);
    free(k->values);
    free(k->children);
    k->values = NULL;
    k->children = NULL;
    k->value_count = k->child_count = 0;
}

/* Depth first without recursion: down to a leaf, which goes, then its parent again. */
static void keys_free(struct reg_key *top)
{
    struct reg_key *k = top;

    for (;;) {
        struct reg_key *parent = k->parent;

        if (k->child_count != 0) {
            k = k->children[--k->child_count];
            continue;
        }
        key_clear(k);
        if (k == top)
            return;
        free(k->name);
        free(k);
        k = parent;
    }
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    if (__atomic_load_n(&system_registry, __ATOMIC_ACQUIRE) == r)
        registry_set_system(NULL);
    keys_free(&r->root);
    while (r->deleted) {
        struct reg_key *k = r->deleted;

        r->deleted = k->next_deleted;
        key_clear(k);
        free(k->name);
        free(k);
    }
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void registry_set_system(struct registry *r)
{
    __atomic_store_n(&system_registry, r, __ATOMIC_RELEASE);
}

struct registry *registry_system(void)
{
    return __atomic_load_n(&system_registry, __ATOMIC_ACQUIRE);
}

/* Room for one more pointer; grows at powers of two. */
static bool vector_grow(void **vector, unsigned count)
{
    void *bigger;

    if (count != 0 && (count & (count - 1)) != 0)
        return true;
    bigger = realloc(*vector, (count ? (size_t)count * 2 : 1) * sizeof(void *));
    if (!bigger)
        return false;
    *vector = bigger;
    return true;
}

static struct reg_key *child_find(const struct reg_key *k, const char *name)
{
    for (unsigned i = 0; i < k->child_count; i++)
        if (utf8_compare_nocase(k->children[i]->name, name) == 0)
            return k->children[i];
    return NULL;
}

static struct reg_key *child_new(struct reg_key *k, const char *name)
{
    struct reg_key *child = calloc(1, sizeof *child);
    void *children = k->children;

    if (!child)
        return NULL;
    child->registry = k->registry;
    child->parent = k;
    child->name = strdup(name);
    if (!child->name || !vector_grow(&children, k->child_count)) {
        free(child->name);
        free(child);
        return NULL;
    }
    k->children = children;
    k->children[k->child_count++] = child;
    return child;
}

/* Next component of a path into name; NULL when there is none or it is too long. */
static const char *component(const char *path, char *name, size_t size, bool *ok)
{
    size_t length = strcspn(path, "\\");

    *ok = length < size;
    if (!*ok)
        return path;
    memcpy(name, path, length);
    name[length] = '\0';
    path += length;
    return path + strspn(path, "\\");
}

static struct reg_key *walk(struct reg_key *k, const char *path, bool create)
{
    char name[REG_NAME_MAX * 3 + 1];
    unsigned depth = 0;
    bool ok;

    path += strspn(path, "\\");
    while (*path && k && !k->deleted) {
        struct reg_key *next;

        path = component(path, name, sizeof name, &ok);
        if (!ok || ++depth > REG_DEPTH_MAX)
            return NULL;
        next = child_find(k, name);
        if (!next && create)
            next = child_new(k, name);
        k = next;
    }
    return k && !k->deleted ? k : NULL;
}

/* The hive that a path starts with by another name, and the rest. */
static const char *resolve_alias(const char *path, const char **rest)
{
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        size_t n = strlen(aliases[i].alias);

        if (strncasecmp(path, aliases[i].alias, n) == 0 && (path[n] == '\\' || path[n] == '\0')) {
            *rest = path + n;
            return aliases[i].hive;
        }
    }
    return NULL;
}

struct reg_key *registry_open(struct registry *r, const char *path, bool create)
{
    const char *rest = path;
    const char *hive = resolve_alias(path, &rest);
    struct reg_key *k;

    registry_lock(r);
    k = hive ? walk(&r->root, hive, create) : &r->root;
    if (k)
        k = walk(k, rest, create);
    registry_unlock(r);
    return k;
}

struct reg_key *reg_key_sub(struct reg_key *k, const char *relative, bool create)
{
    struct reg_key *sub;

    registry_lock(k->registry);
    sub = walk(k, relative, create);
    registry_unlock(k->registry);
    return sub;
}

const char *reg_key_name(const struct reg_key *k)
{
    return k->name;
}

struct reg_key *reg_key_child(struct reg_key *k, unsigned index)
{
    struct reg_key *child;

    registry_lock(k->registry);
    child = index < k->child_count ? k->children[index] : NULL;
    registry_unlock(k->registry);
    return child;
}

size_t reg_key_path(const struct reg_key *k, char *buf, size_t size)
{
    const struct reg_key *up;
    size_t length = 0, at;

    for (up = k; up->parent; up = up->parent)
        length += strlen(up->name) + (up->parent->parent ? 1 : 0);
    at = length;
    for (up = k; up->parent; up = up->parent) {
        size_t n = strlen(up->name);

        for (size_t i = n; i-- > 0;)
            if (--at < size)
                buf[at] = up->name[i];
        if (up->parent->parent && --at < size)
            buf[at] = '\\';
    }
    if (size)
        buf[MIN_OF(length, size - 1)] = '\0';
    return length;
}

bool reg_key_deleted(const struct reg_key *k)
{
    return k->deleted;
}

int reg_key_delete(struct reg_key *k)
{
    struct registry *r = k->registry;
    int err = 0;

    registry_lock(r);
    if (k->deleted)
        err = -ENOENT;
    else if (!k->parent || !k->parent->parent)
        err = -EPERM;
    else if (k->child_count != 0)
        err = -ENOTEMPTY;
    if (!err) {
        struct reg_key *parent = k->parent;
        unsigned i = 0;

        while (parent->children[i] != k)
            i++;
        memmove(&parent->children[i], &parent->children[i + 1],
                (parent->child_count - i - 1) * sizeof(void *));
        parent->child_count--;
        key_clear(k);
        k->deleted = true;
        k->next_deleted = r->deleted;
        r->deleted = k;
    }
    registry_unlock(r);
    return err;
}

static struct reg_value *value_find(const struct reg_key *k, const char *name, unsigned *index)
{
    for (unsigned i = 0; i < k->value_count; i++) {
        if (utf8_compare_nocase(k->values[i]->name, name) == 0) {
            if (index)
                *index = i;
            return k->values[i];
        }
    }
    return NULL;
}

int reg_get(struct reg_key *k, const char *name, enum reg_type *type, void *buf, size_t size)
{
    const struct reg_value *v;
    int result = -ENOENT;

    registry_lock(k->registry);
    v = value_find(k, name, NULL);
    if (v) {
        if (type)
            *type = v->type;
        if (buf && MIN_OF(size, v->size) != 0)
            memcpy(buf, v->bytes, MIN_OF(size, v->size));
        result = (int)v->size;
    }
    registry_unlock(k->registry);
    return result;
}

static bool is_text(enum reg_type type)
{
    return type == REG_T_SZ || type == REG_T_EXPAND_SZ || type == REG_T_MULTI_SZ;
}

/* Text always ends: SZ in a NUL, MULTI_SZ in an empty string. */
static void *copy_bytes(enum reg_type type, const void *bytes, size_t size, uint32_t *out_size)
{
    size_t ends = !is_text(type) ? 0 : type == REG_T_MULTI_SZ && size > 1 ? 2 : 1;
    char *copy = calloc(1, size + 3);

    if (!copy)
        return NULL;
    if (size)
        memcpy(copy, bytes, size);
    while (ends != 0 && (size < ends || memcmp(copy + size - ends, "\0\0", ends) != 0))
        size++;
    *out_size = (uint32_t)size;
    return copy;
}

static struct reg_value *value_new(struct reg_key *k, const char *name)
{
    struct reg_value *v = calloc(1, sizeof *v);
    void *values = k->values;

    if (!v)
        return NULL;
    v->name = strdup(name);
    if (!v->name || !vector_grow(&values, k->value_count)) {
        value_free(v);
        return NULL;
    }
    k->values = values;
    k->values[k->value_count++] = v;
    return v;
}

int reg_set(struct reg_key *k, const char *name, enum reg_type type, const void *bytes, size_t size)
{
    struct reg_value *v;
    uint32_t new_size = 0;
    void *copy;
    int err = 0;

    if (size > REG_DATA_MAX || strlen(name) > REG_VALUE_NAME_MAX)
        return -EMSGSIZE;
    copy = copy_bytes(type, bytes, size, &new_size);
    if (!copy)
        return -ENOMEM;
    registry_lock(k->registry);
    v = value_find(k, name, NULL);
    if (k->deleted)
        err = -ENOENT;
    else if (!v && !(v = value_new(k, name)))
        err = -ENOMEM;
    if (!err) {
        void *old = v->bytes;

        k->registry->changes +=
            !old || v->type != type || v->size != new_size || memcmp(old, copy, new_size) != 0;
        v->bytes = copy;
        v->size = new_size;
        v->type = type;
        copy = old;
    }
    registry_unlock(k->registry);
    free(copy);
    return err;
}

int reg_set_sz(struct reg_key *k, const char *name, const char *text)
{
    return reg_set(k, name, REG_T_SZ, text, strlen(text) + 1);
}

int reg_set_dword(struct reg_key *k, const char *name, uint32_t v)
{
    return reg_set(k, name, REG_T_DWORD, &v, sizeof v);
}

int reg_delete(struct reg_key *k, const char *name)
{
    struct reg_value *v;
    unsigned i = 0;

    registry_lock(k->registry);
    v = value_find(k, name, &i);
    if (v) {
        memmove(&k->values[i], &k->values[i + 1], (k->value_count - i - 1) * sizeof(void *));
        k->value_count--;
        k->registry->changes++;
        value_free(v);
    }
    registry_unlock(k->registry);
    return v ? 0 : -ENOENT;
}

const char *reg_value_name(struct reg_key *k, unsigned index)
{
    const char *name;

    registry_lock(k->registry);
    name = index < k->value_count ? k->values[index]->name : NULL;
    registry_unlock(k->registry);
    return name;
}
