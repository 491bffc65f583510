/* SPDX-License-Identifier: MIT */
/*
 * The suite: which checks, in which order, each in a fresh process; what they said, row by row of
 * the catalogue.
 *
 * A check runs in a child that is forked from here, where no thread runs and nothing is loaded. It
 * writes evidence to a pipe; a child that crashes, hangs or ends early becomes a finding, and the
 * run goes on. Order is random by seed. As many children run at once as there are processors.
 *
 * A run is bounded: each child that had to be killed halves the limit of the others, down to a
 * sixth; and when such children, and those that failed and took longer than that sixth, have used
 * up SUITE_STUCK_LIMITS limits in sum, the checks left are not tried (an error).
 *
 * A row's verdict comes of its own check and of every runtime rule with its id that any check saw
 * broken.
 */
#pragma once

#include "conform/catalogue.h"
#include "conform/evidence.h"
#include "nt/inf.h"

enum { RIG_SEND_SECONDS = 5, SUITE_CHECK_SECONDS = 30, SUITE_STUCK_LIMITS = 4, SUITE_MEMBERS = 4 };

/* A driver of our card, for an intermediate driver to stand on. */
struct suite_member {
    const char *inf;
    char image[4096];
};

struct suite_config {
    const char *inf;  /* the driver's */
    char image[4096]; /* its binary */
    bool linked;
    /* Of an intermediate driver: one card each, of equal drivers when they name the same .inf. 0:
     * the driver under test is a miniport that stands alone. */
    struct suite_member member[SUITE_MEMBERS];
    unsigned member_count;
    uint64_t seed;
    unsigned jobs;       /* children at once; 0: one per processor */
    unsigned tier;       /* rows up to this tier; 0: all */
    const char *only;    /* ids and groups, comma separated; NULL: all */
    const char *withhold; /* features that no card offers, by name; NULL: none */
    bool strict;         /* NDIS in strict mode, and warnings count as findings */
    bool lenient;        /* D-27: a configuration that is not indicated is a warning */
    double time_factor;  /* for time limits; 1 */
    double limit;        /* seconds that a check may take; 0: SUITE_CHECK_SECONDS */
    const char *capture; /* directory for a pcapng of each check's wire; NULL: none */
    bool progress;       /* a line on stderr that counts */
};

enum verdict {
    VERDICT_PASS,
    VERDICT_WARN,
    VERDICT_FAIL,
    VERDICT_ERROR,    /* the check could not be made */
    VERDICT_SKIP,     /* the driver does not advertise it */
    VERDICT_NOT_SEEN, /* a host cannot observe it; the table says why */
    VERDICT_NONE,     /* no check: an optional feature, or later work */
    VERDICT_LEFT_OUT, /* not asked for in this run */
    VERDICT_COUNT
};
const char *verdict_name(enum verdict v);

/* What was said about a row. seen_in: the check during which it was. */
struct suite_evidence {
    struct evidence e;
    const struct requirement *seen_in;
    struct suite_evidence *next;
};

struct suite_row {
    const struct requirement *q;
    const struct check *check; /* NULL: none */
    enum verdict verdict;
    unsigned findings, warnings, comparisons;
    double seconds;
    const char *reason; /* of SKIP, ERROR, NOT_SEEN */
    struct suite_evidence *evidence, **evidence_tail;
};

struct suite_import {
    char name[120]; /* "ndis.sys!NdisMIndicateStatusEx" */
    bool missing;
    uint64_t calls; /* of a missing one: 0, or some number */
};

struct suite_result {
    const struct suite_config *config;
    struct suite_row *rows; /* one for each of the catalogue */
    unsigned row_count;
    /* Rules outside the catalogue (NT-...), one after another. */
    struct suite_evidence *other, **other_tail;
    unsigned other_findings;
    unsigned verdicts[VERDICT_COUNT];
    unsigned checks_run;
    double seconds;
    char adapter[128]; /* what the driver calls its adapter */
    bool hardware;     /* it drives our card, or its members do */
    bool has_offload;
    NDIS_OFFLOAD hardware_offload; /* what it lists */
    struct suite_import *imports;
    unsigned import_count;
};

/* Looks at the driver (loads it and initializes an adapter in a child) and fills in the result's
 * head. Negative errno and a line in why when nothing can be tested: no such file, not an image,
 * DriverEntry or MiniportInitializeEx fails, crashes or does not return, nothing chosen has a
 * check. */
int suite_run(const struct suite_config *config, struct suite_result **out, struct why *why);
/* One check alone, which need not be of the suite: tests that are more than a check (tests/unit).
 * What it says stands in its id's row. */
struct check;
int suite_try(const struct suite_config *config, const struct check *check,
              struct suite_result **out, struct why *why);
void suite_free(struct suite_result *s);
/* Findings there are, warnings in strict mode among them. */
unsigned suite_findings(const struct suite_result *s);

/* config.image and config.linked from the .inf, and the members' images from theirs; also says that
 * there is a model to install, and that it is for our card or for none (a member's: for our card).
 */
int suite_find_image(struct suite_config *config, bool linked, struct why *why);

/* For the rig. card: the driver wants our network card (its .inf names the hardware id), else it is
 * a software miniport. */
int suite_find_model(const struct suite_config *config, struct inf **inf, struct inf_model *model,
                     bool *card, struct why *why);
/* The model of that member, for our card. */
int suite_find_member(const struct suite_config *config, unsigned index, struct inf **inf,
                      struct inf_model *model, struct why *why);
const char *suite_capture_path(const struct suite_config *config, const struct check *check);
/* Ends the child: the rig comes down, the last record is written. */
__attribute__((noreturn)) void suite_child_end(struct rig *r);
