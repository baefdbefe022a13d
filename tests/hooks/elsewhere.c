/* elsewhere WAY ROOT [late]: sends, goes elsewhere or becomes somebody else, and goes on sending: by the socket
   from before, by a new one, and in a child; or, late, has no socket before it is there. Prints what came of
   each step. */
#include "tracee.h"

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static void show(const char *what, long ret)
{
    printf("%s: %ld %s\n", what, ret, ret < 0 ? strerror(errno) : "");
    fflush(stdout);
}

#define SHOW(call) show(#call, call)

static void one(int fd, unsigned seq)
{
    struct noop m = noop(seq);
    m.header.nlmsg_flags = NLM_F_REQUEST;
    need(send(fd, &m, sizeof m, 0) == sizeof m, "send");
}

/* Into a namespace that a child has made. */
static void enter(int kind, const char *name)
{
    int ready[2], end[2];
    char byte, path[64];
    need(pipe(ready) == 0 && pipe(end) == 0, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        SHOW(unshare(kind));
        write(ready[1], "x", 1);
        read(end[0], &byte, 1);
        _exit(0);
    }
    need(read(ready[0], &byte, 1) == 1, "ready");
    sprintf(path, "/proc/%d/ns/%s", pid, name);
    int fd = open(path, O_RDONLY);
    show("open", fd < 0 ? -1 : 0);
    show("setns", setns(fd, kind));
    write(end[1], "x", 1);
    waitpid(pid, NULL, 0);
    close(fd);
}

int main(int argc, char **argv)
{
    const char *way = argv[1];
    int is_late = argc > 3, fd = is_late ? -1 : netlink(NETLINK_ROUTE);
    if (!is_late)
        one(fd, 1);
    if (!strncmp(way, "chroot", 6)) {
        show("chroot", chroot(argv[2]));
        SHOW(chdir("/"));
        if (!strcmp(way, "chroot-close"))
            for (int i = 3; i < 1024; i++)
                if (i != fd)
                    close(i);
        SHOW(open("/etc/passwd", O_RDONLY) >= 0);
    } else if (!strcmp(way, "pivot")) {
        need(unshare(CLONE_NEWNS | CLONE_NEWNET) == 0, "unshare");
        SHOW(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        show("mount", mount("none", argv[2], "tmpfs", 0, NULL));
        show("pivot_root", chdir(argv[2]) || mkdir("old", 0700) || syscall(SYS_pivot_root, ".", "old"));
        SHOW(chdir("/"));
        SHOW(umount2("/old", MNT_DETACH));
    } else if (!strcmp(way, "root-and-net")) {
        show("chroot", chroot(argv[2]));
        SHOW(unshare(CLONE_NEWNET));
    } else if (!strcmp(way, "effective"))
        SHOW(seteuid(65534));
    else if (!strcmp(way, "reuid"))
        SHOW(setreuid(65534, 65534));
    else if (!strcmp(way, "resuid"))
        SHOW(setresuid(65534, 65534, 65534));
    else if (!strcmp(way, "net"))
        SHOW(unshare(CLONE_NEWNET));
    else if (!strcmp(way, "mount"))
        SHOW(unshare(CLONE_NEWNS));
    else if (!strcmp(way, "user"))
        SHOW(unshare(CLONE_NEWUSER));
    else if (!strcmp(way, "all"))
        SHOW(unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
                     CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_FS | CLONE_FILES));
    else if (!strcmp(way, "ipc-uts"))
        SHOW(unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_SYSVSEM));
    else if (!strcmp(way, "files"))
        SHOW(unshare(CLONE_FILES | CLONE_FS));
    else if (!strcmp(way, "pid"))
        SHOW(unshare(CLONE_NEWPID));
    else if (!strcmp(way, "time"))
        SHOW(unshare(0x80));
    else if (!strcmp(way, "setns-net"))
        enter(CLONE_NEWNET, "net");
    else if (!strcmp(way, "setns-mount"))
        enter(CLONE_NEWNS, "mnt");
    else if (!strcmp(way, "setns-user"))
        enter(CLONE_NEWUSER, "user");
    else if (!strcmp(way, "setuid")) {
        SHOW(setgroups(0, NULL));
        SHOW(setgid(65534));
        SHOW(setuid(65534));
        SHOW(setuid(0));
    } else if (!strcmp(way, "raw-setuid"))
        SHOW(syscall(SYS_setresuid, 65534, 65534, 65534));
    else if (!strcmp(way, "capabilities")) {
        for (int i = 0; i < 41; i++)
            prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
        unsigned head[2] = {0x20080522, 0}, none[6] = {0};
        SHOW(syscall(SYS_capset, head, none));
    } else if (!strcmp(way, "no-new-privileges"))
        SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    else if (!strcmp(way, "undumpable"))
        SHOW(prctl(PR_SET_DUMPABLE, 0));
    if (is_late)
        fd = netlink(NETLINK_ROUTE);
    one(fd, 2);
    int other = netlink(NETLINK_ROUTE);
    show("other", other);
    one(other, 3);
    pid_t pid = fork();
    if (pid == 0) {
        one(other, 4);
        _exit(0);
    }
    int status = 0;
    need(waitpid(pid, &status, 0) == pid && status == 0, "child");
    one(fd, 5);
    printf("uid %d, threads %s\n", getuid(), access("/proc/self/task", F_OK) ? "?" : "known");
    return 0;
}
