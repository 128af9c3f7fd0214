"""Stolen, used, raced, foreign, old and changed tickets, and tokens to return with: none opens anything.

Written from product.md, over HTTP and real sockets; what is refused is always refused with the same words.
"""

import asyncio
import base64
import string
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.gateway import MANY_DIALS
from support.raw_browser import Closed, RawBrowser, raw_browser
from support.scripted_server import ScriptedServer, idle
from support.tickets import Answer, Bastion, bastion

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 50
UNAUTHENTICATED = "unauthenticated"


@dataclass(frozen=True, slots=True)
class House:
    bastion: Bastion

    async def granted(self, console: str = "one", **more: Any) -> dict[str, Any]:
        """What a fresh ticket is traded for."""
        answer = await self.bastion.grant(console, await self.bastion.ticket(console, **more))
        assert answer.status == 200, answer
        body: dict[str, Any] = answer.body
        return body

    async def upgrade(self, console: str, ticket: str | None) -> int:
        """The status that an upgrade with this ticket is answered with."""
        query = "" if ticket is None else f"?ticket={ticket}"
        async with raw_browser(self.bastion.gateway.port, f"/ws/lab/{console}{query}") as browser:
            return browser.status


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    async with (
        ScriptedServer(idle).running() as server,
        bastion({"one": server.url, "two": server.url}, logs=module_artifacts, provider=MANY_DIALS) as running,
    ):
        yield House(running)


def refused(answer: Answer) -> bool:
    """Whether it is the one refusal that there is; why is nobody's business."""
    named: bool = answer.status == 401 and answer.body["name"] == UNAUTHENTICATED
    assert not named or set(answer.body) == {"type", "title", "status", "name"}
    return named


async def test_a_ticket_opens_once(house: House) -> None:
    ticket = await house.bastion.ticket("one")
    assert (await house.bastion.grant("one", ticket)).status == 200
    assert refused(await house.bastion.grant("one", ticket))
    assert await house.upgrade("one", ticket) == 401


async def test_a_websocket_ticket_opens_once(house: House) -> None:
    ticket = (await house.granted())["ticket"]
    assert await house.upgrade("one", ticket) == 101
    assert await house.upgrade("one", ticket) == 401


