/* SPDX-License-Identifier: MIT */
/*
 * The look at a driver before it is tested: its files, what it imports, whether an adapter starts
 * at all. The driver is loaded in a child, as it will be for each check.
 */
#include "conform/rig_int.h"

#include "nt/finding.h"
#include "nt/image.h"

#include <fcntl.h>
#include <poll.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { IMPORTS_MAX = 1024 };

/* Written by the child, read when it is gone. */
struct look {
    int err;
    char why[400], finding[400]; /* finding: the first */
    const char *stage;           /* what runs */
    char adapter[128];
    bool hardware;
    struct ndis_offload_state offload;
    unsigned import_count;
    struct suite_import imports[IMPORTS_MAX];
};

/* Its enumerator is a bus. Devices of software are enumerated by their root, by SWD, or have an id
 * without an enumerator. */
static bool is_hardware(const char *id)
{
    const char *slash = id ? strchr(id, '\\') : NULL;

    return slash && strncasecmp(id, "ROOT\\", 5) != 0 && strncasecmp(id, "SWD\\", 4) != 0;
}

static int find_model(const char *path, struct inf **inf, struct inf_model *model, bool *card,
                      struct why *why)
{
    struct why unused = {0};
    int r = inf_load(path, inf, why);

    if (r < 0)
        return r;
    *card = inf_find_model(*inf, NIC_HARDWARE_ID, model, &unused) == 0;
    r = *card ? 0 : inf_find_model(*inf, NULL, model, why);
    if (r == 0 && !*card && is_hardware(model->hardware_id))
        return why_set(
            why, -ENODEV,
            "%s: its model is for hardware that is not here (%s): there is " NIC_HARDWARE_ID
            ", and software miniports have an id under ROOT\\",
            path, model->hardware_id);
    if (r == 0 && (!model->service || !model->binary))
        r = why_set(why, -EINVAL, "%s: its model installs no driver service", path);
    return r;
}

int suite_find_model(const struct suite_config *config, struct inf **inf, struct inf_model *model,
                     bool *card, struct why *why)
{
    int r = find_model(config->inf, inf, model, card, why);

    if (r == 0 && *card && config->member_count)
        r = why_set(why, -EINVAL, "%s: it drives a card of ours, and has no members", config->inf);
    return r;
}

int suite_find_member(const struct suite_config *config, unsigned index, struct inf **inf,
                      struct inf_model *model, struct why *why)
{
    const char *path = config->member[index].inf;
    bool card;
    int r = find_model(path, inf, model, &card, why);

    if (r == 0 && !card)
        r = why_set(why, -ENODEV, "%s: a member has to drive our card (" NIC_HARDWARE_ID ")", path);
    return r;
}

/* The file of that model beside its .inf. */
static int find_file(const char *path, const char *binary, bool linked, char image[4096],
                     struct why *why)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(binary, '.');
    int dir = slash ? (int)(slash - path) + 1 : 0;
    int stem = dot ? (int)(dot - binary) : (int)strlen(binary);

    if (linked)
        snprintf(image, 4096, "%s%.*s%.*s.so", dir ? "" : "./", dir, path, stem, binary);
    else
        snprintf(image, 4096, "%.*s%s", dir, path, binary);
    return access(image, R_OK) < 0 ? why_set(why, -errno, "%s: %s", image, strerror(errno)) : 0;
}

int suite_find_image(struct suite_config *config, bool linked, struct why *why)
{
    struct inf_model model;
    struct inf *inf = NULL;
    bool card;
    int r = suite_find_model(config, &inf, &model, &card, why);

    config->linked = linked;
    if (r == 0)
        r = find_file(config->inf, model.binary, linked, config->image, why);
    inf_free(inf);
    for (unsigned i = 0; r == 0 && i < config->member_count; i++) {
        inf = NULL;
        r = suite_find_member(config, i, &inf, &model, why);
        if (r == 0)
            r = find_file(config->member[i].inf, model.binary, linked, config->member[i].image,
                          why);
        inf_free(inf);
    }
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
    if (!the_look->finding[0])
        snprintf(the_look->finding, sizeof the_look->finding, "%s %.380s", f->rule, f->text);
}

/* What the cards do not offer: not asked for where there is none. */
static int withheld(const struct suite_config *config, uint64_t *mask, struct why *why)
{
    if (!config->withhold)
        return 0;
    if (!the_look->hardware && config->member_count == 0)
        return why_set(why, -EINVAL, "%s: drives no card of ours, which could lack %s",
                       config->inf, config->withhold);
    return nic_features_parse(config->withhold, mask, why);
}

/* The adapter of an intermediate driver starts when its members come. */
static NDIS_STATUS start(const struct suite_config *config, struct registry *registry,
                         const char *service, struct ndis_adapter *a, struct why *why)
{
    static struct rig_card cards[RIG_CARDS];

    if (config->member_count == 0)
        return ndis_adapter_initialize(a);
    for (unsigned i = 0; i < config->member_count; i++) {
        struct card_plan plan = {
            .suite = config, .registry = registry, .earlier = cards, .index = i};

        if (withheld(config, &plan.nic.features_withheld, why) < 0 ||
            card_plug(&cards[i], &plan, why) < 0)
            return NDIS_STATUS_FAILURE;
    }
    if (card_name_device(registry, service, a) < 0)
        return NDIS_STATUS_FAILURE;
    for (unsigned i = 0; i < config->member_count; i++) {
        if (ndis_adapter_connect(cards[i].adapter, service, why) < 0)
            return NDIS_STATUS_FAILURE;
    }
    ndis_adapter_wait(a, NDIS_ADAPTER_RUNNING, 10);
    return ndis_adapter_state(a) == NDIS_ADAPTER_RUNNING ? NDIS_STATUS_SUCCESS
                                                         : NDIS_STATUS_FAILURE;
}

