"""Tests handlers without a host: a stand-in answers what they ask and keeps what they say.

    with Host(attempt=2) as host:
        greet(Input("Ada"))
    assert host.lines == [...]
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Callable

from ._errors import TaskError
from ._host import connect
from ._plugin import Plugin
from .artefact import Artefact
from .http import Request, Response


@dataclass
class Line:
    """A line of the log."""

    level: str
    message: str
    fields: dict[str, Any] = field(default_factory=dict)


class Host:
    """The stand-in for the host: the first of three attempts, ten seconds left, not cancelled, no request granted.

    `answers` answers requests, `answers_ai` questions to models; `secrets` are granted, with `placeholder-of-<name>`. `lines`, `progress_said`, `requests` and `artefacts` keep what the handler said.
    """

    def __init__(
        self,
        *,
        attempt: int = 1,
        max_attempts: int = 3,
        remaining_ms: int = 10_000,
        cancelled: bool = False,
        answers: Callable[[Request], Response] | None = None,
        answers_ai: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        secrets: "list[str] | tuple[str, ...]" = (),
        context: dict[str, Any] | None = None,
    ) -> None:
        self.lines: list[Line] = []
        self.progress_said: list[tuple[float, str]] = []
        self.requests: list[Request] = []
        self.artefacts: dict[str, bytes] = {}
        """The files that were left, by name."""
        self.metrics: dict[str, float] = {}
        self.context = dict(context or {})
        """What the handler finds and sets."""
        self._answers_ai = answers_ai
        self._secrets = secrets
        self._settings = {"attempt": attempt, "max_attempts": max_attempts, "remaining_ms": remaining_ms}
        self._cancelled = cancelled
        self._answers = answers
        self._files: dict[str, bytes] = {}
        self._before: Any = None

    def __enter__(self) -> "Host":
        self._before = connect(self)
        return self

    def __exit__(self, *_: object) -> None:
        connect(self._before)

    def execute(self, plugin: Plugin, task_type: str, input: Any) -> Any:
        """Calls a task type by its short name with plain JSON, as a host does, but without checking schemas."""
        with self:
            return json.loads(plugin.call(task_type, json.dumps(input)))

    def file(self, name: str, media_type: str, content: "str | bytes") -> Artefact:
        """Gives a file that the handler may read: put the reference into its input."""
        data = content.encode() if isinstance(content, str) else content
        reference = _reference(name, media_type, data)
        self._files[reference.artefact] = data
        return reference

    # What the handler asks.

    def run_id(self) -> str:
        return "00000000-0000-7000-8000-000000000000"

    def workflow_id(self) -> str:
        return "test"

    def task_id(self) -> str:
        return "test"

    def attempt(self) -> int:
        return self._settings["attempt"]

    def max_attempts(self) -> int:
        return self._settings["max_attempts"]

    def idempotency_key(self) -> str:
        return "test-key"

    def remaining_ms(self) -> int:
        return self._settings["remaining_ms"]

    def traceparent(self) -> str | None:
        return None

    def log(self, level: str, message: str, fields: dict[str, Any]) -> None:
        self.lines.append(Line(level, message, fields))

    def progress(self, fraction: float, note: str) -> None:
        self.progress_said.append((fraction, note))

    def is_cancelled(self) -> bool:
        return self._cancelled

    def metric(self, name: str, value: float) -> None:
        self.metrics[name] = value

    def placeholder(self, name: str) -> str:
        if name not in self._secrets:
            raise TaskError.permanent("not-granted", f"the secret `{name}` is not granted")
        return f"placeholder-of-{name}"

    def complete(self, request: str) -> str:
        if self._answers_ai is None:
            raise TaskError.permanent("not-granted", "models are not granted")
        return json.dumps(self._answers_ai(json.loads(request)))

    def context_get(self, name: str) -> str | None:
        return json.dumps(self.context[name]) if name in self.context else None

    def context_set(self, name: str, value: str) -> None:
        self.context[name] = json.loads(value)

    def put_artefact(self, name: str, media_type: str, content: bytes) -> Artefact:
        reference = self.file(name, media_type, content)
        self.artefacts[name] = content
        return reference

    def read_artefact(self, digest: str) -> bytes:
        if digest not in self._files:
            raise TaskError.permanent("unknown-artefact", f"the input refers to no artefact `{digest}`")
        return self._files[digest]

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        if self._answers is None:
            message = f"{request.method} {request.url} is not granted: see `plugins/<name>.policy.toml`"
            raise TaskError.permanent("http-denied", message)
        return self._answers(request)


def _reference(name: str, media_type: str, content: bytes) -> Artefact:
    return Artefact(f"sha256:{hashlib.sha256(content).hexdigest()}", name, media_type, len(content))
