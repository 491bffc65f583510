/* SPDX-License-Identifier: MIT */
/* Sums, differences and products of unsigned integers that say when they do not fit: for each of
 * the types below, the three functions of the ntintsafe.h pages. */
#pragma once

#include "ntdef.h"
#include "ntstatus.h"

#define INTSAFE_(Name, Type)                                                                       \
    FORCEINLINE NTSTATUS Rtl##Name##Add(Type a, Type b, Type *sum)                                 \
    {                                                                                              \
        *sum = (Type)(a + b);                                                                      \
        return *sum < a ? STATUS_INTEGER_OVERFLOW : STATUS_SUCCESS;                                \
    }                                                                                              \
    FORCEINLINE NTSTATUS Rtl##Name##Sub(Type a, Type b, Type *difference)                          \
    {                                                                                              \
        *difference = (Type)(a - b);                                                               \
        return a < b ? STATUS_INTEGER_OVERFLOW : STATUS_SUCCESS;                                   \
    }                                                                                              \
    FORCEINLINE NTSTATUS Rtl##Name##Mult(Type a, Type b, Type *product)                            \
    {                                                                                              \
        *product = (Type)((ULONGLONG)a * b);                                                       \
        return a != 0 && (Type)(*product / a) != b ? STATUS_INTEGER_OVERFLOW : STATUS_SUCCESS;     \
    }

INTSAFE_(UShort, USHORT)
INTSAFE_(UInt, UINT)
INTSAFE_(ULong, ULONG)
INTSAFE_(ULongLong, ULONGLONG)
INTSAFE_(ULongPtr, ULONG_PTR)
INTSAFE_(SizeT, SIZE_T)
#undef INTSAFE_
