#!/usr/bin/env python3
"""Which test shows which row of the fault matrix.

    tests/rows.py --write [--report FILE]   the table in tests/README.md, anew
    tests/rows.py --check [--report FILE]   whether every row stands as it should

A test carries the rows it shows at the start of its name: `f34_...`, `f34_f60_...`.
`tests/rows.txt` has a line a row: its number, the fault, tests that show it without
being named by it, and what is left out with the reason. The results are those of the
JUnit report that nextest writes (profile `ci`). Exit code of --check: 0 or 1.
"""

import argparse
import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "rows.txt"
PAGE = ROOT / "tests" / "README.md"
BEGIN = "<!-- rows: begin; written by tests/rows.py --write -->"
END = "<!-- rows: end -->"
ROWS = [f"F{number:02}" for number in range(1, 81)]

TEST = re.compile(
    r"#\[(?:\w+::)?test(?:\([^\]]*\))?\]\s*(?:#\[[^\]]*\]\s*)*(?:pub\s+)?(?:async\s+)?fn\s+(\w+)"
)
NAMED = re.compile(r"^(?:f\d\d_)+")
LEFT_OUT = re.compile(r"^left out: (.+)$", re.IGNORECASE | re.MULTILINE)


class Test:
    """One test: where it stands, and the names nextest may give it."""

    def __init__(self, path, function):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        room, inside = parts[0], parts[1:]
        if inside[-1] in ("mod", "lib", "main"):
            inside = inside[:-1]
        if room == "src":
            self.binary, self.shown = "unhook", inside
        elif len(parts) == 2 and parts[1] != "main":
            # a binary of its own
            self.binary, self.shown = f"unhook::{parts[1]}", inside
            inside = []
        else:
            self.binary, self.shown = "unhook::main", inside
        self.function = function
        self.names = {"::".join([*inside, function]), "::".join([*inside, "tests", function])}
        self.name = "::".join([*self.shown, function])

    def rows(self):
        named = NAMED.match(self.function)
        return [f"F{n}" for n in re.findall(r"f(\d\d)_", named.group())] if named else []

    def result(self, report):
        """`passed`, `failed` or `not run`, and what was left out on that machine."""
        for name in self.names:
            found = report.get((self.binary, name))
            if found:
                return found
        return "not run", []


def tests():
    found = []
    for room in ("tests", "src"):
        for path in sorted((ROOT / room).rglob("*.rs")):
            text = path.read_text(encoding="utf-8")
            found += [Test(path, function) for function in TEST.findall(text)]
    return found


