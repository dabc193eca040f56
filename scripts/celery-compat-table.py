#!/usr/bin/env python3
"""Writes docs/celery-compatibility.md from the list of checks and the output of `cargo test`, read from stdin.

Fails if a check failed, or names a test that did not run.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
results = {}
for line in sys.stdin:
    print(line, end="", flush=True)
    # Unit tests are named with their modules.
    if found := re.match(r"test (?:\S+::)?(\S+) \.\.\. (ok|FAILED)", line):
        results[found[1]] = found[2]

rows, bad = [], []
for line in (ROOT / "crates/celery-redis/tests/checks.tsv").read_text().splitlines():
    if line.startswith("#"):
        continue
    number, check, tests, difference = line.split("\t")
    names = [] if tests == "-" else tests.split()
    missing = [name for name in names if results.get(name) != "ok"]
    bad += [f"check {number}: {name} {results.get(name, 'did not run')}" for name in missing]
    result = "not tested" if not names else "**failed**" if missing else "passed"
    rows.append((number, check, result, difference))

passed = sum(row[2] == "passed" for row in rows)
text = f"""# Celery compatibility

What `celery-redis` was checked for against Python's celery 5.7.0, kombu 5.7.0 and Flower 2.2.0, and where it differs on
purpose. Written by `make celery-compat` from the results of the tests; `crates/celery-redis/tests/checks.tsv` names
the tests of each check. {passed} of {len(rows)} checks passed.

Of the checks of a worker (18 to 75), Celery's own worker fails 34, 50, 51 and 73.

| # | Check | Result | What differs from Celery, and why |
|--:|---|---|---|
"""
text += "".join(f"| {' | '.join(row)} |\n" for row in rows)
target = ROOT / "docs/celery-compatibility.md"
target.parent.mkdir(exist_ok=True)
target.write_text(text)
print(f"{passed} of {len(rows)} checks passed; see docs/celery-compatibility.md")
for problem in bad:
    print(problem, file=sys.stderr)
sys.exit(1 if bad else 0)
