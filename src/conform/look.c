/* SPDX-License-Identifier: MIT */
/*
 * The look at a driver before it is tested: its files, what it imports, whether an adapter starts
 * at all. The driver is loaded in a child, as it will be for each check.
 */
#include "conform/rig_int.h"

#include "nt/finding.h"
#include "nt/image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { IMPORTS_MAX = 1024 };

/* Written by the child, read when it is gone. */
struct look {
    int err;
    char why[400];
    char adapter[128];
    bool hardware;
    struct ndis_offload_state offload;
    unsigned import_count;
    struct suite_import imports[IMPORTS_MAX];
};

int suite_find_model(const struct suite_config *config, struct inf **inf, struct inf_model *model,
                     bool *card, struct why *why)
{
    struct why unused = {0};
    int r = inf_load(config->inf, inf, why);

    if (r < 0)
        return r;
    *card = inf_find_model(*inf, NIC_HARDWARE_ID, model, &unused) == 0;
    r = *card ? 0 : inf_find_model(*inf, NULL, model, why);
    if (r == 0 && (!model->service || !model->binary))
        r = why_set(why, -EINVAL, "%s: its model installs no driver service", config->inf);
    return r;
}

int suite_find_image(struct suite_config *config, bool linked, struct why *why)
{
    const char *slash = strrchr(config->inf, '/'), *dot;
    int dir = slash ? (int)(slash - config->inf) + 1 : 0, stem;
    struct inf_model model;
    struct inf *inf = NULL;
    bool card;
    int r = suite_find_model(config, &inf, &model, &card, why);

    if (r == 0) {
        dot = strrchr(model.binary, '.');
        stem = dot ? (int)(dot - model.binary) : (int)strlen(model.binary);
        if (linked)
            snprintf(config->image, sizeof config->image, "%s%.*s%.*s.so", dir ? "" : "./", dir,
                     config->inf, stem, model.binary);
        else
            snprintf(config->image, sizeof config->image, "%.*s%s", dir, config->inf, model.binary);
        config->linked = linked;
        if (access(config->image, R_OK) < 0)
            r = why_set(why, -errno, "%s: %s", config->image, strerror(errno));
    }
    inf_free(inf);
    return r;
}

const char *suite_capture_path(const struct suite_config *config, const struct check *check)
{
    static char path[4200];

    snprintf(path, sizeof path, "%s/%s.pcapng", config->capture, check->id);
    return path;
}

static void list_imports(struct look *look, const struct nt_driver *d)
{
    for (unsigned i = 0; i < nt_driver_import_count(d) && i < IMPORTS_MAX; i++) {
        const struct nt_import *from = nt_driver_import(d, i);
        struct suite_import *to = &look->imports[look->import_count++];

        snprintf(to->name, sizeof to->name, "%s!%s", from->module, from->name);
        to->missing = from->state == NT_IMPORT_MISSING;
        to->calls = from->calls;
    }
}

static struct look *the_look;

static void first_finding(void *arg, const struct finding *f)
{
    (void)arg;
    if (!the_look->why[0])
        snprintf(the_look->why, sizeof the_look->why, "%s %.300s", f->rule, f->text);
}

/* An adapter comes up and goes down once. */
static int look_at(const struct suite_config *config, struct why *why)
{
    struct ndis_adapter_config adapter = {0};
    struct nic_config nic = {.mac = {2, 0, 0, 0, 0, 1}};
    struct registry *registry = registry_new();
    struct nt_device *device = NULL;
    struct ndis_adapter *a;
    struct inf_model model;
    struct port *wire;
    struct nic *card;
    NDIS_STATUS status;
    struct inf *inf;
    int r;

    invariant(registry);
    registry_set_system(registry);
    finding_set_sink(first_finding, NULL);
    r = suite_find_model(config, &inf, &model, &the_look->hardware, why);
    if (r < 0 || (r = nt_fault_install(why)) < 0 || (r = nt_start(1, why)) < 0 ||
        (r = ndis_start(why)) < 0)
        return r;
    snprintf(the_look->adapter, sizeof the_look->adapter, "%s", model.description);
    adapter.key = registry_open(registry, RIG_CLASS_KEY, true);
    if ((r = inf_apply(inf, &model, adapter.key, why)) < 0 ||
        (r = nt_driver_load(config->image, model.service, &adapter.driver, why)) < 0)
        return r;
    if (the_look->hardware &&
        ((r = port_open("cable", &wire, why)) < 0 || (r = nic_new(&nic, wire, &card, why)) < 0 ||
         (r = nt_device_new(nic_pci(card), &device, why)) < 0))
        return r;
    adapter.device = device;
    adapter.name = model.description;
    r = ndis_adapter_new(&adapter, &a, why);
    if (r < 0)
        return r;
    status = ndis_adapter_initialize(a);
    list_imports(the_look, adapter.driver);
    ndis_adapter_offload(a, &the_look->offload);
    if (status != NDIS_STATUS_SUCCESS)
        return why_set(why, -EIO, "%s: the adapter does not start: MiniportInitializeEx %s%s%s",
                       config->image, status_name(status), the_look->why[0] ? ". " : "",
                       the_look->why);
    return 0;
}

__attribute__((noreturn)) static void look_main(const struct suite_config *config)
{
    struct why why = {0};

    the_look->err = look_at(config, &why);
    if (the_look->err < 0)
        snprintf(the_look->why, sizeof the_look->why, "%.390s", why.text);
    _exit(0); /* nothing is taken down: each check will look at that */
}

static int take(struct suite_result *s, int how, struct why *why)
{
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
        return why_set(why, -EIO, "%s: the driver ended its process at start (%s %d). %s",
                       s->config->image, WIFSIGNALED(how) ? "signal" : "exit code",
                       WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how), the_look->why);
    if (the_look->err < 0)
        return why_set(why, the_look->err, "%s", the_look->why);
    memcpy(s->adapter, the_look->adapter, sizeof s->adapter);
    s->hardware = the_look->hardware;
    s->has_offload = the_look->offload.present;
    s->hardware_offload = the_look->offload.hardware;
    s->import_count = the_look->import_count;
    s->imports = calloc(MAX_OF(s->import_count, 1u), sizeof *s->imports);
    invariant(s->imports);
    memcpy(s->imports, the_look->imports, s->import_count * sizeof *s->imports);
    return 0;
}

int suite_look(struct suite_result *s, struct why *why)
{
    pid_t pid;
    int how = 0, r;

    if (access(s->config->image, R_OK) < 0)
        return why_set(why, -errno, "%s: %s", s->config->image, strerror(errno));
    the_look =
        mmap(NULL, sizeof *the_look, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (the_look == MAP_FAILED)
        return why_set(why, -errno, "no memory");
    the_look->err = -EIO;
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        look_main(s->config);
    while (pid > 0 && waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    r = pid < 0 ? why_set(why, -errno, "cannot start a process") : take(s, how, why);
    munmap(the_look, sizeof *the_look);
    return r;
}
