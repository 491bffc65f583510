/* SPDX-License-Identifier: MIT */
/*
 * One instruction at which a thread faulted: decoded once (insn.c), then carried out on the
 * thread's saved registers: loads and stores that touch device registers or the shared user data
 * page (emulate.c, vector.c), and instructions that only kernel mode may run (privileged.c). All of
 * it runs inside the fault handler: no allocation, no locks but the device's own.
 */
#pragma once

#include "base/base.h"

#include <sys/ucontext.h>

struct nt_image;

enum insn_kind {
    INSN_OTHER, /* not one that we carry out */
    INSN_LOAD,
    INSN_STORE,
    INSN_ALU_TO_MEMORY, /* op memory, reg or immediate; also cmp and test */
    INSN_ALU_TO_REGISTER,
    INSN_UNARY, /* inc, dec, neg, not */
    INSN_BIT,
    INSN_XCHG,
    INSN_XADD,
    INSN_CMPXCHG,
    INSN_MOVS,
    INSN_STOS,
    INSN_LODS,
    INSN_VECTOR_LOAD,
    INSN_VECTOR_STORE,
    INSN_PRIVILEGED
};

enum { INSN_BYTES_MAX = 15, INSN_NO_REGISTER = 0xff, INSN_BASE_RIP = 16 };

struct insn {
    uintptr_t rip; /* 0: empty cache entry */
    uint8_t bytes[INSN_BYTES_MAX];
    uint8_t length;
    uint8_t kind;
    uint16_t mnemonic; /* ZydisMnemonic */
    /* Memory operand. */
    uint8_t memory_bytes, base, index, scale;
    bool address_32, segment; /* segment: FS or GS relative */
    int64_t displacement;
    /* The other one. */
    uint8_t reg, reg_bytes; /* general 0..15 (rax rcx rdx rbx ...), vector 0..31 */
    bool reg_high;          /* ah, ch, dh, bh */
    bool sign_extend, byte_swap, has_immediate, repeat, wide_vector, vector_high;
    bool reported; /* a finding about it was made */
    uint64_t immediate;
};

/* The instruction at an address that was just executed, from the thread's cache. Never NULL. */
struct insn *insn_at(uintptr_t rip);
/* Its text, for people. */
void insn_text(const struct insn *i, char *out, size_t size);

/* Each returns whether the instruction was carried out: registers are changed, RIP is behind it. */
bool insn_emulate_memory(const struct insn *i, ucontext_t *uc);
bool insn_emulate_privileged(struct insn *i, ucontext_t *uc, const struct nt_image *image);

/* Registers of the saved thread. Writing 4 bytes clears the upper half, writing fewer leaves the
 * rest. */
uint64_t insn_reg_read(const ucontext_t *uc, unsigned reg, unsigned bytes, bool high);
void insn_reg_write(ucontext_t *uc, unsigned reg, unsigned bytes, bool high, uint64_t value);

/* vector.c. zero_rest: the register's bytes behind become 0 (up to 16, or all of it for VEX and
 * EVEX encodings). false: not in the saved state. */
void vector_init(void);
bool vector_read(const ucontext_t *uc, unsigned reg, void *out, size_t bytes);
bool vector_write(ucontext_t *uc, unsigned reg, const void *in, size_t bytes, bool wide);

/* Device registers or shared user data; any alignment. false: neither. */
bool insn_device_access(uintptr_t va, unsigned bytes, bool write, uint64_t *value);
/* The thread's own memory, which may be absent. */
bool insn_memory_copy(void *to, const void *from, size_t bytes, bool from_driver);

/* shared_data.c: KUSER_SHARED_DATA at its fixed address, computed at each read. */
#define SHARED_DATA_VA 0xfffff78000000000u
enum { SHARED_DATA_BYTES = 4096 };
void shared_data_read(uint32_t offset, void *out, uint32_t bytes);
