"""Honest work that looks like one of the attacks."""
import os
import shutil
import subprocess
import time

from bed import DOMAIN, HOSTS, LOCAL_PASSWORD, REALM, STATE, USERS, ip
from scenes import ADMIN, act, logon, on, scene, seed, smbclient, talk, ticketed


def rclone(host, server, user, password, *command):
    obscured = subprocess.run(["rclone", "obscure", password], capture_output=True, text=True).stdout.strip()
    env = {"RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_FAR_TYPE": "smb", "RCLONE_CONFIG_FAR_HOST": ip(server), "RCLONE_CONFIG_FAR_USER": user,
           "RCLONE_CONFIG_FAR_PASS": obscured, "RCLONE_CONFIG_FAR_DOMAIN": DOMAIN if server in ("files", "films") else "WORKGROUP"}
    return on(host, "rclone", *command, env=env, check=True)


def local(name, count, size, kind=".docx"):
    """Files on a PC's own disk."""
    top = STATE / "local" / name
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        (top / f"item{n:04d}{kind}").write_bytes({".jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", ".docx": b"PK\x03\x04\x14\x00"}.get(kind, b"") + os.urandom(size))
    return top


@scene("benign", "three people save documents, two times each: temporary file, the old one aside, the new one in its place", tool="smbprotocol, a word processor's sequence")
def office_saves(t):
    for host, n, top in [("office1", 1, "karte"), ("office2", 2, "letters"), ("ward1", 3, "lab")]:
        act(t, host, "office", "files", "karte", USERS[n][0], USERS[n][1], top=top, limit=3)


@scene("benign", "the backup server reads every file of two shares and writes one archive to the storage", tool="smbclient tar mode")
def backup_run(t):
    archive = STATE / "archive.tar"
    for share in ("karte", "share"):
        on("saver", "smbclient", "-s", STATE / "client.conf", f"//{ip('files')}/{share}", "-U", f"{DOMAIN}\\{ADMIN[0]}%{ADMIN[1]}", "-Tc", archive)
        on("saver", "gzip", "-kf", archive)
        smbclient("saver", f"{ip('nas')}/backup", "NAS\\savejob", "Save-2026", f"lcd {STATE}; put archive.tar.gz {share}-20261125.tar.gz")
    smbclient("saver", f"{ip('nas')}/backup", "NAS\\savejob", "Save-2026", "del karte-20261118.tar.gz")


@scene("benign", "a server keeps an encrypted copy of a folder on the storage: packs of random bytes, lock files made and deleted", tool="restic over rclone",
       everyday=False)
def restic_copy(t):
    top = local("restic", 10, 2500)
    obscured = subprocess.run(["rclone", "obscure", "Save-2026"], capture_output=True, text=True).stdout.strip()
    env = {"RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_FAR_TYPE": "smb", "RCLONE_CONFIG_FAR_HOST": ip("nas"), "RCLONE_CONFIG_FAR_USER": "savejob",
           "RCLONE_CONFIG_FAR_PASS": obscured, "RCLONE_CONFIG_FAR_DOMAIN": "WORKGROUP", "RESTIC_PASSWORD": "Kura-2026", "HOME": str(STATE)}
    for command in (["init"], ["backup", str(top)], ["backup", str(top)], ["forget", "--keep-last", "1", "--prune"]):
        on("films", "restic", "-r", "rclone:far:backup/films", "--no-cache", *command, env=env)


@scene("benign", "a scanner for malware opens and reads every file of a share", tool="smbprotocol, from the management host")
def antivirus_scan(t):
    act(t, "mgmt", "antivirus", "files", "karte", *ADMIN)


@scene("benign", "three hundred small files brought to a share, then some of them again after a change", tool="smbprotocol, as a mirroring copy does")
def mirror_300(t):
    top = local("mirror", 300, 300, ".txt")
    act(t, "prsrv", "mirror", "films", "dept", USERS[24][0], USERS[24][1], source=top)
    for n in range(0, 300, 60):
        (top / f"item{n:04d}.txt").write_bytes(os.urandom(500))
    act(t, "prsrv", "mirror", "films", "dept", USERS[24][0], USERS[24][1], source=top)


