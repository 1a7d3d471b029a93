"""Secrets that the operator grants by name, which a handler uses and never sees."""

from base64 import b64encode

from ._host import host


def placeholder(name: str) -> str:
    """The text that stands for a secret in this attempt.

    Put it where the secret belongs in a request; the host puts the secret in its place when the request leaves, if the grant
    names the destination.
    """
    return host().placeholder(name)


def basic(user: str, password: str) -> str:
    """The value of an `authorization` header of the kind `Basic`, with a placeholder as the password: the host looks into it."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")
