"""The way from the contract's exports to a handler and back. Only imported while a component is made."""

import json
import logging
import traceback
from typing import Any

from componentize_py_types import Err
from wit_world.imports import artefacts, plugin_types, runtime

from . import log
from ._errors import TaskError
from ._host import connect
from ._plugin import Plugin
from .artefact import Artefact

try:
    from . import _wasi_http as wasi_http
except ImportError:
    # A plugin that asks for no host does not import HTTP.
    wasi_http = None

try:
    from wit_world.imports import ai, context, secrets
except ImportError:
    # An earlier contract has none of them.
    ai = context = secrets = None

_FRAMES_MAX = 30
"""Frames of a stack that are kept: the rest of an endless recursion says nothing new."""


class RealHost:
    """The functions of the contract in the terms of Python."""

    run_id = staticmethod(runtime.run_id)
    workflow_id = staticmethod(runtime.workflow_id)
    task_id = staticmethod(runtime.task_id)
    attempt = staticmethod(runtime.attempt)
    max_attempts = staticmethod(runtime.max_attempts)
    idempotency_key = staticmethod(runtime.idempotency_key)
    remaining_ms = staticmethod(runtime.remaining_ms)
    traceparent = staticmethod(runtime.traceparent)
    progress = staticmethod(runtime.progress)
    is_cancelled = staticmethod(runtime.is_cancelled)

    @staticmethod
    def log(level: str, message: str, fields: dict[str, Any]) -> None:
        text = json.dumps(fields, ensure_ascii=False, default=str, separators=(",", ":")) if fields else None
        runtime.log(runtime.Level[level.upper()], str(message), text)

    @staticmethod
    def put_artefact(name: str, media_type: str, content: bytes) -> Artefact:
        left = _asked(lambda: artefacts.put(name, media_type, content))
        return Artefact(left.digest, left.name, left.media_type, left.bytes)

    @staticmethod
    def read_artefact(digest: str) -> bytes:
        return _asked(lambda: artefacts.read(digest))

    @staticmethod
    def metric(name: str, value: float) -> None:
        _there(getattr(runtime, "metric", None), "runtime.metric")(name, value)

    @staticmethod
    def placeholder(name: str) -> str:
        return _asked(lambda: _there(secrets, "secrets").placeholder(name))

    @staticmethod
    def complete(request: str) -> str:
        return _asked(lambda: _there(ai, "ai").complete(request))

    @staticmethod
    def context_get(name: str) -> str | None:
        return _asked(lambda: _there(context, "context").get(name))

    @staticmethod
    def context_set(name: str, value: str) -> None:
        _asked(lambda: _there(context, "context").set(name, value))

    @staticmethod
    def send(request: Any) -> Any:
        if wasi_http is None:
            raise TaskError.permanent("http-denied", 'the plugin asks for no host: Plugin(…, http=["api.example.org"])')
        return wasi_http.send(request)


_FOLDER = ""
"""The folder of the plugin's module, as it is called in a component."""


def exports(plugin: Plugin, file: str) -> type:
    """The class of the exports of a component; `file` is the plugin's module."""
    global _FOLDER
    _FOLDER = file.rpartition("/")[0] + "/"
    manifest = json.dumps(plugin.manifest(), ensure_ascii=False)
    connect(RealHost())
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[log.Lines()], force=True)

    class Handler:
        def describe(self) -> str:
            return manifest

        def execute(self, task_type: str, input: str) -> str:
            try:
                return plugin.call(task_type, input)
            except TaskError as error:
                ending = _to_contract(error)
            except MemoryError:
                # The host knows which limit it was.
                raise
            except BaseException as error:
                _report(error)
                raise
            raise Err(ending)

    return Handler


def _report(error: BaseException) -> None:
    """Logs an exception that nobody caught; the host takes message and stack for the failure."""
    frames = _frames(error)
    what = "".join(traceback.format_exception_only(error)).strip()
    lines = [f"  File \"{file}\", line {line}, in {name}" for file, line, name in frames]
    stack = "\n".join(["Traceback (most recent call last):", *lines, what])
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        stack += "\ncaused by " + "".join(traceback.format_exception_only(cause)).strip()
    # The author's own code lies beside the module; what it called may lie deeper.
    own = [frame for frame in frames if not frame[0].startswith("/")]
    place = "".join(f", at {name} ({file}:{line})" for file, line, name in own[-1:])
    fields = json.dumps({"code": "panic", "stack": stack}, ensure_ascii=False)
    runtime.log(runtime.Level.ERROR, f"{what}{place}", fields)


def _frames(error: BaseException) -> list[tuple[str, int, str]]:
    """File, line and function of each call, outermost first, without those of the SDK. Looks into no file: there is none."""
    found, skipped = [], 0
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if "/taskloom/" in file:
            continue
        if len(found) >= _FRAMES_MAX:
            # The innermost ones say where it ended.
            del found[_FRAMES_MAX // 2]
            skipped += 1
        found.append((_shown(file), line or 0, frame.f_code.co_name))
    if skipped:
        found.insert(_FRAMES_MAX // 2, (f"… {skipped} more", 0, "…"))
    return found


def _shown(file: str) -> str:
    """A file of the author relative to the plugin's module; any other as it is."""
    return file.removeprefix(_FOLDER) if _FOLDER and file.startswith(_FOLDER) else file


def _to_contract(error: TaskError) -> Any:
    if error.error_class == "cancelled":
        return plugin_types.TaskError_Cancelled()
    failure = plugin_types.Failure(str(error.code), str(error.message), error.details_text())
    if error.error_class == "retry-after":
        return plugin_types.TaskError_RetryAfter((failure, error.retry_after_ms or 0))
    classes = {
        "retryable": plugin_types.TaskError_Retryable,
        "invalid-input": plugin_types.TaskError_InvalidInput,
        "permanent": plugin_types.TaskError_Permanent,
    }
    return classes[error.error_class](failure)


def _from_contract(error: Any) -> TaskError:
    """A failure, or an error of the contract."""
    if isinstance(error, plugin_types.Failure):
        return TaskError.permanent(error.code, error.message, _read(error.details))
    if isinstance(error, plugin_types.TaskError_Cancelled):
        return TaskError.cancelled()
    if isinstance(error, plugin_types.TaskError_RetryAfter):
        failure, wait = error.value
        return TaskError("retry-after", failure.code, failure.message, _read(failure.details), wait)
    words = {"Retryable": "retryable", "InvalidInput": "invalid-input", "Permanent": "permanent"}
    word = words[type(error).__name__.removeprefix("TaskError_")]
    return TaskError(word, error.value.code, error.value.message, _read(error.value.details))


def _there(part: Any, name: str) -> Any:
    """A part of the contract that an earlier one may not have."""
    if part is None:
        raise TaskError.permanent("not-in-contract", f"the contract of this component has no `{name}`")
    return part


def _asked(question: Any) -> Any:
    """What the host answers; its refusal is an error of the class `permanent`."""
    try:
        return question()
    except Err as refusal:
        raise _from_contract(refusal.value) from None


def _read(details: str | None) -> Any:
    try:
        return None if details is None else json.loads(details)
    except ValueError:
        return details
