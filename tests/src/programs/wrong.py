# Requests with a mistake each, of which the kernel says nothing to those who do not ask, or nothing at all.
s = open_socket(ROUTE)


def send(data):
    s.send(data)
    answers(s)


ifinfo = struct.pack("=BxHiII", 0, 0, 1, 0, 0)
group = struct.pack("=BBBBI", 0, 0, 0, 0, 0) + attr(2, struct.pack("=IBBH", 1, 0, 0, 0))

send(message(18, REQUEST, ifinfo) + b"\1\2\3")
send(message(18, REQUEST | DUMP, ifinfo) + bytes(40))
send(message(18, ACK, ifinfo))
send(message(18, REQUEST | 0x40, ifinfo))
send(message(18, REQUEST, ifinfo + attr(999, b"what")))
send(message(18, REQUEST, ifinfo + attr(0x8000 | 29, struct.pack("=I", 1))))
send(message(18, REQUEST, ifinfo + struct.pack("=HH3sB", 7, 3, b"lo\0", 1) + attr(29, struct.pack("=I", 1))))
send(message(18, REQUEST, ifinfo + attr(3, b"lo\0") + attr(3, b"lo\0")))
send(message(16, REQUEST | ACK, ifinfo + attr(3, b"a name that is too long\0")))
send(message(104, REQUEST | ACK, group + attr(12, attr(1, struct.pack("=H", 4)))))
send(struct.pack("=IHHII", 32, 18, REQUEST, 1, 77) + ifinfo)
send(message(18, REQUEST, ifinfo))
# Room for the half of an answer.
s.send(message(18, REQUEST, ifinfo))
s.recv(100)
s.send(message(18, REQUEST, ifinfo))
s.recvmsg(100)
# More than the socket holds.
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
for _ in range(64):
    refused(s.send, message(18, REQUEST, ifinfo))
refused(s.recv, 65536)
g = open_socket(GENERIC)
g.send(message(16, REQUEST, struct.pack("=BBH", 3, 1, 9) + attr(1, struct.pack("=H", 16))))
answers(g)
g.send(message(16, REQUEST, struct.pack("=BBH", 3, 1, 0) + attr(2, b"nlctrl")))
answers(g)
