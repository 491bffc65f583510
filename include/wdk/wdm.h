/* SPDX-License-Identifier: MIT */
/* Umbrella of the NT kernel interface: everything that ntoskrnl and HAL offer to a driver, by
 * subject. Definitions live in nt/; this file only orders them. */
#pragma once

#include "ntdef.h"
#include "ntstatus.h"

#include "nt/interlocked.h"
#include "nt/ke.h"
#include "nt/ex.h"
#include "nt/rtl.h"
#include "nt/mm.h"
#include "nt/zw.h"
#include "nt/resource.h"
#include "nt/io.h"
#include "nt/dma.h"
#include "nt/pci.h"
#include "nt/ps.h"
#include "nt/hw.h"
