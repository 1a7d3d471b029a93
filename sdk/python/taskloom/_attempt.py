"""What a handler may know about its attempt, and say about it."""

from datetime import timedelta

from ._errors import TaskError
from ._host import host


class Attempt:
    """The attempt that is running. Each value is one cheap call of the host, counted against a limit."""

    @property
    def run_id(self) -> str:
        """The run; the same for every task of it."""
        return host().run_id()

    @property
    def workflow_id(self) -> str:
        return host().workflow_id()

    @property
    def task_id(self) -> str:
        """The task within the run."""
        return host().task_id()

    @property
    def number(self) -> int:
        """1, 2, 3, …"""
        return host().attempt()

    @property
    def max(self) -> int:
        """How many counted attempts the task may have."""
        return host().max_attempts()

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of the task: hand it to services that deduplicate."""
        return host().idempotency_key()

    @property
    def remaining(self) -> timedelta:
        """The time left until the attempt times out."""
        return timedelta(milliseconds=host().remaining_ms())

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context, if the run is traced."""
        return host().traceparent()


attempt = Attempt()


def progress(fraction: float, note: str = "") -> None:
    """Says how far the work is, from 0 to 1, with a short note. It is a sign of life too."""
    host().progress(float(fraction), note)


def metric(name: str, value: float) -> None:
    """Records a measurement of this attempt, such as `metric("rows", 1200)`; the last value of a name stays."""
    host().metric(name, float(value))


def is_cancelled() -> bool:
    """Whether the attempt was cancelled."""
    return host().is_cancelled()


def check_cancelled() -> None:
    """Ends the handler when the attempt was cancelled. Call it now and then in a long loop."""
    if is_cancelled():
        raise TaskError.cancelled()
