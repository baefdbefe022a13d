/* ends WAY [COUNT]: sends COUNT numbered messages and ends at once, in one of the ways to end. What
   comes between sends more: a handler at exit, a destructor, and those of a thread's own values. */
#include "tracee.h"

#include <pthread.h>
#include <sys/prctl.h>

static int fd;
static unsigned seq;

static void one(void)
{
    struct noop m = noop(++seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

static void at_exit(void)
{
    one();
}

__attribute__((destructor)) static void destructor(void)
{
    if (fd > 0)
        one();
}

static void of_thread(void *unused)
{
    (void)unused;
    one();
}

static void *thread(void *way)
{
    pthread_key_t key;
    pthread_key_create(&key, of_thread);
    pthread_setspecific(key, "");
    if (way)
        exit(0);
    return NULL;
}

static void *last(void *main)
{
    /* The main thread is done with; this one ends the process. */
    pthread_join((pthread_t)main, NULL);
    usleep(20000);
    one();
    return NULL;
}

int main(int argc, char **argv)
{
    const char *way = argv[1];
    pthread_t other;
    /* Nothing may depend on what a crash would leave behind. */
    prctl(PR_SET_DUMPABLE, 0);
    fd = netlink(NETLINK_ROUTE);
    atexit(at_exit);
    at_quick_exit(at_exit);
    for (int i = 0; i < (argc > 2 ? atoi(argv[2]) : 1000); i++)
        one();
    printf("%u\n", seq);
    fflush(stdout);
    if (!strcmp(way, "return"))
        return 0;
    if (!strcmp(way, "exit"))
        exit(0);
    if (!strcmp(way, "_exit"))
        _exit(0);
    if (!strcmp(way, "quick_exit"))
        quick_exit(0);
    if (!strcmp(way, "exit_group"))
        syscall(SYS_exit_group, 0);
    if (!strcmp(way, "abort"))
        abort();
    if (!strcmp(way, "segv"))
        *(volatile int *)8 = 1;
    if (!strcmp(way, "fpe"))
        __builtin_trap();
    if (!strcmp(way, "kill"))
        kill(getpid(), SIGKILL);
    if (!strcmp(way, "term"))
        raise(SIGTERM);
    if (!strcmp(way, "exec"))
        execl("/bin/true", "true", NULL);
    if (!strcmp(way, "fork") && fork() > 0)
        _exit(0);
    if (!strcmp(way, "fork")) {
        one();
        _exit(0);
    }
    if (!strcmp(way, "thread")) {
        pthread_create(&other, NULL, thread, NULL);
        pthread_join(other, NULL);
        return 0;
    }
    if (!strcmp(way, "thread-exit")) {
        pthread_create(&other, NULL, thread, "");
        pause();
    }
    if (!strcmp(way, "main-first")) {
        pthread_create(&other, NULL, last, (void *)pthread_self());
        pthread_exit(NULL);
    }
    if (!strcmp(way, "pthread_exit"))
        pthread_exit(NULL);
    if (!strcmp(way, "SYS_exit"))
        syscall(SYS_exit, 0);
    return 9;
}
