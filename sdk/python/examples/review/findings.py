"""Looks for what deserves a second look, line by line, and weighs it."""

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Annotated

from patch import Addition, ChangedFile

FINDINGS_MAX = 200
"""Findings that are told; a diff with more of them needs no list."""

EXCERPT_CHARACTERS_MAX = 160


@dataclass
class Finding:
    path: str
    line: int
    rule: str
    severity: Annotated[str, {"enum": ["info", "warning", "error"]}]
    message: str
    excerpt: Annotated[str, "The line, shortened; without what looks like a secret."]


@dataclass
class Rule:
    name: str
    severity: str
    message: str
    pattern: re.Pattern[str]
    kinds: tuple[str, ...] = ("code", "test", "docs", "dependencies", "build", "other")


RULES = [
    Rule("conflict-marker", "error", "a conflict was not resolved", re.compile(r"^(<{7} |={7}$|>{7} )")),
    Rule("private-key", "error", "a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")),
    Rule(
        "access-key",
        "error",
        "looks like an access key of a service",
        re.compile(r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35})"),
    ),
    Rule(
        "debugging",
        "warning",
        "left from debugging",
        re.compile(r"\b(?:debugger;|console\.(?:log|debug)\(|breakpoint\(\)|pdb\.set_trace\(|dbg!\(|var_dump\(|binding\.pry\b|fmt\.Println\(\"DEBUG)"),
        ("code",),
    ),
    Rule(
        "skipped-test",
        "warning",
        "a test that does not run, or keeps others from running",
        re.compile(r"(?:\b(?:it|test|describe)\.(?:skip|only)\(|#\[ignore|@(?:pytest\.mark|unittest)\.skip|\bt\.Skip\(|@Disabled\b)"),
        ("test", "code"),
    ),
    Rule("to-do", "info", "left for later", re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"), ("code", "test", "build")),
]

ASSIGNED = re.compile(r"""(?i)\b(?:password|passwd|secret|token|api_?key)\w*["']?\s*(?::=|=>|[:=])\s*["']([^"'\s]{8,})["']""")


def find(additions: list[Addition]) -> list[Finding]:
    """The findings, the severe ones first, then in the order of the diff."""
    found = []
    for addition in additions:
        for rule in RULES:
            if addition.kind in rule.kinds and (match := rule.pattern.search(addition.text)):
                hidden = match.group() if rule.name in ("access-key", "private-key") else None
                found.append(_finding(addition, rule.name, rule.severity, rule.message, hidden))
        assigned = ASSIGNED.search(addition.text)
        if assigned and addition.kind != "docs" and _is_random(assigned[1]):
            message = "looks like a secret that is written down"
            found.append(_finding(addition, "secret", "error", message, assigned[1]))
    order = ["error", "warning", "info"]
    return sorted(found, key=lambda finding: order.index(finding.severity))[:FINDINGS_MAX]


def _finding(addition: Addition, rule: str, severity: str, message: str, hidden: str | None) -> Finding:
    text = addition.text.strip()
    if hidden is not None:
        text = text.replace(hidden, "…")
    excerpt = text if len(text) <= EXCERPT_CHARACTERS_MAX else text[:EXCERPT_CHARACTERS_MAX] + "…"
    return Finding(addition.path, addition.line, rule, severity, message, excerpt)


def _is_random(text: str) -> bool:
    """Whether a text has as many different characters as a key has and a word has not."""
    counts = Counter(text)
    entropy = -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
    return entropy > 3.0 and any(character.isdigit() for character in text)


def risk(files: list[ChangedFile], found: list[Finding], added: int, large: int) -> tuple[str, list[str]]:
    """Low, medium or high, and why."""
    points, reasons = 0, []

    def add(weight: int, reason: str) -> None:
        nonlocal points
        points += weight
        reasons.append(reason)

    severities = Counter(finding.severity for finding in found)
    if severities["error"]:
        add(4, f"{severities['error']} findings that must not be merged")
    if severities["warning"]:
        add(1, f"{severities['warning']} warnings")
    if added >= large:
        add(2, f"{added} added lines")
    kinds = {file.kind for file in files if file.status != "removed"}
    code = sum(file.added for file in files if file.kind == "code")
    if code >= 20 and "test" not in kinds:
        add(1, f"{code} lines of code without a test")
    if "dependencies" in kinds:
        add(1, "dependencies change")
    if "build" in kinds:
        add(2, "what builds or deploys the software changes")
    if any(file.binary for file in files):
        add(1, "binary files, which nobody can read here")
    word = "high" if points >= 4 else "medium" if points >= 2 else "low"
    return word, reasons or ["nothing stands out"]
