# Generic families: what there is, by name and number, and their policies.
s = open_socket(GENERIC)
genl = lambda command, *attrs: struct.pack("=BBH", command, 2, 0) + b"".join(attrs)
ask(s, 16, DUMP, genl(3))
for name in (b"ethtool", b"nlctrl", b"nosuch", b"a name that is far too long for one"):
    ask(s, 16, 0, genl(3, attr(2, name + b"\0")))
ask(s, 16, ACK, genl(3, attr(1, struct.pack("=H", 16))))
ask(s, 16, DUMP, genl(10, attr(2, b"nlctrl\0")))
ask(s, 16, DUMP, genl(10, attr(1, struct.pack("=H", 16)), attr(10, struct.pack("=I", 10))))
ask(s, 16, DUMP, genl(10, attr(2, b"ethtool\0")))
ask(s, 16, 0, genl(99))
ask(s, 16, 0, b"\1")
ask(s, 999, ACK, genl(1, attr(1, b"\1\2\3\4")))
ask(s, 16, 0, genl(3, attr(0x8000 | 2, attr(1, b"\1"))))
