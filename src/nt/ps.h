/* SPDX-License-Identifier: MIT */
/* The thread object behind PKTHREAD: every attached thread has one. Drivers only wait for it and
 * count references. */
#pragma once

#include "nt/dispatch.h"

struct nt_kthread {
    DISPATCHER_HEADER header; /* signalled when the thread has ended */
    struct nt_kthread *next;  /* all thread objects */
    int refs;                 /* under the table's lock */
    KAFFINITY affinity;
    KPRIORITY priority;
    unsigned regions; /* critical and guarded regions entered */
};
