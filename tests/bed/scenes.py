"""Records what an attacker does with real tools, and what honest work looks like beside it, at the bed's mirror port.

    record.py [NAME ...]     records these scenes, or all of them, into captures/variants (OUT elsewhere)
    record.py list

Each scene leaves NAME.pcap and NAME.truth.json. The bed must be up (`bed.py up`); PYTHON names an interpreter that has impacket and smbprotocol.
"""
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

from bed import DOMAIN, HOSTS, LOCAL_PASSWORD, PREFIX, REALM, STATE, USERS, ip, within

HERE = Path(__file__).resolve().parent
OUT = Path(os.environ.get("OUT", HERE.parent.parent / "captures/variants"))
PYTHON = os.environ.get("PYTHON", sys.executable)
IMPACKET = Path(PYTHON).parent
ADMIN = ("adm-mori", "Kanri-2026-Mori")
TO_THE_NIGHT = 5 * 3600 + 600
SCENES = {}


def scene(kind, what, **more):
    def keep(function):
        SCENES[function.__name__.replace("_", "-")] = (function, {"kind": kind, "what": what, **more})
        return function
    return keep


class Truth:
    """What is true in the recording being made."""

    def __init__(self):
        self.expected, self.attackers, self.lost, self.gaps, self.starts = [], [], [], [], None

    def attack(self, host):
        """From here on it is an attack by this host."""
        self.starts = self.starts or time.time()
        self.attackers.append(ip(host))

    def expect(self, *detectors, orig, resp=(), user=None, attack=()):
        """One of these detectors must speak at medium or above, of this originator, and of at least one of these responders."""
        self.expected.append({"detectors": list(detectors), "orig": ip(orig), "resp": [ip(r) for r in resp], "user": user, "attack": list(attack)})

    def gap(self, seconds):
        """Everything after this moment is moved later: what a patient attacker would have waited."""
        time.sleep(0.15)
        self.gaps.append((time.time(), seconds))
        time.sleep(0.15)


# ---- hosts at work

def on(host, *command, check=False, env=None, stdin=None, timeout=180):
    done = subprocess.run(within(host, *command), capture_output=True, text=True, input=stdin, timeout=timeout, cwd=STATE,
                          env={**os.environ, "KRB5_CONFIG": str(STATE / "krb5.conf"), **(env or {})})
    with open(STATE / "scenes.log", "a") as log:
        log.write(f"--- {host}: {' '.join(map(str, command))[:300]}\n{done.stdout[-1500:]}{done.stderr[-1500:]}\n")
    if check and done.returncode or "ModuleNotFoundError" in done.stderr or "can't open file" in done.stderr:
        raise RuntimeError(f"{host}: {command}: {done.stdout[-400:]}{done.stderr[-400:]}")
    return done.stdout


def impacket(host, tool, *arguments, **more):
    return on(host, PYTHON, IMPACKET / tool, *arguments, **more)


def talk(host, name, *arguments, **more):
    return on(host, PYTHON, HERE / "talkers.py", name, *arguments, **more)


def act(t, host, actor, server, share, user, password, **options):
    account = user if "\\" in user or server in ALONE_ACCOUNTS else f"{DOMAIN}\\{user}"
    out = on(host, PYTHON, HERE / "actors.py", actor, ip(server), share, account, password, *[f"{k}={v}" for k, v in options.items()], check=True)
    for line in out.splitlines():
        if line.startswith("lost "):
            _, when, path = line.split(" ", 2)
            t.lost.append(float(when))


ALONE_ACCOUNTS = {"nas", "office1", *[f"ward{n}" for n in range(1, 7)]}


def smbclient(host, target, user, password, commands="", *more, **kw):
    return on(host, "smbclient", "-s", STATE / "client.conf", "-n", host.upper(), f"//{target}", "-U", f"{user}%{password}", *more, "-c", commands, **kw)


def logon(host, n):
    """A domain user's ticket, kept for what follows."""
    user, password = USERS[n - 1]
    cache = f"/tmp/{PREFIX}-{host}-{user}.cc"
    on(host, "kinit", "-c", cache, f"{user}@{REALM}", stdin=password + "\n", check=True)
    return cache


