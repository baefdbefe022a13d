/* What the shim costs a program.
 *
 *   hooks compare EMPTY SHIM SOCKET [TURNS STARTS]
 *                               prints a table: the calls and the start of a program, bare, with an EMPTY
 *                               library preloaded, and under the shim, with nobody listening and with a
 *                               viewer on SOCKET
 *   hooks run                   one measurement, as `compare` makes many of
 *   hooks open                  opens a netlink socket and ends
 *
 * Every figure is the median of many short measurements, taken in turns, so that what else the machine
 * does falls on all alike. Compare figures of one run only.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/netlink.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TURNS = 15, BATCHES = 41, CALLS = 500, STARTS = 500 };
static int turns = TURNS, starts_made = STARTS;
enum { SEND, ACK, READ, KINDS };
enum { BARE, NOTHING, ALONE, RING, SOCKET, MODES };

static const char *const kinds[KINDS] = {"send, 16 bytes", "request and its ack", "read(/dev/zero)"};
static const char *const modes[MODES] = {"bare", "empty library", "no viewer", "ring", "socket"};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, count, sizeof *values, order);
    return values[count / 2];
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void send_noop(int fd)
{
    struct nlmsghdr m = {sizeof m, NLMSG_NOOP, NLM_F_REQUEST, 1, 0};
    if (send(fd, &m, sizeof m, 0) != sizeof m)
        fail("send");
}

static void ask(int fd)
{
    char answer[64];
    struct nlmsghdr m = {sizeof m, NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, 1, 0};
    if (send(fd, &m, sizeof m, 0) != sizeof m || recv(fd, answer, sizeof answer, 0) != 36)
        fail("request");
}

static void read_zero(int fd)
{
    char byte[16];
    if (read(fd, byte, sizeof byte) != sizeof byte)
        fail("read");
}

static double calls(void (*call)(int), int fd)
{
    double batches[BATCHES];
    for (int b = 0; b < BATCHES; b++) {
        double begin = now();
        for (int i = 0; i < CALLS; i++)
            call(fd);
        batches[b] = (now() - begin) / CALLS;
        /* Lets the viewer catch up: calls are measured, not its speed. */
        usleep(1000);
    }
    return median(batches, BATCHES);
}

static void run(void)
{
    int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), zero = open("/dev/zero", O_RDONLY);
    send_noop(netlink);
    printf("%f %f %f\n", calls(send_noop, netlink), calls(ask, netlink), calls(read_zero, zero));
}

static void spawn(char **arguments, char **environment)
{
    pid_t pid;
    int status;
    if (posix_spawn(&pid, arguments[0], NULL, NULL, arguments, environment) != 0)
        fail(arguments[0]);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail("wait");
}

static void measure(char *self, char **environment, double values[KINDS])
{
    int ends[2];
    char *arguments[] = {self, "run", NULL};
    char text[256] = "";
    posix_spawn_file_actions_t actions;
    pid_t pid;
    if (pipe(ends) != 0)
        fail("pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    if (posix_spawn(&pid, self, &actions, NULL, arguments, environment) != 0)
        fail(self);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    ssize_t len = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    waitpid(pid, NULL, 0);
    if (len <= 0 || sscanf(text, "%lf %lf %lf", &values[SEND], &values[ACK], &values[READ]) != 3)
        fail("measurement");
}

/* Prints a line of the table. */
static void line(const char *what, double values[MODES])
{
    printf("%-20s", what);
    for (int mode = 0; mode < MODES; mode++) {
        double value = values[mode], bare = values[BARE];
        if (mode == BARE)
            printf("  %s %9.1f ns", modes[mode], value);
        else
            printf("  | %s %+9.1f ns, x %.2f", modes[mode], value - bare, value / bare);
    }
    printf("\n");
}

/* Starts a program again and again, each way by turns. */
static void starts(const char *what, char **arguments, char *environments[MODES][5])
{
    static double times[MODES][STARTS];
    double medians[MODES];
    for (int turn = 0; turn < starts_made; turn++)
        for (int mode = 0; mode < MODES; mode++) {
            double begin = now();
            spawn(arguments, environments[mode]);
            times[mode][turn] = now() - begin;
        }
    for (int mode = 0; mode < MODES; mode++)
        medians[mode] = median(times[mode], starts_made);
    line(what, medians);
}

static void compare(char *self, const char *empty, const char *shim, const char *viewer)
{
    static double all[MODES][KINDS][TURNS];
    char preload[4096], nothing[4096], by[4096];
    snprintf(nothing, sizeof nothing, "LD_PRELOAD=%s", empty);
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", shim);
    snprintf(by, sizeof by, "NLHOOK_SOCKET=%s", viewer);
    char *const path = "PATH=/usr/bin:/bin";
    char *environments[MODES][5] = {
        {path, NULL},
        {path, nothing, NULL},
        {path, preload, "NLHOOK_SOCKET=/nonexistent/nlview.sock", NULL},
        {path, preload, by, NULL},
        {path, preload, by, "NLHOOK_TRANSPORT=socket", NULL},
    };
    for (int turn = -1; turn < turns; turn++)
        for (int mode = 0; mode < MODES; mode++) {
            double values[KINDS];
            measure(self, environments[mode], values);
            for (int kind = 0; turn >= 0 && kind < KINDS; kind++)
                all[mode][kind][turn] = values[kind];
        }
    double medians[MODES];
    for (int kind = 0; kind < KINDS; kind++) {
        for (int mode = 0; mode < MODES; mode++)
            medians[mode] = median(all[mode][kind], turns);
        line(kinds[kind], medians);
    }
    starts("start of /bin/true", (char *[]){"/bin/true", NULL}, environments);
    starts("start, and a socket", (char *[]){self, "open", NULL}, environments);
}

int main(int argc, char **argv)
{
    if (argc == 7 && atoi(argv[5]) > 0 && atoi(argv[5]) < TURNS)
        turns = atoi(argv[5]);
    if (argc == 7 && atoi(argv[6]) > 0 && atoi(argv[6]) < STARTS)
        starts_made = atoi(argv[6]);
    if (argc >= 5 && !strcmp(argv[1], "compare"))
        compare(argv[0], argv[2], argv[3], argv[4]);
    else if (argc == 2 && !strcmp(argv[1], "open"))
        return socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) < 0;
    else
        run();
    return 0;
}
