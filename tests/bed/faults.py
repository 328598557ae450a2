"""What a sensor must survive: each fault, how often, and what was lost. Every one ends with an incident that must be found."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import clinic
import floods
import judge
import sensor
import stories
from cables import batch, run
from clinic import CLINIC, HOSTS, ip, plug, unplug, within

HERE = Path(__file__).resolve().parent
FAULTS = {}
MEMORY = 1024  # MiB that no flood may make it hold


def fault(what):
    def keep(function):
        FAULTS[function.__name__.replace("_", "-")] = (function, what)
        return function
    return keep


class Skipped(Exception):
    pass


class Trial:
    """One fault and its sensor; what was done, what was lost, what is wrong."""

    def __init__(self, opts, name):
        self.opts, self.work = opts, (opts.keep or Path("/run/live")) / name
        self.done, self.lost, self.wrong = "", "", []
        shutil.rmtree(self.work, ignore_errors=True)
        self.site = sensor.places(self.work, True)
        self.live = self.begin()

    def begin(self, **more):
        return sensor.Live(self.opts.binary.resolve(), self.work, self.site, record=False, **more)

    def incident(self, *names):
        """Scenes that must be found, now."""
        return [stories.play(n) for n in names or ("guessing", "egress")]

    def judged(self, truths, findings=None):
        """What is missing of them. False alarms are not looked for here: made-up senders are in the recording."""
        findings = self.stored() if findings is None else findings
        missing = [w for row in judge.scenes(findings, truths, "rx") for w in row[3] if not w.startswith("false")]
        self.wrong += missing
        return f"{sum(len(t.expected) for t in truths) - len(missing)} of {sum(len(t.expected) for t in truths)} incidents found"

    def stored(self):
        """The findings in the store, as `spanward findings` reads them."""
        got = subprocess.run([self.opts.binary.resolve(), "findings", self.live.out, "--format", "json"], capture_output=True, text=True)
        if got.returncode:
            self.wrong.append(f"the store cannot be read: exit {got.returncode}: {got.stderr.strip()[-200:]}")
            return []
        found = json.loads(got.stdout)
        return found["findings"] if isinstance(found, dict) else found

    def shown(self):
        """Every finding that was written anywhere: its id and detector."""
        path = self.live.out / "findings.jsonl"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        out = {}
        for n, line in enumerate(lines):
            try:
                f = json.loads(line)
            except ValueError:
                if n + 1 != len(lines):
                    self.torn += 1
                continue
            out[f["id"]] = (f["detector"], f["orig"], max(f["rev"], out.get(f["id"], (0, 0, 0))[2]))
        return out

    torn = 0

    def kept(self, shown):
        """Which of them the store no longer has."""
        have = {f["id"]: (f["detector"], f["orig"], f["rev"]) for f in self.stored()}
        return [f"{i} {s}" for i, s in shown.items() if i not in have or have[i][0] != s[0] or have[i][2] < s[2]]


class Load:
    """Work that makes frames and findings until it is ended: shares read and written, a stranger's ARP every 50 ms."""

    def __enter__(self):
        big = clinic.STATE / "big"
        big.write_bytes(os.urandom(4 << 20))
        copies = f"put {big} big; get big /dev/null; " * 500
        smb = ["smbclient", "-s", clinic.STATE / "client.conf", f"//{ip('files')}/share", "-U", "%".join(clinic.DOCTOR), "-c", copies]
        # findings of their own all the time: devices that nobody listed
        plug("camera")
        self.processes = [CLINIC.start("office1", "load", *smb), CLINIC.start("camera", "strangers", "python3", HERE / "chatter.py", "strangers", "10.65.10", "0.05")]
        return self

    def __exit__(self, *_):
        for p in self.processes:
            p.kill()
            p.wait()
        unplug("camera")


