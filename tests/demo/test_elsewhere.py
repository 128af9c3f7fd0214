"""The demo for other machines: closed, with links that open once."""

from pathlib import Path

import aiohttp
from support.demo import demo
from yarl import URL


async def test_off_loopback_the_demo_prints_links_that_open_once(tmp_path: Path):
    async with demo("--host", "0.0.0.0", "--port", 0, logs=tmp_path) as running, aiohttp.ClientSession() as http:
        link = URL(running.huawei)
        assert link.fragment.startswith("ticket=")
        grant = URL.build(scheme="http", host="127.0.0.1", port=running.port) / link.path[1:].replace(
            "console", "grant"
        )

        async def ask(ticket: str) -> int:
            headers = {"Host": f"{link.host}:{link.port}", "Authorization": f"Bearer {ticket}"}
            async with http.post(grant, headers=headers) as answer:
                return answer.status

        assert await ask("none") == 401
        assert await ask(link.fragment.removeprefix("ticket=")) == 200
        assert await ask(link.fragment.removeprefix("ticket=")) == 401
        async with http.post(grant) as answer:
            assert answer.status == 421, "it is called by its own name only"
