"""A plugin whose every task type makes a mistake that authors make. Built by `kit_python.rs`."""

import os
import threading
from dataclasses import dataclass
from typing import Any

from taskloom import Plugin, ai, http, secret

plugin = Plugin(
    "mistakes",
    version="0.1.0",
    http=["api.example.org", "other.example.org"],
    secrets=["token"],
    ai=True,
)


@dataclass
class Input:
    name: str | None = None


@dataclass
class Output:
    text: str


def of(name: str, handler: Any, **more: Any) -> None:
    """Adds a task type that does this; it is declared to read the world."""

    def perform(input: Input) -> Output:
        return handler(input)

    plugin.task(perform, name=name, **{"effects": "reads", **more})


def throws(_: Input) -> Output:
    raise ValueError("this cannot be")


def prints(_: Input) -> Output:
    print("somebody sees this")
    return Output("printed")


def endless(_: Input) -> Output:
    while True:
        pass


def takes_all_memory(_: Input) -> Output:
    everything = []
    while True:
        everything.append(bytes(1 << 20))


def deeper(depth: int) -> int:
    return 0 if depth < 0 else 1 + deeper(depth + 1)


def reads_a_file(_: Input) -> Output:
    with open("/etc/hosts", encoding="utf-8") as file:
        return Output(file.read())


def starts_a_thread(_: Input) -> Output:
    threading.Thread(target=print).start()
    return Output("started")


of("throws", throws)
of("undefined", lambda input: Output(input.name.strip()))
of("nothing", lambda _: None)
of("number", lambda _: Output(7))
of("environment", lambda _: Output(os.environ["TOKEN"]))
of("file", reads_a_file)
of("thread", starts_a_thread)
of("prints", prints)
of("endless", endless, limits={"fuel": 2_000_000_000})
of("memory", takes_all_memory, limits={"memory_bytes": 33_554_432})
of("recurses", lambda _: Output(str(deeper(0))))
of("large", lambda _: Output("x" * (2 << 20)))
of("posts", lambda _: Output(http.post("https://api.example.org/items", json=1).text()))
of("elsewhere", lambda _: Output(http.get("https://other.example.org/").text()))
of("unexpected", lambda _: Output(http.get("https://api.example.org/unexpected").text()))
of("pure", lambda _: Output(http.get("https://api.example.org/").text()), effects="pure")
of("secret", lambda _: Output(secret.placeholder("other-token")))
of("model", lambda _: Output(ai.complete("what is this?").text))
