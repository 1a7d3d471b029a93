"""What the SDK makes of a plugin, and what it says of a wrong one."""

import enum
import unittest
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict

from taskloom import Artefact, Plugin, TaskError, ai, artefact, attempt, check_cancelled, context, http, log, metric, progress, secret
from taskloom._plugin import DeclarationError
from taskloom._schema import from_json, schema_of, to_json
from taskloom.http import Response
from taskloom.testing import Host, Line

parrot = Plugin("parrot", version="0.1.0", summary="Repeats.", http=["a.example", "*"])


@dataclass
class Words:
    """What to repeat."""

    word: Annotated[str, "The word."]
    times: Annotated[int, {"minimum": 0}] = 1


@parrot.task(effects="pure", limits={"fuel": 1000, "timeout_ms": 50})
def repeat(input: Words) -> list[str]:
    """Repeats
    a word.

    As often as it is told.
    """
    said = []
    for turn in range(input.times):
        check_cancelled()
        progress((turn + 1) / input.times, "repeating")
        said.append(input.word)
    log.info(f"repeated {input.word}", times=input.times, attempt=attempt.number)
    return said


@parrot.task(name="bare", resource_class="github", input=True, output=True)
def anything(input):
    return {1, 2}


class Declaring(unittest.TestCase):
    def test_the_manifest_says_what_the_declaration_says(self):
        manifest = parrot.manifest()
        task_types = manifest.pop("task_types")
        self.assertEqual(
            manifest,
            {
                "name": "parrot",
                "version": "0.1.0",
                "summary": "Repeats.",
                "contract": "1.0.0",
                "capabilities": {"http": ["a.example", "*"]},
            },
        )
        self.assertEqual(
            task_types["repeat"],
            {
                "summary": "Repeats a word.",
                "docs": "As often as it is told.",
                "input_schema": {
                    "type": "object",
                    "description": "What to repeat.",
                    "properties": {
                        "word": {"type": "string", "description": "The word."},
                        "times": {"type": "integer", "minimum": 0, "default": 1},
                    },
                    "required": ["word"],
                    "additionalProperties": False,
                },
                "output_schema": {"type": "array", "items": {"type": "string"}},
                "effects": "pure",
                "resource_class": "cpu",
                "idempotent": True,
                "limits": {"fuel": 1000, "timeout_ms": 50},
            },
        )
        self.assertEqual(
            task_types["bare"],
            {
                "summary": "",
                "input_schema": True,
                "output_schema": True,
                "effects": "writes",
                "resource_class": "github",
                "idempotent": False,
            },
        )

    def test_everything_that_is_wrong_is_said_at_once(self):
        wrong = Plugin("Wrong", version="1", http="a.example")  # type: ignore[arg-type]

        @wrong.task(effects="none", resource_class="gpu", limits={"time": 1, "fuel": -1})
        def Say_It(input: set[str]) -> str:
            return ""

        @wrong.task
        async def later(input: Any) -> Any: ...

        @wrong.task
        def no_types(input): ...

        @wrong.task(input={"type": "strng"}, output={"properties": []})
        def two(one, two): ...

        with self.assertRaises(DeclarationError) as raised:
            wrong.manifest()
        message = str(raised.exception)
        for expected in [
            "name: is 'Wrong'; it is the stem of the file",
            "version: is '1'; it is a version such as",
            "http: is 'a.example'; it is a list of hosts",
            "task Say-It: the name has lower-case letters",
            "task Say-It: effects: is 'none'; it is one of 'pure', 'reads', 'writes'",
            "task Say-It: resource_class: is 'gpu'",
            "task Say-It: limits: there is no 'time'; there are fuel",
            "task Say-It: limits['fuel']: is -1; it is a whole number",
            "task Say-It: set[str] has no schema; there are str, int",
            "task later: is async or a generator",
            "task no-types: `input` has no type (or write its schema: task(input={…})); what it returns has no type",
            "task two: takes 2 arguments; a handler takes one, its input",
            "task two: input.type: 'strng' is none of",
            "task two: output.properties: a dict of schemas is wanted",
        ]:
            self.assertIn(expected, message)

    def test_a_plugin_has_a_task_and_each_once(self):
        empty = Plugin("empty", version="1.0.0")
        with self.assertRaisesRegex(DeclarationError, "tasks: there is none"):
            empty.manifest()
        empty.task(repeat, name="a")
        empty.task(repeat, name="a")
        with self.assertRaisesRegex(DeclarationError, "task a: is declared twice"):
            empty.manifest()


class Colour(enum.Enum):
    RED = "red"


class Options(TypedDict):
    deep: bool
    note: NotRequired[str]


