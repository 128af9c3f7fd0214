"""The admin API without a key, with a wrong one, and with the right one in the wrong place."""

import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.inprocess import API_KEY, API_KEY_HASH, Site, site

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLS = (
    ("GET", "/api/v1/sessions"),
    ("GET", "/api/v1/sessions/0123456789abcdef"),
    ("DELETE", "/api/v1/sessions/0123456789abcdef"),
    ("DELETE", "/api/v1/sessions?user=ana"),
    ("POST", "/api/v1/tickets"),
    ("DELETE", "/api/v1/tickets/0123456789abcdef"),
    ("GET", "/api/v1/there-is-no-such-thing"),
    ("GET", "/%61pi/v1/sessions"),
)
BASIC = base64.b64encode(f"test:{API_KEY}".encode()).decode()
HEADERS = {
    "none": {},
    "empty": {"Authorization": "Bearer "},
    "no scheme": {"Authorization": API_KEY},
    "wrong": {"Authorization": "Bearer wrong"},
    "one more character": {"Authorization": f"Bearer {API_KEY}x"},
    "one less character": {"Authorization": f"Bearer {API_KEY[:-1]}"},
    "other case": {"Authorization": f"Bearer {API_KEY.upper()}"},
    "its hash": {"Authorization": f"Bearer {API_KEY_HASH}"},
    "its name": {"Authorization": "Bearer test"},
    "another scheme": {"Authorization": f"Basic {BASIC}"},
    "a scheme of the key": {"Authorization": f"Token {API_KEY}"},
    "two": {"Authorization": f"Bearer wrong, Bearer {API_KEY}"},
    "no text": {"Authorization": "Bearer \udcff\udcfe".encode("utf-8", "surrogateescape").decode("latin-1")},
    "a cookie": {"Cookie": f"Authorization=Bearer {API_KEY}; key={API_KEY}"},
    "another header": {"X-API-Key": API_KEY, "Proxy-Authorization": f"Bearer {API_KEY}"},
    "very long": {"Authorization": "Bearer " + "a" * 7000},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Site]:
    async with site({"vm": "tcp://127.0.0.1:9"}) as started:
        yield started


@pytest.mark.parametrize("how", HEADERS)
async def test_without_the_right_key_nothing_is_told_or_done(running: Site, how: str) -> None:
    """One answer to all, also for what is not there: nobody learns which addresses exist."""
    for method, target in CALLS:
        async with running.http.request(method, running.admin + target, headers=HEADERS[how], json={}) as answer:
            assert answer.status == 401, f"{method} {target}"
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert (await answer.json(content_type=None))["name"] == "unauthenticated"


@pytest.mark.parametrize("query", [f"key={API_KEY}", f"access_token={API_KEY}", f"ticket={API_KEY}"])
async def test_a_key_in_an_address_does_not_count(running: Site, query: str) -> None:
    async with running.http.get(f"{running.admin}/api/v1/sessions?{query}") as answer:
        assert answer.status == 401


async def test_the_public_listener_has_no_admin_api(running: Site) -> None:
    for method, target in CALLS[:7]:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with running.http.request(method, running.url + target, headers=headers) as answer:
            assert answer.status in (404, 405)


async def test_the_right_key_opens(running: Site) -> None:
    """The control."""
    async with running.http.get(
        f"{running.admin}/api/v1/sessions", headers={"Authorization": f"Bearer {API_KEY}"}
    ) as answer:
        assert answer.status == 200
        assert await answer.json() == {"sessions": []}
