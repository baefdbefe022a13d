# Every way to send and to receive, with messages cut where no header ends.
s = open_socket(ROUTE)
get = message(18, REQUEST, struct.pack("=BxHiII", 0, 0, 1, 0, 0))
s.sendmsg([get[:16], get[16:]])
head, tail = bytearray(16), bytearray(8192)
s.recvmsg_into([head, tail])
s.sendmsg([get[:3], get[3:20], b"", get[20:]])
s.recvmsg_into([bytearray(7), bytearray(100), bytearray(8192)])
# More than one message at once.
s.sendmsg([get, get])
s.recv(8192)
s.recv(8192)
s.send(get + get[:-1] + b"\0" + message(1, REQUEST) + get[:16])
for _ in range(3):
    refused(s.recv, 8192)
# Looked at before it is taken; too little room.
s.sendto(get, (0, 0))
s.recv(16, socket.MSG_PEEK)
s.recv(16, socket.MSG_PEEK | socket.MSG_TRUNC)
s.recvfrom(20)
s.sendmsg([get], [], socket.MSG_NOSIGNAL, (0, 0))
s.recvmsg(20, 100)
refused(s.recv, 100, socket.MSG_DONTWAIT)
# Whose message it is.
s.setsockopt(SOL_NETLINK, 3, 1)
s.sendmsg([get], [(socket.SOL_SOCKET, 2, struct.pack("=iII", os.getpid(), os.getuid(), os.getgid()))])
s.recvmsg(8192, 100)
refused(s.send, get[:10])