@dataclass
class Node:
    colour: Colour
    options: Options
    children: list["Node"] = field(default_factory=list)
    weight: float | None = None
    kind: Literal["a", "b"] = "a"
    file: Optional[Artefact] = None
    extra: dict[str, Any] = field(default_factory=dict)


class Schemas(unittest.TestCase):
    def test_types_make_schemas(self):
        schema = schema_of(Node)
        self.assertEqual(schema["$ref"], "#/$defs/Node")
        node = schema["$defs"]["Node"]
        self.assertEqual(node["required"], ["colour", "options"])
        self.assertEqual(node["properties"]["colour"], {"enum": ["red"]})
        self.assertEqual(node["properties"]["children"], {"type": "array", "items": {"$ref": "#/$defs/Node"}, "default": []})
        self.assertEqual(node["properties"]["weight"], {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None})
        self.assertEqual(node["properties"]["kind"], {"enum": ["a", "b"], "default": "a"})
        self.assertEqual(schema["$defs"]["Options"]["required"], ["deep"])
        self.assertEqual(schema["$defs"]["Artefact"]["properties"]["bytes"], {"type": "integer", "minimum": 0})
        self.assertEqual(schema_of(Words)["type"], "object")

    def test_values_come_from_json_and_go_back(self):
        value = {
            "colour": "red",
            "options": {"deep": True},
            "children": [{"colour": "red", "options": {"deep": False, "note": "x"}, "weight": 2}],
            "extra": {"a": [1, None]},
        }
        node = from_json(Node, value)
        self.assertEqual((node.colour, node.children[0].weight, node.kind), (Colour.RED, 2.0, "a"))
        self.assertEqual(to_json(node)["children"][0]["options"], {"deep": False, "note": "x"})
        self.assertEqual(from_json(Node, to_json(node)), node)

    def test_what_does_not_fit_is_told_with_its_place(self):
        good = {"colour": "red", "options": {"deep": True}}
        for change, expected in [
            ({"colour": "blue"}, "'blue' is not a valid Colour"),
            ({"children": [{"colour": "red"}]}, "/children/0: `options` is missing"),
            ({"options": {"deep": 1}}, "/options/deep: 1 is no bool"),
            ({"kind": "c"}, "/kind: 'c' is no Literal"),
            ({"color": "red"}, "/: there is no `color`"),
            ({"weight": "x"}, "/weight: 'x' is no float; /weight: 'x' is no NoneType"),
        ]:
            with self.assertRaises(ValueError) as raised:
                from_json(Node, {**good, **change})
            self.assertIn(expected, str(raised.exception))


class Calling(unittest.TestCase):
    def test_a_handler_is_called_with_json_and_what_it_says_is_kept(self):
        host = Host(attempt=2)
        self.assertEqual(host.execute(parrot, "repeat", {"word": "hi", "times": 2}), ["hi", "hi"])
        self.assertEqual(host.progress_said, [(0.5, "repeating"), (1.0, "repeating")])
        self.assertEqual(host.lines, [Line("info", "repeated hi", {"times": 2, "attempt": 2})])

    def test_failures_have_their_class(self):
        for task_type, value, error_class, code, message in [
            ("repeat", {"word": 1}, "invalid-input", "invalid-input", "/word: 1 is no str"),
            ("reptile", {}, "permanent", "unknown-task-type", "unknown task type `reptile`; this plugin has `repeat`, `bare`"),
            ("bare", {}, "permanent", "invalid-output", "the handler's output is no JSON: set is no JSON: {1, 2}"),
        ]:
            with self.assertRaises(TaskError) as raised:
                Host().execute(parrot, task_type, value)
            error = raised.exception
            self.assertEqual((error.error_class, error.code, error.message), (error_class, code, message))
        with self.assertRaises(TaskError) as raised:
            Host(cancelled=True).execute(parrot, "repeat", {"word": "hi"})
        self.assertEqual(raised.exception.error_class, "cancelled")

    def test_a_handler_is_a_function(self):
        with Host():
            self.assertEqual(repeat(Words("hi")), ["hi"])

    def test_outside_of_a_component_and_of_a_test_the_message_says_what_to_do(self):
        with self.assertRaisesRegex(RuntimeError, "with Host\\(\\):"):
            log.info("hello")

    def test_an_error_says_what_was_being_done_and_keeps_its_class(self):
        error = TaskError.retry_after(timedelta(milliseconds=1.5), "rate-limited", "too many", {"left": 0}).context("listing")
        self.assertEqual(
            (error.error_class, error.retry_after_ms, str(error), error.details),
            ("retry-after", 2, "listing: too many", {"left": 0}),
        )
        self.assertIsNone(TaskError.permanent("a", "b", {1}).details_text())


@dataclass
class Verdict:
    is_bug: bool


