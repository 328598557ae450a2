#!/usr/bin/env python3
"""A small clinic in network namespaces, up in seconds: wards, a file server, a jump host, offices, a supplier's line, DHCP and names, an internet
stand-in, and devices that are not plugged in yet. No domain. Nothing leaves the machine.

    clinic.py up [MODE]        build it (root); MODE of the mirror port: rx, both, uplink, notag
    clinic.py down             remove it: namespaces, processes, files
    clinic.py exec HOST COMMAND...
"""
import os
import random
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

from cables import Bed, batch, run

PREFIX = os.environ.get("BED", "clinic")
STATE = Path(os.environ.get("BED_STATE", f"/run/bed-{PREFIX}"))
HERE = Path(__file__).resolve().parent
VLANS = {10: "clinical", 20: "server", 30: "office", 40: "vendor"}
# name: VLAN, last octet (None: not plugged in), MAC, role in the ledger (None: not in it)
HOSTS = {
    **{f"ward{n}": (10, 10 + n, f"00:00:0e:65:10:{10 + n:02x}", "terminal") for n in range(1, 6)},
    "infra": (20, 5, "00:50:56:65:20:05", "infrastructure"),
    "files": (20, 10, "00:50:56:65:20:0a", "server"),
    "jump": (20, 20, "00:50:56:65:20:14", "server"),
    **{f"office{n}": (30, 10 + n, f"00:14:22:65:30:{10 + n:02x}", "terminal") for n in range(1, 4)},
    "maint": (40, 10, "00:00:4c:65:40:0a", "vendor"),
    "laptop": (10, None, "00:07:40:66:66:01", None),
    "camera": (10, None, "00:40:8c:66:66:02", None),
    "spoofer": (10, None, "00:e0:4c:66:66:03", None),
    "wifi": (10, None, "00:1d:73:66:66:04", None),
}
HOME, WEB, STORE, BLOCKED, NAMES = "203.0.113.1", "198.51.100.10", "198.51.100.30", "198.51.100.66", "198.51.100.53"  # the internet's own part of the bed
ADMIN, NURSE, DOCTOR = ("admin", "Kanri-2026"), ("nurse", "Nurse-2026"), ("doctor", "Isha-2026")
SUPPLIER = ("hoshu", "Hoshu-2026")
ACCOUNTS = [("backup", *ADMIN), ("games", *NURSE), ("mail", *DOCTOR), ("news", *SUPPLIER)]
SMB = ["files", "jump", *[f"ward{n}" for n in range(1, 6)], "office1"]
RDP = ["jump", "files", "ward3"]
DISPLAY = ":978"
FILES = 24  # of a share

CLINIC = Bed(PREFIX, STATE, HOSTS, VLANS, "10.65", "clinic.example", "infra", far=(HOME, WEB, STORE, BLOCKED, NAMES))
ip, within = CLINIC.ip, CLINIC.within


def tool(*names):
    """The first of these programs that is installed, or None."""
    return next((found for n in names if (found := shutil.which(n))), None)


SHADOW, VIEWER = tool("freerdp-shadow-cli", "freerdp-shadow-cli3"), tool("xfreerdp", "xfreerdp3")


def remote_desktop():
    return bool(SHADOW and VIEWER and tool("Xvfb"))


# ---- services

