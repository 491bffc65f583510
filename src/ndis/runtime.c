/* SPDX-License-Identifier: MIT */
/*
 * What the process has one of: the list of adapters, the observer, the time factor, and NDIS's own
 * PASSIVE_LEVEL thread. The latter does what NDIS does on its own: check-for-hang, resets and
 * removals that miniports asked for, starting instances of intermediate drivers, and noticing
 * requests that take too long (GEN-31).
 */
#include "ndis/private.h"

#include <time.h>

const struct ndis_observer *ndis_observer_;
_Atomic(double) ndis_time_factor = 1;
bool ndis_strict_;

static pthread_mutex_t adapters_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list adapters = LIST_INIT(adapters);
static uint32_t adapter_indexes;

struct task {
    struct list link;
    void (*fn)(struct ndis_adapter *a);
    struct ndis_adapter *adapter;
};

static pthread_mutex_t task_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t task_cond;
static struct list tasks = LIST_INIT(tasks);
static struct ndis_adapter *task_running; /* adapter whose task runs now */
static pthread_t pnp_thread;
static bool pnp_running, pnp_stop;

void ndis_set_observer(const struct ndis_observer *o)
{
    ndis_observer_ = o;
}

void ndis_set_time_factor(double factor)
{
    ndis_time_factor = factor > 0 ? factor : 1;
}

_Atomic(bool) ndis_racing;

void ndis_set_racing(bool on)
{
    atomic_store(&ndis_racing, on);
}

void ndis_set_strict(bool strict)
{
    ndis_strict_ = strict;
}

void ndis_runtime_link(struct ndis_adapter *a)
{
    pthread_mutex_lock(&adapters_lock);
    a->index = ++adapter_indexes;
    list_push(&adapters, &a->all_link);
    pthread_mutex_unlock(&adapters_lock);
}

void ndis_runtime_unlink(struct ndis_adapter *a)
{
    pthread_mutex_lock(&adapters_lock);
    list_unlink(&a->all_link);
    pthread_mutex_unlock(&adapters_lock);
    ndis_runtime_cancel(a);
    /* Whoever found it in the list before has its operation lock. */
    pthread_mutex_lock(&a->operation);
    pthread_mutex_unlock(&a->operation);
}

struct ndis_adapter *ndis_adapter_find(const char *name)
{
    struct ndis_adapter *found = NULL;
    struct list *pos;

    pthread_mutex_lock(&adapters_lock);
    list_for_each(pos, &adapters)
    {
        struct ndis_adapter *a = list_entry(pos, struct ndis_adapter, all_link);

        if (!strcmp(a->name, name) || !strcasecmp(a->ndis_name, name)) {
            found = a;
            break;
        }
    }
    pthread_mutex_unlock(&adapters_lock);
    return found;
}

bool ndis_index_known(uint32_t index)
{
    struct list *pos;
    bool known = false;

    pthread_mutex_lock(&adapters_lock);
    list_for_each(pos, &adapters) known |=
        list_entry(pos, struct ndis_adapter, all_link)->index == index;
    pthread_mutex_unlock(&adapters_lock);
    return known;
}

bool ndis_adapter_wait(struct ndis_adapter *a, enum ndis_adapter_state state, double seconds)
{
    uint64_t until = nt_now_ns() + (uint64_t)(seconds * ndis_time_factor * 1e9);

    while (ndis_adapter_state(a) != state) {
        if (nt_now_ns() >= until)
            return false;
        usleep(500);
    }
    return true;
}

int ndis_runtime_task(struct ndis_adapter *a, void (*fn)(struct ndis_adapter *a))
{
    struct task *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    t->fn = fn;
    t->adapter = a;
    pthread_mutex_lock(&task_lock);
    list_push(&tasks, &t->link);
    if (pnp_running)
        pthread_cond_broadcast(&task_cond);
    pthread_mutex_unlock(&task_lock);
    return 0;
}

bool ndis_runtime_cancel(struct ndis_adapter *a)
{
    struct list *pos, *next;
    bool any = false;

    pthread_mutex_lock(&task_lock);
    list_for_each_safe(pos, next, &tasks)
    {
        struct task *t = list_entry(pos, struct task, link);

        if (t->adapter != a)
            continue;
        list_unlink(&t->link);
        free(t);
        any = true;
    }
    while (task_running == a && pnp_running && !pthread_equal(pthread_self(), pnp_thread))
        pthread_cond_wait(&task_cond, &task_lock);
    pthread_mutex_unlock(&task_lock);
    return any;
}

void ndis_runtime_wake(void)
{
    pthread_mutex_lock(&task_lock);
    if (pnp_running)
        pthread_cond_broadcast(&task_cond);
    pthread_mutex_unlock(&task_lock);
}