@fault("kill -9 at a random moment under load, and a start in the same directory")
def kill_9(t):
    lost, seen, slowest, r = [], 0, 0.0, random.Random(9)
    with Load():
        for n in range(t.opts.times):
            slowest = max(slowest, t.live.start(again=n > 0))
            time.sleep(r.uniform(0.3, 2.5))
            t.live.kill()
            shown = t.shown()
            seen = len(shown)
            lost += t.kept(shown)
        t.live.start(again=True)
    truths = t.incident()
    time.sleep(2)
    t.wrong += t.live.stop()
    lost += t.kept(t.shown())
    damaged = len(re.findall("was damaged|壊れて", t.live.text()))
    t.wrong += [f"shown and lost: {x}" for x in lost] + ([f"the store was damaged {damaged} times"] if damaged else [])
    t.wrong += [f"{t.torn} torn lines in the middle of findings.jsonl"] if t.torn > t.opts.times else []
    t.done = f"{t.opts.times} times, {seen} findings shown before the last"
    t.lost = f"{len(lost)} findings, {t.torn} torn lines; slowest start {slowest:.2f} s; {t.judged(truths)}"


@fault("the mirror interface is taken away for 2 s and comes back; then its cable is out for 2 s")
def interface(t):
    t.live.start()
    for _ in range(t.opts.times):
        run("ip", "-n", CLINIC.name("sw"), "link", "del", "mon")
        time.sleep(2)
        batch(CLINIC.name("sw"), [f"link add mon type veth peer name span0 netns {CLINIC.name('sensor')}", "link set mon up"])
        batch(CLINIC.name("sensor"), ["link set span0 arp off promisc on up"])
        CLINIC.mirrored(t.opts.mirror)
        t.live.sent = sensor.sent()
        time.sleep(2)
        batch(CLINIC.name("sw"), ["link set mon down"])
        time.sleep(2)
        batch(CLINIC.name("sw"), ["link set mon up"])
        time.sleep(2)
        if not t.live.alive():
            t.wrong.append("the sensor ended")
            break
    truths = t.incident()
    time.sleep(2)
    t.wrong += t.live.stop()
    t.done = f"{t.opts.times} times each"
    t.lost = t.judged(truths)


class Disk:
    """A small disk of its own, which can be full or fail."""

    def __init__(self, work, size=24):
        self.image, self.path = work / "disk.img", work / "disk"
        if not Path("/dev/loop-control").exists():
            raise Skipped("no loop devices here")
        self.path.mkdir()
        with open(self.image, "wb") as f:
            f.truncate(size << 20)
        run("mke2fs", "-q", "-t", "ext4", "-m", "0", self.image)
        done = run("mount", "-o", "loop,errors=remount-ro", self.image, self.path, check=False)
        if done.returncode:
            raise Skipped(f"no disk of its own here: {done.stderr.strip()}")
        device = run("findmnt", "-no", "SOURCE", self.path).stdout.strip()
        self.control = Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error")

    def fill(self):
        with open(self.path / "ballast", "wb", buffering=0) as f:
            for size in (1 << 20, 4096, 512):
                try:
                    while True:
                        f.write(bytes(size))
                except OSError:
                    pass

    def relieve(self):
        (self.path / "ballast").unlink()

    def gone(self):
        run("umount", self.path, check=False)
        self.image.unlink(missing_ok=True)


@fault("the disk of the results is full while an incident goes on, then has room again")
def disk_full(t):
    disk = Disk(t.work)
    try:
        t.live = t.begin(out=disk.path / "out")
        t.live.start()
        truths = t.incident("egress")
        time.sleep(1)
        disk.fill()
        truths += t.incident("guessing", "scan")
        time.sleep(3)
        told = "cannot be saved" in t.live.text()
        if not t.live.alive():
            t.wrong.append(f"the sensor ended: {t.live.text()[-300:]}")
        disk.relieve()
        time.sleep(3)
        again = "saved again" in t.live.text()
        truths += t.incident("spread")
        time.sleep(2)
        t.wrong += [w for w in t.live.stop() if "exit 4" not in w]  # 4 is right: some lines could not be written
        late = sum(judge.seconds(r["ts"]) > truths[-1].t0 for r in judge.records(t.live.out, "flows.jsonl"))
        t.wrong += [] if late else ["flows.jsonl did not go on when there was room again"]
        t.wrong += [] if told else ["that nothing can be saved was not told"]
        t.wrong += [] if again or not told else ["that findings are saved again was not told"]
        t.done = "once, for some 8 s"
        t.lost = f"{t.judged(truths)}, {late} flows listed after it; told: {'yes' if told else 'no'}, recovery told: {'yes' if again else 'no'}"
    finally:
        disk.gone()


