#!/usr/bin/env python3
"""A small hospital in network namespaces: wards, offices, a Windows domain on two Samba controllers, file servers, printers, a supplier's
line, a router between the VLANs, and a sensor whose port sees what a switch's mirror port would. Nothing leaves the machine.

    bed.py up        build it (root)
    bed.py down      remove it: namespaces, processes, files
    bed.py exec HOST COMMAND...
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import mirror

PREFIX = os.environ.get("BED", "hill")
STATE = Path(os.environ.get("BED_STATE", f"/run/bed-{PREFIX}"))
REALM, DOMAIN, ADMIN_PASSWORD = "HILL.EXAMPLE", "HILL", "Kanri-2026-Hill"
LOCAL_PASSWORD = "Local-2026"
VLANS = {10: "clinical", 20: "server", 30: "office", 40: "vendor"}

# name: VLAN, last octet, MAC, role in the ledger
HOSTS = {
    **{f"ward{n}": (10, 10 + n, f"00:00:0e:64:10:{10 + n:02x}", "terminal") for n in range(1, 7)},
    **{f"prn{n}": (10, 100 + n, f"00:01:e6:64:10:{100 + n:02x}", "printer") for n in range(1, 7)},
    "dc1": (20, 5, "00:50:56:64:20:05", "infrastructure"),
    "dc2": (20, 6, "00:50:56:64:20:06", "infrastructure"),
    "files": (20, 10, "00:50:56:64:20:0a", "server"),
    "films": (20, 11, "00:50:56:64:20:0b", "server"),
    "jump": (20, 20, "00:50:56:64:20:14", "server"),
    "nas": (20, 50, "00:08:9b:64:20:32", "backup"),
    "saver": (20, 51, "00:50:56:64:20:33", "backup"),
    "mgmt": (20, 60, "00:50:56:64:20:3c", "management"),
    "prsrv": (20, 70, "00:50:56:64:20:46", "server"),
    **{f"office{n}": (30, 10 + n, f"00:14:22:64:30:{10 + n:02x}", "terminal") for n in range(1, 4)},
    "maint": (40, 10, "00:00:4c:64:40:0a", "vendor"),
}
# Users of the domain: name, password
USERS = [(f"{n:02d}{s}", f"Tsuki-{n:02d}-yama") for n, s in enumerate(
    ["sato", "suzuki", "tanaka", "ito", "kato", "mori", "abe", "ota", "ono", "hara", "kubo", "goto", "maeda", "endo", "aoki", "ueda",
     "sugi", "chiba", "noda", "hino", "imai", "doi", "kita", "seki", "toda", "yano", "oda", "mita", "kudo", "sano"], 1)]
SERVICES = [("svc-lab", "Kensa-2026", "MSSQLSvc/films.hill.example:1433"), ("svc-pacs", "Gazou-2026", "HTTP/pacs.hill.example"),
            ("svc-hl7", "Renkei-2026", "HL7/files.hill.example")]
MEMBERS = ["files", "films"]
OLD = ["ward1", "ward2", "ward3"]  # as Windows 7 speaks: SMB 2.1, nothing encrypted
ALONE = [f"ward{n}" for n in range(1, 7)] + ["nas", "office1"]


def ip(name):
    return f"10.64.{HOSTS[name][0]}.{HOSTS[name][1]}"


def within(host, *command):
    return ["ip", "netns", "exec", f"{PREFIX}-{host}", *map(str, command)]


def run(*command, check=True, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if check and done.returncode:
        sys.exit(f"bed: {' '.join(map(str, command))[:200]}: {done.stdout}{done.stderr}")
    return done


def start(host, log, *command):
    """A program that stays, in a session of its own; Samba's one fixed directory is the host's own."""
    own = STATE / host / "run"
    if own.is_dir():
        command = ["sh", "-c", f'mount --bind {own} /run/samba && exec "$@"', host, *command]
    with open(STATE / f"{log}.log", "ab") as out:
        return subprocess.Popen(within(host, *command), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)


def network():
    """The core switch is one bridge per VLAN; every host hangs on a cable of its own."""
    for name in ["sw", "rtr", "sensor", *HOSTS]:
        run("ip", "netns", "add", f"{PREFIX}-{name}")
        etc = Path(f"/etc/netns/{PREFIX}-{name}")
        etc.mkdir(parents=True, exist_ok=True)
        own = f"{ip(name)} {name}.hill.example {name}" if name in HOSTS else ""
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {os.uname().nodename}\n{own}\n")
        (etc / "resolv.conf").write_text(f"nameserver {ip('dc1')}\nsearch hill.example\n")
    run(*within("sw", "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"))
    run(*within("sensor", "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"))
    switch = []
    for vlan in VLANS:
        switch += [f"link add br{vlan} type bridge stp_state 0 mcast_snooping 0", f"link set br{vlan} up",
                   f"link add p-rtr{vlan} type veth peer name vl{vlan} address 00:00:0c:64:00:{vlan:02x} netns {PREFIX}-rtr",
                   f"link set p-rtr{vlan} master br{vlan} up"]
    for name, (vlan, _, mac, _) in HOSTS.items():
        switch += [f"link add p-{name} type veth peer name eth0 address {mac} netns {PREFIX}-{name}",
                   f"link set p-{name} master br{vlan} up"]
    switch += [f"link add mon type veth peer name span0 netns {PREFIX}-sensor", "link set mon up"]
    run("ip", "-n", f"{PREFIX}-sw", "-batch", "-", input="\n".join(switch) + "\n")
    for name, (vlan, _, _, _) in HOSTS.items():
        host = ["link set lo up", f"addr add {ip(name)}/24 brd + dev eth0", "link set eth0 up", f"route add default via 10.64.{vlan}.1"]
        run("ip", "-n", f"{PREFIX}-{name}", "-batch", "-", input="\n".join(host) + "\n")
        run(*within(name, "ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", "gro", "off"), check=False)
    router = ["link set lo up"]
    for vlan in VLANS:
        router += [f"addr add 10.64.{vlan}.1/24 brd + dev vl{vlan}", f"link set vl{vlan} up"]
    run("ip", "-n", f"{PREFIX}-rtr", "-batch", "-", input="\n".join(router) + "\n")
    for vlan in VLANS:
        run(*within("rtr", "ethtool", "-K", f"vl{vlan}", "tx", "off", "tso", "off", "gso", "off", "gro", "off"), check=False)
    run(*within("rtr", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.all.send_redirects=0"))
    run("ip", "-n", f"{PREFIX}-sensor", "-batch", "-", input="link set lo up\nlink set span0 arp off promisc on up\n")


def mirrored():
    """Every frame that enters the switch goes to the sensor too, once in each VLAN that it crosses."""
    run(*within("sw", "ethtool", "-K", "mon", "txvlan", "off"), check=False)
    pins = STATE / "bpf"
    pins.mkdir()
    run("mount", "-t", "bpf", "bpf", pins)
    sensor = int(run("ip", "-n", f"{PREFIX}-sw", "-o", "link", "show", "mon").stdout.split(":")[0])
    for vlan in VLANS:
        mirror.pin(str(pins / f"v{vlan}"), sensor, vlan)
    ports = [(f"p-{n}", h[0]) for n, h in HOSTS.items()] + [(f"p-rtr{v}", v) for v in VLANS]
    lines = [line for port, vlan in ports for line in (
        f"qdisc replace dev {port} clsact", f"filter add dev {port} ingress prio 1 protocol all bpf da pinned {pins}/v{vlan}")]
    run(*within("sw", "tc", "-batch", "-"), input="\n".join(lines) + "\n")


def directories(name, conf=""):
    home = STATE / name
    for d in ["private", "lock", "state", "cache", "pid", "ncalrpc", "run/winbindd", "ntp"]:
        (home / d).mkdir(parents=True, exist_ok=True)
    (home / "run/winbindd").chmod(0o755)
    (home / "ntp").chmod(0o750)
    return f"""  netbios name = {name.upper()}
  interfaces = eth0
  bind interfaces only = yes
  private dir = {home}/private
  lock directory = {home}/lock
  state directory = {home}/state
  cache directory = {home}/cache
  pid directory = {home}/pid
  ncalrpc dir = {home}/ncalrpc
  ntp signd socket directory = {home}/ntp
  log file = {home}/log
  log level = 1
{conf}"""


def share(name, path, more=""):
    Path(path).mkdir(parents=True, exist_ok=True)
    Path(path).chmod(0o777)
    return f"[{name}]\n  path = {path}\n  read only = no\n{more}"


def controllers():
    """Two domain controllers; the second joins the first and replicates with it."""
    d = STATE / "dc1"
    conf = directories("dc1")
    run(*within("dc1", "samba-tool", "domain", "provision", "--server-role=dc", f"--realm={REALM}", f"--domain={DOMAIN}", "--dns-backend=SAMBA_INTERNAL",
                f"--adminpass={ADMIN_PASSWORD}", f"--targetdir={d}", f"--host-ip={ip('dc1')}", "--host-name=dc1", "--option=interfaces=eth0",
                "--option=bind interfaces only=yes"))
    amend(d, conf)
    start("dc1", "dc1", "env", f"KRB5_CONFIG={d}/etc/krb5.conf", "samba", "-i", "-M", "prefork", f"--configfile={d}/etc/smb.conf")
    until("dc1", 88, 389, 445, 135)
    run(*within("dc1", "samba-tool", "domain", "passwordsettings", "set", "--complexity=off", "--min-pwd-age=0", "--max-pwd-age=0",
                "--account-lockout-threshold=0", "--min-pwd-length=4", "-s", d / "etc/smb.conf", "-H", d / "private/sam.ldb"))
    run(*within("dc1", "/usr/bin/python3", "-c", ACCOUNTS, d), input=json.dumps([USERS, SERVICES]))
    for name in MEMBERS + ["nas", "jump", "mgmt", "prsrv"]:
        run(*within("dc1", "samba-tool", "dns", "add", "dc1.hill.example", "hill.example", name, "A", ip(name), f"-UAdministrator%{ADMIN_PASSWORD}"))
    d2, conf2 = STATE / "dc2", directories("dc2")
    run(*within("dc2", "samba-tool", "domain", "join", REALM, "DC", f"-UAdministrator%{ADMIN_PASSWORD}", f"--targetdir={d2}", "--dns-backend=SAMBA_INTERNAL",
                "--server=dc1.hill.example", "--option=interfaces=eth0", "--option=bind interfaces only=yes", "--option=netbios name=DC2"), env=kerberos())
    amend(d2, conf2)
    start("dc2", "dc2", "env", f"KRB5_CONFIG={d2}/etc/krb5.conf", "samba", "-i", "-M", "prefork", f"--configfile={d2}/etc/smb.conf")
    until("dc2", 88, 389, 445, 135)


# Users, service accounts with their names, one administrator, one account that needs no pre-authentication.
ACCOUNTS = """
import json, sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
home = sys.argv[1]
lp = LoadParm(); lp.load(home + "/etc/smb.conf")
db = SamDB(url=home + "/private/sam.ldb", session_info=system_session(), lp=lp)
users, services = json.load(sys.stdin)
for name, word in users:
    db.newuser(name, word)
