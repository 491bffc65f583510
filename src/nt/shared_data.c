/* SPDX-License-Identifier: MIT */
/*
 * The page that old inline functions of the WDK read time and version from (KUSER_SHARED_DATA in
 * ntddk.h's documentation). The address is not mappable in user mode, so each read faults and ends
 * here.
 */
#include "nt/insn.h"
#include "nt/processor.h"

#include <wdk/ntddk.h>

/* Offsets in KUSER_SHARED_DATA. Times are KSYSTEM_TIME: low, high, high again. */
enum {
    TICK_COUNT_LOW = 0x0,
    TICK_COUNT_MULTIPLIER = 0x4,
    INTERRUPT_TIME = 0x8,
    SYSTEM_TIME = 0x14,
    SYSTEM_ROOT = 0x30,
    BUILD_NUMBER = 0x260,
    PRODUCT_TYPE = 0x264,
    PRODUCT_TYPE_VALID = 0x268,
    MAJOR_VERSION = 0x26c,
    MINOR_VERSION = 0x270,
    TICK_COUNT = 0x320
};
enum { TICK_100NS = 156250, TICKS_MULTIPLIER = 0x0fa00000, BUILD = 19041, WORKSTATION = 1 };

static void put_u32(uint8_t *page, uint32_t offset, uint32_t value)
{
    memcpy(page + offset, &value, sizeof value);
}

static void put_time(uint8_t *page, uint32_t offset, uint64_t value)
{
    put_u32(page, offset, (uint32_t)value);
    put_u32(page, offset + 4, (uint32_t)(value >> 32));
    put_u32(page, offset + 8, (uint32_t)(value >> 32));
}

void shared_data_read(uint32_t offset, void *out, uint32_t bytes)
{
    static const uint16_t root[] = {'C', ':', '\\', 'W', 'i', 'n', 'd', 'o', 'w', 's', 0};
    uint8_t page[TICK_COUNT + 16] = {0};
    uint64_t interrupt_time = nt_now_ns() / 100;

    put_u32(page, TICK_COUNT_LOW, (uint32_t)(interrupt_time / TICK_100NS));
    put_u32(page, TICK_COUNT_MULTIPLIER, TICKS_MULTIPLIER);
    put_time(page, INTERRUPT_TIME, interrupt_time);
    put_time(page, SYSTEM_TIME, nt_system_time());
    memcpy(page + SYSTEM_ROOT, root, sizeof root);
    put_u32(page, BUILD_NUMBER, BUILD);
    put_u32(page, PRODUCT_TYPE, WORKSTATION);
    page[PRODUCT_TYPE_VALID] = 1;
    put_u32(page, MAJOR_VERSION, 10);
    put_time(page, TICK_COUNT, interrupt_time / TICK_100NS);
    memset(out, 0, bytes);
    if (offset < sizeof page)
        memcpy(out, page + offset, MIN_OF(bytes, (uint32_t)sizeof page - offset));
}
