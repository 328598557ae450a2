#!/usr/bin/env python3
"""A small hospital in network namespaces: wards, offices, a Windows domain on two Samba controllers, file servers, printers, a supplier's
line, a router between the VLANs, and a sensor whose port sees what a switch's mirror port would. Nothing leaves the machine.

    bed.py up        build it (root)
    bed.py down      remove it: namespaces, processes, files
    bed.py exec HOST COMMAND...
"""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from cables import Bed, run, share

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


HILL = Bed(PREFIX, STATE, HOSTS, VLANS, "10.64", "hill.example", "dc1")
ip, within, start, until, directories = HILL.ip, HILL.within, HILL.start, HILL.until, HILL.directories


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
    accounts = [("root", "Administrator", LOCAL_PASSWORD), ("games", "nurse", "Nurse-2026"), ("backup", "savejob", "Save-2026")]
    for name in ALONE:
        HILL.standalone(name, accounts, ["share"] + (["backup", "scan"] if name == "nas" else []), old=name in OLD)
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
    HILL.down()
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
    HILL.client(DOMAIN, f"  realm = {REALM}\n  client use kerberos = off\n")
    Path("/run/samba").mkdir(exist_ok=True)
    for part in (HILL.network, HILL.mirrored, controllers, members, alone, small_services):
        t = time.time()
        part()
        print(f"{part.__name__}: {time.time() - t:.1f} s", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["up"]:
            up()
        case ["down"]:
            HILL.down()
        case ["exec", host, *command]:
            sys.exit(subprocess.run(within(host, *command)).returncode)
        case _:
            sys.exit(__doc__)
