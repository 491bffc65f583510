/* SPDX-License-Identifier: MIT */
/* What a run found, for people and for machines. Each writer returns 0 or a negative errno. */
#pragma once

#include "conform/suite.h"

/* For a terminal: each finding with its evidence, then a line for each group and the sum. */
void report_text(FILE *to, const struct suite_result *s);
/* One piece of evidence as report_text shows it, `indent` spaces in. */
void report_evidence(FILE *to, const struct suite_evidence *v, const struct requirement *row,
                     unsigned indent);

/* The catalogue: id, tier, whether it has a check. docs/conformance.md is the second. */
void report_list(FILE *to);
void report_catalogue(FILE *to);