class Granted(unittest.TestCase):
    def test_what_a_plugin_asks_for_is_declared(self):
        asking = Plugin("a", version="1.0.0", secrets=["token"], ai=True, reuse=True, context={"read": ["team"], "write": []})
        asking.task(repeat)
        self.assertEqual(
            asking.manifest()["capabilities"], {"secrets": ["token"], "ai": True, "reuse": True, "context": {"read": ["team"]}}
        )
        wrong = Plugin("a", version="1.0.0", secrets="token", ai=1, context={"raed": []})  # type: ignore[arg-type]
        with self.assertRaises(DeclarationError) as raised:
            wrong.manifest()
        for expected in ["secrets: is 'token'; it is a list", "ai: is 1; it is True", "context: is {'raed': []}"]:
            self.assertIn(expected, str(raised.exception))

    def test_secrets_models_and_the_context_are_answered_by_the_test(self):
        def model(request):
            self.assertEqual([message["role"] for message in request["messages"]], ["system", "user"])
            self.assertEqual(request["schema"]["required"], ["is_bug"])
            return {"text": "…", "value": {"is_bug": True}, "model": "fake", "usage": {}}

        with Host(secrets=["token"], context={"team": "docs"}, answers_ai=model) as host:
            metric("rows", 3)
            self.assertEqual(secret.placeholder("token"), "placeholder-of-token")
            self.assertEqual((context.get("team"), context.get("other", 5)), ("docs", 5))
            context.put("verdict", Verdict(True))
            self.assertEqual(ai.complete("It crashes.", system="Judge.", answer=Verdict).value, Verdict(True))
        self.assertEqual((host.metrics, host.context["verdict"]), ({"rows": 3.0}, {"is_bug": True}))
        for ask in (lambda: secret.placeholder("token"), lambda: ai.complete("hi")):
            with Host(), self.assertRaises(TaskError) as raised:
                ask()
            self.assertEqual(raised.exception.code, "not-granted")

    def test_basic_credentials_are_in_base64(self):
        for user, password, expected in [
            ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("", "", "Basic Og=="),
            ("é", "ü", "Basic w6k6w7w="),
        ]:
            self.assertEqual(secret.basic(user, password), expected)


class Files(unittest.TestCase):
    def test_files_are_left_and_read(self):
        with Host() as host:
            given = host.file("in.csv", "text/csv", "a,b")
            first = artefact.put("a.txt", "text/plain", "one")
            artefact.put("a.txt", "text/plain", "twö")
            self.assertEqual((artefact.read_text(given), artefact.read(first)), ("a,b", b"one"))
            self.assertEqual(host.artefacts, {"a.txt": "twö".encode()})
            with self.assertRaises(TaskError) as raised:
                artefact.read("sha256:0")
        self.assertEqual(raised.exception.code, "unknown-artefact")


class Requests(unittest.TestCase):
    def test_the_status_of_an_answer_decides_the_class(self):
        date = [("Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT"), ("Date", "Sun, 06 Nov 1994 08:50:32 GMT")]
        for status, headers, expected in [
            (429, [], "retryable"),
            (429, [("Retry-After", "5")], "retry-after"),
            (403, [("Retry-After", "5")], "retry-after"),
            (503, date, "retry-after"),
            (500, [("Retry-After", "soon")], "retryable"),
            (408, [], "retryable"),
            (403, [], "permanent"),
            (404, [("Retry-After", "5")], "permanent"),
            (501, [], "permanent"),
            (301, [("Location", "/x")], "permanent"),
        ]:
            with Host(answers=lambda _: Response(status, headers, b"why")), self.assertRaises(TaskError) as raised:
                http.get("https://a.example/").raise_for_status()
            error = raised.exception
            self.assertEqual((error.error_class, error.code), (expected, f"http-{status}"), status)
            self.assertEqual(error.retry_after_ms, 5000 if expected == "retry-after" else None)
            self.assertEqual(error.details, {"status": status, "url": "https://a.example/", "body": "why"})

    def test_requests_are_answered_by_the_test_or_not_granted(self):
        with Host(answers=lambda request: Response(200, body=request.body)) as host:
            answer = http.post("https://a.example/x", params={"q": "ä b"}, json={"a": 1})
        self.assertEqual(answer.json(), {"a": 1})
        sent = host.requests[0]
        self.assertEqual((sent.url, sent.headers), ("https://a.example/x?q=%C3%A4+b", [("content-type", "application/json")]))
        for method, code in [("GET", "http-denied"), ("FETCH", "http-invalid-request")]:
            with Host(), self.assertRaises(TaskError) as raised:
                http.request(method, "https://a.example/")
            self.assertEqual(raised.exception.code, code)
