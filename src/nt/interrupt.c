/* SPDX-License-Identifier: MIT */
/*
 * Interrupts. Posting one marks it pending in the queue of its loop; the loop calls the service
 * routine. A message that comes while it is pending is one interrupt; a line interrupt is delivered
 * again and again while the line is asserted. State is under the loop's lock; the device's
 * interrupt_lock is taken before that, never after.
 */
#include "nt/bus.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/loop.h"
#include "nt/spin.h"

enum { DEVICE_IRQL = 12, UNCLAIMED_MAX = 1000 };

struct nt_interrupt {
    struct nt_device *device;
    struct nt_loop *loop;
    struct nt_interrupt *next;
    nt_isr isr;
    void *context;
    struct nt_owner *owner;
    uintptr_t lock; /* held by the service routine */
    int message;    /* < 0: the line */
    unsigned unclaimed;
    bool pending, queued, masked;
    bool dead;       /* disconnected: is queued no more */
    bool free_after; /* by its own routine: the loop frees it */
};

int nt_interrupt_init(struct nt_device *d)
{
    if (d->fn->msix_vectors == 0)
        return 0;
    d->by_message = calloc(d->fn->msix_vectors, sizeof(struct nt_interrupt *));
    return d->by_message ? 0 : -ENOMEM;
}

void nt_interrupt_fini(struct nt_device *d)
{
    free(d->by_message);
    d->by_message = NULL;
}

/* Under the loop's lock. Returns whether the loop is to be kicked. */
static bool enqueue(struct nt_interrupt *i)
{
    struct nt_loop *l = i->loop;

    if (!i->pending || i->masked || i->queued || i->dead)
        return false;
    i->queued = true;
    i->next = NULL;
    if (l->interrupt_tail)
        l->interrupt_tail->next = i;
    else
        l->interrupt_head = i;
    l->interrupt_tail = i;
    return true;
}

static struct nt_interrupt *dequeue(struct nt_loop *l)
{
    struct nt_interrupt *i = l->interrupt_head;

    if (!i)
        return NULL;
    l->interrupt_head = i->next;
    if (!l->interrupt_head)
        l->interrupt_tail = NULL;
    i->queued = false;
    return i;
}

static void unlink_interrupt(struct nt_interrupt *i)
{
    struct nt_loop *l = i->loop;
    struct nt_interrupt *previous = NULL;

    if (!i->queued)
        return;
    for (struct nt_interrupt *at = l->interrupt_head; at != i; at = at->next)
        previous = at;
    if (previous)
        previous->next = i->next;
    else
        l->interrupt_head = i->next;
    if (l->interrupt_tail == i)
        l->interrupt_tail = previous;
    i->queued = false;
}

static void post(struct nt_interrupt *i, bool pending)
{
    bool kick;

    pthread_mutex_lock(&i->loop->lock);
    i->pending = pending;
    kick = enqueue(i);
    pthread_mutex_unlock(&i->loop->lock);
    if (kick)
        nt_loop_kick(i->loop);
}

void nt_interrupt_msix(struct pci_bus *bus, uint32_t vector)
{
    struct nt_device *d = CONTAINER_OF(bus, struct nt_device, bus);

    if (nt_device_gone(d) || vector >= d->fn->msix_vectors)
        return;
    nt_spin_lock(&d->interrupt_lock);
    if (d->by_message[vector])
        post(d->by_message[vector], true);
    nt_spin_unlock(&d->interrupt_lock);
}

void nt_interrupt_line(struct pci_bus *bus, bool asserted)
{
    struct nt_device *d = CONTAINER_OF(bus, struct nt_device, bus);

    nt_spin_lock(&d->interrupt_lock);
    d->line_asserted = asserted && !nt_device_gone(d);
    if (d->line)
        post(d->line, d->line_asserted);
    nt_spin_unlock(&d->interrupt_lock);
}

/* What the routine left wrong is put right before the lock is let go. */
static void check_after(struct nt_thread *t)
{
    if (t->irql != DEVICE_IRQL)
        finding_report("NT-IRQL",
                       "an interrupt service routine returned at IRQL %u; it was called at %u",
                       t->irql, DEVICE_IRQL);
    if (t->locks_held != 0)
        finding_report("NT-LOCK", "an interrupt service routine returned holding %u spin lock(s)",
                       t->locks_held);
    t->locks_held = 0;
}

static bool serve(struct nt_interrupt *i)
{
    struct nt_thread *t = nt_thread_self();
    struct nt_owner *previous = nt_owner_enter(i->owner);
    uint8_t irql = t->irql;
    bool claimed;

    t->irql = DEVICE_IRQL;
    nt_spin_lock(&i->lock);
    claimed = i->isr(i->context, i->message < 0 ? 0 : (uint32_t)i->message);
    check_after(t);
    nt_spin_unlock(&i->lock);
    t->irql = irql;
    nt_owner_leave(previous);
    return claimed;
}

/* Under the loop's lock. A line that nobody claims would keep the processor for ever: it is masked;
 * returns whether that happened. */
