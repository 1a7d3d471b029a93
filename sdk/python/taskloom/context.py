"""The context of the run, by grant."""

import json
from typing import Any

from ._host import host
from ._schema import to_json


def get(name: str, default: Any = None) -> Any:
    """The value of a name as of the beginning of this attempt, or of what this attempt has set."""
    text = host().context_get(name)
    return default if text is None else json.loads(text)


def put(name: str, value: Any) -> None:
    """Sets a name. It is committed with the output if the attempt succeeds, and forgotten otherwise."""
    host().context_set(name, json.dumps(to_json(value), ensure_ascii=False))