def ticketed(host, cache, target, commands):
    return on(host, "smbclient", "-s", STATE / "client.conf", f"//{target}", "--use-kerberos=required", f"--use-krb5-ccache={cache}", "-c", commands,
              env={"KRB5CCNAME": cache})


def everyday():
    """Some of what goes on anyway: a logon, a share looked at, a page printed."""
    cache = logon("office3", 9)
    ticketed("office3", cache, "files.hill.example/dept", "ls")
    smbclient("ward4", "files.hill.example/share", f"{DOMAIN}\\04ito", USERS[3][1], "ls")
    talk("prsrv", "printed", "Lunch menu of the week\n" * 30, ip("prn3"))


# ---- files as a hospital has them

WORDS = "patient chart order lab result dose ward admission discharge imaging summary referral 患者 検査 処方 病棟 退院 所見".split()


def seed(host, share, directories=4, each=4, kinds=("docx", "xlsx", "txt", "csv", "pdf"), size=3600, seed_of="files"):
    """The share's files as they were before any scene."""
    top = STATE / host / share
    shutil.rmtree(top, ignore_errors=True)
    r = random.Random(f"{seed_of}{host}{share}")
    for d in range(directories):
        where = top / f"{['karte', 'lab', 'roster', 'letters', 'plans', 'stock'][d % 6]}{d // 6 or ''}"
        where.mkdir(parents=True)
        for n in range(each):
            kind = r.choice(kinds)
            text = " ".join(r.choice(WORDS) for _ in range(int(size * r.uniform(0.5, 1.5)) // 6)).encode()
            if kind in ("docx", "xlsx"):
                text = b"PK\x03\x04\x14\x00\x06\x00" + zlib.compress(text + r.randbytes(size // 2), 9)
            elif kind == "pdf":
                text = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n" + zlib.compress(text + r.randbytes(size // 2), 9)
            elif kind == "jpg":
                text = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + r.randbytes(size)
            (where / f"{r.choice(['note', 'order', 'result', 'list'])}_{d}{n:03d}.{kind}").write_bytes(text)
    for path in [top, *top.rglob("*")]:
        path.chmod(0o777)


# ---- the recording

def record(name):
    function, about = SCENES[name]
    seed("files", "karte")
    seed("files", "share")
    seed("files", "dept", directories=1)
    seed("films", "dept", directories=1)
    seed("films", "karte")
    for h in ["files", "films", *ALONE_ACCOUNTS]:
        for d in ("admin", "c"):
            shutil.rmtree(STATE / h / d, ignore_errors=True)
            (STATE / h / d).mkdir(parents=True)
            (STATE / h / d).chmod(0o777)
    for host in ["rtr", *HOSTS]:
        subprocess.run(["ip", "-n", f"{PREFIX}-{host}", "neigh", "flush", "all"], capture_output=True)
    OUT.mkdir(parents=True, exist_ok=True)
    raw = STATE / f"{name}.pcap"
    before = about.get("before")
    if before:
        before()
    with open(STATE / "tcpdump.log", "w") as log:
        sensor = subprocess.Popen(within("sensor", "tcpdump", "-i", "span0", "-Q", "in", "-n", "-B", "32768", "-s", "0", "-Z", "root", "-w", raw,
                                         *about.get("filter", [])), stderr=log)
    while "listening on" not in (STATE / "tcpdump.log").read_text():
        time.sleep(0.05)
    time.sleep(0.3)
    truth, began = Truth(), time.time()
    try:
        if about.get("everyday", True):
            everyday()
        function(truth)
    finally:
        time.sleep(1.3)
        sensor.send_signal(signal.SIGTERM)
        sensor.wait()
    shift = TO_THE_NIGHT if about.get("night") else 0
    moved = move(raw.read_bytes(), truth.gaps, shift)
    (OUT / f"{name}.pcap").write_bytes(moved)
    at = lambda when: None if when is None else int(round((when + shift + sum(s for g, s in truth.gaps if g <= when)) * 1e6)) * 1000
    document = {
        "what": about["what"], "kind": about["kind"], "tool": about.get("tool", ""),
        "night": bool(about.get("night")), "shifted_s": shift, "gaps_s": [s for _, s in truth.gaps],
        "starts_ns": at(truth.starts), "attackers": truth.attackers, "patient_zero": truth.attackers[0] if truth.attackers else None,
        "expected": truth.expected, "lost_ns": [at(w) for w in truth.lost],
    }
    (OUT / f"{name}.truth.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    dropped = re.findall(r"(\d+) packets dropped", (STATE / "tcpdump.log").read_text())
    print(f"{name}: {len(moved)} bytes, {time.time() - began:.0f} s, dropped {dropped}, {len(truth.lost)} files", flush=True)


def move(data, gaps, shift):
    """The capture with every packet later by the shift, and by each gap that lies before it."""
    out, at = bytearray(data[:24]), 24
    while at < len(data):
        seconds, micros, kept, length = struct.unpack_from("<IIII", data, at)
        later = shift + sum(s for when, s in gaps if when <= seconds + micros / 1e6)
        out += struct.pack("<IIII", seconds + later, micros, kept, length) + data[at + 16: at + 16 + kept]
        at += 16 + kept
    return bytes(out)


def declared():
    """The site file and the ledger of this hospital."""
    zones = "".join(f'[zones.{kind}]\nkind = "{kind}"\nnetworks = ["10.64.{vlan}.0/24"]\nvlans = [{vlan}]\n\n'
                    for vlan, kind in {10: "clinical", 20: "server", 30: "office", 40: "vendor"}.items())
    (OUT / "site.toml").write_text(
        "# The hospital of these recordings, as its administrator would declare it. Written by tests/bed/scenes.py.\n"
        '[site]\nname = "Hill ward"\nlanguage = "en"\ntimezone = "Asia/Tokyo"\n\n' + zones +
        f'[vendors.acme]\nsources = ["{ip("maint")}"]\nhosts = ["{ip("jump")}"]\n\n[ledger]\nfile = "ledger.csv"\n')
    zone = {10: "clinical", 20: "server", 30: "office", 40: "vendor"}
    rows = [f'{mac},{ip(n)},{n},{zone[v]},{role},IT,""' for n, (v, _, mac, role) in HOSTS.items()]
    rows += [f'00:00:0c:64:00:{v:02x},10.64.{v}.1,router-vl{v},{zone[v]},gateway,IT,""' for v in zone]
    (OUT / "ledger.csv").write_text("mac,ip,name,zone,role,owner,note\n" + "\n".join(rows) + "\n")


def table():
    """What is recorded, for people."""
    truths = {p.name.removesuffix(".truth.json"): json.loads(p.read_text()) for p in sorted(OUT.glob("*.truth.json"))}
    names = {ip(n): n for n in HOSTS}
    text = "# Attacks and honest work, recorded\n\nReal recordings of the bed of `tests/bed`, whose README says how they are made and what a truth file holds. "
    text += "`cargo test --test variants -- --nocapture` judges the engine by them. Written by `tests/bed/record.py`.\n"
    for kind, head in [("attack", "Attacks"), ("benign", "Benign twins: nothing may be said at `medium` or above")]:
        text += f"\n## {head}\n\n| recording | what | made with |" + (" asked for |" if kind == "attack" else "") + "\n| --- | --- | --- |" + (" --- |" if kind == "attack" else "") + "\n"
        for name, t in truths.items():
            if t["kind"] == kind:
                asked = "; ".join(" or ".join(e["detectors"]) + f" by {names[e['orig']]}" for e in t["expected"])
                text += f"| `{name}` | {t['what']} | {t['tool']} |" + (f" {asked} |" if kind == "attack" else "") + "\n"
    (OUT / "README.md").write_text(text)


def main(wanted):
    if wanted == ["list"]:
        for name, (_, about) in SCENES.items():
            print(f"{about['kind']:7} {name}: {about['what']}")
        return
    OUT.mkdir(parents=True, exist_ok=True)
    declared()
    if wanted == ["table"]:
        return table()
    failed = []
    for name in wanted or SCENES:
        try:
            record(name)
        except Exception as e:
            failed.append(name)
            print(f"{name}: {e}", flush=True)
    table()
    if failed:
        raise SystemExit(f"not recorded: {failed}")
