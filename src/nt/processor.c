/* SPDX-License-Identifier: MIT */
/* The processor loops: rounds, watches, idle callbacks, calls, start and stop. The order within a
 * round stands in loop.h. */
#include "nt/finding.h"
#include "nt/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

/* Budgets keep one kind of work from starving the rest: what is left over is seen to in the next
 * round, after a look at the fds. */
enum { EVENT_BATCH = 64, DPC_BUDGET = 64, INTERRUPT_BUDGET = 64 };
enum { DISPATCH = 2 };
/* A quiet machine sleeps long; any wake-up cuts it short. */
static const uint64_t sleep_max_ns = 10ull * 1000000000u;
static const uint64_t system_thread_grace_ns = 2ull * 1000000000u;

struct nt_watch {
    struct nt_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    struct nt_watch *next_dead;
    int fd;
    bool polled; /* written under the loop's lock: fd is in the epoll set */
};

struct nt_idle {
    struct list link;
    struct nt_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    bool dead;
};

static struct nt_loop loops[NT_MAX_LOOPS];
static unsigned loop_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_loops(void)
{
    for (unsigned i = 0; i < NT_MAX_LOOPS; i++) {
        struct nt_loop *l = &loops[i];

        l->index = i;
        l->epfd = l->evfd = -1;
        list_init(&l->idles);
        invariant(pthread_mutex_init(&l->lock, NULL) == 0);
        invariant(pthread_cond_init(&l->changed, NULL) == 0);
    }
}

unsigned nt_loop_count(void)
{
    return __atomic_load_n(&loop_count, __ATOMIC_ACQUIRE);
}

struct nt_loop *nt_loop_get(unsigned index)
{
    unsigned count = nt_loop_count();

    pthread_once(&once, init_loops);
    return &loops[count ? index % count : 0];
}

bool nt_loop_is_self(const struct nt_loop *l)
{
    return nt_thread_self()->loop == (int)l->index;
}

static bool loop_alive(const struct nt_loop *l)
{
    return __atomic_load_n(&l->running, __ATOMIC_ACQUIRE);
}

/* Pairs with loop_sleep: either we see it sleeping, or it sees the work. */
void nt_loop_kick(struct nt_loop *l)
{
    static const uint64_t one = 1;

    __atomic_store_n(&l->work, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&l->sleeping, __ATOMIC_SEQ_CST) &&
        __atomic_exchange_n(&l->sleeping, 0, __ATOMIC_SEQ_CST))
        invariant(write(l->evfd, &one, sizeof one) == sizeof one);
}

void nt_loop_check(const char *what)
{
    struct nt_thread *t = nt_thread_self();

    if (unlikely(t->irql != DISPATCH)) {
        finding_report("NT-IRQL", "%s returned at IRQL %u; it was called at %u", what, t->irql,
                       DISPATCH);
        t->irql = DISPATCH;
    }
    if (unlikely(t->locks_held != 0)) {
        finding_report("NT-LOCK", "%s returned holding %u spin lock(s)", what, t->locks_held);
        t->locks_held = 0;
    }
}

/* Whatever came up meanwhile: between callbacks, and at the end of a round. */
static void loop_deliver(struct nt_loop *l)
{
    bool more;

    if (!__atomic_load_n(&l->work, __ATOMIC_RELAXED))
        return;
    __atomic_exchange_n(&l->work, 0, __ATOMIC_SEQ_CST);
    more = nt_interrupts_run(l, INTERRUPT_BUDGET);
    more |= nt_dpcs_run(l, DPC_BUDGET);
    if (more)
        __atomic_store_n(&l->work, 1, __ATOMIC_RELAXED);
}

static struct timespec until(uint64_t due_ns)
{
    uint64_t now = due_ns == UINT64_MAX ? 0 : nt_now_ns();
    uint64_t ns = due_ns == UINT64_MAX ? sleep_max_ns : due_ns > now ? due_ns - now : 0;

    ns = MIN_OF(ns, sleep_max_ns);
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

static int loop_poll(struct nt_loop *l, struct epoll_event *events)
{
    struct timespec timeout = {0, 0};
    /* Asked after the last time that `work` was taken down, before it is looked at: a timer armed
     * meanwhile has put it up again. */
    uint64_t due_ns = l->index == 0 ? nt_timers_next() : UINT64_MAX;
    int n;

    if (!__atomic_load_n(&l->work, __ATOMIC_RELAXED)) {
        __atomic_store_n(&l->sleeping, 1, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&l->work, __ATOMIC_SEQ_CST) &&
            !__atomic_load_n(&l->stop, __ATOMIC_SEQ_CST))
            timeout = until(due_ns);
    }
    n = epoll_pwait2(l->epfd, events, EVENT_BATCH, &timeout, NULL);
    __atomic_store_n(&l->sleeping, 0, __ATOMIC_SEQ_CST);
    return n;
}

