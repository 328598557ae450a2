#!/usr/bin/env python3
"""The sensor live on a mirror port: builds the clinic, runs the scenes, and judges what was told, by whom, and whether a replay of the same run's
recording tells the same.

    live.py --binary PATH [SCENE...]      all scenes, or these; --list names them
    live.py --binary PATH --faults [FAULT...] [--times N]
    --mirror rx|both|uplink|notag         what the mirror port carries
    --rate 5mbit                          a mirror port too narrow for what it is to carry
    --recorded                            no live sensor: tcpdump records, a replay is judged
    --keep DIR                            leave recording, results and logs there

Root and namespaces of its own are needed (network, mount, process): when this ends, however it ends, the kernel removes all of it. Where they are
refused it says SKIPPED and exits 0. Exit 1: something was wrong.
"""
import argparse
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

NEEDED = {"ip": "iproute2", "tc": "iproute2", "ethtool": "ethtool", "smbd": "samba", "smbclient": "smbclient", "net": "samba-common-bin", "dnsmasq": "dnsmasq-base",
          "udhcpc": "udhcpc", "openssl": "openssl", "ping": "iputils-ping", "unshare": "util-linux"}
PRIVATE = "LIVE_BED_PRIVATE"  # set inside of the namespaces
MARK = "live bed: "


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*", metavar="SCENE")
    p.add_argument("--binary", type=Path)
    p.add_argument("--list", action="store_true")
    p.add_argument("--possible", action="store_true", help="exit 0 if this machine can have the bed, else say SKIPPED and exit 1")
    p.add_argument("--mirror", choices=["rx", "both", "uplink", "notag"], default="rx")
    p.add_argument("--rate")
    p.add_argument("--recorded", action="store_true")
    p.add_argument("--faults", action="store_true")
    p.add_argument("--times", type=int, default=3)
    p.add_argument("--keep", type=Path)
    return p.parse_args()


def skipped(why):
    print(f"\n{MARK}SKIPPED: {why}. Nothing was tested.\n", flush=True)
    sys.exit(0)


def refused():
    """Why this machine cannot have the bed, or None. Without `ip` (it is installed later) only the namespaces are tried."""
    if os.geteuid():
        return "the bed needs root"
    tried = subprocess.run(["unshare", "-n", "-m", "-p", "--fork", "--mount-proc", "sh", "-c",
                            "mount -t tmpfs tmpfs /run && mkdir -p /run/netns && command -v ip >/dev/null || exit; ip netns add x && ip link add name a type veth peer name b && ip link add name c type bridge"],
                           capture_output=True, text=True)
    return f"namespaces are refused here ({(tried.stderr.strip().splitlines() or ['no reason given'])[-1]})" if tried.returncode else None


def privately():
    """This program again, in namespaces of its own that end with it."""
    Path("/etc/netns").mkdir(exist_ok=True)  # an empty place for a mount of its own
    Path("/tmp/.X11-unix").mkdir(exist_ok=True)

    def ends_with_parent():
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)

    inside = subprocess.Popen(["unshare", "-n", "-m", "-p", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", sys.executable, *sys.argv],
                              env={**os.environ, PRIVATE: "1"}, preexec_fn=ends_with_parent)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts this in the background has it ignored
    signal.signal(signal.SIGTERM, lambda *_: (inside.kill(), sys.exit(143)))
    try:
        code = inside.wait()
    except KeyboardInterrupt:
        try:
            code = inside.wait(10) or 130
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            inside.kill()
            code = 130
    try:
        Path("/etc/netns").rmdir()
    except OSError:
        pass
    sys.exit(code)


def own_places():
    """The directories that a bed writes to are this run's alone."""
    for place in ("/run", "/etc/netns", "/tmp/.X11-unix"):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    Path("/run/netns").mkdir()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def day(opts):
    """The scenes under one sensor; answers what is wrong."""
    import clinic
    import judge
    import sensor
    import stories
    names = opts.names or list(stories.SCENES)
    began = time.time()
    tags = clinic.up(opts.mirror)
    clinic.CLINIC.narrowed(opts.rate)
    work = opts.keep or Path("/run/live")
    site = sensor.places(work, tags)
    run = (sensor.Recorder if opts.recorded else sensor.Live)(opts.binary.resolve(), work, site)
    run.start()
    truths = []
    for name in names:
        print(f"{MARK}{name}: {stories.SCENES[name][1]}", flush=True)
        truths.append(stories.play(name))
        if truths[-1].skipped:
            print(f"{MARK}{name}: SKIPPED: {truths[-1].skipped}", flush=True)
        time.sleep(1.5)
    time.sleep(3)
    wrong = run.stop() + ([] if opts.rate or opts.recorded else run.lost())
    findings = judge.records(run.out, "findings.json")
    rows = judge.scenes(findings, truths, opts.mirror)
    shown = [[r[0], f"{t.t1 - t.t0:.1f} s", ", ".join(r[1]) or ("skipped" if t.skipped else "silence"), "ok" if not r[3] else f"{len(r[3])} wrong"] for r, t in zip(rows, truths)]
    print("\n" + judge.table(["scene", "took", "must be told at medium or above", "result"], shown))
    for r in rows:
        if r[2]:
            print(f"  told in {r[0]}: {', '.join(r[2])}")
        wrong += [f"{r[0]}: {w}" for w in r[3]]
    print()
    wrong += run.compare()
    print(f"\n{MARK}mirror port {opts.mirror}{', ' + opts.rate if opts.rate else ''}; {time.time() - began:.0f} s in all")
    return wrong


def main():
    opts = options()
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    if opts.list:
        import faults
        import stories
        for kind, all_ in (("scene", stories.SCENES), ("fault", faults.FAULTS)):
            for name, (_, what, *_) in all_.items():
                print(f"{kind}  {name}: {what}")
        return
    if opts.possible:
        why = refused()
        if why:
            print(f"\n{MARK}SKIPPED: {why}. Nothing was tested.\n", flush=True)
        sys.exit(1 if why else 0)
    if not opts.binary or not opts.binary.exists():
        sys.exit(f"{MARK}--binary PATH is needed, and must be there")
    if PRIVATE not in os.environ:
        why = refused()
        if why:
            skipped(why)
        import shutil
        missing = sorted({p for t, p in NEEDED.items() if not shutil.which(t)})
        if missing:
            sys.exit(f"{MARK}not installed: {' '.join(missing)} (`tests/bed/install.sh` does it on Debian)")
        privately()
    own_places()
    if opts.faults:
        import faults
        wrong = faults.all_of(opts)
    else:
        wrong = day(opts)
    for w in wrong:
        print(f"{MARK}WRONG: {w}")
    print(f"{MARK}{'FAILED' if wrong else 'passed'}", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
