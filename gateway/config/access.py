"""Who may come in: [access] for consoles, [admin] for the API and metrics."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from gateway.config.block import Block, OptionalSecret
from gateway.config.identities import Jwt, ProxyHeader, Rule
from gateway.config.listen import OptionalTls
from gateway.config.values import Consoles, Count, Host, KeyHash, Name, Port, PositiveSeconds, commas, key_hash

KeyRight = Literal["tickets", "sessions", "end"]

MIN_SEAL_KEY = 32
"""Characters: 128 bits in hexadecimal digits, the least that nobody tries out."""


def _just_hash(value: object) -> object:
    return {"hash": key_hash(value)} if isinstance(value, str) else value


class AdminKey(Block):
    """A key of the API: to mint `tickets`, see `sessions`, `end` them, on `consoles`."""

    hash: KeyHash
    rights: Annotated[tuple[KeyRight, ...], commas] = ("tickets", "sessions", "end")
    consoles: Consoles = ("*/*",)


HashOrKey = Annotated[AdminKey, BeforeValidator(_just_hash, json_schema_input_type=AdminKey | KeyHash)]


class Admin(Block):
    """API, metrics and health. `keys`: those of the API, by name; without one it is shut.

    `metrics_port`, other than 0: metrics and health alone are there. `metrics_open` false: metrics ask for a key, too.
    Off loopback the API's keys need `tls`, unless somebody else sees to that: `insecure`.
    """

    host: Host = "127.0.0.1"
    port: Port = 9090
    metrics_port: Port = 0
    metrics_open: bool = True
    tls: OptionalTls = None
    insecure: bool = False
    keys: dict[Name, HashOrKey] = Field(default={})


def _seal_keys(value: SecretStr | None) -> SecretStr | None:
    if value is not None and any(len(line) < MIN_SEAL_KEY for line in seal_keys_in(value)):
        raise ValueError(
            f'each line must be a key of at least {MIN_SEAL_KEY} characters, as from "openssl rand -hex 32"'
        )
    return value


def seal_keys_in(text: SecretStr) -> list[str]:
    """Give the keys of `seal_keys`: one a line."""
    return [line.strip() for line in text.get_secret_value().splitlines() if line.strip()]


class Access(Block):
    """Who may open which console. The default is closed, and has to be opened by hand; times in seconds.

    `ticket_ttl_max`: for which a ticket may be good. `grant_ttl`: for which a console may be returned to. `seal_keys`,
    one a line, seal what a tab returns with: the first does, all open; without them no tab outlives a restart.
    `rules` count in the modes jwt and proxy_header; the first that fits a group and a console does.
    """

    mode: Literal["open", "ticket", "jwt", "proxy_header"] = "ticket"
    ticket_ttl_max: Count = 120
    grant_ttl: PositiveSeconds = 43200
    seal_keys: Annotated[OptionalSecret, AfterValidator(_seal_keys)] = None
    jwt: Jwt | None = None
    proxy_header: ProxyHeader = ProxyHeader()
    rules: tuple[Rule, ...] = ()
