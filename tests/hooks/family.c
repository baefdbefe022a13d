/* family WAY: a child made in one of several ways sends one message; so does its parent before and
   after. Prints "WHO PID SEQ" for each message, in order. */
#include "tracee.h"

#include <sched.h>
#include <spawn.h>

extern char **environ;
static int fd;

static void say(const char *who, unsigned seq)
{
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
    printf("%s %ld %u\n", who, syscall(SYS_getpid), seq);
    fflush(stdout);
}

static int child(void *unused)
{
    (void)unused;
    say("child", 2);
    _exit(0);
}

int main(int argc, char **argv)
{
    const char *way = argv[argc - 1];
    static char stack[65536] __attribute__((aligned(16)));
    fd = netlink(NETLINK_ROUTE);
    if (!strcmp(way, "spawned")) {
        say("child", 2);
        return 0;
    }
    say("parent", 1);
    pid_t pid = 0;
    if (!strcmp(way, "fork")) {
        pid = fork();
    } else if (!strcmp(way, "_Fork")) {
        pid = _Fork();
    } else if (!strcmp(way, "raw")) {
        pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    } else if (!strcmp(way, "clone")) {
        pid = clone(child, stack + sizeof stack, SIGCHLD, NULL);
    } else if (!strcmp(way, "clone3")) {
        unsigned long long arguments[11] = {[4] = SIGCHLD};
        pid = syscall(SYS_clone3, arguments, 8 * sizeof *arguments);
    } else if (!strcmp(way, "shared")) {
        /* A task of its own in the same memory. */
        pid = clone(child, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    } else if (!strcmp(way, "session")) {
        pid = fork();
        need(pid > 0 || setsid() == getpid(), "setsid");
    } else if (!strcmp(way, "double")) {
        pid = fork();
        if (pid == 0 && (pid = fork()) != 0)
            _exit(waitpid(pid, NULL, 0) != pid);
    } else if (!strcmp(way, "vfork")) {
        pid = vfork();
    } else if (!strcmp(way, "closer")) {
        /* A vfork child has descriptors of its own, in its parent's memory. */
        pid = vfork();
        if (pid == 0) {
            close(fd);
            syscall(SYS_close_range, 3, ~0U, 0);
            close_range(3, ~0U, 0);
            dup2(0, 3);
            _exit(0);
        }
    } else if (!strcmp(way, "spawn")) {
        char *arguments[] = {argv[0], "spawned", NULL};
        need(posix_spawn(&pid, argv[0], NULL, NULL, arguments, environ) == 0, "posix_spawn");
    } else if (!strcmp(way, "system")) {
        char command[4200];
        sprintf(command, "\"%s\" spawned", argv[0]);
        need(system(command) == 0, "system");
    } else if (!strcmp(way, "popen")) {
        char command[4200], line[64];
        sprintf(command, "\"%s\" spawned", argv[0]);
        FILE *pipe = popen(command, "r");
        need(pipe && fgets(line, sizeof line, pipe), "popen");
        fputs(line, stdout);
        need(pclose(pipe) == 0, "pclose");
    } else if (!strcmp(way, "exec")) {
        execl(argv[0], argv[0], "spawned", NULL);
    }
    int status;
    if (strcmp(way, "system") && strcmp(way, "popen")) {
        need(pid >= 0, way);
        if (pid == 0)
            child(NULL);
        need(waitpid(pid, &status, 0) == pid && status == 0, "wait");
    }
    if (!strcmp(way, "closer")) {
        /* Only write and read, which never probe. */
        struct noop m = noop(3);
        m.header.nlmsg_flags = NLM_F_REQUEST;
        need(write(fd, &m, sizeof m) == sizeof m, "write");
        printf("parent %d 3\n", getpid());
        return 0;
    }
    say("parent", 3);
    return 0;
}
