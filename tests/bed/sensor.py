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
            self.process = subprocess.Popen(within("sensor", "tcpdump", "-i", "span0", "-Q", "in", "-n", "-B", "65536", "-s", "0", "-Z", "root", "-w",
                                                   self.work / "run.pcap"), stderr=log)
        while "listening on" not in self.log.read_text():
            time.sleep(0.05)

    def stop(self):
        time.sleep(1.2)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        print(f"recorded: {(self.work / 'run.pcap').stat().st_size} bytes, {re.findall(r'.*dropped by kernel', self.log.read_text())}")
        _, problem = replay(self.binary, [self.work / "run.pcap"], self.site, self.out)
        return [problem] if problem else []

    def compare(self):
        return []