def names_and_leases():
    """infra resolves names and gives addresses, the router relays; the internet has a resolver of its own."""
    lines = ["no-resolv", "no-hosts", "bind-interfaces", "interface=eth0", "user=root", "domain=clinic.example", "local=/clinic.example/", f"server={NAMES}",
             "dhcp-authoritative", "no-ping", f"dhcp-leasefile={STATE}/leases", f"dhcp-option=6,{ip('infra')}", f"cname=portal.clinic.example,infra.clinic.example"]
    for vlan in (10, 30):
        lines += [f"dhcp-range=set:v{vlan},10.65.{vlan}.100,10.65.{vlan}.199,255.255.255.0,1h", f"dhcp-option=tag:v{vlan},3,10.65.{vlan}.1"]
    for name in CLINIC.plugged():
        lines.append(f"host-record={name}.clinic.example,{ip(name)}")
        if HOSTS[name][0] in (10, 30):
            lines.append(f"dhcp-host={HOSTS[name][2]},{ip(name)},{name}")
    (STATE / "infra.conf").write_text("\n".join(lines) + "\n")
    CLINIC.start("infra", "names", "dnsmasq", "-k", "-C", STATE / "infra.conf", f"--pid-file={STATE}/infra.pid", "--log-facility=-")
    CLINIC.start("rtr", "relay", "dnsmasq", "-k", "-C", "/dev/null", "--port=0", "--user=root", "--bind-interfaces", "--interface=vl10", "--interface=vl20",
                 "--interface=vl30", f"--pid-file={STATE}/relay.pid", "--log-facility=-", *[f"--dhcp-relay=10.65.{v}.1,{ip('infra')}" for v in (10, 30)])
    CLINIC.start("inet", "inet-names", "dnsmasq", "-k", "-C", "/dev/null", "--user=root", "--no-resolv", "--no-hosts", "--bind-interfaces", f"--listen-address={NAMES}",
                 f"--pid-file={STATE}/inet.pid", "--log-facility=-", f"--address=/www.shop.example/{WEB}", f"--address=/store.shop.example/{STORE}")


def web():
    """Pages on the intranet and on the internet, plain and by TLS."""
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650", "-subj", "/CN=www.shop.example",
        "-keyout", STATE / "key.pem", "-out", STATE / "cert.pem")
    for host in ("infra", "inet"):
        CLINIC.start(host, f"{host}-web", sys.executable, HERE / "chatter.py", "pages", STATE / "cert.pem", STATE / "key.pem")


def samba():
    for name in SMB:
        seed(name)
        CLINIC.standalone(name, ACCOUNTS, ["share"])


def desktops():
    """Remote desktops that accept or refuse a password by NLA; all of them, and who looks at them, draw on one screen without a monitor."""
    if not remote_desktop():
        print("bed: no remote desktop here (freerdp-shadow, xfreerdp, Xvfb): no RDP in this bed", file=sys.stderr)
        return
    socket = Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}")
    socket.unlink(missing_ok=True)  # a killed one leaves it
    CLINIC.start("jump", "screen", "Xvfb", DISPLAY, "-screen", "0", "800x600x24", "-nolisten", "tcp", "-ac", "-nolock")
    hashes = run(*within("jump", "pdbedit", "-L", "-w", "-s", STATE / "jump/smb.conf")).stdout
    wire = {unix: name for unix, name, _ in ACCOUNTS}
    rows = [line.split(":") for line in hashes.splitlines()]
    (STATE / "sam").write_text("".join(f"{wire[r[0]]}:::{r[3].lower()}:::\n" for r in rows if r[0] in wire))
    for _ in range(200):
        if socket.exists():
            break
        time.sleep(0.05)
    for name in RDP:
        home = STATE / f"desktop-{name}"
        home.mkdir()
        again = f"while :; do {SHADOW} /port:3389 /sec:nla /sam-file:{STATE}/sam +auth; sleep 0.3; done"  # it ends now and then after a cut connection
        CLINIC.start(name, f"{name}-rdp", "env", f"HOME={home}", f"DISPLAY={DISPLAY}", "sh", "-c", again)


# ---- files as a clinic has them

WORDS = "patient chart order lab result dose ward admission discharge imaging summary 患者 検査 処方 病棟 退院 所見".split()


def seed(host):
    """The share's files as they were before any scene, and what an encrypting program would make of each, beside the share."""
    top, spoilt = STATE / host / "share", STATE / host / "spoilt"
    r = random.Random(host)
    for d in (top, spoilt, STATE / host / "admin", STATE / host / "c"):
        shutil.rmtree(d, ignore_errors=True)
        d.mkdir(parents=True)
        d.chmod(0o777)
    for n in range(FILES):
        text = " ".join(r.choice(WORDS) for _ in range(600)).encode()
        kind = r.choice(["docx", "txt", "csv", "pdf"])
        if kind == "docx":
            text = b"PK\x03\x04\x14\x00\x06\x00" + zlib.compress(text + r.randbytes(1500), 9)
        elif kind == "pdf":
            text = b"%PDF-1.5\n" + zlib.compress(text + r.randbytes(1500), 9)
        name = f"{r.choice(['note', 'order', 'result', 'list'])}_{n:03d}.{kind}"
        (top / name).write_bytes(text)
        (top / name).chmod(0o666)
        (spoilt / name).write_bytes(r.randbytes(len(text)))


