"""Which bastion host a connection is, where `listen.tls.client_ca` asks for certificates: its name in the verified one.

That a certificate is there, in time and of the right authority has been seen to in TLS's handshake.
"""

from collections.abc import Collection
from typing import Any

from aiohttp import web

from gateway.web import problems
from gateway.web.problems import Refused


def bastion(request: web.Request, allowed: Collection[str]) -> str | None:
    """The name of the client's certificate; None without one. `allowed` empty: every name.

    Raises Refused if it is not one of `allowed`. Of several names the allowed one is given.
    """
    tls = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
    certificate = tls.getpeercert() if tls is not None else None
    names = _names(certificate) if certificate else []
    if not allowed:
        return names[0] if names else None
    for name in names:
        if name in allowed:
            return name
    raise Refused(problems.FORBIDDEN)


def _names(certificate: dict[str, Any]) -> list[str]:
    """DNS names before the common name (RFC 9525 §2 has given the latter up, private authorities have not)."""
    dns = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    subject = [part for parts in certificate.get("subject", ()) for part in parts]
    common = [value for kind, value in subject if kind == "commonName"]
    return [*dns, *common] or [f"serial {certificate.get('serialNumber')}"]
