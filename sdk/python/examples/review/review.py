"""A plugin that looks at changes before people do: what a diff touches and what is suspicious in it, and which texts are alike."""

from dataclasses import dataclass
from typing import Annotated

from taskloom import Plugin, TaskError, log, progress

import findings
import similar
import summary
from findings import Finding
from patch import ChangedFile, Malformed, read

plugin = Plugin("review", version="0.1.0", summary="Looks at changes and texts before people do")

CANDIDATES_MAX = 5_000
"""Texts that one is compared with at once."""


@dataclass
class Diff:
    diff: Annotated[str, "A unified diff, as `git diff` prints it."]
    large: Annotated[int, {"minimum": 1, "description": "Added lines from which a change is a large one."}] = 400


@dataclass
class Totals:
    files: int
    added: int
    removed: int


@dataclass
class Analysis:
    files: list[ChangedFile]
    totals: Totals
    findings: list[Finding]
    risk: Annotated[str, {"enum": ["low", "medium", "high"]}]
    reasons: Annotated[list[str], "Why the risk is what it is."]
    summary: Annotated[str, "All of it for people, in Markdown."]


@plugin.task(effects="pure", limits={"memory_bytes": 128 << 20})
def analyse_diff(input: Diff) -> Analysis:
    """Says what a diff changes and what in it deserves a second look.

    Findings are left-over debugging, conflict markers, what looks like a secret, skipped tests and notes to do something
    later, each with file and line of the new version. The risk follows from them, from the size of the change, from code without
    tests, and from files that decide how software is built and what it depends on.
    """
    try:
        files, additions = read(input.diff)
    except Malformed as error:
        raise TaskError.invalid_input("bad-diff", str(error)) from error
    found = findings.find(additions)
    totals = Totals(len(files), sum(file.added for file in files), sum(file.removed for file in files))
    risk, reasons = findings.risk(files, found, totals.added, input.large)
    log.info(f"{totals.files} files, {len(found)} findings", risk=risk)
    text = summary.markdown(files, found, risk, reasons)
    return Analysis(files, totals, found, risk, reasons, text)


@dataclass
class Candidate:
    id: str
    text: str


@dataclass
class Texts:
    text: str
    candidates: Annotated[list[Candidate], {"maxItems": CANDIDATES_MAX}]
    top: Annotated[int, {"minimum": 1, "maximum": 100}] = 5
    least: Annotated[float, {"minimum": 0, "maximum": 1, "description": "Leaves out what is less alike."}] = 0.1


@dataclass
class Match:
    id: str
    score: Annotated[float, "From 0 to 1."]
    shared: Annotated[list[str], "The words that make them alike, the telling ones first."]


@dataclass
class Matches:
    matches: list[Match]
    keywords: Annotated[list[str], "The words that tell the text from the candidates."]


@plugin.task(effects="pure", limits={"memory_bytes": 128 << 20})
def find_similar(input: Texts) -> Matches:
    """Finds the texts that are most like another one, such as earlier reports of the same problem.

    Words and pairs of words are weighed by how rare they are among the candidates (TF-IDF), and texts compared by the cosine.
    """
    corpus = similar.Corpus([candidate.text for candidate in input.candidates])
    progress(0.5, f"{len(input.candidates)} texts are indexed")
    ranked = corpus.most_like(input.text)
    matches = [
        Match(input.candidates[place].id, round(score, 4), shared)
        for place, score, shared in ranked[: input.top]
        if score >= input.least
    ]
    return Matches(matches, corpus.keywords(input.text))
