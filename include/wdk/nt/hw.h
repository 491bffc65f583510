/* SPDX-License-Identifier: MIT */
/* Device registers and ports. Inline on x64 Windows: a volatile access, with a full fence after a
 * write. In a Linux build they are calls that go to the simulated device. Count is in elements. */
#pragma once

#include "../ntdef.h"
#include "interlocked.h"

#if defined(_WIN32)
#define WDK_REGISTER(NAME, T)                                                                      \
    FORCEINLINE T READ_REGISTER_##NAME(const volatile T *Register)                                 \
    {                                                                                              \
        KeMemoryBarrierWithoutFence();                                                             \
        T value = *Register;                                                                       \
        KeMemoryBarrierWithoutFence();                                                             \
        return value;                                                                              \
    }                                                                                              \
    FORCEINLINE VOID WRITE_REGISTER_##NAME(volatile T *Register, T Value)                          \
    {                                                                                              \
        *Register = Value;                                                                         \
        KeMemoryBarrier();                                                                         \
    }                                                                                              \
    FORCEINLINE VOID READ_REGISTER_BUFFER_##NAME(const volatile T *Register, T *Buffer,            \
                                                 ULONG Count)                                      \
    {                                                                                              \
        for (ULONG i = 0; i < Count; i++)                                                          \
            Buffer[i] = Register[i];                                                               \
        KeMemoryBarrierWithoutFence();                                                             \
    }                                                                                              \
    FORCEINLINE VOID WRITE_REGISTER_BUFFER_##NAME(volatile T *Register, const T *Buffer,           \
                                                  ULONG Count)                                     \
    {                                                                                              \
        for (ULONG i = 0; i < Count; i++)                                                          \
            Register[i] = Buffer[i];                                                               \
        KeMemoryBarrier();                                                                         \
    }
#define WDK_PORT(NAME, T, SIZE)                                                                    \
    FORCEINLINE T READ_PORT_##NAME(T *Port)                                                        \
    {                                                                                              \
        T value;                                                                                   \
        __asm__ volatile("in" SIZE " %1, %0"                                                       \
                         : "=a"(value)                                                             \
                         : "d"((USHORT)(ULONG_PTR)Port)                                            \
                         : "memory");                                                              \
        return value;                                                                              \
    }                                                                                              \
    FORCEINLINE VOID WRITE_PORT_##NAME(T *Port, T Value)                                           \
    {                                                                                              \
        __asm__ volatile("out" SIZE " %0, %1"                                                      \
                         :                                                                         \
                         : "a"(Value), "d"((USHORT)(ULONG_PTR)Port)                                \
                         : "memory");                                                              \
    }                                                                                              \
    FORCEINLINE VOID READ_PORT_BUFFER_##NAME(T *Port, T *Buffer, ULONG Count)                      \
    {                                                                                              \
        for (ULONG i = 0; i < Count; i++)                                                          \
            Buffer[i] = READ_PORT_##NAME(Port);                                                    \
    }                                                                                              \
    FORCEINLINE VOID WRITE_PORT_BUFFER_##NAME(T *Port, const T *Buffer, ULONG Count)               \
    {                                                                                              \
        for (ULONG i = 0; i < Count; i++)                                                          \
            WRITE_PORT_##NAME(Port, Buffer[i]);                                                    \
    }
#else
#define WDK_REGISTER(NAME, T)                                                                      \
    NTHALAPI T NTAPI READ_REGISTER_##NAME(const volatile T *Register);                             \
    NTHALAPI VOID NTAPI WRITE_REGISTER_##NAME(volatile T *Register, T Value);                      \
    NTHALAPI VOID NTAPI READ_REGISTER_BUFFER_##NAME(const volatile T *Register, T *Buffer,         \
                                                    ULONG Count);                                  \
    NTHALAPI VOID NTAPI WRITE_REGISTER_BUFFER_##NAME(volatile T *Register, const T *Buffer,        \
                                                     ULONG Count);
#define WDK_PORT(NAME, T, SIZE)                                                                    \
    NTHALAPI T NTAPI READ_PORT_##NAME(T *Port);                                                    \
    NTHALAPI VOID NTAPI WRITE_PORT_##NAME(T *Port, T Value);                                       \
    NTHALAPI VOID NTAPI READ_PORT_BUFFER_##NAME(T *Port, T *Buffer, ULONG Count);                  \
    NTHALAPI VOID NTAPI WRITE_PORT_BUFFER_##NAME(T *Port, const T *Buffer, ULONG Count);
#endif

WDK_REGISTER(UCHAR, UCHAR)
WDK_REGISTER(USHORT, USHORT)
WDK_REGISTER(ULONG, ULONG)
WDK_REGISTER(ULONG64, ULONG64)
WDK_PORT(UCHAR, UCHAR, "b")
WDK_PORT(USHORT, USHORT, "w")
WDK_PORT(ULONG, ULONG, "l")
#undef WDK_REGISTER
#undef WDK_PORT
