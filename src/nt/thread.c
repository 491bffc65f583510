/* SPDX-License-Identifier: MIT */
/* A thread as the kernel sees it: processor number, IRQL, fake KPCR and KTHREAD; and the clocks. */
#include "nt/finding.h"
#include "nt/image.h"
#include "nt/loop.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

/* Offsets in the x64 KPCR that driver code reads through GS: Self and CurrentPrcb (ntddk.h's KPCR);
 * processor number and current thread as the inline KeGetCurrentProcessorNumber and
 * KeGetCurrentThread take them. */
enum {
    KPCR_SELF = 0x18,
    KPCR_PRCB = 0x20,
    KPCR_PRCB_AT = 0x180,
    KPCR_NUMBER = 0x184,
    KPCR_THREAD = 0x188,
    KPCR_BYTES = 4096
};

/* Programs without the loader (unit tests of this half) do without GS. */
#pragma weak nt_gs_set

__thread struct nt_thread *nt_thread_current_;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
/* Bit n: processor number n is a living thread's. Loops have the numbers below NT_MAX_LOOPS. */
static uint64_t numbers_taken = (1u << NT_MAX_LOOPS) - 1;

static uint8_t number_take(void)
{
    uint64_t taken = __atomic_load_n(&numbers_taken, __ATOMIC_RELAXED);
    uint64_t bit;

    do {
        if (~taken == 0)
            return NT_MAX_PROCESSORS - 1;
        bit = ~taken & (taken + 1);
    } while (!__atomic_compare_exchange_n(&numbers_taken, &taken, taken | bit, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return (uint8_t)__builtin_ctzll(bit);
}

/* The last number may be shared: it is never given back, so that a later thread does not believe
 * that it has it alone. */
static void number_release(uint8_t number)
{
    if (number >= NT_MAX_LOOPS && number < NT_MAX_PROCESSORS - 1)
        __atomic_fetch_and(&numbers_taken, ~(1ull << number), __ATOMIC_RELAXED);
}

static void thread_gone(void *arg)
{
    struct nt_thread *t = arg;

    void *kthread = t->kthread;

    number_release(t->cpu);
    nt_thread_current_ = NULL;
    free(t->kpcr);
    free(t);
    nt_kthread_end(kthread);
}

static void make_key(void)
{
    invariant(pthread_key_create(&key, thread_gone) == 0);
}

static void kpcr_fill(const struct nt_thread *t)
{
    uint8_t *page = t->kpcr;
    uint8_t *prcb = page + KPCR_PRCB_AT;
    uint32_t number = t->cpu;

    memcpy(page + KPCR_SELF, &page, sizeof page);
    memcpy(page + KPCR_PRCB, &prcb, sizeof prcb);
    memcpy(page + KPCR_NUMBER, &number, sizeof number);
    memcpy(page + KPCR_THREAD, &t->kthread, sizeof t->kthread);
}

static struct nt_thread *attach(uint8_t cpu, int16_t loop)
{
    struct nt_thread *t = calloc(1, sizeof *t);

    invariant(t);
    pthread_once(&once, make_key);
    t->cpu = cpu;
    t->loop = loop;
    t->kpcr = aligned_alloc(KPCR_BYTES, KPCR_BYTES);
    t->kthread = nt_kthread_new();
    invariant(t->kpcr && t->kthread);
    memset(t->kpcr, 0, KPCR_BYTES);
    kpcr_fill(t);
    nt_thread_current_ = t;
    pthread_setspecific(key, t);
    if (nt_gs_set)
        nt_gs_set(t->kpcr);
    return t;
}

struct nt_thread *nt_thread_attach(void)
{
    return nt_thread_current_ ? nt_thread_current_ : attach(number_take(), -1);
}

void nt_thread_become_loop(unsigned loop)
{
    invariant(!nt_thread_current_);
    attach((uint8_t)loop, (int16_t)loop)->irql = 2;
}

bool nt_check_irql_max(uint8_t max, const char *what)
{
    uint8_t irql = nt_thread_self()->irql;

    if (likely(irql <= max))
        return true;
    finding_report("NT-IRQL", "%s called at IRQL %u; it may be called up to %u", what, irql, max);
    return false;
}

int nt_pthread_create(pthread_t *out, void *(*fn)(void *), void *arg)
{
    static const int synchronous[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    sigset_t blocked, before;
    int err;

    sigfillset(&blocked);
    for (size_t i = 0; i < ARRAY_LEN(synchronous); i++)
        sigdelset(&blocked, synchronous[i]);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    err = pthread_create(out, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -err;
}

uint64_t nt_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t nt_system_time(void)
{
    static const uint64_t seconds_1601_to_1970 = 11644473600u;
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ((uint64_t)ts.tv_sec + seconds_1601_to_1970) * 10000000u + (uint64_t)ts.tv_nsec / 100u;
}
