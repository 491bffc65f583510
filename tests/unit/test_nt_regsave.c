/* SPDX-License-Identifier: MIT */
/* The registry file under a writer that is killed in mid-write, and the count of changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nt/registry.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define KEY "HKEY_LOCAL_MACHINE\\Software\\Test"

enum { KILLS = 25, VALUES = 600 };

static char dir[64], file[96];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/longshore-regsave-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof file, "%s/machine.reg", dir);
    return 0;
}

/* Says how many of the writers were killed with a file half written. */
static int remove_dir(void **state)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    unsigned halves = 0;
    char path[400];

    (void)state;
    while (d && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        halves += unlink(path) == 0 && strcmp(path, file) != 0;
    }
    print_message("%u killed in mid-write\n", halves);
    if (d)
        closedir(d);
    return rmdir(dir);
}

/* A registry whose every value is `generation`, so that a mixture shows. */
static void fill(struct registry *r, uint32_t generation)
{
    struct reg_key *k = registry_open(r, KEY, true);
    char name[32];

    for (unsigned i = 0; i < VALUES; i++) {
        snprintf(name, sizeof name, "value%u", i);
        if (reg_set_dword(k, name, generation) < 0)
            abort();
    }
}

static void write_forever(void)
{
    struct registry *r = registry_new();
    struct why why = {.text = ""};

    for (uint32_t generation = 0;; generation++) {
        fill(r, generation % 2);
        if (registry_save(r, file, &why) < 0)
            _exit(1);
    }
}

/* Loads what stands there: whole, and of one generation. */
static void check_file(void)
{
    struct registry *r = registry_new();
    struct why why = {.text = ""};
    uint32_t first, v;
    struct reg_key *k;
    char name[32];

    if (registry_load(r, file, &why) != 0)
        fail_msg("%s", why.text);
    k = registry_open(r, KEY, false);
    assert_non_null(k);
    assert_int_equal(reg_get(k, "value0", NULL, &first, sizeof first), sizeof first);
    for (unsigned i = 0; i < VALUES; i++) {
        snprintf(name, sizeof name, "value%u", i);
        assert_int_equal(reg_get(k, name, NULL, &v, sizeof v), sizeof v);
        assert_int_equal(v, first);
    }
    registry_free(r);
}

/* PAR-17: kill -9 at any moment leaves the old file or the new one. */
static void test_a_killed_writer_leaves_a_whole_file(void **state)
{
    struct registry *r = registry_new();
    struct why why = {.text = ""};
    unsigned seed = (unsigned)time(NULL);

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    fill(r, 7);
    assert_int_equal(registry_save(r, file, &why), 0);
    registry_free(r);
    for (unsigned i = 0; i < KILLS; i++) {
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0)
            write_forever();
        usleep((unsigned)(rand() % 20000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        check_file();
    }
}

static void test_a_file_that_cannot_be_written_stays(void **state)
{
    struct registry *r = registry_new();
    struct why why = {.text = ""};

    (void)state;
    fill(r, 1);
    assert_true(registry_save(r, "/tmp/no-such-directory-of-longshore/x.reg", &why) < 0);
    assert_non_null(strstr(why.text, "x.reg"));
    registry_free(r);
}

static void test_only_real_changes_are_counted(void **state)
{
    struct registry *r = registry_new();
    struct reg_key *k = registry_open(r, KEY, true);
    uint64_t n = registry_changes(r);

    (void)state;
    reg_set_sz(k, "a", "1");
    assert_int_equal(registry_changes(r), n + 1);
    reg_set_sz(k, "a", "1");
    assert_int_equal(registry_changes(r), n + 1);
    reg_set_sz(k, "a", "0");
    assert_int_equal(registry_changes(r), n + 2);
    reg_set_dword(k, "a", 0);
    assert_int_equal(registry_changes(r), n + 3);
    reg_delete(k, "b");
    assert_int_equal(registry_changes(r), n + 3);
    reg_delete(k, "a");
    assert_int_equal(registry_changes(r), n + 4);
    registry_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_killed_writer_leaves_a_whole_file),
        cmocka_unit_test(test_a_file_that_cannot_be_written_stays),
        cmocka_unit_test(test_only_real_changes_are_counted),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
