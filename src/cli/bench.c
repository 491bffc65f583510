/* SPDX-License-Identifier: MIT */
/* longshore bench: hands over to bench/. */
#include "cli/cli.h"

#include "bench/bench.h"

int cmd_bench(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "--help";

    if (strcmp(what, "frame") == 0)
        return bench_frame(argc - 1, argv + 1);
    if (strcmp(what, "path") == 0)
        return bench_path(argc - 1, argv + 1);
    if (strcmp(what, "--help") != 0)
        return cli_error("bench %s: want frame or path", what);
    puts("usage: longshore bench frame|path [OPTION...]\n\n"
         "  frame   checksum and segmentation kernels beside memcpy of the same bytes\n"
         "  path    TCP through the whole path, beside a bare relay and the kernel's veth\n\n"
         "'longshore bench path --help' tells the options; docs/bench.md how to read the numbers.");
    return EXIT_HOLDS;
}
