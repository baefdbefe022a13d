# Conversations, each a way in which requests and answers can be mixed; the argument says which.
import subprocess
import sys
import threading

ADD_MEMBERSHIP, SO_RCVBUF = 1, 8


def link(seq, flags=0, index=1):
    return message(18, REQUEST | flags, struct.pack("=BxHiII", 0, 0, index, 0, 0), seq)


def address(ty, seq, flags, last):
    flags |= 0x600 if ty == 20 else 0
    head = struct.pack("=BBBBi", 2, 32, 0, 0, 1)
    return message(ty, REQUEST | flags, head + attr(2, bytes((192, 0, 2, last))), seq)


def index_of(data):
    return struct.unpack_from("=i", data, 20)[0]


def take(s, count):
    for _ in range(count):
        s.recv(65536)


def sent_ahead():
    """Several are sent before the first answer is read: two answers, an answer and its
    acknowledgement, a refusal, an acknowledgement alone."""
    s = open_socket(ROUTE)
    s.send(link(11))
    s.send(link(12, ACK, 2))
    s.send(link(13, 0, 9999))
    s.send(address(20, 14, ACK, 1))
    take(s, 5)


def in_one_datagram():
    s = open_socket(ROUTE)
    s.send(link(21) + link(22, ACK, 2) + link(23, 0, 9999) + address(20, 24, ACK, 2))
    take(s, 5)


def of_one_number():
    """What is sent ahead has the same number all the time, and one of it is refused."""
    s = open_socket(ROUTE)
    s.send(address(20, 0, ACK, 3))
    s.send(link(0, ACK, 2))
    s.send(link(0, ACK, 9999))
    s.send(address(21, 0, ACK, 3))
    take(s, 5)


def among_notifications():
    """A dump on a socket that also hears of what others do, who use the same sequence number."""
    s, other = open_socket(ROUTE), open_socket(ROUTE)
    for group in (1, 5):
        s.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
    s.send(message(18, REQUEST | DUMP, struct.pack("=BxHiII", 0, 0, 0, 0, 0), 77))
    last = 10
    while True:
        other.send(address(20, 77, ACK, last))
        take(other, 1)
        last += 1
        # Without an address only the port in the header tells whose message it is.
        data = s.recv(4096) if last % 4 > 1 else s.recvfrom(4096)[0]
        at, done = 0, False
        while at < len(data):
            length, ty = struct.unpack_from("=IH", data, at)
            done |= ty == 3
            at += (length + 3) & ~3
        if done:
            break
    for _ in range(10, last):
        refused(s.recvfrom, 4096)


def changed_meanwhile():
    """What a dump shows changes between its parts."""
    s, other = open_socket(ROUTE), open_socket(ROUTE)
    s.send(message(18, REQUEST | DUMP, struct.pack("=BxHiII", 0, 0, 0, 0, 0), 5))
    s.recv(4096)
    other.send(message(16, REQUEST | ACK | 0x600, struct.pack("=BxHiII", 0, 0, 0, 0, 0)
                       + attr(3, b"new0\0") + attr(18, attr(1, b"bridge\0"))))
    take(other, 1)
    while struct.unpack_from("=H", s.recv(65536), 4) != (3,):
        pass


def in_threads():
    """Each thread has a socket, and all use the same numbers."""
    def talk(index):
        s = open_socket(ROUTE)
        for seq in range(1, 51):
            s.send(link(seq, ACK if seq % 3 == 0 else 0, index))
            take(s, 2 if seq % 3 == 0 else 1)

    threads = [threading.Thread(target=talk, args=(index,)) for index in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def on_one_socket():
    """Threads share a socket: one sends, the other reads."""
    s = open_socket(ROUTE)
    s.settimeout(None)
    room = threading.Semaphore(8)

    def read():
        for _ in range(100):
            take(s, 1)
            room.release()

    reader = threading.Thread(target=read)
    reader.start()
    for seq in range(100):
        room.acquire()
        s.send(link(seq, 0, seq % 4 + 1))
    reader.join()


def on_many_sockets():
    """Sockets of one process, of which only one can have the process's number as its port."""
    all = [open_socket(ROUTE) for _ in range(3)]
    all.append(open_socket(ROUTE, bound=False))
    all[3].bind((4242424, 0))
    all.append(open_socket(ROUTE, bound=False))
    for index, s in enumerate(all):
        s.send(link(9, 0, index % 4 + 1))
    for s in reversed(all):
        take(s, 1)
    print(*(s.getsockname()[0] for s in all))


def by_the_child():
    """A child asks on its parent's socket, and the parent reads."""
    s = open_socket(ROUTE)
    child = os.fork()
    if not child:
        s.send(link(6, ACK, 2))
        os._exit(0)
    os.waitpid(child, 0)
    take(s, 2)


def unasked():
    """Who is not recorded asks on our socket."""
    s = open_socket(ROUTE)
    s.send(link(1))
    take(s, 1)
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("LD_", "NLHOOK"))}
    ask = f"import os; os.write({s.fileno()}, bytes.fromhex('{link(2, ACK, 2).hex()}'))"
    subprocess.run([sys.executable, "-c", ask], env=plain, pass_fds=[s.fileno()], check=True)
    take(s, 2)


def closed_early():
    """A socket is closed with answers in it that nobody read: an acknowledgement after an answer, one alone,
    a whole dump. One request asks for none."""
    s = open_socket(ROUTE)
    s.send(link(31, ACK, 2))
    s.send(address(20, 32, ACK, 4))
    s.send(address(21, 33, 0, 4))
    s.send(message(18, REQUEST | DUMP, struct.pack("=BxHiII", 0, 0, 0, 0, 0), 34))
    take(s, 1)
    s.close()


def ended_early():
    """The process ends without closing anything."""
    s = open_socket(ROUTE)
    s.send(link(41))
    s.send(link(42, ACK, 2))
    take(s, 1)
    os._exit(0)


def overrun():
    """More is told than a socket has room for."""
    s, other = open_socket(ROUTE), open_socket(ROUTE)
    s.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, 5)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUF, 0)
    for last in range(1, 60):
        other.send(address(20, last, ACK, last))
        take(other, 1)
    try:
        take(s, 1)
    except OSError as error:
        print(error.errno)
    take(s, 1)
    for last in range(60, 120):
        other.send(address(20, last, ACK, last))
        take(other, 1)
    s.close()


def cut():
    """There is too little room for an answer."""
    s = open_socket(ROUTE)
    s.send(link(51, 0, 2))
    s.recvmsg(100)
    s.send(link(52, 0, 2))
    s.recv(20)


def looked_at_first():
    """An answer is looked at before it is taken, and a wait has no answer."""
    s = open_socket(ROUTE)
    refused(s.recv, 100, socket.MSG_DONTWAIT)
    s.send(link(61, ACK, 2))
    s.recv(65536, socket.MSG_PEEK)
    s.recv(65536)
    s.recv(65536, socket.MSG_PEEK)
    take(s, 1)


globals()[sys.argv[1]]()
