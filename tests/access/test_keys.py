"""Keys of an issuer, fetched from a real server: kept, found when they rotate, bounded in size, time and number."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from support.issuer import Issuer, new_key

from gateway.access import keys
from gateway.access.keys import FRESH, PAUSE, STALE, FetchedKeys, KeysAway
from gateway.providers.api import MAX_ANSWER, Caller, open_session


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer(new_key("ES256", "one")).running() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def fetched(issuer: Issuer, clock: Clock) -> AsyncIterator[FetchedKeys]:
    async with open_session() as http:
        yield FetchedKeys(issuer.url, Caller(http), clock)


async def names(fetched: FetchedKeys, wanted: str | None = None) -> list[str | None]:
    return [key.kid for key in await fetched.holding(wanted)]


async def test_keys_are_fetched_once_for_a_crowd_and_kept(issuer: Issuer, fetched: FetchedKeys, clock: Clock) -> None:
    assert issuer.asked == 0
    await asyncio.gather(*(fetched.holding("one") for _ in range(50)))
    clock.now += FRESH - 1
    assert await names(fetched, "one") == ["one"]
    assert issuer.asked == 1


async def test_a_new_key_is_found_by_the_first_token_that_names_it(
    issuer: Issuer, fetched: FetchedKeys, clock: Clock
) -> None:
    await fetched.holding("one")
    issuer.keys.append(new_key("ES256", "two"))
    clock.now += PAUSE
    assert await names(fetched, "two") == ["one", "two"]
    assert issuer.asked == 2


async def test_a_withdrawn_key_is_gone_when_the_keys_are_old(
    issuer: Issuer, fetched: FetchedKeys, clock: Clock
) -> None:
    await fetched.holding("one")
    issuer.keys[:] = [new_key("ES256", "two")]
    clock.now += FRESH
    assert await names(fetched, "one") == ["two"]


async def test_tokens_of_unknown_keys_make_no_flood_of_requests(
    issuer: Issuer, fetched: FetchedKeys, clock: Clock
) -> None:
    await asyncio.gather(*(fetched.holding(f"guess-{number}") for number in range(100)))
    assert issuer.asked == 1
    clock.now += PAUSE
    await asyncio.gather(*(fetched.holding(f"guess-{number}") for number in range(100)))
    assert issuer.asked == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500},
        {"status": 302, "headers": {"Location": "/keys"}},
        {"text": "<html>"},
        {"text": '{"keys": []}'},
        {"text": '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}]}'},
        {"body": b'{"keys": [' + b" " * MAX_ANSWER + b"]}"},
        {"body": b"[" * 60_000},
    ],
)
async def test_old_keys_stay_while_the_issuer_answers_nonsense_but_not_for_ever(
    issuer: Issuer, fetched: FetchedKeys, clock: Clock, answer: dict[str, Any]
) -> None:
    await fetched.holding("one")
    issuer.answer = answer
    clock.now += FRESH
    assert await names(fetched, "one") == ["one"]
    assert issuer.asked == 2
    clock.now += STALE - FRESH
    with pytest.raises(KeysAway):
        await fetched.holding("one")


async def test_keys_for_encryption_private_and_unreadable_ones_are_left_out(
    issuer: Issuer, fetched: FetchedKeys
) -> None:
    good = new_key("ES256", "good")
    published = [
        new_key("ES256", "encrypts").as_dict(private=False) | {"use": "enc"},
        new_key("ES256", "private").as_dict(private=True),
        good.as_dict(private=False),
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "off the curve"},
        {"kty": "AKP", "kid": "of a kind to come"},
        "no object",
    ]
    issuer.answer = {"text": json.dumps({"keys": published})}
    assert await names(fetched) == ["good"]


async def test_without_any_keys_nothing_is_let_in(clock: Clock, unused_tcp_port: int) -> None:
    async with open_session() as http:
        fetched = FetchedKeys(f"http://127.0.0.1:{unused_tcp_port}/keys", Caller(http), clock)
        with pytest.raises(KeysAway):
            await fetched.holding("one")


async def test_an_issuer_that_never_answers_keeps_nobody_who_has_a_known_key(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks first waits, at most TIMEOUT; who comes meanwhile is served with the keys that are there."""
    silent, asked = asyncio.Event(), asyncio.Event()
    key = new_key("ES256", "one")

    async def answer(_: web.Request) -> web.Response:
        if not silent.is_set():
            return web.json_response({"keys": [key.as_dict(private=False)]})
        asked.set()
        await asyncio.sleep(3600)
        raise AssertionError

    issuer = Issuer()
    monkeypatch.setattr(issuer, "_keys", answer)
    monkeypatch.setattr(keys, "TIMEOUT", 0.5)
    async with issuer.running(), open_session() as http:
        fetched = FetchedKeys(issuer.url, Caller(http), clock)
        await fetched.holding("one")
        silent.set()
        clock.now += FRESH
        first = asyncio.create_task(names(fetched, "one"))
        await asked.wait()
        assert await names(fetched, "one") == ["one"]
        assert not first.done()
        assert await first == ["one"]
