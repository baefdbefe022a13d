# Questions about sockets, of every family, for sockets that are there.
import tempfile

folder = tempfile.mkdtemp()
listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
listener.bind(("::", 0))
listener.listen(7)
u = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
u.bind(folder + "/name")
u.listen(3)
queued = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
queued.connect(folder + "/name")
abstract = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
abstract.bind("\0abstract")
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect(("192.0.2.2", 53))

s = open_socket(SOCK_DIAG)
inet = lambda family, protocol, ext, states=0xffffffff: (
    struct.pack("=BBBxI", family, protocol, ext, states) + bytes(48)
)
for family in (2, 10):
    for protocol in (6, 17, 132, 136, 255):
        ask(s, 20, DUMP, inet(family, protocol, 0xff))
ask(s, 20, DUMP, inet(2, 255, 0) + attr(2, struct.pack("=I", 262)))
ask(s, 20, 0, inet(2, 17, 0))
ask(s, 20, ACK | DUMP, inet(77, 6, 0))
ask(s, 18, DUMP, struct.pack("=BBBB", 2, 0, 0, 0xff) + bytes(48) + struct.pack("=II", 0xffffffff, 0))
unix = lambda states, show: struct.pack("=BBHIIIII", 1, 0, 0, states, 0, show, 0, 0)
ask(s, 20, DUMP, unix(0xffffffff, 0xff))
ask(s, 20, DUMP, unix(1 << 10, 0x15))
ask(s, 20, 0, unix(0, 0))
ask(s, 20, DUMP, struct.pack("=BBHIIII", 16, 255, 0, 0, 0xf, 0, 0))
ask(s, 20, DUMP, struct.pack("=BBHIIII", 17, 0, 0, 0, 0xff, 0, 0))
ask(s, 20, DUMP, struct.pack("=BB", 16, 0))
ask(s, 20, DUMP, b"\x28\0\0\0")
ask(s, 21, 0, inet(2, 6, 0))
os.unlink(folder + "/name")
os.rmdir(folder)
