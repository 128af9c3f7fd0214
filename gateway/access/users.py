"""What a user may be called, and from where one may come: names stand in logs, audit lines and on others' pages."""

from ipaddress import ip_network
from typing import TypeGuard

from gateway.access.caller import Denied
from gateway.config.networks import within

MAX_USER = 256
"""Characters; addresses of e-mail, the longest names in use, have up to 254."""


def is_user(name: object) -> TypeGuard[str]:
    """Tell whether `name` can be a user's: a short text that shows as it is."""
    return isinstance(name, str) and 0 < len(name) <= MAX_USER and name.isprintable() and name == name.strip()


def user_named(name: object) -> str:
    """`name` if it can be a user's. Raises Denied for anything else."""
    if not is_user(name):
        raise Denied("unauthenticated", "bad_user")
    return name


def comes_from(source: str, network: str) -> bool:
    """Tell whether the address `source` is one of `network`; "" are all."""
    return not network or within(source, (ip_network(network),))
