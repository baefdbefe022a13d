# What the kernel refuses that no command gets it to.
s = open_socket(ROUTE)
s.setsockopt(SOL_NETLINK, 11, 1)
CREATE, EXCL = 0x400, 0x200


def nest(ty, *attrs):
    return attr(0x8000 | ty, b"".join(attrs))


def u32(ty, number):
    return attr(ty, struct.pack("=I", number))


# A text that is too long; once the request comes back whole, once its header alone.
link = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
too_long = u32(4, 1500) + attr(3, b"a" * 40 + b"\0") + nest(18, attr(1, b"dummy\0"))
ask(s, 16, ACK | CREATE | EXCL, link + too_long)
s.setsockopt(SOL_NETLINK, 10, 1)
ask(s, 16, ACK | CREATE | EXCL, link + too_long)
# Dumps that end at once: with a member, with an attribute that they may not have.
s.setsockopt(SOL_NETLINK, 12, 1)
ask(s, 26, DUMP, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 0, 0, 1, 0))
ask(s, 22, DUMP, struct.pack("=BBBBi", 2, 0, 0, 0, 0) + attr(2, bytes(4)))

# Bits that no flag has.
ask(s, 106, ACK, bytes(8) + u32(1, 7) + u32(14, 0xf0))

# Generic families.
g = open_socket(GENERIC)
g.setsockopt(SOL_NETLINK, 11, 1)


def command(number, *attrs):
    return struct.pack("=BBH", number, 1, 0) + b"".join(attrs)


def family(name):
    g.send(message(16, REQUEST, command(3, attr(2, name + b"\0"))))
    answer = g.recv(65536)
    at = 20
    while at < len(answer):
        length, ty = struct.unpack_from("=HH", answer, at)
        if ty == 1:
            return struct.unpack_from("=H", answer, at + 4)[0]
        at += length + 3 & ~3


ask(g, 16, ACK, command(3, attr(2, b"x" * 40 + b"\0")))
# A header with nothing in it, none, and a nest that lacks an attribute, or all of them.
ethtool = family(b"ethtool")
device = nest(1, attr(2, b"lo\0"))
ask(g, ethtool, ACK, command(8, nest(1)))
ask(g, ethtool, ACK, command(8))
ask(g, ethtool, ACK, command(25, device, nest(7, u32(2, 0))))
ask(g, ethtool, ACK, command(25, device, nest(7)))
# No device; the number that none has; a type beyond the last.
netdev = family(b"netdev")
ask(g, netdev, ACK, command(1))
ask(g, netdev, ACK, command(1, u32(1, 0)))
ask(g, netdev, ACK, command(10, u32(1, 0), u32(2, 1), u32(3, 9)))
