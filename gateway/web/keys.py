"""Who holds a key of the admin API, and what it is good for."""

import hashlib
import hmac
from collections.abc import Iterable

from aiohttp import web

from gateway.access.rules import fits
from gateway.config.access import Admin, AdminKey, KeyRight
from gateway.web import problems
from gateway.web.bastion import bastion
from gateway.web.problems import Refused
from gateway.web.public import bearer


class Key:
    """A key that a request carried. `name` is what logs and audit call its holder."""

    def __init__(self, name: str, key: AdminKey) -> None:
        self.name = name
        self._key = key

    def needs(self, right: KeyRight) -> None:
        """Go on if the key has `right`. Raises Refused."""
        if right not in self._key.rights:
            raise Refused(problems.FORBIDDEN)

    def opens(self, console: str) -> bool:
        """Tell whether the key is good for `console`."""
        return fits(console, self._key.consoles)


class Keys:
    """The keys of `settings` by name; without any nobody gets in. Where certificates are asked for by name, a key is
    good only together with one of these.
    """

    def __init__(self, settings: Admin) -> None:
        self._keys = settings.keys
        self._client_names = settings.tls.client_names if settings.tls else ()

    def follow(self, settings: Admin) -> None:
        """Know the keys of `settings` from now on. Certificates are asked for as they were."""
        self._keys = settings.keys

    def of(self, request: web.Request) -> Key:
        """The key in `Authorization: Bearer`; every one is compared, in constant time. Raises Refused."""
        bastion(request, self._client_names)
        given = bearer(request) or ""
        digest = "sha256:" + hashlib.sha256(given.encode(errors="surrogateescape")).hexdigest()
        fitting = _fitting(digest, self._keys.items())
        if not given or fitting is None:
            raise Refused(problems.NO_KEY)
        return fitting


def _fitting(digest: str, keys: Iterable[tuple[str, AdminKey]]) -> Key | None:
    found = None
    for name, key in keys:
        if hmac.compare_digest(digest, key.hash):
            found = Key(name, key)
    return found
