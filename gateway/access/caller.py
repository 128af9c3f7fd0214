"""Who asks, as a request shows it; who that is; and why somebody is not let in."""

from dataclasses import dataclass, field
from typing import Literal

from multidict import MultiMapping

from gateway.access.grants import Rights


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request shows of who asks.

    `source`: the client's address. `bearer`: the token in `Authorization`. `headers` ignore case. `trusted_proxy`:
    the peer is one of `listen.trusted_proxies`. `certificate`: the name in the client's verified certificate.
    """

    source: str
    bearer: str | None = field(repr=False)
    headers: MultiMapping[str] = field(repr=False)
    trusted_proxy: bool
    certificate: str | None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a caller is and may do on the console that was asked for.

    `expires_at` (Unix seconds) ends the session where that is earlier than the grant. `id`: of the ticket or JWT.
    `network`: where the user has to come from, "" if from anywhere.
    """

    user: str
    rights: Rights
    expires_at: int | None
    reference: str = ""
    id: str = ""
    network: str = ""


class Denied(Exception):
    """Somebody is not let in. `why` is a word for the audit and never shown to the caller.

    `user`: who it is, where that is known all the same.
    """

    def __init__(self, refusal: Literal["unauthenticated", "forbidden"], why: str, *, user: str | None = None) -> None:
        super().__init__(f"{refusal}: {why}")
        self.refusal = refusal
        self.why = why
        self.user = user


class Full(Exception):
    """No more tickets, or ends of sessions, can be remembered."""
