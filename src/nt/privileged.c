/* SPDX-License-Identifier: MIT */
/*
 * Instructions that fault in user mode but are a kernel driver's right, or its mistake. cr8 is the
 * IRQL; interrupts cannot be masked here, as none comes into running driver code, so cli and sti do
 * nothing. What touches the processor itself is reported once and has no effect.
 */
#include "nt/image.h"
#include "nt/insn.h"
#include "nt/finding.h"
#include "nt/processor.h"

#include <wdk/ntddk.h>

#include <Zydis/Zydis.h>

enum { RAX = 0, RCX = 1, RDX = 2 };
enum { INT_FASTFAIL = 0x29, INT_ASSERT = 0x2c, INT_DEBUG_SERVICE = 0x2d };

static void report(struct insn *i, const struct nt_image *image, const char *what)
{
    char text[96];

    if (i->reported)
        return;
    i->reported = true;
    insn_text(i, text, sizeof text);
    finding_report("NT-PRIV", "%s+0x%llx: %s: %s", nt_image_name(image),
                   (unsigned long long)(i->rip - nt_image_base(image)), text, what);
}

/* Control registers other than cr8 read as those of a running 64-bit system. */
static uint64_t control_value(uint64_t reg)
{
    switch (reg) {
    case ZYDIS_REGISTER_CR0:
        return 0x80050033; /* PG AM WP NE ET MP PE */
    case ZYDIS_REGISTER_CR4:
        return 0x6f8; /* OSXMMEXCPT OSFXSR PGE MCE PAE PSE DE */
    default:
        return 0;
    }
}

static bool move_control(struct insn *i, ucontext_t *uc, const struct nt_image *image)
{
    bool write = i->memory_bytes != 0;
    uint64_t value;

    if (i->reg == INSN_NO_REGISTER)
        return false;
    if (i->immediate != ZYDIS_REGISTER_CR8) {
        report(i, image,
               write ? "writes a control or debug register; nothing is changed"
                     : "reads a control or debug register; the value is made up");
        if (!write)
            insn_reg_write(uc, i->reg, 8, false, control_value(i->immediate));
        return true;
    }
    if (!write) {
        insn_reg_write(uc, i->reg, 8, false, nt_thread_self()->irql);
        return true;
    }
    value = insn_reg_read(uc, i->reg, 8, false);
    if (value > HIGH_LEVEL)
        return false;
    if (value >= nt_thread_self()->irql)
        KfRaiseIrql((KIRQL)value);
    else
        KeLowerIrql((KIRQL)value);
    return true;
}

/* Codes of __fastfail (winnt.h's FAST_FAIL_*, Microsoft's page "__fastfail"). */
static const char *fastfail_name(uint32_t code)
{
    static const char *const names[] = {[0] = "legacy stack check failure",
                                        [1] = "virtual call guard failure",
                                        [2] = "stack cookie overwritten",
                                        [3] = "corrupt LIST_ENTRY",
                                        [4] = "incorrect stack",
                                        [5] = "invalid argument",
                                        [6] = "security cookie not initialised",
                                        [7] = "fatal exit",
                                        [8] = "array bounds exceeded",
                                        [9] = "unsafe registry access",
                                        [10] = "control flow guard failure"};

    return code < ARRAY_LEN(names) ? names[code] : "code unknown here";
}

static bool interrupt(struct insn *i, const ucontext_t *uc, const struct nt_image *image)
{
    unsigned long long rva = i->rip - nt_image_base(image);
    uint32_t code = (uint32_t)insn_reg_read(uc, RCX, 4, false);
    char line[160];

    switch (i->immediate) {
    case INT_FASTFAIL:
        finding_report("NT-FASTFAIL", "%s+0x%llx: fails fast with code %u: %s",
                       nt_image_name(image), rva, code, fastfail_name(code));
        snprintf(line, sizeof line, "%s+0x%llx: fail fast, code %u (%s)", nt_image_name(image), rva,
                 code, fastfail_name(code));
        nt_fault_give_up(line);
    case INT_ASSERT:
        finding_report("NT-ASSERT", "%s+0x%llx: assertion failed", nt_image_name(image), rva);
        return true;
    case INT_DEBUG_SERVICE:
        return true;
    default:
        return false;
    }
}

static bool port(struct insn *i, ucontext_t *uc, const struct nt_image *image)
{
    switch (i->mnemonic) {
    case ZYDIS_MNEMONIC_IN:
        report(i, image, "reads an I/O port; there is none, all ones are read");
        insn_reg_write(uc, RAX, i->reg_bytes && i->reg == RAX ? i->reg_bytes : 1, false,
                       UINT64_MAX);
        return true;
    case ZYDIS_MNEMONIC_OUT:
        report(i, image, "writes an I/O port; there is none");
        return true;
    default:
        return false;
    }
}

bool insn_emulate_privileged(struct insn *i, ucontext_t *uc, const struct nt_image *image)
{
    bool done = true;

    if (i->kind != INSN_PRIVILEGED)
        return false;
    switch (i->mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
        done = move_control(i, uc, image);
        break;
    case ZYDIS_MNEMONIC_CLI:
    case ZYDIS_MNEMONIC_STI:
        break;
    case ZYDIS_MNEMONIC_INT:
        done = interrupt(i, uc, image);
        break;
    case ZYDIS_MNEMONIC_RDMSR:
    case ZYDIS_MNEMONIC_RDPMC:
        report(i, image, "reads a processor register; 0 is read");
        insn_reg_write(uc, RAX, 8, false, 0);
        insn_reg_write(uc, RDX, 8, false, 0);
        break;
    case ZYDIS_MNEMONIC_WRMSR:
        report(i, image, "writes a processor register; nothing is changed");
        break;
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_INVLPG:
    case ZYDIS_MNEMONIC_INVD:
    case ZYDIS_MNEMONIC_WBINVD:
    case ZYDIS_MNEMONIC_CLTS:
        report(i, image, "has no effect here");
        break;
    default:
        done = port(i, uc, image);
        break;
    }
    if (done)
        uc->uc_mcontext.gregs[REG_RIP] += i->length;
    return done;
}
