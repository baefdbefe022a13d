/* inside WHAT HOW: calls the functions that speak netlink inside libc, in surroundings that are awkward
   for whoever wants to listen. Prints what they return, and what is left of the program's signals. */
#include "tracee.h"

#include <ifaddrs.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

static const char *what;
static volatile sig_atomic_t handled, trapped;
static char stack[65536];

/* One call; returns how many entries its list has, or less than 0 with errno. */
static int one(void)
{
    int count = 0;
    if (!strcmp(what, "getifaddrs")) {
        struct ifaddrs *list;
        if (getifaddrs(&list) != 0)
            return -1;
        for (struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
            count++;
        freeifaddrs(list);
    } else if (!strcmp(what, "if_nameindex")) {
        struct if_nameindex *list = if_nameindex();
        if (!list)
            return -1;
        while (list[count].if_index)
            count++;
        if_freenameindex(list);
    } else {
        struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG | AI_NUMERICHOST}, *list;
        int error = getaddrinfo("127.0.0.1", "80", &hints, &list);
        if (error)
            return -1000 + error;
        for (struct addrinfo *entry = list; entry; entry = entry->ai_next)
            count++;
        freeaddrinfo(list);
    }
    return count;
}

static void say(const char *how)
{
    errno = 77;
    int count = one();
    int error = errno;
    printf("%s: %d entries, errno %d\n", how, count, count < 0 ? error : 0);
}

static void left(void)
{
    sigset_t mask;
    struct sigaction action;
    stack_t alternate;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigaction(SIGSYS, NULL, &action);
    sigaltstack(NULL, &alternate);
    printf("blocked");
    for (int i = 1; i < 32; i++)
        if (sigismember(&mask, i) == 1)
            printf(" %d", i);
    printf(", SIGSYS %s, stack %s\n",
           action.sa_handler == SIG_DFL   ? "by default"
           : action.sa_handler == SIG_IGN ? "ignored"
                                          : "handled",
           alternate.ss_sp == stack ? "ours" : alternate.ss_flags & SS_DISABLE ? "none" : "foreign");
}

static void on_alarm(int signal)
{
    (void)signal;
    handled++;
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    trapped += info->si_syscall == SYS_getppid;
}

static void *many(void *times)
{
    for (long i = 0; i < (long)times; i++)
        need(one() >= 0, what);
    return NULL;
}

static void tick(int microseconds)
{
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void *endless(void *unused)
{
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    for (;;) {
        one();
        pthread_testcancel();
    }
    return unused;
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *how = argv[2];
    what = argv[1];
    if (!strcmp(how, "plain")) {
        say("plain");
    } else if (!strcmp(how, "blocked")) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        say("blocked");
    } else if (!strcmp(how, "stack")) {
        stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
        sigaltstack(&alternate, NULL);
        say("stack");
    } else if (!strcmp(how, "storm")) {
        struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
        sigaction(SIGALRM, &action, NULL);
        tick(40);
        int calls = 0;
        while (calls < 1000 || handled < 100)
            need((calls++, one()) >= 0, what);
        tick(0);
        say("storm");
    } else if (!strcmp(how, "threads")) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, many, (void *)300);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        say("threads");
    } else if (!strcmp(how, "cancel")) {
        pthread_t thread;
        for (int i = 0; i < 50; i++) {
            pthread_create(&thread, NULL, endless, NULL);
            usleep(i * 20);
            pthread_cancel(thread);
            pthread_join(thread, NULL);
        }
        closefrom(3);
        say("cancel");
    } else if (!strcmp(how, "children")) {
        pthread_t thread;
        pthread_create(&thread, NULL, many, (void *)400);
        for (int i = 0; i < 40; i++) {
            pid_t pid = fork();
            if (pid == 0)
                _exit(one() < 0);
            int status;
            need(waitpid(pid, &status, 0) == pid && status == 0, "child");
            need(system("exit 0") == 0, "system");
        }
        pthread_join(thread, NULL);
        say("children");
    } else if (!strcmp(how, "vfork")) {
        pid_t pid = vfork();
        if (pid == 0)
            _exit(one() < 0);
        int status;
        need(waitpid(pid, &status, 0) == pid && status == 0, "child");
        say("vfork");
    } else if (!strcmp(how, "ignored")) {
        signal(SIGSYS, SIG_IGN);
        say("ignored");
    } else if (!strcmp(how, "own")) {
        struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
        sigaction(SIGSYS, &action, NULL);
        struct sock_filter code[] = {
            {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
            {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getppid},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
        };
        struct sock_fprog program = {4, code};
        need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "privileges");
        for (int i = 0; i < 3; i++) {
            say("own");
            if (i == 1)
                need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "filter");
            getppid();
        }
        printf("trapped %d\n", (int)trapped);
    } else if (!strcmp(how, "narrow")) {
        struct rlimit limit = {3, 3};
        need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "limit");
        say("narrow");
        limit.rlim_cur = 0;
        setrlimit(RLIMIT_NOFILE, &limit);
        say("narrow");
    } else if (!strcmp(how, "raised")) {
        /* A SIGSYS that has nothing to do with calls ends the program, window or not. */
        say("raised");
        fflush(stdout);
        raise(SIGSYS);
    }
    left();
    return 0;
}
