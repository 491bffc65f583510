/* SPDX-License-Identifier: MIT */
/* Loads, stores and read-modify-writes of device registers, carried out on the saved registers of
 * the thread that faulted. */
#include "nt/insn.h"
#include "nt/device.h"

#include <Zydis/Zydis.h>
#include <sys/uio.h>

enum { CF = 0x1, PF = 0x4, AF = 0x10, ZF = 0x40, SF = 0x80, DF = 0x400, OF = 0x800 };
enum { RAX = 0, RCX = 1, RSI = 6, RDI = 7 };

static const uint8_t greg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                 REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                 REG_R12, REG_R13, REG_R14, REG_R15};

static uint64_t mask_of(unsigned bytes)
{
    return bytes >= 8 ? UINT64_MAX : (1ull << bytes * 8) - 1;
}

uint64_t insn_reg_read(const ucontext_t *uc, unsigned reg, unsigned bytes, bool high)
{
    uint64_t full = (uint64_t)uc->uc_mcontext.gregs[greg[reg]];

    return (high ? full >> 8 : full) & mask_of(bytes);
}

void insn_reg_write(ucontext_t *uc, unsigned reg, unsigned bytes, bool high, uint64_t value)
{
    greg_t *at = &uc->uc_mcontext.gregs[greg[reg]];
    uint64_t mask = high ? 0xff00u : bytes == 4 ? UINT64_MAX : mask_of(bytes);

    value &= mask_of(bytes);
    *at = (greg_t)(((uint64_t)*at & ~mask) | (high ? value << 8 : value));
}

bool insn_memory_copy(void *to, const void *from, size_t bytes, bool from_driver)
{
    void *readable = (void *)(uintptr_t)from;
    struct iovec ours = {from_driver ? to : readable, bytes};
    struct iovec theirs = {from_driver ? readable : to, bytes};
    ssize_t n = from_driver ? process_vm_readv(getpid(), &ours, 1, &theirs, 1, 0)
                            : process_vm_writev(getpid(), &ours, 1, &theirs, 1, 0);

    return n == (ssize_t)bytes;
}

bool insn_device_access(uintptr_t va, unsigned bytes, bool write, uint64_t *value)
{
    if (va - SHARED_DATA_VA < SHARED_DATA_BYTES) {
        if (write || va - SHARED_DATA_VA > SHARED_DATA_BYTES - bytes)
            return false;
        *value = 0;
        shared_data_read((uint32_t)(va - SHARED_DATA_VA), value, bytes);
        return true;
    }
    return nt_mmio_access(va, bytes, write, value);
}

static uintptr_t address_of(const struct insn *i, const ucontext_t *uc)
{
    uint64_t at = (uint64_t)i->displacement;

    if (i->base == INSN_BASE_RIP)
        at += i->rip + i->length;
    else if (i->base != INSN_NO_REGISTER)
        at += insn_reg_read(uc, i->base, 8, false);
    if (i->index != INSN_NO_REGISTER)
        at += insn_reg_read(uc, i->index, 8, false) * i->scale;
    return i->address_32 ? at & 0xffffffffu : at;
}

static void set_flags(ucontext_t *uc, uint64_t affected, uint64_t flags)
{
    greg_t *at = &uc->uc_mcontext.gregs[REG_EFL];

    *at = (greg_t)(((uint64_t)*at & ~affected) | (flags & affected));
}

static uint64_t result_flags(uint64_t r, unsigned bits)
{
    return (r == 0 ? ZF : 0u) | (r >> (bits - 1) & 1 ? SF : 0u) |
           (__builtin_parityll(r & 0xff) ? 0u : PF);
}

static uint64_t add(uint64_t a, uint64_t b, uint64_t carry, unsigned bytes, uint64_t *flags)
{
    unsigned bits = bytes * 8;
    uint64_t r = (a + b + carry) & mask_of(bytes);

    *flags = result_flags(r, bits) | (((a & b) | ((a | b) & ~r)) >> (bits - 1) & 1 ? CF : 0u) |
             (((a ^ r) & (b ^ r)) >> (bits - 1) & 1 ? OF : 0u) | ((a ^ b ^ r) & AF);
    return r;
}

