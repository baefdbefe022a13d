/* Little room: threads on the smallest stacks there are, and handlers on small alternate stacks, each
   with its first call of everything. Prints how deep the handlers' stacks were used, on stderr. */
#include "tracee.h"

#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>

static int fd;

static void one(unsigned seq)
{
    struct noop m = noop(seq);
    char buf[64];
    struct iovec out = {&m, sizeof m}, in = {buf, sizeof buf};
    struct msghdr send = {NULL, 0, &out, 1, NULL, 0, 0}, receive = {NULL, 0, &in, 1, NULL, 0, 0};
    need(sendmsg(fd, &send, 0) == sizeof m && recvmsg(fd, &receive, 0) == ACK_LEN, "sendmsg");
}

static void *in_thread(void *what)
{
    struct ifaddrs *list;
    switch ((long)what) {
    case 1: one(1); break;
    case 2: need(getifaddrs(&list) == 0, "getifaddrs"); freeifaddrs(list); break;
    case 3: if_freenameindex(if_nameindex()); break;
    case 4: close(netlink(NETLINK_ROUTE)); break;
    }
    return NULL;
}

static void small_threads(void)
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    /* musl's least does not even hold a signal's frame. */
    size_t least = PTHREAD_STACK_MIN < 16384 ? 16384 : PTHREAD_STACK_MIN;
    need(pthread_attr_setstacksize(&small, least) == 0, "stack");
    for (long what = 1; what < 5; what++) {
        need(pthread_create(&thread, &small, in_thread, (void *)what) == 0, "thread");
        pthread_join(thread, NULL);
    }
}

static void *stack;
static size_t stack_len;

static void on_signal(int signal)
{
    one(signal);
}

static size_t used(void)
{
    size_t free = 0;
    while (free < stack_len && ((unsigned char *)stack)[free] == 0xa5)
        free++;
    return stack_len - free;
}

/* A handler on a stack of its own, of which a page below is not there. */
static void small_handler(const char *who)
{
    memset(stack, 0xa5, stack_len);
    raise(SIGUSR1);
    fprintf(stderr, "%s %zu\n", who, used());
}

int main(int argc, char **argv)
{
    size_t page = sysconf(_SC_PAGESIZE), more = argc > 1 ? atoi(argv[1]) : 0;
    fd = netlink(NETLINK_ROUTE);
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
    stack_len = (getauxval(AT_MINSIGSTKSZ) + more + 63) / 64 * 64;
    if (stack_len < 8192)
        stack_len = 8192;
    size_t room = (stack_len + page - 1) / page * page;
    char *base = mmap(NULL, page + room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(base != MAP_FAILED && mprotect(base, page, PROT_NONE) == 0, "mmap");
    stack = base + page;
    stack_t alternate = {.ss_sp = stack, .ss_size = stack_len};
    need(sigaltstack(&alternate, NULL) == 0, "sigaltstack");
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);

    small_handler("first");
    small_handler("again");
    /* The first that a forked child says, it says in its handler. */
    pid_t pid = fork();
    if (pid == 0) {
        small_handler("child");
        _exit(0);
    }
    int status;
    need(waitpid(pid, &status, 0) == pid && status == 0, "child");
    /* A socket made in a handler is the occasion to look for a viewer. */
    fd = netlink(NETLINK_ROUTE);
    small_handler("new");
    small_threads();
    printf("done\n");
    return 0;
}
