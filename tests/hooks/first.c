/* first WHO: who is the first to have to do with netlink. threads: each of several at once, by sockets of their
   own; child: a forked child, after its parent has changed what it is called with; thread: one that has a name
   of its own. Prints how many messages were sent. */
#include "tracee.h"

#include <pthread.h>
#include <sys/prctl.h>

enum { THREADS = 8, EACH = 20 };

static volatile int ready, expected;

static void *send_some(void *which)
{
    unsigned first = (unsigned)(long)which * EACH;
    prctl(PR_SET_NAME, "sender");
    /* All at once. */
    __sync_fetch_and_add(&ready, 1);
    while (ready < expected)
        ;
    int fd = netlink(NETLINK_ROUTE);
    for (unsigned i = 1; i <= EACH; i++) {
        struct noop m = noop(first + i);
        m.header.nlmsg_flags = NLM_F_REQUEST;
        need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
    }
    return NULL;
}

static void run(int threads)
{
    pthread_t all[THREADS];
    expected = threads;
    for (long i = 0; i < threads; i++)
        need(pthread_create(&all[i], NULL, send_some, (void *)i) == 0, "thread");
    for (int i = 0; i < threads; i++)
        need(pthread_join(all[i], NULL) == 0, "join");
    printf("%d\n", threads * EACH);
}

int main(int argc, char **argv)
{
    int status;
    if (!strcmp(argv[1], "threads"))
        run(THREADS);
    else if (!strcmp(argv[1], "thread"))
        run(1);
    else {
        /* As getopt does, and what makes its own title. */
        argv[argc - 1] = NULL;
        pid_t pid = fork();
        if (pid == 0) {
            run(1);
            exit(0);
        }
        need(waitpid(pid, &status, 0) == pid && status == 0, "child");
    }
    return 0;
}