static uint64_t subtract(uint64_t a, uint64_t b, uint64_t borrow, unsigned bytes, uint64_t *flags)
{
    unsigned bits = bytes * 8;
    uint64_t r = (a - b - borrow) & mask_of(bytes);

    *flags = result_flags(r, bits) | (((~a & b) | ((~a | b) & r)) >> (bits - 1) & 1 ? CF : 0u) |
             (((a ^ b) & (a ^ r)) >> (bits - 1) & 1 ? OF : 0u) | ((a ^ b ^ r) & AF);
    return r;
}

/* a op b. *writes: whether there is a result, which cmp and test lack. */
static uint64_t alu(const struct insn *i, ucontext_t *uc, uint64_t a, uint64_t b, bool *writes)
{
    unsigned bytes = i->memory_bytes;
    uint64_t carry = (uint64_t)uc->uc_mcontext.gregs[REG_EFL] & CF, flags, r;

    *writes = true;
    switch (i->mnemonic) {
    case ZYDIS_MNEMONIC_ADD:
        r = add(a, b, 0, bytes, &flags);
        break;
    case ZYDIS_MNEMONIC_ADC:
        r = add(a, b, carry, bytes, &flags);
        break;
    case ZYDIS_MNEMONIC_SUB:
        r = subtract(a, b, 0, bytes, &flags);
        break;
    case ZYDIS_MNEMONIC_SBB:
        r = subtract(a, b, carry, bytes, &flags);
        break;
    case ZYDIS_MNEMONIC_CMP:
        r = subtract(a, b, 0, bytes, &flags);
        *writes = false;
        break;
    default:
        r = i->mnemonic == ZYDIS_MNEMONIC_OR    ? a | b
            : i->mnemonic == ZYDIS_MNEMONIC_XOR ? a ^ b
                                                : a & b;
        flags = result_flags(r, bytes * 8);
        *writes = i->mnemonic != ZYDIS_MNEMONIC_TEST;
        break;
    }
    set_flags(uc, OF | SF | ZF | AF | PF | CF, flags);
    return r;
}

static uint64_t source(const struct insn *i, const ucontext_t *uc)
{
    if (i->has_immediate)
        return i->immediate & mask_of(i->memory_bytes);
    return insn_reg_read(uc, i->reg, i->memory_bytes, i->reg_high);
}

static uint64_t swap_bytes(uint64_t value, unsigned bytes)
{
    return __builtin_bswap64(value) >> (64 - bytes * 8);
}

static bool load(const struct insn *i, ucontext_t *uc, uintptr_t va)
{
    unsigned shift = 64 - i->memory_bytes * 8u;
    uint64_t value = 0;

    if (!insn_device_access(va, i->memory_bytes, false, &value))
        return false;
    value &= mask_of(i->memory_bytes);
    if (i->sign_extend)
        value = (uint64_t)((int64_t)(value << shift) >> shift);
    if (i->byte_swap)
        value = swap_bytes(value, i->memory_bytes);
    insn_reg_write(uc, i->reg, i->reg_bytes, i->reg_high, value);
    return true;
}

static bool store(const struct insn *i, ucontext_t *uc, uintptr_t va)
{
    uint64_t value = source(i, uc);

    if (i->byte_swap)
        value = swap_bytes(value, i->memory_bytes);
    return insn_device_access(va, i->memory_bytes, true, &value);
}

static bool alu_to_memory(const struct insn *i, ucontext_t *uc, uintptr_t va)
{
    uint64_t value = 0;
    bool writes;

    if (!insn_device_access(va, i->memory_bytes, false, &value))
        return false;
    value = alu(i, uc, value & mask_of(i->memory_bytes), source(i, uc), &writes);
    return !writes || insn_device_access(va, i->memory_bytes, true, &value);
}

static bool alu_to_register(const struct insn *i, ucontext_t *uc, uintptr_t va)
{
    uint64_t value = 0;
    bool writes;

    if (!insn_device_access(va, i->memory_bytes, false, &value))
        return false;
    value = alu(i, uc, source(i, uc), value & mask_of(i->memory_bytes), &writes);
    if (writes)
        insn_reg_write(uc, i->reg, i->reg_bytes, i->reg_high, value);
    return true;
}