/* An adapter comes up; the process is all that takes it down. */
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
    struct why load = {0};
    NDIS_STATUS status;
    struct inf *inf;
    int r;

    invariant(registry);
    registry_set_system(registry);
    finding_set_sink(first_finding, NULL);
    r = suite_find_model(config, &inf, &model, &the_look->hardware, why);
    if (r < 0 || (r = withheld(config, &nic.features_withheld, why)) < 0 ||
        (r = nt_fault_install(why)) < 0 || (r = nt_start(1, why)) < 0 || (r = ndis_start(why)) < 0)
        return r;
    snprintf(the_look->adapter, sizeof the_look->adapter, "%s", model.description);
    adapter.key = registry_open(registry, RIG_CLASS_KEY, true);
    r = inf_apply(inf, &model, adapter.key, why);
    if (r < 0)
        return r;
    r = nt_driver_load(config->image, model.service, &adapter.driver, &load);
    if (r < 0) /* a message about the file names it */
        return why_set(why, r, "%s%s%s", r == -ECANCELED ? config->image : "",
                       r == -ECANCELED ? ": service " : "", load.text);
    if (the_look->hardware &&
        ((r = port_open("cable", &wire, why)) < 0 || (r = nic_new(&nic, wire, &card, why)) < 0 ||
         (r = nt_device_new(nic_pci(card), &device, why)) < 0))
        return r;
    adapter.device = device;
    adapter.name = model.description;
    r = ndis_adapter_new(&adapter, &a, why);
    if (r < 0)
        return r;
    the_look->stage = "MiniportInitializeEx";
    load.text[0] = '\0';
    status = start(config, registry, model.service, a, &load);
    list_imports(the_look, adapter.driver);
    ndis_adapter_offload(a, &the_look->offload);
    if (status != NDIS_STATUS_SUCCESS)
        return why_set(why, -EIO, "%s: the adapter does not start: MiniportInitializeEx %s%s%s",
                       config->image, status_name(status), load.text[0] ? ": " : "", load.text);
    the_look->hardware |= config->member_count > 0;
    return 0;
}

__attribute__((noreturn)) static void look_main(const struct suite_config *config)
{
    struct why why = {0};

    the_look->err = look_at(config, &why);
    if (the_look->err < 0)
        snprintf(the_look->why, sizeof the_look->why, "%.380s", why.text);
    _exit(0); /* nothing is taken down: each check will look at that */
}

/* What the child left, when it does not start: its first finding, or else what it wrote. */
static int take_failed(const struct suite_result *s, int how, int words, struct why *why)
{
    char said[SUITE_WORDS + 100];

    suite_last_words(words, said);
    if (the_look->finding[0])
        snprintf(said, sizeof said, ". %.380s", the_look->finding);
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0)
        return why_set(why, the_look->err, "%s%s", the_look->why, said);
    return why_set(why, -EIO, "%s: the driver ended its process at start, in %s (%s %d)%s",
                   s->config->image, the_look->stage, WIFSIGNALED(how) ? "signal" : "exit code",
                   WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how), said);
}

static void take(struct suite_result *s)
{
    memcpy(s->adapter, the_look->adapter, sizeof s->adapter);
    s->hardware = the_look->hardware;
    s->has_offload = the_look->offload.present;
    s->hardware_offload = the_look->offload.hardware;
    s->import_count = the_look->import_count;
    s->imports = calloc(MAX_OF(s->import_count, 1u), sizeof *s->imports);
    invariant(s->imports);
    memcpy(s->imports, the_look->imports, s->import_count * sizeof *s->imports);
}

/* The child closes its end of the pipe when it ends. */
static int watch_child(struct suite_result *s, pid_t pid, int pipe, int words, struct why *why)
{
    struct pollfd end = {.fd = pipe};
    double limit = suite_limit(s->config), until = rig_now() + limit, left;
    bool late = false;
    int how = 0;

    while (!late && end.revents == 0) {
        left = until - rig_now();
        late = left <= 0;
        poll(&end, 1, late ? 0 : (int)(left * 1000) + 1);
    }
    late = end.revents == 0;
    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    if (late)
        return why_set(why, -ETIMEDOUT,
                       "%s: the driver does not start: %s did not return within %g s",
                       s->config->image, the_look->stage, limit);
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0 || the_look->err < 0)
        return take_failed(s, how, words, why);
    take(s);
    return 0;
}

static int look_in_child(struct suite_result *s, struct why *why)
{
    cleanup_close int words = suite_words_new();
    int ends[2], r;
    pid_t pid;

    if (words < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return why_set(why, -errno, "cannot start a process: %s", strerror(errno));
    pid = suite_fork(words);
    if (pid == 0)
        look_main(s->config);
    close(ends[1]);
    r = pid < 0 ? why_set(why, pid, "cannot start a process: %s", strerror(-pid))
                : watch_child(s, pid, ends[0], words, why);
    close(ends[0]);
    return r;
}

int suite_look(struct suite_result *s, struct why *why)
{
    int r;

    if (access(s->config->image, R_OK) < 0)
        return why_set(why, -errno, "%s: %s", s->config->image, strerror(errno));
    the_look =
        mmap(NULL, sizeof *the_look, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (the_look == MAP_FAILED)
        return why_set(why, -errno, "no memory");
    the_look->err = -EIO;
    the_look->stage = "DriverEntry";
    r = look_in_child(s, why);
    munmap(the_look, sizeof *the_look);
    return r;
}
