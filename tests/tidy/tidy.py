#!/usr/bin/env python3
"""Checks the tree against the rules of CONTRIBUTING.md that a program can see: `tidy.py [ROOT]`.

Each finding is one line, `path:line: what to do instead  [rule]`. tests/tidy/allowed.txt lists the few exceptions, one
a line: RULE PATH[:FUNCTION] REASON. One without a reason, or that nothing needs any more, is a finding too.
"""

import pathlib
import sys

import rules_layout
import rules_text
from tree import Tree

RULES = rules_layout.RULES + rules_text.RULES
ALLOWED = "tests/tidy/allowed.txt"


def rule_name(rule):
    return rule.__name__


def read_allowed(tree):
    """{(rule, path or path:function): (line, reason)} from the allow-list."""
    entries = {}
    if tree.exists(ALLOWED):
        for number, line in tree.lines(ALLOWED):
            if line.strip() and not line.startswith("#"):
                rule, place, reason = (line.split(None, 2) + ["", ""])[:3]
                entries[rule, place] = (number, reason)
    return entries


def check(tree):
    """{rule's name: [finding]} where a finding is (path, line, message)."""
    allowed, used, findings = read_allowed(tree), set(), {}
    for rule in RULES:
        kept = findings.setdefault(rule_name(rule), [])
        for path, line, message, *function in rule(tree):
            places = [(rule_name(rule), path)] + [(rule_name(rule), f"{path}:{name}") for name in function]
            hits = [place for place in places if place in allowed]
            used.update(hits)
            if not hits:
                kept.append((path, line, message))
    findings["every_exception_has_a_reason_and_a_use"] = [
        (ALLOWED, line, "say why, after the path" if place in used else "nothing needs this exception: remove the line")
        for place, (line, reason) in allowed.items() if place not in used or not reason]
    return findings


def main(arguments):
    root = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).resolve().parents[2])
    findings = check(Tree(root))
    for name, found in findings.items():
        for path, line, message in found:
            print(f"{path}:{line}: {message}  [{name}]")
        print(f"{'FAILED' if found else 'ok    '}  {name.replace('_', ' ')}")
    failed = sum(1 for found in findings.values() if found)
    print(f"{len(findings) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
