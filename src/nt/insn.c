/* SPDX-License-Identifier: MIT */
/* Decoding, once per address and thread, by Zydis. */
#include "nt/insn.h"

#include <Zydis/Zydis.h>
#include <pthread.h>
#include <sys/uio.h>

enum { CACHE_ENTRIES = 64, PAGE = 4096 };

/* Entries are checked against the bytes in memory, so that another image at the same place is seen.
 */
static __thread struct insn cache[CACHE_ENTRIES];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static ZydisDecoder decoder;

static void init(void)
{
    invariant(
        ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
}

/* Up to 15 bytes; the next page may not be there. */
static size_t fetch(uintptr_t rip, uint8_t out[INSN_BYTES_MAX])
{
    size_t in_page = PAGE - rip % PAGE;
    struct iovec local = {out, INSN_BYTES_MAX};
    struct iovec remote[2] = {{(void *)rip, MIN_OF(in_page, INSN_BYTES_MAX)},
                              {(void *)(rip + in_page), 0}};
    ssize_t n;

    if (in_page < INSN_BYTES_MAX)
        remote[1].iov_len = INSN_BYTES_MAX - in_page;
    n = process_vm_readv(getpid(), &local, 1, remote, remote[1].iov_len ? 2 : 1, 0);
    return n > 0 ? (size_t)n : 0;
}

static uint8_t general(ZydisRegister r)
{
    ZydisRegister full = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);

    if (full == ZYDIS_REGISTER_RIP)
        return INSN_BASE_RIP;
    if (full < ZYDIS_REGISTER_RAX || full > ZYDIS_REGISTER_R15)
        return INSN_NO_REGISTER;
    return (uint8_t)(full - ZYDIS_REGISTER_RAX);
}

static bool take_memory(struct insn *i, const ZydisDecodedInstruction *d,
                        const ZydisDecodedOperand *o)
{
    if (o->mem.type != ZYDIS_MEMOP_TYPE_MEM)
        return false;
    i->memory_bytes = (uint8_t)(o->size / 8);
    i->base = o->mem.base ? general(o->mem.base) : INSN_NO_REGISTER;
    i->index = o->mem.index ? general(o->mem.index) : INSN_NO_REGISTER;
    i->scale = o->mem.scale;
    i->displacement = o->mem.disp.has_displacement ? o->mem.disp.value : 0;
    i->address_32 = d->address_width == 32;
    i->segment = o->mem.segment == ZYDIS_REGISTER_FS || o->mem.segment == ZYDIS_REGISTER_GS;
    return (!o->mem.base || i->base != INSN_NO_REGISTER) &&
           (!o->mem.index || i->index < INSN_BASE_RIP);
}

static bool take_register(struct insn *i, const ZydisDecodedOperand *o, bool *vector)
{
    ZydisRegister r = o->reg.value;
    ZydisRegisterClass class = ZydisRegisterGetClass(r);

    *vector =
        class == ZYDIS_REGCLASS_XMM || class == ZYDIS_REGCLASS_YMM || class == ZYDIS_REGCLASS_ZMM;
    i->reg_bytes = (uint8_t)(ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, r) / 8);
    i->reg_high = r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH;
    i->reg = *vector ? (uint8_t)ZydisRegisterGetId(r) : general(r);
    return *vector || i->reg < INSN_BASE_RIP;
}

static enum insn_kind string_kind(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_MOVSQ:
        return INSN_MOVS;
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
    case ZYDIS_MNEMONIC_STOSQ:
        return INSN_STOS;
    case ZYDIS_MNEMONIC_LODSB:
    case ZYDIS_MNEMONIC_LODSW:
    case ZYDIS_MNEMONIC_LODSD:
    case ZYDIS_MNEMONIC_LODSQ:
        return INSN_LODS;
    default:
        return INSN_OTHER;
    }
}

