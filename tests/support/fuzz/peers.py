"""What proxies in front say of a client: never what the client says itself."""

from ipaddress import ip_address, ip_network

from multidict import CIMultiDict

from gateway.web.forwarded import BadForwarded, Proxies
from gateway.web.proxy_protocol import MAX_HEADER, BadHeader, Header, parse
from support.fuzz.choices import Choices

CLIENT, PROXY = "198.51.100.7", "10.0.0.1"
PROXIES = Proxies([ip_network("10.0.0.0/8")])


def proxy_protocol(data: bytes) -> None:
    """A PROXY header, or none: known as soon as it is whole, and not touched by what follows."""
    whole = _parsed(data)
    assert whole is not None or len(data) < MAX_HEADER, "for ever not all here"
    if isinstance(whole, Header):
        assert 0 < whole.size <= len(data)
        assert not whole.source or str(ip_address(whole.source)) == whole.source
        assert _parsed(data[: whole.size]) == whole
        assert _parsed(data[: whole.size] + b"\x16\x03\x01") == whole
        assert all(_parsed(data[:size]) is None for size in range(1, whole.size))


def _parsed(data: bytes) -> Header | BadHeader | None:
    try:
        return parse(data)
    except BadHeader as error:
        return error


def forwarded(data: bytes) -> None:
    """Any words of a client's in the headers, behind which the one trusted proxy puts what it saw."""
    choices = Choices(data)
    rfc7239, one_line = choices.flag(), choices.flag()
    said = choices.rest().decode("latin-1").split("\n")
    name, seen = ("Forwarded", f"for={CLIENT};proto=https") if rfc7239 else ("X-Forwarded-For", CLIENT)
    lines = [*said[:-1], f"{said[-1]}, {seen}"] if one_line else [*said, seen]
    headers = CIMultiDict((name, line) for line in lines)
    assert PROXIES.client(CLIENT, headers).source == CLIENT, "a stranger is not believed"
    try:
        hop = PROXIES.client(PROXY, headers)
    except BadForwarded:
        return
    assert hop.source == CLIENT, "the client's own words"
