"""Does in Python what the guest `hostile` does in Rust, so that the same table of behaviours runs over both."""

import random
import time
from dataclasses import dataclass
from typing import Any, Literal

from taskloom import (
    Artefact, Plugin, TaskError, ai, artefact, attempt, check_cancelled, context, http, log, metric, progress, secret,
)

plugin = Plugin(
    "conform-py",
    version="0.1.0",
    summary="Does in Python what guests of the tests do",
    http=["*"],
    secrets=["token"],
    ai=True,
    reuse=True,
    context={"read": ["*"], "write": ["*"]},
)


@dataclass
class Nothing:
    pass


@plugin.task(effects="pure")
def noop(input: Any) -> Nothing:
    """Gives an empty object."""
    return Nothing()


_calls = 0


@plugin.task(effects="reads")
def count_calls(input: Any) -> int:
    """Says how many calls the instance has served, this one included."""
    global _calls
    _calls += 1
    return _calls


@plugin.task(effects="pure")
def echo(input: Any) -> Any:
    """Gives its input."""
    return input


@plugin.task(effects="pure")
def panic(input: Any) -> Any:
    """Raises what nobody catches."""
    return deep(input)


def deep(value: Any) -> Any:
    return value["missing"]["property"]


CLASSES = ["retryable", "retry-after", "invalid-input", "permanent", "cancelled"]

FAIL = {
    "type": "object",
    "properties": {"class": {"enum": CLASSES}, "code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["class"],
}


@plugin.task(effects="reads", input=FAIL, output=True)
def fail(input):
    """Fails as its input says."""
    code = input.get("code", "asked-to-fail")
    message = input.get("message", "the input asks for a failure")
    details = input.get("details")
    match input["class"]:
        case "retryable":
            raise TaskError.retryable(code, message, details)
        case "retry-after":
            raise TaskError.retry_after(input.get("delay_ms", 1000) / 1000, code, message, details)
        case "invalid-input":
            raise TaskError.invalid_input(code, message, details)
        case "permanent":
            raise TaskError.permanent(code, message, details)
        case _:
            raise TaskError.cancelled()


@dataclass
class Talk:
    lines: int


@plugin.task(effects="reads")
def talk(input: Talk) -> Nothing:
    """Logs lines at all levels in turn, and progress with each."""
    levels = [log.trace, log.debug, log.info, log.warn, log.error]
    for line in range(1, input.lines + 1):
        levels[(line - 1) % len(levels)](f"line {line}", line=line)
        progress(line / input.lines, f"line {line}")
    return Nothing()


@plugin.task(effects="reads")
def identity(input: Any) -> dict[str, Any]:
    """Gives what the host says about the attempt."""
    return {
        "run_id": attempt.run_id,
        "workflow_id": attempt.workflow_id,
        "task_id": attempt.task_id,
        "attempt": attempt.number,
        "max_attempts": attempt.max,
        "idempotency_key": attempt.idempotency_key,
        "remaining_ms": attempt.remaining.total_seconds() * 1000,
        "traceparent": attempt.traceparent,
    }


@dataclass
class Leave:
    files: list[list[str]]
    media_type: str = "text/plain"


@dataclass
class Left:
    left: list[Artefact]


@plugin.task(effects="reads")
def leave(input: Leave) -> Left:
    """Leaves files."""
    return Left([artefact.put(name, input.media_type, text) for name, text in input.files])


@dataclass
class ReadFile:
    wanted: str
    given: Artefact | None = None


@plugin.task(effects="reads")
def read_file(input: ReadFile) -> dict[str, str]:
    """Gives the text of a file that its input refers to."""
    return {"text": artefact.read_text(input.wanted)}


@dataclass
class Open:
    url: str
    method: Literal["GET", "HEAD", "POST", "PUT"] = "GET"
    body: str = ""


@dataclass
class Opened:
    status: int
    body: str


def open_it(input: Open) -> Opened:
    """Sends one request."""
    response = http.request(input.method, input.url, body=input.body)
    return Opened(response.status, response.text())


plugin.task(open_it, name="open-url", effects="writes", resource_class="io")
plugin.task(open_it, name="open-url-reads", effects="reads", resource_class="io")
plugin.task(open_it, name="open-url-pure", effects="pure", resource_class="io")


@plugin.task(effects="writes", resource_class="io")
def send_secret(input: dict[str, Any]) -> Opened:
    """Sends a request whose header has the secret `token` where it says `{token}`."""
    headers = {}
    for name, value in input.get("headers", {}).items():
        headers[name] = value.replace("{token}", secret.placeholder("token")) if "{token}" in value else value
    response = http.request("GET", input["url"], headers=headers)
    return Opened(response.status, response.text())


@plugin.task(effects="reads", resource_class="io")
def ask_model(input: dict[str, Any]) -> dict[str, Any]:
    """Asks a model."""
    answer = ai.complete(input["prompt"], answer=input.get("schema"))
    return {"text": answer.text, "value": answer.value, "model": answer.model}


@plugin.task(effects="writes")
def use_context(input: dict[str, Any]) -> dict[str, Any]:
    """Sets and reads names of the context."""
    for name, value in input.get("set", {}).items():
        context.put(name, value)
    return {"got": {name: context.get(name) for name in input.get("get", [])}}


@plugin.task(effects="pure")
def measure(input: dict[str, Any]) -> Nothing:
    """Records measurements."""
    for name, value in input["values"]:
        metric(name, value)
    return Nothing()


@plugin.task(effects="reads")
def obey_cancel(input: Any) -> Nothing:
    """Stops when it hears that it is cancelled."""
    progress(0.0, "waiting for the end")
    while True:
        check_cancelled()


@plugin.task(effects="pure")
def spin(input: Any) -> Nothing:
    """Computes forever."""
    while True:
        pass


@plugin.task(effects="pure")
def allocate(input: Any) -> Nothing:
    """Allocates forever."""
    kept = []
    while True:
        kept.append(b"x" * (1 << 20))


@plugin.task(effects="pure")
def recurse(input: Any) -> int:
    """Calls itself forever."""
    return 1 + recurse(input)


@dataclass
class Text:
    text: str


@plugin.task(effects="pure")
def wrong_output(input: Any) -> Text:
    """Gives what its output schema forbids."""
    return Text(5)  # type: ignore[arg-type]


@plugin.task(effects="pure")
def flood_output(input: dict[str, int]) -> Text:
    """Gives as many bytes as its input says."""
    return Text("x" * input["bytes"])


@plugin.task(name="print", effects="pure")
def print_it(input: Any) -> Nothing:
    """Prints a line."""
    print("to the log")
    return Nothing()


calls = 0
"""What a call finds that an earlier one has left in the instance."""


@plugin.task(effects="writes")
def count(input: Any) -> dict[str, int]:
    """Counts how often this instance was called."""
    global calls
    calls += 1
    return {"calls": calls}


def take_a_chance(input: Any) -> dict[str, float]:
    """Gives a random number and the time."""
    return {"random": random.random(), "now": time.time()}


plugin.task(take_a_chance, name="chance", effects="pure")
plugin.task(take_a_chance, name="chance-writes", effects="writes")