for name, word, spn in services:
    db.newuser(name, word)
    db.modify_ldif(f"dn: CN={name},CN=Users,{db.domain_dn()}\\nchangetype: modify\\nadd: servicePrincipalName\\nservicePrincipalName: {spn}\\n")
db.newuser("adm-mori", "Kanri-2026-Mori")
db.add_remove_group_members("Domain Admins", ["adm-mori"])
db.toggle_userAccountFlags(f"(samAccountName={users[-1][0]})", 0x400000, on=True)
"""


def amend(home, conf):
    """The provisioned file keeps its shares; the paths and interfaces become the bed's."""
    path = home / "etc/smb.conf"
    keep = ("workgroup", "realm", "server role", "idmap", "path", "read only", "[")
    text = path.read_text()
    for unused in ("[homes]", "[printers]", "[print$]"):
        before, _, after = text.partition(unused)
        text = before + ("[" + after.split("[", 1)[1] if "[" in after else "")
    lines = [line for line in text.splitlines() if line.strip().startswith(keep)]
    extra = conf + "  ntlm auth = yes\n  ldap server require strong auth = no\n  acl:search = no\n  allow dns updates = disabled\n  server services = s3fs, rpc, ldap, cldap, kdc, drepl, winbindd, dns, kcc, dnsupdate\n  dns update command = /bin/true\n"
    # the account, not the controller, says who needs no pre-authentication
    (home / "etc/krb5.conf").write_text((STATE / "krb5.conf").read_text() + "[kdc]\n  require-preauth = no\n")
    path.write_text("\n".join(lines).replace("[global]", "[global]\n" + extra, 1) + "\n")


