/* forks COUNT: four threads send without a pause while COUNT children are forked one after the other,
   each of which sends ten messages, too. Prints how many were sent by all. */
#include "tracee.h"

#include <pthread.h>
#include <sched.h>

static volatile int end;
static int fd;

static void one(unsigned seq)
{
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

static void *send_on(void *who)
{
    unsigned long i = 0;
    while (!end)
        one((unsigned)(long)who << 24 | ++i);
    return (void *)i;
}

int main(int argc, char **argv)
{
    (void)argc;
    pthread_t threads[4];
    unsigned long sent = 0;
    static char stack[65536] __attribute__((aligned(16)));
    fd = netlink(NETLINK_ROUTE);
    for (long i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, send_on, (void *)(i + 1));
    for (int i = 0; i < atoi(argv[1]); i++) {
        pid_t pid = i % 2 ? fork() : syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (pid == 0) {
            for (unsigned j = 1; j <= 10; j++)
                one(1U << 31 | (i * 10 + j));
            _exit(0);
        }
        int status;
        need(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "child");
        sent += 10;
    }
    end = 1;
    for (int i = 0; i < 4; i++) {
        void *count;
        pthread_join(threads[i], &count);
        sent += (unsigned long)count;
    }
    printf("%lu\n", sent);
    return 0;
}
