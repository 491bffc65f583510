/* SPDX-License-Identifier: MIT */
/*
 * A driver's .inf as Windows takes it: sections, %strings%, line continuation, comments, quoted
 * fields; UTF-8 or UTF-16. We read what makes a network adapter: Version, Manufacturer -> models ->
 * DDInstall[.nt…] -> AddReg, AddService -> ServiceBinary.
 */
#pragma once

#include "base/base.h"
#include "nt/registry.h"

struct inf;

/* -EINVAL and "FILE:LINE: what" in why for a bad file. */
int inf_load(const char *path, struct inf **out, struct why *why);
int inf_load_text(const char *text, size_t bytes, const char *name, struct inf **out,
                  struct why *why);
void inf_free(struct inf *inf);

/* First model; or the one whose hardware or compatible id matches (NULL: the first). Fields are
 * owned by inf. -ENOENT if none. */
struct inf_model {
    const char *description; /* what the adapter is called */
    const char *hardware_id;
    const char *install;      /* section that was chosen */
    const char *service;      /* NULL when the INF adds no service */
    const char *binary;       /* file name of the service binary, without directory: "vionet.sys" */
    uint32_t characteristics; /* NCF_* */
};
int inf_find_model(const struct inf *inf, const char *hardware_id, struct inf_model *out,
                   struct why *why);

/* Applies the model's AddReg lines to the adapter's key (HKR), then for each
 * Ndi\params\<keyword>\default gives the keyword that value unless it already stands there or the
 * default is empty: what the network class installer does. */
int inf_apply(const struct inf *inf, const struct inf_model *model, struct reg_key *adapter,
              struct why *why);
