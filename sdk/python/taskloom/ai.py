"""Models, by grant and within a budget."""

import json
from dataclasses import dataclass, field
from typing import Any

from ._host import host
from ._schema import from_json, schema_of


@dataclass
class Answer:
    """What a model answered."""

    text: str
    model: str
    usage: dict[str, int] = field(default_factory=dict)
    value: Any = None
    """The text as a value of the type, or as JSON that fits the schema, that was asked for."""


def complete(
    prompt: "str | list[dict[str, str]]",
    *,
    system: str | None = None,
    answer: Any = None,
    max_output_tokens: int | None = None,
    temperature: float | None = None,
    model: str | None = None,
) -> Answer:
    """Asks a model: a text, or messages with `role` (system, user, assistant) and `content`.

    `answer` is the type that the answer shall have, such as a dataclass, or a JSON Schema. An error has the right class: a busy
    provider is tried again, a spent budget is not.
    """
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    request: dict[str, Any] = {"messages": messages}
    if answer is not None:
        request["schema"] = answer if isinstance(answer, dict) else schema_of(answer)
    more = {"max_output_tokens": max_output_tokens, "temperature": temperature, "model": model}
    request.update({key: value for key, value in more.items() if value is not None})
    said = json.loads(host().complete(json.dumps(request, ensure_ascii=False)))
    value = said.get("value")
    if answer is not None and not isinstance(answer, dict):
        value = from_json(answer, value)
    return Answer(said["text"], said["model"], said.get("usage", {}), value)
