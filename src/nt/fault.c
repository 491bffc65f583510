/* SPDX-License-Identifier: MIT */
/*
 * The fault handler. In this order a fault is: an access to a device or to the shared user data,
 * carried out and over; an instruction that kernel mode may run, carried out and over; a fault of
 * driver code, reported, then the recovery point or the end; somebody else's, for the handler that
 * was there before.
 */
#include "nt/finding.h"
#include "nt/image.h"
#include "nt/insn.h"
#include "nt/processor.h"

#include <asm/prctl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { STACK_BYTES = 512 << 10, GUARD_BYTES = 4096, EXIT_DRIVER_FAULT = 70, FRAMES_SEARCHED = 512 };
enum { ERROR_WRITE = 2, ERROR_FETCH = 16 };

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};

struct recovery {
    sigjmp_buf env;
    struct recovery *outer;
};

static __thread struct recovery *recovery;
static struct sigaction previous[ARRAY_LEN(signals)];
static pthread_key_t stack_key;

struct fault_stack {
    stack_t before;
    void *memory;
};

static void stack_gone(void *arg)
{
    struct fault_stack *s = arg;

    sigaltstack(&s->before, NULL);
    munmap(s->memory, STACK_BYTES + GUARD_BYTES);
    free(s);
}

static void make_key(void)
{
    invariant(pthread_key_create(&stack_key, stack_gone) == 0);
}

/* Device callbacks run on it: a doorbell may carry frames through to the wire. */
static void thread_stack(void)
{
    static pthread_once_t key_once = PTHREAD_ONCE_INIT;
    struct fault_stack *s;
    stack_t stack = {.ss_size = STACK_BYTES};

    pthread_once(&key_once, make_key);
    if (pthread_getspecific(stack_key))
        return;
    s = calloc(1, sizeof *s);
    invariant(s);
    s->memory = mmap(NULL, STACK_BYTES + GUARD_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    invariant(s->memory != MAP_FAILED && mprotect(s->memory, GUARD_BYTES, PROT_NONE) == 0);
    stack.ss_sp = (char *)s->memory + GUARD_BYTES;
    invariant(sigaltstack(&stack, &s->before) == 0 && pthread_setspecific(stack_key, s) == 0);
}

void nt_gs_set(void *kpcr)
{
    invariant(syscall(SYS_arch_prctl, ARCH_SET_GS, kpcr) == 0);
    thread_stack();
}

bool nt_fault_protect(void (*fn)(void *arg), void *arg)
{
    struct nt_thread *t = nt_thread_self();
    const struct nt_thread before = *t;
    struct recovery point;
    bool returned;

    point.outer = recovery;
    if (sigsetjmp(point.env, 0) == 0) {
        recovery = &point;
        fn(arg);
        returned = true;
    } else {
        t = nt_thread_self();
        t->irql = before.irql;
        t->locks_held = before.locks_held;
        t->owner = before.owner;
        returned = false;
    }
    recovery = point.outer;
    return returned;
}

void nt_fault_give_up(const char *line)
{
    if (recovery)
        siglongjmp(recovery->env, 1);
    fprintf(stderr, "longshore: driver stopped: %s\n", line);
    fflush(NULL);
    _exit(EXIT_DRIVER_FAULT);
}

/* What the processor objected to. */
static void describe(int sig, const siginfo_t *info, const ucontext_t *uc, char *out, size_t size)
{
    unsigned long long address = (uintptr_t)info->si_addr;
    greg_t error = uc->uc_mcontext.gregs[REG_ERR];

    if (sig == SIGILL)
        snprintf(out, size, "invalid instruction");
    else if (sig == SIGFPE)
        snprintf(out, size,
                 info->si_code == FPE_INTDIV ? "division by zero" : "arithmetic exception");
    else if (sig == SIGTRAP)
        snprintf(out, size, "debug exception");
    else if (info->si_code == SI_KERNEL)
        snprintf(out, size, "instruction or address (not canonical) that is not allowed");
    else
        snprintf(out, size, "%s 0x%llx, %s",
                 error & ERROR_FETCH   ? "jumps to"
                 : error & ERROR_WRITE ? "writes to"
                                       : "reads from",
                 address,
                 info->si_code == SEGV_ACCERR ? "which does not allow that" : "where nothing is");
}

__attribute__((noreturn)) static void driver_fault(const struct nt_image *image, uintptr_t rip,
                                                   const char *what)
{
    uintptr_t rva = rip - nt_image_base(image);
    const struct nt_function_range *f = nt_image_function(image, (uint32_t)rva);
    char text[96], function[40] = "", line[320];

    insn_text(insn_at(rip), text, sizeof text);
    if (f)
        snprintf(function, sizeof function, ", in the function at +0x%x", f->begin);
    snprintf(line, sizeof line, "%s+0x%llx: %s: %s%s", nt_image_name(image),
             (unsigned long long)rva, text, what, function);
    finding_report("NT-FAULT", "%s", line);
    nt_fault_give_up(line);
}

/* The image that a function outside it, which faulted, was called from: the innermost address of an
 * image on the stack. A guess, and worded so. */
static const struct nt_image *find_caller(const ucontext_t *uc, uintptr_t *address)
{
    uintptr_t words[FRAMES_SEARCHED];
    uintptr_t from = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
    size_t count = FRAMES_SEARCHED;

    while (count >= 8 && !insn_memory_copy(words, (void *)from, count * sizeof *words, true))
        count /= 2;
    for (size_t n = 0; count >= 8 && n < count; n++) {
        const struct nt_image *image = nt_image_at(words[n]);

        if (image) {
            *address = words[n];
            return image;
        }
    }
    return NULL;
}

static void outside_fault(const ucontext_t *uc, const char *what)
{
    unsigned long long rip = (unsigned long long)uc->uc_mcontext.gregs[REG_RIP];
    uintptr_t address = 0;
    const struct nt_image *image = find_caller(uc, &address);
    char line[320];

    if (image)
        snprintf(line, sizeof line, "0x%llx, called from %s+0x%llx: %s", rip, nt_image_name(image),
                 (unsigned long long)(address - nt_image_base(image)), what);
    else
        snprintf(line, sizeof line, "0x%llx: %s", rip, what);
    if (image || recovery)
        finding_report("NT-FAULT", "%s", line);
    if (recovery)
        nt_fault_give_up(line);
}

/* As if ours were not there. */
static void chain(int sig, siginfo_t *info, void *context)
{
    size_t n = 0;

    while (signals[n] != sig)
        n++;
    if (previous[n].sa_flags & SA_SIGINFO) {
        previous[n].sa_sigaction(sig, info, context);
    } else if (previous[n].sa_handler != SIG_DFL && previous[n].sa_handler != SIG_IGN) {
        previous[n].sa_handler(sig);
    } else {
        /* The instruction runs again and ends the process; a signal that was sent is sent again. */
        signal(sig, SIG_DFL);
        if (info->si_code <= 0)
            raise(sig);
    }
}

/* int3 and int 1: RIP is behind it. */
static bool breakpoint(const siginfo_t *info, const ucontext_t *uc)
{
    uintptr_t at = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP] - 1;
    const struct nt_image *image = nt_image_at(at);

    if (!image || (info->si_code != SI_KERNEL && info->si_code != TRAP_BRKPT))
        return false;
    finding_report("NT-BREAKPOINT", "%s+0x%llx: breakpoint", nt_image_name(image),
                   (unsigned long long)(at - nt_image_base(image)));
    return true;
}

