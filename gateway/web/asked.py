"""A request as its client made it, whatever stands in between; or its refusal, by the Host rule or open mode's."""

from aiohttp import web

from gateway.config.values import is_loopback
from gateway.web import problems
from gateway.web.bastion import bastion
from gateway.web.connection import client_of
from gateway.web.forwarded import BadForwarded
from gateway.web.origin import Front, came_through_proxy
from gateway.web.problems import Refused


def as_asked(front: Front, request: web.Request) -> web.Request:
    """Give `request` with `remote`, `host` and `scheme` as they were before trusted proxies.

    Raises Refused for a wrong name, of the gateway or in the client's certificate, and for what comes from elsewhere
    where only this machine is served.
    """
    bastion(request, front.client_names)
    client = client_of(request)
    if front.here_only and (came_through_proxy(request.headers) or not is_loopback(client)):
        raise Refused(problems.BEHIND_PROXY)
    if not request.raw_path.startswith("/"):  # another server's name in the request line: asked of a proxy, not of us
        raise Refused(problems.MALFORMED)
    try:
        hop = front.proxies.client(client, request.headers)
    except BadForwarded as error:
        raise Refused(problems.MALFORMED) from error
    host = hop.host or request.headers.get("Host", "")
    if not front.host_allowed(host):
        raise Refused(problems.WRONG_HOST)
    return request.clone(remote=hop.source, host=host, scheme=hop.scheme or request.scheme)


def from_trusted_proxy(front: Front, request: web.Request) -> bool:
    """Tell whether a trusted proxy sent `request`: not one that only relays a client's bytes, behind a PROXY header."""
    return front.proxies.trusts(client_of(request))
