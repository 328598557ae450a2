"""What goes on in the clinic, one scene after the other: a calm day, then what a sensor must tell of, each by hosts of its own.

A scene says who acts and what must be said of them. `unseen` names modes of the mirror port in which the sensor cannot know.
"""
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import clinic
from clinic import ADMIN, BLOCKED, CLINIC, DISPLAY, DOCTOR, HOSTS, STATE, STORE, SUPPLIER, VIEWER, WEB, ip, plug, unplug, within
from cables import run

HERE = Path(__file__).resolve().parent
SCENES = {}
# udhcpc calls it with what was leased
LEASED = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev "$interface" scope global
ip addr add "$ip/24" brd + dev "$interface"
[ -z "$router" ] || ip route replace default via "${router%% *}" dev "$interface"
"""


def scene(what, **more):
    def keep(function):
        SCENES[function.__name__.replace("_", "-")] = (function, what, more)
        return function
    return keep


class Truth:
    """What is true of one scene."""

    def __init__(self, name):
        self.name, self.what = name, SCENES[name][1]
        self.actors, self.expected, self.skipped, self.broken, self.t0, self.t1 = {}, [], None, None, time.time(), None

    def actor(self, host, *addresses):
        """A host that does what it should not, under its own and perhaps further addresses."""
        own = [ip(host)] if HOSTS[host][1] is not None else []
        self.actors[host] = {HOSTS[host][2], *own, *addresses}

    def expect(self, *detectors, orig, unseen=()):
        """One of these detectors must speak at medium or above of this host."""
        self.expected.append((detectors, orig, set(unseen)))


# ---- hosts at work

def on(host, *command, env=None, stdin=None, timeout=60):
    done = subprocess.run(within(host, *command), capture_output=True, text=True, input=stdin, timeout=timeout, env={**os.environ, **(env or {})}, cwd=STATE)
    with open(STATE / "scenes.log", "a") as log:
        log.write(f"--- {host}: {' '.join(map(str, command))[:300]} -> {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}\n")
    return done


def chat(host, name, *arguments):
    return on(host, sys.executable, HERE / "chatter.py", name, *arguments)


def sure(done, what):
    """A step that did not work would make a scene emptier than it says."""
    if done is None or getattr(done, "returncode", 0) or getattr(done, "stdout", "").startswith("http"):
        raise RuntimeError(f"{what} did not work: {getattr(done, 'stdout', '')[-200:]}{getattr(done, 'stderr', '')[-200:]}")
    return done


def smb(host, target, who, commands):
    return on(host, "smbclient", "-s", STATE / "client.conf", "-n", host.upper(), f"//{target}", "-U", "%".join(who), "-c", commands)


def lease(host, name=None, kind="MSFT 5.0"):
    """One DHCP exchange, as a PC's; the address is taken. Answers the address."""
    script = STATE / "leased"
    script.write_text(LEASED)
    script.chmod(0o755)
    run("ip", "-n", CLINIC.name(host), "addr", "flush", "dev", "eth0", "scope", "global", check=False)
    on(host, "udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "4", "-T", "1", "-s", script, "-x", f"hostname:{name or host.upper()}", "-V", kind,
       *[word for n in (1, 15, 3, 6, 44, 46, 47, 31, 33, 121, 249, 43) for word in ("-O", str(n))])
    found = run("ip", "-n", CLINIC.name(host), "-4", "-o", "addr", "show", "dev", "eth0").stdout.split()
    return found[3].split("/")[0] if len(found) > 3 else None


def desktop(host, target, who):
    """A remote desktop session, once its picture has come; to be ended by `terminate`."""
    viewer = CLINIC.start(host, f"view-{host}", VIEWER, f"/v:{ip(target)}", "/cert:ignore", f"/u:{who[0]}", f"/p:{who[1]}",
                          env={**os.environ, "DISPLAY": DISPLAY, "HOME": str(STATE)})
    for _ in range(300):
        line = run(*within(host, "ss", "-Htin", "dst", f"{ip(target)}:3389")).stdout
        got = re.search(r"bytes_received:(\d+)", line)
        if got and int(got[1]) > 8000:
            return viewer
        time.sleep(0.1)
    viewer.kill()
    raise RuntimeError(f"the remote desktop of {target} did not open at {host}")


def closed(viewers):
    """Sessions come to their end, the newest first."""
    for viewer in reversed(viewers):
        viewer.terminate()
        viewer.wait()
        time.sleep(0.5)