@scene("benign", "eight files synchronised to a share, then some again after a change, one deleted", tool="rclone sync")
def rclone_sync(t):
    top = local("sync", 8, 300, ".txt")
    rclone("office2", "files", USERS[1][0], USERS[1][1], "sync", str(top), "far:dept/office2", "--transfers=4")
    for n in range(0, 8, 4):
        (top / f"item{n:04d}.txt").write_bytes(os.urandom(500))
    (top / "item0001.txt").unlink()
    rclone("office2", "files", USERS[1][0], USERS[1][1], "sync", str(top), "far:dept/office2", "--transfers=4")


@scene("benign", "photographs copied in bulk to a share", tool="rclone copy")
def photo_copy(t):
    rclone("office1", "files", USERS[2][0], USERS[2][1], "copy", str(local("photos", 6, 8000, ".jpg")), "far:dept/photos")


@scene("benign", "two hundred files renamed into the archive's directory", tool="smbprotocol")
def archive_move(t):
    seed("files", "share", directories=1, each=200, size=300)
    act(t, "prsrv", "move", "files", "share", USERS[3][0], USERS[3][1], top="karte")


@scene("benign", "four people log on in the morning: tickets, policies, shares, one mistypes the password twice", tool="kinit, smbclient, ldapsearch", everyday=False)
def morning_logons(t):
    for n, host in enumerate(["ward1", "ward2", "ward5", "office1"], 10):
        if n == 12:
            for wrong in ("Tsuki", "tsuki"):
                on(host, "kinit", f"{USERS[n - 1][0]}@{REALM}", stdin=wrong + "\n")
        cache = logon(host, n)
        ticketed(host, cache, "dc1.hill.example/sysvol", "cd hill.example\\Policies\\{31B2F340-016D-11D2-945F-00C04FB984F9}; get GPT.INI /dev/null")
        on(host, "ldapsearch", "-N", "-Y", "GSSAPI", "-Q", "-H", "ldap://dc1.hill.example", "-b", "DC=hill,DC=example", f"(sAMAccountName={USERS[n - 1][0]})", "memberOf",
           env={"KRB5CCNAME": cache})
        ticketed(host, cache, "files.hill.example/karte", "cd karte; ls")
        ticketed(host, cache, "films.hill.example/karte", "ls")


@scene("benign", "fifteen people log on to the domain from one terminal server within a minute, two of them mistype once", tool="kinit", everyday=False)
def terminal_server(t):
    for n in range(1, 16):
        if n in (4, 9):
            on("jump", "kinit", f"{USERS[n - 1][0]}@{REALM}", stdin="tsuki\n")
        cache = logon("jump", n)
        ticketed("jump", cache, "files.hill.example/karte", "ls")


@scene("benign", "two controllers replicate: a user made on one, changes pulled both ways, one naming context in full", tool="samba, samba-tool drs replicate", everyday=False)
def dc_replication(t):
    admin = f"-U{ADMIN[0]}%{ADMIN[1]}"
    on("dc1", "samba-tool", "user", "create", f"new{int(time.time())}", "Tsuki-31-yama", "-s", STATE / "dc1/etc/smb.conf", "-H", STATE / "dc1/private/sam.ldb")
    time.sleep(8)
    for to, source in [("dc2", "dc1"), ("dc1", "dc2")]:
        on(to, "samba-tool", "drs", "replicate", f"{to}.hill.example", f"{source}.hill.example", "DC=hill,DC=example", admin, "-s", STATE / to / "etc/smb.conf")
    on("dc2", "samba-tool", "drs", "replicate", "dc2.hill.example", "dc1.hill.example", "DC=DomainDnsZones,DC=hill,DC=example", "--full-sync", admin, "-s",
       STATE / "dc2/etc/smb.conf")
    on("dc2", "samba-tool", "drs", "showrepl", admin, "-s", STATE / "dc2/etc/smb.conf")
    time.sleep(3)


