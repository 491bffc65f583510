/* SPDX-License-Identifier: MIT */
/*
 * The command line: one file a subcommand. Exit codes: 0 done, 1 done and something does not hold
 * (findings, unequal digests), 2 could not be done.
 */
#pragma once

#include "base/base.h"
#include "longshore.h"

enum { EXIT_HOLDS = 0, EXIT_FINDINGS = 1, EXIT_CANNOT = 2 };

int cmd_run(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_demo_team(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_adapter(int argc, char **argv);
int cmd_offloads(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_wmi(int argc, char **argv);
int cmd_test(int argc, char **argv);

/* "longshore: TEXT" on stderr; returns EXIT_CANNOT. */
__attribute__((format(printf, 1, 2))) int cli_error(const char *fmt, ...);

/* A finding on stdout (longshore_finding_fn). */
void cli_print_finding(void *arg, const struct longshore_finding *f);

/* A line of a demo's closing table: what, value, and whether it holds. Returns 1 if it does not. */
__attribute__((format(printf, 3, 4))) unsigned cli_verdict(bool holds, const char *what,
                                                           const char *fmt, ...);

/* Number in [min, max] out of an option's argument; false after an error message. */
bool cli_number(const char *option, const char *text, unsigned long min, unsigned long max,
                unsigned long *out);

/* --driver's argument: sys or linked; false after an error message. */
bool cli_build(const char *text, enum longshore_build *out);

/* 1234567 as "1.23 M"; returns buf. */
const char *cli_short(double v, char *buf, size_t size);