static bool carry_out(const siginfo_t *info, ucontext_t *uc, const struct nt_image *image)
{
    uintptr_t rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    struct insn *i;

    /* A jump to nowhere has no instruction. */
    if (info->si_code != SI_KERNEL &&
        ((uintptr_t)info->si_addr == rip || (uc->uc_mcontext.gregs[REG_ERR] & ERROR_FETCH)))
        return false;
    i = insn_at(rip);
    return insn_emulate_memory(i, uc) || (image && insn_emulate_privileged(i, uc, image));
}

static void handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    uintptr_t rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    const struct nt_image *image = nt_image_at(rip);
    int saved_errno = errno;
    bool done = false;
    char what[160];

    if (info->si_code > 0) {
        if (sig == SIGSEGV || sig == SIGBUS)
            done = carry_out(info, uc, image);
        else if (sig == SIGTRAP)
            done = breakpoint(info, uc);
        if (!done) {
            describe(sig, info, uc, what, sizeof what);
            if (image)
                driver_fault(image, rip, what);
            outside_fault(uc, what);
        }
    }
    if (!done)
        chain(sig, info, context);
    errno = saved_errno;
}

/* Again if another handler has taken the place since: it is then the one before ours. */
static int install(void)
{
    /* Not masked while it runs: a fault inside is a bug of ours, which the previous handler should
     * get to see. */
    const struct sigaction ours = {.sa_sigaction = handler,
                                   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    for (size_t n = 0; n < ARRAY_LEN(signals); n++) {
        struct sigaction now;

        if (sigaction(signals[n], NULL, &now) != 0)
            return -errno;
        if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handler)
            continue;
        previous[n] = now;
        if (sigaction(signals[n], &ours, NULL) != 0)
            return -errno;
    }
    return 0;
}

int nt_fault_install(struct why *why)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int err;

    pthread_once(&once, vector_init);
    thread_stack();
    pthread_mutex_lock(&lock);
    err = install();
    pthread_mutex_unlock(&lock);
    return err ? why_set(why, err, "fault handler: %s", strerror(-err)) : 0;
}
