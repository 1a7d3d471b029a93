"""Files that a handler leaves and reads."""

from dataclasses import dataclass
from typing import Annotated, Any

from ._host import host


@dataclass
class Artefact:
    """A reference to a file that an attempt left, as it stands in inputs and outputs."""

    artefact: Annotated[str, {"pattern": "^sha256:[0-9a-f]{64}$"}]
    name: str
    media_type: str
    bytes: Annotated[int, {"minimum": 0}]


def put(name: str, media_type: str, content: "str | bytes") -> Artefact:
    """Leaves a file and gives the reference for the output. A refusal is a `TaskError`, such as `artefact-too-large`."""
    return host().put_artefact(name, media_type, content.encode() if isinstance(content, str) else bytes(content))


def read(reference: "Artefact | dict[str, Any] | str") -> bytes:
    """The bytes of a file that the input refers to."""
    if isinstance(reference, Artefact):
        return host().read_artefact(reference.artefact)
    return host().read_artefact(reference if isinstance(reference, str) else reference["artefact"])


def read_text(reference: "Artefact | dict[str, Any] | str") -> str:
    """As `read`, as a text in UTF-8."""
    return read(reference).decode()
