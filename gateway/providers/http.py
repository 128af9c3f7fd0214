"""A service of the operator's own that is asked for each dial: nova, Proxmox, KubeVirt, a bastion's inventory.

Its answer is trusted as far as `allowed_hosts` goes and no further: link-local addresses and the clouds' metadata
services are refused even if listed, as literals here and as what a name resolves to when it is dialled
(`Target.peer_allowed`).
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from yarl import URL

from gateway.config.values import HeaderName, HeaderValue, Token
from gateway.errors import BadAddress, CloudUnavailable
from gateway.providers import address, hosts, refusals
from gateway.providers.address import Location
from gateway.providers.api import CALL_TIMEOUT, Answer, Caller, Request
from gateway.providers.hosts import AllowedHosts
from gateway.providers.outlet import Outlet
from gateway.providers.target import Target

_CookieValue = Annotated[str, Field(pattern=r"^[!#-+\--:<-\[\]-~]*$")]  # RFC 6265 §4.1.1


class _Console(BaseModel):
    """The answer. `url` (tcp, ws, wss, or a noVNC page) or `host` and `port`; the rest is optional, more is ignored."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str | None = None
    host: str | None = None
    port: int | None = None
    headers: dict[HeaderName, HeaderValue] = Field(default={}, max_length=32)  # real ones need one or two
    cookies: dict[HeaderName, _CookieValue] = Field(default={}, max_length=32)
    subprotocol: Token | None = None
    rfb_password: SecretStr | None = None
    expires_at: datetime | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.url is None) == (self.host is None) or (self.host is None) != (self.port is None):
            raise ValueError("either url, or host and port")
        return self

    @property
    def location(self) -> Location:
        if self.url is not None:
            return address.from_any(self.url)
        return address.from_host(self.host or "", self.port or 0)


class HttpProvider:
    """Consoles that a broker knows. `clock`: seconds since 1970."""

    def __init__(
        self,
        name: str,
        *,
        url: str,
        bearer: SecretStr | None,
        caller: Caller,
        allowed: AllowedHosts,
        outlet: Outlet,
        timeout: float = CALL_TIMEOUT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._url = URL(url, encoded=True)
        self._bearer = bearer
        self._caller = caller
        self._allowed = allowed
        self._outlet = outlet
        self._timeout = timeout
        self._clock = clock

    @property
    def account(self) -> str:
        return self.name

    async def locate(self, instance: str, *, session: str, user: str, reference: str) -> Target:
        """Ask the broker, which is told for whom."""
        question = {"console": f"{self.name}/{instance}", "user": user, "session": session, "reference": reference}
        answer = await self._ask(question)
        with refusals.named(answer):
            console = _console(answer)
            location = console.location
            self._check(location)
            valid_for = self._valid_for(console, answer)
        target = self._outlet.target(
            location,
            account=self.name,
            asked_at=answer.asked_at,
            valid_for=valid_for,
            single_use=True,
            request_id=refusals.request_id(answer),
            password=console.rfb_password,
        )
        return replace(
            target,
            headers={**target.headers, **console.headers},
            cookies={**target.cookies, **console.cookies},
            subprotocols=target.subprotocols if console.subprotocol is None else _subprotocols(console.subprotocol),
        )

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, question: Mapping[str, str]) -> Answer:
        headers = {"Content-Type": "application/json"}
        if self._bearer is not None:
            headers["Authorization"] = f"Bearer {self._bearer.get_secret_value()}"
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._caller.send(Request("POST", self._url, headers, json.dumps(question).encode()))
        except TimeoutError as error:
            raise CloudUnavailable(f"no answer within {self._timeout:g} s") from error
        if answer.ok:
            return answer
        raise refusals.refusal(refusals.BROKER, refusals.broker_code(answer), answer, now=self._clock()).error

    def _check(self, location: Location) -> None:
        literal = hosts.literal(location.host)
        if literal is not None and hosts.is_refused(literal):
            raise BadAddress("the broker named a link-local or metadata address")
        self._allowed.check(location.host)

    def _valid_for(self, console: _Console, answer: Answer) -> float | None:
        """Seconds from now, by the broker's own clock where it tells it."""
        if console.expires_at is None:
            return None
        end = console.expires_at if console.expires_at.tzinfo else console.expires_at.replace(tzinfo=UTC)
        now = refusals.date(answer.headers.get("Date")) or self._clock()
        if end.timestamp() <= now:
            raise BadAddress("the broker's address has expired already")
        return end.timestamp() - now


def _subprotocols(name: str) -> tuple[str, ...]:
    return (name,) if name else ()


def _console(answer: Answer) -> _Console:
    try:
        return _Console.model_validate(answer.document)
    except ValidationError as error:
        # places and kinds only, and no cause: the values are secrets
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        places = "; ".join(f"{'.'.join(map(str, fault['loc']))} {fault['msg']}".strip() for fault in faults)
        raise BadAddress(f"the broker's answer: {places}") from None
