"""Access mode `proxy_header`: a trusted proxy has asked who the user is and says so in headers."""

from collections.abc import Sequence

from gateway.access import rules
from gateway.access.caller import Caller, Denied, Identity
from gateway.access.users import user_named
from gateway.config import identities


class ProxyHeaderMode:
    """Knows callers by the headers of `settings`, from trusted proxies only; `rules_` say what their groups may do."""

    def __init__(self, settings: identities.ProxyHeader, rules_: Sequence[identities.Rule]) -> None:
        self._settings = settings
        self._rules = rules_

    async def authenticate(self, console: str, caller: Caller) -> Identity:
        """Who the proxy says it is, if a rule lets them open `console`. Raises Denied."""
        if not caller.trusted_proxy:
            raise Denied("unauthenticated", "untrusted_proxy")
        user = user_named(_only(caller, self._settings.user))
        groups = {group.strip() for group in (_only(caller, self._settings.groups) or "").split(",")}
        rights = rules.allowed(self._rules, console, groups)
        if rights is None:
            raise Denied("forbidden", "wrong_console", user=user)
        return Identity(user=user, rights=rights, expires_at=None)


def _only(caller: Caller, name: str) -> str | None:
    """The header called `name`. Sent twice one may be the proxy's and one the client's: then neither counts."""
    values = caller.headers.getall(name, [])
    if len(values) > 1:
        raise Denied("unauthenticated", "header_twice")
    return values[0] if values else None
