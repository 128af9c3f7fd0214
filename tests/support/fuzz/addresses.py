"""From what a cloud, a broker or a page address says to what is dialled: never another host than it seems."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.errors import BadAddress
from gateway.providers import address, hosts
from gateway.providers.address import Location
from gateway.websocket.handshake import Dial
from support.fuzz.choices import Choices

READERS = (address.from_encoded, address.from_websocket, address.from_page, address.from_any)


def derivation(data: bytes) -> None:
    """Any text as an address of any kind."""
    choices = Choices(data)
    reader = choices.one_of(READERS)
    value = choices.rest().decode("utf-8", "surrogateescape")
    try:
        location = reader(value)
    except BadAddress as error:
        secret = value.partition("?")[2]
        assert len(secret) < 6 or secret not in str(error)
        return
    assert 0 < location.port < 65536
    assert location.host == location.host.lower()
    if location.url is not None:
        _dialled(location)


def _dialled(location: Location) -> None:
    """Another reader of URLs finds the same host in it, and the request has two lines for it and no more."""
    url = location.url
    assert url is not None
    parts = urlsplit(str(url))
    assert parts.scheme in ("ws", "wss")
    assert parts.username is parts.password is None
    assert hosts.canonical(parts.hostname or "") == location.host
    assert (parts.port or {"ws": 80, "wss": 443}[parts.scheme]) == location.port
    try:
        request = Dial(url, cookies=location.cookies).request
    except BadAddress:
        return
    line, *fields = request.split(b"\r\n")
    method, target, version = line.split(b" ")
    assert (method, target[:1], version) == (b"GET", b"/", b"HTTP/1.1")
    assert sum(field.lower().startswith(b"host:") for field in fields) == 1
    assert request.count(b"\r\n\r\n") == 1
    assert request.endswith(b"\r\n\r\n")


def allow_list(data: bytes) -> None:
    """A host against an allow-list: by names that end in the entry, or the address itself, and nothing else."""
    choices = Choices(data)
    allowed = hosts.AllowedHosts([".cloud.example", "10.0.0.5", "2001:db8::5"])
    try:
        host = hosts.canonical(choices.rest().decode("utf-8", "surrogateescape"))
    except BadAddress:
        return
    if allowed.allows(host):
        assert host.endswith(".cloud.example") or ip_address(host) in (
            ip_address("10.0.0.5"),
            ip_address("2001:db8::5"),
        )
    found = hosts.literal(host)
    if found is not None and found.is_link_local:
        assert hosts.is_refused(found)
