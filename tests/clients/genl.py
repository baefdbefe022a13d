#!/usr/bin/env python3
"""Asks a generic netlink family something, and prints the answers' attributes as they are.

usage: genl.py FAMILY COMMAND[/VERSION][+dump] [ATTRIBUTE]...

COMMAND is a number. An ATTRIBUTE is NUMBER:TYPE:VALUE, with TYPE one of u8 u16 u32 u64 s32 be32 str hex flag fd
and NUMBER as 4.3 for attribute 3 within attribute 4; those within the same one that follow each other go into one.
VALUE may be `self` for the process id, and is a path for fd. Each message of an answer is a line `COMMAND`, then a
line `PATH HEX` for each attribute; those within others are not looked for. Errors are a line `error NUMBER`.
It shares no code with nlview, so that it can be a witness.
"""
import os
import socket
import struct
import sys

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NESTED = 0x8000


def attr(number, payload):
    return struct.pack("=HH", 4 + len(payload), number) + payload + b"\0" * (-len(payload) % 4)


def value(kind, text):
    if kind == "flag":
        return b""
    if kind == "hex":
        return bytes.fromhex(text)
    if kind == "str":
        return text.encode() + b"\0"
    if kind == "fd":
        return struct.pack("=I", os.open(text, os.O_RDONLY))
    number = os.getpid() if text == "self" else int(text, 0)
    form = {"u8": "=B", "u16": "=H", "u32": "=I", "u64": "=Q", "s32": "=i", "be32": "!I"}[kind]
    return struct.pack(form, number)


def tree(items):
    """Attributes from (path, payload); neighbours with the same first number go into one nest."""
    out, at = b"", 0
    while at < len(items):
        path, payload = items[at]
        if len(path) == 1:
            out += attr(path[0], payload)
            at += 1
            continue
        end = at
        while end < len(items) and len(items[end][0]) > 1 and items[end][0][0] == path[0]:
            end += 1
        out += attr(path[0] | NESTED, tree([(p[1:], v) for p, v in items[at:end]]))
        at = end
    return out


def attributes(data):
    at = 0
    while len(data) - at >= 4:
        size, number = struct.unpack_from("=HH", data, at)
        if size < 4:
            break
        yield number & 0x3fff, data[at + 4:at + size]
        at += (size + 3) & ~3


def ask(sock, family, command, version, flags, payload):
    """Yields (type, payload) of the messages of an answer, as far as its end."""
    body = struct.pack("=BBH", command, version, 0) + payload
    head = struct.pack("=IHHII", 16 + len(body), family, NLM_F_REQUEST | flags, 1, 0)
    sock.send(head + body)
    while True:
        data, at = sock.recv(1 << 20), 0
        while len(data) - at >= 16:
            size, kind, multi, _, _ = struct.unpack_from("=IHHII", data, at)
            yield kind, data[at + 16:at + size]
            if kind in (2, 3):
                return
            at += (size + 3) & ~3


def resolve(sock, name):
    found = None
    for kind, payload in ask(sock, 16, 3, 1, NLM_F_ACK, attr(2, name.encode() + b"\0")):
        if kind == 16:
            found = struct.unpack("=H", dict(attributes(payload[4:]))[1])[0]
    if found is None:
        sys.exit("genl.py: this kernel has no family " + name)
    return found


def main(name, command, *texts):
    dump = command.endswith("+dump")
    number, _, version = command.removesuffix("+dump").partition("/")
    items = []
    for text in texts:
        path, kind, rest = (text.split(":", 2) + ["", ""])[:3]
        items.append(([int(part) for part in path.split(".")], value(kind, rest)))
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    sock.bind((0, 0))
    family = resolve(sock, name)
    flags = NLM_F_DUMP if dump else NLM_F_ACK
    for kind, payload in ask(sock, family, int(number), int(version or 1), flags, tree(items)):
        if kind == 2 and struct.unpack_from("=i", payload)[0]:
            print("error", -struct.unpack_from("=i", payload)[0])
        elif kind == family:
            print(payload[0])
            for number, inside in attributes(payload[4:]):
                print(number, inside.hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
