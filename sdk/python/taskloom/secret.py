"""Secrets that the operator grants by name, which a handler uses and never sees."""

from ._host import host


def placeholder(name: str) -> str:
    """The text that stands for a secret in this attempt.

    Put it where the secret belongs in a request; the host puts the secret in its place when the request leaves, if the grant
    names the destination.
    """
    return host().placeholder(name)
