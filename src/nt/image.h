/* SPDX-License-Identifier: MIT */
/*
 * The .sys loader: PE32+ x86-64 native images, mapped, relocated, bound. Every byte of the file is
 * hostile until checked. Instructions that user mode cannot run (cr8, cli/sti, int 29h/2ch, rdmsr,
 * in/out, shared user data) are emulated by the fault handler (fault.c), and loads and stores to
 * BAR mappings are decoded and sent to the device (device.h).
 */
#pragma once

#include "base/base.h"

struct nt_image;
struct nt_import;

/* -ENOENT/-EACCES for the file, -ENOEXEC for what is in it; why names the file and the fault in one
 * line. */
int nt_image_load(const char *path, struct nt_image **out, struct why *why);
int nt_image_load_bytes(const void *bytes, size_t size, const char *name, struct nt_image **out,
                        struct why *why);
void nt_image_free(struct nt_image *i);
void *nt_image_entry(const struct nt_image *i);
unsigned nt_image_import_count(const struct nt_image *i);
const struct nt_import *nt_image_import(const struct nt_image *i, unsigned index);

/* Where the image lies; and its name, without directory. */
uintptr_t nt_image_base(const struct nt_image *i);
size_t nt_image_size(const struct nt_image *i);
const char *nt_image_name(const struct nt_image *i);
/* The living image that holds the address, or NULL. Takes no lock: for the fault handler. */
const struct nt_image *nt_image_at(uintptr_t address);
/* The exception table's entry (RVAs of begin, end, unwind data) that covers the RVA, or NULL. Takes
 * no lock. */
struct nt_function_range {
    uint32_t begin, end, unwind;
};
const struct nt_function_range *nt_image_function(const struct nt_image *i, uint32_t rva);

/* Installs the process-wide fault handler (SIGSEGV, SIGILL, SIGTRAP…) unless it is in place. A
 * fault that is not an image's goes to the previous handler. A fault of driver code that cannot be
 * emulated is a finding NT-FAULT naming driver, RVA and instruction; the process then ends with
 * exit code 70 unless a recovery point is set. */
int nt_fault_install(struct why *why);
/* Sets GS for the calling thread's fake KPCR, and gives the thread a stack for the fault handler.
 */
void nt_gs_set(void *kpcr);

/* Calls fn. false when it did not return because driver code in it faulted (or asked for a bug
 * check): the finding is reported, IRQL and owner of the thread are as before; what fn held is
 * lost. Nests. */
bool nt_fault_protect(void (*fn)(void *arg), void *arg);
/* What a fault of driver code does after its finding: to the recovery point, or out with exit code
 * 70 and `line` on stderr. */
__attribute__((noreturn)) void nt_fault_give_up(const char *line);
