"""News between replicas by pub/sub: what is lost on the way is told as a gap."""

import asyncio
from pathlib import Path

import pytest
from support.components import needs
from support.line import line
from support.programs import LOOPBACK, eventually
from support.replica_states import replicas
from support.servers.redis import RedisServer, redis_server

from gateway.config.state import address
from gateway.state.redis import connected
from gateway.state.state import Gap

pytestmark = needs("redis")


async def test_a_line_for_news_that_was_lost_is_a_gap_and_news_go_on(server: RedisServer):
    async with line(server.port) as flaky, replicas(flaky.port) as (state,):
        news = state.news()
        async with asyncio.timeout(30):
            assert await anext(news) == Gap()
            flaky.cut()
            assert await anext(news) == Gap()
        await news.aclose()


async def test_a_silent_line_for_news_is_noticed(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.state.news.QUIET", 0.5)
    async with line(server.port) as silent, replicas(silent.port) as (state,):
        news = state.news()
        async with asyncio.timeout(30):
            assert await anext(news) == Gap()
            again = asyncio.ensure_future(anext(news))
            await asyncio.sleep(1.2)
            assert not again.done(), "a quiet line is no lost one"
            opened = silent.opened
            silent.delay = None
            await eventually(lambda: silent.opened > opened)
            silent.delay = 0.0
            assert await again == Gap()
        await news.aclose()


async def test_a_line_for_news_that_is_silent_from_the_beginning_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Where Redis asks for a password, an answer is waited for before the first word is said."""
    monkeypatch.setattr("gateway.state.news.QUIET", 0.2)
    async with (
        redis_server(tmp_path, "--requirepass", "sesame") as server,
        line(server.port) as silent,
        connected(address(f"redis://:sesame@{LOOPBACK}:{silent.port}"), "vg:", "r") as state,
    ):
        silent.delay = None
        opened = silent.opened
        news = state.news()
        first = asyncio.ensure_future(anext(news))
        await eventually(lambda: silent.opened >= opened + 2, within=30)
        silent.delay = 0.0
        async with asyncio.timeout(30):
            assert await first == Gap()
        await news.aclose()


async def test_news_of_a_later_version_are_passed_over(server: RedisServer):
    async with replicas(server.port) as (state,), server.client() as redis:
        news = state.news()
        async with asyncio.timeout(30):
            assert await anext(news) == Gap()
            for text in ("no JSON", "[]", "{}", '{"taken": {"console": "x"}}', '{"moved": 1}', "\x00"):
                await redis.publish("vg:news", text)
            await redis.publish("vg:news", '{"ended": "s1", "by": "bastion", "why": "later"}')
            assert (await anext(news)).session == "s1"
        await news.aclose()
