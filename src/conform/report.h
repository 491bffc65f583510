/* SPDX-License-Identifier: MIT */
/* What a run found, for people and for machines. */
#pragma once

#include "conform/suite.h"

/* For a terminal: each finding with its evidence, then a line for each group and the sum. */
void report_text(FILE *to, const struct suite_result *s);
/* One piece of evidence as report_text shows it, `indent` spaces in. */
void report_evidence(FILE *to, const struct suite_evidence *v, const struct requirement *row,
                     unsigned indent);

void report_json(FILE *to, const struct suite_result *s);
void report_junit(FILE *to, const struct suite_result *s);
void report_markdown(FILE *to, const struct suite_result *s);
/* One page that needs nothing else. */
void report_html(FILE *to, const struct suite_result *s);
/* To a file; "-" is stdout. Negative errno, and which file in why. */
int report_to(const char *path, void (*write)(FILE *to, const struct suite_result *s),
              const struct suite_result *s, struct why *why);

/* Text inside XML or HTML; and a sentence of the catalogue, whose back quotes mark names. */
void report_escape(FILE *to, const char *text);
void report_sentence(FILE *to, const char *text);
/* Text in a cell of a Markdown table. */
void report_cell(FILE *to, const char *text);

/* The catalogue: id, tier, whether it has a check. docs/conformance.md is the second. */
void report_list(FILE *to);
void report_catalogue(FILE *to);