static void bury_watches(struct nt_loop *l)
{
    while (l->dead_watches) {
        struct nt_watch *w = l->dead_watches;

        l->dead_watches = w->next_dead;
        free(w);
    }
}

static void loop_watches(struct nt_loop *l, const struct epoll_event *events, int count)
{
    /* What the kernel reports was added before; sanitizers do not know that of epoll. */
    __atomic_load_n(&l->added, __ATOMIC_ACQUIRE);
    for (int i = 0; i < count; i++) {
        struct nt_watch *w = events[i].data.ptr;

        /* NULL is the eventfd, edge triggered: it need not be read. */
        if (!w || !__atomic_load_n(&w->polled, __ATOMIC_ACQUIRE))
            continue;
        w->fn(w->arg);
        nt_loop_check("a watch callback");
        loop_deliver(l);
    }
    bury_watches(l);
}

static void loop_idles(struct nt_loop *l)
{
    struct list *pos, *next;

    l->in_idles = true;
    list_for_each(pos, &l->idles)
    {
        struct nt_idle *i = list_entry(pos, struct nt_idle, link);

        if (i->dead)
            continue;
        i->fn(i->arg);
        nt_loop_check("an idle callback");
    }
    l->in_idles = false;
    list_for_each_safe(pos, next, &l->idles)
    {
        struct nt_idle *i = list_entry(pos, struct nt_idle, link);

        if (i->dead) {
            list_unlink(pos);
            free(i);
        }
    }
}

static void *loop_main(void *arg)
{
    struct nt_loop *l = arg;
    struct epoll_event events[EVENT_BATCH];

    nt_thread_become_loop(l->index);
    prctl(PR_SET_TIMERSLACK, 1000L);
    while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE)) {
        loop_watches(l, events, loop_poll(l, events));
        loop_deliver(l);
        if (l->index == 0)
            nt_timers_run();
        loop_deliver(l);
        loop_idles(l);
    }
    return NULL;
}

static int loop_start(struct nt_loop *l)
{
    struct epoll_event wake = {.events = EPOLLIN | EPOLLET};
    int err;

    l->epfd = epoll_create1(EPOLL_CLOEXEC);
    l->evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->epfd < 0 || l->evfd < 0 || epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->evfd, &wake) < 0)
        return -errno;
    l->stop = 0;
    l->sleeping = 0;
    __atomic_store_n(&l->work, 1, __ATOMIC_SEQ_CST);
    err = nt_pthread_create(&l->thread, loop_main, l);
    if (!err)
        __atomic_store_n(&l->running, true, __ATOMIC_RELEASE);
    return err;
}

static void loop_stop(struct nt_loop *l)
{
    if (loop_alive(l)) {
        __atomic_store_n(&l->stop, 1, __ATOMIC_SEQ_CST);
        nt_loop_kick(l);
        pthread_join(l->thread, NULL);
        __atomic_store_n(&l->running, false, __ATOMIC_RELEASE);
    }
    if (l->epfd >= 0)
        close(l->epfd);
    if (l->evfd >= 0)
        close(l->evfd);
    l->epfd = l->evfd = -1;
}

int nt_start(unsigned count, struct why *why)
{
    int err = 0;

    pthread_once(&once, init_loops);
    if (count == 0 || count > NT_MAX_LOOPS)
        return why_set(why, -EINVAL, "%u processors: 1 to %d are possible", count, NT_MAX_LOOPS);
    if (nt_loop_count() != 0)
        return why_set(why, -EBUSY, "this process runs a machine already");
    nt_thread_attach();
    __atomic_store_n(&loop_count, count, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < count && !err; i++)
        err = loop_start(&loops[i]);
    if (!err)
        err = nt_workers_start();
    if (!err)
        return 0;
    nt_stop();
    return why_set(why, err, "cannot start %u processors: %s", count, strerror(-err));
}

/* Work items queue DPCs and DPCs queue work items: quiet is when neither had any. */
static void quiesce(unsigned count)
{
    bool quiet;

    do {
        quiet = nt_workers_quiesce();
        for (unsigned i = 0; i < count; i++)
            quiet &= nt_dpcs_empty(&loops[i]);
        nt_dpcs_flush();
    } while (!quiet);
}