# ---- cables in and out

def plug(host, octet=None):
    """The cable in; with an octet, an address set by hand."""
    run("ip", "-n", CLINIC.name("sw"), "link", "set", f"p-{host}", "up")
    batch(CLINIC.name(host), ["link set eth0 up"])
    if octet is not None:
        batch(CLINIC.name(host), [f"addr add 10.65.{HOSTS[host][0]}.{octet}/24 brd + dev eth0", f"route add default via 10.65.{HOSTS[host][0]}.1"])


def unplug(host):
    batch(CLINIC.name(host), ["addr flush dev eth0", "link set eth0 down"])
    run("ip", "-n", CLINIC.name("sw"), "link", "set", f"p-{host}", "down")


def declared(out, tags=True):
    """The site file and the ledger of this clinic. Without tags at the mirror port, its VLANs would be a promise nobody keeps: left out."""
    zones = "".join(f'[zones.{kind}]\nkind = "{kind}"\nnetworks = ["10.65.{vlan}.0/24"]\n' + (f"vlans = [{vlan}]\n" if tags else "") + "\n" for vlan, kind in VLANS.items())
    policy = "".join(f'[[policy]]\nfrom = "{a}"\nto = "internet"\n{more}action = "allow"\nowner = "IT"\nreason = "{why}"\n\n' for a, more, why in [
        ("office", "", "office staff use the web"), ("server", 'services = ["dns", "ntp"]\n', "the resolver asks the outside")])
    (out / "site.toml").write_text('[site]\nname = "Clinic by the river"\nlanguage = "en"\ntimezone = "Asia/Tokyo"\n\n' + zones + policy +
                                   f'[vendors.acme]\nsources = ["{ip("maint")}"]\nhosts = ["{ip("jump")}", "{ip("infra")}"]\n\n[ledger]\nfile = "ledger.csv"\n')
    rows = [f'{mac},{ip(n)},{n},{VLANS[v]},{role},IT,""' for n, (v, _, mac, role) in HOSTS.items() if role]
    rows += [f'{CLINIC.gateway(v)},10.65.{v}.1,router-vl{v},{VLANS[v]},gateway,IT,""' for v in VLANS]
    (out / "ledger.csv").write_text("mac,ip,name,zone,role,owner,note\n" + "\n".join(rows) + "\n")


def up(mode="rx", quiet=False):
    """Builds it all; answers whether the mirror port carries tags."""
    CLINIC.down()
    STATE.mkdir(parents=True)
    STATE.chmod(0o755)
    (STATE / "passdb").mkdir()
    Path("/run/samba").mkdir(exist_ok=True)
    began = time.time()
    CLINIC.network()
    tags = CLINIC.mirrored(mode)
    CLINIC.client("WORKGROUP")
    for part in (names_and_leases, web, samba, desktops):
        part()
    for host, ports in [(h, [445]) for h in SMB] + [("infra", [53, 80, 443]), ("inet", [53, 80, 443])] + [(h, [3389]) for h in RDP if remote_desktop()]:
        CLINIC.until(host, *ports)
    declared(STATE, tags)
    if not quiet:
        print(f"up in {time.time() - began:.1f} s; mirror port {mode}, tags: {'yes' if tags else 'no'}; site file {STATE}/site.toml", flush=True)
    return tags


if __name__ == "__main__":
    if os.geteuid():
        sys.exit("bed: needs root")
    match sys.argv[1:]:
        case ["up", *mode]:
            up(*mode)
        case ["down"]:
            CLINIC.down()
        case ["exec", host, *command]:
            sys.exit(subprocess.run(within(host, *command)).returncode)
        case _:
            sys.exit(__doc__)
