/* SPDX-License-Identifier: MIT */
/* A child of the suite, in which a driver runs: its birth, its output, its time. */
#include "conform/rig_int.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

int suite_words_new(void)
{
    int fd = memfd_create("stderr", MFD_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

pid_t suite_fork(int words)
{
    pid_t parent = getpid(), pid;

    fflush(NULL);
    pid = fork();
    if (pid != 0)
        return pid < 0 ? -errno : pid;
    /* A driver that hangs must not outlive a run that is killed. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
        dup2(words, STDERR_FILENO) < 0 || dup2(words, STDOUT_FILENO) < 0)
        _exit(EXIT_FAILURE);
    return 0;
}

double suite_limit(const struct suite_config *config)
{
    return (config->limit > 0 ? config->limit : SUITE_CHECK_SECONDS) * config->time_factor;
}

void suite_last_words(int words, char out[SUITE_WORDS])
{
    enum { LEAD = 2, ROOM = SUITE_WORDS - LEAD - 1 };
    off_t size = lseek(words, 0, SEEK_END);
    ssize_t n = pread(words, out + LEAD, ROOM, size > ROOM ? size - ROOM : 0);

    memcpy(out, ": ", LEAD);
    for (ssize_t i = 0; i < n; i++) {
        if ((unsigned char)out[LEAD + i] < ' ')
            out[LEAD + i] = ' ';
    }
    out[n > 0 ? LEAD + n : 0] = '\0';
}