@fault("the disk of the results fails in the middle: the kernel makes it read-only")
def disk_fails(t):
    disk = Disk(t.work)
    try:
        if not disk.control.exists():
            raise Skipped("this kernel cannot make a disk fail on request")
        t.live = t.begin(out=disk.path / "out")
        t.live.start()
        before = t.incident("egress")
        time.sleep(1.5)
        shown = t.shown()
        disk.control.write_text("made to fail by the bed\n")
        t.incident("guessing")
        time.sleep(2.5)
        if not t.live.alive():
            t.wrong.append(f"the sensor ended: {t.live.text()[-300:]}")
        text = t.live.text()
        t.wrong += [] if "cannot be saved" in text else ["that nothing can be saved was not told"]
        t.wrong += [] if re.search(r"password-guessing.*\[not saved\]", text) else ["the incident after the failure was not told as not saved"]
        lost = t.kept(shown)
        t.wrong += [f"shown and lost: {x}" for x in lost]
        t.live.process.send_signal(signal.SIGTERM)
        code = t.live.process.wait(15)
        t.wrong += [] if code == 4 else [f"exit {code} where 4 (output could not be written) was due"]
        t.done, t.lost = "once", f"{len(lost)} of {len(shown)} findings saved before; {t.judged(before)}; exit {code}"
    finally:
        disk.gone()


@fault("a directory that cannot be written at all: an error before anything is captured")
def disk_read_only(t):
    place = t.work / "fixed"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", place)
    try:
        t.live = t.begin(out=place / "out")
        done = subprocess.run(within("sensor", t.live.binary, "run", "-i", "span0", "-c", t.site, "-o", place / "out"), capture_output=True, text=True, timeout=20)
        t.wrong += [] if done.returncode == 4 and str(place) in done.stderr else [f"exit {done.returncode}: {done.stderr[-200:]}"]
        t.done, t.lost = "once", f"exit {done.returncode}: {done.stderr.strip().splitlines()[-1][:90] if done.stderr else 'nothing said'}"
    finally:
        run("umount", place, check=False)


@fault("the site file is read again under load (SIGHUP), now valid, now with an unknown key")
def hangup(t):
    t.live.start()
    good, taken, refused = t.site.read_text(), 0, 0
    with Load():
        for n in range(2 * t.opts.times):
            bad = n % 2
            t.site.write_text(good + ("\n[zones.annex]\nknd = \"office\"\n" if bad else f"\n# read {n}\n"))
            before = len(t.live.text())
            t.live.process.send_signal(signal.SIGHUP)
            time.sleep(1.5)
            said = t.live.text()[before:]
            taken += "were read again" in said
            refused += "nothing is changed" in said
            if bad and "nothing is changed" not in said or not bad and "were read again" not in said:
                t.wrong.append(f"after SIGHUP with a {'bad' if bad else 'good'} file it said: {said.strip()[-200:] or 'nothing'}")
    t.site.write_text(good)
    truths = t.incident()
    time.sleep(2)
    t.wrong += t.live.stop()
    t.done = f"{taken} good files taken, {refused} bad ones refused"
    t.lost = f"{t.judged(truths)}; kernel drops {t.live.summary()['coverage']['kernel_drops']}"


CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
static volatile long *step;
__attribute__((constructor)) static void begin(void) {
  int f = open(getenv("STEP_FILE"), O_RDONLY);
  void *m = f < 0 ? MAP_FAILED : mmap(0, 4096, PROT_READ, MAP_SHARED, f, 0);
  if (m != MAP_FAILED) step = m;
}
int clock_gettime(clockid_t c, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int r = real(c, t);
  if (!r && c == CLOCK_REALTIME && step) t->tv_sec += *step;
  return r;
}
"""


@fault("the sensor's own clock jumps: 2 h forward, 2 h back, a day forward (the frames' stamps, which are the kernel's, stay)")
def clock(t):
    cc = shutil.which("cc")
    if not cc:
        raise Skipped("no C compiler: a namespace has no wall clock of its own, and this machine's is not set")
    source, shim, file = t.work / "step.c", t.work / "step.so", t.work / "step"
    source.write_text(CLOCK)
    file.write_bytes(bytes(4096))
    run(cc, "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl")
    t.live = t.begin(env={**os.environ, "LD_PRELOAD": str(shim), "STEP_FILE": str(file)})
    t.live.start()
    truths = []
    for step, name in ((7200, "egress"), (-7200, "guessing"), (86400, "scan")):
        with open(file, "r+b") as f:
            f.write(step.to_bytes(8, "little", signed=True))
        truths += t.incident(name)
    time.sleep(3)
    t.wrong += t.live.stop()
    t.done, t.lost = "3 jumps", t.judged(truths)


def flooded(kind):
    def work(t):
        t.live.start()
        plug("wifi")
        seconds = 8
        flood = subprocess.Popen(within("wifi", "python3", HERE / "floods.py", kind, seconds, HOSTS["wifi"][2], CLINIC.gateway(10), ip("files"), ip("infra")),
                                 stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        truths = t.incident("egress", "guessing")
        sent = int(flood.communicate()[0] or 0)
        unplug("wifi")
        time.sleep(3)
        held = t.live.memory()
        t.wrong += t.live.stop()
        summary = t.live.summary()
        found = t.judged(truths)
        if held > MEMORY:
            t.wrong.append(f"{held:.0f} MiB held, {MEMORY} is the limit")
        if sent < 10000 or summary["packets"] < sent / 2:
            t.wrong.append(f"no flood: {sent} frames sent, {summary['packets']} seen")
        others = [f["detector"] for f in t.stored() if f["severity"] in judge.LOUD]
        t.done = f"{sent} frames in {seconds} s"
        t.lost = f"{found}; kernel drops {summary['coverage']['kernel_drops']}, shed {summary['coverage']['shed']}, at most {held:.0f} MiB; told: {', '.join(f'{n} {others.count(n)}' for n in sorted(set(others)))}"
    return work


for kind in floods.KINDS:
    FAULTS[f"flood-{kind}"] = (flooded(kind), f"a flood of {kind.upper() if kind != 'fragments' else kind} frames of made-up senders, incidents in the same seconds")


def all_of(opts):
    clinic.up(opts.mirror)
    wrong, rows = [], []
    for name in opts.names or FAULTS:
        print(f"live bed: {name}: {FAULTS[name][1]}", flush=True)
        t = Trial(opts, name)
        try:
            FAULTS[name][0](t)
            rows.append([name, t.done, t.lost, "survived" if not t.wrong else f"{len(t.wrong)} wrong"])
        except Skipped as why:
            print(f"live bed: {name}: SKIPPED: {why}", flush=True)
            rows.append([name, "", str(why), "SKIPPED"])
        except SystemExit as why:
            t.wrong.append(str(why))
            rows.append([name, t.done, str(why)[:100], "FAILED"])
        if getattr(t.live, "process", None) and t.live.alive():
            t.live.kill()
        wrong += [f"{name}: {w}" for w in t.wrong]
    print("\n" + judge.table(["fault", "what was done", "what was lost, what was found", "result"], rows) + "\n")
    return wrong
