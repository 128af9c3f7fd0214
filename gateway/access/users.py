"""What a user may be called: names stand in logs, audit lines and on other users' pages."""

from gateway.access.caller import Denied

MAX_USER = 256
"""Characters; addresses of e-mail, the longest names in use, have up to 254."""


def user_named(name: object) -> str:
    """`name` if it can be a user's. Raises Denied for anything else, such as a name that does not show as it is."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_USER or not name.isprintable() or name != name.strip():
        raise Denied("unauthenticated", "bad_user")
    return name
