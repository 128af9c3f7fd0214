"""What several tables of the configuration must say together.

Works on the raw values, not on models: these faults are found even where others keep a model from
being built. Whatever is not of the expected shape is passed over, since it is a fault by itself.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from gateway.config.faults import Path
from gateway.config.state import MEMORY
from gateway.config.values import reaches_others


def faults(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Give path and sentence of each contradiction."""
    yield from _credentials(data)
    yield from _ports(data)
    yield from _identities(data)
    yield from _reach(data)
    yield from _shared(data)


def _credentials(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """A provider names a credential that exists and is not the other cloud's."""
    credentials = _table(data, "credentials")
    for name, provider in _table(data, "providers").items():
        wanted = provider.get("credentials") if isinstance(provider, Mapping) else None
        if not isinstance(wanted, str):
            continue
        path = ("providers", name, "credentials")
        if wanted not in credentials:
            close = get_close_matches(wanted, credentials, n=1)
            yield path, "no such credential" + (f", did you mean {close[0]}?" if close else "")
            continue
        cloud = _table(credentials, wanted).get("cloud")
        if cloud and provider.get("type") in ("alibaba", "huawei") and cloud != provider["type"]:
            yield path, f"is a credential of {cloud}, the provider is of type {provider['type']}"


def _ports(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """No two listeners want the same port."""
    admin = _table(data, "admin")
    taken = {str(_table(data, "listen").get("port", 8080)): "listen.port"}
    for key, default in (("port", 9090), ("metrics_port", 0)):
        port = str(admin.get(key, default))
        if port in taken and port != "0":
            yield ("admin", key), f"{port} is {taken[port]}, too"
        taken.setdefault(port, f"admin.{key}")


def _identities(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """An access mode has what it knows callers by."""
    access = _table(data, "access")
    if access.get("mode") == "jwt" and "jwt" not in access:
        yield ("access", "jwt"), "is required by mode jwt: issuer, audience and jwks_url or key_file"
    if access.get("mode") == "proxy_header":
        if not _table(data, "listen").get("trusted_proxies"):
            yield ("listen", "trusted_proxies"), "is required by access mode proxy_header: whose headers are believed"
        if not access.get("rules"):
            yield ("access", "rules"), "is required by mode proxy_header: without a rule nobody may open anything"


def _reach(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Off loopback everybody is asked who they are, the gateway knows its name, and no key crosses the network bare."""
    listen, admin = _table(data, "listen"), _table(data, "admin")
    if reaches_others(host := listen.get("host")):
        if _table(data, "access").get("mode") == "open":
            yield ("listen", "host"), f'{host} is refused: access mode open is for this machine only, as in "127.0.0.1"'
        elif not listen.get("public_url"):
            yield ("listen", "public_url"), "is required off loopback: the address by which browsers reach the gateway"
    insecure = str(admin.get("insecure", False)).lower() in ("true", "1", "yes", "on", "t", "y")
    if reaches_others(host := admin.get("host")) and not admin.get("tls") and not insecure:
        yield ("admin", "host"), f"{host} needs admin.tls, or admin.insecure = true: keys would be sent in clear"


def _shared(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What one replica sealed, another opens."""
    access, state = _table(data, "access"), _table(data, "state")
    shared = state.get("url_file") or state.get("url", MEMORY) not in ("", MEMORY)
    if shared and not access.get("seal_keys") and not access.get("seal_keys_file"):
        yield ("access", "seal_keys_file"), "is required with a shared state: tabs return to any replica"


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}
