"""JSON Schemas from type hints, and values of those types from JSON and back."""

import dataclasses
import enum
import types
import typing
from typing import Annotated, Any, Literal, Union

Schema = dict[str, Any]

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    Any: {},
    object: {},
    list: {"type": "array"},
    dict: {"type": "object"},
}

_TYPES = {"string", "number", "integer", "boolean", "null", "array", "object"}

_SUPPORTED = "str, int, float, bool, None, Any, list[…], dict[str, …], unions, Literal, Enum, Annotated, dataclasses, TypedDict"


class Unsupported(Exception):
    """A type hint that has no schema."""


def schema_of(hint: Any) -> Schema:
    """The schema of a type hint; dataclasses within it stand in `$defs`."""
    found: dict[str, Schema] = {}
    names: dict[type, str] = {}
    schema = _of(hint, found, names, top=True)
    return {**schema, "$defs": found} if found else schema


def _of(hint: Any, found: dict[str, Schema], names: dict[type, str], top: bool = False) -> Schema:
    try:
        if hint in _PLAIN:
            return dict(_PLAIN[hint])
    except TypeError:
        pass
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        schema = _of(arguments[0], found, names, top)
        for more in arguments[1:]:
            schema = {**schema, **({"description": more} if isinstance(more, str) else more)}
        return schema
    if origin in (Union, types.UnionType):
        return {"anyOf": [_of(one, found, names) for one in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _of(arguments[0], found, names)}
    if origin is dict:
        if arguments[0] is not str:
            raise Unsupported(f"{_name(hint)}: keys of JSON objects are texts: dict[str, …]")
        return {"type": "object", "additionalProperties": _of(arguments[1], found, names)}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [one.value for one in hint]}
    if _is_record(hint):
        return _record(hint, found, names, top)
    raise Unsupported(f"{_name(hint)} has no schema; there are {_SUPPORTED}. Or write the schema: task(input={{…}})")


def _record(hint: type, found: dict[str, Schema], names: dict[type, str], top: bool) -> Schema:
    """A dataclass or a TypedDict: in place at the top, else by reference."""
    if hint in names:
        return {"$ref": f"#/$defs/{names[hint]}"}
    if top and not _refers_to(hint, hint, set()):
        return _properties(hint, found, names)
    name, number = hint.__name__, 2
    while name in names.values():
        name, number = f"{hint.__name__}{number}", number + 1
    names[hint] = name
    found[name] = {}
    found[name] = _properties(hint, found, names)
    return {"$ref": f"#/$defs/{name}"}


def _refers_to(hint: Any, wanted: type, seen: set[type]) -> bool:
    """Whether a record is part of itself."""
    parts = list(typing.get_args(hint))
    if _is_record(hint) and hint not in seen:
        seen.add(hint)
        parts = [part for _, part, *_ in _fields(hint)]
    return any(part is wanted or _refers_to(part, wanted, seen) for part in parts)


def _properties(hint: type, found: dict[str, Schema], names: dict[type, str]) -> Schema:
    properties, required = {}, []
    for name, part, is_required, default in _fields(hint):
        try:
            schema = _of(part, found, names)
        except Unsupported as error:
            raise Unsupported(f"{hint.__name__}.{name}: {error}") from None
        if default is not dataclasses.MISSING:
            schema = {**schema, "default": to_json(default)}
        properties[name] = schema
        if is_required:
            required.append(name)
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    # A dataclass without a docstring has its signature for one.
    docs = (hint.__doc__ or "").strip()
    if docs and not docs.startswith(f"{hint.__name__}("):
        schema["description"] = docs
    return schema


def _fields(hint: Any) -> list[tuple[str, Any, bool, Any]]:
    """Name, hint, whether it is required, and the default of each field."""
    hints = typing.get_type_hints(hint, include_extras=True)
    if typing.is_typeddict(hint):
        required = hint.__required_keys__
        parts = {name: _without_required(part) for name, part in hints.items()}
        return [(name, part, name in required, dataclasses.MISSING) for name, part in parts.items()]
    fields = []
    for field in dataclasses.fields(hint):
        if not field.init:
            continue
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        fields.append((field.name, hints[field.name], default is dataclasses.MISSING, default))
    return fields


