# Subsystems of netfilter, and a batch.
s = open_socket(NETFILTER)
head = lambda family, res_id=0: struct.pack("=BB", family, 0) + struct.pack(">H", res_id)


def send(data):
    refused(s.send, data)
    refused(s.recv, 65536)


for subsystem in range(14):
    for command in (1, 2):
        send(message(subsystem << 8 | command, REQUEST | ACK | DUMP, head(2)))
send(message(0x10, REQUEST | ACK, head(0, 10)) + message(0xa00, REQUEST | ACK, head(1) + attr(1, b"t\0"), 2)
     + message(0x11, REQUEST, head(0, 10), 3))
refused(s.recv, 65536)
send(message(0xa10, REQUEST, head(0)))
send(message(0xa10, REQUEST, b"\0"))
send(message(0xa7f, REQUEST | ACK, head(77, 0xffff)))