static bool is_vector_move(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_MOVAPS:
    case ZYDIS_MNEMONIC_MOVUPS:
    case ZYDIS_MNEMONIC_MOVAPD:
    case ZYDIS_MNEMONIC_MOVUPD:
    case ZYDIS_MNEMONIC_MOVDQA:
    case ZYDIS_MNEMONIC_MOVDQU:
    case ZYDIS_MNEMONIC_MOVNTPS:
    case ZYDIS_MNEMONIC_MOVNTPD:
    case ZYDIS_MNEMONIC_MOVNTDQ:
    case ZYDIS_MNEMONIC_MOVNTDQA:
    case ZYDIS_MNEMONIC_LDDQU:
    case ZYDIS_MNEMONIC_MOVD:
    case ZYDIS_MNEMONIC_MOVQ:
    case ZYDIS_MNEMONIC_MOVSS:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_MOVLPS:
    case ZYDIS_MNEMONIC_MOVLPD:
    case ZYDIS_MNEMONIC_MOVHPS:
    case ZYDIS_MNEMONIC_MOVHPD:
    case ZYDIS_MNEMONIC_VMOVAPS:
    case ZYDIS_MNEMONIC_VMOVUPS:
    case ZYDIS_MNEMONIC_VMOVAPD:
    case ZYDIS_MNEMONIC_VMOVUPD:
    case ZYDIS_MNEMONIC_VMOVDQA:
    case ZYDIS_MNEMONIC_VMOVDQU:
    case ZYDIS_MNEMONIC_VMOVNTPS:
    case ZYDIS_MNEMONIC_VMOVNTPD:
    case ZYDIS_MNEMONIC_VMOVNTDQ:
    case ZYDIS_MNEMONIC_VMOVNTDQA:
    case ZYDIS_MNEMONIC_VLDDQU:
    case ZYDIS_MNEMONIC_VMOVD:
    case ZYDIS_MNEMONIC_VMOVQ:
    case ZYDIS_MNEMONIC_VMOVSS:
    case ZYDIS_MNEMONIC_VMOVSD:
    case ZYDIS_MNEMONIC_VMOVDQA32:
    case ZYDIS_MNEMONIC_VMOVDQA64:
    case ZYDIS_MNEMONIC_VMOVDQU8:
    case ZYDIS_MNEMONIC_VMOVDQU16:
    case ZYDIS_MNEMONIC_VMOVDQU32:
    case ZYDIS_MNEMONIC_VMOVDQU64:
        return true;
    default:
        return false;
    }
}

static enum insn_kind general_kind(ZydisMnemonic m, bool to_memory)
{
    switch (m) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVBE:
    case ZYDIS_MNEMONIC_MOVNTI:
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
        return to_memory ? INSN_STORE : INSN_LOAD;
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_ADC:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_SBB:
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_CMP:
    case ZYDIS_MNEMONIC_TEST:
        return to_memory ? INSN_ALU_TO_MEMORY : INSN_ALU_TO_REGISTER;
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_DEC:
    case ZYDIS_MNEMONIC_NEG:
    case ZYDIS_MNEMONIC_NOT:
        return INSN_UNARY;
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC:
        return INSN_BIT;
    case ZYDIS_MNEMONIC_XCHG:
        return INSN_XCHG;
    case ZYDIS_MNEMONIC_XADD:
        return INSN_XADD;
    case ZYDIS_MNEMONIC_CMPXCHG:
        return INSN_CMPXCHG;
    default:
        return INSN_OTHER;
    }
}

/* One memory operand, and at most one register or immediate beside it. */
static void classify(struct insn *i, const ZydisDecodedInstruction *d, const ZydisDecodedOperand *o)
{
    bool memory_first = false, memory = false, vector = false, masked;

    for (unsigned n = 0; n < d->operand_count_visible; n++) {
        if (o[n].type == ZYDIS_OPERAND_TYPE_MEMORY) {
            if (memory || !take_memory(i, d, &o[n]))
                return;
            memory = true;
            memory_first = n == 0;
        } else if (o[n].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
            i->has_immediate = true;
            i->immediate = o[n].imm.value.u;
        } else if (o[n].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                   ZydisRegisterGetClass(o[n].reg.value) != ZYDIS_REGCLASS_MASK) {
            if (!take_register(i, &o[n], &vector))
                return;
        }
    }
    if (!memory)
        return;
    masked = d->avx.mask.mode > ZYDIS_MASK_MODE_DISABLED;
    i->sign_extend = i->mnemonic == ZYDIS_MNEMONIC_MOVSX || i->mnemonic == ZYDIS_MNEMONIC_MOVSXD;
    i->byte_swap = i->mnemonic == ZYDIS_MNEMONIC_MOVBE;
    i->wide_vector = d->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY;
    i->vector_high = i->mnemonic == ZYDIS_MNEMONIC_MOVHPS || i->mnemonic == ZYDIS_MNEMONIC_MOVHPD;
    if (!vector)
        i->kind = (uint8_t)general_kind(d->mnemonic, memory_first);
    else if (!masked && is_vector_move(d->mnemonic))
        i->kind = memory_first ? INSN_VECTOR_STORE : INSN_VECTOR_LOAD;
}

