"""Who asks, and under which name, where proxies stand in between: Forwarded (RFC 7239) and X-Forwarded-*.

Owns whose word is believed: that of `listen.trusted_proxies` and nobody else's. What a client itself put into these
headers stands left of what the proxies added, and is never reached.
"""

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Protocol

from gateway.config.networks import AnyNetwork, address, within

MAX_HOPS = 32
"""Proxies between a client and the gateway; there are one or two, and each costs a look at every network."""

# One parameter of one element (RFC 7239 §4), or none: a token or a quoted string, then what parts it from the next.
# Spaces are taken once and for all (`*+`): two places for the same run of them would be tried in every division.
_PARAMETER = re.compile(r'\s*+(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^",;\s]*))?\s*+(;|,|\Z)')


class Headers(Protocol):
    """A request's header, in which a name may come more than once."""

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        """All values of `key`."""


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy says of the connection that it accepted; "" where it says nothing."""

    source: str = ""
    host: str = ""
    scheme: str = ""


class BadForwarded(Exception):
    """What the headers say is no list of hops, or the two kinds disagree: one of them is the client's own."""


class Proxies:
    """The proxies that are believed."""

    def __init__(self, networks: Sequence[AnyNetwork]) -> None:
        self._networks = networks

    def follow(self, networks: Sequence[AnyNetwork]) -> None:
        """Believe these from now on."""
        self._networks = networks

    def trusts(self, source: str) -> bool:
        """True if the address `source` is a trusted proxy's."""
        return bool(self._networks) and within(source, self._networks)

    def client(self, peer: str, headers: Headers) -> Hop:
        """Where a request came from before the trusted proxies, and what it asked for there.

        `peer`: the address at the other end of the connection. Raises BadForwarded.
        """
        if not self.trusts(peer):
            return Hop(peer)
        told = [self._walk(peer, hops) for hops in (_forwarded(headers), _x_forwarded(headers)) if hops]
        if len(told) < 2:
            return told[0] if told else Hop(peer)
        return Hop(*(_agreed(*said) for said in zip(astuple(told[0]), astuple(told[1]), strict=True)))

    def _walk(self, peer: str, hops: Sequence[Hop]) -> Hop:
        """Go from the nearest proxy towards the client for as long as the one who speaks is trusted."""
        source, found = peer, Hop()
        for hop in reversed(hops[-MAX_HOPS:]):
            found = hop
            before = _node(hop.source)
            if before is None:  # unknown, hidden or nonsense: nearer to the client nobody knows
                break
            source = before
            if not self.trusts(source):
                break
        return Hop(source, found.host.lower(), found.scheme.lower())


def _agreed(one: str, other: str) -> str:
    if one and other and one != other:
        raise BadForwarded
    return one or other


def _x_forwarded(headers: Headers) -> list[Hop]:
    sources, hosts, schemes = (_list(headers, f"X-Forwarded-{name}") for name in ("For", "Host", "Proto"))
    if not (sources or hosts or schemes):
        return []
    sources = sources or [""]
    hosts, schemes = (_aligned(values, len(sources)) for values in (hosts, schemes))
    return [Hop(*said) for said in zip(sources, hosts, schemes, strict=True)]


def _list(headers: Headers, name: str) -> list[str]:
    return [value.strip() for line in headers.getall(name, ()) for value in line.split(",") if value.strip()]


def _aligned(values: list[str], count: int) -> list[str]:
    """`count` values, the last one the nearest proxy's; where not all of them added one, the first is for the rest."""
    return (values[:1] or [""]) * (count - len(values)) + values[max(0, len(values) - count) :]


def _forwarded(headers: Headers) -> list[Hop]:
    """The elements of all Forwarded lines in order. Raises BadForwarded for what is none."""
    text, at = ", ".join(headers.getall("Forwarded", ())), 0
    hops: list[Hop] = []
    said: dict[str, str] = {}
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if found is None:
            raise BadForwarded
        name, value, end = found.groups("")
        if name.lower() in said:
            raise BadForwarded
        if name:
            said[name.lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        at = found.end()
        if said and (end != ";" or at == len(text)):
            hops.append(Hop(said.get("for", ""), said.get("host", ""), said.get("proto", "")))
            said = {}
    return hops


def _node(text: str) -> str | None:
    """The address in a node's name (RFC 7239 §6), which may have a port; None for `unknown`, `_hidden` and others."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    read = address(text)
    return None if read is None else str(read)
