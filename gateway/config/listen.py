"""Where browsers and load balancers reach the gateway, and TLS of any listener: [listen]."""

import ssl
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, ValidationInfo, field_validator, model_validator

from gateway.config.block import Block
from gateway.config.networks import Networks
from gateway.config.values import Host, Origin, Origins, Port, ReadableFile, Words, unset

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: those that keep what was said secret should the key be stolen, with authenticated encryption (RFC 9325
§4.2). All of TLS 1.3's are such."""


class Tls(Block):
    """Certificate chain and key (PEM) of a listener.

    `client_ca`: only who shows a certificate of these authorities is talked to; `client_names`: and of these only
    who is called so by it. Empty: all of them.
    """

    certificate: ReadableFile
    key: ReadableFile
    client_ca: Annotated[ReadableFile | None, unset] = None
    client_names: Words = ()

    @model_validator(mode="after")
    def _usable(self) -> Self:
        try:
            server_context(self.certificate, self.key)
        except (ssl.SSLError, ValueError, OSError) as error:
            raise ValueError(f"certificate and key cannot be used together: {_reason(error)}") from error
        try:
            server_context(self.certificate, self.key, self.client_ca)
        except (ssl.SSLError, OSError) as error:
            raise ValueError(f"client_ca holds no certificate: {_reason(error)}") from error
        if self.client_names and self.client_ca is None:
            raise ValueError("client_names needs client_ca: without it nobody is asked for a certificate")
        return self


def _reason(error: Exception) -> str:
    return (error.reason or "not PEM") if isinstance(error, ssl.SSLError) else str(error)


def server_context(certificate: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """Give the TLS side of a listener, which with `client_ca` asks for a certificate of a client.

    Raises ssl.SSLError, ValueError or OSError when the files cannot be used.
    """

    def no_password() -> str:
        raise ValueError("the key is encrypted")  # else OpenSSL asks on the terminal

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)  # TLS 1.2 at least
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION  # a client that asks for it again and again costs much CPU
    context.load_cert_chain(certificate, key, password=no_password)
    if client_ca is not None:
        context.load_verify_locations(client_ca)  # these alone: for clients the system's roots count nothing
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_tls(value: object) -> object:
    return None if value in ({}, "") else value


OptionalTls = Annotated[Tls | None, BeforeValidator(_no_tls)]


class Listen(Block):
    """What browsers and load balancers reach.

    `public_url` is the trusted origin and host, and what links start with. `allowed_origins` are
    trusted beside it; `embed_origins` may show the page in a frame. `trusted_proxies` are believed in what they
    say of the client, in HTTP headers or, with `proxy_protocol`, ahead of each connection.
    """

    host: Host = "127.0.0.1"
    port: Port = 8080
    public_url: Annotated[Origin | None, unset] = None
    tls: OptionalTls = None
    trusted_proxies: Networks = ()
    proxy_protocol: bool = False
    allowed_origins: Origins = ()
    embed_origins: Origins = ()

    @field_validator("proxy_protocol")
    @classmethod
    def _from_whom(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 -- pydantic calls it
        if value and info.data.get("trusted_proxies") == ():
            raise ValueError("needs trusted_proxies: from anybody else a PROXY header is a lie")
        return value
