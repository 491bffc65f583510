/* SPDX-License-Identifier: MIT */
/* Loaded drivers: image or shared object, DRIVER_OBJECT, registry path, entry and unload. */
#include "nt/driver.h"
#include "nt/image.h"
#include "nt/io_int.h"
#include "nt/registry.h"
#include "nt/utf.h"
#include "nt/worker.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SERVICES_KEY "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\"
#define HARDWARE_KEY "\\REGISTRY\\MACHINE\\HARDWARE\\DESCRIPTION\\SYSTEM"

enum { SERVICE_NAME_MAX = 80, DRIVER_OBJECT_TYPE = 4 };

struct nt_driver {
    DRIVER_OBJECT object;
    DRIVER_EXTENSION extension;
    UNICODE_STRING hardware;
    char service[SERVICE_NAME_MAX + 1];
    struct nt_owner *owner;
    struct nt_image *image; /* .sys */
    void *library;          /* .so */
    void *ndis;
    struct nt_driver *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct nt_driver *drivers;

/* prefix + name in UTF-16 with terminator, allocated. */
static bool wide_string(UNICODE_STRING *out, const char *prefix, const char *name)
{
    char text[sizeof SERVICES_KEY + SERVICE_NAME_MAX + 1];
    size_t units;
    uint16_t *wide;

    snprintf(text, sizeof text, "%s%s", prefix, name);
    units = utf16_from_utf8(NULL, 0, text, strlen(text));
    wide = calloc(units + 1, sizeof *wide);
    if (!wide)
        return false;
    utf16_from_utf8(wide, units, text, strlen(text));
    out->Buffer = (PWCH)wide;
    out->Length = (USHORT)(units * 2);
    out->MaximumLength = (USHORT)(units * 2 + 2);
    return true;
}

static void driver_free(struct nt_driver *d)
{
    if (!d)
        return;
    nt_io_driver_fini(&d->object);
    nt_owner_free(d->owner);
    nt_image_free(d->image);
    if (d->library)
        dlclose(d->library);
    free(d->object.DriverName.Buffer);
    free(d->extension.ServiceKeyName.Buffer);
    free(d->hardware.Buffer);
    free(d);
}

/* What stands under Services for a driver that the system starts on demand. */
static bool make_service_key(const struct nt_driver *d, const char *path)
{
    enum { KERNEL_DRIVER = 1, DEMAND_START = 3, ERROR_NORMAL = 1 };
    struct registry *r = registry_system();
    char key[sizeof SERVICES_KEY + SERVICE_NAME_MAX];
    struct reg_key *k;

    if (!r)
        return true;
    snprintf(key, sizeof key, "%s%s", SERVICES_KEY, d->service);
    k = registry_open(r, key, true);
    if (!k || reg_set_dword(k, "Type", KERNEL_DRIVER) < 0)
        return false;
    if (reg_get(k, "Start", NULL, NULL, 0) < 0 && reg_set_dword(k, "Start", DEMAND_START) < 0)
        return false;
    if (reg_set_dword(k, "ErrorControl", ERROR_NORMAL) < 0)
        return false;
    return !path || reg_set(k, "ImagePath", REG_T_EXPAND_SZ, path, strlen(path) + 1) == 0;
}

static int driver_new(const char *path, const char *service, struct nt_driver **out,
                      struct why *why)
{
    struct nt_driver *d;