static bool unary(const struct insn *i, ucontext_t *uc, uintptr_t va)
{
    unsigned bytes = i->memory_bytes;
    uint64_t value = 0, flags = 0, affected = OF | SF | ZF | AF | PF;

    if (!insn_device_access(va, bytes, false, &value))
        return false;
    value &= mask_of(bytes);
    switch (i->mnemonic) {
    case ZYDIS_MNEMONIC_INC:
        value = add(value, 1, 0, bytes, &flags);
        break;
    case ZYDIS_MNEMONIC_DEC:
        value = subtract(value, 1, 0, bytes, &flags);
        break;
    case ZYDIS_MNEMONIC_NEG:
        value = subtract(0, value, 0, bytes, &flags);
        affected |= CF;
        break;
    default:
        value = ~value & mask_of(bytes);
        affected = 0;
        break;
    }
    set_flags(uc, affected, flags);
    return insn_device_access(va, bytes, true, &value);
}

/* With a register the bit may lie outside the operand, before or behind. */
static bool bit(const struct insn *i, ucontext_t *uc, uintptr_t va)
{
    unsigned bits = i->memory_bytes * 8u;
    uint64_t value = 0, number = source(i, uc);

    if (!i->has_immediate) {
        int64_t offset = (int64_t)(number << (64 - bits)) >> (64 - bits);

        va += (uintptr_t)((offset >> (bits == 64 ? 6 : bits == 32 ? 5 : 4)) * i->memory_bytes);
    }
    number %= bits;
    if (!insn_device_access(va, i->memory_bytes, false, &value))
        return false;
    set_flags(uc, CF, value >> number & 1);
    switch (i->mnemonic) {
    case ZYDIS_MNEMONIC_BTS:
        value |= 1ull << number;
        break;
    case ZYDIS_MNEMONIC_BTR:
        value &= ~(1ull << number);
        break;
    case ZYDIS_MNEMONIC_BTC:
        value ^= 1ull << number;
        break;
    default:
        return true;
    }
    return insn_device_access(va, i->memory_bytes, true, &value);
}

static bool exchange(const struct insn *i, ucontext_t *uc, uintptr_t va)
{
    unsigned bytes = i->memory_bytes;
    uint64_t old = 0, flags = 0, value = source(i, uc), accumulator;

    if (!insn_device_access(va, bytes, false, &old))
        return false;
    old &= mask_of(bytes);
    if (i->kind == INSN_CMPXCHG) {
        accumulator = insn_reg_read(uc, RAX, bytes, false);
        subtract(accumulator, old, 0, bytes, &flags);
        set_flags(uc, OF | SF | ZF | AF | PF | CF, flags);
        if (accumulator == old)
            return insn_device_access(va, bytes, true, &value);
        insn_reg_write(uc, RAX, bytes, false, old);
        return true;
    }
    if (i->kind == INSN_XADD) {
        value = add(old, value, 0, bytes, &flags);
        set_flags(uc, OF | SF | ZF | AF | PF | CF, flags);
    }
    insn_reg_write(uc, i->reg, bytes, i->reg_high, old);
    return insn_device_access(va, bytes, true, &value);
}

static void advance(ucontext_t *uc, unsigned reg, unsigned bytes)
{
    bool down = ((uint64_t)uc->uc_mcontext.gregs[REG_EFL] & DF) != 0;
    greg_t *at = &uc->uc_mcontext.gregs[greg[reg]];

    *at = (greg_t)((uint64_t)*at + (down ? (uint64_t)0 - bytes : bytes));
}

/* One element. At least one side is a device's; the other may be memory. */
static bool string_step(const struct insn *i, ucontext_t *uc)
{
    unsigned bytes = i->memory_bytes;
    uintptr_t from = insn_reg_read(uc, RSI, 8, false), to = insn_reg_read(uc, RDI, 8, false);
    uint64_t value = insn_reg_read(uc, RAX, bytes, false);
    bool device = false;

    if (i->kind != INSN_STOS) {
        device = insn_device_access(from, bytes, false, &value);
        if (!device &&
            !(i->kind == INSN_MOVS && insn_memory_copy(&value, (void *)from, bytes, true)))
            return false;
    }
    if (i->kind == INSN_LODS)
        insn_reg_write(uc, RAX, bytes, false, value);
    else if (!insn_device_access(to, bytes, true, &value) &&
             !(device && insn_memory_copy((void *)to, &value, bytes, false)))
        return false;
    if (i->kind != INSN_STOS)
        advance(uc, RSI, bytes);
    if (i->kind != INSN_LODS)
        advance(uc, RDI, bytes);
    return true;
}

