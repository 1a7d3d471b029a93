"""Declares plugins and task types, and checks what was declared: everything that is wrong is said at once."""

import inspect
import json
import re
import typing
from dataclasses import dataclass, field
from typing import Any, Callable

from ._errors import TaskError
from ._schema import Schema, Unsupported, from_json, problems, schema_of, to_json

CONTRACT = "1.0.0"
"""The version of the contract that components made with this SDK speak."""

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_VERSION = re.compile(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")
_EFFECTS = ("pure", "reads", "writes")
_CLASSES = ("cpu", "io", "ai", "github")
_LIMITS = ("fuel", "memory_bytes", "timeout_ms", "output_bytes")

Names = list[str] | tuple[str, ...]

Handler = typing.TypeVar("Handler", bound=Callable[..., Any])


class DeclarationError(Exception):
    """A plugin is declared wrongly; the message has everything that is."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("the plugin is declared wrongly:\n  " + "\n  ".join(found))


@dataclass
class _Task:
    name: str
    handler: Callable[[Any], Any]
    effects: str
    resource_class: str
    idempotent: bool | None
    limits: dict[str, int]
    input: Schema | bool | None
    output: Schema | bool | None
    summary: str | None
    docs: str | None
    hints: dict[str, Any] = field(default_factory=dict)


class Plugin:
    """A plugin: its task types are functions with the decorator `task`. A module has one."""

    def __init__(
        self, name: str, *, version: str, summary: str = "", http: Names = (), secrets: Names = (), ai: bool = False,
        reuse: bool = False, context: dict[str, list[str]] | None = None,
    ) -> None:
        """`http` names the hosts that it wants to call, `secrets` what it wants to use, `ai` says whether it wants to ask models, `reuse`
        whether an instance may serve one call after another (what a call leaves in the module is nothing that a later one would mind), and
        `context` ({"read": […], "write": […]}) what it wants of the context of a run. Asking is not having."""
        self.name = name
        self.version = version
        self.summary = summary
        self.http = http
        self.secrets = secrets
        self.ai = ai
        self.reuse = reuse
        self.context = context or {}
        self._tasks: list[_Task] = []

    def task(
        self,
        handler: Handler | None = None,
        *,
        name: str | None = None,
        effects: str = "writes",
        resource_class: str = "cpu",
        idempotent: bool | None = None,
        limits: dict[str, int] | None = None,
        input: Schema | bool | None = None,
        output: Schema | bool | None = None,
        summary: str | None = None,
        docs: str | None = None,
    ) -> Any:
        """Makes a task type of a function of one argument, the input, which returns the output.

        The name is the function's, with `-` for `_`. The schemas come from the type hints, unless `input` and `output` are
        schemas themselves: then the function gets and gives plain JSON. The docstring is summary and documentation.
        `effects` is "pure", "reads" or "writes"; `resource_class` "cpu", "io", "ai" or "github"; `limits` may have fuel,
        memory_bytes, timeout_ms and output_bytes.
        """

        def declare(function: Handler) -> Handler:
            short = name or getattr(function, "__name__", "").replace("_", "-")
            self._tasks.append(
                _Task(short, function, effects, resource_class, idempotent, limits or {}, input, output, summary, docs)
            )
            return function

        return declare if handler is None else declare(handler)

    def manifest(self) -> dict[str, Any]:
        """What `describe` answers.

        Raises DeclarationError with everything that is wrong.
        """
        found = self._problems()
        task_types: dict[str, Any] = {}
        for task in self._tasks:
            try:
                task_types[task.name] = _task_manifest(task)
            except (Unsupported, NameError, TypeError) as error:
                found.append(f"task {task.name}: {error}")
        if found:
            raise DeclarationError(found)
        manifest: dict[str, Any] = {"name": self.name, "version": self.version, "summary": self.summary, "contract": CONTRACT}
        asked = {"http": list(self.http), "secrets": list(self.secrets), "ai": self.ai, "reuse": self.reuse}
        asked["context"] = {key: list(names) for key, names in self.context.items() if names}
        asked = {key: value for key, value in asked.items() if value}
        if asked:
            manifest["capabilities"] = asked
        return {**manifest, "task_types": task_types}

    def call(self, task_type: str, text: str) -> str:
        """Calls a task type by its short name with JSON text, as a host does."""
        task = next((task for task in self._tasks if task.name == task_type), None)
        if task is None:
            known = "`, `".join(task.name for task in self._tasks)
            raise TaskError.permanent("unknown-task-type", f"unknown task type `{task_type}`; this plugin has `{known}`")
        try:
            value = json.loads(text)
            if task.input is None:
                value = from_json(_hints(task)["input"], value)
        except ValueError as error:
            raise TaskError.invalid_input("invalid-input", str(error)) from error
        output = task.handler(value)
        try:
            return json.dumps(to_json(output), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise TaskError.permanent("invalid-output", f"the handler's output is no JSON: {error}") from error

    def _problems(self) -> list[str]:
        found = []
        if not (isinstance(self.name, str) and _NAME.fullmatch(self.name)):
            found.append(f'name: is {self.name!r}; it is the stem of the file, of lower-case letters, digits, "-" and "_"')
        if not (isinstance(self.version, str) and _VERSION.fullmatch(self.version)):
            found.append(f'version: is {self.version!r}; it is a version such as "1.2.3"')
        if not isinstance(self.summary, str):
            found.append(f"summary: is {self.summary!r}; it is a text")
        if not _are_names(self.http):
            found.append(f'http: is {self.http!r}; it is a list of hosts such as ["api.example.org"]')
        if not _are_names(self.secrets):
            found.append(f'secrets: is {self.secrets!r}; it is a list of names such as ["github-token"]')
        if not isinstance(self.ai, bool):
            found.append(f"ai: is {self.ai!r}; it is True or False")
        if not isinstance(self.reuse, bool):
            found.append(f"reuse: is {self.reuse!r}; it is True or False")
        if not isinstance(self.context, dict) or set(self.context) - {"read", "write"} or not all(map(_are_names, self.context.values())):
            found.append(f'context: is {self.context!r}; it is a dict such as {{"read": ["team"], "write": []}}')
        if not self._tasks:
            found.append("tasks: there is none: write @plugin.task() above a function")
        names = [task.name for task in self._tasks]
        found += [f"task {name}: is declared twice" for name in dict.fromkeys(names) if names.count(name) > 1]
        for task in self._tasks:
            found += [f"task {task.name}: {problem}" for problem in _task_problems(task)]
        return found


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)


def _task_problems(task: _Task) -> list[str]:
    found = []
    if not _NAME.fullmatch(task.name):
        found.append('the name has lower-case letters, digits, "-" and "_", and begins with a letter; name="…" sets another')
    for key, value, words in (("effects", task.effects, _EFFECTS), ("resource_class", task.resource_class, _CLASSES)):
        if value not in words:
            found.append(f"{key}: is {value!r}; it is one of {', '.join(map(repr, words))}")
    for key, value in task.limits.items():
        if key not in _LIMITS:
            found.append(f"limits: there is no {key!r}; there are {', '.join(_LIMITS)}")
        elif not isinstance(value, int) or isinstance(value, bool) or value < 0:
            found.append(f"limits[{key!r}]: is {value!r}; it is a whole number")
    if inspect.iscoroutinefunction(task.handler) or inspect.isgeneratorfunction(task.handler):
        found.append("is async or a generator; a handler is a plain function that returns its output")
    parameters = [one for one in inspect.signature(task.handler).parameters.values() if one.default is one.empty]
    if len(parameters) != 1 or parameters[0].kind in (parameters[0].KEYWORD_ONLY, parameters[0].VAR_POSITIONAL):
        found.append(f"takes {len(parameters)} arguments; a handler takes one, its input")
    for key, schema in (("input", task.input), ("output", task.output)):
        if schema is not None:
            found += problems(schema, key)
    return found


def _hints(task: _Task) -> dict[str, Any]:
    """The type hints of a handler's input and output, looked up once."""
    if not task.hints:
        hints = typing.get_type_hints(task.handler, include_extras=True)
        parameter = next(iter(inspect.signature(task.handler).parameters), None)
        missing = [
            f"{what} (or write its schema: task({key}={{…}}))"
            for key, what, name in (
                ("input", f"`{parameter}` has no type", parameter),
                ("output", "what it returns has no type", "return"),
            )
            if getattr(task, key) is None and name not in hints
        ]
        if missing:
            raise Unsupported("; ".join(missing))
        task.hints = {"input": hints.get(parameter or ""), "output": hints.get("return")}
    return task.hints


def _task_manifest(task: _Task) -> dict[str, Any]:
    hints = _hints(task)
    text = inspect.cleandoc(task.handler.__doc__ or "")
    summary, _, docs = text.partition("\n\n")
    docs = docs if task.docs is None else task.docs
    manifest = {
        "summary": " ".join(summary.split()) if task.summary is None else task.summary,
        "input_schema": schema_of(hints["input"]) if task.input is None else task.input,
        "output_schema": schema_of(hints["output"]) if task.output is None else task.output,
        "effects": task.effects,
        "resource_class": task.resource_class,
        "idempotent": task.effects == "pure" if task.idempotent is None else task.idempotent,
    }
    if docs.strip():
        manifest["docs"] = docs.strip()
    if task.limits:
        manifest["limits"] = task.limits
    return manifest