    if (!*service || strlen(service) > SERVICE_NAME_MAX || strchr(service, '\\'))
        return why_set(why, -EINVAL, "%s: not a service name", service);
    d = calloc(1, sizeof *d);
    if (!d)
        goto fail;
    snprintf(d->service, sizeof d->service, "%s", service);
    d->owner = nt_owner_new(service);
    if (!d->owner || !wide_string(&d->object.DriverName, "\\Driver\\", service) ||
        !wide_string(&d->extension.ServiceKeyName, "", service) ||
        !wide_string(&d->hardware, HARDWARE_KEY, "") || !make_service_key(d, path))
        goto fail;
    d->object.Type = DRIVER_OBJECT_TYPE;
    d->object.Size = sizeof d->object;
    d->object.DriverExtension = &d->extension;
    d->object.HardwareDatabase = &d->hardware;
    d->extension.DriverObject = &d->object;
    nt_io_driver_init(&d->object);
    *out = d;
    return 0;
fail:
    driver_free(d);
    return why_set(why, -ENOMEM, "%s: no memory", service);
}

static void enlist(struct nt_driver *d)
{
    pthread_mutex_lock(&lock);
    d->next = drivers;
    drivers = d;
    pthread_mutex_unlock(&lock);
}

static void delist(const struct nt_driver *d)
{
    pthread_mutex_lock(&lock);
    for (struct nt_driver **at = &drivers; *at; at = &(*at)->next) {
        if (*at == d) {
            *at = d->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

/* The registry path is gone after DriverEntry, as on Windows: a driver that wants it later copies
 * it. */
static int call_entry(struct nt_driver *d, DRIVER_INITIALIZE *entry, struct why *why)
{
    UNICODE_STRING path;
    struct nt_owner *previous;
    NTSTATUS status;

    if (!wide_string(&path, SERVICES_KEY, d->service))
        return why_set(why, -ENOMEM, "%s: no memory", d->service);
    d->object.DriverInit = entry;
    enlist(d);
    previous = nt_owner_enter(d->owner);
    status = entry(&d->object, &path);
    nt_passive_check("DriverEntry");
    nt_owner_leave(previous);
    memset(path.Buffer, 0xdd, path.MaximumLength);
    free(path.Buffer);
    if (NT_SUCCESS(status))
        return 0;
    delist(d);
    nt_ledger_report(d->owner, "GEN-10");
    return why_set(why, -ECANCELED, "%s: DriverEntry failed with status 0x%08x", d->service,
                   (unsigned)status);
}

/* A shared object that is loaded already is loaded once more from a copy in memory: a second driver
 * has its own variables. */
static void *open_copy(const char *path)
{
    cleanup_close int from = open(path, O_RDONLY | O_CLOEXEC);
    cleanup_close int to = memfd_create("driver", MFD_CLOEXEC);
    char name[64], buf[65536];
    ssize_t n;

    if (from < 0 || to < 0)
        return NULL;
    while ((n = read(from, buf, sizeof buf)) > 0)
        if (write(to, buf, (size_t)n) != n)
            return NULL;
    snprintf(name, sizeof name, "/proc/self/fd/%d", to);
    return n == 0 ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
}

static int load_library(struct nt_driver *d, const char *path, DRIVER_INITIALIZE **entry,
                        struct why *why)
{
    cleanup_free char *real = realpath(path, NULL);
    const char *error;
    void *loaded;
    union {
        void *object;
        DRIVER_INITIALIZE *function;
    } symbol;

    if (!real)
        return why_set(why, -errno, "%s: %s", path, strerror(errno));
    loaded = dlopen(real, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (loaded)
        dlclose(loaded);
    d->library = loaded ? open_copy(real) : dlopen(real, RTLD_NOW | RTLD_LOCAL);
    if (!d->library) {
        error = dlerror();
        return why_set(why, -ENOEXEC, "%s: %s", path, error ? error : strerror(errno));
    }
    symbol.object = dlsym(d->library, "DriverEntry");
    if (!symbol.object)
        return why_set(why, -ENOEXEC, "%s: exports no DriverEntry", path);
    *entry = symbol.function;
    return 0;
}

static int load_image(struct nt_driver *d, const char *path, DRIVER_INITIALIZE **entry,
                      struct why *why)
{
    union {
        void *object;
        DRIVER_INITIALIZE *function;
    } symbol;
    int err = nt_fault_install(why);

    if (!err)
        err = nt_image_load(path, &d->image, why);
    if (err)
        return err;
    symbol.object = nt_image_entry(d->image);
    *entry = symbol.function;
    d->object.DriverStart = (PVOID)nt_image_base(d->image);
    d->object.DriverSize = (ULONG)nt_image_size(d->image);
    return 0;
}

/* By content, not by name: an ELF file is a shared object, all else is for the image loader to
 * judge. */
static int is_elf(const char *path, bool *elf, struct why *why)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char magic[4] = {0};
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return why_set(why, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return why_set(why, -ENOEXEC, "%s: not a regular file", path);
    *elf = read(fd, magic, sizeof magic) == sizeof magic && memcmp(magic, ELFMAG, SELFMAG) == 0;
    return 0;
}

int nt_driver_load(const char *path, const char *service, struct nt_driver **out, struct why *why)
{
    DRIVER_INITIALIZE *entry = NULL;
    struct nt_driver *d;
    bool elf = false;
    int err = is_elf(path, &elf, why);

    if (err)
        return err;
    err = driver_new(path, service, &d, why);
    if (err)
        return err;
    err = elf ? load_library(d, path, &entry, why) : load_image(d, path, &entry, why);
    if (!err)
        err = call_entry(d, entry, why);
    if (err) {
        driver_free(d);
        return err;
    }
    *out = d;
    return 0;
}

int nt_driver_load_entry(DRIVER_INITIALIZE *entry, const char *service, struct nt_driver **out,
                         struct why *why)
{
    struct nt_driver *d;
    int err = driver_new(NULL, service, &d, why);

    if (err)
        return err;
    err = call_entry(d, entry, why);
    if (err) {
        driver_free(d);
        return err;
    }
    *out = d;
    return 0;
}

uint64_t nt_driver_unload(struct nt_driver *d)
{
    uint64_t left;

    if (!d)
        return 0;
    if (d->object.DriverUnload) {
        struct nt_owner *previous = nt_owner_enter(d->owner);

        d->object.DriverUnload(&d->object);
        nt_passive_check("DriverUnload");
        nt_owner_leave(previous);
    }
    delist(d);
    left = nt_ledger_report(d->owner, "GEN-10");
    driver_free(d);
    return left;
}

DRIVER_OBJECT *nt_driver_object(struct nt_driver *d)
{
    return &d->object;
}

struct nt_driver *nt_driver_from_object(const DRIVER_OBJECT *o)
{
    struct nt_driver *d;

    pthread_mutex_lock(&lock);
    for (d = drivers; d && &d->object != o; d = d->next)
        ;
    pthread_mutex_unlock(&lock);
    return d;
}

struct nt_owner *nt_driver_owner(const struct nt_driver *d)
{
    return d->owner;
}

void nt_driver_set_ndis(struct nt_driver *d, void *state)
{
    d->ndis = state;
}

void *nt_driver_ndis(const struct nt_driver *d)
{
    return d->ndis;
}

unsigned nt_driver_import_count(const struct nt_driver *d)
{
    return d->image ? nt_image_import_count(d->image) : 0;
}

const struct nt_import *nt_driver_import(const struct nt_driver *d, unsigned index)
{
    return d->image ? nt_image_import(d->image, index) : NULL;
}
