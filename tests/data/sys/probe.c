/* SPDX-License-Identifier: MIT */
/* An image that can run every instruction the fault handler has to carry out. */
#include "probe.h"

/* What no runtime provides. */
DECLSPEC_IMPORT ULONG64 NTAPI LongshoreTestMissingFunction(ULONG64 a, ULONG64 b);

ULONG64 __security_cookie = 0x00002b992ddfa232ull;
static int variable = 7;
static int *pointer_to_variable = &variable; /* a relocation */
volatile int depth_sink;

/* The load configuration as far as the cookie ("Load Configuration Layout"). */
struct load_config {
    ULONG size, stamp;
    UCHAR unused[80];
    ULONG64 *cookie;
};
__attribute__((used)) const struct load_config _load_config_used = {
    .size = sizeof(struct load_config), .cookie = &__security_cookie};

static ULONG64 NTAPI call_missing(void)
{
    return LongshoreTestMissingFunction(1, 2);
}

static ULONG64 NTAPI cookie(void)
{
    return *(volatile ULONG64 *)&__security_cookie;
}

__attribute__((noinline)) static int recurse(int n)
{
    volatile char big[2048];

    big[n % 2048] = (char)n;
    return depth_sink ? 0 : recurse(n + 1) + big[n % 2048];
}

#define A   "r"(address)
#define MEM "memory", "cc"

static ULONG64 load(enum probe_op op, PVOID address, ULONG64 value)
{
    ULONG64 r = 0;

    switch (op) {
    case PROBE_LOAD8:
        r = value;
        __asm__ volatile("movb (%1), %b0" : "+q"(r) : A : MEM);
        break;
    case PROBE_LOAD16:
        r = value;
        __asm__ volatile("movw (%1), %w0" : "+r"(r) : A : MEM);
        break;
    case PROBE_LOAD32:
        r = value;
        __asm__ volatile("movl (%1), %k0" : "+r"(r) : A : MEM);
        break;
    case PROBE_LOAD64:
        __asm__ volatile("movq (%1), %0" : "=r"(r) : A : MEM);
        break;
    case PROBE_LOAD_ZX8:
        __asm__ volatile("movzbl (%1), %k0" : "=r"(r) : A : MEM);
        break;
    case PROBE_LOAD_SX16:
        __asm__ volatile("movswq (%1), %0" : "=r"(r) : A : MEM);
        break;
    case PROBE_LOAD_SX32:
        __asm__ volatile("movslq (%1), %0" : "=r"(r) : A : MEM);
        break;
    case PROBE_LOAD_HIGH8:
        r = value;
        __asm__ volatile("movb (%1), %%ah" : "+a"(r) : "d"(address) : MEM);
        break;
    case PROBE_ADD_TO_REG:
        r = value;
        __asm__ volatile("addl (%1), %k0" : "+r"(r) : A : MEM);
        break;
    default:
        break;
    }
    return r;
}

static void store(enum probe_op op, PVOID address, ULONG64 value)
{
    switch (op) {
    case PROBE_STORE8:
        __asm__ volatile("movb %b1, (%0)" : : A, "q"(value) : MEM);
        break;
    case PROBE_STORE16:
        __asm__ volatile("movw %w1, (%0)" : : A, "r"(value) : MEM);
        break;
    case PROBE_STORE32:
        __asm__ volatile("movl %k1, (%0)" : : A, "r"(value) : MEM);
        break;
    case PROBE_STORE64:
        __asm__ volatile("movq %1, (%0)" : : A, "r"(value) : MEM);
        break;
    case PROBE_STORE_IMM32:
        __asm__ volatile("movl $0x12345678, (%0)" : : A : MEM);
        break;
    case PROBE_STORE_INDEXED:
        __asm__ volatile("movl %k1, 8(%0,%2,4)" : : A, "r"(value), "r"(2ull) : MEM);
        break;
    case PROBE_OR32:
        __asm__ volatile("orl %k1, (%0)" : : A, "r"(value) : MEM);
        break;
    case PROBE_AND16_IMM:
        __asm__ volatile("andw $0x00f0, (%0)" : : A : MEM);
        break;
    case PROBE_LOCK_ADD64:
        __asm__ volatile("lock addq %1, (%0)" : : A, "r"(value) : MEM);
        break;
    case PROBE_INC8:
        __asm__ volatile("incb (%0)" : : A : MEM);
        break;
    case PROBE_NOT32:
        __asm__ volatile("notl (%0)" : : A : MEM);
        break;
    case PROBE_NEG32:
        __asm__ volatile("negl (%0)" : : A : MEM);
        break;
    default:
        break;
    }
}

static ULONG64 modify(enum probe_op op, PVOID address, ULONG64 value)
{
    ULONG64 r = value;
    UCHAR zero = 0, carry = 0;

    switch (op) {
    case PROBE_XCHG32:
        __asm__ volatile("xchgl %k0, (%1)" : "+r"(r) : A : MEM);
        break;
    case PROBE_LOCK_XADD32:
        __asm__ volatile("lock xaddl %k0, (%1)" : "+r"(r) : A : MEM);
        break;
    case PROBE_LOCK_CMPXCHG32_HIT:
    case PROBE_LOCK_CMPXCHG32_MISS:
        r = value >> 32;
        __asm__ volatile("lock cmpxchgl %k3, (%2)\n\tsetz %b1"
                         : "+a"(r), "+q"(zero)
                         : "r"(address), "r"(value & 0xffffffff)
                         : MEM);
        r = (r & 0xffffffff) | (ULONG64)zero << 32;
        break;
    case PROBE_TEST32:
        __asm__ volatile("testl %k2, (%1)\n\tsetz %b0" : "+q"(zero) : A, "r"(value) : MEM);
        r = zero;
        break;
    case PROBE_CMP32:
        __asm__ volatile("cmpl %k3, (%2)\n\tsetz %b0\n\tsetc %b1"
                         : "+q"(zero), "+q"(carry)
                         : "r"(address), "r"(value)
                         : MEM);
        r = carry | (ULONG64)zero << 1;
        break;
    case PROBE_BTS32:
        __asm__ volatile("btsl $3, (%1)\n\tsetc %b0" : "+q"(carry) : A : MEM);
        r = carry;
        break;
    default:
        break;
    }
    return r;
}

