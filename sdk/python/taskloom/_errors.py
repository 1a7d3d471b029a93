"""How a handler says that it did not succeed, and what that means for another attempt."""

import json
import math
from datetime import timedelta
from typing import Any


class TaskError(Exception):
    """The end of a call that did not succeed: raise it. Its class decides what the host does next.

    Made by the functions below, each of which stands for a class.
    """

    def __init__(
        self, error_class: str, code: str, message: str, details: Any = None, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.code = code
        self.message = message
        self.details = details
        self.retry_after_ms = retry_after_ms

    @classmethod
    def retryable(cls, code: str, message: str, details: Any = None) -> "TaskError":
        """It may succeed when tried again: the host follows the task's retry policy."""
        return cls("retryable", code, message, details)

    @classmethod
    def retry_after(cls, delay: timedelta | float, code: str, message: str, details: Any = None) -> "TaskError":
        """As `retryable`, but not before `delay`: a timedelta, or seconds."""
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
        return cls("retry-after", code, message, details, max(0, math.ceil(seconds * 1000)))

    @classmethod
    def invalid_input(cls, code: str, message: str, details: Any = None) -> "TaskError":
        """The input is wrong in a way that its schema cannot say: never tried again."""
        return cls("invalid-input", code, message, details)

    @classmethod
    def permanent(cls, code: str, message: str, details: Any = None) -> "TaskError":
        """It will never succeed: never tried again."""
        return cls("permanent", code, message, details)

    @classmethod
    def cancelled(cls) -> "TaskError":
        """The handler saw that its attempt was cancelled, and stopped."""
        return cls("cancelled", "cancelled", "the attempt was cancelled")

    def context(self, what: str) -> "TaskError":
        """The same error with `what`, the thing that was being done, before its message."""
        return TaskError(self.error_class, self.code, f"{what}: {self.message}", self.details, self.retry_after_ms)

    def details_text(self) -> str | None:
        """The details as JSON. What is no JSON is left out: an error on the way to an error would hide the first."""
        try:
            return None if self.details is None else json.dumps(self.details)
        except (TypeError, ValueError):
            return None
