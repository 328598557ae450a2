"""Validates EVE lines: eve_schema.py SCHEMA FILE... — exit 1 and the first faults if a line is not valid. Needs `pip install jsonschema`."""
import json
import sys

import jsonschema

validator = jsonschema.Draft202012Validator(json.load(open(sys.argv[1], encoding="utf-8")))
lines = faults = 0
seen = set()
for name in sys.argv[2:]:
    for number, line in enumerate(open(name, encoding="utf-8"), 1):
        lines += 1
        for error in validator.iter_errors(json.loads(line)):
            faults += 1
            where = ("/".join(str(p) for p in error.path), error.message[:200])
            if where not in seen and len(seen) < 20:
                seen.add(where)
                print(f"{name}:{number}: {where[0]}: {where[1]}")
print(f"{lines} lines, {faults} faults")
sys.exit(1 if faults else 0)
