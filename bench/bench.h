/* SPDX-License-Identifier: MIT */
/* What `longshore bench` runs; docs/bench.md says how to read it. */
#pragma once

/* Checksum and segmentation kernels beside memcpy of the same bytes. */
int bench_frame(int argc, char **argv);
/* TCP through the whole path, beside a bare relay that does the same segmentation, and the kernel's
 * own veth. */
int bench_path(int argc, char **argv);
