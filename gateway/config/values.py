"""The kinds of value that several tables use: ports, times, sizes, names, hosts, origins, addresses.

Each type checks one value by itself and says in plain words what is expected. Values are shown in a
fault only where they cannot hold a secret.
"""

import re
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, WithJsonSchema

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|[0-9a-f:.]*:[0-9a-f:.]*")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_CONSOLES = re.compile(r"[a-z*][a-z0-9*-]{0,31}/[A-Za-z0-9*][A-Za-z0-9*._-]{0,63}")
_KEY_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(1024)  # asked thrice for each request, nearly always about the same few
def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`; a name other than localhost counts as reachable."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _no_bool(value: object) -> object:
    # Python counts true as 1, an operator does not
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 -- pydantic collects ValueError, not TypeError
    return value


def is_name(value: str) -> bool:
    """Tell whether `value` can name a provider, a credential or a key."""
    return _NAME.fullmatch(value) is not None


def _name(value: str) -> str:
    if not is_name(value):
        raise ValueError('a name starts with a letter a-z and has up to 32 of a-z, 0-9 and "-"')
    return value


def _instance(value: str) -> str:
    if not _INSTANCE.fullmatch(value):
        raise ValueError(
            'an instance starts with a letter or digit and has up to 64 of A-Z, a-z, 0-9, ".", "_" and "-"'
        )
    return value


def reaches_others(host: object) -> bool:
    """Tell whether somebody on another machine could reach a listener on `host`; what is no host reaches nobody."""
    return isinstance(host, str) and not is_loopback(host.lower().strip("[]")) and bool(_HOST.fullmatch(host.lower()))


def _host(value: str) -> str:
    host = value.lower().removeprefix("[").removesuffix("]")
    if not _HOST.fullmatch(host):
        raise ValueError("must be a host name or address, without scheme or port")
    return host


def _allowed_host(value: str) -> str:
    suffix = value.removeprefix("*")
    return "." + _host(suffix[1:]) if suffix.startswith(".") else _host(value)


def _word(value: str) -> str:
    if not _WORD.fullmatch(value):
        raise ValueError('must be letters, digits, "-" and "_"')
    return value


def _token(value: str) -> str:
    if value and not _TOKEN.fullmatch(value):
        raise ValueError("must be one word as in an HTTP header, without spaces")
    return value


def _header_name(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError("is not the name of an HTTP header")
    if value.lower() in (
        "host",
        "connection",
        "upgrade",
        "content-length",
        "transfer-encoding",
    ) or value.lower().startswith("sec-websocket-"):
        raise ValueError("belongs to the WebSocket handshake and cannot be set")
    return value


def _header_value(value: str) -> str:
    if not value.isprintable() or not value.isascii():
        raise ValueError("must be printable ASCII on one line")
    return value


def is_consoles(value: str) -> bool:
    """Tell whether `value` can name consoles: PROVIDER/INSTANCE with any number of "*" in either."""
    return _CONSOLES.fullmatch(value) is not None


def _consoles(value: str) -> str:
    if not is_consoles(value):
        raise ValueError('must be PROVIDER/INSTANCE, where "*" stands for any letters, as in "hangzhou/*"')
    return value


def key_hash(value: str) -> str:
    """Give `value` if it is how the configuration keeps a key; raises ValueError."""
    if not _KEY_HASH.fullmatch(value):
        raise ValueError('must be "sha256:" and the 64 hexadecimal digits of the hash of a key')
    return value


def split_url(value: str, schemes: tuple[str, ...]) -> SplitResult:
    """Take a URL apart.

    Raises ValueError for another scheme, a missing host, user names, white space or control characters.
    """
    if not _PRINTABLE.fullmatch(value):
        raise ValueError("must be a URL without spaces or control characters")
    try:
        url = urlsplit(value)
        has_port = url.port != 0
    except ValueError:  # a port that is no number or above 65535, an open bracket
        raise ValueError("has a host or port that cannot be read") from None
    if url.scheme not in schemes:
        raise ValueError(f"must start with {_either([scheme + '://' for scheme in schemes])}")
    if not url.hostname or not has_port:
        raise ValueError("must name a host and, where given, a port from 1 to 65535")
    return url


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def _http_url(value: str) -> str:
    url = split_url(value, ("https", "http"))
    if url.username is not None or url.fragment:
        raise ValueError("must be a URL without user name and fragment")
    return value


def _proxy_url(value: str) -> str:
    split_url(value, ("http",))  # relay/tunnel.py asks without TLS: https would send the password in clear, and fail
    return value


def _origin(value: str) -> str:
    """Bring an origin into the form that browsers send: lower case, without the scheme's own port."""
    url = split_url(value.lower(), ("https", "http"))
    if url.path not in ("", "/") or url.query or url.fragment or url.username is not None:
        raise ValueError("must be an origin: scheme, host and port only, as in https://console.example.com")
    if "*" in (url.hostname or ""):
        raise ValueError('must be one origin, as a browser sends it: "*" stands for nothing here')
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    port = "" if url.port in (None, _DEFAULT_PORTS[url.scheme]) else f":{url.port}"
    return f"{url.scheme}://{host}{port}"


def _console_url(value: str) -> str:
    url = split_url(value, ("tcp", "ws", "wss", "http", "https"))
    if url.username is not None:
        raise ValueError("must not hold a user name or password: use password_file")
    if url.scheme == "tcp" and (url.port is None or url.path or url.query):
        raise ValueError("must be tcp://HOST:PORT")
    return value


def _file(value: Path) -> Path:
    try:
        with value.open("rb"):
            return value
    except OSError as error:
        raise ValueError(f"cannot read {value}: {error.strerror}") from error


def _split(value: object) -> object:
    # the environment has no lists: commas separate
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def _empty(value: object) -> object:
    # "" in the file, or an empty variable, stands for "not set"
    return None if value == "" else value


def _pattern(expression: re.Pattern[str]) -> WithJsonSchema:
    # our own sentence instead of pydantic's, the pattern for editors all the same
    return WithJsonSchema({"type": "string", "pattern": f"^{expression.pattern}$"})


unset = BeforeValidator(_empty, json_schema_input_type=str | None)
_NUMBER = BeforeValidator(_no_bool)
commas = BeforeValidator(_split)

Port = Annotated[int, Field(ge=0, le=65535), _NUMBER]  # 0: any free one
Count = Annotated[int, Field(ge=1), _NUMBER]
CountOrNone = Annotated[int, Field(ge=0), _NUMBER]
Seconds = Annotated[float, Field(ge=0), _NUMBER]
PositiveSeconds = Annotated[float, Field(gt=0), _NUMBER]
Size = Annotated[
    ByteSize,
    _NUMBER,
    Field(ge=1),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^[0-9.]+ *([KMGkmg]i?)?[Bb]?$"}]}
    ),
]
Name = Annotated[str, AfterValidator(_name), _pattern(_NAME)]
Instance = Annotated[str, AfterValidator(_instance), _pattern(_INSTANCE)]
Host = Annotated[str, AfterValidator(_host)]
Word = Annotated[str, AfterValidator(_word)]
Token = Annotated[str, AfterValidator(_token)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
KeyHash = Annotated[str, AfterValidator(key_hash), _pattern(_KEY_HASH)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
ProxyUrl = Annotated[str, AfterValidator(_proxy_url)]
Origin = Annotated[str, AfterValidator(_origin)]
ConsoleUrl = Annotated[str, AfterValidator(_console_url)]
ReadableFile = Annotated[Path, AfterValidator(_file)]
Words = Annotated[tuple[str, ...], commas]
# Which consoles: one or more patterns; is_consoles says what one is.
Consoles = Annotated[
    tuple[Annotated[str, AfterValidator(_consoles), _pattern(_CONSOLES)], ...], Field(min_length=1), commas
]
Origins = Annotated[tuple[Origin, ...], commas]
# A leading "." or "*." stands for every name below; kept with the leading ".".
AllowedHosts = Annotated[tuple[Annotated[str, AfterValidator(_allowed_host)], ...], commas]
