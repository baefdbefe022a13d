# Acknowledgements and errors, as socket options shape them.
s = open_socket(ROUTE)
new = struct.pack("=BxHiII", 0, 0, 1, 0, 0) + attr(3, b"a name that is too long\0")
for options in [(), (11,), (10,), (10, 11)]:
    for option in (10, 11):
        s.setsockopt(SOL_NETLINK, option, int(option in options))
    ask(s, 16, ACK, new)
    ask(s, 16, 0, new)
    ask(s, 16, ACK, struct.pack("=BxHiII", 0, 0, 1, 0, 0))
    ask(s, 18, ACK | DUMP, struct.pack("=B", 0))
s.setsockopt(SOL_NETLINK, 12, 1)
ask(s, 18, DUMP, struct.pack("=BxHiII", 0, 0, 7, 0, 0))
ask(s, 22, DUMP, struct.pack("=BBBBi", 2, 0, 0, 0, 1))
ask(s, 26, DUMP, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 0, 0, 1, 0))
ask(s, 26, DUMP, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 99, 0, 0, 0, 0))
