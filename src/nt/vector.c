/* SPDX-License-Identifier: MIT */
/*
 * Vector registers in a signal frame: the XSAVE image behind uc_mcontext.fpregs (Intel SDM volume
 * 1, chapter 13, standard format). A register lies in up to three components: bytes 0-15 in the
 * legacy area, 16-31 in AVX state, 32-63 in ZMM_Hi256; registers 16-31 in Hi16_ZMM.
 */
#include "nt/insn.h"

#include <cpuid.h>

enum { LEGACY_XMM = 160, SOFTWARE_BYTES = 464, XSTATE_BV = 512, FXSAVE_BYTES = 512 };
enum { STATE_SSE = 1, STATE_AVX = 2, STATE_ZMM_HI256 = 6, STATE_HI16_ZMM = 7 };
enum { STATES = 8 };
static const uint32_t software_magic = 0x46505853; /* FP_XSTATE_MAGIC1 of <asm/sigcontext.h> */

static uint32_t state_offset[STATES];

void vector_init(void)
{
    for (unsigned n = STATE_AVX; n < STATES; n++) {
        unsigned a = 0, b = 0, c = 0, d = 0;

        if (__get_cpuid_count(0xd, n, &a, &b, &c, &d) && a != 0)
            state_offset[n] = b;
    }
}

static uint64_t saved_states(const uint8_t *fp)
{
    uint32_t magic;
    uint64_t states;

    memcpy(&magic, fp + SOFTWARE_BYTES, sizeof magic);
    memcpy(&states, fp + SOFTWARE_BYTES + 8, sizeof states);
    return magic == software_magic ? states : 1u << STATE_SSE;
}

/* Where `from` of the register's 64 bytes lie, and how many follow there. NULL: not saved. */
static uint8_t *piece(uint8_t *fp, unsigned reg, unsigned from, unsigned *state, size_t *bytes)
{
    *state = reg >= 16   ? STATE_HI16_ZMM
             : from < 16 ? STATE_SSE
             : from < 32 ? STATE_AVX
                         : STATE_ZMM_HI256;
    if (!(saved_states(fp) >> *state & 1))
        return NULL;
    switch (*state) {
    case STATE_SSE:
        *bytes = 16 - from;
        return fp + LEGACY_XMM + reg * 16 + from;
    case STATE_AVX:
        *bytes = 32 - from;
        return fp + state_offset[STATE_AVX] + reg * 16 + (from - 16);
    case STATE_ZMM_HI256:
        *bytes = 64 - from;
        return fp + state_offset[STATE_ZMM_HI256] + reg * 32 + (from - 32);
    default:
        *bytes = 64 - from;
        return fp + state_offset[STATE_HI16_ZMM] + (reg - 16) * 64 + from;
    }
}

static uint8_t *saved(const ucontext_t *uc)
{
    return (uint8_t *)uc->uc_mcontext.fpregs;
}

static bool in_use(const uint8_t *fp, unsigned state)
{
    uint32_t magic;
    uint64_t bv;

    memcpy(&magic, fp + SOFTWARE_BYTES, sizeof magic);
    if (magic != software_magic)
        return true;
    memcpy(&bv, fp + XSTATE_BV, sizeof bv);
    return (bv >> state & 1) != 0;
}

bool vector_read(const ucontext_t *uc, unsigned reg, void *out, size_t bytes)
{
    uint8_t *fp = saved(uc), *to = out;

    for (unsigned at = 0; at < bytes;) {
        unsigned state;
        size_t here;
        const uint8_t *p = fp ? piece(fp, reg, at, &state, &here) : NULL;

        if (!p)
            return false;
        here = MIN_OF(here, bytes - at);
        if (in_use(fp, state))
            memcpy(to + at, p, here);
        else
            memset(to + at, 0, here);
        at += (unsigned)here;
    }
    return true;
}

/* A component in its initial state is not restored from memory unless its bit is set: then all its
 * registers count. */
static void use(uint8_t *fp, unsigned state)
{
    static const struct {
        uint16_t offset, bytes;
    } sizes[STATES] = {[STATE_SSE] = {LEGACY_XMM, 256},
                       [STATE_AVX] = {0, 256},
                       [STATE_ZMM_HI256] = {0, 512},
                       [STATE_HI16_ZMM] = {0, 1024}};
    uint64_t bv;

    if (in_use(fp, state))
        return;
    memset(fp + (state == STATE_SSE ? sizes[state].offset : state_offset[state]), 0,
           sizes[state].bytes);
    memcpy(&bv, fp + XSTATE_BV, sizeof bv);
    bv |= 1u << state;
    memcpy(fp + XSTATE_BV, &bv, sizeof bv);
}

bool vector_write(ucontext_t *uc, unsigned reg, const void *in, size_t bytes, bool wide)
{
    static const uint8_t zeros[64];
    uint8_t *fp = saved(uc);
    size_t end = wide ? 64 : MAX_OF(bytes, (size_t)16);

    for (unsigned at = 0; at < end;) {
        unsigned state;
        size_t here;
        uint8_t *p = fp ? piece(fp, reg, at, &state, &here) : NULL;
        const uint8_t *from = at < bytes ? (const uint8_t *)in + at : zeros;

        if (!p)
            return at >= bytes; /* what is not saved has no upper part */
        here = MIN_OF(here, (at < bytes ? bytes : end) - at);
        if (at < bytes || in_use(fp, state)) {
            use(fp, state);
            memcpy(p, from, here);
        }
        at += (unsigned)here;
    }
    return true;
}
