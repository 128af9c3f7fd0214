"""The last guard before a log line: secrets out, control characters escaped.

Callers do not log secrets in the first place (they are a type of their own); what slips through
anyway is caught here by the type of the value, the name of the field and the shape of an address.
"""

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from pydantic import SecretStr
from yarl import URL

REDACTED = "[redacted]"
MAX_DEPTH = 4  # of nested values; deeper ones are only named
MAX_NAMES = 1000  # field names whose secrecy is remembered; there are about 100
MAX_TEXT = 16 * 1024  # characters; room for a traceback, no more for whoever sends us long names

_SECRET_NAME = re.compile(
    r"passw|secret|token|ticket|bearer|authorization|cookie|credential|api_?key|access_?key|seal|signature|payload",
    re.IGNORECASE,
)
_PUBLIC_NAME = re.compile(r"(_id|_ids|_ms|_count|_name|_left)$")
# The patterns below take time in proportion to the text: none can begin at every character and run to the end.
# An address, wherever it stands in a text: its user name and its query may open a console.
_ADDRESS = re.compile(
    r"\b([a-z][a-z0-9+.-]{1,20}://)([^\s/?#'\"<>@]*@)?([^\s?#'\"<>]*)([?#][^\s'\"<>]*)?", re.IGNORECASE
)
# Any other query, as of a path in an HTTP request line.
_QUERY = re.compile(r"(?<=\S)\?[^\s'\"<>]+")
_PAIR = re.compile(r"\b(token|ticket|password|passwd|secret|signature|s)=[^\s&'\"<>]+", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9+/_.~=-]+", re.IGNORECASE)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace secrets among the fields of a log line (a structlog processor)."""
    for name, value in event.items():
        event[name] = clean(value, name)
    return event


def clean(value: object, name: str = "", depth: int = 0) -> object:
    """Give a value that may be logged under `name`: a number, a text, or tables and lists of them."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, SecretStr) or _is_secret(name):
        return REDACTED
    if isinstance(value, str):  # nearly always, and what follows asks abstract classes
        return clean_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"  # payload never belongs in a log
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return {str(key): clean(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < MAX_DEPTH:
        return [clean(item, "", depth + 1) for item in value]
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return f"<{type(value).__name__}>"
    return clean_text(str(value) if isinstance(value, URL | Exception) else repr(value))


@lru_cache(MAX_NAMES)
def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _PUBLIC_NAME.search(name)


def clean_text(text: str) -> str:
    """Take user names, queries, fragments and credentials out of a text."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    # Most texts are ids and names. To look for the mark that a pattern needs takes a tenth of what its search does.
    if "://" in text:
        text = _ADDRESS.sub(_without_secrets, text)
    if "?" in text:
        text = _QUERY.sub("?" + REDACTED, text)
    if "=" in text:
        text = _PAIR.sub(r"\1=[redacted]", text)
    return _BEARER.sub(r"\1 [redacted]", text)


def _without_secrets(match: re.Match[str]) -> str:
    scheme, _user, place, rest = match.groups()
    return scheme + place + (rest[0] + REDACTED if rest else "")


def escape(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write control characters as escapes, so that no value can begin a line or move a terminal's cursor.

    A structlog processor. A traceback keeps its lines, each indented: none looks like a line of the log.
    """
    for name, value in event.items():
        if name == "exception":
            event[name] = "\n".join("    " + escape_text(line) for line in str(value).splitlines())
        else:
            event[name] = escape_text(value if isinstance(value, str) else repr(value)) if not _plain(value) else value
    return event


def _plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float)


def escape_text(text: str) -> str:
    """Escape what is not printable: controls, line separators, marks that reverse the direction of text."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