static bool is_privileged(ZydisMnemonic m, const ZydisDecodedInstruction *d)
{
    switch (m) {
    case ZYDIS_MNEMONIC_CLI:
    case ZYDIS_MNEMONIC_STI:
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_RDMSR:
    case ZYDIS_MNEMONIC_WRMSR:
    case ZYDIS_MNEMONIC_RDPMC:
    case ZYDIS_MNEMONIC_IN:
    case ZYDIS_MNEMONIC_OUT:
    case ZYDIS_MNEMONIC_INSB:
    case ZYDIS_MNEMONIC_INSW:
    case ZYDIS_MNEMONIC_INSD:
    case ZYDIS_MNEMONIC_OUTSB:
    case ZYDIS_MNEMONIC_OUTSW:
    case ZYDIS_MNEMONIC_OUTSD:
    case ZYDIS_MNEMONIC_INVLPG:
        return true;
    default:
        return (d->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) != 0;
    }
}

/* Of mov to and from control and debug registers, `immediate` keeps which one, and memory_bytes
 * whether it is written. */
static void take_privileged(struct insn *i, const ZydisDecodedInstruction *d,
                            const ZydisDecodedOperand *o)
{
    i->kind = INSN_PRIVILEGED;
    for (unsigned n = 0; n < d->operand_count_visible; n++) {
        ZydisRegister r = o[n].reg.value;

        if (o[n].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
            i->immediate = o[n].imm.value.u;
        } else if (o[n].type == ZYDIS_OPERAND_TYPE_REGISTER) {
            if (ZydisRegisterGetClass(r) == ZYDIS_REGCLASS_CONTROL ||
                ZydisRegisterGetClass(r) == ZYDIS_REGCLASS_DEBUG) {
                i->immediate = (uint64_t)r;
                i->memory_bytes = n == 0;
            } else if (general(r) < INSN_BASE_RIP) {
                i->reg = general(r);
                i->reg_bytes = (uint8_t)(ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, r) / 8);
            }
        }
    }
}

static void decode(struct insn *i, size_t available)
{
    ZydisDecodedInstruction d;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

    if (available == 0 ||
        !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, i->bytes, available, &d, operands)))
        return;
    i->length = d.length;
    i->mnemonic = (uint16_t)d.mnemonic;
    i->repeat = (d.attributes &
                 (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) != 0;
    if (is_privileged(d.mnemonic, &d)) {
        take_privileged(i, &d, operands);
    } else if (d.meta.category == ZYDIS_CATEGORY_STRINGOP) {
        i->kind = (uint8_t)string_kind(d.mnemonic);
        i->memory_bytes = (uint8_t)(operands[0].size / 8);
        i->address_32 = d.address_width == 32;
    } else {
        classify(i, &d, operands);
    }
}

struct insn *insn_at(uintptr_t rip)
{
    struct insn *i = &cache[(rip ^ rip >> 6) % CACHE_ENTRIES];

    if (likely(i->rip == rip && i->length != 0 && memcmp(i->bytes, (void *)rip, i->length) == 0))
        return i;
    pthread_once(&once, init);
    *i = (struct insn){
        .rip = rip, .reg = INSN_NO_REGISTER, .base = INSN_NO_REGISTER, .index = INSN_NO_REGISTER};
    decode(i, fetch(rip, i->bytes));
    return i;
}

void insn_text(const struct insn *i, char *out, size_t size)
{
    ZydisDecodedInstruction d;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZydisFormatter formatter;

    snprintf(out, size, "instruction that does not decode");
    if (i->length == 0 ||
        !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, i->bytes, i->length, &d, operands)) ||
        !ZYAN_SUCCESS(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)))
        return;
    ZydisFormatterFormatInstruction(&formatter, &d, operands, d.operand_count_visible, out, size,
                                    ZYDIS_RUNTIME_ADDRESS_NONE, NULL);
}
