# What the scripts beside this one make messages of; it is put before each of them.
import os
import socket
import struct

ROUTE, USERSOCK, SOCK_DIAG, XFRM, NETFILTER, UEVENT, GENERIC, CRYPTO = 0, 2, 4, 6, 12, 15, 16, 21
REQUEST, MULTI, ACK, ECHO, ROOT, MATCH = 1, 2, 4, 8, 0x100, 0x200
DUMP = ROOT | MATCH
SOL_NETLINK = 270


def open_socket(protocol, bound=True):
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    s.settimeout(0.3)
    if bound:
        s.bind((0, 0))
    return s


def message(ty, flags, payload=b"", seq=1, length=None):
    length = 16 + len(payload) if length is None else length
    return struct.pack("=IHHII", length, ty, flags, seq, 0) + payload


def attr(ty, payload=b"", length=None):
    length = 4 + len(payload) if length is None else length
    return struct.pack("=HH", length, ty) + payload + bytes(-len(payload) % 4)


def answers(s):
    """Takes all that answers one request, if anything does."""
    while True:
        try:
            data = s.recv(65536)
        except TimeoutError:
            return
        ty, flags = struct.unpack_from("=HH", data, 4)
        if ty in (2, 3) or not flags & MULTI:
            return


def ask(s, ty, flags, payload=b""):
    s.send(message(ty, REQUEST | flags, payload))
    answers(s)


def refused(call, *arguments):
    """Does what the kernel refuses."""
    try:
        call(*arguments)
    except OSError:
        pass