def kerberos():
    return {**os.environ, "KRB5_CONFIG": str(STATE / "krb5.conf")}


def until(host, *ports):
    for _ in range(300):
        heard = run(*within(host, "ss", "-Hltn")).stdout
        if all(f":{p} " in heard for p in ports):
            return
        time.sleep(0.1)
    sys.exit(f"bed: {host} does not listen on {ports}; see {STATE}/*.log")


def members():
    """File servers of the domain: every domain user is one idle account of the machine, so that its account file stays as it is."""
    for name in MEMBERS:
        d = STATE / name
        text = "[global]\n" + directories(name, f"""  workgroup = {DOMAIN}
  realm = {REALM}
  security = ads
  server role = member server
  min domain uid = 0
  kerberos method = secrets and keytab
  dedicated keytab file = {d}/krb5.keytab
  idmap config * : backend = tdb
  idmap config * : range = 100000-199999
  idmap config {DOMAIN} : backend = rid
  idmap config {DOMAIN} : range = 200000-299999
  username map = {d}/usermap
  disable spoolss = yes
  load printers = no
  rpc start on demand helpers = yes
""") + share("karte", d / "karte") + share("share", d / "share") + share("dept", d / "dept") + share("C$", d / "c", "  valid users = root\n") + share("ADMIN$", d / "admin", "  valid users = root\n")
        (d / "smb.conf").write_text(text)
        (d / "usermap").write_text(f"!root = {DOMAIN}\\Administrator {DOMAIN}\\adm-mori Administrator adm-mori\ngames = *\n")
        run(*within(name, "net", "ads", "join", "-S", "dc1.hill.example", f"-UAdministrator%{ADMIN_PASSWORD}", "-s", d / "smb.conf", "--no-dns-updates"), env=kerberos())
        start(name, f"{name}-winbindd", "env", f"KRB5_CONFIG={STATE}/krb5.conf", "winbindd", "-F", "--no-process-group", "-s", d / "smb.conf")
        start(name, f"{name}-smbd", "env", f"KRB5_CONFIG={STATE}/krb5.conf", "smbd", "-F", "--no-process-group", "-s", d / "smb.conf")
        until(name, 445)