void nt_stop(void)
{
    unsigned count = nt_loop_count();

    if (count == 0)
        return;
    if (!nt_system_threads_wait(system_thread_grace_ns))
        finding_report("NT-THREAD", "system threads still run when the machine stops");
    quiesce(count);
    nt_workers_stop();
    for (unsigned i = 0; i < count; i++)
        loop_stop(&loops[i]);
    __atomic_store_n(&loop_count, 0, __ATOMIC_RELEASE);
}

struct call {
    struct nt_dpc dpc;
    void (*fn)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
};

static void call_run(void *arg)
{
    struct call *c = arg;

    c->fn(c->arg);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
}

static void call_here(void (*fn)(void *arg), void *arg)
{
    struct nt_thread *t = nt_thread_self();
    uint8_t irql = t->irql;

    t->irql = MAX_OF(irql, DISPATCH);
    fn(arg);
    t->irql = irql;
}

void nt_loop_call(unsigned loop, void (*fn)(void *arg), void *arg)
{
    struct nt_loop *l = nt_loop_get(loop);
    struct call c = {.dpc = {.fn = call_run, .arg = &c},
                     .fn = fn,
                     .arg = arg,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .ended = PTHREAD_COND_INITIALIZER};

    if (nt_loop_is_self(l) || !loop_alive(l)) {
        call_here(fn, arg);
        return;
    }
    nt_dpc_queue(&c.dpc, loop);
    pthread_mutex_lock(&c.lock);
    while (!c.done)
        pthread_cond_wait(&c.ended, &c.lock);
    pthread_mutex_unlock(&c.lock);
    /* The loop still looks at the DPC's address once after its function returns. */
    nt_dpc_cancel(&c.dpc);
}

static int watch_poll(struct nt_watch *w, bool on)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = w};
    int err = 0;

    pthread_mutex_lock(&w->loop->lock);
    if (w->polled != on && w->loop->epfd >= 0)
        /* Out of the set, not an empty mask: a hung-up fd would be reported for ever. */
        err = epoll_ctl(w->loop->epfd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, w->fd, &ev) ? -errno : 0;
    if (!err)
        __atomic_store_n(&w->polled, on, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&w->loop->lock);
    return err;
}

int nt_watch_add(unsigned loop, int fd, void (*fn)(void *arg), void *arg, struct nt_watch **out)
{
    struct nt_loop *l = nt_loop_get(loop);
    struct nt_watch *w;
    int err;

    if (!loop_alive(l))
        return -ESRCH;
    w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    *w = (struct nt_watch){.loop = l, .fd = fd, .fn = fn, .arg = arg};
    *out = w; /* before it can be called */
    __atomic_fetch_add(&l->added, 1, __ATOMIC_RELEASE);
    err = watch_poll(w, true);
    if (err) {
        *out = NULL;
        free(w);
    }
    return err;
}

void nt_watch_enable(struct nt_watch *w, bool on)
{
    if (__atomic_load_n(&w->polled, __ATOMIC_RELAXED) != on && watch_poll(w, on) != 0)
        log_warn("fd %d cannot be watched any more", w->fd);
}

static void watch_bury(void *arg)
{
    struct nt_watch *w = arg;

    watch_poll(w, false);
    /* The present batch of events may still name it. */
    w->next_dead = w->loop->dead_watches;
    w->loop->dead_watches = w;
}

void nt_watch_remove(struct nt_watch *w)
{
    if (!w)
        return;
    if (loop_alive(w->loop))
        nt_loop_call(w->loop->index, watch_bury, w);
    else
        free(w);
}

static void idle_link(void *arg)
{
    struct nt_idle *i = arg;

    list_push(&i->loop->idles, &i->link);
}

int nt_idle_add(unsigned loop, void (*fn)(void *arg), void *arg, struct nt_idle **out)
{
    struct nt_idle *i = calloc(1, sizeof *i);

    if (!i)
        return -ENOMEM;
    *i = (struct nt_idle){.loop = nt_loop_get(loop), .fn = fn, .arg = arg};
    *out = i;
    nt_loop_call(loop, idle_link, i);
    return 0;
}

static void idle_unlink(void *arg)
{
    struct nt_idle *i = arg;

    i->dead = true;
    if (i->loop->in_idles)
        return;
    list_unlink(&i->link);
    free(i);
}

void nt_idle_remove(struct nt_idle *i)
{
    if (i)
        nt_loop_call(i->loop->index, idle_unlink, i);
}
