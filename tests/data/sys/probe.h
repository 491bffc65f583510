/* SPDX-License-Identifier: MIT */
/* What the test images share with the tests: DriverEntry gets this instead of a DRIVER_OBJECT, and
 * fills in what the test then calls. */
#pragma once

#include <wdk/ntddk.h>

enum probe_op {
    PROBE_LOAD8,
    PROBE_LOAD16,
    PROBE_LOAD32,
    PROBE_LOAD64,
    PROBE_LOAD_ZX8,   /* movzx r32, m8 */
    PROBE_LOAD_SX16,  /* movsx r64, m16 */
    PROBE_LOAD_SX32,  /* movsxd r64, m32 */
    PROBE_LOAD_HIGH8, /* mov ah, m8; returns rax */
    PROBE_STORE8,
    PROBE_STORE16,
    PROBE_STORE32,
    PROBE_STORE64,
    PROBE_STORE_IMM32,   /* 0x12345678 */
    PROBE_STORE_INDEXED, /* mov [base + 4*index + 8], r32, index = 2 */
    PROBE_OR32,
    PROBE_AND16_IMM,  /* 0x00f0 */
    PROBE_ADD_TO_REG, /* add r32, m32; the register held `value` */
    PROBE_LOCK_ADD64,
    PROBE_INC8,
    PROBE_NOT32,
    PROBE_NEG32,
    PROBE_XCHG32,
    PROBE_LOCK_XADD32,
    PROBE_LOCK_CMPXCHG32_HIT, /* eax = what is there; returns ZF << 32 | eax */
    PROBE_LOCK_CMPXCHG32_MISS,
    PROBE_TEST32,      /* returns ZF */
    PROBE_CMP32,       /* returns CF | ZF << 1 */
    PROBE_BTS32,       /* bit 3; returns CF */
    PROBE_MOVS_TO,     /* rep movsd of 4 from `value` */
    PROBE_MOVS_FROM,   /* rep movsb of 8 to `value` */
    PROBE_STOS,        /* rep stosd of 4 */
    PROBE_SSE_STORE16, /* movups, bytes at `value` */
    PROBE_SSE_LOAD16,  /* movups, to `value` */
    PROBE_SSE_STORE8,  /* movq */
    PROBE_AVX_STORE32,
    PROBE_AVX_LOAD32,
    PROBE_READ_CR8,
    PROBE_WRITE_CR8,
    PROBE_CLI_STI,
    PROBE_RDMSR,
    PROBE_IN8,
    PROBE_INT3,
    PROBE_INT2C,
    PROBE_FASTFAIL,
    PROBE_UD2,
    PROBE_DIVIDE,           /* by `value` */
    PROBE_JUMP,             /* calls the address */
    PROBE_PROCESSOR_NUMBER, /* gs:[0x184] */
    PROBE_CURRENT_THREAD,   /* gs:[0x188] */
    PROBE_HANG_DEPTH        /* recursion until the stack ends */
};

struct probe {
    ULONG64(NTAPI *run)(enum probe_op op, PVOID address, ULONG64 value);
    ULONG64(NTAPI *call_missing)(void);
    ULONG64(NTAPI *cookie)(void);
    PVOID data, code; /* a writable variable; a function */
    ULONG relocated_ok;
};
