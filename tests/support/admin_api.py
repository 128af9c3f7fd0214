"""A gateway in access mode ticket with keys for its admin API, and what these are used for."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from support.inprocess import Site, site

NOWHERE = {"vm": "tcp://127.0.0.1:9"}
ORDER = {"console": "lab/vm", "user": "ana"}


def hashed(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


KEYS = {
    "all": hashed("k-all"),
    "mint": {"hash": hashed("k-mint"), "rights": ["tickets"], "consoles": ["lab/*"]},
    "see": {"hash": hashed("k-see"), "rights": ["sessions"]},
    "other": {"hash": hashed("k-other"), "consoles": ["hangzhou/*"]},
}


@asynccontextmanager
async def ticketed(consoles: dict[str, str] = NOWHERE, **tables: Any) -> AsyncIterator[Site]:
    tables = {"access": {"mode": "ticket"}, "admin": {"keys": KEYS}} | tables
    async with site(consoles, **tables) as running:
        yield running


async def ask(running: Site, method: str, path: str, *, key: str | None = "k-all", **options: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with running.http.request(method, f"{running.admin}/api/v1{path}", headers=headers, **options) as answer:
        text = await answer.text()
        assert answer.headers.get("Cache-Control") == "no-store" or answer.status == 204
        return answer.status, json.loads(text) if text else None


async def minted(running: Site, key: str = "k-all", **more: Any) -> dict[str, Any]:
    status, body = await ask(running, "POST", "/tickets", key=key, json=ORDER | more)
    assert status == 201, body
    return body


async def grant(running: Site, token: str | None, console: str = "lab/vm") -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with running.http.post(f"{running.url}/grant/{console}", headers=headers) as answer:
        return answer.status, json.loads(await answer.text())