# ---- the scenes

@scene("a calm stretch of a working day: leases, names, pages, shares, broadcasts, one remote desktop, an inventory of every host")
def calm_day(t):
    wards, offices = [f"ward{n}" for n in range(1, 6)], [f"office{n}" for n in range(1, 4)]
    for host in wards + offices:
        sure(lease(host), f"{host}: a lease")
    for _ in range(2):
        for host in wards:
            chat(host, "murmur", ip(host), host)
            chat(host, "lookup", ip("infra"), "files.clinic.example", "portal.clinic.example")
            sure(chat(host, "fetch", f"http://{ip('infra')}/", f"https://{ip('infra')}/"), f"{host}: the intranet's pages")
            own = STATE / f"memo-{host}"
            own.write_text(f"shift of {host}\n" * 40)
            sure(smb(host, f"{ip('files')}/share", DOCTOR, f"ls; put {own} memo_{host}.txt; get memo_{host}.txt /dev/null"), f"{host}: the share")
        for host in offices:
            chat(host, "murmur", ip(host), host)
            chat(host, "lookup", ip("infra"), "www.shop.example")
            sure(chat(host, "fetch", f"http://{WEB}/", f"https://{WEB}/"), f"{host}: pages of the internet")
    if clinic.remote_desktop():
        viewer = desktop("office1", "jump", ADMIN)
        time.sleep(2)
        closed([viewer])
    for host in clinic.SMB:
        on("infra", "smbclient", "-s", STATE / "client.conf", "-L", ip(host), "-U", "%".join(ADMIN))
        on("infra", "ping", "-qc1", "-W1", ip(host))
    chat("maint", "fetch", f"https://{ip('infra')}:8443/api")


@scene("a laptop that nobody listed is plugged in, gets an address by DHCP, asks for names, opens the intranet, tries a share")
def laptop(t):
    plug("laptop")
    address = sure(lease("laptop", "LAPTOP-TANAKA"), "laptop: a lease")
    t.actor("laptop", address)
    chat("laptop", "murmur", address, "LAPTOP-TANAKA")
    chat("laptop", "lookup", ip("infra"), "files.clinic.example")
    chat("laptop", "fetch", f"http://{ip('infra')}/")
    smb("laptop", f"{ip('files')}/share", ("tanaka", "guess"), "ls")
    unplug("laptop")
    t.expect("unknown-device", orig="laptop")


@scene("a device with an address set by hand says nothing but ARP")
def camera(t):
    t.actor("camera", "10.65.10.77")
    plug("camera", 77)
    chat("camera", "announce", HOSTS["camera"][2], "10.65.10.77")
    time.sleep(0.5)
    unplug("camera")
    t.expect("unknown-device", orig="camera", unseen=["uplink"])


@scene("a ward's terminal talks to the internet and is answered: pages, TLS, TLS at an odd port, another resolver")
def egress(t):
    t.actor("ward1")
    sure(chat("ward1", "fetch", f"http://{WEB}/", f"https://{WEB}/", f"https://{STORE}:8443/"), "pages of the internet")
    chat("ward1", "lookup", clinic.NAMES, "www.shop.example")
    t.expect("clinical-egress", orig="ward1")


@scene("a ward's terminal tries the internet and the router refuses by ICMP")
def egress_refused(t):
    t.actor("ward4")
    run("ip", "-n", CLINIC.name("rtr"), "route", "replace", "prohibit", f"{BLOCKED}/32")
    chat("ward4", "fetch", f"http://{BLOCKED}/", f"https://{BLOCKED}/", f"https://{BLOCKED}:8443/")
    run("ip", "-n", CLINIC.name("rtr"), "route", "del", f"{BLOCKED}/32", check=False)
    t.expect("egress-attempt", orig="ward4")


@scene("remote desktops one through the other: supplier, jump host, file server, a ward's terminal")
def desktop_chain(t):
    if not clinic.remote_desktop():
        t.skipped = "no remote desktop server or viewer is installed"
        return
    for host in ("maint", "jump", "files"):
        t.actor(host)
    viewers = []
    for hop in (("maint", "jump", SUPPLIER), ("jump", "files", ADMIN), ("files", "ward3", ADMIN)):
        viewers.append(desktop(*hop))
        time.sleep(2)
    closed(viewers)
    t.expect("spread-path", orig="maint", unseen=["uplink"])  # its middle hop stays inside a VLAN
    t.expect("new-admin-edge", orig="files")


