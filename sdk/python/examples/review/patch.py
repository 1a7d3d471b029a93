"""Reads unified diffs."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated

from unidiff import PatchSet
from unidiff.errors import UnidiffParseError


class Malformed(Exception):
    """A text is no unified diff."""


@dataclass
class ChangedFile:
    path: str
    status: Annotated[str, {"enum": ["added", "modified", "removed", "renamed"]}]
    added: int
    removed: int
    kind: Annotated[str, {"enum": ["code", "test", "docs", "dependencies", "build", "other"]}]
    binary: bool


@dataclass
class Addition:
    """A line that was added."""

    path: str
    line: int
    text: str
    kind: str


CODE = set(".c .cc .cpp .cs .dart .ex .go .h .hpp .java .jl .js .jsx .kt .lua .mjs .php .pl .py .r .rb .rs .scala .sh .sql .swift .ts .tsx .vue .zig".split())
DOCS = set(".adoc .md .rst .txt".split())
DEPENDENCIES = set(
    "Cargo.lock Cargo.toml Gemfile Gemfile.lock go.mod go.sum package-lock.json package.json pnpm-lock.yaml poetry.lock "
    "pom.xml pyproject.toml requirements.txt yarn.lock".split()
)
BUILD = set("Dockerfile Jenkinsfile Makefile CMakeLists.txt build.gradle build.rs".split())


def read(text: str) -> tuple[list[ChangedFile], list[Addition]]:
    """The files that a diff changes, and the lines that it adds."""
    try:
        patches = PatchSet(text.replace("\r\n", "\n"))
    except UnidiffParseError as error:
        raise Malformed(f"it is no unified diff: {error}") from error
    if text.strip() and not patches:
        raise Malformed("it is no unified diff: no file is named by `---` and `+++`")
    files, additions = [], []
    for patch in patches:
        kind = kind_of(patch.path)
        files.append(ChangedFile(patch.path, _status(patch), patch.added, patch.removed, kind, bool(patch.is_binary_file)))
        additions += [
            Addition(patch.path, line.target_line_no, line.value.rstrip("\n"), kind)
            for hunk in patch
            for line in hunk
            if line.is_added
        ]
    return files, additions


def _status(patch) -> str:
    if patch.is_added_file:
        return "added"
    if patch.is_removed_file:
        return "removed"
    return "renamed" if patch.is_rename else "modified"


def kind_of(path: str) -> str:
    """What a file is for, by its name."""
    name, place = PurePosixPath(path).name, path.lower()
    if name in DEPENDENCIES:
        return "dependencies"
    if name in BUILD or place.startswith((".github/workflows/", ".gitlab-ci", ".ci/", ".circleci/")):
        return "build"
    suffix = PurePosixPath(place).suffix
    if suffix in CODE:
        parts = set(PurePosixPath(place).parts[:-1])
        stem = PurePosixPath(place).stem
        is_test = parts & {"test", "tests", "__tests__", "spec"} or stem.startswith("test_") or stem.endswith(("_test", ".test", ".spec"))
        return "test" if is_test else "code"
    return "docs" if suffix in DOCS else "other"
