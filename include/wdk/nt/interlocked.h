/* SPDX-License-Identifier: MIT */
/* Interlocked operations and barriers. Inline on x64 Windows as well, so no import stands behind
 * them; every read-modify-write is a full barrier. */
#pragma once

#include "../ntdef.h"

/* One width: S is the suffix of the Microsoft names, T the operand. Increment, Decrement and Add
 * return the new value, all others the old one. */
#define WDK_INTERLOCKED_FAMILY(S, T)                                                               \
    FORCEINLINE T InterlockedIncrement##S(volatile T *target)                                      \
    {                                                                                              \
        return __atomic_add_fetch(target, 1, __ATOMIC_SEQ_CST);                                    \
    }                                                                                              \
    FORCEINLINE T InterlockedDecrement##S(volatile T *target)                                      \
    {                                                                                              \
        return __atomic_sub_fetch(target, 1, __ATOMIC_SEQ_CST);                                    \
    }                                                                                              \
    FORCEINLINE T InterlockedAdd##S(volatile T *target, T value)                                   \
    {                                                                                              \
        return __atomic_add_fetch(target, value, __ATOMIC_SEQ_CST);                                \
    }                                                                                              \
    FORCEINLINE T InterlockedExchangeAdd##S(volatile T *target, T value)                           \
    {                                                                                              \
        return __atomic_fetch_add(target, value, __ATOMIC_SEQ_CST);                                \
    }                                                                                              \
    FORCEINLINE T InterlockedExchange##S(volatile T *target, T value)                              \
    {                                                                                              \
        return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);                               \
    }                                                                                              \
    FORCEINLINE T InterlockedCompareExchange##S(volatile T *target, T value, T expected)           \
    {                                                                                              \
        __atomic_compare_exchange_n(target, &expected, value, 0, __ATOMIC_SEQ_CST,                 \
                                    __ATOMIC_SEQ_CST);                                             \
        return expected;                                                                           \
    }                                                                                              \
    FORCEINLINE T InterlockedOr##S(volatile T *target, T value)                                    \
    {                                                                                              \
        return __atomic_fetch_or(target, value, __ATOMIC_SEQ_CST);                                 \
    }                                                                                              \
    FORCEINLINE T InterlockedAnd##S(volatile T *target, T value)                                   \
    {                                                                                              \
        return __atomic_fetch_and(target, value, __ATOMIC_SEQ_CST);                                \
    }                                                                                              \
    FORCEINLINE T InterlockedXor##S(volatile T *target, T value)                                   \
    {                                                                                              \
        return __atomic_fetch_xor(target, value, __ATOMIC_SEQ_CST);                                \
    }                                                                                              \
    FORCEINLINE T ReadNoFence##S(const volatile T *source)                                         \
    {                                                                                              \
        return __atomic_load_n(source, __ATOMIC_RELAXED);                                          \
    }                                                                                              \
    FORCEINLINE T ReadAcquire##S(const volatile T *source)                                         \
    {                                                                                              \
        return __atomic_load_n(source, __ATOMIC_ACQUIRE);                                          \
    }                                                                                              \
    FORCEINLINE VOID WriteNoFence##S(volatile T *target, T value)                                  \
    {                                                                                              \
        __atomic_store_n(target, value, __ATOMIC_RELAXED);                                         \
    }                                                                                              \
    FORCEINLINE VOID WriteRelease##S(volatile T *target, T value)                                  \
    {                                                                                              \
        __atomic_store_n(target, value, __ATOMIC_RELEASE);                                         \
    }

WDK_INTERLOCKED_FAMILY(, LONG)
WDK_INTERLOCKED_FAMILY(64, LONG64)
WDK_INTERLOCKED_FAMILY(16, SHORT)
#undef WDK_INTERLOCKED_FAMILY

FORCEINLINE PVOID InterlockedExchangePointer(PVOID volatile *target, PVOID value)
{
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

FORCEINLINE PVOID InterlockedCompareExchangePointer(PVOID volatile *target, PVOID value,
                                                    PVOID expected)
{
    __atomic_compare_exchange_n(target, &expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}

FORCEINLINE PVOID ReadPointerNoFence(PVOID const volatile *source)
{
    return __atomic_load_n(source, __ATOMIC_RELAXED);
}

FORCEINLINE PVOID ReadPointerAcquire(PVOID const volatile *source)
{
    return __atomic_load_n(source, __ATOMIC_ACQUIRE);
}

FORCEINLINE VOID WritePointerNoFence(PVOID volatile *target, PVOID value)
{
    __atomic_store_n(target, value, __ATOMIC_RELAXED);
}

FORCEINLINE VOID WritePointerRelease(PVOID volatile *target, PVOID value)
{
    __atomic_store_n(target, value, __ATOMIC_RELEASE);
}

/* The previous value of the bit. */
FORCEINLINE UCHAR InterlockedBitTestAndSet(volatile LONG *base, LONG bit)
{
    ULONG mask = 1U << (bit & 31);

    return (UCHAR)((__atomic_fetch_or((volatile ULONG *)base, mask, __ATOMIC_SEQ_CST) & mask) != 0);
}

FORCEINLINE UCHAR InterlockedBitTestAndReset(volatile LONG *base, LONG bit)
{
    ULONG mask = 1U << (bit & 31);

    return (
        UCHAR)((__atomic_fetch_and((volatile ULONG *)base, ~mask, __ATOMIC_SEQ_CST) & mask) != 0);
}

/* Index of the lowest (highest) set bit; 0 if there is none, and then *index is untouched. */
FORCEINLINE UCHAR BitScanForward(PULONG index, ULONG mask)
{
    if (mask == 0)
        return 0;
    *index = (ULONG)__builtin_ctz((unsigned int)mask);
    return 1;
}

FORCEINLINE UCHAR BitScanReverse(PULONG index, ULONG mask)
{
    if (mask == 0)
        return 0;
    *index = 31U - (ULONG)__builtin_clz((unsigned int)mask);
    return 1;
}

FORCEINLINE VOID KeMemoryBarrier(VOID)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

FORCEINLINE VOID KeMemoryBarrierWithoutFence(VOID)
{
    __asm__ volatile("" ::: "memory");
}

FORCEINLINE VOID YieldProcessor(VOID)
{
    __asm__ volatile("pause" ::: "memory");
}

FORCEINLINE ULONG64 ReadTimeStampCounter(VOID)
{
    return __builtin_ia32_rdtsc();
}

#define MemoryBarrier() KeMemoryBarrier()
