/* Stops, kills or interrupts a program after each machine instruction of what it does.
 *
 *   stepper kill FIRST STRIDE          children that share this program's connection are killed after
 *                                      FIRST, FIRST + STRIDE … instructions of one send; after each
 *                                      this program sends one message
 *   stepper stop FIRST STRIDE COUNT    the children are stopped there, all at the same time, and COUNT
 *                                      messages sent meanwhile; after a byte on stdin half of them is
 *                                      killed, the other half goes on; then ten more are sent
 *   stepper start FIRST STRIDE PRELOAD PROGRAM ARGUMENT...
 *                                      a program whose first library has put in a handler for SIGUSR1
 *                                      gets that signal after FIRST, FIRST + STRIDE … instructions more,
 *                                      until main begins
 *
 * The children's messages are numbered from 1 << 20 on, this program's from 1 on. */
#include "tracee.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

#define MARK() __asm__ volatile("int3")

enum { MOST = 1 << 15 };

static int fd;
static unsigned sent;
/* What each child has come to, as it says itself. */
static volatile char *done;
static pid_t children[MOST];

static void one(unsigned seq)
{
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

static int next_stop(pid_t pid)
{
    int status;
    need(waitpid(pid, &status, __WALL) == pid, "waitpid");
    return status;
}

static int is_mark(int status)
{
    return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

/* A child, after so many instructions of its send. */
static pid_t child_after(unsigned steps, unsigned index)
{
    pid_t pid = fork();
    need(pid >= 0, "fork");
    if (pid == 0) {
        /* The first record of a process is a longer story. */
        one(1 << 21);
        need(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0, "traceme");
        MARK();
        one(1 << 20 | index);
        done[index] = 1;
        _exit(0);
    }
    int status = next_stop(pid);
    need(is_mark(status), "mark");
    for (unsigned i = 0; i < steps && !done[index]; i++) {
        need(ptrace(PTRACE_SINGLESTEP, pid, 0, 0) == 0, "step");
        need(is_mark(next_stop(pid)), "stepped");
    }
    return pid;
}

static void kill_each(unsigned first, unsigned stride)
{
    unsigned index = 0;
    for (unsigned steps = first; index < MOST; steps += stride, index++) {
        pid_t pid = child_after(steps, index);
        kill(pid, SIGKILL);
        need(WIFSIGNALED(next_stop(pid)), "killed");
        one(++sent);
        if (done[index])
            break;
    }
    printf("%u %u\n", index + 1, sent);
}

static void stop_all(unsigned first, unsigned stride, unsigned count)
{
    unsigned index = 0;
    char byte;
    for (unsigned steps = first; index < MOST; steps += stride, index++) {
        children[index] = child_after(steps, index);
        if (done[index])
            break;
    }
    for (unsigned i = 0; i < count; i++)
        one(++sent);
    printf("%u %u\n", index + 1, sent);
    fflush(stdout);
    need(read(0, &byte, 1) == 1, "stdin");
    for (unsigned i = 0; i <= index; i++) {
        if (i % 2)
            kill(children[i], SIGKILL);
        else
            need(ptrace(PTRACE_DETACH, children[i], 0, 0) == 0, "detach");
        int status = next_stop(children[i]);
        need(i % 2 ? WIFSIGNALED(status) : status == 0, "end");
    }
    for (int i = 0; i < 10; i++)
        one(++sent);
    printf("%u\n", sent);
}

/* Whether a program that is stopped by SIGTRAP has come to a mark, and has not just made a step. */
static int came_to_mark(pid_t pid)
{
    siginfo_t info;
    need(ptrace(PTRACE_GETSIGINFO, pid, 0, &info) == 0, "siginfo");
    return info.si_code == SI_KERNEL;
}

static int start(unsigned first, unsigned stride, char *preload, char **program)
{
    pid_t pid = fork();
    need(pid >= 0, "fork");
    if (pid == 0) {
        need(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0, "traceme");
        setenv("LD_PRELOAD", preload, 1);
        execv(program[0], program);
        _exit(127);
    }
    need(is_mark(next_stop(pid)), "exec");
    ptrace(PTRACE_CONT, pid, 0, 0);
    need(is_mark(next_stop(pid)), "handler");
    unsigned interrupts = 0, steps = 0;
    for (;; steps++) {
        int signal = steps >= first && (steps - first) % stride == 0 ? SIGUSR1 : 0;
        ptrace(signal ? PTRACE_CONT : PTRACE_SINGLESTEP, pid, 0, signal);
        int status = next_stop(pid);
        /* While it was blocked it had to wait. */
        while (signal && WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1) {
            ptrace(PTRACE_CONT, pid, 0, SIGUSR1);
            status = next_stop(pid);
        }
        if (!is_mark(status)) {
            fprintf(stderr, "stopped with %#x after %u steps\n", status, steps);
            kill(pid, SIGKILL);
            return 1;
        }
        interrupts += signal != 0;
        /* With a signal, it is the handler's end. */
        if (!signal && came_to_mark(pid))
            break;
    }
    ptrace(PTRACE_CONT, pid, 0, 0);
    int status = next_stop(pid);
    printf("%u instructions, %u interrupts, status %#x\n", steps, interrupts, status);
    return 0;
}

int main(int argc, char **argv)
{
    /* If it takes for ever, that is an answer, too. */
    alarm(60);
    if (!strcmp(argv[1], "start"))
        return start(atoi(argv[2]), atoi(argv[3]), argv[4], argv + 5);
    done = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    need(done != MAP_FAILED, "mmap");
    fd = netlink(NETLINK_ROUTE);
    one(++sent);
    if (!strcmp(argv[1], "kill"))
        kill_each(atoi(argv[2]), atoi(argv[3]));
    else
        stop_all(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
    return 0;
}
