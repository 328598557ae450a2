"""What every bed is made of: hosts in network namespaces, one bridge per VLAN as core switch, a router, a sensor with a mirror port, Samba servers.

A bed is a prefix for its namespaces, a directory for its files, and a table of hosts.
"""
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import mirror

PLAIN = ["tx", "off", "tso", "off", "gso", "off", "gro", "off"]  # frames as on a wire: no bundles, checksums filled in


def run(*command, check=True, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if check and done.returncode:
        sys.exit(f"bed: {' '.join(map(str, command))[:200]}: {done.stdout}{done.stderr}")
    return done


def batch(name, lines):
    """`ip` commands in one namespace."""
    run("ip", "-n", name, "-batch", "-", input="\n".join(lines) + "\n")


class Bed:
    def __init__(self, prefix, state, hosts, vlans, network, domain, resolver, far=()):
        """`hosts`: name to VLAN, last octet (None: not plugged in), MAC, role. `far`: addresses of a host `inet` behind the router, its own first."""
        self.prefix, self.state, self.hosts, self.vlans = prefix, Path(state), hosts, vlans
        self.net, self.domain, self.resolver, self.far = network, domain, resolver, far

    def name(self, host):
        return f"{self.prefix}-{host}"

    def ip(self, host):
        return f"{self.net}.{self.hosts[host][0]}.{self.hosts[host][1]}"

    def mac(self, host):
        return self.hosts[host][2]

    def within(self, host, *command):
        return ["ip", "netns", "exec", self.name(host), *map(str, command)]

    def plugged(self):
        return [n for n, h in self.hosts.items() if h[1] is not None]

    def start(self, host, log, *command, **more):
        """A program that stays, in a session of its own; Samba's one fixed directory is the host's own."""
        own = self.state / host / "run"
        if own.is_dir():
            command = ["sh", "-c", f'mount --bind {own} /run/samba && exec "$@"', host, *command]
        with open(self.state / f"{log}.log", "ab") as out:
            return subprocess.Popen(self.within(host, *command), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **more)

    def until(self, host, *ports):
        for _ in range(600):
            heard = run(*self.within(host, "ss", "-Hltn")).stdout
            if all(f":{p} " in heard for p in ports):
                return
            time.sleep(0.05)
        sys.exit(f"bed: {host} does not listen on {ports}; see {self.state}/*.log")

    # ---- cables

    def namespaces(self):
        for host in ["sw", "rtr", "sensor", *(["inet"] if self.far else []), *self.hosts]:
            run("ip", "netns", "add", self.name(host))
            etc = Path(f"/etc/netns/{self.name(host)}")
            etc.mkdir(parents=True, exist_ok=True)
            own = f"{self.ip(host)} {host}.{self.domain} {host}" if host in self.plugged() else ""
            (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {os.uname().nodename}\n{own}\n")
            (etc / "resolv.conf").write_text(f"nameserver {self.ip(self.resolver)}\nsearch {self.domain}\n")
        for host in ("sw", "sensor"):  # neither a switch port nor a mirror port speaks
            run(*self.within(host, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"))

    def network(self):
        """The core switch is one bridge per VLAN; every host hangs on a cable of its own."""
        self.namespaces()
        switch = []
        for vlan in self.vlans:
            switch += [f"link add br{vlan} type bridge stp_state 0 mcast_snooping 0", f"link set br{vlan} up",
                       f"link add p-rtr{vlan} type veth peer name vl{vlan} address {self.gateway(vlan)} netns {self.name('rtr')}",
                       f"link set p-rtr{vlan} master br{vlan} up"]
        for host, (vlan, octet, mac, _) in self.hosts.items():
            switch += [f"link add p-{host} type veth peer name eth0 address {mac} netns {self.name(host)}",
                       f"link set p-{host} master br{vlan}" + (" up" if octet is not None else "")]
        switch += [f"link add mon type veth peer name span0 netns {self.name('sensor')}", "link set mon up"]
        batch(self.name("sw"), switch)
        for host, (vlan, octet, _, _) in self.hosts.items():
            if octet is not None:
                batch(self.name(host), ["link set lo up", f"addr add {self.ip(host)}/24 brd + dev eth0", "link set eth0 up",
                                        f"route add default via {self.net}.{vlan}.1"])
            run(*self.within(host, "ethtool", "-K", "eth0", *PLAIN), check=False)
        self.router()
        batch(self.name("sensor"), ["link set lo up", "link set span0 arp off promisc on up"])

    def gateway(self, vlan):
        """The router's MAC in a VLAN."""
        return f"00:00:0c:{self.net.split('.')[1]}:00:{vlan:02x}"

    def router(self):
        lines = ["link set lo up"]
        for vlan in self.vlans:
            lines += [f"addr add {self.net}.{vlan}.1/24 brd + dev vl{vlan}", f"link set vl{vlan} up"]
        if self.far:
            lines += [f"link add wan type veth peer name eth0 netns {self.name('inet')}", "addr add 203.0.113.2/24 dev wan", "link set wan up",
                      f"route add default via {self.far[0]}"]
        batch(self.name("rtr"), lines)
        if self.far:
            batch(self.name("inet"), ["link set lo up", "link set eth0 up", f"addr add {self.far[0]}/24 dev eth0",
                                      *[f"addr add {a}/32 dev eth0" for a in self.far[1:]], f"route add {self.net}.0.0/16 via 203.0.113.2"])
            run(*self.within("inet", "ethtool", "-K", "eth0", *PLAIN), check=False)
        for port in [f"vl{v}" for v in self.vlans] + (["wan"] if self.far else []):
            run(*self.within("rtr", "ethtool", "-K", port, *PLAIN), check=False)
        run(*self.within("rtr", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.all.send_redirects=0"))

    # ---- the mirror port

    def mirrored(self, mode="rx"):
        """Copies to the sensor; answers whether the copies carry tags.

        rx: every frame that enters the switch, once in each VLAN that it crosses. both: also when it leaves, so twice or more. uplink: the router's
        legs only. notag: as rx, without tags.
        """
        directions = {"rx": ["ingress"], "notag": ["ingress"], "both": ["ingress", "egress"], "uplink": ["ingress", "egress"]}[mode]
        run(*self.within("sw", "ethtool", "-K", "mon", "txvlan", "off"), check=False)
        sensor = int(run("ip", "-n", self.name("sw"), "-o", "link", "show", "mon").stdout.split(":")[0])
        copy = self.programs(sensor, mode != "notag")
        ports = [(f"p-rtr{v}", v) for v in self.vlans] + ([] if mode == "uplink" else [(f"p-{n}", h[0]) for n, h in self.hosts.items()])
        everything = [f"p-rtr{v}" for v in self.vlans] + [f"p-{n}" for n in self.hosts]
        run(*self.within("sw", "sh", "-c", 'for p; do tc qdisc del dev "$p" clsact 2>/dev/null; done; true', "sh", *everything))
        lines = [line for port, vlan in ports for line in (
            f"qdisc add dev {port} clsact", *[f"filter add dev {port} {d} prio 1 protocol all {copy(vlan)}" for d in directions])]
        run(*self.within("sw", "tc", "-batch", "-"), input="\n".join(lines) + "\n")
        return "bpf" in copy(1) and mode != "notag"

    def programs(self, sensor, tags):
        """What `tc` is told for a VLAN. Where the kernel takes no program, a plain copy: without tags, short frames left short."""
        pins = self.state / "bpf"
        try:
            if not pins.is_mount():
                pins.mkdir(exist_ok=True)
                if run("mount", "-t", "bpf", "bpf", pins, check=False).returncode:
                    raise OSError("no bpf file system")
            for vlan in self.vlans:
                path = pins / f"v{vlan}"
                path.unlink(missing_ok=True)
                mirror.pin(str(path), sensor, vlan if tags else None)
            return lambda vlan: f"bpf da pinned {pins}/v{vlan}"
        except OSError as e:
            print(f"bed: no program at the mirror port ({e}): frames come without VLAN tags and without padding", file=sys.stderr)
            return lambda vlan: "u32 match u32 0 0 action mirred egress mirror dev mon"

    def narrowed(self, rate):
        """A mirror port too narrow for what it is to carry; None: wide again."""
        run(*self.within("sw", "tc", "qdisc", "del", "dev", "mon", "root"), check=False)
        if rate:
            run(*self.within("sw", "tc", "qdisc", "add", "dev", "mon", "root", "tbf", "rate", rate, "burst", "64kb", "limit", "256kb"))

    # ---- Samba

    def directories(self, host, conf=""):
        home = self.state / host
        for d in ["private", "lock", "state", "cache", "pid", "ncalrpc", "run/winbindd", "ntp"]:
            (home / d).mkdir(parents=True, exist_ok=True)
        (home / "run/winbindd").chmod(0o755)
        (home / "ntp").chmod(0o750)
        return f"""  netbios name = {host.upper()}
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

    def standalone(self, host, accounts, shares, old=False):
        """A file server or terminal with accounts of its own, its first one the administrator of C$ and ADMIN$.

        `accounts`: an idle account of this machine, the name on the wire, the password; so that the machine's account file stays as it is.
        """
        d = self.state / host
        text = "[global]\n" + ("  server max protocol = SMB2_10\n" if old else "") + self.directories(host, f"""  workgroup = WORKGROUP
  server role = standalone
  smb ports = 445 139
  map to guest = never
  passdb backend = tdbsam
  username map = {d}/usermap
  admin users = {accounts[0][0]}
  disable spoolss = yes
  load printers = no
  rpc start on demand helpers = yes
""") + share("C$", d / "c", f"  valid users = {accounts[0][0]}\n") + share("ADMIN$", d / "admin", f"  valid users = {accounts[0][0]}\n")
        (d / "smb.conf").write_text(text + "".join(share(s, d / s) for s in shares))
        (d / "usermap").write_text("".join(f"{unix} = {name}\n" for unix, name, _ in accounts))
        made = self.state / "passdb" / "-".join(a[0] for a in accounts)
        if made.is_dir():  # the accounts of the first such host, by copy: one image
            shutil.copytree(made, d / "private", dirs_exist_ok=True)
        else:
            for unix, _, password in accounts:
                run(*self.within(host, "smbpasswd", "-c", d / "smb.conf", "-a", "-s", unix), input=f"{password}\n{password}\n")
            shutil.copytree(d / "private", made)
        self.start(host, f"{host}-smbd", "smbd", "-F", "--no-process-group", "-s", d / "smb.conf")

    def client(self, workgroup, more=""):
        """The settings of every SMB client in the bed."""
        home = self.state / "client"
        home.mkdir()
        (self.state / "client.conf").write_text(f"""[global]
  workgroup = {workgroup}
  netbios name = CLIENT
  private dir = {home}
  lock directory = {home}
  state directory = {home}
  cache directory = {home}
  client min protocol = SMB2
  client max protocol = SMB3
  name resolve order = host
{more}""")

    # ---- the end

    def down(self):
        """Ends the processes inside this bed's namespaces, each by its id."""
        names = [line.split()[0] for line in run("ip", "netns", "list").stdout.splitlines() if line.startswith(f"{self.prefix}-")]
        for sort in (signal.SIGTERM, signal.SIGKILL):
            for name in names:
                for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
                    try:
                        os.kill(int(pid), sort)
                    except ProcessLookupError:
                        pass
            time.sleep(0.3 if names else 0)
        for name in names:
            run("ip", "netns", "del", name, check=False)
            shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)
        if (self.state / "bpf").is_mount():
            run("umount", self.state / "bpf", check=False)
        shutil.rmtree(self.state, ignore_errors=True)


def share(name, path, more=""):
    Path(path).mkdir(parents=True, exist_ok=True)
    Path(path).chmod(0o777)
    return f"[{name}]\n  path = {path}\n  read only = no\n{more}"
