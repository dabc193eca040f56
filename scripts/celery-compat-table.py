#!/usr/bin/env python3
"""Writes docs/celery-compatibility.md from the list of checks and what `cargo nextest run` or `cargo test` printed,
read from stdin.

Fails if a check failed, or names a test that did not run.

With `--binaries`, prints instead which test binaries of celery-redis are among what `cargo test --no-run
--message-format json` built.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATE = ROOT / "crates/celery-redis"
CARGO = re.compile(r"test (?P<name>\S+) \.\.\. (?P<result>ok|FAILED|ignored)")
# `        PASS [   0.123s] ( 3/99) celery-redis::beat check_77_…`; what is SLOW is told of again when it ends.
NEXTEST = re.compile(
    r" *(?P<result>PASS|LEAK|FAIL|ABORT|TIMEOUT|SIG[A-Z]+)(?: \w+)? \[[^]]*\](?: \([ \d/]+\))? celery-redis\S* (?P<name>\S+)"
)


def binaries(lines):
    for line in lines:
        built = json.loads(line)
        if built["reason"] == "compiler-artifact" and built["profile"]["test"] and built["executable"]:
            if pathlib.Path(built["target"]["src_path"]).is_relative_to(CRATE) and "example" not in built["target"]["kind"]:
                yield built["executable"]


def read_results(lines):
    results = {}
    for line in lines:
        print(line, end="", flush=True)
        if found := CARGO.match(line) or NEXTEST.match(line):
            # Unit tests are named with their modules.
            results[found["name"].rsplit("::", 1)[-1]] = found["result"] in ("ok", "PASS", "LEAK")
    return results


def read_checks():
    for line in (CRATE / "tests/checks.tsv").read_text().splitlines():
        if not line.startswith("#"):
            number, check, tests, *differences = line.split("\t")
            yield number, check, tests.split(), differences


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|--:" + "|---" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows])


def write(results):
    listed, beside, bad = [], [], []
    for number, check, tests, differences in read_checks():
        wrong = [f"{name} {'failed' if name in results else 'did not run'}" for name in tests if not results.get(name)]
        bad += [f"check {number}: {problem}" for problem in wrong]
        row = (check, "**failed**" if wrong else "passed", *differences)
        if number == "+":
            beside.append((str(len(beside) + 1), *row))
        else:
            listed.append((number, *row))
    passed = sum(row[2] == "passed" for row in listed)
    head = ("#", "What is checked", "Result", "Celery 5.7", "celery-redis", "Why it differs")
    text = f"""# Celery compatibility

What `celery-redis` was checked for against Python's celery 5.7.0, kombu 5.7.0 and Flower 2.2.0, in both directions, and
where it differs on purpose. Written by `make celery-compat` from the results of the tests. A test is named by the number
of its check, such as `check_07_…`; `crates/celery-redis/tests/checks.tsv` names all tests of each check.

{passed} of {len(listed)} checks passed. Where nothing else is said, Celery and celery-redis both do what is checked. Of the
checks of a worker (18 to 75), Celery's own worker fails 34, 50, 51 and 73.

{table(head, listed)}

Beside the list:

{table(head, beside)}
"""
    target = ROOT / "docs/celery-compatibility.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    print(f"{passed} of {len(listed)} checks passed; see docs/celery-compatibility.md")
    for problem in bad:
        print(problem, file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--binaries"]:
        print("\n".join(binaries(sys.stdin)))
    else:
        sys.exit(write(read_results(sys.stdin)))
