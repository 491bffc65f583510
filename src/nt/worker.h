/* SPDX-License-Identifier: MIT */
/* Work for the passive workers without an allocation: the caller has the node, until its function
 * starts. */
#pragma once

#include "base/base.h"

/* The first two words fit into WORK_QUEUE_ITEM.List, which stands for a node without fn. */
struct nt_work {
    struct nt_work *next;
    uintptr_t owner; /* current when posted; current while fn runs. Bit 0: a WORK_QUEUE_ITEM */
    void (*fn)(struct nt_work *w);
};

/* Any IRQL. Queued before nt_start, it runs after. */
void nt_work_post(struct nt_work *w, void (*fn)(struct nt_work *w));

/* w is the List of a WORK_QUEUE_ITEM. */
void nt_work_post_item(void *list);
/* ex_work.c: calls the routine. */
void nt_work_item_run(void *list);

/* After driver code called at PASSIVE_LEVEL returned: findings about IRQL or locks left, which are
 * put right. */
void nt_passive_check(const char *what);
