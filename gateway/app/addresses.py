"""Addresses of this machine, for what has to know its own before it listens."""

import socket
from contextlib import closing
from ipaddress import ip_address

from gateway.errors import ListenFailed

ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses that nobody has (RFC 5737, RFC 3849): the way there is the way out."""


def free_port(host: str) -> int:
    """A port of `host` that nobody listens on now. Raises ListenFailed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with closing(socket.create_server((host, 0), family=family)) as found:
            return int(found.getsockname()[1])
    except OSError as error:
        raise ListenFailed(host, 0, error) from error


def reached_as(host: str) -> str:
    """What others call a listener on `host`: itself, or for "every address" the one that this machine goes out by."""
    try:
        if not ip_address(host).is_unspecified:
            return host
    except ValueError:  # a name
        return host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect((ELSEWHERE[family], 9))  # sends nothing
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])


def host_in_url(host: str) -> str:
    """`host` as URLs have it."""
    return f"[{host}]" if ":" in host else host