def alone():
    """Terminals and the storage keep accounts of their own; one image, one administrator's password."""
    for name in ALONE:
        d = STATE / name
        text = "[global]\n" + directories(name, f"""  workgroup = WORKGROUP
  server role = standalone
  smb ports = 445 139
  map to guest = never
  passdb backend = tdbsam
  username map = {d}/usermap
  admin users = root
  disable spoolss = yes
  load printers = no
  rpc start on demand helpers = yes
""") + share("C$", d / "c", "  valid users = root\n") + share("ADMIN$", d / "admin", "  valid users = root\n") + share("share", d / "share")
        if name in OLD:
            text = text.replace("[global]\n", "[global]\n  server max protocol = SMB2_10\n", 1)
        if name == "nas":
            text += share("backup", d / "backup") + share("scan", d / "scan")
        (d / "smb.conf").write_text(text)
        (d / "usermap").write_text("root = Administrator\ngames = nurse\nbackup = savejob\n")
        for user, password in [("root", LOCAL_PASSWORD), ("games", "Nurse-2026"), ("backup", "Save-2026")]:
            run(*within(name, "smbpasswd", "-c", d / "smb.conf", "-a", "-s", user), input=f"{password}\n{password}\n")
        start(name, f"{name}-smbd", "smbd", "-F", "--no-process-group", "-s", d / "smb.conf")
    for name in ALONE:
        until(name, 445)