/* The lock under which to do what is due, held; NULL: nothing is, or the adapter is in the middle
 * of an operation. But a protocol's pause waits for sends, and those perhaps for a reset. */
static pthread_mutex_t *due(struct ndis_adapter *a, uint64_t now)
{
    if (!ndis_pnp_due(a, now))
        return NULL;
    if (pthread_mutex_trylock(&a->operation) == 0)
        return &a->operation;
    if (!ndis_pnp_rescue_due(a, now) || pthread_mutex_trylock(&a->rescue))
        return NULL;
    if (ndis_pnp_rescue_due(a, now))
        return &a->rescue;
    pthread_mutex_unlock(&a->rescue);
    return NULL;
}

/* An adapter with something due, *lock held; NULL when there is none now. */
static struct ndis_adapter *due_adapter(uint64_t now, pthread_mutex_t **lock)
{
    struct ndis_adapter *found = NULL;
    struct list *pos;

    pthread_mutex_lock(&adapters_lock);
    list_for_each(pos, &adapters)
    {
        struct ndis_adapter *a = list_entry(pos, struct ndis_adapter, all_link);

        ndis_oid_check_time(a);
        ndis_offload_check_time(a);
        *lock = due(a, now);
        if (!*lock)
            continue;
        found = a;
        break;
    }
    pthread_mutex_unlock(&adapters_lock);
    return found;
}

static struct task *next_task(void)
{
    struct list *first = list_shift(&tasks);

    return first ? list_entry(first, struct task, link) : NULL;
}

static void run_task(struct task *t)
{
    task_running = t->adapter;
    pthread_mutex_unlock(&task_lock);
    t->fn(t->adapter);
    free(t);
    pthread_mutex_lock(&task_lock);
    task_running = NULL;
    pthread_cond_broadcast(&task_cond);
}

static void *pnp_main(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&task_lock);
    while (!pnp_stop) {
        struct task *t = next_task();
        struct ndis_adapter *a;
        pthread_mutex_t *lock;
        struct timespec until;
        double tick = MIN_OF(MAX_OF(0.25 * ndis_time_factor, 0.005), 0.25);

        if (t) {
            run_task(t);
            continue;
        }
        pthread_mutex_unlock(&task_lock);
        while ((a = due_adapter(nt_now_ns(), &lock)) != NULL) {
            if (lock == &a->operation)
                ndis_pnp_service(a);
            else
                ndis_pnp_rescue(a);
            pthread_mutex_unlock(lock);
        }
        pthread_mutex_lock(&task_lock);
        if (pnp_stop || !list_empty(&tasks))
            continue;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)(tick * 1e9);
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&task_cond, &task_lock, &until);
    }
    pthread_mutex_unlock(&task_lock);
    return NULL;
}

int ndis_start(struct why *why)
{
    pthread_condattr_t attributes;
    int err;

    if (pnp_running)
        return why_set(why, -EALREADY, "ndis: started twice");
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&task_cond, &attributes);
    pthread_condattr_destroy(&attributes);
    pnp_stop = false;
    pthread_mutex_lock(&task_lock);
    err = pthread_create(&pnp_thread, NULL, pnp_main, NULL);
    pnp_running = !err;
    pthread_mutex_unlock(&task_lock);
    if (err)
        return why_set(why, -err, "ndis: no thread: %s", strerror(err));
    return 0;
}

void ndis_stop(void)
{
    if (!pnp_running)
        return;
    pthread_mutex_lock(&task_lock);
    pnp_stop = true;
    pthread_cond_broadcast(&task_cond);
    pthread_mutex_unlock(&task_lock);
    pthread_join(pnp_thread, NULL);
    pnp_running = false;
    pthread_cond_destroy(&task_cond);
    ndis_devices_fini();
}

void ndis_adapter_finding(struct ndis_adapter *a, const char *rule, const char *fmt, ...)
{
    struct nt_owner *previous = nt_owner_enter(a->driver->owner);
    char text[320];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    finding_report(rule, "%s: %s", a->name, text);
    nt_owner_leave(previous);
}

void ndis_call_broken(const struct ndis_call *c, const char *handler)
{
    if (c->thread->irql != c->irql)
        finding_report("NT-IRQL", "%s was called at IRQL %u and returned at %u", handler, c->irql,
                       c->thread->irql);
    if (c->thread->locks_held != c->locks)
        finding_report("NT-IRQL", "%s returned with %u spin locks held, called with %u", handler,
                       c->thread->locks_held, c->locks);
    c->thread->irql = c->irql;
    c->thread->locks_held = c->locks;
}
