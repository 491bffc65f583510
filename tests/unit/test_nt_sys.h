/* SPDX-License-Identifier: MIT */
/* Builds small .sys images with the compilers of the machine: mingw's, and clang with lld-link,
 * whose output has the shape of the vendor's. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/driver.h"
#include "nt/finding.h"
#include "nt/image.h"
#include "nt/processor.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char sys_dir[PATH_MAX], sys_root[PATH_MAX];

/* The project's root, as the build says or from where this file is. */
static void sys_setup(void)
{
    char here[PATH_MAX];

    if (sys_dir[0])
        return;
    snprintf(here, sizeof here, "%s", getenv("LONGSHORE_SOURCE") ? getenv("LONGSHORE_SOURCE") : "");
    if (!here[0]) {
        snprintf(here, sizeof here, "%s", __FILE__);
        *strrchr(here, '/') = '\0';
        strcat(here, "/../..");
    }
    if (!realpath(here, sys_root))
        fail_msg("%s: run the tests from the build directory", here);
    snprintf(sys_dir, sizeof sys_dir, "/tmp/longshore-sys-XXXXXX");
    assert_non_null(mkdtemp(sys_dir));
}

static void sys_cleanup(void)
{
    char command[PATH_MAX + 16];

    snprintf(command, sizeof command, "rm -rf '%s'", sys_dir);
    if (sys_dir[0] && system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", sys_dir);
}

static int sys_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int sys_run(const char *format, ...)
{
    char command[8 * PATH_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(command, sizeof command, format, ap);
    va_end(ap);
    return system(command);
}

enum sys_shape { SYS_MINGW, SYS_VENDOR };

/* tests/data/sys/<name>.c as an image; skips the test, with the reason, where a compiler is
 * missing. */
static const char *sys_build(const char *name, enum sys_shape shape)
{
    static char path[2 * PATH_MAX];

    sys_setup();
    snprintf(path, sizeof path, "%s/%s%s.sys", sys_dir, name, shape == SYS_VENDOR ? "-vendor" : "");
    if (access(path, R_OK) == 0)
        return path;
    if (sys_run("command -v x86_64-w64-mingw32-gcc >/dev/null") != 0 ||
        (shape == SYS_VENDOR && sys_run("command -v clang lld-link >/dev/null") != 0)) {
        print_message("skipped: needs x86_64-w64-mingw32-gcc%s\n",
                      shape == SYS_VENDOR ? ", clang and lld-link" : "");
        skip();
    }
    assert_int_equal(sys_run("x86_64-w64-mingw32-dlltool -d %s/tests/data/sys/missing.def "
                             "-l %s/libmissing.a",
                             sys_root, sys_dir),
                     0);
    if (shape == SYS_MINGW) {
        assert_int_equal(
            sys_run(
                "x86_64-w64-mingw32-gcc -std=c17 -O2 -ffreestanding -fshort-wchar -shared "
                "-nostdlib -mno-stack-arg-probe -Wno-multichar -Wl,--subsystem,native "
                "-Wl,--entry,DriverEntry -Wl,--dynamicbase -Wl,--exclude-all-symbols "
                "-I%s/include %s/tests/data/sys/%s.c -L%s -lmissing -lntoskrnl -lhal -lgcc -o %s",
                sys_root, sys_root, name, sys_dir, path),
            0);
        return path;
    }
    assert_int_equal(
        sys_run("cd %s && clang --target=x86_64-pc-windows-msvc -std=c17 -O2 -ffreestanding "
                "-fms-extensions -funwind-tables -Wno-multichar -Wno-four-char-constants "
                "-I%s/include -c %s/tests/data/sys/%s.c -o %s.obj && "
                "cp \"$(x86_64-w64-mingw32-gcc -print-file-name=libntoskrnl.a)\" nt.lib && "
                "cp libmissing.a missing.lib && lld-link /driver /subsystem:native "
                "/entry:DriverEntry /nodefaultlib /out:%s %s.obj missing.lib nt.lib",
                sys_dir, sys_root, sys_root, name, name, path, name),
        0);
    return path;
}

__attribute__((unused)) static uint8_t *sys_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes;
    struct stat st;

    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    *size = (size_t)st.st_size;
    bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, f), *size);
    fclose(f);
    return bytes;
}

/* The last finding, for tests that expect one. */
static struct finding sys_finding;

static void sys_sink(void *arg, const struct finding *f)
{
    (void)arg;
    sys_finding = *f;
}

static void sys_expect_findings(void)
{
    memset(&sys_finding, 0, sizeof sys_finding);
    finding_reset();
    finding_set_sink(sys_sink, NULL);
}
