"""Where consoles come from: [providers.NAME], told apart by `type`.

Describes what to ask and what to trust; asking is gateway.providers' business.
"""

import ssl
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.config.block import Block, OptionalSecret
from gateway.config.blocks import Keepalive, Reconnect, SessionLimits
from gateway.config.values import (
    AllowedHosts,
    ConsoleUrl,
    HeaderName,
    HeaderValue,
    HttpUrl,
    Instance,
    ProxyUrl,
    Token,
    Word,
    unset,
)


def _certificates(path: Path | None) -> Path | None:
    if path is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except ssl.SSLError as error:
            raise ValueError(f"{path} holds no certificate (PEM)") from error
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from error
    return path


class ProviderSettings(Block):
    """What every type of provider has.

    `origin`, `subprotocol` ("" offers none) and `headers` go into the opening handshake with the
    upstream. `allowed_hosts` are trusted beside the type's own. `ca_file` is trusted beside the
    system's roots. `proxy` (http:// only) carries API calls and the upstream. `password` is for VNC authentication.
    `keepalive`, `reconnect` and `limits` hold only what differs: read them through Settings.
    """

    type: str
    origin: Annotated[HeaderValue | None, unset] = None
    subprotocol: Token = "binary"
    headers: dict[HeaderName, HeaderValue] = Field(default={}, repr=False)
    allowed_hosts: AllowedHosts = ()
    ca_file: Annotated[Path | None, AfterValidator(_certificates), unset] = None
    proxy: Annotated[ProxyUrl | None, unset] = Field(default=None, repr=False)
    password: OptionalSecret = None
    keepalive: Keepalive = Keepalive()
    reconnect: Reconnect = Reconnect()
    limits: SessionLimits = SessionLimits()


class CloudSettings(ProviderSettings):
    """What the two clouds have in common; `endpoint` None: the region's own."""

    region: Word
    credentials: str
    endpoint: Annotated[HttpUrl | None, unset] = None


class AlibabaSettings(CloudSettings):
    """Alibaba Cloud ECS in one region."""

    type: Literal["alibaba"]


class HuaweiSettings(CloudSettings):
    """Huawei Cloud ECS in one project of one region."""

    type: Literal["huawei"]
    project_id: Word


class StaticConsole(Block):
    """A console at a fixed address: tcp, ws or wss, or http(s) for a noVNC page."""

    url: ConsoleUrl = Field(repr=False)  # its query may hold a token
    password: OptionalSecret = None


def _bare_url(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class StaticSettings(ProviderSettings):
    """Consoles listed by hand, each as a URL or a table."""

    type: Literal["static"]
    consoles: dict[
        Instance, Annotated[StaticConsole, BeforeValidator(_bare_url, json_schema_input_type=str | StaticConsole)]
    ] = Field(min_length=1)


class HttpSettings(ProviderSettings):
    """A service that is asked by POST for each dial; only `allowed_hosts` may be in its answers."""

    type: Literal["http"]
    url: HttpUrl = Field(repr=False)
    bearer: OptionalSecret = None
    allowed_hosts: AllowedHosts = Field(min_length=1)


AnyProvider = Annotated[AlibabaSettings | HuaweiSettings | StaticSettings | HttpSettings, Field(discriminator="type")]
