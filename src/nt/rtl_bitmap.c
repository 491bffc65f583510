/* SPDX-License-Identifier: MIT */
/* Bitmaps in the caller's buffer. A range that leaves the bitmap is a finding and touches nothing.
 */
#include "nt/export.h"
#include "nt/finding.h"

#include <wdk/ntddk.h>

static bool inside(const RTL_BITMAP *b, ULONG start, ULONG count, const char *what)
{
    if (start <= b->SizeOfBitMap && count <= b->SizeOfBitMap - start)
        return true;
    finding_report("NT-BITMAP", "%s: bits %u to %u of a bitmap of %u", what, start, start + count,
                   b->SizeOfBitMap);
    return false;
}

static bool get(const RTL_BITMAP *b, ULONG bit)
{
    return (b->Buffer[bit / 32] >> bit % 32 & 1) != 0;
}

static void put(const RTL_BITMAP *b, ULONG start, ULONG count, bool set)
{
    for (ULONG bit = start; count != 0; count--, bit++) {
        ULONG mask = 1u << bit % 32;

        b->Buffer[bit / 32] = set ? b->Buffer[bit / 32] | mask : b->Buffer[bit / 32] & ~mask;
    }
}

VOID NTAPI RtlInitializeBitMap(PRTL_BITMAP BitMap, PULONG Buffer, ULONG SizeOfBitMap)
{
    BitMap->Buffer = Buffer;
    BitMap->SizeOfBitMap = SizeOfBitMap;
}
NT_EXPORT(RtlInitializeBitMap);

VOID NTAPI RtlClearAllBits(PRTL_BITMAP BitMap)
{
    memset(BitMap->Buffer, 0, ((size_t)BitMap->SizeOfBitMap + 31) / 32 * 4);
}
NT_EXPORT(RtlClearAllBits);

VOID NTAPI RtlSetAllBits(PRTL_BITMAP BitMap)
{
    memset(BitMap->Buffer, 0xff, ((size_t)BitMap->SizeOfBitMap + 31) / 32 * 4);
}
NT_EXPORT(RtlSetAllBits);

VOID NTAPI RtlSetBit(PRTL_BITMAP BitMap, ULONG BitNumber)
{
    if (inside(BitMap, BitNumber, 1, "RtlSetBit"))
        put(BitMap, BitNumber, 1, true);
}
NT_EXPORT(RtlSetBit);

VOID NTAPI RtlClearBit(PRTL_BITMAP BitMap, ULONG BitNumber)
{
    if (inside(BitMap, BitNumber, 1, "RtlClearBit"))
        put(BitMap, BitNumber, 1, false);
}
NT_EXPORT(RtlClearBit);

BOOLEAN NTAPI RtlTestBit(PRTL_BITMAP BitMap, ULONG BitNumber)
{
    return inside(BitMap, BitNumber, 1, "RtlTestBit") && get(BitMap, BitNumber);
}
NT_EXPORT(RtlTestBit);

VOID NTAPI RtlSetBits(PRTL_BITMAP BitMap, ULONG StartingIndex, ULONG NumberToSet)
{
    if (inside(BitMap, StartingIndex, NumberToSet, "RtlSetBits"))
        put(BitMap, StartingIndex, NumberToSet, true);
}
NT_EXPORT(RtlSetBits);

VOID NTAPI RtlClearBits(PRTL_BITMAP BitMap, ULONG StartingIndex, ULONG NumberToClear)
{
    if (inside(BitMap, StartingIndex, NumberToClear, "RtlClearBits"))
        put(BitMap, StartingIndex, NumberToClear, false);
}
NT_EXPORT(RtlClearBits);

/* First run of clear bits that starts in [from, to); MAXULONG if none. */
static ULONG find(const RTL_BITMAP *b, ULONG count, ULONG from, ULONG to)
{
    ULONG run = 0;

    for (ULONG bit = from; bit < b->SizeOfBitMap; bit++) {
        run = get(b, bit) ? 0 : run + 1;
        if (run == count && bit - count + 1 < to)
            return bit - count + 1;
        if (run == 0 && bit >= to)
            break;
    }
    return MAXULONG;
}

/* From the hint to the end, then from the start. */
ULONG NTAPI RtlFindClearBits(PRTL_BITMAP BitMap, ULONG NumberToFind, ULONG HintIndex)
{
    ULONG at;

    if (HintIndex >= BitMap->SizeOfBitMap)
        HintIndex = 0;
    if (NumberToFind == 0)
        return HintIndex;
    at = find(BitMap, NumberToFind, HintIndex, BitMap->SizeOfBitMap);
    return at == MAXULONG && HintIndex ? find(BitMap, NumberToFind, 0, HintIndex) : at;
}
NT_EXPORT(RtlFindClearBits);

ULONG NTAPI RtlFindClearBitsAndSet(PRTL_BITMAP BitMap, ULONG NumberToFind, ULONG HintIndex)
{
    ULONG at = RtlFindClearBits(BitMap, NumberToFind, HintIndex);

    if (at != MAXULONG)
        put(BitMap, at, NumberToFind, true);
    return at;
}
NT_EXPORT(RtlFindClearBitsAndSet);

ULONG NTAPI RtlNumberOfSetBits(PRTL_BITMAP BitMap)
{
    ULONG count = 0;

    for (ULONG bit = 0; bit < BitMap->SizeOfBitMap; bit++)
        count += get(BitMap, bit);
    return count;
}
NT_EXPORT(RtlNumberOfSetBits);
