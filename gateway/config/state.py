"""Where what replicas share is kept: [state], and the parts of its URL.

Describes the place; connecting to it is the state's business.
"""

import re
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import SplitResult, unquote

from pydantic import AfterValidator, Field, SecretStr

from gateway.config.block import Block, Secret
from gateway.config.values import split_url

MEMORY = "memory://"
SENTINEL = "redis+sentinel"
PORT, SENTINEL_PORT = 6379, 26379

_PREFIX = re.compile(r"[A-Za-z0-9:._-]{1,64}")  # nothing that a pattern for keys gives a meaning to
_SERVICE = re.compile(r"/([A-Za-z0-9._-]+)((?:/.*)?)")


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis, or the sentinels that know which one of `service` it is now.

    `hosts`: names or addresses, with ports. `service`: "" without sentinels. `db`: the number of the database.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str = ""
    db: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False

    def __str__(self) -> str:
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{self.service} of {hosts}" if self.service else hosts


def address(url: str) -> Address:
    """Take the URL of a Redis apart. Raises ValueError, which never repeats it."""
    if url.startswith(SENTINEL + "://"):
        return _sentinels(url)
    parts = split_url(url, ("redis", "rediss"))
    user, password = _account(parts)
    host = (parts.hostname or "", parts.port or PORT)
    return Address((host,), "", _db(parts), user, password, tls=parts.scheme == "rediss")


def _sentinels(url: str) -> Address:
    """`redis+sentinel://user:password@host:port,host:port/service/db`."""
    account, at, rest = url.removeprefix(SENTINEL + "://").rpartition("@")
    hosts, slash, path = rest.partition("/")
    each = [split_url(f"{SENTINEL}://{account}{at}{host}{slash}{path}", (SENTINEL,)) for host in hosts.split(",")]
    service = _SERVICE.fullmatch(each[0].path)
    if service is None:
        raise ValueError(f"must name the service that the sentinels watch: {SENTINEL}://HOST,HOST/SERVICE")
    user, password = _account(each[0])
    known = tuple((part.hostname or "", part.port or SENTINEL_PORT) for part in each)
    return Address(known, service[1], _db(each[0]._replace(path=service[2])), user, password)


def _account(parts: SplitResult) -> tuple[str | None, str | None]:
    return unquote(parts.username or "") or None, unquote(parts.password or "") or None


def _db(parts: SplitResult) -> int:
    number = parts.path.removeprefix("/") or "0"
    if not number.isdecimal() or not number.isascii() or parts.query or parts.fragment:
        raise ValueError("must end with the host, or with the number of a database: redis://HOST:PORT/0")
    return int(number)


def _url(value: SecretStr) -> SecretStr:
    if value.get_secret_value() == MEMORY:
        return value
    if not value.get_secret_value().startswith(("redis://", "rediss://", f"{SENTINEL}://")):
        raise ValueError(f"must start with {MEMORY} for one process, or redis://, rediss:// or {SENTINEL}://")
    address(value.get_secret_value())
    return value


def _prefix(value: str) -> str:
    if not _PREFIX.fullmatch(value):
        raise ValueError('must be up to 64 letters, digits, ":", ".", "_" and "-"')
    return value


class State(Block):
    """What replicas share: tickets, leases, budgets, sessions, and which of those were ended.

    `url`: memory:// is one process; redis://, rediss:// (TLS) or redis+sentinel:// is for any number of them, all with
    the same `prefix` of keys.
    """

    url: Annotated[Secret, AfterValidator(_url), Field(json_schema_extra={"default": MEMORY})] = SecretStr(MEMORY)
    prefix: Annotated[str, AfterValidator(_prefix)] = "vg:"

    @property
    def shared(self) -> bool:
        """Whether there may be more than one process."""
        return self.url.get_secret_value() != MEMORY
