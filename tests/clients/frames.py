#!/usr/bin/env python3
"""Takes frames that the kernel queues or logs for user space, as suricata and ulogd do.

usage: frames.py queue|log     (in a network namespace; it makes the rule and the traffic itself)

queue: binds to queue 5 and lets pass what comes, one verdict with a mark and one for a batch.
log:   binds to group 5 and reads what comes.
"""
import socket
import struct
import subprocess
import sys

REQUEST, ACK = 1, 4
QUEUE, LOG = 3, 4
VERDICT, CONFIG, BATCH = 1, 2, 3
LOG_CONFIG = 1


def attribute(number, payload):
    length = 4 + len(payload)
    return struct.pack("=HH", length, number) + payload + bytes(-length % 4)


class Socket:
    def __init__(self, subsystem):
        self.subsystem = subsystem
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
        self.socket.bind((0, 0))
        self.socket.settimeout(5)
        self.sequence = 0

    def send(self, kind, family, resource, payload, flags=0):
        self.sequence += 1
        head = struct.pack("=IHHIIBBH", 20 + len(payload), self.subsystem << 8 | kind, REQUEST | flags,
                           self.sequence, 0, family, 0, socket.htons(resource))
        self.socket.send(head + payload)
        if flags & ACK:
            self.receive()

    def receive(self):
        return self.socket.recv(65536)


def talk():
    """A few datagrams from and to this very host."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 7777))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, 36, 9)  # SO_MARK
    for word in (b"one", b"two"):
        sender.sendto(word, ("127.0.0.1", 7777))
    return receiver, sender


def rules(text):
    subprocess.run(["nft", "-f", "-"], check=True, text=True, input=text)


def queue():
    # The kernel follows connections as soon as a rule asks for them.
    rules("table ip t {\n chain c {\n type filter hook output priority -300;\n ct state new counter\n }\n }\n")
    subprocess.run(["iptables-nft", "-A", "OUTPUT", "-p", "udp", "--dport", "7777", "-j", "NFQUEUE", "--queue-num",
                    "5"], check=True)
    link = Socket(QUEUE)
    for command, family, number in ((4, socket.AF_INET, 0), (3, socket.AF_INET, 0), (1, 0, 5)):
        # unbind and bind the protocol family, bind the queue
        link.send(CONFIG, 0, number, attribute(1, struct.pack("!BxH", command, family)), ACK)
    link.send(CONFIG, 0, 5, attribute(2, struct.pack("!IB", 0xffff, 2)), ACK)
    link.send(CONFIG, 0, 5, attribute(3, struct.pack("!I", 100)), ACK)
    flags = struct.pack("!I", 0b1111)
    link.send(CONFIG, 0, 5, attribute(4, flags) + attribute(5, flags), ACK)
    ends = talk()
    link.receive()
    verdict = attribute(2, struct.pack("!II", 1, 1)) + attribute(3, struct.pack("!I", 0x77))
    link.send(VERDICT, 0, 5, verdict)
    link.receive()
    link.send(BATCH, 0, 5, attribute(2, struct.pack("!II", 1, 2)))
    link.send(CONFIG, 0, 5, attribute(1, struct.pack("!BxH", 2, 0)), ACK)
    for end in ends:
        end.close()


def log():
    rules("""
        table ip logs {
            chain out {
                type filter hook output priority 0;
                udp dport 7777 ct state new log prefix "a line" group 5
            }
        }
        table netdev logs {
            chain in {
                type filter hook ingress device v0 priority 0;
                log group 5
            }
        }
        """)
    link = Socket(LOG)
    for command, family, number in ((4, socket.AF_INET, 0), (3, socket.AF_INET, 0), (1, 0, 5)):
        link.send(LOG_CONFIG, family, number, attribute(1, struct.pack("!B", command)), ACK)
    link.send(LOG_CONFIG, 0, 5, attribute(2, struct.pack("!IBx", 0xffff, 2)), ACK)
    link.send(LOG_CONFIG, 0, 5, attribute(3, struct.pack("!I", 8192)), ACK)
    link.send(LOG_CONFIG, 0, 5, attribute(4, struct.pack("!I", 150)) + attribute(5, struct.pack("!I", 1)), ACK)
    link.send(LOG_CONFIG, 0, 5, attribute(6, struct.pack("!H", 0b011)), ACK)
    ends = talk()
    link.receive()
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("v1", 0))
    raw.send(bytes.fromhex("020000000001 020000000002 88b5") + bytes(46))
    link.receive()
    link.send(LOG_CONFIG, 0, 5, attribute(1, struct.pack("!B", 2)), ACK)
    for end in ends:
        end.close()


def main():
    if sys.argv[1:] == ["queue"]:
        queue()
    elif sys.argv[1:] == ["log"]:
        log()
    else:
        sys.exit(__doc__)


main()