def _without_required(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) in (typing.Required, typing.NotRequired) else hint


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and (dataclasses.is_dataclass(hint) or typing.is_typeddict(hint))


def from_json(hint: Any, value: Any, place: str = "") -> Any:
    """A value of the hinted type. The host has checked it by its schema, so what does not fit is rare.

    Raises ValueError with the place of what does not fit.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return from_json(arguments[0], value, place)
    if origin in (Union, types.UnionType):
        return _one_of(arguments, value, place)
    if origin is list and isinstance(value, list):
        return [from_json(arguments[0], item, f"{place}/{index}") for index, item in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        return {key: from_json(arguments[1], item, f"{place}/{key}") for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    if _is_record(hint):
        return _record_from_json(hint, value, place)
    if origin is Literal and value not in arguments or not _fits(hint, value):
        raise ValueError(f"{place or '/'}: {value!r} is no {_name(hint)}")
    return float(value) if hint is float else value


def _one_of(hints: tuple[Any, ...], value: Any, place: str) -> Any:
    problems = []
    for hint in hints:
        try:
            return from_json(hint, value, place)
        except (TypeError, ValueError) as error:
            problems.append(str(error))
    raise ValueError("; ".join(problems))


def _record_from_json(hint: Any, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{place or '/'}: {value!r} is no object")
    fields = {name: (part, is_required) for name, part, is_required, _ in _fields(hint)}
    unknown = [name for name in value if name not in fields]
    missing = [name for name, (_, is_required) in fields.items() if is_required and name not in value]
    if unknown or missing:
        wrong = [f"there is no `{name}`" for name in unknown] + [f"`{name}` is missing" for name in missing]
        raise ValueError(f"{place or '/'}: {', '.join(wrong)}")
    return hint(**{name: from_json(fields[name][0], item, f"{place}/{name}") for name, item in value.items()})


def _fits(hint: Any, value: Any) -> bool:
    if hint is Any:
        return True
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (None, type(None)):
        return value is None
    return not isinstance(hint, type) or hint is object or isinstance(value, hint)


def to_json(value: Any) -> Any:
    """Plain JSON of a value: dataclasses become objects, enums their values.

    Raises TypeError for what JSON cannot hold.
    """
    if value is None or isinstance(value, (str, bool)) or type(value) in (int, float):
        return value
    if isinstance(value, enum.Enum):
        return to_json(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        if wrong is not None:
            raise TypeError(f"the key {wrong!r} is no text")
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    raise TypeError(f"{_name(type(value))} is no JSON: {value!r:.100}")


def problems(schema: Any, place: str) -> list[str]:
    """What is wrong with a schema that was written by hand, as far as that is likely; the host checks the rest."""
    if isinstance(schema, bool):
        return []
    if not isinstance(schema, dict):
        return [f"{place}: a schema is a dict of JSON Schema or a bool, not {schema!r:.60}"]
    found = []
    words = schema.get("type", [])
    for word in words if isinstance(words, list) else [words]:
        if word not in _TYPES:
            found.append(f"{place}.type: {word!r} is none of {', '.join(sorted(_TYPES))}")
    required = schema.get("required", [])
    if not (isinstance(required, list) and all(isinstance(name, str) for name in required)):
        found.append(f"{place}.required: a list of names of properties is wanted, not {required!r:.60}")
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        found.append(f"{place}.properties: a dict of schemas is wanted, not {properties!r:.60}")
        properties = {}
    for name, part in properties.items():
        found += problems(part, f"{place}.properties.{name}")
    if "items" in schema:
        found += problems(schema["items"], f"{place}.items")
    try:
        to_json(schema)
    except TypeError as error:
        found.append(f"{place}: {error}")
    return found


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", None) if isinstance(hint, type) and not typing.get_args(hint) else str(hint).replace("typing.", "")
