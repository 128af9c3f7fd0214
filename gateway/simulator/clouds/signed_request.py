"""A signed API request as the signature checks see it, and how a cloud refuses one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote, unquote

SKEW = 900  # seconds that the date of a request may be off, for both clouds


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """`target` is the request line's, byte for byte; names of headers are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        pairs = [part.partition("=") for part in self.target.partition("?")[2].split("&") if part]
        return [(unquote(name), unquote(value)) for name, _, value in pairs]

    def canonical(self, path: str, signed: list[str]) -> str:
        """The text whose digest is signed; both clouds build it alike. Raises KeyError for a header that is missing."""
        query = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in sorted(self.query))
        headers = "".join(f"{name}:{self.headers[name].strip()}\n" for name in signed)
        return "\n".join([self.method, path, query, headers, ";".join(signed), sha256(self.body).hexdigest()])


def encoded(text: str) -> str:
    """RFC 3986, with nothing but unreserved characters left as they are."""
    return quote(text, safe="~")


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parts of an Authorization header of the form `SCHEME key=value, …`."""

    scheme: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, header: str) -> "Authorization":
        scheme, _, rest = header.partition(" ")
        pairs = [part.strip().partition("=") for part in rest.split(",")]
        return cls(scheme, {name: value for name, _, value in pairs})


class ApiRefusal(Exception):
    """The API's answer is an error: HTTP status, the cloud's code and message."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
