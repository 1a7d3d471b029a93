"""Sends a request by `wasi:http`, one at a time and waiting for it. Only in components that ask for a host."""

from typing import Any
from urllib.parse import urlsplit

from componentize_py_types import Err
from wit_world.imports import http_types, outgoing_handler
from wit_world.imports.streams import StreamError_Closed

from ._errors import TaskError
from .http import Request, Response

_CHUNK_BYTES = 4096
"""How much of a body is written by one call of the host, which takes no more."""

_READ_BYTES = 64 * 1024

_TIMEOUTS = {"DnsTimeout", "ConnectionTimeout", "ConnectionReadTimeout", "ConnectionWriteTimeout", "HttpResponseTimeout"}

_INVALID = {
    "HttpRequestMethodInvalid",
    "HttpRequestUriInvalid",
    "HttpRequestUriTooLong",
    "HttpRequestHeaderSectionSize",
    "HttpRequestHeaderSize",
    "HttpRequestBodySize",
}

_MEANINGS = {
    **{word: ("timeout", "did not answer in time", True) for word in _TIMEOUTS},
    "DnsError": ("name-not-found", "has a name that was not found", True),
    "DestinationNotFound": ("name-not-found", "has a name that was not found", True),
    "ConnectionRefused": ("connection-refused", "refused the connection", True),
    "ConnectionTerminated": ("incomplete", "closed the connection before the end of its answer", True),
    "HttpResponseIncomplete": ("incomplete", "closed the connection before the end of its answer", True),
    "DestinationUnavailable": ("unreachable", "cannot be reached", True),
    "DestinationIpUnroutable": ("unreachable", "cannot be reached", True),
    "ConnectionLimitReached": ("unreachable", "cannot be reached", True),
    "TlsCertificateError": ("certificate", "has no valid certificate", False),
    "TlsProtocolError": ("tls", "could not agree on an encrypted connection", False),
    "TlsAlertReceived": ("tls", "could not agree on an encrypted connection", False),
    "HttpResponseBodySize": ("response-too-large", "answered more than the limit allows", False),
    "HttpResponseHeaderSectionSize": ("response-too-large", "answered more than the limit allows", False),
    "HttpResponseHeaderSize": ("response-too-large", "answered more than the limit allows", False),
    "HttpProtocolError": ("protocol", "does not speak HTTP", True),
}


def send(request: Request) -> Response:
    """Sends a request and reads its answer to the end."""
    outgoing = _outgoing(request)
    body = outgoing.body() if request.body else None
    try:
        future = outgoing_handler.handle(outgoing, _options(request.timeout))
        if body is not None:
            _write(body, request.body)
        with future.subscribe() as ready:
            ready.block()
        answered = future.get()
        incoming = answered.value.value if isinstance(answered.value, http_types.Ok) else _raise(answered.value)
    except Err as error:
        raise _failure(error.value, request) from None
    with incoming:
        headers = [(name, value.decode("utf-8", "replace")) for name, value in incoming.headers().entries()]
        return Response(incoming.status(), headers, _read(incoming, request), request.url)


def _raise(error: Err[Any]) -> Any:
    raise error.value if isinstance(error.value, Err) else error


def _outgoing(request: Request) -> Any:
    url = urlsplit(request.url)
    if url.scheme not in ("http", "https") or not url.netloc or "@" in url.netloc:
        raise TaskError.invalid_input("http-invalid-request", f"`{request.url}` is no URL such as https://example.org/x")
    try:
        fields = http_types.Fields.from_list([(name, value.encode()) for name, value in request.headers])
    except Err as error:
        raise TaskError.invalid_input("http-invalid-request", f"a header cannot be sent: {error.value}") from None
    outgoing = http_types.OutgoingRequest(fields)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        outgoing.set_method(getattr(http_types, f"Method_{request.method.capitalize()}")())
        outgoing.set_scheme(http_types.Scheme_Https() if url.scheme == "https" else http_types.Scheme_Http())
        outgoing.set_authority(url.netloc)
        outgoing.set_path_with_query(path)
    except Err:
        raise TaskError.invalid_input("http-invalid-request", f"the host finds `{request.url}` invalid") from None
    return outgoing


def _options(timeout: float | None) -> Any:
    if timeout is None:
        return None
    options = http_types.RequestOptions()
    nanoseconds = max(1, int(timeout * 1e9))
    for set_timeout in (options.set_connect_timeout, options.set_first_byte_timeout, options.set_between_bytes_timeout):
        try:
            set_timeout(nanoseconds)
        except Err:
            # A host that does not support one of them keeps its own.
            pass
    return options


def _write(body: Any, content: bytes) -> None:
    """Writes a body to its end. When that does not work, the answer says why."""
    try:
        with body.write() as stream:
            for start in range(0, len(content), _CHUNK_BYTES):
                stream.blocking_write_and_flush(content[start : start + _CHUNK_BYTES])
        http_types.OutgoingBody.finish(body, None)
    except Err:
        pass


def _read(incoming: Any, request: Request) -> bytes:
    content = bytearray()
    with incoming.consume() as body, body.stream() as stream:
        while True:
            try:
                content += stream.blocking_read(_READ_BYTES)
            except Err as error:
                if isinstance(error.value, StreamError_Closed):
                    return bytes(content)
                code = http_types.http_error_code(error.value.value)
                raise _failure(code, request) from None


def _failure(code: Any, request: Request) -> TaskError:
    """What the host's word for a failure means."""
    word = type(code).__name__.removeprefix("ErrorCode_")
    if word in ("HttpRequestDenied", "DestinationIpProhibited"):
        message = f"{request.method} {request.url} is not granted: see `plugins/<name>.policy.toml`"
        return TaskError.permanent("http-denied", message)
    if word in _INVALID:
        return TaskError.invalid_input("http-invalid-request", f"{request.url} cannot be sent: {word}")
    if code is None:
        word = "HttpResponseIncomplete"
    why = getattr(code, "value", None)
    known = _MEANINGS.get(word, ("failed", f": {why or word}", True))
    make = TaskError.retryable if known[2] else TaskError.permanent
    return make(f"http-{known[0]}", f"{request.url} {known[1]}".replace(" : ", ": "))