@scene("a terminal looks for file sharing, then on six hosts leaves a program in ADMIN$, asks for a service, and spoils and renames the files")
def spread(t):
    t.actor("ward2")
    program, note = STATE / "setup.exe", STATE / "README_RESTORE.txt"
    program.write_bytes(b"MZ\x90\x00" + os.urandom(60000))
    note.write_text("Your files are locked. Write to us within 72 hours.\n")
    chat("ward2", "sweep", "445", "10.65.10", "10.65.20")
    for victim in ("ward1", "ward4", "ward5", "files", "jump", "office1"):
        smb("ward2", f"{ip(victim)}/ADMIN$", ADMIN, f"put {program} setup.exe")
        on("ward2", "net", "rpc", "service", "create", "UPDSVC", "UPDSVC", r"%SystemRoot%\setup.exe", "-S", ip(victim), "-U", "%".join(ADMIN), "-s", STATE / "client.conf")
        steps = [f"put {note} README_RESTORE.txt"]
        for path in sorted((STATE / victim / "spoilt").iterdir()):
            steps += [f"get {path.name} /dev/null", f"put {path} {path.name}", f"rename {path.name} {path.name}.locked"]
        smb("ward2", f"{ip(victim)}/share", ADMIN, "; ".join(steps))
    for victim in ("ward1", "ward4", "ward5", "files", "jump", "office1"):
        clinic.seed(victim)
    t.expect("smb-fanout", orig="ward2", unseen=["uplink"])
    t.expect("ransomware-smb", orig="ward2")
    t.expect("admin-share", orig="ward2")


@scene("an office PC tries thirty passwords at the file server, then knows one")
def guessing(t):
    t.actor("office2")
    for user in ("admin", "doctor", "nurse"):
        for n in range(10):
            smb("office2", f"{ip('files')}/share", (user, f"Guess{n}"), "ls")
    smb("office2", f"{ip('files')}/share", DOCTOR, "ls")
    t.expect("password-guessing", orig="office2")


@scene("an office PC looks for open ports in a ward's network")
def scan(t):
    t.actor("office3")
    chat("office3", "sweep", "22,3389", "10.65.10")
    t.expect("scan", orig="office3")


@scene("a device stands between a terminal and its gateway by forged ARP")
def spoof(t):
    t.actor("spoofer", "10.65.10.79")
    plug("spoofer", 79)
    run(*within("spoofer", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.eth0.send_redirects=0"))
    chat("ward5", "fetch", f"http://{ip('infra')}/")
    forge = threading.Thread(target=lambda: chat("spoofer", "between", HOSTS["spoofer"][2], "5", "10.65.10.1", CLINIC.gateway(10), ip("ward5"), HOSTS["ward5"][2]))
    forge.start()
    time.sleep(2)
    chat("ward5", "fetch", f"http://{ip('infra')}/")
    smb("ward5", f"{ip('files')}/share", DOCTOR, "ls")
    forge.join()
    unplug("spoofer")
    t.expect("address-conflict", orig="spoofer", unseen=["uplink"])


@scene("a box from a shop hands out addresses in a ward and calls itself gateway and name server")
def rogue_lease(t):
    t.actor("wifi", "10.65.10.66")
    plug("wifi", 66)
    server = CLINIC.start("wifi", "wifi", "dnsmasq", "-k", "-C", "/dev/null", "--port=0", "--user=root", "--no-ping", "--bind-interfaces", "--interface=eth0", "--dhcp-authoritative",
                          "--dhcp-range=10.65.10.200,10.65.10.220,255.255.255.0,10m", "--dhcp-option=3,10.65.10.66", "--dhcp-option=6,10.65.10.66",
                          f"--dhcp-leasefile={STATE}/wifi.leases", f"--pid-file={STATE}/wifi.pid", "--log-facility=-")
    time.sleep(0.5)
    for host in ("ward5", "ward3"):
        lease(host)
    server.send_signal(signal.SIGTERM)
    server.wait()
    unplug("wifi")
    for host in ("ward5", "ward3"):
        lease(host)
    t.expect("rogue-dhcp", orig="wifi", unseen=["uplink"])


def play(name):
    """One scene; answers its truth."""
    t = Truth(name)
    try:
        SCENES[name][0](t)
    except (RuntimeError, subprocess.TimeoutExpired) as e:
        t.broken = f"could not be played: {e}"
    t.t1 = time.time()
    return t
