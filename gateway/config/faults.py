"""Faults of a configuration in words: where, and what is wrong, one line each.

Turns pydantic's findings into a path of keys and a sentence. Never repeats a value, which might be a
secret, unless the check of that value put it into its message.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic_core import ErrorDetails

from gateway.config.block import UnknownKey

Path = tuple[str, ...]

_WORDS = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "byte_size": 'must be a size such as "4 MiB"',
    "byte_size_unit": 'must be a size such as "4 MiB"',
    "dict_type": "must be a table",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "model_attributes_type": "must be a table",
    "model_type": "must be a table",
    "path_type": "must be the path of a file",
    "string_type": "must be a text",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
}
_KINDS = {"type": "alibaba, huawei, static or http", "source": "env, static, sts or ecs_metadata"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One line for the operator; `place` is a key path or the name of a variable."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def place(path: Path) -> str:
    """Write a path as TOML would: names that need it in quotes."""
    return ".".join(part if part.replace("-", "").replace("_", "").isalnum() else f'"{_shown(part)}"' for part in path)


def apart(errors: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Leave out that a list is too short where its entries are refused: pydantic counts only those that are not."""
    for error in errors:
        location = error["loc"]
        within = any(other["loc"][:-1] == location for other in errors)
        if error["type"] != "too_short" or not within:
            yield error


def explain(error: ErrorDetails) -> tuple[Path, str]:
    """Give path and sentence of one of pydantic's findings."""
    path, entry = _keys(error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        key = context["discriminator"].strip("'")
        return (*path, key), _kind(key, context.get("tag"))
    if kind == "sibling":
        return (*path[:-1], context["key"]), context["message"]
    if kind == "extra_forbidden":
        return path, entry + _unknown(str(error["loc"][-1]), error["input"])
    if kind == "missing":
        return path, entry + "is required"
    message = str(context["error"]) if kind == "value_error" else _WORDS.get(kind, error["msg"])
    return path, entry + re.sub(r"^\w+ should ", "must ", message)


def _keys(location: tuple[int | str, ...]) -> tuple[Path, str]:
    """Reduce pydantic's location to the keys that the file has, and the words for an entry of a list."""
    parts = list(location)
    if len(parts) > 2 and parts[0] in ("providers", "credentials"):
        del parts[2]  # the tag of the union, or the mark of a faulty name
    at = next((place for place, part in enumerate(parts) if isinstance(part, int)), len(parts))
    words = [f"entry {part + 1}" if isinstance(part, int) else part for part in parts[at:]]
    entry = ", ".join(words) + (" " if len(words) == 1 else ": ") if words else ""
    return tuple(str(part) for part in parts[:at] if part != "[key]"), entry


def _unknown(key: str, found: object) -> str:
    known = found.known if isinstance(found, UnknownKey) else ()
    close = get_close_matches(key.lower().replace("-", "_"), known, n=1)
    return f"unknown key, did you mean {close[0]}?" if close else "unknown key"


def _kind(key: str, given: object) -> str:
    if given is None:
        return f"is required: {_KINDS[key]}"
    close = get_close_matches(str(given), _KINDS[key].replace(",", "").split(), n=1)
    return f"must be {_KINDS[key]}" + (f", did you mean {close[0]}?" if close else "")


def _shown(name: str) -> str:
    # names are the operator's own, but a terminal should not obey them
    return "".join(char if char.isprintable() else "?" for char in name[:80])
