/* fenced HOW ERROR PROGRAM ARGUMENT...: becomes a program that is confined from its first instruction on,
   as one in a container is: a call by the name HOW fails with the number ERROR; or, for "container", all
   but those that a small dynamic program needs. Alone, it prints the names that there are. */
#include "tracee.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

static const struct {
    const char *name;
    int number;
} calls[] = {
#define CALL(name) {#name, SYS_##name}
    CALL(memfd_create), CALL(ftruncate), CALL(fcntl), CALL(connect), CALL(sendmsg), CALL(sendto),
    CALL(recvmsg), CALL(getsockopt), CALL(setsockopt), CALL(getsockname), CALL(getpeername),
    CALL(prlimit64), CALL(getrlimit), CALL(madvise), CALL(munmap), CALL(mprotect), CALL(getpid),
    CALL(gettid), CALL(getppid), CALL(getuid), CALL(geteuid), CALL(prctl), CALL(rt_sigaction),
    CALL(rt_sigprocmask), CALL(sigaltstack), CALL(newfstatat), CALL(fstat), CALL(statx),
    CALL(readlinkat), CALL(clock_gettime), CALL(sched_yield), CALL(nanosleep), CALL(clock_nanosleep),
    CALL(ppoll), CALL(dup), CALL(dup3), CALL(futex), CALL(lseek), CALL(getrandom), CALL(uname),
    CALL(membarrier), CALL(rseq), CALL(socket),
#ifdef SYS_open
    /* Older machines alone have these. */
    CALL(stat), CALL(readlink), CALL(poll),
#endif
};

/* What the loader, libc's start and `flood` make. */
static const int needed[] = {
    SYS_execve, SYS_brk, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_openat, SYS_read, SYS_readv,
    SYS_pread64, SYS_write, SYS_writev, SYS_close, SYS_fstat, SYS_newfstatat, SYS_faccessat,
    SYS_faccessat2, SYS_set_tid_address, SYS_set_robust_list, SYS_rseq, SYS_prlimit64, SYS_getrandom,
    SYS_ioctl, SYS_sendto, SYS_exit, SYS_exit_group,
#ifdef __x86_64__
    SYS_open, SYS_stat, SYS_access, SYS_arch_prctl,
#endif
};

static struct sock_filter code[100];
static unsigned short len;

static void add(unsigned short op, unsigned value, unsigned char yes, unsigned char no)
{
    code[len++] = (struct sock_filter){op, yes, no, value};
}

int main(int argc, char **argv)
{
    const unsigned count = sizeof calls / sizeof *calls;
    if (argc < 4) {
        for (unsigned i = 0; i < count; i++)
            printf("%s\n", calls[i].name);
        return 0;
    }
    unsigned fails = SECCOMP_RET_ERRNO | atoi(argv[2]);
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    if (!strcmp(argv[1], "container")) {
        for (unsigned i = 0; i < sizeof needed / sizeof *needed; i++) {
            add(BPF_JMP | BPF_JEQ | BPF_K, needed[i], 0, 1);
            add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
        }
        /* No sockets but of netlink. */
        add(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3);
        add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]), 0, 0);
        add(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1);
        add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
        add(BPF_RET | BPF_K, fails, 0, 0);
    } else {
        unsigned i = 0;
        while (i < count && strcmp(calls[i].name, argv[1]))
            i++;
        need(i < count, argv[1]);
        add(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
        add(BPF_RET | BPF_K, fails, 0, 0);
        add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    }
    /* The library is for that program alone. */
    char *preload = getenv("PRELOAD");
    if (preload)
        setenv("LD_PRELOAD", preload, 1);
    struct sock_fprog program = {len, code};
    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
    need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "filter");
    execv(argv[3], argv + 3);
    need(0, "execv");
}