@scene("benign", "an administrator at the management host looks at accounts, shares, sessions and services of every server", tool="rpcclient, net rpc")
def admin_tools(t):
    who = f"{DOMAIN}\\{ADMIN[0]}%{ADMIN[1]}"
    on("mgmt", "rpcclient", "-s", STATE / "client.conf", "-U", who, ip("dc1"), "-c", "enumdomusers; enumdomgroups; querygroupmem 0x200; querydominfo")
    for server in ("dc1", "dc2", "files", "films"):
        on("mgmt", "rpcclient", "-s", STATE / "client.conf", "-U", who, ip(server), "-c", "srvinfo; netshareenumall; netsessenum")
        on("mgmt", "net", "rpc", "service", "list", "-S", ip(server), "-U", who, "-s", STATE / "client.conf")
    for n in range(1, 7):
        smbclient("mgmt", f"{ip(f'ward{n}')}/C$", f"WARD{n}\\Administrator", LOCAL_PASSWORD, "ls")


@scene("benign", "a service whose password was changed tries again every half minute for half an hour", tool="smbclient; the half minutes are added to the recording")
def service_with_old_password(t):
    for _ in range(60):
        smbclient("films", f"{ip('nas')}/scan", "NAS\\savejob", "Save-2025", "ls")
        t.gap(30)


@scene("benign", "ten logs rotated twice on a share: read, packed, the old ones renamed, the oldest gone", tool="smbprotocol")
def log_rotation(t):
    seed("films", "share", directories=1, each=10, kinds=("log",), size=5000)
    act(t, "prsrv", "rotate", "films", "share", USERS[20][0], USERS[20][1], top="karte")
    act(t, "prsrv", "rotate", "films", "share", USERS[20][0], USERS[20][1], top="karte")


@scene("benign", "the print server sends different jobs to six printers", tool="raw jobs to port 9100")
def print_server(t):
    for n in range(1, 7):
        job = STATE / "job"
        for page in range(2):
            job.write_bytes(b"%!PS-Adobe-3.0\n%%Title: (" + f"result {n}-{page}".encode() + b")\n" + os.urandom(700 * n + 300 * page).hex().encode())
            talk("prsrv", "printed", f"@{job}", ip(f"prn{n}"))


@scene("benign", "a nightly job packs each report for itself and removes the original", tool="smbprotocol and zip", night=True)
def pack_reports(t):
    act(t, "prsrv", "pack-each", "files", "karte", USERS[21][0], USERS[21][1], top="")


@scene("benign", "work over an encrypted session (SMB 3): documents read and saved", tool="smbprotocol with encryption")
def encrypted_work(t):
    act(t, "office2", "office", "files", "karte", USERS[22][0], USERS[22][1], encrypt="yes", limit=3, pause="0.1")
    act(t, "office2", "antivirus", "files", "share", USERS[22][0], USERS[22][1], encrypt="yes", top="lab")


@scene("benign", "pictures made smaller in place by a program of the photo room", tool="smbprotocol")
def pictures_converted(t):
    seed("films", "karte", directories=1, each=12, kinds=("jpg",), size=4000)
    act(t, "office3", "convert", "films", "karte", USERS[23][0], USERS[23][1], top="karte")


@scene("benign", "names asked for by LLMNR and NBNS that nobody has, and one that its owner answers", tool="nmblookup, nmbd")
def names_asked(t):
    for host, name in [("ward1", "scanner"), ("ward2", "wpad"), ("office1", "oldfiles")]:
        talk(host, "ask", ip(host), name)
        on(host, "nmblookup", "-s", STATE / "client.conf", "-B", f"10.64.{HOSTS[host][0]}.255", name.upper())