def read_list():
    """Row -> (fault, names of tests, reason)."""
    rows, wrong = {}, []
    for number, line in enumerate(LIST.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != 4 or cells[0] not in ROWS or not cells[1]:
            wrong.append(f"rows.txt:{number}: not `row | fault | tests | left out`")
        elif cells[0] in rows:
            wrong.append(f"rows.txt:{number}: {cells[0]} stands there twice")
        else:
            rows[cells[0]] = (cells[1], cells[2].split(), cells[3])
    wrong += [f"{row}: not in rows.txt" for row in ROWS if row not in rows]
    return rows, wrong


def shown_by(rows, all_tests):
    """Row -> its tests."""
    wrong = []
    shown = {row: [] for row in rows}
    for test in all_tests:
        for row in test.rows():
            if row in shown:
                shown[row].append(test)
            else:
                wrong.append(f"{test.name}: its row {row} is not in rows.txt")
    for row, (_, names, _) in rows.items():
        for name in names:
            same = [t for t in all_tests if f"::{t.name}".endswith(f"::{name}")]
            if len(same) != 1:
                wrong.append(f"{row}: {len(same)} tests are named {name}")
            shown[row] += [t for t in same if t not in shown[row]]
    return shown, wrong


def read_report(path):
    """(binary, test) -> (result, what it left out)."""
    report = {}
    for case in ElementTree.parse(path).iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        said = "\n".join(case.findtext(name) or "" for name in ("system-out", "system-err"))
        result = "not run" if case.find("skipped") is not None else "failed" if bad else "passed"
        key = (case.get("classname"), case.get("name"))
        report[key] = (result, LEFT_OUT.findall(said))
    return report


def result_of(row_tests, reason, report):
    """The result of a row in one word, and all that is said of it."""
    if not row_tests:
        return "left out", f"left out: {reason or 'nothing shows it'}"
    results = [test.result(report) for test in row_tests]
    worst = [r for r in ("failed", "not run", "passed") if any(r == found for found, _ in results)]
    missed = sorted({missed for _, left in results for missed in left})
    remarks = [reason] if reason else []
    if missed:
        remarks.append(f"left out on that machine: {', '.join(missed)}")
    return worst[0], f"{worst[0]} ({'; '.join(remarks)})" if remarks else worst[0]


def table(rows, shown, report):
    lines, of = ["| row | fault | tests | result |", "|---|---|---|---|"], []
    for row in ROWS:
        if row not in rows:
            continue
        fault, _, reason = rows[row]
        names = ", ".join(f"`{test.name}`" for test in shown[row])
        kind, result = result_of(shown[row], reason, report)
        of.append(kind)
        lines.append(f"| {row} | {fault} | {names} | {result.replace('|', '/')} |")
    kinds = [(kind, of.count(kind)) for kind in ("passed", "failed", "not run", "left out")]
    summary = ", ".join(f"{count} {kind}" for kind, count in kinds if count)
    return [f"{len(rows)} rows: {summary}.", "", *lines]


def kept():
    """The lines of the table as they stand in the page; None without the marks."""
    if not PAGE.exists():
        return None
    text = PAGE.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        return None
    return text.split(BEGIN, 1)[1].split(END, 1)[0].strip("\n").splitlines()


def without_results(lines):
    """Row, fault and tests of each line."""
    cells = (line.split("|") for line in lines if line.startswith("| F"))
    return [[part.strip() for part in cell[1:4]] for cell in cells]


def main():
    target = os.environ.get("CARGO_TARGET_DIR") or ROOT / "target"
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    what = arguments.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true")
    what.add_argument("--check", action="store_true")
    usual = Path(target) / "nextest" / "ci" / "junit.xml"
    arguments.add_argument("--report", type=Path, default=usual)
    given = arguments.parse_args()

    rows, wrong = read_list()
    shown, more = shown_by(rows, tests())
    wrong += more
    if given.report.exists():
        report = read_report(given.report)
    else:
        report = {}
        wrong.append(f"there is no report of a test run ({given.report.name})")

    lines = table(rows, shown, report)
    if given.write:
        text = PAGE.read_text(encoding="utf-8")
        if kept() is None:
            sys.exit(f"tests/rows.py: tests/README.md lacks the marks {BEGIN} and {END}")
        head, tail = text.split(BEGIN, 1)[0], text.split(END, 1)[1]
        whole = "\n".join([head + BEGIN, "", *lines, "", END]) + tail
        PAGE.write_text(whole, encoding="utf-8")
        for line in wrong:
            print(f"tests/rows.py: {line}", file=sys.stderr)
        return 0

    for row in sorted(rows):
        if not shown[row] and not rows[row][2]:
            wrong.append(f"{row}: neither a test nor a reason")
        for test in shown[row]:
            result, left = test.result(report)
            if result == "failed":
                wrong.append(f"{row}: {test.name} failed")
            elif result == "not run" and report:
                wrong.append(f"{row}: {test.name} is not in the report")
            for missed in left:
                print(f"{row}: {test.name} left out: {missed}")
    if without_results(kept() or []) != without_results(lines):
        wrong.append("the table in tests/README.md is not what --write would write")
    print(lines[0])
    for line in wrong:
        print(f"tests/rows.py: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
