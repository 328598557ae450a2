"""The sensor under test on the mirror port `span0`, or a recorder in its place."""
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import clinic
import judge
from clinic import CLINIC, within


def places(work, tags):
    """The directory of a run, with the clinic's site file; answers the site file."""
    work.mkdir(parents=True, exist_ok=True)
    for old in ("out", "rec", "again"):
        shutil.rmtree(work / old, ignore_errors=True)
    clinic.declared(work, tags)
    return work / "site.toml"


def sent():
    """Frames that the mirror port has sent: it must never grow."""
    text = subprocess.run(within("sensor", "cat", "/sys/class/net/span0/statistics/tx_packets"), capture_output=True, text=True).stdout
    return int(text or 0)


def replay(binary, captures, site, out):
    done = subprocess.run([binary, "replay", *captures, "-c", site, "-o", out, "--format", "json"], capture_output=True, text=True)
    if done.returncode:
        return None, f"replay of the recording: exit {done.returncode}: {done.stderr.strip()[-300:]}"
    return json.loads(done.stdout), None


class Recorder:
    """tcpdump at the mirror port, and a replay of what it wrote."""

    def __init__(self, binary, work, site):
        self.binary, self.work, self.site, self.out = binary, work, site, work / "out"

    def start(self):
        self.log = self.work / "tcpdump.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(within("sensor", "tcpdump", "-i", "span0", "-Q", "in", "-n", "-B", "65536", "-s", "0", "-Z", "root", "--time-stamp-precision=nano", "-w",
                                                   self.work / "run.pcap"), stderr=log)
        while "listening on" not in self.log.read_text():
            time.sleep(0.05)

    def stop(self):
        time.sleep(1.2)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.line = ""
        print(f"recorded: {(self.work / 'run.pcap').stat().st_size} bytes, {re.findall(r'.*dropped by kernel', self.log.read_text())}")
        _, problem = replay(self.binary, [self.work / "run.pcap"], self.site, self.out)
        return [problem] if problem else []

    def compare(self):
        return []


class Live:
    """`spanward run` on the mirror port. Where it cannot record for itself, tcpdump does beside it."""

    def __init__(self, binary, work, site, out=None, record=True, env=None):
        self.binary, self.work, self.site, self.out, self.env = binary, work, site, out or work / "out", env
        knows = subprocess.run([binary, "run", "--help"], capture_output=True, text=True)
        if knows.returncode:
            raise SystemExit(f"live bed: {binary} has no `run`")
        self.own_record = record and "--record" in knows.stdout
        self.socket = "--socket" in knows.stdout
        self.beside = Recorder(binary, work, site) if record and not self.own_record else None
        self.told = work / "sensor.log"
        self.starts = 0
        self.told.write_text("")

    def start(self, again=False):
        """Starts it and waits until it is ready; `again` goes on in the same directory."""
        if self.beside and not again:
            self.beside.start()
        self.sent = sent()
        more = (["--record", self.work / "rec"] if self.own_record else []) + (["--socket", self.work / "control.sock"] if self.socket else [])
        self.starts += 1
        before = len(self.text())
        began = time.time()
        with open(self.told, "ab") as log:
            self.process = subprocess.Popen(within("sensor", self.binary, "run", "-i", "span0", "-c", self.site, "-o", self.out, *more), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self.env)
        while "ready" not in self.text()[before:]:
            if self.process.poll() is not None or time.time() - began > 20:
                raise SystemExit(f"live bed: the sensor did not start (exit {self.process.poll()}): {self.text()[before:][-600:]}")
            time.sleep(0.02)
        return time.time() - began

    def text(self):
        return self.told.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def memory(self):
        """The most it has ever held, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it in order; answers what is wrong with that."""
        wrong = [] if self.alive() else [f"the sensor had ended by itself: exit {self.process.returncode}: {self.text()[-300:]}"]
        held = self.memory() if self.alive() else 0
        began = time.time()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            code = "killed after 15 s"
        took = time.time() - began
        if code != 0 or took > 5:
            wrong.append(f"after SIGTERM: exit {code} in {took:.1f} s (0 within 5 s was due): {self.text()[-300:]}")
        if self.beside:
            time.sleep(1.2)
            self.beside.process.send_signal(signal.SIGTERM)
            self.beside.process.wait()
        grown = sent() - self.sent
        if grown:
            wrong.append(f"the mirror port sent {grown} frames while the sensor ran")
        summary = self.summary()
        coverage = summary.get("coverage", {})
        self.line = (f"ended in {took:.2f} s with {code}; {summary.get('packets', 0)} packets, kernel drops {coverage.get('kernel_drops')}, shed {coverage.get('shed')}, "
                     f"frames sent by the mirror port {grown}, memory at most {held:.0f} MiB")
        print(f"sensor: {self.line}")
        return wrong

    def summary(self):
        path = self.out / "summary.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def lost(self):
        """A run whose kernel dropped frames proves nothing."""
        drops = self.summary().get("coverage", {}).get("kernel_drops", 0)
        return [f"the kernel dropped {drops} frames"] if drops else []

    def compare(self):
        """A replay of the recording tells the same, field for field."""
        if self.own_record:
            captures = [self.work / "rec"]
        else:
            print("the sensor has no --record: compared with tcpdump beside it, whose time stamps are its own; for information")
            captures = [self.work / "run.pcap"]
        _, problem = replay(self.binary, captures, self.site, self.work / "again")
        if problem:
            return [problem]
        found, rows = [], []
        for kind in ("findings", "devices", "incidents", "flows"):
            name = kind + (".jsonl" if kind == "flows" else ".json")
            here, there = judge.records(self.out, name), judge.records(self.work / "again", name)
            different = judge.differences(kind, here, there)
            rows.append([kind, len(here), len(there), len(different) or "none"])
            found += different
        print(judge.table(["records", "live", "replay", "differences"], rows))
        if not self.own_record:
            return []
        return [f"live and replay differ: {line}" for line in found]