static void block(enum probe_op op, PVOID address, ULONG64 value)
{
    ULONG64 other = value, count = 4;
    PVOID to = address;

    switch (op) {
    case PROBE_MOVS_TO:
        __asm__ volatile("rep movsl" : "+D"(to), "+S"(other), "+c"(count) : : MEM);
        break;
    case PROBE_MOVS_FROM:
        count = 8;
        __asm__ volatile("rep movsb" : "+D"(other), "+S"(to), "+c"(count) : : MEM);
        break;
    case PROBE_STOS:
        __asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(value) : MEM);
        break;
    case PROBE_SSE_STORE16:
        __asm__ volatile("movups (%1), %%xmm6\n\tmovups %%xmm6, (%0)"
                         :
                         : A, "r"(value)
                         : MEM, "xmm6");
        break;
    case PROBE_SSE_LOAD16:
        __asm__ volatile("movups (%0), %%xmm7\n\tmovups %%xmm7, (%1)"
                         :
                         : A, "r"(value)
                         : MEM, "xmm7");
        break;
    case PROBE_SSE_STORE8:
        __asm__ volatile("movq (%1), %%xmm1\n\tmovq %%xmm1, (%0)" : : A, "r"(value) : MEM, "xmm1");
        break;
    case PROBE_AVX_STORE32:
        __asm__ volatile("vmovdqu (%1), %%ymm2\n\tvmovdqu %%ymm2, (%0)\n\tvzeroupper"
                         :
                         : A, "r"(value)
                         : MEM, "xmm2");
        break;
    case PROBE_AVX_LOAD32:
        __asm__ volatile("vzeroupper\n\tvmovdqu (%0), %%ymm3\n\tvmovdqu %%ymm3, (%1)\n\tvzeroupper"
                         :
                         : A, "r"(value)
                         : MEM, "xmm3");
        break;
    default:
        break;
    }
}

static ULONG64 privileged(enum probe_op op, PVOID address, ULONG64 value)
{
    ULONG64 r = 0;
    ULONG low = 1, high = 1;
    UCHAR byte = 0;

    switch (op) {
    case PROBE_READ_CR8:
        __asm__ volatile("mov %%cr8, %0" : "=r"(r));
        break;
    case PROBE_WRITE_CR8:
        __asm__ volatile("mov %0, %%cr8" : : "r"(value) : MEM);
        break;
    case PROBE_CLI_STI:
        __asm__ volatile("cli\n\tpushfq\n\tpopq %0\n\tsti" : "=r"(r) : : MEM);
        break;
    case PROBE_RDMSR:
        __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"((ULONG)value));
        r = low | (ULONG64)high << 32;
        break;
    case PROBE_IN8:
        __asm__ volatile("inb %%dx, %0" : "=a"(byte) : "d"((USHORT)value));
        r = byte;
        break;
    case PROBE_INT3:
        __asm__ volatile("int3");
        break;
    case PROBE_INT2C:
        __asm__ volatile("int $0x2c");
        break;
    case PROBE_FASTFAIL:
        __asm__ volatile("int $0x29" : : "c"((ULONG)value));
        break;
    case PROBE_UD2:
        __asm__ volatile("ud2");
        break;
    case PROBE_DIVIDE:
        __asm__ volatile("xorl %%edx, %%edx\n\tmovl $100, %%eax\n\tdivl %k1"
                         : "=&a"(r)
                         : "r"(value)
                         : "rdx", "cc");
        break;
    case PROBE_JUMP:
        ((void(NTAPI *)(void))address)();
        break;
    case PROBE_PROCESSOR_NUMBER:
        __asm__ volatile("movl %%gs:0x184, %k0" : "=r"(r));
        break;
    case PROBE_CURRENT_THREAD:
        __asm__ volatile("movq %%gs:0x188, %0" : "=r"(r));
        break;
    case PROBE_HANG_DEPTH:
        r = (ULONG64)recurse(0);
        break;
    default:
        break;
    }
    return r;
}

static ULONG64 NTAPI run(enum probe_op op, PVOID address, ULONG64 value)
{
    if (op <= PROBE_LOAD_HIGH8 || op == PROBE_ADD_TO_REG)
        return load(op, address, value);
    if (op <= PROBE_NEG32)
        store(op, address, value);
    else if (op <= PROBE_BTS32)
        return modify(op, address, value);
    else if (op <= PROBE_AVX_LOAD32)
        block(op, address, value);
    else
        return privileged(op, address, value);
    return 0;
}

NTSTATUS NTAPI DriverEntry(struct probe *p, PVOID unused)
{
    KIRQL irql = KeGetCurrentIrql(); /* inline: mov from cr8 */

    (void)unused;
    DbgPrint("probe at IRQL %u\n", irql);
    p->run = run;
    p->call_missing = call_missing;
    p->cookie = cookie;
    p->data = &variable;
    p->code = (PVOID)(ULONG_PTR)run;
    p->relocated_ok = pointer_to_variable == &variable && *pointer_to_variable == 7;
    return irql == PASSIVE_LEVEL ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
