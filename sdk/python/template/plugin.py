"""The plugin `__NAME__`: one task type, `__NAME__.greet`."""

from dataclasses import dataclass
from typing import Annotated

from taskloom import Plugin, TaskError, log

plugin = Plugin("__NAME__", version="0.1.0", summary="Greets people")


@dataclass
class Input:
    """What the task type takes. The host checks every input against the schema that is made of this."""

    name: Annotated[str, {"description": "Who is greeted.", "minLength": 1, "maxLength": 100}]
    times: Annotated[int, {"description": "How often.", "minimum": 1, "maximum": 10}] = 1


@dataclass
class Output:
    text: Annotated[str, "The greeting."]


@plugin.task(effects="pure")
def greet(input: Input) -> Output:
    """Greets somebody by name."""
    name = input.name.strip()
    if not name:
        # The class of a failure says what the host does next: this one is never tried again.
        raise TaskError.invalid_input("no-name", "there is nobody to greet: `name` is blank")
    log.info(f"greeting {name}", times=input.times)
    return Output(" ".join([f"Hello, {name}!"] * input.times))