async def test_of_fifty_who_come_with_one_ticket_at_once_one_gets_in(house: House) -> None:
    ticket = await house.bastion.ticket("one")
    answers = await asyncio.gather(*(house.bastion.grant("one", ticket) for _ in range(AT_ONCE)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * (AT_ONCE - 1)
    one = next(answer.body["ticket"] for answer in answers if answer.status == 200)
    statuses = await asyncio.gather(*(house.upgrade("one", one) for _ in range(AT_ONCE)))
    assert sorted(statuses) == [101] + [401] * (AT_ONCE - 1)
    straight = await house.bastion.ticket("one")
    statuses = await asyncio.gather(*(house.upgrade("one", straight) for _ in range(AT_ONCE)))
    assert sorted(statuses) == [101] + [401] * (AT_ONCE - 1)


async def test_nothing_of_one_console_opens_another(house: House) -> None:
    assert refused(await house.bastion.grant("two", await house.bastion.ticket("one")))
    assert await house.upgrade("two", await house.bastion.ticket("one")) == 401
    granted = await house.granted("one")
    assert await house.upgrade("two", granted["ticket"]) == 401
    assert refused(await house.bastion.grant("two", granted["resume"]))


async def test_no_kind_of_ticket_passes_for_another(house: House) -> None:
    minted = await house.bastion.minted("one")
    granted = await house.granted("one")
    assert refused(await house.bastion.grant("one", granted["ticket"]))
    assert await house.upgrade("one", granted["resume"]) == 401
    assert refused(await house.bastion.grant("one", minted["id"]))
    assert refused(await house.bastion.grant("one", granted["session"]))
    assert await house.upgrade("one", None) == 401
    assert refused(await house.bastion.grant("one", None))


async def test_an_old_ticket_opens_nothing(house: House) -> None:
    ticket = await house.bastion.ticket("one", ttl=1)
    token = (await house.granted("one", grant_ttl=1))["resume"]
    await asyncio.sleep(2.1)  # the life of both, by the gateway's clock of whole seconds
    assert refused(await house.bastion.grant("one", ticket))
    assert refused(await house.bastion.grant("one", token))


async def test_a_voided_ticket_opens_nothing(house: House) -> None:
    minted = await house.bastion.minted("one")
    assert (await house.bastion.api("DELETE", f"/tickets/{minted['id']}")).status == 204
    assert refused(await house.bastion.grant("one", minted["ticket"]))


async def test_a_ticket_of_another_network_opens_nothing(house: House) -> None:
    assert refused(await house.bastion.grant("one", await house.bastion.ticket("one", source="10.1.0.0/16")))
    here = await house.bastion.ticket("one", source="127.0.0.0/8")
    assert (await house.bastion.grant("one", here)).status == 200


@pytest.mark.parametrize("kind", ["ticket", "resume"])
async def test_a_changed_character_anywhere_opens_nothing(house: House, kind: str) -> None:
    """The last ones too, of whose bits base64 leaves some unused; the token itself still opens, afterwards."""
    token = await house.bastion.ticket("one") if kind == "ticket" else (await house.granted())["resume"]
    places = {0, 1, len(token) // 2, len(token) - 3, len(token) - 2, len(token) - 1}
    others = string.ascii_letters + string.digits + "-_="
    changed = {token[:at] + other + token[at + 1 :] for at in places for other in others[::7]} - {token}
    changed |= {token + "=", token + "A", token[:-1], " ".join((token[:9], token[9:])), token.swapcase(), token * 2}
    answers = await asyncio.gather(*(house.bastion.grant("one", one) for one in sorted(changed)))
    assert all(refused(answer) for answer in answers)
    assert (await house.bastion.grant("one", token)).status == 200


@pytest.mark.parametrize("letter", ["a", "é", "\N{GRINNING FACE}"])
async def test_who_has_the_longest_name_and_reference_can_return(house: House, letter: str) -> None:
    granted = await house.granted(user=letter * 256, reference=letter * 256)
    assert (await house.bastion.grant("one", granted["resume"])).status == 200


async def test_a_token_shows_and_takes_no_rights(house: House) -> None:
    """Sealed: neither its user nor its rights can be read, and what is written into it breaks it."""
    token = (await house.granted(user="somebody-known", rights={"control": False}))["resume"]
    assert b"somebody" not in base64.urlsafe_b64decode(token + "==")
    assert b"control" not in base64.urlsafe_b64decode(token + "==")
    answer = await house.bastion.grant("one", token)
    assert answer.body["rights"]["control"] is False


async def test_who_was_put_out_by_an_admin_stays_out(house: House) -> None:
    """By none of the ways that were still open: the token, a fresh ticket of the same grant, the browser itself."""
    granted = await house.granted()
    spare = (await house.bastion.grant("one", granted["resume"])).body
    async with raw_browser(house.bastion.gateway.port, f"/ws/lab/one?ticket={granted['ticket']}") as browser:
        await browser.handshake()
        assert (await house.bastion.api("DELETE", f"/sessions/{granted['session']}")).status == 204
        assert await closed(browser) == Closed(4410, "ended_by_admin")
    assert refused(await house.bastion.grant("one", granted["resume"]))
    assert refused(await house.bastion.grant("one", spare["resume"]))
    assert await house.upgrade("one", spare["ticket"]) == 401


async def closed(browser: RawBrowser) -> Closed:
    return await browser.closed(within=20)


ORDERS: dict[str, object] = {
    "nothing": {},
    "no user": {"console": "lab/one"},
    "empty user": {"console": "lab/one", "user": ""},
    "user of two lines": {"console": "lab/one", "user": 'ana\n{"act": "forged"}'},
    "user that turns": {"console": "lab/one", "user": "ana\u202ecod"},
    "user of a megabyte": {"console": "lab/one", "user": "a" * 60_000},
    "user that is none": {"console": "lab/one", "user": ["ana"]},
    "reference of two lines": {"console": "lab/one", "user": "ana", "reference": "a\r\nb"},
    "no console": {"console": "../../admin", "user": "ana"},
    "console without a provider": {"console": "one", "user": "ana"},
    "pattern": {"console": "lab/*", "user": "ana"},
    "unknown field": {"console": "lab/one", "user": "ana", "admin": True},
    "unknown right": {"console": "lab/one", "user": "ana", "rights": {"root": True}},
    "right that is a word": {"console": "lab/one", "user": "ana", "rights": {"control": "yes"}},
    "unknown clipboard": {"console": "lab/one", "user": "ana", "rights": {"clipboard": "all"}},
    "life without end": {"console": "lab/one", "user": "ana", "ttl": 10**9},
    "infinite life": {"console": "lab/one", "user": "ana", "ttl": float("inf")},
    "life of nan": {"console": "lab/one", "user": "ana", "ttl": float("nan")},
    "negative life": {"console": "lab/one", "user": "ana", "ttl": -1},
    "grant without end": {"console": "lab/one", "user": "ana", "grant_ttl": 10**12},
    "no network": {"console": "lab/one", "user": "ana", "source": "everywhere"},
    "network with host bits": {"console": "lab/one", "user": "ana", "source": "10.1.2.3/8"},
    "a list": [{"console": "lab/one", "user": "ana"}],
    "null": None,
}


@pytest.mark.parametrize("what", ORDERS)
async def test_an_order_that_is_wrong_mints_nothing(house: House, what: str) -> None:
    answer = await house.bastion.api("POST", "/tickets", ORDERS[what])
    assert answer.status in (400, 422), answer
    assert "ticket" not in answer.body
