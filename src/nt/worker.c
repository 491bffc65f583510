/* SPDX-License-Identifier: MIT */
/*
 * The passive workers. Before a worker runs an item it sees to it that another one waits for the
 * next, up to a limit, so that items which wait for each other do not hang.
 */
#include "nt/worker.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/loop.h"

enum { WORKERS_MAX = 32 };
enum { ITEM = 1 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
static pthread_cond_t quiet = PTHREAD_COND_INITIALIZER;
static pthread_t threads[WORKERS_MAX];
static unsigned thread_count, idle_count, busy_count;
static bool stopping;
static struct nt_work *head, *tail;

static void *worker_main(void *arg);

/* Under the lock. */
static int spawn(void)
{
    int err = nt_pthread_create(&threads[thread_count], worker_main, NULL);

    if (!err) {
        thread_count++;
        idle_count++;
    }
    return err;
}

/* After driver code at PASSIVE_LEVEL returned. */
void nt_passive_check(const char *what)
{
    struct nt_thread *t = nt_thread_self();

    if (t->irql != 0) {
        finding_report("NT-IRQL", "%s returned at IRQL %u; it was called at 0", what, t->irql);
        t->irql = 0;
    }
    if (t->locks_held != 0) {
        finding_report("NT-LOCK", "%s returned holding %u spin lock(s)", what, t->locks_held);
        t->locks_held = 0;
    }
}

static void run(struct nt_work *w)
{
    bool item = (w->owner & ITEM) != 0;
    struct nt_owner *previous = nt_owner_enter((struct nt_owner *)(w->owner & ~(uintptr_t)ITEM));

    if (item)
        nt_work_item_run(w);
    else
        w->fn(w);
    nt_passive_check("a work item");
    nt_owner_leave(previous);
}

static void *worker_main(void *arg)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        struct nt_work *w;

        while (!head && !stopping)
            pthread_cond_wait(&queued, &lock);
        if (!head)
            break;
        w = head;
        head = w->next;
        if (!head)
            tail = NULL;
        busy_count++;
        idle_count--;
        if (idle_count == 0 && thread_count < WORKERS_MAX)
            (void)spawn(); /* fewer threads then */
        pthread_mutex_unlock(&lock);
        run(w);
        pthread_mutex_lock(&lock);
        busy_count--;
        idle_count++;
        if (busy_count == 0)
            pthread_cond_broadcast(&quiet);
    }
    pthread_mutex_unlock(&lock);
    return arg;
}

int nt_workers_start(void)
{
    int err;

    pthread_mutex_lock(&lock);
    stopping = false;
    err = spawn();
    pthread_mutex_unlock(&lock);
    return err;
}

bool nt_workers_quiesce(void)
{
    bool was_quiet;

    pthread_mutex_lock(&lock);
    was_quiet = !head && busy_count == 0;
    while (thread_count > 0 && (head || busy_count > 0))
        pthread_cond_wait(&quiet, &lock);
    pthread_mutex_unlock(&lock);
    return was_quiet || thread_count == 0;
}

void nt_workers_stop(void)
{
    unsigned count;

    pthread_mutex_lock(&lock);
    stopping = true;
    count = thread_count;
    pthread_cond_broadcast(&queued);
    pthread_mutex_unlock(&lock);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_lock(&lock);
    thread_count = idle_count = 0;
    pthread_mutex_unlock(&lock);
}

static void post(struct nt_work *w, uintptr_t kind)
{
    w->next = NULL;
    w->owner = (uintptr_t)nt_owner_current() | kind;
    pthread_mutex_lock(&lock);
    if (tail)
        tail->next = w;
    else
        head = w;
    tail = w;
    pthread_cond_signal(&queued);
    pthread_mutex_unlock(&lock);
}

void nt_work_post(struct nt_work *w, void (*fn)(struct nt_work *w))
{
    w->fn = fn;
    post(w, 0);
}

void nt_work_post_item(void *list)
{
    post(list, ITEM);
}

struct plain_work {
    struct nt_work work;
    void (*fn)(void *arg);
    void *arg;
};

static void run_plain(struct nt_work *w)
{
    struct plain_work p = *CONTAINER_OF(w, struct plain_work, work);

    free(CONTAINER_OF(w, struct plain_work, work));
    p.fn(p.arg);
}

int nt_work_queue(void (*fn)(void *arg), void *arg)
{
    struct plain_work *p = malloc(sizeof *p);

    if (!p)
        return -ENOMEM;
    p->fn = fn;
    p->arg = arg;
    nt_work_post(&p->work, run_plain);
    return 0;
}