def small_services():
    """Printers that take what they are sent, and a remote desktop on the supplier's server."""
    listener = "import socketserver as s\nclass H(s.BaseRequestHandler):\n  def handle(self):\n    while self.request.recv(65536): pass\ns.ThreadingTCPServer(('',9100),H).serve_forever()"
    for name in HOSTS:
        if HOSTS[name][3] == "printer":
            start(name, name, "python3", "-c", listener)
    home = STATE / "desktop"
    home.mkdir()
    import hashlib
    digest = run("python3", "-c", "import sys;sys.path[:0]=['/usr/lib/python3/dist-packages'];from samba import credentials as c;x=c.Credentials();x.set_password('Acme-2026');print(x.get_nt_hash().hex())").stdout.strip()
    (home / "sam").write_text(f"acme:::{digest}:::\n")
    start("jump", "xvfb", "Xvfb", ":977", "-screen", "0", "800x600x24", "-nolisten", "tcp", "-ac")
    time.sleep(1)
    again = f"while :; do freerdp-shadow-cli /port:3389 /sec:nla /sam-file:{home}/sam +auth; sleep 0.3; done"
    start("jump", "rdp", "env", f"HOME={home}", "DISPLAY=:977", "sh", "-c", again)
    until("jump", 3389)


def up():
    if os.geteuid():
        sys.exit("bed: needs root")
    down()
    STATE.mkdir(parents=True)
    STATE.chmod(0o755)
    (STATE / "krb5.conf").write_text(f"""[libdefaults]
  default_realm = {REALM}
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  forwardable = true
[realms]
  {REALM} = {{
    kdc = {ip('dc1')}
    kdc = {ip('dc2')}
  }}
[domain_realm]
  .hill.example = {REALM}
""")
    (STATE / "client.conf").write_text(f"""[global]
  workgroup = {DOMAIN}
  realm = {REALM}
  netbios name = CLIENT
  private dir = {STATE}/client
  lock directory = {STATE}/client
  state directory = {STATE}/client
  cache directory = {STATE}/client
  client min protocol = SMB2
  client max protocol = SMB3
  client use kerberos = off
  name resolve order = host
""")
    (STATE / "client").mkdir()
    Path("/run/samba").mkdir(exist_ok=True)
    for part in (network, mirrored, controllers, members, alone, small_services):
        t = time.time()
        part()
        print(f"{part.__name__}: {time.time() - t:.1f} s", flush=True)


def down():
    """Ends the processes inside this bed's namespaces, each by its id."""
    names = [line.split()[0] for line in run("ip", "netns", "list").stdout.splitlines() if line.startswith(f"{PREFIX}-")]
    for sort in (signal.SIGTERM, signal.SIGKILL):
        for name in names:
            for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
                try:
                    os.kill(int(pid), sort)
                except ProcessLookupError:
                    pass
        time.sleep(0.3)
    for name in names:
        run("ip", "netns", "del", name, check=False)
        shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)
    if (STATE / "bpf").is_mount():
        run("umount", STATE / "bpf", check=False)
    shutil.rmtree(STATE, ignore_errors=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["up"]:
            up()
        case ["down"]:
            down()
        case ["exec", host, *command]:
            sys.exit(subprocess.run(within(host, *command)).returncode)
        case _:
            sys.exit(__doc__)
