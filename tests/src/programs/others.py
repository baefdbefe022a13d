# Protocols of other kinds: without message headers, with headers of their own, that nobody knows.
u = open_socket(UEVENT, False)
refused(u.bind, (0, 1))
refused(u.send, b"add@/devices/virtual/net/x0\0ACTION=add\0")
for protocol in (XFRM, 9, 10, CRYPTO, 13, 17):
    try:
        s = open_socket(protocol)
    except OSError:
        continue
    for ty in (16, 18, 0x1002):
        refused(s.send, message(ty, REQUEST | ACK | DUMP, bytes(range(20))))
        refused(s.recv, 65536)
a = open_socket(USERSOCK)
b = open_socket(USERSOCK)
port = b.getsockname()[0]
for data in (message(16, 0, b"text"), message(0, 0), b"no message\n"):
    refused(a.sendto, data, (port, 0))
    refused(b.recv, 100)