/* What is done is done: a fault in the middle leaves the registers there, and comes again if it is
 * one. */
static bool string(const struct insn *i, ucontext_t *uc, bool *finished)
{
    bool any = false;

    *finished = true;
    if (i->address_32)
        return false;
    if (!i->repeat)
        return string_step(i, uc);
    while (insn_reg_read(uc, RCX, 8, false) != 0) {
        if (!string_step(i, uc)) {
            *finished = false;
            return any;
        }
        any = true;
        uc->uc_mcontext.gregs[REG_RCX]--;
    }
    return true;
}

/* Moves of 16 bytes and more go in the largest pieces that devices see and that the address allows.
 */
static bool vector_move(uintptr_t va, uint8_t *bytes, unsigned total, bool write)
{
    unsigned aligned = (unsigned)((va | total | 8) & (0 - (va | total | 8)));

    for (unsigned at = 0; at < total; at += aligned) {
        uint64_t piece = 0;

        memcpy(&piece, bytes + at, aligned);
        if (!insn_device_access(va + at, aligned, write, &piece))
            return false;
        memcpy(bytes + at, &piece, aligned);
    }
    return true;
}

/* movlps, movhps and their like load one half of a register and leave the other. */
static bool vector(const struct insn *i, ucontext_t *uc, uintptr_t va)
{
    bool low = i->mnemonic == ZYDIS_MNEMONIC_MOVLPS || i->mnemonic == ZYDIS_MNEMONIC_MOVLPD;
    unsigned half = i->vector_high ? 8 : 0, total = i->memory_bytes;
    uint8_t bytes[64], whole[16];

    if (total == 0 || total > sizeof bytes)
        return false;
    if ((low || i->vector_high) && !vector_read(uc, i->reg, whole, sizeof whole))
        return false;
    if (i->kind == INSN_VECTOR_STORE) {
        if (i->vector_high)
            memcpy(bytes, whole + half, total);
        else if (!vector_read(uc, i->reg, bytes, total))
            return false;
        return vector_move(va, bytes, total, true);
    }
    memset(bytes, 0, sizeof bytes);
    if (!vector_move(va, bytes, total, false))
        return false;
    if (!low && !i->vector_high)
        return vector_write(uc, i->reg, bytes, total, i->wide_vector);
    memcpy(whole + half, bytes, 8);
    return vector_write(uc, i->reg, whole, sizeof whole, false);
}

bool insn_emulate_memory(const struct insn *i, ucontext_t *uc)
{
    uintptr_t va;
    bool done, finished = true;

    if (i->kind == INSN_OTHER || i->kind == INSN_PRIVILEGED || i->segment)
        return false;
    va = address_of(i, uc);
    switch (i->kind) {
    case INSN_LOAD:
        done = load(i, uc, va);
        break;
    case INSN_STORE:
        done = store(i, uc, va);
        break;
    case INSN_ALU_TO_MEMORY:
        done = alu_to_memory(i, uc, va);
        break;
    case INSN_ALU_TO_REGISTER:
        done = alu_to_register(i, uc, va);
        break;
    case INSN_UNARY:
        done = unary(i, uc, va);
        break;
    case INSN_BIT:
        done = bit(i, uc, va);
        break;
    case INSN_XCHG:
    case INSN_XADD:
    case INSN_CMPXCHG:
        done = exchange(i, uc, va);
        break;
    case INSN_VECTOR_LOAD:
    case INSN_VECTOR_STORE:
        done = vector(i, uc, va);
        break;
    default:
        done = string(i, uc, &finished);
        break;
    }
    if (done && finished)
        uc->uc_mcontext.gregs[REG_RIP] += i->length;
    return done;
}
