"""Requests to the hosts that the operator grants: `http.get(url).raise_for_status().json()`."""

import json as _json
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Mapping
from urllib.parse import urlencode

from ._errors import TaskError
from ._host import host

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_BODY_CHARACTERS_MAX = 500
"""Characters of an answer's body that a failure keeps."""


@dataclass
class Request:
    """A request, as it is sent."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    timeout: float | None = None


@dataclass
class Response:
    """An answer, read to its end."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    url: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first value of a header; its name is compared without regard to case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def text(self) -> str:
        """The body as a text; bytes that are no UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; what is no JSON is a permanent failure, `invalid-json`."""
        try:
            return _json.loads(self.body)
        except ValueError as error:
            raise TaskError.permanent("invalid-json", f"{self.url} answered what is no JSON: {error}") from error

    def raise_for_status(self) -> "Response":
        """This answer if its status is 2xx; else raises the `TaskError` that the status means, `http-<status>`."""
        if self.ok:
            return self
        raise _status_error(self)


def get(url: str, **options: Any) -> Response:
    """`request("GET", …)`."""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """`request("POST", …)`."""
    return request("POST", url, **options)


def request(
    method: str,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    body: "str | bytes" = b"",
    timeout: float | None = None,
) -> Response:
    """Sends a request and waits for its answer; `timeout` in seconds.

    Raises TaskError: retryable when no answer came (`http-timeout`, `http-connection-refused`, …), permanent when the
    operator does not grant it (`http-denied`).
    """
    if method not in _METHODS:
        raise TaskError.invalid_input("http-invalid-request", f"the method {method!r} is none of {', '.join(_METHODS)}")
    if params:
        url += ("&" if "?" in url else "?") + urlencode(params, doseq=True)
    sent = list((headers or {}).items())
    content = body.encode() if isinstance(body, str) else bytes(body)
    if json is not None:
        content = _json.dumps(json, ensure_ascii=False).encode()
        if not any(name.lower() == "content-type" for name, _ in sent):
            sent.append(("content-type", "application/json"))
    response = host().send(Request(method, url, sent, content, timeout))
    response.url = response.url or url
    return response


def _status_error(response: Response) -> TaskError:
    status = response.status
    location = response.header("location")
    redirect = f", a redirect to {location}, which is not followed" if location else ""
    message = f"{response.url} answered {status}{redirect}"
    text = response.text()
    body = text if len(text) <= _BODY_CHARACTERS_MAX else text[:_BODY_CHARACTERS_MAX] + "…"
    code, details = f"http-{status}", {"status": status, "url": response.url, "body": body}
    may_pass = status in (408, 425, 429) or status >= 500
    wait = _delay(response.header("retry-after"), response.header("date"))
    if wait is not None and (may_pass or status == 403):
        return TaskError.retry_after(wait, code, message, details)
    if may_pass and status not in (501, 505):
        return TaskError.retryable(code, message, details)
    return TaskError.permanent(code, message, details)


def _delay(retry_after: str | None, date: str | None) -> float | None:
    """The seconds that `Retry-After` asks for. A date is compared with the answer's own `Date`."""
    text = (retry_after or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(date or "")).total_seconds())
    except (TypeError, ValueError):
        return None
