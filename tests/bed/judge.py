"""Was everything said that had to be said, and nothing else; are two runs the same."""
import json
from datetime import datetime
from pathlib import Path

LOUD = ("medium", "high", "critical")


def seconds(ts):
    """RFC 3339 with nanoseconds, as seconds since 1970."""
    whole, _, rest = ts.removesuffix("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float(f"0.{rest or 0}")


def of(finding, names):
    """Does it speak of a device with one of these addresses?"""
    return bool(names & {finding["orig"], *finding["orig_all"]})


def scenes(findings, truths, mode):
    """For each scene a row: name, what was asked for, what was found, what is wrong. Every loud finding must be of an actor, not before its scene."""
    loud = [f for f in findings if f["severity"] in LOUD]
    free = {f["id"] for f in loud}
    rows = []
    for t in truths:
        asked, missing = [], []
        for detectors, host, unseen in t.expected:
            if mode in unseen:
                continue
            asked.append(" or ".join(detectors) + f" ({host})")
            if not any(f["detector"] in detectors and of(f, t.actors[host]) and seconds(f["ts"]) >= t.t0 for f in loud):
                missing.append(asked[-1])
        mine = [f for f in loud if any(of(f, names) for names in t.actors.values()) and seconds(f["ts"]) >= t.t0]
        free -= {f["id"] for f in mine}
        rows.append([t.name, asked, sorted({f["detector"] for f in mine}), ([t.broken] if t.broken else []) + [f"not found: {m}" for m in missing]])
    for f in sorted((f for f in loud if f["id"] in free), key=lambda f: f["ts"]):
        at = next((n for n in reversed(range(len(truths))) if truths[n].t0 <= seconds(f["ts"])), 0)
        rows[at][3].append(f"false: {f['severity']} {f['detector']} of {f['orig']} at {f['ts']}: {f['summary'][:150]}")
    return rows


def records(directory, name):
    """The records of one kind that a run left: of `flows.jsonl` one a line, of the others the list inside."""
    path = Path(directory) / name
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in path.read_text().splitlines()]
    return json.loads(path.read_text())[name.removesuffix(".json")]


def differences(name, here, there, at_most=20):
    """Every field in which two lists of records differ, by the record's key."""
    key = {"devices": "id", "findings": "id", "incidents": "id", "flows": "uid"}[name]
    told = lambda r: r.get(key) or f"{r['type']} {r.get('source')} {r['ts']}"
    a, b = ({told(r): r for r in side} for side in (here, there))
    out = [f"{name}: {len(here)} records live, {len(there)} by replay"] if len(here) != len(there) else []
    out += [f"{name} {k}: only {'live' if k in a else 'by replay'}" for k in sorted(a.keys() ^ b.keys())]
    for k in sorted(a.keys() & b.keys()):
        out += [f"{name} {k}: {f}: live {json.dumps(a[k].get(f))[:120]}, by replay {json.dumps(b[k].get(f))[:120]}" for f in sorted(a[k].keys() | b[k].keys())
                if a[k].get(f) != b[k].get(f)]
    return out[:at_most] + ([f"{name}: and {len(out) - at_most} more differences"] if len(out) > at_most else [])


def table(head, rows):
    """Columns for a terminal."""
    cells = [[str(c) for c in r] for r in [head, *rows]]
    wide = [max(len(r[n]) for r in cells) for n in range(len(head))]
    line = lambda r: "  ".join(c.ljust(w) for c, w in zip(r, wide)).rstrip()
    return "\n".join([line(cells[0]), "  ".join("-" * w for w in wide), *map(line, cells[1:])])