static bool line_again(struct nt_interrupt *i, bool claimed)
{
    bool storm;

    i->unclaimed = claimed ? 0 : i->unclaimed + 1;
    storm = i->unclaimed == UNCLAIMED_MAX;
    i->masked |= storm;
    (void)enqueue(i);
    return storm;
}

bool nt_interrupts_run(struct nt_loop *l, unsigned budget)
{
    struct nt_interrupt *i;
    bool left, storm = false;

    pthread_mutex_lock(&l->lock);
    while (budget-- > 0 && (i = dequeue(l)) != NULL) {
        bool claimed;

        if (i->masked || !i->pending || nt_device_gone(i->device))
            continue;
        if (i->message >= 0)
            i->pending = false;
        l->interrupt_running = i;
        pthread_mutex_unlock(&l->lock);
        claimed = serve(i);
        pthread_mutex_lock(&l->lock);
        l->interrupt_running = NULL;
        if (i->free_after)
            free(i);
        else if (i->message < 0)
            storm |= line_again(i, claimed);
        pthread_cond_broadcast(&l->changed);
    }
    left = l->interrupt_head != NULL;
    pthread_mutex_unlock(&l->lock);
    if (storm)
        finding_report("NT-INTERRUPT",
                       "%d times in a row nobody claimed the asserted line interrupt: masked",
                       UNCLAIMED_MAX);
    return left;
}

int nt_interrupt_connect(struct nt_device *d, int message, unsigned loop, nt_isr isr, void *context,
                         struct nt_interrupt **out)
{
    struct nt_interrupt **place, *i;
    int err = 0;

    if (message >= 0 && (uint32_t)message >= d->fn->msix_vectors)
        return -EINVAL;
    i = calloc(1, sizeof *i);
    if (!i)
        return -ENOMEM;
    *i = (struct nt_interrupt){.device = d,
                               .loop = nt_loop_get(loop),
                               .isr = isr,
                               .context = context,
                               .owner = nt_owner_current(),
                               .message = message < 0 ? -1 : message};
    *out = i;
    nt_spin_lock(&d->interrupt_lock);
    place = message < 0 ? &d->line : &d->by_message[message];
    if (*place)
        err = -EBUSY;
    else
        *place = i;
    if (!err && message < 0 && d->line_asserted)
        post(i, true);
    nt_spin_unlock(&d->interrupt_lock);
    if (err) {
        *out = NULL;
        free(i);
    }
    return err;
}

void nt_interrupt_disconnect(struct nt_interrupt *i)
{
    struct nt_device *d;
    struct nt_loop *l;
    bool own;

    if (!i)
        return;
    d = i->device;
    l = i->loop;
    nt_spin_lock(&d->interrupt_lock);
    if (i->message < 0)
        d->line = NULL;
    else
        d->by_message[i->message] = NULL;
    nt_spin_unlock(&d->interrupt_lock);
    pthread_mutex_lock(&l->lock);
    unlink_interrupt(i);
    own = l->interrupt_running == i && nt_loop_is_self(l);
    i->dead = true;
    i->free_after = own;
    while (!own && l->interrupt_running == i)
        pthread_cond_wait(&l->changed, &l->lock);
    pthread_mutex_unlock(&l->lock);
    if (!own)
        free(i);
}

bool nt_interrupt_synchronize(struct nt_interrupt *i, bool (*fn)(void *), void *context)
{
    struct nt_thread *t = nt_thread_self();
    uint8_t irql = t->irql;
    bool held = __atomic_load_n(&i->lock, __ATOMIC_RELAXED) == (uintptr_t)t;
    bool result;

    if (held)
        finding_report("NT-LOCK", "synchronizes with an interrupt whose lock it holds already");
    t->irql = MAX_OF(irql, DEVICE_IRQL);
    if (!held)
        nt_spin_lock(&i->lock);
    result = fn(context);
    if (!held)
        nt_spin_unlock(&i->lock);
    t->irql = irql;
    return result;
}

struct routine {
    BOOLEAN(NTAPI *fn)(PVOID context);
    PVOID context;
};

static bool call_routine(void *arg)
{
    const struct routine *r = arg;

    return r->fn(r->context);
}

/* A PKINTERRUPT is a struct nt_interrupt: whoever gives one to a driver hands out that. */
BOOLEAN NTAPI KeSynchronizeExecution(PKINTERRUPT Interrupt,
                                     BOOLEAN(NTAPI *SynchronizeRoutine)(PVOID SynchronizeContext),
                                     PVOID SynchronizeContext)
{
    struct routine r = {SynchronizeRoutine, SynchronizeContext};

    return nt_interrupt_synchronize((struct nt_interrupt *)Interrupt, call_routine, &r);
}
NT_EXPORT(KeSynchronizeExecution);

uint8_t nt_interrupt_irql(const struct nt_interrupt *i)
{
    (void)i; /* all have the same */
    return DEVICE_IRQL;
}

void nt_interrupt_mask(struct nt_interrupt *i, bool masked)
{
    bool kick;

    pthread_mutex_lock(&i->loop->lock);
    i->masked = masked;
    i->unclaimed = 0;
    kick = enqueue(i);
    pthread_mutex_unlock(&i->loop->lock);
    if (kick)
        nt_loop_kick(i->loop);
}
