"""Write a Taskloom plugin in Python. The guide is README.md."""

from . import ai, artefact, context, http, log, secret
from ._attempt import attempt, check_cancelled, is_cancelled, metric, progress
from ._errors import TaskError
from ._plugin import CONTRACT, Plugin
from ._schema import Schema
from .artefact import Artefact

__all__ = [
    "CONTRACT",
    "Artefact",
    "Plugin",
    "Schema",
    "TaskError",
    "ai",
    "artefact",
    "attempt",
    "check_cancelled",
    "context",
    "http",
    "is_cancelled",
    "log",
    "metric",
    "progress",
    "secret",
]
