"""Says in Markdown what was found."""

from findings import Finding
from patch import ChangedFile

FINDINGS_SHOWN = 20


def markdown(files: list[ChangedFile], found: list[Finding], risk: str, reasons: list[str]) -> str:
    """The analysis for people."""
    lines = [f"**Risk: {risk}.** {'; '.join(reasons)}.", ""]
    lines += ["| file | | + | − |", "|---|---|---:|---:|"]
    lines += [f"| {_code(file.path)} | {file.status} | {file.added} | {file.removed} |" for file in files]
    if found:
        lines += ["", "Worth a second look:", ""]
    for finding in found[:FINDINGS_SHOWN]:
        lines.append(f"- {_code(f'{finding.path}:{finding.line}')} {finding.message}: {_code(finding.excerpt)}")
    if len(found) > FINDINGS_SHOWN:
        lines.append(f"- and {len(found) - FINDINGS_SHOWN} more")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    """Text of strangers as code, out of which it cannot break."""
    fence = "`" * (1 + max((len(run) for run in _runs(text)), default=0))
    padded = f" {text} " if text.startswith("`") or text.endswith("`") else text
    return f"{fence}{padded}{fence}".replace("|", "\\|")


def _runs(text: str) -> list[str]:
    runs, run = [], ""
    for character in text + " ":
        if character == "`":
            run += character
        elif run:
            runs.append(run)
            run = ""
    return runs
