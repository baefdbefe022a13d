# What is wrong with a message, told by the kernel or not noticed by it.
s = open_socket(ROUTE)
s.setsockopt(SOL_NETLINK, 11, 1)


def send(data):
    refused(s.send, data)
    refused(s.recv, 65536)


ifinfo = struct.pack("=BxHiII", 0, 0, 1, 0, 0)
send(message(18, REQUEST | ACK, ifinfo[:3]))
send(message(18, REQUEST | ACK, ifinfo + b"\1\0"))
send(message(18, REQUEST | ACK, ifinfo + attr(3, b"lo\0", length=3)))
send(message(18, REQUEST | ACK, ifinfo + attr(3, b"lo\0", length=60)))
send(message(16, REQUEST | ACK, ifinfo + attr(4, b"\1")))
send(message(16, REQUEST | ACK, ifinfo + attr(4, b"\1\2\3\4\5\6")))
send(message(16, REQUEST | ACK, ifinfo + attr(18, attr(1, b"nosuch\0") + attr(2, attr(1, b"\1\2")))))
send(message(16, REQUEST | ACK, ifinfo + attr(0x8000 | 18) + attr(999, b"text") + attr(0x4000 | 4, b"\0\0\5\xdc")))
send(message(20, REQUEST | ACK | 0x600, struct.pack("=BBBBi", 2, 24, 0, 0, 1) + attr(2, b"\1\2\3")))
send(message(24, REQUEST | ACK, struct.pack("=BBBBBBBBI", 2, 24, 0, 0, 254, 4, 0, 1, 0) + attr(9, b"\x10\0\0\0")))
send(message(24, REQUEST | ACK, struct.pack("=BBBBBBBBI", 77, 240, 0, 255, 99, 200, 99, 77, 0xffffffff)))
send(message(28, REQUEST | ACK, struct.pack("=BxxxiHBB", 2, 77, 0xffff, 0xff, 99) + attr(1, b"\1\2") + attr(2, b"123456789")))
send(message(36, REQUEST | ACK, struct.pack("=Bxxxiiii", 0, 1, 0x10000, -1, 0) + attr(1, b"nosuch\0") + attr(2, b"12345")))
send(message(99, REQUEST | ACK, b"\1\2\3\4"))
send(message(120, REQUEST | ACK, b"\1\2\3\4\5"))
send(message(0x1234, 0xffff, b"\0" * 12))
send(message(1, 0xffff, b"\0" * 3))
send(message(2, 0, struct.pack("=i", -95)))
send(message(2, 0x100, struct.pack("=i", -1) + message(18, 1, ifinfo)))
send(message(3, 2))
send(message(3, 2, b"\0\0\0\0rest"))
send(message(18, REQUEST, ifinfo, length=15))
send(message(18, REQUEST, ifinfo, length=0))
send(message(18, REQUEST, ifinfo, length=4000))
send(message(18, REQUEST | ACK, ifinfo) + b"\1\2\3")

# Headers that are cut, of messages that strace knows and of others.
for ty in (16, 52, 68, 80, 96, 104, 108, 112, 116, 120):
    for cut in (b"\2", b"\2\3\4"):
        send(message(ty, REQUEST | ACK, cut))
s = open_socket(SOCK_DIAG)
for family in (1, 2, 16, 17, 30, 40, 43, 44, 77):
    for cut in (b"", b"\3\4"):
        send(message(20, REQUEST | ACK, bytes([family]) + cut))
for protocol, types in ((XFRM, (16, 18)), (GENERIC, (16, 99)), (NETFILTER, (16, 0xA00, 0x100)), (CRYPTO, (16, 19))):
    try:
        s = open_socket(protocol)
    except OSError:
        continue
    for ty in types:
        for cut in (b"\2", b"\2\3\4"):
            send(message(ty, REQUEST | ACK, cut))
