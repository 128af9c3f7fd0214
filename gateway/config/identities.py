"""How callers are known and what they may do then: [access.jwt], [access.proxy_header], [[access.rules]].

Each table counts in the access mode of its name, the rules in both. What the tables must have together is
checked in together.py.
"""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from gateway.config.block import Block
from gateway.config.jwk import PublicKeys, public_keys
from gateway.config.values import Consoles, HeaderName, HttpUrl, ReadableFile, Seconds, commas, is_loopback, unset

Algorithm = Literal["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "Ed25519", "EdDSA"]
"""Signatures with a public key. Shared secrets are not among them: who can check such a token can make one."""

Clipboard = Literal["none", "to_vm", "from_vm", "both"]

Text = Annotated[str, Field(min_length=1)]


class Rights(Block):
    """What a user may do on a console (product.md, admin listener). `takeover` None: as `control`."""

    control: bool = True
    clipboard: Clipboard = "both"
    power: bool = False
    takeover: bool | None = None


class Rule(Block):
    """Who is in `group` may open `consoles` with `rights`."""

    group: Text
    consoles: Consoles
    rights: Rights = Rights()


def _safe_to_fetch(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https: who can change the keys on their way can be anybody")
    return url


def _holds_keys(path: Path) -> Path:
    keys_in(path)
    return path


def keys_in(path: Path) -> PublicKeys:
    """Give the keys of a `key_file`; raises ValueError or OSError."""
    try:
        return public_keys(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


class Jwt(Block):
    """Tokens of an issuer whose keys are at `jwks_url` or in `key_file`; times in seconds.

    The claims name the user, the consoles (patterns as in rules) and rights; `groups_claim` is what rules look at
    where a token names no consoles. `exp_ends_session`: a session ends (4401) with the token that opened it.
    """

    jwks_url: Annotated[HttpUrl | None, AfterValidator(lambda url: url and _safe_to_fetch(url)), unset] = None
    key_file: Annotated[ReadableFile | None, AfterValidator(lambda path: path and _holds_keys(path)), unset] = None
    issuer: Text
    audience: Text
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1), commas] = ("ES256",)
    user_claim: Text = "sub"
    consoles_claim: Text = "consoles"
    rights_claim: Text = "rights"
    groups_claim: Text = "groups"
    leeway: Seconds = Field(default=30, le=300)  # clocks that differ by more are broken
    exp_ends_session: bool = True

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.jwks_url is None) == (self.key_file is None):
            raise ValueError("needs either jwks_url or key_file")
        return self


class ProxyHeader(Block):
    """The headers in which trusted proxies name the user and, separated by commas, the user's groups."""

    user: HeaderName = "X-Remote-User"
    groups: HeaderName = "X-Remote-Groups"
